/*
 * roofs.cu: the kernels that reach a GPU's limits; the SIMT machine runs the same text for its
 * results.
 *
 * Memory kernels move 16 bytes per access, STREAMS of them in flight per thread, and walk the
 * buffer with the whole grid, so that neighbouring threads touch neighbouring addresses and every
 * pass covers every byte once.
 */
#include "kernels/device/kernel.h"
#include "kernels/roofs/roofs_inside.h"

namespace {

typedef unsigned long long word;

__global__ void roofs_fill(word *to, size_t words) {
    size_t step = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < words; i += step)
        to[i] = (i + 1) * ROOFS_PATTERN;
}

/* vectors: of 16 bytes. The checksum is an integer sum, so no order of blocks changes it. */
template <int STREAMS>
__global__ void roofs_read(const ulonglong2 *from, size_t vectors, unsigned passes,
                           word *checksum) {
    word sum = 0;
    size_t tile = (size_t)blockDim.x * STREAMS, step = tile * gridDim.x;
    for (unsigned pass = 0; pass < passes; pass++)
        for (size_t at = blockIdx.x * tile + threadIdx.x; at < vectors; at += step) {
            ulonglong2 v[STREAMS];
#pragma unroll
            for (int s = 0; s < STREAMS; s++) {
                size_t i = at + (size_t)s * blockDim.x;
                if (i < vectors)
                    v[s] = from[i];
                else
                    v[s].x = v[s].y = 0;
            }
#pragma unroll
            for (int s = 0; s < STREAMS; s++)
                sum += v[s].x + v[s].y;
        }
    for (int distance = 16; distance > 0; distance /= 2)
        sum += __shfl_down_sync(0xffffffffu, sum, distance);
    if (threadIdx.x % 32 == 0)
        atomicAdd(checksum, sum);
}

template <int STREAMS>
__global__ void roofs_write(ulonglong2 *to, size_t vectors, unsigned passes, word value) {
    size_t tile = (size_t)blockDim.x * STREAMS, step = tile * gridDim.x;
    for (unsigned pass = 0; pass < passes; pass++)
        for (size_t at = blockIdx.x * tile + threadIdx.x; at < vectors; at += step)
#pragma unroll
            for (int s = 0; s < STREAMS; s++) {
                size_t i = at + (size_t)s * blockDim.x;
                if (i < vectors)
                    to[i] = make_ulonglong2(value, value);
            }
}

template <int STREAMS>
__global__ void roofs_copy(ulonglong2 *to, const ulonglong2 *from, size_t vectors,
                           unsigned passes) {
    size_t tile = (size_t)blockDim.x * STREAMS, step = tile * gridDim.x;
    for (unsigned pass = 0; pass < passes; pass++)
        for (size_t at = blockIdx.x * tile + threadIdx.x; at < vectors; at += step) {
            ulonglong2 v[STREAMS];
#pragma unroll
            for (int s = 0; s < STREAMS; s++) {
                size_t i = at + (size_t)s * blockDim.x;
                v[s] = i < vectors ? from[i] : make_ulonglong2(0, 0);
            }
#pragma unroll
            for (int s = 0; s < STREAMS; s++) {
                size_t i = at + (size_t)s * blockDim.x;
                if (i < vectors)
                    to[i] = v[s];
            }
        }
}

__device__ float roofs_fma(float x, float a, float b) {
    return __fmaf_rn(x, a, b);
}

__device__ double roofs_fma(double x, double a, double b) {
    return __fma_rn(x, a, b);
}

/* Every thread runs ROOFS_CHAINS independent chains; value c of thread t is at c × threads + t. */
template <class T>
__global__ void roofs_multiply_add(T *out, unsigned rounds) {
    size_t thread = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    size_t threads = (size_t)gridDim.x * blockDim.x;
    const T a = (T)ROOFS_FMA_A, b = (T)ROOFS_FMA_B;
    T x[ROOFS_CHAINS];
#pragma unroll
    for (int c = 0; c < ROOFS_CHAINS; c++)
        x[c] = (T)ROOFS_FMA_START(c, (double)(thread % ROOFS_FMA_LANES));
#pragma unroll 4
    for (unsigned r = 0; r < rounds; r++)
#pragma unroll
        for (int c = 0; c < ROOFS_CHAINS; c++)
            x[c] = roofs_fma(x[c], a, b);
#pragma unroll
    for (int c = 0; c < ROOFS_CHAINS; c++)
        out[c * threads + thread] = x[c];
}

