/*
 * decoder_sample.h: from logits to a token, by a contract: the part of decoding that is no model's.
 */
#ifndef NANOLAB_KERNELS_DECODER_DECODER_SAMPLE_H
#define NANOLAB_KERNELS_DECODER_DECODER_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* temperature 0: greedy, the largest logit, and the first of equal ones. Else softmax(logits /
 * temperature), of which the likeliest tokens are kept, as few as have at least `top_p` together
 * (Holtzman et al. 2020, "The curious case of neural text degeneration"). */
struct decoder_contract {
    double temperature, top_p;
};

/* The token that a uniform number in [0, 1) picks: kept tokens lie side by side, the likeliest
 * first, equals by their index. UINT32_MAX: no memory. In double; libm's exp may differ in its last
 * bit from machine to machine, so this predicts no bits. */
uint32_t decoder_sample(const struct decoder_contract *contract, const float *logits, size_t n,
                        double uniform);

#ifdef __cplusplus
}
#endif
#endif
