/* decoder_sample_test.c: contracts on logits whose chances can be worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/decoder/decoder_sample.h"

enum { MANY = 1000 };

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

/* The token by a walk down all of them, the likeliest first, each found by a look at all. */
static uint32_t walked(const float *of, size_t n, double temperature, double top_p,
                       double uniform) {
    static bool taken[MANY];
    static double chance[MANY];
    double total = 0, kept = 0, sum = 0;
    uint32_t order[MANY];
    size_t count = 0, best = 0;
    for (size_t i = 0; i < n; i++)
        best = of[i] > of[best] ? i : best;
    for (size_t i = 0; i < n; i++) {
        chance[i] = exp(((double)of[i] - of[best]) / temperature);
        total += chance[i];
        taken[i] = false;
    }
    while (count < n && (count == 0 || kept < top_p * total)) {
        size_t most = 0;
        for (size_t i = 0; i < n; i++)
            if (!taken[i] && (taken[most] || chance[i] > chance[most]))
                most = i;
        taken[most] = true;
        kept += chance[most];
        order[count++] = (uint32_t)most;
    }
    for (size_t i = 0; i + 1 < count; i++) {
        sum += chance[order[i]];
        if (uniform * kept < sum)
            return order[i];
    }
    return order[count - 1];
}

/* Chances from 1 to under 1e-20, many of them equal: however far down the kept ones reach. */
static void many_tokens_are_kept_by_the_same_rule(void **state) {
    (void)state;
    static const double kept[] = {1e-3, 0.8, 0.99, 0.999999, 1 - 1e-9, 1 - 1e-15, 1};
    static const double uniforms[] = {0, 0.3, 0.9, 0.999, 0.9999999, 1 - 1e-12, 1 - 1e-16};
    float many[MANY];
    for (int shape = 0; shape < 3; shape++) {
        for (int i = 0; i < MANY; i++) {
            const int mixed = (int)((unsigned)i * 2654435761u % MANY);
            many[i] = shape == 0   ? -(float)(mixed / 4) * 0.25f
                      : shape == 1 ? (float)(mixed == 7) * 30
                                   : (float)(mixed % 5) * 0.01f;
        }
        for (size_t p = 0; p < sizeof kept / sizeof *kept; p++)
            for (size_t u = 0; u < sizeof uniforms / sizeof *uniforms; u++) {
                const struct decoder_contract contract = {1.6, kept[p]};
                assert_int_equal(decoder_sample(&contract, many, MANY, uniforms[u]),
                                 walked(many, MANY, 1.6, kept[p], uniforms[u]));
            }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chances_lie_side_by_side), cmocka_unit_test(few_are_kept),
        cmocka_unit_test(warmth_flattens), cmocka_unit_test(many_tokens_are_kept_by_the_same_rule)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
