/*
 * mma_slices.cu: the integer GEMM on a GPU: rows' scales, digits, products, and the last rounding,
 * by the rule of mma_slices.h and with the arithmetic of mma_slices_fixed.h.
 */
#include "kernels/device/kernel.h"
#include "kernels/mma/mma_slices_fixed.h"
#include "kernels/mma/mma_slices_gpu.h"

namespace {

typedef unsigned long long word64;

constexpr int THREADS = 128, SIDE = 16, DEPTH = 16;
/* Of the matrix unit's kernel: eight warps of 32 x 16 each; of its staged rows, in words, so that
 * the 32 words of a fragment lie in different banks. */
constexpr int WIDE = 64, WARPS = 8, PITCH = DEPTH + 4;

/* sum + Σ of four products of signed bytes, in 32 bits. */
__device__ __forceinline__ int dot4(int a, int b, int sum) {
#ifdef __CUDACC__
    return __dp4a(a, b, sum);
#else
    for (int i = 0; i < 4; i++)
        sum += (int8_t)(a >> 8 * i) * (int8_t)(b >> 8 * i);
    return sum;
#endif
}

/* A block per row: the largest magnitude's bits, from which its scale follows. */
__global__ void slices_scale_kernel(struct mma_slices_gpu_side of, size_t k, int slices) {
    __shared__ unsigned most[THREADS];
    const float *x = of.x + blockIdx.x * of.stride;
    unsigned own = 0;
    for (size_t i = threadIdx.x; i < k; i += THREADS) {
        unsigned magnitude = round_f32_bits(x[i]) & 0x7fffffffu;
        own = magnitude > own ? magnitude : own;
    }
    most[threadIdx.x] = own;
    for (unsigned half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half && most[threadIdx.x + half] > most[threadIdx.x])
            most[threadIdx.x] = most[threadIdx.x + half];
    }
    if (threadIdx.x == 0) {
        of.place[blockIdx.x] = mma_slices_place(most[0], slices);
        of.special[blockIdx.x] = most[0] >= 0x7f800000u;
    }
}

/* A thread per row and group of four k. */
__global__ void slices_cut_kernel(struct mma_slices_gpu_side of, size_t k, size_t groups,
                                  int slices) {
    size_t step = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < of.rows * groups;
         i += step) {
        size_t row = i / groups, group = i % groups;
        unsigned bytes[MMA_SLICES_GROUP];
        for (size_t j = 0; j < MMA_SLICES_GROUP; j++) {
            size_t at = group * MMA_SLICES_GROUP + j;
            /* Digits are signed here: the 128 that the bytes have more is taken off again. */
            bytes[j] =
                at < k ? mma_slices_bytes(of.x[row * of.stride + at], of.place[row]) ^ 0x80808080u
                       : 0;
        }
        for (int s = 0; s < slices; s++) {
            unsigned digits = 0;
            for (int j = 0; j < MMA_SLICES_GROUP; j++)
                digits |= (bytes[j] >> 8 * (slices - 1 - s) & 0xff) << 8 * j;
            of.words[(row * (size_t)slices + (size_t)s) * groups + group] = (int)digits;
        }
    }
}

/* As mma_slices_special on a CPU. */
__device__ float special(const float *a, const float *b, size_t k) {
    bool plus = false, minus = false;
    for (size_t i = 0; i < k; i++) {
        unsigned x = round_f32_bits(a[i]), y = round_f32_bits(b[i]);
        unsigned u = x & 0x7fffffffu, v = y & 0x7fffffffu;
        if (u < 0x7f800000u && v < 0x7f800000u)
            continue;
        if (u > 0x7f800000u || v > 0x7f800000u || u == 0 || v == 0)
            return round_f32_from(0x7fc00000u);
        bool negative = (x ^ y) >> 31;
        minus |= negative;
        plus |= !negative;
    }
    return round_f32_from(plus && minus ? 0x7fc00000u : plus ? 0x7f800000u : 0xff800000u);
}

