/*
 * cub_plan.c: see cub_plan.h.
 */
#include "kernels/tree/cub_plan.h"

#include <stdint.h>
#include <stdlib.h>

#define WARP 32
#define SM_THREADS 2048
#define SM_BLOCKS 32
#define SHARED_BYTES 49152 /* of a block, at least: a bound on what is tuned for it */
#define SUBSCRIPTION 5     /* CUB starts so many times the blocks that a card holds */
#define ITEMS_MAX 32

static unsigned least(unsigned a, unsigned b) {
    return a < b ? a : b;
}

/* What the tuning table has is for inputs of 4 bytes (MemBoundScaling in util_arch.cuh). */
static void scale(struct cub_plan *plan, unsigned threads, unsigned items, unsigned vector,
                  unsigned bytes) {
    plan->items = least(items * 4 / bytes, 2 * items);
    unsigned fit = (SHARED_BYTES + bytes * plan->items - 1) / (bytes * plan->items);
    plan->threads = least(threads, (fit + WARP - 1) / WARP * WARP);
    plan->vector = plan->items % vector == 0 ? vector : 1;
}

struct cub_plan cub_plan_of(enum element type, bool wide_count, int arch, int sms, int occupancy) {
    struct cub_plan plan = {.pairwise = type == ELEMENT_F32};
    unsigned bytes = type == ELEMENT_F64 ? 8 : 4;
    if (arch >= 100 && type == ELEMENT_F64 && wide_count)
        scale(&plan, 512, 15, 1, bytes);
    else if (arch >= 100 && type == ELEMENT_F64)
        scale(&plan, 640, 16, 1, bytes);
    else if (arch >= 100 && !wide_count)
        scale(&plan, 512, 16, 2, bytes);
    else
        scale(&plan, 256, 16, 4, bytes);
    unsigned blocks = occupancy ? (unsigned)occupancy : SM_THREADS / plan.threads;
    plan.most_blocks = (unsigned)sms * least(blocks, SM_BLOCKS) * SUBSCRIPTION;
    return plan;
}

size_t cub_plan_reach(const struct cub_plan *plan) {
    return (size_t)plan->threads * plan->items * plan->most_blocks;
}

/* Multiprocessors: NVIDIA's whitepapers on A100 and H100 (SXM5); of B200, what its device query
 * says. */
static const struct cub_card cards[] = {
    {"sm_80", "an A100", 80, 108},
    {"sm_90", "an H100 SXM", 90, 132},
    {"sm_100", "a B200", 100, 148},
};
#define CARDS (sizeof cards / sizeof *cards)

const struct cub_card *cub_cards(size_t *count) {
    *count = CARDS;
    return cards;
}

const struct cub_card *cub_card_of(int arch) {
    for (size_t k = 0; k < CARDS; k++)
        if (cards[k].arch == arch)
            return &cards[k];
    return NULL;
}

/* --- a block -------------------------------------------------------------------------------------
 */

/* Inputs of a kernel: leaves, or what blocks before it have summed. */
struct inputs {
    struct tree *tree;
    const tree_ref *summed; /* NULL: leaves */
};

static tree_ref input(const struct inputs *in, size_t k) {
    return in->summed ? in->summed[k] : (tree_ref)k;
}

/* `sum` (or TREE_NONE), then the items: in a thread's registers. */
static tree_ref add_items(const struct cub_plan *plan, struct tree *tree, tree_ref sum,
                          const tree_ref *items) {
    tree_ref all[ITEMS_MAX + 1];
    unsigned count = 0;
    if (sum != TREE_NONE)
        all[count++] = sum;
    for (unsigned k = 0; k < plan->items; k++)
        all[count++] = items[k];
    if (!plan->pairwise) {
        for (unsigned k = 1; k < count; k++)
            all[0] = tree_add(tree, all[0], all[k]);
        return all[0];
    }
    for (unsigned step = 1; step < count; step *= 2)
        for (unsigned k = 0; k + step < count; k += 2 * step)
            all[k] = tree_add(tree, all[k], all[k + step]);
    return all[0];
}

/* All threads of a block take their items of a whole tile. */
static void add_tile(const struct cub_plan *plan, const struct inputs *in, size_t at,
                     tree_ref *sums) {
    tree_ref items[ITEMS_MAX];
    for (unsigned t = 0; t < plan->threads; t++) {
        for (unsigned k = 0; k < plan->items; k++)
            items[k] = input(in, at + (size_t)(k / plan->vector) * plan->threads * plan->vector +
                                     (size_t)t * plan->vector + k % plan->vector);
        sums[t] = add_items(plan, in->tree, sums[t], items);
    }
}

/* And of what is less than a tile, one input after another. */
static void add_rest(const struct cub_plan *plan, const struct inputs *in, size_t at, size_t end,
                     tree_ref *sums) {
    for (unsigned t = 0; t < plan->threads; t++)
        for (size_t k = at + t; k < end; k += plan->threads)
            sums[t] = tree_add(in->tree, sums[t], input(in, k));
}

/* Over the threads that have something: within warps by shuffles down, 1 lane first, then warp
 * after warp. */
static tree_ref add_threads(const struct cub_plan *plan, struct tree *tree, tree_ref *sums) {
    tree_ref all = TREE_NONE;
    for (unsigned first = 0; first < plan->threads; first += WARP) {
        for (unsigned step = 1; step < WARP; step *= 2)
            for (unsigned k = 0; k + step < WARP; k += 2 * step)
                sums[first + k] = tree_add(tree, sums[first + k], sums[first + k + step]);
        all = tree_add(tree, all, sums[first]);
    }
    return all;
}

/* A block that begins at `at`, and goes on `stride` further until the end. */
static tree_ref add_block(const struct cub_plan *plan, const struct inputs *in, size_t at,
                          size_t end, size_t stride, tree_ref *sums) {
    size_t tile = (size_t)plan->threads * plan->items;
    for (unsigned t = 0; t < plan->threads; t++)
        sums[t] = TREE_NONE;
    for (; at < end; at += stride)
        if (end - at >= tile)
            add_tile(plan, in, at, sums);
        else
            add_rest(plan, in, at, end, sums);
    return add_threads(plan, in->tree, sums);
}

struct tree *cub_plan_tree(const struct cub_plan *plan, size_t n) {
    size_t tile = (size_t)plan->threads * plan->items, tiles = (n + tile - 1) / tile;
    if (n == 0 || n > INT32_MAX)
        return NULL;
    size_t blocks = tiles < plan->most_blocks ? tiles : plan->most_blocks;
    struct tree *tree = tree_new(n);
    tree_ref *sums = malloc(plan->threads * sizeof *sums),
             *summed = malloc(blocks * sizeof *summed);
    if (tree && sums && summed) {
        struct inputs in = {.tree = tree}, second = {.tree = tree, .summed = summed};
        for (size_t b = 0; b < blocks; b++)
            summed[b] = add_block(plan, &in, b * tile, n, blocks * tile, sums);
        tree_set_root(tree,
                      tiles == 1 ? summed[0] : add_block(plan, &second, 0, blocks, tile, sums));
    } else {
        tree_free(tree);
        tree = NULL;
    }
    free(sums);
    free(summed);
    return tree;
}
