/*
 * mma_data.c: see mma_data.h.
 */
#include "kernels/mma/mma_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/device/device.h"
#include "kernels/rng/data.h"
#include "kernels/rng/philox.h"

/* --- shapes -----------------------------------------------------------------------------------
 */

size_t mma_lda(const struct mma_problem *p) {
    return p->lda ? p->lda : p->shape.k;
}
size_t mma_ldb(const struct mma_problem *p) {
    return p->ldb ? p->ldb : p->shape.k;
}
size_t mma_ldc(const struct mma_problem *p) {
    return p->ldc ? p->ldc : p->shape.n;
}

static size_t matrix_bytes(size_t rows, size_t columns, size_t stride, enum element element) {
    return rows && columns ? ((rows - 1) * stride + columns) * element_bytes(element) : 0;
}
size_t mma_a_bytes(const struct mma_problem *p) {
    return matrix_bytes(p->shape.m, p->shape.k, mma_lda(p), p->in);
}
size_t mma_b_bytes(const struct mma_problem *p) {
    return matrix_bytes(p->shape.n, p->shape.k, mma_ldb(p), p->in);
}
size_t mma_c_bytes(const struct mma_problem *p) {
    return matrix_bytes(p->shape.m, p->shape.n, mma_ldc(p), p->out);
}

double mma_flops(const struct mma_problem *p) {
    return 2.0 * (double)p->shape.m * (double)p->shape.n * (double)p->shape.k;
}
double mma_bytes(const struct mma_problem *p) {
    return ((double)p->shape.m + (double)p->shape.n) * (double)p->shape.k *
               (double)element_bytes(p->in) +
           (double)p->shape.m * (double)p->shape.n * (double)element_bytes(p->out);
}

/* Also with room for a tile around it: nobody's index overflows. */
static int check_matrix(const char *name, size_t rows, size_t columns, size_t stride, size_t offset,
                        enum element element, char *why) {
    const size_t most = (size_t)1 << 46;
    size_t bytes;
    if (stride < columns) {
        if (why)
            snprintf(why, MMA_WHY, "%s's rows hold %zu elements and are only %zu apart", name,
                     columns, stride);
        return -1;
    }
    if (offset % element_bytes(element)) {
        if (why)
            snprintf(why, MMA_WHY, "%s's offset of %zu bytes is no multiple of its elements' %zu",
                     name, offset, element_bytes(element));
        return -1;
    }
    if (__builtin_mul_overflow(rows ? rows : 1, stride, &bytes) || bytes > most || offset > most ||
        rows > most || columns > most) {
        if (why)
            snprintf(why, MMA_WHY, "%s of %zu rows, %zu elements apart, does not fit any memory",
                     name, rows, stride);
        return -1;
    }
    return 0;
}

int mma_problem_check(const struct mma_problem *p, char *why) {
    if ((unsigned)p->in >= ELEMENTS || (unsigned)p->out >= ELEMENTS || p->in == ELEMENT_F64 ||
        p->out == ELEMENT_F64) {
        if (why)
            snprintf(why, MMA_WHY,
                     "a matrix product here takes and gives formats of up to 32 bits");
        return -1;
    }
    return check_matrix("A", p->shape.m, p->shape.k, mma_lda(p), p->a_offset, p->in, why) ||
                   check_matrix("B", p->shape.n, p->shape.k, mma_ldb(p), p->b_offset, p->in, why) ||
                   check_matrix("C", p->shape.m, p->shape.n, mma_ldc(p), p->c_offset, p->out, why)
               ? -1
               : 0;
}

/* --- contents ---------------------------------------------------------------------------------
 */

const char *mma_fill_name(enum mma_fill fill) {
    static const char *const names[MMA_FILLS] = {"normal", "ones", "cancelling", "log-uniform"};
    return (unsigned)fill < MMA_FILLS ? names[fill] : "?";
}

enum { OF_A, OF_B };

/* One row, as doubles that the format then rounds once. */
static int fill_row(enum mma_fill fill, int of, uint64_t seed, size_t row, double *x, size_t k) {
    struct philox_block block = philox_at(seed, of == OF_A ? 0x6d6d6141 : 0x6d6d6142, row);
    struct data_options options = {
        .seed = (uint64_t)block.v[1] << 32 | block.v[0], .low = -6, .high = 6};
    size_t half = k / 2;
    switch (fill) {
    case MMA_FILL_ONES:
        for (size_t i = 0; i < k; i++)
            x[i] = 1;
        return 0;
    case MMA_FILL_LOG_UNIFORM:
        return data_fill(DATA_LOG_UNIFORM, ELEMENT_F64, &options, x, k);
    default:
        if (data_fill(DATA_NORMAL, ELEMENT_F64, &options, x, k) != 0)
            return -1;
    }
    for (size_t i = 0; fill == MMA_FILL_CANCELLING && i < half; i++)
        x[half + i] = of == OF_B ? x[i] : -x[i] * (i % 2 ? 1 : 1 + 0x1p-5);
    return 0;
}

