/*
 * checks_bits.c: K1, the bytes, and K9, the bits, judged from what was recorded.
 */
#include <stdio.h>
#include <string.h>

#include "labs/04-paged-kv-residency/map_side.h"

static uint64_t hash_of(const json_t *record, const char *series) {
    return case_series_bits_at(case_series(record, series), 0);
}

static int not_recorded(struct finding *finding, const char *why) {
    finding->verdict = VERDICT_NOT_TESTABLE;
    snprintf(finding->reason, sizeof finding->reason, "%s", why);
    return 0;
}

/* --- K1 ----------------------------------------------------------------------------------------
 *
 * Refuted by one shape whose loads of keys and values are not 2·B·L·H·D·s: a kernel that loads a
 * group's keys once per query head, say, or whole blocks where a sequence ends inside one.
 */

struct bytes {
    struct finding *finding;
    size_t cases, held, shared, fewer;
    double total;
    char failure[200];
};

static int count_bytes(void *context, const json_t *record) {
    struct bytes *b = context;
    double formula = 2 * record_param(record, "batch") * record_param(record, "tokens") *
                     record_param(record, "heads") * record_param(record, "channels") *
                     record_param(record, "element bytes");
    double loaded = record_counter(record, "kv loaded");
    b->cases++;
    b->held += loaded == formula;
    b->total += loaded;
    if (record_param(record, "shared blocks") > 0) {
        b->shared++;
        b->fewer += record_counter(record, "loaded distinct") < formula;
    }
    if (loaded != formula && !b->failure[0])
        snprintf(b->failure, sizeof b->failure, "; first that differs: %s, %.0f of %.0f",
                 record_text(record, "plan"), loaded, formula);
    if (loaded != formula || record_param(record, "shared blocks") > 0)
        finding_evidence(b->finding, record_id(record));
    return 0;
}

int check_bytes(struct lab_run *run, const char *device_id, struct finding *finding) {
    struct bytes b = {.finding = finding};
    lab_cases(run, "04/bytes/", device_id, count_bytes, &b);
    if (b.cases == 0)
        return not_recorded(finding, "loads are counted by the checked SIMT machine: run with "
                                     "--device simt");
    finding->checked = b.cases;
    finding->held = b.held;
    finding->verdict = b.held == b.cases ? VERDICT_CONFIRMED : VERDICT_REFUTED;
    snprintf(
        finding->statement, sizeof finding->statement,
        "loads of keys and values, counted one by one, are 2·B·L·H·D·s to the byte in %zu of %zu "
        "shapes (B, L, H, D, s, group, layout, block and mapping changed one at a time); with a "
        "shared prefix as many loads touch fewer distinct bytes (%zu of %zu shapes)%s",
        b.held, b.cases, b.fewer, b.shared, b.failure);
    return 0;
}

/* --- K9 ----------------------------------------------------------------------------------------
 *
 * First half refuted by two hashes of one content, or by a hash that what lies in unnamed blocks
 * changes. Second half refuted by a fixed number of splits whose hash moves with the batch, or by a
 * heuristic that chooses other splits and whose hash stays. Bits other than the predicted ones are
 * our bug and no verdict.
 */

#define KINDS 8   /* of values that decide the bits */
#define HASHES 16 /* distinct ones that are kept */

struct distinct {
    char of[80];
    size_t ways, count;
    uint64_t hash[HASHES];
};

struct bits {
    struct finding *finding;
    size_t plans, plans_held, inside_held, poison_held;
    double outputs;
    size_t ways, ways_held, kinds;
    struct distinct kind[KINDS];
    size_t batches, batches_held;
    struct distinct rule[2], splits[2]; /* fixed, heuristic */
    size_t faults, refused;
    char failure[160];
};

static void add(struct distinct *d, uint64_t hash) {
    d->ways++;
    for (size_t k = 0; k < d->count; k++)
        if (d->hash[k] == hash)
            return;
    if (d->count < HASHES)
        d->hash[d->count++] = hash;
}

static void failed(struct bits *b, const json_t *record) {
    finding_evidence(b->finding, record_id(record));
    if (!b->failure[0])
        snprintf(b->failure, sizeof b->failure, "; first failure: %s", record_id(record));
}

static int count_plan(void *context, const json_t *record) {
    struct bits *b = context;
    double outputs = record_counter(record, "outputs");
    bool as_predicted = record_counter(record, "equal") == outputs &&
                        hash_of(record, "measured") == hash_of(record, "predicted");
    bool inside = record_counter(record, "inside") == outputs;
    bool poison = record_counter(record, "poisoned") > 0 &&
                  hash_of(record, "other poison") == hash_of(record, "measured");
    b->plans++;
    b->plans_held += as_predicted;
    b->inside_held += inside;
    b->poison_held += poison;
    b->outputs += outputs;
    if (!as_predicted || !inside || !poison)
        failed(b, record);
    return 0;
}

