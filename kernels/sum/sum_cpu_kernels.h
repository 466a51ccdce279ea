/*
 * sum_cpu_kernels.h: between the parts of the native sum: what one thread is asked to do, and the
 * tables of code for each instruction set.
 */
#ifndef NANOLAB_KERNELS_SUM_SUM_CPU_KERNELS_H
#define NANOLAB_KERNELS_SUM_SUM_CPU_KERNELS_H

#include "kernels/element/element.h"
#include "kernels/sum/binned.h"
#include "kernels/sum/sum_cpu.h"

/* A thread's sum. A plain one is s alone; a compensated one is s + c. Floats are held exactly. */
struct sum_cpu_value {
    double s, c;
};

/* Sums n >= 1 elements. */
typedef void sum_cpu_kernel(const struct sum_cpu_plan *plan, const void *x, size_t n,
                            struct sum_cpu_value *value);
typedef void sum_cpu_binned32(const struct sum_cpu_plan *plan, const void *x, size_t n,
                              struct binned_f32 *sum);
typedef void sum_cpu_binned64(const struct sum_cpu_plan *plan, const void *x, size_t n,
                              struct binned_f64 *sum);

/* Types of input and accumulator that code exists for. */
#define SUM_CPU_PAIRS(P)                                                                           \
    P(f32_acc32, ELEMENT_F32, SUM_ACC32)                                                           \
    P(f32_acc64, ELEMENT_F32, SUM_ACC64)                                                           \
    P(f64_acc64, ELEMENT_F64, SUM_ACC64)                                                           \
    P(bf16_acc32, ELEMENT_BF16, SUM_ACC32)                                                         \
    P(f16_acc32, ELEMENT_F16, SUM_ACC32)
#define SUM_CPU_PAIR_ID(name, type, acc) SUM_CPU_PAIR_##name,
enum sum_cpu_pair { SUM_CPU_PAIRS(SUM_CPU_PAIR_ID) SUM_CPU_PAIR_COUNT };

/* Most accumulators of a thread. Streams and unroll that code exists for: all powers of two up to
 * 4 and 8 with at most so many. */
#define SUM_CPU_ACCUMULATORS 16
#define SUM_CPU_SHAPES(X)                                                                          \
    X(1, 1) X(1, 2) X(1, 4) X(1, 8) X(2, 1) X(2, 2) X(2, 4) X(2, 8) X(4, 1) X(4, 2) X(4, 4)
#define SUM_CPU_SHAPE_ID(s, u) SUM_CPU_SHAPE_##s##_##u,
enum sum_cpu_shape { SUM_CPU_SHAPES(SUM_CPU_SHAPE_ID) SUM_CPU_SHAPE_COUNT };

/* One more than the shape of so many streams (up to 4) and accumulators (up to 8); 0: there is no
 * code for it. */
#define SUM_CPU_SHAPE_PLACE(s, u) [s][u] = SUM_CPU_SHAPE_##s##_##u + 1,
static const unsigned char sum_cpu_shape_place[5][9] = {SUM_CPU_SHAPES(SUM_CPU_SHAPE_PLACE)};

enum sum_cpu_width { SUM_CPU_WIDTH_1, SUM_CPU_WIDTH_8, SUM_CPU_WIDTH_16, SUM_CPU_WIDTH_COUNT };

/* NULL where there is no special code: the portable table, which is complete, has it then. */
struct sum_cpu_table {
    /* [compensated] */
    sum_cpu_kernel *kernel[SUM_CPU_PAIR_COUNT][SUM_CPU_WIDTH_COUNT][SUM_CPU_SHAPE_COUNT][2];
    /* f32_acc32, bf16_acc32 and f16_acc32 only */
    sum_cpu_binned32 *binned32[SUM_CPU_PAIR_COUNT][SUM_CPU_WIDTH_COUNT];
    /* f32_acc64 and f64_acc64 only */
    sum_cpu_binned64 *binned64[SUM_CPU_PAIR_COUNT][SUM_CPU_WIDTH_COUNT];
};

extern const struct sum_cpu_table sum_cpu_portable;
#ifdef __x86_64__
extern const struct sum_cpu_table sum_cpu_avx2, sum_cpu_avx512;
#endif

#endif
