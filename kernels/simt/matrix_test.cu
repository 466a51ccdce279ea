/*
 * matrix_test.cu: kernels with matrix instructions, for the tests of the SIMT machine.
 */
#include "kernels/device/kernel_mma.h"
#include "kernels/simt/matrix_planted.h"

namespace {

using namespace nvcuda;

/* --- WMMA --------------------------------------------------------------------------------------
 */

/* T: as fragments name it; S: as memory holds it. */
template <int M, int N, int K, class T, class S, class Acc, bool crossed>
__global__ void wmma_tile(const S *a, const S *b, const Acc *c, Acc *d, unsigned k) {
    typedef wmma::row_major row;
    typedef wmma::col_major col;
    wmma::layout_t layout = crossed ? wmma::mem_col_major : wmma::mem_row_major;
    wmma::fragment<wmma::accumulator, M, N, K, Acc> sum;
    wmma::load_matrix_sync(sum, c, crossed ? M : N, layout);
    for (unsigned at = 0; at < k; at += K) {
        if constexpr (crossed) {
            wmma::fragment<wmma::matrix_a, M, N, K, T, col> x;
            wmma::fragment<wmma::matrix_b, M, N, K, T, row> y;
            wmma::load_matrix_sync(x, a + at * M, M);
            wmma::load_matrix_sync(y, b + at * N, N);
            wmma::mma_sync(sum, x, y, sum);
        } else {
            wmma::fragment<wmma::matrix_a, M, N, K, T, row> x;
            wmma::fragment<wmma::matrix_b, M, N, K, T, col> y;
            wmma::load_matrix_sync(x, a + at, k);
            wmma::load_matrix_sync(y, b + at, k);
            wmma::mma_sync(sum, x, y, sum);
        }
    }
    wmma::store_matrix_sync(d, sum, crossed ? M : N, layout);
}

template <int M, int N, int K, class T, class S, class Acc>
int wmma_shape(const matrix_tile *t) {
    const S *a = (const S *)t->a, *b = (const S *)t->b;
    const Acc *c = (const Acc *)t->c;
    if (t->crossed)
        return kernel_launch((wmma_tile<M, N, K, T, S, Acc, true>), 1, 32, 0, nullptr, a, b, c,
                             (Acc *)t->d, t->k);
    return kernel_launch((wmma_tile<M, N, K, T, S, Acc, false>), 1, 32, 0, nullptr, a, b, c,
                         (Acc *)t->d, t->k);
}

template <class T, class Acc>
int wmma_of(const matrix_tile *t) {
    if (t->rows == 16)
        return wmma_shape<16, 16, 16, T, T, Acc>(t);
    if (t->rows == 32)
        return wmma_shape<32, 8, 16, T, T, Acc>(t);
    return wmma_shape<8, 32, 16, T, T, Acc>(t);
}

int run_wmma(const matrix_tile *t) {
    if (t->in == ELEMENT_TF32)
        return wmma_shape<16, 16, 8, wmma::precision::tf32, float, float>(t);
    if (t->in == ELEMENT_BF16)
        return wmma_of<__nv_bfloat16, float>(t);
    if (t->out == ELEMENT_F16)
        return wmma_of<__half, __half>(t);
    return wmma_of<__half, float>(t);
}

/* --- mma.sync ------------------------------------------------------------------------------------
 *
 * The layouts once more, type by type as the PTX ISA's tables have them: `i` is an element's place
 * among a lane's.
 */

struct place {
    unsigned row, column;
};

__device__ place a_place(unsigned bytes, unsigned i) {
    unsigned g = threadIdx.x / 4, t = threadIdx.x % 4;
    if (bytes == 2) /* a0…a7 */
        return place{i < 2 || (i >= 4 && i < 6) ? g : g + 8, t * 2 + (i & 1) + (i >= 4 ? 8 : 0)};
    if (bytes == 4) /* a0…a3 */
        return place{i % 2 ? g + 8 : g, i < 2 ? t : t + 4};
    return place{i < 4 || (i >= 8 && i < 12) ? g : g + 8, t * 4 + (i & 3) + (i >= 8 ? 16 : 0)};
}
__device__ place b_place(unsigned bytes, unsigned i) { /* row: of k */
    unsigned g = threadIdx.x / 4, t = threadIdx.x % 4;
    if (bytes == 2)
        return place{t * 2 + (i & 1) + (i >= 2 ? 8 : 0), g};
    if (bytes == 4)
        return place{i == 0 ? t : t + 4, g};
    return place{t * 4 + (i & 3) + (i >= 4 ? 16 : 0), g};
}
__device__ place c_place(unsigned i) {
    unsigned g = threadIdx.x / 4, t = threadIdx.x % 4;
    return place{i < 2 ? g : g + 8, t * 2 + (i & 1)};
}

__device__ unsigned element_at(const void *p, unsigned bytes, unsigned i) {
    return bytes == 1   ? ((const unsigned char *)p)[i]
           : bytes == 2 ? ((const unsigned short *)p)[i]
                        : ((const unsigned *)p)[i];
}

template <unsigned BYTES, int AS, int BS>
__device__ void load_operands(const matrix_tile &t, unsigned (&a)[AS], unsigned (&b)[BS]) {
    constexpr unsigned each = 4 / BYTES;
    for (unsigned i = 0; i < AS * each; i++) {
        place at = a_place(BYTES, i);
        unsigned shift = 8 * BYTES * (i % each);
        a[i / each] = (i % each ? a[i / each] : 0) |
                      element_at(t.a, BYTES, at.row * t.k + at.column) << shift;
    }
    for (unsigned i = 0; i < BS * each; i++) {
        place at = b_place(BYTES, i);
        unsigned shift = 8 * BYTES * (i % each);
        b[i / each] = (i % each ? b[i / each] : 0) |
                      element_at(t.b, BYTES, at.column * t.k + at.row) << shift;
    }
}

__device__ void load_result(const matrix_tile &t, float (&c)[4]) {
    for (unsigned i = 0; i < 4; i++)
        c[i] = ((const float *)t.c)[c_place(i).row * 8 + c_place(i).column];
}
__device__ void load_result(const matrix_tile &t, unsigned (&c)[2]) {
    for (unsigned i = 0; i < 4; i++) {
        unsigned half = element_at(t.c, 2, c_place(i).row * 8 + c_place(i).column);
        c[i / 2] = i % 2 ? c[i / 2] | half << 16 : half;
    }
}
__device__ void store_result(const matrix_tile &t, const float (&d)[4]) {
    for (unsigned i = 0; i < 4; i++)
        ((float *)t.d)[c_place(i).row * 8 + c_place(i).column] = d[i];
}
__device__ void store_result(const matrix_tile &t, const unsigned (&d)[2]) {
    for (unsigned i = 0; i < 4; i++)
        ((unsigned short *)t.d)[c_place(i).row * 8 + c_place(i).column] =
            (unsigned short)(d[i / 2] >> 16 * (i % 2));
}

#define KERNEL_OF(name, shape, type, k, in, out, as, bs, arch)                                     \
    __global__ void mma_##name(matrix_tile t) {                                                    \
        unsigned a[as], b[bs];                                                                     \
        KERNEL_MMA_RESULT_##out c[KERNEL_MMA_COUNT_##out], d[KERNEL_MMA_COUNT_##out];              \
        load_operands<sizeof(unsigned) * as * 32 / (16 * k)>(t, a, b);                             \
        load_result(t, c);                                                                         \
        kernel_mma_##name(d, a, b, c);                                                             \
        store_result(t, d);                                                                        \
    }
