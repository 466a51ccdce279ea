/*
 * sum_variant.c: the two kinds of plan behind one face; see sum_job.h.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/rng/data.h"
#include "kernels/sum/exact.h"
#include "kernels/sum/sum_job.h"

struct sum_class sum_variant_class(const struct sum_variant *v) {
    if (v->native)
        return (struct sum_class){(enum element)v->cpu.type, (enum sum_acc)v->cpu.acc,
                                  (enum sum_method)v->cpu.method, false};
    return (struct sum_class){(enum element)v->plan.type, (enum sum_acc)v->plan.acc,
                              (enum sum_method)v->plan.method, v->plan.input == SUM_OF_PRODUCTS};
}

int sum_variant_parse(const char *text, enum device_kind kind, struct sum_variant *v, char *why) {
    *v = (struct sum_variant){.native = kind == DEVICE_CPU};
    text = text[0] ? text : "f32"; /* no words at all: the default plan */
    return v->native ? sum_cpu_plan_parse(text, &v->cpu, why) : sum_plan_parse(text, &v->plan, why);
}

char *sum_variant_text(const struct sum_variant *v, char *out) {
    return v->native ? sum_cpu_plan_text(&v->cpu, out) : sum_plan_text(&v->plan, out);
}

struct json_t *sum_variant_json(const struct sum_variant *v) {
    return v->native ? sum_cpu_plan_json(&v->cpu) : sum_plan_json(&v->plan);
}

bool sum_variant_equal(const struct sum_variant *a, const struct sum_variant *b) {
    if (a->native != b->native)
        return false;
    return a->native ? sum_cpu_plan_equal(&a->cpu, &b->cpu) : sum_plan_equal(&a->plan, &b->plan);
}

int sum_variant_check(const struct sum_variant *v, size_t n, char *why) {
    return v->native ? sum_cpu_plan_check(&v->cpu, why) : sum_plan_check(&v->plan, n, why);
}

const struct sum_field *sum_variant_fields(const struct sum_variant *v, size_t *count) {
    *count = v->native ? (size_t)SUM_CPU_FIELDS : (size_t)SUM_FIELDS;
    return v->native ? sum_cpu_fields : sum_fields;
}

void sum_variant_set(struct sum_variant *v, size_t field, int value) {
    if (v->native)
        sum_cpu_plan_set(&v->cpu, (enum sum_cpu_field_id)field, value);
    else
        sum_plan_set(&v->plan, (enum sum_field_id)field, value);
}

int sum_variants_like(const struct sum_variant *fixed, unsigned mask, bool all,
                      struct sum_variant **list, size_t *count) {
    const struct sum_choice plans = {mask, fixed->plan};
    const struct sum_cpu_choice native = {mask, fixed->cpu};
    struct sum_plan *kernel_plans = NULL;
    struct sum_cpu_plan *cpu_plans = NULL;
    int status = fixed->native
                     ? (all ? sum_cpu_plans_all : sum_cpu_plans_pairs)(&native, &cpu_plans, count)
                     : (all ? sum_plans_all : sum_plans_pairs)(&plans, &kernel_plans, count);
    if (status != 0)
        return -1;
    *list = malloc((*count + 1) * sizeof **list);
    for (size_t k = 0; *list && k < *count; k++) {
        (*list)[k] = (struct sum_variant){.native = fixed->native, .checked = fixed->checked};
        if (fixed->native)
            (*list)[k].cpu = cpu_plans[k];
        else
            (*list)[k].plan = kernel_plans[k];
    }
    free(kernel_plans);
    free(cpu_plans);
    return *list ? 0 : -1;
}

const char *sum_word(enum sum_field_id field, int value) {
    for (size_t k = 0; k < sum_fields[field].count; k++)
        if (sum_fields[field].values[k].value == value)
            return sum_fields[field].values[k].word;
    return "?";
}

struct tree *sum_variant_tree(const struct sum_variant *v, size_t n) {
    return v->native ? sum_cpu_tree(&v->cpu, n) : sum_tree(&v->plan, n);
}

size_t sum_variant_depth(const struct sum_variant *v, size_t n) {
    return v->native ? sum_cpu_depth(&v->cpu, n) : sum_depth(&v->plan, n);
}

int sum_variant_model(const struct sum_variant *v, const void *x, const void *y, size_t n,
                      uint64_t *bits) {
    return v->native ? sum_cpu_model(&v->cpu, x, n, bits) : sum_model(&v->plan, x, y, n, bits);
}

