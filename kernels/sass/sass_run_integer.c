/*
 * sass_run_integer.c: integer instructions, and those of predicates.
 */
#include "kernels/sass/sass_run.h"

#define ROOM uint32_t out[SASS_LANES], room[3][SASS_LANES]
#define SOURCE(k) sass_integer(w, &op->source[k], room[k])

/* A source as a number of more than 32 bits: -x is ~x + 1, of which the carry counts. */
static inline uint64_t long_of(const struct sass_source *s, uint32_t word) {
    return s->negative ? (uint64_t)(uint32_t)~word + 1 : s->inverted ? (uint32_t)~word : word;
}

/* Carries that come in: all predicates that are read. */
static inline uint32_t carried(const struct sass_warp *w, const struct sass_code *op,
                               unsigned lane) {
    uint32_t sum = 0;
    for (unsigned k = 0; k < op->condition_count; k++)
        sum += sass_condition(w, &op->condition[k]) >> lane & 1;
    return sum;
}

static void add3(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0), *b = SOURCE(1), *c = SOURCE(2);
    SASS_LANE(l)
    out[l] = a[l] + b[l] + c[l];
    sass_put(w, op->to, out, mask);
}

/* Carries are what goes beyond 32 bits; -x is ~x + 1, of which the 1 may carry too. */
static void add3_carry(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t out[SASS_LANES], over[SASS_LANES], in[SASS_LANES], ones = 0;
    const uint32_t *from[3];
    uint32_t flip[3];
    for (int k = 0; k < 3; k++) {
        const struct sass_source *s = &op->source[k];
        from[k] = sass_plain(w, s);
        flip[k] = s->negative || s->inverted ? SASS_ALL : 0;
        ones += s->negative;
    }
    SASS_LANE(l)
    in[l] = ones;
    for (unsigned k = 0; k < op->condition_count; k++) {
        uint32_t set = sass_condition(w, &op->condition[k]);
        if (set)
            SASS_LANE(l)
        in[l] += (set & sass_bit[l]) != 0;
    }
    SASS_LANE(l) {
        uint32_t a = from[0][l] ^ flip[0], two = a + (from[1][l] ^ flip[1]);
        uint32_t three = two + (from[2][l] ^ flip[2]), all = three + in[l];
        out[l] = all;
        over[l] = (uint32_t)(two < a) + (uint32_t)(three < two) + (uint32_t)(all < three);
    }
    sass_put(w, op->to, out, mask);
    if (op->target[0] != SASS_P_SINK)
        sass_put_p(w, op->target[0], SASS_BITS(l, over[l] >= 1), mask);
    if (op->target[1] != SASS_P_SINK)
        sass_put_p(w, op->target[1], SASS_BITS(l, over[l] >= 2), mask);
}

static void add2(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0), *b = SOURCE(1);
    SASS_LANE(l)
    out[l] = a[l] + b[l];
    sass_put(w, op->to, out, mask);
}

static void mad(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0), *b = SOURCE(1), *c = SOURCE(2);
    SASS_LANE(l)
    out[l] = a[l] * b[l] + c[l];
    if (op->condition_count)
        SASS_LANE(l)
    out[l] += carried(w, op, l);
    sass_put(w, op->to, out, mask);
}

/* a * b + c of 64 bits, of which `mode` says whether the upper half is meant. */
static void mad_wide(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    uint32_t upper[SASS_LANES], carry = 0;
    const uint32_t *a = SOURCE(0), *b = SOURCE(1);
    const struct sass_source *s = &op->source[2];
    const uint32_t *low = sass_plain(w, s), *high = sass_plain_upper(w, s);
    SASS_LANE(l) {
        uint64_t product =
            op->sign ? (uint64_t)((int64_t)(int32_t)a[l] * (int32_t)b[l]) : (uint64_t)a[l] * b[l];
        uint64_t c = sass_two(low[l], high[l]), sum;
        c = s->negative ? 0 - c : s->inverted ? ~c : c;
        bool over = __builtin_add_overflow(product, c, &sum);
        over |= __builtin_add_overflow(sum, carried(w, op, l), &sum);
        out[l] = op->mode ? (uint32_t)(sum >> 32) : (uint32_t)sum;
        upper[l] = (uint32_t)(sum >> 32);
        carry |= (uint32_t)over << l;
    }
    sass_put(w, op->to, out, mask);
    if (!op->mode)
        sass_put(w, op->to + 1, upper, mask);
    sass_put_p(w, op->target[0], carry, mask);
}

