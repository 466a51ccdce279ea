/*
 * sass_run_memory.c: loads and stores. Each lane's access is checked: aligned to its size, and all
 * of it inside what exists. Global memory is the PTX machine's (kernels/ptx/ptx_memory.c).
 */
#include "kernels/sass/sass_run.h"

void sass_addresses(const struct sass_warp *w, const struct sass_operand *o, bool extended,
                    uint64_t at[restrict SASS_LANES]) {
    bool none = o->number == SASS_RZ;
    const uint32_t *zero = w->r[SASS_ROW_ZERO], *low = none ? zero : w->r[o->number],
                   *more = o->uniform == SASS_URZ ? zero : w->r[SASS_ROW_UNIFORM + o->uniform];
    if (!extended) { /* 32 bits */
        uint32_t scale = o->scale, offset = (uint32_t)o->bits;
        SASS_LANE(l)
        at[l] = (uint32_t)(low[l] * scale + more[l] + offset);
        return;
    }
    uint64_t offset = (uint64_t)o->bits;
    const uint32_t *high = none || o->extended ? zero : w->r[o->number + 1];
    SASS_LANE(l)
    at[l] = sass_two(low[l], high[l]) + offset;
    if (o->uniform == SASS_URZ)
        return;
    high = w->r[SASS_ROW_UNIFORM + o->uniform + 1];
    SASS_LANE(l)
    at[l] += sass_two(more[l], high[l]);
}

static void misaligned(const struct sass_warp *w, unsigned lane, const char *what, uint64_t address,
                       unsigned bytes) {
    sass_fail(w, (int)lane, "an access to %u bytes of %s memory at 0x%llx, which is not aligned",
              bytes, what, (unsigned long long)address);
}

static void outside(const struct sass_warp *w, unsigned lane, const char *what, uint64_t address,
                    unsigned bytes) {
    sass_fail(w, (int)lane, "an access to %u bytes of %s memory at 0x%llx, outside of it", bytes,
              what, (unsigned long long)address);
}

static uint8_t *shared(struct sass_warp *w, unsigned lane, uint64_t at, unsigned bytes) {
    const struct sass_run *run = sass_running;
    if (at & (bytes - 1))
        misaligned(w, lane, "shared", at, bytes);
    if (at < run->shared_first || at + bytes > run->shared_end)
        outside(w, lane, "shared", at, bytes);
    return w->block->shared + (at - run->shared_first);
}

/* Local memory is words of all lanes, one after another: row k is each lane's word k. */
static void check_local(const struct sass_warp *w, unsigned lane, uint64_t at, unsigned bytes) {
    if (at & (bytes - 1))
        misaligned(w, lane, "local", at, bytes);
    if (at + bytes > sass_running->local_bytes)
        outside(w, lane, "local", at, bytes);
}

static uint32_t *local_row(const struct sass_warp *w, uint64_t at) {
    return w->local + at / 4 * SASS_LANES;
}

/* Of at most a word. */
static uint8_t *local(const struct sass_warp *w, unsigned lane, uint64_t at, unsigned bytes) {
    check_local(w, lane, at, bytes);
    return (uint8_t *)(local_row(w, at) + lane) + at % 4;
}

uint8_t *sass_place(struct sass_warp *w, unsigned lane, enum sass_space space, uint64_t address,
                    unsigned bytes) {
    const struct ptx_memory *memory = sass_running->memory;
    if (space == SASS_SHARED)
        return shared(w, lane, address, bytes);
    uint64_t at = address - memory->first, begin, size;
    if (__builtin_expect(at < memory->size && !(address & (bytes - 1)) &&
                             at % PTX_GRANULE + bytes <= memory->valid[at / PTX_GRANULE],
                         1))
        return (uint8_t *)(uintptr_t)address;
    if (address >> 32 == SASS_SHARED_WINDOW)
        return shared(w, lane, (uint32_t)address, bytes);
    if (address >> 32 == SASS_LOCAL_WINDOW && bytes <= 4)
        return local(w, lane, (uint32_t)address, bytes);
    if (address & (bytes - 1))
        misaligned(w, lane, "global", address, bytes);
    if (ptx_memory_near(address, &begin, &size))
        sass_fail(w, (int)lane,
                  "an access to %u bytes of global memory outside what is allocated: byte %llu of "
                  "an allocation of %llu",
                  bytes, (unsigned long long)(address - begin), (unsigned long long)size);
    outside(w, lane, "global", address, bytes);
    return NULL;
}

