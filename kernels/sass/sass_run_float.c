/*
 * sass_run_float.c: instructions of 32 and 64 bits of floating point, and conversions.
 *
 * An operation is the host's, rounded once; the mode of rounding is never changed. Where a
 * direction is named, the exact result comes first, or what rounds as it does (ptx_add_odd).
 *
 * MUFU.RCP and MUFU.RSQ are approximations whose bits NVIDIA does not publish. They are run all the
 * same, as the nearest number: compilers use them as a first guess that multiply-adds then improve
 * to the one right result (division, square root, division of integers). sass_guess() moves the
 * guess for tests, which show that results do not depend on it. Other functions of MUFU are
 * refused.
 */
#include <math.h>

#include "kernels/sass/sass_run.h"

#define ROOM uint32_t out[SASS_LANES], room[3][SASS_LANES]
#define SOURCE(k) sass_float(w, &op->source[k], room[k])

enum { NEAREST, DOWN, UPWARD, TO_ZERO };

static uint8_t rounding_of(const struct sass_instruction *i) {
    return sass_has(i, SASS_MOD_RM)   ? DOWN
           : sass_has(i, SASS_MOD_RP) ? UPWARD
           : sass_has(i, SASS_MOD_RZ) ? TO_ZERO
                                      : NEAREST;
}

/* x, which is exact or rounded to odd, in a direction. */
static uint32_t directed(long double x, uint8_t rounding) {
    float f = (float)x;
    bool up = rounding == UPWARD || (rounding == TO_ZERO && x < 0),
         down = rounding == DOWN || (rounding == TO_ZERO && x > 0);
    if (up && (long double)f < x)
        f = nextafterf(f, INFINITY);
    if (down && (long double)f > x)
        f = nextafterf(f, -INFINITY);
    return ptx_bits32(f);
}

/* --- arithmetic ----------------------------------------------------------------------------------
 */

static inline float value(const struct sass_code *op, uint32_t bits) {
    return ptx_f32(op->flush ? ptx_flush(bits) : bits);
}

#define FLOAT_ROWS(name, result)                                                                   \
    static void name(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {             \
        ROOM;                                                                                      \
        const uint32_t *a = SOURCE(0), *b = SOURCE(1);                                             \
        SASS_LANE(l)                                                                               \
        out[l] = ptx_bits32(result);                                                               \
        sass_put(w, op->to, out, mask);                                                            \
    }                                                                                              \
    static void name##_ftz(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {       \
        ROOM;                                                                                      \
        const uint32_t *a0 = SOURCE(0), *b0 = SOURCE(1);                                           \
        uint32_t a[SASS_LANES], b[SASS_LANES];                                                     \
        SASS_LANE(l) {                                                                             \
            a[l] = ptx_flush(a0[l]);                                                               \
            b[l] = ptx_flush(b0[l]);                                                               \
            out[l] = ptx_flush(ptx_bits32(result));                                                \
        }                                                                                          \
        sass_put(w, op->to, out, mask);                                                            \
    }
FLOAT_ROWS(add, ptx_f32(a[l]) + ptx_f32(b[l]))
FLOAT_ROWS(mul, ptx_f32(a[l]) * ptx_f32(b[l]))

/* In a direction: `mode` says whether it is a product. */
static void directed32(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0), *b = SOURCE(1);
    SASS_LANE(l) {
        double x = ptx_f32(a[l]), y = ptx_f32(b[l]), to = op->mode ? x * y : ptx_add_odd(x, y);
        if (!op->mode && to == 0 && op->rounding == DOWN && signbit(x) != signbit(y))
            to = -0.0;
        out[l] = directed(to, op->rounding);
    }
    sass_put(w, op->to, out, mask);
}

static void fma32(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0), *b = SOURCE(1), *c = SOURCE(2);
    memset(out, 0, sizeof out);
    SASS_EACH(l, mask)
    out[l] = ptx_fma_rn_f32(a[l], b[l], c[l]);
    sass_put(w, op->to, out, mask);
}

