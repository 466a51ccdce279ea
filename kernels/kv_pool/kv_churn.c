/*
 * kv_churn.c: a paged pool as the memory of a serving loop (kernels/serving), and the workload that
 * ages it. The loop says who is admitted, gets a token, is pre-empted and leaves; what is here
 * takes blocks for them, those found by their hash included, and gives them back.
 */
#include <stdlib.h>

#include "kernels/kv_pool/kv_inside.h"

/* --- options -----------------------------------------------------------------------------------
 */

struct kv_churn_options kv_churn_default(unsigned pool_blocks, unsigned block_tokens,
                                         uint64_t seed) {
    /* Means of ShareGPT's conversations as W. Kwon et al. found them ("Efficient memory management
     * for large language model serving with PagedAttention", SOSP'23): prompt 161 tokens, output
     * 338, in a context of 2,048; of a small pool's, in proportion. */
    uint64_t slots = (uint64_t)pool_blocks * block_tokens;
    unsigned most = slots >= 16 * 2048 ? 2048 : (unsigned)(slots / 16);
    if (most < 16)
        most = slots < 16 ? (unsigned)slots : 16;
    return (struct kv_churn_options){
        .policy = KV_FIFO,
        .pool_blocks = pool_blocks,
        .block_tokens = block_tokens,
        .trace = {.seed = seed,
                  .prompt_mean = (most * 161 + 2047) / 2048,
                  .output_mean = (most * 338 + 2047) / 2048,
                  .length_sigma = 1.0,
                  .length_most = most,
                  .output_most = most / 2,
                  .share = 0.5,
                  .prefixes = 4,
                  .prefix_tokens = most / 16},
    };
}

struct serving_options kv_churn_serving(const struct kv_churn_options *options) {
    return (struct serving_options){
        .trace = options->trace,
        .arrivals = SERVING_SATURATED,
        .batcher = SERVING_BUDGET_ONLY,
        .batch_most = options->running,
    };
}

int kv_churn_check(const struct kv_churn_options *o, char *why) {
    _Static_assert(KV_WHY >= SERVING_WHY, "a reason of the loop has room");
    if ((unsigned)o->policy >= KV_POLICY_COUNT)
        return kv_fail(why, "policy %d does not exist; there are 0 to %d", (int)o->policy,
                       KV_POLICY_COUNT - 1);
    if (o->block_tokens < 1 || o->block_tokens > KV_BLOCK_TOKENS_MOST)
        return kv_fail(why, "blocks of %u tokens; a block has 1 to %d", o->block_tokens,
                       KV_BLOCK_TOKENS_MOST);
    if (o->pool_blocks < 1 || o->pool_blocks > INT32_MAX)
        return kv_fail(why, "a pool of %u blocks; it has 1 to %d", o->pool_blocks, INT32_MAX);
    if (o->running > SERVING_ROWS_MOST)
        return kv_fail(why, "running is %u; it is at most %u", o->running, SERVING_ROWS_MOST);
    const struct serving_options serving = kv_churn_serving(o);
    if (serving_options_check(&serving, true, why) != 0)
        return -1;
    if ((uint64_t)o->pool_blocks * o->block_tokens < o->trace.length_most)
        return kv_fail(why,
                       "a pool of %u blocks of %u tokens cannot hold a request of %u; enlarge it "
                       "or lower length_most",
                       o->pool_blocks, o->block_tokens, o->trace.length_most);
    return 0;
}

/* --- blocks of a sequence ----------------------------------------------------------------------
 */

static void forget(void *self, struct serving_sequence *sequence) {
    struct kv_blocks *held = sequence->memory;
    (void)self;
    if (held) {
        free(held->ids);
        free(held->hashes);
    }
    free(held);
    sequence->memory = NULL;
}

static struct kv_blocks *blocks_of(const struct kv_churn *churn,
                                   struct serving_sequence *sequence) {
    if (sequence->memory)
        return sequence->memory;
    struct kv_blocks *held = sequence->memory = calloc(1, sizeof *held);
    if (!held)
        return NULL;
    size_t most =
        (sequence->request.prompt + sequence->request.output - 1) / churn->options.block_tokens;
    held->ids = calloc(most + 1, sizeof *held->ids);
    held->hashes = calloc(most + 1, sizeof *held->hashes);
    if (!held->ids || !held->hashes)
        forget(NULL, sequence);
    return sequence->memory;
}

/* Its last token's block first. */
static int release(void *self, struct serving_sequence *sequence, char *why) {
    struct kv_churn *churn = self;
    struct kv_blocks *held = sequence->memory;
    churn->counts.operations += held->blocks;
    while (held->blocks > 0) {
        int32_t id = held->ids[--held->blocks];
        if (kv_pool_release(churn->pool, id) != 0)
            return kv_fail(why, "block %d of request %llu was free already", id,
                           (unsigned long long)sequence->request.number);
    }
    return 0;
}

/* Hashes of all blocks that so many tokens fill. */
static void chain(const struct kv_churn *churn, const struct serving_sequence *sequence,
                  unsigned tokens) {
    struct kv_blocks *held = sequence->memory;
    unsigned n = churn->options.block_tokens;
    uint32_t text[KV_BLOCK_TOKENS_MOST];
    for (; held->chained < tokens / n; held->chained++) {
        unsigned b = held->chained;
        serving_trace_tokens(&churn->options.trace, &sequence->request, b * n, n, text);
        held->hashes[b] = kv_hash_chain(b > 0 ? held->hashes[b - 1] : 0, text, n);
    }
}

