/*
 * mma_rule_sums_test.c: single sums whose answer is known, random ones against the definition,
 * trees as masks show them, whole products, infinities and NaN.
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
#include "kernels/mma/mma_rule_fixture.h"

static const struct mma_rule *rule_of(const char *name, enum mma_form form, enum element in,
                                      enum element out) {
    const struct mma_rule *rule = mma_rule_find(name, form, in, out);
    assert_non_null(rule);
    return rule;
}
static const struct mma_rule *sync_of(const char *name, enum element in, enum element out) {
    return rule_of(name, MMA_SYNC, in, out);
}

static void same_bits(float got, float want) {
    uint32_t x, y;
    memcpy(&x, &got, sizeof x);
    memcpy(&y, &want, sizeof y);
    assert_int_equal(x, y);
}

/* count products of 2^exponent, each half of it to either side, and c. */
static float equal_products(const struct mma_rule *rule, size_t count, int exponent, float c) {
    float a[64], b[64];
    for (size_t i = 0; i < count; i++) {
        a[i] = ldexpf(1, exponent / 2);
        b[i] = ldexpf(1, exponent - exponent / 2);
    }
    return mma_dot(rule, a, b, count, c);
}

/* --- known sums ----------------------------------------------------------------------------------
 */

static void small_products_beside_one(void **state) {
    (void)state;
    const struct mma_rule *h100 = sync_of("sm_90", ELEMENT_F16, ELEMENT_F32);
    same_bits(equal_products(h100, 16, -25, 1), 1 + 0x1p-21f);
    same_bits(equal_products(h100, 16, -26, 1), 1);
    /* Two blocks of eight, and one bit less: each product is cut off. */
    const struct mma_rule *a100 = sync_of("sm_80", ELEMENT_F16, ELEMENT_F32);
    same_bits(equal_products(a100, 16, -25, 1), 1);
    same_bits(equal_products(a100, 16, -24, 1), 1 + 0x1p-20f);
    const struct mma_rule *v100 = sync_of("sm_70", ELEMENT_F16, ELEMENT_F32);
    same_bits(equal_products(v100, 16, -24, 1), 1);
    same_bits(equal_products(rule_of("fma", MMA_CPU, ELEMENT_F16, ELEMENT_F32), 16, -25, 1), 1);
    /* m16n8k8: eight and c, and c again. */
    struct mma_rule short_k = *h100;
    short_k.k = 8;
    float a[16] = {0}, b[16] = {0}; /* 2^-26 eight times, and then a one that they do not reach */
    for (int i = 0; i < 8; i++)
        a[i] = b[i] = 0x1p-13f;
    a[8] = b[8] = 1;
    same_bits(mma_dot(h100, a, b, 16, 0), 1);
    same_bits(mma_dot(&short_k, a, b, 16, 0), 1 + 0x1p-23f);
}

/* A zero's exponent raises nothing but what is below it, and not by the other factor's. */
static void zeros_exponent(void **state) {
    (void)state;
    const struct mma_rule *rule = sync_of("sm_90", ELEMENT_F16, ELEMENT_F32);
    float a[2] = {0x1p15f, 0x1p-12f}, b[2] = {0, 0x1p-12f};
    same_bits(mma_dot(rule, a, b, 2, 0), 0x1p-24f);
    same_bits(mma_dot(rule, a, b, 2, -0.0f), 0x1p-24f);
    same_bits(mma_dot(rule, a, b, 1, -0.0f), 0);
}

/* A probe for the floor of FP32 results: 2^-150, 2^-150 - 2^-j and 2^-j together are the smallest
 * float, as long as 2^-j is not cut off. */
static int last_counted(const struct mma_rule *rule) {
    int last = 0;
    for (int j = 151; j <= 159; j++) {
        /* 1 - 2^-9 is no bf16, but 7/8 · 73/64 is. */
        float up = j == 159 ? 1.140625f : 1, part = j == 159 ? 0.875f : 1 - ldexpf(1, 150 - j);
        float a[3] = {0x1p-75f, 0x1p-75f * part, 0x1p-75f};
        float b[3] = {0x1p-75f, 0x1p-75f * up, ldexpf(1, 75 - j)};
        float d = mma_dot(rule, a, b, 3, 0);
        assert_true(d == 0 || d == 0x1p-149f);
        last = d != 0 ? j : last;
    }
    return last;
}
static void floor_of_floats(void **state) {
    (void)state;
    static const struct {
        const char *arch;
        int last;
    } known[] = {{"sm_80", 156}, {"sm_86", 156},  {"sm_89", 156},
                 {"sm_90", 158}, {"sm_100", 158}, {"sm_120", 158}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct mma_rule rule = *sync_of(known[i].arch, ELEMENT_BF16, ELEMENT_F32);
        same_bits(equal_products(&rule, 8, -152, 0), 0x1p-149f);
        assert_int_equal(last_counted(&rule), known[i].last);
        rule.floor++;
        assert_int_equal(last_counted(&rule), known[i].last - 1);
        rule.floor -= 2;
        assert_int_equal(last_counted(&rule), known[i].last + 1);
        rule.floor = -126; /* as if c = 0 counted like a subnormal */
        rule.fraction = 24;
        same_bits(equal_products(&rule, 8, -152, 0), 0);
    }
}

