/*
 * paged_cpu_portable.c: the native decode step's arithmetic in plain C, for any CPU: the model of
 * the others' bits. A fused multiply-add is a call of the C library's, so this is slow.
 */
#include <math.h>
#include <string.h>

#include "kernels/paged_attention/paged_cpu_inside.h"
#include "kernels/paged_attention/paged_v16_portable.h"

typedef struct {
    uint64_t word[8];
} v8x64;

static inline v16 v16_widen(const char *p, enum element type) {
    EACH(paged_cpu_widen(p + i * element_bytes(type), type));
}
static inline v16 v16_pieces(const char *p, size_t piece, enum element type) {
    const int size = (int)element_bytes(type), each = 16 / size;
    EACH(paged_cpu_widen(p + (size_t)(i / each) * piece + i % each * size, type));
}
static inline v8x64 v8x64_zero(void) {
    return (v8x64){{0}};
}
static inline v8x64 v8x64_add(v8x64 sum, const char *p) {
    uint64_t word[8];
    memcpy(word, p, sizeof word);
    for (int i = 0; i < 8; i++)
        sum.word[i] += word[i];
    return sum;
}
static inline v8x64 v8x64_add_high(v8x64 sum, const char *p) {
    uint64_t word[8];
    memcpy(word, p, sizeof word);
    for (int i = 0; i < 8; i++)
        sum.word[i] += word[i] >> 32;
    return sum;
}

#define SCORE_QUERIES 1
#define VALUE_SUMS 1
#define KERNELS paged_cpu_portable
#include "kernels/paged_attention/paged_cpu_kernel.inc"
