/*
 * allreduce_order_test.c: what measured bits say of orders: a wrong one is noticed, and each of the
 * plans' properties shows in them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/allreduce/allreduce_fixture.h"

/* A plan with one field changed predicts other bits than were measured, if the field decides bits
 * there, and the same if it does not. Which fields decide is asked of the orders. */
static void test_mutants(void **state) {
    (void)state;
    static const char *const plans[] = {
        "ring.r4.split8.ch2.chunk64.cut.seg64.t32",
        "ring.r3.ch1.whole.seg64.t32",
        "ring.bf16.r4.split16.ch2.chunk64.spread.seg64.t32",
        "tree.r8.split16.serial.ch2.chunk64.spread.seg64.t32",
        "tree.r4.split8.pairwise.ch1.chunk64.cut.seg64.t32",
        "doubling.r4.split8.pairwise.ch1.chunk64.seg64.t32",
        "doubling.bf16.r8.split16.serial.seg64.t32",
        "oneshot.r8.split16.serial.seg64.t32",
        "twoshot.r4.split8.pairwise.chunk64.cut.seg64.t32",
        "oneshot.r7.pairwise.t32",
    };
    const size_t n = 1500;
    unsigned noticed = 0;
    for (size_t p = 0; p < sizeof plans / sizeof *plans; p++) {
        struct allreduce_plan plan = plan_of(plans[p]), mutant;
        void *x = parts_of(&plan, n, p), *y = malloc(4 * n);
        struct job job = open_job(&plan, x, n, false);
        assert_int_equal(job_call(&job), 0);
        assert_int_equal(allreduce_job_output(&job, plan.ranks - 1, y), 0);
        for (size_t f = 0; f < ALLREDUCE_FIELDS; f++) {
            if (!plan_mutant(&allreduce_plans, &plan, f, &mutant) || mutant.type != plan.type ||
                allreduce_parts(&mutant) != allreduce_parts(&plan) ||
                !allreduce_run_to_run(&mutant))
                continue; /* of other data, or of no prediction */
            size_t others = 0;
            for (size_t i = 0; i < n; i++) {
                struct allreduce_order a, b;
                assert_int_equal(allreduce_order(&plan, n, i, NULL, &a, NULL), 0);
                assert_int_equal(allreduce_order(&mutant, n, i, NULL, &b, NULL), 0);
                others += !allreduce_order_equal(&a, &b);
            }
            void *predicted = model_of(&mutant, x, n);
            size_t changed = differing(&plan, y, predicted, n);
            if (f == ALLREDUCE_FIELD_segment || f == ALLREDUCE_FIELD_threads)
                assert_int_equal(others, 0);
            /* bf16 hides what f32 additions in one go round otherwise. */
            bool shows = plan.type == ALLREDUCE_F32 || f != ALLREDUCE_FIELD_merge;
            if (changed > others || (!changed && others >= 8 && shows))
                fail_msg("%s, field %zu: %zu elements of another order, %zu of other bits",
                         plans[p], f, others, changed);
            noticed |= changed ? 1u << f : 0;
            free(predicted);
        }
        job_close(&job);
        free(x);
        free(y);
    }
    assert_int_equal(noticed, ALLREDUCE_FIELD_BIT(algorithm) | ALLREDUCE_FIELD_BIT(ranks) |
                                  ALLREDUCE_FIELD_BIT(merge) | ALLREDUCE_FIELD_BIT(channels) |
                                  ALLREDUCE_FIELD_BIT(chunk) | ALLREDUCE_FIELD_BIT(tail));
}

/* The first `few` elements of each part of a message of n. */
static float *beginning(const float *x, int parts, size_t n, size_t few) {
    float *y = malloc((size_t)parts * few * sizeof *y);
    for (int l = 0; l < parts; l++)
        memcpy(y + (size_t)l * few, x + (size_t)l * n, few * sizeof *y);
    return y;
}

/* Three ranks, 4 KiB and 256 KiB: a library that takes another algorithm for longer messages
 * changes the first elements; a ring that divides the whole message does by itself; a ring of fixed
 * chunks does not. */
static void test_message_size(void **state) {
    (void)state;
    static const struct {
        const char *small, *large;
        bool same;
    } cases[] = {
        {"doubling.r3.t128", "ring.r3.t128.seg4096", false},
        {"ring.r3.t128", "ring.r3.t128.seg4096", false},
        {"ring.r3.t128.chunk256.cut", "ring.r3.t128.chunk256.cut", true},
        {"doubling.r3.t128", "doubling.r3.t128.seg4096", true},
    };
    const size_t few = 1024, many = 65536;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct allreduce_plan small = plan_of(cases[k].small), large = plan_of(cases[k].large);
        float *x = parts_of(&large, many, 5), *part = beginning(x, 3, many, few);
        float *y = malloc(many * sizeof *y), *z = malloc(few * sizeof *z);
        struct job a = open_job(&small, part, few, false), b = open_job(&large, x, many, false);
        assert_int_equal(job_call(&a), 0);
        assert_int_equal(job_call(&b), 0);
        assert_int_equal(allreduce_job_output(&a, 1, z), 0);
        assert_int_equal(allreduce_job_output(&b, 2, y), 0);
        size_t changed = differing(&small, z, y, few);
        assert_true(cases[k].same ? changed == 0 : changed > few / 20);
        assert_true(allreduce_size_invariant(&small) == (cases[k].same || k == 0));
        job_close(&a);
        job_close(&b);
        free(x);
        free(part);
        free(y);
        free(z);
    }
}

/* One sum over eight parts, by 1, 2, 4 and 8 ranks. */
static void test_aligned(void **state) {
    (void)state;
    static const struct {
        const char *plan;
        bool same;
    } cases[] = {
        {"doubling.split8.pairwise.t32", true}, {"oneshot.split8.pairwise.t32", true},
        {"twoshot.split8.pairwise.t32", true},  {"ring.split8.pairwise.t32", false},
        {"tree.split8.pairwise.t32", false},    {"oneshot.split8.serial.t32", false},
        {"doubling.split8.serial.t32", false},  {"doubling.bf16.split8.pairwise.t32", false},
    };
    const size_t n = 300;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        void *first = NULL;
        struct allreduce_plan plan = plan_of(cases[k].plan);
        void *x = parts_of(&plan, n, k), *y = malloc(4 * n);
        for (plan.ranks = 1; plan.ranks <= 8; plan.ranks *= 2) {
            struct job job = open_job(&plan, x, n, false);
            assert_int_equal(job_call(&job), 0);
            assert_int_equal(allreduce_job_output(&job, plan.ranks / 2, y), 0);
            if (!first) {
                first = malloc(4 * n);
                memcpy(first, y, n * allreduce_element_bytes(&plan));
            }
            bool same = differing(&plan, first, y, n) == 0;
            assert_true(same == allreduce_rank_invariant(&plan));
            if (plan.ranks == 4) /* two ranks add two numbers, whatever they do */
                assert_true(same == cases[k].same);
            job_close(&job);
        }
        free(x);
        free(y);
        free(first);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutants),
        cmocka_unit_test(test_message_size),
        cmocka_unit_test(test_aligned),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
