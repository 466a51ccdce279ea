/*
 * simt_abi.h: the calls a kernel makes into the SIMT machine. Only cuda_subset.h, kernel.h and the
 * machine itself use them; kernels use the CUDA names.
 *
 * None of these calls is inlined into a kernel: the machine is compiled apart, uninstrumented, and
 * the return address of a call is the kernel's source line in a report.
 */
#ifndef NANOLAB_KERNELS_SIMT_SIMT_ABI_H
#define NANOLAB_KERNELS_SIMT_SIMT_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A convergent call is not moved under a condition or duplicated into branches. */
#ifdef __clang__
#define SIMT_CONVERGENT __attribute__((convergent))
#else
#define SIMT_CONVERGENT
#endif

struct simt_dim {
    unsigned x, y, z;
};

struct simt_block_view {
    struct simt_dim index, dim, grid;
};

/* What a thread knows of itself. */
struct simt_self {
    struct simt_dim thread;
    unsigned lane;
    const struct simt_block_view *block;
};

/* The running thread's own; the same all its life, hence const. */
const struct simt_self *simt_self(void) __attribute__((const));

struct simt_launch {
    const char *name;
    unsigned grid[3], block[3];
    size_t shared_bytes;
    int checked;
    int together; /* all blocks are resident, whatever the configuration says, or it is refused */
    void (*run)(const void *arguments);
    const void *arguments;
    size_t arguments_bytes; /* which threads may read */
};
int simt_launch_kernel(const struct simt_launch *launch);

enum simt_barrier_kind { SIMT_BARRIER, SIMT_BARRIER_COUNT, SIMT_BARRIER_OR, SIMT_BARRIER_AND };
int simt_barrier(enum simt_barrier_kind kind, int predicate) SIMT_CONVERGENT;

enum simt_warp_op {
    SIMT_WARP_SYNC,
    SIMT_SHUFFLE_INDEX,
    SIMT_SHUFFLE_UP,
    SIMT_SHUFFLE_DOWN,
    SIMT_SHUFFLE_XOR,
    SIMT_BALLOT,
    SIMT_ALL,
    SIMT_ANY,
    SIMT_REDUCE_ADD,
    SIMT_REDUCE_MIN_U,
    SIMT_REDUCE_MAX_U,
    SIMT_REDUCE_MIN_S,
    SIMT_REDUCE_MAX_S,
    SIMT_REDUCE_AND,
    SIMT_REDUCE_OR,
    SIMT_REDUCE_XOR,
    SIMT_MATRIX, /* simt_matrix_multiply() only */
    SIMT_WMMA_LOAD,
    SIMT_WMMA_STORE,
};
uint64_t simt_warp(enum simt_warp_op op, unsigned mask, uint64_t value, unsigned argument,
                   unsigned width) SIMT_CONVERGENT;
unsigned simt_active_mask(void);

/* A matrix instruction, of all 32 lanes: D = A B + C, m × k times k × n, computed as the card of
 * simt_set_arch() does. Each lane brings its fragments.
 *
 * mma.sync: registers of 32 bits as the PTX ISA lays them out (mma.m16n8k4, k8, k16, k32). With
 * g = lane / 4, t = lane % 4 and e elements to a register, register r of A holds row g + 8 (r mod
 * 2) and the columns (r / 2) 4e + t e + 0…e-1; of B column g and the rows 4e r + t e + 0…e-1; of C
 * and D row g + 8 (i / 2 mod 2), column 2t + i mod 2 for i = 0…3.
 *
 * wmma: elements one after the other, floats for f32 and tf32. Element i of a lane is number
 * 32 i + lane of its matrix, which is numbered along k in A and B, along the rows in C and D. That
 * layout is this machine's own: CUDA promises none. */
struct simt_matrix {
    unsigned char m, n, k;
    unsigned char in, out; /* enum element */
    unsigned char wmma;
    const void *a, *b, *c;
    void *d;
};
void simt_matrix_multiply(const struct simt_matrix *matrix) SIMT_CONVERGENT;

enum simt_atomic_op {
    SIMT_LOAD,
    SIMT_STORE,
    SIMT_EXCHANGE,
    SIMT_CAS,
    SIMT_ADD,
    SIMT_MIN_S,
    SIMT_MAX_S,
    SIMT_MIN_U,
    SIMT_MAX_U,
    SIMT_AND,
    SIMT_OR,
    SIMT_XOR,
    SIMT_INC,
    SIMT_DEC,
    SIMT_ADD_F32,
    SIMT_ADD_F64,
    SIMT_ADD_F16,
    SIMT_ADD_BF16,
};
enum simt_order { SIMT_RELAXED, SIMT_ACQUIRE, SIMT_RELEASE };
/* `size` is 2, 4 or 8 bytes; gives the old value. */
uint64_t simt_atomic(enum simt_atomic_op op, void *p, unsigned size, uint64_t value,
                     uint64_t compare, enum simt_order order);
uint32_t simt_load_u32(const void *p, enum simt_order order);
uint64_t simt_load_u64(const void *p, enum simt_order order);
void simt_store_u32(void *p, uint32_t value, enum simt_order order);
void simt_store_u64(void *p, uint64_t value, enum simt_order order);

/* __threadfence_block, or __threadfence and __threadfence_system. */
enum simt_scope { SIMT_SCOPE_BLOCK, SIMT_SCOPE_DEVICE };
void simt_fence(enum simt_scope scope);
/* Before a copy of a struct aligned to `alignment` bytes, at either end. */
void simt_aligned(const void *p, unsigned alignment);
/* Before a volatile access: `stores` 0 or 1. */
void simt_volatile(void *p, unsigned size, int stores);
void simt_volatile_at(void *p, unsigned size, int stores, const void *site);

/* Narrow formats, bits in and out; round to nearest even, one rounding, canonical NaN. */
float simt_half_to_float(uint16_t half);
uint16_t simt_double_to_half(double value); /* exact input: any float is one */
float simt_bfloat_to_float(uint16_t bfloat);
uint16_t simt_double_to_bfloat(double value);
/* a b + c, rounded once. */
uint16_t simt_half_fma(uint16_t a, uint16_t b, uint16_t c);
uint16_t simt_bfloat_fma(uint16_t a, uint16_t b, uint16_t c);
/* Saturating conversion of an integer-valued number; the rounding has been done. */
int32_t simt_to_i32(double value);
uint32_t simt_to_u32(double value);
/* The same from double, where NaN is another number. */
int32_t simt_double_to_i32(double value);
uint32_t simt_double_to_u32(double value);
int64_t simt_to_i64(double value);
uint64_t simt_to_u64(double value);

#ifdef __cplusplus
}
#endif
#endif