/* Makes blocks findable that so many tokens fill, from block `first` on. */
static int publish(struct kv_churn *churn, const struct serving_sequence *sequence, unsigned tokens,
                   unsigned first, char *why) {
    const struct kv_blocks *held = sequence->memory;
    chain(churn, sequence, tokens);
    for (unsigned b = first; b < held->chained; b++)
        if (kv_pool_cache(churn->pool, held->ids[b], held->hashes[b]) != 0)
            return kv_fail(why, "block %d of request %llu is known as another one", held->ids[b],
                           (unsigned long long)sequence->request.number);
    return 0;
}

static int admit(void *self, struct serving_sequence *sequence, char *why) {
    struct kv_churn *churn = self;
    struct kv_blocks *held = blocks_of(churn, sequence);
    if (!held)
        return kv_fail(why, "no memory for the blocks of a request");
    unsigned n = churn->options.block_tokens, blocks = (sequence->tokens - 1) / n + 1;
    chain(churn, sequence, sequence->tokens);
    /* Not the last token's block: that token must be computed to give the next one. */
    unsigned found = 0, idle = 0; /* idle: found, but free */
    for (; found < blocks - 1; found++) {
        int32_t id = kv_known_look(churn->pool, held->hashes[found]);
        if (id == KV_NO_BLOCK)
            break;
        idle += kv_pool_holders(churn->pool, id) == 0;
    }
    unsigned fresh = blocks - found;
    if (fresh + idle > kv_pool_free_blocks(churn->pool)) {
        churn->refused = (struct kv_refused){
            .is = true,
            .asked = sequence->tokens - (uint64_t)(found - idle) * n,
            .had = (uint64_t)kv_pool_free_blocks(churn->pool) * n,
        };
        return 0;
    }
    for (unsigned b = 0; b < found; b++)
        held->ids[b] = kv_pool_find(churn->pool, held->hashes[b]);
    if (kv_pool_take(churn->pool, fresh, held->ids + found) != 0)
        return kv_fail(why, "%u free blocks were promised and not there", fresh);
    held->blocks = blocks;
    churn->counts.blocks_found += found;
    churn->counts.blocks_taken += fresh;
    churn->counts.operations += blocks;
    return publish(churn, sequence, sequence->tokens, found, why) == 0 ? 1 : -1;
}

static int append(void *self, struct serving_sequence *sequence, char *why) {
    struct kv_churn *churn = self;
    struct kv_blocks *held = sequence->memory;
    unsigned n = churn->options.block_tokens, tokens = sequence->tokens + 1;
    if (sequence->tokens % n == 0) {
        if (kv_pool_take(churn->pool, 1, &held->ids[held->blocks]) != 0)
            return 0;
        held->blocks++;
        churn->counts.blocks_taken++;
        churn->counts.operations++;
    }
    if (tokens % n == 0 && publish(churn, sequence, tokens, tokens / n - 1, why) != 0)
        return -1;
    return 1;
}

/* --- a workload --------------------------------------------------------------------------------
 */

int kv_churn_open(struct kv_churn **out, const struct kv_churn_options *options) {
    *out = NULL;
    if (kv_churn_check(options, NULL) != 0)
        return -1;
    struct kv_churn *churn = calloc(1, sizeof *churn);
    if (!churn)
        return -1;
    churn->options = *options;
    const struct serving_options serving = kv_churn_serving(options);
    const struct serving_memory memory = {
        .self = churn, .admit = admit, .append = append, .release = release, .forget = forget};
    if (kv_pool_open(&churn->pool, options->policy, options->pool_blocks) != 0 ||
        serving_open(&churn->loop, &serving, &memory, NULL, NULL) != 0) {
        kv_churn_close(churn);
        return -1;
    }
    *out = churn;
    return 0;
}

void kv_churn_close(struct kv_churn *churn) {
    if (!churn)
        return;
    serving_close(churn->loop);
    kv_pool_close(churn->pool);
    free(churn);
}

void kv_churn_counts(const struct kv_churn *churn, struct kv_churn_counts *out) {
    struct serving_counts serving;
    serving_counts(churn->loop, &serving);
    *out = churn->counts;
    out->admitted = serving.admitted;
    out->finished = serving.finished;
    out->preempted = serving.preempted;
}

const struct kv_pool *kv_churn_pool(const struct kv_churn *churn) {
    return churn->pool;
}

/* With one request always waiting, time decides nothing. */
int kv_step(struct serving_loop *loop, char *why) {
    struct serving_batch batch;
    const struct serving_outcome outcome = {.duration_ns = 1};
    return serving_begin(loop, &batch, why) == 1 ? serving_end(loop, &outcome, why) : -1;
}

/* Nobody is admitted in the step after one that pre-empted somebody. If nobody runs either, the
 * loop goes on at once; here that step counts, as an empty one. */
int kv_churn_step(struct kv_churn *churn, char *why) {
    struct serving_counts counts;
    churn->refused.is = false;
    churn->counts.steps++;
    if (churn->emptied) {
        churn->emptied = false;
        return 0;
    }
    if (kv_step(churn->loop, why) != 0)
        return -1;
    serving_counts(churn->loop, &counts);
    churn->emptied = counts.running == 0 && counts.preempted > churn->preempted;
    churn->preempted = counts.preempted;
    return 0;
}

int kv_churn_run(struct kv_churn *churn, uint64_t steps, char *why) {
    if (churn->spent)
        return kv_fail(why, "the workload has become a table; open another one to run more");
    for (uint64_t step = 0; step < steps; step++)
        if (kv_churn_step(churn, why) != 0)
            return -1;
    return kv_pool_audit(churn->pool, why);
}
