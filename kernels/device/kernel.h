/*
 * kernel.h: what every .cu file includes, so that one text is a CUDA kernel, a kernel of the SIMT
 * machine, and a checked kernel of the SIMT machine. nvcc compiles it twice: for GPUs, and to PTX
 * for the PTX machine (KERNEL_PTX).
 *
 * The builds of a file end up in one program. Rules that keep them apart, and correct:
 *
 * - All of a .cu (kernels, device functions, launchers) lies in `namespace {` … `}`, except the
 *   one thing it offers: a table of functions, `extern "C" const struct sum_ops
 *   KERNEL_EXPORT(sum_ops) = {…};`, which becomes sum_ops_cuda, sum_ops_ptx, sum_ops_simt,
 *   sum_ops_checked.
 * - Kernels are launched with kernel_launch(); `<<<>>>` is not C++.
 * - Spinning on memory is allowed through atomics and kernel_load_acquire() only: these are the
 *   points where the SIMT machine may run somebody else.
 * - Between blocks, data is handed over by: plain writes, a release; an acquire that reads it,
 *   plain reads. kernel_store_release, kernel_load_acquire and kernel_inc_acq_rel, which is both,
 *   speak for all threads that a barrier has joined to theirs. The checked build reports where one
 *   is missing. __threadfence() is more: it puts all fences of a device in one sequence.
 * - Float to integer: __float2int_rz and its like. A C cast saturates on a GPU and not on x86.
 * - inf, NaN and subnormals behave as compiled; expf, __expf and friends do not match by bits.
 */
#ifndef NANOLAB_KERNELS_DEVICE_KERNEL_H
#define NANOLAB_KERNELS_DEVICE_KERNEL_H

#include "kernels/device/device.h"

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <utility>

#if defined(KERNEL_PTX)
#define KERNEL_EXPORT(name) name##_ptx
#else
#define KERNEL_EXPORT(name) name##_cuda
#endif
#else
#include "kernels/simt/cuda_subset.h"

#ifdef SIMT_CHECKED
#define KERNEL_EXPORT(name) name##_checked
#else
#define KERNEL_EXPORT(name) name##_simt
#endif
#endif

/*
 * kernel_launch(kernel, grid, block, shared_bytes, stream, arguments…): starts the kernel; 0, or
 * -1 with device_fail() naming the kernel. `stream` is device_stream(). On a GPU the kernel may
 * still fail later, at device_sync(); on the SIMT machine it has run when this returns.
 */
#define kernel_launch(...) kernel_launch_named(#__VA_ARGS__, __VA_ARGS__)
/* The same for blocks that wait for each other: all of them run at once, or it is -1. */
#define kernel_launch_together(...) kernel_launch_as(#__VA_ARGS__, true, __VA_ARGS__)

