/*
 * mma_fingerprint_test.c: plans with one order have the same bits, plans with two do not: planted
 * orders, the rules of matrix units with K cut in every way, and a library's batches.
 */
#include "kernels/mma/mma_fingerprint_fixture.h"
#include "kernels/mma/mma_onednn.h"
#include "kernels/mma/mma_planted.h"

/* --- planted orders and matrix units ---------------------------------------------------------- */

#define K 200

static const struct {
    const char *name, *card; /* card: by mma_rule; NULL: planted */
    enum planted_order interior, trailing_row, trailing_column;
    struct mma_slice slice[8];
    size_t slices;
    const char *family; /* of element (0, 0); NULL: not asked */
} plans[] = {
    {"in order", NULL, IN_ORDER, IN_ORDER, IN_ORDER, {{0}}, 0, "one sum; terms in order"},
    {"fma", "fma", 0, 0, 0, {{0, K, true}}, 1, "one sum; terms in order"},
    {"fma, one slice told as two",
     "fma",
     0,
     0,
     0,
     {{0, 64, true}, {64, K, false}},
     2,
     "one sum; terms in order"},
    {"halves",
     NULL,
     TWO_HALVES,
     TWO_HALVES,
     TWO_HALVES,
     {{0}},
     0,
     "2 slices of 100, added; terms in order"},
    {"fma, split 2",
     "fma",
     0,
     0,
     0,
     {{0, 100, true}, {100, K, true}},
     2,
     "2 slices of 100, added; terms in order"},
    {"fma, slices of 64",
     "fma",
     0,
     0,
     0,
     {{0, 64, true}, {64, 128, true}, {128, 192, true}, {192, K, true}},
     4,
     "4 slices of 64, in order, the remainder of 8 last; terms in order"},
    {"fma, slices of 64, remainder first",
     "fma",
     0,
     0,
     0,
     {{192, K, true}, {0, 64, true}, {64, 128, true}, {128, 192, true}},
     4,
     "4 slices of 64, in order, the remainder of 8 first; terms in order"},
    {"even and odd",
     NULL,
     EVEN_ODD,
     EVEN_ODD,
     EVEN_ODD,
     {{0}},
     0,
     "one sum; 2 lanes, added; terms in order"},
    {"trailing row", NULL, IN_ORDER, EVEN_ODD, IN_ORDER, {{0}}, 0, "one sum; terms in order"},
    {"trailing column", NULL, IN_ORDER, IN_ORDER, EVEN_ODD, {{0}}, 0, "one sum; terms in order"},
    {"both", NULL, IN_ORDER, EVEN_ODD, EVEN_ODD, {{0}}, 0, "one sum; terms in order"},
    {"A100", "A100", 0, 0, 0, {{0, K, true}}, 1, "one sum; nodes of 8 terms and the sum so far"},
    {"L40S: the same unit", "L40S", 0, 0, 0, {{0, K, true}}, 1, NULL},
    {"H100", "H100", 0, 0, 0, {{0, K, true}}, 1, "one sum; nodes of 16 terms and the sum so far"},
    {"A100, split 2",
     "A100",
     0,
     0,
     0,
     {{0, 104, true}, {104, K, true}},
     2,
     "2 slices of 104, added, the remainder of 96 last; nodes of 8 terms and the sum so far"},
    {"H100, split 4",
     "H100",
     0,
     0,
     0,
     {{0, 64, true}, {64, 128, true}, {128, 192, true}, {192, K, true}},
     4,
     "4 slices of 64, in order, the remainder of 8 last; nodes of 16 terms and the sum so far"},
};
#define PLANS (sizeof plans / sizeof *plans)

static void orders_and_bits(void **state) {
    (void)state;
    struct fingerprint_seen seen[PLANS];
    struct mma_problem problem = {
        .shape = {TILE + 2, TILE + 3, K}, .in = ELEMENT_BF16, .out = ELEMENT_F32};
    struct mma_operands o = planted_operands(&problem, 5);
    for (size_t k = 0; k < PLANS; k++) {
        struct planted p = {.interior = plans[k].interior,
                            .trailing_row = plans[k].trailing_row,
                            .trailing_column = plans[k].trailing_column,
                            .slices = plans[k].slices};
        struct job job;
        if (plans[k].card) {
            p.rule =
                mma_rule_find(plans[k].card, strcmp(plans[k].card, "fma") == 0 ? MMA_CPU : MMA_SYNC,
                              ELEMENT_BF16, ELEMENT_F32);
            assert_non_null(p.rule);
        }
        memcpy(p.slice, plans[k].slice, sizeof p.slice);
        planted_open(&job, &p, &o);
        struct mma_fingerprint print;
        fingerprint_look(&job, plans[k].name, &seen[k], &print);
        if (plans[k].family) {
            struct mma_family family;
            const struct mma_revealed *r = mma_fingerprint_revealed(&print, 0, 0);
            if (r->found.status != RECOVER_FOUND)
                fail_msg("%s: %s", plans[k].name, r->found.why);
            assert_int_equal(mma_family_of(r->found.tree, &family), 0);
            assert_string_equal(family.text, plans[k].family);
        }
        mma_fingerprint_close(&print);
        mma_job_close(&p.base);
    }
    size_t same = 0;
    for (size_t a = 0; a < PLANS; a++)
        for (size_t b = 0; b < a; b++)
            fingerprint_compare(&seen[a], &seen[b], &same);
    assert_int_equal(same, 5); /* three in order, two halves, two cards with the same unit */
    mma_operands_close(&o);
}

