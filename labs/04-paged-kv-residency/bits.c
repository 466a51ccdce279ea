/*
 * bits.c, K9: what residency may not change.
 *
 * Every pair of plan fields on a batch of ragged lengths: the device's bits against the predicted
 * ones, every output inside the float64 bound, and the same bits again when the NaNs in everything
 * the table does not name become other numbers. Then the same content through other maps, layouts
 * and block sizes: one hash. Then request 0 in a growing batch: with a fixed number of splits it
 * has one result whoever else is there; with the heuristic the batch decides how its tokens are
 * split, and so in which order they are added up. And tables that must not reach a kernel.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs/04-paged-kv-residency/residency.h"

/* --- a step to the bit -------------------------------------------------------------------------
 */

/* One attention step: its table, its content, its outputs and those predicted. */
struct exact {
    struct kv_table table;
    struct paged_memory memory;
    struct job job;
    size_t outputs;
    float *out, *expected;
};

/* Takes the table over. 0, or -1 with device_error(); exact_close either way. */
static int exact_open(struct exact *e, struct lab_run *run, struct device *device,
                      const struct paged_plan *plan, unsigned kv_heads, unsigned processors) {
    struct paged_step step = paged_step_of(plan, kv_heads, &e->table);
    step.processors = processors;
    step.seed = lab_seed(run);
    if (paged_memory_of_step(&e->memory, device, &step, PAGES_ANY, step.seed) != 0 ||
        paged_job_open(&e->job, &e->memory, &step) != 0)
        return -1;
    e->outputs = paged_job_outputs(&e->job);
    e->out = malloc(e->outputs * sizeof *e->out);
    e->expected = malloc(e->outputs * sizeof *e->expected);
    return e->out && e->expected ? 0 : device_fail("out of memory for %zu outputs", e->outputs);
}

static void exact_close(struct exact *e) {
    job_close(&e->job);
    paged_memory_close(&e->memory);
    kv_table_close(&e->table);
    free(e->out);
    free(e->expected);
}

/* The prediction comes before anything runs. */
static int exact_run(struct exact *e) {
    return paged_job_model(&e->job, e->expected) == 0 ? paged_job_run(&e->job, e->out) : -1;
}

static uint64_t hash(const float *x, size_t n) {
    return paged_hash(x, n * sizeof *x);
}

/* The row of a case: hashes of the first `n` outputs. */
static void cell_hashes(struct lab_case *c, const struct exact *e, size_t n) {
    case_row(c);
    case_cell_bits(c, "measured", 64, hash(e->out, n));
    case_cell_bits(c, "predicted", 64, hash(e->expected, n));
}

/* Ends the case, or drops it where status is not 0. */
static int end(struct lab_run *run, struct device *device, struct lab_case *c, struct exact *e,
               const char *what, int status) {
    exact_close(e);
    if (status == 0)
        return lab_case_end(c);
    lab_case_drop(c);
    return lab_error(run, "%s on %s: %s", what, device_id(device), device_error());
}

/* --- pairs of plan fields ----------------------------------------------------------------------
 */

/* Nothing, one token, and both sides of a tile's and of a block's edge. */
static const int32_t ragged[] = {130, 0, 1, 63, 64, 65};
#define RAGGED (sizeof ragged / sizeof *ragged)
#define HEADS 2

static int compare(struct lab_case *c, struct exact *e) {
    size_t inside = 0, equal = 0, poisoned = 0;
    if (exact_run(e) != 0 || paged_job_inside(&e->job, e->out, &inside) != 0)
        return -1;
    for (size_t k = 0; k < e->outputs; k++)
        equal += memcmp(&e->out[k], &e->expected[k], sizeof *e->out) == 0;
    cell_hashes(c, e, e->outputs);
    if (paged_memory_repoison(&e->memory, &poisoned) != 0 || paged_job_run(&e->job, e->out) != 0)
        return -1;
    case_cell_bits(c, "other poison", 64, hash(e->out, e->outputs));
    case_counter(c, "outputs", (double)e->outputs);
    case_counter(c, "equal", (double)equal);
    case_counter(c, "inside", (double)inside);
    case_counter(c, "poisoned", (double)poisoned);
    return 0;
}

