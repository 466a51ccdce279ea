/*
 * sum_job_test.c: sums as jobs: bits as predicted for both kinds of plan, plain and checked; many
 * jobs on one memory; what the proof and the poison catch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <jansson.h>

#include "kernels/rng/data.h"
#include "kernels/sum/sum_job.h"

#define N 1000

static float x[N], y[N];

static int fill(void **state) {
    const struct data_options options = {.seed = 7, .condition = 1e6};
    (void)state;
    return data_fill(DATA_CANCELLING, ELEMENT_F32, &options, x, N) != 0 ||
                   data_fill(DATA_NORMAL, ELEMENT_F32, &options, y, N) != 0
               ? -1
               : 0;
}

static struct device *open_device(enum device_kind kind) {
    struct device *device;
    assert_int_equal(device_open(&device, kind, 0), 0);
    return device;
}

static struct sum_variant parse(const char *text, enum device_kind kind) {
    struct sum_variant v;
    char why[SUM_WHY];
    if (sum_variant_parse(text, kind, &v, why) != 0)
        fail_msg("%s: %s", text, why);
    return v;
}

static const struct {
    enum device_kind kind;
    const char *text;
    bool checked;
} variants[] = {
    {DEVICE_SIMT, "f32.plain.strided.v4.i4.b64.tiles.shfl-down.warp.last", false},
    {DEVICE_SIMT, "f32.plain.v1.i1.b32.g8.shfl-xor.tree.kernel", true},
    {DEVICE_SIMT, "f32.acc64.plain", false},
    {DEVICE_SIMT, "f32.compensated", false},
    {DEVICE_SIMT, "f32.binned.g8.last", true},
    {DEVICE_SIMT, "f32.exact", false},
    {DEVICE_SIMT, "f32.plain.dot", false},
    {DEVICE_CPU, "f32.plain.l8.u2.s2.e512.t2", false},
    {DEVICE_CPU, "f32.acc64.plain", false},
    {DEVICE_CPU, "f32.compensated.l1.u1.s1.whole.t1", false},
    {DEVICE_CPU, "f32.binned", false},
};

/* All variants of a device on one memory, with inputs rewritten in between. */
static void bits_are_the_predicted(void **state) {
    (void)state;
    for (int kind = DEVICE_CPU; kind <= DEVICE_SIMT; kind++) {
        struct device *device = open_device((enum device_kind)kind);
        struct sum_memory *memory;
        assert_int_equal(sum_memory_open(&memory, device, ELEMENT_F32, kind == DEVICE_SIMT, N), 0);
        for (size_t k = 0; k < sizeof variants / sizeof *variants; k++) {
            if ((int)variants[k].kind != kind)
                continue;
            struct sum_variant v = parse(variants[k].text, variants[k].kind);
            struct job_bits first, second, expected, untouched;
            struct job job;
            bool products = sum_variant_class(&v).products;
            v.checked = variants[k].checked;
            assert_int_equal(sum_memory_write(memory, x, products ? y : NULL), 0);
            if (sum_job_open(&job, memory, &v) != 0)
                fail_msg("%s: %s", variants[k].text, device_error());
            assert_int_equal(job_bits(&job, &untouched), 0);
            assert_true(untouched.bits == UINT64_MAX >> (64 - untouched.width));
            assert_int_equal(job_call(&job), 0);
            assert_int_equal(job_bits(&job, &first), 0);
            assert_int_equal(job_predict(&job, &expected), 0);
            assert_true(first.bits == expected.bits && first.width == expected.width);
            assert_int_equal(job_bits(&job, &untouched), 0); /* reading took them away */
            assert_true(untouched.bits == UINT64_MAX >> (64 - untouched.width));
            assert_int_equal(sum_memory_write(memory, y, products ? x : NULL), 0);
            assert_int_equal(job_call(&job), 0);
            assert_int_equal(job_bits(&job, &second), 0);
            assert_int_equal(job_predict(&job, &expected), 0);
            assert_true(second.bits == expected.bits);
            assert_true(products || second.bits != first.bits);
            assert_int_equal(job_prove(&job), 0);
            assert_true(job.bytes == N * 4.0 * (products ? 2 : 1) && job.flops > 0);
            json_t *plan = job_plan(&job);
            assert_string_equal(json_string_value(json_object_get(plan, "type")), "f32");
            json_decref(plan);
            job_close(&job);
        }
        sum_memory_close(memory);
        device_close(device);
    }
}

