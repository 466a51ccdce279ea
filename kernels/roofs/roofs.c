/*
 * roofs.c: jobs: a plan with its buffers, its calls, and the proof that they did their work.
 */
#include "kernels/roofs/roofs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/roofs/roofs_inside.h"

struct roofs_memory {
    struct device *device;
    void *source, *target;
    size_t source_bytes, target_bytes;
};

struct roofs_job {
    struct roofs_memory *memory;
    struct roofs_plan plan;
    const struct roofs_ops *ops;
    struct roofs_work work;
    uint64_t calls;
};

/* --- memory ------------------------------------------------------------------------------------
 */

static const struct roofs_ops *ops_for(struct device *device, bool checked) {
    switch (device_kind(device)) {
    case DEVICE_CPU:
        return &roofs_ops_cpu;
    case DEVICE_SIMT:
        return checked ? &roofs_ops_checked : &roofs_ops_simt;
    case DEVICE_PTX:
    case DEVICE_SASS:
        if (!&roofs_ops_ptx)
            device_fail_no_ptx();
        return &roofs_ops_ptx;
    default:
        if (!&roofs_ops_cuda)
            device_fail_no_cuda();
        return &roofs_ops_cuda;
    }
}

int roofs_memory_open(struct roofs_memory **out, struct device *device, size_t source_bytes,
                      size_t target_bytes) {
    *out = NULL;
    const struct roofs_ops *ops = ops_for(device, false);
    if (!ops)
        return -1;
    struct roofs_memory *memory = calloc(1, sizeof *memory);
    if (!memory)
        return device_fail("out of memory");
    memory->device = device;
    if ((source_bytes && device_alloc(device, &memory->source, source_bytes) != 0) ||
        (target_bytes && device_alloc(device, &memory->target, target_bytes) != 0) ||
        (source_bytes && ops->fill(memory->source, source_bytes, device_stream(device)) != 0) ||
        device_sync(device) != 0) {
        roofs_memory_close(memory);
        return -1;
    }
    memory->source_bytes = source_bytes;
    memory->target_bytes = target_bytes;
    *out = memory;
    return 0;
}

void roofs_memory_close(struct roofs_memory *memory) {
    if (!memory)
        return;
    if (memory->source)
        device_free(memory->device, memory->source);
    if (memory->target)
        device_free(memory->device, memory->target);
    free(memory);
}

/* --- jobs --------------------------------------------------------------------------------------
 */

static int check_sizes(const struct roofs_memory *memory, const struct roofs_plan *plan) {
    size_t source = plan->op == ROOFS_READ   ? plan->bytes
                    : plan->op == ROOFS_COPY ? plan->bytes / 2
                                             : 0;
    size_t target = plan->op == ROOFS_READ ? 0 : plan->bytes - source;
    if (!roofs_moves_memory(plan))
        return 0;
    if (plan->bytes == 0 || plan->bytes % (2 * ROOFS_PAGE) != 0)
        return device_fail("a footprint of %zu bytes: use a multiple of %zu", plan->bytes,
                           2 * ROOFS_PAGE);
    if (source > memory->source_bytes || target > memory->target_bytes)
        return device_fail("a footprint of %zu bytes does not fit into its buffers", plan->bytes);
    return 0;
}

/* Words between one counter and the next; see roofs.cu for why GPUs have them close. */
static size_t counter_step(const struct roofs_plan *plan) {
    return plan->isa == ROOFS_GPU ? 1 : ROOFS_COUNTER_STEP;
}

static size_t value_bytes(const struct roofs_plan *plan) {
    return roofs_values(plan) * (plan->op == ROOFS_FMA32 ? 4 : 8);
}

static int poison(struct roofs_job *job) {
    struct device *device = job->memory->device;
    size_t target = job->plan.op == ROOFS_WRITE  ? job->plan.bytes
                    : job->plan.op == ROOFS_COPY ? job->plan.bytes / 2
                                                 : 0;
    size_t values = value_bytes(&job->plan);
    if (target && device_fill(device, job->memory->target, 0xff, target) != 0)
        return -1;
    return values ? device_fill(device, job->work.values, 0xff, values) : 0;
}

static void close_job(void *context) {
    struct roofs_job *job = context;
    if (job->work.counters)
        device_free(job->memory->device, job->work.counters);
    if (job->work.values)
        device_free(job->memory->device, job->work.values);
    free(job);
}

static int call(void *context);
static int prove(void *context);

static struct json_t *plan_record(const void *context) {
    const struct roofs_job *job = context;
    return roofs_plan_json(&job->plan);
}

