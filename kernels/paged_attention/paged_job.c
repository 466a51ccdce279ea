/*
 * paged_job.c: one step over a memory, run and compared.
 */
#include "kernels/paged_attention/paged_job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/paged_attention/paged_layout.h"
#include "kernels/threads/threads.h"

struct paged_job {
    struct paged_memory *memory;
    struct paged_step step; /* with a table of its own: */
    struct kv_table table;
    struct paged_shape shape;
    void *q, *out, *sums, *workspace, *ids, *tokens; /* device memory */
    void *host_q;
};

struct paged_step paged_step_of(const struct paged_plan *plan, unsigned kv_heads,
                                const struct kv_table *table) {
    return (struct paged_step){.plan = *plan,
                               .kv_heads = kv_heads,
                               .table = table,
                               .isa = paged_isa_best(),
                               .prefetch = PAGED_PREFETCH_NEXT,
                               .threads = pool_cpus()};
}

struct paged_shape paged_step_shape(const struct paged_step *step) {
    return (struct paged_shape){
        .kv_heads = step->kv_heads, .table = step->table, .processors = step->processors};
}

/* --- running -----------------------------------------------------------------------------------
 */

static bool is_native(const struct paged_job *job) {
    return device_kind(job->memory->device) == DEVICE_CPU;
}

static int run_native(const struct paged_job *job) {
    const struct paged_cpu_call call = {
        .plan = job->step.plan,
        .shape = job->shape,
        .isa = job->step.isa,
        .prefetch = job->step.prefetch,
        .threads = job->step.threads,
        .k = job->memory->k,
        .v = job->memory->v,
        .q = job->q,
        .out = job->out,
        .sums = job->sums,
        .workspace = job->workspace,
    };
    return paged_cpu_run(&call);
}

static struct paged_call kernel_call(const struct paged_job *job) {
    return (struct paged_call){
        .plan = job->step.plan,
        .shape = job->shape,
        .k = job->memory->k,
        .v = job->memory->v,
        .q = job->q,
        .ids = job->ids,
        .tokens = job->tokens,
        .out = job->out,
        .sums = job->sums,
        .workspace = job->workspace,
        .stream = device_stream(job->memory->device),
    };
}

static const struct paged_ops *kernels_of(const struct paged_job *job) {
    return paged_ops_for(device_kind(job->memory->device), job->step.checked);
}

static int call(void *context) {
    const struct paged_job *job = context;
    if (is_native(job))
        return run_native(job);
    const struct paged_ops *ops = kernels_of(job);
    const struct paged_call kernel = kernel_call(job);
    return ops ? ops->launch(&kernel) : -1;
}

/* --- what it leaves ----------------------------------------------------------------------------
 */

uint64_t paged_hash(const void *bytes, size_t count) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t k = 0; k < count; k++)
        hash = (hash ^ ((const unsigned char *)bytes)[k]) * 0x100000001b3u;
    return hash;
}

static bool is_attention(const struct paged_job *job) {
    return job->step.plan.op == PAGED_ATTENTION;
}

static size_t left_bytes(const struct paged_job *job) {
    return is_attention(job) ? paged_query_elements(&job->step.plan, &job->shape) * sizeof(float)
                             : job->table.sequences * sizeof(uint64_t);
}

static void *left(const struct paged_job *job) {
    return is_attention(job) ? job->out : job->sums;
}

static int read_left(const struct paged_job *job, void *to) {
    if (device_sync(job->memory->device) != 0)
        return -1;
    return device_read(job->memory->device, to, left(job), left_bytes(job));
}

/* Into poisoned memory, so that what nobody writes is no result. */
static int run(struct paged_job *job, void *to) {
    if (device_fill(job->memory->device, left(job), 0xff, left_bytes(job)) != 0 || call(job) != 0)
        return -1;
    return read_left(job, to);
}

