/* decoder_plan.c: the plans' fields, and what the rule `heuristic` makes of a number of rows. */
#include <stdio.h>

#include "kernels/decoder/decoder.h"
#include "kernels/paged_attention/paged.h"

DECODER_PLAN_FIELDS(PLAN_VALUES)
#define FIELD(name, values, what) PLAN_FIELD(decoder_plan, name, what)
static const struct plan_field fields[DECODER_FIELDS] = {DECODER_PLAN_FIELDS(FIELD)};

static int rules(const void *of, char *why) {
    const struct decoder_plan *plan = of;
    if (plan->terms != DECODER_WHOLE && plan->rounding != DECODER_BF16) {
        if (why)
            snprintf(why, PLAN_WHY,
                     "blocks are summed first, and weights rounded, in bf16 only, where the "
                     "products are exact");
        return -1;
    }
    return 0;
}

const struct plan_family decoder_family = {
    .name = "a decoder plan",
    .example = "bf16.fixed.k2.l16.n1.s1",
    .size = sizeof(struct decoder_plan),
    .fields = fields,
    .count = DECODER_FIELDS,
    .counts = 1u << DECODER_FIELD_slices | 1u << DECODER_FIELD_lanes | 1u << DECODER_FIELD_norm |
              1u << DECODER_FIELD_splits,
    .rules = rules,
};

struct decoder_plan decoder_plan_default(void) {
    return (struct decoder_plan){.rounding = DECODER_BF16,
                                 .rule = DECODER_FIXED,
                                 .slices = 1,
                                 .lanes = 16,
                                 .norm = 1,
                                 .splits = 1};
}

char *decoder_plan_text(const struct decoder_plan *plan, char *out) {
    return plan_text(&decoder_family, plan, out);
}

int decoder_plan_parse(const char *text, struct decoder_plan *plan, char *why) {
    struct decoder_plan parsed = decoder_plan_default();
    unsigned named;
    if (plan_parse(&decoder_family, text, &parsed, &named, why) != 0)
        return -1;
    *plan = parsed;
    return 0;
}

struct json_t *decoder_plan_json(const struct decoder_plan *plan) {
    return plan_json(&decoder_family, plan);
}

enum { TILE_ROWS = 16, TILE_OUTPUTS = 64, TILE_INPUTS = 64, PROCESSORS = 132 };

static unsigned tiles(unsigned n, unsigned tile) {
    return (n + tile - 1) / tile;
}

struct decoder_staging decoder_staging(const struct decoder_plan *plan, unsigned rows,
                                       unsigned outputs, unsigned inputs, unsigned processors) {
    struct decoder_staging staging = {(unsigned)plan->slices, (unsigned)plan->lanes,
                                      (enum decoder_terms)plan->terms};
    if (plan->rule == DECODER_HEURISTIC) {
        staging.lanes = rows == 1 ? 32 : 16;
        staging.slices = paged_split_heuristic(
            tiles(rows, TILE_ROWS) * tiles(outputs, TILE_OUTPUTS),
            processors ? processors : PROCESSORS, tiles(inputs, TILE_INPUTS), staging.slices);
    }
    return staging;
}
