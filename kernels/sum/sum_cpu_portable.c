/*
 * sum_cpu_portable.c: the native sum in plain C, for every plan and any CPU. One lane runs at the
 * speed of scalar code; more lanes are loops over arrays, for CPUs without the registers and for
 * the numbers of lanes that the other tables leave out.
 */
#include <string.h>

#include "kernels/sum/sum_cpu_kernels.h"

/* --- one lane --------------------------------------------------------------------------------- */

#define NAME(part) f32_acc32_##part
#define ELEMENT float
#define ACC float
#define WIDTH 1
#define ABSENT (-0.0f)
#define LOAD(v, from) (v) = *(from)
#include "kernels/sum/sum_cpu_kernel.inc"

#define NAME(part) f32_acc64_##part
#define ELEMENT float
#define ACC double
#define WIDTH 1
#define ABSENT (-0.0f)
#define LOAD(v, from) (v) = (double)*(from)
#include "kernels/sum/sum_cpu_kernel.inc"

#define NAME(part) f64_acc64_##part
#define ELEMENT double
#define ACC double
#define WIDTH 1
#define ABSENT (-0.0)
#define LOAD(v, from) (v) = *(from)
#include "kernels/sum/sum_cpu_kernel.inc"

#define NAME(part) bf16_acc32_##part
#define ELEMENT uint16_t
#define ACC float
#define WIDTH 1
#define ABSENT 0x8000
#define LOAD(v, from) (v) = element_from_bf16(*(from))
#include "kernels/sum/sum_cpu_kernel.inc"

#define NAME(part) f16_acc32_##part
#define ELEMENT uint16_t
#define ACC float
#define WIDTH 1
#define ABSENT 0x8000
#define LOAD(v, from) (v) = element_from_f16(*(from))
#include "kernels/sum/sum_cpu_kernel.inc"

/* --- any number of lanes ---------------------------------------------------------------------- */

enum { LANES_MAX = 16 };

#define SAME(x) (x)

#define ADD(ACC, s, c, b, d)                                                                       \
    do {                                                                                           \
        ACC other = (b), total = (s) + other, part = total - (s);                                  \
        if (compensated)                                                                           \
            (c) = ((c) + (d)) + (((s) - (total - part)) + (other - part));                         \
        (s) = total;                                                                               \
    } while (0)

/* `count` values, `apart` from each other in s and c, to the first: one after another, or
 * neighbours first. */
#define DEFINE_ANY(name, ELEMENT, ACC, CONVERT)                                                    \
    static void name##_serial(ACC *s, ACC *c, int count, int apart, bool compensated) {            \
        for (int k = 1; k < count; k++)                                                            \
            ADD(ACC, s[0], c[0], s[k * apart], c[k * apart]);                                      \
    }                                                                                              \
    static void name##_neighbours(ACC *s, ACC *c, int count, int apart, bool compensated) {        \
        for (int d = 1; d < count; d *= 2)                                                         \
            for (int k = 0; k + d < count; k += 2 * d)                                             \
                ADD(ACC, s[k * apart], c[k * apart], s[(k + d) * apart], c[(k + d) * apart]);      \
    }                                                                                              \
    static void name##_any(const struct sum_cpu_plan *plan, const void *x, size_t n,               \
                           struct sum_cpu_value *value) {                                          \
        const ELEMENT *from = x;                                                                   \
        const bool compensated = plan->method == SUM_COMPENSATED;                                  \
        const int lanes = plan->lanes, unroll = plan->unroll, streams = plan->streams;             \
        const size_t step = (size_t)(lanes * unroll);                                              \
        const bool whole = plan->span == SUM_CPU_WHOLE;                                            \
        const size_t span = whole ? n / (size_t)streams / step * step : (size_t)plan->span;        \
        const size_t rounds = whole ? span > 0 : n / ((size_t)streams * span);                     \
        ACC s[SUM_CPU_ACCUMULATORS * LANES_MAX], c[SUM_CPU_ACCUMULATORS * LANES_MAX];              \
        for (int k = 0; k < streams * unroll * lanes; k++) {                                       \
            s[k] = -(ACC)0;                                                                        \
            c[k] = 0;                                                                              \
        }                                                                                          \
        for (size_t round = 0; round < rounds; round++)                                            \
            for (size_t stream = 0; stream < (size_t)streams; stream++, from += span)              \
                for (size_t i = 0; i < span; i++) {                                                \
                    size_t k = stream * step + i % step;                                           \
                    ADD(ACC, s[k], c[k], (ACC)CONVERT(from[i]), 0);                                \
                }                                                                                  \
        size_t rest = n - rounds * (size_t)streams * span;                                         \
        for (size_t i = 0; i < rest; i++)                                                          \
            ADD(ACC, s[i % step], c[i % step], (ACC)CONVERT(from[i]), 0);                          \
        for (int lane = 0; lane < lanes; lane++)                                                   \
            (plan->accumulate == SUM_CPU_ACCS_SERIAL ? name##_serial : name##_neighbours)(         \
                s + lane, c + lane, streams * unroll, lanes, compensated);                         \
        if (plan->fold == SUM_CPU_LANES_SERIAL)                                                    \
            name##_serial(s, c, lanes, 1, compensated);                                            \
        else if (plan->fold == SUM_CPU_LANES_PAIRS)                                                \
            name##_neighbours(s, c, lanes, 1, compensated);                                        \
        else                                                                                       \
            for (int half = lanes / 2; half > 0; half /= 2)                                        \
                for (int k = 0; k < half; k++)                                                     \
                    ADD(ACC, s[k], c[k], s[k + half], c[k + half]);                                \
        value->s = s[0];                                                                           \
        value->c = c[0];                                                                           \
    }

