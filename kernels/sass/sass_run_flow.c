/*
 * sass_run_flow.c: jumps, and where lanes part and meet.
 *
 * A warp's lanes are in groups. A jump that only some of a group take splits it. Groups come
 * together again where the code says so: at BSYNC those for which a BSSY was passed together, at
 * WARPSYNC those of a mask, at BAR all of a block. Lanes that have left are not waited for.
 */
#include "kernels/sass/sass_run.h"

/* --- groups --------------------------------------------------------------------------------------
 */

/* Lanes `taken` of the group go on at `at`, as a group of their own if others stay. */
static void part(struct sass_warp *w, uint32_t taken, uint32_t at) {
    struct sass_group *g = w->now, *fresh = w->group;
    struct sass_run *run = sass_running;
    if (at >= run->program->count)
        sass_fail(w, (int)__builtin_ctz(taken), "a jump to 0x%llx, where no instruction is",
                  (unsigned long long)at * SASS_STEP);
    if (taken == g->mask) {
        g->at = at;
        return;
    }
    while (fresh->mask) /* there is a free one: masks have no lane in common */
        fresh++;
    *fresh = (struct sass_group){.mask = taken, .at = at};
    g->mask &= ~taken;
    if (sass_choose(run, run->config.order == PTX_REVERSE, 2))
        w->now = fresh;
}

/* Groups that wait alike, `like` among them, go on if all of those they wait for are there. */
static bool release(struct sass_warp *w, const struct sass_group *like) {
    uint32_t there = 0, need = like->need & w->alive, at = like->at;
    enum sass_state state = like->state;
    bool same_place = state == SASS_AT_SYNC;
    for (int k = 0; k < SASS_LANES; k++) {
        const struct sass_group *g = &w->group[k];
        if (g->mask && g->state == state && g->need == like->need && (!same_place || g->at == at))
            there |= g->mask;
    }
    if ((there & need) != need)
        return false;
    uint32_t whole = like->need;
    for (int k = 0; k < SASS_LANES; k++) {
        struct sass_group *g = &w->group[k];
        if (!g->mask || g->state != state || g->need != whole || (same_place && g->at != at))
            continue;
        g->state = SASS_READY;
        for (int n = 0; n < k; n++) { /* those that are at one place go on as one */
            struct sass_group *first = &w->group[n];
            if (first->mask & there && first->state == SASS_READY && first->at == g->at) {
                first->mask |= g->mask;
                g->mask = 0;
                if (w->now == g)
                    w->now = first;
                break;
            }
        }
    }
    sass_wake(sass_running, w);
    return true;
}

static void wait_for(struct sass_warp *w, enum sass_state state, uint32_t need) {
    w->now->state = state;
    w->now->need = need;
    release(w, w->now);
}

/* --- barriers ------------------------------------------------------------------------------------
 */

enum { BAR_SYNC, BAR_AND, BAR_OR, BAR_POPC };

static void complete(struct sass_block *block, unsigned id) {
    unsigned arrived = block->barrier[id].arrived, set = block->barrier[id].set;
    if (!arrived || arrived != block->alive)
        return;
    uint32_t result = block->barrier[id].mode == BAR_AND  ? set == arrived
                      : block->barrier[id].mode == BAR_OR ? set != 0
                                                          : 0;
    block->barrier[id].arrived = block->barrier[id].set = 0;
    for (unsigned n = 0; n < block->warp_count; n++) {
        struct sass_warp *w = &block->warps[n];
        struct sass_group *first = NULL;
        for (int k = 0; k < SASS_LANES; k++) {
            struct sass_group *g = &w->group[k];
            if (!g->mask || g->state != SASS_AT_BARRIER || g->need != id)
                continue;
            g->state = SASS_READY;
            w->barrier_result = result ? SASS_ALL : 0;
            if (first) { /* it is at the same instruction: see barrier() */
                first->mask |= g->mask;
                g->mask = 0;
                if (w->now == g)
                    w->now = first;
            } else {
                first = g;
            }
        }
        if (first)
            sass_wake(sass_running, w);
    }
}