static void fma32_directed(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0), *b = SOURCE(1), *c = SOURCE(2);
    memset(out, 0, sizeof out);
    SASS_EACH(l, mask) {
        double p = (double)ptx_f32(a[l]) * ptx_f32(b[l]), s = ptx_f32(c[l]);
        double sum = ptx_add_odd(p, s);
        if (sum == 0 && op->rounding == DOWN && signbit(p) != signbit(s))
            sum = -0.0;
        out[l] = directed(sum, op->rounding);
    }
    sass_put(w, op->to, out, mask);
}

#define DOUBLE_ROWS(name, sources, result)                                                         \
    static void name(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {             \
        uint32_t out[2][SASS_LANES], room[3][SASS_LANES];                                          \
        const uint32_t *low[3], *high[3];                                                          \
        for (unsigned k = 0; k < sources; k++) {                                                   \
            low[k] = sass_plain(w, &op->source[k]);                                                \
            high[k] = sass_double(w, &op->source[k], room[k]);                                     \
        }                                                                                          \
        SASS_LANE(l) {                                                                             \
            uint64_t bits = ptx_bits64(result);                                                    \
            out[0][l] = (uint32_t)bits;                                                            \
            out[1][l] = (uint32_t)(bits >> 32);                                                    \
        }                                                                                          \
        sass_put(w, op->to, out[0], mask);                                                         \
        sass_put(w, op->to + 1, out[1], mask);                                                     \
    }
#define DOUBLE(k) ptx_f64(sass_two(low[k][l], high[k][l]))
DOUBLE_ROWS(add64, 2, DOUBLE(0) + DOUBLE(1))
DOUBLE_ROWS(mul64, 2, DOUBLE(0) * DOUBLE(1))
DOUBLE_ROWS(fma64, 3, __builtin_fma(DOUBLE(0), DOUBLE(1), DOUBLE(2)))

/* --- comparing, choosing -------------------------------------------------------------------------
 */

/* Without U: false where an operand is a NaN. */
enum { LT, EQ, LE, GT, NE, GE, NUM, ISNAN };
#define UNORDERED 8

static uint32_t compared(uint8_t mode, uint32_t less, uint32_t same, uint32_t more, uint32_t nan) {
    uint32_t result;
    switch (mode & 7) {
    case LT:
        result = less;
        break;
    case EQ:
        result = same;
        break;
    case LE:
        result = less | same;
        break;
    case GT:
        result = more;
        break;
    case NE:
        result = less | more;
        break;
    case GE:
        result = more | same;
        break;
    case NUM:
        result = ~nan;
        break;
    default:
        result = nan;
    }
    return mode & UNORDERED ? result | nan : result;
}

static void put_compared(struct sass_warp *w, const struct sass_code *op, uint32_t result,
                         uint32_t mask) {
    uint32_t with = sass_condition(w, &op->condition[0]);
    sass_put_p(w, op->target[0], sass_joined(op->join, result, with), mask);
    sass_put_p(w, op->target[1], sass_joined(op->join, ~result, with), mask);
}

static void setp32(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t room[2][SASS_LANES], less = 0, same = 0, more = 0;
    const uint32_t *a = SOURCE(0), *b = SOURCE(1);
    SASS_LANE(l) {
        float x = value(op, a[l]), y = value(op, b[l]);
        less |= (uint32_t)(x < y) << l;
        same |= (uint32_t)(x == y) << l;
        more |= (uint32_t)(x > y) << l;
    }
    put_compared(w, op, compared(op->mode, less, same, more, ~(less | same | more)), mask);
}

static void setp64(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t room[2][SASS_LANES], less = 0, same = 0, more = 0;
    const uint32_t *low[2], *high[2];
    for (int k = 0; k < 2; k++) {
        low[k] = sass_plain(w, &op->source[k]);
        high[k] = sass_double(w, &op->source[k], room[k]);
    }
    SASS_LANE(l) {
        double x = DOUBLE(0), y = DOUBLE(1);
        less |= (uint32_t)(x < y) << l;
        same |= (uint32_t)(x == y) << l;
        more |= (uint32_t)(x > y) << l;
    }
    put_compared(w, op, compared(op->mode, less, same, more, ~(less | same | more)), mask);
}

static sass_action *setp_action(const struct sass_instruction *i, struct sass_code *op,
                                sass_action *action) {
    static const struct {
        enum sass_modifier name;
        uint8_t mode;
    } modes[] = {
        {SASS_MOD_LT, LT},
        {SASS_MOD_EQ, EQ},
        {SASS_MOD_LE, LE},
        {SASS_MOD_GT, GT},
        {SASS_MOD_NE, NE},
        {SASS_MOD_GE, GE},
        {SASS_MOD_NUM, NUM},
        {SASS_MOD_NAN, ISNAN},
        {SASS_MOD_LTU, LT | UNORDERED},
        {SASS_MOD_EQU, EQ | UNORDERED},
        {SASS_MOD_LEU, LE | UNORDERED},
        {SASS_MOD_GTU, GT | UNORDERED},
        {SASS_MOD_NEU, NE | UNORDERED},
        {SASS_MOD_GEU, GE | UNORDERED},
    };
    op->join = sass_join_of(i);
    op->flush = sass_has(i, SASS_MOD_FTZ);
    for (size_t k = 0; k < sizeof modes / sizeof *modes; k++)
        if (sass_has(i, modes[k].name)) {
            op->mode = modes[k].mode;
            return i->operand_count == 5 ? action : NULL;
        }
    return NULL;
}

static void fsel(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0), *b = SOURCE(1);
    uint32_t first = sass_condition(w, &op->condition[0]);
    SASS_LANE(l)
    out[l] = first >> l & 1 ? a[l] : b[l];
    sass_put(w, op->to, out, mask);
}

