/*
 * device_simt.cc: the SIMT machine as a device. Launches have ended when they return, and no time
 * is ever reported. What a launch found wrong is the launcher's error; see kernels/simt/simt.h for
 * the schedule and the reports.
 */
#include <cstdio>
#include <cstring>

#include "kernels/device/backend.h"
#include "kernels/simt/simt.h"

namespace {

int simt_count(void) {
    return 1;
}

int simt_open(int index, void **state, char *model, size_t model_size) {
    (void)index;
    static char something; /* there is no state: memory and schedule belong to the machine */
    *state = &something;
    snprintf(model, model_size, "SIMT machine (as %s, %s)", simt_card(), simt_arch());
    return 0;
}

void simt_close(void *) {}

size_t simt_free_bytes(void *) {
    return simt_memory_free();
}

int simt_alloc(void *, void **out, size_t bytes) {
    *out = simt_malloc(bytes);
    if (*out)
        return 0;
    return device_fail("no %zu bytes of simt device memory: use a smaller size", bytes);
}

void simt_release(void *, void *memory) {
    simt_free(memory);
}

int simt_write(void *, void *to, const void *from, size_t bytes) {
    memcpy(to, from, bytes);
    return 0;
}

int simt_read(void *, void *to, const void *from, size_t bytes) {
    memcpy(to, from, bytes);
    return 0;
}

int simt_fill(void *, void *to, int byte, size_t bytes) {
    memset(to, byte, bytes);
    return 0;
}

int simt_sync(void *) {
    return 0;
}

} // namespace

extern "C" const struct device_backend device_backend_simt = {
    simt_count, simt_open, simt_close, simt_free_bytes, simt_alloc, simt_release, simt_write,
    simt_read,  simt_fill, simt_sync,  nullptr,         nullptr,    nullptr,
};
