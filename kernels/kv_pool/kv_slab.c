/*
 * kv_slab.c: contiguous ranges of token slots. The taken ranges are an array in the order of their
 * starts; the holes are what lies between them. There are as many ranges as running requests, so
 * going through all of them is quick enough.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kv_pool/kv_inside.h"

#define NAME(value, word, what) word,
static const char *const names[] = {KV_FITS(NAME)};

const char *kv_fit_name(enum kv_fit fit) {
    return (unsigned)fit < KV_FIT_COUNT ? names[fit] : "?";
}

int kv_slab_open(struct kv_slab **out, enum kv_fit fit, uint64_t slots) {
    *out = NULL;
    if ((unsigned)fit >= KV_FIT_COUNT || slots < 1 || slots > INT64_MAX)
        return -1;
    struct kv_slab *slab = calloc(1, sizeof *slab);
    if (!slab)
        return -1;
    *slab = (struct kv_slab){.fit = fit, .slots = slots, .free_slots = slots};
    *out = slab;
    return 0;
}

void kv_slab_close(struct kv_slab *slab) {
    if (slab)
        free(slab->ranges);
    free(slab);
}

/* The hole before range i, or with i == count the one after the last; it may be empty. */
static struct kv_range hole_before(const struct kv_slab *slab, size_t i) {
    uint64_t start = i > 0 ? slab->ranges[i - 1].start + slab->ranges[i - 1].slots : 0;
    uint64_t end = i < slab->count ? slab->ranges[i].start : slab->slots;
    return (struct kv_range){start, end - start};
}

static int make_room(struct kv_slab *slab) {
    if (slab->count < slab->room)
        return 0;
    size_t room = slab->room ? 2 * slab->room : 16;
    struct kv_range *ranges = realloc(slab->ranges, room * sizeof *ranges);
    if (!ranges)
        return -1;
    slab->ranges = ranges;
    slab->room = room;
    return 0;
}

int64_t kv_slab_take(struct kv_slab *slab, uint64_t slots) {
    size_t best = SIZE_MAX;
    uint64_t best_slots = 0;
    if (slots < 1 || slots > slab->free_slots || make_room(slab) != 0)
        return -1;
    for (size_t i = 0; i <= slab->count; i++) {
        uint64_t hole = hole_before(slab, i).slots;
        if (hole < slots || (best != SIZE_MAX && hole >= best_slots))
            continue;
        best = i;
        best_slots = hole;
        if (slab->fit == KV_FIRST_FIT)
            break;
    }
    if (best == SIZE_MAX)
        return -1;
    uint64_t start = hole_before(slab, best).start;
    struct kv_range *at = slab->ranges + best;
    memmove(at + 1, at, (slab->count - best) * sizeof *at);
    *at = (struct kv_range){start, slots};
    slab->count++;
    slab->free_slots -= slots;
    return (int64_t)start;
}

static int compare_starts(const void *a, const void *b) {
    uint64_t x = ((const struct kv_range *)a)->start, y = ((const struct kv_range *)b)->start;
    return (x > y) - (x < y);
}

int kv_slab_release(struct kv_slab *slab, int64_t start) {
    struct kv_range wanted = {.start = (uint64_t)start};
    struct kv_range *at = slab->count && start >= 0 ? bsearch(&wanted, slab->ranges, slab->count,
                                                              sizeof *at, compare_starts)
                                                    : NULL;
    if (!at)
        return -1;
    slab->free_slots += at->slots;
    slab->count--;
    memmove(at, at + 1, (slab->count - (size_t)(at - slab->ranges)) * sizeof *at);
    return 0;
}

uint64_t kv_slab_free_slots(const struct kv_slab *slab) {
    return slab->free_slots;
}

uint64_t kv_slab_largest_hole(const struct kv_slab *slab) {
    uint64_t largest = 0;
    for (size_t i = 0; i <= slab->count; i++) {
        uint64_t slots = hole_before(slab, i).slots;
        largest = slots > largest ? slots : largest;
    }
    return largest;
}

size_t kv_slab_holes(const struct kv_slab *slab) {
    size_t holes = 0;
    for (size_t i = 0; i <= slab->count; i++)
        holes += hole_before(slab, i).slots > 0;
    return holes;
}

int kv_slab_audit(const struct kv_slab *slab, char *why) {
    uint64_t end = 0, taken = 0;
    for (size_t i = 0; i < slab->count; i++) {
        struct kv_range range = slab->ranges[i];
        if (range.slots < 1)
            return kv_fail(why, "the range at %" PRIu64 " is empty", range.start);
        if (range.start < end)
            return kv_fail(why,
                           "the range at %" PRIu64 " starts before %" PRIu64
                           ", where the one before it ends",
                           range.start, end);
        if (range.start > slab->slots || range.slots > slab->slots - range.start)
            return kv_fail(why, "the range at %" PRIu64 " reaches beyond slot %" PRIu64,
                           range.start, slab->slots);
        end = range.start + range.slots;
        taken += range.slots;
    }
    if (slab->slots - taken != slab->free_slots)
        return kv_fail(why, "%" PRIu64 " slots are free but %" PRIu64 " are counted",
                       slab->slots - taken, slab->free_slots);
    return 0;
}
