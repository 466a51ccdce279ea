/*
 * ops.h: which of a family's kernels a device runs. A family's .cu is compiled up to four times,
 * and each time exports one table (KERNEL_EXPORT in kernel.h).
 */
#ifndef NANOLAB_KERNELS_DEVICE_OPS_H
#define NANOLAB_KERNELS_DEVICE_OPS_H

#include "kernels/device/device.h"

/* Defines NAME_for(kind, checked) for the tables NAME_cuda, NAME_ptx, NAME_simt and NAME_checked
 * of a struct NAME. `native` names the header of what the family runs on other devices. */
#define DEVICE_OPS(ops, native)                                                                    \
    extern const struct ops ops##_simt, ops##_checked;                                             \
    extern const struct ops ops##_cuda DEVICE_CUDA_ONLY;                                           \
    extern const struct ops ops##_ptx DEVICE_PTX_ONLY;                                             \
    const struct ops *ops##_for(enum device_kind kind, bool checked) {                             \
        switch (kind) {                                                                            \
        case DEVICE_SIMT:                                                                          \
            return checked ? &ops##_checked : &ops##_simt;                                         \
        case DEVICE_CUDA:                                                                          \
            if (!&ops##_cuda)                                                                      \
                device_fail_no_cuda();                                                             \
            return &ops##_cuda;                                                                    \
        case DEVICE_PTX:                                                                           \
        case DEVICE_SASS:                                                                          \
            if (!&ops##_ptx)                                                                       \
                device_fail_no_ptx();                                                              \
            return &ops##_ptx;                                                                     \
        default:                                                                                   \
            device_fail("these kernels have no form for the device '%s': its own are in " native,  \
                        device_kind_name(kind));                                                   \
            return NULL;                                                                           \
        }                                                                                          \
    }

#endif
