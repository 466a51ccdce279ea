/*
 * sum_plan.c: what is done with a plan without running it: the table of its fields, which the
 * lists of sum.h make, what is legal, and the sizes and counts that follow from it. No field is
 * named here but in the rules and in the arithmetic: text, record and sets of plans are those of
 * any plan (kernels/plan/plan.h).
 */
#include "kernels/sum/sum.h"

#include <stdio.h>

#include "kernels/sum/binned.h"
#include "kernels/sum/exact.h"

SUM_PLAN_FIELDS(PLAN_VALUES)
#define SUM_FIELD(name, values, what) PLAN_FIELD(sum_plan, name, what)
const struct plan_field sum_fields[SUM_FIELDS] = {SUM_PLAN_FIELDS(SUM_FIELD)};

static int rules(const void *of, char *why);
static const struct plan_family family = {
    .name = "a sum plan",
    .example = "f32.strided.v4.i8.b256.tiles.shfl-down",
    .size = sizeof(struct sum_plan),
    .fields = sum_fields,
    .count = SUM_FIELDS,
    .counts = SUM_FIELD_BIT(vector) | SUM_FIELD_BIT(items) | SUM_FIELD_BIT(block),
    .rules = rules,
};

/* Blocks' values that the kernel of one thread is allowed to walk: more takes seconds. */
#define SUM_THREAD_MOST ((size_t)1 << 24)
/* Static limit of dynamic shared memory that every device grants without being asked. */
#define SUM_SHARED_MOST ((size_t)48 << 10)
/* A grid's first dimension. */
#define SUM_GRID_MOST ((size_t)INT32_MAX)

struct sum_plan sum_plan_default(void) {
    struct sum_plan plan = {.type = ELEMENT_F32,
                            .acc = SUM_ACC32,
                            .method = SUM_PLAIN,
                            .input = SUM_OF_X,
                            .access = SUM_STRIDED,
                            .vector = 4,
                            .items = 8,
                            .block = 256,
                            .grid = SUM_GRID_TILES,
                            .warp = SUM_SHFL_DOWN,
                            .merge = SUM_WARP,
                            .final = SUM_BY_BLOCK};
    return plan;
}

/* --- what is legal -----------------------------------------------------------------------------
 */

/* What does not depend on the number of inputs. */
static int rules(const void *of, char *why) {
    const struct sum_plan *plan = of;
    if (plan->type == ELEMENT_F64 && plan->acc == SUM_ACC32)
        PLAN_REFUSE("f64 inputs do not fit an f32 accumulator: use acc64");
    if (plan->items % plan->vector)
        PLAN_REFUSE("%d items a thread are no whole number of %d-element loads: use v%d or less",
                    plan->items, plan->vector, plan->items);
    size_t shared = sum_shared_bytes(plan);
    if (shared > SUM_SHARED_MOST)
        PLAN_REFUSE("a block of %d threads with %zu-byte accumulators needs %zu bytes of shared "
                    "memory for this warp step, and has %zu: use a smaller block or a shuffle",
                    plan->block, sum_state_bytes(plan), shared, SUM_SHARED_MOST);
    return 0;
}

int sum_plan_check(const struct sum_plan *plan, size_t n, char *why) {
    if (plan_check(&family, plan, why))
        return -1;
    if (!n)
        return 0;
    size_t tile = (size_t)plan->block * (size_t)plan->items;
    size_t tiles = n / tile + (n % tile != 0);
    if (plan->grid == SUM_GRID_TILES && tiles > SUM_GRID_MOST)
        PLAN_REFUSE(
            "%zu inputs make %zu tiles, and a grid has at most %zu blocks: use a fixed grid", n,
            tiles, SUM_GRID_MOST);
    if (plan->final == SUM_BY_THREAD && sum_grid(plan, n) > SUM_THREAD_MOST)
        PLAN_REFUSE("%zu blocks' values are too many for one thread: at most %zu",
                    sum_grid(plan, n), SUM_THREAD_MOST);
    return 0;
}

/* --- as any plan -------------------------------------------------------------------------------
 */

int sum_plan_get(const struct sum_plan *plan, enum sum_field_id field) {
    return plan_get(&family, plan, field);
}

void sum_plan_set(struct sum_plan *plan, enum sum_field_id field, int value) {
    plan_set(&family, plan, field, value);
}

bool sum_plan_equal(const struct sum_plan *a, const struct sum_plan *b) {
    return plan_equal(&family, a, b);
}

char *sum_plan_text(const struct sum_plan *plan, char *out) {
    return plan_text(&family, plan, out);
}

