/* element.c: see element.h. */
#include "kernels/element/element.h"

#include <math.h>

const char *element_word(enum element element) {
    static const char *const words[ELEMENTS] = {"f32",  "f64",  "bf16", "f16",
                                                "tf32", "e4m3", "e5m2"};
    return (unsigned)element < ELEMENTS ? words[element] : "?";
}

/* A double to a narrow format in one rounding, to nearest even. Too large, infinity included,
 * becomes `beyond`; all magnitudes under it stand for numbers. */
static inline uint32_t narrow_to(double value, int exponent_bits, int fraction_bits,
                                 uint32_t beyond, uint32_t nan) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    const int bias = (1 << (exponent_bits - 1)) - 1;
    uint32_t sign = (uint32_t)(bits >> 63) << (exponent_bits + fraction_bits);
    uint64_t fraction = bits & 0xFFFFFFFFFFFFFull;
    int exponent = (int)(bits >> 52 & 0x7FF);
    if (exponent == 0x7FF)
        return sign | (fraction ? nan : beyond);
    if (exponent == 0)
        return sign;         /* a double's subnormals are far below half of the smallest */
    exponent += bias - 1023; /* now biased as in the target */
    uint64_t mantissa = fraction | 1ull << 52;
    int drop = 52 - fraction_bits;
    if (exponent <= 0) { /* subnormal in the target: fewer bits remain */
        drop += 1 - exponent;
        exponent = 0;
    }
    if (drop > 54)
        return sign;
    uint64_t kept = mantissa >> drop, rest = mantissa & ((1ull << drop) - 1);
    uint64_t half = 1ull << (drop - 1);
    kept += rest > half || (rest == half && (kept & 1));
    /* A normal number's hidden bit adds 1 to the exponent field, and a carry does so again. */
    uint64_t result = exponent == 0 ? kept : ((uint64_t)(exponent - 1) << fraction_bits) + kept;
    return sign | (result >= beyond ? beyond : (uint32_t)result);
}

/* IEEE's way: above the largest number infinity, above that NaN. */
static inline uint32_t narrow(double value, int exponent_bits, int fraction_bits) {
    uint32_t infinity = ((1u << exponent_bits) - 1) << fraction_bits;
    return narrow_to(value, exponent_bits, fraction_bits, infinity,
                     infinity | 1u << (fraction_bits - 1));
}

uint16_t element_to_bf16(double value) {
    return (uint16_t)narrow(value, 8, 7);
}

uint16_t element_to_f16(double value) {
    return (uint16_t)narrow(value, 5, 10);
}

float element_to_tf32(double value) {
    uint32_t bits = narrow(value, 8, 10) << 13;
    float wide;
    memcpy(&wide, &bits, sizeof wide);
    return wide;
}

uint8_t element_to_e4m3(double value) {
    return (uint8_t)narrow_to(value, 4, 3, 0x7e, 0x7f);
}

uint8_t element_to_e5m2(double value) {
    return (uint8_t)narrow_to(value, 5, 2, 0x7b, 0x7f);
}

double element_get(enum element element, const void *array, size_t i) {
    switch (element) {
    case ELEMENT_F32:
    case ELEMENT_TF32:
        return ((const float *)array)[i];
    case ELEMENT_F64:
        return ((const double *)array)[i];
    case ELEMENT_BF16:
        return element_from_bf16(((const uint16_t *)array)[i]);
    case ELEMENT_F16:
        return element_from_f16(((const uint16_t *)array)[i]);
    case ELEMENT_E4M3:
        return element_from_e4m3(((const uint8_t *)array)[i]);
    case ELEMENT_E5M2:
        return element_from_e5m2(((const uint8_t *)array)[i]);
    case ELEMENTS:
        break;
    }
    return (double)NAN;
}

void element_set(enum element element, void *array, size_t i, double value) {
    switch (element) {
    case ELEMENT_F32:
        ((float *)array)[i] = (float)value;
        break;
    case ELEMENT_F64:
        ((double *)array)[i] = value;
        break;
    case ELEMENT_BF16:
        ((uint16_t *)array)[i] = element_to_bf16(value);
        break;
    case ELEMENT_F16:
        ((uint16_t *)array)[i] = element_to_f16(value);
        break;
    case ELEMENT_TF32:
        ((float *)array)[i] = element_to_tf32(value);
        break;
    case ELEMENT_E4M3:
        ((uint8_t *)array)[i] = element_to_e4m3(value);
        break;
    case ELEMENT_E5M2:
        ((uint8_t *)array)[i] = element_to_e5m2(value);
        break;
    case ELEMENTS:
        break;
    }
}
