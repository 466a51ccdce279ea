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
