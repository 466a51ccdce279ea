/*
 * mma_slices_model.c: what an element of the integer GEMM must be, computed without any of the code
 * that multiplies: row's scale by trying, digits by dividing, sums in 128 bits, the last rounding
 * by the compiler.
 */
#include <math.h>

#include "kernels/mma/mma_slices_inside.h"

/* An exact number of a float and up to 31 more bits of exponent, to the nearest integer, ties to
 * even, without asking for the rounding mode. */
static int64_t nearest(double x) {
    double whole = floor(fabs(x)), rest = fabs(x) - whole;
    int64_t n = (int64_t)whole;
    n += rest > 0.5 || (rest == 0.5 && n % 2 != 0);
    return x < 0 ? -n : n;
}

static float row_element(const struct mma_operands *o, bool of_a, size_t row, size_t k) {
    return of_a ? mma_a(o, row, k) : mma_b(o, row, k);
}

static int scale(double largest, int slices) {
    const int64_t limit = slices == 3 ? 0x7f7f7f : 0x7f7f7f7f;
    int q = -200;
    if (largest == 0)
        return 0;
    while (ldexp(largest, q + 1) < 0x1p33 && nearest(ldexp(largest, q + 1)) <= limit)
        q++;
    return q;
}

/* digits[0] is the coarsest. */
static void digits_of(int64_t x, int slices, int digits[MMA_SLICES_MOST]) {
    for (int s = slices - 1; s >= 0; s--) {
        int64_t digit = ((x % 256) + 256) % 256;
        digits[s] = (int)(digit >= 128 ? digit - 256 : digit);
        x = (x - digits[s]) / 256;
    }
}

float mma_slices_model(const struct mma_operands *o, int slices, int classes, size_t m, size_t n) {
    const size_t count = o->problem.shape.k;
    const size_t row[2] = {m, n};
    double largest[2] = {0, 0}, specials = 0;
    bool special = false;
    for (size_t k = 0; k < count; k++) {
        double x[2];
        for (int of = 0; of < 2; of++) {
            x[of] = (double)row_element(o, of == 0, row[of], k);
            largest[of] = fabs(x[of]) > largest[of] ? fabs(x[of]) : largest[of];
        }
        if (!isfinite(x[0]) || !isfinite(x[1])) {
            specials += x[0] * x[1];
            special = true;
        }
    }
    if (special)
        return (float)specials;
    int q[2] = {scale(largest[0], slices), scale(largest[1], slices)};
    __int128 v = 0;
    for (size_t k = 0; k < count; k++) {
        int digits[2][MMA_SLICES_MOST];
        for (int of = 0; of < 2; of++)
            digits_of(nearest(ldexp((double)row_element(o, of == 0, row[of], k), q[of])), slices,
                      digits[of]);
        for (int i = 0; i < slices; i++)
            for (int j = 0; j < slices && i + j < classes; j++)
                v += digits[0][i] * digits[1][j] * ((__int128)1 << 8 * (classes - 1 - i - j));
    }
    /* 64 bits of fraction: exact, and so rounded once. */
    return (float)ldexpl((long double)v, 8 * (2 * slices - 1 - classes) - q[0] - q[1]);
}
