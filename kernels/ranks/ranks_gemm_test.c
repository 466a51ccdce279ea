/*
 * ranks_gemm_test.c: every implementation against a sum in double, and which one a limit allows. No
 * time is looked at.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/ranks/ranks_gemm.h"

static const unsigned shapes[][3] = {{1, 40, 96}, {12, 96, 260}, {32, 130, 64}, {33, 17, 129}};
#define SHAPES (sizeof shapes / sizeof *shapes)

static struct ranks_gemm *open_gemm(const unsigned shape[3]) {
    struct ranks_gemm *gemm;
    char why[RANKS_WHY] = "";
    if (ranks_gemm_open(&gemm, shape[0], shape[1], shape[2], 7, why) != 0)
        fail_msg("%s", why);
    return gemm;
}

static size_t ways_of(struct ranks_gemm *gemm, unsigned rows,
                      struct ranks_gemm_way ways[RANKS_GEMM_WAYS]) {
    char why[RANKS_WHY] = "";
    size_t count = ranks_gemm_ways(gemm, rows, ways, why);
    if (count == 0)
        fail_msg("%s", why);
    return count;
}

/* C is n × k products of at most 1/4 each, and a sum in any order has an error of at most
 * k · 2^-24 of the sum of their magnitudes, to first order; twice that is allowed. */
static void c_is_right(struct ranks_gemm *gemm, unsigned rows, unsigned n, unsigned k) {
    const float *a = ranks_gemm_a(gemm), *b = ranks_gemm_b(gemm), *c = ranks_gemm_c(gemm);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0, magnitude = 0;
            for (size_t l = 0; l < k; l++) {
                double product = (double)a[i * k + l] * b[j * k + l];
                sum += product;
                magnitude += fabs(product);
            }
            double error = fabs(c[i * n + j] - sum);
            if (!(error <= 2 * k * 0x1p-24 * magnitude))
                fail_msg("C[%zu][%zu] is %g and not %g", i, j, (double)c[i * n + j], sum);
        }
}

static void run_with(struct ranks_gemm *gemm, const unsigned shape[3], unsigned rows,
                     const struct ranks_gemm_way *way) {
    char why[RANKS_WHY] = "", variant[RANKS_VARIANT];
    if (ranks_gemm_prepare(gemm, rows, way->bytes, way->piece, variant, why) != 0)
        fail_msg("%s", why);
    assert_string_equal(variant, way->variant);
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < (size_t)rows * shape[1]; i++)
            ranks_gemm_c(gemm)[i] = NAN;
        assert_int_equal(ranks_gemm_run(gemm, why), 0);
        c_is_right(gemm, rows, shape[1], shape[2]);
    }
}

/* Those that a limit can choose: a later one that asks for as much is never legal first. */
static void every_way_is_right(void **state) {
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        struct ranks_gemm *gemm = open_gemm(shapes[s]);
        for (unsigned rows = 1; rows <= shapes[s][0]; rows += shapes[s][0] > 1 ? 11 : 1) {
            struct ranks_gemm_way ways[RANKS_GEMM_WAYS];
            size_t count = ways_of(gemm, rows, ways);
            for (size_t k = 0; k < count; k++) {
                bool first = true;
                for (size_t j = 0; j < k; j++)
                    first =
                        first && (ways[j].bytes > ways[k].bytes || ways[j].piece > ways[k].piece);
                if (first)
                    run_with(gemm, shapes[s], rows, &ways[k]);
            }
        }
        ranks_gemm_close(gemm);
    }
}

static size_t place_of(const struct ranks_gemm_way *ways, size_t count, const char *variant) {
    size_t k = 0;
    while (k < count && strcmp(ways[k].variant, variant) != 0)
        k++;
    assert_true(k < count);
    return k;
}

static size_t chosen(struct ranks_gemm *gemm, uint64_t bytes, uint64_t piece) {
    struct ranks_gemm_way ways[RANKS_GEMM_WAYS];
    char why[RANKS_WHY] = "", variant[RANKS_VARIANT];
    size_t count = ways_of(gemm, 33, ways);
    if (ranks_gemm_prepare(gemm, 33, bytes, piece, variant, why) != 0)
        fail_msg("%s", why);
    size_t place = place_of(ways, count, variant);
    assert_true(ways[place].bytes <= bytes);
    assert_true(ways[place].piece <= (piece == 0 ? bytes : piece));
    return place;
}

static void less_workspace_is_never_preferred(void **state) {
    struct ranks_gemm *gemm = open_gemm(shapes[3]);
    size_t last = chosen(gemm, UINT64_MAX, 0), last_piece = last;
    (void)state;
    assert_int_equal(last, 0);
    for (unsigned bits = 63; bits > 0; bits--) {
        size_t now = chosen(gemm, UINT64_C(1) << (bits - 1), 0);
        size_t now_piece = chosen(gemm, UINT64_MAX, UINT64_C(1) << (bits - 1));
        assert_true(now >= last);
        assert_true(now_piece >= last_piece);
        last = now, last_piece = now_piece;
    }
    assert_true(chosen(gemm, 0, 0) >= last);
    ranks_gemm_close(gemm);
}

