/*
 * paged_cpu.c: a native decode step: picks the code for it, shares the work out to threads, and
 * merges the splits.
 *
 * The staging, which decides the bits; all of it is per (sequence, KV head, query head):
 *
 *     scores   Channel c of q·k is added to lane c % 16 by a fused multiply-add, channels in order;
 *              the lanes are added by halves: lane i and i + 8, then 4, 2 and 1. Times
 *              paged_scale() once.
 *     softmax  Per tile of 64 tokens: the maximum so far m; the factor 2^(m before - m) for what
 *              was summed before; weights 2^(score - m) (paged_exp.h). The weight of token t is
 *              added to lane t % 16 of the total, after the factor, tokens in order.
 *     values   Each channel's sum is multiplied by the factor, then takes weight × value by fused
 *              multiply-adds, tokens in order.
 *     splits   M is the largest maximum; each split's sums and total (its 16 lanes added as above)
 *              are added to 0, in order, by fused multiply-adds with 2^(its maximum - M).
 *     out      The sums divided by the total; 0 for a sequence without tokens.
 *
 * Nothing here depends on where a token lies, on the width of a register or on who does the work.
 */
#include "kernels/paged_attention/paged_cpu.h"

#include <stdlib.h>

#include "kernels/paged_attention/paged_cpu_inside.h"
#include "kernels/paged_attention/paged_exp.h"
#include "kernels/threads/threads.h"

static const char *const isa_names[PAGED_ISAS] = {"portable", "avx2", "avx512"};

const char *paged_isa_name(enum paged_isa isa) {
    return isa_names[isa];
}

bool paged_isa_works(enum paged_isa isa) {
#ifdef __x86_64__
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                __builtin_cpu_supports("f16c");
    if (isa == PAGED_AVX2)
        return avx2;
    if (isa == PAGED_AVX512)
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
    return isa == PAGED_PORTABLE;
}

enum paged_isa paged_isa_best(void) {
    enum paged_isa isa = PAGED_AVX512;
    while (!paged_isa_works(isa))
        isa--;
    return isa;
}

static const struct paged_cpu_kernels *kernels_of(enum paged_isa isa) {
#ifdef __x86_64__
    if (isa == PAGED_AVX512)
        return &paged_cpu_avx512;
    if (isa == PAGED_AVX2)
        return &paged_cpu_avx2;
#endif
    return &paged_cpu_portable;
}

#define PREFETCH_NAME(value, word) [value] = word,
static const char *const prefetch_names[] = {PAGED_PREFETCHES(PREFETCH_NAME)};

const char *paged_prefetch_name(enum paged_prefetch prefetch) {
    return prefetch_names[prefetch];
}

/* --- shares ------------------------------------------------------------------------------------
 */

static unsigned tiles_of(const struct paged_cpu_step *job, unsigned sequence) {
    return ((unsigned)job->table->tokens[sequence] + PAGED_TILE - 1) / PAGED_TILE;
}

/* Parts of the heads outermost: a thread reads the same heads of one sequence after another. */
struct paged_item paged_cpu_item(const struct paged_cpu_step *job, size_t index) {
    struct paged_item item;
    size_t pairs = (size_t)job->table->sequences * job->splits;
    unsigned part = (unsigned)(index / pairs);
    index %= pairs;
    item.sequence = (unsigned)(index / job->splits);
    item.split = (unsigned)(index % job->splits);
    item.head = job->heads * part / job->parts;
    item.heads = job->heads * (part + 1) / job->parts - item.head;
    paged_split_range(tiles_of(job, item.sequence), job->splits, item.split, &item.tile, &item.end);
    return item;
}

static size_t weight_of(const struct paged_cpu_step *job, size_t index) {
    struct paged_item item = paged_cpu_item(job, index);
    /* An item without tiles still has something to write. */
    return (size_t)(item.end - item.tile) * item.heads * 64 + 1;
}

