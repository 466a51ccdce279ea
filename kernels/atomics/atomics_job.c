/*
 * atomics_job.c: sums by atomic updates behind one interface, by kernels or by native threads.
 */
#include "kernels/atomics/atomics_job.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/atomics/atomics_cpu.h"
#include "kernels/atomics/atomics_order.h"
#include "kernels/ptx/ptx.h"
#include "kernels/rng/philox.h"
#include "kernels/simt/simt.h"
#include "kernels/sum/exact.h"

#define CONTENDERS 1        /* threads of the neighbour on a CPU */
#define NEIGHBOUR_BLOCKS 32 /* blocks of the neighbour on a GPU … */
#define NEIGHBOUR_ROUNDS 64 /* … and updates of each of its threads */

struct atomics_context {
    struct atomics_sum sum; /* first: what others see of it */
    struct device *device;
    enum device_kind kind;
    bool native, neighbour;
    const void *x;
    void *values;    /* of the updates; made when first asked for */
    void *log;       /* what each update found, of logged plans */
    uint32_t *order; /* of the updates; likewise */
    double exact;    /* sum, rounded once to the type; likewise: NaN before */
    bool scheduled;  /* where a schedule is chosen: by this seed, this one */
    uint64_t schedule_seed, schedule;

    struct atomics_cpu_plan cpu; /* native threads … */
    struct atomics_cpu_job cpu_job;

    struct atomics_plan plan; /* … or kernels */
    struct atomics_job job;
    const struct atomics_ops *ops;
    void *device_x, *stream;
};

static size_t bytes_each(const struct atomics_context *c) {
    return atomics_type_bytes(c->sum.type);
}

static struct atomics_context *context_of(const struct job *job) {
    return job->context;
}

const struct atomics_sum *atomics_job_sum(const struct job *job) {
    return &context_of(job)->sum;
}

enum atomics_type atomics_job_type(enum device_kind kind, const char *plan) {
    struct atomics_cpu_plan native = {.type = ATOMICS_F32};
    struct atomics_plan kernel = {.type = ATOMICS_F32};
    if (kind == DEVICE_CPU)
        atomics_cpu_plan_parse(plan, &native, NULL);
    else
        atomics_plan_parse(plan, &kernel, NULL);
    return (enum atomics_type)(kind == DEVICE_CPU ? native.type : kernel.type);
}

/* --- opening and closing -----------------------------------------------------------------------
 */

static int take_native(struct atomics_context *c, const struct atomics_setup *setup) {
    char why[PLAN_WHY];
    struct atomics_sum *sum = &c->sum;
    if (atomics_cpu_plan_parse(setup->plan, &c->cpu, why) != 0 ||
        atomics_cpu_plan_check(&c->cpu, sum->n, why) != 0)
        return device_fail("plan %s: %s", setup->plan, why);
    atomics_cpu_plan_text(&c->cpu, sum->text);
    sum->type = (enum atomics_type)c->cpu.type;
    sum->merge = (enum atomics_merge)c->cpu.merge;
    sum->cure = (enum atomics_cure)c->cpu.cure;
    sum->addresses = (size_t)c->cpu.addresses;
    sum->updates = atomics_cpu_updates(&c->cpu, sum->n);
    sum->workers = (size_t)c->cpu.threads;
    return 0;
}

static int take_kernels(struct atomics_context *c, const struct atomics_setup *setup) {
    char why[PLAN_WHY];
    struct atomics_sum *sum = &c->sum;
    if (atomics_plan_parse(setup->plan, &c->plan, why) != 0 ||
        atomics_plan_check(&c->plan, sum->n, why) != 0)
        return device_fail("plan %s: %s", setup->plan, why);
    atomics_plan_text(&c->plan, sum->text);
    sum->type = (enum atomics_type)c->plan.type;
    sum->merge = (enum atomics_merge)c->plan.merge;
    sum->cure = (enum atomics_cure)c->plan.cure;
    sum->addresses = (size_t)c->plan.addresses;
    sum->updates = atomics_updates(&c->plan, sum->n);
    sum->workers = atomics_grid(&c->plan, sum->n);
    c->ops = atomics_ops_for(c->kind, setup->checked);
    return c->ops ? 0 : -1;
}

