/*
 * paged_exp_test.c: the power of two against the double one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kernels/paged_attention/paged_exp.h"

static float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The largest relative error over the floats of [from, to] by bits, every step-th. */
static double worst_of(float from, float to, uint32_t step) {
    uint32_t first, last;
    memcpy(&first, &from, sizeof first);
    memcpy(&last, &to, sizeof last);
    double worst = 0;
    for (uint32_t bits = first; bits <= last; bits += step) {
        float x = float_of(bits);
        worst = fmax(worst, fabs(paged_exp2(x) / exp2((double)x) - 1));
    }
    return worst;
}

static void error_is_within_the_bound(void **state) {
    (void)state;
    /* The error depends on the distance to the nearest integer; there is most to see, and every
     * float is looked at, next to a half. A step is odd, so that all last bits come up. */
    double worst = worst_of(-0x1p-30f, -125.0f, 31);
    worst = fmax(worst, worst_of(-0x1.fp-2f, -0x1.08p-1f, 1));
    assert_true(worst < PAGED_EXP2_ERROR);
    assert_true(worst > 0.5 * PAGED_EXP2_ERROR); /* the error and the looking at it are real */
}

static void whole_numbers_are_exact(void **state) {
    (void)state;
    for (int n = 0; n <= 125; n++)
        assert_true(paged_exp2((float)-n) == ldexpf(1, -n));
    assert_true(paged_exp2(0.0f) == 1 && paged_exp2(-0.0f) == 1);
    assert_true(paged_exp2(-0x1p-149f) == 1);
}

static void the_rest_is_nothing(void **state) {
    (void)state;
    assert_true(paged_exp2(-0x1.f40002p6f) == 0); /* the float after -125 */
    assert_true(paged_exp2(-126) == 0 && paged_exp2(-1e30f) == 0 && paged_exp2(-INFINITY) == 0);
    assert_true(isnan(paged_exp2(NAN)));
}

static void scales_are_the_nearest_floats(void **state) {
    (void)state;
    assert_true(paged_scale(64) == (float)(M_LOG2E / sqrt(64)));
    assert_true(paged_scale(128) == (float)(M_LOG2E / sqrt(128)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_is_within_the_bound),
        cmocka_unit_test(whole_numbers_are_exact),
        cmocka_unit_test(the_rest_is_nothing),
        cmocka_unit_test(scales_are_the_nearest_floats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