/* Whether the active lanes' accesses are at one address, as those to a stack are. */
static bool alike(const uint64_t *at, uint32_t mask) {
    uint64_t first = at[__builtin_ctz(mask)], other = 0;
    if (mask == SASS_ALL)
        SASS_LANE(l)
    other |= at[l] ^ first;
    else SASS_EACH(l, mask) other |= at[l] ^ first;
    return other == 0;
}

/* Parameters, that are read by a generic address. */
static uint8_t *parameter(const struct sass_warp *w, unsigned lane, uint64_t at, unsigned bytes) {
    const struct sass_run *run = sass_running;
    if (at & (bytes - 1))
        misaligned(w, lane, "constant", at, bytes);
    if (at < run->program->params_offset || at + bytes > run->bank_size)
        outside(w, lane, "constant", at, bytes);
    return run->bank + at;
}

/* One lane's access, `v` to or from memory; `write` says which. */
static inline void access(struct sass_warp *w, const struct sass_code *op, unsigned lane,
                          uint64_t at, uint32_t *v, bool write) {
    unsigned width = op->width;
    bool stack = op->mode == SASS_LOCAL || at >> 32 == SASS_LOCAL_WINDOW;
    if (stack)
        check_local(w, lane, (uint32_t)at, width);
    if (stack && width > 4) {
        for (unsigned k = 0; k < width / 4; k++) {
            uint32_t *word = local_row(w, (uint32_t)at + 4 * k) + lane;
            *(write ? word : &v[k]) = write ? v[k] : *word;
        }
        return;
    }
    bool bank = op->mode == SASS_GENERIC && at >> 32 == SASS_BANK_WINDOW && !write;
    uint8_t *place = stack  ? local(w, lane, (uint32_t)at, width)
                     : bank ? parameter(w, lane, (uint32_t)at, width)
                            : sass_place(w, lane, op->mode, at, width);
    if (width == 4)
        memcpy(write ? (void *)place : v, write ? v : (void *)place, 4);
    else if (width == 8)
        memcpy(write ? (void *)place : v, write ? v : (void *)place, 8);
    else
        memcpy(write ? (void *)place : v, write ? v : (void *)place, width);
}

/* `mode`: which memory. */
static void load(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    unsigned width = op->width, words = (width + 3) / 4;
    uint32_t out[4][SASS_LANES];
    uint64_t at[SASS_LANES];
    sass_addresses(w, &op->memory, op->extended, at);
    if (op->mode == SASS_LOCAL && width >= 4 && alike(at, mask)) {
        uint64_t first = at[__builtin_ctz(mask)];
        check_local(w, (unsigned)__builtin_ctz(mask), first, width);
        for (unsigned k = 0; k < words; k++)
            sass_put(w, op->to + k, local_row(w, first + 4 * k), mask);
        return;
    }
    SASS_EACH(l, mask) {
        uint32_t v[4] = {0};
        access(w, op, l, at[l], v, false);
        if (op->sign)
            v[0] = width == 1 ? (uint32_t)(int8_t)v[0] : (uint32_t)(int16_t)v[0];
        for (unsigned k = 0; k < words; k++)
            out[k][l] = v[k];
    }
    for (unsigned k = 0; k < words; k++)
        sass_put(w, op->to + k, out[k], mask);
}

