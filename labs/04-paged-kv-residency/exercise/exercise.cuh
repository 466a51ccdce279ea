/*
 * exercise.cuh: the kernel that gather.cuh is to provide.
 */
#ifndef NANOLAB_LABS_04_EXERCISE_CUH
#define NANOLAB_LABS_04_EXERCISE_CUH

#include "kernels/device/kernel.h"

enum { GATHER_THREADS = 128 };

/* Copies the keys of one sequence out of the pool: out[t D + d] = pool[slot(t) D + d], d < D, t <
 * tokens, where token t lies in slot t % block_tokens of block ids[t / block_tokens], and slot n of
 * block b is number b block_tokens + n of the pool. Blocks of GATHER_THREADS threads, as many as it
 * takes for tokens · D threads; tokens >= 1. */
extern "C" __global__ void gather(const float *pool, const int *ids, unsigned tokens,
                                  unsigned block_tokens, unsigned D, float *out);

#endif