DEFINE_ANY(f32_acc32, float, float, SAME)
DEFINE_ANY(f32_acc64, float, double, SAME)
DEFINE_ANY(f64_acc64, double, double, SAME)
DEFINE_ANY(bf16_acc32, uint16_t, float, element_from_bf16)
DEFINE_ANY(f16_acc32, uint16_t, float, element_from_f16)

/* --- binned ----------------------------------------------------------------------------------- */

/* Many elements between two looks at the bin: the largest of a piece decides it, then the piece is
 * cut into int32 sums. */
enum { PIECE = 512 };

#define DEFINE_BINNED32(name, ELEMENT, CONVERT)                                                    \
    static void name##_binned(const struct sum_cpu_plan *plan, const void *x, size_t n,            \
                              struct binned_f32 *sum) {                                            \
        (void)plan;                                                                                \
        const ELEMENT *from = x;                                                                   \
        for (size_t at = 0; at < n; at += PIECE) {                                                 \
            float piece[PIECE];                                                                    \
            size_t count = n - at < PIECE ? n - at : PIECE;                                        \
            uint32_t largest = 0;                                                                  \
            for (size_t i = 0; i < count; i++) {                                                   \
                piece[i] = CONVERT(from[at + i]);                                                  \
                uint32_t kind = binned_f32_class(piece[i]);                                        \
                sum->flags |= kind;                                                                \
                if (kind)                                                                          \
                    piece[i] = 0.0f;                                                               \
                uint32_t magnitude = round_f32_bits(piece[i]) & 0x7fffffffu;                       \
                largest = magnitude > largest ? magnitude : largest;                               \
            }                                                                                      \
            binned_f32_raise(sum, binned_f32_bin(largest));                                        \
            struct binned_f32_cut cut = binned_f32_cut(sum->bin);                                  \
            int32_t a1 = 0, a2 = 0;                                                                \
            for (size_t i = 0; i < count; i++) {                                                   \
                int32_t q1, q2;                                                                    \
                binned_f32_split(&cut, piece[i], &q1, &q2);                                        \
                a1 += q1;                                                                          \
                a2 += q2;                                                                          \
            }                                                                                      \
            sum->a1 += a1;                                                                         \
            sum->a2 += a2;                                                                         \
        }                                                                                          \
    }
_Static_assert(PIECE <= BINNED_F32_FOLD, "the int32 sums of a piece must not overflow");

