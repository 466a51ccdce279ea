/*
 * block_sum.c: sums of blocks beside sums in doubles, at sizes around every edge; and, of a launch
 * without a tail, what it asked memory for.
 */
#define EXERCISE_KERNEL
#include "block_sum.h"

/* Whole numbers, whose sum is the same in every order and is compared to the bit, or any. */
static void make(struct exercise *e, struct task *t, uint32_t n, bool whole) {
    t->seed = random_bits(e);
    t->n = n;
    t->blocks = (n + SPAN - 1) / SPAN;
    for (uint32_t i = 0; i < n; i++)
        t->x[i] = whole ? (float)(1 + random_below(e, 4000)) : (float)random_normal(e);
}

static int compare(struct exercise *e, const struct task *t, const struct sums *yours, bool whole) {
    for (uint32_t b = 0; b < t->blocks; b++) {
        double sum = 0, sizes = 0, got = yours->of[b];
        uint32_t end = t->n - b * SPAN < SPAN ? t->n - b * SPAN : SPAN;
        for (uint32_t i = 0; i < end; i++) {
            sum += t->x[b * SPAN + i];
            sizes += fabs(t->x[b * SPAN + i]);
        }
        if (unwritten(e, yours, offsetof(struct sums, of) + b * sizeof yours->of[0],
                      sizeof yours->of[0]))
            return not_yet(e, "n = %u: nothing was written to sums[%u] of %u", t->n, b, t->blocks);
        /* Of any order, each addition within half a unit of its result. */
        if (!(fabs(got - sum) <= (whole ? 0 : (end - 1) * 0x1p-24 / (1 - end * 0x1p-24) * sizes)))
            return not_yet(e, "n = %u: sums[%u] is %.9g, not %.9g, for %u numbers", t->n, b, got,
                           sum, end);
    }
    return 0;
}

static int launch(struct exercise *e, struct task *t, uint32_t n, bool whole, struct sums *yours) {
    char at[40];
    make(e, t, n, whole);
    snprintf(at, sizeof at, "n = %u", n);
    if (ask(e, t, offsetof(struct task, x) + n * sizeof t->x[0], yours, sizeof *yours) != 0)
        return 1;
    int failed = kernel_failed(e, &yours->run, at);
    return failed ? failed : compare(e, t, yours, whole);
}

static int score(struct exercise *e, const struct kernel_run *run, uint32_t n, uint32_t blocks) {
    const struct simt_counts *c = &run->counts;
    int status;
    if (kernel_uncounted(e, run, &status))
        return status;
    double bytes = kernel_ratio(c->loaded, n);
    double sectors = kernel_ratio(c->load_sectors, c->load_requests);
    double least = kernel_ratio(c->load_sectors_least, c->load_requests);
    double passes = kernel_ratio(c->shared_passes, c->shared_passes_least);
    if (c->loaded_unique != 4ull * n)
        return not_yet(e, "n = %u: %llu bytes of x were read, of %llu", n,
                       (unsigned long long)c->loaded_unique, 4ull * n);
    if (bytes > 4.04)
        return not_yet(e, "n = %u: it reads %.2f bytes for each number of 4 bytes", n, bytes);
    if (sectors > 1.1 * least)
        return not_yet(e,
                       "n = %u: a request of a warp touches %.1f sectors of 32 bytes, and its "
                       "bytes would fit into %.1f",
                       n, sectors, least);
    if (passes > 1.05)
        return not_yet(e,
                       "n = %u: shared memory is passed through %.2f times as often as without "
                       "conflicts of banks",
                       n, passes);
    snprintf(
        e->score, sizeof e->score,
        "It reads %.2f bytes per number (4 is least), in %.2f sectors per request (%.2f is "
        "least); %.2f passes through shared memory per request, conflicts %.0f %%; %.1f barriers "
        "and %.1f atomics per block",
        bytes, sectors, least, kernel_ratio(c->shared_passes, c->shared_requests),
        passes > 0 ? (passes - 1) * 100 : 0, kernel_ratio(c->barriers, blocks),
        kernel_ratio(c->atomics_global + c->atomics_shared, blocks));
    return 0;
}

/* 0 right, 1 not yet, 2 it cannot be checked. */
static int check(struct exercise *e) {
    int status = 0;
    static const uint32_t edges[] = {1,    31,   33,   255,  256,  257,  513, 769,
                                     1021, 1023, 1024, 1025, 1279, 2047, 3075};
    static struct task t;
    static struct sums yours;
    for (size_t k = 0; k < sizeof edges / sizeof *edges; k++)
        if ((status = launch(e, &t, edges[k], k % 3 != 2, &yours)) != 0)
            return status;
    for (int turn = 0; turn < 4; turn++)
        if ((status = launch(e, &t, 1 + random_below(e, 8 * SPAN), turn % 2, &yours)) != 0)
            return status;
    if ((status = launch(e, &t, 16 * SPAN, true, &yours)) != 0)
        return status;
    return score(e, &yours.run, t.n, t.blocks);
}