/* Other formats, and units with fewer bits: found, and every element predicted. */
static void matrix_units(void **state) {
    (void)state;
    static const struct {
        const char *card;
        enum element in, out;
        size_t k;
        const char *family;
    } units[] = {
        {"V100", ELEMENT_F16, ELEMENT_F32, 90, "one sum; nodes of 4 terms and the sum so far"},
        {"A100", ELEMENT_F16, ELEMENT_F32, 90, "one sum; nodes of 8 terms and the sum so far"},
        {"H100", ELEMENT_F16, ELEMENT_F32, 90, "one sum; nodes of 16 terms and the sum so far"},
        {"A100", ELEMENT_TF32, ELEMENT_F32, 90, "one sum; nodes of 4 terms and the sum so far"},
        {"H100", ELEMENT_TF32, ELEMENT_F32, 90, "one sum; nodes of 8 terms and the sum so far"},
        /* Outputs too short to count K terms. */
        {"A100", ELEMENT_BF16, ELEMENT_BF16, 333, "one sum; nodes of 8 terms and the sum so far"},
        {"H100", ELEMENT_BF16, ELEMENT_BF16, 200, "one sum; nodes of 16 terms and the sum so far"},
        {"H100", ELEMENT_F16, ELEMENT_F16, 300, "one sum; nodes of 16 terms and the sum so far"},
        {"fma", ELEMENT_BF16, ELEMENT_BF16, 280, "one sum; terms in order"},
        {"fma", ELEMENT_BF16, ELEMENT_F16, 90, "one sum; terms in order"},
    };
    for (size_t k = 0; k < sizeof units / sizeof *units; k++) {
        struct mma_problem problem = {
            .shape = {6, 7, units[k].k}, .in = units[k].in, .out = units[k].out};
        struct mma_operands o = planted_operands(&problem, 5);
        bool fma = strcmp(units[k].card, "fma") == 0;
        struct planted p = {.rule = mma_rule_find(units[k].card, fma ? MMA_CPU : MMA_SYNC,
                                                  units[k].in, ELEMENT_F32),
                            .slice = {{0, units[k].k, true}},
                            .slices = 1};
        struct mma_fingerprint print;
        struct mma_family family;
        struct job job;
        float c[6 * 7], value;
        assert_non_null(p.rule);
        planted_open(&job, &p, &o);
        assert_int_equal(mma_fingerprint_open(&print, &job, NULL), 0);
        struct mma_hash128 id;
        if (!print.complete)
            fail_msg("%s, %s to %s: %s: %s", units[k].card, element_word(units[k].in),
                     element_word(units[k].out), recover_status_name(print.tree[0].found.status),
                     print.tree[0].found.why);
        assert_int_equal(print.classes.count, 1);
        assert_int_equal(mma_revealed_id(&print.tree[0], &id), 0);
        assert_true(mma_hash128_equal(id, mma_fingerprint_tree(&print, 5, 6)));
        assert_int_equal(mma_family_of(print.tree[0].found.tree, &family), 0);
        assert_string_equal(family.text, units[k].family);
        if (!fma) {
            assert_int_equal(print.tree[0].found.arithmetic.fraction, p.rule->fraction);
            assert_true(print.tree[0].found.arithmetic.toward_zero);
        }
        assert_int_equal(job_call(&job), 0);
        assert_int_equal(mma_job_output(&job, c), 0);
        for (size_t i = 0; i < 6 * 7; i++) {
            assert_int_equal(mma_reveal_value(&print.tree[0], &o, i / 7, i % 7, &value), 0);
            assert_true(value == c[i]);
        }
        mma_fingerprint_close(&print);
        mma_job_close(&p.base);
        mma_operands_close(&o);
    }
}

/* --- the text --------------------------------------------------------------------------------- */

static json_t *record(const void *context) {
    (void)context;
    return json_pack("{s:s, s:i}", "kernel", "planted", "b", 1);
}

