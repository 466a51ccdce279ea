/*
 * sync.cc: where threads wait for each other: barriers and warp operations, and what is said when
 * they wait in vain.
 */
#include <algorithm>
#include <cstring>

#include "kernels/simt/machine.h"
#include "kernels/simt/switch.h"

namespace simt {

/* --- barriers ----------------------------------------------------------------------------------
 */

static bool is_ready(const thread *t) {
    return t->home->ready[t->index / 64] >> t->index % 64 & 1;
}

/* The state as a report needs it: a released thread keeps its old state until it runs. */
static state state_of(const thread *t) {
    if (t->state != state::exited && is_ready(t))
        return state::ready;
    return t->state;
}

/*
 * A barrier is complete when all threads of the block that have not left the kernel are there:
 * since Volta it is enforced per thread and "will not succeed until reached by all non-exited
 * threads in the block" (CUDA C++ Programming Guide, compute capability 7.x, independent thread
 * scheduling).
 */
void release_barrier(slot *s) {
    machine *m = s->home;
    if (s->barrier_mixed) {
        const thread *a = &s->all[s->barrier_first], *b = &s->all[s->barrier_other];
        /* One barrier in the source may have become two calls. */
        if (source_line(a->site) != source_line(b->site)) {
            place other = here(a, a->site);
            report(m, SIMT_DIVERGENT_BARRIER, here(b, b->site), &other,
                   "the threads of a block wait at different __syncthreads");
            abandon_launch(m);
        }
    }
    s->barrier_result = s->barrier_kind == SIMT_BARRIER_COUNT ? s->barrier_count
                        : s->barrier_kind == SIMT_BARRIER_OR  ? s->barrier_or
                                                              : s->barrier_and;
    s->barrier_count = s->barrier_or = 0;
    s->barrier_and = 1;
    s->at_barrier = 0;
    for (unsigned w = 0; w < bitmap_words; w++) {
        unsigned from = w * 64;
        s->ready[w] = s->threads >= from + 64 ? ~(uint64_t)0
                      : s->threads > from     ? ((uint64_t)1 << (s->threads - from)) - 1
                                              : 0;
    }
    if (s->live < s->threads)
        for (unsigned i = 0; i < s->threads; i++)
            if (s->all[i].state == state::exited)
                s->ready[i / 64] &= ~((uint64_t)1 << i % 64);
    m->ready_total += s->live - s->ready_count;
    s->ready_count = s->live;
    m->progress = true;
    m->counts.barriers++;
    if (m->checked)
        order_barrier(s);
    if (m->requests)
        requests_met_block(m, s);
    set_cursor(m, s->number, 0, s->threads);
}

/* --- warp operations ---------------------------------------------------------------------------
 */

static const char *op_name(unsigned op) {
    switch (op) {
    case SIMT_WARP_SYNC:
        return "__syncwarp";
    case SIMT_SHUFFLE_INDEX:
        return "__shfl_sync";
    case SIMT_SHUFFLE_UP:
        return "__shfl_up_sync";
    case SIMT_SHUFFLE_DOWN:
        return "__shfl_down_sync";
    case SIMT_SHUFFLE_XOR:
        return "__shfl_xor_sync";
    case SIMT_BALLOT:
        return "__ballot_sync";
    case SIMT_ALL:
        return "__all_sync";
    case SIMT_ANY:
        return "__any_sync";
    case SIMT_MATRIX:
        return "a matrix instruction";
    case SIMT_WMMA_LOAD:
        return "load_matrix_sync";
    case SIMT_WMMA_STORE:
        return "store_matrix_sync";
    default:
        return "__reduce_sync";
    }
}

/* The lane whose value `lane` gets; itself when the source lies outside its segment. */
static unsigned source_lane(unsigned op, unsigned lane, unsigned argument, unsigned width) {
    unsigned base = lane & ~(width - 1), end = base + width;
    switch (op) {
    case SIMT_SHUFFLE_INDEX:
        return base + (argument & (width - 1));
    case SIMT_SHUFFLE_UP:
        return argument > lane - base ? lane : lane - argument;
    case SIMT_SHUFFLE_DOWN:
        return argument >= end - lane ? lane : lane + argument;
    default: /* xor may reach into an earlier segment, not into a later one */
        return (lane ^ argument) >= end ? lane : lane ^ argument;
    }
}

static uint32_t reduce(unsigned op, uint32_t a, uint32_t b) {
    switch (op) {
    case SIMT_REDUCE_ADD:
        return a + b;
    case SIMT_REDUCE_MIN_U:
        return std::min(a, b);
    case SIMT_REDUCE_MAX_U:
        return std::max(a, b);
    case SIMT_REDUCE_MIN_S:
        return (uint32_t)std::min((int32_t)a, (int32_t)b);
    case SIMT_REDUCE_MAX_S:
        return (uint32_t)std::max((int32_t)a, (int32_t)b);
    case SIMT_REDUCE_AND:
        return a & b;
    case SIMT_REDUCE_OR:
        return a | b;
    default:
        return a ^ b;
    }
}

static void shuffle(slot *s, unsigned number, uint32_t group) {
    warp *w = &s->warps[number];
    for (uint32_t rest = group; rest; rest &= rest - 1) {
        unsigned lane = (unsigned)__builtin_ctz(rest);
        unsigned from = source_lane(w->op[lane], lane, w->argument[lane], w->width[lane]);
        if (__builtin_expect(!(group >> (from & 31) & 1), 0)) {
            const thread *t = &s->all[number * warp_size + lane];
            const char *why = from >= 32 || !(w->existing >> from & 1) ? "the block does not have"
                              : !(w->live >> from & 1)                 ? "has left the kernel"
                                                                       : "is not in the mask";
            report(s->home, SIMT_SHUFFLE_LANE, here(t, t->site), nullptr,
                   "%s: lane %u reads lane %u, which %s (mask %08x)", op_name(w->op[lane]), lane,
                   from, why, w->mask[lane]);
            w->result[lane] = ~(uint64_t)0;
            continue;
        }
        w->result[lane] = w->value[from];
    }
}

static void complete_group(slot *s, unsigned number, uint32_t group) {
    warp *w = &s->warps[number];
    machine *m = s->home;
    unsigned first = (unsigned)__builtin_ctz(group), op = w->op[first];
    if (op >= SIMT_SHUFFLE_INDEX && op <= SIMT_SHUFFLE_XOR) {
        shuffle(s, number, group);
    } else if (op == SIMT_MATRIX) {
        matrix_complete(s, number);
    } else if (op != SIMT_WARP_SYNC) {
        uint32_t ballot = 0, reduced = (uint32_t)w->value[first];
        for (uint32_t rest = group; rest; rest &= rest - 1) {
            unsigned lane = (unsigned)__builtin_ctz(rest);
            ballot |= (uint32_t)(w->value[lane] != 0) << lane;
            if (lane != first)
                reduced = reduce(op, reduced, (uint32_t)w->value[lane]);
        }
        uint64_t result = op == SIMT_BALLOT ? ballot
                          : op == SIMT_ALL  ? ballot == group
                          : op == SIMT_ANY  ? ballot != 0
                                            : reduced;
        for (uint32_t rest = group; rest; rest &= rest - 1)
            w->result[__builtin_ctz(rest)] = result;
    }
    /* Shuffles, votes and reductions "do not imply a memory barrier. They do not guarantee any
     * memory ordering" (CUDA C++ Programming Guide, warp shuffle and warp vote functions);
     * __syncwarp does. */
    if (m->checked && op == SIMT_WARP_SYNC)
        order_warp(s, number, group);
    if (m->requests && group == w->live)
        requests_met(m, s, number);
    w->waiting &= ~group;
    uint64_t bits = (uint64_t)group << (number % 2 * 32);
    uint64_t fresh = bits & ~s->ready[number / 2];
    s->ready[number / 2] |= bits;
    unsigned more = (unsigned)__builtin_popcountll(fresh);
    s->ready_count += more;
    m->ready_total += more;
    m->progress = true;
    set_cursor(m, s->number, number * warp_size, std::min((number + 1) * warp_size, s->threads));
}

/* Completes the group of lanes that share `mask`, if all of it that is left has come. */
static bool try_group(slot *s, unsigned number, uint32_t mask) {
    warp *w = &s->warps[number];
    uint32_t need = mask & w->live;
    if (!need || (w->waiting & need) != need)
        return false;
    unsigned first = (unsigned)__builtin_ctz(need);
    for (uint32_t rest = need; rest; rest &= rest - 1) {
        unsigned lane = (unsigned)__builtin_ctz(rest);
        if (w->mask[lane] != mask)
            return false;
        if (w->op[lane] != w->op[first]) {
            const thread *a = &s->all[number * warp_size + first];
            const thread *b = &s->all[number * warp_size + lane];
            place other = here(b, b->site);
            report(s->home, SIMT_DIVERGENT_WARP, here(a, a->site), &other,
                   "lane %u is in %s while lane %u of the same mask %08x is in %s", first,
                   op_name(w->op[first]), lane, mask, op_name(w->op[lane]));
            abandon_launch(s->home);
        }
    }
    if (is_matrix(w->op[first]) && need != ~(uint32_t)0) {
        const thread *t = &s->all[number * warp_size + first];
        report(s->home, SIMT_DIVERGENT_WARP, here(t, t->site), nullptr,
               "%s needs all 32 lanes of a warp; lane %d %s", op_name(w->op[first]),
               __builtin_ctz(~need),
               w->existing >> __builtin_ctz(~need) & 1 ? "has left the kernel" : "does not exist");
        abandon_launch(s->home);
    }
    complete_group(s, number, need);
    return true;
}

void warp_lane_gone(thread *t) {
    slot *s = t->home;
    warp *w = &s->warps[t->warp];
    w->live &= ~((uint32_t)1 << t->self.lane);
    for (uint32_t rest = w->waiting; rest; rest &= rest - 1) {
        unsigned lane = (unsigned)__builtin_ctz(rest);
        if (w->waiting >> lane & 1)
            try_group(s, t->warp, w->mask[lane]);
    }
}

/* --- when nobody can go on ---------------------------------------------------------------------
 */

/* What the threads of a block wait for, in groups of one place: "31 threads at a.cu:7". */
static std::string waiting_text(const slot *s) {
    struct group {
        state why;
        const void *site, *address;
        unsigned count, first;
    };
    std::vector<group> groups;
    for (unsigned i = 0; i < s->threads; i++) {
        const thread *t = &s->all[i];
        state why = state_of(t);
        if (why == state::exited)
            continue;
        bool found = false;
        for (group &g : groups) {
            if (g.why == why && g.site == t->site) {
                g.count++;
                found = true;
                break;
            }
        }
        if (!found)
            groups.push_back({why, t->site, t->poll_address, 1, i});
    }
    std::string text;
    for (const group &g : groups) {
        char line[300];
        const char *what = g.why == state::barrier ? "__syncthreads"
                           : g.why == state::warp  ? "a warp operation"
                                                   : "memory to change";
        snprintf(line, sizeof line, "%s%u thread%s (%s %u) for %s at %s", text.empty() ? "" : ", ",
                 g.count, g.count == 1 ? "" : "s", g.count == 1 ? "thread" : "from thread", g.first,
                 what, source_line(g.site).c_str());
        text += line;
    }
    return text;
}

/* A lane that waits in a warp operation which its group will never complete. */
static bool report_stuck_warp(machine *m, slot *s) {
    for (unsigned i = 0; i < s->threads; i++) {
        const thread *t = &s->all[i];
        if (state_of(t) != state::warp)
            continue;
        warp *w = &s->warps[t->warp];
        uint32_t mask = w->mask[t->self.lane];
        uint32_t missing = mask & w->live;
        for (uint32_t rest = missing; rest; rest &= rest - 1) {
            unsigned lane = (unsigned)__builtin_ctz(rest);
            if (w->waiting >> lane & 1 && w->mask[lane] == mask)
                missing &= ~((uint32_t)1 << lane);
        }
        if (!missing)
            continue;
        const thread *b = &s->all[t->warp * warp_size + (unsigned)__builtin_ctz(missing)];
        if (state_of(b) == state::polling)
            continue; /* it may still come: that is a deadlock, not a divergence */
        place other = here(b, b->site);
        report(m, SIMT_DIVERGENT_WARP, here(t, t->site), &other,
               "%s with mask %08x waits for lane %u, which waits at %s",
               op_name(w->op[t->self.lane]), mask, b->self.lane,
               b->state == state::barrier ? "a __syncthreads" : "a warp operation of another mask");
        return true;
    }
    return false;
}

void report_stuck(machine *m) {
    for (unsigned k = 0; k < m->slot_count; k++)
        if (m->slots[k]->active && report_stuck_warp(m, m->slots[k].get()))
            return;
    const thread *first = nullptr;
    unsigned blocks = 0;
    std::vector<std::pair<std::string, std::string>> kinds; /* what is waited for, by whom */
    for (unsigned k = 0; k < m->slot_count; k++) {
        const slot *s = m->slots[k].get();
        if (!s->active)
            continue;
        blocks++;
        for (unsigned i = 0; i < s->threads && !first; i++)
            if (s->all[i].state != state::exited)
                first = &s->all[i];
        std::string what = waiting_text(s), name = std::to_string(s->block);
        auto same = std::find_if(kinds.begin(), kinds.end(),
                                 [&](const auto &kind) { return kind.first == what; });
        if (same == kinds.end())
            kinds.emplace_back(what, name);
        else
            same->second += ", " + name;
    }
    std::string text;
    for (const auto &kind : kinds)
        text += (text.empty() ? "" : "; ") +
                std::string(kind.second.find(',') == std::string::npos ? "block " : "blocks ") +
                kind.second + ": " + kind.first;
    uint64_t started = m->grid->next.load();
    uint64_t unstarted = started < m->grid->blocks ? m->grid->blocks - started : 0;
    char rest[120] = "";
    if (unstarted)
        snprintf(rest, sizeof rest, "; %llu blocks wait for one of %u resident places",
                 (unsigned long long)unstarted, m->slot_count);
    report(m, SIMT_DEADLOCK, here(first, first->site), nullptr,
           "no thread of %u waiting block%s can go on%s; %s", blocks, blocks == 1 ? "" : "s", rest,
           text.c_str());
}

} // namespace simt

