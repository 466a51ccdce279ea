/*
 * atomics_plan.c: what is legal in a plan of atomics.h, and the sizes and counts that follow.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/atomics/atomics_inside.h"
#include "kernels/sum/binned.h"

_Static_assert(ATOMICS_BINS_F32 == BINNED_F32_TOP + 1, "one set of sums for each bin");
_Static_assert(ATOMICS_BINS_F64 == BINNED_F64_TOP + 1, "one set of sums for each bin");

ATOMICS_PLAN_FIELDS(PLAN_VALUES)
#define FIELD(name, values, what) PLAN_FIELD(atomics_plan, name, what)
static const struct plan_field fields[ATOMICS_FIELDS] = {ATOMICS_PLAN_FIELDS(FIELD)};

static int rules(const void *of, char *why);
static const struct plan_family family = {
    .name = "a plan of atomics",
    .example = "f32.block.plain.a1.i4.b256.g8",
    .size = sizeof(struct atomics_plan),
    .fields = fields,
    .count = ATOMICS_FIELDS,
    .counts = ATOMICS_FIELD_BIT(addresses) | ATOMICS_FIELD_BIT(items) | ATOMICS_FIELD_BIT(block),
    .rules = rules,
};

/* Update numbers are 32 bits wide, and orders of them too. */
#define UPDATES_MOST ((size_t)INT32_MAX)

struct atomics_plan atomics_plan_default(void) {
    struct atomics_plan plan = {.type = ATOMICS_F32,
                                .merge = ATOMICS_NONE,
                                .cure = ATOMICS_PLAIN,
                                .addresses = 1,
                                .items = 4,
                                .block = 256,
                                .grid = ATOMICS_GRID_TILES};
    return plan;
}

/* What does not depend on the number of elements. */
static int rules(const void *of, char *why) {
    const struct atomics_plan *plan = of;
    bool integers = plan->cure == ATOMICS_FIXED || plan->cure == ATOMICS_BINNED;
    if (integers && plan->type != ATOMICS_F32 && plan->type != ATOMICS_F64)
        PLAN_REFUSE("fixed point and binned sums are of f32 or f64; halves have the cures "
                    "ordered and ticket");
    if (plan->cure == ATOMICS_ORDERED && plan->merge == ATOMICS_NONE)
        PLAN_REFUSE("ordered partials of single elements would be the input again: merge "
                    "thread, warp or block first");
    if (plan->cure == ATOMICS_TICKET && plan->merge != ATOMICS_BLOCK)
        PLAN_REFUSE("a ticket orders blocks: it needs the merge 'block'");
    return 0;
}

int atomics_plan_check(const struct atomics_plan *plan, size_t n, char *why) {
    if (plan_check(&family, plan, why))
        return -1;
    if (!n)
        return 0;
    size_t tile = (size_t)plan->block * (size_t)plan->items;
    size_t tiles = n / tile + (n % tile != 0);
    if (plan->grid == ATOMICS_GRID_TILES && tiles > (size_t)INT32_MAX)
        PLAN_REFUSE("%zu inputs make %zu tiles, and a grid has at most %d blocks: use a fixed "
                    "grid",
                    n, tiles, INT32_MAX);
    if (atomics_updates(plan, n) > UPDATES_MOST)
        PLAN_REFUSE("%zu updates are more than the %zu that are numbered", atomics_updates(plan, n),
                    UPDATES_MOST);
    if (plan->cure == ATOMICS_BINNED && plan->type == ATOMICS_F64 &&
        atomics_updates_at(plan, n, 0) > BINNED_F64_FOLD)
        PLAN_REFUSE("%zu updates of one address are more than the %d that its 64-bit pieces "
                    "hold: merge more first, or use more addresses",
                    atomics_updates_at(plan, n, 0), BINNED_F64_FOLD);
    return 0;
}

/* --- as any plan -------------------------------------------------------------------------------
 */

char *atomics_plan_text(const struct atomics_plan *plan, char *out) {
    return plan_text(&family, plan, out);
}

int atomics_plan_parse(const char *text, struct atomics_plan *plan, char *why) {
    struct atomics_plan parsed = atomics_plan_default();
    unsigned named;
    if (plan_parse(&family, text, &parsed, &named, why) || atomics_plan_check(&parsed, 0, why))
        return -1;
    *plan = parsed;
    return 0;
}