/* (a << n) + b, with a carry. */
static void lea(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    uint32_t carry = 0;
    const uint32_t *a = SOURCE(0), *b = sass_plain(w, &op->source[1]), *n = SOURCE(2);
    SASS_LANE(l) {
        uint64_t sum = (uint64_t)(uint32_t)(a[l] << (n[l] & 31)) + long_of(&op->source[1], b[l]);
        sum += carried(w, op, l);
        out[l] = (uint32_t)sum;
        carry |= (uint32_t)(sum >> 32) << l;
    }
    sass_put(w, op->to, out, mask);
    sass_put_p(w, op->target[0], carry, mask);
}

/* The upper word of (c:a) << n, and b; c is a's sign where `mode` says so. */
static void lea_high(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    uint32_t carry = 0;
    bool extend = op->mode;
    const uint32_t *a = SOURCE(0), *b = sass_plain(w, &op->source[1]),
                   *c = sass_integer(w, &op->source[2], room[2]),
                   *n = extend ? c : sass_plain(w, &op->source[3]);
    SASS_LANE(l) {
        uint64_t both = extend ? (uint64_t)(int64_t)(int32_t)a[l] : sass_two(a[l], c[l]);
        uint64_t sum = (uint32_t)(both << (n[l] & 31) >> 32) + long_of(&op->source[1], b[l]);
        sum += carried(w, op, l);
        out[l] = (uint32_t)sum;
        carry |= (uint32_t)(sum >> 32) << l;
    }
    sass_put(w, op->to, out, mask);
    sass_put_p(w, op->target[0], carry, mask);
}

/* --- shifts --------------------------------------------------------------------------------------
 * (c:a) is shifted by n: to the left and its upper word, or to the right and its lower one, where
 * there are 64 bits; of 32 bits the word that is not shifted is RZ.
 */
enum { LEFT, LEFT_64, RIGHT, RIGHT_SIGNED, RIGHT_64, RIGHT_64_SIGNED };

static void shift(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0), *n = SOURCE(1), *c = SOURCE(2);
    bool wrap = op->extended;
    SASS_LANE(l) {
        bool is_64 = op->mode == LEFT_64 || op->mode >= RIGHT_64;
        uint32_t by = wrap ? n[l] & (is_64 ? 63 : 31) : n[l];
        uint64_t both = sass_two(a[l], c[l]);
        switch (op->mode) {
        case LEFT:
            out[l] = by > 31 ? 0 : a[l] << by;
            break;
        case LEFT_64:
            out[l] = by > 63 ? 0 : (uint32_t)(both << by >> 32);
            break;
        case RIGHT:
            out[l] = by > 31 ? 0 : c[l] >> by;
            break;
        case RIGHT_SIGNED:
            out[l] = (uint32_t)((int32_t)c[l] >> (by > 31 ? 31 : by));
            break;
        case RIGHT_64:
            out[l] = by > 63 ? 0 : (uint32_t)(both >> by);
            break;
        default:
            out[l] = (uint32_t)((int64_t)both >> (by > 63 ? 63 : by));
        }
    }
    sass_put(w, op->to, out, mask);
}

static bool is_zero(const struct sass_operand *o) {
    return (o->kind == SASS_REGISTER && o->number == SASS_RZ) ||
           (o->kind == SASS_UNIFORM && o->number == SASS_URZ);
}