/* At its need a way is legal, one byte below it is not, and in smaller pieces neither. */
static void a_byte_and_a_piece_decide(void **state) {
    struct ranks_gemm *gemm = open_gemm(shapes[3]);
    struct ranks_gemm_way ways[RANKS_GEMM_WAYS];
    (void)state;
    ways_of(gemm, 33, ways);
    if (ways[0].bytes == 0) {
        ranks_gemm_close(gemm);
        print_message("the preferred product, %s, needs no workspace here\n", ways[0].variant);
        skip();
    }
    assert_int_equal(chosen(gemm, ways[0].bytes, 0), 0);
    assert_true(chosen(gemm, ways[0].bytes - 1, 0) > 0);
    assert_int_equal(chosen(gemm, ways[0].bytes, ways[0].piece), 0);
    assert_true(chosen(gemm, 2 * ways[0].bytes, ways[0].piece - 1) > 0);
    ranks_gemm_close(gemm);
}

static void names_are_words_and_differ(void **state) {
    struct ranks_gemm *gemm = open_gemm(shapes[2]);
    struct ranks_gemm_way ways[RANKS_GEMM_WAYS];
    size_t count = ways_of(gemm, 32, ways);
    (void)state;
    for (size_t k = 0; k < count; k++) {
        assert_in_range(strlen(ways[k].variant), 1, RANKS_VARIANT - 1);
        assert_int_equal(place_of(ways, count, ways[k].variant), k);
        assert_true(ways[k].piece <= ways[k].bytes);
    }
    ranks_gemm_close(gemm);
}

static void what_cannot_be_is_said(void **state) {
    struct ranks_gemm *gemm = open_gemm(shapes[0]);
    char why[RANKS_WHY] = "", variant[RANKS_VARIANT];
    (void)state;
    assert_int_equal(ranks_gemm_run(gemm, why), -1);
    assert_non_null(strstr(why, "prepared"));
    assert_int_equal(ranks_gemm_prepare(gemm, 2, 0, 0, variant, why), -1);
    assert_non_null(strstr(why, "2 rows; there are 1 to 1"));
    assert_int_equal(ranks_gemm_prepare(gemm, 0, 0, 0, variant, why), -1);
    ranks_gemm_close(gemm);
}

/* --- in ranks ---------------------------------------------------------------------------------
 */

/* Rank 1 has all that it asks for, or nothing, or as much in pieces, or nothing in steps 3 to 5. */
static struct ranks_plan plan_of(const struct ranks_gemm_way *preferred) {
    struct ranks_plan plan = ranks_plan_default(RANKS_OPENMPI, 2);
    plan.compute = RANKS_GEMM;
    plan.gemm.rows = 4, plan.gemm.n = 96, plan.gemm.k = 260;
    plan.steps = 8;
    plan.arms = 4;
    plan.arm[0].culprit = 1;
    plan.arm[0].workspace[0] = plan.arm[0].workspace[1] = preferred->bytes;
    for (unsigned k = 1; k < plan.arms; k++)
        plan.arm[k] = plan.arm[0];
    plan.arm[1].workspace[0] = 0;
    plan.arm[2].piece[0] = 1;
    plan.arm[3].workspace[0] = 0;
    plan.arm[3].from = 3, plan.arm[3].to = 6;
    return plan;
}

static void run_ranks(const struct ranks_plan *plan, struct ranks_log *log) {
    char why[RANKS_WHY];
    if (ranks_engine_check(plan->engine, why) != 0) {
        print_message("not tested: %s\n", why);
        skip();
    }
    if (ranks_run(plan, NULL, log, NULL, why) != 0)
        fail_msg("%s", why);
}

static void ranks_compute_with_what_they_have(void **state) {
    static const unsigned shape[] = {4, 96, 260};
    struct ranks_gemm *gemm = open_gemm(shape);
    struct ranks_gemm_way ways[RANKS_GEMM_WAYS];
    size_t count = ways_of(gemm, 4, ways), last = 0;
    struct ranks_log log;
    (void)state;
    ranks_gemm_close(gemm);
    while (last + 1 < count && ways[last].bytes > 0)
        last++;
    struct ranks_plan plan = plan_of(&ways[0]);
    run_ranks(&plan, &log);
    for (size_t k = 0; k < log.steps; k++) {
        const struct ranks_step *step = &log.step[k];
        bool short_of_it = step->arm == 1 || step->arm == 2 ||
                           (step->arm == 3 && step->step >= 3 && step->step < 6);
        assert_string_equal(ranks_at(&log, k, 0)->variant, ways[0].variant);
        assert_string_equal(ranks_at(&log, k, 1)->variant, ways[short_of_it ? last : 0].variant);
        assert_true(ranks_at(&log, k, 1)->compute_us > 0);
    }
    ranks_log_close(&log);
}

/* The product has the batch's rows, and a batch is cut by a budget that no step keeps. */
static void a_batch_is_multiplied(void **state) {
    struct ranks_gemm_way all = {.bytes = UINT64_C(1) << 40};
    struct ranks_plan plan = plan_of(&all);
    struct ranks_log log;
    (void)state;
    plan.serves = true;
    plan.row_bytes = 96 * sizeof(float);
    plan.step_budget_us = 1;
    run_ranks(&plan, &log);
    for (size_t k = 0; k < log.steps; k++) {
        assert_int_equal(log.step[k].rows, 12);
        assert_int_equal(log.step[k].bytes, 12 * plan.row_bytes);
        assert_true(*ranks_at(&log, k, 0)->variant != '\0');
    }
    ranks_log_close(&log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_is_right),
        cmocka_unit_test(less_workspace_is_never_preferred),
        cmocka_unit_test(a_byte_and_a_piece_decide),
        cmocka_unit_test(names_are_words_and_differ),
        cmocka_unit_test(what_cannot_be_is_said),
        cmocka_unit_test(ranks_compute_with_what_they_have),
        cmocka_unit_test(a_batch_is_multiplied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