struct json_t *atomics_plan_json(const struct atomics_plan *plan) {
    return plan_json(&family, plan);
}

int atomics_plans_all(unsigned mask, const struct atomics_plan *fixed, struct plan_list *list) {
    return plan_all(&family, mask, fixed, list);
}

/* --- arithmetic --------------------------------------------------------------------------------
 */

size_t atomics_type_bytes(enum atomics_type type) {
    return type == ATOMICS_F64 ? 8 : 4;
}

unsigned atomics_type_lanes(enum atomics_type type) {
    return type == ATOMICS_F16X2 || type == ATOMICS_BF16X2 ? 2 : 1;
}

enum element atomics_type_element(enum atomics_type type) {
    switch (type) {
    case ATOMICS_F64:
        return ELEMENT_F64;
    case ATOMICS_F16X2:
        return ELEMENT_F16;
    case ATOMICS_BF16X2:
        return ELEMENT_BF16;
    case ATOMICS_F32:
        break;
    }
    return ELEMENT_F32;
}

size_t atomics_grid(const struct atomics_plan *plan, size_t n) {
    size_t tile = (size_t)plan->block * (size_t)plan->items;
    size_t tiles = n / tile + (n % tile != 0);
    if (plan->grid != ATOMICS_GRID_TILES && tiles > (size_t)plan->grid)
        tiles = (size_t)plan->grid;
    return tiles;
}

size_t atomics_updates(const struct atomics_plan *plan, size_t n) {
    size_t blocks = atomics_grid(plan, n);
    switch (plan->merge) {
    case ATOMICS_NONE:
        return n;
    case ATOMICS_THREAD:
        return blocks * (size_t)plan->block;
    case ATOMICS_WARP:
        return blocks * (size_t)plan->block / 32;
    default:
        return blocks;
    }
}

size_t atomics_updates_at(const struct atomics_plan *plan, size_t n, size_t address) {
    size_t updates = atomics_updates(plan, n), step = (size_t)plan->addresses;
    return updates > address ? (updates - address - 1) / step + 1 : 0;
}

size_t atomics_cure_bytes(int cure, int type) {
    switch (cure) {
    case ATOMICS_FIXED:
        return sizeof(uint64_t) + sizeof(uint64_t); /* the sum, the status */
    case ATOMICS_TICKET:
        return sizeof(uint64_t); /* whose turn it is */
    case ATOMICS_BINNED:
        return sizeof(uint64_t) * (type == ATOMICS_F64 ? 1 + ATOMICS_BINS_F64 * ATOMICS_SUMS_F64
                                                       : 1 + ATOMICS_BINS_F32 * ATOMICS_SUMS_F32);
    default:
        return 0;
    }
}

size_t atomics_workspace_bytes(const struct atomics_plan *plan, size_t n) {
    size_t bytes = ATOMICS_WORKSPACE_HEAD;
    if (plan->cure == ATOMICS_LOGGED || plan->cure == ATOMICS_ORDERED)
        bytes += atomics_updates(plan, n) * atomics_type_bytes((enum atomics_type)plan->type);
    return bytes + (size_t)plan->addresses * atomics_cure_bytes(plan->cure, plan->type);
}

double atomics_bytes_moved(const struct atomics_plan *plan, size_t n) {
    double each = (double)atomics_type_bytes((enum atomics_type)plan->type);
    return (double)n * each + 2 * (double)atomics_updates(plan, n) * each;
}

/* --- fixed point -------------------------------------------------------------------------------
 */

/* ceil(log2 n) */
static int log2_up(size_t n) {
    int log = 0;
    while (log < 63 && (size_t)1 << log < n)
        log++;
    return log;
}

double atomics_fixed_limit(size_t n, int unit) {
    return ldexp(1.0, 62 - log2_up(n) + unit);
}

int atomics_fixed_unit(size_t n, double max_abs) {
    int unit = ATOMICS_UNIT_LEAST;
    if (max_abs > 0 && isfinite(max_abs)) {
        int exponent; /* max_abs <= 2^exponent */
        double m = frexp(max_abs, &exponent);
        if (m == 0.5)
            exponent--;
        unit = exponent - 62 + log2_up(n);
    }
    return unit < ATOMICS_UNIT_LEAST  ? ATOMICS_UNIT_LEAST
           : unit > ATOMICS_UNIT_MOST ? ATOMICS_UNIT_MOST
                                      : unit;
}
