/*
 * outcome.c: what came out of a step: its output's hash, and whether it is right. Sums must be
 * equal to the bit; attention must lie within the bound of its float64 reference.
 */
#include <math.h>
#include <stdlib.h>

#include "kernels/threads/threads.h"
#include "labs/04-paged-kv-residency/residency.h"

static const void *cache_host(const struct cache *cache, int side) {
    return cache->host[side] ? cache->host[side] : side == 0 ? cache->k : cache->v;
}

/* The output in host memory, to be freed; NULL with device_error(). */
static float *read_output(const struct step *step, size_t *count) {
    struct device *device = step->cache->device;
    *count = paged_query_elements(&step->plan, &step->shape);
    float *out = malloc(*count * sizeof *out);
    if (!out) {
        device_fail("out of memory for %zu numbers of output", *count);
        return NULL;
    }
    if (device_sync(device) == 0 && device_read(device, out, step->out, *count * sizeof *out) == 0)
        return out;
    free(out);
    return NULL;
}

int step_hash(struct step *step, uint64_t *hash) {
    size_t count;
    float *out = read_output(step, &count);
    if (!out)
        return -1;
    *hash = 0xcbf29ce484222325u;
    for (size_t k = 0; k < count * sizeof *out; k++)
        *hash = (*hash ^ ((const unsigned char *)out)[k]) * 0x100000001b3u;
    free(out);
    return 0;
}

/* A pair's reference costs 2 × tokens × head × group multiply-adds in double, at some ten
 * nanoseconds; so many of them together are some tenth of a second. Never fewer than four pairs. */
#define REFERENCE_WORK 1e7
#define PAIRS_MOST 64

static size_t pairs_to_check(const struct step *step) {
    size_t pairs = (size_t)step->table->sequences * step->shape.kv_heads;
    double work = 2.0 * step->plan.head * step->plan.group * step->table->tokens[0];
    double most = work > 0 ? REFERENCE_WORK / work : PAIRS_MOST;
    most = most < 4 ? 4 : most > PAIRS_MOST ? PAIRS_MOST : most;
    return pairs < (size_t)most ? pairs : (size_t)most;
}

static int compare_pair(const struct step *step, size_t pair, const float *out) {
    unsigned sequence = (unsigned)(pair / step->shape.kv_heads);
    unsigned kv_head = (unsigned)(pair % step->shape.kv_heads);
    size_t n = (size_t)step->plan.group * (size_t)step->plan.head;
    double *reference = malloc(2 * n * sizeof *reference);
    double *bound = reference + n;
    if (!reference ||
        paged_reference(&step->plan, &step->shape, sequence, kv_head, cache_host(step->cache, 0),
                        cache_host(step->cache, 1), step->host_q, reference, bound) != 0) {
        free(reference);
        return device_fail("out of memory for the reference of an attention step");
    }
    int status = 0;
    for (size_t k = 0; k < n && status == 0; k++)
        /* Written so that a NaN fails. */
        if (!(fabs(out[pair * n + k] - reference[k]) <= bound[k]))
            status = device_fail("sequence %u, KV head %u: output %zu is %.9g, the reference %.9g "
                                 "with a bound of %.3g",
                                 sequence, kv_head, k, out[pair * n + k], reference[k], bound[k]);
    free(reference);
    return status;
}

struct comparing {
    const struct step *step;
    const float *out;
    size_t checked; /* of all pairs, spread evenly */
    bool failed[PAIRS_MOST];
};

static size_t pair_of(const struct comparing *all, size_t k) {
    size_t pairs = (size_t)all->step->table->sequences * all->step->shape.kv_heads;
    return k * pairs / all->checked;
}

static void compare_part(void *context, unsigned index, unsigned count) {
    struct comparing *all = context;
    for (size_t k = index; k < all->checked; k += count)
        all->failed[k] = compare_pair(all->step, pair_of(all, k), all->out) != 0;
}

