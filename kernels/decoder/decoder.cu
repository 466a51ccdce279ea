/*
 * decoder.cu: the kernels of a step, on a GPU or on a machine that stands in for one
 * (decoder_kernels.h). Attention is kernels/paged_attention's.
 *
 * In a product four threads take a slice of K of one output, for several rows where there are, so
 * that a weight is widened once for its rows: thread `seat` has lanes seat, seat + 4, … of
 * decoder.h by itself, adds those that lie 16, 8 and 4 apart, and its neighbours' those that lie 2
 * and 1 apart. A warp has 8 outputs; the warps of a block are the slices of their outputs, added in
 * their order through shared memory: more slices, more blocks.
 */
#include "kernels/decoder/decoder_kernels.h"
#include "kernels/device/kernel.h"
#include "kernels/paged_attention/paged_state.cuh"

namespace {

#define DECODER_WARPS 8
#define DECODER_THREADS (32 * DECODER_WARPS)
#define DECODER_SEATS 4                           /* threads of an output and slice */
#define DECODER_OUTPUTS (32 / DECODER_SEATS)      /* of a warp */
#define DECODER_EACH (GGUF_BLOCK / DECODER_SEATS) /* weights of a block for one thread */
#define DECODER_ROWS 4    /* of a product at a time, where there is more than one */
#define DECODER_SMALL 128 /* threads of the other kernels' blocks */
#define DECODER_NORM_LANES 16
#define DECODER_LOG2_E 0x1.715476p0f

/* To the nearest bfloat16, ties to even; NaN stays one. */
__device__ inline float decoder_rounded(float x, bool bf16) {
    unsigned bits = __float_as_uint(x), up = bits + 0x7fff + (bits >> 16 & 1);
    if (!bf16)
        return x;
    bits = (bits & 0x7fffffff) > 0x7f800000 ? bits | 0x400000 : up;
    return __uint_as_float(bits & 0xffff0000);
}

/* --- weights -----------------------------------------------------------------------------------
 */

__device__ inline float decoder_half(const unsigned char *at) {
    return __half2float(__ushort_as_half(*(const unsigned short *)at));
}

__device__ __host__ inline size_t decoder_block_bytes(int type) {
    return type == GGUF_Q4_1   ? GGUF_Q4_1_BYTES
           : type == GGUF_Q8_0 ? GGUF_Q8_0_BYTES
                               : GGUF_BLOCK * sizeof(float);
}

/* The number of a byte, less `less`, exactly: its bits end those of 2^23. Conversions are slower.
 */
__device__ inline float decoder_number(unsigned byte, float less) {
    return __uint_as_float(0x4b000000u | byte) - (0x1p23f + less);
}

/* Weights seat, seat + 4, … of a block, widened: of q4_1 d·q + m, where d·q is exact, so that
 * fusing changes nothing. */
template <int TYPE>
__device__ inline void decoder_widen(float (&w)[DECODER_EACH], const unsigned char *block,
                                     unsigned seat) {
    if constexpr (TYPE == GGUF_Q4_1) {
        const float d = decoder_half(block), m = decoder_half(block + 2);
#pragma unroll
        for (int i = 0; i < DECODER_EACH / 2; i++) {
            const unsigned byte = ((const unsigned *)(block + 4))[i] >> 8 * seat;
            w[i] = __fmaf_rn(d, decoder_number(byte & 15, 0), m);
            w[i + DECODER_EACH / 2] = __fmaf_rn(d, decoder_number(byte >> 4 & 15, 0), m);
        }
    } else {
        const float d = TYPE == GGUF_Q8_0 ? decoder_half(block) : 0;
#pragma unroll
        for (int i = 0; i < DECODER_EACH; i++)
            w[i] = TYPE == GGUF_Q8_0
                       ? d * decoder_number(block[2 + DECODER_SEATS * i + seat] ^ 0x80u, 128)
                       : ((const float *)block)[DECODER_SEATS * i + seat];
    }
}

template <int TYPE>
__global__ void decoder_embed(const unsigned char *data, unsigned inputs, const unsigned *token,
                              bool bf16, float *x) {
    const unsigned blocks = inputs / GGUF_BLOCK, seat = threadIdx.x % DECODER_SEATS;
    const unsigned char *row =
        data + (size_t)token[blockIdx.x] * blocks * decoder_block_bytes(TYPE);
    for (unsigned b = threadIdx.x / DECODER_SEATS; b < blocks; b += DECODER_SMALL / DECODER_SEATS) {
        float w[DECODER_EACH];
        decoder_widen<TYPE>(w, row + b * decoder_block_bytes(TYPE), seat);
#pragma unroll
        for (int i = 0; i < DECODER_EACH; i++)
            x[(size_t)blockIdx.x * inputs + b * GGUF_BLOCK + DECODER_SEATS * i + seat] =
                decoder_rounded(w[i], bf16);
    }
}

/* --- products ----------------------------------------------------------------------------------
 */

/* Blocks [first, end) of one output and ROWS rows: the sums of this thread's lanes, which are those
 * LANES / 2, … , 4 apart, added. */
template <int TYPE, int LANES, int ROWS>
__device__ inline void decoder_seat_sums(float (&sum)[ROWS], const unsigned char *weights,
                                         const float *const (&x)[ROWS], unsigned first,
                                         unsigned end) {
    constexpr int OWN = LANES / DECODER_SEATS;
    const unsigned seat = threadIdx.x % DECODER_SEATS;
    float lane[ROWS][OWN];
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int i = 0; i < OWN; i++)
            lane[r][i] = 0;
    for (unsigned b = first; b < end; b++) {
        float w[DECODER_EACH];
        decoder_widen<TYPE>(w, weights + b * decoder_block_bytes(TYPE), seat);
#pragma unroll
        for (int i = 0; i < DECODER_EACH; i++)
#pragma unroll
            for (int r = 0; r < ROWS; r++)
                lane[r][i % OWN] = __fmaf_rn(w[i], x[r][b * GGUF_BLOCK + DECODER_SEATS * i + seat],
                                             lane[r][i % OWN]);
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
        for (int apart = OWN / 2; apart > 0; apart /= 2)
#pragma unroll
            for (int i = 0; i < apart; i++)
                lane[r][i] = lane[r][i] + lane[r][i + apart];
        sum[r] = lane[r][0];
    }
}

