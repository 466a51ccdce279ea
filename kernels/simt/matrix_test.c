/*
 * matrix_test.c: matrix instructions on the SIMT machine: the bits of the card that is simulated,
 * the layouts of fragments, and what is said of kernels that use them wrongly.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/device/device.h"
#include "kernels/mma/mma_rule.h"
#include "kernels/rng/philox.h"
#include "kernels/simt/matrix_planted.h"
#include "kernels/simt/simt.h"

static const struct matrix_ops *const builds[] = {&matrix_ops_simt, &matrix_ops_checked};
static const char *const archs[] = {"sm_70", "sm_75", "sm_80",  "sm_86",
                                    "sm_89", "sm_90", "sm_100", "sm_120"};
enum { ARCHS = sizeof archs / sizeof *archs, MOST = 64 };

/* A tile in device memory. */
struct problem {
    struct matrix_tile tile;
    void *a, *b, *c;
    float x[32][MOST], y[32][MOST], z[32][32]; /* its contents */
};

static void open_problem(struct problem *p, enum element in, enum element out, unsigned rows,
                         unsigned columns, unsigned k, bool crossed) {
    memset(p, 0, sizeof *p);
    p->a = simt_malloc(32 * MOST * sizeof(float));
    p->b = simt_malloc(32 * MOST * sizeof(float));
    p->c = simt_malloc(32 * 32 * sizeof(float));
    p->tile = (struct matrix_tile){in, out, rows, columns, k, crossed, p->a, p->b, p->c, NULL};
    p->tile.d = simt_malloc(32 * 32 * sizeof(float));
}
static void close_problem(struct problem *p) {
    simt_free(p->a);
    simt_free(p->b);
    simt_free(p->c);
    simt_free(p->tile.d);
}

static float put(enum element element, void *array, size_t i, double value) {
    element_set(element, array, i, value);
    return (float)element_get(element, array, i);
}

/* Values of magnitudes between which bits are lost. */
static void fill(struct problem *p, uint64_t seed) {
    const struct matrix_tile *t = &p->tile;
    uint64_t at = 0;
    for (unsigned k = 0; k < t->k; k++) {
        for (unsigned m = 0; m < t->rows; m++)
            p->x[m][k] = put(t->in, p->a, t->crossed ? k * t->rows + m : m * t->k + k,
                             philox_log_uniform(seed, 1, at++, -5, 3));
        for (unsigned n = 0; n < t->columns; n++)
            p->y[n][k] = put(t->in, p->b, t->crossed ? k * t->columns + n : n * t->k + k,
                             philox_log_uniform(seed, 1, at++, -5, 3));
    }
    for (unsigned m = 0; m < t->rows; m++)
        for (unsigned n = 0; n < t->columns; n++)
            p->z[m][n] = put(t->out, p->c, t->crossed ? n * t->rows + m : m * t->columns + n,
                             philox_normal(seed, 2, m * 32 + n));
}

static float result_at(const struct problem *p, unsigned m, unsigned n) {
    const struct matrix_tile *t = &p->tile;
    return (float)element_get(t->out, t->d, t->crossed ? n * t->rows + m : m * t->columns + n);
}

/* All of D against the rule of a card, products of one instruction at most `k`. */
static void expect_rule(const struct problem *p, const char *arch, int k) {
    const struct matrix_tile *t = &p->tile;
    const struct mma_rule *found = mma_rule_find(arch, MMA_SYNC, t->in, t->out);
    assert_non_null(found);
    struct mma_rule rule = *found;
    rule.k = rule.k < k ? rule.k : k;
    for (unsigned m = 0; m < t->rows; m++)
        for (unsigned n = 0; n < t->columns; n++) {
            float want = mma_dot(&rule, p->x[m], p->y[n], t->k, p->z[m][n]);
            float got = result_at(p, m, n);
            if (memcmp(&got, &want, sizeof got) != 0)
                fail_msg("%s: %s to %s, row %u, column %u: %a, expected %a", arch,
                         element_word(t->in), element_word(t->out), m, n, (double)got,
                         (double)want);
        }
}

/* --- bits ----------------------------------------------------------------------------------------
 */

static const struct {
    enum element in, out;
    unsigned k;
    int least; /* the first architecture */
} instructions[] = {
    {ELEMENT_F16, ELEMENT_F32, 8, 75},   {ELEMENT_F16, ELEMENT_F32, 16, 80},
    {ELEMENT_F16, ELEMENT_F16, 8, 75},   {ELEMENT_F16, ELEMENT_F16, 16, 80},
    {ELEMENT_BF16, ELEMENT_F32, 8, 80},  {ELEMENT_BF16, ELEMENT_F32, 16, 80},
    {ELEMENT_TF32, ELEMENT_F32, 4, 80},  {ELEMENT_TF32, ELEMENT_F32, 8, 80},
    {ELEMENT_E4M3, ELEMENT_F32, 32, 89}, {ELEMENT_E5M2, ELEMENT_F32, 32, 89},
    {ELEMENT_E4M3, ELEMENT_F16, 32, 89}, {ELEMENT_E5M2, ELEMENT_F16, 32, 89},
};
#define INSTRUCTIONS (sizeof instructions / sizeof *instructions)