static void barrier(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    struct sass_block *block = w->block;
    uint32_t id = sass_plain(w, &op->source[0])[0];
    if (!mask)
        return;
    if (mask != w->now->mask)
        sass_fail(w, (int)__builtin_ctz(mask),
                  "only some of the lanes that are here (0x%x of 0x%x) come to a barrier", mask,
                  w->now->mask);
    if (id >= PTX_BARRIERS)
        sass_fail(w, -1, "barrier %u: there are %d", id, PTX_BARRIERS);
    for (int k = 0; k < SASS_LANES; k++) {
        const struct sass_group *g = &w->group[k];
        if (g->mask && g->state == SASS_AT_BARRIER && (g->at != w->now->at || g->need != id))
            sass_fail(w, (int)__builtin_ctz(mask),
                      "divergent barriers: other lanes of the warp are at the one at 0x%llx",
                      ((unsigned long long)g->at - 1) * SASS_STEP);
    }
    if (block->barrier[id].arrived && block->barrier[id].mode != op->mode)
        sass_fail(w, -1, "barrier %u is used in two ways at once", id);
    block->barrier[id].mode = op->mode;
    block->barrier[id].arrived += (unsigned)__builtin_popcount(mask);
    if (op->condition_count)
        block->barrier[id].set +=
            (unsigned)__builtin_popcount(sass_condition(w, &op->condition[0]) & mask);
    w->now->state = SASS_AT_BARRIER;
    w->now->need = id;
    complete(block, id);
}

static void leave(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    struct sass_block *block = w->block;
    for (unsigned k = 0; k < op->condition_count; k++)
        mask &= sass_condition(w, &op->condition[k]);
    if (!mask)
        return;
    sass_copies_arrive(w, mask, SASS_COPIES_ALL);
    w->now->mask &= ~mask;
    w->alive &= ~mask;
    block->alive -= (unsigned)__builtin_popcount(mask);
    for (int k = 0; k < SASS_LANES; k++) { /* others may have waited for nobody else */
        const struct sass_group *g = &w->group[k];
        if (g->mask && (g->state == SASS_AT_SYNC || g->state == SASS_AT_WARPSYNC))
            release(w, g);
    }
    for (unsigned id = 0; id < PTX_BARRIERS; id++)
        complete(block, id);
}

/* --- jumps ---------------------------------------------------------------------------------------
 */

static void branch(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    for (unsigned k = 0; k < op->condition_count; k++)
        mask &= sass_condition(w, &op->condition[k]);
    if (mask)
        part(w, mask, op->number[1]);
}

/* BRA.DIV: where lanes of the mask that have not left are somewhere else; BRA.CONV: where none is.
 */
static void branch_if_parted(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t room[SASS_LANES];
    if (!mask)
        return;
    const uint32_t *of = sass_integer(w, &op->source[0], room);
    bool parted = (of[__builtin_ctz(mask)] & w->alive & ~mask) != 0;
    if (parted == (op->mode != 0))
        part(w, mask, op->number[1]);
}

/* Each lane to an address of its own: those of one address as one group. */
static void branch_by_register(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    const uint32_t *by = sass_plain(w, &op->source[0]);
    uint32_t from = op->mode ? (uint32_t)(op - sass_running->ops + 1) * SASS_STEP +
                                   sass_plain(w, &op->source[1])[0]
                             : op->number[1] * SASS_STEP;
    uint32_t left = mask;
    struct sass_group *g = w->now;
    while (left) {
        uint32_t first = by[__builtin_ctz(left)], same = 0, at = first + from;
        SASS_EACH(l, left)
        same |= (uint32_t)(by[l] == first) << l;
        left &= ~same;
        if (at % SASS_STEP)
            sass_fail(w, (int)__builtin_ctz(same), "a jump to 0x%x, where no instruction begins",
                      at);
        w->now = g; /* part() may have gone on with others */
        part(w, same, at / SASS_STEP);
    }
}

/* --- meeting -------------------------------------------------------------------------------------
 */

static void bssy(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    SASS_EACH(l, mask)
    w->meet[op->number[0]][l] = mask;
}

static void bsync(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    const uint32_t *meet = w->meet[op->number[0]];
    struct sass_group *g = w->now;
    if (!mask)
        return;
    uint32_t need = meet[__builtin_ctz(mask)];
    SASS_EACH(l, mask)
    if (meet[l] != need || !(need >> l & 1))
        sass_fail(w, (int)l, "lanes come to one BSYNC from unlike BSSYs (0x%x, 0x%x)", need,
                  meet[l]);
    if (mask != g->mask) { /* others pass it by */
        uint32_t rest = g->mask & ~mask;
        struct sass_group *fresh = w->group;
        while (fresh->mask)
            fresh++;
        *fresh = (struct sass_group){.mask = rest, .at = g->at};
        g->mask = mask;
    }
    wait_for(w, SASS_AT_SYNC, need);
}

