/*
 * recover_inputs.c: the inputs of the function under study, in its own type and as doubles beside
 * it, and the calls.
 */
#include "kernels/tree/recover_inside.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/element/element.h"
#include "kernels/rng/philox.h"
#include "kernels/sum/exact.h"

static const struct {
    int significand; /* bits, the hidden one included */
    int lowest;      /* exponent of the smallest subnormal */
    int spread;      /* exponents of random magnitudes: -spread … spread */
    int layers;      /* the same, where large ones cancel exactly */
} types[ELEMENTS] = {
    [ELEMENT_F32] = {24, -149, 14, 50},  [ELEMENT_F64] = {53, -1074, 30, 120},
    [ELEMENT_F16] = {11, -24, 5, 10},    [ELEMENT_BF16] = {8, -133, 10, 50},
    [ELEMENT_TF32] = {11, -136, 14, 50},
};

bool recover_type_known(enum element type) {
    return (unsigned)type < ELEMENTS && types[type].significand;
}

/* Around the inputs lies what no sum survives, NaN, and no more than that: a function that reads
 * beyond them shows it. */
#define AROUND 64

static size_t inputs_bytes(const struct recover_run *run) {
    size_t bytes = run->n * element_bytes(run->target->type) + 3 * AROUND;
    return (bytes + 63) / 64 * 64;
}

static void *inputs(const struct recover_run *run) {
    char *all = aligned_alloc(64, inputs_bytes(run));
    if (!all)
        return NULL;
    memset(all, 0xff, inputs_bytes(run));
    return all + AROUND;
}

static void inputs_free(void *at) {
    if (at)
        free((char *)at - AROUND);
}

int recover_inputs_new(struct recover_run *run) {
    run->x = inputs(run);
    run->y = inputs(run);
    run->x_at = inputs(run);
    run->y_at = inputs(run);
    run->xv = malloc(run->n * sizeof *run->xv);
    run->yv = malloc(run->n * sizeof *run->yv);
    if (!run->x || !run->y || !run->x_at || !run->y_at || !run->xv || !run->yv)
        return recover_no_memory(run);
    if (run->target->dots) {
        size_t bytes = run->target->at_once * run->n * element_bytes(run->target->type);
        run->xs = malloc(bytes);
        run->ys = malloc(bytes);
        if (!run->xs || !run->ys)
            return recover_no_memory(run);
    }
    recover_fill(run, 0.0);
    recover_fill_y(run, 1.0);
    return 0;
}

void recover_inputs_free(struct recover_run *run) {
    inputs_free(run->x);
    inputs_free(run->y);
    inputs_free(run->x_at);
    inputs_free(run->y_at);
    free(run->xv);
    free(run->yv);
    free(run->xs);
    free(run->ys);
}

void recover_set(struct recover_run *run, size_t i, double v) {
    run->xv[i] = v;
    element_set(run->target->type, run->x, i, v);
}

void recover_set_y(struct recover_run *run, size_t i, double v) {
    run->yv[i] = v;
    element_set(run->target->type, run->y, i, v);
}

void recover_fill(struct recover_run *run, double v) {
    for (size_t i = 0; i < run->n; i++)
        recover_set(run, i, v);
}

void recover_fill_y(struct recover_run *run, double v) {
    for (size_t i = 0; i < run->n; i++)
        recover_set_y(run, i, v);
}

void recover_set_pair(struct recover_run *run, size_t i, size_t j, double at_i, double at_j,
                      double y) {
    recover_set(run, i, at_i);
    recover_set(run, j, at_j);
    recover_set_y(run, i, y);
    recover_set_y(run, j, y);
}

/* The nearest value of the type; v is well inside its range. */
static double rounded(enum element type, double v) {
    if (v == 0.0)
        return 0.0;
    int last = ilogb(v) - types[type].significand + 1;
    last = last < types[type].lowest ? types[type].lowest : last;
    return ldexp(rint(ldexp(v, -last)), last);
}

