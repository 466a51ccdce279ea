/*
 * gather.c: what was copied beside what should have been, to the bit; and, of a launch with whole
 * warps, what it asked memory for.
 */
#define EXERCISE_KERNEL
#include "gather.h"

static void make(struct exercise *e, struct task *t, uint32_t tokens, uint32_t block_tokens,
                 uint32_t D) {
    uint32_t blocks = (tokens + block_tokens - 1) / block_tokens, order[POOL_MOST];
    t->seed = random_bits(e);
    t->tokens = tokens;
    t->block_tokens = block_tokens;
    t->D = D;
    t->pool_blocks = blocks + random_below(e, blocks + 1);
    random_order(e, order, t->pool_blocks);
    for (uint32_t b = 0; b < blocks; b++)
        t->ids[b] = (int32_t)order[b];
    /* Any bits are a key: NaN too. No two are alike. */
    for (uint32_t i = 0; i < t->pool_blocks * block_tokens * D; i++) {
        uint32_t bits = (uint32_t)random_bits(e);
        memcpy(&t->pool[i], &bits, sizeof bits);
    }
}

static int compare(struct exercise *e, const struct task *t, const struct gathered *yours) {
    for (uint32_t k = 0; k < t->tokens; k++)
        for (uint32_t d = 0; d < t->D; d++) {
            size_t i = (size_t)k * t->D + d;
            size_t slot =
                (size_t)t->ids[k / t->block_tokens] * t->block_tokens + k % t->block_tokens;
            if (memcmp(&yours->out[i], &t->pool[slot * t->D + d], sizeof(float)) == 0)
                continue;
            bool kept = unwritten(e, yours, offsetof(struct gathered, out) + i * sizeof(float),
                                  sizeof(float));
            return not_yet(e, "%u tokens in blocks of %u, D = %u: channel %u of token %u %s",
                           t->tokens, t->block_tokens, t->D, d, k,
                           kept ? "was not written" : "is another number than the pool's");
        }
    return 0;
}

static int launch(struct exercise *e, struct task *t, uint32_t tokens, uint32_t block_tokens,
                  uint32_t D, struct gathered *yours) {
    char at[80];
    make(e, t, tokens, block_tokens, D);
    snprintf(at, sizeof at, "%u tokens in blocks of %u, D = %u", tokens, block_tokens, D);
    size_t pool = (size_t)t->pool_blocks * block_tokens * D * sizeof(float);
    if (ask(e, t, offsetof(struct task, pool) + pool, yours, sizeof *yours) != 0)
        return 1;
    int failed = kernel_failed(e, &yours->run, at);
    return failed ? failed : compare(e, t, yours);
}

static int score(struct exercise *e, const struct kernel_run *run, uint32_t numbers) {
    const struct simt_counts *c = &run->counts;
    int status;
    if (kernel_uncounted(e, run, &status))
        return status;
    double loads = kernel_ratio(c->load_sectors, c->load_sectors_least);
    double stores = kernel_ratio(c->store_sectors, c->store_sectors_least);
    if (c->stored != 4ull * numbers)
        return not_yet(e, "%llu bytes were written, of %llu that there are",
                       (unsigned long long)c->stored, 4ull * numbers);
    if (loads > 1.1)
        return not_yet(e,
                       "a warp's loads touch %.1f times as many sectors of 32 bytes as their bytes "
                       "would fill",
                       loads);
    if (stores > 1.1)
        return not_yet(e,
                       "a warp's stores touch %.1f times as many sectors of 32 bytes as their "
                       "bytes would fill",
                       stores);
    /* Of the table a number needs nothing of its own; the least is what each number is read as. */
    snprintf(
        e->score, sizeof e->score,
        "It reads %.2f bytes per number, %.2f of them different (4 is least), and writes %.2f; "
        "%.2f sectors per load (%.2f is least), %.2f per store (%.2f is least)",
        kernel_ratio(c->loaded, numbers), kernel_ratio(c->loaded_unique, numbers),
        kernel_ratio(c->stored, numbers), kernel_ratio(c->load_sectors, c->load_requests),
        kernel_ratio(c->load_sectors_least, c->load_requests),
        kernel_ratio(c->store_sectors, c->store_requests),
        kernel_ratio(c->store_sectors_least, c->store_requests));
    return 0;
}

/* 0 right, 1 not yet, 2 it cannot be checked. */
static int check(struct exercise *e) {
    int status = 0;
    static const struct {
        uint32_t tokens, block_tokens, D;
    } cases[] = {{1, 16, 1},  {1, 1, 64},  {2, 16, 64},  {16, 16, 8}, {17, 16, 33},
                 {33, 5, 64}, {31, 2, 20}, {129, 16, 1}, {64, 1, 12}, {100, 16, 128}};
    static struct task t;
    static struct gathered yours;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        if ((status = launch(e, &t, cases[k].tokens, cases[k].block_tokens, cases[k].D, &yours)) !=
            0)
            return status;
    for (int turn = 0; turn < 4; turn++)
        if ((status = launch(e, &t, 1 + random_below(e, TOKENS_MOST), 1 + random_below(e, 32),
                             1 + random_below(e, D_LONGEST), &yours)) != 0)
            return status;
    if ((status = launch(e, &t, 160 + random_below(e, 8), 16, 64, &yours)) != 0)
        return status;
    return score(e, &yours.run, t.tokens * t.D);
}
