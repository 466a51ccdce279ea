/*
 * exact_batch.c: request 0 in a growing batch, and tables that must be refused.
 *
 * With a fixed number of splits request 0 has one result whoever else is in the batch. With the
 * heuristic the batch decides how its tokens are split, and so in which order they are added up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs/04-paged-kv-residency/map_side.h"

/* Request 0 is long, the others are short: the work of a step stays small, and the splits are
 * chosen by the longest sequence and the number of sequences, whatever the lengths of the rest. */
#define LONG_TOKENS 640 /* ten tiles: the heuristic starts above four */
#define SHORT_TOKENS 3
#define HEADS 4
#define PROCESSORS 132 /* as an H100 or H200 has, on every device, so that devices compare */
#define BATCH_MOST 64

static const char *const rules[] = {"fixed.s4", "heuristic.s32"};

struct batch {
    struct paged_plan plan;
    char text[PLAN_TEXT];
    struct kv_table table;
    struct trial trial;
};

/* 0, or -1 with device_error(); close either way. */
static int batch_open(struct batch *b, struct lab_run *run, struct device *device, const char *rule,
                      unsigned batch) {
    char why[PLAN_WHY];
    *b = (struct batch){.plan = paged_plan_default()};
    if (paged_plan_parse(rule, &b->plan, why) != 0)
        return device_fail("plan %s: %s", rule, why);
    paged_plan_text(&b->plan, b->text);
    int32_t tokens[BATCH_MOST];
    for (unsigned s = 0; s < batch; s++)
        tokens[s] = s == 0 ? LONG_TOKENS : SHORT_TOKENS;
    if (small_table(&b->table, batch, tokens, (unsigned)b->plan.block, KV_MAP_PERMUTED,
                    lab_seed(run) + batch) != 0)
        return -1;
    struct paged_shape shape = {.kv_heads = HEADS, .table = &b->table, .processors = PROCESSORS};
    return trial_open(&b->trial, device, &b->plan, &shape, lab_seed(run));
}

static void batch_close(struct batch *b) {
    trial_close(&b->trial);
    kv_table_close(&b->table);
}

/* Outputs of request 0. */
static uint64_t first_hash(const struct batch *b, const float *outputs) {
    return hash_floats(outputs, b->trial.outputs / b->table.sequences);
}

static int batch_one(struct lab_run *run, struct device *device, const char *rule, unsigned batch) {
    struct batch b;
    int status = batch_open(&b, run, device, rule, batch);
    struct lab_case *c = NULL;
    if (status == 0) {
        c = lab_case_begin(run, device_id(device), "04/batch/plan=%s/batch=%u", b.text, batch);
        if (!c) { /* done in an earlier session */
            batch_close(&b);
            return 0;
        }
        status = trial_predict(&b.trial) == 0 ? trial_run(&b.trial, false) : -1;
    }
    if (status != 0) {
        if (c)
            lab_case_drop(c);
        lab_error(run, "request 0 in a batch of %u on %s: %s", batch, device_id(device),
                  device_error());
        batch_close(&b);
        return -1;
    }
    uint64_t measured = first_hash(&b, b.trial.out), predicted = first_hash(&b, b.trial.expected);
    case_plan(c, paged_plan_json(&b.plan));
    case_param_text(c, "plan", b.text);
    case_param_text(c, "rule", b.plan.rule == PAGED_FIXED ? "fixed" : "heuristic");
    case_param_int(c, "batch", batch);
    case_param_int(c, "processors", PROCESSORS);
    case_series_bits(c, "measured", 64, &measured, 1);
    case_series_bits(c, "predicted", 64, &predicted, 1);
    case_counter(c, "splits", paged_splits(&b.plan, &b.trial.shape));
    batch_close(&b);
    return lab_case_end(c);
}

int sweep_batch(struct lab_run *run, struct device *device) {
    lab_expect(run, 14);
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++)
        for (unsigned batch = 1; batch <= BATCH_MOST && !lab_stopping(run); batch *= 2)
            if (batch_one(run, device, rules[r], batch) != 0)
                return -1;
    return 0;
}

int predict_batch(struct lab_run *run, struct device *device) {
    lab_note(run,
             "predicted for %s, before anything has run: the hash of request 0's output in a "
             "growing batch",
             device_id(device));
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++)
        for (unsigned batch = 1; batch <= BATCH_MOST; batch *= 2) {
            struct batch b;
            int status = batch_open(&b, run, device, rules[r], batch);
            if (status == 0)
                status = trial_predict(&b.trial);
            if (status == 0)
                lab_note(run, "%016llx: batch %2u, tokens in %2u splits, %s",
                         (unsigned long long)first_hash(&b, b.trial.expected), batch,
                         paged_splits(&b.plan, &b.trial.shape), b.text);
            else
                lab_error(run, "request 0 in a batch of %u: %s", batch, device_error());
            batch_close(&b);
            if (status != 0)
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
    if (small_table(&table, 3, tokens, (unsigned)plan.block, KV_MAP_PERMUTED, lab_seed(run)) != 0) {
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

int sweep_refusals(struct lab_run *run, struct device *device) {
    const size_t count = sizeof faults / sizeof *faults;
    lab_expect(run, count);
    for (size_t k = 0; k < count && !lab_stopping(run); k++)
        if (refuse_one(run, device, &faults[k]) != 0)
            return -1;
    return 0;
}