static int predict_one(struct lab_run *run, struct device *device, const struct paged_plan *plan,
                       enum kv_map map) {
    char text[PLAN_TEXT];
    struct exact e = {0};
    struct lab_case *c = lab_case_begin(run, device_id(device), "04/bits/plan=%s/map=%s",
                                        paged_plan_text(plan, text), kv_map_name(map));
    if (!c)
        return 0;
    case_plan(c, paged_plan_json(plan));
    case_param_text(c, "plan", text);
    case_param_text(c, "map", kv_map_name(map));
    case_param_int(c, "sequences", RAGGED);
    case_param_int(c, "kv heads", HEADS);
    int status = map_small(&e.table, RAGGED, ragged, (unsigned)plan->block, map, lab_seed(run) + 1);
    if (status == 0)
        status = exact_open(&e, run, device, plan, HEADS, 0);
    if (status == 0)
        status = compare(c, &e);
    return end(run, device, c, &e, text, status);
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
#define CHURNED (-1)    /* in place of a map: the table that an aged allocator gives */

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

static int way_table(struct kv_table *table, const struct way *way, uint64_t seed) {
    enum { POOL = 256 };
    static const int32_t tokens[SAME_SEQUENCES] = {SAME_TOKENS, SAME_TOKENS, SAME_TOKENS};
    if (way->map != CHURNED)
        return map_small(table, SAME_SEQUENCES, tokens, (unsigned)way->block, (enum kv_map)way->map,
                         seed);
    struct aged_map aged = {.workload = kv_churn_default(POOL, (unsigned)way->block, seed),
                            .steps = 2000,
                            .sequences = SAME_SEQUENCES,
                            .prompt = SAME_TOKENS / 2,
                            .tokens = SAME_TOKENS,
                            .free_blocks = POOL / 4};
    aged.workload.policy = way->policy;
    return map_aged(table, &aged);
}

static int same_one(struct lab_run *run, struct device *device, const char *value,
                    const struct way *way) {
    char why[PLAN_WHY], text[PLAN_TEXT], map[40];
    struct exact e = {0};
    struct paged_plan plan = paged_plan_default();
    if (paged_plan_parse(value, &plan, why) != 0)
        return lab_error(run, "plan %s: %s", value, why);
    plan.mapping = way->mapping;
    plan.layout = way->layout;
    plan.block = way->block;
    snprintf(map, sizeof map, "%s%s", way->map == CHURNED ? "churned-" : "",
             way->map == CHURNED ? kv_policy_name(way->policy)
                                 : kv_map_name((enum kv_map)way->map));
    struct lab_case *c = lab_case_begin(run, device_id(device), "04/same/plan=%s/map=%s",
                                        paged_plan_text(&plan, text), map);
    if (!c)
        return 0;
    case_plan(c, paged_plan_json(&plan));
    case_param_text(c, "plan", text);
    case_param_text(c, "values", value);
    case_param_text(c, "map", map);
    case_param_text(c, "layout", plan_word(&paged_family, &plan, PAGED_FIELD_layout));
    case_param_int(c, "block", way->mapping == PAGED_SLAB ? SAME_TOKENS : way->block);
    int status = way_table(&e.table, way, lab_seed(run) + 2);
    if (status == 0)
        status = exact_open(&e, run, device, &plan, HEADS, 0);
    if (status == 0)
        status = exact_run(&e);
    if (status == 0)
        cell_hashes(c, &e, e.outputs);
    return end(run, device, c, &e, text, status);
}

static int sweep_same(struct lab_run *run, struct device *device) {
    const size_t n = sizeof ways / sizeof *ways, all = n * sizeof values / sizeof *values;
    lab_expect(run, all);
    for (size_t k = 0; k < all && !lab_stopping(run); k++)
        if (same_one(run, device, values[k / n], &ways[k % n]) != 0)
            return -1;
    return 0;
}

/* --- request 0 in a growing batch --------------------------------------------------------------
 */

/* Request 0 is long, the others are short: the work of a step stays small, and the splits are
 * chosen by the longest sequence and the number of sequences, whatever the lengths of the rest. */
#define LONG_TOKENS 640 /* ten tiles: the heuristic starts above four */
#define SHORT_TOKENS 3
#define BATCH_HEADS 4
#define PROCESSORS 132 /* as an H100 or H200 has, on every device, so that devices compare */
#define BATCH_MOST 64

static const char *const rules[] = {"fixed.s4", "heuristic.s32"};

/* 0, or -1 with device_error(); exact_close either way. */
static int batch_open(struct exact *e, struct lab_run *run, struct device *device, const char *rule,
                      unsigned batch) {
    char why[PLAN_WHY];
    int32_t tokens[BATCH_MOST] = {LONG_TOKENS};
    struct paged_plan plan = paged_plan_default();
    *e = (struct exact){0};
    if (paged_plan_parse(rule, &plan, why) != 0)
        return device_fail("plan %s: %s", rule, why);
    for (unsigned s = 1; s < batch; s++)
        tokens[s] = SHORT_TOKENS;
    if (map_small(&e->table, batch, tokens, (unsigned)plan.block, KV_MAP_PERMUTED,
                  lab_seed(run) + batch) != 0)
        return -1;
    return exact_open(e, run, device, &plan, BATCH_HEADS, PROCESSORS);
}

static int batch_one(struct lab_run *run, struct device *device, const char *rule, unsigned batch) {
    char why[PLAN_WHY], text[PLAN_TEXT];
    struct exact e;
    struct paged_plan plan = paged_plan_default();
    if (paged_plan_parse(rule, &plan, why) != 0)
        return lab_error(run, "plan %s: %s", rule, why);
    struct lab_case *c = lab_case_begin(run, device_id(device), "04/batch/plan=%s/batch=%u",
                                        paged_plan_text(&plan, text), batch);
    if (!c)
        return 0;
    case_plan(c, paged_plan_json(&plan));
    case_param_text(c, "plan", text);
    case_param_text(c, "rule", plan_word(&paged_family, &plan, PAGED_FIELD_rule));
    case_param_int(c, "batch", batch);
    case_param_int(c, "processors", PROCESSORS);
    int status = batch_open(&e, run, device, rule, batch);
    if (status == 0)
        status = exact_run(&e);
    if (status == 0) {
        cell_hashes(c, &e, e.outputs / batch);
        case_counter(c, "splits taken", paged_job_splits(&e.job));
    }
    return end(run, device, c, &e, text, status);
}

static int sweep_batch(struct lab_run *run, struct device *device) {
    lab_expect(run, 14);
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++)
        for (unsigned batch = 1; batch <= BATCH_MOST && !lab_stopping(run); batch *= 2)
            if (batch_one(run, device, rules[r], batch) != 0)
                return -1;
    return 0;
}