/* A buffer for what is left; NULL with device_error(). */
static void *left_alloc(const struct paged_job *job) {
    void *buffer = malloc(left_bytes(job));
    if (!buffer)
        device_fail("out of memory for %zu bytes of output", left_bytes(job));
    return buffer;
}

static struct job_bits hashed(const struct paged_job *job, const void *buffer) {
    return (struct job_bits){.bits = paged_hash(buffer, left_bytes(job)), .width = 64};
}

static int bits(void *context, struct job_bits *out) {
    const struct paged_job *job = context;
    void *buffer = left_alloc(job);
    int status = buffer ? read_left(job, buffer) : -1;
    if (status == 0)
        *out = hashed(job, buffer);
    free(buffer);
    return status;
}

/* --- what it must leave ------------------------------------------------------------------------
 */

static const void *host_side(const struct paged_job *job, int side) {
    const struct paged_memory *memory = job->memory;
    return memory->host[side] ? memory->host[side] : memory->pages[side].memory;
}

struct summing {
    const struct paged_job *job;
    uint64_t *sums;
    bool failed; /* only ever set, by any worker */
};

/* Each worker takes every count-th sequence, as a batch of its own. */
static void sum_part(void *context, unsigned index, unsigned count) {
    struct summing *all = context;
    const struct paged_job *job = all->job;
    for (unsigned s = index; s < job->table.sequences; s += count) {
        struct kv_table row = job->table;
        struct paged_shape shape = job->shape;
        row.sequences = 1;
        row.ids += (size_t)s * row.row_blocks;
        row.tokens += s;
        shape.table = &row;
        /* Slabs of one length follow each other. */
        size_t at = job->step.plan.mapping == PAGED_SLAB
                        ? s * paged_cache_bytes(&job->step.plan, &shape)
                        : 0;
        if (paged_sums(&job->step.plan, &shape, (const char *)host_side(job, 0) + at,
                       (const char *)host_side(job, 1) + at, &all->sums[s]) != 0)
            __atomic_store_n(&all->failed, true, __ATOMIC_RELAXED);
    }
}

static bool equal_lengths(const struct kv_table *table) {
    for (unsigned s = 1; s < table->sequences; s++)
        if (table->tokens[s] != table->tokens[0])
            return false;
    return true;
}

static int expected_sums(const struct paged_job *job, uint64_t *sums) {
    struct summing all = {.job = job, .sums = sums};
    struct pool *pool = pool_shared(pool_cpus());
    if (!pool || (job->step.plan.mapping == PAGED_SLAB && !equal_lengths(&job->table)))
        all.failed = paged_sums(&job->step.plan, &job->shape, host_side(job, 0), host_side(job, 1),
                                sums) != 0;
    else
        pool_run(pool, sum_part, &all);
    return all.failed ? device_fail("out of memory for the sums of a step") : 0;
}

static int model(const struct paged_job *job, float *out) {
    int status = (is_native(job) ? paged_cpu_model : paged_model)(
        &job->step.plan, &job->shape, host_side(job, 0), host_side(job, 1), job->host_q, out);
    return status ? device_fail("out of memory for the model of a step") : 0;
}

static int predict(void *context, struct job_bits *out) {
    const struct paged_job *job = context;
    void *buffer = left_alloc(job);
    int status = !buffer ? -1 : is_attention(job) ? model(job, buffer) : expected_sums(job, buffer);
    if (status == 0)
        *out = hashed(job, buffer);
    free(buffer);
    return status;
}

/* --- inside the reference's bound --------------------------------------------------------------
 */

/* Outputs of one sequence and KV head. */
static size_t pair_outputs(const struct paged_job *job) {
    return (size_t)job->step.plan.group * (size_t)job->step.plan.head;
}

/* Counts a pair's outputs that lie inside; `why` (PLAN_WHY bytes, empty; or NULL) names the first
 * that does not. */
