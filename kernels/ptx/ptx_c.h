/*
 * ptx_c.h: what PTX instructions mean, in C, as the PTX ISA manual (version 9.0) describes them.
 * The translator (ptx_translate.c) writes one call of these an instruction; this text stands before
 * each translated kernel, and the machine (ptx_machine.c) includes it for what the two share.
 *
 * Registers are bits: uint8_t for .pred, unsigned integers of 16, 32 and 64 bits for all else. A
 * function is named as its opcode, with _ for each dot.
 *
 * Where the manual leaves a value open ("machine-specific", "unspecified") and a kernel could see
 * it, it is an error of the run, not a value. NaN results are canonical: 0x7fffffff for .f32,
 * 0x7fff for .f16 and .bf16 as the manual says; of .f64 it says nothing, and it is x86's.
 */
#ifndef NANOLAB_KERNELS_PTX_PTX_C_H
#define NANOLAB_KERNELS_PTX_PTX_C_H

#include <stdint.h>
#include <string.h>

/* What is one operation of C becomes a part of the kernel; all else is called, as a kernel of ten
 * thousand instructions would take its compiler ten seconds otherwise. */
#define PTX_INLINE static inline __attribute__((always_inline, unused))
#define PTX_CALLED static __attribute__((noinline, unused))
/* A register that nothing was written to. */
#define PTX_UNSET 0xb5b5b5b5b5b5b5b5ull

/* --- what a translated kernel shares with the machine --------------------------------------------
 */

/* Global memory is one range of addresses, in granules: of each it is known how many of its bytes,
 * from its first on, belong to an allocation. */
#define PTX_GRANULE 256
struct ptx_memory {
    uint64_t first, size; /* addresses; a power of two of them */
    const uint16_t *valid;
};

/* Local memory begins here, so that NULL is no address of it. */
#define PTX_LOCAL_FIRST 256

enum ptx_fault {
    PTX_MISALIGNED,
    PTX_OUTSIDE,
    PTX_DIVIDED,
    PTX_TRAPPED,
    PTX_ENDLESS,
};
enum ptx_space { PTX_GENERIC, PTX_GLOBAL, PTX_SHARED, PTX_LOCAL, PTX_PARAMS };
/* What lanes of a warp meet for; shuffles by their mode. */
enum ptx_meeting {
    PTX_SHFL_UP,
    PTX_SHFL_DOWN,
    PTX_SHFL_BFLY,
    PTX_SHFL_IDX,
    PTX_VOTE_ALL,
    PTX_VOTE_ANY,
    PTX_VOTE_UNI,
    PTX_VOTE_BALLOT,
    PTX_WARP_SYNC,
    PTX_ON_MATRICES,
};
enum ptx_reduction { PTX_BARRIER, PTX_BARRIER_AND, PTX_BARRIER_OR, PTX_BARRIER_POPC };
/* Where somebody else may run. */
enum ptx_point { PTX_AT_ATOMIC, PTX_AT_LOAD, PTX_AT_STORE };

/* An instruction of a whole warp on matrices: D = A B + C of m × n elements and k products, the
 * load or store of one of them, or ldmatrix. */
enum ptx_matrix_does { PTX_MMA, PTX_WMMA, PTX_WMMA_LOAD, PTX_WMMA_STORE, PTX_LDMATRIX };
enum ptx_format {
    PTX_NO_FORMAT,
    PTX_F16,
    PTX_BF16,
    PTX_TF32,
    PTX_E4M3,
    PTX_E5M2,
    PTX_F32,
    PTX_S8,
    PTX_S32,
};
struct ptx_matrix_form {
    enum ptx_matrix_does does;
    uint8_t m, n, k;
    enum ptx_format in, out; /* of A and B; of C and D */
    char side;               /* which a load or store means: 'a', 'b', 'c' (or d) */
    uint8_t count;           /* its registers; of ldmatrix, its matrices */
    uint8_t by_columns;      /* in memory: column after column */
};
/* What a lane brings to it, and where what it gets goes: registers, or a place in memory. */
struct ptx_matrix {
    struct ptx_matrix_form form;
    const uint32_t *a, *b, *c; /* of a store, a */
    uint32_t *d;               /* of a load too */
    enum ptx_space space;
    uint64_t address;
    uint32_t stride; /* elements from row to row, or column to column */
};

