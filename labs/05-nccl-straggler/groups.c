/*
 * groups.c, C6: groups of ranks that share a member's fate.
 *
 * A step sums twice: inside each tensor-parallel group, then across the groups among the ranks of
 * one place. One rank of one group is late in one step, or in all. How much later the ranks of each
 * group leave both sums, in that step and in the next one, shows whether and where the stall
 * spreads. Who was late is then found from the waits alone, from the outside in: the group whose
 * members waited least across groups, and in it the rank that waited least inside.
 */
#include <stdlib.h>

#include "harness/measure/stats.h"
#include "labs/05-nccl-straggler/rounds.h"

#define DELAY_US 1200
#define COMPUTE_US 1000
#define BYTES 65536
#define LATE_STEP 1 /* in the arms in which the culprit is late once */
#define STEPS 8     /* the fewest of which the rule names anybody */

static const struct layout {
    enum ranks_engine engine;
    unsigned group, groups; /* tensor-parallel ranks × data-parallel groups */
    unsigned rounds[3];
    unsigned culprits[3]; /* by the first digit: one at each end, and one between */
} layouts[] = {
    {RANKS_SMPI, 8, 4, {1, 1, 1}, {0, 13, 31}},
    {RANKS_OPENMPI, 2, 2, {5, 21, 51}, {0, 2, 3}},
};
#define CULPRITS (sizeof layouts->culprits / sizeof *layouts->culprits)
/* Arm 0: nobody; then each culprit once; then each in every step. */
#define ARMS (1 + 2 * CULPRITS)
#define CASES_MOST ((1 + 4) * ARMS)

static struct ranks_plan plan_of(const struct lab_run *run, const struct layout *l) {
    struct ranks_plan plan = ranks_plan_default(l->engine, l->group * l->groups);
    plan.algorithm = RANKS_DOUBLING;
    plan.seed = lab_seed(run);
    plan.group = l->group;
    plan.cluster.per_node = l->group;
    plan.rounds = l->rounds[lab_mode(run)];
    plan.steps = STEPS;
    plan.warmup = 1;
    plan.arm[0].bytes = BYTES;
    plan.arm[0].compute_us = COMPUTE_US;
    plan.arms = ARMS;
    for (unsigned arm = 1; arm < ARMS; arm++) {
        struct ranks_arm *a = &plan.arm[arm];
        *a = plan.arm[0];
        a->stall = STRAGGLER_PERSISTENT;
        a->stall_us = DELAY_US;
        a->culprit = l->culprits[(arm - 1) % CULPRITS];
        if (arm <= CULPRITS) {
            a->from = LATE_STEP;
            a->to = LATE_STEP + 1;
        }
    }
    return plan;
}

/* --- how late a group becomes ------------------------------------------------------------------
 */

enum part { INNER, OUTER, WHOLE };

static double part_of(const struct ranks_cell *cell, enum part part) {
    if (part == INNER)
        return cell->end_us - cell->start_us;
    if (part == OUTER)
        return cell->outer_end_us - cell->outer_start_us;
    return cell->compute_us + cell->outer_end_us - cell->start_us;
}

/* The median over a group's ranks in one step of an arm, in each round: out[rounds]. The culprit is
 * left out: it computes longer, and waits for nobody. */
static void group_part(const struct ranks_log *log, unsigned arm, unsigned step, unsigned group,
                       enum part part, double *out) {
    const struct ranks_plan *plan = &log->plan;
    double *of_rank = malloc(plan->group * sizeof *of_rank);
    for (size_t k = 0; of_rank && k < log->steps; k++) {
        size_t count = 0;
        if (log->step[k].arm != arm || log->step[k].step != step)
            continue;
        for (unsigned r = group * plan->group; r < (group + 1) * plan->group; r++)
            if (arm == 0 || r != plan->arm[arm].culprit)
                of_rank[count++] = part_of(ranks_at(log, k, r), part);
        out[log->step[k].round] = stats_median(of_rank, count);
    }
    free(of_rank);
}