/* The probe for the floor of FP16 results: the last j at which 2^-25 + 2^-j rounds up. */
static int last_survivor(const struct mma_rule *rule) {
    int last = 0;
    for (int j = 26; j <= 48; j++) {
        float a[2] = {0x1p-12f, ldexpf(1, -(j / 2))}, b[2] = {0x1p-13f, ldexpf(1, -(j - j / 2))};
        float d = mma_dot(rule, a, b, 2, 0);
        assert_true(d == 0 || d == 0x1p-24f);
        last = d != 0 ? j : last;
    }
    return last;
}
static void floor_of_halves(void **state) {
    (void)state;
    static const struct {
        const char *arch;
        int last;
    } known[] = {{"sm_70", 42}, {"sm_75", 44},  {"sm_80", 44}, {"sm_89", 44},
                 {"sm_90", 46}, {"sm_100", 46}, {"sm_120", 46}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct mma_rule rule = *sync_of(known[i].arch, ELEMENT_F16, ELEMENT_F16);
        assert_int_equal(last_survivor(&rule), known[i].last);
        rule.floor = -126;
        assert_int_equal(last_survivor(&rule), 48);
        rule.floor = rule.fraction == 25 ? -20 : -21;
        assert_int_not_equal(last_survivor(&rule), known[i].last);
    }
}

/* An operand's least exponent counts, not its leading digit: 2^-9 in e4m3 has the exponent -6. */
static void subnormal_operands_are_not_normalised(void **state) {
    (void)state;
    struct mma_rule ada = *sync_of("sm_89", ELEMENT_E4M3, ELEMENT_F32);
    /* E = -12 and F = 13: the last bit is 2^-25. 2^-18 and 2^-24 survive, 2^-26 does not. */
    float x[2] = {0x1p-9f, 0x1p-9f}, y[2] = {0x1p-9f, -0x1p-9f};
    same_bits(mma_dot(&ada, x, y, 1, 0x1p-25f), 0x1p-18f + 0x1p-25f);
    same_bits(mma_dot(&ada, x, y, 1, 0x1p-26f), 0x1p-18f);
    same_bits(mma_dot(&ada, x, y, 2, 0x1p-26f), 0);
    ada.as = ELEMENT_F16; /* as if it had been normalised */
    same_bits(mma_dot(&ada, x, y, 2, 0x1p-26f), 0x1p-26f);
    /* Unpacked to f16 it is normal, so that the sum on sm_90 and sm_100 loses less. */
    float c = 0x1p-40f;
    struct mma_rule h100 = *sync_of("sm_90", ELEMENT_E4M3, ELEMENT_F32);
    same_bits(mma_dot(&h100, x, y, 2, c), c);
    /* f16: 2^-24 has the exponent -14. */
    float u[2] = {0x1p-24f, 0x1p-24f}, v[2] = {0x1p-1f, -0x1p-1f};
    struct mma_rule a100 = *sync_of("sm_80", ELEMENT_F16, ELEMENT_F32);
    same_bits(mma_dot(&a100, u, v, 2, 0x1p-39f), 0x1p-39f);
    same_bits(mma_dot(&a100, u, v, 2, 0x1p-40f), 0);
    a100.as = ELEMENT_BF16;
    same_bits(mma_dot(&a100, u, v, 2, 0x1p-40f), 0x1p-40f);
}

static void tf32_has_nineteen_bits(void **state) {
    (void)state;
    const struct mma_rule *rule = sync_of("sm_80", ELEMENT_TF32, ELEMENT_F32);
    float a = 1 + 0x1p-10f + 0x1p-11f + 0x1p-23f, b = -3, low = 0x1p-140f;
    same_bits(mma_dot(rule, &a, &b, 1, 0), -3 * (1 + 0x1p-10f));
    same_bits(mma_dot(rule, &low, &b, 1, 1), 1);
}

