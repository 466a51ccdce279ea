/*
 * sass_run_atomic.c: atomic updates (ATOM, RED). One warp runs at a time, so plain code is atomic;
 * the lanes of a warp come one after another, in an order that the schedule chooses.
 */
#include "kernels/sass/sass_run.h"

enum { ADD_F32, ADD_F64, ADD_F16X2, ADD_BF16X2, ADD, MIN, MAX, INC, DEC, AND, OR, XOR, EXCH, CAS };

/* One lane's; what was there before. */
static uint64_t update(const struct sass_code *op, uint8_t *at, uint64_t b, uint64_t other) {
    uint32_t v = (uint32_t)b;
    if (op->width == 8)
        switch (op->mode) {
        case ADD_F64:
            return ptx_atom_add_f64(at, b);
        case ADD:
            return ptx_atom_add_u64(at, b);
        case MIN:
            return op->sign ? ptx_atom_min_s64(at, b) : ptx_atom_min_u64(at, b);
        case MAX:
            return op->sign ? ptx_atom_max_s64(at, b) : ptx_atom_max_u64(at, b);
        case AND:
            return ptx_atom_and_b64(at, b);
        case OR:
            return ptx_atom_or_b64(at, b);
        case XOR:
            return ptx_atom_xor_b64(at, b);
        case EXCH:
            return ptx_atom_exch_b64(at, b);
        default:
            return ptx_atom_cas_b64(at, b, other);
        }
    switch (op->mode) {
    case ADD_F32: /* flushes subnormals, as its text says */
        return ptx_atom_add_f32_global(at, v);
    case ADD_F16X2:
        return ptx_atom_add_noftz_f16x2(at, v);
    case ADD_BF16X2:
        return ptx_atom_add_noftz_bf16x2(at, v);
    case ADD:
        return ptx_atom_add_u32(at, v);
    case MIN:
        return op->sign ? ptx_atom_min_s32(at, v) : ptx_atom_min_u32(at, v);
    case MAX:
        return op->sign ? ptx_atom_max_s32(at, v) : ptx_atom_max_u32(at, v);
    case INC:
        return ptx_atom_inc_u32(at, v);
    case DEC:
        return ptx_atom_dec_u32(at, v);
    case AND:
        return ptx_atom_and_b32(at, v);
    case OR:
        return ptx_atom_or_b32(at, v);
    case XOR:
        return ptx_atom_xor_b32(at, v);
    case EXCH:
        return ptx_atom_exch_b32(at, v);
    default:
        return ptx_atom_cas_b32(at, v, (uint32_t)other);
    }
}

static uint64_t source_of(const struct sass_warp *w, const struct sass_source *s, unsigned width,
                          unsigned lane) {
    uint64_t low = sass_plain(w, s)[lane];
    return width == 8 ? sass_two((uint32_t)low, sass_plain_upper(w, s)[lane]) : low;
}

/* The next lane of those that are left. */
static unsigned next_lane(struct sass_run *run, uint32_t left) {
    size_t count = (size_t)__builtin_popcount(left);
    size_t skip =
        count < 2 ? 0 : sass_choose(run, run->config.order == PTX_REVERSE ? count - 1 : 0, count);
    while (skip--)
        left &= left - 1;
    return (unsigned)__builtin_ctz(left);
}

/* RED has no target: its result goes to the sink. */
static void atom(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t out[2][SASS_LANES] = {{0}};
    unsigned width = op->width;
    struct sass_run *run = sass_running;
    uint64_t where[SASS_LANES];
    sass_addresses(w, &op->memory, op->extended, where);
    for (uint32_t left = mask; left;) {
        unsigned l = next_lane(run, left);
        left &= ~(1u << l);
        uint8_t *at = sass_place(w, l, SASS_GENERIC, where[l], width);
        uint64_t b = source_of(w, &op->source[0], width, l),
                 other = op->mode == CAS ? source_of(w, &op->source[1], width, l) : 0;
        uint64_t before = update(op, at, b, other);
        out[0][l] = (uint32_t)before;
        out[1][l] = (uint32_t)(before >> 32);
    }
    sass_put(w, op->to, out[0], mask);
    if (width == 8)
        sass_put(w, op->to + 1, out[1], mask);
    sass_put_p(w, op->target[0], SASS_ALL, mask);
}

