/*
 * trees.c: S5, trees found from outputs alone. For our own plans the answer is known, and must come
 * out; a cure must be turned down by name; a library's sum gives a tree that passes every check,
 * or the reason why it has none.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/tree/plan_target.h"
#include "kernels/tree/targets.h"
#include "labs/01-float-staging/staging.h"

/* What a recovery found out, into its case. */
static void record_recovery(struct lab_case *c, const struct recovery *r) {
    case_param_text(c, "outcome",
                    r->status == RECOVER_FOUND ? "recovered" : recover_status_name(r->status));
    case_counter(c, "probes", (double)r->probes);
    case_counter(c, "calls", (double)r->calls);
    case_counter(c, "rechecked", (double)r->rechecked);
    case_counter(c, "fresh", (double)r->fresh);
    case_counter(c, "data sets", (double)r->data_sets);
    if (r->status != RECOVER_FOUND) {
        case_param_text(c, "why", r->why);
        return;
    }
    case_param_text(c, "rule", r->rule);
    case_counter(c, "depth", (double)tree_depth(r->tree));
    char *text = tree_text(r->tree);
    if (text)
        case_series_tree(c, "tree", text);
    free(text);
}

/* Whether a verdict is the one this plan must get. A fixed order must be found, unless the
 * accumulator holds every sum exactly, as double does for f16 inputs (all are multiples of 2^-24
 * well within 53 bits): then no order shows. Cures must be turned down, by a name that fits: a
 * binned or compensated sum that was right to the last bit in every probe looks like an exact one.
 */
static bool is_expected(const struct sum_variant *v, enum recover_status status) {
    struct sum_class class = sum_variant_class(v);
    switch (class.method) {
    case SUM_EXACT:
        return status == RECOVER_EXACT;
    case SUM_BINNED:
        return status == RECOVER_BINNED || status == RECOVER_ON_A_GRID || status == RECOVER_EXACT;
    case SUM_COMPENSATED:
        return status == RECOVER_COMPENSATED || status == RECOVER_EXACT;
    case SUM_PLAIN:
        break;
    }
    bool exact = class.type == ELEMENT_F16 && class.acc == SUM_ACC64 && !class.products;
    return status == (exact ? RECOVER_EXACT : RECOVER_FOUND);
}

/* What our own plan's recovery must be: an expected verdict, and its own tree where it is one. */
static bool is_right(const struct sum_variant *v, size_t n, const struct recovery *r) {
    struct tree *known = sum_variant_tree(v, n);
    bool equal = r->status != RECOVER_FOUND || (known && tree_equal(known, r->tree));
    tree_free(known);
    return equal && is_expected(v, r->status);
}

/* One of our plans, or where `v` is NULL a library's function. */
static int recover_one(struct lab_run *run, struct device *device, const struct sum_variant *v,
                       const struct tree_target *library, size_t n) {
    char plan[SUM_TEXT], version[120];
    const char *name = v ? sum_variant_text(v, plan) : library->name;
    struct lab_case *c = lab_case_begin(run, device_id(device), "01/tree/n=%zu/%s=%s", n,
                                        v ? "plan" : "library", name);
    struct recover_target target = {0};
    struct recovery r = {0};
    if (!c)
        return 0;
    bool opened =
        (v ? plan_target_open(&target, v, n, device) : library->open(&target, n, device)) == 0;
    bool done = opened && recover(&target, n, NULL, &r) == 0;
    if (!done) {
        lab_case_drop(c);
        lab_error(run, "%s, n = %zu: %s", name, n, opened ? r.why : device_error());
    } else {
        case_param_int(c, "n", (int64_t)n);
        if (v) {
            case_variant(c, v);
            case_param_flag(c, "as expected", is_right(v, n, &r));
        } else {
            library->version(version, sizeof version);
            case_param_text(c, "library", name);
            case_param_text(c, "version", version);
        }
        record_recovery(c, &r);
    }
    if (v)
        plan_target_close(&target);
    else if (opened)
        library->close(&target);
    recovery_free(&r);
    return done ? lab_case_end(c) : -1;
}