static int device_memory(struct atomics_context *c) {
    size_t bytes = c->sum.n * bytes_each(c);
    c->job = (struct atomics_job){.n = c->sum.n,
                                  .unit = c->sum.unit,
                                  .workspace_bytes = atomics_workspace_bytes(&c->plan, c->sum.n)};
    if (device_alloc(c->device, &c->device_x, bytes) != 0 ||
        device_write(c->device, c->device_x, c->x, bytes) != 0 ||
        device_alloc(c->device, &c->job.result, c->sum.addresses * bytes_each(c)) != 0 ||
        device_alloc(c->device, &c->job.workspace, c->job.workspace_bytes) != 0)
        return -1;
    c->job.x = c->device_x;
    return 0;
}

static int memory(struct atomics_context *c) {
    struct atomics_sum *sum = &c->sum;
    bool logged = sum->cure == ATOMICS_LOGGED;
    sum->result = malloc(sum->addresses * bytes_each(c));
    c->log = logged ? malloc(sum->updates * bytes_each(c)) : NULL;
    if (!sum->result || (logged && !c->log))
        return device_fail("out of memory for %zu updates", sum->updates);
    if (!c->native)
        return device_memory(c);
    c->cpu_job = (struct atomics_cpu_job){
        .x = c->x, .n = sum->n, .unit = sum->unit, .result = sum->result, .log = c->log};
    return 0;
}

static void close_context(void *context) {
    struct atomics_context *c = context;
    if (c->stream)
        c->ops->stream_end(c->stream);
    if (c->native)
        atomics_cpu_job_end(&c->cpu_job);
    device_free(c->device, c->device_x);
    device_free(c->device, c->job.result);
    device_free(c->device, c->job.workspace);
    free(c->sum.result);
    free(c->log);
    free(c->values);
    free(c->order);
    free(c);
}

/* --- one call ----------------------------------------------------------------------------------
 */

static int set_schedule(const struct atomics_context *c) {
    static const enum simt_interleave fixed[] = {SIMT_IN_ORDER, SIMT_REVERSE, SIMT_ROUND_ROBIN,
                                                 SIMT_LAST_FIRST, SIMT_RANDOM};
    uint64_t k = c->schedule;
    if (device_compiled(c->kind)) {
        ptx_configure(&(struct ptx_config){.resident = 1 + (unsigned)(k % 16),
                                           .order = k < 3 ? (enum ptx_order)k : PTX_RANDOM,
                                           .seed = philox_u64(c->schedule_seed, 0x5eed, k)});
        return 0;
    }
    struct simt_config config = {.resident = 1 + (unsigned)(k % 16),
                                 .block_order = SIMT_BLOCKS_RANDOM,
                                 .interleave = SIMT_RANDOM,
                                 .seed = philox_u64(c->schedule_seed, 0x5eed, k)};
    if (k < 15) {
        config.interleave = fixed[k % 5];
        config.block_order = (enum simt_block_order)(k / 5);
        config.resident = 16;
    }
    return simt_configure(&config);
}

/* The neighbour of a GPU contends for the very words of the result. */
static int start_neighbour(struct atomics_context *c) {
    if (!c->stream && c->ops->stream_begin(&c->stream) != 0)
        return -1;
    if (!c->stream)
        return device_fail("%s has no second stream for a neighbour", device_id(c->device));
    return c->ops->contend(c->job.result, c->sum.addresses * bytes_each(c) / 4, NEIGHBOUR_ROUNDS,
                           NEIGHBOUR_BLOCKS, c->stream);
}

static int call(void *context) {
    struct atomics_context *c = context;
    if (c->native) {
        c->cpu_job.contenders = c->neighbour ? CONTENDERS : 0;
        return atomics_cpu_run(&c->cpu, &c->cpu_job);
    }
    if (c->scheduled && set_schedule(c) != 0)
        return -1;
    int status = c->neighbour ? start_neighbour(c) : 0;
    if (status == 0)
        status = c->ops->launch(&c->plan, &c->job, device_stream(c->device));
    if (c->scheduled && device_compiled(c->kind))
        ptx_configure(NULL);
    else if (c->scheduled)
        simt_configure(NULL);
    return status;
}

