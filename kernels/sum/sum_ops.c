/*
 * sum_ops.c: which kernels a device runs. sum.cu is compiled up to three times, and each time
 * exports one table.
 */
#include "kernels/sum/sum.h"

extern const struct sum_ops sum_ops_simt, sum_ops_checked;
#ifdef NANOLAB_CUDA
extern const struct sum_ops sum_ops_cuda;
#endif

const struct sum_ops *sum_ops_for(enum device_kind kind, bool checked) {
    switch (kind) {
    case DEVICE_SIMT:
        return checked ? &sum_ops_checked : &sum_ops_simt;
    case DEVICE_CUDA:
#ifdef NANOLAB_CUDA
        return &sum_ops_cuda;
#else
        device_fail("this build has no CUDA kernels: install the CUDA toolkit (nvcc) and rebuild, "
                    "or use --device simt");
        return NULL;
#endif
    default:
        device_fail("the sum kernels have no form for the device '%s': its sums are in sum_cpu.h",
                    device_kind_name(kind));
        return NULL;
    }
}
