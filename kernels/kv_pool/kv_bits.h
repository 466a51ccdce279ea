/*
 * kv_bits.h: a set of small numbers that knows its lowest member: a bitmap with a bitmap over its
 * words, and so on, 64 to one. Everything is O(log64 n).
 */
#ifndef NANOLAB_KERNELS_KV_POOL_KV_BITS_H
#define NANOLAB_KERNELS_KV_POOL_KV_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define KV_BITS_LEVELS 6 /* 64^6 > 2^32 */

struct kv_bits {
    uint64_t *words;              /* all levels, the finest first; owned */
    size_t level[KV_BITS_LEVELS]; /* where each starts */
    unsigned levels;
    size_t count; /* members are 0…count-1 */
};

/* The empty set. 0, or -1: no memory. `count` < 2^32. */
static inline int kv_bits_open(struct kv_bits *bits, size_t count) {
    *bits = (struct kv_bits){.count = count};
    size_t words = 0, n = count;
    do {
        n = (n + 63) / 64;
        bits->level[bits->levels++] = words;
        words += n;
    } while (n > 1);
    bits->words = calloc(words ? words : 1, sizeof *bits->words);
    return bits->words ? 0 : -1;
}

static inline void kv_bits_close(struct kv_bits *bits) {
    free(bits->words);
    *bits = (struct kv_bits){0};
}

/* false for what cannot be a member. */
static inline bool kv_bits_has(const struct kv_bits *bits, size_t i) {
    return i < bits->count && (bits->words[i / 64] >> (i % 64) & 1);
}

static inline void kv_bits_add(struct kv_bits *bits, size_t i) {
    for (unsigned l = 0; l < bits->levels; l++, i /= 64) {
        uint64_t *word = &bits->words[bits->level[l] + i / 64], before = *word;
        *word |= 1ull << (i % 64);
        if (before)
            return;
    }
}

static inline void kv_bits_drop(struct kv_bits *bits, size_t i) {
    for (unsigned l = 0; l < bits->levels; l++, i /= 64) {
        uint64_t *word = &bits->words[bits->level[l] + i / 64];
        *word &= ~(1ull << (i % 64));
        if (*word)
            return;
    }
}

/* The lowest member, or -1. */
static inline int64_t kv_bits_lowest(const struct kv_bits *bits) {
    size_t i = 0;
    for (unsigned l = bits->levels; l-- > 0;) {
        uint64_t word = bits->count ? bits->words[bits->level[l] + i] : 0;
        if (!word)
            return -1;
        i = i * 64 + (size_t)__builtin_ctzll(word);
    }
    return (int64_t)i;
}

#endif