struct ptx_thread;

/* The machine, as translated kernels call it. `line` is the PTX text's. */
struct ptx_machine {
    /* Does not return. */
    void (*fault)(struct ptx_thread *t, enum ptx_fault fault, enum ptx_space space,
                  uint64_t address, unsigned bytes, int line);
    void (*leave)(struct ptx_thread *t); /* exit; does not return */
    /* Lanes of `mask` meet; what this one gets, and shfl's predicate. */
    uint32_t (*meet)(struct ptx_thread *t, enum ptx_meeting what, uint32_t a, uint32_t b,
                     uint32_t c, uint32_t mask, uint8_t *p, int line);
    uint32_t (*barrier)(struct ptx_thread *t, enum ptx_reduction what, uint32_t id, uint8_t p,
                        int line);
    void (*point)(struct ptx_thread *t, enum ptx_point where);
    uint64_t (*clock)(struct ptx_thread *t);
    void (*matrix)(struct ptx_thread *t, const struct ptx_matrix *matrix, int line);
    /* cp.async: `bytes` of `size` from global memory and zeros for the others; and the end of a
     * group, and the wait until no more than `groups` of them are under way. */
    void (*copy)(struct ptx_thread *t, uint8_t *to, uint64_t from, unsigned size, uint32_t bytes,
                 int line);
    void (*commit)(struct ptx_thread *t);
    void (*wait)(struct ptx_thread *t, unsigned groups);
};

struct ptx_thread {
    uint32_t tid[3], ntid[3], ctaid[3], nctaid[3];
    uint32_t lane, warp;
    uint8_t *shared;
    uint64_t shared_bytes;
    uint8_t *local;     /* so that local[PTX_LOCAL_FIRST] is its first byte */
    uint64_t local_top; /* the end of what functions that run hold of it */
    const uint8_t *params;
    uint64_t params_bytes;
    uint64_t jumps; /* back to what was before that it may still make */
    const struct ptx_memory *memory;
    const struct ptx_machine *machine;
};

typedef uint8_t ptx_u8 __attribute__((may_alias));
typedef uint16_t ptx_u16 __attribute__((may_alias));
typedef uint32_t ptx_u32 __attribute__((may_alias));
typedef uint64_t ptx_u64 __attribute__((may_alias));

/* --- addresses -----------------------------------------------------------------------------------
 * Each access is checked: aligned to its size, and all of it inside what exists. .shared and .local
 * addresses count from the beginning of the window, generic ones are the host's.
 */

/* What such an access ends in. Each check is one condition and none of these returns, so that a
 * kernel's text stays simple for the compiler. */
#define PTX_BAD(name, kind)                                                                        \
    static __attribute__((noinline, cold, noreturn, unused)) void ptx_bad_##name(                  \
        struct ptx_thread *t, uint64_t a, unsigned bytes, int line) {                              \
        t->machine->fault(t, a &(bytes - 1) ? PTX_MISALIGNED : PTX_OUTSIDE, kind, a, bytes, line); \
        __builtin_unreachable();                                                                   \
    }
PTX_BAD(global, PTX_GLOBAL)
PTX_BAD(shared, PTX_SHARED)
PTX_BAD(local, PTX_LOCAL)
PTX_BAD(param, PTX_PARAMS)

/* Whether bytes at `a` are misaligned or not all in [0, end). */
#define PTX_NOT_IN(a, bytes, end)                                                                  \
    (((a) & ((bytes)-1)) != 0) | ((a) >= (end)) | ((uint64_t)(bytes) > (end) - (a))