/* Lanes that will not come to the BSYNC. */
static void leave_sync(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t *meet = w->meet[op->number[0]];
    if (!mask)
        return;
    uint32_t all = meet[__builtin_ctz(mask)];
    SASS_EACH(l, all)
    meet[l] &= ~mask;
    for (int k = 0; k < SASS_LANES; k++) {
        struct sass_group *g = &w->group[k];
        if (g->mask && g->state == SASS_AT_SYNC && g->need == all && (g->mask & ~all) == 0)
            g->need = all & ~mask;
    }
    for (int k = 0; k < SASS_LANES; k++)
        if (w->group[k].mask && w->group[k].state == SASS_AT_SYNC)
            release(w, &w->group[k]);
}

static void warpsync(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    if (!mask)
        return;
    uint32_t need = SASS_ALL;
    if (op->source_count) {
        const uint32_t *of = sass_plain(w, &op->source[0]);
        need = of[__builtin_ctz(mask)];
        SASS_EACH(l, mask)
        if (of[l] != need || !(need >> l & 1))
            sass_fail(w, (int)l, "lane %u comes to WARPSYNC with mask 0x%x, others with 0x%x", l,
                      of[l], need);
    }
    if (mask != w->now->mask)
        sass_fail(w, (int)__builtin_ctz(mask),
                  "only some of the lanes that are here come to WARPSYNC");
    wait_for(w, SASS_AT_WARPSYNC, need);
}

static void nothing(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    (void)w, (void)op, (void)mask;
}

static void trap(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    (void)op;
    if (mask)
        sass_fail(w, (int)__builtin_ctz(mask), "the kernel gives up (trap)");
}

/* --- which ---------------------------------------------------------------------------------------
 */

static sass_action *bar_action(const struct sass_instruction *i, struct sass_code *op) {
    bool red = sass_has(i, SASS_MOD_RED);
    op->mode = !red                        ? BAR_SYNC
               : sass_has(i, SASS_MOD_AND) ? BAR_AND
               : sass_has(i, SASS_MOD_OR)  ? BAR_OR
                                           : BAR_POPC;
    /* With a number of threads, or for those that only arrive, it is another barrier. */
    bool known = op->mode != BAR_POPC && (red || sass_has(i, SASS_MOD_SYNC)) &&
                 i->operand_count == (red ? 2u : 1u);
    return known ? barrier : NULL;
}

sass_action *sass_flow_action(const struct sass_instruction *i, struct sass_code *op) {
    op->flow = true;
    switch (i->op) {
    case SASS_OP_BRA:
        op->mode = sass_has(i, SASS_MOD_DIV);
        return op->mode || sass_has(i, SASS_MOD_CONV) ? branch_if_parted : branch;
    case SASS_OP_CALL:
        return sass_has(i, SASS_MOD_REL) ? branch : NULL;
    case SASS_OP_RET:
        return sass_has(i, SASS_MOD_REL) ? branch_by_register : NULL;
    case SASS_OP_BRX:
    case SASS_OP_BRXU:
        op->mode = 1;
        return i->operand_count == 2 ? branch_by_register : NULL;
    case SASS_OP_BSSY:
        op->flow = false;
        return bssy;
    case SASS_OP_BSYNC:
        return bsync;
    case SASS_OP_BREAK:
        return leave_sync;
    case SASS_OP_WARPSYNC:
        return warpsync;
    case SASS_OP_BAR:
        return bar_action(i, op);
    case SASS_OP_EXIT:
        return leave;
    case SASS_OP_BPT:
        return trap;
    case SASS_OP_YIELD:
    case SASS_OP_NANOSLEEP:
        op->point = SASS_YIELDED;
        op->flow = false;
        return nothing;
    case SASS_OP_NOP:
    case SASS_OP_ENDCOLLECTIVE:
    case SASS_OP_MEMBAR: /* accesses happen in order here */
    case SASS_OP_ERRBAR:
    case SASS_OP_CGAERRBAR:
    case SASS_OP_CCTL:
        op->flow = false;
        return nothing;
    default:
        return NULL;
    }
}
