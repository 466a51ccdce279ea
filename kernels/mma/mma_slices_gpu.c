/*
 * mma_slices_gpu.c: plans and jobs of the integer GEMM on a GPU or on the SIMT machine.
 */
#include "kernels/mma/mma_slices_gpu.h"

#include <stdlib.h>

#include "kernels/device/ops.h"
#include "kernels/mma/mma_slices_inside.h"
#include "kernels/plan/plan.h"

DEVICE_OPS(mma_slices_ops, "mma_slices.h")

MMA_SLICES_GPU_PLAN_FIELDS(PLAN_VALUES)
#define FIELD(name, values, what) PLAN_FIELD(mma_slices_gpu_plan, name, what)
static const struct plan_field fields[MMA_SLICES_GPU_FIELDS] = {MMA_SLICES_GPU_PLAN_FIELDS(FIELD)};

static int rules(const void *plan, char *why) {
    (void)plan, (void)why;
    return 0;
}

const struct plan_family mma_slices_gpu_plans = {
    .name = "a plan of the integer GEMM on a GPU",
    .example = "s4.high.imma-64x64.depth16.k1",
    .size = sizeof(struct mma_slices_gpu_plan),
    .fields = fields,
    .count = MMA_SLICES_GPU_FIELDS,
    .counts = (1u << MMA_SLICES_GPU_FIELD_slices) | (1u << MMA_SLICES_GPU_FIELD_depth) |
              (1u << MMA_SLICES_GPU_FIELD_split),
    .rules = rules,
};

struct mma_slices_gpu_plan mma_slices_gpu_plan_default(void) {
    return (struct mma_slices_gpu_plan){.slices = 4, .tile = 64, .depth = 16, .split = 1};
}

struct gpu {
    struct mma_job base;
    struct mma_slices_gpu_plan plan;
    const struct mma_slices_ops *ops;
    struct mma_slices_gpu_call launch;
    void *memory[7];
    int memories;
};

static int call(void *context) {
    struct gpu *s = context;
    if (s->launch.a.rows == 0 || s->launch.b.rows == 0)
        return 0;
    return s->ops->start(&s->launch, device_stream(s->base.device));
}

static int element(void *context, size_t m, size_t n, float *value) {
    const struct gpu *s = context;
    *value = mma_slices_model(s->base.operands, s->launch.product.slices, s->launch.product.classes,
                              m, n);
    return 0;
}

static struct json_t *plan_of(const void *context) {
    return plan_json(&mma_slices_gpu_plans, &((const struct gpu *)context)->plan);
}

static void close_job(void *context) {
    struct gpu *s = context;
    for (int i = 0; i < s->memories; i++)
        device_free(s->base.device, s->memory[i]);
    mma_job_close(&s->base);
    free(s);
}

static int take(struct gpu *s, size_t bytes, void *where) {
    void *memory;
    if (device_alloc(s->base.device, &memory, bytes + 1) != 0)
        return -1;
    s->memory[s->memories++] = memory;
    memcpy(where, &memory, sizeof memory);
    return 0;
}

static int open_side(struct gpu *s, struct mma_slices_gpu_side *side) {
    size_t words = side->rows * (size_t)s->plan.slices * s->launch.product.groups;
    return take(s, side->rows * sizeof *side->place, &side->place) != 0 ||
                   take(s, side->rows * sizeof *side->special, &side->special) != 0 ||
                   take(s, words * sizeof *side->words, &side->words) != 0
               ? -1
               : 0;
}

static int open_memory(struct gpu *s) {
    struct mma_slices_gpu_call *l = &s->launch;
    if (open_side(s, &l->a) != 0 || open_side(s, &l->b) != 0)
        return -1;
    return l->product.parts > 1
               ? take(s, l->a.rows * l->b.rows * sizeof *l->product.v, &l->product.v)
               : 0;
}

int mma_slices_gpu_job_open(struct job *job, struct device *device,
                            const struct mma_operands *operands,
                            const struct mma_slices_gpu_plan *plan, bool checked) {
    const struct mma_problem *p = &operands->problem;
    const struct mma_shape shape = p->shape;
    char why[PLAN_WHY];
    memset(job, 0, sizeof *job);
    if (plan_check(&mma_slices_gpu_plans, plan, why) != 0)
        return device_fail("the integer GEMM's plan is illegal: %s", why);
    const struct mma_slices_ops *ops = mma_slices_ops_for(device_kind(device), checked);
    int classes = plan->slices + plan->kept;
    if (!ops || mma_slices_refuse(p, classes) != 0)
        return -1;
    if (shape.m >= (size_t)1 << 19)
        return device_fail("the integer GEMM's grid has no room for %zu rows", shape.m);
    struct gpu *s = calloc(1, sizeof *s);
    if (!s)
        return device_fail("out of memory for a job");
    s->plan = *plan;
    s->ops = ops;
    s->base.call = call;
    s->base.element = element;
    s->base.fraction = plan->slices == 3 ? 20 : 23;
    if (mma_job_open(job, &s->base, device, operands) != 0) {
        free(s);
        return -1;
    }
    size_t part = mma_slices_part(shape.k, (size_t)plan->split);
    s->launch = (struct mma_slices_gpu_call){
        .a = {.x = s->base.a, .stride = mma_lda(p), .rows = shape.m},
        .b = {.x = s->base.b, .stride = mma_ldb(p), .rows = shape.n},
        .product = {.c = s->base.c,
                    .ldc = mma_ldc(p),
                    .k = shape.k,
                    .groups = (shape.k + MMA_SLICES_MULTIPLE - 1) / MMA_SLICES_MULTIPLE *
                              (MMA_SLICES_MULTIPLE / MMA_SLICES_GROUP),
                    .part_groups = part / MMA_SLICES_GROUP,
                    .parts = mma_slices_parts(shape.k, part),
                    .slices = plan->slices,
                    .classes = classes,
                    .tile = plan->tile,
                    .depth = plan->depth},
    };
    job->call = call;
    job->plan = plan_of;
    job->close = close_job;
    if (open_memory(s) != 0) {
        job_close(job);
        return -1;
    }
    return 0;
}
