/*
 * targets_onednn.c: oneDNN's reduction, and the sum over K of its matrix product.
 */
#include <dnnl.h>
#include <dnnl_debug.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/tree/targets.h"

/* A primitive for one n, with memory objects whose pointers change from call to call. */
struct primitive {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
    dnnl_memory_t source, weights, result;
};

/* What the last one opened was called inside the library. */
static char implementation[60];

static int check(dnnl_status_t status, const char *what) {
    if (status == dnnl_success)
        return 0;
    return device_fail("oneDNN: %s failed: %s%s", what, dnnl_status2str(status),
                       status == dnnl_unimplemented ? " for this size or type; try another n" : "");
}

static int make_memory(struct primitive *p, dnnl_memory_t *memory, int dims,
                       const dnnl_dims_t sizes, dnnl_format_tag_t tag) {
    dnnl_memory_desc_t desc;
    if (check(dnnl_memory_desc_init_by_tag(&desc, dims, sizes, dnnl_f32, tag), "a memory format"))
        return -1;
    return check(dnnl_memory_create(memory, &desc, p->engine, DNNL_MEMORY_NONE), "a memory object");
}

static void destroy(struct primitive *p) {
    if (!p)
        return;
    dnnl_memory_destroy(p->source);
    dnnl_memory_destroy(p->weights);
    dnnl_memory_destroy(p->result);
    dnnl_primitive_destroy(p->primitive);
    dnnl_primitive_desc_destroy(p->description);
    dnnl_stream_destroy(p->stream);
    dnnl_engine_destroy(p->engine);
    free(p);
}

static struct primitive *create(void) {
    struct primitive *p = calloc(1, sizeof *p);
    if (!p) {
        device_fail("not enough memory");
        return NULL;
    }
    if (check(dnnl_engine_create(&p->engine, dnnl_cpu, 0), "the CPU engine") ||
        check(dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags), "a stream")) {
        destroy(p);
        return NULL;
    }
    return p;
}

static int finish(struct primitive *p, const_dnnl_op_desc_t operation) {
    const char *name = NULL;
    if (check(dnnl_primitive_desc_create(&p->description, operation, NULL, p->engine, NULL),
              "choosing an implementation") ||
        check(dnnl_primitive_create(&p->primitive, p->description), "a primitive") ||
        check(dnnl_primitive_desc_query(p->description, dnnl_query_impl_info_str, 0, &name),
              "asking for the implementation"))
        return -1;
    snprintf(implementation, sizeof implementation, "%s", name);
    return 0;
}

static int execute(struct primitive *p, const void *x, const void *y, double *result) {
    float value = 0.0f;
    /* oneDNN takes pointers to what it only reads as plain void *. */
    if (check(dnnl_memory_set_data_handle(p->source, (void *)x), "setting the source") ||
        (y && check(dnnl_memory_set_data_handle(p->weights, (void *)y), "setting the weights")) ||
        check(dnnl_memory_set_data_handle(p->result, &value), "setting the result"))
        return -1;
    dnnl_exec_arg_t arguments[3] = {{DNNL_ARG_SRC, p->source}, {DNNL_ARG_DST, p->result}};
    if (y)
        arguments[2] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS, p->weights};
    if (check(dnnl_primitive_execute(p->primitive, p->stream, y ? 3 : 2, arguments), "executing") ||
        check(dnnl_stream_wait(p->stream), "waiting"))
        return -1;
    *result = value;
    return 0;
}

static int sum(void *context, const void *x, size_t n, double *result) {
    (void)n;
    return execute(context, x, NULL, result);
}

static int dot(void *context, const void *x, const void *y, size_t n, double *result) {
    (void)n;
    return execute(context, x, y, result);
}

/* The format of a memory object that was made. */
static const dnnl_memory_desc_t *format(dnnl_memory_t memory) {
    const dnnl_memory_desc_t *desc = NULL;
    dnnl_memory_get_memory_desc(memory, &desc);
    return desc;
}

static int open_sum(struct recover_target *target, size_t n, struct device *device) {
    (void)device;
    if (n < 2)
        return device_fail("oneDNN has no reduction of a single input; give more");
    struct primitive *p = create();
    dnnl_dims_t all = {1, (dnnl_dim_t)n}, one = {1, 1};
    dnnl_reduction_desc_t operation;
    if (p && make_memory(p, &p->source, 2, all, dnnl_ab) == 0 &&
        make_memory(p, &p->result, 2, one, dnnl_ab) == 0 &&
        check(dnnl_reduction_desc_init(&operation, dnnl_reduction_sum, format(p->source),
                                       format(p->result), 0.0f, 0.0f),
              "a reduction") == 0 &&
        finish(p, &operation) == 0) {
        *target = (struct recover_target){
            .type = ELEMENT_F32, .result = ELEMENT_F32, .sum = sum, .context = p};
        return 0;
    }
    destroy(p);
    return -1;
}

static int open_matmul(struct recover_target *target, size_t n, struct device *device) {
    (void)device;
    struct primitive *p = create();
    dnnl_dims_t row = {1, (dnnl_dim_t)n}, column = {(dnnl_dim_t)n, 1}, one = {1, 1};
    dnnl_matmul_desc_t operation;
    if (p && make_memory(p, &p->source, 2, row, dnnl_ab) == 0 &&
        make_memory(p, &p->weights, 2, column, dnnl_ab) == 0 &&
        make_memory(p, &p->result, 2, one, dnnl_ab) == 0 &&
        check(dnnl_matmul_desc_init(&operation, format(p->source), format(p->weights), NULL,
                                    format(p->result)),
              "a product") == 0 &&
        finish(p, &operation) == 0) {
        *target = (struct recover_target){
            .type = ELEMENT_F32, .result = ELEMENT_F32, .dot = dot, .context = p};
        return 0;
    }
    destroy(p);
    return -1;
}

static void close_primitive(struct recover_target *target) {
    destroy(target->context);
}

static void version(char *text, size_t size) {
    const dnnl_version_t *v = dnnl_version();
    snprintf(text, size, "oneDNN %d.%d.%d%s%s", v->major, v->minor, v->patch,
             implementation[0] ? ", implementation " : "", implementation);
}

const struct tree_target tree_targets_onednn[] = {
    {"onednn-sum", "oneDNN reduction_sum", DEVICE_CPU, open_sum, close_primitive, version, NULL},
    {"onednn-matmul", "oneDNN matmul, one output, sum over K", DEVICE_CPU, open_matmul,
     close_primitive, version, NULL},
};
const size_t tree_targets_onednn_count = sizeof tree_targets_onednn / sizeof *tree_targets_onednn;