int roofs_job_open(struct job *out, struct roofs_memory *memory, const struct roofs_plan *plan) {
    *out = (struct job){0};
    struct roofs_plan full = *plan;
    full.passes = full.passes ? full.passes : 1;
    full.rounds = full.rounds ? full.rounds : 1024;
    full.streams = full.streams ? full.streams : 1;
    if (full.isa == ROOFS_GPU && full.blocks == 0)
        full.blocks = 132;
    const struct roofs_ops *ops = ops_for(memory->device, full.checked);
    if (!ops || roofs_plan_check(&full, memory->device) != 0 || check_sizes(memory, &full) != 0)
        return -1;
    struct roofs_job *job = calloc(1, sizeof *job);
    if (!job)
        return device_fail("out of memory");
    job->memory = memory;
    job->plan = full;
    job->ops = ops;
    job->work = (struct roofs_work){.plan = &job->plan,
                                    .source = memory->source,
                                    .target = memory->target,
                                    .stream = device_stream(memory->device)};
    size_t counters = roofs_counters(&full) * counter_step(&full) * 8;
    size_t values = value_bytes(&full);
    void *counter_memory = NULL;
    int bad = device_alloc(memory->device, &counter_memory, counters) != 0;
    job->work.counters = counter_memory;
    bad = bad || device_fill(memory->device, counter_memory, 0, counters) != 0;
    bad = bad || (values && device_alloc(memory->device, &job->work.values, values) != 0);
    /* A target that already holds what is to be written would prove nothing. */
    bad = bad || poison(job) != 0;
    if (bad) {
        close_job(job);
        return -1;
    }
    *out = (struct job){.context = job,
                        .call = call,
                        .prove = prove,
                        .plan = plan_record,
                        .close = close_job,
                        .bytes = roofs_moves_memory(&full) ? (double)full.bytes * full.passes : 0,
                        .flops = 2.0 * (double)roofs_values(&full) * full.rounds};
    return 0;
}

void roofs_job_use(struct job *job, const struct roofs_ops *ops) {
    ((struct roofs_job *)job->context)->ops = ops;
}

double roofs_job_work(const struct job *job) {
    const struct roofs_plan *plan = &((const struct roofs_job *)job->context)->plan;
    if (plan->op == ROOFS_ATOMIC)
        return (double)plan->threads * (plan->isa == ROOFS_GPU ? plan->blocks : 1) * plan->rounds;
    return plan->op == ROOFS_EMPTY ? 1 : job->bytes + job->flops;
}

/* The word of call `call`; the same in every byte where memset writes it. Never the poison. */
static uint64_t written_word(const struct roofs_plan *plan, uint64_t call) {
    if (plan->isa == ROOFS_LIBC)
        return (call % 251) * 0x0101010101010101ull;
    return (call + 1) * ROOFS_PATTERN;
}

static int call(void *context) {
    struct roofs_job *job = context;
    job->work.value = written_word(&job->plan, job->calls);
    ++job->calls;
    if (job->ops->run[job->plan.op](&job->work) != 0)
        return -1;
    return job->plan.wait ? device_sync(job->memory->device) : 0;
}

/* --- proofs ------------------------------------------------------------------------------------
 */

/* Whether words first…first + n - 1 of the target are what they must be: one value, or the
 * pattern (value NULL). */
static bool words_are(const uint64_t *word, size_t n, size_t first, const uint64_t *value) {
    uint64_t wrong = 0;
    for (size_t i = 0; i < n; ++i)
        wrong |= word[i] ^ (value ? *value : (first + i + 1) * ROOFS_PATTERN);
    return wrong == 0;
}

static int check_target(const struct roofs_job *job) {
    size_t bytes = job->plan.op == ROOFS_COPY ? job->plan.bytes / 2 : job->plan.bytes;
    uint64_t value = written_word(&job->plan, job->calls - 1);
    const uint64_t *expected = job->plan.op == ROOFS_COPY ? NULL : &value;
    const size_t chunk = (size_t)1 << 20;
    uint64_t *words = malloc(chunk);
    if (!words)
        return device_fail("out of memory");
    int status = 0;
    for (size_t at = 0; at < bytes && status == 0; at += chunk) {
        size_t n = bytes - at < chunk ? bytes - at : chunk;
        status = device_read(job->memory->device, words, (const char *)job->work.target + at, n);
        if (status == 0 && !words_are(words, n / 8, at / 8, expected))
            status = device_fail("%s left wrong bytes within %zu…%zu of its target",
                                 roofs_op_name(job->plan.op), at, at + n);
    }
    free(words);
    return status;
}

