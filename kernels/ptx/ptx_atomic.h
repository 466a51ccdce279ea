/*
 * ptx_atomic.h: atom and red, after ptx_float.h. One thread runs at a time, and gives way only
 * between instructions, so plain code is atomic. Each gives what was there before.
 */
#define PTX_ATOM(name, u, next)                                                                    \
    PTX_CALLED u ptx_atom_##name(uint8_t *at, u b) {                                               \
        u *p = (u *)at, a = *p;                                                                    \
        *p = next;                                                                                 \
        return a;                                                                                  \
    }
#define PTX_ATOMS(n)                                                                               \
    PTX_ATOM(add_u##n, ptx_u##n, a + b)                                                            \
    PTX_ATOM(min_u##n, ptx_u##n, ptx_min_u##n(a, b))                                               \
    PTX_ATOM(max_u##n, ptx_u##n, ptx_max_u##n(a, b))                                               \
    PTX_ATOM(min_s##n, ptx_u##n, ptx_min_s##n(a, b))                                               \
    PTX_ATOM(max_s##n, ptx_u##n, ptx_max_s##n(a, b))                                               \
    PTX_ATOM(and_b##n, ptx_u##n, a &b)                                                             \
    PTX_ATOM(or_b##n, ptx_u##n, a | b)                                                             \
    PTX_ATOM(xor_b##n, ptx_u##n, a ^ b)                                                            \
    PTX_ATOM(exch_b##n, ptx_u##n, b)
PTX_ATOMS(32)
PTX_ATOMS(64)
#undef PTX_ATOMS
/* Counters that run from 0 to b and around. */
PTX_ATOM(inc_u32, ptx_u32, a >= b ? 0 : a + 1)
PTX_ATOM(dec_u32, ptx_u32, a == 0 || a > b ? b : a - 1)
PTX_ATOM(add_f64, ptx_u64, ptx_add_rn_f64(a, b))
PTX_ATOM(add_noftz_f16, ptx_u16, ptx_add_f16(a, b))
PTX_ATOM(add_noftz_bf16, ptx_u16, ptx_add_bf16(a, b))
PTX_ATOM(add_noftz_f16x2, ptx_u32, ptx_add_f16x2(a, b))
PTX_ATOM(add_noftz_bf16x2, ptx_u32, ptx_add_bf16x2(a, b))

/* "atom.add.f32 on global memory flushes subnormal inputs and results to sign-preserving zero",
 * and on shared memory it does not. */
PTX_CALLED uint32_t ptx_flush(uint32_t a) {
    return a & 0x7f800000u ? a : a & 0x80000000u;
}
PTX_ATOM(add_f32_shared, ptx_u32, ptx_add_rn_f32(a, b))
PTX_ATOM(add_f32_global, ptx_u32, ptx_flush(ptx_add_rn_f32(ptx_flush(a), ptx_flush(b))))
#undef PTX_ATOM

#define PTX_CAS(n)                                                                                 \
    PTX_CALLED uint##n##_t ptx_atom_cas_b##n(uint8_t *at, uint##n##_t compare, uint##n##_t b) {    \
        ptx_u##n *p = (ptx_u##n *)at, a = *p;                                                      \
        if (a == compare)                                                                          \
            *p = b;                                                                                \
        return a;                                                                                  \
    }
PTX_CAS(16)
PTX_CAS(32)
PTX_CAS(64)
#undef PTX_CAS