template <int TYPE, int LANES, int ROWS>
__global__ void __launch_bounds__(DECODER_THREADS)
    decoder_multiply_rows(struct decoder_multiply m) {
    __shared__ float part[DECODER_WARPS][DECODER_OUTPUTS * ROWS];
    const unsigned blocks = m.w.inputs / GGUF_BLOCK, slices = m.staging.slices;
    const unsigned slice_blocks = (blocks + slices - 1) / slices;
    const unsigned groups = DECODER_WARPS / slices, warp = threadIdx.x / 32;
    const unsigned first_output = blockIdx.x * groups * DECODER_OUTPUTS,
                   first_row = blockIdx.y * ROWS;
    const unsigned group = warp / slices, begin = warp % slices * slice_blocks;
    if (group < groups) {
        const unsigned in_warp = threadIdx.x % 32 / DECODER_SEATS;
        /* Those past the end do the last one's work, and nobody stores it. */
        const unsigned n = min(first_output + group * DECODER_OUTPUTS + in_warp, m.w.outputs - 1);
        const float *x[ROWS];
        float sum[ROWS];
        int which;
        bool twin;
#pragma unroll
        for (int r = 0; r < ROWS; r++)
            x[r] = m.x + (size_t)min(first_row + r, m.rows - 1) * m.w.inputs;
        decoder_seat_sums<TYPE, LANES, ROWS>(
            sum, m.w.data + (size_t)n * blocks * decoder_block_bytes(TYPE), x, min(begin, blocks),
            min(begin + slice_blocks, blocks));
        paged_lane_sums<ROWS, DECODER_SEATS>(sum, &which, &twin);
        if (!twin)
            part[warp][in_warp * ROWS + which] = sum[0];
    }
    __syncthreads();
    /* Slices that are left over have no part in the sum. */
    const unsigned filled = (blocks + slice_blocks - 1) / slice_blocks;
    for (unsigned i = threadIdx.x; i < groups * DECODER_OUTPUTS * ROWS; i += DECODER_THREADS) {
        const unsigned n = i / ROWS, r = i % ROWS, of_warp = i % (DECODER_OUTPUTS * ROWS);
        if (first_output + n >= m.w.outputs || first_row + r >= m.rows)
            continue;
        float total = part[n / DECODER_OUTPUTS * slices][of_warp];
        for (unsigned s = 1; s < filled; s++)
            total = total + part[n / DECODER_OUTPUTS * slices + s][of_warp];
        float *to = m.out + (size_t)(first_row + r) * m.w.outputs + first_output + n;
        total = decoder_rounded(total, m.bf16);
        *to = m.adds ? decoder_rounded(*to + total, m.bf16) : total;
    }
}

/* --- what is a row's own -----------------------------------------------------------------------
 */

