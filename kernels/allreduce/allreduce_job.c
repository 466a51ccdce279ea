/*
 * allreduce_job.c: see allreduce_job.h.
 */
#include "kernels/allreduce/allreduce_job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/element/element.h"

#define POISON 0xff
#define GPU_DEADLINE 10000000000u /* nanoseconds */
#define HASH_START 0xcbf29ce484222325u

struct allreduce_context {
    struct allreduce_call call;
    struct device *device;
    const struct allreduce_ops *ops;
    const void *x;
    void *memory[3];    /* x, y, workspace */
    char given_up[320]; /* what was wrong with the last call; "": nothing so far */
};

static struct allreduce_context *context_of(const struct job *job) {
    return job->context;
}

/* Of one rank's result. */
static size_t result_bytes(const struct allreduce_context *c) {
    return c->call.n * allreduce_element_bytes(&c->call.plan);
}

static struct allreduce_workspace places(const struct allreduce_context *c) {
    return allreduce_workspace(&c->call.plan, c->call.n);
}

static int read_at(const struct allreduce_context *c, void *to, size_t offset, size_t bytes) {
    return device_read(c->device, to, (const char *)c->call.workspace + offset, bytes);
}

/* --- calls -------------------------------------------------------------------------------------
 */

/* No call has been. */
static int reset(struct allreduce_context *c) {
    c->call.number = 0;
    return device_fill(c->device, c->call.workspace, 0, places(c).zeroed);
}

static int call(void *context) {
    struct allreduce_context *c = context;
    c->given_up[0] = '\0';
    if (++c->call.number == 0 && (reset(c) != 0 || ++c->call.number == 0))
        return -1;
    return c->ops->launch(&c->call, device_stream(c->device));
}

