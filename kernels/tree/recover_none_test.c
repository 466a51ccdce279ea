/*
 * recover_none_test.c: functions built for the purpose that have no tree, each for a reason of its
 * own: every verdict of recover.h is reached, and by no other function.
 */
#include "kernels/sum/exact.h"
#include "kernels/tree/recover_fixture.h"

static void rejected(sum_function *sum, enum element type, size_t n, enum recover_status status) {
    enum element result = type == ELEMENT_F64 ? ELEMENT_F64 : ELEMENT_F32;
    struct recovery found = run_sum(sum, type, result, n);
    expect_status(&found, status);
    recovery_free(&found);
}

static int sum_exact(void *context, const void *x, size_t n, double *result) {
    (void)context;
    *result = exact_sum_f32(x, n);
    return 0;
}

static int sum_exact_f64(void *context, const void *x, size_t n, double *result) {
    (void)context;
    *result = exact_sum_f64(x, n);
    return 0;
}

static int kahan(void *context, const void *x, size_t n, double *result) {
    (void)context;
    const float *v = x;
    float sum = v[0], c = 0.0f;
    for (size_t i = 1; i < n; i++) {
        float y = v[i] - c, t = sum + y;
        c = (t - sum) - y;
        sum = t;
    }
    *result = sum;
    return 0;
}

/* Errors of the additions summed beside the sum (Neumaier; Ogita, Rump and Oishi's Sum2). */
static int errors_beside(void *context, const void *x, size_t n, double *result) {
    (void)context;
    const float *v = x;
    float sum = v[0], errors = 0.0f;
    for (size_t i = 1; i < n; i++) {
        float t = sum + v[i], back = t - sum;
        errors += (sum - (t - back)) + (v[i] - back);
        sum = t;
    }
    *result = sum + errors;
    return 0;
}

/* Whole multiples of 2^-30 of the largest input's power of two, added as integers. */
static int binned(void *context, const void *x, size_t n, double *result) {
    (void)context;
    const float *v = x;
    float most = 0.0f;
    for (size_t i = 0; i < n; i++)
        most = fabsf(v[i]) > most ? fabsf(v[i]) : most;
    int unit = most > 0.0f ? ilogbf(most) - 30 : 0;
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (int64_t)rint(ldexp((double)v[i], -unit));
    *result = (float)ldexp((double)sum, unit);
    return 0;
}

/* A fixed grid, fine enough for the units: inputs rounded to multiples of 2^-4, added exactly. */
static int grid(void *context, const void *x, size_t n, double *result) {
    (void)context;
    const float *v = x;
    float rounded[256];
    for (size_t i = 0; i < n; i++)
        rounded[i] = fabsf(v[i]) < 0x1p40f ? ldexpf(rintf(ldexpf(v[i], 4)), -4) : v[i];
    *result = exact_sum_f32(rounded, n);
    return 0;
}

static int compare_size(const void *a, const void *b) {
    float p = fabsf(*(const float *)a), q = fabsf(*(const float *)b);
    return (p > q) - (p < q);
}

static int sort_up(void *context, const void *x, size_t n, double *result) {
    float sorted[256];
    memcpy(sorted, x, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_size);
    return forward(context, sorted, n, result);
}

static int sort_down(void *context, const void *x, size_t n, double *result) {
    float sorted[256];
    memcpy(sorted, x, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_size);
    return backward(context, sorted, n, result);
}

/* Positive inputs first, then negative ones. */
static int by_sign(void *context, const void *x, size_t n, double *result) {
    (void)context;
    const float *v = x;
    float up = 0.0f, down = 0.0f;
    for (size_t i = 0; i < n; i++)
        if (v[i] > 0.0f)
            up += v[i];
        else
            down += v[i];
    *result = up + down;
    return 0;
}

/* Forwards or backwards, as the third input says; under the masks nearly always forwards. */
static int by_an_input(void *context, const void *x, size_t n, double *result) {
    const float *v = x;
    return v[2] < 0.5f ? backward(context, x, n, result) : forward(context, x, n, result);
}

/* One order for whole numbers, which all masks and units are, another for the rest. */
static int by_fractions(void *context, const void *x, size_t n, double *result) {
    const float *v = x;
    for (size_t i = 0; i < n; i++)
        if (v[i] != rintf(v[i]) && fabsf(v[i]) > 0x1p-20f)
            return backward(context, x, n, result);
    return forward(context, x, n, result);
}

/* Rounds each partial sum to odd: no rule that is known here. */
static int odd_rounding(void *context, const void *x, size_t n, double *result) {
    (void)context;
    const float *v = x;
    float sum = v[0];
    for (size_t i = 1; i < n; i++) {
        double exact = (double)sum + v[i];
        float t = (float)exact;
        if (fabsf(t) < 0x1p100f && fabsf(t) > 0x1p-20f && (double)t != exact) {
            uint32_t bits;
            memcpy(&bits, &t, sizeof bits);
            bits |= 1;
            memcpy(&t, &bits, sizeof bits);
        }
        sum = t;
    }
    *result = sum;
    return 0;
}

