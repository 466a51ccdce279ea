/* ulp_test.c: distances at the seams (zero, subnormals, infinity, NaN) and against nextafter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>

#include "harness/measure/ulp.h"

static void test_f32(void **state) {
    (void)state;
    assert_int_equal(ulp_distance_f32(1.0f, 1.0f), 0);
    assert_int_equal(ulp_distance_f32(1.0f, 1.0f + FLT_EPSILON), 1);
    assert_int_equal(ulp_distance_f32(1.0f, 1.0f - FLT_EPSILON / 2), 1);
    assert_int_equal(ulp_distance_f32(1.0f, 2.0f), 1 << 23);
    assert_int_equal(ulp_distance_f32(0.0f, -0.0f), 0);
    assert_int_equal(ulp_distance_f32(FLT_TRUE_MIN, -FLT_TRUE_MIN), 2);
    assert_int_equal(ulp_distance_f32(FLT_MAX, INFINITY), 1);
    assert_int_equal(ulp_distance_f32(-FLT_MAX, -INFINITY), 1);
    assert_int_equal(ulp_distance_f32(NAN, -NAN), 0);
    assert_true(ulp_distance_f32(NAN, 1.0f) == ULP_NAN);
    assert_true(ulp_distance_f32(INFINITY, NAN) == ULP_NAN);
    assert_int_equal(ulp_distance_f32(-INFINITY, INFINITY), 2u * 0x7f800000u);
    float x = 0x1.8p-140f;
    for (int k = 0; k < 1000; ++k, x = nextafterf(x, INFINITY))
        assert_int_equal(ulp_distance_f32(x, 0x1.8p-140f), k);
}

static void test_other_formats(void **state) {
    (void)state;
    assert_int_equal(ulp_distance_f64(1.0, 1.0 + DBL_EPSILON), 1);
    assert_int_equal(ulp_distance_f64(-DBL_TRUE_MIN, 0.0), 1);
    assert_true(ulp_distance_f64(-INFINITY, INFINITY) == 2 * 0x7ff0000000000000u);
    assert_true(ulp_distance_f64(NAN, 0.0) == ULP_NAN);
    assert_int_equal(ulp_distance_bf16(0x3f80, 0x3f81), 1); /* 1 and its successor */
    assert_int_equal(ulp_distance_bf16(0x8000, 0x0000), 0);
    assert_int_equal(ulp_distance_bf16(0x7f7f, 0x7f80), 1); /* largest, infinity */
    assert_true(ulp_distance_bf16(0x7f81, 0x0000) == ULP_NAN);
    assert_int_equal(ulp_distance_f16(0x3c00, 0x4000), 1 << 10); /* 1 and 2 */
    assert_int_equal(ulp_distance_f16(0x8001, 0x0001), 2);
    assert_true(ulp_distance_f16(0x7c01, 0x7c00) == ULP_NAN);
}

static void test_size(void **state) {
    (void)state;
    assert_true(ulp_size_f32(1.0f) == 0x1p-23);
    assert_true(ulp_size_f32(-1.5f) == 0x1p-23);
    assert_true(ulp_size_f32(0.0f) == 0x1p-149);
    assert_true(ulp_size_f32(FLT_MAX) == 0x1p104);
    assert_true(isnan(ulp_size_f32(INFINITY)) && isnan(ulp_size_f64(NAN)));
    assert_true(ulp_size_f64(1.0) == 0x1p-52);
    assert_true(ulp_size_f64(DBL_MAX) == 0x1p971);
}

static void test_distinct(void **state) {
    (void)state;
    const uint64_t bits[] = {5, 1, 5, 0, 1, UINT64_MAX, 5};
    assert_int_equal(ulp_distinct(bits, 7), 4);
    assert_int_equal(ulp_distinct(bits, 1), 1);
    assert_int_equal(ulp_distinct(NULL, 0), 0);
    assert_int_equal(bits[0], 5); /* the input is left in its order */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f32),
        cmocka_unit_test(test_other_formats),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_distinct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
