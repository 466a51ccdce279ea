/* element.c: see element.h. */
#include "kernels/element/element.h"

#include <math.h>

const char *element_word(enum element element) {
    static const char *const words[ELEMENTS] = {"f32", "f64", "bf16", "f16"};
    return (unsigned)element < ELEMENTS ? words[element] : "?";
}

/* A double to a 16-bit format in one rounding, to nearest even. */
static uint16_t narrow(double value, int exponent_bits, int fraction_bits) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const uint32_t infinity = (uint32_t)((1 << exponent_bits) - 1) << fraction_bits;
    uint32_t sign = (uint32_t)(bits >> 63) << 15;
    uint64_t fraction = bits & 0xFFFFFFFFFFFFFull;
    int exponent = (int)(bits >> 52 & 0x7FF);
    if (exponent == 0x7FF)
        return (uint16_t)(sign | infinity | (fraction ? 1u << (fraction_bits - 1) : 0));
    if (exponent == 0)
        return (uint16_t)sign; /* a double's subnormals are far below half of the smallest */
    exponent += bias - 1023;   /* now biased as in the target */
    uint64_t mantissa = fraction | 1ull << 52;
    int drop = 52 - fraction_bits;
    if (exponent <= 0) { /* subnormal in the target: fewer bits remain */
        drop += 1 - exponent;
        exponent = 0;
    }
    if (drop > 54)
        return (uint16_t)sign;
    uint64_t kept = mantissa >> drop, rest = mantissa & ((1ull << drop) - 1);
    uint64_t half = 1ull << (drop - 1);
    kept += rest > half || (rest == half && (kept & 1));
    /* A normal number's hidden bit adds 1 to the exponent field, and a carry does so again. */
    uint64_t result = exponent == 0 ? kept : ((uint64_t)(exponent - 1) << fraction_bits) + kept;
    return (uint16_t)(sign | (result >= infinity ? infinity : (uint32_t)result));
}

uint16_t element_to_bf16(double value) {
    return narrow(value, 8, 7);
}

uint16_t element_to_f16(double value) {
    return narrow(value, 5, 10);
}

double element_get(enum element element, const void *array, size_t i) {
    switch (element) {
    case ELEMENT_F32:
        return ((const float *)array)[i];
    case ELEMENT_F64:
        return ((const double *)array)[i];
    case ELEMENT_BF16:
        return element_from_bf16(((const uint16_t *)array)[i]);
    case ELEMENT_F16:
        return element_from_f16(((const uint16_t *)array)[i]);
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
    case ELEMENTS:
        break;
    }
}
