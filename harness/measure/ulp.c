/*
 * ulp.c: distances between floating-point numbers. Finite numbers of one sign are ordered as
 * their bit patterns are, so the distance is a difference of integers.
 */
#include "harness/measure/ulp.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

uint64_t ulp_distance_bits(uint64_t a, uint64_t b, int exponent_bits, int fraction_bits) {
    uint64_t sign = (uint64_t)1 << (exponent_bits + fraction_bits);
    uint64_t infinity = (((uint64_t)1 << exponent_bits) - 1) << fraction_bits;
    uint64_t ma = a & (sign - 1), mb = b & (sign - 1);
    bool nan_a = ma > infinity, nan_b = mb > infinity;
    if (nan_a || nan_b)
        return nan_a && nan_b ? 0 : ULP_NAN;
    if ((a & sign) == (b & sign))
        return ma > mb ? ma - mb : mb - ma;
    return ma + mb; /* by way of zero; both zeros count as one place */
}

uint64_t ulp_distance_f32(float a, float b) {
    uint32_t bits_a, bits_b;
    memcpy(&bits_a, &a, sizeof a);
    memcpy(&bits_b, &b, sizeof b);
    return ulp_distance_bits(bits_a, bits_b, 8, 23);
}

uint64_t ulp_distance_f64(double a, double b) {
    uint64_t bits_a, bits_b;
    memcpy(&bits_a, &a, sizeof a);
    memcpy(&bits_b, &b, sizeof b);
    return ulp_distance_bits(bits_a, bits_b, 11, 52);
}

uint64_t ulp_distance_bf16(uint16_t a, uint16_t b) {
    return ulp_distance_bits(a, b, 8, 7);
}

uint64_t ulp_distance_f16(uint16_t a, uint16_t b) {
    return ulp_distance_bits(a, b, 5, 10);
}

double ulp_size_f32(float x) {
    x = fabsf(x);
    if (!isfinite(x))
        return NAN;
    /* Upwards from the largest number would be infinity; its spacing is the one below it. */
    float next = nextafterf(x, INFINITY);
    return isinf(next) ? (double)x - (double)nextafterf(x, 0.0f) : (double)next - (double)x;
}

double ulp_size_f64(double x) {
    x = fabs(x);
    if (!isfinite(x))
        return NAN;
    double next = nextafter(x, INFINITY);
    return isinf(next) ? x - nextafter(x, 0.0) : next - x;
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

long ulp_distinct(const uint64_t *bits, size_t n) {
    if (n == 0)
        return 0;
    uint64_t *sorted = malloc(n * sizeof *sorted);
    if (!sorted)
        return -1;
    memcpy(sorted, bits, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    long distinct = 1;
    for (size_t k = 1; k < n; ++k)
        distinct += sorted[k] != sorted[k - 1];
    free(sorted);
    return distinct;
}