/* The counters of neighbouring threads are neighbours: a warp's private updates fall into as few
 * lines as there are. The result is not used, so this is a reduction and not a fetch. */
__global__ void roofs_atomic(word *counters, unsigned rounds, bool shared) {
    word *mine = counters + (shared ? 0 : (size_t)blockIdx.x * blockDim.x + threadIdx.x);
    for (unsigned r = 0; r < rounds; r++)
        atomicAdd(mine, 1ull);
}

__global__ void roofs_nothing() {}

/* --- launchers ---------------------------------------------------------------------------------
 */

#define ROOFS_BY_STREAMS(kernel, ...)                                                              \
    (plan->streams == 8   ? kernel_launch(kernel<8>, __VA_ARGS__)                                  \
     : plan->streams == 4 ? kernel_launch(kernel<4>, __VA_ARGS__)                                  \
     : plan->streams == 2 ? kernel_launch(kernel<2>, __VA_ARGS__)                                  \
                          : kernel_launch(kernel<1>, __VA_ARGS__))

int fill(void *to, size_t bytes, void *stream) {
    size_t words = bytes / 8, blocks = (words + 255) / 256;
    return kernel_launch(roofs_fill, dim3((unsigned)(blocks < 1024 ? blocks : 1024)), dim3(256), 0,
                         stream, (word *)to, words);
}

int run_read(const struct roofs_work *work) {
    const struct roofs_plan *plan = work->plan;
    return ROOFS_BY_STREAMS(roofs_read, dim3(plan->blocks), dim3(plan->threads), 0, work->stream,
                            (const ulonglong2 *)work->source, plan->bytes / 16, plan->passes,
                            (word *)work->counters);
}

int run_write(const struct roofs_work *work) {
    const struct roofs_plan *plan = work->plan;
    return ROOFS_BY_STREAMS(roofs_write, dim3(plan->blocks), dim3(plan->threads), 0, work->stream,
                            (ulonglong2 *)work->target, plan->bytes / 16, plan->passes,
                            (word)work->value);
}

int run_copy(const struct roofs_work *work) {
    const struct roofs_plan *plan = work->plan;
    return ROOFS_BY_STREAMS(roofs_copy, dim3(plan->blocks), dim3(plan->threads), 0, work->stream,
                            (ulonglong2 *)work->target, (const ulonglong2 *)work->source,
                            plan->bytes / 32, plan->passes);
}

int run_fma32(const struct roofs_work *work) {
    const struct roofs_plan *plan = work->plan;
    return kernel_launch(roofs_multiply_add<float>, dim3(plan->blocks), dim3(plan->threads), 0,
                         work->stream, (float *)work->values, plan->rounds);
}

int run_fma64(const struct roofs_work *work) {
    const struct roofs_plan *plan = work->plan;
    return kernel_launch(roofs_multiply_add<double>, dim3(plan->blocks), dim3(plan->threads), 0,
                         work->stream, (double *)work->values, plan->rounds);
}

int run_atomic(const struct roofs_work *work) {
    const struct roofs_plan *plan = work->plan;
    return kernel_launch(roofs_atomic, dim3(plan->blocks), dim3(plan->threads), 0, work->stream,
                         (word *)work->counters, plan->rounds, plan->shared);
}

int run_empty(const struct roofs_work *work) {
    const struct roofs_plan *plan = work->plan;
    return kernel_launch(roofs_nothing, dim3(plan->blocks), dim3(plan->threads), 0, work->stream);
}

} // namespace

/* In the order of enum roofs_op. */
extern "C" const struct roofs_ops KERNEL_EXPORT(roofs_ops) = {
    fill,
    {run_read, run_write, run_copy, run_fma32, run_fma64, run_atomic, run_empty},
};