static void chains_of_processors(void **state) {
    (void)state;
    const struct mma_rule *amx = rule_of("AMX", MMA_CPU, ELEMENT_BF16, ELEMENT_F32);
    const struct mma_rule *pairs = rule_of("AVX512-BF16", MMA_CPU, ELEMENT_BF16, ELEMENT_F32);
    float one[4] = {1, 1, 1, 1}, a[4] = {0x1p24f, 1, 1, -0x1p24f};
    /* even: 2^24 + 1 = 2^24; odd: 1 - 2^24; then 1, and c. */
    same_bits(mma_dot(amx, a, one, 4, 0.5f), 1.5f);
    /* c + 1 + 2^24 - 2^24 + 1 */
    same_bits(mma_dot(pairs, a, one, 4, 0.5f), 3);
    struct mma_rule wrong = *pairs;
    wrong.swap = false;
    same_bits(mma_dot(&wrong, a, one, 4, 0.5f), 0);
    wrong = *amx;
    wrong.chains = 1;
    same_bits(mma_dot(&wrong, a, one, 4, 0.5f), 0);
    wrong = *amx;
    wrong.k = 2; /* the two chains meet after each pair */
    same_bits(mma_dot(&wrong, a, one, 4, 0.5f), 1);
    float tiny = 0x1p-133f, big = 0x1p20f, x = 0x1p-63f;
    for (int i = 0; i < 2; i++) {
        struct mma_rule rule = i ? *pairs : *amx;
        same_bits(mma_dot(&rule, &tiny, &big, 1, 0), 0);
        same_bits(mma_dot(&rule, &x, &x, 1, -0x1p-127f), 0x1p-126f);
        same_bits(mma_dot(&rule, &tiny, &big, 1, 0x1p-127f), 0);
        rule.flush = false;
        same_bits(mma_dot(&rule, &tiny, &big, 1, 0), 0x1p-113f);
    }
    float half = 1 - 0x1p-8f, least = 0x1p-126f; /* rounds to 2^-126 with a subnormal's bits only */
    same_bits(mma_dot(amx, &half, &least, 1, 0), 0);
    double p[3] = {1, 0x1p-30, -1}, q[3] = {1, 0x1p-30, 1};
    assert_true(mma_dot_f64(p, q, 3, 0) == 0);
    assert_true(mma_dot_f64(p, q, 1, 0x1p-60) == 1);
}

/* --- what is not finite --------------------------------------------------------------------------
 */

static void infinities_and_nan(void **state) {
    (void)state;
    const struct mma_rule *rule;
    for (size_t i = 0; (rule = mma_rule_at(i)); i++) {
        float a[40], b[40], inf = INFINITY, nan = nanf("");
        for (int j = 0; j < 40; j++)
            a[j] = b[j] = 1;
        same_bits(mma_dot(rule, a, b, 0, -0.0f), -0.0f);
        same_bits(mma_dot(rule, a, b, 40, inf), inf);
        same_bits(mma_dot(rule, a, b, 40, -inf), -inf);
        a[37] = inf;
        same_bits(mma_dot(rule, a, b, 40, 0), inf);
        assert_true(isnan(mma_dot(rule, a, b, 40, -inf)));
        a[2] = -inf;
        uint32_t bits;
        float d = mma_dot(rule, a, b, 40, 0);
        memcpy(&bits, &d, sizeof bits);
        assert_int_equal(bits, 0x7fffffff);
        a[2] = 1, b[37] = 0;
        assert_true(isnan(mma_dot(rule, a, b, 40, 0)));
        a[37] = 1, b[1] = nan;
        assert_true(isnan(mma_dot(rule, a, b, 40, inf)));
        b[1] = 1;
        assert_true(isnan(mma_dot(rule, a, b, 40, -nan)));
        /* Too large: infinite, and so it stays. */
        float huge = rule->out == ELEMENT_F16 ? 65504 : 0x1.fffffep127f;
        float most = rule->in == ELEMENT_E4M3 ? 448 : 57344;
        for (int j = 0; j < 40; j++)
            a[j] = b[j] =
                rule->in == ELEMENT_BF16 || rule->in == ELEMENT_TF32 || rule->in == ELEMENT_F32
                    ? 0x1.fcp127f
                    : most;
        bool fits = rule->out == ELEMENT_F32 && most * most < huge && a[0] == most;
        d = mma_dot(rule, a, b, 40, 0);
        assert_true(fits ? isfinite(d) : d == inf);
        b[33] = -b[33];
        d = mma_dot(rule, a, b, 40, 0);
        assert_true(fits || isinf(d) || rule->sum != MMA_ALIGNED);
    }
}

/* --- random sums against the definition ----------------------------------------------------------
 */