__device__ void finish(const struct mma_slices_gpu_side &of_a,
                       const struct mma_slices_gpu_side &of_b,
                       const struct mma_slices_gpu_product &p, size_t row, size_t column,
                       int64_t v) {
    int power = mma_slices_power(p.slices, p.classes) - of_a.place[row] - of_b.place[column];
    p.c[row * p.ldc + column] =
        of_a.special[row] || of_b.special[column]
            ? special(of_a.x + row * of_a.stride, of_b.x + column * of_b.stride, p.k)
            : mma_slices_round(v, power);
}

__device__ int word_at(const struct mma_slices_gpu_side &of, size_t row, int slice, int slices,
                       size_t group, size_t groups) {
    return row < of.rows ? of.words[(row * (size_t)slices + (size_t)slice) * groups + group] : 0;
}

/* V of an element, and where it goes. */
template <int CLASSES>
__device__ void put(const struct mma_slices_gpu_side &of_a, const struct mma_slices_gpu_side &of_b,
                    const struct mma_slices_gpu_product &p, size_t row, size_t column,
                    const int sums[CLASSES]) {
    int64_t v = 0;
#pragma unroll
    for (int w = 0; w < CLASSES; w++)
        v = v * 256 + sums[w];
    if (row >= of_a.rows || column >= of_b.rows)
        return;
    if (p.parts == 1)
        finish(of_a, of_b, p, row, column, v);
    else
        atomicAdd(&p.v[row * of_b.rows + column], (word64)v);
}

struct range {
    size_t first, end;
};
/* Groups of the block's part of K. */
__device__ struct range groups_of(const struct mma_slices_gpu_product &p) {
    size_t first = (size_t)blockIdx.z * p.part_groups, end = first + p.part_groups;
    return {first, end < p.groups ? end : p.groups};
}

/* An element per thread. */
template <int SLICES, int CLASSES>
__global__ void slices_dp4a_kernel(struct mma_slices_gpu_side of_a, struct mma_slices_gpu_side of_b,
                                   struct mma_slices_gpu_product p) {
    __shared__ int a[SLICES][SIDE][DEPTH + 1], b[SLICES][SIDE][DEPTH + 1];
    const int side = p.tile, depth = p.depth, x = (int)threadIdx.x, y = (int)threadIdx.y;
    const size_t row0 = (size_t)blockIdx.y * side, column0 = (size_t)blockIdx.x * side;
    const struct range groups = groups_of(p);
    int sums[CLASSES] = {};
    for (size_t group = groups.first; group < groups.end; group += depth) {
        for (int i = y * side + x; i < SLICES * side * depth; i += side * side) {
            int d = i % depth, r = i / depth % side, s = i / depth / side;
            a[s][r][d] = word_at(of_a, row0 + r, s, SLICES, group + d, p.groups);
            b[s][r][d] = word_at(of_b, column0 + r, s, SLICES, group + d, p.groups);
        }
        __syncthreads();
        for (int d = 0; d < depth; d++) {
#pragma unroll
            for (int i = 0; i < SLICES; i++) {
#pragma unroll
                for (int j = 0; j < SLICES; j++)
                    if (i + j < CLASSES)
                        sums[i + j] = dot4(a[i][y][d], b[j][x][d], sums[i + j]);
            }
        }
        __syncthreads();
    }
    put<CLASSES>(of_a, of_b, p, row0 + y, column0 + x, sums);
}

/* --- the matrix unit --------------------------------------------------------------------------
 */

/* sum += A B of 16 x 8 sums and 32 products, by all lanes of a warp. Lane 4 g + t holds, of A, rows
 * g and g + 8 (in turn), of B, column g: k 4 t …, then 16 + 4 t …; of the sums, those rows (one
 * after the other), columns 2 t and 2 t + 1. */
