/*
 * element_test.c: every pattern of a narrow format against the formats' definitions, and roundings
 * against the neighbours.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/element/element.h"

struct format {
    enum element element;
    int exponent, fraction;
    bool finite; /* no infinity: the highest exponent is one of numbers, but for fraction all 1 */
    bool saturates;
    int unused; /* low bits that are 0 */
};
static const struct format formats[] = {{ELEMENT_BF16, 8, 7},
                                        {ELEMENT_F16, 5, 10},
                                        {ELEMENT_TF32, 8, 10, .unused = 13},
                                        {ELEMENT_E4M3, 4, 3, .finite = true, .saturates = true},
                                        {ELEMENT_E5M2, 5, 2, .saturates = true}};
#define FORMATS (sizeof formats / sizeof *formats)

static uint32_t sign_of(const struct format *f) {
    return 1u << (f->exponent + f->fraction);
}
static uint32_t infinity_of(const struct format *f) {
    return f->finite ? sign_of(f) - 1 : ((1u << f->exponent) - 1) << f->fraction;
}

/* By the definition: (-1)^s 2^(e - bias) 1.f, and 2^(1 - bias) 0.f. */
static double defined(const struct format *f, uint32_t bits) {
    int bias = (1 << (f->exponent - 1)) - 1;
    int e = (int)(bits >> f->fraction) & ((1 << f->exponent) - 1);
    int fraction = (int)bits & ((1 << f->fraction) - 1);
    double sign = bits & sign_of(f) ? -1 : 1;
    if (f->finite && (bits & (sign_of(f) - 1)) == sign_of(f) - 1)
        return (double)NAN;
    if (!f->finite && e == (1 << f->exponent) - 1)
        return fraction ? (double)NAN : sign * (double)INFINITY;
    if (e == 0)
        return sign * ldexp(fraction, 1 - bias - f->fraction);
    return sign * ldexp(fraction + (1 << f->fraction), e - bias - f->fraction);
}

/* Patterns in the low bits; what lies behind an element stays. */
static uint32_t set(const struct format *f, double value) {
    const uint64_t before = 0xdeaddeaddeaddeadu;
    uint64_t out = before;
    element_set(f->element, &out, 0, value);
    int width = 8 * (int)element_bytes(f->element);
    assert_true(out >> width == before >> width);
    out &= (1ull << width) - 1;
    assert_true((out & ((1u << f->unused) - 1)) == 0);
    return (uint32_t)(out >> f->unused);
}
static double get(const struct format *f, uint32_t bits) {
    uint64_t pattern = (uint64_t)bits << f->unused | 0xdead000000000000u;
    return element_get(f->element, &pattern, 0);
}

static void every_pattern_is_what_it_means(void **state) {
    (void)state;
    for (size_t k = 0; k < FORMATS; k++) {
        const struct format *f = &formats[k];
        for (uint32_t bits = 0; bits < 2 * sign_of(f); bits++) {
            double want = defined(f, bits), got = get(f, bits);
            if (isnan(want)) {
                assert_true(isnan(got));
                assert_int_equal(!!signbit(got), !!(bits & sign_of(f)));
                uint32_t again = set(f, got);
                assert_true(isnan(defined(f, again)));
                assert_int_equal(again & sign_of(f), bits & sign_of(f));
                continue;
            }
            assert_memory_equal(&got, &want, sizeof got);
            uint32_t back = isinf(want) && f->saturates ? bits - 1 : bits;
            assert_int_equal(set(f, want), back);
        }
    }
}

/* A NaN of a half keeps its payload, as vcvtph2ps does; a signalling one is made quiet. */
static void payloads_of_halves_stay(void **state) {
    (void)state;
    for (uint16_t half = 0x7c01; half < 0x8000; half++) {
        float value = element_from_f16(half);
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        assert_int_equal(bits, 0x7fc00000u | (uint32_t)(half & 0x3ff) << 13);
    }
}

