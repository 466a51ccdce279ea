/*
 * sum_cpu_test.c: the native sums give the bits their plans predict, on every instruction set; a
 * model that misreads any one field of a plan is caught.
 */
#include "kernels/sum/sum_cpu.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/device/device.h"
#include "kernels/sum/exact.h"
#include "kernels/tree/tree.h"

static uint64_t state = 0xb5ad4eceda1ce2a9u;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1du;
}

/* Kinds of data. */
enum kind { NORMAL, WIDE, CANCELLING, TINY, ZEROS, SPECIAL, HUGE_ONES, KINDS };
static const char *const kind_names[KINDS] = {"near one", "wide",    "cancelling", "denormal",
                                              "zeros",    "special", "huge"};

static double any_value(enum kind kind) {
    double sign = next() % 2 ? -1.0 : 1.0;
    double fraction = 1.0 + (double)(next() >> 11) * 0x1p-53;
    switch (kind) {
    case NORMAL:
    case CANCELLING:
        return sign * fraction;
    case WIDE:
        return sign * ldexp(fraction, (int)(next() % 29) - 14);
    case TINY:
        return sign * ldexp((double)(next() % 1000), -149);
    case ZEROS:
        return next() % 50 ? -0.0 : 0.0;
    case HUGE_ONES:
        return sign * ldexp(fraction, 113 + (int)(next() % 13));
    default:
        return next() % 400 ? fraction : next() % 2 ? INFINITY : next() % 40 ? fraction : NAN;
    }
}

static uint16_t to_bf16(double v) {
    return (uint16_t)(round_f32_bits((float)v) >> 16);
}

static uint16_t to_f16(double v) {
    if (isnan(v))
        return 0x7e01;
    if (isinf(v))
        return v < 0 ? 0xfc00 : 0x7c00;
    uint16_t sign = signbit(v) ? 0x8000 : 0;
    int e;
    double m = frexp(fabs(v), &e); /* m in 0.5…1 */
    if (m == 0)
        return sign;
    if (e > 16)
        return sign | 0x7bff;
    if (e < -13)
        return sign | (uint16_t)(next() % 1024); /* some denormal */
    return sign | (uint16_t)((e + 14) << 10 | ((int)(m * 2048) & 1023));
}

/* n elements of a type; from an address that is only aligned to the element. */
static void fill(void *x, enum element type, enum kind kind, size_t n) {
    double last = 0;
    for (size_t i = 0; i < n; i++) {
        double v = kind == CANCELLING && i % 2 ? -last * (i % 7 ? 1 : 1.001) : any_value(kind);
        last = v;
        if (type == ELEMENT_F32)
            ((float *)x)[i] = (float)v;
        else if (type == ELEMENT_F64)
            ((double *)x)[i] = v;
        else
            ((uint16_t *)x)[i] = type == ELEMENT_BF16 ? to_bf16(v) : to_f16(v);
    }
}

static bool same(const struct sum_cpu_plan *plan, uint64_t a, uint64_t b) {
    return sum_same_bits((enum sum_acc)plan->acc, a, b);
}

static const size_t sizes[] = {1,    2,    3,    7,     8,     9,     15,    16,   17,
                               31,   33,   63,   64,    65,    127,   128,   129,  255,
                               257,  1000, 1023, 1024,  1025,  2047,  2049,  4095, 4097,
                               5000, 8191, 8193, 12288, 16384, 16385, 20011, 33000};
#define SIZES (sizeof sizes / sizeof *sizes)
#define LONGEST 33000

/* One plan on every instruction set here, against the model. Counts what it compared. */
static void check_plan(const struct sum_cpu_plan *plan, const void *x, size_t n, enum kind kind,
                       size_t *checked) {
    uint64_t predicted;
    assert_int_equal(sum_cpu_model(plan, x, n, &predicted), 0);
    for (enum sum_cpu_isa isa = 0; isa < SUM_CPU_ISAS; isa++) {
        if (!sum_cpu_isa_usable(isa))
            continue;
        uint64_t measured;
        assert_int_equal(sum_cpu_run_isa(plan, isa, x, n, &measured), 0);
        if (!same(plan, predicted, measured)) {
            char text[SUM_TEXT];
            fail_msg("%s on %s, n = %zu, %s: predicted %llx, measured %llx",
                     sum_cpu_plan_text(plan, text), sum_cpu_isa_name(isa), n, kind_names[kind],
                     (unsigned long long)predicted, (unsigned long long)measured);
        }
        ++*checked;
    }
}

