/*
 * ptx_fixture.h: for tests: PTX that was written by hand, as a program.
 */
#ifndef NANOLAB_KERNELS_PTX_PTX_FIXTURE_H
#define NANOLAB_KERNELS_PTX_PTX_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/device/device.h"
#include "kernels/ptx/ptx.h"

/* A kernel `k` of one parameter, a pointer, that is in %rd1; its threads' own numbers in %r1. */
#define PTX_HEAD ".version 9.0\n.target sm_80\n.address_size 64\n"
#define PTX_KERNEL                                                                                 \
    ".visible .entry k(.param .u64 k_0)\n{\n"                                                      \
    ".reg .pred %p<8>; .reg .b16 %h<8>; .reg .b32 %r<16>; .reg .b64 %rd<16>;\n"                    \
    ".reg .f32 %f<8>; .reg .f64 %fd<8>;\n"                                                         \
    "ld.param.u64 %rd1, [k_0];\nmov.u32 %r1, %tid.x;\n"

static struct ptx_program *ptx_test_program;

/* Translates and launches kernel `k` of a text; 0 or -1 with device_error(). */
static inline int ptx_test_run(const char *text, uint32_t blocks, uint32_t threads, void *memory) {
    const struct ptx_code *code;
    ptx_program_close(ptx_test_program);
    ptx_test_program = NULL;
    if (ptx_program_open(&ptx_test_program, text, strlen(text)) != 0 ||
        ptx_program_kernel(ptx_test_program, "k", &code) != 0)
        return -1;
    void *arguments[] = {&memory};
    struct ptx_launch launch = {
        .grid = {blocks, 1, 1}, .block = {threads, 1, 1}, .arguments = arguments};
    return ptx_launch(code, &launch);
}

/* The same of a body; "ret;" and the rest is added. */
static inline int ptx_test_body(const char *body, uint32_t blocks, uint32_t threads, void *memory) {
    size_t size = strlen(body) + sizeof PTX_HEAD PTX_KERNEL + 16;
    char *text = malloc(size);
    snprintf(text, size, "%s%s%s\nret;\n}\n", PTX_HEAD, PTX_KERNEL, body);
    int status = ptx_test_run(text, blocks, threads, memory);
    ptx_program_close(ptx_test_program); /* it reads the text */
    ptx_test_program = NULL;
    free(text);
    return status;
}

#endif