static sass_action *shift_action(const struct sass_instruction *i, struct sass_code *op) {
    bool left = sass_has(i, SASS_MOD_L), high = sass_has(i, SASS_MOD_HI),
         wide = sass_has(i, SASS_MOD_U64) || sass_has(i, SASS_MOD_S64),
         has_sign = sass_has(i, SASS_MOD_S64) || sass_has(i, SASS_MOD_S32);
    op->extended = sass_has(i, SASS_MOD_W);
    if (i->operand_count != 4)
        return NULL;
    if (left && high && !wide) /* when it clamps is not known */
        return NULL;
    if (left && high)
        op->mode = LEFT_64;
    else if (left && is_zero(&i->operands[3]))
        op->mode = LEFT;
    else if (!left && high && is_zero(&i->operands[1]))
        op->mode = has_sign ? RIGHT_SIGNED : RIGHT;
    else if (!left && wide && !high)
        op->mode = has_sign ? RIGHT_64_SIGNED : RIGHT_64;
    else
        return NULL;
    return shift;
}

/* --- bits ----------------------------------------------------------------------------------------
 */

/* The table of three inputs at (a, b, c), a the highest bit of its index. */
static inline uint32_t table(uint32_t a, uint32_t b, uint32_t c, uint32_t lut) {
    uint32_t out = 0;
#define TERM(k) (lut >> (k)&1 ? SASS_ALL : 0)
#define OF_C(k) ((c & TERM((k) + 1)) | (~c & TERM(k)))
    out = (a & ((b & OF_C(6)) | (~b & OF_C(4)))) | (~a & ((b & OF_C(2)) | (~b & OF_C(0))));
#undef OF_C
#undef TERM
    return out;
}

static void lop3(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0), *b = SOURCE(1), *c = SOURCE(2);
    uint32_t lut = sass_plain(w, &op->source[3])[0];
    if (lut == 0xc0)
        SASS_LANE(l)
    out[l] = a[l] & b[l];
    else SASS_LANE(l) out[l] = table(a[l], b[l], c[l], lut);
    sass_put(w, op->to, out, mask);
    if (op->target[0] != SASS_P_SINK)
        sass_put_p(w, op->target[0],
                   SASS_BITS(l, out[l] != 0) |
                       (op->condition_count ? sass_condition(w, &op->condition[0]) : 0),
                   mask);
}

static void plop3(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t a = sass_condition(w, &op->condition[0]), b = sass_condition(w, &op->condition[1]),
             c = sass_condition(w, &op->condition[2]);
    sass_put_p(w, op->target[0], table(a, b, c, op->number[0]), mask);
    sass_put_p(w, op->target[1], table(a, b, c, op->number[1]), mask);
}

/* Bytes of (c:a) by four selectors of four bits, of which the highest repeats a sign. */
static void prmt(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0), *s = SOURCE(1), *c = SOURCE(2);
    SASS_LANE(l) {
        uint64_t both = sass_two(a[l], c[l]);
        out[l] = 0;
        for (int k = 0; k < 4; k++) {
            uint32_t select = s[l] >> 4 * k & 15, byte = (uint32_t)(both >> 8 * (select & 7)) & 255;
            if (select & 8)
                byte = byte >> 7 ? 255 : 0;
            out[l] |= byte << 8 * k;
        }
    }
    sass_put(w, op->to, out, mask);
}

/* The place of the highest one, or of the highest bit that is not the sign; -1 if there is none. */
static void flo(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0);
    SASS_LANE(l) {
        uint32_t v = op->sign && (int32_t)a[l] < 0 ? ~a[l] : a[l];
        out[l] = v ? 31 - (uint32_t)__builtin_clz(v) : SASS_ALL;
        if (op->mode && v) /* .SH: how far it is from the top */
            out[l] = 31 - out[l];
    }
    sass_put(w, op->to, out, mask);
}

static void popc(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0);
    SASS_LANE(l)
    out[l] = (uint32_t)__builtin_popcount(a[l]);
    sass_put(w, op->to, out, mask);
}

