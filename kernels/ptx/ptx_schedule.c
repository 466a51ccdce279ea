/*
 * ptx_schedule.c: how launches of this thread run, and what decides where there is a choice.
 */
#include <stdlib.h>

#include "kernels/ptx/ptx_inside.h"

static struct ptx_config usual; /* of who sets none */
static _Thread_local struct ptx_config config;
static _Thread_local bool configured;
static _Thread_local size_t replayed; /* steps of the schedule that is followed */

void ptx_configure(const struct ptx_config *to) {
    configured = to;
    config = to ? *to : (struct ptx_config){0};
    replayed = 0;
}

void ptx_set_usual(const struct ptx_config *to) {
    usual = *to;
    ptx_configure(NULL);
}

const struct ptx_config *ptx_configured(void) {
    return configured ? &config : &usual;
}

/* SplitMix64. */
uint64_t ptx_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

size_t ptx_decide_kept(const struct ptx_config *as, size_t by_order, size_t count) {
    const struct ptx_schedule *replay = as->replay;
    struct ptx_schedule *record = as->record;
    size_t choice = by_order;
    if (replay)
        choice = replayed < replay->count ? replay->choice[replayed++] : 0;
    if (choice >= count)
        choice = 0;
    if (record && record->count == record->capacity) {
        size_t more = record->capacity ? 2 * record->capacity : 1024;
        uint32_t *larger = realloc(record->choice, more * sizeof *larger);
        if (larger) {
            record->choice = larger;
            record->capacity = more;
        }
    }
    if (record && record->count < record->capacity)
        record->choice[record->count++] = (uint32_t)choice;
    return choice;
}

/* --- who goes on ---------------------------------------------------------------------------------
 */

/* Of the k-th behind the first; at most `ring` of them. */
static size_t ring_place(const struct ptx_run *run, size_t k) {
    size_t at = run->first + k;
    return at < run->ring ? at : at - run->ring;
}

void ptx_wake(struct ptx_run *run, struct ptx_fiber *fiber) {
    fiber->state = PTX_READY;
    run->ready[ring_place(run, run->count++)] = fiber;
}

void ptx_wake_first(struct ptx_run *run, struct ptx_fiber *fiber) {
    fiber->state = PTX_READY;
    run->first = (run->first ? run->first : run->ring) - 1;
    run->ready[run->first] = fiber;
    run->count++;
}

static size_t highest_rank(const struct ptx_run *run) {
    size_t best = 0;
    uint64_t most = 0;
    for (size_t k = 0; k < run->count; k++) {
        const struct ptx_fiber *f = run->ready[ring_place(run, k)];
        if (!f->polls && f->rank > most) {
            best = k;
            most = f->rank;
        }
    }
    return best;
}

void ptx_wrote(struct ptx_run *run) {
    for (size_t k = 0; run->config.order == PTX_UNFAIR && k < run->count; k++)
        run->ready[ring_place(run, k)]->polls = false;
}

/* `choice` by the order, of `count` that are ready. */
static size_t by_order(struct ptx_run *run, size_t count) {
    return run->config.order == PTX_UNFAIR    ? highest_rank(run)
           : run->config.order == PTX_RANDOM  ? ptx_random(&run->random) % count
           : run->config.order == PTX_REVERSE ? count - 1
                                              : 0;
}

struct ptx_fiber *ptx_take_ready(struct ptx_run *run) {
    size_t choice = ptx_decide(&run->config, by_order(run, run->count), run->count);
    struct ptx_fiber **at = &run->ready[ring_place(run, choice)], *fiber = *at;
    if (choice == 0)
        run->first = ring_place(run, 1);
    else
        *at = run->ready[ring_place(run, run->count - 1)];
    run->count--;
    return fiber;
}
