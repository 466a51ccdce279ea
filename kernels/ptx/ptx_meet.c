/*
 * ptx_meet.c: where threads meet: shuffles, votes and bar.warp.sync by a mask of lanes, barriers by
 * a block.
 *
 * Lanes of a mask that have exited, or that the block does not have, are not waited for, as the
 * manual says of bar.warp.sync ("all non-exited threads"); to read the value of one is an error.
 */
#include "kernels/ptx/ptx_inside.h"

static struct ptx_fiber *lane_of(const struct ptx_fiber *f, unsigned lane) {
    return &f->block->fibers[f->t.warp * PTX_WARP + lane];
}

/* The lane a shuffle reads, and whether it is in range; as the manual's pseudocode. */
static unsigned source(const struct ptx_fiber *f, enum ptx_meeting what, bool *in_range) {
    int lane = (int)f->t.lane, b = (int)(f->b & 31), c = (int)(f->c & 31);
    int segment = (int)(f->c >> 8 & 31);
    int most = (lane & segment) | (c & ~segment), least = lane & segment, from;
    switch (what) {
    case PTX_SHFL_UP:
        from = lane - b;
        *in_range = from >= most;
        break;
    case PTX_SHFL_DOWN:
        from = lane + b;
        *in_range = from <= most;
        break;
    case PTX_SHFL_BFLY:
        from = lane ^ b;
        *in_range = from <= most;
        break;
    default:
        from = least | (b & ~segment);
        *in_range = from <= most;
    }
    return (unsigned)(*in_range ? from : lane);
}

static uint32_t votes(const struct ptx_fiber *f, uint32_t lanes) {
    uint32_t set = 0;
    for (unsigned l = 0; l < PTX_WARP; l++)
        if (lanes >> l & 1 && lane_of(f, l)->a)
            set |= 1u << l;
    return set;
}

/* What each lane gets. `f` is one of them. */
static void exchange(struct ptx_fiber *f, const struct ptx_group *group) {
    uint32_t set = group->what > PTX_SHFL_IDX ? votes(f, group->arrived) : 0;
    if (group->what == PTX_ON_MATRICES) {
        if (group->arrived != ~0u)
            ptx_fail(f, f->line, "an instruction on matrices, and of its warp's lanes only 0x%x",
                     group->arrived);
        ptx_matrix_do(lane_of(f, 0));
        return;
    }
    for (unsigned l = 0; l < PTX_WARP; l++) {
        if (!(group->arrived >> l & 1))
            continue;
        struct ptx_fiber *to = lane_of(f, l);
        bool in_range = false;
        unsigned from;
        switch (group->what) {
        case PTX_VOTE_ALL:
            to->result = set == group->arrived;
            break;
        case PTX_VOTE_ANY:
            to->result = set != 0;
            break;
        case PTX_VOTE_UNI:
            to->result = set == 0 || set == group->arrived;
            break;
        case PTX_VOTE_BALLOT:
            to->result = set;
            break;
        case PTX_WARP_SYNC:
            break;
        default:
            from = source(to, group->what, &in_range);
            if (!(group->arrived >> from & 1))
                ptx_fail(to, to->line,
                         "a shuffle reads lane %u, which is not there (mask 0x%x, lanes that meet "
                         "0x%x)",
                         from, group->mask, group->arrived);
            to->p = in_range;
            to->result = lane_of(f, from)->a;
        }
    }
}

/* The same where all lanes of a warp shuffle, as nearly always: nobody is missing. */
static void shuffle_all(struct ptx_fiber *f, enum ptx_meeting what) {
    struct ptx_fiber *lanes = lane_of(f, 0);
    uint32_t values[PTX_WARP];
    for (unsigned l = 0; l < PTX_WARP; l++)
        values[l] = lanes[l].a;
    for (unsigned l = 0; l < PTX_WARP; l++) {
        bool in_range = false;
        lanes[l].result = values[source(&lanes[l], what, &in_range)];
        lanes[l].p = in_range;
    }
}

/* All lanes that are waited for have come: they get what they asked for and go on. */
static bool completed(struct ptx_run *run, struct ptx_fiber *f, struct ptx_group *group) {
    struct ptx_warp_state *warp = &f->block->warp[f->t.warp];
    if (!group->arrived || (group->mask & warp->alive) != group->arrived)
        return false;
    if (group->arrived == ~0u && group->what <= PTX_SHFL_IDX)
        shuffle_all(f, group->what);
    else
        exchange(f, group);
    /* In order, a warp goes on as long as it can; the first lane is woken last, to be first. */
    bool soon = run->config.order == PTX_IN_ORDER;
    for (unsigned k = 0; k < PTX_WARP; k++) {
        unsigned l = soon ? PTX_WARP - 1 - k : k;
        struct ptx_fiber *lane = lane_of(f, l);
        if (!(group->arrived >> l & 1) || lane->state != PTX_AT_MEETING)
            continue;
        warp->meeting--;
        if (soon)
            ptx_wake_first(run, lane);
        else
            ptx_wake(run, lane);
    }
    group->arrived = 0;
    run->polls = run->atomics = 0;
    return true;
}