static int predict_batch(struct lab_run *run, struct device *device, const char *rule,
                         unsigned batch) {
    struct exact e;
    int status = batch_open(&e, run, device, rule, batch);
    if (status == 0)
        status = paged_job_model(&e.job, e.expected);
    if (status == 0)
        lab_note(run, "%016llx: batch %2u, tokens in %2u splits, %s",
                 (unsigned long long)hash(e.expected, e.outputs / batch), batch,
                 paged_job_splits(&e.job), rule);
    exact_close(&e);
    return status ? lab_error(run, "request 0 in a batch of %u: %s", batch, device_error()) : 0;
}

int predict_bits(struct lab_run *run) {
    for (size_t d = 0; d < lab_bits_devices(run); d++) {
        struct device *device = lab_bits_device(run, d);
        lab_note(run,
                 "predicted for %s, before anything has run: the hash of request 0's output in a "
                 "growing batch",
                 device_id(device));
        for (size_t r = 0; r < sizeof rules / sizeof *rules; r++)
            for (unsigned batch = 1; batch <= BATCH_MOST; batch *= 2)
                if (predict_batch(run, device, rules[r], batch) != 0)
                    return -1;
    }
    return 0;
}

/* --- tables that must not reach a kernel -------------------------------------------------------
 */

static void id_out_of_range(struct kv_table *t) {
    t->ids[1] = (int32_t)t->pool_blocks;
}
static void id_far_out_of_range(struct kv_table *t) {
    t->ids[1] = INT32_MAX;
}
static void id_negative(struct kv_table *t) {
    t->ids[1] = -2;
}
static void id_missing(struct kv_table *t) {
    t->ids[1] = KV_NO_BLOCK;
}
static void id_aliased(struct kv_table *t) {
    t->ids[t->row_blocks] = t->ids[1];
}
static void id_aliased_in_a_row(struct kv_table *t) {
    t->ids[2] = t->ids[0];
}
static void id_left_over(struct kv_table *t) {
    t->ids[(size_t)t->sequences * t->row_blocks - 1] = t->ids[0];
}
static void length_negative(struct kv_table *t) {
    t->tokens[1] = -1;
}
static void length_beyond_the_row(struct kv_table *t) {
    t->tokens[1] = INT32_MAX;
}

