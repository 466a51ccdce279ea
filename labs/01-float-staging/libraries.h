/*
 * libraries.h: other people's sums, to time and to take apart: OpenBLAS and oneDNN on a CPU, CUB
 * on a GPU.
 */
#ifndef NANOLAB_LABS_01_LIBRARIES_H
#define NANOLAB_LABS_01_LIBRARIES_H

#include <stddef.h>

#include "kernels/device/device.h"
#include "kernels/tree/recover.h"

/* A library's sum to be timed. */
struct library_time {
    const char *name;
    /* Sums n floats on `threads` threads; a GPU's writes to `result` on `stream`, a CPU's to
     * *value. Returns 0, or -1 with device_error(). */
    int (*call)(const float *x, size_t n, unsigned threads, void *result, void *stream,
                double *value);
};
const struct library_time *library_times(enum device_kind kind, size_t *count);

/* A library's sum to be taken apart. */
struct library_sum {
    const char *name;
};
const struct library_sum *library_sums(enum device_kind kind, size_t *count);
int library_target(const struct library_sum *library, struct recover_target *target);
const char *library_version(const struct library_sum *library);

#endif