static int count_way(void *context, const json_t *record) {
    struct bits *b = context;
    const char *values = record_text(record, "values");
    size_t k = 0;
    while (k < b->kinds && strcmp(b->kind[k].of, values) != 0)
        k++;
    if (k == KINDS)
        return -1;
    if (k == b->kinds)
        snprintf(b->kind[b->kinds++].of, sizeof b->kind[0].of, "%s", values);
    add(&b->kind[k], hash_of(record, "measured"));
    b->ways++;
    if (hash_of(record, "measured") == hash_of(record, "predicted"))
        b->ways_held++;
    else
        failed(b, record);
    return 0;
}

static int count_batch(void *context, const json_t *record) {
    struct bits *b = context;
    size_t rule = strcmp(record_text(record, "rule"), "fixed") != 0;
    add(&b->rule[rule], hash_of(record, "measured"));
    add(&b->splits[rule], (uint64_t)record_counter(record, "splits"));
    b->batches++;
    if (hash_of(record, "measured") == hash_of(record, "predicted"))
        b->batches_held++;
    else
        failed(b, record);
    finding_evidence(b->finding, record_id(record));
    return 0;
}

static int count_refusal(void *context, const json_t *record) {
    struct bits *b = context;
    bool right = record_counter(record, "accepted before") == 1 &&
                 record_counter(record, "refused") == 1 &&
                 record_counter(record, "shared as expected") == 1;
    b->faults++;
    b->refused += right;
    if (!right)
        failed(b, record);
    return 0;
}

static void decide(struct finding *finding, const struct bits *b) {
    bool one_hash = b->poison_held == b->plans;
    for (size_t k = 0; k < b->kinds; k++)
        one_hash = one_hash && b->kind[k].count == 1;
    finding->broken = b->plans_held != b->plans || b->inside_held != b->plans ||
                      b->ways_held != b->ways || b->batches_held != b->batches ||
                      b->refused != b->faults;
    finding->verdict = VERDICT_CONFIRMED;
    if (!one_hash || b->rule[0].count > 1) {
        finding->verdict = VERDICT_REFUTED;
    } else if (b->rule[1].count < 2) {
        finding->verdict = VERDICT_BOUNDED;
        snprintf(
            finding->range, sizeof finding->range,
            "maps, layouts and block sizes; the heuristic took %zu different numbers of splits "
            "and gave one result all the same",
            b->splits[1].count);
    }
}

int check_bits(struct lab_run *run, const char *device_id, struct finding *finding) {
    struct bits b = {.finding = finding};
    lab_cases(run, "04/batch/", device_id, count_batch, &b);
    lab_cases(run, "04/bits/", device_id, count_plan, &b);
    if (lab_cases(run, "04/same/", device_id, count_way, &b) != 0)
        return lab_error(run, "more than %d kinds of values in 04/same; raise KINDS", KINDS);
    lab_cases(run, "04/refusal/", device_id, count_refusal, &b);
    if (b.plans == 0 || b.ways == 0 || b.batches == 0)
        return not_recorded(finding, "no bits were recorded on this device: it measures time only");
    size_t hashes = 0;
    for (size_t k = 0; k < b.kinds; k++)
        hashes += b.kind[k].count;
    decide(finding, &b);
    finding->checked = 3 * b.plans + b.ways + b.batches + b.faults;
    finding->held =
        b.plans_held + b.inside_held + b.poison_held + b.ways_held + b.batches_held + b.refused;
    snprintf(
        finding->statement, sizeof finding->statement,
        "%zu of %zu plans gave the predicted bits (%.0f outputs), %zu inside the float64 bound and "
        "%zu whatever lay in unnamed blocks; %zu contents held in %zu ways gave %zu hashes; "
        "request 0 in %zu batches: %zu result%s with fixed splits, %zu with the heuristic and "
        "its %zu numbers of splits; %zu of %zu bad tables refused%s",
        b.plans_held, b.plans, b.outputs, b.inside_held, b.poison_held, b.kinds, b.ways, hashes,
        b.rule[1].ways, b.rule[0].count, b.rule[0].count == 1 ? "" : "s", b.rule[1].count,
        b.splits[1].count, b.refused, b.faults, b.failure);
    return 0;
}