static int read_back(struct atomics_context *c) {
    struct atomics_sum *sum = &c->sum;
    size_t bytes = bytes_each(c);
    if (c->native) {
        sum->status = c->cpu_job.status;
        return 0;
    }
    const char *workspace = c->job.workspace;
    if (device_sync(c->device) != 0 ||
        device_read(c->device, sum->result, c->job.result, sum->addresses * bytes) != 0 ||
        device_read(c->device, &sum->status, workspace, sizeof sum->status) != 0)
        return -1;
    return c->log ? device_read(c->device, c->log, workspace + ATOMICS_WORKSPACE_HEAD,
                                sum->updates * bytes)
                  : 0;
}

/* --- bits --------------------------------------------------------------------------------------
 */

#define HASH_START 0xcbf29ce484222325u

/* FNV-1a over bytes, carried on from `hash`. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size) {
    const unsigned char *at = bytes;
    for (size_t k = 0; k < size; k++)
        hash = (hash ^ at[k]) * 0x100000001b3u;
    return hash;
}

static struct job_bits bits_of(const struct atomics_sum *sum, const void *result) {
    bool one = sum->addresses == 1 && sum->lanes == 1;
    struct job_bits out = {HASH_START, one ? (int)(8 * atomics_type_bytes(sum->type)) : 64};
    for (size_t k = 0; k < sum->addresses; k++)
        for (unsigned lane = 0; lane < sum->lanes; lane++) {
            uint64_t bits = atomics_canonical(sum->add, atomics_get(sum->type, result, k, lane));
            out.bits = one ? bits : hash_bytes(out.bits, &bits, sizeof bits);
        }
    return out;
}

static int read_bits(void *context, struct job_bits *out) {
    struct atomics_context *c = context;
    if (read_back(c) != 0)
        return -1;
    *out = bits_of(&c->sum, c->sum.result);
    return 0;
}

int atomics_job_run(const struct job *job, struct job_bits *out) {
    struct atomics_context *c = context_of(job);
    size_t bytes = c->sum.addresses * bytes_each(c);
    memset(c->sum.result, 0xff, bytes);
    if (!c->native && device_fill(c->device, c->job.result, 0xff, bytes) != 0)
        return -1;
    return call(c) == 0 ? read_bits(c, out) : -1;
}

/* Whether the updates of an address may come in any order, with different results. */
static bool any_order(const struct atomics_sum *sum) {
    return (sum->cure == ATOMICS_PLAIN || sum->cure == ATOMICS_LOGGED) &&
           sum->updates > sum->addresses;
}

static int predict_status(struct atomics_context *c, struct job_bits *out, uint32_t *status) {
    char why[PLAN_WHY] = "";
    const struct atomics_sum *sum = &c->sum;
    void *result = malloc(sum->addresses * bytes_each(c));
    if (!result)
        return device_fail("out of memory for %zu addresses", sum->addresses);
    int failed =
        c->native ? atomics_cpu_model(&c->cpu, c->x, sum->n, sum->unit, result, status, why)
                  : atomics_model(&c->plan, c->kind, c->x, sum->n, sum->unit, result, status, why);
    if (failed == 0)
        *out = bits_of(sum, result);
    free(result);
    return failed ? device_fail("the model of %s: %s", sum->text, why) : 0;
}

static int predict(void *context, struct job_bits *out) {
    return predict_status(context, out, NULL);
}

int atomics_job_predict(const struct job *job, struct job_bits *out, uint32_t *status) {
    return predict_status(context_of(job), out, status);
}

/* --- against the exact sum ---------------------------------------------------------------------
 */

static bool has_exact(const struct atomics_sum *sum) {
    return sum->type == ATOMICS_F32 || sum->type == ATOMICS_F64;
}

static double exact_sum(struct atomics_context *c) {
    if (isnan(c->exact))
        c->exact = c->sum.type == ATOMICS_F64 ? exact_sum_f64(c->x, c->sum.n)
                                              : (double)exact_sum_f32(c->x, c->sum.n);
    return c->exact;
}

static double element(enum atomics_type type, const void *array, size_t k) {
    uint64_t bits = atomics_get(type, array, k, 0);
    return type == ATOMICS_F64 ? round_f64_from(bits) : round_f32_from((uint32_t)bits);
}

