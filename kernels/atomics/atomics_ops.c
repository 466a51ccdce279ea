/*
 * atomics_ops.c: which kernels a device runs. atomics.cu is compiled up to three times, and each
 * time exports one table.
 */
#include "kernels/atomics/atomics.h"

extern const struct atomics_ops atomics_ops_simt, atomics_ops_checked;
#ifdef NANOLAB_CUDA
extern const struct atomics_ops atomics_ops_cuda;
#endif

const struct atomics_ops *atomics_ops_for(enum device_kind kind, bool checked) {
    switch (kind) {
    case DEVICE_SIMT:
        return checked ? &atomics_ops_checked : &atomics_ops_simt;
    case DEVICE_CUDA:
#ifdef NANOLAB_CUDA
        return &atomics_ops_cuda;
#else
        device_fail("this build has no CUDA kernels: install the CUDA toolkit (nvcc) and rebuild, "
                    "or use --device simt");
        return NULL;
#endif
    default:
        device_fail("the atomics kernels have no form for the device '%s': its sums are in "
                    "atomics_cpu.h",
                    device_kind_name(kind));
        return NULL;
    }
}