static void store(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    unsigned width = op->width, words = (width + 3) / 4;
    const struct sass_source *s = &op->source[0];
    const uint32_t *from[4];
    uint64_t at[SASS_LANES];
    for (unsigned k = 0; k < words; k++)
        from[k] = s->row == SASS_ROW_ZERO ? w->r[SASS_ROW_ZERO] : w->r[s->row + k];
    sass_addresses(w, &op->memory, op->extended, at);
    if (op->mode == SASS_LOCAL && width >= 4 && alike(at, mask)) {
        uint64_t first = at[__builtin_ctz(mask)];
        check_local(w, (unsigned)__builtin_ctz(mask), first, width);
        for (unsigned k = 0; k < words; k++)
            sass_keep(local_row(w, first + 4 * k), from[k], mask);
        return;
    }
    SASS_EACH(l, mask) {
        uint32_t v[4];
        for (unsigned k = 0; k < words; k++)
            v[k] = from[k][l];
        access(w, op, l, at[l], v, true);
    }
}

/* Whether a generic address is in shared memory. */
static void qspc(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t in = 0;
    uint64_t at[SASS_LANES];
    sass_addresses(w, &op->memory, op->extended, at);
    SASS_LANE(l)
    in |= (uint32_t)(at[l] >> 32 == SASS_SHARED_WINDOW) << l;
    sass_put_p(w, op->target[0], in, mask);
}

/* What modifiers of an access may say without changing what it does here. */
static bool known(const struct sass_instruction *i) {
    for (unsigned k = 0; k < i->modifier_count; k++)
        switch (i->modifiers[k]) {
        case SASS_MOD_E:
        case SASS_MOD_STRONG:
        case SASS_MOD_WEAK:
        case SASS_MOD_CTA:
        case SASS_MOD_SM:
        case SASS_MOD_GPU:
        case SASS_MOD_SYS:
        case SASS_MOD_CONSTANT:
        case SASS_MOD_PRIVATE:
        case SASS_MOD_EF:
        case SASS_MOD_EL:
        case SASS_MOD_LU:
        case SASS_MOD_EU:
        case SASS_MOD_NA:
        case SASS_MOD_LTC64B:
        case SASS_MOD_LTC128B:
        case SASS_MOD_LTC256B:
        case SASS_MOD_U8:
        case SASS_MOD_S8:
        case SASS_MOD_U16:
        case SASS_MOD_S16:
        case SASS_MOD_32:
        case SASS_MOD_64:
        case SASS_MOD_128:
            break;
        default:
            return false;
        }
    return true;
}

sass_action *sass_memory_action(const struct sass_instruction *i, struct sass_code *op) {
    op->extended = sass_has(i, SASS_MOD_E);
    for (unsigned k = 0; k < i->operand_count; k++) /* of 64 bits none is known */
        if (i->operands[k].kind == SASS_MEMORY && i->operands[k].scale != 1 && op->extended)
            return NULL;
    bool load_like = i->op == SASS_OP_LD || i->op == SASS_OP_LDG;
    if (sass_has(i, SASS_MOD_STRONG))
        op->point = load_like ? SASS_LOADED : SASS_STORED;
    switch (i->op) {
    case SASS_OP_LD:
    case SASS_OP_LDG:
        op->mode = SASS_GENERIC;
        return known(i) && op->extended ? load : NULL;
    case SASS_OP_LDS:
        op->mode = SASS_SHARED;
        return known(i) ? load : NULL;
    case SASS_OP_LDL:
        op->mode = SASS_LOCAL;
        return known(i) ? load : NULL;
    case SASS_OP_ST:
    case SASS_OP_STG:
        op->mode = SASS_GENERIC;
        return known(i) && op->extended ? store : NULL;
    case SASS_OP_STS:
        op->mode = SASS_SHARED;
        return known(i) ? store : NULL;
    case SASS_OP_STL:
        op->mode = SASS_LOCAL;
        return known(i) ? store : NULL;
    case SASS_OP_QSPC:
        return sass_has(i, SASS_MOD_S) ? qspc : NULL;
    default:
        return NULL;
    }
}
