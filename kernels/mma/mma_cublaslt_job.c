/*
 * mma_cublaslt_job.c: cuBLASLt's product as a job; see mma_cublaslt.h.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/mma/mma_cublaslt.h"
#include "kernels/mma/mma_cublaslt_order.h"

struct cublaslt_job {
    struct mma_job base;
    struct mma_cublaslt_plan plan;
    struct mma_cublaslt_choice choice;
    struct mma_cublaslt_order order;
    struct mma_rule rule;
    char declines[MMA_WHY]; /* "": there is a model */
    void *state;            /* of the library; NULL: a dimension is 0 */
    void *workspace;
    float *rows[2]; /* for the model: a row of A and one of B */
};

int mma_cublaslt_version(size_t *version) {
    return &mma_cublaslt_calls_cuda ? mma_cublaslt_calls_cuda.version(version)
                                    : device_fail_no_cuda();
}

static bool is_empty(const struct mma_shape *s) {
    return !s->m || !s->n || !s->k;
}

static void close_job(void *context) {
    struct cublaslt_job *j = context;
    if (j->state)
        mma_cublaslt_calls_cuda.close(j->state);
    device_free(j->base.device, j->workspace);
    mma_job_close(&j->base);
    free(j->rows[0]);
    free(j->rows[1]);
    free(j);
}

/* A dimension of 0: the library refuses it. */
static int zeros(struct cublaslt_job *j) {
    const struct mma_problem *p = &j->base.operands->problem;
    size_t size = element_bytes(p->out);
    int status = 0;
    for (size_t m = 0; m < p->shape.m && p->shape.n && status == 0; m++)
        status = device_fill(j->base.device, (char *)j->base.c + m * mma_ldc(p) * size, 0,
                             p->shape.n * size);
    return status;
}

static int call(void *context) {
    struct cublaslt_job *j = context;
    return j->state ? mma_cublaslt_calls_cuda.call(j->state) : zeros(j);
}

static int element(void *context, size_t m, size_t n, float *value) {
    struct cublaslt_job *j = context;
    const struct mma_operands *o = j->base.operands;
    size_t k = o->problem.shape.k;
    for (int i = 0; i < 2; i++)
        if (!j->rows[i] && !(j->rows[i] = malloc((k ? k : 1) * sizeof **j->rows)))
            return device_fail("out of memory for rows of %zu numbers", k);
    mma_a_row(o, m, j->rows[0]);
    mma_b_row(o, n, j->rows[1]);
    *value = j->state
                 ? mma_cublaslt_sum(&j->order, &j->rule, j->rows[0], j->rows[1], k, o->problem.out)
                 : 0;
    return 0;
}

static struct json_t *plan_record(const void *context) {
    const struct cublaslt_job *j = context;
    char text[MMA_CUBLASLT_ORDER_TEXT];
    return json_pack(
        "{s:s, s:o, s:o, s:s}", "library", "cuBLASLt", "levers", mma_cublaslt_plan_json(&j->plan),
        "choice", mma_cublaslt_choice_json(&j->choice), "order",
        *j->declines ? j->declines
        : j->state   ? mma_cublaslt_order_text(&j->order, j->base.operands->problem.shape.k, text)
                     : "none");
}

const struct mma_cublaslt_choice *mma_cublaslt_job_choice(const struct job *job) {
    return &((const struct cublaslt_job *)job->context)->choice;
}

const char *mma_cublaslt_job_declines(const struct job *job) {
    const struct cublaslt_job *j = job->context;
    return *j->declines ? j->declines : NULL;
}

static int choose(struct cublaslt_job *j) {
    const struct mma_problem *problem = &j->base.operands->problem;
    size_t bytes = (size_t)j->plan.workspace * 1024;
    struct mma_cublaslt_request request = {.problem = *problem,
                                           .plan = j->plan,
                                           .stream = device_stream(j->base.device),
                                           .a = j->base.a,
                                           .b = j->base.b,
                                           .c = j->base.c};
    if (bytes && device_alloc(j->base.device, &j->workspace, bytes) != 0)
        return -1;
    request.workspace = j->workspace;
    if (mma_cublaslt_calls_cuda.open(&request, &j->state, &j->choice) != 0)
        return -1;
    if (mma_cublaslt_order(&j->choice, &j->plan, problem, &j->order, j->declines) == 0 &&
        j->order.kind == MMA_CUBLASLT_MATRIX &&
        mma_cublaslt_rule(&j->order, j->choice.arch, problem->in, &j->rule) != 0)
        snprintf(j->declines, sizeof j->declines, "no rule of %s on sm_%d for %s is known",
                 mma_form_name(j->order.form), j->choice.arch, element_word(problem->in));
    return 0;
}

/* What the library says no to it says by itself; these it would take for something else. */
static int formats(const struct mma_problem *p) {
    bool wide = p->in == ELEMENT_F64;
    if (wide != (p->out == ELEMENT_F64) || p->out == ELEMENT_TF32)
        return device_fail("cuBLASLt's product of %s with a result of %s is not among those here",
                           element_word(p->in), element_word(p->out));
    return 0;
}

int mma_cublaslt_job_open(struct job *job, struct device *device,
                          const struct mma_operands *operands,
                          const struct mma_cublaslt_plan *plan) {
    char why[PLAN_WHY];
    *job = (struct job){0};
    if (device_kind(device) != DEVICE_CUDA)
        return device_fail("cuBLASLt does not run on %s: it wants a GPU", device_id(device));
    if (!&mma_cublaslt_calls_cuda)
        return device_fail_no_cuda();
    if (mma_cublaslt_plan_check(plan, why) != 0)
        return device_fail("%s", why);
    if (formats(&operands->problem) != 0)
        return -1;
    struct cublaslt_job *j = calloc(1, sizeof *j);
    if (!j)
        return device_fail("out of memory");
    j->base.call = call;
    j->base.element = element;
    j->plan = *plan;
    j->choice.id = -1;
    if (operands->problem.in == ELEMENT_E4M3 || operands->problem.in == ELEMENT_E5M2)
        j->base.fraction = 13;
    if (mma_job_open(job, &j->base, device, operands) != 0) {
        free(j);
        return -1;
    }
    job->call = call;
    job->plan = plan_record;
    job->close = close_job;
    if (!is_empty(&operands->problem.shape) && choose(j) != 0) {
        job_close(job);
        return -1;
    }
    if (*j->declines) {
        j->base.element = NULL;
        job->predict = NULL;
    }
    return 0;
}