uint32_t ptx_meet(struct ptx_thread *t, enum ptx_meeting what, uint32_t a, uint32_t b, uint32_t c,
                  uint32_t mask, uint8_t *p, int line) {
    struct ptx_run *run = ptx_running;
    struct ptx_fiber *f = (struct ptx_fiber *)t;
    struct ptx_warp_state *warp = &f->block->warp[t->warp];
    ptx_counted.meetings++;
    if (!(mask >> t->lane & 1))
        ptx_fail(f, line, "lane %u is not in its own mask 0x%x", t->lane, mask);
    struct ptx_group *group = &warp->group[__builtin_ctz(mask)];
    if (!group->arrived) {
        group->what = what;
        group->mask = mask;
    } else if (group->what != what || group->mask != mask) {
        ptx_fail(f, line,
                 "lanes of one warp diverge: lane %u comes with mask 0x%x, others (0x%x) wait with "
                 "mask 0x%x%s",
                 t->lane, mask, group->arrived, group->mask,
                 group->what != what ? " in another instruction" : "");
    }
    group->arrived |= 1u << t->lane;
    f->a = a, f->b = b, f->c = c, f->mask = mask, f->line = line;
    if (completed(run, f, group)) {
        ptx_perhaps(run);
    } else {
        f->state = PTX_AT_MEETING;
        warp->meeting++;
        ptx_give_way(run, false);
    }
    *p = f->p;
    return f->result;
}

/* --- barriers ------------------------------------------------------------------------------------
 */

static bool barrier_completed(struct ptx_run *run, struct ptx_block *block, unsigned id) {
    unsigned arrived = block->barrier[id].arrived, set = block->barrier[id].set;
    if (arrived == 0 || arrived != block->alive)
        return false;
    uint32_t result = block->barrier[id].what == PTX_BARRIER_AND  ? set == arrived
                      : block->barrier[id].what == PTX_BARRIER_OR ? set != 0
                                                                  : set;
    block->barrier[id].arrived = block->barrier[id].set = 0;
    for (unsigned w = 0; w < PTX_THREADS_MAX / PTX_WARP; w++)
        block->warp[w].at_barrier = 0;
    for (unsigned k = 0; k < block->threads; k++) {
        struct ptx_fiber *f = &block->fibers[k];
        if (f->state == PTX_DONE)
            continue;
        f->result = result;
        if (f->state == PTX_AT_BARRIER)
            ptx_wake(run, f);
    }
    run->polls = run->atomics = 0;
    return true;
}

uint32_t ptx_barrier(struct ptx_thread *t, enum ptx_reduction what, uint32_t id, uint8_t p,
                     int line) {
    struct ptx_run *run = ptx_running;
    struct ptx_fiber *f = (struct ptx_fiber *)t;
    struct ptx_block *block = f->block;
    struct ptx_warp_state *warp = &block->warp[t->warp];
    ptx_counted.barriers++;
    if (id >= PTX_BARRIERS)
        ptx_fail(f, line, "barrier %u: there are %d", id, PTX_BARRIERS);
    /* bar is barrier.aligned: "all threads in the warp must execute the same instruction". */
    if (warp->at_barrier && warp->barrier_line != line)
        ptx_fail(f, line, "divergent barriers: other lanes of the warp are at the one of line %d",
                 warp->barrier_line);
    if (block->barrier[id].arrived && block->barrier[id].what != what)
        ptx_fail(f, line, "barrier %u is used for two reductions at once", id);
    warp->barrier_line = line;
    warp->at_barrier++;
    block->barrier[id].what = what;
    block->barrier[id].arrived++;
    block->barrier[id].set += p;
    f->line = line;
    if (barrier_completed(run, block, id)) {
        ptx_perhaps(run);
    } else {
        f->state = PTX_AT_BARRIER;
        ptx_give_way(run, false);
    }
    return f->result;
}

void ptx_left(struct ptx_run *run, struct ptx_fiber *f) {
    struct ptx_block *block = f->block;
    struct ptx_warp_state *warp = &block->warp[f->t.warp];
    block->alive--;
    warp->alive &= ~(1u << f->t.lane);
    run->polls = run->atomics = 0;
    for (unsigned k = 0; warp->meeting && k < PTX_WARP; k++)
        if (warp->group[k].arrived)
            completed(run, lane_of(f, (unsigned)__builtin_ctz(warp->group[k].arrived)),
                      &warp->group[k]);
    for (unsigned id = 0; id < PTX_BARRIERS; id++)
        barrier_completed(run, block, id);
}
