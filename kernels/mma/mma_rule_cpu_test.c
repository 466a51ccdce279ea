/*
 * mma_rule_cpu_test.c: the rules of this processor's matrix instructions against the instructions
 * themselves. Each is left out, by name, where the processor lacks it.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernels/mma/mma_rule.h"
#include "kernels/rng/philox.h"

enum { PRODUCTS = 100000, MOST_K = 64 };

/* Everything a bf16 can be, by turns: ordinary, far apart, near the least normal number, pairs
 * that cancel, any pattern at all, infinities and NaN included. */
static uint16_t random_bf16(uint64_t stream, uint64_t product, uint64_t i) {
    uint64_t any = philox_u64(3, stream, product * MOST_K + i);
    double value;
    switch (product % 5) {
    case 0:
        value = philox_normal(3, stream, product * MOST_K + i);
        break;
    case 1:
        value = philox_log_uniform(3, stream, product * MOST_K + i, -40, 40);
        break;
    case 2: /* products around 2^-126 */
        value = philox_log_uniform(3, stream, product * MOST_K + i, stream ? -5 : -132,
                                   stream ? 5 : -118);
        break;
    case 3: /* x y - x y' */
        value = philox_log_uniform(3, stream, product * MOST_K + i / 2, -3, 3) *
                (stream && i % 2 ? -1 : 1) * (any % 4 ? 1 : 1 + 0x1p-7);
        break;
    default:
        return (uint16_t)(product % 25 == 4 ? any : (any & 0x8000) | any % 0x7f80);
    }
    return element_to_bf16(value);
}
static float random_c(uint64_t product) {
    uint64_t any = philox_u64(3, 9, product);
    uint32_t bits = (uint32_t)any;
    float c;
    memcpy(&c, &bits, sizeof c);
    switch (product % 7) {
    case 0:
        return 0;
    case 1:
        return c; /* any pattern */
    case 2:
        return (float)philox_log_uniform(3, 8, product, -149, -120);
    case 3:
        return any % 2 ? -0.0f : 0x1p-126f;
    default:
        return (float)philox_normal(3, 8, product);
    }
}

static bool same(float x, float y) {
    return (isnan(x) && isnan(y)) || memcmp(&x, &y, sizeof x) == 0;
}

/* Of products a, b (k of them) and c, what the processor says. */
typedef void instruction(const uint16_t *a, const uint16_t *b, size_t k, const float *c, float *d);

static void compare(const struct mma_rule *rule, instruction *run, size_t most_k) {
    size_t differ = 0, special = 0, small = 0;
    for (uint64_t product = 0; product < PRODUCTS; product++) {
        uint16_t a[MOST_K], b[MOST_K];
        float x[MOST_K], y[MOST_K], c = random_c(product), d;
        size_t k = 2 + product / 5 % (most_k / 2) * 2;
        for (size_t i = 0; i < k; i++) {
            a[i] = random_bf16(0, product, i);
            b[i] = random_bf16(1, product, i);
            x[i] = element_from_bf16(a[i]);
            y[i] = element_from_bf16(b[i]);
        }
        run(a, b, k, &c, &d);
        float want = mma_dot(rule, x, y, k, c);
        if (!same(d, want) && ++differ <= 5)
            print_error("product %zu, k %zu: %a, expected %a\n", (size_t)product, k, (double)d,
                        (double)want);
        special += !isfinite(d);
        small += d == 0;
    }
    print_message("%s: %d of %d, %zu of them not finite, %zu zero\n", rule->card,
                  (int)(PRODUCTS - differ), PRODUCTS, special, small);
    assert_int_equal(differ, 0);
    assert_true(special > 100 && special < PRODUCTS / 2 && small > 100);
}

/* Sums just below the least normal number. Which of them are subnormal, and so zero, is decided
 * after rounding to 24 bits as if there were no least exponent. */
static void edge_of_subnormals(const struct mma_rule *rule, instruction *run) {
    size_t zero = 0, least = 0;
    for (int sign = -1; sign <= 1; sign += 2)
        for (int e = 146; e < 156; e++)
            for (int fraction = 0; fraction < 128; fraction++) {
                float x[4] = {0x1p-63f, ldexpf(1 + (float)fraction / 128, 75 - e), 0, 0};
                float y[4] = {(float)sign * 0x1p-63f, (float)-sign * 0x1p-75f, 0, 0};
                float got, c = 0;
                uint16_t a[4], b[4];
                /* Both products in one chain, the larger one first. */
                if (rule->chains == 2)
                    x[2] = x[1], y[2] = y[1], x[1] = 0;
                else
                    c = (float)sign * 0x1p-126f, x[0] = 0;
                for (int i = 0; i < 4; i++) {
                    a[i] = element_to_bf16((double)x[i]);
                    b[i] = element_to_bf16((double)y[i]);
                }
                run(a, b, 4, &c, &got);
                float want = mma_dot(rule, x, y, 4, c);
                if (!same(got, want))
                    fail_msg("2^-126 less %a: %a, expected %a", (double)x[1], (double)got,
                             (double)want);
                zero += got == 0;
                least += fabsf(got) == 0x1p-126f;
            }
    print_message("%s: just below 2^-126 %zu are 0 and %zu are not\n", rule->card, zero, least);
    assert_true(zero > 100 && least > 100);
}

