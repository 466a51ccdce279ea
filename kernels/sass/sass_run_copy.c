/*
 * sass_run_copy.c: copies from global to shared memory that do not wait (LDGSTS), and waiting for
 * them.
 *
 * What a copy brings is there at the latest when it has been waited for, and at the earliest at
 * once: the schedule chooses. So code that reads too early, or that copies to where others still
 * read, is found out by one schedule or another.
 */
#include <stdlib.h>

#include "kernels/sass/sass_run.h"

struct sass_copy {
    uint8_t *to;
    const uint8_t *from; /* `bytes` of `width`; the others are zeros */
    uint32_t group;      /* of the lane's: how many it had closed before */
    uint8_t lane, bytes, width;
};

static void arrive(const struct sass_copy *copy) {
    memset(copy->to, 0, copy->width);
    if (copy->bytes)
        memcpy(copy->to, copy->from, copy->bytes);
}

void sass_copies_arrive(struct sass_warp *w, uint32_t mask, int64_t groups) {
    size_t kept = 0;
    for (size_t k = 0; k < w->copy_count; k++) {
        const struct sass_copy *copy = &w->copies[k];
        bool waited = groups == SASS_COPIES_ALL ||
                      (int64_t)copy->group + groups < (int64_t)w->copy_groups[copy->lane];
        if (waited && mask >> copy->lane & 1)
            arrive(copy);
        else
            w->copies[kept++] = *copy;
    }
    w->copy_count = kept;
}

static void start(struct sass_warp *w, const struct sass_copy *copy) {
    if (w->copy_count == w->copy_room) {
        size_t room = w->copy_room ? 2 * w->copy_room : 256;
        struct sass_copy *more = realloc(w->copies, room * sizeof *more);
        if (!more)
            sass_fail(w, -1, "out of memory for copies that are under way");
        w->copies = more;
        w->copy_room = room;
    }
    w->copies[w->copy_count++] = *copy;
}

/* Where a lane's bytes are read: each of them is there. */
static const uint8_t *source_of(struct sass_warp *w, unsigned lane, uint64_t at, unsigned bytes,
                                unsigned width) {
    const uint8_t *first = sass_place(w, lane, SASS_GENERIC, at, bytes == width ? width : 1);
    for (unsigned k = 1; bytes < width && k < bytes; k++)
        sass_place(w, lane, SASS_GENERIC, at + k, 1);
    return first;
}

/* From `memory` to `place`. How many bytes of a unit are missing at its end, the low bits of its
 * address tell; where the predicate is false, all are. They are zeros then (ZFILL). */
static void copy(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint64_t to[SASS_LANES], from[SASS_LANES];
    unsigned width = op->width;
    uint32_t there = sass_condition(w, &op->condition[0]);
    bool at_once = sass_choose(sass_running, ptx_copies_at_once(&sass_running->config), 2);
    sass_addresses(w, &op->place, false, to);
    sass_addresses(w, &op->memory, true, from);
    SASS_EACH(l, mask) {
        unsigned missing = (unsigned)(from[l] & (width - 1)),
                 bytes = there >> l & 1 ? width - missing : 0;
        struct sass_copy one = {.to = sass_place(w, l, SASS_SHARED, to[l], width),
                                .group = w->copy_groups[l],
                                .lane = (uint8_t)l,
                                .bytes = (uint8_t)bytes,
                                .width = (uint8_t)width};
        if (bytes)
            one.from = source_of(w, l, from[l] - missing, bytes, width);
        if (at_once)
            arrive(&one);
        else
            start(w, &one);
    }
}

static void close_group(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    (void)op;
    SASS_EACH(l, mask)
    w->copy_groups[l]++;
}

/* DEPBAR.LE SB0, 0x1: all but the last so many groups. */
static void wait_for_copies(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    sass_copies_arrive(w, mask, sass_plain(w, &op->source[0])[0]);
}

static bool is_copy(const struct sass_instruction *i) {
    for (unsigned k = 0; k < i->modifier_count; k++)
        switch (i->modifiers[k]) {
        case SASS_MOD_E:
        case SASS_MOD_BYPASS:
        case SASS_MOD_LTC64B:
        case SASS_MOD_LTC128B:
        case SASS_MOD_LTC256B:
        case SASS_MOD_64:
        case SASS_MOD_128:
        case SASS_MOD_ZFILL:
            break;
        default:
            return false;
        }
    return sass_has(i, SASS_MOD_E) && sass_has(i, SASS_MOD_ZFILL) && i->operand_count == 3;
}

sass_action *sass_copy_action(const struct sass_instruction *i, struct sass_code *op) {
    (void)op;
    switch (i->op) {
    case SASS_OP_LDGSTS:
        return is_copy(i) ? copy : NULL;
    case SASS_OP_LDGDEPBAR:
        return i->modifier_count || i->operand_count ? NULL : close_group;
    case SASS_OP_DEPBAR:
        return i->modifier_count == 1 && i->modifiers[0] == SASS_MOD_LE && i->operand_count == 2 &&
                       i->operands[0].kind == SASS_SCOREBOARD && i->operands[0].number == 0
                   ? wait_for_copies
                   : NULL;
    default:
        return NULL;
    }
}