/* Between two neighbours, the middle goes to the even one and a little beside it to the nearer. */
static void rounding_is_to_nearest_even(void **state) {
    (void)state;
    for (size_t k = 0; k < FORMATS; k++) {
        const struct format *f = &formats[k];
        uint32_t infinity = infinity_of(f), beyond = f->saturates ? infinity - 1 : infinity;
        for (uint32_t bits = 0; bits < infinity; bits++)
            for (int sign = 0; sign < 2; sign++) {
                double low = defined(f, bits);
                /* Beyond the largest number, the next step would be where infinity stands. */
                double high =
                    bits + 1 < infinity ? defined(f, bits + 1) : 2 * low - defined(f, bits - 1);
                double middle = low + (high - low) / 2;
                uint32_t s = sign ? sign_of(f) : 0, even = bits & 1 ? bits + 1 : bits;
                uint32_t above = bits + 1 < infinity ? bits + 1 : beyond;
                double way = sign ? -1 : 1;
                assert_int_equal(set(f, way * middle), s | (even < infinity ? even : beyond));
                assert_int_equal(set(f, way * nextafter(middle, 0)), s | bits);
                assert_int_equal(set(f, way * nextafter(middle, INFINITY)), s | above);
            }
        assert_int_equal(set(f, 1e300), beyond);
        assert_int_equal(set(f, -INFINITY), sign_of(f) | beyond);
        assert_int_equal(set(f, 0x1p-1070), 0);
        assert_int_equal(set(f, -0x1p-1070), sign_of(f));
    }
}

/* Numbers of the specification's tables, and the ties that cvt.rna would take the other way. */
static void known_numbers(void **state) {
    (void)state;
    assert_true(element_from_e4m3(0x7e) == 448 && element_from_e4m3(0x01) == 0x1p-9f);
    assert_true(element_from_e4m3(0x08) == 0x1p-6f && isnan(element_from_e4m3(0xff)));
    assert_true(element_from_e5m2(0x7b) == 57344 && element_from_e5m2(0x01) == 0x1p-16f);
    assert_true(isinf(element_from_e5m2(0xfc)) && isnan(element_from_e5m2(0x7d)));
    assert_int_equal(element_to_e4m3(464), 0x7e);
    assert_true(element_to_tf32(1 + 0x1p-11) == 1.0f);
    assert_true(element_to_tf32(1 + 0x3p-11) == 1 + 0x1p-9f);
    assert_true(element_to_tf32(1 + 0x1p-11 + 0x1p-52) == 1 + 0x1p-10f);
}

static void wide_elements_are_themselves(void **state) {
    (void)state;
    float floats[2];
    double doubles[2];
    element_set(ELEMENT_F32, floats, 1, 0.1);
    element_set(ELEMENT_F64, doubles, 1, 0.1);
    assert_true(floats[1] == 0.1f && element_get(ELEMENT_F32, floats, 1) == (double)0.1f);
    assert_true(doubles[1] == 0.1 && element_get(ELEMENT_F64, doubles, 1) == 0.1);
}

static void words_and_sizes(void **state) {
    (void)state;
    static const char *const words[] = {"f32", "f64", "bf16", "f16", "tf32", "e4m3", "e5m2"};
    static const size_t bytes[] = {4, 8, 2, 2, 4, 1, 1};
    assert_int_equal(ELEMENTS, sizeof words / sizeof *words);
    for (int e = 0; e < ELEMENTS; e++) {
        assert_string_equal(element_word((enum element)e), words[e]);
        assert_int_equal(element_bytes((enum element)e), bytes[e]);
    }
    assert_string_equal(element_word(ELEMENTS), "?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pattern_is_what_it_means), cmocka_unit_test(payloads_of_halves_stay),
        cmocka_unit_test(rounding_is_to_nearest_even),    cmocka_unit_test(known_numbers),
        cmocka_unit_test(wide_elements_are_themselves),   cmocka_unit_test(words_and_sizes),
    };
    return cmocka_run_group_tests_name("element", tests, NULL, NULL);
}
