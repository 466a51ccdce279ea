/*
 * provenance_kernels.c: the code that a lab's cases run, object by object, and which of it each
 * case runs, so that two builds can be compared kernel by kernel.
 */
#include <stdio.h>
#include <string.h>

#include "harness/lab/lab.h"
#include "harness/store/build_info.h"
#include "harness/store/provenance.h"

/* What every case uses: data, types, memory, threads, the device itself; its machine, where that is
 * simulated. */
static const char always[] =
    "device/device_c device/device_ptx device/device_simt element/ pages/ ptx/ rng/ sass/ simt/ "
    "threads/";

/* Whether one of the words is how a name begins. */
static bool is_named(const char *words, const char *name) {
    while (*words) {
        size_t length = strcspn(words, " ");
        if (length > 0 && strncmp(words, name, length) == 0)
            return true;
        words += length + (words[length] == ' ');
    }
    return false;
}

json_t *provenance_kernels(const struct kernels_used *used, size_t count) {
    json_t *code = json_object(), *cases = json_object();
    for (const struct build_kernel *kernel = build_kernels; kernel->name; kernel++) {
        bool some = count > 0 && is_named(always, kernel->name);
        for (size_t k = 0; k < count && !some; k++)
            some = is_named(used[k].code, kernel->name);
        if (some)
            json_object_set_new(code, kernel->name, json_string(kernel->code));
    }
    for (size_t k = 0; k < count; k++)
        json_object_set_new(cases, used[k].cases, json_string(used[k].code));
    return json_pack("{s:o, s:o, s:s}", "code", code, "used", cases, "always", always);
}
