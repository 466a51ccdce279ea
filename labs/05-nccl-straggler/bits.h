/*
 * bits.h: orders of engines' sums, for bits.c and aligned.c. 0; 1: stopped, drop the case and
 * return 0; -1 after lab_error().
 */
#ifndef NANOLAB_LABS_05_BITS_H
#define NANOLAB_LABS_05_BITS_H

#include "kernels/allreduce/allreduce_mpi.h"
#include "labs/05-nccl-straggler/stragglers.h"

/* As known beforehand, of messages of n[0 … count - 1] elements; where an installed version is not
 * known, what it takes by itself is found. */
int orders_known(struct lab_run *run, const struct ranks_plan *plan, const size_t *n, size_t count,
                 struct allreduce_orders *out);
/* As found by probes. */
int orders_found(struct lab_run *run, const struct ranks_plan *plan, const size_t *n, size_t count,
                 struct allreduce_orders *out);
/* C5d among processes and simulated ranks. */
int sweep_aligned(struct lab_run *run, struct device *device);
/* Whether all ranks have the same bits after a step. */
bool step_agrees(const struct ranks_log *log, size_t k);

#endif