/* Of every kind: ordinary, far apart, subnormal, cancelling. */
static float random_operand(enum element in, uint64_t stream, uint64_t i, int kind) {
    double value = 0, out = 0;
    int least = fixture_least(in);
    switch (kind) {
    case 0:
        value = philox_normal(7, stream, i);
        break;
    case 1:
        value =
            philox_log_uniform(7, stream, i, least < -14 ? -60 : least - 3, least < -14 ? 60 : 4);
        break;
    case 2:
        value = philox_log_uniform(7, stream, i, least - 9, least + 3);
        break;
    default: /* neighbours cancel */
        value = philox_log_uniform(7, stream, i / 2, -6, 1) * (i % 2 && stream % 2 ? -1 : 1);
    }
    element_set(in, &out, 0, value);
    return (float)element_get(in, &out, 0);
}

static float random_c(enum element out, uint64_t i, int kind) {
    double c = kind == 2 ? philox_log_uniform(9, 1, i, out == ELEMENT_F16 ? -26 : -150, -12)
                         : philox_log_uniform(9, 1, i, -30, 3);
    double room = 0;
    element_set(out, &room, 0, i % 5 ? c : 0.0);
    return (float)element_get(out, &room, 0);
}

static void random_sums(void **state) {
    (void)state;
    const struct mma_rule *rule;
    size_t sums = 0;
    for (size_t r = 0; (rule = mma_rule_at(r)); r++) {
        if (rule->sum != MMA_ALIGNED)
            continue;
        for (uint64_t i = 0; i < 4000; i++) {
            float a[48], b[48];
            int kind = (int)(i % 4);
            size_t k = 1 + i % 48;
            for (uint64_t j = 0; j < k; j++) {
                a[j] = random_operand(rule->in, 2 * r, 64 * i + j, kind);
                b[j] = random_operand(rule->in, kind == 3 ? 2 * r + 1 : 2 * r + 4001, 64 * i + j,
                                      kind);
            }
            float c = random_c(rule->out, i, kind);
            same_bits(mma_dot(rule, a, b, k, c), fixture_dot(rule, a, b, k, c, false));
            sums++;
        }
    }
    assert_true(sums > 100000);
}

/* --- trees ---------------------------------------------------------------------------------------
 */

/* Leaves under the node where products i and j meet (C is the leaf -1), by the masks' method. */
static int meeting(const struct mma_rule *rule, int k, int i, int j) {
    const float unit = 0x1p-24f, mask = 0x1p15f;
    float a[64], b[64], c = unit;
    for (int at = 0; at < k; at++) {
        a[at] = unit;
        b[at] = 1;
    }
    a[i] = mask;
    if (j < 0)
        c = -mask;
    else
        a[j] = -mask;
    return k + 1 - (int)(mma_dot(rule, a, b, (size_t)k, c) / unit);
}

static void trees_of_matrix_units(void **state) {
    (void)state;
    const struct mma_rule *h100 = sync_of("sm_90", ELEMENT_F16, ELEMENT_F32);
    const struct mma_rule *amx = rule_of("AMX", MMA_CPU, ELEMENT_BF16, ELEMENT_F32);
    /* With C a leaf: three nodes of 17 children, each the first child of the next. */
    for (int i = 0; i < 48; i++)
        for (int j = i + 1; j < 48; j++)
            assert_int_equal(meeting(h100, 48, i, j), 1 + 16 * (j / 16 + 1));
    assert_int_equal(meeting(h100, 48, 5, -1), 17);
    assert_int_equal(meeting(h100, 48, 40, -1), 49);
    /* K = 32 and C: even and odd by themselves, then each other, then C. */
    for (int j = 2; j < 32; j += 2)
        assert_int_equal(meeting(amx, 32, 0, j), j / 2 + 1);
    for (int j = 1; j < 32; j += 2)
        assert_int_equal(meeting(amx, 32, 0, j), 32);
    assert_int_equal(meeting(amx, 32, 0, -1), 33);
    assert_int_equal(meeting(amx, 32, 31, -1), 33);
    const struct mma_rule *a100 = sync_of("sm_80", ELEMENT_F16, ELEMENT_F32);
    assert_int_equal(meeting(a100, 16, 0, 7), 9);
    assert_int_equal(meeting(a100, 16, 0, 8), 17);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_products_beside_one),
        cmocka_unit_test(zeros_exponent),
        cmocka_unit_test(floor_of_floats),
        cmocka_unit_test(floor_of_halves),
        cmocka_unit_test(subnormal_operands_are_not_normalised),
        cmocka_unit_test(tf32_has_nineteen_bits),
        cmocka_unit_test(chains_of_processors),
        cmocka_unit_test(infinities_and_nan),
        cmocka_unit_test(random_sums),
        cmocka_unit_test(trees_of_matrix_units),
    };
    return cmocka_run_group_tests_name("mma_rule_sums", tests, NULL, NULL);
}
