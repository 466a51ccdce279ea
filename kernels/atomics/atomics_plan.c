/*
 * atomics_plan.c: what is legal in a plan of atomics.h, and the sizes and counts that follow.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/atomics/atomics_fields.h"
#include "kernels/sum/binned.h"

_Static_assert(ATOMICS_BINS_F32 == BINNED_F32_TOP + 1, "one set of sums for each bin");
_Static_assert(ATOMICS_BINS_F64 == BINNED_F64_TOP + 1, "one set of sums for each bin");

ATOMICS_PLAN_FIELDS(ATOMICS_VALUES)
#define FIELD(name, values, what) ATOMICS_FIELD_OF(atomics_plan, name, what)
const struct atomics_field atomics_fields[ATOMICS_FIELDS] = {ATOMICS_PLAN_FIELDS(FIELD)};

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

char *atomics_plan_text(const struct atomics_plan *plan, char *out) {
    return atomics_fields_text(atomics_fields, ATOMICS_FIELDS, plan, out);
}

int atomics_plan_parse(const char *text, struct atomics_plan *plan, char *why) {
    struct atomics_plan parsed = atomics_plan_default();
    if (atomics_fields_parse(atomics_fields, ATOMICS_FIELDS, text, &parsed,
                             "f32.block.plain.a1.i4.b256.g8", why) ||
        atomics_plan_check(&parsed, 0, why))
        return -1;
    *plan = parsed;
    return 0;
}

struct json_t *atomics_plan_json(const struct atomics_plan *plan) {
    return atomics_fields_json(atomics_fields, ATOMICS_FIELDS, plan);
}

int atomics_plan_check(const struct atomics_plan *plan, size_t n, char *why) {
    if (atomics_fields_check(atomics_fields, ATOMICS_FIELDS, plan, why))
        return -1;
    bool integers = plan->cure == ATOMICS_FIXED || plan->cure == ATOMICS_BINNED;
    if (integers && plan->type != ATOMICS_F32 && plan->type != ATOMICS_F64)
        ATOMICS_REFUSE("fixed point and binned sums are of f32 or f64; halves have the cures "
                       "ordered and ticket");
    if (plan->cure == ATOMICS_ORDERED && plan->merge == ATOMICS_NONE)
        ATOMICS_REFUSE("ordered partials of single elements would be the input again: merge "
                       "thread, warp or block first");
    if (plan->cure == ATOMICS_TICKET && plan->merge != ATOMICS_BLOCK)
        ATOMICS_REFUSE("a ticket orders blocks: it needs the merge 'block'");
    if (!n)
        return 0;
    size_t tile = (size_t)plan->block * (size_t)plan->items;
    size_t tiles = n / tile + (n % tile != 0);
    if (plan->grid == ATOMICS_GRID_TILES && tiles > (size_t)INT32_MAX)
        ATOMICS_REFUSE("%zu inputs make %zu tiles, and a grid has at most %d blocks: use a fixed "
                       "grid",
                       n, tiles, INT32_MAX);
    if (atomics_updates(plan, n) > UPDATES_MOST)
        ATOMICS_REFUSE("%zu updates are more than the %zu that are numbered",
                       atomics_updates(plan, n), UPDATES_MOST);
    if (plan->cure == ATOMICS_BINNED && plan->type == ATOMICS_F64 &&
        atomics_updates_at(plan, n, 0) > BINNED_F64_FOLD)
        ATOMICS_REFUSE("%zu updates of one address are more than the %d that its 64-bit pieces "
                       "hold: merge more first, or use more addresses",
                       atomics_updates_at(plan, n, 0), BINNED_F64_FOLD);
    return 0;
}

/* --- many plans --------------------------------------------------------------------------------
 */

struct plan_list {
    struct atomics_plan *plans;
    size_t count, room;
};

static int add_all(const struct atomics_choice *choice, struct atomics_plan *plan, size_t field,
                   struct plan_list *list) {
    if (field < ATOMICS_FIELDS) {
        const struct atomics_field *info = &atomics_fields[field];
        if (choice->mask & 1u << field)
            return add_all(choice, plan, field + 1, list);
        for (size_t k = 0; k < info->count; k++) {
            atomics_field_set(info, plan, info->values[k].value);
            if (add_all(choice, plan, field + 1, list))
                return -1;
        }
        return 0;
    }
    if (atomics_plan_check(plan, 0, NULL))
        return 0;
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        struct atomics_plan *grown = realloc(list->plans, room * sizeof *grown);
        if (!grown)
            return -1;
        list->plans = grown;
        list->room = room;
    }
    list->plans[list->count++] = *plan;
    return 0;
}

int atomics_plans_all(const struct atomics_choice *choice, struct atomics_plan **plans,
                      size_t *count) {
    struct plan_list list = {0};
    struct atomics_plan plan = choice->fixed;
    if (add_all(choice, &plan, 0, &list)) {
        free(list.plans);
        return -1;
    }
    *plans = list.plans;
    *count = list.count;
    return 0;
}

/* --- arithmetic --------------------------------------------------------------------------------
 */

size_t atomics_type_bytes(enum atomics_type type) {
    return type == ATOMICS_F64 ? 8 : 4;
}

unsigned atomics_type_lanes(enum atomics_type type) {
    return type == ATOMICS_F16X2 || type == ATOMICS_BF16X2 ? 2 : 1;
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
