/*
 * exact.c: what residency may not change.
 *
 * Every pair of plan fields on a batch of ragged lengths: the device's bits against the predicted
 * ones, every output inside the float64 bound, and the same bits again when the NaNs in everything
 * the table does not name become other numbers. Then the same content through other maps, layouts
 * and block sizes: one hash. The number of splits, which may change the bits: exact_batch.c. The
 * bytes: exact_bytes.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs/04-paged-kv-residency/map_side.h"

/* Nothing, one token, and both sides of a tile's and of a block's edge. */
static const int32_t ragged[] = {130, 0, 1, 63, 64, 65};
#define RAGGED (sizeof ragged / sizeof *ragged)
#define RAGGED_HEADS 2

/* --- predicted bits ----------------------------------------------------------------------------
 */

static int compare(struct lab_case *c, struct trial *t) {
    size_t inside = 0, equal = 0;
    if (trial_predict(t) != 0 /* before anything runs */ || trial_run(t, false) != 0 ||
        trial_inside(t, &inside) != 0)
        return -1;
    uint64_t measured = hash_floats(t->out, t->outputs);
    uint64_t predicted = hash_floats(t->expected, t->outputs);
    for (size_t k = 0; k < t->outputs; k++)
        equal += memcmp(&t->out[k], &t->expected[k], sizeof *t->out) == 0;
    case_series_bits(c, "measured", 64, &measured, 1);
    case_series_bits(c, "predicted", 64, &predicted, 1);
    case_counter(c, "outputs", (double)t->outputs);
    case_counter(c, "equal", (double)equal);
    case_counter(c, "inside", (double)inside);
    case_counter(c, "poisoned", (double)trial_other_poison(t));
    if (trial_run(t, false) != 0)
        return -1;
    uint64_t again = hash_floats(t->out, t->outputs);
    case_series_bits(c, "other poison", 64, &again, 1);
    return 0;
}

static int predict_one(struct lab_run *run, struct device *device, const struct paged_plan *plan,
                       enum kv_map map) {
    char text[PLAN_TEXT];
    struct lab_case *c = lab_case_begin(run, device_id(device), "04/bits/plan=%s/map=%s",
                                        paged_plan_text(plan, text), kv_map_name(map));
    if (!c)
        return 0;
    struct kv_table table = {0};
    struct trial trial = {0};
    int status = small_table(&table, RAGGED, ragged, (unsigned)plan->block, map, lab_seed(run) + 1);
    if (status == 0) {
        struct paged_shape shape = {.kv_heads = RAGGED_HEADS, .table = &table};
        status = trial_open(&trial, device, plan, &shape, lab_seed(run));
    }
    if (status == 0) {
        case_plan(c, paged_plan_json(plan));
        case_param_text(c, "plan", text);
        case_param_text(c, "map", kv_map_name(map));
        case_param_int(c, "sequences", RAGGED);
        case_param_int(c, "kv heads", RAGGED_HEADS);
        status = compare(c, &trial);
    }
    return trial_end(run, device, c, &trial, &table, text, status);
}

static int sweep_pairs(struct lab_run *run, struct device *device) {
    struct paged_plan fixed = paged_plan_default();
    struct plan_list list = {0};
    int status = 0;
    if ((lab_mode(run) == LAB_FULL ? plan_all : plan_pairs)(&paged_family, PAGED_FIELD_BIT(op),
                                                            &fixed, &list) != 0)
        return lab_error(run, "out of memory for the list of plans");
    const struct paged_plan *plans = list.plans;
    lab_expect(run, list.count);
    for (size_t k = 0; k < list.count && status == 0 && !lab_stopping(run); k++)
        status = predict_one(run, device, &plans[k], (enum kv_map)(k % KV_MAP_COUNT));
    free(list.plans);
    return status;
}

/* --- one content, many ways to hold it ---------------------------------------------------------
 */

#define SAME_SEQUENCES 3
#define SAME_TOKENS 150 /* two tiles and a part; no block size divides it */
#define SAME_HEADS 2
#define CHURNED (-1) /* in place of a map: the table that an aged allocator gives */

struct way {
    enum paged_mapping mapping;
    enum paged_layout layout;
    int block;
    int map;
    enum kv_policy policy; /* of a churned table */
};
static const struct way ways[] = {
    {PAGED_TABLE, PAGED_NHD, 16, KV_MAP_IDENTITY, 0},
    {PAGED_TABLE, PAGED_NHD, 16, KV_MAP_REVERSED, 0},
    {PAGED_TABLE, PAGED_NHD, 16, KV_MAP_WITHIN, 0},
    {PAGED_TABLE, PAGED_NHD, 16, KV_MAP_PERMUTED, 0},
    {PAGED_TABLE, PAGED_NHD, 16, KV_MAP_CLUSTERED, 0},
    {PAGED_TABLE, PAGED_NHD, 16, KV_MAP_SPREAD, 0},
    {PAGED_TABLE, PAGED_NHD, 16, CHURNED, KV_FIFO},
    {PAGED_TABLE, PAGED_NHD, 16, CHURNED, KV_LIFO},
    {PAGED_TABLE, PAGED_NHD, 16, CHURNED, KV_ADDRESS},
    {PAGED_TABLE, PAGED_NHD, 16, CHURNED, KV_BUDDY},
    {PAGED_TABLE, PAGED_HND, 16, KV_MAP_PERMUTED, 0},
    {PAGED_TABLE, PAGED_VLLM, 16, KV_MAP_PERMUTED, 0},
    {PAGED_TABLE, PAGED_NHD, 1, KV_MAP_PERMUTED, 0},
    {PAGED_TABLE, PAGED_HND, 2, KV_MAP_PERMUTED, 0},
    {PAGED_TABLE, PAGED_NHD, 4, KV_MAP_PERMUTED, 0},
    {PAGED_TABLE, PAGED_VLLM, 8, KV_MAP_REVERSED, 0},
    {PAGED_TABLE, PAGED_NHD, 32, KV_MAP_PERMUTED, 0},
    {PAGED_TABLE, PAGED_NHD, 64, KV_MAP_PERMUTED, 0},
    {PAGED_TABLE, PAGED_HND, 128, KV_MAP_REVERSED, 0},
    {PAGED_TABLE, PAGED_NHD, 256, KV_MAP_PERMUTED, 0},
    {PAGED_SLAB, PAGED_NHD, 1, KV_MAP_IDENTITY, 0},
    {PAGED_SLAB, PAGED_HND, 1, KV_MAP_IDENTITY, 0},
};

