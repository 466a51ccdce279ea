/*
 * sass_run_half.c: instructions of 16 bits of floating point, two at a time. Each is done in double
 * precision, exactly or to odd, and rounded once (kernels/ptx/ptx_float.h).
 */
#include "kernels/element/element.h"
#include "kernels/sass/sass_run.h"

/* `mode`: the formats. */
enum { F16, BF16 };

/* A source's upper (1) or lower (0) half, as a number. */
static double half_of(const struct sass_code *op, const struct sass_source *s, uint32_t word,
                      int upper) {
    if (s->half == SASS_H0_H0)
        upper = 0;
    else if (s->half == SASS_H1_H1)
        upper = 1;
    uint16_t half = (uint16_t)(word >> 16 * upper);
    if (s->absolute)
        half &= 0x7fff;
    if (s->negative)
        half ^= 0x8000;
    return op->mode == BF16 ? ptx_bf16(half) : ptx_f16(half);
}

static uint32_t rounded(const struct sass_code *op, double upper, double lower) {
    return op->mode == BF16 ? PTX_TWO(ptx_bf16_of(upper), ptx_bf16_of(lower))
                            : PTX_TWO(ptx_f16_of(upper), ptx_f16_of(lower));
}

static void add2(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t out[SASS_LANES];
    const struct sass_source *s = op->source;
    const uint32_t *a = sass_plain(w, s), *b = sass_plain(w, s + 1);
    SASS_EACH(l, mask) {
        double sum[2];
        for (int k = 0; k < 2; k++)
            sum[k] = ptx_add_odd(half_of(op, s, a[l], k), half_of(op, s + 1, b[l], k));
        out[l] = rounded(op, sum[1], sum[0]);
    }
    sass_put(w, op->to, out, mask);
}

static void mul2(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t out[SASS_LANES];
    const struct sass_source *s = op->source;
    const uint32_t *a = sass_plain(w, s), *b = sass_plain(w, s + 1);
    SASS_EACH(l, mask)
    out[l] = rounded(op, half_of(op, s, a[l], 1) * half_of(op, s + 1, b[l], 1),
                     half_of(op, s, a[l], 0) * half_of(op, s + 1, b[l], 0));
    sass_put(w, op->to, out, mask);
}

static void fma2(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t out[SASS_LANES];
    const struct sass_source *s = op->source;
    const uint32_t *a = sass_plain(w, s), *b = sass_plain(w, s + 1), *c = sass_plain(w, s + 2);
    SASS_EACH(l, mask) {
        double sum[2];
        for (int k = 0; k < 2; k++)
            sum[k] = ptx_add_odd(half_of(op, s, a[l], k) * half_of(op, s + 1, b[l], k),
                                 half_of(op, s + 2, c[l], k));
        out[l] = rounded(op, sum[1], sum[0]);
    }
    sass_put(w, op->to, out, mask);
}

/* HADD2.F32: a sum of two halves of 16 bits as a float; with -0 it is how a half becomes one. */
static void add_to_f32(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t out[SASS_LANES];
    const struct sass_source *s = op->source;
    const uint32_t *a = sass_plain(w, s), *b = sass_plain(w, s + 1);
    SASS_EACH(l, mask)
    out[l] = ptx_bits32((float)(half_of(op, s, a[l], 0) + half_of(op, s + 1, b[l], 0)));
    sass_put(w, op->to, out, mask);
}

/* F2FP: two floats, the first the upper half. */
static void pack(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t out[SASS_LANES], room[2][SASS_LANES];
    const uint32_t *a = sass_float(w, &op->source[0], room[0]),
                   *b = sass_float(w, &op->source[1], room[1]);
    SASS_EACH(l, mask)
    out[l] = rounded(op, ptx_f32(a[l]), ptx_f32(b[l]));
    sass_put(w, op->to, out, mask);
}

/* F2FP.F16.E4M3.UNPACK_B: two bytes of a register's lower half, or its upper (H1), as halves: each
 * is exactly one. A NaN is the canonical one. */
static void unpack(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t out[SASS_LANES];
    const uint32_t *a = sass_plain(w, &op->source[0]);
    SASS_LANE(l) {
        uint16_t half[2];
        for (int k = 0; k < 2; k++) {
            uint8_t byte = (uint8_t)(a[l] >> (16 * (op->mode & 1) + 8 * k));
            float value = op->mode & 2 ? element_from_e5m2(byte) : element_from_e4m3(byte);
            half[k] = value != value ? 0x7fff : element_to_f16((double)value);
        }
        out[l] = half[0] | (uint32_t)half[1] << 16;
    }
    sass_put(w, op->to, out, mask);
}

static sass_action *unpack_action(const struct sass_instruction *i, struct sass_code *op) {
    bool e5m2 = sass_has(i, SASS_MOD_E5M2);
    const struct sass_operand *from = &i->operands[1];
    if (i->modifier_count != 3 || i->modifiers[0] != SASS_MOD_F16 ||
        (!e5m2 && !sass_has(i, SASS_MOD_E4M3)) || i->operand_count != 2 || from->half ||
        from->negative || from->absolute || (from->selector && from->selector != SASS_MOD_H1))
        return NULL;
    op->mode = (uint8_t)(from->selector == SASS_MOD_H1) | (uint8_t)(e5m2 ? 2 : 0);
    return unpack;
}

sass_action *sass_half_action(const struct sass_instruction *i, struct sass_code *op) {
    bool to_f32 = false, is_pack = false;
    if (i->op != SASS_OP_HADD2 && i->op != SASS_OP_HMUL2 && i->op != SASS_OP_HFMA2 &&
        i->op != SASS_OP_F2FP)
        return NULL;
    if (i->op == SASS_OP_F2FP && sass_has(i, SASS_MOD_UNPACK_B))
        return unpack_action(i, op);
    for (unsigned k = 0; k < i->modifier_count; k++)
        switch (i->modifiers[k]) {
        case SASS_MOD_BF16_V2:
        case SASS_MOD_BF16:
            op->mode = BF16;
            break;
        case SASS_MOD_F32:
            to_f32 = true;
            break;
        case SASS_MOD_PACK_AB:
            is_pack = true;
            break;
        case SASS_MOD_MMA: /* which unit does it */
        case SASS_MOD_F16:
            break;
        default:
            return NULL;
        }
    switch (i->op) {
    case SASS_OP_HADD2:
        return to_f32 ? op->mode == BF16 ? NULL : add_to_f32 : add2;
    case SASS_OP_HMUL2:
        return to_f32 ? NULL : mul2;
    case SASS_OP_HFMA2:
        return to_f32 ? NULL : fma2;
    default: /* a third operand would be put together with it */
        return is_pack && i->operand_count == 3 ? pack : NULL;
    }
}
