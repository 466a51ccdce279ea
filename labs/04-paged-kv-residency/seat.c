/*
 * seat.c: a KV cache in a device's memory, and one step over it, ready to be run or timed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/rng/data.h"
#include "kernels/threads/threads.h"
#include "labs/04-paged-kv-residency/residency.h"

/* --- the cache ---------------------------------------------------------------------------------
 */

/* The cache repeats one stretch of random numbers. Its length is a prime, so that every block
 * begins at another place of it and no two blocks are alike. */
#define STRETCH 262147

struct filling {
    const char *stretch;
    size_t element, bytes;
    char *to;
};

/* Part `index` of the cache, in whole repeats. */
static void fill_part(void *context, unsigned index, unsigned count) {
    const struct filling *f = context;
    size_t repeat = STRETCH * f->element;
    for (size_t at = index * repeat; at < f->bytes; at += count * repeat)
        memcpy(f->to + at, f->stretch, f->bytes - at < repeat ? f->bytes - at : repeat);
}

static size_t element_bytes(enum paged_element element) {
    return element == PAGED_F32 ? 4 : 2;
}

static int fill(void *to, size_t bytes, enum paged_element element, uint64_t seed) {
    static const enum data_type types[] = {
        [PAGED_F32] = DATA_F32, [PAGED_BF16] = DATA_BF16, [PAGED_F16] = DATA_F16};
    struct filling f = {.element = element_bytes(element), .bytes = bytes, .to = to};
    const struct data_options options = {.seed = seed};
    struct pool *pool = pool_shared(pool_cpus());
    void *stretch = malloc(STRETCH * f.element);
    f.stretch = stretch;
    int status =
        pool && stretch ? data_fill(DATA_NORMAL, types[element], &options, stretch, STRETCH) : -1;
    if (status == 0)
        pool_run(pool, fill_part, &f);
    free(stretch);
    return status == 0 ? 0 : device_fail("out of memory to fill a cache of %zu bytes", bytes);
}

/* On a GPU, and on the SIMT machine: device memory, and a copy of it to validate with. */
static int open_copies(struct cache *cache) {
    void **device_memory[2] = {&cache->k, &cache->v};
    for (int side = 0; side < 2; side++) {
        cache->host[side] = malloc(cache->bytes);
        if (!cache->host[side])
            return device_fail("out of host memory for a copy of a cache of %zu MiB",
                               cache->bytes >> 20);
        if (device_alloc(cache->device, device_memory[side], cache->bytes) != 0)
            return -1;
    }
    return 0;
}

int cache_open(struct cache *cache, struct device *device, enum paged_element element, size_t bytes,
               enum pages_kind kind, uint64_t seed) {
    *cache = (struct cache){.device = device, .bytes = bytes, .kind = kind};
    bool native = device_kind(device) == DEVICE_CPU;
    int status = native ? 0 : open_copies(cache);
    for (int side = 0; side < 2 && native && status == 0; side++)
        status = pages_alloc(&cache->pages[side], bytes, kind);
    if (native && status == 0) {
        cache->k = cache->pages[0].memory;
        cache->v = cache->pages[1].memory;
    }
    void *host[2] = {native ? cache->k : cache->host[0], native ? cache->v : cache->host[1]};
    for (uint64_t side = 0; side < 2 && status == 0; side++)
        status = fill(host[side], bytes, element, 2 * seed + side);
    if (status == 0 && !native &&
        (device_write(device, cache->k, host[0], bytes) != 0 ||
         device_write(device, cache->v, host[1], bytes) != 0))
        status = -1;
    if (status != 0)
        cache_close(cache);
    return status;
}

void cache_close(struct cache *cache) {
    if (cache->device && device_kind(cache->device) != DEVICE_CPU) {
        device_free(cache->device, cache->k);
        device_free(cache->device, cache->v);
    }
    for (int side = 0; side < 2; side++) {
        pages_free(&cache->pages[side]);
        free(cache->host[side]);
    }
    *cache = (struct cache){0};
}