/* The lesser where the predicate is true, else the greater. */
static void fmnmx(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0), *b = SOURCE(1);
    uint32_t least = sass_condition(w, &op->condition[0]);
    SASS_LANE(l)
    out[l] = least >> l & 1 ? ptx_min_f32(a[l], b[l]) : ptx_max_f32(a[l], b[l]);
    sass_put(w, op->to, out, mask);
}

/* --- guesses -------------------------------------------------------------------------------------
 */

static _Thread_local int guess_off;

void sass_guess(int off) {
    guess_off = off;
}

static uint32_t guessed(float f) {
    uint32_t bits = ptx_bits32(f), magnitude = bits & 0x7fffffffu;
    return magnitude == 0 || magnitude >= 0x7f7fffffu ? bits : bits + (uint32_t)guess_off;
}

static void rcp(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0);
    SASS_LANE(l)
    out[l] = guessed(1 / ptx_f32(a[l]));
    sass_put(w, op->to, out, mask);
}

static void rsq(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0);
    SASS_LANE(l)
    out[l] = guessed((float)(1 / sqrt((double)ptx_f32(a[l]))));
    sass_put(w, op->to, out, mask);
}

/* Whether a / b is out of reach of the fast path of division, which rounds right where quotient and
 * remainders are normal numbers. The slow path is right for all: so is saying so too often. */
static void fchk(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t room[2][SASS_LANES];
    const uint32_t *a = SOURCE(0), *b = SOURCE(1);
    uint32_t slow = SASS_BITS(l, ({
                                  int x = (int)(a[l] >> 23 & 255), y = (int)(b[l] >> 23 & 255);
                                  x<26 || x> 253 || y<2 || y> 251 || x - y > 100 || x - y < -100;
                              }));
    sass_put_p(w, op->target[0], slow, mask);
}

/* --- conversions ---------------------------------------------------------------------------------
 */

static void f64_of_f32(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    uint32_t upper[SASS_LANES];
    const uint32_t *a = SOURCE(0);
    SASS_LANE(l) {
        uint64_t bits = ptx_cvt_f64_f32(a[l]);
        out[l] = (uint32_t)bits;
        upper[l] = (uint32_t)(bits >> 32);
    }
    sass_put(w, op->to, out, mask);
    sass_put(w, op->to + 1, upper, mask);
}

static void f32_of_f64(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *low = sass_plain(w, op->source), *high = sass_double(w, op->source, room[0]);
    SASS_LANE(l)
    out[l] = ptx_cvt_rn_f32_f64(sass_two(low[l], high[l]));
    sass_put(w, op->to, out, mask);
}

/* To the lower half of a register. */
static void f16_of_f32(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0);
    SASS_LANE(l)
    out[l] = ptx_f16_of(ptx_f32(a[l]));
    sass_put(w, op->to, out, mask);
}