__global__ void __launch_bounds__(DECODER_SMALL)
    decoder_normalise_rows(struct decoder_normalise n) {
    __shared__ float part[DECODER_SMALL / DECODER_NORM_LANES];
    const unsigned row = n.source ? n.source[blockIdx.x] : blockIdx.x;
    const unsigned blocks = n.width / GGUF_BLOCK, each = (blocks + n.parts - 1) / n.parts;
    const unsigned p = threadIdx.x / DECODER_NORM_LANES;
    const float *x = n.x + (size_t)row * n.width;
    const unsigned end = min(p * each + each, blocks) * GGUF_BLOCK;
    float sum = 0;
    for (unsigned k = p * each * GGUF_BLOCK + threadIdx.x % DECODER_NORM_LANES;
         p < n.parts && k < end; k += DECODER_NORM_LANES)
        sum = __fmaf_rn(x[k], x[k], sum);
#pragma unroll
    for (int apart = DECODER_NORM_LANES / 2; apart > 0; apart /= 2)
        sum = sum + __shfl_xor_sync(0xffffffffu, sum, apart);
    if (threadIdx.x % DECODER_NORM_LANES == 0)
        part[p] = sum;
    __syncthreads();
    float squares = part[0];
    for (unsigned s = 1; s < (blocks + each - 1) / each; s++)
        squares = squares + part[s];
    const float by =
        __fdiv_rn(1.0f, __fsqrt_rn(__fdiv_rn(squares, (float)(int)n.width) + n.epsilon));
    for (unsigned i = threadIdx.x; i < n.width; i += DECODER_SMALL)
        n.out[(size_t)blockIdx.x * n.width + i] = decoder_rounded(x[i] * by * n.gain[i], n.bf16);
}

/* e^-|g| is at most 1, so nothing overflows. */
__global__ void decoder_swiglu(float *gate, const float *up, size_t n, bool bf16) {
    const size_t i = (size_t)blockIdx.x * DECODER_SMALL + threadIdx.x;
    if (i >= n)
        return;
    const float g = gate[i], e = paged_exp2(-fabsf(g) * DECODER_LOG2_E);
    const float s = __fdiv_rn(g < 0 ? e : 1.0f, 1.0f + e);
    gate[i] = decoder_rounded(g * s * up[i], bf16);
}

/* --- around attention --------------------------------------------------------------------------
 */

__device__ inline void decoder_store(void *to, size_t i, float x, bool bf16) {
    if (bf16)
        ((unsigned short *)to)[i] = (unsigned short)(__float_as_uint(x) >> 16);
    else
        ((float *)to)[i] = x;
}

/* Pair i of a head, turned: x0 and x1 one after another. */
__device__ inline float2 decoder_turned(const float *x, const float *turn, unsigned i, bool bf16) {
    const float c = turn[2 * i], s = turn[2 * i + 1], a = x[2 * i], b = x[2 * i + 1];
    return make_float2(decoder_rounded(__fmaf_rn(a, c, -(b * s)), bf16),
                       decoder_rounded(__fmaf_rn(a, s, b * c), bf16));
}

__global__ void decoder_place_rows(struct decoder_place p) {
    const unsigned half = p.head / 2, group = p.heads / p.kv_heads, keys = p.kv_heads * p.head;
    const size_t row = blockIdx.x;
    const float *turn = p.turn + (size_t)p.position[row] * p.head;
    for (unsigned at = threadIdx.x; at < p.kv_heads * p.wide * half; at += DECODER_SMALL) {
        const unsigned h = at / half / p.wide, g = at / half % p.wide, i = at % half;
        float2 pair = make_float2(0, 0);
        if (g < group)
            pair = decoder_turned(p.q + (row * p.heads + h * group + g) * p.head, turn, i, p.bf16);
        const size_t to = ((row * p.kv_heads + h) * p.wide + g) * p.head + 2 * i;
        decoder_store(p.queries, to, pair.x, p.bf16);
        decoder_store(p.queries, to + 1, pair.y, p.bf16);
    }
    const size_t slot = (size_t)p.slot[row] * keys;
    for (unsigned at = threadIdx.x; at < p.kv_heads * half; at += DECODER_SMALL) {
        const float2 pair =
            decoder_turned(p.k + row * keys + at / half * p.head, turn, at % half, p.bf16);
        const unsigned to = 2 * at;
        decoder_store(p.keys, slot + to, pair.x, p.bf16);
        decoder_store(p.keys, slot + to + 1, pair.y, p.bf16);
        decoder_store(p.written_keys, row * keys + to, pair.x, p.bf16);
        decoder_store(p.written_keys, row * keys + to + 1, pair.y, p.bf16);
    }
    for (unsigned i = threadIdx.x; i < keys; i += DECODER_SMALL) {
        const float v = p.v[row * keys + i];
        decoder_store(p.values, slot + i, v, p.bf16);
        decoder_store(p.written_values, row * keys + i, v, p.bf16);
    }
}