/* Items in order, each to the thread in whose equal share of all tiles its middle lies. Returns the
 * largest share of a thread over the mean one. */
static double share_out(struct paged_cpu_step *job, unsigned threads) {
    size_t total = 0, before = 0, largest = 0, mine = 0;
    job->items = (size_t)job->table->sequences * job->splits * job->parts;
    for (size_t i = 0; i < job->items; i++)
        total += weight_of(job, i);
    unsigned thread = 0;
    job->first[0] = 0;
    for (size_t i = 0; i < job->items; i++) {
        size_t weight = weight_of(job, i);
        while (thread + 1 < threads &&
               (2 * before + weight) * threads >= 2 * total * (thread + 1)) {
            job->first[++thread] = i;
            mine = 0;
        }
        before += weight;
        mine += weight;
        largest = mine > largest ? mine : largest;
    }
    while (thread < threads)
        job->first[++thread] = job->items;
    return (double)largest * threads / (double)total;
}

/* As few parts of the heads as keep all threads about equally busy. */
static void share(struct paged_cpu_step *job, unsigned threads) {
    unsigned best = 1;
    double least = 0;
    for (job->parts = 1; job->parts <= job->heads; job->parts *= 2) {
        double worst = share_out(job, threads);
        if (worst < 1.1)
            return;
        if (least == 0 || worst < 0.95 * least) {
            least = worst;
            best = job->parts;
        }
    }
    job->parts = best;
    share_out(job, threads);
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static size_t queries_of(const struct paged_plan *plan, const struct paged_shape *shape) {
    return (size_t)shape->table->sequences * shape->kv_heads * (size_t)plan->group;
}

size_t paged_cpu_workspace_bytes(const struct paged_plan *plan, const struct paged_shape *shape,
                                 unsigned threads) {
    size_t bytes = whole_lines((threads + 1) * sizeof(size_t));
    bytes += threads *
             paged_cpu_private_bytes(shape->kv_heads, (unsigned)plan->group, (unsigned)plan->head);
    unsigned splits = paged_splits(plan, shape);
    if (plan->op == PAGED_ATTENTION && splits > 1)
        bytes += queries_of(plan, shape) * splits * ((size_t)plan->head + 2) * sizeof(float);
    return bytes;
}

static void place_tokens(struct paged_cpu_step *job) {
    const struct paged_plan *plan = &job->call->plan;
    size_t head_bytes = (size_t)job->head * job->element;
    job->token_bytes = job->heads * head_bytes;
    job->block = (unsigned)plan->block;
    if (job->slab) {
        job->block = 1;
        for (unsigned s = 0; s < job->table->sequences; s++)
            if ((unsigned)job->table->tokens[s] > job->block)
                job->block = (unsigned)job->table->tokens[s];
    }
    job->block_bytes = job->block * job->token_bytes;
    job->layout = job->block == 1 ? PAGED_NHD : (enum paged_layout)plan->layout;
    job->token_stride = job->layout == PAGED_NHD   ? job->token_bytes
                        : job->layout == PAGED_HND ? head_bytes
                                                   : 16;
    job->head_stride = job->layout == PAGED_NHD ? head_bytes : job->block * head_bytes;
    job->piece = (size_t)job->block * 16;
}

static void place_workspace(struct paged_cpu_step *job, unsigned threads) {
    const struct paged_plan *plan = &job->call->plan;
    char *memory = job->call->workspace;
    job->first = (size_t *)memory;
    memory += whole_lines((threads + 1) * sizeof *job->first);
    job->private = memory;
    job->private_bytes = paged_cpu_private_bytes(job->heads, job->group, job->head);
    memory += threads * job->private_bytes;
    size_t queries = queries_of(plan, &job->call->shape) * job->splits;
    job->partial = (float *)memory;
    job->most = job->partial + queries * job->head;
    job->total = job->most + queries;
}

static void run_share(void *context, unsigned index, unsigned count) {
    (void)count;
    const struct paged_cpu_step *job = context;
    if (job->call->plan.op == PAGED_ATTENTION)
        paged_cpu_decode(job, index);
    else
        paged_cpu_gather(job, index);
}

/* One query head's splits, into `out`. */
static void merge(const struct paged_cpu_step *job, size_t sequence, size_t query, float *out) {
    size_t queries = (size_t)job->heads * job->group, first = sequence * job->splits * queries;
    float most = -INFINITY, total = 0;
    memset(out, 0, job->head * sizeof *out);
    for (unsigned split = 0; split < job->splits; split++) {
        float here = job->most[first + split * queries + query];
        most = here > most ? here : most;
    }
    for (unsigned split = 0; split < job->splits; split++) {
        size_t at = first + split * queries + query;
        if (job->total[at] == 0)
            continue;
        float weight = paged_exp2(job->most[at] - most);
        total = fmaf(weight, job->total[at], total);
        job->kernels->add(out, job->partial + at * job->head, job->head, weight);
    }
    if (total > 0)
        job->kernels->divide(out, job->head, total);
}

static void merge_share(void *context, unsigned index, unsigned count) {
    const struct paged_cpu_step *job = context;
    size_t queries = (size_t)job->heads * job->group, all = job->table->sequences * queries;
    for (size_t i = all * index / count; i < all * (index + 1) / count; i++)
        merge(job, i / queries, i % queries, job->call->out + i * job->head);
}

static void run_on(struct pool *pool, unsigned threads, pool_function *function,
                   struct paged_cpu_step *job) {
    if (pool)
        pool_run_on(pool, threads, function, job);
    else
        function(job, 0, 1);
}

int paged_cpu_run(const struct paged_cpu_call *call) {
    if (call->threads < 1 || !paged_isa_works(call->isa))
        return device_fail("a native decode step needs 1 or more threads and an instruction set "
                           "that this CPU has, not %u and %s; ask paged_isa_best()",
                           call->threads, paged_isa_name(call->isa));
    unsigned threads = call->threads;
    struct pool *pool = threads > 1 ? pool_shared(threads) : NULL;
    if (threads > 1 && !pool)
        return device_fail("no memory or threads for a decode step on %u threads; use fewer",
                           threads);
    struct paged_cpu_step job = {.call = call,
                                 .kernels = kernels_of(call->isa),
                                 .table = call->shape.table,
                                 .slab = call->plan.mapping == PAGED_SLAB,
                                 .heads = call->shape.kv_heads,
                                 .group = (unsigned)call->plan.group,
                                 .head = (unsigned)call->plan.head,
                                 .element =
                                     (unsigned)element_bytes((enum element)call->plan.element),
                                 .splits = paged_splits(&call->plan, &call->shape)};
    place_tokens(&job);
    place_workspace(&job, threads);
    share(&job, threads);
    if (call->plan.op != PAGED_ATTENTION)
        memset(call->sums, 0, job.table->sequences * sizeof *call->sums);
    run_on(pool, threads, run_share, &job);
    if (call->plan.op == PAGED_ATTENTION && job.splits > 1)
        run_on(pool, threads, merge_share, &job);
    return 0;
}

int paged_cpu_model(const struct paged_plan *plan, const struct paged_shape *shape, const void *k,
                    const void *v, const void *q, float *out) {
    size_t bytes = whole_lines(paged_cpu_workspace_bytes(plan, shape, 1));
    struct paged_cpu_call call = {.plan = *plan,
                                  .shape = *shape,
                                  .isa = PAGED_PORTABLE,
                                  .prefetch = PAGED_PREFETCH_NONE,
                                  .threads = 1,
                                  .k = k,
                                  .v = v,
                                  .q = q,
                                  .out = out,
                                  .workspace = aligned_alloc(PAGED_LINE, bytes)};
    if (!call.workspace)
        return device_fail("no memory for the model of a decode step");
    int status = paged_cpu_run(&call);
    free(call.workspace);
    return status;
}
