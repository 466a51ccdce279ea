/*
 * backend.h: what a back end supplies to device.c, and nobody else sees.
 *
 * A back end is one table. Its functions follow device.h: 0 or -1 with device_fail(). `state` is
 * the back end's own data for one opened device.
 */
#ifndef NANOLAB_KERNELS_DEVICE_BACKEND_H
#define NANOLAB_KERNELS_DEVICE_BACKEND_H

#include "kernels/device/device.h"

#ifdef __cplusplus
extern "C" {
#endif

struct device_backend {
    int (*count)(void); /* 0 with the reason in device_error() */
    /* Opens device `index`; writes the hardware's name into model. */
    int (*open)(int index, void **state, char *model, size_t model_size);
    void (*close)(void *state);
    size_t (*memory_free)(void *state);
    int (*alloc)(void *state, void **out, size_t bytes);
    void (*free)(void *state, void *memory);
    int (*write)(void *state, void *to, const void *host_from, size_t bytes);
    int (*read)(void *state, void *host_to, const void *from, size_t bytes);
    int (*fill)(void *state, void *to, int byte, size_t bytes);
    int (*sync)(void *state);
    int (*timer_start)(void *state); /* NULL: this back end reports no time */
    int (*timer_stop)(void *state, double *seconds);
    void *(*stream)(void *state); /* NULL: no streams */
};

extern const struct device_backend device_backend_cpu;
extern const struct device_backend device_backend_simt;
extern const struct device_backend device_backend_ptx;
extern const struct device_backend device_backend_sass;
/* Whose PTX libnanolab-ptx.so has, "compute_80", and whose machine code, "80 90". */
extern const char ptx_target_ptx[] DEVICE_PTX_ONLY;
extern const char sass_targets_ptx[] DEVICE_PTX_ONLY;
/* Architectures whose machine code may be there, by a device's index: 80. 0: there are no more. */
unsigned device_sass_arch(int index);
extern const struct device_backend device_backend_cuda DEVICE_CUDA_ONLY;

/* What to do about a status of the CUDA run time: one line, never NULL. */
const char *device_cuda_advice(int status);

#ifdef __cplusplus
}
#endif
#endif