static void check_plans(const struct sum_cpu_plan *plans, size_t count, size_t size_step,
                        size_t *checked) {
    void *buffer[4];
    for (int type = 0; type < 4; type++)
        buffer[type] = malloc((LONGEST + 1) * sizeof(double));
    for (enum kind kind = 0; kind < KINDS; kind++) {
        for (int type = 0; type < 4; type++)
            fill(buffer[type], (enum element)type, kind, LONGEST + 1);
        for (size_t p = 0; p < count; p++) {
            for (size_t s = (p + kind) % size_step; s < SIZES; s += size_step) {
                /* One element in: vectors must not assume an alignment. */
                const char *x = buffer[plans[p].type];
                x += element_bytes((enum element)plans[p].type);
                check_plan(&plans[p], x, sizes[s], kind, checked);
            }
        }
    }
    for (int type = 0; type < 4; type++)
        free(buffer[type]);
}

static void test_pairs_of_values(void **unused) {
    (void)unused;
    struct sum_cpu_choice any = {0, {0}};
    struct sum_cpu_plan *plans;
    size_t count, checked = 0;
    assert_int_equal(sum_cpu_plans_pairs(&any, &plans, &count), 0);
    check_plans(plans, count, 1, &checked);
    print_message("%zu plans, %zu predicted results compared\n", count, checked);
    assert_true(checked >= count * SIZES * KINDS);
    free(plans);
}

/* Every plan there is, at few sizes each. */
static void test_all_plans(void **unused) {
    (void)unused;
    struct sum_cpu_choice any = {SUM_CPU_FIELD_BIT(prefetch), {.prefetch = 0}};
    struct sum_cpu_plan *plans;
    size_t count, checked = 0;
    assert_int_equal(sum_cpu_plans_all(&any, &plans, &count), 0);
    struct sum_cpu_plan *some = malloc(count * sizeof *some);
    size_t kept = 0;
    for (size_t p = 0; p < count; p++)
        if (p % 41 == 5)
            some[kept++] = plans[p];
    check_plans(some, kept, SIZES - 2, &checked);
    print_message("%zu of %zu plans, %zu predicted results compared\n", kept, count, checked);
    free(some);
    free(plans);
}

/* The model's two forms agree: the tree evaluated is the bits. */
static void test_tree_is_model(void **unused) {
    (void)unused;
    /* Trees are evaluated in the type of their leaves. */
    struct sum_cpu_choice plain = {SUM_CPU_FIELD_BIT(method) | SUM_CPU_FIELD_BIT(type) |
                                       SUM_CPU_FIELD_BIT(acc),
                                   {.type = ELEMENT_F32, .acc = SUM_ACC32, .method = SUM_PLAIN}};
    struct sum_cpu_plan *plans, *of_f64;
    size_t count, more, compared = 0;
    assert_int_equal(sum_cpu_plans_pairs(&plain, &plans, &count), 0);
    plain.fixed.type = ELEMENT_F64;
    plain.fixed.acc = SUM_ACC64;
    assert_int_equal(sum_cpu_plans_pairs(&plain, &of_f64, &more), 0);
    struct sum_cpu_plan *both = realloc(plans, (count + more) * sizeof *plans);
    assert_non_null(both);
    memcpy(both + count, of_f64, more * sizeof *both);
    plans = both;
    count += more;
    free(of_f64);
    double wide[5000];
    float narrow[5000];
    static const size_t some[] = {1, 2, 17, 100, 1025, 2049, 4999};
    for (size_t p = 0; p < count; p++) {
        for (size_t s = 0; s < sizeof some / sizeof *some; s++) {
            size_t n = some[s];
            struct tree *tree = sum_cpu_tree(&plans[p], n);
            assert_non_null(tree);
            assert_true(tree_is_complete(tree));
            assert_int_equal(sum_cpu_depth(&plans[p], n), tree_depth(tree));
            fill(narrow, ELEMENT_F32, WIDE, n);
            fill(wide, ELEMENT_F64, WIDE, n);
            uint64_t bits, want;
            const void *x = plans[p].type == ELEMENT_F32 ? (void *)narrow : (void *)wide;
            assert_int_equal(sum_cpu_model(&plans[p], x, n, &bits), 0);
            want = plans[p].acc == SUM_ACC32 ? round_f32_bits(tree_eval_f32(tree, narrow))
                                             : round_f64_bits(tree_eval_f64(tree, wide));
            assert_int_equal(bits, want);
            compared++;
            tree_free(tree);
        }
    }
    assert_true(compared > 100);
    free(plans);
    struct sum_cpu_plan binned = sum_cpu_plan_default(ELEMENT_F32, SUM_BINNED, 100, 1);
    assert_null(sum_cpu_tree(&binned, 100));
}

