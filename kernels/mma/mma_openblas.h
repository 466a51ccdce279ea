/*
 * mma_openblas.h: OpenBLAS' cblas_sgemm as a job of this family: what the integer GEMM is compared
 * with. Only programs that name it need the library (CPU_LIBS).
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_OPENBLAS_H
#define NANOLAB_KERNELS_MMA_MMA_OPENBLAS_H

#include "kernels/mma/mma_job.h"

#ifdef __cplusplus
extern "C" {
#endif

/* On device cpu; operands and output are f32, and sizes and strides fit an int. The library's
 * number of threads is the process': every call sets it. Its bits may depend on anything: there is
 * no model. `operands` must stay until the job is closed. 0, or -1 with device_error(). */
int mma_openblas_job_open(struct job *job, struct device *device,
                          const struct mma_operands *operands, int threads);
/* "OpenBLAS 0.3.21 …, kernels for Cooperlake"; `out` has `size` bytes and is returned. */
char *mma_openblas_version(char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