static void the_text(void **state) {
    (void)state;
    struct mma_operands o = planted_operands(&planted_small, 5);
    struct planted p = {
        .interior = IN_ORDER, .trailing_row = EVEN_ODD, .trailing_column = TWO_HALVES};
    struct job job;
    struct mma_fingerprint print;
    planted_open(&job, &p, &o);
    job.plan = record;
    assert_int_equal(mma_fingerprint_open(&print, &job, NULL), 0);
    static const char *const parts[] = {
        "product 11 x 21 x 100, bf16 to f32\n",
        "plan {\"b\":1,\"kernel\":\"planted\"}\n",
        "interior (0, 0): class 0, tree ",
        ": one sum; terms in order; each partial sum rounded to f32",
        "trailing row (10, 0): class 2, tree ",
        "trailing column (0, 20): class 1, tree ",
        ": 2 slices of 50, added; terms in order; ",
        "corner (10, 20): class 2, tree ",
        "classes 3, order "};
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
        if (!strstr(print.text, parts[k]))
            fail_msg("no \"%s\" in:\n%s", parts[k], print.text);
    assert_true(
        mma_hash128_equal(mma_fingerprint_tree(&print, 0, 0), mma_fingerprint_tree(&print, 7, 15)));
    assert_false(
        mma_hash128_equal(mma_fingerprint_tree(&print, 0, 0), mma_fingerprint_tree(&print, 8, 0)));
    mma_fingerprint_close(&print);

    /* An order that changes from call to call has no tree, and is told. */
    p.interior = p.trailing_row = p.trailing_column = WANDERS;
    assert_int_equal(mma_fingerprint_open(&print, &job, NULL), 0);
    assert_non_null(strstr(print.text, "not deterministic\n"));
    assert_false(print.complete);
    mma_fingerprint_close(&print);
    mma_job_close(&p.base);
    mma_operands_close(&o);
}

static void hashes_of_128_bits(void **state) {
    (void)state;
    char text[33];
    struct mma_hash128 h = {0x0123456789abcdefu, 0x10u};
    struct mma_revealed none = {.found = {.status = RECOVER_EXACT}};
    assert_int_equal(mma_revealed_id(&none, &h), -1);
    assert_string_equal(mma_hash128_text(h, text), "0123456789abcdef0000000000000010");
    assert_false(mma_hash128_equal(h, (struct mma_hash128){h.high, 0x11}));
}

/* --- oneDNN ------------------------------------------------------------------------------------
 */

/* The same rows in batches of several sizes: row 0 has the same bits exactly where it has the same
 * tree. */
static void onednn_over_batches(void **state) {
    (void)state;
    static const size_t batches[] = {1, 2, 3, 5, 16, 33};
    enum { BATCHES = sizeof batches / sizeof *batches, N = 40, LONG = 700 };
    static const struct {
        enum element in;
        const char *isa;
    } kinds[] = {{ELEMENT_F32, NULL},
                 {ELEMENT_BF16, NULL},
                 {ELEMENT_F32, "avx2"},
                 {ELEMENT_BF16, "avx512_core"}};
    for (size_t f = 0; f < sizeof kinds / sizeof *kinds; f++) {
        struct mma_hash128 tree[BATCHES][N];
        float row[BATCHES][N];
        size_t at = 0;
        for (; at < BATCHES; at++) {
            struct mma_problem problem = {
                .shape = {batches[at], N, LONG}, .in = kinds[f].in, .out = ELEMENT_F32};
            struct mma_operands o = planted_operands(&problem, 9);
            struct mma_onednn_options options = {.isa = kinds[f].isa};
            struct mma_fingerprint print;
            struct job job;
            if (mma_onednn_job_open(&job, planted_cpu, &o, &options) != 0) {
                print_message("skipped: %s\n", device_error());
                mma_operands_close(&o);
                break;
            }
            float *c = malloc(batches[at] * N * sizeof *c);
            assert_non_null(c);
            assert_int_equal(mma_fingerprint_open(&print, &job, NULL), 0);
            assert_int_equal(job_call(&job), 0);
            assert_int_equal(mma_job_output(&job, c), 0);
            memcpy(row[at], c, sizeof row[at]);
            for (size_t n = 0; n < N; n++) {
                tree[at][n] = mma_fingerprint_tree(&print, 0, n);
                if (mma_fingerprint_revealed(&print, 0, n)->found.status != RECOVER_FOUND)
                    fail_msg("%s", print.text);
            }
            free(c);
            mma_fingerprint_close(&print);
            job_close(&job);
            mma_operands_close(&o);
        }
        for (size_t a = 0; a < at; a++)
            for (size_t b = 0; b < a; b++)
                assert_int_equal(memcmp(tree[a], tree[b], sizeof tree[a]) == 0,
                                 memcmp(row[a], row[b], sizeof row[a]) == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_and_bits),
        cmocka_unit_test(matrix_units),
        cmocka_unit_test(the_text),
        cmocka_unit_test(hashes_of_128_bits),
        cmocka_unit_test(onednn_over_batches),
    };
    return cmocka_run_group_tests_name("mma_fingerprint", tests, planted_open_cpu,
                                       planted_close_cpu);
}