PTX_CALLED uint8_t *ptx_global(struct ptx_thread *t, uint64_t a, unsigned bytes, int line) {
    const struct ptx_memory *m = t->memory;
    uint64_t at = a - m->first;
    /* Somewhere in the table, wherever `at` is. */
    unsigned valid = m->valid[(at & (m->size - 1)) / PTX_GRANULE];
    if (__builtin_expect(
            ((a & (bytes - 1)) != 0) | (at >= m->size) | (at % PTX_GRANULE + bytes > valid), 0))
        ptx_bad_global(t, a, bytes, line);
    return (uint8_t *)(uintptr_t)a;
}

PTX_CALLED uint8_t *ptx_shared(struct ptx_thread *t, uint64_t a, unsigned bytes, int line) {
    if (__builtin_expect(PTX_NOT_IN(a, bytes, t->shared_bytes), 0))
        ptx_bad_shared(t, a, bytes, line);
    return t->shared + a;
}

/* Part of the kernel, although it is more than one operation: states that do not fit into registers
 * are copied byte by byte. */
PTX_INLINE uint8_t *ptx_local(struct ptx_thread *t, uint64_t a, unsigned bytes, int line) {
    if (__builtin_expect(PTX_NOT_IN(a, bytes, t->local_top) | (a < PTX_LOCAL_FIRST), 0))
        ptx_bad_local(t, a, bytes, line);
    return t->local + a;
}

/* A kernel's parameters, by an address that was computed. */
PTX_CALLED uint8_t *ptx_param(struct ptx_thread *t, uint64_t a, unsigned bytes, int line) {
    if (__builtin_expect(PTX_NOT_IN(a, bytes, t->params_bytes), 0))
        ptx_bad_param(t, a, bytes, line);
    return (uint8_t *)t->params + a;
}

PTX_INLINE int ptx_is_shared(struct ptx_thread *t, uint64_t a) {
    return a - (uint64_t)(uintptr_t)t->shared < t->shared_bytes;
}

PTX_CALLED uint8_t *ptx_generic(struct ptx_thread *t, uint64_t a, unsigned bytes, int line) {
    if (ptx_is_shared(t, a))
        return ptx_shared(t, a - (uint64_t)(uintptr_t)t->shared, bytes, line);
    if (a - (uint64_t)(uintptr_t)t->local < t->local_top)
        return ptx_local(t, a - (uint64_t)(uintptr_t)t->local, bytes, line);
    if (a - (uint64_t)(uintptr_t)t->params < t->params_bytes)
        return ptx_param(t, a - (uint64_t)(uintptr_t)t->params, bytes, line);
    return ptx_global(t, a, bytes, line);
}

/* cvta: a window's address to a generic one, and back. Global memory's are the same. */
#define ptx_cvta_global_u64(t, a) (a)
#define ptx_cvta_to_global_u64(t, a) (a)
#define ptx_cvta_shared_u64(t, a) ((uint64_t)(uintptr_t)(t)->shared + (a))
#define ptx_cvta_to_shared_u64(t, a) ((a) - (uint64_t)(uintptr_t)(t)->shared)
#define ptx_cvta_local_u64(t, a) ((uint64_t)(uintptr_t)(t)->local + (a))
#define ptx_cvta_to_local_u64(t, a) ((a) - (uint64_t)(uintptr_t)(t)->local)
#define ptx_cvta_param_u64(t, a) ((uint64_t)(uintptr_t)(t)->params + (a))

/* A function's local variable: its address, `align` a power of two. */
PTX_INLINE uint64_t ptx_local_take(struct ptx_thread *t, uint64_t bytes, uint64_t align) {
    uint64_t at = (t->local_top + align - 1) & ~(align - 1);
    memset(t->local + at, (int)(PTX_UNSET & 255), bytes);
    t->local_top = at + bytes;
    return at;
}

/* At each jump back, of which a loop has one: so none runs for ever. */
PTX_INLINE void ptx_again(struct ptx_thread *t, int line) {
    if (__builtin_expect(--t->jumps == 0, 0))
        t->machine->fault(t, PTX_ENDLESS, PTX_GENERIC, 0, 0, line);
}

/* --- integers ------------------------------------------------------------------------------------
 */

