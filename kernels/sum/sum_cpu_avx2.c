/*
 * sum_cpu_avx2.c: the native sum's loops for AVX2. Nothing here runs before
 * sum_cpu_isa_usable(SUM_CPU_AVX2) has said yes.
 */
#ifdef __x86_64__
#include <immintrin.h>
#include <string.h>

#include "kernels/sum/sum_cpu_kernels.h"

#pragma GCC target("avx2,f16c")
#include "kernels/sum/sum_cpu_x86.inc"

const struct sum_cpu_table sum_cpu_avx2 = {
    .kernel = SUM_CPU_X86_KERNELS,
    .binned32 = SUM_CPU_X86_BINNED32,
    .binned64 = SUM_CPU_X86_BINNED64,
};
#endif
