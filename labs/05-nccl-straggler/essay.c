/*
 * essay.c, C3: a stall of 1.2 ms on one of 8 ranks, for steps of all lengths.
 *
 * A step that takes T0 with nobody late takes T0 + D with a rank that is D late: (T0 + D)/T0 times
 * as long. That is twice as long for one T0 alone. So T0 is swept from D/8 to 8 D, with a rank late
 * in one step, and in every step from that one on; with sums waited for at once, and one step late.
 */
#include <math.h>
#include <stdlib.h>

#include "harness/measure/stats.h"
#include "labs/05-nccl-straggler/rounds.h"

#define STALL_US 1200
#define FROM 2 /* the step with the first stall */
#define KINDS 3
#define TIMES_MOST 7

static const char *const kinds[KINDS] = {"never", "once", "always"};
static const char *const overlaps[] = {"at-once", "one-late"};

static const struct setting {
    enum ranks_engine engine;
    unsigned ranks;
    bool one_late;
    double us[TIMES_MOST]; /* computing: a step less its sum */
    unsigned rounds[3];    /* quick, default, full */
} settings[] = {
    {RANKS_SMPI, 8, false, {150, 300, 600, 1200, 2400, 4800, 9600}, {1, 1, 1}},
    {RANKS_SMPI, 8, true, {150, 300, 600, 1200, 2400, 4800, 9600}, {1, 1, 1}},
    {RANKS_OPENMPI, 2, false, {300, 1200, 4800}, {5, 21, 61}},
    {RANKS_OPENMPI, 4, false, {300, 1200, 4800}, {5, 21, 61}},
    {RANKS_OPENMPI, 8, false, {300, 1200, 4800}, {0, 21, 61}},
    {RANKS_OPENMPI, 2, true, {300, 1200, 4800}, {0, 21, 61}},
};
#define SETTINGS (sizeof settings / sizeof *settings)

static unsigned times_of(const struct setting *s) {
    unsigned n = 0;
    while (n < TIMES_MOST && s->us[n] > 0)
        n++;
    return n;
}

static struct ranks_plan plan_of(const struct lab_run *run, const struct setting *s) {
    struct ranks_plan plan = ranks_plan_default(s->engine, s->ranks);
    plan.algorithm = RANKS_DOUBLING;
    plan.seed = lab_seed(run);
    plan.steps = 5;
    plan.rounds = s->rounds[lab_mode(run)];
    plan.warmup = s->engine == RANKS_SMPI ? 0 : 1;
    plan.arms = times_of(s) * KINDS;
    for (unsigned arm = 0; arm < plan.arms; arm++) {
        struct ranks_arm *a = &plan.arm[arm];
        *a = plan.arm[0];
        a->compute_us = s->us[arm / KINDS];
        a->one_late = s->one_late;
        a->culprit = s->ranks / 2;
        a->stall_us = arm % KINDS > 0 ? STALL_US : 0;
        a->from = FROM;
        a->to = arm % KINDS == 1 ? FROM + 1 : 0;
    }
    return plan;
}

/* --- a case ------------------------------------------------------------------------------------
 */

/* What an arm's steps with a stall take in each round, or without one the same steps: the first
 * one, or the median from there on. out[rounds]. 0, or -1: no memory. */
static int stalled_us(const struct ranks_log *log, unsigned arm, bool all, double *out) {
    size_t count, rounds = log->plan.rounds;
    double *times = ranks_step_times(log, arm, &count);
    if (!times)
        return -1;
    size_t each = count / rounds, from = log->plan.arm[arm].one_late ? FROM - 1 : FROM;
    for (size_t round = 0; round < rounds; round++)
        out[round] = stats_median(times + round * each + from, all ? each - from : 1);
    free(times);
    return 0;
}

