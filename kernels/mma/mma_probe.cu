/*
 * mma_probe.cu: the instructions that mma_probe.h asks about; a warp and a block for each.
 */
#include "kernels/device/kernel_mma.h"
#include "kernels/mma/mma_probe.h"

namespace {

using namespace nvcuda;

/* Register r of a lane of a matrix of k columns, as PTX lays it out: e elements of one row. */
template <int BYTES>
__device__ unsigned probe_register(const unsigned char *matrix, unsigned row, unsigned group,
                                   unsigned k) {
    constexpr unsigned e = 4 / BYTES;
    unsigned column = group * 4 * e + threadIdx.x % 4 * e, word = 0;
    for (unsigned i = 0; i < 4; i++)
        word |= (unsigned)matrix[(row * k + column) * BYTES + i] << 8 * i;
    return word;
}

__device__ unsigned probe_place(unsigned i) {
    return (threadIdx.x / 4 + 8 * (i / 2)) * 8 + threadIdx.x % 4 * 2 + i % 2;
}
__device__ void probe_load(const void *c, float (&to)[4]) {
    for (unsigned i = 0; i < 4; i++)
        to[i] = ((const float *)c)[probe_place(i)];
}
__device__ void probe_load(const void *c, unsigned (&to)[2]) {
    const unsigned short *halves = (const unsigned short *)c;
    for (unsigned i = 0; i < 2; i++)
        to[i] = halves[probe_place(2 * i)] | (unsigned)halves[probe_place(2 * i + 1)] << 16;
}
__device__ void probe_store(void *d, const float (&from)[4]) {
    for (unsigned i = 0; i < 4; i++)
        ((float *)d)[probe_place(i)] = from[i];
}
__device__ void probe_store(void *d, const unsigned (&from)[2]) {
    for (unsigned i = 0; i < 4; i++)
        ((unsigned short *)d)[probe_place(i)] = (unsigned short)(from[i / 2] >> 16 * (i % 2));
}

#define PROBE_BYTES_F16 2
#define PROBE_BYTES_BF16 2
#define PROBE_BYTES_TF32 4
#define PROBE_BYTES_E4M3 1
#define PROBE_BYTES_E5M2 1
#define PROBE_KERNEL(name, shape, type, k, in, out, as, bs, arch)                                  \
    __global__ void probe_##name(const unsigned char *a, const unsigned char *b,                   \
                                 const KERNEL_MMA_RESULT_##out *c, KERNEL_MMA_RESULT_##out *d) {   \
        unsigned x[as], y[bs], g = threadIdx.x / 4;                                                \
        KERNEL_MMA_RESULT_##out sum[KERNEL_MMA_COUNT_##out];                                       \
        constexpr int bytes = PROBE_BYTES_##in;                                                    \
        a += (size_t)blockIdx.x * 16 * k * bytes, b += (size_t)blockIdx.x * 8 * k * bytes;         \
        c += (size_t)blockIdx.x * 32 * KERNEL_MMA_COUNT_##out;                                     \
        d += (size_t)blockIdx.x * 32 * KERNEL_MMA_COUNT_##out;                                     \
        for (unsigned r = 0; r < as; r++)                                                          \
            x[r] = probe_register<bytes>(a, g + 8 * (r % 2), r / 2, k);                            \
        for (unsigned r = 0; r < bs; r++)                                                          \
            y[r] = probe_register<bytes>(b, g, r, k);                                              \
        probe_load(c, sum);                                                                        \
        kernel_mma_##name(sum, x, y, sum);                                                         \
        probe_store(d, sum);                                                                       \
    }
KERNEL_MMA_LIST(PROBE_KERNEL)

template <class T, class Acc, int arch>
__global__ void probe_wmma(const T *a, const T *b, const Acc *c, Acc *d) {
    if constexpr (KERNEL_MMA_ARCH >= 10 * arch) {
        wmma::fragment<wmma::matrix_a, 16, 16, 16, T, wmma::row_major> x;
        wmma::fragment<wmma::matrix_b, 16, 16, 16, T, wmma::col_major> y;
        wmma::fragment<wmma::accumulator, 16, 16, 16, Acc> sum;
        size_t at = (size_t)blockIdx.x * 256;
        wmma::load_matrix_sync(x, a + at, 16);
        wmma::load_matrix_sync(y, b + at, 16);
        wmma::load_matrix_sync(sum, c + at, 16, wmma::mem_row_major);
        wmma::mma_sync(sum, x, y, sum);
        wmma::store_matrix_sync(d + at, sum, 16, wmma::mem_row_major);
    }
}

template <class T, class Acc, int arch>
int run_wmma(const mma_probe_instruction *i, const void *a, const void *b, const void *c, void *d,
             unsigned tiles, void *stream) {
    if (kernel_mma_refused(probe_wmma<T, Acc, arch>, arch, i->name) != 0)
        return -1;
    return kernel_launch((probe_wmma<T, Acc, arch>), tiles, 32, 0, stream, (const T *)a,
                         (const T *)b, (const Acc *)c, (Acc *)d);
}

int run(const mma_probe_instruction *i, const void *a, const void *b, const void *c, void *d,
        unsigned tiles, void *stream) {
    if (i->wmma && i->in == ELEMENT_BF16)
        return run_wmma<__nv_bfloat16, float, KERNEL_WMMA_BF16>(i, a, b, c, d, tiles, stream);
    if (i->wmma && i->out == ELEMENT_F16)
        return run_wmma<__half, __half, KERNEL_WMMA_F16>(i, a, b, c, d, tiles, stream);
    if (i->wmma)
        return run_wmma<__half, float, KERNEL_WMMA_F16>(i, a, b, c, d, tiles, stream);
#define PROBE_RUN(name_, shape, type, k_, from, to, as, bs, arch)                                  \
    if (i->k == k_ && i->in == ELEMENT_##from && i->out == ELEMENT_##to) {                         \
        if (kernel_mma_refused(probe_##name_, arch, i->name) != 0)                                 \
            return -1;                                                                             \
        return kernel_launch(probe_##name_, tiles, 32, 0, stream, (const unsigned char *)a,        \
                             (const unsigned char *)b, (const KERNEL_MMA_RESULT_##to *)c,          \
                             (KERNEL_MMA_RESULT_##to *)d);                                         \
    }
    KERNEL_MMA_LIST(PROBE_RUN)
    return device_fail("no such instruction");
}

int arch_here() {
#ifdef __CUDACC__
    int device = 0, major = 0, minor = 0;
    cudaError_t e = cudaGetDevice(&device);
    if (e == cudaSuccess)
        e = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
    if (e == cudaSuccess)
        e = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
    if (e != cudaSuccess) {
        cudaGetLastError();
        return device_fail("the GPU's compute capability: %s", cudaGetErrorString(e));
    }
    return 10 * major + minor;
#else
    return simt_arch_number();
#endif
}

} // namespace

extern "C" const struct mma_probe_ops KERNEL_EXPORT(mma_probe_ops) = {run, arch_here};
