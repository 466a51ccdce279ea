/*
 * gemm.c: the products of this rank: which limit of workspace is its own in which step, and all
 * that it will run made ready before the first step, so that none of it is in a step's time.
 */
#include "kernels/ranks/program/program.h"
#include "kernels/ranks/ranks_gemm.h"

static unsigned rows_most(const struct ranks_plan *plan) {
    return plan->serves ? serving_calm(0).batch_most : plan->gemm.rows;
}

/* The warm-up is as the steps that it leads to. */
static bool is_short(const struct program *p, const struct ranks_arm *arm, unsigned number) {
    unsigned step = number < p->plan.warmup ? 0 : number - p->plan.warmup;
    return p->rank == arm->culprit && step >= arm->from && (arm->to == 0 || step < arm->to);
}

static int prepare(struct program *p, const struct ranks_arm *arm, bool is_short, unsigned rows,
                   char variant[RANKS_VARIANT]) {
    char why[RANKS_WHY];
    unsigned who = is_short ? 0 : 1;
    if (ranks_gemm_prepare(p->gemm, rows, arm->workspace[who], arm->piece[who], variant, why) != 0)
        return program_says(p, "failed", "%s", why);
    return 0;
}

int gemm_open(struct program *p) {
    const struct ranks_plan *plan = &p->plan;
    char variant[RANKS_VARIANT], why[RANKS_WHY];
    if (plan->compute != RANKS_GEMM)
        return 0;
    if (ranks_gemm_open(&p->gemm, rows_most(plan), plan->gemm.n, plan->gemm.k, plan->seed, why) !=
        0)
        return program_says(p, "failed", "%s", why);
    for (unsigned rows = plan->serves ? 1 : rows_most(plan); rows <= rows_most(plan); rows++)
        for (unsigned k = 0; k < plan->arms; k++) {
            const struct ranks_arm *arm = &plan->arm[k];
            if (prepare(p, arm, false, rows, variant) != 0 ||
                (p->rank == arm->culprit && prepare(p, arm, true, rows, variant) != 0))
                return -1;
        }
    return 0;
}

int gemm_prepare(struct program *p, const struct ranks_arm *arm, unsigned number, unsigned rows,
                 char variant[RANKS_VARIANT]) {
    if (p->plan.compute != RANKS_GEMM)
        return 0;
    return prepare(p, arm, is_short(p, arm, number), p->plan.serves ? rows : p->plan.gemm.rows,
                   variant);
}

int gemm_run(struct program *p) {
    char why[RANKS_WHY];
    return ranks_gemm_run(p->gemm, why) == 0 ? 0 : program_says(p, "failed", "%s", why);
}

void gemm_close(struct program *p) {
    ranks_gemm_close(p->gemm);
    p->gemm = NULL;
}