double sum_value(enum sum_acc acc, uint64_t bits) {
    double wide;
    float narrow;
    uint32_t low = (uint32_t)bits;
    memcpy(&wide, &bits, sizeof wide);
    memcpy(&narrow, &low, sizeof narrow);
    return acc == SUM_ACC64 ? wide : (double)narrow;
}

/* --- facts and bounds -------------------------------------------------------------------------
 */

/* Every input type but double fits into a float. */
static float *widen(enum element type, const void *x, size_t n) {
    float *wide = malloc(n * sizeof *wide);
    for (size_t i = 0; wide && i < n; i++)
        wide[i] = (float)element_get(type, x, i);
    return wide;
}

static void set_exact(struct sum_facts *facts, double sum64, float sum32) {
    uint32_t low;
    facts->exact = sum64;
    memcpy(&facts->exact64, &sum64, sizeof sum64);
    memcpy(&low, &sum32, sizeof sum32);
    facts->exact32 = low;
}

static void add_term(struct sum_facts *facts, double term) {
    facts->magnitude += fabs(term);
    facts->largest = fmax(facts->largest, fabs(term));
}

static void doubles(struct sum_facts *facts, const double *x, const double *y) {
    double sum = y ? exact_dot_f64(x, y, facts->n) : exact_sum_f64(x, facts->n);
    set_exact(facts, sum, (float)sum);
    for (size_t i = 0; i < facts->n; i++)
        add_term(facts, y ? x[i] * y[i] : x[i]);
}

static void floats(struct sum_facts *facts, const float *x, const float *y) {
    size_t n = facts->n;
    if (y)
        set_exact(facts, exact_dot_f32_as_f64(x, y, n), exact_dot_f32(x, y, n));
    else
        set_exact(facts, exact_sum_f32_as_f64(x, n), exact_sum_f32(x, n));
    for (size_t i = 0; i < n; i++) /* a product of floats is exact in double */
        add_term(facts, y ? (double)x[i] * (double)y[i] : (double)x[i]);
}

int sum_facts_of(enum element type, const void *x, const void *y, size_t n,
                 struct sum_facts *facts) {
    *facts = (struct sum_facts){.n = n};
    if (type == ELEMENT_F64) {
        doubles(facts, x, y);
        return 0;
    }
    if (type == ELEMENT_F32) {
        floats(facts, x, y);
        return 0;
    }
    float *wide_x = widen(type, x, n), *wide_y = y ? widen(type, y, n) : NULL;
    bool ready = wide_x && (wide_y || !y);
    if (ready)
        floats(facts, wide_x, wide_y);
    free(wide_x);
    free(wide_y);
    return ready ? 0 : -1;
}

/* d·u / (1 - d·u); infinite where that says nothing. */
static double gamma_of(double d, double u) {
    return d * u < 1 ? d * u / (1 - d * u) : INFINITY;
}

double sum_variant_bound(const struct sum_variant *v, const struct sum_facts *facts, size_t depth) {
    struct sum_class class = sum_variant_class(v);
    bool wide = class.acc == SUM_ACC64;
    double u = wide ? DBL_EPSILON / 2 : FLT_EPSILON / 2;
    double d = (double)depth, n = (double)facts->n, bound = 0;
    switch (class.method) {
    case SUM_PLAIN:
        bound = gamma_of(d, u) * facts->magnitude;
        break;
    case SUM_COMPENSATED:
        /* The errors of the additions sum to at most gamma_d · sum|x| in magnitude; they are added
         * along the same tree, two additions a node; and the result is rounded once. */
        bound = u * fabs(facts->exact) +
                (1 + u) * gamma_of(2 * d, u) * gamma_of(d, u) * facts->magnitude;
        break;
    case SUM_BINNED:
        bound =
            u * fabs(facts->exact) +
            (wide ? binned_f64_error_bound(facts->n, facts->largest)
                  : binned_f32_error_bound(facts->n, nextafterf((float)facts->largest, INFINITY)));
        break;
    case SUM_EXACT:
        bound = u * fabs(facts->exact);
        break;
    }
    /* A product is rounded before it is added, and may fall among the subnormals. */
    if (class.products)
        bound += 2 * u * facts->magnitude + n * (wide ? DBL_TRUE_MIN : FLT_TRUE_MIN);
    /* And the exact sum itself is known to one rounding of a double; sum|x| to a few. */
    return bound * (1 + 1e-9) +
           DBL_EPSILON * (fabs(facts->exact) + n * DBL_EPSILON * facts->magnitude);
}
