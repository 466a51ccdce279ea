/*
 * sass_run_move.c: instructions that move values: copies, constants, special registers, predicates
 * as bits, and between the lanes of a warp.
 */
#include "kernels/sass/sass_run.h"

#define ROOM uint32_t out[SASS_LANES], room[2][SASS_LANES]
#define SOURCE(k) sass_integer(w, &op->source[k], room[k])

static void mov(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    (void)out;
    sass_put(w, op->to, SOURCE(0), mask);
}

static void mov_64(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    sass_put(w, op->to, sass_plain(w, op->source), mask);
    sass_put(w, op->to + 1, sass_plain_upper(w, op->source), mask);
}

static void sel(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0), *b = SOURCE(1);
    uint32_t first = sass_condition(w, &op->condition[0]);
    SASS_LANE(l)
    out[l] = first >> l & 1 ? a[l] : b[l];
    sass_put(w, op->to, out, mask);
}

/* --- constants, special registers ----------------------------------------------------------------
 */

static void ldc(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t out[4][SASS_LANES] = {{0}};
    const struct sass_operand *o = &op->memory;
    SASS_EACH(l, mask) {
        int64_t at = o->bits;
        if (o->number != SASS_RZ)
            at += (int32_t)w->r[o->number][l];
        if (o->uniform != SASS_URZ)
            at += (int32_t)w->r[SASS_ROW_UNIFORM + o->uniform][l];
        if (at % op->width)
            sass_fail(w, (int)l, "c[0x%x][0x%llx] is not aligned to %u bytes", o->bank,
                      (unsigned long long)at, op->width);
        unsigned bytes = op->width < 8 ? op->width : 8;
        uint64_t value = sass_bank(sass_running, w, o->bank, at, bytes);
        uint64_t more = op->width == 16 ? sass_bank(sass_running, w, o->bank, at + 8, 8) : 0;
        if (op->sign)
            value = op->width == 1 ? (uint64_t)(int64_t)(int8_t)value
                                   : (uint64_t)(int64_t)(int16_t)value;
        out[0][l] = (uint32_t)value;
        out[1][l] = (uint32_t)(value >> 32);
        out[2][l] = (uint32_t)more;
        out[3][l] = (uint32_t)(more >> 32);
    }
    for (unsigned k = 0; k == 0 || 4 * k < op->width; k++)
        sass_put(w, op->to + k, out[k], mask);
}

static uint32_t special(struct sass_warp *w, unsigned which, unsigned lane) {
    const uint32_t *block = sass_running->launch->block;
    uint32_t thread = w->number * SASS_LANES + lane;
    switch (which) {
    case SASS_SR_ZERO:
        return 0;
    case SASS_SR_TID_X:
        return thread % block[0];
    case SASS_SR_TID_Y:
        return thread / block[0] % block[1];
    case SASS_SR_TID_Z:
        return thread / block[0] / block[1];
    case SASS_SR_CTAID_X:
    case SASS_SR_CTAID_Y:
    case SASS_SR_CTAID_Z:
        return w->block->index[which - SASS_SR_CTAID_X];
    case SASS_SR_CGACTAID: /* a cluster is one block */
        return 0;
    case SASS_SR_LANEID:
        return lane;
    case SASS_SR_EQMASK:
        return 1u << lane;
    case SASS_SR_LTMASK:
        return (1u << lane) - 1;
    case SASS_SR_LEMASK:
        return (2u << lane) - 1;
    case SASS_SR_GTMASK:
        return ~((2u << lane) - 1);
    case SASS_SR_GEMASK:
        return ~((1u << lane) - 1);
    case SASS_SR_SWINHI:
        return SASS_SHARED_WINDOW;
    case SASS_SR_CLOCKLO:
        return (uint32_t)sass_running->clock;
    case SASS_SR_CLOCKHI:
    case SASS_SR_GLOBALTIMERHI:
        return (uint32_t)(sass_running->clock >> 32);
    case SASS_SR_GLOBALTIMERLO:
        return (uint32_t)sass_running->clock;
    default:
        sass_fail(w, (int)lane, "this special register's value is not known");
    }
}

/* There is no time. So that who waits by the clock does not wait for ever, each look at it takes
 * some. */
static void s2r(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t out[SASS_LANES] = {0};
    sass_running->clock += 10;
    SASS_EACH(l, mask)
    out[l] = special(w, op->number[0], l);
    sass_put(w, op->to, out, mask);
}

/* The pair: CLOCKLO and CLOCKHI, or nothing. */
static void cs2r_64(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t upper[SASS_LANES];
    s2r(w, op, mask);
    unsigned which = op->number[0];
    SASS_LANE(l)
    upper[l] = which == SASS_SR_ZERO ? 0 : (uint32_t)(sass_running->clock >> 32);
    if (which != SASS_SR_ZERO && which != SASS_SR_CLOCKLO && which != SASS_SR_GLOBALTIMERLO)
        sass_fail(w, -1, "the register behind this one is not known");
    sass_put(w, op->to + 1, upper, mask);
}

/* --- predicates as bits --------------------------------------------------------------------------
 */

static void p2r(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *from = SOURCE(0);
    uint32_t which = sass_plain(w, &op->source[1])[0];
    if (which & ~0x7fu)
        sass_fail(w, -1, "a bit that is no predicate's");
    SASS_LANE(l) {
        uint32_t bits = 0;
        for (int k = 0; k < 7; k++)
            bits |= (w->p[k] >> l & 1) << k;
        out[l] = (bits & which) | (from[l] & ~which);
    }
    sass_put(w, op->to, out, mask);
}