__device__ __forceinline__ void matrix(int sum[4], const int a[4], const int b[2]) {
#if defined(__CUDACC__) && (!defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800)
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+r"(sum[0]), "+r"(sum[1]), "+r"(sum[2]), "+r"(sum[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    const int lane = (int)threadIdx.x % 32, group = lane / 4, column = lane % 4 * 2;
    for (int half = 0; half < 2; half++)
        for (int t = 0; t < 4; t++) {
            int x[2], y[2];
            for (int i = 0; i < 2; i++) {
                x[i] = __shfl_sync(0xffffffffu, a[2 * half + i], group * 4 + t);
                y[i] = __shfl_sync(0xffffffffu, b[half], (column + i) * 4 + t);
            }
            for (int i = 0; i < 4; i++)
                sum[i] = dot4(x[i / 2], y[i % 2], sum[i]);
        }
#endif
}

struct alignas(16) words4 {
    int word[4];
};

/* WIDE rows of all slices, from groups of K on, into shared memory. */
template <int SLICES>
__device__ void stage(const struct mma_slices_gpu_side &of, size_t row0, size_t group,
                      size_t groups, int depth, struct words4 (*to)[WIDE][PITCH / 4]) {
    const int fours = depth / 4;
    for (int i = (int)threadIdx.x; i < SLICES * WIDE * fours; i += WARPS * 32) {
        int q = i % fours, r = i / fours % WIDE, s = i / fours / WIDE;
        size_t row = row0 + r, at = (row * (size_t)SLICES + (size_t)s) * groups + group + 4 * q;
        to[s][r][q] = row < of.rows ? *(const struct words4 *)(of.words + at) : words4{};
    }
}

template <int SLICES, int CLASSES>
__global__ void __launch_bounds__(WARPS * 32)
    slices_imma_kernel(struct mma_slices_gpu_side of_a, struct mma_slices_gpu_side of_b,
                       struct mma_slices_gpu_product p) {
    __shared__ struct words4 a_of[SLICES][WIDE][PITCH / 4], b_of[SLICES][WIDE][PITCH / 4];
    int(*const a)[WIDE][PITCH] = (int(*)[WIDE][PITCH])a_of;
    int(*const b)[WIDE][PITCH] = (int(*)[WIDE][PITCH])b_of;
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32, g = lane / 4,
              t = lane % 4;
    const int row_of = warp / 4 * 32 + g, column_of = warp % 4 * 16;
    const size_t row0 = (size_t)blockIdx.y * WIDE, column0 = (size_t)blockIdx.x * WIDE;
    const struct range groups = groups_of(p);
    int sums[2][2][CLASSES][4] = {};
    for (size_t group = groups.first; group < groups.end; group += p.depth) {
        stage<SLICES>(of_a, row0, group, p.groups, p.depth, a_of);
        stage<SLICES>(of_b, column0, group, p.groups, p.depth, b_of);
        __syncthreads();
        for (int d = t; d < p.depth; d += 8) {
            int y[SLICES][2][2];
#pragma unroll
            for (int j = 0; j < SLICES; j++) {
#pragma unroll
                for (int n = 0; n < 2; n++) {
                    y[j][n][0] = b[j][column_of + 8 * n + g][d];
                    y[j][n][1] = b[j][column_of + 8 * n + g][d + 4];
                }
            }
#pragma unroll
            for (int i = 0; i < SLICES; i++) {
#pragma unroll
                for (int m = 0; m < 2; m++) {
                    const int row = row_of + 16 * m;
                    const int x[4] = {a[i][row][d], a[i][row + 8][d], a[i][row][d + 4],
                                      a[i][row + 8][d + 4]};
#pragma unroll
                    for (int j = 0; j < SLICES; j++) {
#pragma unroll
                        for (int n = 0; n < 2; n++)
                            if (i + j < CLASSES)
                                matrix(sums[m][n][i + j], x, y[j][n]);
                    }
                }
            }
        }
        __syncthreads();
    }
#pragma unroll
    for (int m = 0; m < 2; m++) {
#pragma unroll
        for (int n = 0; n < 2; n++) {
#pragma unroll
            for (int e = 0; e < 4; e++) {
                int own[CLASSES];
#pragma unroll
                for (int w = 0; w < CLASSES; w++)
                    own[w] = sums[m][n][w][e];
                put<CLASSES>(of_a, of_b, p, row0 + row_of + 16 * m + e / 2 * 8,
                             column0 + column_of + 8 * n + 2 * t + e % 2, own);
            }
        }
    }
}