/* The median time in the sum of the ranks that are not late, in step FROM of a round. */
static double sum_us(const struct ranks_log *log, unsigned arm, unsigned round) {
    unsigned culprit = log->plan.arm[arm].culprit, n = 0;
    double *comm = malloc(log->plan.ranks * sizeof *comm), median = NAN;
    for (size_t k = 0; comm && k < log->steps; k++) {
        const struct ranks_step *step = &log->step[k];
        if (step->arm != arm || step->round != round || step->step != FROM)
            continue;
        for (unsigned r = 0; r < log->plan.ranks; r++)
            if (r != culprit)
                comm[n++] = ranks_at(log, k, r)->end_us - ranks_at(log, k, r)->start_us;
        median = stats_median(comm, n);
        break;
    }
    free(comm);
    return median;
}

static int record_arm(struct lab_case *c, const struct ranks_log *log, unsigned arm) {
    const struct ranks_plan *plan = &log->plan;
    unsigned without = arm / KINDS * KINDS;
    bool all = arm % KINDS == 2;
    size_t rounds = plan->rounds;
    double *with = malloc(4 * rounds * sizeof *with), *base = with + rounds;
    double *ratio = with + 2 * rounds, *sum = with + 3 * rounds;
    if (!with || stalled_us(log, arm, all, with) != 0 || stalled_us(log, without, all, base) != 0) {
        free(with);
        return -1;
    }
    for (unsigned round = 0; round < rounds; round++) {
        ratio[round] = with[round] / base[round];
        sum[round] = sum_us(log, arm, round) / sum_us(log, without, round);
    }
    struct ratio normal = rounds_median(base, rounds, plan->seed);
    record_plan(c, plan);
    case_param_text(c, "late", kinds[arm % KINDS]);
    case_param_text(c, "overlap", overlaps[plan->arm[arm].one_late]);
    case_param_real(c, "delay", STALL_US);
    case_counter_ratio(c, "step", normal);
    case_counter_ratio(c, "step over normal", rounds_median(ratio, rounds, plan->seed));
    case_counter(c, "predicted ratio", (normal.value + STALL_US) / normal.value);
    if (!plan->arm[arm].one_late)
        case_counter_ratio(c, "sum over normal", rounds_median(sum, rounds, plan->seed));
    free(with);
    return 0;
}

static int record_all(struct lab_run *run, struct device *device, const struct ranks_log *log) {
    const struct ranks_plan *plan = &log->plan;
    for (unsigned arm = 0; arm < plan->arms; arm++) {
        const struct ranks_arm *a = &plan->arm[arm];
        if (arm % KINDS == 0)
            continue;
        struct lab_case *c =
            lab_case_begin(run, device_id(device), "05/essay/%s/N=%u/us=%.0f/%s/%s",
                           ranks_engine_name(plan->engine), plan->ranks, a->compute_us,
                           overlaps[a->one_late], kinds[arm % KINDS]);
        if (c && record_arm(c, log, arm) != 0) {
            lab_case_drop(c);
            return lab_error(run, "no memory for the steps of %u ranks", plan->ranks);
        }
        if (c && lab_case_end(c) != 0)
            return -1;
    }
    return 0;
}

int sweep_essay(struct lab_run *run, struct device *device) {
    struct ranks_plan plans[SETTINGS];
    int runs[SETTINGS];
    for (size_t k = 0; k < SETTINGS; k++) {
        plans[k] = plan_of(run, &settings[k]);
        runs[k] = engine_runs(run, device, plans[k].engine);
        if (runs[k] < 0)
            return -1;
        runs[k] = runs[k] && plans[k].rounds > 0;
        if (runs[k])
            lab_expect(run, plans[k].arms / KINDS * (KINDS - 1));
    }
    for (size_t k = 0; k < SETTINGS && !lab_stopping(run); k++) {
        struct ranks_log log;
        int status = runs[k] ? engine_run(run, &plans[k], &log) : 1;
        if (status < 0)
            return -1;
        if (status > 0)
            continue;
        status = record_all(run, device, &log);
        ranks_log_close(&log);
        if (status != 0)
            return -1;
    }
    return 0;
}

