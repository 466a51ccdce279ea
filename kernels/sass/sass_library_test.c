/*
 * sass_library_test.c: all machine code that the build has for the CPU is read: every kernel of
 * every architecture in libnanolab-ptx.so.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/device/backend.h"
#include "kernels/device/device.h"
#include "kernels/sass/sass.h"
#include "kernels/sass/sass_read.h"

#define KERNELS_MAX 4000

struct counts {
    size_t cubins, kernels, instructions;
};

/* The library as a file. */
static uint8_t *library(size_t *size) {
    Dl_info about;
    if (!dladdr(&sass_targets_ptx, &about))
        fail_msg("no library has sass_targets_ptx");
    FILE *file = fopen(about.dli_fname, "rb");
    if (!file)
        fail_msg("%s: cannot be read", about.dli_fname);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static void read_all(const uint8_t *bytes, size_t size, struct counts *counts) {
    static const char *names[KERNELS_MAX];
    struct sass_cubin *cubin;
    const struct sass_program *program;
    if (sass_cubin_open(&cubin, bytes, size) != 0)
        fail_msg("%s", device_error());
    size_t count = sass_cubin_kernels(cubin, names, KERNELS_MAX);
    assert_in_range(count, 1, KERNELS_MAX);
    for (size_t k = 0; k < count; k++) {
        if (sass_cubin_kernel(cubin, names[k], &program) != 0)
            fail_msg("%s", device_error());
        if (program->param_count)
            assert_int_equal(program->params_offset, program->arch == 80   ? 0x160
                                                     : program->arch == 90 ? 0x210
                                                                           : 0x380);
        counts->instructions += program->count;
    }
    counts->kernels += count;
    counts->cubins++;
    sass_cubin_close(cubin);
}

static void every_kernel_of_the_build_is_read(void **state) {
    (void)state;
    struct counts counts[256] = {{0}};
    size_t size;
    if (device_count(DEVICE_SASS) == 0) {
        print_message("not testable here: %s\n", device_error());
        skip();
    }
    uint8_t *bytes = library(&size);
    /* A cubin is an ELF file inside this one. It ends with it, as far as is looked at here. */
    for (size_t at = 16; at + 64 < size; at += 8) {
        struct sass_elf elf;
        char why[SASS_WHY];
        if (memcmp(bytes + at,
                   "\x7f"
                   "ELF",
                   4) != 0 ||
            sass_elf_read(&elf, bytes + at, size - at, why) != 0)
            continue;
        read_all(bytes + at, size - at, &counts[elf.arch & 255]);
        sass_elf_free(&elf);
    }
    free(bytes);
    for (int arch = 0; arch < 256; arch++)
        if (counts[arch].cubins)
            print_message("sm_%d: %zu kernels of %zu files, %zu instructions\n", arch,
                          counts[arch].kernels, counts[arch].cubins, counts[arch].instructions);
    /* Of each that the build says; of others there is CUB's alone. */
    char *end;
    size_t archs = 0;
    for (const char *c = sass_targets_ptx; *c; c = end, archs++) {
        unsigned long arch = strtoul(c, &end, 10);
        assert_true(end != c && arch < 256);
        assert_in_range(counts[arch].kernels, 300, 100000);
    }
    assert_true(archs > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_of_the_build_is_read),
    };
    return cmocka_run_group_tests_name("sass_library", tests, NULL, NULL);
}
