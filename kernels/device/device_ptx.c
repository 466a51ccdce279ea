/*
 * device_ptx.c: what nvcc made of the kernels, run on the CPU, as devices: their PTX
 * (kernels/ptx/ptx.h) and their machine code (kernels/sass/sass.h). Launches have ended when they
 * return, and no time is ever reported. They are there where the build had an nvcc, and where there
 * is what reads its work: a C compiler for PTX, nvdisasm for machine code.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/device/backend.h"
#include "kernels/ptx/ptx.h"
#include "kernels/ptx/ptx_card.h"
#include "kernels/sass/sass.h"

static int ptx_count(void) {
    if (!&ptx_target_ptx)
        device_fail_no_ptx();
    return &ptx_target_ptx && ptx_compiler_found() == 0;
}

static int ptx_open(int index, void **state, char *model, size_t model_size) {
    (void)index;
    *state = NULL; /* memory and schedule belong to the machine */
    snprintf(model, model_size, "PTX of %s on the CPU", ptx_target_ptx);
    return 0;
}

/* Whether an architecture is among those of "80 90". */
static bool is_target(unsigned arch) {
    for (const char *at = sass_targets_ptx; *at;) {
        char *end;
        if (strtoul(at, &end, 10) == arch)
            return true;
        if (end == at)
            break;
        at = end;
    }
    return false;
}

/* One more than the last that is there. */
static int sass_count(void) {
    int count = 0;
    if (!&sass_targets_ptx)
        return device_fail_no_ptx(), 0;
    for (int k = 0; device_sass_arch(k); k++)
        count = is_target(device_sass_arch(k)) ? k + 1 : count;
    if (count == 0)
        device_fail("this build has no machine code for the CPU: make SASS_ARCHS=\"80 90\"");
    return sass_reader_found() == 0 ? count : 0;
}

static int sass_open(int index, void **state, char *model, size_t model_size) {
    unsigned arch = device_sass_arch(index);
    if (!is_target(arch))
        return device_fail("this build has no machine code of sm_%u: make SASS_ARCHS=\"%s %u\"",
                           arch, sass_targets_ptx, arch);
    *state = (void *)(uintptr_t)arch;
    snprintf(model, model_size, "SASS of sm_%u on the CPU", arch);
    return 0;
}

/* What the launches' streams are: the number of the architecture; NULL is PTX. The device is then
 * the one that this thread's launchers find themselves on when they ask what it can. */
static void *stream(void *state) {
    if (&ptx_runs_ptx)
        ptx_runs_ptx((unsigned)(uintptr_t)state);
    return state;
}

static void close_nothing(void *state) {
    (void)state;
}

static size_t free_bytes(void *state) {
    (void)state;
    return ptx_memory_free();
}

static int alloc(void *state, void **out, size_t bytes) {
    *out = ptx_malloc(bytes);
    return *out ? 0
                : device_fail("no %zu bytes of the %s machine's memory: use a smaller size", bytes,
                              state ? "SASS" : "PTX");
}

static void release(void *state, void *memory) {
    (void)state;
    ptx_free(memory);
}

static int copy(void *state, void *to, const void *from, size_t bytes) {
    (void)state;
    memcpy(to, from, bytes);
    return 0;
}

static int fill(void *state, void *to, int byte, size_t bytes) {
    (void)state;
    memset(to, byte, bytes);
    return 0;
}

static int sync_nothing(void *state) {
    (void)state;
    return 0;
}

const struct device_backend device_backend_ptx = {
    ptx_count, ptx_open, close_nothing, free_bytes, alloc, release, copy,
    copy,      fill,     sync_nothing,  NULL,       NULL,  stream,
};
const struct device_backend device_backend_sass = {
    sass_count, sass_open, close_nothing, free_bytes, alloc, release, copy,
    copy,       fill,      sync_nothing,  NULL,       NULL,  stream,
};
