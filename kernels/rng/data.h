/*
 * data.h: the inputs of the labs. Element i of a data set is a function of (kind, type, seed,
 * parameters, n, i) alone, so every machine, thread count and resumed run gets the same bits.
 */
#ifndef NANOLAB_KERNELS_RNG_DATA_H
#define NANOLAB_KERNELS_RNG_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/element/element.h"

#ifdef __cplusplus
extern "C" {
#endif

enum data_kind {
    DATA_UNIFORM,     /* uniform in [0, 1): no cancellation, condition number 1 */
    DATA_NORMAL,      /* normal, mean 0, deviation 1 */
    DATA_LOG_UNIFORM, /* random sign, magnitude 2^u with u uniform in [low, high) */
    DATA_CANCELLING,  /* Σ|x| / |Σx| = condition; see data_fill */
    DATA_ATTENTION,   /* products of an attention score's dot product; see data_attention */
    DATA_KINDS
};

struct data_options {
    uint64_t seed;
    double low, high; /* DATA_LOG_UNIFORM: octaves; both 0: data_octaves' default for the type */
    double condition; /* DATA_CANCELLING: > 1, finite; 0: 1e6 */
    size_t head;      /* DATA_ATTENTION: head dimension; 0: 128 */
};

/* "uniform", "normal", "log-uniform", "cancelling", "attention". */
const char *data_kind_name(enum data_kind kind);

/* The default range of magnitudes: ±40 octaves, but for f16 and e5m2 -14…0 and for e4m3 -6…0, their
 * normal numbers up to 1, so that sums stay finite. */
void data_octaves(enum element type, double *low, double *high);

/*
 * Fills x[0…n-1]. Returns 0, or -1 if an option makes no sense or memory is short.
 *
 * DATA_CANCELLING: pairs ±|z| of normal magnitude, which cancel exactly, and m equal elements r
 * that carry the whole sum, all in an order shuffled by the seed. m is near n / condition, and at
 * least 1; r is such that (Σ|pairs| + m r) / (m r) = condition, up to the rounding of r to the
 * type (and not under its smallest number). With an even n and m = 1 one element is 0. Needs
 * n >= 3; a shorter one is all r = 1, of condition 1.
 *
 * DATA_ATTENTION: x[i] = q[i] k[i], each product rounded to the type.
 */
int data_fill(enum data_kind kind, enum element type, const struct data_options *options, void *x,
              size_t n);

/*
 * The operands of attention scores q·k: n elements as consecutive vectors of `head` channels.
 * Normal numbers, k correlated with q by 0.2; per-channel scales 2^(normal/2) shared by all
 * vectors of k, with one channel in 32 sixteen times larger, as the key caches of language models
 * have them; q divided by sqrt(head), as scores are. Returns 0 or -1.
 */
int data_attention(enum element type, const struct data_options *options, void *q, void *k,
                   size_t n);

#ifdef __cplusplus
}
#endif
#endif
