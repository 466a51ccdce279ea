/*
 * ranks_gemm.h: a real product, C = A·Bᵀ in f32, by the first of several implementations that is
 * legal under a limit of workspace: what a library's heuristics do that are given one.
 *
 * The implementations are oneDNN's (mma_onednn.h): it lists those that it has for a shape, the
 * preferred one first, and says of each how much memory beside the operands the caller has to give.
 * B is stored as linear layers have it, n rows of k numbers. So the most preferred way is to bring
 * B into the library's own format once, which takes a second B; the next one brings a panel of it
 * there at a time, in a buffer of the caller's; the last ones ask for nothing. (What these allocate
 * for themselves the library does not tell.) The order is the library's own and is by kind: with
 * few rows a way further down can be faster.
 *
 * A processor without AVX-512 has one way that is worth the name, which asks for nothing: there no
 * limit makes a difference.
 *
 * Whoever uses this links with -ldnnl and -lgomp. One thread each, which is set for the process.
 */
#ifndef NANOLAB_KERNELS_RANKS_GEMM_H
#define NANOLAB_KERNELS_RANKS_GEMM_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/ranks/ranks.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ranks_gemm;
/* A and B are filled by seed. 0, or -1 with `why` (RANKS_WHY bytes), then *out is NULL. */
int ranks_gemm_open(struct ranks_gemm **out, unsigned rows_most, unsigned n, unsigned k,
                    uint64_t seed, char *why);
void ranks_gemm_close(struct ranks_gemm *gemm);

/* One way to compute it: its name, and what it asks for: bytes in all, and the largest piece. */
struct ranks_gemm_way {
    char variant[RANKS_VARIANT]; /* "packed brg:avx512_core", "gemm:jit", … */
    uint64_t bytes, piece;
};
#define RANKS_GEMM_WAYS 16
/* The ways for so many rows, the preferred one first; how many. 0 with `why`. */
size_t ranks_gemm_ways(struct ranks_gemm *gemm, unsigned rows,
                       struct ranks_gemm_way ways[RANKS_GEMM_WAYS], char *why);

/* Chooses the first way that fits into `bytes` of which `piece` lie together (0: all), makes it
 * ready, runs it once if it is new, and says which it is. Not to be timed. 0, or -1 with `why`. */
int ranks_gemm_prepare(struct ranks_gemm *gemm, unsigned rows, uint64_t bytes, uint64_t piece,
                       char variant[RANKS_VARIANT], char *why);
/* Runs what was prepared last. 0, or -1 with `why`. */
int ranks_gemm_run(struct ranks_gemm *gemm, char *why);

/* A [rows_most × k], B [n × k] and C [rows × n], all row by row, of the last run. */
const float *ranks_gemm_a(const struct ranks_gemm *gemm);
const float *ranks_gemm_b(const struct ranks_gemm *gemm);
float *ranks_gemm_c(struct ranks_gemm *gemm);

#ifdef __cplusplus
}
#endif
#endif
