/*
 * kv_churn.c: a serving workload on a pool, as vLLM V1 schedules one. The next request always
 * waits. Admission is first come, first served, and takes the blocks of all tokens at once, those
 * found by their hash included. A running request that gets no block pre-empts the one admitted
 * last, which gives everything back, waits in front, and is recomputed when it is admitted again.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/kv_pool/kv_inside.h"

static int no_memory(char *why) {
    return kv_fail(why, "no memory for the requests of the workload");
}

/* --- sequences in lines ------------------------------------------------------------------------
 */

static int push(struct kv_line *line, struct kv_sequence *sequence) {
    if (line->count == line->room) {
        size_t room = line->room ? 2 * line->room : 16;
        struct kv_sequence **at = realloc(line->at, room * sizeof *at);
        if (!at)
            return -1;
        line->at = at;
        line->room = room;
    }
    line->at[line->count++] = sequence;
    return 0;
}

static struct kv_sequence *take_out(struct kv_line *line, size_t i) {
    struct kv_sequence *sequence = line->at[i];
    memmove(line->at + i, line->at + i + 1, (line->count - i - 1) * sizeof *line->at);
    line->count--;
    return sequence;
}

static void sequence_close(struct kv_sequence *sequence) {
    if (sequence) {
        free(sequence->ids);
        free(sequence->hashes);
    }
    free(sequence);
}

static struct kv_sequence *sequence_open(const struct kv_churn_options *options, uint64_t number) {
    struct kv_sequence *sequence = calloc(1, sizeof *sequence);
    if (!sequence)
        return NULL;
    sequence->request = kv_trace_request(options, number);
    sequence->tokens = sequence->request.prompt;
    size_t most = (sequence->request.prompt + sequence->request.output - 1) / options->block_tokens;
    sequence->ids = calloc(most + 1, sizeof *sequence->ids);
    sequence->hashes = calloc(most + 1, sizeof *sequence->hashes);
    if (sequence->ids && sequence->hashes)
        return sequence;
    sequence_close(sequence);
    return NULL;
}

static void line_close(struct kv_line *line) {
    for (size_t i = 0; i < line->count; i++)
        sequence_close(line->at[i]);
    free(line->at);
}

/* --- opening -----------------------------------------------------------------------------------
 */

int kv_churn_open(struct kv_churn **out, const struct kv_churn_options *options) {
    *out = NULL;
    if (kv_churn_check(options, NULL) != 0)
        return -1;
    struct kv_churn *churn = calloc(1, sizeof *churn);
    if (!churn)
        return -1;
    churn->options = *options;
    if (kv_pool_open(&churn->pool, options->policy, options->pool_blocks) != 0) {
        kv_churn_close(churn);
        return -1;
    }
    *out = churn;
    return 0;
}

void kv_churn_close(struct kv_churn *churn) {
    if (!churn)
        return;
    line_close(&churn->running);
    line_close(&churn->waiting);
    kv_pool_close(churn->pool);
    free(churn);
}

void kv_churn_counts(const struct kv_churn *churn, struct kv_churn_counts *out) {
    *out = churn->counts;
}

const struct kv_pool *kv_churn_pool(const struct kv_churn *churn) {
    return churn->pool;
}

/* --- blocks of a sequence ----------------------------------------------------------------------
 */

/* Its last token's block first. */
static int give_back(struct kv_churn *churn, struct kv_sequence *sequence, char *why) {
    churn->counts.operations += sequence->blocks;
    while (sequence->blocks > 0) {
        int32_t id = sequence->ids[--sequence->blocks];
        if (kv_pool_release(churn->pool, id) != 0)
            return kv_fail(why, "block %d of request %llu was free already", id,
                           (unsigned long long)sequence->request.number);
    }
    return 0;
}

/* Hashes of all full blocks. */
static void chain(const struct kv_churn *churn, struct kv_sequence *sequence) {
    unsigned n = churn->options.block_tokens;
    uint32_t tokens[KV_BLOCK_TOKENS_MOST];
    for (; sequence->chained < sequence->tokens / n; sequence->chained++) {
        unsigned b = sequence->chained;
        kv_trace_tokens(&churn->options, &sequence->request, b * n, n, tokens);
        sequence->hashes[b] = kv_hash_chain(b > 0 ? sequence->hashes[b - 1] : 0, tokens, n);
    }
}

/* Makes full blocks findable from block `first` on. */
static int publish(struct kv_churn *churn, struct kv_sequence *sequence, unsigned first,
                   char *why) {
    chain(churn, sequence);
    for (unsigned b = first; b < sequence->chained; b++)
        if (kv_pool_cache(churn->pool, sequence->ids[b], sequence->hashes[b]) != 0)
            return kv_fail(why, "block %d of request %llu is known as another one",
                           sequence->ids[b], (unsigned long long)sequence->request.number);
    return 0;
}

