/*
 * cuda_mma.h: what kernels use of CUDA's <mma.h>, for the SIMT machine: fragments of half, bf16 and
 * tf32, their loads, stores and products. Where an element lies is told in simt_abi.h, and no
 * kernel can count on it.
 */
#ifndef NANOLAB_KERNELS_SIMT_CUDA_MMA_H
#define NANOLAB_KERNELS_SIMT_CUDA_MMA_H

#include "kernels/element/element.h"

namespace nvcuda {
namespace wmma {

struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major;
struct col_major;
enum layout_t { mem_row_major, mem_col_major };
namespace precision {
struct tf32;
}

/* What the array of a fragment holds, and which format that is. */
template <class T>
struct simt_format;
template <>
struct simt_format<__half> {
    typedef __half storage;
    static constexpr element in = ELEMENT_F16;
};
template <>
struct simt_format<__nv_bfloat16> {
    typedef __nv_bfloat16 storage;
    static constexpr element in = ELEMENT_BF16;
};
template <>
struct simt_format<float> {
    typedef float storage;
    static constexpr element in = ELEMENT_F32;
};
template <>
struct simt_format<precision::tf32> {
    typedef float storage;
    static constexpr element in = ELEMENT_TF32;
};
template <class A, class B>
struct simt_same {
    static constexpr bool value = false;
};
template <class A>
struct simt_same<A, A> {
    static constexpr bool value = true;
};

template <class Use, int m, int n, int k, class T, class Layout = void>
class fragment {
    static constexpr bool is_a = simt_same<Use, matrix_a>::value;
    static constexpr bool is_b = simt_same<Use, matrix_b>::value;
    static_assert(simt_same<T, precision::tf32>::value
                      ? m == 16 && n == 16 && k == 8
                      : k == 16 && m * n == 256 && (m == 8 || m == 16 || m == 32),
                  "WMMA has the shapes 16x16x16, 32x8x16 and 8x32x16, and 16x16x8 for tf32; an "
                  "accumulator of tf32 products is a float fragment of 16x16x8");

  public:
    static constexpr int num_elements = (is_a ? m * k : is_b ? n * k : m * n) / 32;
    typename simt_format<T>::storage x[num_elements];
};
/* Accumulators of tf32's shape. */
template <>
class fragment<accumulator, 16, 16, 8, float, void> {
  public:
    static constexpr int num_elements = 8;
    float x[num_elements];
};

template <class Fragment, class T>
static inline __attribute__((always_inline)) void fill_fragment(Fragment &to, const T &value) {
    for (int i = 0; i < Fragment::num_elements; i++)
        to.x[i] = value;
}

/* Row i of a matrix begins ldm elements behind row i - 1; both are aligned. */
template <class T>
static inline __attribute__((always_inline)) void simt_matrix_memory(const T *p, unsigned ldm) {
    simt_aligned(p, 32);
    simt_aligned(p + ldm, 16);
}

/* `along`: elements of the matrix' rows as they are numbered; `crossed`: memory goes the other way.
 */
template <class T, class S>
static inline __attribute__((always_inline)) void
simt_matrix_load(S *to, int count, const T *p, unsigned ldm, unsigned along, bool crossed) {
    simt_warp(SIMT_WMMA_LOAD, ~0u, 0, 0, 32);
    simt_matrix_memory(p, ldm);
    unsigned lane = simt_self()->lane;
    for (int i = 0; i < count; i++) {
        unsigned number = (unsigned)i * 32 + lane, row = number / along, column = number % along;
        to[i] = p[crossed ? (size_t)column * ldm + row : (size_t)row * ldm + column];
    }
}

/* A is numbered by rows and B by columns, so that both run along k. */
template <int m, int n, int k, class T, class Layout, class P>
static inline __attribute__((always_inline)) void
load_matrix_sync(fragment<matrix_a, m, n, k, T, Layout> &to, const P *p, unsigned ldm) {
    simt_matrix_load(to.x, to.num_elements, p, ldm, k, simt_same<Layout, col_major>::value);
}
template <int m, int n, int k, class T, class Layout, class P>
static inline __attribute__((always_inline)) void
load_matrix_sync(fragment<matrix_b, m, n, k, T, Layout> &to, const P *p, unsigned ldm) {
    simt_matrix_load(to.x, to.num_elements, p, ldm, k, simt_same<Layout, row_major>::value);
}
template <int m, int n, int k, class T>
static inline __attribute__((always_inline)) void
load_matrix_sync(fragment<accumulator, m, n, k, T> &to, const T *p, unsigned ldm, layout_t layout) {
    simt_matrix_load(to.x, to.num_elements, p, ldm, n, layout == mem_col_major);
}

template <int m, int n, int k, class T>
static inline __attribute__((always_inline)) void
store_matrix_sync(T *p, const fragment<accumulator, m, n, k, T> &from, unsigned ldm,
                  layout_t layout) {
    simt_warp(SIMT_WMMA_STORE, ~0u, 0, 0, 32);
    simt_matrix_memory(p, ldm);
    unsigned lane = simt_self()->lane;
    for (int i = 0; i < from.num_elements; i++) {
        unsigned number = (unsigned)i * 32 + lane, row = number / n, column = number % n;
        p[layout == mem_col_major ? (size_t)column * ldm + row : (size_t)row * ldm + column] =
            from.x[i];
    }
}

template <int m, int n, int k, class T, class LayoutA, class LayoutB, class C>
static inline __attribute__((always_inline)) void
mma_sync(fragment<accumulator, m, n, k, C> &d, const fragment<matrix_a, m, n, k, T, LayoutA> &a,
         const fragment<matrix_b, m, n, k, T, LayoutB> &b,
         const fragment<accumulator, m, n, k, C> &c) {
    struct simt_matrix matrix = {m,   n,   k,  simt_format<T>::in, simt_format<C>::in, 1, a.x,
                                 b.x, c.x, d.x};
    simt_matrix_multiply(&matrix);
}

/* cvt.rna: to nearest, ties away from zero. */
static inline __attribute__((unused)) float __float_to_tf32(float v) {
    unsigned bits = simt_bits<unsigned>(v);
    bool finite = (bits & 0x7f800000u) != 0x7f800000u;
    return simt_bits<float>(finite ? (bits + 0x1000u) & 0xffffe000u : bits);
}

} // namespace wmma
} // namespace nvcuda

#endif
