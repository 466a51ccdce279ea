/*
 * checks.c: S1 to S5, judged from what was recorded. (S6, the cures and their prices: prices.c.)
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs/01-float-staging/staging.h"

/* --- S1 ----------------------------------------------------------------------------------------
 */

struct order_count {
    uint64_t triples, differ;
    char case_id[200];
};

static int count_order(void *context, const json_t *record) {
    struct order_count *count = context;
    const json_t *left = case_series(record, "a+b then c");
    const json_t *right = case_series(record, "a then b+c");
    for (size_t k = 0; k < case_series_length(left); k++) {
        count->triples++;
        count->differ += case_series_bits_at(left, k) != case_series_bits_at(right, k);
    }
    snprintf(count->case_id, sizeof count->case_id, "%s",
             json_string_value(json_object_get(record, "id")));
    return 0;
}

int check_order(struct lab_run *run, const char *device_id, struct finding *finding) {
    struct order_count count = {0};
    lab_cases(run, "01/order/", device_id, count_order, &count);
    if (count.triples == 0) {
        finding->verdict = VERDICT_NOT_TESTABLE;
        snprintf(finding->reason, sizeof finding->reason, "no triples were added on %s", device_id);
        return 0;
    }
    /* One triple would do; none of a thousand would refute it. */
    finding->checked = 1;
    finding->held = count.differ > 0;
    finding_evidence(finding, count.case_id);
    finding->verdict = count.differ ? VERDICT_CONFIRMED : VERDICT_REFUTED;
    snprintf(finding->statement, sizeof finding->statement,
             "(a + b) + c and a + (b + c) have different bits for %llu of %llu normal triples",
             (unsigned long long)count.differ, (unsigned long long)count.triples);
    return 0;
}

/* --- S2 ----------------------------------------------------------------------------------------
 */

static bool is_plain_float_sum(const struct observation *o) {
    return o->class.method == SUM_PLAIN && o->class.type == SUM_F32 && o->class.acc == SUM_ACC32 &&
           !o->class.dot;
}

/* Nothing to stage in three numbers or fewer… and nothing to conclude from one plan. */
static bool has_choice(const struct group *g) {
    return g->count > 1 && g->first->n > 32;
}

static int not_recorded(struct finding *finding, const char *device_id) {
    finding->verdict = VERDICT_NOT_TESTABLE;
    snprintf(finding->reason, sizeof finding->reason, "no sums were recorded on %s", device_id);
    return 0;
}

int check_staging(struct lab_run *run, const char *device_id, struct finding *finding) {
    struct observations o;
    if (observations_load(run, device_id, &o) != 0)
        return -1;
    size_t position = 0, groups = 0, moved = 0, most = 0, most_of = 0, most_n = 0;
    uint64_t within = 0, results = 0;
    struct group g;
    while (group_next(&o, &position, &g)) {
        for (size_t k = 0; k < g.count; k++) {
            results++;
            /* Negated, so that a NaN is outside. */
            if (!(g.first[k].error <= g.first[k].bound)) {
                finding->broken = true;
                finding_evidence(finding, g.first[k].case_id);
            } else {
                within++;
            }
        }
        if (!is_plain_float_sum(g.first) || !has_choice(&g))
            continue;
        groups++;
        moved += g.distinct > 1;
        if (g.distinct > most) {
            most = g.distinct;
            most_of = g.count;
            most_n = g.first->n;
            finding_evidence(finding, g.first->case_id);
        }
    }
    observations_free(&o);
    if (groups == 0)
        return not_recorded(finding, device_id);
    /* A check is a (size, data set) whose bits the plans move, or a result within its bound. */
    finding->checked = groups + results;
    finding->held = moved + within;
    finding->verdict = moved == groups ? VERDICT_CONFIRMED
                       : moved == 0    ? VERDICT_REFUTED
                                       : VERDICT_BOUNDED;
    if (finding->verdict == VERDICT_BOUNDED)
        snprintf(finding->range, sizeof finding->range,
                 "%zu of %zu pairs of size and data set (n > 32, FP32)", moved, groups);
    snprintf(finding->statement, sizeof finding->statement,
             "plans give different bits in %zu of %zu pairs of size and data set, at most %zu "
             "results from %zu plans (n = %zu); %llu of %llu results lie within their plan's bound",
             moved, groups, most, most_of, most_n, (unsigned long long)within,
             (unsigned long long)results);
    return 0;
}

