/*
 * convert.cc: narrow floating-point formats and saturating conversions, to the bit as the device
 * does them. Narrowing takes a double, so that every float arrives unrounded and is rounded once.
 */
#include <cmath>
#include <cstring>

#include "kernels/simt/simt.h"
#include "kernels/simt/simt_abi.h"

namespace {

uint64_t bits_of(double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

double double_of(uint64_t bits) {
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

float float_of(uint32_t bits) {
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* Rounds to a format of `fraction` fraction bits and `exponent` exponent bits, to nearest even.
 * The exponent field and fraction of the result are one integer: a carry out of the fraction
 * raises the exponent, up to infinity. */
uint16_t narrow(double v, int fraction, int exponent, uint16_t nan) {
    uint64_t bits = bits_of(v);
    uint16_t sign = (uint16_t)(bits >> 63 << 15);
    int bias = (1 << (exponent - 1)) - 1;
    if (std::isnan(v))
        return nan;
    uint16_t infinity = (uint16_t)(((1u << exponent) - 1) << fraction);
    int e = (int)(bits >> 52 & 0x7ff) - 1023;
    if (e > bias)
        return sign | infinity;
    uint64_t m = (bits & 0xfffffffffffff) | (uint64_t)1 << 52;
    if (e == -1023 || e < 1 - bias - fraction - 1)
        return sign;          /* below half of the smallest number (a double's subnormals by far) */
    int drop = 52 - fraction; /* bits of m to round away */
    int field = e + bias;
    if (field < 1) {
        drop += 1 - field;
        field = 1;
    }
    uint64_t kept = m >> drop, rest = m & (((uint64_t)1 << drop) - 1);
    uint64_t half = (uint64_t)1 << (drop - 1);
    kept += rest > half || (rest == half && (kept & 1));
    /* `kept` holds the leading bit, which stands for one step of the exponent field. */
    uint64_t out = ((uint64_t)(field - 1) << fraction) + kept;
    return sign | (uint16_t)out;
}

/* a b + c rounded to odd: what is lost shows in the last bit, so that rounding the result again to
 * far fewer bits is one rounding. The product of two narrow numbers is exact in double. */
double fma_to_odd(double a, double b, double c) {
    double p = a * b, s = p + c;
    if (!std::isfinite(s))
        return s;
    double part = s - p, error = (p - (s - part)) + (c - part); /* Knuth's two-sum */
    if (error == 0 || (bits_of(s) & 1))
        return s;
    /* The exact sum lies between s and its neighbour on the error's side, which is odd. */
    bool away = (error > 0) == (s > 0);
    return double_of(bits_of(s) + (away ? 1 : (uint64_t)-1));
}

} // namespace

float simt_half_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half >> 15) << 31, e = half >> 10 & 31, m = half & 0x3ff;
    if (e == 31)
        return float_of(m ? 0x7fffffff : sign | 0x7f800000);
    if (e == 0) { /* a multiple of 2^-24, exact */
        float v = (float)m * 0x1p-24f;
        return sign ? -v : v;
    }
    return float_of(sign | (e + 112) << 23 | m << 13);
}

uint16_t simt_double_to_half(double value) {
    return narrow(value, 10, 5, (uint16_t)simt_rules[SIMT_RULE_NAN_F16].device);
}

float simt_bfloat_to_float(uint16_t bfloat) {
    return float_of((uint32_t)bfloat << 16);
}

uint16_t simt_double_to_bfloat(double value) {
    return narrow(value, 7, 8, (uint16_t)simt_rules[SIMT_RULE_NAN_BF16].device);
}

uint16_t simt_half_fma(uint16_t a, uint16_t b, uint16_t c) {
    return simt_double_to_half(
        fma_to_odd(simt_half_to_float(a), simt_half_to_float(b), simt_half_to_float(c)));
}

uint16_t simt_bfloat_fma(uint16_t a, uint16_t b, uint16_t c) {
    return simt_double_to_bfloat(
        fma_to_odd(simt_bfloat_to_float(a), simt_bfloat_to_float(b), simt_bfloat_to_float(c)));
}

int32_t simt_to_i32(double value) {
    if (std::isnan(value))
        return (int32_t)(uint32_t)simt_rules[SIMT_RULE_F32_TO_I32_NAN].device;
    return value >= 0x1p31 ? INT32_MAX : value < -0x1p31 ? INT32_MIN : (int32_t)value;
}

uint32_t simt_to_u32(double value) {
    if (std::isnan(value))
        return (uint32_t)simt_rules[SIMT_RULE_F32_TO_I32_NAN].device;
    return value >= 0x1p32 ? UINT32_MAX : value < 0 ? 0 : (uint32_t)value;
}

int32_t simt_double_to_i32(double value) {
    return std::isnan(value) ? (int32_t)(uint32_t)simt_rules[SIMT_RULE_F64_TO_I32_NAN].device
                             : simt_to_i32(value);
}

uint32_t simt_double_to_u32(double value) {
    return std::isnan(value) ? (uint32_t)simt_rules[SIMT_RULE_F64_TO_I32_NAN].device
                             : simt_to_u32(value);
}

int64_t simt_to_i64(double value) {
    if (std::isnan(value))
        return (int64_t)simt_rules[SIMT_RULE_F64_TO_I64_NAN].device;
    return value >= 0x1p63 ? INT64_MAX : value < -0x1p63 ? INT64_MIN : (int64_t)value;
}

uint64_t simt_to_u64(double value) {
    if (std::isnan(value))
        return simt_rules[SIMT_RULE_F64_TO_I64_NAN].device;
    return value >= 0x1p64 ? UINT64_MAX : value < 0 ? 0 : (uint64_t)value;
}
