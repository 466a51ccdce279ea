/* Better: integers from the first bit to the last, so that no exponent is too small or too large
 * for a double or for a long long. */
#include <stdint.h>
#include <string.h>

#include "exercise.h"

/* x = sign * significand * 2^(exponent - 23), 2^23 <= significand < 2^24; significand 0: zero. */
struct parts {
    int negative, exponent;
    uint64_t significand;
};

static struct parts parts_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    struct parts p = {bits >> 31, (int)(bits >> 23 & 255) - 127, bits & 0x7fffff};
    if (p.exponent > -127) {
        p.significand |= 0x800000;
        return p;
    }
    for (p.exponent = -126; p.significand && p.significand < 0x800000; p.exponent--)
        p.significand *= 2;
    return p;
}

/* size * 2^from, cut to a multiple of 2^unit, in such units. */
static int64_t cut(uint64_t size, int from, int unit, int negative) {
    if (from >= unit)
        size <<= from - unit;
    else
        size = unit - from < 64 ? size >> (unit - from) : 0;
    return negative ? -(int64_t)size : (int64_t)size;
}

float step(const float *a, const float *b, size_t n, float c, int fraction) {
    struct parts of_a[16], of_b[16], of_c = parts_of(c);
    int top = of_c.significand ? of_c.exponent : -1000;
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        of_a[i] = parts_of(a[i]);
        of_b[i] = parts_of(b[i]);
        int exponent = of_a[i].exponent + of_b[i].exponent;
        if (of_a[i].significand && of_b[i].significand && exponent > top)
            top = exponent;
    }
    for (size_t i = 0; i < n; i++)
        sum +=
            cut(of_a[i].significand * of_b[i].significand, of_a[i].exponent + of_b[i].exponent - 46,
                top - fraction, of_a[i].negative != of_b[i].negative);
    sum += cut(of_c.significand, of_c.exponent - 23, top - fraction, of_c.negative);
    if (sum == 0)
        return 0;
    uint64_t size = (uint64_t)(sum < 0 ? -sum : sum);
    int exponent = top - fraction + 23;
    for (; size >= 1 << 24; exponent++)
        size >>= 1; /* cuts */
    for (; size < 1 << 23; exponent--)
        size <<= 1;
    uint32_t bits =
        (uint32_t)(sum < 0) << 31 | (uint32_t)(exponent + 127) << 23 | ((uint32_t)size & 0x7fffff);
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}