/* --- S3 ----------------------------------------------------------------------------------------
 */

struct spread {
    enum input_kind input;
    enum sum_acc acc;
    size_t n;
    double value;
};

#define SPREADS_MAX 512

static const struct spread *spread_find(const struct spread *list, size_t count,
                                        enum input_kind input, enum sum_acc acc, size_t n) {
    for (size_t k = 0; k < count; k++)
        if (list[k].input == input && list[k].acc == acc && list[k].n == n)
            return &list[k];
    return NULL;
}

struct tally {
    uint64_t checked, held;
};

static void tally(struct tally *t, bool held) {
    t->checked++;
    t->held += held;
}

int check_spread(struct lab_run *run, const char *device_id, struct finding *finding) {
    struct observations o;
    struct spread list[SPREADS_MAX];
    size_t count = 0, position = 0;
    struct group g;
    if (observations_load(run, device_id, &o) != 0)
        return -1;
    while (group_next(&o, &position, &g) && count < SPREADS_MAX) {
        if (g.first->class.method == SUM_PLAIN && g.first->class.type == SUM_F32 &&
            !g.first->class.dot && has_choice(&g)) {
            list[count++] =
                (struct spread){g.first->input, g.first->class.acc, g.first->n, g.spread};
            if (g.first->n > 10000)
                finding_evidence(finding, g.first->case_id);
        }
    }
    observations_free(&o);

    /* Four ways in which the spread should move; each step of each is one check. */
    struct tally with_n = {0}, cancelling = {0}, mixed = {0}, wider = {0};
    for (size_t k = 0; k < count; k++) {
        const struct spread *s = &list[k], *other;
        if (s->acc == SUM_ACC32) {
            /* Sizes well apart: one data set each is no average, and neighbours are within noise.
             */
            for (size_t j = 0; j < count; j++)
                if (list[j].acc == s->acc && list[j].input == s->input && list[j].n >= 16 * s->n)
                    tally(&with_n, list[j].value > s->value);
            if (s->input == INPUT_CANCELLING &&
                (other = spread_find(list, count, INPUT_NORMAL, s->acc, s->n)))
                tally(&cancelling, s->value > other->value);
            if (s->input == INPUT_LOG_UNIFORM &&
                (other = spread_find(list, count, INPUT_UNIFORM, s->acc, s->n)))
                tally(&mixed, s->value > other->value);
        } else if ((other = spread_find(list, count, s->input, SUM_ACC32, s->n))) {
            tally(&wider, s->value < other->value);
        }
    }
    finding->checked = with_n.checked + cancelling.checked + mixed.checked + wider.checked;
    finding->held = with_n.held + cancelling.held + mixed.held + wider.held;
    if (finding->checked == 0)
        return not_recorded(finding, device_id);
    finding->verdict = finding->held == finding->checked      ? VERDICT_CONFIRMED
                       : 2 * finding->held > finding->checked ? VERDICT_BOUNDED
                                                              : VERDICT_REFUTED;
    char counts[300];
    snprintf(counts, sizeof counts,
             "grows with n in %llu of %llu steps, with cancellation in %llu of %llu, with mixed "
             "magnitudes in %llu of %llu; shrinks with FP64 accumulators in %llu of %llu",
             (unsigned long long)with_n.held, (unsigned long long)with_n.checked,
             (unsigned long long)cancelling.held, (unsigned long long)cancelling.checked,
             (unsigned long long)mixed.held, (unsigned long long)mixed.checked,
             (unsigned long long)wider.held, (unsigned long long)wider.checked);
    snprintf(finding->statement, sizeof finding->statement, "the spread between plans %s", counts);
    if (finding->verdict == VERDICT_BOUNDED)
        snprintf(finding->range, sizeof finding->range,
                 "in most of the comparisons counted in the statement, not in all");
    return 0;
}

