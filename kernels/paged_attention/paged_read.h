/*
 * paged_read.h: numbers of a cache in host memory, widened, for the model, the reference and tests.
 */
#ifndef NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_READ_H
#define NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_READ_H

#include "kernels/element/element.h"
#include "kernels/paged_attention/paged_layout.h"

struct paged_reader {
    const struct paged_plan *plan;
    const struct paged_shape *shape;
    const void *k, *v;
    size_t slab; /* tokens of one */
};

PAGED_FN struct paged_reader paged_reader(const struct paged_plan *plan,
                                          const struct paged_shape *shape, const void *k,
                                          const void *v) {
    size_t slab = plan->mapping == PAGED_SLAB ? paged_slab_tokens(shape->table) : 0;
    struct paged_reader reader = {plan, shape, k, v, slab};
    return reader;
}

/* Element `at` of an array of the plan's type. */
PAGED_FN float paged_read(int element, const void *from, size_t at) {
    if (element == ELEMENT_F32)
        return ((const float *)from)[at];
    uint16_t half = ((const uint16_t *)from)[at];
    return element == ELEMENT_BF16 ? element_from_bf16(half) : element_from_f16(half);
}

/* The D channels of one token and head. */
PAGED_FN void paged_read_key(const struct paged_reader *reader, unsigned sequence, size_t token,
                             unsigned head, float *to) {
    struct paged_place place =
        paged_find(reader->plan, reader->shape, reader->slab, sequence, token);
    for (int d = 0; d < reader->plan->head; d++)
        to[d] = paged_read(reader->plan->element, reader->k,
                           paged_k_at(reader->plan, reader->shape, place, head, (size_t)d));
}

PAGED_FN void paged_read_value(const struct paged_reader *reader, unsigned sequence, size_t token,
                               unsigned head, float *to) {
    struct paged_place place =
        paged_find(reader->plan, reader->shape, reader->slab, sequence, token);
    for (int d = 0; d < reader->plan->head; d++)
        to[d] = paged_read(reader->plan->element, reader->v,
                           paged_v_at(reader->plan, reader->shape, place, head, (size_t)d));
}

#endif