static int pair_inside(const struct paged_job *job, size_t pair, const float *out, size_t *inside,
                       char *why) {
    size_t n = pair_outputs(job), first = pair * n;
    unsigned sequence = (unsigned)(pair / job->step.kv_heads);
    unsigned kv_head = (unsigned)(pair % job->step.kv_heads);
    double *reference = malloc(2 * n * sizeof *reference);
    double *bound = reference + n;
    if (!reference ||
        paged_reference(&job->step.plan, &job->shape, sequence, kv_head, host_side(job, 0),
                        host_side(job, 1), job->host_q, reference, bound) != 0) {
        free(reference);
        return device_fail("out of memory for the reference of a step");
    }
    for (size_t k = 0; k < n; k++) {
        /* Written so that a NaN is outside. */
        if (fabs((double)out[first + k] - reference[k]) <= bound[k])
            ++*inside;
        else if (why && !*why)
            snprintf(why, PLAN_WHY,
                     "sequence %u, KV head %u: output %zu is %.9g, the reference %.9g with a bound "
                     "of %.3g",
                     sequence, kv_head, k, (double)out[first + k], reference[k], bound[k]);
    }
    free(reference);
    return 0;
}

int paged_job_inside(const struct job *job, const float *out, size_t *inside) {
    const struct paged_job *j = job->context;
    size_t pairs = (size_t)j->table.sequences * j->step.kv_heads;
    *inside = 0;
    for (size_t pair = 0; pair < pairs; pair++)
        if (pair_inside(j, pair, out, inside, NULL) != 0)
            return -1;
    return 0;
}

/* --- the proof ---------------------------------------------------------------------------------
 */

/* A pair's reference costs 2 × tokens × head × group multiply-adds in double, at some ten
 * nanoseconds; so many of them together are some tenth of a second. Never fewer than four pairs. */
#define REFERENCE_WORK 1e7
#define PAIRS_MOST 64

static size_t pairs_to_check(const struct paged_job *job) {
    size_t pairs = (size_t)job->table.sequences * job->step.kv_heads;
    double work = 2.0 * (double)pair_outputs(job) * job->table.tokens[0];
    double most = work > 0 ? REFERENCE_WORK / work : PAIRS_MOST;
    most = most < 4 ? 4 : most > PAIRS_MOST ? PAIRS_MOST : most;
    return pairs < (size_t)most ? pairs : (size_t)most;
}

struct proving {
    const struct paged_job *job;
    const float *out;
    size_t checked; /* of all pairs, spread evenly */
    bool failed[PAIRS_MOST];
};

static int prove_pair(const struct proving *all, size_t k) {
    const struct paged_job *job = all->job;
    char why[PLAN_WHY] = "";
    size_t inside = 0,
           pair = k * ((size_t)job->table.sequences * job->step.kv_heads) / all->checked;
    if (pair_inside(job, pair, all->out, &inside, why) != 0)
        return -1;
    return *why ? device_fail("%s", why) : 0;
}

static void prove_part(void *context, unsigned index, unsigned count) {
    struct proving *all = context;
    for (size_t k = index; k < all->checked; k += count)
        all->failed[k] = prove_pair(all, k) != 0;
}

static int prove_attention(const struct paged_job *job, const float *out) {
    struct proving all = {.job = job, .out = out, .checked = pairs_to_check(job)};
    struct pool *pool = pool_shared(pool_cpus());
    size_t count = left_bytes(job) / sizeof *out;
    if (!pool)
        return device_fail("no threads to compute references with");
    for (size_t k = 0; k < count; k++)
        if (!isfinite(out[k]))
            return device_fail("output %zu of %zu was not written, or is no number", k, count);
    pool_run(pool, prove_part, &all);
    for (size_t k = 0; k < all.checked; k++)
        if (all.failed[k]) /* once more, for the text: a worker's is its own */
            return prove_pair(&all, k);
    return 0;
}

static int prove_sums(const struct paged_job *job, const uint64_t *sums) {
    uint64_t *expected = left_alloc(job);
    int status = expected ? expected_sums(job, expected) : -1;
    for (size_t k = 0; k < job->table.sequences && status == 0; k++)
        if (sums[k] != expected[k])
            status = device_fail("sequence %zu: the sum of its words is %llx and should be %llx", k,
                                 (unsigned long long)sums[k], (unsigned long long)expected[k]);
    free(expected);
    return status;
}

