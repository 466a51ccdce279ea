/*
 * paged_shape.c: the sizes, counts and splits that follow from a plan and a shape.
 */
#include <stdlib.h>

#include "kernels/paged_attention/paged_layout.h"

/* --- splits ------------------------------------------------------------------------------------
 */

static unsigned tiles_of(size_t tokens) {
    return (unsigned)((tokens + PAGED_TILE - 1) / PAGED_TILE);
}

static unsigned divide_up(unsigned a, unsigned b) {
    return (a + b - 1) / b;
}

/* Whether `splits` cut otherwise than one fewer would. */
static bool worth_asking(unsigned tiles, unsigned splits) {
    return splits == 1 || divide_up(tiles, splits) != divide_up(tiles, splits - 1);
}

/* Blocks over the places in the waves they need: work × splits / (processors × waves). */
static double efficiency(uint64_t blocks, unsigned processors) {
    uint64_t waves = (blocks + processors - 1) / processors;
    return (double)blocks / (double)(waves * processors);
}

unsigned paged_split_heuristic(unsigned work, unsigned processors, unsigned tiles, unsigned most) {
    if ((uint64_t)work * 10 >= (uint64_t)processors * 8 || tiles <= 4)
        return 1;
    most = most < processors ? most : processors;
    most = most < tiles ? most : tiles;
    double best = 0;
    for (unsigned splits = 1; splits <= most; splits++)
        if (worth_asking(tiles, splits)) {
            double one = efficiency((uint64_t)work * splits, processors);
            best = one > best ? one : best;
        }
    for (unsigned splits = 1; splits <= most; splits++)
        if (worth_asking(tiles, splits) &&
            efficiency((uint64_t)work * splits, processors) >= 0.85 * best)
            return splits;
    return 1;
}

#define PAGED_PROCESSORS 132

unsigned paged_splits(const struct paged_plan *plan, const struct paged_shape *shape) {
    if (plan->rule == PAGED_FIXED)
        return (unsigned)plan->splits;
    unsigned processors = shape->processors ? shape->processors : PAGED_PROCESSORS;
    return paged_split_heuristic(shape->table->sequences * shape->kv_heads, processors,
                                 tiles_of(paged_slab_tokens(shape->table)), (unsigned)plan->splits);
}

void paged_split_range(unsigned tiles, unsigned splits, unsigned split, unsigned *first,
                       unsigned *end) {
    unsigned each = divide_up(tiles, splits);
    *first = split * each < tiles ? split * each : tiles;
    *end = tiles - *first < each ? tiles : *first + each;
}

/* --- bytes -------------------------------------------------------------------------------------
 */

size_t paged_token_bytes(const struct paged_plan *plan, const struct paged_shape *shape) {
    return (size_t)shape->kv_heads * (size_t)plan->head *
           element_bytes((enum element)plan->element);
}

size_t paged_block_bytes(const struct paged_plan *plan, const struct paged_shape *shape) {
    return (size_t)plan->block * paged_token_bytes(plan, shape);
}

size_t paged_cache_bytes(const struct paged_plan *plan, const struct paged_shape *shape) {
    const struct kv_table *table = shape->table;
    if (plan->mapping == PAGED_SLAB)
        return table->sequences * paged_slab_tokens(table) * paged_token_bytes(plan, shape);
    return table->pool_blocks * paged_block_bytes(plan, shape);
}

static double tokens_of(const struct kv_table *table) {
    double tokens = 0;
    for (unsigned s = 0; s < table->sequences; s++)
        tokens += table->tokens[s];
    return tokens;
}

double paged_kv_bytes(const struct paged_plan *plan, const struct paged_shape *shape) {
    if (plan->op == PAGED_WALK)
        return 0;
    return 2 * tokens_of(shape->table) * (double)paged_token_bytes(plan, shape);
}

double paged_unique_bytes(const struct paged_plan *plan, const struct paged_shape *shape) {
    const struct kv_table *table = shape->table;
    if (plan->op == PAGED_WALK || plan->mapping == PAGED_SLAB)
        return paged_kv_bytes(plan, shape);
    /* Of each block, the most slots that any sequence fills. */
    uint16_t *slots = calloc(table->pool_blocks, sizeof *slots);
    if (!slots)
        return -1;
    unsigned n = table->block_tokens;
    double tokens = 0;
    for (unsigned s = 0; s < table->sequences; s++)
        for (unsigned b = 0, left = (unsigned)table->tokens[s]; left; b++) {
            unsigned here = left < n ? left : n;
            uint16_t *slot = &slots[table->ids[(size_t)s * table->row_blocks + b]];
            if (*slot < here) {
                tokens += here - *slot;
                *slot = (uint16_t)here;
            }
            left -= here;
        }
    free(slots);
    return 2 * tokens * (double)paged_token_bytes(plan, shape);
}

size_t paged_query_elements(const struct paged_plan *plan, const struct paged_shape *shape) {
    return (size_t)shape->table->sequences * shape->kv_heads * (size_t)plan->group *
           (size_t)plan->head;
}

/* A split's partial result of one query: its maximum, its sum, and a number for each channel. */
static size_t partial_bytes(const struct paged_plan *plan) {
    return (size_t)plan->group * ((size_t)plan->head + 2) * sizeof(float);
}

size_t paged_workspace_bytes(const struct paged_plan *plan, const struct paged_shape *shape) {
    /* As if the heuristic took all it may, since the device's own processors are not known here. */
    if (plan->op != PAGED_ATTENTION || plan->splits == 1)
        return 16; /* nothing, and still something to allocate */
    return (size_t)shape->table->sequences * shape->kv_heads * (size_t)plan->splits *
           partial_bytes(plan);
}

/* Ids that one KV head's kernels read of a sequence: in each tile those of the blocks that it
 * touches. */
static double ids_read(const struct paged_plan *plan, unsigned tokens) {
    if (plan->mapping == PAGED_SLAB)
        return 0;
    unsigned block = (unsigned)plan->block;
    return block < PAGED_TILE ? (tokens + block - 1) / block : tiles_of(tokens);
}

double paged_other_bytes(const struct paged_plan *plan, const struct paged_shape *shape) {
    const struct kv_table *table = shape->table;
    double splits = paged_splits(plan, shape);
    double work = (double)table->sequences * shape->kv_heads, bytes = 0;
    for (unsigned s = 0; s < table->sequences; s++)
        bytes += 4 * ids_read(plan, (unsigned)table->tokens[s]) * shape->kv_heads;
    bytes += 4 * work * splits; /* every block of threads reads its sequence's length */
    if (plan->op != PAGED_ATTENTION)
        return bytes + 8 * (double)table->sequences; /* the sums */
    double queries = (double)paged_query_elements(plan, shape);
    bytes += queries * (double)element_bytes((enum element)plan->element) * splits;
    bytes += 4 * queries;
    if (splits > 1)
        bytes += 2 * work * splits * (double)partial_bytes(plan);
    return bytes;
}

double paged_flops(const struct paged_plan *plan, const struct paged_shape *shape) {
    if (plan->op != PAGED_ATTENTION)
        return 0;
    return 4 * tokens_of(shape->table) * shape->kv_heads * plan->group * plan->head;
}