static void bf16_of_f32(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0);
    SASS_LANE(l)
    out[l] = ptx_bf16_of(ptx_f32(a[l]));
    sass_put(w, op->to, out, mask);
}

enum { TO_S32, TO_U32, TO_S64, TO_U64 };

/* `extended`: of a double; `rounding`: TO_ZERO or to the nearest even. */
static void f2i(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    uint32_t upper[SASS_LANES] = {0};
    const uint32_t *low = sass_plain(w, op->source),
                   *high = op->pairs ? sass_double(w, op->source, room[0]) : SOURCE(0);
    memset(out, 0, sizeof out);
    SASS_EACH(l, mask) {
        double x = op->pairs ? ptx_f64(sass_two(low[l], high[l])) : value(op, high[l]);
        x = op->rounding == TO_ZERO ? trunc(x) : nearbyint(x);
        uint64_t bits = (uint64_t)ptx_bits64(x), to;
        switch (op->mode) {
        case TO_S32:
            to = ptx_cvt_rzi_s32_f64(bits);
            break;
        case TO_U32:
            to = ptx_cvt_rzi_u32_f64(bits);
            break;
        case TO_S64:
            to = ptx_cvt_rzi_s64_f64(bits);
            break;
        default:
            to = ptx_cvt_rzi_u64_f64(bits);
        }
        if (x != x && op->extended)
            to = 0; /* PTX's 0 for a NaN that is a float and becomes 32 bits: there ptxas has NTZ */
        out[l] = (uint32_t)to;
        upper[l] = (uint32_t)(to >> 32);
    }
    sass_put(w, op->to, out, mask);
    if (op->mode >= TO_S64)
        sass_put(w, op->to + 1, upper, mask);
}

/* `pairs`: of 64 bits; `sign`; `extended`: to a double. */
static void i2f(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    uint32_t upper[SASS_LANES];
    const uint32_t *low = sass_integer(w, op->source, room[0]),
                   *high = sass_plain_upper(w, op->source);
    SASS_LANE(l) {
        uint64_t whole = op->pairs  ? sass_two(low[l], high[l])
                         : op->sign ? (uint64_t)(int64_t)(int32_t)low[l]
                                    : low[l];
        uint64_t bits;
        if (op->extended)
            bits = op->sign ? ptx_cvt_rn_f64_s64(whole) : ptx_cvt_rn_f64_u64(whole);
        else if (op->rounding == NEAREST)
            bits = op->sign ? ptx_cvt_rn_f32_s64(whole) : ptx_cvt_rn_f32_u64(whole);
        else
            bits =
                directed(op->sign ? (long double)(int64_t)whole : (long double)whole, op->rounding);
        out[l] = (uint32_t)bits;
        upper[l] = (uint32_t)(bits >> 32);
    }
    sass_put(w, op->to, out, mask);
    if (op->extended)
        sass_put(w, op->to + 1, upper, mask);
}

/* --- which ---------------------------------------------------------------------------------------
 */

/* Whether there are modifiers besides these. */
static bool only(const struct sass_instruction *i, const enum sass_modifier *names, size_t count) {
    for (unsigned k = 0; k < i->modifier_count; k++) {
        bool known = false;
        for (size_t n = 0; n < count; n++)
            known |= i->modifiers[k] == names[n];
        if (!known)
            return false;
    }
    return true;
}
#define ONLY(i, ...)                                                                               \
    only(i, (const enum sass_modifier[]){__VA_ARGS__},                                             \
         sizeof((const enum sass_modifier[]){__VA_ARGS__}) / sizeof(enum sass_modifier))

static sass_action *f2i_action(const struct sass_instruction *i, struct sass_code *op) {
    if (!ONLY(i, SASS_MOD_FTZ, SASS_MOD_U32, SASS_MOD_S32, SASS_MOD_U64, SASS_MOD_S64, SASS_MOD_F64,
              SASS_MOD_TRUNC, SASS_MOD_NTZ))
        return NULL;
    bool without = sass_has(i, SASS_MOD_U32) || sass_has(i, SASS_MOD_U64);
    bool is_64 = sass_has(i, SASS_MOD_U64) || sass_has(i, SASS_MOD_S64);
    op->pairs = sass_has(i, SASS_MOD_F64);
    op->flush = sass_has(i, SASS_MOD_FTZ);
    op->rounding = sass_has(i, SASS_MOD_TRUNC) ? TO_ZERO : NEAREST;
    op->extended = sass_has(i, SASS_MOD_NTZ);
    op->mode = (uint8_t)((is_64 ? TO_S64 : TO_S32) + without);
    return f2i;
}