static int check_checksum(const struct roofs_job *job) {
    uint64_t got, n = job->plan.bytes / 8;
    if (device_read(job->memory->device, &got, job->work.counters, sizeof got) != 0)
        return -1;
    /* n (n + 1) / 2 is exact: one of the two is even, and n is under 2^61. */
    uint64_t sum = n % 2 ? n * ((n + 1) / 2) : n / 2 * (n + 1);
    if (got != sum * ROOFS_PATTERN * job->plan.passes * job->calls)
        return device_fail("read missed or repeated some of its %zu bytes: its checksum is wrong",
                           job->plan.bytes);
    return 0;
}

static int check_counters(const struct roofs_job *job) {
    const struct roofs_plan *plan = &job->plan;
    size_t count = roofs_counters(plan), step = counter_step(plan);
    size_t bytes = count * step * sizeof(uint64_t);
    uint64_t *counters = malloc(bytes);
    if (!counters)
        return device_fail("out of memory");
    int status = device_read(job->memory->device, counters, job->work.counters, bytes);
    uint64_t all = (uint64_t)plan->threads * (plan->isa == ROOFS_GPU ? plan->blocks : 1);
    uint64_t each = job->calls * plan->rounds * (plan->shared ? all : 1);
    for (size_t k = 0; k < count && status == 0; ++k)
        if (counters[k * step] != each)
            status = device_fail("atomic counter %zu holds %llu of %llu updates", k,
                                 (unsigned long long)counters[k * step], (unsigned long long)each);
    free(counters);
    return status;
}

/* What a chain must hold in the end. Scalar code rounds the product first: see roofs_cpu.c. */
static double expected_value(const struct roofs_plan *plan, int chain, size_t lane) {
    if (plan->op == ROOFS_FMA32) {
        const float a = (float)ROOFS_FMA_A, b = (float)ROOFS_FMA_B;
        float x = (float)ROOFS_FMA_START(chain, (double)lane);
        for (unsigned r = 0; r < plan->rounds; ++r)
            x = plan->isa == ROOFS_SCALAR ? x * a + b : fmaf(x, a, b);
        return x;
    }
    double x = ROOFS_FMA_START(chain, (double)lane);
    for (unsigned r = 0; r < plan->rounds; ++r)
        x = plan->isa == ROOFS_SCALAR ? x * ROOFS_FMA_A + ROOFS_FMA_B
                                      : fma(x, ROOFS_FMA_A, ROOFS_FMA_B);
    return x;
}

static int check_values(const struct roofs_job *job) {
    const struct roofs_plan *plan = &job->plan;
    size_t count = roofs_values(plan);
    void *values = malloc(value_bytes(plan));
    if (!values)
        return device_fail("out of memory");
    int status = device_read(job->memory->device, values, job->work.values, value_bytes(plan));
    double expected[ROOFS_CHAINS][ROOFS_FMA_LANES];
    bool gpu = plan->isa == ROOFS_GPU;
    /* CPU: per worker, chain by chain, lane by lane. GPU: chain by chain, thread by thread. */
    size_t lanes =
        gpu ? (size_t)plan->threads * plan->blocks : count / ((size_t)plan->threads * ROOFS_CHAINS);
    size_t distinct = lanes < ROOFS_FMA_LANES ? lanes : ROOFS_FMA_LANES;
    for (int c = 0; c < ROOFS_CHAINS; ++c)
        for (size_t l = 0; l < distinct; ++l)
            expected[c][l] = expected_value(plan, c, l);
    for (size_t k = 0; k < count && status == 0; ++k) {
        size_t chain = k / lanes % ROOFS_CHAINS, lane = k % lanes % ROOFS_FMA_LANES;
        double got =
            plan->op == ROOFS_FMA32 ? ((const float *)values)[k] : ((const double *)values)[k];
        if (got != expected[chain][lane])
            status = device_fail("%s: chain %zu of lane %zu ended at %.17g, not %.17g",
                                 roofs_op_name(plan->op), chain, lane, got, expected[chain][lane]);
    }
    free(values);
    return status;
}

static int check(const struct roofs_job *job) {
    if (job->calls == 0)
        return device_fail("%s was never called", roofs_op_name(job->plan.op));
    if (device_sync(job->memory->device) != 0)
        return -1;
    switch (job->plan.op) {
    case ROOFS_READ:
        return check_checksum(job);
    case ROOFS_WRITE:
    case ROOFS_COPY:
        return check_target(job);
    case ROOFS_FMA32:
    case ROOFS_FMA64:
        return check_values(job);
    case ROOFS_ATOMIC:
        return check_counters(job);
    default:
        return 0;
    }
}

int roofs_job_check(const struct job *job) {
    return check(job->context);
}

static int prove(void *context) {
    struct roofs_job *job = context;
    if (device_sync(job->memory->device) != 0 || poison(job) != 0 || call(job) != 0)
        return -1;
    return check(job);
}
