/*
 * mma_slices_error_test.c: the integer GEMM is near enough to the exact sums, by its own bound and
 * beside cblas_sgemm; numbers of any size, and what is no number.
 */
#include "kernels/mma/mma_openblas.h"
#include "kernels/mma/mma_slices_fixture.h"

/* --- how near ---------------------------------------------------------------------------------
 */

static float *output_of_sgemm(const struct mma_operands *o) {
    const struct mma_shape *s = &o->problem.shape;
    float *c = calloc(s->m * s->n + 1, sizeof *c);
    struct job job;
    assert_non_null(c);
    if (mma_openblas_job_open(&job, cpu, o, 1) != 0 || job_call(&job) != 0 ||
        mma_job_output(&job, c) != 0)
        fail_msg("%s", device_error());
    job_close(&job);
    return c;
}

/* Both against sums in double, on the same operands; ours is the same everywhere, and so has a
 * figure: `most`. */
static void compare(size_t k, enum mma_fill fill, int slices, int kept, double most,
                    bool beats_sgemm) {
    struct mma_problem p = problem_of(24, 40, k);
    struct mma_operands o;
    open_operands(&o, &p, fill, k);
    struct mma_slices_plan plan = plan_of(slices, kept);
    float *c = output_of(&o, &plan), *d = output_of_sgemm(&o);
    double ours = mma_error(&o, c, 0, 0), theirs = mma_error(&o, d, 0, 0);
    print_message("%2d products, %s, K = %zu: off by %.2e, cblas_sgemm by %.2e\n",
                  mma_slices_products(&plan), mma_fill_name(fill), k, ours, theirs);
    assert_true(ours <= most);
    assert_true(!beats_sgemm || ours <= theirs);
    free(c);
    free(d);
    mma_operands_close(&o);
}

static void test_error_is_at_most_sgemms(void **state) {
    (void)state;
    static const size_t lengths[] = {33, 256, 1000, 4096};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        compare(lengths[i], MMA_FILL_NORMAL, 4, 0, 3e-8, true);
    compare(1000, MMA_FILL_LOG_UNIFORM, 4, 0, 3e-8, true);
    /* Three slices: how sgemm does depends on its kernels. */
    compare(33, MMA_FILL_NORMAL, 3, 1, 2e-7, false);
    compare(4096, MMA_FILL_NORMAL, 3, 1, 3.2e-7, false);
    compare(4096, MMA_FILL_NORMAL, 3, 0, 1.1e-6, false);
    compare(4096, MMA_FILL_LOG_UNIFORM, 3, 1, 4e-7, false);
    compare(4096, MMA_FILL_LOG_UNIFORM, 3, 0, 1.6e-6, false);
}

/* |C - exact| <= K a b bound, and half of C's last place. */
static void check_bound(const struct mma_operands *o, const char *what) {
    const struct mma_shape s = o->problem.shape;
    EACH_KIND(kind) {
        struct mma_slices_plan plan = plan_of(kinds[kind].slices, kinds[kind].kept);
        double bound = mma_slices_bound(plan.slices, plan.slices + plan.kept), worst = 0;
        float *c = output_of(o, &plan);
        for (size_t m = 0; m < s.m; m++)
            for (size_t n = 0; n < s.n; n++) {
                double a = 0, b = 0;
                long double exact = 0;
                for (size_t k = 0; k < s.k; k++) {
                    double x = (double)mma_a(o, m, k), y = (double)mma_b(o, n, k);
                    a = fabs(x) > a ? fabs(x) : a;
                    b = fabs(y) > b ? fabs(y) : b;
                    exact += (long double)x * (long double)y;
                }
                double got = (double)c[m * s.n + n];
                double off = (double)fabsl((long double)got - exact);
                double allowed = (double)s.k * a * b * bound + fabs(got) * 0x1p-24 + 0x1p-150;
                if (!(off <= allowed))
                    fail_msg("%s, %d products: C[%zu][%zu] is off by %g, %g is allowed", what,
                             kinds[kind].products, m, n, off, allowed);
                worst = allowed > 0 && off / allowed > worst ? off / allowed : worst;
            }
        print_message("%s, %d products: at most %.2g of the bound\n", what, kinds[kind].products,
                      worst);
        free(c);
    }
}

static void test_hostile_ranges(void **state) {
    (void)state;
    struct mma_problem p = problem_of(13, 19, 200);
    struct mma_operands o;
    open_operands(&o, &p, MMA_FILL_NORMAL, 1);
    make_hostile(&o);
    EACH_KIND(kind)
    check_all_isas(&o, kinds[kind].slices, kinds[kind].kept, "hostile");
    /* Zeros times anything are +0. */
    struct mma_slices_plan plan = plan_of(4, 0);
    float *c = output_of(&o, &plan);
    for (size_t n = 0; n < 19; n++)
        assert_true(c[3 * 19 + n] == 0 && !signbit(c[3 * 19 + n]));
    /* Sums beyond float's largest number are infinite, and only those; no NaN comes of it. */
    bool infinite = false;
    for (size_t i = 0; i < 13 * 19; i++) {
        assert_false(isnan(c[i]));
        infinite |= isinf(c[i]);
    }
    assert_true(infinite);
    free(c);
    mma_operands_close(&o);
}

/* A row's numbers times 2^exponent, the first one the largest; or that twice, the second time with
 * `sign`. */
static void make_row(float *x, int exponent, bool twice, float sign) {
    for (size_t k = 0; k < 6; k++)
        x[k] = twice && k >= 3 ? sign * x[k - 3] : ldexpf(k == 0 ? 7 : x[k], exponent);
}

