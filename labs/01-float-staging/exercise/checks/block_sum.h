/* block_sum.h: what the two sides of the check of block_sum.cuh say to each other. */
#ifndef NANOLAB_LABS_01_BLOCK_SUM_H
#define NANOLAB_LABS_01_BLOCK_SUM_H

#include "harness/lab/exercise_kernel.h"

enum { SPAN = 1024, N_MOST = 40 * SPAN };

struct task {
    uint64_t seed; /* of the machine's schedule */
    uint32_t n, blocks;
    float x[N_MOST];
};
/* What sums holds before the launch is what is there: the judge's random bytes. */
struct sums {
    struct kernel_run run;
    float of[N_MOST / SPAN];
};

#endif
