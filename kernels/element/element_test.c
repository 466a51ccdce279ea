/*
 * element_test.c: every 16-bit pattern against the formats' definitions, and roundings against a
 * search among the neighbours.
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
};
static const struct format formats[] = {{ELEMENT_BF16, 8, 7}, {ELEMENT_F16, 5, 10}};

/* By the definition: (-1)^s 2^(e - bias) 1.f, and 2^(1 - bias) 0.f. */
static double defined(const struct format *f, uint16_t bits) {
    int bias = (1 << (f->exponent - 1)) - 1;
    int e = bits >> f->fraction & ((1 << f->exponent) - 1);
    int fraction = bits & ((1 << f->fraction) - 1);
    double sign = bits >> 15 ? -1 : 1;
    if (e == (1 << f->exponent) - 1)
        return fraction ? (double)NAN : sign * (double)INFINITY;
    if (e == 0)
        return sign * ldexp(fraction, 1 - bias - f->fraction);
    return sign * ldexp(fraction + (1 << f->fraction), e - bias - f->fraction);
}

static uint16_t set(const struct format *f, double value) {
    uint16_t out = 0xdead;
    element_set(f->element, &out, 0, value);
    return out;
}

static void every_pattern_is_what_it_means(void **state) {
    (void)state;
    for (size_t k = 0; k < 2; k++)
        for (uint32_t bits = 0; bits < 0x10000; bits++) {
            uint16_t pattern = (uint16_t)bits;
            double want = defined(&formats[k], pattern);
            double got = element_get(formats[k].element, &pattern, 0);
            if (isnan(want)) {
                assert_true(isnan(got));
                assert_int_equal(!!signbit(got), bits >> 15);
                assert_true(isnan(defined(&formats[k], set(&formats[k], got))));
                continue;
            }
            assert_memory_equal(&got, &want, sizeof got);
            assert_int_equal(set(&formats[k], want), pattern);
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
    for (size_t k = 0; k < 2; k++) {
        const struct format *f = &formats[k];
        uint32_t infinity = ((1u << f->exponent) - 1) << f->fraction;
        for (uint32_t bits = 0; bits < infinity; bits++)
            for (int sign = 0; sign < 2; sign++) {
                double low = defined(f, (uint16_t)bits);
                /* Beyond the largest number, the next step would be where infinity stands. */
                double high = bits + 1 < infinity ? defined(f, (uint16_t)(bits + 1))
                                                  : 2 * low - defined(f, (uint16_t)(bits - 1));
                double middle = low + (high - low) / 2;
                uint32_t s = sign ? 0x8000 : 0, even = bits & 1 ? bits + 1 : bits;
                double way = sign ? -1 : 1;
                assert_int_equal(set(f, way * middle), s | even);
                assert_int_equal(set(f, way * nextafter(middle, 0)), s | bits);
                assert_int_equal(set(f, way * nextafter(middle, INFINITY)), s | (bits + 1));
            }
        assert_int_equal(set(f, 1e300), infinity);
        assert_int_equal(set(f, -INFINITY), 0x8000 | infinity);
        assert_int_equal(set(f, 0x1p-1070), 0);
        assert_int_equal(set(f, -0x1p-1070), 0x8000);
    }
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
    static const char *const words[] = {"f32", "f64", "bf16", "f16"};
    static const size_t bytes[] = {4, 8, 2, 2};
    for (int e = 0; e < ELEMENTS; e++) {
        assert_string_equal(element_word((enum element)e), words[e]);
        assert_int_equal(element_bytes((enum element)e), bytes[e]);
    }
    assert_string_equal(element_word(ELEMENTS), "?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pattern_is_what_it_means),
        cmocka_unit_test(payloads_of_halves_stay),
        cmocka_unit_test(rounding_is_to_nearest_even),
        cmocka_unit_test(wide_elements_are_themselves),
        cmocka_unit_test(words_and_sizes),
    };
    return cmocka_run_group_tests_name("element", tests, NULL, NULL);
}
