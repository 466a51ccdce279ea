/*
 * exact_bytes.c: the bytes that a decode step loads, counted.
 *
 * The checked SIMT machine sees every load of the kernels' own source. What is left when queries,
 * table, lengths and output are taken away must be 2·B·L·H·D·s; with a prefix that sequences share,
 * the loads still add up to that, while the distinct bytes are fewer.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/simt/simt.h"
#include "labs/04-paged-kv-residency/map_side.h"

/* Each line changes one thing of the first one. */
static const struct bytes_shape {
    const char *plan;
    unsigned batch, tokens, heads;
    unsigned shared_blocks; /* that all sequences have in common */
} shapes[] = {
    {"table.nhd.f32.b16.d64.g1", 2, 96, 2, 0},  {"table.nhd.f32.b16.d64.g1", 4, 96, 2, 0},
    {"table.nhd.f32.b16.d64.g1", 2, 192, 2, 0}, {"table.nhd.f32.b16.d64.g1", 2, 97, 2, 0},
    {"table.nhd.f32.b16.d64.g1", 2, 96, 4, 0},  {"table.nhd.f32.b16.d128.g1", 2, 96, 2, 0},
    {"table.nhd.bf16.b16.d64.g1", 2, 96, 2, 0}, {"table.nhd.f16.b16.d64.g1", 2, 96, 2, 0},
    {"table.nhd.f32.b16.d64.g4", 2, 96, 2, 0},  {"table.nhd.f32.b16.d64.g8", 2, 96, 2, 0},
    {"table.hnd.f32.b16.d64.g1", 2, 96, 2, 0},  {"table.vllm.f32.b16.d64.g1", 2, 96, 2, 0},
    {"table.nhd.f32.b64.d64.g1", 2, 96, 2, 0},  {"slab.nhd.f32.b1.d64.g1", 2, 96, 2, 0},
    {"table.nhd.f32.b16.d64.g1", 2, 96, 2, 3},  {"table.nhd.bf16.b16.d64.g4", 4, 96, 2, 5},
};

static int bytes_table(struct kv_table *table, const struct bytes_shape *shape,
                       unsigned block_tokens, uint64_t seed) {
    int32_t tokens[4];
    for (unsigned s = 0; s < shape->batch; s++)
        tokens[s] = (int32_t)shape->tokens;
    if (small_table(table, shape->batch, tokens, block_tokens, KV_MAP_PERMUTED, seed) != 0)
        return -1;
    for (unsigned s = 1; s < shape->batch; s++)
        for (unsigned b = 0; b < shape->shared_blocks; b++)
            table->ids[(size_t)s * table->row_blocks + b] = table->ids[b];
    return 0;
}

static int count_one(struct lab_case *c, struct trial *t) {
    struct simt_counts counts;
    if (trial_run(t, true) != 0)
        return -1;
    simt_last_counts(&counts);
    if (!counts.checked)
        return device_fail("the last launch was not one of the checked build; no loads counted");
    /* paged_other_bytes is loads and stores; all that a step stores is among them. */
    double other = paged_other_bytes(&t->plan, &t->shape) - (double)counts.stored;
    case_counter(c, "loaded", (double)counts.loaded);
    case_counter(c, "loaded distinct", (double)counts.loaded_unique);
    case_counter(c, "stored", (double)counts.stored);
    case_counter(c, "loaded of other things", other);
    case_counter(c, "kv loaded", (double)counts.loaded - other);
    case_counter(c, "kv formula", paged_kv_bytes(&t->plan, &t->shape));
    case_counter(c, "kv distinct", paged_unique_bytes(&t->plan, &t->shape));
    return 0;
}

static int bytes_one(struct lab_run *run, struct device *device, const struct bytes_shape *shape) {
    char why[PLAN_WHY], text[PLAN_TEXT];
    struct paged_plan plan = paged_plan_default();
    if (paged_plan_parse(shape->plan, &plan, why) != 0)
        return lab_error(run, "plan %s: %s", shape->plan, why);
    struct lab_case *c = lab_case_begin(run, device_id(device),
                                        "04/bytes/plan=%s/batch=%u/tokens=%u/heads=%u/shared=%u",
                                        paged_plan_text(&plan, text), shape->batch, shape->tokens,
                                        shape->heads, shape->shared_blocks);
    if (!c)
        return 0;
    struct kv_table table = {0};
    struct trial trial = {0};
    int status = bytes_table(&table, shape, (unsigned)plan.block, lab_seed(run));
    if (status == 0) {
        struct paged_shape step = {.kv_heads = shape->heads, .table = &table};
        status = trial_open(&trial, device, &plan, &step, lab_seed(run));
    }
    if (status == 0) {
        case_plan(c, paged_plan_json(&plan));
        case_param_text(c, "plan", text);
        case_param_int(c, "batch", shape->batch);
        case_param_int(c, "tokens", shape->tokens);
        case_param_int(c, "heads", shape->heads);
        case_param_int(c, "channels", plan.head);
        case_param_int(c, "element bytes", plan.element == PAGED_F32 ? 4 : 2);
        case_param_int(c, "group", plan.group);
        case_param_int(c, "shared blocks", shape->shared_blocks);
        status = count_one(c, &trial);
    }
    return trial_end(run, device, c, &trial, &table, text, status);
}

int sweep_bytes(struct lab_run *run, struct device *device) {
    const size_t count = sizeof shapes / sizeof *shapes;
    lab_expect(run, count);
    for (size_t k = 0; k < count && !lab_stopping(run); k++)
        if (bytes_one(run, device, &shapes[k]) != 0)
            return -1;
    return 0;
}