/* --- S4 ----------------------------------------------------------------------------------------
 */

int check_predicted(struct lab_run *run, const char *device_id, struct finding *finding) {
    struct observations o;
    if (observations_load(run, device_id, &o) != 0)
        return -1;
    for (size_t k = 0; k < o.count; k++) {
        const struct observation *row = &o.list[k];
        finding->checked++;
        if (sum_same_bits(row->class.acc, row->measured, row->predicted)) {
            finding->held++;
        } else {
            finding->broken = true;
            finding_evidence(finding, row->case_id);
        }
    }
    if (o.count)
        finding_evidence(finding, o.list[0].case_id);
    observations_free(&o);
    if (finding->checked == 0)
        return not_recorded(finding, device_id);
    finding->verdict = VERDICT_CONFIRMED;
    snprintf(finding->statement, sizeof finding->statement,
             "%llu of %llu predicted bit patterns equal the device's, over every plan, size and "
             "data set of the sweep",
             (unsigned long long)finding->held, (unsigned long long)finding->checked);
    return 0;
}

/* --- S5 ----------------------------------------------------------------------------------------
 */

struct tree_count {
    struct finding *finding;
    uint64_t plans, equal, named_plans, libraries, recovered;
    char named[160]; /* the libraries without a tree, with the reason */
};

static int count_trees(void *context, const json_t *record) {
    struct tree_count *count = context;
    const char *id = json_string_value(json_object_get(record, "id"));
    const char *outcome = case_text(record, "params", "outcome");
    const char *library = case_text(record, "params", "library");
    bool found = outcome && strcmp(outcome, "recovered") == 0;
    if (library) {
        count->libraries++;
        count->recovered += found;
        if (!found && !strstr(count->named, library)) {
            size_t used = strlen(count->named);
            snprintf(count->named + used, sizeof count->named - used, "%s%s: %s", used ? "; " : "",
                     library, outcome ? outcome : "?");
        }
        finding_evidence(count->finding, id);
        return 0;
    }
    count->plans++;
    count->named_plans += !found;
    if (case_number(record, "params", "as expected") == 1)
        count->equal++;
    else
        finding_evidence(count->finding, id);
    return 0;
}

int check_recovered(struct lab_run *run, const char *device_id, struct finding *finding) {
    struct tree_count count = {.finding = finding};
    lab_cases(run, "01/tree/", device_id, count_trees, &count);
    if (count.plans == 0)
        return not_recorded(finding, device_id);
    finding->checked = count.plans;
    finding->held = count.equal;
    /* We know our own plans' trees: another one recovered is a bug on one side or the other. */
    finding->broken = count.equal != count.plans;
    finding->verdict = VERDICT_CONFIRMED;
    snprintf(finding->statement, sizeof finding->statement,
             "outputs alone gave back the plan's own tree, or the name of why it has none (%llu "
             "cures and exact sums), for %llu of %llu plans and sizes; of %llu library sums %llu "
             "gave a tree that passes all checks%s%s",
             (unsigned long long)count.named_plans, (unsigned long long)count.equal,
             (unsigned long long)count.plans, (unsigned long long)count.libraries,
             (unsigned long long)count.recovered, count.named[0] ? " (none: " : "", count.named);
    if (count.named[0]) {
        size_t used = strlen(finding->statement);
        if (used + 1 < sizeof finding->statement)
            strcpy(finding->statement + used, ")");
    }
    return 0;
}
