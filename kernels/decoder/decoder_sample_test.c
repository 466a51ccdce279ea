/* decoder_sample_test.c: contracts on logits whose chances can be worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/decoder/decoder_sample.h"

/* Chances 1/2, 1/4, 1/8, 1/8. */
static const float logits[4] = {0x1.62e43p-1f, 2 * 0x1.62e43p-1f, 0, 0};

static void takes(double temperature, double top_p, double uniform, uint32_t token) {
    const struct decoder_contract contract = {temperature, top_p};
    assert_int_equal(decoder_sample(&contract, logits, 4, uniform), token);
}

static void chances_lie_side_by_side(void **state) {
    (void)state;
    takes(1, 1, 0, 1);
    takes(1, 1, 0.499, 1);
    takes(1, 1, 0.501, 0);
    takes(1, 1, 0.749, 0);
    takes(1, 1, 0.751, 2);
    takes(1, 1, 0.876, 3);
    takes(1, 1, 0.99999, 3);
}

static void few_are_kept(void **state) {
    (void)state;
    takes(1, 0.1, 0.99999, 1);  /* one at least */
    takes(1, 0.49, 0.99999, 1); /* one is enough */
    takes(1, 0.51, 0.99999, 0); /* two: 2/3 and 1/3 */
    takes(1, 0.51, 0.66, 1);
    takes(1, 0.51, 0.67, 0);
}

/* At temperature 2 chances are as the square roots: 0.354, 0.25, 0.177, 0.177 of 0.957. */
static void warmth_flattens(void **state) {
    (void)state;
    const double all = sqrt(0.5) + 0.5 + 2 * sqrt(0.125);
    takes(2, 1, (sqrt(0.5) - 1e-6) / all, 1);
    takes(2, 1, (sqrt(0.5) + 1e-6) / all, 0);
    takes(0, 1, 0.99999, 1);
    takes(1e-9, 1, 0.99999, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(chances_lie_side_by_side),
                                       cmocka_unit_test(few_are_kept),
                                       cmocka_unit_test(warmth_flattens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