static int prove(void *context) {
    struct paged_job *job = context;
    void *buffer = left_alloc(job);
    int status = buffer ? run(job, buffer) : -1;
    if (status == 0)
        status = is_attention(job) ? prove_attention(job, buffer) : prove_sums(job, buffer);
    free(buffer);
    return status;
}

/* --- opening and closing -----------------------------------------------------------------------
 */

static struct json_t *plan(const void *context) {
    return paged_plan_json(&((const struct paged_job *)context)->step.plan);
}

static void close_job(void *context) {
    struct paged_job *job = context;
    void *memory[] = {job->q, job->out, job->sums, job->workspace, job->ids, job->tokens};
    for (size_t k = 0; k < sizeof memory / sizeof *memory; k++)
        device_free(job->memory->device, memory[k]);
    free(job->host_q);
    kv_table_close(&job->table);
    free(job);
}

static int copy_table(struct paged_job *job, const struct kv_table *from) {
    if (kv_table_open(&job->table, from->sequences, from->tokens, from->block_tokens,
                      from->pool_blocks) != 0)
        return device_fail("out of memory for a table of %u sequences", from->sequences);
    size_t ids = (size_t)from->sequences * from->row_blocks * sizeof *from->ids;
    size_t tokens = from->sequences * sizeof *from->tokens;
    struct device *device = job->memory->device;
    memcpy(job->table.ids, from->ids, ids);
    job->step.table = job->shape.table = &job->table;
    if (is_native(job))
        return 0;
    /* A table of empty sequences has no ids, and still needs an address. */
    if (device_alloc(device, &job->ids, ids ? ids : 16) != 0 ||
        device_alloc(device, &job->tokens, tokens) != 0 ||
        (ids && device_write(device, job->ids, from->ids, ids) != 0))
        return -1;
    return device_write(device, job->tokens, from->tokens, tokens);
}

static int open_queries(struct paged_job *job) {
    const struct paged_plan *plan = &job->step.plan;
    struct device *device = job->memory->device;
    size_t bytes =
        paged_query_elements(plan, &job->shape) * element_bytes((enum element)plan->element);
    job->host_q = malloc(bytes);
    if (!job->host_q || paged_fill_queries(plan, &job->shape, job->step.seed, job->host_q) != 0)
        return device_fail("out of memory for the queries of %u sequences", job->table.sequences);
    if (device_alloc(device, &job->q, bytes) != 0)
        return -1;
    return device_write(device, job->q, job->host_q, bytes);
}

static int open_outputs(struct paged_job *job) {
    const struct paged_plan *plan = &job->step.plan;
    struct device *device = job->memory->device;
    size_t workspace = is_native(job)
                           ? paged_cpu_workspace_bytes(plan, &job->shape, job->step.threads)
                           : paged_workspace_bytes(plan, &job->shape);
    if (device_alloc(device, &job->out, paged_query_elements(plan, &job->shape) * sizeof(float)) !=
            0 ||
        device_alloc(device, &job->sums, job->table.sequences * sizeof(uint64_t)) != 0)
        return -1;
    return device_alloc(device, &job->workspace, workspace ? workspace : 16);
}

/* Whether the memory is this step's. */
static int check(const struct paged_memory *memory, const struct paged_step *step) {
    char why[PLAN_WHY], text[PLAN_TEXT];
    struct paged_shape shape = paged_step_shape(step);
    paged_plan_text(&step->plan, text);
    if (paged_check(&step->plan, &shape, true, why) != 0)
        return device_fail("plan %s: %s", text, why);
    if (step->plan.element != (int)memory->element)
        return device_fail("plan %s: the memory holds another type of numbers", text);
    if (paged_cache_bytes(&step->plan, &shape) > memory->bytes)
        return device_fail("plan %s asks for %zu bytes of keys, the memory holds %zu", text,
                           paged_cache_bytes(&step->plan, &shape), memory->bytes);
    return 0;
}

