/*
 * sum_job.c: see sum_job.h.
 */
#include "kernels/sum/sum_job.h"

#include <stdlib.h>

struct sum_memory {
    struct device *device;
    enum element type;
    size_t n;
    void *x, *y, *result, *workspace; /* of the device; native sums need x alone */
    size_t workspace_bytes;
    const void *host_x, *host_y; /* borrowed */
};

#define RESULT_BYTES 8
#define POISON 0xff

/* --- memory -----------------------------------------------------------------------------------
 */

void sum_memory_close(struct sum_memory *memory) {
    if (!memory)
        return;
    device_free(memory->device, memory->x);
    device_free(memory->device, memory->y);
    device_free(memory->device, memory->result);
    device_free(memory->device, memory->workspace);
    free(memory);
}

int sum_memory_open(struct sum_memory **out, struct device *device, enum element type,
                    bool products, size_t n) {
    struct sum_memory *memory = calloc(1, sizeof *memory);
    size_t bytes = n * element_bytes(type);
    *out = NULL;
    if (!memory)
        return device_fail("out of memory");
    *memory = (struct sum_memory){.device = device, .type = type, .n = n};
    if (device_alloc(device, &memory->x, bytes) != 0 ||
        (products && device_alloc(device, &memory->y, bytes) != 0) ||
        device_alloc(device, &memory->result, RESULT_BYTES) != 0) {
        sum_memory_close(memory);
        return -1;
    }
    *out = memory;
    return 0;
}

int sum_memory_write(struct sum_memory *memory, const void *x, const void *y) {
    size_t bytes = memory->n * element_bytes(memory->type);
    memory->host_x = x;
    memory->host_y = y;
    if (y && !memory->y)
        return device_fail("memory of sums was given second factors");
    return device_write(memory->device, memory->x, x, bytes) != 0 ||
                   (y && device_write(memory->device, memory->y, y, bytes) != 0)
               ? -1
               : 0;
}

struct device *sum_memory_device(const struct sum_memory *memory) {
    return memory->device;
}

size_t sum_memory_count(const struct sum_memory *memory) {
    return memory->n;
}

const void *sum_memory_x(const struct sum_memory *memory) {
    return memory->x;
}

const void *sum_memory_host_x(const struct sum_memory *memory) {
    return memory->host_x;
}

/* Grows only: plans of all kinds take turns. */
static int workspace_for(struct sum_memory *memory, const struct sum_ops *ops,
                         const struct sum_plan *plan) {
    size_t need = sum_workspace_bytes(plan, memory->n);
    if (memory->workspace && need <= memory->workspace_bytes)
        return 0;
    device_free(memory->device, memory->workspace);
    memory->workspace = NULL;
    memory->workspace_bytes = 0;
    if (device_alloc(memory->device, &memory->workspace, need) != 0)
        return -1;
    memory->workspace_bytes = need;
    return ops->prepare(memory->workspace, need, device_stream(memory->device));
}

/* --- jobs -------------------------------------------------------------------------------------
 */

struct sum_job {
    struct sum_memory *memory;
    struct sum_variant variant;
    const struct sum_ops *ops; /* NULL: native */
};

static int call_kernels(void *context) {
    struct sum_job *s = context;
    struct sum_memory *m = s->memory;
    return s->ops->launch(&s->variant.plan, m->x, s->variant.plan.input == SUM_OF_X ? NULL : m->y,
                          m->n, m->result, m->workspace, m->workspace_bytes,
                          device_stream(m->device));
}

static int call_native(void *context) {
    struct sum_job *s = context;
    return sum_cpu_run(&s->variant.cpu, s->memory->x, s->memory->n, s->memory->result);
}

static int poison(const struct sum_job *s) {
    return device_fill(s->memory->device, s->memory->result, POISON, RESULT_BYTES);
}

static int width_of(const struct sum_job *s) {
    return sum_variant_class(&s->variant).acc == SUM_ACC64 ? 64 : 32;
}

static int bits(void *context, struct job_bits *out) {
    struct sum_job *s = context;
    *out = (struct job_bits){.width = width_of(s)};
    return device_sync(s->memory->device) != 0 ||
                   device_read(s->memory->device, &out->bits, s->memory->result,
                               (size_t)out->width / 8) != 0
               ? -1
               : poison(s);
}

static int predict(void *context, struct job_bits *out) {
    struct sum_job *s = context;
    struct sum_memory *m = s->memory;
    *out = (struct job_bits){.width = width_of(s)};
    return sum_variant_model(&s->variant, m->host_x, m->host_y, m->n, &out->bits) == 0
               ? 0
               : device_fail("out of memory in the model");
}

static int prove(void *context) {
    struct sum_job *s = context;
    struct job_bits got, expected;
    char text[SUM_TEXT];
    /* What the timed calls left may be another's. */
    if (poison(s) != 0 || (s->ops ? call_kernels(s) : call_native(s)) != 0 || bits(s, &got) != 0 ||
        predict(s, &expected) != 0)
        return -1;
    if (sum_same_bits(sum_variant_class(&s->variant).acc, got.bits, expected.bits))
        return 0;
    return device_fail("%s: its bits %llx are not the predicted %llx",
                       sum_variant_text(&s->variant, text), (unsigned long long)got.bits,
                       (unsigned long long)expected.bits);
}

static struct json_t *plan(const void *context) {
    return sum_variant_json(&((const struct sum_job *)context)->variant);
}

int sum_job_open(struct job *job, struct sum_memory *memory, const struct sum_variant *v) {
    struct sum_class class = sum_variant_class(v);
    const struct sum_ops *ops = NULL;
    char why[SUM_WHY];
    *job = (struct job){0};
    if (v->native != (device_kind(memory->device) == DEVICE_CPU))
        return device_fail("%s plans do not run on %s", v->native ? "native" : "the kernels'",
                           device_id(memory->device));
    if (class.type != memory->type || (class.products && !memory->y))
        return device_fail("the memory holds other inputs than this plan sums");
    if (sum_variant_check(v, memory->n, why) != 0)
        return device_fail("%s", why);
    if (!v->native && (!(ops = sum_ops_for(device_kind(memory->device), v->checked)) ||
                       workspace_for(memory, ops, &v->plan) != 0))
        return -1;
    struct sum_job *s = malloc(sizeof *s);
    if (!s)
        return device_fail("out of memory");
    *s = (struct sum_job){memory, *v, ops};
    *job = (struct job){
        .context = s,
        .call = ops ? call_kernels : call_native,
        .prove = prove,
        .bits = bits,
        .predict = predict,
        .plan = plan,
        .close = free,
        .bytes = (double)memory->n * (double)element_bytes(class.type) * (class.products ? 2 : 1),
        .flops = v->native ? sum_cpu_flops(&v->cpu, memory->n) : sum_flops(&v->plan, memory->n)};
    return poison(s) != 0 ? (job_close(job), -1) : 0;
}

void sum_job_use(struct job *job, const struct sum_ops *ops) {
    ((struct sum_job *)job->context)->ops = ops;
}