using namespace simt;

int simt_barrier(enum simt_barrier_kind kind, int predicate) {
    machine *m = running;
    thread *t = m->current;
    slot *s = t->home;
    const void *site = __builtin_return_address(0);
    t->site = site;
    t->idle = 0;
    if (s->at_barrier == 0) {
        s->barrier_site = site;
        s->barrier_first = t->index;
        s->barrier_mixed = false;
        s->barrier_kind = kind;
    } else if (site != s->barrier_site) {
        s->barrier_mixed = true;
        s->barrier_other = t->index;
    }
    s->barrier_count += predicate != 0;
    s->barrier_or |= predicate != 0;
    s->barrier_and &= predicate != 0;
    s->at_barrier++;
    make_waiting(t, state::barrier);
    if (s->at_barrier == s->live)
        release_barrier(s);
    switch_away(m);
    t->state = state::ready;
    return s->barrier_result;
}

/* `site` is the kernel's line. */
static uint64_t meet(const void *site, enum simt_warp_op op, unsigned mask, uint64_t value,
                     unsigned argument, unsigned width) {
    machine *m = running;
    thread *t = m->current;
    slot *s = t->home;
    warp *w = &s->warps[t->warp];
    unsigned lane = t->self.lane;
    t->site = site;
    t->idle = 0;
    if (!(mask >> lane & 1)) {
        report(m, SIMT_DIVERGENT_WARP, here(t, t->site), nullptr,
               "lane %u calls %s with mask %08x, which does not name it", lane, op_name(op), mask);
        abandon_launch(m);
    }
    if (width > 32 || (width & (width - 1)) || !width) {
        report(m, SIMT_SHUFFLE_LANE, here(t, t->site), nullptr,
               "%s with width %u, which is not 1, 2, 4, 8, 16 or 32", op_name(op), width);
        abandon_launch(m);
    }
    w->mask[lane] = mask;
    w->op[lane] = (uint8_t)op;
    w->width[lane] = (uint8_t)width;
    w->argument[lane] = argument;
    w->value[lane] = value;
    w->waiting |= (uint32_t)1 << lane;
    make_waiting(t, state::warp);
    try_group(s, t->warp, mask);
    switch_away(m);
    t->state = state::ready;
    return w->result[lane];
}

uint64_t simt_warp(enum simt_warp_op op, unsigned mask, uint64_t value, unsigned argument,
                   unsigned width) {
    return meet(__builtin_return_address(0), op, mask, value, argument, width);
}

void simt_matrix_multiply(const struct simt_matrix *matrix) {
    meet(__builtin_return_address(0), SIMT_MATRIX, ~0u, (uint64_t)(uintptr_t)matrix, 0, 32);
}

unsigned simt_active_mask(void) {
    return 1u << running->current->self.lane;
}
