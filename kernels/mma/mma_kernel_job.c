/*
 * mma_kernel_job.c: a product by the kernels of mma.h, as a job.
 */
#include <stdlib.h>

#include "kernels/mma/mma.h"
#include "kernels/mma/mma_rule.h"

struct mma_kernel_job {
    struct mma_job base; /* first */
    struct mma_call call;
    enum device_kind kind;
    bool checked;
    int capability;
};

static int call(void *context) {
    const struct mma_kernel_job *job = context;
    return mma_kernel_launch(&job->call, job->kind, job->checked);
}

static int element(void *context, size_t m, size_t n, float *value) {
    const struct mma_kernel_job *job = context;
    return mma_model_element(&job->call.plan, job->capability, job->base.operands, m, n, value);
}

static struct json_t *plan(const void *context) {
    return mma_plan_json(&((const struct mma_kernel_job *)context)->call.plan);
}

static void close_job(void *context) {
    struct mma_kernel_job *job = context;
    device_free(job->base.device, job->call.workspace);
    mma_job_close(&job->base);
    free(job);
}

/* Of the format that is coarsest on the way: what prove() has to allow for. */
static int fraction_of(const struct mma_plan *plan, const struct mma_rule *rule) {
    int fraction = plan->acc == MMA_ACC16 ? 10
                   : rule && rule->sum == MMA_ALIGNED && rule->out_fraction < 23
                       ? rule->out_fraction
                       : 23;
    int out = plan->out == ELEMENT_BF16 ? 7 : plan->out == ELEMENT_F16 ? 10 : 23;
    return plan->merge == MMA_IN_PLACE && out < fraction ? out : fraction;
}

static int workspace(struct mma_kernel_job *job) {
    size_t bytes = mma_workspace_bytes(&job->call.plan, &job->call.problem.shape);
    if (!bytes)
        return 0;
    if (device_alloc(job->base.device, &job->call.workspace, bytes) != 0)
        return -1;
    return mma_kernel_prepare(&job->call, job->kind, job->checked);
}

static int job_open(struct job *out, struct device *device, const struct mma_operands *operands,
                    const struct mma_plan *given, bool checked) {
    char why[PLAN_WHY], text[MMA_TEXT];
    *out = (struct job){0};
    if (mma_plan_check(given, &operands->problem, why) != 0)
        return device_fail("%s: %s", mma_plan_text(given, text), why);
    if (mma_plan_runs(given, device) != 0)
        return -1;
    int capability = mma_capability(device);
    struct mma_kernel_job *job = capability ? calloc(1, sizeof *job) : NULL;
    if (!job)
        return capability ? device_fail("out of memory") : -1;
    const struct mma_rule *rule = mma_plan_rule(given, capability);
    job->kind = device_kind(device);
    job->checked = checked;
    job->capability = capability;
    job->base.call = call;
    job->base.element = rule ? element : NULL;
    job->base.fraction = fraction_of(given, rule);
    job->call = (struct mma_call){.plan = *given,
                                  .problem = operands->problem,
                                  .stream = device_stream(device),
                                  .runs = true};
    if (given->load == MMA_LOAD_FIT)
        job->call.plan.load = mma_widest_load(&operands->problem);
    if (mma_job_open(out, &job->base, device, operands) != 0) {
        free(job);
        return -1;
    }
    job->call.a = job->base.a;
    job->call.b = job->base.b;
    job->call.c = job->base.c;
    out->call = call;
    out->plan = plan;
    out->close = close_job;
    return workspace(job) != 0 ? (job_close(out), -1) : 0;
}

int mma_kernel_job_open(struct job *job, struct device *device, const struct mma_operands *operands,
                        const struct mma_plan *plan) {
    return job_open(job, device, operands, plan, false);
}
int mma_kernel_job_open_checked(struct job *job, struct device *device,
                                const struct mma_operands *operands, const struct mma_plan *plan) {
    return job_open(job, device, operands, plan, true);
}