/* What a stall adds to a part of a group's step, over the arm in which nobody is late. */
static struct ratio group_added(const struct ranks_log *log, unsigned arm, unsigned step,
                                unsigned group, enum part part) {
    size_t rounds = log->plan.rounds;
    double *with = calloc(rounds, sizeof *with), *without = calloc(rounds, sizeof *without);
    struct ratio added = RATIO_NONE;
    if (with && without) {
        group_part(log, arm, step, group, part, with);
        group_part(log, 0, step, group, part, without);
        added = rounds_added(with, without, rounds, log->plan.seed);
    }
    free(with);
    free(without);
    return added;
}

static void record_group(struct lab_case *c, const struct ranks_log *log, unsigned arm,
                         unsigned group) {
    const struct ranks_plan *plan = &log->plan;
    const struct ranks_arm *a = &plan->arm[arm];
    record_plan(c, plan);
    case_param_int(c, "in a group", plan->group);
    case_param_int(c, "culprit", a->culprit);
    case_param_text(c, "late", a->to > 0 ? "once" : "always");
    case_param_real(c, "delay", a->stall_us);
    case_param_int(c, "group", group);
    case_param_flag(c, "has culprit", a->culprit / plan->group == group);
    case_counter_ratio(c, "inner added", group_added(log, arm, LATE_STEP, group, INNER));
    case_counter_ratio(c, "outer added", group_added(log, arm, LATE_STEP, group, OUTER));
    case_counter_ratio(c, "added", group_added(log, arm, LATE_STEP, group, WHOLE));
    case_counter_ratio(c, "next added", group_added(log, arm, LATE_STEP + 1, group, WHOLE));
}

/* --- who it was --------------------------------------------------------------------------------
 */

/* The group that the sums of every place name, then the rank in it. */
static int record_named(struct lab_case *c, const struct ranks_log *log, unsigned arm) {
    const struct ranks_plan *plan = &log->plan;
    int status = 0, rank = ROUNDS_NOBODY;
    int group = rounds_named(log, arm, true, 0, &status);
    for (unsigned place = 1; place < plan->group; place++)
        if (rounds_named(log, arm, true, place, &status) != group)
            group = ROUNDS_SEVERAL;
    if (group >= 0)
        rank = rounds_named(log, arm, false, (unsigned)group * plan->group, &status);
    if (group >= 0 && rank >= 0)
        rank += group * (int)plan->group;
    bool late = plan->arm[arm].stall_us > 0;
    int truth = late ? (int)plan->arm[arm].culprit : ROUNDS_NOBODY;
    record_plan(c, plan);
    case_param_int(c, "in a group", plan->group);
    case_param_text(c, "late", !late ? "never" : plan->arm[arm].to > 0 ? "once" : "always");
    case_param_int(c, "culprit", truth);
    case_counter(c, "group named", group);
    case_counter(c, "rank named", rank);
    return status;
}

/* --- sweep -------------------------------------------------------------------------------------
 */

static int record_layout(struct lab_run *run, const struct ranks_log *log, const struct layout *l,
                         struct lab_case **cases) {
    for (unsigned arm = 0, k = 0; arm < ARMS; arm++) {
        if (cases[k] && record_named(cases[k], log, arm) != 0)
            return lab_error(run, "no memory for a log of %u ranks", log->plan.ranks);
        k++;
        for (unsigned group = 0; arm > 0 && group < l->groups; group++, k++)
            if (cases[k])
                record_group(cases[k], log, arm, group);
    }
    return 0;
}