/* A model that misreads one field predicts other bits for some data, or, where a field cannot
 * change a bit, never does. Each field is tried from a plan in which it matters. */
static void test_mutants(void **unused) {
    (void)unused;
    float *x = malloc((LONGEST + 1) * sizeof *x);
    double *wide = malloc(LONGEST * sizeof *wide);
    for (enum sum_cpu_field_id f = 0; f < SUM_CPU_FIELDS; f++) {
        struct sum_cpu_plan plan = {.type = f == SUM_CPU_FIELD_type ? ELEMENT_BF16 : ELEMENT_F32,
                                    .acc = SUM_ACC32,
                                    .method = SUM_PLAIN,
                                    .lanes = 8,
                                    .unroll = 2,
                                    .streams = f == SUM_CPU_FIELD_streams ? 1 : 2,
                                    .span = f == SUM_CPU_FIELD_streams ? SUM_CPU_WHOLE : 512,
                                    .prefetch = 0,
                                    .threads = f == SUM_CPU_FIELD_threads ? 3 : 4,
                                    .accumulate = SUM_CPU_ACCS_SERIAL,
                                    .fold = SUM_CPU_LANES_SERIAL,
                                    .join = SUM_CPU_JOIN_SERIAL};
        struct sum_cpu_plan mutant;
        size_t caught = 0, tried = 0;
        assert_true(sum_cpu_plan_mutant(&plan, f, &mutant));
        assert_false(sum_cpu_plan_equal(&plan, &mutant));
        for (int trial = 0; trial < 30; trial++) {
            size_t n = 20000 + (size_t)trial;
            uint64_t measured, wrong;
            fill(x, ELEMENT_F32, trial % 2 ? WIDE : NORMAL, n);
            assert_int_equal(sum_cpu_run(&plan, x, n, &measured), 0);
            assert_int_equal(sum_cpu_model(&mutant, x, n, &wrong), 0);
            caught += measured != wrong;
            tried++;
        }
        print_message("%-10s caught in %zu of %zu\n", sum_cpu_fields[f].name, caught, tried);
        if (SUM_CPU_NEUTRAL & 1u << f)
            assert_int_equal(caught, 0);
        else
            assert_true(caught > 0);
        /* A neutral field is told apart by the id, which is what is recorded. */
        char a[SUM_TEXT], b[SUM_TEXT];
        assert_string_not_equal(sum_cpu_plan_text(&plan, a), sum_cpu_plan_text(&mutant, b));
    }
    free(x);
    free(wide);
}

/* The reproducible sum: one result for all plans of a type, permutations included, and that result
 * within its bound of the exact sum. */
static void test_binned_is_one_result(void **unused) {
    (void)unused;
    enum { n = 9001 };
    float *x = malloc(n * sizeof *x);
    struct sum_cpu_choice binned = {SUM_CPU_FIELD_BIT(method) | SUM_CPU_FIELD_BIT(type) |
                                        SUM_CPU_FIELD_BIT(acc),
                                    {.type = ELEMENT_F32, .acc = SUM_ACC32, .method = SUM_BINNED}};
    struct sum_cpu_plan *plans;
    size_t count;
    assert_int_equal(sum_cpu_plans_pairs(&binned, &plans, &count), 0);
    for (enum kind kind = 0; kind < KINDS; kind++) {
        fill(x, ELEMENT_F32, kind, n);
        /* Runs of large and small elements, so that the bin rises in the middle of the loops. */
        for (int i = 0; kind == WIDE && i < n; i++)
            x[i] = ldexpf(x[i], i / 1500 % 3 * 30 - 30);
        uint64_t first = 0;
        for (size_t p = 0; p < count; p++) {
            uint64_t bits;
            assert_int_equal(sum_cpu_run(&plans[p], x, n, &bits), 0);
            if (p == 0)
                first = bits;
            assert_true(sum_same_bits(SUM_ACC32, first, bits));
            size_t i = next() % n, j = next() % n;
            float t = x[i];
            x[i] = x[j];
            x[j] = t;
        }
        float most = 0, exact = exact_sum_f32(x, n);
        for (int i = 0; i < n; i++)
            most = fmaxf(most, fabsf(x[i]));
        float value = round_f32_from((uint32_t)first);
        if (isfinite(exact) && isfinite(value))
            assert_true(fabs((double)value - exact_sum_f32_as_f64(x, n)) <=
                        binned_f32_error_bound(n, most) + 0x1p-24 * fabs((double)value) + 0x1p-150);
    }
    free(plans);
    free(x);
}