static sass_action *i2f_action(const struct sass_instruction *i, struct sass_code *op) {
    if (!ONLY(i, SASS_MOD_U32, SASS_MOD_S32, SASS_MOD_U64, SASS_MOD_S64, SASS_MOD_F64, SASS_MOD_F32,
              SASS_MOD_RP, SASS_MOD_RM, SASS_MOD_RZ, SASS_MOD_RN))
        return NULL;
    op->sign = !sass_has(i, SASS_MOD_U32) && !sass_has(i, SASS_MOD_U64);
    op->pairs = sass_has(i, SASS_MOD_U64) || sass_has(i, SASS_MOD_S64);
    op->extended = sass_has(i, SASS_MOD_F64);
    op->rounding = rounding_of(i);
    return op->extended && op->rounding != NEAREST ? NULL : i2f;
}

static sass_action *f2f_action(const struct sass_instruction *i, struct sass_code *op) {
    if (i->modifier_count != 2)
        return NULL;
    if (i->modifiers[0] == SASS_MOD_F64 && i->modifiers[1] == SASS_MOD_F32)
        return f64_of_f32;
    if (i->modifiers[0] == SASS_MOD_F16 && i->modifiers[1] == SASS_MOD_F32)
        return f16_of_f32;
    if (i->modifiers[0] == SASS_MOD_BF16 && i->modifiers[1] == SASS_MOD_F32)
        return bf16_of_f32;
    op->pairs = 1;
    return i->modifiers[0] == SASS_MOD_F32 && i->modifiers[1] == SASS_MOD_F64 ? f32_of_f64 : NULL;
}

sass_action *sass_float_action(const struct sass_instruction *i, struct sass_code *op) {
    op->rounding = rounding_of(i);
    bool flush = sass_has(i, SASS_MOD_FTZ), plain = i->modifier_count == 0;
    switch (i->op) {
    case SASS_OP_FADD:
    case SASS_OP_FMUL:
        op->mode = i->op == SASS_OP_FMUL;
        if (ONLY(i, SASS_MOD_FTZ))
            return op->mode ? flush ? mul_ftz : mul : flush ? add_ftz : add;
        return ONLY(i, SASS_MOD_RM, SASS_MOD_RP, SASS_MOD_RZ) ? directed32 : NULL;
    case SASS_OP_FFMA:
        return !ONLY(i, SASS_MOD_RM, SASS_MOD_RP, SASS_MOD_RZ) ? NULL
               : op->rounding == NEAREST                       ? fma32
                                                               : fma32_directed;
    case SASS_OP_DADD:
        op->pairs = 3;
        return plain ? add64 : NULL;
    case SASS_OP_DMUL:
        op->pairs = 3;
        return plain ? mul64 : NULL;
    case SASS_OP_DFMA:
        op->pairs = 7;
        return plain ? fma64 : NULL;
    case SASS_OP_FSETP:
        return setp_action(i, op, setp32);
    case SASS_OP_DSETP:
        op->pairs = 3;
        return setp_action(i, op, setp64);
    case SASS_OP_FSEL:
        return plain ? fsel : NULL;
    case SASS_OP_FMNMX:
        return plain ? fmnmx : NULL;
    case SASS_OP_FCHK:
        return plain ? fchk : NULL;
    case SASS_OP_MUFU:
        return i->modifier_count != 1      ? NULL
               : sass_has(i, SASS_MOD_RCP) ? rcp
               : sass_has(i, SASS_MOD_RSQ) ? rsq
                                           : NULL;
    case SASS_OP_F2F:
        return f2f_action(i, op);
    case SASS_OP_F2I:
        return f2i_action(i, op);
    case SASS_OP_I2F:
    case SASS_OP_I2FP:
        return i2f_action(i, op);
    default:
        return NULL;
    }
}