/* The test that can fail: a rule with one wrong field differs. */
static void differs(const struct mma_rule *rule, instruction *run, size_t most_k,
                    const char *what) {
    size_t differ = 0;
    for (uint64_t product = 0; product < PRODUCTS / 10; product++) {
        uint16_t a[MOST_K], b[MOST_K];
        float x[MOST_K], y[MOST_K], c = random_c(product), d;
        for (size_t i = 0; i < most_k; i++) {
            a[i] = random_bf16(0, product, i);
            b[i] = random_bf16(1, product, i);
            x[i] = element_from_bf16(a[i]);
            y[i] = element_from_bf16(b[i]);
        }
        run(a, b, most_k, &c, &d);
        differ += !same(d, mma_dot(rule, x, y, most_k, c));
    }
    print_message("%s, %s: %zu of %d differ\n", rule->card, what, differ, PRODUCTS / 10);
    assert_true(differ > 0);
}

static void compare_wrong(const struct mma_rule *right, instruction *run, size_t most_k) {
    struct mma_rule wrong = *right;
    wrong.swap = !wrong.swap;
    if (right->chains == 1)
        differs(&wrong, run, most_k, "pairs the other way round");
    wrong = *right;
    wrong.chains = 3 - wrong.chains;
    differs(&wrong, run, most_k, "another number of chains");
    wrong = *right;
    wrong.flush = false;
    differs(&wrong, run, most_k, "subnormals kept");
    wrong = *right;
    wrong.k = right->k == 2 ? 4 : right->k / 2;
    if (right->chains == 2)
        differs(&wrong, run, most_k, "another k");
}

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

static bool has_leaf7(unsigned subleaf, int word, int bit) {
    unsigned r[4];
    return __get_cpuid_count(7, subleaf, &r[0], &r[1], &r[2], &r[3]) && r[word] >> bit & 1;
}

/* All sixteen lanes get the same sum; both must be the same, whatever the lane. */
__attribute__((target("avx512f,avx512bf16"))) static void
vdpbf16ps(const uint16_t *a, const uint16_t *b, size_t k, const float *c, float *d) {
    __m512 sum = _mm512_set1_ps(*c);
    for (size_t i = 0; i < k; i += 2) {
        int x, y;
        memcpy(&x, a + i, sizeof x);
        memcpy(&y, b + i, sizeof y);
        sum = _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_epi32(x), (__m512bh)_mm512_set1_epi32(y));
    }
    float lanes[16];
    _mm512_storeu_ps(lanes, sum);
    for (int i = 1; i < 16; i++)
        assert_true(same(lanes[i], lanes[0]));
    *d = lanes[0];
}

static void avx512_bf16(void **state) {
    (void)state;
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx512bf16")) {
        print_message("this processor has no AVX-512 BF16\n");
        skip();
    }
    const struct mma_rule *rule = mma_rule_find("AVX512-BF16", MMA_CPU, ELEMENT_BF16, ELEMENT_F32);
    compare(rule, vdpbf16ps, 16);
    edge_of_subnormals(rule, vdpbf16ps);
    compare_wrong(rule, vdpbf16ps, 16);
}

/* --- AMX -----------------------------------------------------------------------------------------
 */

struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
};

/* One row, k products at most 32 an instruction, one column. The tile of B has k/2 rows of pairs.
 * Tiles are chosen by a memory operand of full size, so that all of it is written beforehand. */
static void tdpbf16ps(const uint16_t *a, const uint16_t *b, size_t k, const float *c, float *d) {
    *d = *c;
    for (size_t i = 0; i < k; i += 32) {
        size_t n = k - i < 32 ? k - i : 32;
        struct tile_config config = {.palette = 1};
        config.rows[0] = config.rows[1] = 1;
        config.rows[2] = (uint8_t)(n / 2);
        config.bytes[0] = 4;
        config.bytes[1] = (uint16_t)(2 * n);
        config.bytes[2] = 4;
        __asm__ volatile("ldtilecfg %[config]\n\t"
                         "tileloadd (%[d], %[one]), %%tmm0\n\t"
                         "tileloadd (%[a], %[one]), %%tmm1\n\t"
                         "tileloadd (%[b], %[four]), %%tmm2\n\t"
                         "tdpbf16ps %%tmm2, %%tmm1, %%tmm0\n\t"
                         "tilestored %%tmm0, (%[d], %[one])\n\t"
                         "tilerelease"
                         :
                         : [config] "m"(config), [d] "r"(d), [a] "r"(a + i), [b] "r"(b + i),
                           [one] "r"(64l), [four] "r"(4l)
                         : "memory");
    }
}

/* The kernel gives tiles to processes that ask for them. */
static bool may_use_tiles(void) {
    enum { ARCH_REQ_XCOMP_PERM_ = 0x1023, XFEATURE_XTILEDATA_ = 18 };
    return has_leaf7(0, 3, 24) && has_leaf7(0, 3, 22) &&
           syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM_, XFEATURE_XTILEDATA_) == 0;
}

static void amx(void **state) {
    (void)state;
    if (!may_use_tiles()) {
        print_message("this processor has no AMX, or the system does not give it away\n");
        skip();
    }
    const struct mma_rule *rule = mma_rule_find("AMX", MMA_CPU, ELEMENT_BF16, ELEMENT_F32);
    compare(rule, tdpbf16ps, MOST_K);
    edge_of_subnormals(rule, tdpbf16ps);
    compare_wrong(rule, tdpbf16ps, MOST_K);
}
#else
static void avx512_bf16(void **state) {
    (void)state;
    skip();
}
static void amx(void **state) {
    (void)state;
    skip();
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(avx512_bf16),
        cmocka_unit_test(amx),
    };
    return cmocka_run_group_tests_name("mma_rule_cpu", tests, NULL, NULL);
}
