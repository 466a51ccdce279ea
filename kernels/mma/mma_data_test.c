/*
 * mma_data_test.c: operands are what their rows' numbers say, whatever the batch; the error catches
 * what it must; jobs poison, prove and hash.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernels/mma/mma_data.h"
#include "kernels/mma/mma_job.h"

static struct mma_operands open_operands(const struct mma_problem *problem, enum mma_fill fill) {
    struct mma_operands o;
    if (mma_operands_open(&o, problem, fill, 7) != 0)
        fail_msg("%s", device_error());
    return o;
}

static void rows_do_not_depend_on_the_batch(void **state) {
    (void)state;
    for (int fill = 0; fill < MMA_FILLS; fill++) {
        struct mma_problem small = {.shape = {3, 2, 65}, .in = ELEMENT_BF16, .out = ELEMENT_F32};
        struct mma_problem large = small;
        large.shape.m = 9;
        large.shape.n = 11;
        large.lda = 70;
        struct mma_operands a = open_operands(&small, fill), b = open_operands(&large, fill);
        for (size_t k = 0; k < 65; k++) {
            for (size_t m = 0; m < 3; m++)
                assert_true(mma_a(&a, m, k) == mma_a(&b, m, k));
            for (size_t n = 0; n < 2; n++)
                assert_true(mma_b(&a, n, k) == mma_b(&b, n, k));
        }
        /* Rows differ from each other, but where all are one. */
        assert_true((mma_a(&b, 0, 3) != mma_a(&b, 1, 3)) == (fill != MMA_FILL_ONES));
        assert_true(isnan(element_get(ELEMENT_BF16, b.a, 65)));
        mma_operands_close(&a);
        mma_operands_close(&b);
    }
}

static void cancelling_sums_are_small(void **state) {
    (void)state;
    struct mma_problem p = {.shape = {1, 1, 512}, .in = ELEMENT_F32, .out = ELEMENT_F32};
    struct mma_operands o = open_operands(&p, MMA_FILL_CANCELLING);
    double sum = 0, size = 0;
    for (size_t k = 0; k < 512; k++) {
        double product = (double)mma_a(&o, 0, k) * (double)mma_b(&o, 0, k);
        sum += product;
        size += fabs(product);
    }
    assert_true(fabs(sum) < size / 20);
    assert_true(sum != 0);
    mma_operands_close(&o);
}

static void senseless_problems_are_refused(void **state) {
    (void)state;
    char why[MMA_WHY];
    const struct mma_problem good = {.shape = {2, 3, 4}, .in = ELEMENT_BF16, .out = ELEMENT_F32};
    struct mma_problem p = good;
    assert_int_equal(mma_problem_check(&p, why), 0);
    p.lda = 3;
    assert_int_equal(mma_problem_check(&p, why), -1);
    assert_non_null(strstr(why, "A's rows hold 4 elements and are only 3 apart"));
    p = good;
    p.b_offset = 1;
    assert_int_equal(mma_problem_check(&p, NULL), -1);
    p = good;
    p.shape.n = SIZE_MAX / 2;
    assert_int_equal(mma_problem_check(&p, NULL), -1);
    p = good;
    p.shape.m = (size_t)1 << 40;
    p.shape.k = (size_t)1 << 40;
    assert_int_equal(mma_problem_check(&p, NULL), -1);
    p = good;
    p.out = ELEMENT_F64;
    assert_int_equal(mma_problem_check(&p, NULL), -1);
    p = good;
    p.shape = (struct mma_shape){0, 0, 0};
    assert_int_equal(mma_problem_check(&p, why), 0);
    assert_int_equal(mma_a_bytes(&p) + mma_b_bytes(&p) + mma_c_bytes(&p), 0);
}

/* --- the error, and jobs ------------------------------------------------------------------------
 */

enum fault { RIGHT, LACKS_A_PRODUCT, SKIPS_LAST, WRITES_GAP, IS_NAN };

struct plain {
    struct mma_job base;
    enum fault fault;
};

static int plain_call(void *context) {
    struct plain *p = context;
    const struct mma_operands *o = p->base.operands;
    const struct mma_shape s = o->problem.shape;
    float *c = p->base.c;
    size_t ldc = mma_ldc(&o->problem);
    for (size_t m = 0; m < s.m; m++)
        for (size_t n = 0; n < s.n; n++) {
            double sum = 0;
            if (p->fault == SKIPS_LAST && m + 1 == s.m && n + 1 == s.n)
                continue;
            for (size_t k = p->fault == LACKS_A_PRODUCT; k < s.k; k++)
                sum += (double)mma_a(o, m, k) * (double)mma_b(o, n, k);
            c[m * ldc + n] = p->fault == IS_NAN && m == 1 && n == 0 ? NAN : (float)sum;
        }
    if (p->fault == WRITES_GAP)
        c[s.n] = 0;
    return 0;
}

