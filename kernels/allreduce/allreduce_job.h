/*
 * allreduce_job.h: an all-reduce among the ranks of one device as a job, with ranks that can be
 * late or never come.
 *
 *     struct job job;
 *     allreduce_job_open(&job, device, &(struct allreduce_setup){.plan = plan, .x = x, .n = n});
 *     allreduce_job_stall(&job, &(struct allreduce_stall){.rank = 2, .time = 1200000});
 *     job_call(&job), allreduce_job_output(&job, 0, y), job_close(&job);
 *
 * The job's bits are a hash of all ranks' results, rank after rank: they are the predicted ones
 * only if all ranks agree. A plan whose bits are known beforehand can be predicted; one by arrival
 * only after the fact (allreduce_job_replayed).
 */
#ifndef NANOLAB_KERNELS_ALLREDUCE_JOB_H
#define NANOLAB_KERNELS_ALLREDUCE_JOB_H

#include "kernels/allreduce/allreduce.h"
#include "kernels/device/job.h"

#ifdef __cplusplus
extern "C" {
#endif

struct allreduce_setup {
    struct allreduce_plan plan;
    const void *x; /* P × n elements in host memory, part after part; borrowed */
    size_t n;
    bool checked; /* simt: by the checked build of the kernels */
    /* How long one rank may wait for another before the call fails: nanoseconds on a GPU, where 0
     * means 10 s; looks at a flag on the SIMT machine, where 0 means for ever (it reports a
     * deadlock by itself). */
    uint64_t deadline;
};

/* On a device of kind simt or cuda. 0, or -1 with device_error(). */
int allreduce_job_open(struct job *job, struct device *device, const struct allreduce_setup *setup);

/* What later calls run under; NULL: nobody is late. */
void allreduce_job_stall(const struct job *job, const struct allreduce_stall *stall);
/* Waits for the last call. -1 also if a rank waited for longer than the deadline: device_error()
 * then says who waited for whom, and who never joined, and nothing of that call can be read. The
 * job can be called again. */
int allreduce_job_wait(const struct job *job);
/* The result of a rank, n elements of the type, as the last call left it; waits for it. */
int allreduce_job_output(const struct job *job, int rank, void *y);
/* A rank's times in the last call: the first of its blocks to start and to join, the last to be
 * done. -1 on the SIMT machine. */
int allreduce_job_times(const struct job *job, int rank, struct allreduce_times *times);
/* Of `arrival`: the order in which the ranks came in the last call, N for each unit; *units of
 * them. malloc'ed; NULL with device_error(). */
uint8_t *allreduce_job_arrivals(const struct job *job, size_t *units);
/* The bits that the last call must have left: by the arrivals it recorded, or as predicted. */
int allreduce_job_replayed(const struct job *job, struct job_bits *out);

#ifdef __cplusplus
}
#endif
#endif