PTX_INLINE void ptx_divides(struct ptx_thread *t, int by, int line) {
    if (__builtin_expect(!by, 0))
        t->machine->fault(t, PTX_DIVIDED, PTX_GENERIC, 0, 0, line);
}

/* For n bits: u and i are the types, w the unsigned type in which products of n bits do not turn
 * into signed ones. */
#define PTX_INTEGERS(n, u, i, w)                                                                   \
    PTX_INLINE u ptx_add_u##n(u a, u b) {                                                          \
        return (u)((w)a + b);                                                                      \
    }                                                                                              \
    PTX_INLINE u ptx_sub_u##n(u a, u b) {                                                          \
        return (u)((w)a - b);                                                                      \
    }                                                                                              \
    PTX_INLINE u ptx_mul_lo_u##n(u a, u b) {                                                       \
        return (u)((w)a * b);                                                                      \
    }                                                                                              \
    PTX_INLINE u ptx_mad_lo_u##n(u a, u b, u c) {                                                  \
        return (u)((w)a * b + c);                                                                  \
    }                                                                                              \
    PTX_INLINE u ptx_div_u##n(u a, u b) {                                                          \
        return (u)(a / b);                                                                         \
    }                                                                                              \
    PTX_INLINE u ptx_rem_u##n(u a, u b) {                                                          \
        return (u)(a % b);                                                                         \
    }                                                                                              \
    /* the least number by -1: C leaves it open, the hardware wraps */                             \
    PTX_INLINE u ptx_div_s##n(u a, u b) {                                                          \
        return b == (u)-1 ? (u)(0 - (w)a) : (u)((i)a / (i)b);                                      \
    }                                                                                              \
    PTX_INLINE u ptx_rem_s##n(u a, u b) {                                                          \
        return b == (u)-1 ? 0 : (u)((i)a % (i)b);                                                  \
    }                                                                                              \
    PTX_INLINE u ptx_min_u##n(u a, u b) {                                                          \
        return a < b ? a : b;                                                                      \
    }                                                                                              \
    PTX_INLINE u ptx_max_u##n(u a, u b) {                                                          \
        return a > b ? a : b;                                                                      \
    }                                                                                              \
    PTX_INLINE u ptx_min_s##n(u a, u b) {                                                          \
        return (i)a < (i)b ? a : b;                                                                \
    }                                                                                              \
    PTX_INLINE u ptx_max_s##n(u a, u b) {                                                          \
        return (i)a > (i)b ? a : b;                                                                \
    }                                                                                              \
    PTX_INLINE u ptx_neg_s##n(u a) {                                                               \
        return (u)(0 - (w)a);                                                                      \
    }                                                                                              \
    PTX_INLINE u ptx_abs_s##n(u a) {                                                               \
        return (i)a < 0 ? (u)(0 - (w)a) : a;                                                       \
    }                                                                                              \
    PTX_INLINE u ptx_and_b##n(u a, u b) {                                                          \
        return a & b;                                                                              \
    }                                                                                              \
    PTX_INLINE u ptx_or_b##n(u a, u b) {                                                           \
        return a | b;                                                                              \
    }                                                                                              \
    PTX_INLINE u ptx_xor_b##n(u a, u b) {                                                          \
        return a ^ b;                                                                              \
    }                                                                                              \
    PTX_INLINE u ptx_not_b##n(u a) {                                                               \
        return (u)~a;                                                                              \
    }                                                                                              \
    /* "shift amounts greater than the register width N are clamped to N" */                       \
    PTX_INLINE u ptx_shl_b##n(u a, uint32_t s) {                                                   \
        return s >= n ? 0 : (u)((w)a << s);                                                        \
    }                                                                                              \
    PTX_INLINE u ptx_shr_u##n(u a, uint32_t s) {                                                   \
        return s >= n ? 0 : (u)(a >> s);                                                           \
    }                                                                                              \
    PTX_INLINE u ptx_shr_s##n(u a, uint32_t s) {                                                   \
        u sign = (i)a < 0 ? (u) ~(u)0 : 0;                                                         \
        return (u)((u)(a ^ sign) >> (s >= n ? n - 1 : s)) ^ sign;                                  \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_eq_u##n(u a, u b) {                                                \
        return a == b;                                                                             \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_ne_u##n(u a, u b) {                                                \
        return a != b;                                                                             \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_lt_u##n(u a, u b) {                                                \
        return a < b;                                                                              \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_le_u##n(u a, u b) {                                                \
        return a <= b;                                                                             \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_gt_u##n(u a, u b) {                                                \
        return a > b;                                                                              \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_ge_u##n(u a, u b) {                                                \
        return a >= b;                                                                             \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_lt_s##n(u a, u b) {                                                \
        return (i)a < (i)b;                                                                        \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_le_s##n(u a, u b) {                                                \
        return (i)a <= (i)b;                                                                       \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_gt_s##n(u a, u b) {                                                \
        return (i)a > (i)b;                                                                        \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_ge_s##n(u a, u b) {                                                \
        return (i)a >= (i)b;                                                                       \
    }                                                                                              \
    PTX_INLINE u ptx_selp_b##n(u a, u b, uint8_t p) {                                              \
        return p ? a : b;                                                                          \
    }