/* --- a step ------------------------------------------------------------------------------------
 */

static bool is_native(const struct step *step) {
    return device_kind(step->cache->device) == DEVICE_CPU;
}

static int copy_table(struct step *step) {
    struct device *device = step->cache->device;
    const struct kv_table *table = step->table;
    size_t ids = (size_t)table->sequences * table->row_blocks * sizeof *table->ids;
    size_t tokens = table->sequences * sizeof *table->tokens;
    /* A table of empty sequences has no ids, and still needs an address. */
    if (device_alloc(device, &step->ids, ids ? ids : 16) != 0 ||
        device_alloc(device, &step->tokens, tokens) != 0 ||
        (ids && device_write(device, step->ids, table->ids, ids) != 0))
        return -1;
    return device_write(device, step->tokens, table->tokens, tokens);
}

static int open_queries(struct step *step, uint64_t seed) {
    struct device *device = step->cache->device;
    size_t bytes = paged_query_elements(&step->plan, &step->shape) *
                   element_bytes((enum paged_element)step->plan.element);
    step->host_q = malloc(bytes);
    if (!step->host_q || paged_fill_queries(&step->plan, &step->shape, seed, step->host_q) != 0)
        return device_fail("out of memory for the queries of %u sequences", step->table->sequences);
    if (device_alloc(device, &step->q, bytes) != 0)
        return -1;
    return device_write(device, step->q, step->host_q, bytes);
}

int step_open(struct step *step, struct cache *cache, const struct paged_plan *plan,
              unsigned kv_heads, const struct kv_table *table, const struct step *like,
              uint64_t seed) {
    *step = (struct step){.cache = cache,
                          .plan = *plan,
                          .shape = {.kv_heads = kv_heads, .table = table},
                          .table = table,
                          .isa = paged_isa_best()};
    if (like) {
        step->isa = like->isa;
        step->prefetch = like->prefetch;
        step->threads = like->threads;
        step->checked = like->checked;
        step->shape.processors = like->shape.processors;
    }
    if (step->threads == 0)
        step->threads = pool_cpus();
    if (is_native(step) && !like)
        step->prefetch = paged_prefetch_best((enum paged_op)plan->op, step->threads);
    char why[PLAN_WHY], text[PLAN_TEXT];
    if (paged_check(plan, &step->shape, true, why) != 0)
        return device_fail("plan %s: %s", paged_plan_text(plan, text), why);
    if (paged_cache_bytes(plan, &step->shape) > cache->bytes)
        return device_fail("plan %s asks for %zu bytes of keys, the cache holds %zu",
                           paged_plan_text(plan, text), paged_cache_bytes(plan, &step->shape),
                           cache->bytes);
    size_t out = paged_query_elements(plan, &step->shape) * sizeof(float);
    size_t workspace = is_native(step)
                           ? paged_cpu_workspace_bytes(plan, &step->shape, step->threads)
                           : paged_workspace_bytes(plan, &step->shape);
    if (open_queries(step, seed) != 0 || device_alloc(cache->device, &step->out, out) != 0 ||
        device_alloc(cache->device, &step->sums, table->sequences * sizeof(uint64_t)) != 0 ||
        device_alloc(cache->device, &step->workspace, workspace ? workspace : 16) != 0)
        return -1;
    return is_native(step) ? 0 : copy_table(step);
}

void step_close(struct step *step) {
    if (step->cache) {
        void *memory[] = {step->q, step->out, step->sums, step->workspace, step->ids, step->tokens};
        for (size_t k = 0; k < sizeof memory / sizeof *memory; k++)
            device_free(step->cache->device, memory[k]);
    }
    free(step->host_q);
    *step = (struct step){0};
}

/* --- running -----------------------------------------------------------------------------------
 */

static int run_native(const struct step *step) {
    const struct paged_cpu_call call = {
        .plan = step->plan,
        .shape = step->shape,
        .isa = step->isa,
        .prefetch = step->prefetch,
        .threads = step->threads,
        .k = step->cache->k,
        .v = step->cache->v,
        .q = step->q,
        .out = step->out,
        .sums = step->sums,
        .workspace = step->workspace,
    };
    return paged_cpu_run(&call);
}

