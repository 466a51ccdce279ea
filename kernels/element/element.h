/*
 * element.h: the types that arrays of numbers come in, and their elements, one by one.
 *
 *     f32, f64    float, double
 *     bf16, f16   uint16_t patterns: the upper half of a float; IEEE binary16
 *     tf32        a float whose low 13 bits are 0: 8 bits of exponent, 10 of fraction
 *     e4m3, e5m2  uint8_t patterns of OCP's 8-bit floating point specification. E4M3 has no
 *                 infinity: ±0x7f is NaN, ±0x7e the largest, 448. E5M2 is the upper half of an f16;
 *                 its largest is 57344
 *
 * Widening is exact; a NaN stays a NaN of its sign. Narrowing rounds once, to nearest even, from a
 * double. Too large becomes infinity, and the largest number in e4m3 and e5m2, infinity too: PTX
 * has no 8-bit conversion but .satfinite. tf32 is what PTX calls cvt.rn (sm_90); cvt.rna, the older
 * form, takes ties away from zero. What is inline is valid in C11, C++17 and CUDA.
 */
#ifndef NANOLAB_KERNELS_ELEMENT_ELEMENT_H
#define NANOLAB_KERNELS_ELEMENT_ELEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define ELEMENT_FN __host__ __device__ static inline
#else
#define ELEMENT_FN static inline
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum element {
    ELEMENT_F32,
    ELEMENT_F64,
    ELEMENT_BF16,
    ELEMENT_F16,
    ELEMENT_TF32,
    ELEMENT_E4M3,
    ELEMENT_E5M2,
    ELEMENTS
};

/* "f32", "f64", "bf16", "f16", "tf32", "e4m3", "e5m2". */
const char *element_word(enum element element);
ELEMENT_FN size_t element_bytes(enum element element) {
    switch (element) {
    case ELEMENT_F64:
        return 8;
    case ELEMENT_F32:
    case ELEMENT_TF32:
        return 4;
    case ELEMENT_E4M3:
    case ELEMENT_E5M2:
        return 1;
    default:
        return 2;
    }
}

/* Element i of an array. */
double element_get(enum element element, const void *array, size_t i);
void element_set(enum element element, void *array, size_t i, double value);

ELEMENT_FN float element_from_bf16(uint16_t brain) {
    uint32_t bits = (uint32_t)brain << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Without a branch, for loops: read as a float's, the bits are a number 2^112 too small, subnormal
 * ones too, but for infinity and NaN. A signalling NaN becomes a quiet one. */
ELEMENT_FN float element_from_f16(uint16_t half) {
    const uint32_t infinity = 0x7c00u << 13;
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, bits = (uint32_t)(half & 0x7fff) << 13;
    uint32_t special = 0x7f800000u | bits | (bits > infinity ? 0x400000u : 0u);
    float value;
    memcpy(&value, &bits, sizeof value);
    value *= 0x1p112f;
    bool is_special = bits >= infinity;
    memcpy(&bits, &value, sizeof bits);
    bits = sign | (is_special ? special : bits);
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* As element_from_f16: read as a float's, the bits are a number 2^120 too small. */
ELEMENT_FN float element_from_e4m3(uint8_t e4m3) {
    uint32_t sign = (uint32_t)(e4m3 & 0x80) << 24, bits = (uint32_t)(e4m3 & 0x7f) << 20;
    bool is_nan = (e4m3 & 0x7f) == 0x7f;
    float value;
    memcpy(&value, &bits, sizeof value);
    value *= 0x1p120f;
    memcpy(&bits, &value, sizeof bits);
    bits = sign | (is_nan ? 0x7ff00000u : bits);
    memcpy(&value, &bits, sizeof value);
    return value;
}
ELEMENT_FN float element_from_e5m2(uint8_t e5m2) {
    return element_from_f16((uint16_t)(e5m2 << 8));
}

uint16_t element_to_bf16(double value);
uint16_t element_to_f16(double value);
float element_to_tf32(double value);
uint8_t element_to_e4m3(double value);
uint8_t element_to_e5m2(double value);

#ifdef __cplusplus
}
#endif
#endif