namespace {

/* The first argument of a kernel_launch, as written: "sum_kernel<4, 256>". */
struct kernel_name {
    char text[120];
};

[[maybe_unused]] kernel_name kernel_name_of(const char *arguments) {
    kernel_name name = {};
    int depth = 0;
    for (size_t i = 0; i + 1 < sizeof name.text && arguments[i]; i++) {
        char c = arguments[i];
        depth += (c == '<' || c == '(') - (c == '>' || c == ')');
        if (c == ',' && depth == 0)
            break;
        name.text[i] = c;
    }
    return name;
}

#if defined(__CUDACC__)

template <class... P, class... A>
int kernel_launch_as(const char *text, bool together, void (*kernel)(P...), dim3 grid, dim3 block,
                     size_t shared_bytes, void *stream, A &&...arguments) {
    cudaError_t e = cudaSuccess;
    if (shared_bytes > 48 * 1024) /* more than that has to be asked for */
        e = cudaFuncSetAttribute((const void *)kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 (int)shared_bytes);
    if (e == cudaSuccess) {
        cudaLaunchConfig_t config = {};
        config.gridDim = grid;
        config.blockDim = block;
        config.dynamicSmemBytes = shared_bytes;
        config.stream = (cudaStream_t)stream;
        cudaLaunchAttribute attribute = {};
        attribute.id = cudaLaunchAttributeCooperative;
        attribute.val.cooperative = 1;
        config.attrs = &attribute;
        config.numAttrs = together ? 1 : 0;
        e = cudaLaunchKernelEx(&config, kernel, std::forward<A>(arguments)...);
    }
    if (e == cudaSuccess)
        return 0;
    cudaGetLastError(); /* forget it: the next launch is judged on its own */
    return device_fail("kernel %s, grid %ux%ux%u, block %ux%ux%u, %zu bytes of shared memory: %s",
                       kernel_name_of(text).text, grid.x, grid.y, grid.z, block.x, block.y, block.z,
                       shared_bytes, cudaGetErrorString(e));
}

/* --- what needs PTX ----------------------------------------------------------------------------
 */

__device__ __forceinline__ unsigned kernel_load_acquire(const unsigned *p) {
    unsigned v;
    asm volatile("ld.acquire.gpu.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
    return v;
}
__device__ __forceinline__ unsigned long long kernel_load_acquire(const unsigned long long *p) {
    unsigned long long v;
    asm volatile("ld.acquire.gpu.u64 %0, [%1];" : "=l"(v) : "l"(p) : "memory");
    return v;
}
__device__ __forceinline__ unsigned kernel_load_relaxed(const unsigned *p) {
    unsigned v;
    asm volatile("ld.relaxed.gpu.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
    return v;
}
__device__ __forceinline__ void kernel_store_release(unsigned *p, unsigned v) {
    asm volatile("st.release.gpu.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}
__device__ __forceinline__ void kernel_store_release(unsigned long long *p, unsigned long long v) {
    asm volatile("st.release.gpu.u64 [%0], %1;" ::"l"(p), "l"(v) : "memory");
}
__device__ __forceinline__ void kernel_store_relaxed(unsigned *p, unsigned v) {
    asm volatile("st.relaxed.gpu.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}

/* atomicInc, by which what this thread has written is handed over to whoever increments after it,
 * and what those before it have handed over is received. */
__device__ __forceinline__ unsigned kernel_inc_acq_rel(unsigned *p, unsigned last) {
    unsigned old;
    asm volatile("atom.acq_rel.gpu.global.inc.u32 %0, [%1], %2;"
                 : "=r"(old)
                 : "l"(__cvta_generic_to_global(p)), "r"(last)
                 : "memory");
    return old;
}

/* *p += v, in global memory and on each half by itself, and the old value. Where nobody wants that,
 * kernel_red_add: one instruction that brings nothing back. CUDA's atomicAdd of a pair asks for the
 * old value always, and finds out first which memory is meant. Below compute capability 9.0 there
 * is neither for bfloat16: both are atomicAdd's loop of compare and swap, on the pair. */
__device__ __forceinline__ __half2 kernel_atom_add(__half2 *p, __half2 v) {
    unsigned old, bits;
    memcpy(&bits, &v, 4);
    asm volatile("atom.global.add.noftz.f16x2 %0, [%1], %2;"
                 : "=r"(old)
                 : "l"(__cvta_generic_to_global(p)), "r"(bits)
                 : "memory");
    memcpy(&v, &old, 4);
    return v;
}
__device__ __forceinline__ void kernel_red_add(__half2 *p, __half2 v) {
    unsigned bits;
    memcpy(&bits, &v, 4);
    asm volatile("red.global.add.noftz.f16x2 [%0], %1;" ::"l"(__cvta_generic_to_global(p)),
                 "r"(bits)
                 : "memory");
}
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
__device__ __forceinline__ __nv_bfloat162 kernel_atom_add(__nv_bfloat162 *p, __nv_bfloat162 v) {
    unsigned old, bits;
    memcpy(&bits, &v, 4);
    asm volatile("atom.global.add.noftz.bf16x2 %0, [%1], %2;"
                 : "=r"(old)
                 : "l"(__cvta_generic_to_global(p)), "r"(bits)
                 : "memory");
    memcpy(&v, &old, 4);
    return v;
}
__device__ __forceinline__ void kernel_red_add(__nv_bfloat162 *p, __nv_bfloat162 v) {
    unsigned bits;
    memcpy(&bits, &v, 4);
    asm volatile("red.global.add.noftz.bf16x2 [%0], %1;" ::"l"(__cvta_generic_to_global(p)),
                 "r"(bits)
                 : "memory");
}
#endif

/* Nanoseconds of a clock that all blocks share; 0 where there is none, on the SIMT machine. It may
 * advance in steps of a microsecond. */
__device__ __forceinline__ unsigned long long kernel_nanoseconds() {
    unsigned long long now;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now)::"memory");
    return now;
}

#else

template <class... P, class... A>
int kernel_launch_as(const char *text, bool together, void (*kernel)(P...), dim3 grid, dim3 block,
                     size_t shared_bytes, void *, A... arguments) {
    /* The kernel's parameters are copied once per thread, as on a GPU. Not instrumented: the
     * copies lie in the launcher's frame, which is not device memory. */
    auto body = [=]() __attribute__((no_sanitize("thread"))) {
        kernel(static_cast<P>(arguments)...);
    };
    kernel_name name = kernel_name_of(text);
    struct simt_launch launch = {};
    launch.name = name.text;
    launch.grid[0] = grid.x, launch.grid[1] = grid.y, launch.grid[2] = grid.z;
    launch.block[0] = block.x, launch.block[1] = block.y, launch.block[2] = block.z;
    launch.shared_bytes = shared_bytes;
    launch.together = together;
#ifdef SIMT_CHECKED
    launch.checked = 1;
#endif
    launch.arguments = &body;
    launch.arguments_bytes = sizeof body;
    launch.run = [](const void *p) __attribute__((no_sanitize("thread"))) {
        (*static_cast<const decltype(body) *>(p))();
    };
    return simt_launch_kernel(&launch);
}

[[maybe_unused]] unsigned long long kernel_nanoseconds() {
    return 0;
}
[[maybe_unused]] unsigned kernel_load_acquire(const unsigned *p) {
    return simt_load_u32(p, SIMT_ACQUIRE);
}
[[maybe_unused]] unsigned long long kernel_load_acquire(const unsigned long long *p) {
    return simt_load_u64(p, SIMT_ACQUIRE);
}
[[maybe_unused]] unsigned kernel_load_relaxed(const unsigned *p) {
    return simt_load_u32(p, SIMT_RELAXED);
}
[[maybe_unused]] void kernel_store_release(unsigned *p, unsigned v) {
    simt_store_u32(p, v, SIMT_RELEASE);
}
[[maybe_unused]] void kernel_store_release(unsigned long long *p, unsigned long long v) {
    simt_store_u64(p, v, SIMT_RELEASE);
}
[[maybe_unused]] void kernel_store_relaxed(unsigned *p, unsigned v) {
    simt_store_u32(p, v, SIMT_RELAXED);
}
__device__ __forceinline__ unsigned kernel_inc_acq_rel(unsigned *p, unsigned last) {
    simt_fence(SIMT_SCOPE_DEVICE);
    unsigned old = atomicInc(p, last);
    simt_fence(SIMT_SCOPE_DEVICE);
    return old;
}

#endif

/* Other types: the compiler has both instructions, and sees whether the old value is used. */
template <class T>
__device__ __forceinline__ T kernel_atom_add(T *p, T v) {
    return atomicAdd(p, v);
}
template <class T>
__device__ __forceinline__ void kernel_red_add(T *p, T v) {
    (void)atomicAdd(p, v);
}

template <class... A>
int kernel_launch_named(const char *text, A &&...arguments) {
    return kernel_launch_as(text, false, static_cast<A &&>(arguments)...);
}

} // namespace

#endif
