/*
 * paged_model.c: the bits of paged.cu from the definition of its tree (paged_state.cuh), one number
 * at a time; and the sums of its controls.
 */
#include <stdlib.h>

#include "kernels/paged_attention/paged_layout.h"
#include "kernels/paged_attention/paged_read.h"

#define WARPS 4
#define HEAD_MOST 128
#define SPLITS_MOST 32

/* A part of one query's softmax: relative to what, the sum of its weights, the weighted sums. */
struct part {
    float largest, sum;
    float out[HEAD_MOST];
};

/* One query over one sequence and KV head. */
struct row {
    const struct paged_plan *plan;
    const struct paged_reader *read;
    unsigned sequence, head, tokens;
    float q[HEAD_MOST];
};

/* x[0…n-1] summed as lanes do that add what lies at distance n/2, n/4, …, 1. */
static float lane_sum(float *x, int n) {
    for (int distance = n / 2; distance > 0; distance /= 2)
        for (int i = 0; i < distance; i++)
            x[i] = x[i] + x[i + distance];
    return x[0];
}

static float score_of(const struct row *row, unsigned token) {
    int D = row->plan->head, vector = 16 / (int)element_bytes((enum element)row->plan->element);
    float k[HEAD_MOST], lane[32];
    paged_read_key(row->read, row->sequence, token, row->head, k);
    for (int l = 0; l < D / vector; l++) {
        lane[l] = 0;
        for (int d = l * vector; d < (l + 1) * vector; d++)
            lane[l] = fmaf(row->q[d], k[d], lane[l]);
    }
    return lane_sum(lane, D / vector) * paged_scale(D);
}

/* A warp's tiles: `first`, then every WARPS-th. */
static void warp_part(const struct row *row, unsigned first, unsigned end, struct part *part) {
    int D = row->plan->head,
        wide = 32 * 16 / (D * (int)element_bytes((enum element)row->plan->element));
    float sum[32] = {0}, out[HEAD_MOST][4] = {{0}};
    float largest = -INFINITY;
    for (unsigned tile = first; tile < end; tile += WARPS) {
        unsigned from = tile * PAGED_TILE;
        float w[PAGED_TILE], most = largest;
        for (unsigned t = 0; t < PAGED_TILE; t++) {
            w[t] = from + t < row->tokens ? score_of(row, from + t) : -INFINITY;
            most = fmaxf(most, w[t]);
        }
        float correction = paged_exp2(largest - most);
        largest = most;
        for (int t = 0; t < PAGED_TILE; t++)
            w[t] = paged_exp2(w[t] - largest);
        for (int l = 0; l < 32; l++)
            sum[l] = fmaf(sum[l], correction, w[l] + w[l + 32]);
        for (int d = 0; d < D; d++)
            for (int s = 0; s < wide; s++)
                out[d][s] = out[d][s] * correction;
        for (unsigned t = 0; t < PAGED_TILE; t++) {
            float v[HEAD_MOST] = {0};
            if (from + t < row->tokens)
                paged_read_value(row->read, row->sequence, from + t, row->head, v);
            for (int d = 0; d < D; d++)
                out[d][t % wide] = fmaf(w[t], v[d], out[d][t % wide]);
        }
    }
    part->largest = largest;
    part->sum = lane_sum(sum, 32);
    for (int d = 0; d < D; d++)
        part->out[d] = lane_sum(out[d], wide);
}

/* Parts in their order: warps, and splits. */
static void merge(const struct part *parts, unsigned count, int D, struct part *all) {
    *all = (struct part){.largest = -INFINITY};
    for (unsigned p = 0; p < count; p++)
        all->largest = fmaxf(all->largest, parts[p].largest);
    for (unsigned p = 0; p < count; p++) {
        float factor =
            parts[p].largest == -INFINITY ? 0 : paged_exp2(parts[p].largest - all->largest);
        all->sum = fmaf(factor, parts[p].sum, all->sum);
        for (int d = 0; d < D; d++)
            all->out[d] = fmaf(factor, parts[p].out[d], all->out[d]);
    }
}

static void model_row(const struct row *row, unsigned splits, float *out) {
    int D = row->plan->head;
    struct part warps[WARPS], of_split[SPLITS_MOST] = {{0}}, all;
    unsigned tiles = (row->tokens + PAGED_TILE - 1) / PAGED_TILE, first, end;
    for (unsigned split = 0; split < splits; split++) {
        paged_split_range(tiles, splits, split, &first, &end);
        for (unsigned w = 0; w < WARPS; w++)
            warp_part(row, first + w, end, &warps[w]);
        merge(warps, WARPS, D, &of_split[split]);
    }
    all = of_split[0];
    if (splits > 1)
        merge(of_split, splits, D, &all);
    for (int d = 0; d < D; d++)
        out[d] = all.sum == 0 ? 0 : all.out[d] / all.sum;
}

int paged_model(const struct paged_plan *plan, const struct paged_shape *shape, const void *k,
                const void *v, const void *q, float *out) {
    struct paged_reader read = paged_reader(plan, shape, k, v);
    unsigned splits = paged_splits(plan, shape);
    for (unsigned s = 0; s < shape->table->sequences; s++)
        for (unsigned h = 0; h < shape->kv_heads; h++)
            for (unsigned g = 0; g < (unsigned)plan->group; g++) {
                size_t at =
                    (((size_t)s * shape->kv_heads + h) * plan->group + g) * (size_t)plan->head;
                struct row row = {plan, &read, s, h, (unsigned)shape->table->tokens[s], {0}};
                for (int d = 0; d < plan->head; d++)
                    row.q[d] = paged_read(plan->element, q, at + d);
                model_row(&row, splits, out + at);
            }
    return 0;
}

/* --- the controls ------------------------------------------------------------------------------
 */

/* Element `at` as it stands in its 32-bit word. */
static uint64_t in_word(int element, const void *of, size_t at) {
    if (element == ELEMENT_F32)
        return ((const uint32_t *)of)[at];
    return (uint64_t)((const uint16_t *)of)[at] << at % 2 * 16;
}

static uint64_t gather_sum(const struct paged_reader *read, unsigned s) {
    const struct paged_plan *plan = read->plan;
    const struct paged_shape *shape = read->shape;
    uint64_t sum = 0;
    for (size_t t = 0; t < (size_t)shape->table->tokens[s]; t++) {
        struct paged_place place = paged_find(plan, shape, read->slab, s, t);
        for (unsigned h = 0; h < shape->kv_heads; h++)
            for (int d = 0; d < plan->head; d++)
                sum += in_word(plan->element, read->k, paged_k_at(plan, shape, place, h, d)) +
                       in_word(plan->element, read->v, paged_v_at(plan, shape, place, h, d));
    }
    return sum;
}

int paged_sums(const struct paged_plan *plan, const struct paged_shape *shape, const void *k,
               const void *v, uint64_t *sums) {
    const struct kv_table *table = shape->table;
    struct paged_reader read = paged_reader(plan, shape, k, v);
    for (unsigned s = 0; s < table->sequences; s++) {
        sums[s] = 0;
        if (plan->op != PAGED_WALK) {
            sums[s] = gather_sum(&read, s);
            continue;
        }
        size_t blocks = ((size_t)table->tokens[s] + table->block_tokens - 1) / table->block_tokens;
        for (size_t b = 0; b < blocks; b++)
            sums[s] += (uint32_t)table->ids[(size_t)s * table->row_blocks + b];
    }
    return 0;
}