static int random_order(void *context, const void *x, size_t n, double *result) {
    static uint64_t state = 88172645463325252u;
    float turned[256];
    memcpy(turned, x, n * sizeof *turned);
    for (size_t i = n; i-- > 1;) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        size_t j = state % (i + 1);
        float v = turned[i];
        turned[i] = turned[j];
        turned[j] = v;
    }
    return forward(context, turned, n, result);
}

static int absolute(void *context, const void *x, size_t n, double *result) {
    (void)context;
    const float *v = x;
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++)
        sum += fabsf(v[i]);
    *result = sum;
    return 0;
}

static int forgets_the_last(void *context, const void *x, size_t n, double *result) {
    return forward(context, x, n - 1, result);
}

static int mean(void *context, const void *x, size_t n, double *result) {
    forward(context, x, n, result);
    *result = (float)*result / (float)n;
    return 0;
}

static void no_order(void **state) {
    (void)state;
    static const size_t sizes[] = {5, 16, 64, 100};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t n = sizes[k];
        rejected(sum_exact, ELEMENT_F32, n, RECOVER_EXACT);
        rejected(sum_exact_f64, ELEMENT_F64, n, RECOVER_EXACT);
        rejected(binned, ELEMENT_F32, n, RECOVER_BINNED);
        rejected(grid, ELEMENT_F32, n, RECOVER_ON_A_GRID);
        rejected(sort_up, ELEMENT_F32, n, RECOVER_DATA_ORDER);
        rejected(sort_down, ELEMENT_F32, n, RECOVER_DATA_ORDER);
        rejected(by_sign, ELEMENT_F32, n, RECOVER_DATA_ORDER);
        rejected(by_an_input, ELEMENT_F32, n, RECOVER_DATA_ORDER);
        rejected(by_fractions, ELEMENT_F32, n, RECOVER_DATA_ORDER);
        rejected(random_order, ELEMENT_F32, n, RECOVER_NOT_DETERMINISTIC);
        rejected(odd_rounding, ELEMENT_F32, n, RECOVER_ARITHMETIC);
    }
}

static void compensated(void **state) {
    (void)state;
    static const size_t sizes[] = {8, 64, 100};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        rejected(kahan, ELEMENT_F32, sizes[k], RECOVER_COMPENSATED);
        rejected(errors_beside, ELEMENT_F32, sizes[k], RECOVER_COMPENSATED);
    }
}

static void no_sum(void **state) {
    (void)state;
    rejected(absolute, ELEMENT_F32, 50, RECOVER_ABSOLUTE);
    rejected(forgets_the_last, ELEMENT_F32, 50, RECOVER_WRONG);
    rejected(mean, ELEMENT_F32, 50, RECOVER_WRONG);
    rejected(doubling, ELEMENT_F32, 50, RECOVER_MASKS);
    struct recovery found = run_sum(forgets_the_last, ELEMENT_F32, ELEMENT_F32, 22);
    assert_non_null(strstr(found.why, "x[21] counts 0 times"));
    recovery_free(&found);
}

static int refuses(void *context, const void *x, size_t n, double *result) {
    int *left = context;
    return --*left < 0 ? -1 : forward(NULL, x, n, result);
}

static void calls_that_fail(void **state) {
    (void)state;
    for (int left = 0; left < 400; left += 7) {
        int calls = left;
        struct recover_target target = {.type = ELEMENT_F32, .sum = refuses, .context = &calls};
        struct recovery found;
        assert_int_equal(recover(&target, 20, NULL, &found), -1);
        assert_non_null(strstr(found.why, "failed"));
        assert_null(found.tree);
    }
    int calls = 1;
    struct recover_target target = {.type = ELEMENT_F16, .sum = refuses, .context = &calls};
    struct recovery found;
    assert_int_equal(recover(&target, 0, NULL, &found), -1);
    assert_int_equal(recover(&target, RECOVER_MAX_F16 + 1, NULL, &found), -1);
    assert_non_null(strstr(found.why, "out of range"));
    for (int type = ELEMENT_E4M3; type < ELEMENTS; type++) {
        target.type = (enum element)type;
        assert_int_equal(recover(&target, 20, NULL, &found), -1);
        assert_non_null(strstr(found.why, element_word(target.type)));
        assert_non_null(strstr(found.why, "not supported"));
    }
}

static void calls_that_take_long(void **state) {
    (void)state;
    struct recover_target target = {.type = ELEMENT_F32, .sum = forward};
    struct recover_options options = {.seconds = 1e-9};
    struct recovery found;
    assert_int_equal(recover(&target, 4000, &options, &found), -1);
    assert_non_null(strstr(found.why, "in all calls"));
    assert_null(found.tree);
    assert_in_range(found.calls, 1, 10);
    options.seconds = 3600;
    assert_int_equal(recover(&target, 20, &options, &found), 0);
    expect_status(&found, RECOVER_FOUND);
    recovery_free(&found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_order),
        cmocka_unit_test(compensated),
        cmocka_unit_test(no_sum),
        cmocka_unit_test(calls_that_fail),
        cmocka_unit_test(calls_that_take_long),
    };
    return cmocka_run_group_tests_name("recover_none", tests, NULL, NULL);
}
