/*
 * ptx_read_fuzz.c: a libFuzzer target over everything that reads PTX: the module, and each of its
 * kernels translated. A refusal is one line of printable ASCII; what is translated is C with the
 * kernel in it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/ptx/ptx_translate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "not so: %s\n", what);
        abort();
    }
}

static void demand_line(const char *why) {
    demand(strncmp(why, "line ", 5) == 0, "a reason names its line");
    for (const char *c = why; *c; c++)
        demand(*c >= ' ' && *c <= '~', "a reason is one line of printable ASCII");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char why[PTX_WHY] = "";
    struct ptx_module module;
    if (ptx_module_read(&module, (const char *)data, size, why) != 0) {
        demand_line(why);
        demand(!module.functions && !module.variables, "a refusal leaves nothing");
        return 0;
    }
    for (int k = 0; k < module.function_count; k++) {
        struct ptx_kernel_text text;
        if (!module.functions[k].entry)
            continue;
        if (ptx_translate(&module, &module.functions[k], &text, why) != 0) {
            demand_line(why);
            demand(!text.c, "a refusal leaves no C");
            continue;
        }
        demand(text.c && strstr(text.c, "void ptx_entry("), "a kernel's C has its entry");
        free(text.c);
    }
    ptx_module_free(&module);
    return 0;
}
