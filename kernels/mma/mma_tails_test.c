/*
 * mma_tails_test.c: a product that loses tails now and then is found, and where; libraries are
 * counted as they are.
 */
#include "kernels/mma/mma_tails.h"

#include "kernels/mma/mma_cpu.h"
#include "kernels/mma/mma_onednn.h"
#include "kernels/mma/mma_planted.h"

/* --- a product that loses what a split leaves over ---------------------------------------------
 */

enum fault { NONE, LOSES_TAIL, LAST_COLUMN_TWICE, SKIPS_LAST_ROW };

struct losing {
    struct mma_job base;
    enum fault fault;
};

/* A split of 2 in steps of 64, whose tail of one step's part is forgotten if nobody is left to take
 * it: the rule that was published of a GPU's library. */
static bool loses(size_t k) {
    return k % 64 == 1 && k / 64 % 2 == 0 && k > 64;
}

static int losing_call(void *context) {
    struct losing *l = context;
    struct mma_shape s = l->base.operands->problem.shape;
    float *c = l->base.c;
    for (size_t m = 0; m < s.m; m++)
        for (size_t n = 0; n < s.n; n++) {
            size_t to = l->fault == LOSES_TAIL && loses(s.k) ? s.k / 64 * 64 : s.k;
            float sum = 0;
            if (l->fault == SKIPS_LAST_ROW && m + 1 == s.m && s.m % 8 == 1)
                continue;
            for (size_t k = 0; k < to; k++)
                sum += mma_a(l->base.operands, m, k) * mma_b(l->base.operands, n, k);
            if (l->fault == LAST_COLUMN_TWICE && n + 1 == s.n && s.n % 16 == 3)
                sum += sum;
            c[m * s.n + n] = sum;
        }
    return 0;
}

static void losing_close(void *context) {
    struct losing *l = context;
    mma_job_close(&l->base);
    free(l);
}

static int open_losing(struct job *job, struct device *device, const struct mma_operands *operands,
                       void *context) {
    struct losing *l = calloc(1, sizeof *l);
    assert_non_null(l);
    l->fault = *(const enum fault *)context;
    if (operands->problem.shape.m == 7) {
        free(l);
        return device_fail("no rows by seven");
    }
    l->base.call = losing_call;
    *job = (struct job){.call = losing_call, .close = losing_close};
    assert_int_equal(mma_job_open(job, &l->base, device, operands), 0);
    return 0;
}

static bool is_hit(enum fault fault, struct mma_shape s) {
    return s.m != 7 && (fault == LOSES_TAIL          ? loses(s.k)
                        : fault == LAST_COLUMN_TWICE ? s.n % 16 == 3
                        : fault == SKIPS_LAST_ROW    ? s.m % 8 == 1
                                                     : false);
}

static void lost_tails_are_found(void **state) {
    (void)state;
    for (enum fault fault = NONE; fault <= SKIPS_LAST_ROW; fault++) {
        struct mma_opener opener = {"planted", open_losing, &fault};
        struct mma_tails_options options = {.in = ELEMENT_BF16,
                                            .out = ELEMENT_F32,
                                            .shapes = 2000,
                                            .most = {12, 20, 300},
                                            .seed = 3};
        struct mma_tails tails;
        size_t hit = 0, declined = 0, first = options.shapes;
        for (size_t i = 0; i < options.shapes; i++) {
            struct mma_shape s = mma_tails_shape(&options, i);
            declined += s.m == 7;
            hit += is_hit(fault, s);
            if (is_hit(fault, s) && first == options.shapes)
                first = i;
        }
        assert_int_equal(mma_tails_count(&tails, &opener, planted_cpu, &options), 0);
        assert_int_equal(tails.declined, declined);
        assert_string_equal(tails.why, "no rows by seven");
        assert_int_equal(tails.shapes, options.shapes - declined);
        assert_int_equal(tails.wrong_shapes, hit);
        assert_int_equal(tails.wrong_elements >= hit, 1);
        if (fault == NONE) {
            assert_int_equal(tails.wrong_elements, 0);
            continue;
        }
        assert_true(hit > 5);
        struct mma_shape s = mma_tails_shape(&options, first);
        const struct mma_tail *tail = &tails.first[0];
        assert_memory_equal(&tail->shape, &s, sizeof s);
        if (fault == LOSES_TAIL) {
            assert_true(tail->value == (float)s.k - 1 && tail->m == 0 && tail->n == 0);
            assert_int_equal(tail->wrong, s.m * s.n);
        } else if (fault == LAST_COLUMN_TWICE) {
            assert_true(tail->value == 2 * (float)s.k && tail->n == s.n - 1);
            assert_int_equal(tail->wrong, s.m);
        } else {
            assert_true(isnan(tail->value) && tail->m == s.m - 1);
            assert_int_equal(tail->wrong, s.n);
        }
    }
}

