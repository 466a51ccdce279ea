/*
 * cuda_sync.h: what threads do together: barriers, warp operations, atomics, fences. Part of
 * cuda_subset.h. Forced inline, so that the return address the machine sees is the kernel's.
 */
#ifndef NANOLAB_KERNELS_SIMT_CUDA_SYNC_H
#define NANOLAB_KERNELS_SIMT_CUDA_SYNC_H

#define SIMT_IN static inline __attribute__((unused, always_inline))

SIMT_IN void __syncthreads() {
    simt_barrier(SIMT_BARRIER, 0);
}
SIMT_IN int __syncthreads_count(int p) {
    return simt_barrier(SIMT_BARRIER_COUNT, p);
}
SIMT_IN int __syncthreads_or(int p) {
    return simt_barrier(SIMT_BARRIER_OR, p);
}
SIMT_IN int __syncthreads_and(int p) {
    return simt_barrier(SIMT_BARRIER_AND, p);
}
SIMT_IN void __syncwarp(unsigned mask = 0xffffffff) {
    simt_warp(SIMT_WARP_SYNC, mask, 0, 0, 32);
}
SIMT_IN void __threadfence_block() {
    simt_fence(SIMT_SCOPE_BLOCK);
}
SIMT_IN void __threadfence() {
    simt_fence(SIMT_SCOPE_DEVICE);
}
SIMT_IN void __threadfence_system() {
    simt_fence(SIMT_SCOPE_DEVICE);
}

/* Any value of up to 8 bytes as the machine carries it, and back. */
template <class T>
SIMT_IN uint64_t simt_pack(T v) {
    static_assert(sizeof(T) <= 8, "at most 8 bytes");
    uint64_t bits = 0;
    __builtin_memcpy(&bits, &v, sizeof v);
    return bits;
}
template <class T>
SIMT_IN T simt_unpack(uint64_t bits) {
    T v;
    __builtin_memcpy(&v, &bits, sizeof v);
    return v;
}

template <class T>
SIMT_IN T __shfl_sync(unsigned mask, T v, int lane, int width = 32) {
    return simt_unpack<T>(
        simt_warp(SIMT_SHUFFLE_INDEX, mask, simt_pack(v), (unsigned)lane, (unsigned)width));
}
template <class T>
SIMT_IN T __shfl_up_sync(unsigned mask, T v, unsigned delta, int width = 32) {
    return simt_unpack<T>(simt_warp(SIMT_SHUFFLE_UP, mask, simt_pack(v), delta, (unsigned)width));
}
template <class T>
SIMT_IN T __shfl_down_sync(unsigned mask, T v, unsigned delta, int width = 32) {
    return simt_unpack<T>(simt_warp(SIMT_SHUFFLE_DOWN, mask, simt_pack(v), delta, (unsigned)width));
}
template <class T>
SIMT_IN T __shfl_xor_sync(unsigned mask, T v, int lanes, int width = 32) {
    return simt_unpack<T>(
        simt_warp(SIMT_SHUFFLE_XOR, mask, simt_pack(v), (unsigned)lanes, (unsigned)width));
}

SIMT_IN unsigned __ballot_sync(unsigned mask, int p) {
    return (unsigned)simt_warp(SIMT_BALLOT, mask, p != 0, 0, 32);
}
SIMT_IN int __all_sync(unsigned mask, int p) {
    return (int)simt_warp(SIMT_ALL, mask, p != 0, 0, 32);
}
SIMT_IN int __any_sync(unsigned mask, int p) {
    return (int)simt_warp(SIMT_ANY, mask, p != 0, 0, 32);
}
SIMT_IN unsigned __activemask() {
    return simt_active_mask();
}

#define SIMT_REDUCE(name, type, op)                                                                \
    SIMT_IN type name(unsigned mask, type v) {                                                     \
        return (type)simt_warp(op, mask, (unsigned)v, 0, 32);                                      \
    }
SIMT_REDUCE(__reduce_add_sync, unsigned, SIMT_REDUCE_ADD)
SIMT_REDUCE(__reduce_add_sync, int, SIMT_REDUCE_ADD)
SIMT_REDUCE(__reduce_min_sync, unsigned, SIMT_REDUCE_MIN_U)
SIMT_REDUCE(__reduce_min_sync, int, SIMT_REDUCE_MIN_S)
SIMT_REDUCE(__reduce_max_sync, unsigned, SIMT_REDUCE_MAX_U)
SIMT_REDUCE(__reduce_max_sync, int, SIMT_REDUCE_MAX_S)
SIMT_REDUCE(__reduce_and_sync, unsigned, SIMT_REDUCE_AND)
SIMT_REDUCE(__reduce_or_sync, unsigned, SIMT_REDUCE_OR)
SIMT_REDUCE(__reduce_xor_sync, unsigned, SIMT_REDUCE_XOR)
#undef SIMT_REDUCE

