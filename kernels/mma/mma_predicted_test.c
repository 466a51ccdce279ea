/*
 * mma_predicted_test.c: counts of predicted bits, over products of this CPU: right ones, ones that
 * are wrong at one element, ones without a model, ones that are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/mma/mma_cpu.h"
#include "kernels/mma/mma_predicted.h"

static struct device *cpu;
static int (*right)(void *context, size_t m, size_t n, float *value);

/* Off by one unit in the last place at C's last element, where K is a multiple of 8. */
static int planted(void *context, size_t m, size_t n, float *value) {
    const struct mma_shape *s = &((struct mma_job *)context)->operands->problem.shape;
    int status = right(context, m, n, value);
    if (s->k % 8 == 0 && m == s->m - 1 && n == s->n - 1) {
        uint32_t bits;
        memcpy(&bits, value, sizeof bits);
        bits ^= 1;
        memcpy(value, &bits, sizeof bits);
    }
    return status;
}

enum { RIGHT, WRONG, WITHOUT, REFUSED };

static int open_job(struct job *job, struct device *device, const struct mma_operands *operands,
                    void *context) {
    struct mma_cpu_plan plan;
    char why[PLAN_WHY];
    int kind = *(int *)context;
    if (kind == REFUSED && operands->problem.shape.m % 2)
        return device_fail("odd");
    if (mma_cpu_plan_parse("scalar", &plan, why) != 0)
        return device_fail("%s", why);
    if (mma_cpu_job_open(job, device, operands, &plan) != 0)
        return -1;
    struct mma_job *base = job->context;
    if (kind == WRONG)
        right = base->element, base->element = planted;
    if (kind == WITHOUT && operands->problem.shape.n % 8)
        base->element = NULL;
    return 0;
}

static void by_m(const struct job *job, char *word) {
    const struct mma_job *base = job->context;
    strcpy(word, base->operands->problem.shape.m == 1 ? "vector" : "matrix");
}

static const char *because(const struct job *job) {
    (void)job;
    return "nobody knows";
}

static struct mma_predicted counted(int kind, size_t elements) {
    const struct mma_predicted_options options = {.in = ELEMENT_F32,
                                                  .out = ELEMENT_F32,
                                                  .shapes = 60,
                                                  .most = {9, 30, 200},
                                                  .elements = elements,
                                                  .seed = 5,
                                                  .label = by_m,
                                                  .declines = because};
    const struct mma_opener opener = {"cpu", open_job, &kind};
    struct mma_predicted p;
    if (mma_predicted_count(&p, &opener, cpu, &options) != 0)
        fail_msg("%s", device_error());
    return p;
}

static void test_right(void **state) {
    (void)state;
    struct mma_predicted p = counted(RIGHT, 0), all = counted(RIGHT, 1000);
    assert_true(p.shapes == 60 && p.wrong == 0 && p.declined == 0 && p.refused == 0);
    assert_true(p.elements > 60 && p.elements < all.elements && all.wrong == 0);
    assert_int_equal(p.labels, 2);
    assert_true(p.label[0].shapes > 0 && p.label[0].shapes + p.label[1].shapes == 60);
}

static void test_wrong_at_one_element(void **state) {
    (void)state;
    struct mma_predicted p = counted(WRONG, 1);
    /* At least those that are rounded to 8. */
    assert_true(p.shapes == 60 && p.wrong >= 30 && p.wrong < 45);
    assert_int_equal(p.wrong_elements, p.wrong);
    assert_int_equal(p.label[0].wrong + p.label[1].wrong, p.wrong);
    assert_int_equal(p.first[0].shape.k % 8, 0);
    assert_int_equal(p.first[0].m, p.first[0].shape.m - 1);
    assert_true(p.first[0].predicted != p.first[0].measured);
    p = counted(WRONG, 1000);
    assert_int_equal(p.wrong_elements, p.wrong);
}

static void test_declined_and_refused(void **state) {
    (void)state;
    struct mma_predicted p = counted(WITHOUT, 4);
    assert_true(p.declined > 10 && p.shapes >= 30);
    assert_int_equal(p.declined + p.shapes, 60);
    assert_string_equal(p.label[p.label[0].declined ? 0 : 1].why, "nobody knows");
    p = counted(REFUSED, 4);
    assert_true(p.refused > 10 && p.shapes > 10);
    assert_int_equal(p.refused + p.shapes, 60);
    assert_string_equal(p.why, "odd");
}

static void test_shapes(void **state) {
    (void)state;
    const struct mma_predicted_options options = {.most = {256, 2048, 8192}, .seed = 1};
    size_t vectors = 0, odd = 0, deep = 0;
    for (size_t i = 0; i < 4000; i++) {
        struct mma_shape s = mma_predicted_shape(&options, i);
        assert_in_range(s.m, 1, 256);
        assert_in_range(s.n, 1, 2048);
        assert_in_range(s.k, 1, 8192);
        if (i % 2 == 0)
            assert_true(s.n % 8 == 0 && s.k % 8 == 0);
        vectors += s.m == 1;
        odd += s.k % 2;
        deep += s.k > 4096;
    }
    assert_true(vectors > 200 && odd > 700 && deep > 150);
}

static int begin(void **state) {
    (void)state;
    return device_open(&cpu, DEVICE_CPU, 0);
}
static int end(void **state) {
    (void)state;
    device_close(cpu);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),
        cmocka_unit_test(test_wrong_at_one_element),
        cmocka_unit_test(test_declined_and_refused),
        cmocka_unit_test(test_shapes),
    };
    return cmocka_run_group_tests_name("mma_predicted", tests, begin, end);
}