KERNEL_MMA_LIST(KERNEL_OF)

int run_mma(const matrix_tile *t) {
#define LAUNCH_OF(name, shape, type, products, from, to, as, bs, arch)                             \
    if (t->k == products && t->in == ELEMENT_##from && t->out == ELEMENT_##to)                     \
        return kernel_launch(mma_##name, 1, 32, 0, nullptr, *t);
    KERNEL_MMA_LIST(LAUNCH_OF)
    return device_fail("no such instruction");
}

int run_refused(const matrix_tile *t) {
#define REFUSED_OF(name, shape, type, products, from, to, as, bs, arch)                            \
    if (t->k == products && t->in == ELEMENT_##from && t->out == ELEMENT_##to)                     \
        return kernel_mma_refused(mma_##name, arch, "mma.sync " shape " " type);
    KERNEL_MMA_LIST(REFUSED_OF)
    return device_fail("no such instruction");
}

/* --- bugs ----------------------------------------------------------------------------------------
 */

__global__ void half_warp(float *out, int bug) {
    unsigned a[4] = {}, b[2] = {};
    float d[4] = {};
    if (!bug || threadIdx.x < 16)
        kernel_mma_16_f16_f32(d, a, b, d);
    out[threadIdx.x] = d[0];
}

__global__ void a_lane_left(float *out, int bug) {
    unsigned a[4] = {}, b[2] = {};
    float d[4] = {};
    if (bug && threadIdx.x == 9)
        return;
    kernel_mma_16_f16_f32(d, a, b, d);
    out[threadIdx.x] = d[0];
}

__global__ void two_kinds(float *out, int bug) {
    unsigned a[4] = {}, b[2] = {};
    float d[4] = {};
    if (bug && threadIdx.x >= 16)
        kernel_mma_16_bf16_f32(d, a, b, d);
    else
        kernel_mma_16_f16_f32(d, a, b, d);
    out[threadIdx.x] = d[0];
}

typedef wmma::fragment<wmma::accumulator, 16, 16, 16, float> sums;

__global__ void load_from(const float *p, unsigned pitch, float *out) {
    sums s;
    wmma::load_matrix_sync(s, p, pitch, wmma::mem_row_major);
    wmma::store_matrix_sync(out, s, 16, wmma::mem_row_major);
}

/* The second warp fills what the first one loads; without the bug, before a barrier. */
__global__ void load_and_fill(float *p, float *out, int bug) {
    __shared__ float tile[256];
    if (threadIdx.x >= 32)
        for (unsigned i = threadIdx.x - 32; i < 256; i += 32)
            tile[i] = p[i];
    if (!bug)
        __syncthreads();
    if (threadIdx.x < 32) {
        sums s;
        wmma::load_matrix_sync(s, tile, 16, wmma::mem_row_major);
        wmma::store_matrix_sync(out, s, 16, wmma::mem_row_major);
    }
    if (bug)
        __syncthreads();
}

int run_bug(matrix_bug bug, int on, void *data) {
    float *p = (float *)data, *out = p + 4096;
    switch (bug) {
    case MATRIX_HALF_WARP:
        return kernel_launch(half_warp, 1, 32, 0, nullptr, p, on);
    case MATRIX_LEFT:
        return kernel_launch(a_lane_left, 1, 32, 0, nullptr, p, on);
    case MATRIX_SHORT_BLOCK:
        return kernel_launch(half_warp, 1, on ? 20 : 64, 0, nullptr, p, 0);
    case MATRIX_TWO_KINDS:
        return kernel_launch(two_kinds, 1, 32, 0, nullptr, p, on);
    case MATRIX_MISALIGNED:
        return kernel_launch(load_from, 1, 32, 0, nullptr, p + (on ? 4 : 8), 16, out);
    case MATRIX_PITCH:
        return kernel_launch(load_from, 1, 32, 0, nullptr, p, on ? 17 : 20, out);
    default:
        return kernel_launch(load_and_fill, 1, 64, 0, nullptr, p, out, on);
    }
}

} // namespace

extern "C" const struct matrix_ops KERNEL_EXPORT(matrix_ops) = {run_wmma, run_mma, run_bug,
                                                                run_refused};
