/*
 * paged_cpu_choice.c: which way of asking ahead is fastest on this machine, by trying.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/paged_attention/paged_cpu.h"
#include "kernels/pages/pages.h"

/* 64 MiB of keys and as many of values: 32 sequences of 1,024 tokens of 4 heads, in f32. */
enum { SEQUENCES = 32, TOKENS = 1024, HEADS = 4, ROUNDS = 9 };

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Each way's fastest run of a few, taken by turns. */
static enum paged_prefetch fastest(struct paged_cpu_call *call) {
    double best[PAGED_PREFETCH_COUNT];
    enum paged_prefetch choice = PAGED_PREFETCH_NONE;
    for (int round = 0; round < ROUNDS; round++)
        for (int p = 0; p < PAGED_PREFETCH_COUNT; p++) {
            call->prefetch = (enum paged_prefetch)p;
            double start = seconds();
            if (paged_cpu_run(call) != 0)
                return PAGED_PREFETCH_NONE;
            double time = seconds() - start;
            if (round == 0 || time < best[p])
                best[p] = time;
        }
    for (int p = 0; p < PAGED_PREFETCH_COUNT; p++)
        if (best[p] < best[choice])
            choice = (enum paged_prefetch)p;
    return choice;
}

static enum paged_prefetch try_all(const struct paged_plan *plan, const struct kv_table *table,
                                   unsigned threads) {
    struct paged_cpu_call call = {.plan = *plan,
                                  .shape = {.kv_heads = HEADS, .table = table, .processors = 1},
                                  .isa = paged_isa_best(),
                                  .threads = threads};
    size_t elements = paged_query_elements(plan, &call.shape);
    size_t bytes = paged_cache_bytes(plan, &call.shape);
    size_t workspace = paged_cpu_workspace_bytes(plan, &call.shape, threads);
    struct pages k = {0}, v = {0};
    enum paged_prefetch choice = PAGED_PREFETCH_NONE;
    void *q = calloc(elements, sizeof(float));
    call.q = q;
    call.out = malloc(elements * sizeof(float));
    call.sums = malloc(SEQUENCES * sizeof *call.sums);
    call.workspace = aligned_alloc(64, (workspace + 63) / 64 * 64);
    if (q && call.out && call.sums && call.workspace && pages_alloc(&k, bytes, PAGES_ANY) == 0 &&
        pages_alloc(&v, bytes, PAGES_ANY) == 0) {
        call.k = k.memory;
        call.v = v.memory;
        choice = fastest(&call);
    }
    pages_free(&k);
    pages_free(&v);
    free(q);
    free(call.out);
    free(call.sums);
    free(call.workspace);
    return choice;
}

enum paged_prefetch paged_prefetch_best(enum paged_op op, unsigned threads) {
    static bool known[3];
    static enum paged_prefetch best[3];
    if (op == PAGED_WALK || known[op])
        return op == PAGED_WALK ? PAGED_PREFETCH_NONE : best[op];
    struct paged_plan plan = paged_plan_default();
    plan.op = op;
    plan.element = PAGED_F32;
    plan.block = 16;
    struct kv_table table;
    int32_t tokens[SEQUENCES];
    for (int s = 0; s < SEQUENCES; s++)
        tokens[s] = TOKENS;
    if (kv_table_open(&table, SEQUENCES, tokens, 16, SEQUENCES * TOKENS / 16) != 0)
        return PAGED_PREFETCH_NONE;
    enum kv_map map = op == PAGED_ATTENTION ? KV_MAP_PERMUTED : KV_MAP_IDENTITY;
    if (kv_table_map(&table, map, 1, 1, NULL) == 0)
        best[op] = try_all(&plan, &table, threads);
    kv_table_close(&table);
    known[op] = true;
    return best[op];
}
