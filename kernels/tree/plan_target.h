/*
 * plan_target.h: this project's own sums as targets for recover(): any variant of sum_job.h.
 */
#ifndef NANOLAB_KERNELS_TREE_PLAN_TARGET_H
#define NANOLAB_KERNELS_TREE_PLAN_TARGET_H

#include "kernels/sum/sum_job.h"
#include "kernels/tree/recover.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fills *target for sums of n inputs on an open device of the variant's kind. Returns 0, or -1 with
 * device_error(); close gives back what open took, and may follow either. */
int plan_target_open(struct recover_target *target, const struct sum_variant *variant, size_t n,
                     struct device *device);
void plan_target_close(struct recover_target *target);

#ifdef __cplusplus
}
#endif
#endif
