/*
 * maps.c: the block tables that the lab's steps go through: made ones, and those that an
 * allocator's use has left.
 */
#include <stdlib.h>

#include "labs/04-paged-kv-residency/residency.h"

static unsigned blocks_of(unsigned tokens, unsigned block_tokens) {
    return (tokens + block_tokens - 1) / block_tokens;
}

static int made(struct kv_table *out, unsigned sequences, const int32_t *tokens,
                unsigned block_tokens, unsigned pool_blocks, enum kv_map map, unsigned page_blocks,
                uint64_t seed) {
    char why[KV_WHY];
    if (kv_table_open(out, sequences, tokens, block_tokens, pool_blocks) != 0)
        return device_fail("no memory for a table of %u sequences in %u blocks", sequences,
                           pool_blocks);
    if (kv_table_map(out, map, page_blocks, seed, why) == 0)
        return 0;
    kv_table_close(out);
    return device_fail("map %s of %u sequences: %s", kv_map_name(map), sequences, why);
}

int map_small(struct kv_table *out, unsigned sequences, const int32_t *tokens,
              unsigned block_tokens, enum kv_map map, uint64_t seed) {
    enum { PAGE_BLOCKS = 4 };
    unsigned blocks = 0;
    for (unsigned s = 0; s < sequences; s++)
        blocks += blocks_of((unsigned)tokens[s], block_tokens);
    unsigned pool = 3 * (blocks + PAGE_BLOCKS) / PAGE_BLOCKS * PAGE_BLOCKS;
    return made(out, sequences, tokens, block_tokens, pool, map, PAGE_BLOCKS, seed);
}

int map_equal(struct kv_table *out, const struct paged_plan *plan, unsigned kv_heads,
              unsigned sequences, unsigned tokens, unsigned pool_blocks, enum kv_map map,
              uint64_t seed) {
    unsigned block = (unsigned)plan->block;
    const struct paged_shape shape = {.kv_heads = kv_heads};
    size_t page_blocks = PAGES_HUGE / (paged_token_bytes(plan, &shape) * block);
    int32_t *lengths = malloc(sequences * sizeof *lengths);
    if (!lengths)
        return device_fail("out of memory");
    for (unsigned s = 0; s < sequences; s++)
        lengths[s] = (int32_t)tokens;
    int status = made(out, sequences, lengths, block,
                      pool_blocks ? pool_blocks : sequences * blocks_of(tokens, block), map,
                      page_blocks ? (unsigned)page_blocks : 1, seed);
    free(lengths);
    return status;
}

int map_aged(struct kv_table *out, const struct aged_map *how) {
    char why[KV_WHY] = "out of memory";
    struct kv_churn *churn = NULL;
    struct kv_churn_counts counts = {0};
    uint64_t wanted = (uint64_t)how->turnovers * how->workload.pool_blocks;
    int status = kv_churn_open(&churn, &how->workload);
    if (status == 0 && how->steps > 0)
        status = kv_churn_run(churn, how->steps, why);
    while (status == 0 && counts.blocks_taken < wanted) {
        status = kv_churn_run(churn, 64, why);
        kv_churn_counts(churn, &counts);
    }
    if (status == 0)
        status = kv_churn_table(churn, how->sequences, how->prompt, how->tokens, how->free_blocks,
                                out, why);
    kv_churn_close(churn);
    return status
               ? device_fail("a pool of policy %s: %s", kv_policy_name(how->workload.policy), why)
               : 0;
}