/* ATOMS.CAST: compares and swaps; whether it did so. */
static void cast(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t out[SASS_LANES] = {0};
    unsigned width = op->width;
    uint64_t where[SASS_LANES];
    sass_addresses(w, &op->memory, op->extended, where);
    for (uint32_t left = mask; left;) {
        unsigned l = next_lane(sass_running, left);
        left &= ~(1u << l);
        uint8_t *at = sass_place(w, l, SASS_SHARED, where[l], width);
        uint64_t compare = source_of(w, &op->source[0], width, l);
        out[l] = update(op, at, compare, source_of(w, &op->source[1], width, l)) == compare;
    }
    sass_put(w, op->to, out, mask);
}

sass_action *sass_atomic_action(const struct sass_instruction *i, struct sass_code *op) {
    static const struct {
        enum sass_modifier name;
        uint8_t mode;
    } modes[] = {
        {SASS_MOD_ADD, ADD}, {SASS_MOD_MIN, MIN},   {SASS_MOD_MAX, MAX},  {SASS_MOD_INC, INC},
        {SASS_MOD_DEC, DEC}, {SASS_MOD_AND, AND},   {SASS_MOD_OR, OR},    {SASS_MOD_XOR, XOR},
        {SASS_MOD_CAS, CAS}, {SASS_MOD_EXCH, EXCH}, {SASS_MOD_CAST, CAS},
    };
    bool atomic = i->op == SASS_OP_ATOM || i->op == SASS_OP_ATOMG || i->op == SASS_OP_RED ||
                  i->op == SASS_OP_REDG;
    if (!atomic && i->op != SASS_OP_ATOMS)
        return NULL;
    int mode = -1;
    bool f32 = false, ftz = sass_has(i, SASS_MOD_FTZ), spin = false;
    for (unsigned k = 0; k < i->modifier_count; k++) {
        bool named = false;
        for (size_t n = 0; n < sizeof modes / sizeof *modes; n++)
            if (i->modifiers[k] == modes[n].name) {
                mode = modes[n].mode;
                named = true;
            }
        switch (i->modifiers[k]) {
        case SASS_MOD_F32:
            f32 = true;
            break;
        case SASS_MOD_F64:
            mode = ADD_F64;
            op->width = 8;
            break;
        case SASS_MOD_F16x2:
            mode = ADD_F16X2;
            break;
        case SASS_MOD_BF16x2:
            mode = ADD_BF16X2;
            break;
        case SASS_MOD_S32:
        case SASS_MOD_S64:
            op->sign = true;
            break;
        case SASS_MOD_SPIN:
            spin = true;
            break;
        case SASS_MOD_E:
        case SASS_MOD_64:
        case SASS_MOD_FTZ:
        case SASS_MOD_NOFTZ:
        case SASS_MOD_RN:
        case SASS_MOD_STRONG:
        case SASS_MOD_GPU:
        case SASS_MOD_SYS:
        case SASS_MOD_CTA:
        case SASS_MOD_SM:
            break;
        default:
            if (!named)
                return NULL;
        }
    }
    if (sass_has(i, SASS_MOD_S64))
        op->width = 8;
    if (f32)
        mode = mode == ADD && ftz ? ADD_F32 : -1;
    op->mode = (uint8_t)mode;
    op->extended = sass_has(i, SASS_MOD_E);
    op->point = SASS_UPDATED;
    if (mode < 0 || (op->width == 8 && (mode == INC || mode == DEC)))
        return NULL;
    if (i->op == SASS_OP_ATOMS)
        return sass_has(i, SASS_MOD_CAST) && spin ? cast : NULL;
    return op->extended ? atom : NULL;
}