/* --- check -------------------------------------------------------------------------------------
 *
 * Twice as long, give or take a tenth, is held for each length of the step; what is simulated must
 * besides be as the formula has it.
 */

static bool is_simulated(const struct rows *rows, size_t k) {
    return row_is(rows, k, "engine", ranks_engine_name(RANKS_SMPI));
}

static enum answer is_twice(struct ratio r) {
    return answer_both(answer_above(r, 1.8), answer_below(r, 2.2));
}

/* Whose steps take as long as the essay's machine is asked to say: not those who take turns. */
static bool counts(const struct rows *rows, size_t k) {
    return !is_engine(rows, k) && !row_is(rows, k, "oversubscribed", "true");
}

/* Of the steps of the engine that comes first, in ms; and those that became twice as long. */
struct range {
    double shortest, longest, most, least;
    double from, to, sum; /* to 0: there are none */
};

static struct range range_of(const struct rows *rows) {
    struct range it = {INFINITY, 0, NAN, NAN, INFINITY, 0, NAN};
    const char *engine = NULL;
    for (size_t k = 0; k < rows->count; k++) {
        struct ratio r = row_ratio(rows, k, "step over normal");
        double ms = row_number(rows, k, "step") / 1e3;
        if (!counts(rows, k))
            continue;
        engine = engine ? engine : row_text(rows, k, "engine");
        if (!row_is(rows, k, "engine", engine))
            continue;
        it.most = ms < it.shortest ? r.value : it.most;
        it.least = ms > it.longest ? r.value : it.least;
        it.shortest = fmin(it.shortest, ms);
        it.longest = fmax(it.longest, ms);
        if (is_twice(r) != ANSWER_HELD)
            continue;
        it.from = fmin(it.from, ms);
        it.to = fmax(it.to, ms);
        it.sum = fmax(it.sum, row_number(rows, k, "sum over normal"));
    }
    return it;
}

static void tell(const struct rows *rows, size_t k, struct finding *f) {
    if (row_is(rows, k, "overlap", overlaps[0]) && row_is(rows, k, "late", kinds[2]))
        finding_number(f, "1", row_ratio(rows, k, "step over normal"),
                       "%.8s N=%.0f, step of %.2f ms: times as long, %.3f by (T0 + D)/T0%s",
                       row_text(rows, k, "engine"), row_number(rows, k, "ranks"),
                       row_number(rows, k, "step") / 1e3, row_number(rows, k, "predicted ratio"),
                       row_is(rows, k, "oversubscribed", "true") ? ", oversubscribed" : "");
}

void check_essay(const struct rows *rows, struct finding *f) {
    if (none_ran(rows, f))
        return;
    for (size_t k = 0; k < rows->count; k++) {
        struct ratio r = row_ratio(rows, k, "step over normal");
        tell(rows, k, f);
        if (!counts(rows, k))
            continue;
        finding_count(f, is_twice(r), rows, k);
        if (is_simulated(rows, k))
            finding_control(
                f, answer_if(fabs(r.value / row_number(rows, k, "predicted ratio") - 1) <= 0.01),
                "a simulated step with a stall D takes (T0 + D)/T0 times as long");
    }
    struct range it = range_of(rows);
    finding_say(f, "1.2 ms make a step of %.2f ms %.2f times as long, one of %.1f ms %.2f times",
                it.shortest, it.most, it.longest, it.least);
    if (it.to > 0) {
        finding_say(f, "; one of %.1f ms twice, and its sum %.0f times", it.to, it.sum);
        finding_range(f, "steps of %.2f to %.2f ms, of those from %.2f to %.2f ms", it.from, it.to,
                      it.shortest, it.longest);
    }
    finding_settle(f, SETTLE_ALL, "some of the steps");
}
