/*
 * cubin_target.h: a kernel of somebody's cubin as a target for recover(), on the SASS machine
 * (kernels/sass/sass.h): its tree on a card that is not here.
 */
#ifndef NANOLAB_KERNELS_TREE_CUBIN_TARGET_H
#define NANOLAB_KERNELS_TREE_CUBIN_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/tree/recover.h"

/* __global__ void kernel(const T *x, T *result, N n), or with `dot` (const T *x, const T *y,
 * T *result, N n); T is float or double by `type` (ELEMENT_F32 or ELEMENT_F64), N has 4 or 8 bytes.
 * One launch writes *result. */
struct cubin_spec {
    const char *file;
    const char *kernel; /* its symbol, or its name in the source: "my_sum", "my_sum<float>" */
    enum element type;
    bool dot;
    uint32_t blocks, threads; /* of the launch; 0: 1 and 256 */
};

/* 0, or -1 with device_error(); close in either case. */
int cubin_target_open(struct recover_target *target, const struct cubin_spec *spec, size_t n);
/* The architecture that it is for, such as 90. */
unsigned cubin_target_arch(const struct recover_target *target);
void cubin_target_close(struct recover_target *target);

#endif
