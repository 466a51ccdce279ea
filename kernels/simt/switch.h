/*
 * switch.h: one step of the schedule, inline: who goes next, and the jump to it. A block of 256
 * threads with ten barriers takes 2,560 of these, so they are what the machine's speed is made of.
 */
#ifndef NANOLAB_KERNELS_SIMT_SWITCH_H
#define NANOLAB_KERNELS_SIMT_SWITCH_H

#include "kernels/simt/machine.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
/* What frames that never returned have left behind on a stack that is used again. */
#define FIBER_CLEAN(bottom, size) ASAN_UNPOISON_MEMORY_REGION(bottom, size)
#define FIBER_LEAVE(fake, bottom, size) __sanitizer_start_switch_fiber(fake, bottom, size)
#define FIBER_ENTER(fake, bottom, size) __sanitizer_finish_switch_fiber(fake, bottom, size)
#else
#define FIBER_CLEAN(bottom, size) ((void)(bottom), (void)(size))
#define FIBER_LEAVE(fake, bottom, size) ((void)(fake), (void)(bottom), (void)(size))
#define FIBER_ENTER(fake, bottom, size) ((void)(fake), (void)(bottom), (void)(size))
#endif

namespace simt {

using boost::context::detail::fcontext_t;
using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

fiber *fiber_take(machine *m); /* abandons the launch when there is no memory for one */
thread *next_thread_slowly(machine *m);

inline void make_ready(thread *t) {
    t->state = state::ready;
    slot *s = t->home;
    s->ready[t->index / 64] |= (uint64_t)1 << t->index % 64;
    s->ready_count++;
    s->home->ready_total++;
}

inline void make_waiting(thread *t, state why) {
    slot *s = t->home;
    uint64_t bit = (uint64_t)1 << t->index % 64;
    t->state = why;
    s->ready[t->index / 64] &= ~bit;
    s->ready_count--;
    s->home->ready_total--;
    if (why == state::polling) {
        s->polling[t->index / 64] |= bit;
        s->polling_count++;
        s->home->polling_total++;
    }
}

/* Who goes next; NULL when all is done. */
inline thread *next_thread(machine *m) {
    /* By far the most common: the next thread of the same 64, in order. */
    if (m->in_order) {
        slot *s = m->slots[m->cursor_slot].get();
        unsigned from = m->cursor_thread;
        if (from < s->threads) {
            uint64_t bits = s->ready[from / 64] >> from % 64;
            if (bits) {
                unsigned i = from + (unsigned)__builtin_ctzll(bits);
                m->cursor_thread = i + 1;
                m->cursor_below = i;
                return &s->all[i];
            }
        }
    }
    return next_thread_slowly(m);
}

/* What a jump tells the one it goes to: where to keep the context of the one it came from. */
struct jump {
    fcontext_t *keep;
};

inline void arrived(transfer_t from) {
    if (from.data)
        *((jump *)from.data)->keep = from.fctx;
}

/* Jumps to `next`; returns when somebody jumps back. `keep` is where our context is left. */
inline void switch_to(machine *m, thread *next, fcontext_t *keep) {
    m->current = next;
    m->counts.switches++;
    if (__builtin_expect(!next->on, 0))
        next->on = fiber_take(m);
    jump j = {keep};
    void *fake = nullptr;
    FIBER_LEAVE(&fake, next->on->bottom, next->on->size);
    transfer_t from = jump_fcontext(next->on->context, &j);
    FIBER_ENTER(fake, nullptr, nullptr);
    arrived(from);
}

/* The current thread has been made to wait, or lets others go first. */
inline void switch_away(machine *m) {
    thread *me = m->current;
    thread *next = next_thread(m);
    if (next != me)
        switch_to(m, next, &me->on->context);
}

} // namespace simt

#endif