int sum_plan_parse(const char *text, struct sum_plan *plan, char *why) {
    struct sum_plan parsed = sum_plan_default();
    unsigned named;
    if (plan_parse(&family, text, &parsed, &named, why))
        return -1;
    if (!(named & SUM_FIELD_BIT(acc)) && parsed.type == ELEMENT_F64)
        parsed.acc = SUM_ACC64;
    /* "i1" alone should not fail because the default plan's loads are four wide. */
    if (!(named & SUM_FIELD_BIT(vector)))
        while (parsed.items % parsed.vector)
            parsed.vector /= 2;
    if (sum_plan_check(&parsed, 0, why))
        return -1;
    *plan = parsed;
    return 0;
}

struct json_t *sum_plan_json(const struct sum_plan *plan) {
    return plan_json(&family, plan);
}

int sum_plans_all(const struct sum_choice *choice, struct sum_plan **plans, size_t *count) {
    struct plan_list list;
    if (plan_all(&family, choice->mask, &choice->fixed, &list))
        return -1;
    *plans = list.plans;
    *count = list.count;
    return 0;
}

int sum_plans_pairs(const struct sum_choice *choice, struct sum_plan **plans, size_t *count) {
    struct plan_list list;
    if (plan_pairs(&family, choice->mask, &choice->fixed, &list))
        return -1;
    *plans = list.plans;
    *count = list.count;
    return 0;
}

bool sum_plan_mutant(const struct sum_plan *plan, enum sum_field_id field,
                     struct sum_plan *mutant) {
    return plan_mutant(&family, plan, field, mutant);
}

/* --- arithmetic --------------------------------------------------------------------------------
 */

size_t sum_result_bytes(const struct sum_plan *plan) {
    return plan->acc == SUM_ACC64 ? 8 : 4;
}

size_t sum_state_bytes(const struct sum_plan *plan) {
    bool wide = plan->acc == SUM_ACC64;
    switch (plan->method) {
    case SUM_PLAIN:
        return sum_result_bytes(plan);
    case SUM_COMPENSATED:
        return 2 * sum_result_bytes(plan);
    case SUM_BINNED:
        return wide ? sizeof(struct binned_f64) : sizeof(struct binned_f32);
    default:
        return wide ? sizeof(struct exact_f64) : sizeof(struct exact_f32);
    }
}

size_t sum_grid(const struct sum_plan *plan, size_t n) {
    size_t tile = (size_t)plan->block * (size_t)plan->items;
    size_t tiles = n / tile + (n % tile != 0);
    if (plan->grid != SUM_GRID_TILES && tiles > (size_t)plan->grid)
        tiles = (size_t)plan->grid;
    return tiles;
}

size_t sum_launches(const struct sum_plan *plan, size_t n) {
    size_t blocks = sum_grid(plan, n);
    if (blocks <= 1 || plan->final == SUM_BY_LAST)
        return 1;
    size_t launches = 2;
    if (plan->final == SUM_BY_KERNEL)
        for (blocks = sum_grid(plan, blocks); blocks > 1; blocks = sum_grid(plan, blocks))
            launches++;
    return launches;
}

size_t sum_shared_bytes(const struct sum_plan *plan) {
    size_t slots = 32; /* one for each warp */
    if (plan->warp == SUM_SHARED_SEQ || plan->warp == SUM_SHARED_INTER)
        slots += (size_t)plan->block;
    return slots * sum_state_bytes(plan);
}

size_t sum_workspace_bytes(const struct sum_plan *plan, size_t n) {
    size_t blocks = sum_grid(plan, n);
    size_t states = blocks;
    if (plan->final == SUM_BY_KERNEL)
        states += sum_grid(plan, blocks);
    return SUM_WORKSPACE_HEAD + states * sum_state_bytes(plan);
}

double sum_bytes_moved(const struct sum_plan *plan, size_t n) {
    double bytes = (double)n * (double)element_bytes((enum element)plan->type);
    if (plan->input == SUM_OF_PRODUCTS)
        bytes *= 2;
    size_t blocks = sum_grid(plan, n);
    double states = 0;
    while (blocks > 1) {
        states += 2 * (double)blocks;
        blocks = plan->final == SUM_BY_KERNEL ? sum_grid(plan, blocks) : 1;
    }
    return bytes + states * (double)sum_state_bytes(plan) + (double)sum_result_bytes(plan);
}

double sum_flops(const struct sum_plan *plan, size_t n) {
    double adds = n ? (double)n - 1 : 0;
    double flops = plan->input == SUM_OF_PRODUCTS ? (double)n : 0;
    if (plan->method == SUM_COMPENSATED)
        return flops + 7 * adds; /* TwoSum's six and the one that adds the error */
    return flops + adds;
}

bool sum_same_bits(enum sum_acc acc, uint64_t a, uint64_t b) {
    uint64_t infinity = acc == SUM_ACC64 ? 0x7ff0000000000000u : 0x7f800000u;
    uint64_t sign = acc == SUM_ACC64 ? 0x8000000000000000u : 0x80000000u;
    bool nan_a = (a & ~sign) > infinity, nan_b = (b & ~sign) > infinity;
    return nan_a || nan_b ? nan_a && nan_b : a == b;
}