static void brev(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0);
    SASS_LANE(l) {
        out[l] = 0;
        for (int k = 0; k < 32; k++)
            out[l] |= (a[l] >> k & 1) << (31 - k);
    }
    sass_put(w, op->to, out, mask);
}

static void iabs(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0);
    SASS_LANE(l)
    out[l] = (int32_t)a[l] < 0 ? 0 - a[l] : a[l];
    sass_put(w, op->to, out, mask);
}

/* --- comparing -----------------------------------------------------------------------------------
 */

enum { LT, EQ, LE, GT, NE, GE };

/* a < b, a == b as bits of lanes. */
static void compare(const uint32_t *a, const uint32_t *b, bool sign, uint32_t *less,
                    uint32_t *same) {
    uint32_t flip = sign ? 0x80000000u : 0;
    *less = SASS_BITS(l, (a[l] ^ flip) < (b[l] ^ flip));
    *same = SASS_BITS(l, a[l] == b[l]);
}

/* `.EX`: the upper words of 64 bits, where the lower ones' result is a predicate. */
static void isetp(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    (void)out;
    uint32_t less, same, result, with = sass_condition(w, &op->condition[0]), lower = 0;
    compare(SOURCE(0), SOURCE(1), op->sign, &less, &same);
    bool extended = op->extended;
    if (extended)
        lower = sass_condition(w, &op->condition[1]);
    switch (op->mode) {
    case LT:
        result = less | (same & lower);
        break;
    case EQ:
        result = extended ? same & lower : same;
        break;
    case LE:
        result = less | (extended ? same & lower : same);
        break;
    case GT:
        result = ~(less | same) | (same & lower);
        break;
    case NE:
        result = ~same | (extended ? lower : 0);
        break;
    default:
        result = extended ? ~(less | same) | (same & lower) : ~less;
    }
    sass_put_p(w, op->target[0], sass_joined(op->join, result, with), mask);
    sass_put_p(w, op->target[1], sass_joined(op->join, ~result, with), mask);
}

static sass_action *isetp_action(const struct sass_instruction *i, struct sass_code *op) {
    static const enum sass_modifier names[] = {SASS_MOD_LT, SASS_MOD_EQ, SASS_MOD_LE,
                                               SASS_MOD_GT, SASS_MOD_NE, SASS_MOD_GE};
    int mode = -1;
    for (int k = 0; k < 6; k++)
        if (sass_has(i, names[k]))
            mode = k;
    if (mode < 0)
        return NULL;
    op->mode = (uint8_t)mode;
    op->sign = !sass_has(i, SASS_MOD_U32);
    op->extended = sass_has(i, SASS_MOD_EX);
    op->join = sass_join_of(i);
    return i->operand_count == (op->extended ? 6 : 5) ? isetp : NULL;
}

/* The lesser where the predicate is true, else the greater. */
static inline void lesser(uint32_t *restrict out, const uint32_t *a, const uint32_t *b, bool sign,
                          uint32_t least) {
    uint32_t flip = sign ? 0x80000000u : 0;
    SASS_LANE(l) {
        bool less = (a[l] ^ flip) < (b[l] ^ flip);
        out[l] = less == (least >> l & 1) ? a[l] : b[l];
    }
}

/* .RELU (`mode`): and at least 0. */
static void put_minmax(struct sass_warp *w, const struct sass_code *op, uint32_t *out,
                       uint32_t mask) {
    if (op->mode)
        SASS_LANE(l)
    out[l] = (int32_t)out[l] < 0 ? 0 : out[l];
    sass_put(w, op->to, out, mask);
}

static void minmax(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    lesser(out, SOURCE(0), SOURCE(1), op->sign, sass_condition(w, &op->condition[0]));
    put_minmax(w, op, out, mask);
}

static void minmax3(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    uint32_t first[SASS_LANES], least = sass_condition(w, &op->condition[0]);
    lesser(first, SOURCE(0), SOURCE(1), op->sign, least);
    lesser(out, first, SOURCE(2), op->sign, least);
    put_minmax(w, op, out, mask);
}

