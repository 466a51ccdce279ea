/*
 * mma_onednn.c: see mma_onednn.h.
 */
#include "kernels/mma/mma_onednn.h"

#include <dnnl_debug.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/mma/mma_onednn_inside.h"
#include "kernels/threads/threads.h"

struct mma_onednn_job {
    struct mma_job base;
    const struct mma_onednn_library *library;
    enum mma_onednn_weights weights;
    int threads;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
    dnnl_memory_t a, b, c;
    /* Of packed weights: their memory, of the device; B as it is; from the one to the other. */
    void *packed;
    dnnl_memory_t given;
    dnnl_primitive_desc_t packing_description;
    dnnl_primitive_t packing;
    char implementation[60];
};

static int check(dnnl_status_t status, const char *what) {
    return status == dnnl_success
               ? 0
               : device_fail("oneDNN: %s failed: %s", what, dnnl_status2str(status));
}

/* --- the whole library ------------------------------------------------------------------------ */

char *mma_onednn_version(char *text, size_t size) {
    const dnnl_version_t *v = dnnl_version();
    snprintf(text, size, "%d.%d.%d", v->major, v->minor, v->patch);
    return text;
}

/* --- one job ---------------------------------------------------------------------------------- */

static void close_job(void *context) {
    struct mma_onednn_job *o = context;
    o->library->dnnl_memory_destroy(o->a);
    o->library->dnnl_memory_destroy(o->b);
    o->library->dnnl_memory_destroy(o->c);
    o->library->dnnl_memory_destroy(o->given);
    o->library->dnnl_primitive_destroy(o->packing);
    o->library->dnnl_primitive_desc_destroy(o->packing_description);
    o->library->dnnl_primitive_destroy(o->primitive);
    o->library->dnnl_primitive_desc_destroy(o->description);
    o->library->dnnl_stream_destroy(o->stream);
    o->library->dnnl_engine_destroy(o->engine);
    device_free(o->base.device, o->packed);
    mma_job_close(&o->base);
    free(o);
}

/* The library takes threads from OpenMP's setting at the time, both to choose and to run. */
static int with_threads(struct mma_onednn_job *o, int (*function)(struct mma_onednn_job *)) {
    int before = o->library->omp_get_max_threads();
    o->library->omp_set_num_threads(o->threads);
    int status = function(o);
    o->library->omp_set_num_threads(before);
    return status;
}

/* A dimension of 0: the library divides by it while it chooses. */
static int without_library(const struct mma_onednn_job *o) {
    const struct mma_problem *p = &o->base.operands->problem;
    size_t size = element_bytes(p->out);
    int status = 0;
    for (size_t m = 0; m < p->shape.m && p->shape.n && status == 0; m++)
        status = device_fill(o->base.device, (char *)o->base.c + m * mma_ldc(p) * size, 0,
                             p->shape.n * size);
    return status;
}

static int execute(struct mma_onednn_job *o) {
    if (!o->primitive)
        return without_library(o);
    dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, o->a}, {DNNL_ARG_WEIGHTS, o->b}, {DNNL_ARG_DST, o->c}};
    return check(o->library->dnnl_primitive_execute(o->primitive, o->stream, 3, arguments),
                 "executing") != 0
               ? -1
               : check(o->library->dnnl_stream_wait(o->stream), "waiting");
}

static int call(void *context) {
    return with_threads(context, execute);
}

static int describe(const struct mma_onednn_job *o, dnnl_memory_desc_t *desc, size_t rows,
                    size_t columns, size_t row_stride, size_t column_stride, enum element element) {
    dnnl_dims_t sizes = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    dnnl_dims_t strides = {(dnnl_dim_t)row_stride, (dnnl_dim_t)column_stride};
    return check(o->library->dnnl_memory_desc_init_by_strides(
                     desc, 2, sizes, element == ELEMENT_BF16 ? dnnl_bf16 : dnnl_f32, strides),
                 "a memory format");
}

static int pack_now(struct mma_onednn_job *o) {
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, o->given}, {DNNL_ARG_TO, o->b}};
    if (!o->packing)
        return 0;
    return check(o->library->dnnl_primitive_execute(o->packing, o->stream, 2, arguments),
                 "packing") != 0
               ? -1
               : check(o->library->dnnl_stream_wait(o->stream), "waiting");
}

static int pack(void *context) {
    return with_threads(context, pack_now);
}

/* B, at its strides, into the format that the implementation asks for. */
static int open_packed(struct mma_onednn_job *o, const dnnl_memory_desc_t *from,
                       const dnnl_memory_desc_t *to) {
    if (device_alloc(o->base.device, &o->packed, o->library->dnnl_memory_desc_get_size(to) + 1) !=
            0 ||
        check(o->library->dnnl_memory_create(&o->b, to, o->engine, o->packed),
              "the packed weights") ||
        check(o->library->dnnl_memory_create(&o->given, from, o->engine, o->base.b),
              "the weights") ||
        check(o->library->dnnl_reorder_primitive_desc_create(&o->packing_description, from,
                                                             o->engine, to, o->engine, NULL),
              "choosing how to pack the weights") ||
        check(o->library->dnnl_primitive_create(&o->packing, o->packing_description),
              "packing the weights"))
        return -1;
    return pack_now(o);
}