__global__ void slices_zero_kernel(word64 *v, size_t count) {
    size_t step = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step)
        v[i] = 0;
}

__global__ void slices_finish_kernel(struct mma_slices_gpu_side of_a,
                                     struct mma_slices_gpu_side of_b,
                                     struct mma_slices_gpu_product p) {
    size_t step = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < of_a.rows * of_b.rows;
         i += step)
        finish(of_a, of_b, p, i / of_b.rows, i % of_b.rows, (int64_t)p.v[i]);
}

/* Enough blocks for a thread per element, but no more than any GPU wants at a time. */
unsigned blocks_for(size_t count) {
    size_t blocks = (count + THREADS - 1) / THREADS;
    return (unsigned)(blocks < 1 ? 1 : blocks > 8192 ? 8192 : blocks);
}

int slice(const struct mma_slices_gpu_call *l, const struct mma_slices_gpu_side *of, void *stream) {
    if (kernel_launch(slices_scale_kernel, dim3((unsigned)of->rows), dim3(THREADS), 0, stream, *of,
                      l->product.k, l->product.slices) != 0)
        return -1;
    if (l->product.groups == 0)
        return 0;
    return kernel_launch(slices_cut_kernel, dim3(blocks_for(of->rows * l->product.groups)),
                         dim3(THREADS), 0, stream, *of, l->product.k, l->product.groups,
                         l->product.slices);
}

template <int SLICES, int CLASSES>
int multiply(const struct mma_slices_gpu_call *l, void *stream) {
    unsigned tile = (unsigned)l->product.tile;
    dim3 grid((unsigned)((l->b.rows + tile - 1) / tile), (unsigned)((l->a.rows + tile - 1) / tile),
              (unsigned)l->product.parts);
    return tile == WIDE ? kernel_launch(slices_imma_kernel<SLICES, CLASSES>, grid, dim3(WARPS * 32),
                                        0, stream, l->a, l->b, l->product)
                        : kernel_launch(slices_dp4a_kernel<SLICES, CLASSES>, grid, dim3(tile, tile),
                                        0, stream, l->a, l->b, l->product);
}

int start(const struct mma_slices_gpu_call *l, void *stream) {
    size_t count = l->a.rows * l->b.rows;
    if (slice(l, &l->a, stream) != 0 || slice(l, &l->b, stream) != 0)
        return -1;
    if (l->product.parts > 1 && kernel_launch(slices_zero_kernel, dim3(blocks_for(count)),
                                              dim3(THREADS), 0, stream, l->product.v, count) != 0)
        return -1;
    int status = l->product.slices == 3    ? l->product.classes == 3 ? multiply<3, 3>(l, stream)
                                                                     : multiply<3, 4>(l, stream)
                    : l->product.classes == 4 ? multiply<4, 4>(l, stream)
                                           : multiply<4, 5>(l, stream);
    if (status != 0 || l->product.parts == 1)
        return status;
    return kernel_launch(slices_finish_kernel, dim3(blocks_for(count)), dim3(THREADS), 0, stream,
                         l->a, l->b, l->product);
}

} // namespace

extern "C" const struct mma_slices_ops KERNEL_EXPORT(mma_slices_ops) = {start};