/* Products of every size there is, from below the smallest number to beyond the largest, in whole
 * rows of one size, so that no other element's size decides how they are rounded. A quarter of the
 * sums is zero. */
static void test_products_of_every_size(void **state) {
    (void)state;
    struct mma_problem p = problem_of(180, 32, 6);
    struct mma_operands o;
    open_operands(&o, &p, MMA_FILL_NORMAL, 2);
    for (size_t m = 0; m < 180; m++)
        make_row(row_of(&o, true, m), (int)m - 80, m % 2 == 0, -1);
    for (size_t n = 0; n < 32; n++)
        make_row(row_of(&o, false, n), n < 16 ? -70 : 70, n % 2, 1);
    check_all_isas(&o, 3, 0, "every size");
    check_all_isas(&o, 4, 1, "every size");
    mma_operands_close(&o);
}

static void test_bound_holds(void **state) {
    (void)state;
    struct mma_problem p = problem_of(12, 17, 260);
    for (int fill = 0; fill < MMA_FILLS; fill++) {
        struct mma_operands o;
        open_operands(&o, &p, (enum mma_fill)fill, 5);
        check_bound(&o, mma_fill_name((enum mma_fill)fill));
        mma_operands_close(&o);
    }
    /* One element of a row 2^30 times all others: those are lost, and the bound says so. */
    struct mma_operands o;
    open_operands(&o, &p, MMA_FILL_NORMAL, 6);
    for (size_t m = 0; m < 12; m++)
        row_of(&o, true, m)[m] = 0x1p30f;
    for (size_t n = 0; n < 17; n++)
        row_of(&o, false, n)[200] = 0x1p25f;
    check_bound(&o, "one large element");
    /* The smallest float that has another q than its neighbour, and digits all -128 but the first:
     * what rounding and leaving out do at worst. */
    for (size_t m = 0; m < 12; m++)
        for (size_t k = 0; k < 260; k++)
            row_of(&o, true, m)[k] = k == 0 ? (m % 2 ? 0x1.fefefep0f : 0x1.fefep0f) : 0x0.008080p0f;
    for (size_t n = 0; n < 17; n++)
        for (size_t k = 0; k < 260; k++)
            row_of(&o, false, n)[k] = k == 0 ? 0x1.ffp0f : (n % 2 ? 0x0.018080p0f : 0x1.008080p0f);
    check_bound(&o, "awkward digits");
    check_all_isas(&o, 3, 0, "awkward digits");
    check_all_isas(&o, 4, 1, "awkward digits");
    mma_operands_close(&o);
}

/* --- not finite -------------------------------------------------------------------------------
 */

static void test_nan_and_infinity(void **state) {
    (void)state;
    struct mma_problem p = problem_of(9, 21, 150);
    struct mma_operands o;
    open_operands(&o, &p, MMA_FILL_NORMAL, 8);
    struct mma_slices_plan plan = plan_of(3, 1);
    float *clean = output_of(&o, &plan);
    row_of(&o, true, 2)[149] = NAN;
    row_of(&o, true, 4)[0] = INFINITY;
    row_of(&o, false, 3)[77] = -INFINITY;
    row_of(&o, false, 5)[0] = 0; /* times infinity */
    row_of(&o, true, 4)[77] = 1;
    row_of(&o, false, 20)[10] = NAN;
    row_of(&o, false, 7)[0] = 3;
    row_of(&o, false, 8)[0] = -3;
    float *c = output_of(&o, &plan);
    for (size_t m = 0; m < 9; m++)
        for (size_t n = 0; n < 21; n++)
            if (m == 2 || n == 20)
                assert_true(isnan(c[m * 21 + n]));
            else if (m != 4 && n != 3 && n != 5 && n != 7 && n != 8)
                assert_memory_equal(&c[m * 21 + n], &clean[m * 21 + n], sizeof *c);
    assert_true(isnan(c[4 * 21 + 5]));
    assert_true(c[4 * 21 + 7] > 0 && isinf(c[4 * 21 + 7]));
    assert_true(c[4 * 21 + 8] < 0 && isinf(c[4 * 21 + 8]));
    assert_true(isinf(c[3]));
    EACH_KIND(kind)
    check_all_isas(&o, kinds[kind].slices, kinds[kind].kept, "not finite");
    free(c);
    free(clean);
    mma_operands_close(&o);
}

/* --- long sums --------------------------------------------------------------------------------
 */

/* Digits -126, -128, -128 (and -128) throughout: no sums are larger. */
static void test_long_sums_do_not_overflow(void **state) {
    (void)state;
    struct mma_problem p = problem_of(2, 3, 50000);
    struct mma_operands o;
    open_operands(&o, &p, MMA_FILL_ONES, 0);
    for (int of = 0; of < 2; of++)
        for (size_t row = 0; row < (of ? 3 : 2); row++)
            for (size_t k = 0; k < 50000; k++)
                row_of(&o, of == 0, row)[k] = row == 1 ? -0x1.fa0202p0f : 0x1.fa0202p0f;
    EACH_KIND(kind)
    check_all_isas(&o, kinds[kind].slices, kinds[kind].kept, "long sums");
    check_bound(&o, "long sums");
    mma_operands_close(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_is_at_most_sgemms),
        cmocka_unit_test(test_hostile_ranges),
        cmocka_unit_test(test_products_of_every_size),
        cmocka_unit_test(test_bound_holds),
        cmocka_unit_test(test_nan_and_infinity),
        cmocka_unit_test(test_long_sums_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, open_cpu, close_cpu);
}
