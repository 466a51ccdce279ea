/*
 * requests.h: the launchers of requests_test.cu, in both builds of it: kernels whose requests to
 * memory can be counted by hand.
 */
#ifndef NANOLAB_KERNELS_SIMT_REQUESTS_H
#define NANOLAB_KERNELS_SIMT_REQUESTS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct requests_ops {
    /* y[i] = x[i stride + first], i < n, in blocks of `threads`. */
    int (*copy)(const float *x, float *y, unsigned n, unsigned stride, unsigned first,
                unsigned threads);
    /* The same, 4 floats to a thread, n / 4 threads in blocks of 64. */
    int (*copy4)(const float *x, float *y, unsigned n);
    /* Lane i adds up x[i], x[i + 32], …, of i % 4 + 1 of them, and writes y[i]. One block of 32. */
    int (*ragged)(const float *x, float *y);
    /* Even lanes write x[i] by one line of the code, odd ones x[i] + 1 by another. One block of 32.
     */
    int (*parted)(const float *x, float *y);
    /* 64 threads: s[t stride] = x[t], a barrier, y[t] = s[t stride]. stride <= 32. */
    int (*shared)(const float *x, float *y, unsigned stride);
    /* The same with doubles and stride 1; with floats, all reading s[0]. */
    int (*shared_double)(const double *x, double *y);
    int (*shared_one)(const float *x, float *y);
    /* 256 threads add up 256 floats in shared memory by halves, with neighbours (conflicts) or with
     * what lies half of them away (none). */
    int (*tree)(const float *x, float *y, int neighbours);
    /* 2 blocks of 64: one atomic in global memory and two in shared memory each, three barriers. */
    int (*atomics)(unsigned *counters);
    /* One lane reads `times` elements before the others come. */
    int (*ahead)(const float *x, float *y, unsigned times);
    /* Writes to a variable of the program. */
    int (*variable)(float *y);
};
extern const struct requests_ops requests_ops_simt, requests_ops_checked;

#ifdef __cplusplus
}
#endif
#endif