static void mma_has_the_bits_of_its_card(void **state) {
    (void)state;
    static struct problem p;
    simt_configure(NULL);
    for (size_t i = 0; i < INSTRUCTIONS; i++)
        for (int a = 0; a < ARCHS; a++)
            for (int b = 0; b < 2; b++) {
                open_problem(&p, instructions[i].in, instructions[i].out, 16, 8, instructions[i].k,
                             false);
                fill(&p, 10 * i + (uint64_t)a);
                assert_int_equal(simt_set_arch(archs[a]), 0);
                bool there = simt_arch_number() >= instructions[i].least;
                assert_int_equal(builds[b]->refused(&p.tile), there ? 0 : -1);
                if (there) {
                    if (builds[b]->mma(&p.tile) != 0)
                        fail_msg("%s: %s", archs[a], device_error());
                    expect_rule(&p, archs[a], (int)instructions[i].k);
                } else {
                    assert_non_null(strstr(device_error(), mma_rule_card(archs[a])));
                    assert_int_equal(builds[b]->mma(&p.tile), -1);
                    assert_int_equal(simt_report(0)->kind, SIMT_LACKING);
                    assert_non_null(strstr(device_error(), archs[a]));
                    assert_non_null(strstr(device_error(), element_word(instructions[i].in)));
                    simt_reports_clear();
                }
                close_problem(&p);
            }
    simt_set_arch(NULL);
}

static void wmma_has_the_bits_of_its_card(void **state) {
    (void)state;
    static struct problem p;
    static const unsigned rows[] = {16, 32, 8};
    static const struct {
        enum element in, out;
        int least;
    } kinds[] = {{ELEMENT_F16, ELEMENT_F32, 70},
                 {ELEMENT_F16, ELEMENT_F16, 70},
                 {ELEMENT_BF16, ELEMENT_F32, 80},
                 {ELEMENT_TF32, ELEMENT_F32, 80}};
    for (int kind = 0; kind < 4; kind++)
        for (int shape = 0; shape < (kind == 3 ? 1 : 3); shape++)
            for (int a = 0; a < ARCHS; a++) {
                const struct matrix_ops *ops = builds[(a + shape) % 2];
                struct simt_config config = {.interleave = (enum simt_interleave)(a % 5),
                                             .seed = 3};
                simt_configure(&config);
                open_problem(&p, kinds[kind].in, kinds[kind].out, rows[shape], 256 / rows[shape],
                             48, (a + kind) % 2);
                fill(&p, 100 + (uint64_t)a);
                assert_int_equal(simt_set_arch(archs[a]), 0);
                if (simt_arch_number() < kinds[kind].least) {
                    assert_int_equal(ops->wmma(&p.tile), -1);
                    assert_int_equal(simt_report(0)->kind, SIMT_LACKING);
                } else {
                    if (ops->wmma(&p.tile) != 0)
                        fail_msg("%s: %s", archs[a], device_error());
                    expect_rule(&p, archs[a], 16);
                }
                close_problem(&p);
            }
    simt_set_arch(NULL);
}

/* The same kernel, the same numbers, three cards: three results. */
static void cards_differ(void **state) {
    (void)state;
    static const char *const cards[] = {"V100", "A100", "H100"};
    static struct problem p;
    float d[3][256];
    simt_configure(NULL);
    open_problem(&p, ELEMENT_F16, ELEMENT_F32, 16, 16, 64, false);
    fill(&p, 77);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(simt_set_arch(cards[i]), 0);
        assert_string_equal(simt_card(), cards[i]);
        assert_int_equal(builds[1]->wmma(&p.tile), 0);
        expect_rule(&p, cards[i], 16);
        memcpy(d[i], p.tile.d, sizeof d[i]);
    }
    for (int i = 0; i < 3; i++) {
        int differ = 0;
        for (int j = 0; j < 256; j++)
            differ += d[i][j] != d[(i + 1) % 3][j];
        print_message("%s and %s: %d of 256 elements differ\n", cards[i], cards[(i + 1) % 3],
                      differ);
        assert_true(differ > 25);
    }
    /* 1 + 16 · 2^-25 */
    for (unsigned m = 0; m < 16; m++) {
        for (unsigned k = 0; k < 64; k++) {
            p.x[m][k] = put(ELEMENT_F16, p.a, m * 64 + k, k < 16 ? 0x1p-12 : 0);
            p.y[m][k] = put(ELEMENT_F16, p.b, m * 64 + k, k < 16 ? 0x1p-13 : 0);
        }
        for (unsigned n = 0; n < 16; n++)
            p.z[m][n] = put(ELEMENT_F32, p.c, m * 16 + n, 1);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(simt_set_arch(cards[i]), 0);
        assert_int_equal(builds[0]->wmma(&p.tile), 0);
        assert_true(result_at(&p, 3, 5) == (i == 2 ? 1 + 0x1p-21f : 1));
    }
    close_problem(&p);
    simt_set_arch(NULL);
}