/* Relaxed atomics: they order nothing without a fence, as in CUDA. */
#define SIMT_RMW(name, type, op)                                                                   \
    SIMT_IN type name(type *p, type v) {                                                           \
        return simt_unpack<type>(simt_atomic(op, p, sizeof v, simt_pack(v), 0, SIMT_RELAXED));     \
    }
SIMT_RMW(atomicAdd, int, SIMT_ADD)
SIMT_RMW(atomicAdd, unsigned, SIMT_ADD)
SIMT_RMW(atomicAdd, unsigned long long, SIMT_ADD)
SIMT_RMW(atomicAdd, float, SIMT_ADD_F32)
SIMT_RMW(atomicAdd, double, SIMT_ADD_F64)
SIMT_RMW(atomicAdd, __half, SIMT_ADD_F16)
SIMT_RMW(atomicAdd, __nv_bfloat16, SIMT_ADD_BF16)
SIMT_RMW(atomicExch, int, SIMT_EXCHANGE)
SIMT_RMW(atomicExch, unsigned, SIMT_EXCHANGE)
SIMT_RMW(atomicExch, unsigned long long, SIMT_EXCHANGE)
SIMT_RMW(atomicExch, float, SIMT_EXCHANGE)
SIMT_RMW(atomicMin, int, SIMT_MIN_S)
SIMT_RMW(atomicMin, unsigned, SIMT_MIN_U)
SIMT_RMW(atomicMin, unsigned long long, SIMT_MIN_U)
SIMT_RMW(atomicMin, long long, SIMT_MIN_S)
SIMT_RMW(atomicMax, int, SIMT_MAX_S)
SIMT_RMW(atomicMax, unsigned, SIMT_MAX_U)
SIMT_RMW(atomicMax, unsigned long long, SIMT_MAX_U)
SIMT_RMW(atomicMax, long long, SIMT_MAX_S)
SIMT_RMW(atomicAnd, int, SIMT_AND)
SIMT_RMW(atomicAnd, unsigned, SIMT_AND)
SIMT_RMW(atomicAnd, unsigned long long, SIMT_AND)
SIMT_RMW(atomicOr, int, SIMT_OR)
SIMT_RMW(atomicOr, unsigned, SIMT_OR)
SIMT_RMW(atomicOr, unsigned long long, SIMT_OR)
SIMT_RMW(atomicXor, int, SIMT_XOR)
SIMT_RMW(atomicXor, unsigned, SIMT_XOR)
SIMT_RMW(atomicXor, unsigned long long, SIMT_XOR)
SIMT_RMW(atomicInc, unsigned, SIMT_INC)
SIMT_RMW(atomicDec, unsigned, SIMT_DEC)
#undef SIMT_RMW
SIMT_IN int atomicSub(int *p, int v) {
    return atomicAdd(p, (int)(0u - (unsigned)v));
}
SIMT_IN unsigned atomicSub(unsigned *p, unsigned v) {
    return atomicAdd(p, 0u - v);
}

/* Atomic per half, in two steps between which others may run. */
SIMT_IN __half2 atomicAdd(__half2 *p, __half2 v) {
    __half x = atomicAdd(&p->x, v.x);
    return __half2(x, atomicAdd(&p->y, v.y));
}
SIMT_IN __nv_bfloat162 atomicAdd(__nv_bfloat162 *p, __nv_bfloat162 v) {
    __nv_bfloat16 x = atomicAdd(&p->x, v.x);
    return __nv_bfloat162(x, atomicAdd(&p->y, v.y));
}

#define SIMT_COMPARE_SWAP(type)                                                                    \
    SIMT_IN type atomicCAS(type *p, type compare, type v) {                                        \
        return simt_unpack<type>(                                                                  \
            simt_atomic(SIMT_CAS, p, sizeof v, simt_pack(v), simt_pack(compare), SIMT_RELAXED));   \
    }
SIMT_COMPARE_SWAP(int)
SIMT_COMPARE_SWAP(unsigned)
SIMT_COMPARE_SWAP(unsigned short)
SIMT_COMPARE_SWAP(unsigned long long)
#undef SIMT_COMPARE_SWAP

#endif