/* No dimension is ever made rounder, and none is left out. */
static void shapes_are_drawn(void **state) {
    (void)state;
    struct mma_tails_options options = {.most = {9, 10, 130}};
    size_t odd = 0, seen[131] = {0}, different = 0;
    for (size_t i = 0; i < 10000; i++) {
        struct mma_shape s = mma_tails_shape(&options, i);
        assert_true(s.m >= 1 && s.m <= 9 && s.n >= 1 && s.n <= 10 && s.k >= 1 && s.k <= 130);
        odd += s.k % 2;
        seen[s.k]++;
    }
    for (size_t k = 1; k <= 130; k++)
        different += seen[k] > 0;
    assert_int_equal(different, 130);
    assert_true(odd > 4500 && odd < 5500);
}

static void what_cannot_be_counted(void **state) {
    (void)state;
    enum fault fault = NONE;
    struct mma_opener opener = {"planted", open_losing, &fault};
    struct mma_tails_options options = {
        .in = ELEMENT_BF16, .out = ELEMENT_BF16, .shapes = 5, .most = {5, 5, 257}};
    struct mma_tails tails;
    assert_int_equal(mma_tails_count(&tails, &opener, planted_cpu, &options), -1);
    assert_non_null(strstr(device_error(), "cannot count"));
}

/* --- real ones ---------------------------------------------------------------------------------
 */

static int open_onednn(struct job *job, struct device *device, const struct mma_operands *operands,
                       void *context) {
    return mma_onednn_job_open(job, device, operands, context);
}

static int open_ours(struct job *job, struct device *device, const struct mma_operands *operands,
                     void *context) {
    return mma_cpu_job_open(job, device, operands, context);
}

static void none_in_real_products(void **state) {
    (void)state;
    struct mma_onednn_options library = {.threads = 1};
    struct mma_cpu_plan ours = mma_cpu_plan_default(mma_cpu_isa_best(ELEMENT_BF16), 1);
    ours.split = 4;
    struct mma_opener openers[] = {{"oneDNN", open_onednn, &library},
                                   {"ours, split 4", open_ours, &ours}};
    for (size_t k = 0; k < 2; k++) {
        struct mma_tails_options options = {.in = ELEMENT_BF16,
                                            .out = ELEMENT_F32,
                                            .shapes = 300,
                                            .most = {40, 70, 600},
                                            .seed = k};
        struct mma_tails tails;
        assert_int_equal(mma_tails_count(&tails, &openers[k], planted_cpu, &options), 0);
        if (tails.declined)
            print_message("%s: %zu declined: %s\n", openers[k].name, tails.declined, tails.why);
        assert_int_equal(tails.shapes + tails.declined, options.shapes);
        assert_int_equal(tails.wrong_shapes, 0);
        assert_int_equal(tails.wrong_elements, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_tails_are_found),
        cmocka_unit_test(shapes_are_drawn),
        cmocka_unit_test(what_cannot_be_counted),
        cmocka_unit_test(none_in_real_products),
    };
    return cmocka_run_group_tests_name("mma_tails", tests, planted_open_cpu, planted_close_cpu);
}