double atomics_job_ulps(const struct job *job) {
    struct atomics_context *c = context_of(job);
    const struct atomics_sum *sum = &c->sum;
    if (sum->addresses != 1 || !has_exact(sum))
        return NAN;
    double exact = exact_sum(c), value = element(sum->type, sum->result, 0);
    uint64_t exact_bits =
        sum->type == ATOMICS_F64 ? round_f64_bits(exact) : round_f32_bits((float)exact);
    uint64_t ulps = atomics_ulps(sum->add, atomics_get(sum->type, sum->result, 0, 0), exact_bits);
    if (ulps == UINT64_MAX)
        return NAN;
    return value < exact ? -(double)ulps : (double)ulps;
}

/* n - 1 additions in any order are within n u / (1 - n u) Sum|x| of the exact sum (Higham, 4.2);
 * it is itself rounded once, and a GPU may flush what is subnormal to zero. The addresses' sums
 * are taken together. */
static int prove_bound(struct atomics_context *c) {
    const struct atomics_sum *sum = &c->sum;
    double exact = exact_sum(c), size = 0, total = 0;
    double unit = sum->type == ATOMICS_F64 ? DBL_EPSILON / 2 : FLT_EPSILON / 2.0;
    double nu = (double)sum->n * unit;
    for (size_t i = 0; i < sum->n; i++)
        size += fabs(element(sum->type, c->x, i));
    for (size_t a = 0; a < sum->addresses; a++)
        total += element(sum->type, sum->result, a);
    double bound = (nu < 0.5 ? nu / (1 - nu) : 1) * size;
    if (sum->add == ATOMICS_ADD_F32_FLUSH)
        bound += (double)sum->n * FLT_MIN;
    if (!(fabs(total - exact) <= bound * (1 + 1e-6)))
        return device_fail("%s: its result %.9g is further from the exact sum %.9g than any order "
                           "of additions can be",
                           sum->text, total, exact);
    return 0;
}

static int prove(void *context) {
    struct atomics_context *c = context;
    struct job_bits got, expected;
    if (atomics_job_run(&(struct job){.context = c}, &got) != 0)
        return -1;
    if (any_order(&c->sum))
        return has_exact(&c->sum) ? prove_bound(c) : 0;
    if (predict(c, &expected) != 0)
        return -1;
    return got.bits == expected.bits
               ? 0
               : device_fail("%s: its bits are not the predicted ones", c->sum.text);
}

/* --- what later calls run under ----------------------------------------------------------------
 */

void atomics_job_neighbour(const struct job *job, bool beside) {
    context_of(job)->neighbour = beside;
}

void atomics_job_schedule(const struct job *job, uint64_t seed, uint64_t schedule) {
    struct atomics_context *c = context_of(job);
    c->scheduled = device_simulated(c->kind);
    c->schedule_seed = seed;
    c->schedule = schedule;
}

/* --- orders ------------------------------------------------------------------------------------
 */

size_t atomics_job_worker(const struct job *job, size_t u) {
    const struct atomics_context *c = context_of(job);
    const struct atomics_sum *sum = &c->sum;
    if (c->native) {
        size_t share = (sum->n + sum->workers - 1) / sum->workers;
        return sum->merge == ATOMICS_NONE ? u / share : u;
    }
    size_t block = (size_t)c->plan.block;
    switch (sum->merge) {
    case ATOMICS_NONE:
        return u / (block * (size_t)c->plan.items) % sum->workers;
    case ATOMICS_THREAD:
        return u / block;
    case ATOMICS_WARP:
        return u / (block / 32);
    case ATOMICS_BLOCK:
        break;
    }
    return u;
}

static const void *update_values(struct atomics_context *c) {
    if (c->values)
        return c->values;
    c->values = malloc(c->sum.updates * bytes_each(c));
    if (!c->values)
        device_fail("out of memory for %zu updates", c->sum.updates);
    else if (c->native)
        atomics_cpu_update_values(&c->cpu, c->x, c->sum.n, c->values);
    else
        atomics_update_values(&c->plan, c->x, c->sum.n, c->values);
    return c->values;
}