/* --- a step ------------------------------------------------------------------------------------
 */

/* 1: admitted; 0: not enough free blocks; -1. */
static int admit(struct kv_churn *churn, struct kv_sequence *sequence, char *why) {
    unsigned n = churn->options.block_tokens, blocks = (sequence->tokens - 1) / n + 1;
    chain(churn, sequence);
    /* Not the last token's block: that token must be computed to give the next one. */
    unsigned found = 0, idle = 0; /* idle: found, but free */
    for (; found < blocks - 1; found++) {
        int32_t id = kv_known_look(churn->pool, sequence->hashes[found]);
        if (id == KV_NO_BLOCK)
            break;
        idle += kv_pool_holders(churn->pool, id) == 0;
    }
    unsigned fresh = blocks - found;
    if (fresh + idle > kv_pool_free_blocks(churn->pool)) {
        churn->refused = true;
        churn->asked = sequence->tokens - (uint64_t)(found - idle) * n;
        churn->had = (uint64_t)kv_pool_free_blocks(churn->pool) * n;
        return 0;
    }
    for (unsigned b = 0; b < found; b++)
        sequence->ids[b] = kv_pool_find(churn->pool, sequence->hashes[b]);
    if (kv_pool_take(churn->pool, fresh, sequence->ids + found) != 0)
        return kv_fail(why, "%u free blocks were promised and not there", fresh);
    sequence->blocks = blocks;
    churn->counts.admitted++;
    churn->counts.blocks_found += found;
    churn->counts.blocks_taken += fresh;
    churn->counts.operations += blocks;
    return publish(churn, sequence, found, why) == 0 ? 1 : -1;
}

static int admit_all(struct kv_churn *churn, char *why) {
    unsigned most = churn->options.running;
    while (most == 0 || churn->running.count < most) {
        struct kv_line *waiting = &churn->waiting;
        if (waiting->count == 0) {
            struct kv_sequence *next = sequence_open(&churn->options, churn->arrived);
            if (!next || push(waiting, next) != 0) {
                sequence_close(next);
                return no_memory(why);
            }
            churn->arrived++;
        }
        struct kv_sequence *next = waiting->at[waiting->count - 1];
        int admitted = admit(churn, next, why);
        if (admitted != 1)
            return admitted;
        if (push(&churn->running, next) != 0)
            return no_memory(why);
        waiting->count--;
    }
    return 0;
}

/* One block for running request i, pre-empting from the end of the line; it may end itself. */
static int grow(struct kv_churn *churn, size_t i, char *why) {
    struct kv_sequence *sequence = churn->running.at[i];
    while (kv_pool_take(churn->pool, 1, &sequence->ids[sequence->blocks]) != 0) {
        struct kv_sequence *last = churn->running.at[churn->running.count - 1];
        if (push(&churn->waiting, last) != 0)
            return no_memory(why);
        churn->running.count--;
        churn->counts.preempted++;
        churn->preempted = true;
        if (give_back(churn, last, why) != 0)
            return -1;
        if (last == sequence)
            return 0;
    }
    sequence->blocks++;
    churn->counts.blocks_taken++;
    churn->counts.operations++;
    return 0;
}

static int decode_all(struct kv_churn *churn, char *why) {
    unsigned n = churn->options.block_tokens;
    for (size_t i = 0; i < churn->running.count;) {
        struct kv_sequence *sequence = churn->running.at[i];
        if (sequence->tokens % n == 0 && grow(churn, i, why) != 0)
            return -1;
        if (i >= churn->running.count)
            break; /* it pre-empted itself */
        sequence->tokens++;
        if (sequence->tokens % n == 0 && publish(churn, sequence, sequence->tokens / n - 1, why))
            return -1;
        if (sequence->tokens < sequence->request.prompt + sequence->request.output) {
            i++;
            continue;
        }
        churn->counts.finished++;
        int status = give_back(churn, sequence, why);
        sequence_close(take_out(&churn->running, i));
        if (status != 0)
            return -1;
    }
    return 0;
}

int kv_churn_step(struct kv_churn *churn, char *why) {
    churn->refused = false;
    if (!churn->preempted && admit_all(churn, why) != 0)
        return -1;
    churn->preempted = false;
    if (decode_all(churn, why) != 0)
        return -1;
    churn->counts.steps++;
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

int kv_churn_end_oldest(struct kv_churn *churn, char *why) {
    struct kv_sequence *oldest = take_out(&churn->running, 0);
    int status = give_back(churn, oldest, why);
    sequence_close(oldest);
    return status;
}
