/*
 * decoder_small.h: a small model of random weights, as the content of a GGUF file of the same make
 * as the real one: for tests, for machines without the real one, and for the simulated GPU. Its
 * text is nonsense; its sums are staged like the real one's.
 */
#ifndef NANOLAB_KERNELS_DECODER_DECODER_SMALL_H
#define NANOLAB_KERNELS_DECODER_DECODER_SMALL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 2 layers, 192 wide, 3 heads on 1 of keys, 512 inside, 512 tokens: every byte, words of letters
 * joined from them, and control tokens. Malloc'ed, NULL: no memory. */
unsigned char *decoder_small_file(uint64_t seed, size_t *bytes);

#ifdef __cplusplus
}
#endif
#endif