static struct paged_call kernel_call(const struct step *step) {
    return (struct paged_call){
        .plan = step->plan,
        .shape = step->shape,
        .k = step->cache->k,
        .v = step->cache->v,
        .q = step->q,
        .ids = step->ids,
        .tokens = step->tokens,
        .out = step->out,
        .sums = step->sums,
        .workspace = step->workspace,
        .stream = device_stream(step->cache->device),
    };
}

static const struct paged_ops *kernels_of(const struct step *step) {
    return paged_ops_for(device_kind(step->cache->device), step->checked);
}

int step_call(void *context) {
    struct step *step = context;
    if (is_native(step))
        return run_native(step);
    const struct paged_ops *ops = kernels_of(step);
    const struct paged_call call = kernel_call(step);
    return ops ? ops->launch(&call) : -1;
}

int step_cycles(struct step *step, uint32_t **cycles, size_t *count) {
    struct device *device = step->cache->device;
    struct paged_call call = kernel_call(step);
    const struct paged_ops *ops = kernels_of(step);
    if (device_kind(device) != DEVICE_CUDA)
        return device_fail("%s has no clock in its kernels", device_id(device));
    if (!ops)
        return -1;
    *count = call.warps = ops->warps(&call);
    *cycles = malloc(*count * sizeof **cycles);
    void *memory = NULL;
    int status = *cycles ? device_alloc(device, &memory, *count * sizeof **cycles)
                         : device_fail("out of memory for the cycles of %zu warps", *count);
    call.cycles = memory;
    if (status == 0 && (ops->launch(&call) != 0 || device_sync(device) != 0 ||
                        device_read(device, *cycles, memory, *count * sizeof **cycles) != 0))
        status = -1;
    device_free(device, memory);
    if (status != 0) {
        free(*cycles);
        *cycles = NULL;
    }
    return status;
}

double step_bytes(const struct step *step) {
    return paged_kv_bytes(&step->plan, &step->shape);
}

double step_unique_bytes(const struct step *step) {
    return paged_unique_bytes(&step->plan, &step->shape);
}

/* --- what the parts of the sweep share ---------------------------------------------------------
 */

int table_open(struct lab_run *run, struct kv_table *table, unsigned sequences, unsigned tokens,
               unsigned block_tokens, unsigned pool_blocks, enum kv_map map, size_t block_bytes,
               uint64_t seed) {
    char why[KV_WHY] = "out of memory";
    size_t page_blocks = PAGES_HUGE / block_bytes;
    int32_t *lengths = malloc(sequences * sizeof *lengths);
    for (unsigned k = 0; lengths && k < sequences; k++)
        lengths[k] = (int32_t)tokens;
    *table = (struct kv_table){0};
    int status = lengths ? kv_table_open(table, sequences, lengths, block_tokens, pool_blocks) : -1;
    free(lengths);
    if (status == 0)
        status = kv_table_map(table, map, page_blocks ? (unsigned)page_blocks : 1, seed, why);
    if (status == 0)
        return 0;
    kv_table_close(table);
    return lab_error(run, "a table of %u sequences of %u tokens, %s: %s", sequences, tokens,
                     kv_map_name(map), why);
}

/* A step may take 50 ms, so that samples are counted rather than seconds: enough for an interval,
 * also where a harness' cap of 0.1 s would leave three. */
struct bench_limits mode_limits(const struct lab_run *run) {
    return lab_mode(run) == LAB_QUICK  ? (struct bench_limits){1e-3, 0.01, 7, 9, 2}
           : lab_mode(run) == LAB_FULL ? (struct bench_limits){1e-3, 0.005, 31, 300, 30}
                                       : (struct bench_limits){1e-3, 0.005, 15, 25, 5};
}

int stop_asked(void *run, size_t settled, size_t cases) {
    (void)settled;
    (void)cases;
    return lab_stopping(run);
}