static int sweep_layout(struct lab_run *run, struct device *device, const struct layout *l) {
    struct ranks_plan plan = plan_of(run, l);
    struct lab_case *cases[CASES_MOST];
    struct ranks_log log;
    size_t count = 0, any = 0;
    for (unsigned arm = 0; arm < ARMS; arm++) {
        const char *late = arm == 0 ? "never" : plan.arm[arm].to > 0 ? "once" : "always";
        cases[count++] = lab_case_begin(run, device_id(device), "05/named/%s/%ux%u/%s/culprit=%u",
                                        ranks_engine_name(l->engine), l->group, l->groups, late,
                                        plan.arm[arm].culprit);
        for (unsigned group = 0; arm > 0 && group < l->groups; group++)
            cases[count++] =
                lab_case_begin(run, device_id(device), "05/spread/%s/%ux%u/%s/culprit=%u/group=%u",
                               ranks_engine_name(l->engine), l->group, l->groups, late,
                               plan.arm[arm].culprit, group);
    }
    for (size_t k = 0; k < count; k++)
        any += cases[k] != NULL;
    int status = any > 0 ? engine_run(run, &plan, &log) : 1;
    if (status == 0) {
        status = record_layout(run, &log, l, cases);
        ranks_log_close(&log);
    }
    return cases_end(cases, count, status);
}

int sweep_groups(struct lab_run *run, struct device *device) {
    for (size_t k = 0; k < sizeof layouts / sizeof *layouts; k++)
        if (engine_runs(run, device, layouts[k].engine) > 0)
            lab_expect(run, ARMS + (ARMS - 1) * layouts[k].groups);
    for (size_t k = 0; k < sizeof layouts / sizeof *layouts && !lab_stopping(run); k++) {
        int runs = engine_runs(run, device, layouts[k].engine);
        if (runs < 0 || (runs > 0 && sweep_layout(run, device, &layouts[k]) != 0))
            return -1;
    }
    return 0;
}

/* --- check -------------------------------------------------------------------------------------
 *
 * Of groups without the culprit. Against the claim: a step that does not become longer by the stall
 * to a tenth. Where it waits is told. Control: the waits name the rank that was late, and nobody
 * where nobody was, or what they say of who waits for whom is not so.
 */

#define SPREAD_LEAST 0.9
#define SPREAD_MOST 1.1

static void tell_group(const struct rows *rows, struct finding *f, size_t k) {
    static const struct {
        const char *column, *what;
    } parts[] = {{"inner added", "inside its group"},
                 {"outer added", "across groups"},
                 {"next added", "to its next step"}};
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
        finding_number(f, "us", row_ratio(rows, k, parts[p].column),
                       "%.12s, late %.8s: a stall in another group adds, %s",
                       row_text(rows, k, "engine"), row_text(rows, k, "late"), parts[p].what);
}

void check_groups(const struct rows *rows, struct finding *f) {
    double least = NAN, next = NAN;
    size_t named = 0, right = 0;
    bool processes = false;
    if (none_ran(rows, f))
        return;
    for (size_t k = 0; k < rows->count; k++) {
        if (row_is(rows, k, "oversubscribed", "true"))
            continue;
        if (row_has(rows, k, "rank named")) {
            named++;
            right += row_number(rows, k, "rank named") == row_number(rows, k, "culprit");
        }
        if (!row_is(rows, k, "has culprit", "false"))
            continue;
        struct ratio added = ratio_over(row_ratio(rows, k, "added"), row_number(rows, k, "delay"));
        finding_count(
            f, answer_both(answer_above(added, SPREAD_LEAST), answer_below(added, SPREAD_MOST)),
            rows, k);
        least = fmin(least, added.value);
        processes = processes || !row_is(rows, k, "engine", "smpi");
        if (row_is(rows, k, "late", "once"))
            next = fmax(next, fabs(row_number(rows, k, "next added")));
        if (row_number(rows, k, "culprit") == 0)
            tell_group(rows, f, k);
    }
    finding_control(f, answer_if(named > 0 && right == named),
                    "the waits, from the outside in, name who was late, and nobody if nobody was");
    finding_say(f,
                "%sgroups without the late rank end that step later by at least %.2f of its stall, "
                "and the next one by %.1f us; waits named it in %zu of %zu runs",
                processes ? "" : "simulated ", least, next, right, named);
    finding_settle(f, SETTLE_ALL, "for some of the groups");
}
