/*
 * atomics_mutants_test.c: wrong cures are caught: by the SIMT machine's race report, even where
 * every result is right, and by the range check of fixed point.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/atomics/atomics_model.h"
#include "kernels/atomics/atomics_planted.h"
#include "kernels/simt/simt.h"

#define BLOCKS 6
#define THREADS 64
#define N (BLOCKS * THREADS)

static float *x, *result;
static uint32_t *scratch;

static int setup(void **state) {
    (void)state;
    x = simt_malloc(N * sizeof *x);
    result = simt_malloc(sizeof *result);
    scratch = simt_malloc(4096);
    return x && result && scratch ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    simt_free(x);
    simt_free(result);
    simt_free(scratch);
    return 0;
}

static void fresh(unsigned seed) {
    for (size_t k = 0; k < N; k++)
        x[k] = (float)((k * 37 + seed) % 101) - 50; /* small integers: exact in any order */
    memset(scratch, 0, 4096);
    *result = 0;
}

static float exact_sum(void) {
    float sum = 0;
    for (size_t k = 0; k < N; k++)
        sum += x[k];
    return sum;
}

static struct simt_config schedule(unsigned k) {
    return (struct simt_config){.resident = BLOCKS,
                                .seed = k,
                                .interleave = (enum simt_interleave)(k % 5),
                                .block_order = (enum simt_block_order)(k / 5)};
}
#define SCHEDULES 15

static bool has_race(void) {
    for (size_t k = 0; k < simt_reports(); k++)
        if (simt_report(k)->kind == SIMT_RACE)
            return true;
    return false;
}

typedef int planted_call(enum atomics_mistake mistake, unsigned blocks, unsigned threads,
                         const float *x, float *result, void *scratch);

/* Under every schedule: without the mistake right and silent, with it a race. Returns how often
 * the mistake's result was right although its code is wrong. */
static unsigned check_race(planted_call *plain, planted_call *checked,
                           enum atomics_mistake mistake) {
    unsigned right = 0;
    for (unsigned k = 0; k < SCHEDULES; k++) {
        struct simt_config config = schedule(k);
        assert_int_equal(simt_configure(&config), 0);
        fresh(k);
        assert_int_equal(plain(ATOMICS_RIGHT, BLOCKS, THREADS, x, result, scratch), 0);
        assert_true(*result == exact_sum());
        fresh(k);
        assert_int_equal(checked(ATOMICS_RIGHT, BLOCKS, THREADS, x, result, scratch), 0);
        assert_int_equal(simt_reports(), 0);
        assert_true(*result == exact_sum());
        fresh(k);
        assert_int_equal(plain(mistake, BLOCKS, THREADS, x, result, scratch), 0);
        right += *result == exact_sum();
        fresh(k);
        assert_int_equal(checked(mistake, BLOCKS, THREADS, x, result, scratch), -1);
        assert_true(has_race());
    }
    return right;
}

static void test_ticket(void **state) {
    (void)state;
    for (enum atomics_mistake m = ATOMICS_NO_RELEASE; m <= ATOMICS_NO_ACQUIRE; m++)
        assert_int_equal(check_race(atomics_planted_simt.ticket, atomics_planted_checked.ticket, m),
                         SCHEDULES); /* no result gives it away */
}

static void test_partials(void **state) {
    (void)state;
    assert_int_equal(check_race(atomics_planted_simt.partials, atomics_planted_checked.partials,
                                ATOMICS_NO_FENCE),
                     SCHEDULES);
    assert_true(check_race(atomics_planted_simt.partials, atomics_planted_checked.partials,
                           ATOMICS_NO_WAIT) < SCHEDULES);
    check_race(atomics_planted_simt.partials, atomics_planted_checked.partials, ATOMICS_NO_BARRIER);
}

/* Elements that fit, of a sum that does not: the check on each of them is what prevents it. */
static void test_fixed(void **state) {
    (void)state;
    struct atomics_plan plan = atomics_plan_default();
    plan.cure = ATOMICS_FIXED;
    const struct atomics_planted_ops *ops = &atomics_planted_checked;
    float predicted;
    uint32_t status;
    assert_int_equal(simt_configure(NULL), 0);
    for (int over = 0; over < 2; over++) {
        for (size_t k = 0; k < N; k++)
            x[k] = (float)(1 + k % 3);
        int unit = atomics_fixed_unit(N, 3) - (over ? 3 : 0);
        double limit = atomics_fixed_limit(N, unit);
        double exact = 0;
        for (size_t k = 0; k < N; k++)
            exact += (double)x[k];
        assert_int_equal(atomics_model(&plan, DEVICE_SIMT, x, N, unit, &predicted, &status, NULL),
                         0);
        memset(scratch, 0, 4096);
        assert_int_equal(
            ops->fixed(ATOMICS_RIGHT, BLOCKS, THREADS, x, result, scratch, unit, limit), 0);
        assert_int_equal(scratch[2], status);
        if (over) {
            assert_int_equal(status, ATOMICS_RANGE);
            assert_true(isnan(predicted) && isnan(*result));
        } else {
            assert_int_equal(status, 0);
            assert_true(predicted == (float)exact && *result == predicted);
        }
        memset(scratch, 0, 4096);
        assert_int_equal(
            ops->fixed(ATOMICS_NO_RANGE, BLOCKS, THREADS, x, result, scratch, unit, limit), 0);
        /* Inside the range the check changes nothing; outside, the number is wrong and silent:
         * the model's status tells. */
        assert_int_equal(scratch[2], 0);
        if (over)
            assert_true(!isnan(*result) && *result != (float)exact);
        else
            assert_true(*result == predicted);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticket),
        cmocka_unit_test(test_partials),
        cmocka_unit_test(test_fixed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
