/*
 * inputs.c: the data sets, the exact value of their sums, and the bounds results must lie within.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/rng/data.h"
#include "kernels/sum/exact.h"
#include "labs/01-float-staging/staging.h"

#define CONDITION 1e6
#define STREAM_STEP 0x9e3779b97f4a7c15u /* keeps the sets of one run apart */

const char *input_name(enum input_kind kind) {
    static const char *const names[INPUT_KINDS] = {"uniform", "normal", "log-uniform", "cancelling",
                                                   "scores"};
    return kind < INPUT_KINDS ? names[kind] : "?";
}

static enum data_type data_type_of(enum sum_type type) {
    switch (type) {
    case SUM_F64:
        return DATA_F64;
    case SUM_BF16:
        return DATA_BF16;
    case SUM_F16:
        return DATA_F16;
    case SUM_F32:
        break;
    }
    return DATA_F32;
}

static int fill(struct input *in, enum input_kind kind, uint64_t seed) {
    static const enum data_kind kinds[INPUT_KINDS] = {DATA_UNIFORM, DATA_NORMAL, DATA_LOG_UNIFORM,
                                                      DATA_CANCELLING, DATA_ATTENTION};
    enum data_type type = data_type_of(in->type);
    struct data_options options = {.seed = seed + STREAM_STEP * (unsigned)kind,
                                   .condition = CONDITION};
    if (kind == INPUT_SCORES)
        return data_attention(type, &options, in->x, in->y, in->n);
    return data_fill(kinds[kind], type, &options, in->x, in->n);
}

/* Every input type but double fits into a float. */
static float *widen(enum sum_type type, const void *x, size_t n) {
    float *wide = malloc(n * sizeof *wide);
    if (!wide)
        return NULL;
    if (type == SUM_F32)
        memcpy(wide, x, n * sizeof *wide);
    else
        for (size_t i = 0; i < n; i++)
            wide[i] = (float)data_get(data_type_of(type), x, i);
    return wide;
}

static void set_exact(struct input *in, double sum64, float sum32) {
    uint32_t low;
    in->exact = sum64;
    memcpy(&in->exact64, &sum64, sizeof sum64);
    memcpy(&low, &sum32, sizeof sum32);
    in->exact32 = low;
}

static void rate_doubles(struct input *in) {
    const double *x = in->x, *y = in->y;
    double sum = y ? exact_dot_f64(x, y, in->n) : exact_sum_f64(x, in->n);
    set_exact(in, sum, (float)sum);
    for (size_t i = 0; i < in->n; i++) {
        in->magnitude += fabs(y ? x[i] * y[i] : x[i]);
        in->largest = fmax(in->largest, fabs(y ? x[i] * y[i] : x[i]));
    }
}

static int rate_floats(struct input *in) {
    float *x = widen(in->type, in->x, in->n);
    float *y = in->y ? widen(in->type, in->y, in->n) : NULL;
    bool ready = x && (y || !in->y);
    if (ready) {
        if (y)
            set_exact(in, exact_dot_f32_as_f64(x, y, in->n), exact_dot_f32(x, y, in->n));
        else
            set_exact(in, exact_sum_f32_as_f64(x, in->n), exact_sum_f32(x, in->n));
        for (size_t i = 0; i < in->n; i++) {
            /* A product of floats is exact in double. */
            double term = fabs(y ? (double)x[i] * (double)y[i] : (double)x[i]);
            in->magnitude += term;
            in->largest = fmax(in->largest, term);
        }
    }
    free(x);
    free(y);
    return ready ? 0 : -1;
}

int input_make(struct input *in, enum input_kind kind, enum sum_type type, size_t n,
               uint64_t seed) {
    *in = (struct input){.n = n, .type = type};
    size_t bytes = n * sum_type_bytes(type);
    in->x = malloc(bytes);
    in->y = kind == INPUT_SCORES ? malloc(bytes) : NULL;
    int status = in->x && (in->y || kind != INPUT_SCORES) ? fill(in, kind, seed) : -1;
    if (status == 0 && type == SUM_F64)
        rate_doubles(in);
    else if (status == 0)
        status = rate_floats(in);
    if (status != 0)
        input_free(in);
    return status;
}

void input_free(struct input *in) {
    free(in->x);
    free(in->y);
    in->x = in->y = NULL;
}

/* d·u / (1 - d·u); infinite where that says nothing. */
static double gamma_of(double d, double u) {
    return d * u < 1 ? d * u / (1 - d * u) : INFINITY;
}

double variant_bound(const struct variant *v, const struct input *in, size_t tree_depth) {
    struct variant_class class = variant_class(v);
    double u = class.acc == SUM_ACC64 ? DBL_EPSILON / 2 : FLT_EPSILON / 2;
    double depth = (double)tree_depth;
    double bound = 0;
    switch (class.method) {
    case SUM_PLAIN:
        bound = gamma_of(depth, u) * in->magnitude;
        break;
    case SUM_COMPENSATED:
        /* The errors of the additions sum to at most gamma_d · sum|x| in magnitude; they are added
         * along the same tree, two additions a node; and the result is rounded once. */
        bound = u * fabs(in->exact) +
                (1 + u) * gamma_of(2 * depth, u) * gamma_of(depth, u) * in->magnitude;
        break;
    case SUM_BINNED:
        bound = u * fabs(in->exact) +
                (class.acc == SUM_ACC64
                     ? binned_f64_error_bound(in->n, in->largest)
                     : binned_f32_error_bound(in->n, nextafterf((float)in->largest, INFINITY)));
        break;
    case SUM_EXACT:
        bound = u * fabs(in->exact);
        break;
    }
    /* A product is rounded before it is added, and may fall among the subnormals. */
    if (class.dot)
        bound += 2 * u * in->magnitude +
                 (double)in->n * (class.acc == SUM_ACC64 ? DBL_TRUE_MIN : FLT_TRUE_MIN);
    /* And the exact sum itself is known to one rounding of a double; sum|x| to a few. */
    return bound * (1 + 1e-9) +
           DBL_EPSILON * (fabs(in->exact) + (double)in->n * DBL_EPSILON * in->magnitude);
}