static double random_value(enum element type, enum recover_data kind, uint64_t seed,
                           uint64_t stream, uint64_t i) {
    struct philox_block block = philox_at(seed, stream, i);
    double spread = types[type].spread;
    switch (kind) {
    case DATA_UNIFORM:
        return philox_unit(philox_half(block, 0));
    case DATA_MAGNITUDES:
        return philox_log_uniform(seed, stream, i, -spread, spread);
    case DATA_OUTLIERS:
        return philox_normal(seed, stream, i) * (philox_half(block, 0) % 16 ? 1.0 : exp2(spread));
    case DATA_SUBNORMAL: {
        double digits = exp2(types[type].significand - 2);
        return ldexp(rint((philox_unit(philox_half(block, 0)) - 0.5) * digits), types[type].lowest);
    }
    default:
        return philox_normal(seed, stream, i);
    }
}

/* Half the inputs nearly take the other half away, from places far apart. */
static void cancel(struct recover_run *run, uint64_t stream) {
    for (size_t i = 0; i + 1 < run->n; i += 2) {
        size_t a = i / 2, b = run->n - 1 - i / 2;
        double off = philox_log_uniform(run->seed, stream, i, -12.0, 0.0);
        recover_set(run, b, rounded(run->target->type, -run->xv[a] * (1.0 + off / 64.0)));
        recover_set_y(run, b, run->yv[a]);
    }
}

/* Pairs whose sum is zero, of magnitudes far apart, and one small input: the sum. */
static void cancel_layers(struct recover_run *run, uint64_t stream) {
    enum element type = run->target->type;
    double layers = types[type].layers;
    for (size_t i = 0; i + 2 < run->n; i += 2) {
        double v = philox_log_uniform(run->seed, stream, i, -layers, layers);
        recover_set(run, i + 1, rounded(type, v));
        recover_set(run, i + 2, -run->xv[i + 1]);
        recover_set_y(run, i + 2, run->yv[i + 1]);
    }
    recover_set(run, 0, rounded(type, ldexp(run->xv[0], -(int)layers)));
    if (run->n % 2 == 0)
        recover_set(run, run->n - 1, 0.0);
}

/* Every second input is one of a pair that cancels, large enough to cost the others half their
 * bits in the sum's type; what is left is the sum of the others. */
static void cancel_deep(struct recover_run *run, enum recover_data kind) {
    enum element type = run->target->type;
    int up = run->target->result == ELEMENT_F64 ? 40 : 18;
    up = kind == DATA_DEEP_F64    ? 47
         : kind == DATA_DEEP_X87  ? 58
         : kind == DATA_DEEP_F128 ? 107
                                  : up;
    up = type == ELEMENT_F16 ? 12 : up;
    for (size_t i = 0; i + 3 < run->n; i += 4) {
        double v = ldexp(1.0 + 0.25 * philox_unit(philox_u64(run->seed, 77, i)), up);
        recover_set(run, i + 1, rounded(type, v));
        recover_set(run, i + 3, -run->xv[i + 1]);
        recover_set_y(run, i + 3, run->yv[i + 1]);
    }
}

/* a + b - (a + b), all of different sizes: what costs the others bits and leaves no ties to a sum
 * that sorts. */
static void cancel_three(struct recover_run *run, uint64_t number) {
    static const int ups[] = {18, 47, 58};
    int up = run->target->type == ELEMENT_F16 ? 12 : ups[number % 3];
    int bits = types[run->target->type].significand - 4 < 18 ? 3 : 17;
    for (size_t i = 0; i + 4 < run->n; i += 5) {
        struct philox_block r = philox_at(run->seed, 80 + number, i);
        double a = 1.0 + ldexp((double)(r.v[0] >> (32 - bits)), -bits - 1);
        double b = 1.0 + ldexp((double)(r.v[1] >> (32 - bits)), -bits - 1);
        recover_set(run, i, ldexp(a, up - 1));
        recover_set(run, i + 2, ldexp(b, up));
        recover_set(run, i + 4, -ldexp(a, up - 1) - ldexp(b, up));
        recover_set_y(run, i + 2, run->yv[i]);
        recover_set_y(run, i + 4, run->yv[i]);
    }
}

/* A + B is in the middle between two numbers of the result's p bits; t is below half of A's last of
 * w bits, but not of the sum's. Summed as A + t + B in w bits, t is lost and the tie goes to even;
 * compensated, it is not. Everything else is zero. */
