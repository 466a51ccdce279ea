/*
 * sass_run_memory.c: loads and stores. Each lane's access is checked: aligned to its size, and all
 * of it inside what exists. Global memory is the PTX machine's (kernels/ptx/ptx_memory.c).
 */
#include "kernels/sass/sass_run.h"

uint64_t sass_address(const struct sass_warp *w, const struct sass_code *op, unsigned lane) {
    const struct sass_operand *o = &op->memory;
    uint64_t at = 0;
    if (o->number != SASS_RZ) {
        at = w->r[o->number][lane];
        if (op->extended && !o->extended)
            at |= (uint64_t)w->r[o->number + 1][lane] << 32;
        at *= o->scale;
    }
    if (o->uniform != SASS_URZ) {
        at += w->r[SASS_ROW_UNIFORM + o->uniform][lane];
        if (o->wide_uniform || op->extended)
            at += (uint64_t)w->r[SASS_ROW_UNIFORM + o->uniform + 1][lane] << 32;
    }
    at += (uint64_t)o->bits;
    return op->extended ? at : (uint32_t)at;
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
    if (at % bytes)
        misaligned(w, lane, "shared", at, bytes);
    if (at < run->shared_first || at + bytes > run->shared_end)
        outside(w, lane, "shared", at, bytes);
    return w->block->shared + (at - run->shared_first);
}

static uint8_t *local(struct sass_warp *w, unsigned lane, uint64_t at, unsigned bytes) {
    const struct sass_run *run = sass_running;
    if (at % bytes)
        misaligned(w, lane, "local", at, bytes);
    if (at + bytes > run->local_bytes)
        outside(w, lane, "local", at, bytes);
    return w->local + (size_t)lane * run->local_bytes + at;
}

uint8_t *sass_place(struct sass_warp *w, unsigned lane, enum sass_space space, uint64_t address,
                    unsigned bytes) {
    const struct ptx_memory *memory = sass_running->memory;
    if (space == SASS_SHARED)
        return shared(w, lane, address, bytes);
    if (space == SASS_LOCAL)
        return local(w, lane, address, bytes);
    uint64_t at = address - memory->first, begin, size;
    if (__builtin_expect(at < memory->size && !(address & (bytes - 1)) &&
                             at % PTX_GRANULE + bytes <= memory->valid[at / PTX_GRANULE],
                         1))
        return (uint8_t *)(uintptr_t)address;
    if (address >> 32 == SASS_SHARED_WINDOW)
        return shared(w, lane, (uint32_t)address, bytes);
    if (address >> 32 == SASS_LOCAL_WINDOW)
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

/* `mode`: which memory. */
static void load(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    unsigned width = op->width, words = (width + 3) / 4;
    uint32_t out[4][SASS_LANES];
    SASS_EACH(l, mask) {
        uint32_t v[4] = {0};
        const uint8_t *from = sass_place(w, l, op->mode, sass_address(w, op, l), width);
        switch (width) {
        case 4:
            memcpy(v, from, 4);
            break;
        case 8:
            memcpy(v, from, 8);
            break;
        case 16:
            memcpy(v, from, 16);
            break;
        default:
            memcpy(v, from, width);
            if (op->sign)
                v[0] = width == 1 ? (uint32_t)(int8_t)v[0] : (uint32_t)(int16_t)v[0];
        }
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
    for (unsigned k = 0; k < words; k++)
        from[k] = s->row == SASS_ROW_ZERO ? w->r[SASS_ROW_ZERO] : w->r[s->row + k];
    SASS_EACH(l, mask) {
        uint32_t v[4];
        uint8_t *to = sass_place(w, l, op->mode, sass_address(w, op, l), width);
        for (unsigned k = 0; k < words; k++)
            v[k] = from[k][l];
        switch (width) {
        case 4:
            memcpy(to, v, 4);
            break;
        case 8:
            memcpy(to, v, 8);
            break;
        case 16:
            memcpy(to, v, 16);
            break;
        default:
            memcpy(to, v, width);
        }
    }
}

/* Whether a generic address is in shared memory. */
static void qspc(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t in = 0;
    SASS_EACH(l, mask)
    in |= (uint32_t)(sass_address(w, op, l) >> 32 == SASS_SHARED_WINDOW) << l;
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
