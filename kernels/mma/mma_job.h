/*
 * mma_job.h: what all jobs of this family have in common, whoever multiplies: a kernel on a GPU or
 * on the SIMT machine, native code, a library.
 *
 * The context of such a job begins with a struct mma_job. Beside the calls of job.h it can be asked
 * for its output, and for what single elements of it must be: a whole output is a lot to predict.
 *
 *     struct mma_operands operands;
 *     struct job job;
 *     mma_operands_open(&operands, &problem, MMA_FILL_NORMAL, seed);
 *     mma_cpu_job_open(&job, device, &operands, &plan);
 *     job_call(&job), mma_job_output(&job, c), mma_job_element(&job, 0, 5, &expected);
 */
#ifndef NANOLAB_KERNELS_MMA_JOB_H
#define NANOLAB_KERNELS_MMA_JOB_H

#include "kernels/device/job.h"
#include "kernels/mma/mma_data.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mma_job {
    struct device *device;
    const struct mma_operands *operands; /* borrowed */
    void *memory[3];                     /* of the device, owned */
    void *a, *b, *c;            /* the first elements, at the problem's offsets into that memory */
    int (*call)(void *context); /* what prove() calls: the job's own */
    /* The predicted value of one element of the output; NULL: there is no model. 0, or -1 with
     * device_error(). */
    int (*element)(void *context, size_t m, size_t n, float *value);
    /* After the device's A and B were written anew: packs them again, for a job that works on
     * packed copies. NULL: a call reads A and B as they lie there. */
    int (*pack)(void *context);
    int fraction; /* fraction bits of the accumulator, for prove(); 0: 23 */
};

/* Allocates A, B and C on the device and writes A and B; C is poison. Sets the job's bits, prove,
 * predict (where `element` is set), bytes and flops; call, plan and close are the caller's to set,
 * and so are base->call and base->element, beforehand. `base` is the context's first member. 0, or
 * -1 with device_error() and nothing left to free. */
int mma_job_open(struct job *job, struct mma_job *base, struct device *device,
                 const struct mma_operands *operands);
/* Frees the device's memory; not the context. */
void mma_job_close(struct mma_job *base);

/* C as the last call left it, dense, M × N floats (exact); waits for it. 0, or -1 with
 * device_error(). */
int mma_job_output(const struct job *job, float *c);
/* One element of it as it must be, from the model; -1 with device_error(), also if there is none.
 */
int mma_job_element(const struct job *job, size_t m, size_t n, float *value);
bool mma_job_has_model(const struct job *job);
/* Writes other operands to the device, laid out as the job's own are: A (mma_a_bytes) and B
 * (mma_b_bytes) from host memory, NULL for what stays. prove() and predict() go on to mean the
 * job's own, which mma_job_restore() writes back. */
int mma_job_write(const struct job *job, const void *a, const void *b);
int mma_job_restore(const struct job *job);
/* C becomes poison again: 0xff bytes, NaN in every format. */
int mma_job_poison(const struct job *job);
/* The hash that job_bits() gives, of dense floats (FNV-1a; every NaN as one). */
uint64_t mma_hash(const float *c, size_t count);

#ifdef __cplusplus
}
#endif
#endif
