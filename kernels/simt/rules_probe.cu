/*
 * rules_probe.cu: the instructions that rules_probe.h asks about, each on operands that the
 * compiler does not know.
 */
#include "kernels/device/kernel.h"
#include "kernels/simt/rules_probe.h"

namespace {

template <class To, class From>
__device__ inline To rules_as(From from) {
    static_assert(sizeof(To) <= sizeof(From), "bits are dropped, never made up");
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}

__device__ inline uint64_t rules_bits(float v) {
    return rules_as<unsigned>(v);
}
__device__ inline uint64_t rules_bits(__half v) {
    return __half_as_ushort(v);
}
__device__ inline uint64_t rules_bits(__nv_bfloat16 v) {
    return __bfloat16_as_ushort(v);
}

/* What `word` in memory holds after an addition to it. */
template <class T>
__device__ uint64_t rules_atomic(uint64_t *word, T a, T b, uint64_t mask) {
    *word = rules_bits(a);
    __threadfence();
    atomicAdd((T *)word, b);
    __threadfence();
    return kernel_load_relaxed((const unsigned *)word) & mask;
}

__device__ uint64_t rules_atomic_returned(uint64_t *word, float a, float b) {
    *word = rules_bits(a);
    __threadfence();
    word[1] = rules_bits(atomicAdd((float *)word, b));
    __threadfence();
    return kernel_load_relaxed((const unsigned *)word);
}

__device__ uint64_t rules_atomic_shared(float a, float b) {
    __shared__ float slot;
    slot = a;
    __syncthreads();
    atomicAdd(&slot, b);
    __syncthreads();
    return rules_bits(slot);
}

__device__ uint64_t rules_of_f32(int instruction, float a, float b, uint64_t *word) {
    switch (instruction) {
    case RULES_F32_ADD:
        return rules_bits(a + b);
    case RULES_F32_MULTIPLY:
        return rules_bits(a * b);
    case RULES_F32_DIVIDE:
        return rules_bits(a / b);
    case RULES_F32_ROOT:
        return rules_bits(__fsqrt_rn(a));
    case RULES_F32_FUSED:
        return rules_bits(__fmaf_rn(a, b, 1.0f));
    case RULES_F32_ATOMIC:
        return rules_atomic(word, a, b, 0xffffffff);
    case RULES_F32_ATOMIC_RETURNED:
        return rules_atomic_returned(word, a, b);
    case RULES_F32_ATOMIC_SHARED:
        return rules_atomic_shared(a, b);
    case RULES_F16_NARROW:
        return rules_bits(__float2half(a));
    case RULES_BF16_NARROW:
        return rules_bits(__float2bfloat16(a));
    case RULES_F32_TO_I32:
        return (unsigned)__float2int_rz(a);
    case RULES_F32_TO_U32:
        return __float2uint_rz(a);
    case RULES_F32_TO_I64:
        return (uint64_t)__float2ll_rz(a);
    default:
        return __float2ull_rz(a);
    }
}

template <class T>
__device__ uint64_t rules_of_narrow(int instruction, T a, T b, T one, uint64_t *word) {
    switch (instruction) {
    case RULES_F16_ADD:
    case RULES_BF16_ADD:
        return rules_bits(__hadd(a, b));
    case RULES_F16_FUSED:
    case RULES_BF16_FUSED:
        return rules_bits(__hfma(a, b, one));
    default:
        return rules_atomic(word, a, b, 0xffff);
    }
}

__device__ uint64_t rules_of_f64(int instruction, double a) {
    switch (instruction) {
    case RULES_F64_TO_I32:
        return (unsigned)__double2int_rz(a);
    case RULES_F64_TO_U32:
        return __double2uint_rz(a);
    case RULES_F64_TO_I64:
        return (uint64_t)__double2ll_rz(a);
    default:
        return __double2ull_rz(a);
    }
}

__global__ void rules_instruction_kernel(int instruction, uint64_t a, uint64_t b,
                                         uint64_t *answer) {
    uint64_t *word = answer + 1;
    if (instruction >= RULES_F64_TO_I32)
        *answer = rules_of_f64(instruction, rules_as<double>(a));
    else if (instruction == RULES_F16_ADD || instruction == RULES_F16_FUSED ||
             instruction == RULES_F16_ATOMIC)
        *answer = rules_of_narrow(instruction, __ushort_as_half((unsigned short)a),
                                  __ushort_as_half((unsigned short)b), __float2half(1.0f), word);
    else if (instruction == RULES_BF16_ADD || instruction == RULES_BF16_FUSED ||
             instruction == RULES_BF16_ATOMIC)
        *answer =
            rules_of_narrow(instruction, __ushort_as_bfloat16((unsigned short)a),
                            __ushort_as_bfloat16((unsigned short)b), __float2bfloat16(1.0f), word);
    else
        *answer = rules_of_f32(instruction, rules_as<float>((unsigned)a),
                               rules_as<float>((unsigned)b), word);
}

int rules_instruction_run(enum rules_instruction instruction, uint64_t a, uint64_t b,
                          uint64_t *answer, void *stream) {
    return kernel_launch(rules_instruction_kernel, dim3(1), dim3(1), 0, stream, (int)instruction, a,
                         b, answer);
}

template <class T, class T2>
__global__ void rules_pair_kernel(T one, T less, unsigned rounds, unsigned *pair,
                                  unsigned *differed) {
    bool adds = blockIdx.x % 2 == 0;
    T2 up, down;
    up.x = up.y = one;
    down.x = down.y = less;
    for (unsigned r = 0; r < rounds; r++) {
        if (adds) {
            atomicAdd((T2 *)pair, r % 2 ? down : up);
        } else {
            unsigned seen = kernel_load_relaxed(pair);
            if ((seen & 0xffff) != seen >> 16)
                atomicAdd(differed, 1u);
        }
    }
}

int rules_pair_run(bool bfloat, unsigned rounds, uint64_t *answer, void *stream) {
    unsigned *pair = (unsigned *)answer, *differed = (unsigned *)(answer + 1);
    dim3 grid(8), block(32); /* 128 threads add: every number of ones is exact in BF16 too */
    if (bfloat)
        return kernel_launch((rules_pair_kernel<__nv_bfloat16, __nv_bfloat162>), grid, block, 0,
                             stream, __float2bfloat16(1.0f), __float2bfloat16(-1.0f), rounds, pair,
                             differed);
    return kernel_launch((rules_pair_kernel<__half, __half2>), grid, block, 0, stream,
                         __float2half(1.0f), __float2half(-1.0f), rounds, pair, differed);
}

} // namespace

extern "C" const struct rules_ops KERNEL_EXPORT(rules_ops) = {rules_instruction_run,
                                                              rules_pair_run};