/* Compensation shrinks the error by orders of magnitude on data where it shows. */
static void test_compensated_is_better(void **unused) {
    (void)unused;
    enum { n = 30000 };
    float *x = malloc(n * sizeof *x);
    fill(x, ELEMENT_F32, NORMAL, n);
    for (int i = 0; i < n; i++)
        x[i] = fabsf(x[i]);
    struct sum_cpu_plan plan;
    char why[SUM_WHY];
    uint64_t plain, compensated;
    assert_int_equal(sum_cpu_plan_parse("f32.plain.l1.u1", &plan, why), 0);
    assert_int_equal(sum_cpu_run(&plan, x, n, &plain), 0);
    plan.method = SUM_COMPENSATED;
    assert_int_equal(sum_cpu_run(&plan, x, n, &compensated), 0);
    float exact = exact_sum_f32(x, n);
    assert_true(round_f32_from((uint32_t)compensated) == exact);
    assert_true(round_f32_from((uint32_t)plain) != exact);
    free(x);
}

static void test_text(void **unused) {
    (void)unused;
    struct sum_cpu_choice any = {0, {0}};
    struct sum_cpu_plan *plans, parsed;
    size_t count;
    char text[SUM_TEXT], why[SUM_WHY];
    assert_int_equal(sum_cpu_plans_pairs(&any, &plans, &count), 0);
    assert_true(count >= 20 && count < 120);
    for (size_t p = 0; p < count; p++) {
        assert_int_equal(sum_cpu_plan_check(&plans[p], why), 0);
        assert_int_equal(sum_cpu_plan_parse(sum_cpu_plan_text(&plans[p], text), &parsed, why), 0);
        assert_true(sum_cpu_plan_equal(&plans[p], &parsed));
    }
    /* Every legal pair of values is there: as many pairs as in all plans together. */
    for (enum sum_cpu_field_id f = 0; f < SUM_CPU_FIELDS; f++) {
        for (size_t v = 0; v < sum_cpu_fields[f].count; v++) {
            bool found = false;
            for (size_t p = 0; p < count; p++)
                found |= sum_cpu_plan_get(&plans[p], f) == sum_cpu_fields[f].values[v].value;
            assert_true(found);
        }
    }
    free(plans);
    json_t *record = sum_cpu_plan_json(&parsed);
    assert_int_equal(json_object_size(record), SUM_CPU_FIELDS);
    assert_int_equal(json_integer_value(json_object_get(record, "lanes")), parsed.lanes);
    json_decref(record);
    static const char *const bad[] = {"",     ".",      "f32.f64",   "l3",         "s4.u8.u8",
                                      "f32.", "s1.e1k", "f64.acc32", "bf16.acc64", "s4.u8"};
    for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
        why[0] = 0;
        assert_int_equal(sum_cpu_plan_parse(bad[b], &parsed, why), -1);
        assert_true(strlen(why) > 10);
    }
    for (int type = 0; type < 4; type++)
        for (size_t n = 1; n < (size_t)1 << 30; n *= 8)
            for (int threads = 1; threads <= 4; threads++) {
                for (int method = SUM_PLAIN; method <= SUM_BINNED; method++) {
                    struct sum_cpu_plan plan = sum_cpu_plan_default(
                        (enum element)type, (enum sum_method)method, n, threads);
                    assert_int_equal(sum_cpu_plan_check(&plan, why), 0);
                }
            }
}

static void test_refusals(void **unused) {
    (void)unused;
    float x = 1;
    uint64_t bits;
    struct sum_cpu_plan plan = sum_cpu_plan_default(ELEMENT_F32, SUM_PLAIN, 1, 1);
    assert_int_equal(sum_cpu_run(&plan, &x, 0, &bits), -1);
    plan.lanes = 5;
    assert_int_equal(sum_cpu_run(&plan, &x, 1, &bits), -1);
    assert_non_null(strstr(device_error(), "lanes"));
    plan.lanes = 8;
    plan.threads = 5;
    assert_int_equal(sum_cpu_run(&plan, &x, 1, &bits), -1);
    plan.threads = 1;
    plan.span = 100;
    plan.streams = 2;
    assert_int_equal(sum_cpu_run(&plan, &x, 1, &bits), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_of_values),
        cmocka_unit_test(test_all_plans),
        cmocka_unit_test(test_tree_is_model),
        cmocka_unit_test(test_mutants),
        cmocka_unit_test(test_binned_is_one_result),
        cmocka_unit_test(test_compensated_is_better),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
