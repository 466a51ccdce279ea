/*
 * paged_ops.c: which kernels a device runs. paged.cu is compiled up to three times, and each time
 * exports one table.
 */
#include "kernels/paged_attention/paged.h"

extern const struct paged_ops paged_ops_simt, paged_ops_checked;
#ifdef NANOLAB_CUDA
extern const struct paged_ops paged_ops_cuda;
#endif

const struct paged_ops *paged_ops_for(enum device_kind kind, bool checked) {
    switch (kind) {
    case DEVICE_SIMT:
        return checked ? &paged_ops_checked : &paged_ops_simt;
    case DEVICE_CUDA:
#ifdef NANOLAB_CUDA
        return &paged_ops_cuda;
#else
        device_fail("this build has no CUDA kernels: install the CUDA toolkit (nvcc) and rebuild, "
                    "or use --device simt");
        return NULL;
#endif
    default:
        device_fail(
            "this family has no such kernels for the device '%s': its own are in paged_cpu.h",
            device_kind_name(kind));
        return NULL;
    }
}
