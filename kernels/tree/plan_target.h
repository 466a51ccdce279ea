/*
 * plan_target.h: this project's own sums as targets for recover(): the CUDA kernels of sum.h on a
 * GPU or the SIMT machine, the native ones of sum_cpu.h on a CPU.
 */
#ifndef NANOLAB_KERNELS_TREE_PLAN_TARGET_H
#define NANOLAB_KERNELS_TREE_PLAN_TARGET_H

#include "kernels/sum/sum_cpu.h"
#include "kernels/tree/recover.h"

#ifdef __cplusplus
extern "C" {
#endif

struct plan_target {
    bool native; /* cpu says what to run, else plan does */
    struct sum_plan plan;
    struct sum_cpu_plan cpu;
};

/* A plan's id for devices of a kind; its words may be few. 0, or -1 with `why` (SUM_WHY bytes). */
int plan_target_parse(const char *text, enum device_kind kind, struct plan_target *plan, char *why);
/* The full id; `out` has SUM_TEXT bytes and is returned. */
char *plan_target_text(const struct plan_target *plan, char *out);
/* The model's tree: NULL if the plan's method has no order (binned, exact) or memory is short. */
struct tree *plan_target_tree(const struct plan_target *plan, size_t n);

/* Fills *target for sums of n inputs on an open device of the plan's kind. Returns 0, or -1 with
 * device_error(); close gives back what open took, and may follow either. */
int plan_target_open(struct recover_target *target, const struct plan_target *plan, size_t n,
                     struct device *device);
void plan_target_close(struct recover_target *target);

#ifdef __cplusplus
}
#endif
#endif
