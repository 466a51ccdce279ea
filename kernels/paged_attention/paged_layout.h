/*
 * paged_layout.h: where a token's numbers lie, as paged.h defines the layouts. Valid in C11, C++17
 * and CUDA; plain arithmetic for code where the layout is no matter of speed.
 */
#ifndef NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_LAYOUT_H
#define NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_LAYOUT_H

#include "kernels/paged_attention/paged.h"
#include "kernels/paged_attention/paged_exp.h"

/* Bytes of an element. */
/* Elements from the start of a block or slab of n tokens to channel d of head h of its token t;
 * H heads of D channels, x elements in 16 bytes. */
PAGED_FN size_t paged_nhd(size_t t, size_t h, size_t d, size_t H, size_t D) {
    return (t * H + h) * D + d;
}

PAGED_FN size_t paged_hnd(size_t t, size_t h, size_t d, size_t n, size_t D) {
    return (h * n + t) * D + d;
}

PAGED_FN size_t paged_vllm_k(size_t t, size_t h, size_t d, size_t n, size_t D, size_t x) {
    return ((h * (D / x) + d / x) * n + t) * x + d % x;
}

PAGED_FN size_t paged_vllm_v(size_t t, size_t h, size_t d, size_t n, size_t D) {
    return (h * D + d) * n + t;
}

/* A token's block or slab. */
struct paged_place {
    size_t start; /* elements of keys (and of values) before it */
    size_t n;     /* its tokens */
    size_t slot;  /* the token's place in it */
};

/* Tokens of a slab: those of the longest sequence. */
PAGED_FN size_t paged_slab_tokens(const struct kv_table *table) {
    size_t most = 0;
    for (unsigned s = 0; s < table->sequences; s++)
        if ((size_t)table->tokens[s] > most)
            most = (size_t)table->tokens[s];
    return most;
}

/* `slab`: paged_slab_tokens, for slabs. */
PAGED_FN struct paged_place paged_find(const struct paged_plan *plan,
                                       const struct paged_shape *shape, size_t slab,
                                       unsigned sequence, size_t token) {
    const struct kv_table *table = shape->table;
    struct paged_place place = {0, slab, token};
    size_t unit = sequence;
    if (plan->mapping == PAGED_TABLE) {
        place.n = (size_t)plan->block;
        place.slot = token % place.n;
        unit = (size_t)table->ids[sequence * (size_t)table->row_blocks + token / place.n];
    }
    place.start = unit * place.n * shape->kv_heads * (size_t)plan->head;
    return place;
}

/* Elements from the start of the keys to channel d of head h of the token at `place`. */
PAGED_FN size_t paged_k_at(const struct paged_plan *plan, const struct paged_shape *shape,
                           struct paged_place place, size_t h, size_t d) {
    size_t H = shape->kv_heads, D = (size_t)plan->head;
    switch (plan->layout) {
    case PAGED_NHD:
        return place.start + paged_nhd(place.slot, h, d, H, D);
    case PAGED_HND:
        return place.start + paged_hnd(place.slot, h, d, place.n, D);
    default:
        return place.start + paged_vllm_k(place.slot, h, d, place.n, D,
                                          16 / element_bytes((enum element)plan->element));
    }
}

/* The same of the values. */
PAGED_FN size_t paged_v_at(const struct paged_plan *plan, const struct paged_shape *shape,
                           struct paged_place place, size_t h, size_t d) {
    if (plan->layout != PAGED_VLLM)
        return paged_k_at(plan, shape, place, h, d);
    return place.start + paged_vllm_v(place.slot, h, d, place.n, (size_t)plan->head);
}

#endif
