/* gather.h: what the two sides of the check of gather.cuh say to each other. */
#ifndef NANOLAB_LABS_04_GATHER_H
#define NANOLAB_LABS_04_GATHER_H

#include "harness/lab/exercise_kernel.h"

enum { TOKENS_MOST = 200, D_LONGEST = 128, POOL_MOST = 4 * TOKENS_MOST };

struct task {
    uint64_t seed; /* of the machine's schedule */
    uint32_t tokens, block_tokens, D, pool_blocks;
    int32_t ids[TOKENS_MOST];          /* as many as the tokens need, and no more */
    float pool[POOL_MOST * D_LONGEST]; /* [pool_blocks][block_tokens][D] */
};
/* What out holds before the launch is what is there: the judge's random bytes. */
struct gathered {
    struct kernel_run run;
    float out[TOKENS_MOST * D_LONGEST];
};

#endif