static int build(struct mma_onednn_job *o) {
    const struct mma_problem *p = &o->base.operands->problem;
    const struct mma_shape *s = &p->shape;
    dnnl_memory_desc_t a, b, c, wanted;
    dnnl_matmul_desc_t operation;
    const dnnl_memory_desc_t *chosen;
    const char *name = "?";
    if (!s->m || !s->n || !s->k) {
        snprintf(o->implementation, sizeof o->implementation, "none");
        return 0;
    }
    if (describe(o, &a, s->m, s->k, mma_lda(p), 1, p->in) ||
        describe(o, &b, s->k, s->n, 1, mma_ldb(p), p->in) ||
        describe(o, &c, s->m, s->n, mma_ldc(p), 1, p->out))
        return -1;
    wanted = b;
    if (o->weights == MMA_ONEDNN_PACKED &&
        check(o->library->dnnl_memory_desc_init_by_tag(&wanted, 2, b.dims, b.data_type,
                                                       dnnl_format_tag_any),
              "a memory format of its choice"))
        return -1;
    if (check(o->library->dnnl_engine_create(&o->engine, dnnl_cpu, 0), "the CPU engine") ||
        check(o->library->dnnl_stream_create(&o->stream, o->engine, dnnl_stream_default_flags),
              "a stream") ||
        check(o->library->dnnl_matmul_desc_init(&operation, &a, &wanted, NULL, &c), "a product") ||
        check(o->library->dnnl_primitive_desc_create(&o->description, &operation, NULL, o->engine,
                                                     NULL),
              "choosing an implementation") ||
        check(o->library->dnnl_primitive_create(&o->primitive, o->description), "a primitive") ||
        check(o->library->dnnl_primitive_desc_query(o->description, dnnl_query_impl_info_str, 0,
                                                    &name),
              "asking for the implementation"))
        return -1;
    snprintf(o->implementation, sizeof o->implementation, "%s", name);
    chosen = o->library->dnnl_primitive_desc_query_md(o->description, dnnl_query_weights_md, 0);
    if (o->weights == MMA_ONEDNN_PACKED
            ? open_packed(o, &b, chosen) != 0
            : check(o->library->dnnl_memory_create(&o->b, &b, o->engine, o->base.b),
                    "the weights") != 0)
        return -1;
    return check(o->library->dnnl_memory_create(&o->a, &a, o->engine, o->base.a), "the source") ||
                   check(o->library->dnnl_memory_create(&o->c, &c, o->engine, o->base.c),
                         "the result")
               ? -1
               : 0;
}

static struct json_t *plan(const void *context) {
    const struct mma_onednn_job *o = context;
    char version[24];
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "library", "oneDNN", "version",
                     mma_onednn_version(version, sizeof version), "implementation",
                     o->implementation, "isa", mma_onednn_isa_of(o->library), "weights",
                     o->weights == MMA_ONEDNN_PACKED ? "packed" : "plain", "threads", o->threads);
}

const char *mma_onednn_implementation(const struct job *job) {
    return ((const struct mma_onednn_job *)job->context)->implementation;
}

int mma_onednn_job_open(struct job *job, struct device *device, const struct mma_operands *operands,
                        const struct mma_onednn_options *options) {
    const struct mma_problem *p = &operands->problem;
    *job = (struct job){0};
    if (device_kind(device) != DEVICE_CPU)
        return device_fail("oneDNN does not run on %s here", device_id(device));
    if ((p->in != ELEMENT_BF16 && p->in != ELEMENT_F32) || p->out != ELEMENT_F32)
        return device_fail("oneDNN's product of %s with a result of %s is not among those here: "
                           "bf16 or f32, with a result of f32",
                           element_word(p->in), element_word(p->out));
    const struct mma_onednn_library *library = mma_onednn_library(options->isa);
    if (!library)
        return -1;
    struct mma_onednn_job *o = calloc(1, sizeof *o);
    if (!o)
        return device_fail("out of memory");
    o->library = library;
    o->base.call = call;
    o->base.pack = pack;
    o->weights = options->weights;
    o->threads = options->threads ? (int)options->threads : 1;
    if (mma_job_open(job, &o->base, device, operands) != 0) {
        free(o);
        return -1;
    }
    job->call = call;
    job->plan = plan;
    job->close = close_job;
    if (with_threads(o, build) != 0) {
        job_close(job);
        return -1;
    }
    return 0;
}

bool mma_onednn_takes(enum element in) {
    const char wide[] = "avx512_core";
    return in == ELEMENT_F32 ||
           (in == ELEMENT_BF16 && strncmp(mma_onednn_isa(), wide, sizeof wide - 1) == 0);
}

static int quiet(void *context) {
    (void)context;
    pool_wait_quiet(); /* some other thread may have work of its own: no error */
    return 0;
}

const struct job mma_onednn_quiet = {.call = quiet};