PTX_INTEGERS(16, uint16_t, int16_t, uint32_t)
PTX_INTEGERS(32, uint32_t, int32_t, uint32_t)
PTX_INTEGERS(64, uint64_t, int64_t, uint64_t)
#undef PTX_INTEGERS

#define PTX_WIDE(n, u, i, uu, ii)                                                                  \
    PTX_INLINE uu ptx_mul_wide_u##n(u a, u b) {                                                    \
        return (uu)a * b;                                                                          \
    }                                                                                              \
    PTX_INLINE uu ptx_mul_wide_s##n(u a, u b) {                                                    \
        return (uu)((ii)(i)a * (i)b);                                                              \
    }                                                                                              \
    PTX_INLINE uu ptx_mad_wide_u##n(u a, u b, uu c) {                                              \
        return (uu)a * b + c;                                                                      \
    }                                                                                              \
    PTX_INLINE uu ptx_mad_wide_s##n(u a, u b, uu c) {                                              \
        return (uu)((ii)(i)a * (i)b) + c;                                                          \
    }                                                                                              \
    PTX_INLINE u ptx_mul_hi_u##n(u a, u b) {                                                       \
        return (u)(((uu)a * b) >> n);                                                              \
    }                                                                                              \
    PTX_INLINE u ptx_mul_hi_s##n(u a, u b) {                                                       \
        return (u)((uu)((ii)(i)a * (i)b) >> n);                                                    \
    }
PTX_WIDE(16, uint16_t, int16_t, uint32_t, int32_t)
PTX_WIDE(32, uint32_t, int32_t, uint64_t, int64_t)
#undef PTX_WIDE
PTX_INLINE uint64_t ptx_mul_hi_u64(uint64_t a, uint64_t b) {
    return (uint64_t)(((unsigned __int128)a * b) >> 64);
}
PTX_INLINE uint64_t ptx_mul_hi_s64(uint64_t a, uint64_t b) {
    return (uint64_t)((unsigned __int128)((__int128)(int64_t)a * (int64_t)b) >> 64);
}

PTX_INLINE uint8_t ptx_and_pred(uint8_t a, uint8_t b) {
    return a & b;
}
PTX_INLINE uint8_t ptx_or_pred(uint8_t a, uint8_t b) {
    return a | b;
}
PTX_INLINE uint8_t ptx_xor_pred(uint8_t a, uint8_t b) {
    return a ^ b;
}
PTX_INLINE uint8_t ptx_not_pred(uint8_t a) {
    return !a;
}

PTX_INLINE uint32_t ptx_clz_b32(uint32_t a) {
    return a ? (uint32_t)__builtin_clz(a) : 32;
}
PTX_INLINE uint32_t ptx_clz_b64(uint64_t a) {
    return a ? (uint32_t)__builtin_clzll(a) : 64;
}
PTX_INLINE uint32_t ptx_popc_b32(uint32_t a) {
    return (uint32_t)__builtin_popcount(a);
}
PTX_INLINE uint32_t ptx_popc_b64(uint64_t a) {
    return (uint32_t)__builtin_popcountll(a);
}