static void add_minmax(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    uint32_t sum[SASS_LANES];
    const uint32_t *a = SOURCE(0), *b = SOURCE(1);
    SASS_LANE(l)
    sum[l] = a[l] + b[l];
    lesser(out, sum, SOURCE(2), op->sign, sass_condition(w, &op->condition[0]));
    put_minmax(w, op, out, mask);
}

/* --- which ---------------------------------------------------------------------------------------
 */

static sass_action *mad_action(const struct sass_instruction *i, struct sass_code *op) {
    bool wide = sass_has(i, SASS_MOD_WIDE), high = sass_has(i, SASS_MOD_HI);
    op->sign = !sass_has(i, SASS_MOD_U32);
    const struct sass_operand *last = &i->operands[i->operand_count - 1];
    op->pairs = wide || high ? 1 << 2 : 0;
    op->mode = high;
    /* whether a number that is added has a sign then, is not known */
    if (op->pairs && !op->sign && last->kind == SASS_IMMEDIATE && last->bits < 0)
        return NULL;
    return wide || high ? mad_wide : mad;
}

static sass_action *minmax_action(const struct sass_instruction *i, struct sass_code *op,
                                  sass_action *action) {
    op->sign = !sass_has(i, SASS_MOD_U32);
    for (unsigned k = 0; k < i->modifier_count; k++)
        if (i->modifiers[k] == SASS_MOD_RELU)
            op->mode = 1;
        else if (i->modifiers[k] != SASS_MOD_U32 && i->modifiers[k] != SASS_MOD_S32)
            return NULL;
    return op->mode && !op->sign ? NULL : action;
}

sass_action *sass_integer_action(const struct sass_instruction *i, struct sass_code *op) {
    switch (i->op) {
    case SASS_OP_IADD3:
    case SASS_OP_UIADD3: /* a predicate behind the first register, or behind the sources */
        return sass_has(i, SASS_MOD_X) || i->operand_count > 4 ? add3_carry : add3;
    case SASS_OP_VIADD:
    case SASS_OP_UVIADD:
        return i->modifier_count ? NULL : add2;
    case SASS_OP_IMAD:
    case SASS_OP_UIMAD:
        return mad_action(i, op);
    case SASS_OP_LEA:
    case SASS_OP_ULEA:
        op->mode = sass_has(i, SASS_MOD_SX32);
        return sass_has(i, SASS_MOD_HI) ? lea_high : lea;
    case SASS_OP_SHF:
    case SASS_OP_USHF:
        return shift_action(i, op);
    case SASS_OP_LOP3:
    case SASS_OP_ULOP3:
        return i->modifier_count == 1 && sass_has(i, SASS_MOD_LUT) ? lop3 : NULL;
    case SASS_OP_PLOP3:
    case SASS_OP_UPLOP3:
        return i->operand_count == 7 ? plop3 : NULL;
    case SASS_OP_PRMT:
    case SASS_OP_UPRMT:
        return i->modifier_count ? NULL : prmt;
    case SASS_OP_FLO:
    case SASS_OP_UFLO:
        op->sign = !sass_has(i, SASS_MOD_U32);
        op->mode = sass_has(i, SASS_MOD_SH);
        return flo;
    case SASS_OP_POPC:
    case SASS_OP_UPOPC:
        return popc;
    case SASS_OP_BREV:
    case SASS_OP_UBREV:
        return brev;
    case SASS_OP_IABS:
    case SASS_OP_UIABS:
        return iabs;
    case SASS_OP_ISETP:
    case SASS_OP_UISETP:
        return isetp_action(i, op);
    case SASS_OP_IMNMX:
    case SASS_OP_UIMNMX:
    case SASS_OP_VIMNMX:
    case SASS_OP_UVIMNMX:
        return minmax_action(i, op, minmax);
    case SASS_OP_VIMNMX3:
        return minmax_action(i, op, minmax3);
    case SASS_OP_VIADDMNMX:
        return minmax_action(i, op, add_minmax);
    default:
        return NULL;
    }
}