static int compare_pairs(const struct step *step, const float *out) {
    struct comparing all = {.step = step, .out = out, .checked = pairs_to_check(step)};
    struct pool *pool = pool_shared(pool_cpus());
    if (!pool)
        return device_fail("no threads to compute references with");
    pool_run(pool, compare_part, &all);
    for (size_t k = 0; k < all.checked; k++)
        if (all.failed[k]) /* once more, for the text: a worker's is its own */
            return compare_pair(step, pair_of(&all, k), out);
    return 0;
}

static int validate_attention(const struct step *step) {
    size_t count;
    float *out = read_output(step, &count);
    if (!out)
        return -1;
    int status = 0;
    for (size_t k = 0; k < count && status == 0; k++)
        if (!isfinite(out[k]))
            status = device_fail("output %zu of %zu was not written, or is no number", k, count);
    if (status == 0)
        status = compare_pairs(step, out);
    free(out);
    return status;
}

struct summing {
    const struct step *step;
    uint64_t *sums;
    int failed[64];
};

/* Each worker takes every count-th sequence, as a batch of its own. */
static void sum_part(void *context, unsigned index, unsigned count) {
    struct summing *all = context;
    const struct step *step = all->step;
    const struct kv_table *table = step->table;
    for (unsigned s = index; s < table->sequences; s += count) {
        struct kv_table row = *table;
        struct paged_shape shape = step->shape;
        row.sequences = 1;
        row.ids += (size_t)s * table->row_blocks;
        row.tokens += s;
        shape.table = &row;
        /* Slabs of one length follow each other. */
        size_t at =
            step->plan.mapping == PAGED_SLAB ? s * paged_cache_bytes(&step->plan, &shape) : 0;
        if (paged_sums(&step->plan, &shape, (const char *)cache_host(step->cache, 0) + at,
                       (const char *)cache_host(step->cache, 1) + at, &all->sums[s]) != 0)
            all->failed[index % 64] = -1;
    }
}

static bool equal_lengths(const struct kv_table *table) {
    for (unsigned s = 1; s < table->sequences; s++)
        if (table->tokens[s] != table->tokens[0])
            return false;
    return true;
}

/* What the sums must be. */
static int expected_sums(const struct step *step, uint64_t *sums) {
    struct summing all = {.step = step, .sums = sums};
    struct pool *pool = pool_shared(pool_cpus());
    if (!pool || (step->plan.mapping == PAGED_SLAB && !equal_lengths(step->table)))
        return paged_sums(&step->plan, &step->shape, cache_host(step->cache, 0),
                          cache_host(step->cache, 1), sums);
    pool_run(pool, sum_part, &all);
    int failed = 0;
    for (size_t k = 0; k < 64; k++)
        failed |= all.failed[k];
    return failed;
}

static int validate_sums(const struct step *step) {
    struct device *device = step->cache->device;
    size_t n = step->table->sequences;
    uint64_t *sums = malloc(2 * n * sizeof *sums);
    if (!sums || expected_sums(step, sums) != 0) {
        free(sums);
        return device_fail("out of memory for the sums of %zu sequences", n);
    }
    int status = device_sync(device);
    if (status == 0)
        status = device_read(device, sums + n, step->sums, n * sizeof *sums);
    for (size_t k = 0; k < n && status == 0; k++)
        if (sums[k] != sums[n + k])
            status = device_fail("sequence %zu: the sum of its words is %llx and should be %llx", k,
                                 (unsigned long long)sums[n + k], (unsigned long long)sums[k]);
    free(sums);
    return status;
}

int step_validate(void *context) {
    struct step *step = context;
    struct device *device = step->cache->device;
    bool attention = step->plan.op == PAGED_ATTENTION;
    size_t bytes = attention ? paged_query_elements(&step->plan, &step->shape) * sizeof(float)
                             : step->table->sequences * sizeof(uint64_t);
    if (device_fill(device, attention ? step->out : step->sums, 0xff, bytes) != 0 ||
        step_call(step) != 0)
        return -1;
    return attention ? validate_attention(step) : validate_sums(step);
}