static int fill_matrix(void *out, enum mma_fill fill, int of, uint64_t seed,
                       const struct mma_problem *p, size_t rows, size_t stride) {
    size_t k = p->shape.k;
    double scale = of == OF_B && element_bytes(p->in) > 1 && fill != MMA_FILL_ONES && k
                       ? 1 / sqrt((double)k)
                       : 1;
    double *x = calloc(k ? k : 1, sizeof *x);
    if (!x)
        return device_fail("out of memory for a row of %zu numbers", k);
    for (size_t row = 0; row < rows; row++) {
        if (fill_row(fill, of, seed, row, x, k) != 0) {
            free(x);
            return device_fail("out of memory while filling operands");
        }
        for (size_t i = 0; i < k; i++)
            element_set(p->in, out, row * stride + i, x[i] * scale);
        for (size_t i = k; k && i < stride && row + 1 < rows; i++)
            element_set(p->in, out, row * stride + i, (double)NAN);
    }
    free(x);
    return 0;
}

int mma_operands_open(struct mma_operands *out, const struct mma_problem *problem,
                      enum mma_fill fill, uint64_t seed) {
    char why[MMA_WHY];
    *out = (struct mma_operands){.problem = *problem};
    if (mma_problem_check(problem, why) != 0)
        return device_fail("%s", why);
    size_t a = mma_a_bytes(problem), b = mma_b_bytes(problem);
    out->a = malloc(a ? a : 1);
    out->b = malloc(b ? b : 1);
    if (!out->a || !out->b) {
        mma_operands_close(out);
        return device_fail("out of memory for operands of %zu and %zu bytes", a, b);
    }
    if (fill_matrix(out->a, fill, OF_A, seed, problem, problem->shape.m, mma_lda(problem)) != 0 ||
        fill_matrix(out->b, fill, OF_B, seed, problem, problem->shape.n, mma_ldb(problem)) != 0) {
        mma_operands_close(out);
        return -1;
    }
    return 0;
}

void mma_operands_close(struct mma_operands *operands) {
    free(operands->a);
    free(operands->b);
    operands->a = operands->b = NULL;
}

float mma_a(const struct mma_operands *o, size_t m, size_t k) {
    return (float)element_get(o->problem.in, o->a, m * mma_lda(&o->problem) + k);
}
float mma_b(const struct mma_operands *o, size_t n, size_t k) {
    return (float)element_get(o->problem.in, o->b, n * mma_ldb(&o->problem) + k);
}
void mma_a_row(const struct mma_operands *o, size_t m, float *out) {
    for (size_t k = 0; k < o->problem.shape.k; k++)
        out[k] = mma_a(o, m, k);
}
void mma_b_row(const struct mma_operands *o, size_t n, float *out) {
    for (size_t k = 0; k < o->problem.shape.k; k++)
        out[k] = mma_b(o, n, k);
}

/* --- how far off ------------------------------------------------------------------------------
 */

/* The j-th of `taken` lines out of `count`: all of them in order, or drawn, the last one last. */
static size_t line_at(size_t j, size_t taken, size_t count, uint64_t seed, int of) {
    if (taken == count)
        return j;
    if (j + 1 == taken)
        return count - 1;
    struct philox_block block = philox_at(seed, 0x6d6d6500u + (unsigned)of, j);
    return (size_t)(((uint64_t)block.v[1] << 32 | block.v[0]) % count);
}

static size_t lines_taken(size_t count, size_t other, size_t most) {
    if (most == 0 || count <= 1)
        return count;
    size_t root = (size_t)ceil(sqrt((double)most));
    size_t taken = other < root && other ? most / other : root;
    return taken < 1 ? 1 : taken < count ? taken : count;
}

static bool differs_by_kind(double got, double reference) {
    return isfinite(got) != isfinite(reference) || isnan(got) != isnan(reference) ||
           (isinf(reference) && got != reference);
}

double mma_error(const struct mma_operands *o, const float *c, size_t most, uint64_t seed) {
    const struct mma_shape s = o->problem.shape;
    size_t rows = lines_taken(s.m, s.n, most), columns = lines_taken(s.n, s.m, most);
    float *a = malloc((s.k ? s.k : 1) * sizeof *a), *b = malloc((s.k ? s.k : 1) * sizeof *b);
    double distance = 0, norm = 0;
    if (!a || !b) {
        free(a);
        free(b);
        return INFINITY; /* not looked at is not right */
    }
    for (size_t j = 0; j < columns; j++) {
        size_t n = line_at(j, columns, s.n, seed, OF_B);
        mma_b_row(o, n, b);
        for (size_t i = 0; i < rows; i++) {
            size_t m = line_at(i, rows, s.m, seed, OF_A);
            double sum = 0, got = (double)c[m * s.n + n];
            mma_a_row(o, m, a);
            for (size_t k = 0; k < s.k; k++)
                sum += (double)a[k] * (double)b[k];
            if (differs_by_kind(got, sum))
                distance = INFINITY;
            else if (isfinite(sum)) {
                distance += (got - sum) * (got - sum);
                norm += sum * sum;
            }
        }
    }
    free(a);
    free(b);
    return distance == 0 ? 0 : sqrt(distance / norm);
}

double mma_error_allowed(const struct mma_problem *problem, int fraction) {
    double steps = (double)problem->shape.k / (fraction <= 13 ? 16 : 1) + 1;
    double last = problem->out == ELEMENT_BF16  ? 0x1p-8
                  : problem->out == ELEMENT_F16 ? 0x1p-11
                                                : 0x1p-24;
    return 2 * steps * ldexp(1, -fraction) + last;
}