static void r2p(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    (void)out;
    const uint32_t *from = SOURCE(0);
    uint32_t which = sass_plain(w, &op->source[1])[0];
    if (which & ~0x7fu)
        sass_fail(w, -1, "a bit that is no predicate's");
    for (unsigned k = 0; k < 7; k++)
        if (which >> k & 1)
            sass_put_p(w, k, SASS_BITS(l, from[l] >> k & 1), mask);
}

/* --- between lanes -------------------------------------------------------------------------------
 */

enum { IDX, UP, DOWN, BFLY };

/* As the manual of PTX describes shfl: `b` is the distance or the lane, `c` the clamp and, above
 * it, the mask of segments. A lane that is read must take part. */
static void shfl(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0), *b = SOURCE(1), *c = sass_plain(w, &op->source[2]);
    uint32_t found = 0;
    SASS_EACH(l, mask) {
        int lane = (int)l, by = (int)(b[l] & 31), clamp = (int)(c[l] & 31);
        int segment = (int)(c[l] >> 8 & 31), least = lane & segment;
        int most = least | (clamp & ~segment), from;
        bool in_range;
        switch (op->mode) {
        case UP:
            from = lane - by;
            in_range = from >= most;
            break;
        case DOWN:
            from = lane + by;
            in_range = from <= most;
            break;
        case BFLY:
            from = lane ^ by;
            in_range = from <= most;
            break;
        default:
            from = least | (by & ~segment);
            in_range = from <= most;
        }
        if (!in_range)
            from = lane;
        if (!(mask >> from & 1))
            sass_fail(w, lane,
                      "a shuffle reads lane %d, which is not among those that are here (0x%x)",
                      from, mask);
        out[l] = a[from];
        found |= (uint32_t)in_range << l;
    }
    sass_put(w, op->to, out, mask);
    sass_put_p(w, op->target[0], found, mask);
}

enum { ALL, ANY, SAME };

/* Of the lanes that are here. */
static void vote(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t set = sass_condition(w, &op->condition[0]) & mask, out[SASS_LANES];
    bool result = op->mode == ALL ? set == mask : op->mode == ANY ? set != 0 : !set || set == mask;
    SASS_LANE(l)
    out[l] = set;
    sass_put(w, op->to, out, mask);
    sass_put_p(w, op->target[0], result ? SASS_ALL : 0, mask);
}

static void redux_or(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    const uint32_t *a = SOURCE(0);
    uint32_t all = 0;
    SASS_EACH(l, mask)
    all |= a[l];
    SASS_LANE(l)
    out[l] = all;
    sass_put(w, op->to, out, mask);
}

/* Of what lanes have one is taken: they must agree. */
static void r2ur(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    ROOM;
    (void)out;
    const uint32_t *a = SOURCE(0);
    SASS_EACH(l, mask)
    if (a[l] != a[__builtin_ctz(mask)])
        sass_fail(w, (int)l, "lanes move unlike values into one uniform register: 0x%x, and 0x%x",
                  a[__builtin_ctz(mask)], a[l]);
    sass_put(w, op->to, a, mask);
}

/* What BAR.RED gave. */
static void b2r(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    sass_put_p(w, op->target[0], w->barrier_result, mask);
}

/* --- which ---------------------------------------------------------------------------------------
 */

static sass_action *shfl_action(const struct sass_instruction *i, struct sass_code *op) {
    if (i->modifier_count != 1 || i->operand_count != 5)
        return NULL;
    switch (i->modifiers[0]) {
    case SASS_MOD_IDX:
        op->mode = IDX;
        return shfl;
    case SASS_MOD_UP:
        op->mode = UP;
        return shfl;
    case SASS_MOD_DOWN:
        op->mode = DOWN;
        return shfl;
    case SASS_MOD_BFLY:
        op->mode = BFLY;
        return shfl;
    default:
        return NULL;
    }
}

sass_action *sass_move_action(const struct sass_instruction *i, struct sass_code *op) {
    switch (i->op) {
    case SASS_OP_MOV:
    case SASS_OP_UMOV:
        if (i->modifier_count == 1 && sass_has(i, SASS_MOD_64) && !op->source[0].negative &&
            !op->source[0].inverted && i->operands[1].kind != SASS_IMMEDIATE)
            return mov_64;
        return i->modifier_count ? NULL : mov;
    case SASS_OP_SEL:
    case SASS_OP_USEL:
        return i->modifier_count ? NULL : sel;
    case SASS_OP_LDC:
    case SASS_OP_ULDC:
    case SASS_OP_LDCU:
        return ldc;
    case SASS_OP_S2R:
    case SASS_OP_S2UR:
        return s2r;
    case SASS_OP_CS2R:
        return sass_has(i, SASS_MOD_32) ? s2r : cs2r_64;
    case SASS_OP_P2R:
        return i->operand_count == 4 ? p2r : NULL;
    case SASS_OP_R2P:
        return i->operand_count == 3 ? r2p : NULL;
    case SASS_OP_SHFL:
        return shfl_action(i, op);
    case SASS_OP_VOTE:
    case SASS_OP_VOTEU:
        op->mode = sass_has(i, SASS_MOD_ALL) ? ALL : sass_has(i, SASS_MOD_ANY) ? ANY : SAME;
        return i->operand_count == 3 ? vote : NULL;
    case SASS_OP_REDUX:
        return sass_has(i, SASS_MOD_OR) ? redux_or : NULL;
    case SASS_OP_R2UR:
        return i->operand_count == 2 ? r2ur : NULL;
    case SASS_OP_B2R:
        return sass_has(i, SASS_MOD_RESULT) ? b2r : NULL;
    default:
        return NULL;
    }
}
