/*
 * chase_plan.c: plans: their names, what is wrong with them, and the places they stand for.
 */
#include <jansson.h>
#include <stdio.h>

#include "kernels/chase/chase_inside.h"

#define HOT_BYTES ((size_t)16 << 10)

CHASE_PLAN_FIELDS(PLAN_VALUES)
#define FIELD(name, values, what) PLAN_FIELD(chase_plan, name, what)
static const struct plan_field fields[] = {CHASE_PLAN_FIELDS(FIELD)};
#undef FIELD

static int any(const void *plan, char *why) {
    (void)plan;
    (void)why;
    return 0;
}

/* Every combination of its fields is legal. */
const struct plan_family chase_family = {.name = "a chase plan",
                                         .example = "cycle.spread.l1",
                                         .size = sizeof(struct chase_plan),
                                         .fields = fields,
                                         .count = sizeof fields / sizeof *fields,
                                         .counts = 1u << 2, /* lanes */
                                         .rules = any};

static size_t hot_bytes(const struct chase_plan *plan) {
    return plan->hot_bytes ? plan->hot_bytes : HOT_BYTES;
}

struct json_t *chase_plan_json(const struct chase_plan *plan) {
    json_t *record = plan_json(&chase_family, plan);
    json_object_set_new(record, "bytes", json_integer((json_int_t)plan->bytes));
    json_object_set_new(record, "stride", json_integer((json_int_t)plan->stride));
    if (plan->hot_lanes) {
        json_object_set_new(record, "hot lanes", json_integer(plan->hot_lanes));
        json_object_set_new(record, "hot bytes", json_integer((json_int_t)hot_bytes(plan)));
    }
    return record;
}

int chase_plan_check(const struct chase_plan *plan) {
    char why[PLAN_WHY];
    unsigned lanes = (unsigned)plan->lanes;
    if (plan_check(&chase_family, plan, why) != 0)
        return device_fail("%s", why);
    if (plan->hot_lanes >= lanes)
        return device_fail("%u hot lanes of %u: leave at least one cold; hot ones alone are a "
                           "chase of a small footprint",
                           plan->hot_lanes, lanes);
    if (plan->stride == 0 || plan->stride % CHASE_LINE || plan->stride > (size_t)1 << 32)
        return device_fail("a stride of %zu bytes: use a multiple of %u, at most 4 GiB",
                           plan->stride, CHASE_LINE);
    size_t places = plan->bytes / plan->stride;
    if (places < 2 * (lanes - plan->hot_lanes) || places >= CHASE_NOWHERE)
        return device_fail("%zu bytes hold %zu places of stride %zu: %u lanes need at least 2 each,"
                           " and all together fewer than 2^32",
                           plan->bytes, places, plan->stride, lanes - plan->hot_lanes);
    if (plan->hot_lanes && (hot_bytes(plan) / CHASE_LINE < 2 * plan->hot_lanes ||
                            hot_bytes(plan) / CHASE_LINE >= CHASE_NOWHERE))
        return device_fail("a hot set of %zu bytes: %u lanes need at least 2 lines each",
                           hot_bytes(plan), plan->hot_lanes);
    return 0;
}

unsigned chase_plan_regions(const struct chase_plan *plan, struct chase_region regions[2]) {
    uint32_t cold = (uint32_t)plan->lanes - plan->hot_lanes, hot = plan->hot_lanes;
    uint32_t places = (uint32_t)(plan->bytes / plan->stride);
    regions[0] = (struct chase_region){
        .step = plan->placing == CHASE_PACKED ? CHASE_LINE : plan->stride,
        .lines = plan->placing == CHASE_SPREAD ? (uint32_t)(plan->stride / CHASE_LINE) : 1,
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
    if (plan->laps || device_simulated(kind))
        return plan->laps ? plan->laps : 1;
    struct chase_region regions[2];
    chase_plan_regions(plan, regions);
    double lap = regions[0].places / regions[0].lanes * guess_hop(regions[0].places, kind);
    return lap >= 1e6 ? 1 : (unsigned)(1e6 / lap);
}
