/*
 * chase_plan.c: plans: their names, what is wrong with them, and the places they stand for.
 */
#include <stdio.h>

#include "kernels/chase/chase_inside.h"

#define HOT_BYTES ((size_t)16 << 10)

const char *chase_order_name(enum chase_order order) {
#define WORD(value, word) word,
    static const char *const names[CHASE_ORDER_COUNT] = {CHASE_ORDERS(WORD)};
#undef WORD
    return (unsigned)order < CHASE_ORDER_COUNT ? names[order] : "unknown";
}

static size_t hot_bytes(const struct chase_plan *plan) {
    return plan->hot_bytes ? plan->hot_bytes : HOT_BYTES;
}

char *chase_plan_text(const struct chase_plan *plan, char text[CHASE_TEXT]) {
    int at = snprintf(text, CHASE_TEXT, "%s/stride=%zu%s/lanes=%u/%s/pages=%s",
                      chase_order_name(plan->order), plan->stride,
                      plan->packed   ? "/packed"
                      : plan->spread ? "/spread"
                                     : "",
                      plan->lanes, plan->joined ? "joined" : "free", pages_name(plan->pages));
    if (plan->hot_lanes && at > 0 && at < CHASE_TEXT)
        snprintf(text + at, CHASE_TEXT - (size_t)at, "/hot=%ux%zu", plan->hot_lanes,
                 hot_bytes(plan));
    return text;
}

int chase_plan_check(const struct chase_plan *plan) {
    if ((unsigned)plan->order >= CHASE_ORDER_COUNT || (unsigned)plan->pages >= PAGES_KINDS)
        return device_fail("a chase has no order %d, or no pages %d", (int)plan->order,
                           (int)plan->pages);
    if (plan->lanes == 0 || plan->lanes > CHASE_LANES || (plan->lanes & (plan->lanes - 1)))
        return device_fail("a chase of %u lanes: use 1, 2, 4, 8, 16 or 32", plan->lanes);
    if (plan->hot_lanes >= plan->lanes)
        return device_fail("%u hot lanes of %u: leave at least one cold; hot ones alone are a "
                           "chase of a small footprint",
                           plan->hot_lanes, plan->lanes);
    if (plan->stride == 0 || plan->stride % CHASE_LINE || plan->stride > (size_t)1 << 32)
        return device_fail("a stride of %zu bytes: use a multiple of %u, at most 4 GiB",
                           plan->stride, CHASE_LINE);
    size_t places = plan->bytes / plan->stride;
    if (places < 2 * (plan->lanes - plan->hot_lanes) || places >= CHASE_NOWHERE)
        return device_fail("%zu bytes hold %zu places of stride %zu: %u lanes need at least 2 each,"
                           " and all together fewer than 2^32",
                           plan->bytes, places, plan->stride, plan->lanes - plan->hot_lanes);
    if (plan->hot_lanes && (hot_bytes(plan) / CHASE_LINE < 2 * plan->hot_lanes ||
                            hot_bytes(plan) / CHASE_LINE >= CHASE_NOWHERE))
        return device_fail("a hot set of %zu bytes: %u lanes need at least 2 lines each",
                           hot_bytes(plan), plan->hot_lanes);
    return 0;
}

unsigned chase_plan_regions(const struct chase_plan *plan, struct chase_region regions[2]) {
    uint32_t cold = plan->lanes - plan->hot_lanes, hot = plan->hot_lanes;
    uint32_t places = (uint32_t)(plan->bytes / plan->stride);
    bool spread = plan->spread && !plan->packed;
    regions[0] = (struct chase_region){.step = plan->packed ? CHASE_LINE : plan->stride,
                                       .lines = spread ? (uint32_t)(plan->stride / CHASE_LINE) : 1,
                                       .places = places - places % cold,
                                       .lanes = cold};
    if (hot == 0)
        return 1;
    places = (uint32_t)(hot_bytes(plan) / CHASE_LINE);
    regions[1] = (struct chase_region){.step = CHASE_LINE,
                                       .lines = 1,
                                       .places = places - places % hot,
                                       .lanes = hot,
                                       .first = cold};
    return 2;
}

size_t chase_region_bytes(const struct chase_region *region) {
    return (size_t)(region->places * region->step);
}

/* Nanoseconds that a hop may take, from the number of lines; right within a factor of some. */
static double guess_hop(size_t lines, enum device_kind kind) {
    if (kind == DEVICE_CUDA)
        return lines <= 2048 ? 20 : lines <= 400000 ? 200 : 500;
    return lines <= 512 ? 1.5 : lines <= 16384 ? 6 : lines <= 262144 ? 25 : 120;
}

unsigned chase_plan_laps(const struct chase_plan *plan, enum device_kind kind) {
    if (plan->laps || kind == DEVICE_SIMT)
        return plan->laps ? plan->laps : 1;
    struct chase_region regions[2];
    chase_plan_regions(plan, regions);
    double lap = regions[0].places / regions[0].lanes * guess_hop(regions[0].places, kind);
    return lap >= 1e6 ? 1 : (unsigned)(1e6 / lap);
}
