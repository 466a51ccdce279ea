/*
 * exercise.cuh: the kernel that block_sum.cuh is to provide.
 */
#ifndef NANOLAB_LABS_01_EXERCISE_CUH
#define NANOLAB_LABS_01_EXERCISE_CUH

#include "kernels/device/kernel.h"

enum { BLOCK_THREADS = 256, BLOCK_SPAN = 4 * BLOCK_THREADS };

/* sums[b] = the sum of x[b · BLOCK_SPAN … (b + 1) · BLOCK_SPAN - 1], as far as these are below n,
 * in any order. As many blocks of BLOCK_THREADS threads as it takes; n >= 1. */
extern "C" __global__ void block_sum(const float *x, unsigned n, float *sums);

#endif