/* Which ranks have not joined this call, as text: "2, 5". */
static int absent(const struct allreduce_context *c, char *text, size_t size) {
    const struct allreduce_plan *plan = &c->call.plan;
    size_t used = 0, words = (size_t)(plan->ranks * plan->channels) * ALLREDUCE_FLAG_APART;
    uint64_t *flags = malloc(words * sizeof *flags);
    text[0] = '\0';
    if (!flags || read_at(c, flags, places(c).flags, words * sizeof *flags) != 0) {
        free(flags);
        return -1;
    }
    for (int r = 0; r < plan->ranks; r++) {
        bool joined = true;
        for (int k = 0; k < plan->channels; k++)
            joined = joined && flags[(r * plan->channels + k) * ALLREDUCE_FLAG_APART] >>
                                       ALLREDUCE_CALL_SHIFT ==
                                   c->call.number;
        if (!joined && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%d", used ? ", " : "", r);
    }
    free(flags);
    return 0;
}

/* After a call that was given up: says so, until the next one, and makes that possible. */
static int give_up(struct allreduce_context *c, const struct allreduce_status *status) {
    char plan[PLAN_TEXT], who[80], whom[40] = "its turn";
    bool clock = device_has_clock(c->device);
    allreduce_plan_text(&c->call.plan, plan);
    if (status->waited_for >= 0)
        snprintf(whom, sizeof whom, "rank %d", status->waited_for);
    if (absent(c, who, sizeof who) != 0 || reset(c) != 0)
        return -1;
    snprintf(c->given_up, sizeof c->given_up,
             "%s: rank %d waited for %s for longer than %g %s; %s%s", plan, status->rank, whom,
             clock ? 1e-9 * (double)c->call.deadline : (double)c->call.deadline,
             clock ? "s" : "looks",
             who[0] ? "these ranks have not joined: " : "all ranks have joined", who);
    return device_fail("%s", c->given_up);
}

static int wait_for(struct allreduce_context *c) {
    struct allreduce_status status;
    if (c->given_up[0])
        return device_fail("%s", c->given_up);
    if (device_sync(c->device) != 0 || read_at(c, &status, places(c).status, sizeof status) != 0)
        return -1;
    return status.gave_up ? give_up(c, &status) : 0;
}

int allreduce_job_wait(const struct job *job) {
    return wait_for(context_of(job));
}

void allreduce_job_stall(const struct job *job, const struct allreduce_stall *stall) {
    context_of(job)->call.stall = stall ? *stall : (struct allreduce_stall){.rank = -1};
}

/* --- what a call leaves ------------------------------------------------------------------------
 */

static int output(struct allreduce_context *c, int rank, void *y) {
    size_t bytes = result_bytes(c);
    if (rank < 0 || rank >= c->call.plan.ranks)
        return device_fail("there is no rank %d", rank);
    if (wait_for(c) != 0 || !bytes)
        return bytes ? -1 : 0;
    return device_read(c->device, y, (const char *)c->call.y + (size_t)rank * bytes, bytes);
}

int allreduce_job_output(const struct job *job, int rank, void *y) {
    return output(context_of(job), rank, y);
}

int allreduce_job_times(const struct job *job, int rank, struct allreduce_times *times) {
    struct allreduce_context *c = context_of(job);
    const struct allreduce_plan *plan = &c->call.plan;
    if (!device_has_clock(c->device))
        return device_fail("%s has no clock", device_id(c->device));
    if (rank < 0 || rank >= plan->ranks)
        return device_fail("there is no rank %d", rank);
    if (wait_for(c) != 0)
        return -1;
    for (int k = 0; k < plan->channels; k++) {
        struct allreduce_times one;
        size_t block = (size_t)(rank * plan->channels + k);
        if (read_at(c, &one, places(c).times + block * sizeof one, sizeof one) != 0)
            return -1;
        if (!k || one.started < times->started)
            times->started = one.started;
        if (!k || one.joined < times->joined)
            times->joined = one.joined;
        if (!k || one.done > times->done)
            times->done = one.done;
    }
    return 0;
}

uint8_t *allreduce_job_arrivals(const struct job *job, size_t *units) {
    struct allreduce_context *c = context_of(job);
    const struct allreduce_plan *plan = &c->call.plan;
    if (plan->algorithm != ALLREDUCE_ARRIVAL || plan->ranks < 2) {
        device_fail("only plans by arrival, of more than one rank, record who came when");
        return NULL;
    }
    *units = allreduce_layout(plan, c->call.n).units;
    size_t bytes = *units * (size_t)plan->ranks;
    uint8_t *arrivals = malloc(bytes + 1);
    if (!arrivals)
        device_fail("out of memory for %zu arrivals", bytes);
    else if (wait_for(c) == 0 && (!bytes || read_at(c, arrivals, places(c).arrivals, bytes) == 0))
        return arrivals;
    free(arrivals);
    return NULL;
}

/* --- bits --------------------------------------------------------------------------------------
 */

/* FNV-1a over elements, carried on from `hash`; all NaNs as one. */
static uint64_t hashed(const struct allreduce_context *c, uint64_t hash, const void *y) {
    bool narrow = c->call.plan.type == ALLREDUCE_BF16;
    for (size_t i = 0; i < c->call.n; i++) {
        float value = narrow ? element_from_bf16(((const uint16_t *)y)[i]) : ((const float *)y)[i];
        uint32_t bits = 0x7fc00000u;
        if (!isnan(value))
            memcpy(&bits, &value, sizeof bits);
        for (int byte = 0; byte < 4; byte++)
            hash = (hash ^ (bits >> 8 * byte & 0xff)) * 0x100000001b3u;
    }
    return hash;
}

static void *buffer(const struct allreduce_context *c) {
    size_t bytes = result_bytes(c);
    void *y = malloc(bytes + 1);
    if (!y)
        device_fail("out of memory for a message of %zu bytes", bytes);
    return y;
}

static int bits(void *context, struct job_bits *out) {
    struct allreduce_context *c = context;
    void *y = buffer(c);
    int status = y ? 0 : -1;
    *out = (struct job_bits){HASH_START, 64};
    for (int r = 0; r < c->call.plan.ranks && status == 0; r++) {
        status = output(c, r, y);
        if (status == 0)
            out->bits = hashed(c, out->bits, y);
    }
    free(y);
    return status;
}

static int modelled(struct allreduce_context *c, const uint8_t *arrivals, struct job_bits *out) {
    char why[PLAN_WHY], text[PLAN_TEXT];
    void *y = buffer(c);
    int status = y ? 0 : -1;
    *out = (struct job_bits){HASH_START, 64};
    if (y && allreduce_model(&c->call.plan, c->x, c->call.n, arrivals, y, why) != 0)
        status = device_fail("the model of %s: %s", allreduce_plan_text(&c->call.plan, text), why);
    for (int r = 0; r < c->call.plan.ranks && status == 0; r++)
        out->bits = hashed(c, out->bits, y);
    free(y);
    return status;
}

static int predict(void *context, struct job_bits *out) {
    return modelled(context, NULL, out);
}

int allreduce_job_replayed(const struct job *job, struct job_bits *out) {
    struct allreduce_context *c = context_of(job);
    size_t units;
    if (allreduce_run_to_run(&c->call.plan))
        return modelled(c, NULL, out);
    uint8_t *arrivals = allreduce_job_arrivals(job, &units);
    int status = arrivals ? modelled(c, arrivals, out) : -1;
    free(arrivals);
    return status;
}

static int prove(void *context) {
    struct allreduce_context *c = context;
    struct job self = {.context = c};
    struct job_bits got, expected;
    char text[PLAN_TEXT];
    size_t all = (size_t)c->call.plan.ranks * result_bytes(c);
    if ((all && device_fill(c->device, c->call.y, POISON, all) != 0) || call(c) != 0 ||
        bits(c, &got) != 0 || allreduce_job_replayed(&self, &expected) != 0)
        return -1;
    return got.bits == expected.bits ? 0
                                     : device_fail("%s: its ranks' bits are not the predicted ones",
                                                   allreduce_plan_text(&c->call.plan, text));
}

/* --- the job -----------------------------------------------------------------------------------
 */

static struct json_t *plan(const void *context) {
    return allreduce_plan_json(&((const struct allreduce_context *)context)->call.plan);
}

static void close_context(void *context) {
    struct allreduce_context *c = context;
    for (int k = 0; k < 3; k++)
        device_free(c->device, c->memory[k]);
    free(c);
}

static int take_memory(struct allreduce_context *c) {
    struct allreduce_call *call = &c->call;
    size_t x = (size_t)allreduce_parts(&call->plan) * result_bytes(c);
    size_t y = (size_t)call->plan.ranks * result_bytes(c);
    if (device_alloc(c->device, &c->memory[0], x + 1) != 0 ||
        device_alloc(c->device, &c->memory[1], y + 1) != 0 ||
        device_alloc(c->device, &c->memory[2], places(c).size) != 0 ||
        (x && device_write(c->device, c->memory[0], c->x, x) != 0))
        return -1;
    call->x = c->memory[0];
    call->y = c->memory[1];
    call->workspace = c->memory[2];
    return reset(c);
}

int allreduce_job_open(struct job *job, struct device *device,
                       const struct allreduce_setup *setup) {
    char why[PLAN_WHY], text[PLAN_TEXT];
    enum device_kind kind = device_kind(device);
    *job = (struct job){0};
    if (allreduce_plan_check(&setup->plan, setup->n, why) != 0)
        return device_fail("%s: %s", allreduce_plan_text(&setup->plan, text), why);
    const struct allreduce_ops *ops = allreduce_ops_for(kind, setup->checked);
    if (!ops)
        return -1;
    struct allreduce_context *c = calloc(1, sizeof *c);
    if (!c)
        return device_fail("out of memory for a job");
    *c = (struct allreduce_context){.device = device, .ops = ops, .x = setup->x};
    c->call = (struct allreduce_call){
        .plan = setup->plan, .n = setup->n, .stall = {.rank = -1}, .deadline = setup->deadline};
    if (!c->call.deadline && kind == DEVICE_CUDA)
        c->call.deadline = GPU_DEADLINE;
    if (take_memory(c) != 0) {
        close_context(c);
        return -1;
    }
    *job = (struct job){.context = c,
                        .call = call,
                        .prove = prove,
                        .bits = bits,
                        .predict = allreduce_run_to_run(&setup->plan) ? predict : NULL,
                        .plan = plan,
                        .close = close_context,
                        .bytes = allreduce_bytes(&setup->plan, setup->n),
                        .flops = allreduce_flops(&setup->plan, setup->n)};
    return 0;
}
