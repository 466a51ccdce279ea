/*
 * paged_plan.c: what is done with a plan without running it: the table of its fields, which the
 * lists of paged.h make, and what is legal, of itself and for a step's shape.
 */
#include <stdio.h>
#include <string.h>

#include "kernels/paged_attention/paged_layout.h"

PAGED_PLAN_FIELDS(PLAN_VALUES)
#define PAGED_FIELD(name, values, what) PLAN_FIELD(paged_plan, name, what)
static const struct plan_field fields[PAGED_FIELDS] = {PAGED_PLAN_FIELDS(PAGED_FIELD)};

static int rules(const void *of, char *why) {
    const struct paged_plan *plan = of;
    if (plan->mapping == PAGED_SLAB) {
        if (plan->op == PAGED_WALK)
            PLAN_REFUSE("a walk reads the block table, and slabs have none: use table");
        if (plan->layout == PAGED_VLLM)
            PLAN_REFUSE("vllm is a layout of blocks: use table, or nhd or hnd with slab");
        if (plan->block != 1)
            PLAN_REFUSE("slabs have no blocks of %d tokens: they are named b1", plan->block);
    }
    return 0;
}

const struct plan_family paged_family = {
    .name = "a paged attention plan",
    .example = "attention.table.nhd.bf16.b16",
    .size = sizeof(struct paged_plan),
    .fields = fields,
    .count = PAGED_FIELDS,
    .counts = PAGED_FIELD_BIT(block) | PAGED_FIELD_BIT(head) | PAGED_FIELD_BIT(group) |
              PAGED_FIELD_BIT(splits),
    .rules = rules,
};

struct paged_plan paged_plan_default(void) {
    struct paged_plan plan = {.op = PAGED_ATTENTION,
                              .mapping = PAGED_TABLE,
                              .layout = PAGED_NHD,
                              .element = ELEMENT_BF16,
                              .block = 16,
                              .head = 128,
                              .group = 1,
                              .rule = PAGED_FIXED,
                              .splits = 1};
    return plan;
}

char *paged_plan_text(const struct paged_plan *plan, char *out) {
    return plan_text(&paged_family, plan, out);
}

int paged_plan_parse(const char *text, struct paged_plan *plan, char *why) {
    struct paged_plan parsed = paged_plan_default();
    unsigned named;
    if (plan_parse(&paged_family, text, &parsed, &named, why))
        return -1;
    /* "slab" alone should not fail because the default plan has blocks. */
    if (parsed.mapping == PAGED_SLAB && !(named & PAGED_FIELD_BIT(block)))
        parsed.block = 1;
    if (paged_plan_check(&parsed, why))
        return -1;
    *plan = parsed;
    return 0;
}

struct json_t *paged_plan_json(const struct paged_plan *plan) {
    return plan_json(&paged_family, plan);
}

int paged_plan_check(const struct paged_plan *plan, char *why) {
    return plan_check(&paged_family, plan, why);
}

/* --- for a shape -------------------------------------------------------------------------------
 */

/* Kernels count keys in 16-byte vectors and 32 bits. */
#define PAGED_CACHE_MOST ((size_t)64 << 30)

/* Of a slab's table only the lengths are read. */
static int check_lengths(const struct kv_table *table, char *why) {
    if (table->sequences < 1 || !table->tokens)
        PLAN_REFUSE("the table has no sequence");
    for (unsigned s = 0; s < table->sequences; s++)
        if (table->tokens[s] < 0)
            PLAN_REFUSE("sequence %u has %d tokens: lengths are 0 or more", s, table->tokens[s]);
    return 0;
}

int paged_check(const struct paged_plan *plan, const struct paged_shape *shape, bool may_share,
                char *why) {
    if (paged_plan_check(plan, why))
        return -1;
    if (shape->kv_heads < 1 || shape->kv_heads > 64)
        PLAN_REFUSE("%u KV heads: use 1 to 64", shape->kv_heads);
    const struct kv_table *table = shape->table;
    if (!table)
        PLAN_REFUSE("a shape needs a table, for the number of sequences and their lengths");
    if (plan->mapping == PAGED_SLAB) {
        if (check_lengths(table, why))
            return -1;
    } else {
        if (table->block_tokens != (unsigned)plan->block)
            PLAN_REFUSE("the table has blocks of %u tokens and the plan of %d: use b%u",
                        table->block_tokens, plan->block, table->block_tokens);
        if (kv_table_check(table, may_share, why))
            return -1;
    }
    size_t bytes = paged_cache_bytes(plan, shape);
    if (bytes > PAGED_CACHE_MOST)
        PLAN_REFUSE("%zu GiB of keys: kernels reach %zu; use a smaller pool or fewer heads",
                    bytes >> 30, PAGED_CACHE_MOST >> 30);
    return 0;
}