/* Shifts of the pair b:a; what leaves it on one side is the result. */
PTX_INLINE uint32_t ptx_shf_l_wrap_b32(uint32_t a, uint32_t b, uint32_t c) {
    return (uint32_t)((((uint64_t)b << 32 | a) << (c & 31)) >> 32);
}
PTX_INLINE uint32_t ptx_shf_r_wrap_b32(uint32_t a, uint32_t b, uint32_t c) {
    return (uint32_t)(((uint64_t)b << 32 | a) >> (c & 31));
}
PTX_INLINE uint32_t ptx_shf_l_clamp_b32(uint32_t a, uint32_t b, uint32_t c) {
    return (uint32_t)((((uint64_t)b << 32 | a) << (c > 32 ? 32 : c)) >> 32);
}
PTX_INLINE uint32_t ptx_shf_r_clamp_b32(uint32_t a, uint32_t b, uint32_t c) {
    return (uint32_t)(((uint64_t)b << 32 | a) >> (c > 32 ? 32 : c));
}

/* Fields: position and length are the low 8 bits of their operands, and what lies above the
 * register is none of its bits. */
PTX_INLINE uint32_t ptx_bfi_b32(uint32_t a, uint32_t b, uint32_t position, uint32_t length) {
    position &= 255, length &= 255;
    if (position > 31 || length == 0)
        return b;
    uint32_t ones = length > 31 ? ~0u : (1u << length) - 1;
    return (b & ~(ones << position)) | (a & ones) << position;
}
PTX_INLINE uint32_t ptx_bfe_u32(uint32_t a, uint32_t position, uint32_t length) {
    position &= 255, length &= 255;
    if (position > 31 || length == 0)
        return 0;
    return a >> position & (length > 31 ? ~0u : (1u << length) - 1);
}
/* Filled with the field's last bit, or the register's where the field ends above it. */
PTX_INLINE uint32_t ptx_bfe_s32(uint32_t a, uint32_t position, uint32_t length) {
    position &= 255, length &= 255;
    if (length == 0)
        return 0;
    uint32_t last = position + length - 1 > 31 ? 31 : position + length - 1;
    uint32_t fill = a >> last & 1 ? ~0u : 0;
    if (position > 31)
        return fill;
    uint32_t bits = last - position + 1;
    return bits > 31 ? a : (a >> position & ((1u << bits) - 1)) | fill << bits;
}

/* A byte of the pair b:a by each of the selector's four nibbles, or eight times its sign. */
PTX_CALLED uint32_t ptx_prmt_b32(uint32_t a, uint32_t b, uint32_t selector) {
    uint64_t from = (uint64_t)b << 32 | a;
    uint32_t d = 0;
    for (int k = 0; k < 4; k++) {
        uint32_t s = selector >> (4 * k) & 15, byte = (uint32_t)(from >> (8 * (s & 7))) & 255;
        d |= (s & 8 ? (byte & 128 ? 255u : 0u) : byte) << (8 * k);
    }
    return d;
}
/* c and the four products of bytes in the same places. */
PTX_CALLED uint32_t ptx_dp4a_s32_s32(uint32_t a, uint32_t b, uint32_t c) {
    for (int k = 0; k < 4; k++)
        c += (uint32_t)((int8_t)(a >> 8 * k) * (int8_t)(b >> 8 * k));
    return c;
}
/* Bit k of `table` is what the three bits of number k (a's highest) become. */
PTX_CALLED uint32_t ptx_lop3_b32(uint32_t a, uint32_t b, uint32_t c, uint32_t table) {
    uint32_t d = 0;
    for (uint32_t k = 0; k < 8; k++)
        if (table >> k & 1)
            d |= (k & 4 ? a : ~a) & (k & 2 ? b : ~b) & (k & 1 ? c : ~c);
    return d;
}

#endif
