/*
 * ranks_draw.c: what is drawn by seed: inputs, lateness, the order of arms. The program acts by it
 * and the caller knows it as truth, so both are built from this file.
 */
#include "kernels/ranks/ranks_inside.h"
#include "kernels/rng/philox.h"

/* Philox streams; those of the inputs have the rank in their low half. */
enum { STREAM_STALL = 0x5201, STREAM_JITTER, STREAM_ORDER };
#define STREAM_INPUT ((uint64_t)0x5204 << 32)

float ranks_input(uint64_t seed, unsigned rank, size_t i) {
    return (float)philox_normal(seed, STREAM_INPUT | rank, i);
}

/* The same in all arms, so that they differ in nothing but what they are to differ in. */
static uint64_t index_of(const struct ranks_plan *plan, unsigned round, unsigned step,
                         unsigned rank) {
    return ((uint64_t)round * plan->steps + step) * plan->ranks + rank;
}

double ranks_stall_us(const struct ranks_plan *plan, unsigned arm, unsigned round, unsigned step,
                      unsigned rank) {
    const struct ranks_arm *a = &plan->arm[arm];
    if (step < a->from || (a->to != 0 && step >= a->to))
        return 0;
    bool late = false;
    if (a->stall == STRAGGLER_PERSISTENT)
        late = rank == a->culprit;
    else if (a->stall == STRAGGLER_ROTATING)
        late = rank == ((uint64_t)a->culprit + (step - a->from) / (a->period ? a->period : 1)) %
                           plan->ranks;
    else if (a->stall == STRAGGLER_RARE)
        late = philox_unit(philox_u64(plan->seed, STREAM_STALL,
                                      index_of(plan, round, step, rank))) < a->chance;
    return late ? a->stall_us : 0;
}

double ranks_jitter_us(const struct ranks_plan *plan, unsigned arm, unsigned round, unsigned step,
                       unsigned rank) {
    const struct ranks_arm *a = &plan->arm[arm];
    uint64_t index = index_of(plan, round, step, rank);
    if (a->jitter == STRAGGLER_EXPONENTIAL)
        return -a->jitter_us *
               philox_log(philox_unit_above(philox_u64(plan->seed, STREAM_JITTER, index)));
    if (a->jitter == STRAGGLER_GAUSSIAN)
        return a->jitter_us * philox_normal(plan->seed, STREAM_JITTER, index);
    return 0;
}

void ranks_order(const struct ranks_plan *plan, unsigned round, unsigned *order) {
    for (unsigned k = 0; k < plan->arms; k++) {
        uint64_t index = (uint64_t)round * RANKS_ARMS_MOST + k;
        unsigned j = (unsigned)philox_below(philox_u64(plan->seed, STREAM_ORDER, index), k + 1);
        order[k] = order[j]; /* Fisher and Yates, from the inside out */
        order[j] = k;
    }
}