static const struct fault {
    const char *name;
    void (*plant)(struct kv_table *table);
    bool may_share; /* whether a table with shared prefixes may look like this */
} faults[] = {
    {"id-out-of-range", id_out_of_range, false},
    {"id-far-out-of-range", id_far_out_of_range, false},
    {"id-negative", id_negative, false},
    {"id-missing", id_missing, false},
    {"id-aliased", id_aliased, true},
    {"id-aliased-in-a-row", id_aliased_in_a_row, true},
    {"id-left-over", id_left_over, false},
    {"length-negative", length_negative, false},
    {"length-beyond-the-row", length_beyond_the_row, false},
};

static int refuse_one(struct lab_run *run, struct device *device, const struct fault *fault) {
    static const int32_t tokens[] = {64, 40, 20};
    struct paged_plan plan = paged_plan_default();
    struct kv_table table = {0};
    char why[PLAN_WHY] = "";
    struct lab_case *c = lab_case_begin(run, device_id(device), "04/refusal/fault=%s", fault->name);
    if (!c)
        return 0;
    if (map_small(&table, 3, tokens, (unsigned)plan.block, KV_MAP_PERMUTED, lab_seed(run)) != 0) {
        lab_case_drop(c);
        return lab_error(run, "%s: %s", fault->name, device_error());
    }
    struct paged_shape shape = {.kv_heads = 1, .table = &table};
    bool good = paged_check(&plan, &shape, false, why) == 0;
    fault->plant(&table);
    bool refused = paged_check(&plan, &shape, false, why) != 0;
    bool shared = paged_check(&plan, &shape, true, NULL) == 0;
    bool one_line = why[0] != '\0' && strchr(why, '\n') == NULL;
    case_param_text(c, "fault", fault->name);
    case_param_text(c, "message", why);
    case_counter(c, "accepted before", good);
    case_counter(c, "refused", refused && one_line);
    case_counter(c, "shared as expected", shared == fault->may_share);
    kv_table_close(&table);
    return lab_case_end(c);
}

static int sweep_refusals(struct lab_run *run, struct device *device) {
    const size_t count = sizeof faults / sizeof *faults;
    lab_expect(run, count);
    for (size_t k = 0; k < count && !lab_stopping(run); k++)
        if (refuse_one(run, device, &faults[k]) != 0)
            return -1;
    return 0;
}

int sweep_bits(struct lab_run *run, struct device *device) {
    if (sweep_pairs(run, device) != 0 || sweep_same(run, device) != 0 ||
        sweep_batch(run, device) != 0)
        return -1;
    return sweep_refusals(run, device);
}

/* --- check -------------------------------------------------------------------------------------
 *
 * The first half fails by two hashes of one content, or by a hash that what lies in unnamed blocks
 * changes. The second half fails by a fixed number of splits whose hash moves with the batch, or
 * by a heuristic that takes other splits and whose hash stays. Bits other than the predicted ones,
 * outputs beyond the bound and bad tables that pass are our bug and no verdict.
 */

static bool as_predicted(const struct rows *rows, size_t k) {
    return row_has(rows, k, "measured") &&
           row_bits(rows, k, "measured") == row_bits(rows, k, "predicted");
}

