/*
 * sum_data.h: inputs for the tests of the sums, as doubles and then rounded to a plan's type.
 * Each kind is there because some wrong order, padding or special case shows only on it.
 */
#ifndef NANOLAB_KERNELS_SUM_SUM_DATA_H
#define NANOLAB_KERNELS_SUM_SUM_DATA_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/element/element.h"
#include "kernels/sum/sum.h"

enum sum_data {
    DATA_NORMAL,      /* bell-shaped: rounding at nearly every add */
    DATA_LOG_UNIFORM, /* magnitudes over 2^24: compensation and wide accumulators matter */
    DATA_CANCELLING,  /* large pairs +v, -v far apart, small rest: most orders differ at once */
    DATA_SUBNORMAL,   /* subnormals of the type among small normals: flushed if a device does */
    DATA_ZEROS,       /* +0 and -0: padding with the wrong zero shows in the sign */
    DATA_MINUS_ZERO,  /* -0 only */
    DATA_SPECIAL,     /* infinities, and a NaN at odd seeds */
    DATA_KINDS
};

static const char *const sum_data_names[DATA_KINDS] = {
    "normal", "log-uniform", "cancelling", "subnormal", "zeros", "minus zero", "special"};

/* SplitMix64: a counter hashed, so element i does not depend on how many came before. */
static uint64_t sum_data_random(uint64_t seed, uint64_t i) {
    uint64_t z = (seed * 0x2545f4914f6cdd1du + i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double sum_data_unit(uint64_t seed, uint64_t i) {
    return (double)(sum_data_random(seed, i) >> 11) * 0x1p-53;
}

static double sum_data_value(enum sum_data kind, enum element type, uint64_t seed, size_t i,
                             size_t n) {
    double sign = sum_data_random(seed + 1, i) & 1 ? -1 : 1;
    double u = sum_data_unit(seed, i);
    double tiny = type == ELEMENT_F64 ? 0x1p-1030 : type == ELEMENT_F16 ? 0x1p-18 : 0x1p-130;
    switch (kind) {
    case DATA_NORMAL: { /* twelve uniforms: close enough to a bell */
        double sum = -6;
        for (uint64_t k = 0; k < 12; k++)
            sum += sum_data_unit(seed + 2 + k, i);
        return sum;
    }
    case DATA_LOG_UNIFORM:
        return sign * exp2(type == ELEMENT_F16 ? 24 * u - 12 : 24 * u - 12 + (double)(seed % 5));
    case DATA_CANCELLING: { /* element i pairs with n - 1 - i */
        size_t low = i < n - 1 - i ? i : n - 1 - i;
        double big = exp2(10 * sum_data_unit(seed, low));
        double small = sum_data_unit(seed + 3, i) * 0x1p-6;
        return (i == low ? big : -big) + small;
    }
    case DATA_SUBNORMAL:
        return sign * tiny * (1 + 3 * u);
    case DATA_ZEROS:
        return copysign(0, sign);
    case DATA_MINUS_ZERO:
        return -0.0;
    default:
        if (i % 97 == seed % 97)
            return seed % 4 == 2 ? sign * (double)INFINITY : (double)INFINITY;
        return seed % 2 && i == n / 2 ? (double)NAN : sign * u;
    }
}

/* n inputs of a plan's type; caller frees. NULL: no memory. */
static void *sum_data_new(enum sum_data kind, enum element type, uint64_t seed, size_t n) {
    char *data = malloc(n * element_bytes(type));
    for (size_t i = 0; data && i < n; i++) {
        double value = sum_data_value(kind, type, seed, i, n);
        float narrow = (float)value;
        uint16_t half = element_to_f16((double)narrow), brain = element_to_bf16((double)narrow);
        switch (type) {
        case ELEMENT_F32:
            memcpy(data + 4 * i, &narrow, 4);
            break;
        case ELEMENT_F64:
            memcpy(data + 8 * i, &value, 8);
            break;
        case ELEMENT_BF16:
            memcpy(data + 2 * i, &brain, 2);
            break;
        default:
            memcpy(data + 2 * i, &half, 2);
        }
    }
    return data;
}

#endif