int paged_job_open(struct job *out, struct paged_memory *memory, const struct paged_step *step) {
    *out = (struct job){0};
    if (check(memory, step) != 0)
        return -1;
    struct paged_job *job = calloc(1, sizeof *job);
    if (!job)
        return device_fail("out of memory for a step");
    job->memory = memory;
    job->step = *step;
    job->shape = paged_step_shape(step);
    if (copy_table(job, step->table) != 0 || open_queries(job) != 0 || open_outputs(job) != 0) {
        close_job(job);
        return -1;
    }
    struct paged_plan loaded = step->plan;
    if (loaded.op == PAGED_WALK)
        loaded.op = PAGED_GATHER;
    *out = (struct job){.context = job,
                        .call = call,
                        .prove = prove,
                        .bits = bits,
                        .predict = predict,
                        .plan = plan,
                        .close = close_job,
                        .bytes = paged_kv_bytes(&loaded, &job->shape),
                        .flops = paged_flops(&step->plan, &job->shape)};
    return 0;
}

/* --- looking inside ----------------------------------------------------------------------------
 */

const struct paged_step *paged_job_step(const struct job *job) {
    return &((const struct paged_job *)job->context)->step;
}

const struct paged_memory *paged_job_memory(const struct job *job) {
    return ((const struct paged_job *)job->context)->memory;
}

double paged_job_unique_bytes(const struct job *job) {
    const struct paged_job *j = job->context;
    return paged_unique_bytes(&j->step.plan, &j->shape);
}

size_t paged_job_block_bytes(const struct job *job) {
    const struct paged_job *j = job->context;
    return j->step.plan.mapping == PAGED_TABLE ? paged_block_bytes(&j->step.plan, &j->shape) : 0;
}

unsigned paged_job_splits(const struct job *job) {
    const struct paged_job *j = job->context;
    return paged_splits(&j->step.plan, &j->shape);
}

size_t paged_job_outputs(const struct job *job) {
    const struct paged_job *j = job->context;
    return paged_query_elements(&j->step.plan, &j->shape);
}

int paged_job_run(const struct job *job, float *out) {
    return run(job->context, out);
}

int paged_job_model(const struct job *job, float *out) {
    return model(job->context, out);
}

int paged_job_cycles(const struct job *job, uint32_t **cycles, size_t *count) {
    const struct paged_job *j = job->context;
    struct device *device = j->memory->device;
    struct paged_call kernel = kernel_call(j);
    *cycles = NULL;
    if (device_kind(device) != DEVICE_CUDA)
        return device_fail("%s has no clock in its kernels", device_id(device));
    const struct paged_ops *ops = kernels_of(j);
    if (!ops)
        return -1;
    *count = kernel.warps = ops->warps(&kernel);
    *cycles = malloc(*count * sizeof **cycles);
    void *memory = NULL;
    int status = *cycles ? device_alloc(device, &memory, *count * sizeof **cycles)
                         : device_fail("out of memory for the cycles of %zu warps", *count);
    kernel.cycles = memory;
    if (status == 0 && (ops->launch(&kernel) != 0 || device_sync(device) != 0 ||
                        device_read(device, *cycles, memory, *count * sizeof **cycles) != 0))
        status = -1;
    device_free(device, memory);
    if (status != 0) {
        free(*cycles);
        *cycles = NULL;
    }
    return status;
}

int paged_job_resources(const struct job *job, int *registers, int *local_bytes) {
    const struct paged_job *j = job->context;
    if (is_native(j))
        return device_fail("registers and spills are those of GPU kernels");
    if (device_compiled(device_kind(j->memory->device)))
        return device_fail("what runs on the CPU has no registers to count: use --device cuda");
    const struct paged_ops *ops = kernels_of(j);
    return ops ? ops->resources(&j->step.plan, registers, local_bytes) : -1;
}