static void check_plans(const struct rows *plans, struct finding *f) {
    for (size_t k = 0; k < plans->count; k++) {
        double outputs = row_number(plans, k, "outputs");
        finding_predicted(f,
                          as_predicted(plans, k) && row_number(plans, k, "equal") == outputs &&
                              row_number(plans, k, "inside") == outputs,
                          plans, k);
        bool same = row_bits(plans, k, "other poison") == row_bits(plans, k, "measured");
        finding_control(f, answer_if(row_number(plans, k, "poisoned") > 0),
                        "there is something around the content that could be loaded by mistake");
        finding_count(f, answer_if(same), plans, k);
    }
}

/* Each group of rows with one value of `column` has one result (if `more`: more than one). */
static void check_groups(struct rows *rows, const char *column, bool more, struct finding *f) {
    rows_sort(rows, column);
    for (size_t first = 0, count = 0; rows_group(rows, column, &first, &count);) {
        size_t results = rows_distinct(rows, first, count, "measured");
        finding_count(f, answer_if(more ? results > 1 : results == 1), rows, first);
        if (*row_text(rows, first, column))
            finding_number(f, "1", number((double)results), "results of %zu cases: %s %s", count,
                           column, row_text(rows, first, column));
        else
            finding_number(f, "1", number((double)results), "results of %zu cases: %s %g", count,
                           column, row_number(rows, first, column));
    }
}

void check_bits(const struct rows *rows, struct finding *f) {
    struct rows plans = rows_select(rows, "04/bits/", NULL);
    struct rows same = rows_select(rows, "04/same/", NULL);
    struct rows batch = rows_select(rows, "04/batch/", NULL);
    struct rows fixed = rows_select(rows, "04/batch/", "rule=fixed");
    struct rows chosen = rows_select(rows, "04/batch/", "rule=heuristic");
    struct rows refusals = rows_select(rows, "04/refusal/", NULL);
    check_plans(&plans, f);
    for (size_t k = 0; k < same.count; k++)
        finding_predicted(f, as_predicted(&same, k), &same, k);
    for (size_t k = 0; k < batch.count; k++)
        finding_predicted(f, as_predicted(&batch, k), &batch, k);
    for (size_t k = 0; k < refusals.count; k++)
        finding_predicted(f,
                          row_number(&refusals, k, "accepted before") == 1 &&
                              row_number(&refusals, k, "refused") == 1 &&
                              row_number(&refusals, k, "shared as expected") == 1,
                          &refusals, k);
    check_groups(&same, "values", false, f);
    check_groups(&batch, "splits taken", false, f);
    check_groups(&fixed, "rule", false, f);
    check_groups(&chosen, "rule", true, f);
    rows_sort(&chosen, "splits taken");
    finding_control(f, answer_if(!rows_equal(&chosen, 0, chosen.count - 1, "splits taken")),
                    "the batch decides about the number of splits");
    finding_say(f,
                "%zu plans, %zu ways to hold one content, request 0 in %zu batches and %zu bad "
                "tables: %llu of %llu checks as claimed",
                plans.count, same.count, batch.count, refusals.count, (unsigned long long)f->held,
                (unsigned long long)(f->held + f->against));
    finding_settle(f, SETTLE_ALL, "not for the cases named first");
    struct rows *const all[] = {&plans, &same, &batch, &fixed, &chosen, &refusals};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        rows_free(all[k]);
}

/* --- table -------------------------------------------------------------------------------------
 */

/* Results are numbered in the order in which they turn up, one numbering per device. */
int write_batch(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    for (size_t k = 0, from = 0; k < rows->count; k++) {
        if (!row_is(rows, k, "device", row_text(rows, from, "device")))
            from = k;
        size_t first = from, before;
        while (row_bits(rows, first, "measured") != row_bits(rows, k, "measured"))
            first++;
        before = rows_distinct(rows, from, first - from, "measured");
        lab_table_row(table, "%s\t%s\t%.0f\t%.0f\t%zu\t%016llx", row_text(rows, k, "device"),
                      row_text(rows, k, "rule"), row_number(rows, k, "batch"),
                      row_number(rows, k, "splits taken"), before + 1,
                      (unsigned long long)row_bits(rows, k, "measured"));
    }
    return 0;
}
