/*
 * mma_job.c: see mma_job.h.
 */
#include "kernels/mma/mma_job.h"

#include <math.h>
#include <stdlib.h>

#define POISON 0xff
/* How many elements of an output prove() compares with exact sums. */
#define PROVED 4096

enum { A, B, C };

static struct mma_job *base_of(const struct job *job) {
    return job->context;
}

static size_t count_of(const struct mma_job *base) {
    const struct mma_shape *s = &base->operands->problem.shape;
    return s->m * s->n;
}

/* --- memory ------------------------------------------------------------------------------------
 */

void mma_job_close(struct mma_job *base) {
    for (int k = A; k <= C; k++) {
        device_free(base->device, base->memory[k]);
        base->memory[k] = NULL;
    }
}

static int place(struct mma_job *base, int which, size_t bytes, size_t offset, void **first) {
    if (device_alloc(base->device, &base->memory[which], bytes + offset + 1) != 0)
        return -1;
    *first = (char *)base->memory[which] + offset;
    return 0;
}

static int place_all(struct mma_job *base) {
    const struct mma_operands *o = base->operands;
    const struct mma_problem *p = &o->problem;
    size_t a = mma_a_bytes(p), b = mma_b_bytes(p);
    return place(base, A, a, p->a_offset, &base->a) != 0 ||
                   place(base, B, b, p->b_offset, &base->b) != 0 ||
                   place(base, C, mma_c_bytes(p), p->c_offset, &base->c) != 0 ||
                   (a && device_write(base->device, base->a, o->a, a) != 0) ||
                   (b && device_write(base->device, base->b, o->b, b) != 0)
               ? -1
               : 0;
}

int mma_job_write(const struct job *job, const void *a, const void *b) {
    struct mma_job *base = base_of(job);
    const struct mma_problem *p = &base->operands->problem;
    size_t a_bytes = a ? mma_a_bytes(p) : 0, b_bytes = b ? mma_b_bytes(p) : 0;
    if (device_sync(base->device) != 0 ||
        (a_bytes && device_write(base->device, base->a, a, a_bytes) != 0) ||
        (b_bytes && device_write(base->device, base->b, b, b_bytes) != 0))
        return -1;
    return base->pack ? base->pack(base) : 0;
}

int mma_job_restore(const struct job *job) {
    const struct mma_operands *o = base_of(job)->operands;
    return mma_job_write(job, o->a, o->b);
}

static int poison(const struct mma_job *base) {
    size_t bytes = mma_c_bytes(&base->operands->problem);
    return bytes ? device_fill(base->device, base->c, POISON, bytes) : 0;
}

int mma_job_poison(const struct job *job) {
    return poison(base_of(job));
}

/* --- output ------------------------------------------------------------------------------------
 */

/* `gaps_kept`: whether what lies between C's rows is still poison; NULL: not asked. */
static int output(const struct mma_job *base, float *c, bool *gaps_kept) {
    const struct mma_problem *p = &base->operands->problem;
    size_t bytes = mma_c_bytes(p), size = element_bytes(p->out), stride = mma_ldc(p);
    unsigned char *raw = malloc(bytes ? bytes : 1);
    if (!raw)
        return device_fail("out of memory for an output of %zu bytes", bytes);
    int status = device_sync(base->device) != 0 ||
                         (bytes && device_read(base->device, raw, base->c, bytes) != 0)
                     ? -1
                     : 0;
    for (size_t m = 0; status == 0 && m < p->shape.m; m++) {
        for (size_t n = 0; n < p->shape.n; n++)
            c[m * p->shape.n + n] = (float)element_get(p->out, raw, m * stride + n);
        for (size_t i = p->shape.n * size;
             gaps_kept && bytes && m + 1 < p->shape.m && i < stride * size; i++)
            *gaps_kept = *gaps_kept && raw[m * stride * size + i] == POISON;
    }
    free(raw);
    return status;
}

int mma_job_output(const struct job *job, float *c) {
    return output(base_of(job), c, NULL);
}

uint64_t mma_hash(const float *c, size_t count) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = 0x7fc00000u;
        if (!isnan(c[i]))
            memcpy(&bits, &c[i], sizeof bits);
        for (int byte = 0; byte < 4; byte++)
            hash = (hash ^ (bits >> 8 * byte & 0xff)) * 0x100000001b3u;
    }
    return hash;
}

static float *buffer_for(const struct mma_job *base) {
    size_t count = count_of(base);
    float *c = malloc((count ? count : 1) * sizeof *c);
    if (!c)
        device_fail("out of memory for an output of %zu numbers", count);
    return c;
}

static int bits(void *context, struct job_bits *out) {
    struct mma_job *base = context;
    float *c = buffer_for(base);
    int status = c ? output(base, c, NULL) : -1;
    if (status == 0)
        *out = (struct job_bits){mma_hash(c, count_of(base)), 64};
    free(c);
    return status;
}

static int predict(void *context, struct job_bits *out) {
    struct mma_job *base = context;
    const struct mma_shape *s = &base->operands->problem.shape;
    float *c = buffer_for(base);
    int status = c ? 0 : -1;
    for (size_t m = 0; m < s->m && status == 0; m++)
        for (size_t n = 0; n < s->n && status == 0; n++)
            status = base->element(context, m, n, &c[m * s->n + n]);
    if (status == 0)
        *out = (struct job_bits){mma_hash(c, count_of(base)), 64};
    free(c);
    return status;
}

bool mma_job_has_model(const struct job *job) {
    return base_of(job)->element != NULL;
}

int mma_job_element(const struct job *job, size_t m, size_t n, float *value) {
    struct mma_job *base = base_of(job);
    return base->element ? base->element(base, m, n, value)
                         : device_fail("this matrix product has no model to predict its bits");
}

static int prove(void *context) {
    struct mma_job *base = context;
    const struct mma_problem *p = &base->operands->problem;
    float *c = buffer_for(base);
    bool gaps_kept = true;
    int status =
        !c || poison(base) != 0 || base->call(context) != 0 || output(base, c, &gaps_kept) != 0 ? -1
                                                                                                : 0;
    double allowed = mma_error_allowed(p, base->fraction ? base->fraction : 23);
    if (status == 0 && !gaps_kept)
        status = device_fail("the product wrote between the rows of its output");
    if (status == 0) {
        double error = mma_error(base->operands, c, PROVED, 0);
        if (!(error <= allowed))
            status =
                device_fail("the product is off by %g of its size; %g is allowed", error, allowed);
    }
    free(c);
    return status;
}

int mma_job_open(struct job *job, struct mma_job *base, struct device *device,
                 const struct mma_operands *operands) {
    base->device = device;
    base->operands = operands;
    if (place_all(base) != 0) {
        mma_job_close(base);
        return -1;
    }
    job->context = base;
    job->bits = bits;
    job->prove = prove;
    job->predict = base->element ? predict : NULL;
    job->bytes = mma_bytes(&operands->problem);
    job->flops = mma_flops(&operands->problem);
    return 0;
}