/* Recovery takes thousands of sums per plan; the interpreter gets small n, real hardware more. */
static size_t sizes_for(enum device_kind kind, enum lab_mode mode, size_t sizes[8]) {
    static const size_t all[] = {64, 100, 333, 1000, 1024};
    size_t count = mode == LAB_FULL ? 5 : mode == LAB_QUICK && device_simulated(kind) ? 1 : 3;
    memcpy(sizes, all, count * sizeof *all);
    return count;
}

/* Which plans: quick asks the ones that differ from the base plan in one field. */
static bool is_wanted(const struct sum_variant *v, enum device_kind kind, enum lab_mode mode,
                      size_t index) {
    struct sum_class class = sum_variant_class(v);
    if (mode == LAB_FULL || !device_simulated(kind))
        return class.method == SUM_PLAIN || index % 8 == 0;
    size_t stride = mode == LAB_QUICK ? 3 : 1;
    return index % stride == 0 && (class.method == SUM_PLAIN || index % 8 == 0) &&
           (mode != LAB_QUICK || v->plan.block <= 256);
}

int sweep_trees(struct lab_run *run, struct device *device) {
    struct sum_variant *variants;
    size_t variant_count, sizes[8], target_count;
    enum device_kind kind = device_kind(device);
    size_t size_count = sizes_for(kind, lab_mode(run), sizes);
    const struct tree_target *targets = tree_targets(&target_count);
    if (variants_for(kind, lab_mode(run), &variants, &variant_count) != 0)
        return lab_error(run, "out of memory while listing the plans");
    size_t count = 0;
    for (size_t k = 0; k < variant_count; k++)
        count += is_wanted(&variants[k], kind, lab_mode(run), k);
    for (size_t k = 0; k < target_count; k++)
        count += tree_target_fits(&targets[k], kind);
    lab_expect(run, size_count * count);

    int status = 0;
    for (size_t s = 0; s < size_count && status == 0; s++) {
        for (size_t k = 0; k < target_count && status == 0 && !lab_stopping(run); k++)
            if (tree_target_fits(&targets[k], kind))
                status = recover_one(run, device, NULL, &targets[k], sizes[s]);
        for (size_t k = 0; k < variant_count && status == 0 && !lab_stopping(run); k++)
            if (is_wanted(&variants[k], kind, lab_mode(run), k))
                status = recover_one(run, device, &variants[k], NULL, sizes[s]);
    }
    free(variants);
    return status;
}

/* --- the check ---------------------------------------------------------------------------------
 */

/* Outcomes of a library's function that has no order to be found: it does not add its inputs, or
 * no order shows in what it gives. These are answers; any other name means that a tree was missed.
 */
static bool has_no_tree(const char *outcome) {
    static const enum recover_status none[] = {RECOVER_WRONG,     RECOVER_ABSOLUTE,
                                               RECOVER_EXACT,     RECOVER_COMPENSATED,
                                               RECOVER_ON_A_GRID, RECOVER_BINNED};
    for (size_t k = 0; k < sizeof none / sizeof *none; k++)
        if (strcmp(outcome, recover_status_name(none[k])) == 0)
            return true;
    return false;
}

void check_recovered(const struct rows *rows, struct finding *f) {
    size_t plans = 0, equal = 0, libraries = 0, found = 0, none = 0;
    for (size_t k = 0; k < rows->count; k++) {
        bool recovered = row_is(rows, k, "outcome", "recovered");
        if (!row_has(rows, k, "library")) {
            /* We know our own plans' trees: another one is a bug on one side or the other. */
            bool right = row_is(rows, k, "as expected", "true");
            finding_predicted(f, right, rows, k);
            plans++;
            equal += right;
            continue;
        }
        libraries++;
        found += recovered;
        if (has_no_tree(row_text(rows, k, "outcome")))
            none++;
        else
            finding_count(f, answer_if(recovered), rows, k);
    }
    finding_say(f,
                "%zu of %zu plans' trees (or the name of why there is none) were found from "
                "outputs alone",
                equal, plans);
    if (libraries)
        finding_say(f, ", and %zu of %zu library sums' that have one", found, libraries - none);
    finding_number(f, "1", number((double)none),
                   "library sums without a tree: wrong, absolute or exact sums");
    finding_settle(f, SETTLE_ALL, "not for every library: the table names those without a tree");
}
