/*
 * device_ptx.c: the PTX machine as a device (kernels/ptx/ptx.h). Launches have ended when they
 * return, and no time is ever reported. It is there where the build had an nvcc, which makes the
 * PTX, and where there is a C compiler, which makes it run.
 */
#include <stdio.h>
#include <string.h>

#include "kernels/device/backend.h"
#include "kernels/ptx/ptx.h"

static int ptx_count(void) {
    if (!&ptx_target_ptx)
        device_fail_no_ptx();
    return &ptx_target_ptx && ptx_compiler_found() == 0;
}

static int ptx_open(int index, void **state, char *model, size_t model_size) {
    (void)index;
    static char something; /* there is no state: memory and schedule belong to the machine */
    *state = &something;
    snprintf(model, model_size, "PTX of %s on the CPU", ptx_target_ptx);
    return 0;
}

static void ptx_close(void *state) {
    (void)state;
}

static size_t ptx_free_bytes(void *state) {
    (void)state;
    return ptx_memory_free();
}

static int ptx_alloc(void *state, void **out, size_t bytes) {
    (void)state;
    *out = ptx_malloc(bytes);
    return *out
               ? 0
               : device_fail("no %zu bytes of the PTX machine's memory: use a smaller size", bytes);
}

static void ptx_release(void *state, void *memory) {
    (void)state;
    ptx_free(memory);
}

static int ptx_copy(void *state, void *to, const void *from, size_t bytes) {
    (void)state;
    memcpy(to, from, bytes);
    return 0;
}

static int ptx_fill(void *state, void *to, int byte, size_t bytes) {
    (void)state;
    memset(to, byte, bytes);
    return 0;
}

static int ptx_sync(void *state) {
    (void)state;
    return 0;
}

const struct device_backend device_backend_ptx = {
    ptx_count, ptx_open, ptx_close, ptx_free_bytes, ptx_alloc, ptx_release, ptx_copy,
    ptx_copy,  ptx_fill, ptx_sync,  NULL,           NULL,      NULL,
};