DEFINE_BINNED32(f32_acc32, float, SAME)
DEFINE_BINNED32(bf16_acc32, uint16_t, element_from_bf16)
DEFINE_BINNED32(f16_acc32, uint16_t, element_from_f16)

#define DEFINE_BINNED64(name, ELEMENT)                                                             \
    static void name##_binned(const struct sum_cpu_plan *plan, const void *x, size_t n,            \
                              struct binned_f64 *sum) {                                            \
        (void)plan;                                                                                \
        const ELEMENT *from = x;                                                                   \
        for (size_t at = 0; at < n; at += PIECE) {                                                 \
            double piece[PIECE];                                                                   \
            size_t count = n - at < PIECE ? n - at : PIECE;                                        \
            uint64_t largest = 0;                                                                  \
            for (size_t i = 0; i < count; i++) {                                                   \
                piece[i] = (double)from[at + i];                                                   \
                uint32_t kind = binned_f64_class(piece[i]);                                        \
                sum->flags |= kind;                                                                \
                if (kind)                                                                          \
                    piece[i] = 0.0;                                                                \
                uint64_t magnitude = round_f64_bits(piece[i]) & 0x7fffffffffffffffu;               \
                largest = magnitude > largest ? magnitude : largest;                               \
            }                                                                                      \
            binned_f64_raise(sum, binned_f64_bin(largest));                                        \
            struct binned_f64_cut cut = binned_f64_cut(sum->bin);                                  \
            int64_t a[BINNED_F64_BINS] = {0, 0, 0};                                                \
            for (size_t i = 0; i < count; i++) {                                                   \
                int64_t q[BINNED_F64_BINS];                                                        \
                binned_f64_split(&cut, piece[i], q);                                               \
                for (int j = 0; j < BINNED_F64_BINS; j++)                                          \
                    a[j] += q[j];                                                                  \
            }                                                                                      \
            for (int j = 0; j < BINNED_F64_BINS; j++)                                              \
                binned_f64_carry(sum, j, a[j]);                                                    \
        }                                                                                          \
    }

DEFINE_BINNED64(f32_acc64, float)
DEFINE_BINNED64(f64_acc64, double)

/* --- the table -------------------------------------------------------------------------------- */

#define ENTRY(name, s, u)                                                                          \
    [SUM_CPU_SHAPE_##s##_##u] = {name##_plain_##s##_##u, name##_compensated_##s##_##u},
#define F32_ACC32(s, u) ENTRY(f32_acc32, s, u)
#define F32_ACC64(s, u) ENTRY(f32_acc64, s, u)
#define F64_ACC64(s, u) ENTRY(f64_acc64, s, u)
#define BF16_ACC32(s, u) ENTRY(bf16_acc32, s, u)
#define F16_ACC32(s, u) ENTRY(f16_acc32, s, u)
#define ANY(name)                                                                                  \
    {                                                                                              \
        [0 ... SUM_CPU_SHAPE_COUNT - 1] = { name##_any, name##_any }                               \
    }
#define ROWS(name, ONE_LANE)                                                                       \
    [SUM_CPU_PAIR_##name] = {[SUM_CPU_WIDTH_1] = {SUM_CPU_SHAPES(ONE_LANE)},                       \
                             [SUM_CPU_WIDTH_8] = ANY(name),                                        \
                             [SUM_CPU_WIDTH_16] = ANY(name)},
#define BINNED(name) [SUM_CPU_PAIR_##name] = {[0 ... SUM_CPU_WIDTH_COUNT - 1] = name##_binned},

const struct sum_cpu_table sum_cpu_portable = {
    .kernel = {ROWS(f32_acc32, F32_ACC32) ROWS(f32_acc64, F32_ACC64) ROWS(f64_acc64, F64_ACC64)
                   ROWS(bf16_acc32, BF16_ACC32) ROWS(f16_acc32, F16_ACC32)},
    .binned32 = {BINNED(f32_acc32) BINNED(bf16_acc32) BINNED(f16_acc32)},
    .binned64 = {BINNED(f32_acc64) BINNED(f64_acc64)},
};