/* The model reads the inputs where they came from: others there are a wrong result. */
static void the_proof_can_fail(void **state) {
    (void)state;
    for (int kind = DEVICE_CPU; kind <= DEVICE_SIMT; kind++) {
        struct device *device = open_device((enum device_kind)kind);
        struct sum_variant v = parse("f32.plain", (enum device_kind)kind);
        struct sum_memory *memory;
        struct job job;
        assert_int_equal(sum_memory_open(&memory, device, ELEMENT_F32, false, N), 0);
        assert_int_equal(sum_memory_write(memory, y, NULL), 0);
        assert_int_equal(sum_job_open(&job, memory, &v), 0);
        assert_int_equal(job_prove(&job), 0);
        y[N / 2] += 1;
        assert_int_equal(job_prove(&job), -1);
        y[N / 2] -= 1;
        job_close(&job);
        sum_memory_close(memory);
        device_close(device);
    }
}

static void what_does_not_fit_is_refused(void **state) {
    struct device *device = open_device(DEVICE_SIMT);
    struct sum_variant native = parse("", DEVICE_CPU), dot = parse("dot", DEVICE_SIMT);
    struct sum_variant wide = parse("f64", DEVICE_SIMT);
    struct sum_memory *memory;
    struct job job;
    (void)state;
    assert_int_equal(sum_memory_open(&memory, device, ELEMENT_F32, false, N), 0);
    assert_int_equal(sum_job_open(&job, memory, &native), -1);
    assert_int_equal(sum_job_open(&job, memory, &dot), -1);
    assert_int_equal(sum_job_open(&job, memory, &wide), -1);
    assert_int_equal(sum_memory_write(memory, x, y), -1);
    job_close(&job);
    sum_memory_close(memory);
    device_close(device);
}

static void facts_and_bounds(void **state) {
    static const double doubles[] = {1e16, 1, -1e16, 3};
    static const uint16_t halves[] = {0x3c00, 0xc000}; /* 1, -2 */
    struct sum_facts facts;
    struct sum_variant v = parse("f32.plain", DEVICE_SIMT);
    (void)state;
    assert_int_equal(sum_facts_of(ELEMENT_F64, doubles, NULL, 4, &facts), 0);
    assert_true(facts.exact == 4 && facts.magnitude == 2e16 + 4 && facts.largest == 1e16);
    assert_true(facts.exact32 == 0x40800000 && sum_value(SUM_ACC64, facts.exact64) == 4);
    assert_int_equal(sum_facts_of(ELEMENT_F16, halves, halves, 2, &facts), 0);
    assert_true(facts.exact == 5 && facts.magnitude == 5 && facts.largest == 4);
    assert_int_equal(sum_facts_of(ELEMENT_F32, x, NULL, N, &facts), 0);
    double bound = sum_variant_bound(&v, &facts, sum_variant_depth(&v, N));
    assert_true(bound > 0 && bound < 1e-5 * facts.magnitude);
    assert_true(sum_variant_bound(&v, &facts, 1) < bound);
    v = parse("f32.exact", DEVICE_SIMT);
    assert_true(sum_variant_bound(&v, &facts, 0) <= 0x1.1p-24 * facts.exact);
}

static void variants_of_both_kinds(void **state) {
    (void)state;
    for (int kind = DEVICE_CPU; kind <= DEVICE_SIMT; kind++) {
        struct sum_variant base = parse("f32.plain", (enum device_kind)kind), *few, *all, other;
        size_t few_count, all_count, fields;
        /* type, acc and method are the first three fields of both */
        assert_string_equal(sum_variant_fields(&base, &fields)[2].name, "method");
        assert_int_equal(sum_variants_like(&base, 7, false, &few, &few_count), 0);
        assert_int_equal(sum_variants_like(&base, 7, true, &all, &all_count), 0);
        assert_true(few_count > 10 && few_count < all_count);
        for (size_t k = 0; k < few_count; k++)
            assert_int_equal(sum_variant_class(&few[k]).method, SUM_PLAIN);
        assert_true(sum_variant_equal(&few[1], &few[1]) && !sum_variant_equal(&few[1], &few[2]));
        other = base;
        sum_variant_set(&other, 2, SUM_BINNED);
        assert_int_equal(sum_variant_class(&other).method, SUM_BINNED);
        assert_int_equal(sum_variant_check(&other, 100, NULL), 0);
        assert_null(sum_variant_tree(&other, 100));
        free(few);
        free(all);
    }
    assert_string_equal(sum_word(SUM_FIELD_acc, SUM_ACC64), "acc64");
    assert_string_equal(sum_word(SUM_FIELD_acc, 77), "?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_the_predicted),       cmocka_unit_test(the_proof_can_fail),
        cmocka_unit_test(what_does_not_fit_is_refused), cmocka_unit_test(facts_and_bounds),
        cmocka_unit_test(variants_of_both_kinds),
    };
    return cmocka_run_group_tests_name("sum_job", tests, fill, NULL);
}