static int plain_element(void *context, size_t m, size_t n, float *value) {
    struct plain *p = context;
    double sum = 0;
    for (size_t k = 0; k < p->base.operands->problem.shape.k; k++)
        sum += (double)mma_a(p->base.operands, m, k) * (double)mma_b(p->base.operands, n, k);
    *value = (float)sum;
    return 0;
}

static void prove_finds_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        enum fault fault;
        int status;
    } cases[] = {
        {RIGHT, 0}, {LACKS_A_PRODUCT, -1}, {SKIPS_LAST, -1}, {WRITES_GAP, -1}, {IS_NAN, -1}};
    struct mma_problem problem = {.shape = {5, 7, 4096},
                                  .in = ELEMENT_BF16,
                                  .out = ELEMENT_F32,
                                  .ldc = 9,
                                  .a_offset = 2,
                                  .c_offset = 4};
    struct mma_operands o = open_operands(&problem, MMA_FILL_NORMAL);
    struct device *device;
    assert_int_equal(device_open(&device, DEVICE_CPU, 0), 0);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct plain p = {.base = {.call = plain_call, .element = plain_element},
                          .fault = cases[k].fault};
        struct job job = {.call = plain_call};
        struct job_bits got, expected;
        float c[5 * 7], one;
        assert_int_equal(mma_job_open(&job, &p.base, device, &o), 0);
        assert_int_equal((uintptr_t)p.base.a % 256, 2);
        assert_int_equal(mma_job_output(&job, c), 0);
        assert_true(isnan(c[0])); /* nobody wrote it yet */
        assert_int_equal(job_prove(&job), cases[k].status);
        if (cases[k].fault == RIGHT) {
            assert_int_equal(mma_job_output(&job, c), 0);
            assert_int_equal(mma_job_element(&job, 4, 6, &one), 0);
            assert_true(one == c[4 * 7 + 6]);
            assert_int_equal(job_bits(&job, &got), 0);
            assert_int_equal(job_predict(&job, &expected), 0);
            assert_int_equal(got.bits, expected.bits);
        }
        mma_job_close(&p.base);
    }
    device_close(device);
    mma_operands_close(&o);
}

static size_t packed;
static int count_packs(void *context) {
    (void)context;
    packed++;
    return 0;
}

static void other_operands_are_written_and_packed(void **state) {
    (void)state;
    struct mma_problem problem = {
        .shape = {2, 3, 4}, .in = ELEMENT_F32, .out = ELEMENT_F32, .ldb = 5, .b_offset = 8};
    struct mma_operands o = open_operands(&problem, MMA_FILL_ONES);
    struct device *device;
    struct plain p = {.base = {.call = plain_call, .pack = count_packs}};
    struct job job = {.call = plain_call};
    float other[3 * 5];
    assert_int_equal(device_open(&device, DEVICE_CPU, 0), 0);
    assert_int_equal(mma_job_open(&job, &p.base, device, &o), 0);
    for (size_t i = 0; i < 15; i++)
        other[i] = (float)i;
    packed = 0;
    assert_int_equal(mma_job_write(&job, NULL, other), 0);
    assert_int_equal(packed, 1);
    assert_true(((float *)p.base.b)[13] == 13 && ((float *)p.base.a)[7] == 1);
    assert_int_equal(mma_job_restore(&job), 0);
    assert_int_equal(packed, 2);
    assert_true(((float *)p.base.b)[13] == 1);
    mma_job_close(&p.base);
    device_close(device);
    mma_operands_close(&o);
}

static void nan_never_passes(void **state) {
    (void)state;
    struct mma_problem problem = {.shape = {2, 2, 3}, .in = ELEMENT_F32, .out = ELEMENT_F32};
    struct mma_operands o = open_operands(&problem, MMA_FILL_ONES);
    float c[4] = {3, 3, 3, 3};
    assert_true(mma_error(&o, c, 0, 1) == 0);
    c[2] = NAN;
    assert_true(isinf(mma_error(&o, c, 0, 1)));
    c[2] = INFINITY;
    assert_true(isinf(mma_error(&o, c, 0, 1)));
    ((float *)o.a)[3] = INFINITY; /* row 1: now the reference is infinite too */
    c[3] = INFINITY;
    assert_true(mma_error(&o, c, 0, 1) == 0);
    c[3] = -INFINITY;
    assert_true(isinf(mma_error(&o, c, 0, 1)));
    mma_operands_close(&o);
}

static void hash_sees_every_bit_and_one_nan(void **state) {
    (void)state;
    float x[3] = {0, 1, NAN}, y[3] = {0, 1, -NAN}, z[3] = {-0.0f, 1, NAN};
    assert_int_equal(mma_hash(x, 3), mma_hash(y, 3));
    assert_int_not_equal(mma_hash(x, 3), mma_hash(z, 3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_do_not_depend_on_the_batch),
        cmocka_unit_test(cancelling_sums_are_small),
        cmocka_unit_test(senseless_problems_are_refused),
        cmocka_unit_test(prove_finds_what_is_wrong),
        cmocka_unit_test(other_operands_are_written_and_packed),
        cmocka_unit_test(nan_never_passes),
        cmocka_unit_test(hash_sees_every_bit_and_one_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