/* What decides the bits. */
static const char *const values[] = {"f32.d64.g1.fixed.s1", "bf16.d128.g4.fixed.s4"};

static int churned_table(struct kv_table *table, enum kv_policy policy, unsigned block_tokens,
                         uint64_t seed) {
    enum { POOL = 256, STEPS = 2000 };
    char why[KV_WHY] = "out of memory";
    struct kv_churn_options options = kv_churn_default(POOL, block_tokens, seed);
    struct kv_churn *churn = NULL;
    options.policy = policy;
    int status = kv_churn_open(&churn, &options);
    if (status == 0)
        status = kv_churn_run(churn, STEPS, why);
    if (status == 0)
        status = kv_churn_table(churn, SAME_SEQUENCES, SAME_TOKENS / 2, SAME_TOKENS, POOL / 4,
                                table, why);
    kv_churn_close(churn);
    return status ? device_fail("%s: %s", kv_policy_name(policy), why) : 0;
}

static int way_table(struct kv_table *table, const struct way *way, uint64_t seed) {
    static const int32_t tokens[SAME_SEQUENCES] = {SAME_TOKENS, SAME_TOKENS, SAME_TOKENS};
    return way->map == CHURNED ? churned_table(table, way->policy, (unsigned)way->block, seed)
                               : small_table(table, SAME_SEQUENCES, tokens, (unsigned)way->block,
                                             (enum kv_map)way->map, seed);
}

static int hold_content(struct lab_case *c, struct trial *t) {
    if (trial_predict(t) != 0 || trial_run(t, false) != 0)
        return -1;
    uint64_t measured = hash_floats(t->out, t->outputs);
    uint64_t predicted = hash_floats(t->expected, t->outputs);
    case_series_bits(c, "measured", 64, &measured, 1);
    case_series_bits(c, "predicted", 64, &predicted, 1);
    return 0;
}

static int same_one(struct lab_run *run, struct device *device, const char *value,
                    const struct way *way) {
    char why[PLAN_WHY], text[PLAN_TEXT], map[40];
    struct paged_plan plan = paged_plan_default();
    if (paged_plan_parse(value, &plan, why) != 0)
        return lab_error(run, "plan %s: %s", value, why);
    plan.mapping = way->mapping;
    plan.layout = way->layout;
    plan.block = way->block;
    if (way->map == CHURNED)
        snprintf(map, sizeof map, "churned-%s", kv_policy_name(way->policy));
    else
        snprintf(map, sizeof map, "%s", kv_map_name((enum kv_map)way->map));
    struct lab_case *c = lab_case_begin(run, device_id(device), "04/same/plan=%s/map=%s",
                                        paged_plan_text(&plan, text), map);
    if (!c)
        return 0;
    struct kv_table table = {0};
    struct trial trial = {0};
    int status = way_table(&table, way, lab_seed(run) + 2);
    if (status == 0) {
        struct paged_shape shape = {.kv_heads = SAME_HEADS, .table = &table};
        status = trial_open(&trial, device, &plan, &shape, lab_seed(run));
    }
    if (status == 0) {
        case_plan(c, paged_plan_json(&plan));
        case_param_text(c, "plan", text);
        case_param_text(c, "values", value);
        case_param_text(c, "map", map);
        case_param_text(c, "layout",
                        way->layout == PAGED_NHD   ? "nhd"
                        : way->layout == PAGED_HND ? "hnd"
                                                   : "vllm");
        case_param_int(c, "block", way->mapping == PAGED_SLAB ? SAME_TOKENS : way->block);
        status = hold_content(c, &trial);
    }
    return trial_end(run, device, c, &trial, &table, text, status);
}

int sweep_exact(struct lab_run *run, struct device *device) {
    const size_t way_count = sizeof ways / sizeof *ways;
    const size_t value_count = sizeof values / sizeof *values;
    if (lab_predict(run) && predict_batch(run, device) != 0)
        return -1;
    if (sweep_pairs(run, device) != 0)
        return -1;
    lab_expect(run, way_count * value_count);
    for (size_t k = 0; k < way_count * value_count && !lab_stopping(run); k++)
        if (same_one(run, device, values[k / way_count], &ways[k % way_count]) != 0)
            return -1;
    if (sweep_batch(run, device) != 0 || sweep_refusals(run, device) != 0)
        return -1;
    return device_kind(device) == DEVICE_SIMT ? sweep_bytes(run, device) : 0;
}