int atomics_job_replay(const struct job *job, uint64_t seed, struct atomics_replay *out) {
    struct atomics_context *c = context_of(job);
    const struct atomics_sum *sum = &c->sum;
    struct atomics_log_check check;
    *out = (struct atomics_replay){.order = HASH_START};
    if (!c->log)
        return device_fail("%s keeps no log to replay", sum->text);
    struct atomics_log log = {.type = sum->type,
                              .add = sum->add,
                              .addresses = sum->addresses,
                              .updates = sum->updates,
                              .values = update_values(c),
                              .olds = c->log,
                              .results = sum->result};
    if (!log.values)
        return -1;
    if (!c->order && sum->lanes == 1) /* two lanes have two orders */
        c->order = malloc(sum->updates * sizeof *c->order);
    if ((sum->lanes == 1 && !c->order) || atomics_log_check(&log, seed, c->order, &check) != 0)
        return device_fail("out of memory for an order");
    out->chains = check.chains;
    out->held = check.held;
    out->shuffled_differ = check.shuffled_differ;
    for (size_t k = 0; c->order && k < sum->updates; k++) {
        uint32_t worker = (uint32_t)atomics_job_worker(job, c->order[k]);
        out->order = hash_bytes(out->order, &worker, sizeof worker);
    }
    if (check.held != check.chains)
        snprintf(out->failure, sizeof out->failure, "address %zu: %s", check.failed_address,
                 atomics_order_text(check.failure));
    return 0;
}

int atomics_job_explore(const struct job *job, struct atomics_reachable **results, size_t *count) {
    struct atomics_context *c = context_of(job);
    const struct atomics_sum *sum = &c->sum;
    uint64_t value[ATOMICS_EXPLORE_MOST];
    uint16_t before[ATOMICS_EXPLORE_MOST] = {0};
    unsigned n = 0;
    char why[PLAN_WHY];
    const void *values = update_values(c);
    if (!values)
        return -1;
    for (size_t u = 0; u < sum->updates; u += sum->addresses) {
        if (n == ATOMICS_EXPLORE_MOST)
            return device_fail("%s: over %d updates of one address are too many to explore",
                               sum->text, ATOMICS_EXPLORE_MOST);
        /* A thread makes its updates in ascending order. A GPU's threads are not looked at: what
         * they make in a loop of their own would be listed in every order. */
        for (unsigned v = 0; c->native && v < n; v++)
            if (atomics_job_worker(job, v * sum->addresses) == atomics_job_worker(job, u))
                before[n] |= (uint16_t)(1u << v);
        value[n++] = atomics_get(sum->type, values, u, 0);
    }
    if (atomics_explore(sum->add, 0, value, n, before, results, count, why) != 0)
        return device_fail("%s: %s", sum->text, why);
    return 0;
}

/* --- the job -----------------------------------------------------------------------------------
 */

static struct json_t *plan_record(const void *context) {
    const struct atomics_context *c = context;
    return c->native ? atomics_cpu_plan_json(&c->cpu) : atomics_plan_json(&c->plan);
}

int atomics_job_open(struct job *job, struct device *device, const struct atomics_setup *setup) {
    *job = (struct job){0};
    struct atomics_context *c = calloc(1, sizeof *c);
    if (!c)
        return device_fail("out of memory for a sum");
    c->device = device;
    c->kind = device_kind(device);
    c->native = c->kind == DEVICE_CPU;
    c->x = setup->x;
    c->sum.n = setup->n;
    c->sum.unit = setup->unit;
    c->exact = NAN;
    int status = c->native ? take_native(c, setup) : take_kernels(c, setup);
    if (status == 0) {
        c->sum.lanes = atomics_type_lanes(c->sum.type);
        c->sum.add = atomics_add_rule(c->sum.type, c->kind);
        status = memory(c);
    }
    if (status != 0) {
        close_context(c);
        return -1;
    }
    const struct atomics_sum *sum = &c->sum;
    *job = (struct job){.context = c,
                        .call = call,
                        .prove = prove,
                        .bits = read_bits,
                        .predict = any_order(sum) ? NULL : predict,
                        .plan = plan_record,
                        .close = close_context,
                        .bytes =
                            (double)bytes_each(c) * ((double)sum->n + 2.0 * (double)sum->updates)};
    return 0;
}
