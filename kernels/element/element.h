/*
 * element.h: the types that arrays of numbers come in, and their elements, one by one.
 *
 * 16-bit elements are uint16_t bit patterns: `bf16` is the upper half of a float, `f16` is IEEE
 * binary16. Widening is exact; a NaN stays a NaN of its sign. Narrowing rounds once, to nearest
 * even, from a double; too large becomes infinity. What is inline is valid in C11, C++17 and CUDA.
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

enum element { ELEMENT_F32, ELEMENT_F64, ELEMENT_BF16, ELEMENT_F16, ELEMENTS };

/* "f32", "f64", "bf16", "f16". */
const char *element_word(enum element element);
ELEMENT_FN size_t element_bytes(enum element element) {
    return element == ELEMENT_F64 ? 8 : element == ELEMENT_F32 ? 4 : 2;
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

uint16_t element_to_bf16(double value);
uint16_t element_to_f16(double value);

#ifdef __cplusplus
}
#endif
#endif
