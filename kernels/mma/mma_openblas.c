/*
 * mma_openblas.c: see mma_openblas.h.
 */
#include "kernels/mma/mma_openblas.h"

#include <cblas.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

struct openblas {
    struct mma_job base;
    int threads;
};

static int call(void *context) {
    const struct openblas *s = context;
    const struct mma_problem *p = &s->base.operands->problem;
    const struct mma_shape *shape = &p->shape;
    if (shape->m == 0 || shape->n == 0)
        return 0;
    if (openblas_get_num_threads() != s->threads)
        openblas_set_num_threads(s->threads);
    /* Strides of empty rows must not be zero. */
    size_t lda = mma_lda(p), ldb = mma_ldb(p);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)shape->m, (blasint)shape->n,
                (blasint)shape->k, 1, s->base.a, (blasint)(lda ? lda : 1), s->base.b,
                (blasint)(ldb ? ldb : 1), 0, s->base.c, (blasint)mma_ldc(p));
    return 0;
}

static struct json_t *plan(const void *context) {
    return json_pack("{s:i}", "threads", ((const struct openblas *)context)->threads);
}

static void close_job(void *context) {
    struct openblas *s = context;
    mma_job_close(&s->base);
    free(s);
}

char *mma_openblas_version(char *out, size_t size) {
    snprintf(out, size, "%s, kernels for %s", openblas_get_config(), openblas_get_corename());
    return out;
}

int mma_openblas_job_open(struct job *job, struct device *device,
                          const struct mma_operands *operands, int threads) {
    const struct mma_problem *p = &operands->problem;
    memset(job, 0, sizeof *job);
    if (device_kind(device) != DEVICE_CPU)
        return device_fail("OpenBLAS runs on cpu, not on %s", device_id(device));
    if (p->in != ELEMENT_F32 || p->out != ELEMENT_F32)
        return device_fail("cblas_sgemm takes and gives f32");
    if (threads < 1)
        return device_fail("cblas_sgemm on %d threads makes no sense", threads);
    if (p->shape.m > INT_MAX || mma_lda(p) > INT_MAX || mma_ldb(p) > INT_MAX ||
        mma_ldc(p) > INT_MAX)
        return device_fail("cblas_sgemm counts in 32 bits: the operands are too large");
    struct openblas *s = calloc(1, sizeof *s);
    if (!s)
        return device_fail("out of memory for a job");
    s->threads = threads;
    s->base.call = call;
    if (mma_job_open(job, &s->base, device, operands) != 0) {
        free(s);
        return -1;
    }
    job->call = call;
    job->plan = plan;
    job->close = close_job;
    return 0;
}
