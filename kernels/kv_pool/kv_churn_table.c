/*
 * kv_churn_table.c: the table of a batch that is admitted to a pool as use has left it.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "kernels/kv_pool/kv_inside.h"

/* Ends requests until `blocks` are free. */
static int make_free(struct kv_churn *churn, uint64_t blocks, char *why) {
    while (kv_pool_free_blocks(churn->pool) < blocks)
        if (!serving_running(churn->loop, 0))
            return kv_fail(why, "%u blocks are free, and nobody holds the others",
                           kv_pool_free_blocks(churn->pool));
        else if (serving_abort(churn->loop, 0, why) != 0)
            return -1;
    return 0;
}

/* Prompts one after the other, then a token each, step by step. */
static int admit_batch(struct kv_churn *churn, unsigned prompt, unsigned tokens,
                       struct kv_table *table) {
    unsigned n = table->block_tokens, first = prompt > 0 ? (prompt - 1) / n + 1 : 0;
    unsigned last = (tokens - 1) / n + 1;
    for (unsigned s = 0; s < table->sequences; s++)
        if (kv_pool_take(churn->pool, first, table->ids + (size_t)s * table->row_blocks) != 0)
            return -1;
    /* All are equally long, so they need their next block in the same step. */
    for (unsigned b = first; b < last; b++)
        for (unsigned s = 0; s < table->sequences; s++)
            if (kv_pool_take(churn->pool, 1, table->ids + (size_t)s * table->row_blocks + b) != 0)
                return -1;
    return 0;
}

/* Takes what is more than `free_blocks` away; nobody gives it back. */
static int hold_rest(struct kv_churn *churn, unsigned free_blocks) {
    unsigned rest = kv_pool_free_blocks(churn->pool) - free_blocks;
    int32_t *ids = malloc(((size_t)rest + 1) * sizeof *ids);
    int status = ids ? kv_pool_take(churn->pool, rest, ids) : -1;
    free(ids);
    return status;
}

int kv_churn_table(struct kv_churn *churn, unsigned sequences, unsigned prompt, unsigned tokens,
                   unsigned free_blocks, struct kv_table *table, char *why) {
    *table = (struct kv_table){0};
    unsigned n = churn->options.block_tokens, pool = churn->options.pool_blocks;
    if (churn->spent)
        return kv_fail(why, "the workload has become a table already; open another one");
    if (sequences < 1 || tokens < 1 || tokens > INT32_MAX || prompt > tokens)
        return kv_fail(why,
                       "a batch of %u sequences of %u tokens, %u of them prompt; it needs at least "
                       "1 of 1, and no longer prompts than sequences",
                       sequences, tokens, prompt);
    uint64_t batch = ((uint64_t)(tokens - 1) / n + 1) * sequences;
    if (batch > pool || free_blocks > pool - batch)
        return kv_fail(why,
                       "a batch of %" PRIu64 " blocks and %u free ones do not fit into a pool of "
                       "%u; shrink them or enlarge the pool",
                       batch, free_blocks, pool);
    int32_t *lengths = malloc(sequences * sizeof *lengths);
    for (unsigned s = 0; lengths && s < sequences; s++)
        lengths[s] = (int32_t)tokens;
    int status = lengths ? kv_table_open(table, sequences, lengths, n, pool) : -1;
    free(lengths);
    if (status != 0)
        return kv_fail(why, "no memory for a table of %" PRIu64 " blocks", batch);
    churn->spent = true;
    if (make_free(churn, batch + free_blocks, why) != 0) {
        kv_table_close(table);
        return -1;
    }
    if (admit_batch(churn, prompt, tokens, table) != 0 || hold_rest(churn, free_blocks) != 0) {
        kv_table_close(table);
        return kv_fail(why, "%" PRIu64 " free blocks were promised and not there", batch);
    }
    return kv_pool_audit(churn->pool, why);
}