__global__ void decoder_collect_rows(struct decoder_collect c) {
    const unsigned group = c.heads / c.kv_heads;
    const size_t row = blockIdx.x;
    for (unsigned i = threadIdx.x; i < c.heads * c.head; i += DECODER_SMALL) {
        const unsigned h = i / c.head;
        const size_t from = (row * c.kv_heads + h / group) * c.wide + h % group;
        c.out[row * c.heads * c.head + i] =
            decoder_rounded(c.attended[from * c.head + i % c.head], c.bf16);
    }
}

/* --- launchers ---------------------------------------------------------------------------------
 */

int embed(const struct decoder_matrix *w, const unsigned *token, unsigned rows, bool bf16, float *x,
          void *stream) {
    auto kernel = w->type == GGUF_Q4_1   ? decoder_embed<GGUF_Q4_1>
                  : w->type == GGUF_Q8_0 ? decoder_embed<GGUF_Q8_0>
                                         : decoder_embed<GGUF_F32>;
    return kernel_launch(kernel, dim3(rows), dim3(DECODER_SMALL), 0, stream, w->data, w->inputs,
                         token, bf16, x);
}

typedef void (*multiply_kernel)(struct decoder_multiply);

template <int TYPE>
multiply_kernel kernel_of(const struct decoder_multiply *m) {
    if (m->rows == 1)
        return m->staging.lanes == 16 ? decoder_multiply_rows<TYPE, 16, 1>
                                      : decoder_multiply_rows<TYPE, 32, 1>;
    return m->staging.lanes == 16 ? decoder_multiply_rows<TYPE, 16, DECODER_ROWS>
                                  : decoder_multiply_rows<TYPE, 32, DECODER_ROWS>;
}

int multiply(const struct decoder_multiply *m, void *stream) {
    if (m->staging.slices < 1 || m->staging.slices > DECODER_WARPS ||
        (m->staging.lanes != 16 && m->staging.lanes != 32))
        return device_fail("a product of %u slices of %u lanes: kernels have 1 to %d of 16 or 32",
                           m->staging.slices, m->staging.lanes, DECODER_WARPS);
    multiply_kernel kernel = m->w.type == GGUF_Q4_1   ? kernel_of<GGUF_Q4_1>(m)
                             : m->w.type == GGUF_Q8_0 ? kernel_of<GGUF_Q8_0>(m)
                                                      : kernel_of<GGUF_F32>(m);
    const unsigned rows = m->rows == 1 ? 1 : DECODER_ROWS;
    const unsigned each = DECODER_WARPS / m->staging.slices * DECODER_OUTPUTS;
    return kernel_launch(kernel,
                         dim3((m->w.outputs + each - 1) / each, (m->rows + rows - 1) / rows),
                         dim3(DECODER_THREADS), 0, stream, *m);
}

int normalise(const struct decoder_normalise *n, void *stream) {
    if (n->parts < 1 || n->parts > DECODER_SMALL / DECODER_NORM_LANES)
        return device_fail("a norm of %u parts: kernels have 1 to %d", n->parts,
                           DECODER_SMALL / DECODER_NORM_LANES);
    return kernel_launch(decoder_normalise_rows, dim3(n->rows), dim3(DECODER_SMALL), 0, stream, *n);
}

int place(const struct decoder_place *p, void *stream) {
    return kernel_launch(decoder_place_rows, dim3(p->rows), dim3(DECODER_SMALL), 0, stream, *p);
}

int collect(const struct decoder_collect *c, void *stream) {
    return kernel_launch(decoder_collect_rows, dim3(c->rows), dim3(DECODER_SMALL), 0, stream, *c);
}

int swiglu(float *gate, const float *up, size_t n, bool bf16, void *stream) {
    return kernel_launch(decoder_swiglu, dim3((unsigned)((n + DECODER_SMALL - 1) / DECODER_SMALL)),
                         dim3(DECODER_SMALL), 0, stream, gate, up, n, bf16);
}

} // namespace

extern "C" const struct decoder_ops KERNEL_EXPORT(decoder_ops) = {
    .embed = embed,
    .multiply = multiply,
    .normalise = normalise,
    .place = place,
    .collect = collect,
    .swiglu = swiglu,
};