static void tie(struct recover_run *run, int w, uint64_t number) {
    enum element type = run->target->type;
    int p = run->target->result == ELEMENT_F64 ? 53 : 24;
    if (run->n < 3 || w <= p || types[type].significand < p)
        return;
    static const unsigned char orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                               {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    double even =
        (double)(2 * (number / 6) + 4 * philox_below(philox_u64(run->seed, 78, number), 8));
    double v[3] = {ldexp(1.0, p + 1), 1.0 + even - ldexp(1.0, p), ldexp(0.75, p + 1 - w)};
    size_t at[3];
    for (uint64_t k = 0; k < 3; k++) { /* in thirds: ascending */
        size_t from = k * run->n / 3, to = (k + 1) * run->n / 3;
        at[k] = from + philox_below(philox_u64(run->seed, 79 + number, k), to - from);
    }
    recover_fill(run, 0.0);
    recover_fill_y(run, 1.0);
    for (int k = 0; k < 3; k++)
        recover_set(run, at[orders[number % 6][k]], number % 2 ? -v[k] : v[k]);
}

/* A third zeros, the others of four values, often the same in a row. */
static void repeat(struct recover_run *run, uint64_t stream) {
    for (size_t i = run->n; i-- > 4;) {
        struct philox_block r = philox_at(run->seed, stream, i / 3);
        size_t from = r.v[1] % 4;
        recover_set(run, i, r.v[0] % 3 ? run->xv[from] : 0.0);
        recover_set_y(run, i, run->yv[from]);
    }
}

void recover_random(struct recover_run *run, enum recover_data kind, uint64_t number) {
    enum element type = run->target->type;
    uint64_t stream = number * 64 + (uint64_t)kind * 4;
    bool dot = run->target->dot != NULL;
    for (size_t i = 0; i < run->n; i++)
        recover_set(run, i, rounded(type, random_value(type, kind, run->seed, stream, i)));
    for (size_t i = 0; dot && i < run->n; i++) {
        double v = kind == DATA_SUBNORMAL
                       ? 1.0
                       : rounded(type, random_value(type, kind, run->seed, stream + 1, i));
        recover_set_y(run, i, v);
    }
    if (kind == DATA_REPEATS)
        repeat(run, stream + 2);
    if (kind == DATA_CANCELLING)
        cancel(run, stream + 2);
    if (kind == DATA_DEEP || (kind >= DATA_DEEP_F64 && kind <= DATA_DEEP_F128)) {
        cancel_deep(run, kind);
        recover_shuffle(run, number);
    }
    if (kind == DATA_TRIPLES) {
        cancel_three(run, number);
        recover_shuffle(run, number);
    }
    if (kind == DATA_TIES_F64 || kind == DATA_TIES_X87)
        tie(run, kind == DATA_TIES_F64 ? 53 : 64, number);
    if (kind == DATA_LAYERS) {
        cancel_layers(run, stream + 2);
        recover_shuffle(run, number);
    }
}

void recover_shuffle(struct recover_run *run, uint64_t number) {
    for (size_t i = run->n; i-- > 1;) {
        size_t j = philox_below(philox_u64(run->seed, 1u << 30 | number, i), i + 1);
        double x = run->xv[i], y = run->yv[i];
        recover_set(run, i, run->xv[j]);
        recover_set_y(run, i, run->yv[j]);
        recover_set(run, j, x);
        recover_set_y(run, j, y);
    }
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int call(struct recover_run *run, const void *x, const void *y, enum recover_edge edge,
                double *result) {
    const struct recover_target *target = run->target;
    const struct recover_options *o = run->options;
    if (o && o->progress)
        o->progress(o->progress_context, run->step, run->out->calls);
    *result = NAN;
    bool limited = o && o->seconds > 0.0;
    if (limited && run->used > o->seconds) {
        snprintf(run->out->why, sizeof run->out->why,
                 "took more than %g seconds in all calls (--total-limit), which were %zu",
                 o->seconds, run->out->calls);
        return -1;
    }
    run->out->calls++;
    double from = limited ? now() : 0.0;
    int status = edge          ? target->at_edge(target->context, x, y, run->n, edge, result)
                 : target->dot ? target->dot(target->context, x, y, run->n, result)
                               : target->sum(target->context, x, run->n, result);
    run->used += limited ? now() - from : 0.0;
    if (status && !run->out->why[0])
        snprintf(run->out->why, sizeof run->out->why, "call %zu of the function failed",
                 run->out->calls);
    return status ? -1 : 0;
}

int recover_call(struct recover_run *run, double *result) {
    return call(run, run->x, run->y, RECOVER_EDGE_NONE, result);
}

static int call_rows(struct recover_run *run, size_t rows, double *results) {
    const struct recover_target *target = run->target;
    const struct recover_options *o = run->options;
    if (o && o->progress)
        o->progress(o->progress_context, run->step, run->out->calls);
    run->out->calls += rows;
    int status = target->dots(target->context, run->xs, run->ys, run->n, rows, results);
    if (status && !run->out->why[0])
        snprintf(run->out->why, sizeof run->out->why, "call %zu of the function failed",
                 run->out->calls);
    return status ? -1 : 0;
}

int recover_calls(struct recover_run *run, size_t count,
                  void (*set)(struct recover_run *run, void *context, size_t k),
                  void (*unset)(struct recover_run *run, void *context, size_t k), void *context,
                  double *results) {
    size_t bytes = run->n * element_bytes(run->target->type), rows = 0;
    int status = 0;
    for (size_t k = 0; k < count && !status; k++) {
        set(run, context, k);
        if (run->target->dots) {
            memcpy((char *)run->xs + rows * bytes, run->x, bytes);
            memcpy((char *)run->ys + rows * bytes, run->y, bytes);
            rows++;
        } else {
            status = recover_call(run, &results[k]);
        }
        if (unset)
            unset(run, context, k);
        if (rows && (rows == run->target->at_once || k + 1 == count)) {
            status = call_rows(run, rows, &results[k + 1 - rows]);
            rows = 0;
        }
    }
    return status;
}

static void *moved(struct recover_run *run, void *to, const void *from, size_t bytes) {
    memset((char *)to - AROUND, 0xff, inputs_bytes(run));
    return memcpy((char *)to + bytes, from, run->n * element_bytes(run->target->type));
}

int recover_call_at(struct recover_run *run, size_t x_bytes, size_t y_bytes, enum recover_edge edge,
                    double *result) {
    const void *x = moved(run, run->x_at, run->x, x_bytes);
    const void *y = moved(run, run->y_at, run->y, y_bytes);
    return call(run, x, y, edge, result);
}

bool recover_same(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

size_t recover_counts(const struct recover_run *run) {
    return run->target->result == ELEMENT_BF16  ? 256
           : run->target->result == ELEMENT_F16 ? 2048
                                                : SIZE_MAX;
}

double recover_to_result(const struct recover_run *run, double v) {
    switch (run->target->result) {
    case ELEMENT_F64:
        return v;
    case ELEMENT_BF16:
        return element_from_bf16(element_to_bf16((float)v));
    case ELEMENT_F16:
        return element_from_f16(element_to_f16((float)v));
    default:
        return (float)v;
    }
}

int recover_exact(struct recover_run *run, double *result) {
    enum element type = run->target->type;
    bool dot = run->target->dot != NULL, wide = run->target->result == ELEMENT_F64;
    if (type == ELEMENT_F64) {
        *result = dot ? exact_dot_f64(run->xv, run->yv, run->n) : exact_sum_f64(run->xv, run->n);
        *result = wide ? *result : (float)*result;
        return 0;
    }
    float *x = malloc(run->n * sizeof *x), *y = malloc(run->n * sizeof *y);
    for (size_t i = 0; x && y && i < run->n; i++) {
        x[i] = (float)run->xv[i];
        y[i] = (float)run->yv[i];
    }
    if (x && y && dot)
        *result = wide ? exact_dot_f32_as_f64(x, y, run->n) : exact_dot_f32(x, y, run->n);
    else if (x && y)
        *result = wide ? exact_sum_f32_as_f64(x, run->n) : exact_sum_f32(x, run->n);
    int status = x && y ? 0 : recover_no_memory(run);
    if (!status)
        *result = recover_to_result(run, *result);
    free(x);
    free(y);
    return status;
}

int recover_reject(struct recover_run *run, enum recover_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->out->why, sizeof run->out->why, format, arguments);
    va_end(arguments);
    run->out->status = status;
    return 1;
}

int recover_no_memory(struct recover_run *run) {
    snprintf(run->out->why, sizeof run->out->why, "not enough memory for n = %zu", run->n);
    return -1;
}