static void special_values(void **state) {
    (void)state;
    static struct problem p;
    simt_configure(NULL);
    open_problem(&p, ELEMENT_F16, ELEMENT_F16, 16, 8, 16, false);
    fill(&p, 5);
    p.x[2][3] = put(ELEMENT_F16, p.a, 2 * 16 + 3, (double)INFINITY);
    p.y[4][3] = put(ELEMENT_F16, p.b, 4 * 16 + 3, 0);
    p.y[5][3] = put(ELEMENT_F16, p.b, 5 * 16 + 3, -1);
    assert_int_equal(builds[0]->mma(&p.tile), 0);
    assert_int_equal(((uint16_t *)p.tile.d)[2 * 8 + 4], 0x7fff);
    assert_int_equal(((uint16_t *)p.tile.d)[2 * 8 + 5], 0xfc00);
    for (unsigned n = 0; n < 8; n++)
        assert_true(isfinite(result_at(&p, 3, n)) && !isfinite(result_at(&p, 2, n)));
    close_problem(&p);
}

/* --- faults --------------------------------------------------------------------------------------
 */

static void wrong_kernels_are_reported(void **state) {
    (void)state;
    static const struct {
        enum simt_report_kind kind;
        const char *text;
        bool checked; /* seen by that build alone */
    } expected[MATRIX_BUGS] = {
        [MATRIX_HALF_WARP] = {SIMT_DIVERGENT_WARP, "needs all 32 lanes", false},
        [MATRIX_LEFT] = {SIMT_DIVERGENT_WARP, "lane 9 has left the kernel", false},
        [MATRIX_SHORT_BLOCK] = {SIMT_DIVERGENT_WARP, "lane 20 does not exist", false},
        [MATRIX_TWO_KINDS] = {SIMT_DIVERGENT_WARP, "m16n8k16 bf16 to f32", false},
        [MATRIX_MISALIGNED] = {SIMT_MISALIGNED, "multiple of 32", false},
        [MATRIX_PITCH] = {SIMT_MISALIGNED, "multiple of 16", false},
        [MATRIX_RACE] = {SIMT_RACE, "a shared variable", true},
    };
    for (int bug = 0; bug < MATRIX_BUGS; bug++)
        for (int b = 0; b < 2; b++)
            for (int k = 0; k < 5; k++) {
                struct simt_config config = {.interleave = (enum simt_interleave)k, .seed = 5};
                void *data = simt_malloc(65536);
                memset(data, 0, 65536);
                simt_configure(&config);
                if (builds[b]->bug((enum matrix_bug)bug, 0, data) != 0)
                    fail_msg("bug %d without: %s", bug, device_error());
                assert_int_equal(simt_reports(), 0);
                int status = builds[b]->bug((enum matrix_bug)bug, 1, data);
                simt_free(data);
                if (expected[bug].checked && b == 0)
                    continue;
                assert_int_equal(status, -1);
                const struct simt_report *r = NULL;
                for (size_t i = 0; i < simt_reports() && !r; i++)
                    r = simt_report(i)->kind == expected[bug].kind ? simt_report(i) : NULL;
                if (!r)
                    fail_msg("bug %d: %s", bug, device_error());
                if (!strstr(r->text, expected[bug].text) ||
                    !strstr(r->text, "kernels/simt/matrix_test.cu:"))
                    fail_msg("bug %d: %s", bug, r->text);
                /* Both ends of a race lie in the kernel, not in a header that it includes. */
                if (r->has_other && r->other_where[0] &&
                    !strstr(r->other_where, "kernels/simt/matrix_test.cu:"))
                    fail_msg("bug %d: %s", bug, r->text);
            }
}

static void cards(void **state) {
    (void)state;
    assert_int_equal(simt_set_arch("sm_91"), -1);
    assert_non_null(strstr(device_error(), "sm_90"));
    assert_int_equal(simt_set_arch("AMX"), -1);
    assert_int_equal(simt_set_arch("cpu"), -1);
    assert_int_equal(simt_set_arch("H200"), 0);
    struct device *device;
    assert_int_equal(device_open(&device, DEVICE_SIMT, 0), 0);
    assert_string_equal(device_model(device), "SIMT machine (as H200, sm_90)");
    device_close(device);
    assert_int_equal(simt_set_arch(NULL), 0);
    assert_string_equal(simt_arch(), "sm_90");
    assert_string_equal(simt_card(), "H100");
    assert_string_equal(simt_report_name(SIMT_LACKING), "no such instruction");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mma_has_the_bits_of_its_card),
        cmocka_unit_test(wmma_has_the_bits_of_its_card),
        cmocka_unit_test(cards_differ),
        cmocka_unit_test(special_values),
        cmocka_unit_test(wrong_kernels_are_reported),
        cmocka_unit_test(cards),
    };
    return cmocka_run_group_tests_name("simt matrix", tests, NULL, NULL);
}
