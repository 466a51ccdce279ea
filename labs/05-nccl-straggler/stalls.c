/*
 * stalls.c, C2: what a stall of known size adds to everybody's step; C9: what it adds to the
 * communication itself.
 *
 * In every round the steps are run without a stall, twice, and with one rank late by each of
 * several times: the same rank always, or the ranks in turn. What the second run without a stall
 * differs from the first is the noise floor. rare.c adds stalls that are rare, and where they end
 * up in the distribution of the steps.
 */
#include <stdlib.h>

#include "labs/05-nccl-straggler/rounds.h"

#define BYTES 4096
#define LARGE_BYTES (256 << 10) /* whose time is well above the noise of processes: C9 */
#define COMPUTE_US 500
#define TWENTY 1024 /* ranks that have 20 steps, 5 arms of 1 and 3, but in a full run */

static const double delays[] = {150, 300, 600, 1200, 2400};
#define DELAYS (sizeof delays / sizeof *delays)

struct setting {
    enum ranks_engine engine;
    unsigned ranks;
    unsigned rounds[3]; /* quick, default, full */
    unsigned steps;
};

static const struct setting simulated[] = {
    {RANKS_SMPI, 32, {1, 1, 1}, 3},
    {RANKS_SMPI, 256, {1, 1, 1}, 2},
    {RANKS_SMPI, TWENTY, {1, 1, 1}, 3},
};
static const struct setting on_gpu[] = {
    {VIRTUAL, 2, {15, 41, 101}, 5}, {VIRTUAL, 4, {15, 41, 101}, 5}, {VIRTUAL, 8, {15, 41, 101}, 5}};

static struct ranks_plan plan_of(const struct lab_run *run, const struct setting *s) {
    struct ranks_plan plan = ranks_plan_default(s->engine, s->ranks);
    plan.algorithm = s->engine == RANKS_NCCL ? RANKS_RING : RANKS_DOUBLING;
    plan.compute = s->engine == RANKS_NCCL ? RANKS_KERNEL : RANKS_SLEEP;
    plan.seed = lab_seed(run);
    plan.rounds = s->rounds[lab_mode(run)];
    plan.steps = s->steps;
    plan.arm[0].bytes = BYTES;
    plan.arm[0].compute_us = s->engine == VIRTUAL ? 0 : COMPUTE_US;
    plan.arm[0].culprit = s->ranks / 2;
    plan.arm[1] = plan.arm[0];
    plan.arms = 2;
    plan.warmup = 1;
    bool few = (s->ranks == TWENTY && lab_mode(run) != LAB_FULL) ||
               (s->ranks > 32 && lab_mode(run) == LAB_QUICK);
    for (size_t k = 0; k < 2 * DELAYS; k++) {
        enum straggler_kind kind = k < DELAYS ? STRAGGLER_PERSISTENT : STRAGGLER_ROTATING;
        double delay = delays[k % DELAYS];
        if (few && delay != 1200 && (delay != 300 || kind == STRAGGLER_ROTATING))
            continue;
        struct ranks_arm *arm = &plan.arm[plan.arms++];
        *arm = plan.arm[0];
        arm->stall = kind;
        arm->stall_us = delay;
    }
    for (int late = 0; late < 2 && s->ranks <= 32; late++) {
        struct ranks_arm *arm = &plan.arm[plan.arms++];
        *arm = plan.arm[0];
        arm->bytes = LARGE_BYTES;
        arm->stall_us = late ? 1200 : 0;
    }
    return plan;
}

/* The arm with the same message in which nobody is late. */
static unsigned quiet_arm(const struct ranks_plan *plan, unsigned arm) {
    unsigned k = 0;
    while (plan->arm[k].bytes != plan->arm[arm].bytes || plan->arm[k].stall_us > 0)
        k++;
    return k;
}

/* --- a run's cases ----------------------------------------------------------------------------
 */

/* Medians of all arms in all rounds: [arms × rounds]. */
struct measured {
    double *step, *least, *wasted;
};

static int measure(const struct ranks_log *log, struct measured *m) {
    const struct ranks_plan *plan = &log->plan;
    size_t rounds = plan->rounds;
    m->step = malloc((size_t)plan->arms * rounds * sizeof *m->step);
    m->least = malloc((size_t)plan->arms * rounds * sizeof *m->least);
    m->wasted = malloc((size_t)plan->arms * rounds * sizeof *m->wasted);
    int status = m->step && m->least && m->wasted ? 0 : -1;
    for (unsigned arm = 0; arm < plan->arms && status == 0; arm++) {
        status = rounds_medians(log, arm, ROUNDS_STEP, m->step + arm * rounds);
        if (status == 0)
            status = rounds_medians(log, arm, ROUNDS_LEAST, m->least + arm * rounds);
        if (status == 0)
            status = rounds_medians(log, arm, ROUNDS_WASTED, m->wasted + arm * rounds);
    }
    return status;
}

/* Between machines there is a network; inside of one, memory and wires that lose nothing. */
static bool sends_again(const struct ranks_log *log) {
    return log->machines > 1;
}

/* One after another, of one sum. */
static double messages(const struct ranks_plan *plan) {
    return plan->algorithm == RANKS_RING ? 2 * (plan->ranks - 1.0) : ceil(log2(plan->ranks));
}

static void record_arm(struct lab_case *c, const struct ranks_log *log, const struct measured *m,
                       unsigned arm) {
    const struct ranks_plan *plan = &log->plan;
    const struct ranks_arm *a = &plan->arm[arm];
    size_t rounds = plan->rounds;
    const double *step = m->step + arm * rounds, *least = m->least + arm * rounds;
    const double *quiet_step = m->step + quiet_arm(plan, arm) * rounds;
    const double *quiet_least = m->least + quiet_arm(plan, arm) * rounds;
    struct ratio added = rounds_added(step, quiet_step, rounds, plan->seed);
    record_plan(c, plan);
    case_param_int(c, "bytes", (int64_t)a->bytes);
    case_param_text(c, "kind", a->stall_us > 0 ? straggler_kind_name(a->stall) : "none");
    case_param_real(c, "delay", a->stall_us);
    case_param_flag(c, "sends again", sends_again(log));
    case_counter_ratio(c, "step", rounds_median(step, rounds, plan->seed));
    case_counter_ratio(c, "least", rounds_median(least, rounds, plan->seed));
    case_counter_ratio(c, "wasted", rounds_median(m->wasted + arm * rounds, rounds, plan->seed));
    case_counter_ratio(c, "added", added);
    if (a->stall_us > 0)
        case_counter_ratio(c, "added over delay", ratio_over(added, a->stall_us));
    case_counter_ratio(c, "least added", rounds_added(least, quiet_least, rounds, plan->seed));
    case_counter(c, "message",
                 rounds_median(quiet_least, rounds, plan->seed).value / messages(plan));
    if (a->stall_us == 1200 && a->bytes == BYTES && plan->ranks <= 32)
        record_log(c, log, arm);
}

static const enum straggler_kind kinds[] = {STRAGGLER_PERSISTENT, STRAGGLER_ROTATING};
#define KINDS (sizeof kinds / sizeof *kinds)
/* Of a run: arms, slopes, what the run took. */
#define CASES (2 + KINDS * DELAYS + 2 + KINDS + 1)

/* The slope of the step's time over the stalls of one kind, none included. 0, or -1: no memory. */
static int record_slope(struct lab_case *c, const struct ranks_plan *plan, const struct measured *m,
                        enum straggler_kind kind) {
    size_t rounds = plan->rounds, points = 0;
    double x[1 + DELAYS], *y = malloc((1 + DELAYS) * rounds * sizeof *y);
    for (unsigned arm = 0; y && arm < plan->arms; arm++) {
        const struct ranks_arm *a = &plan->arm[arm];
        if (a->bytes != BYTES || (arm > 0 && (a->stall_us == 0 || a->stall != kind)))
            continue;
        x[points] = a->stall_us;
        for (size_t round = 0; round < rounds; round++)
            y[points * rounds + round] = m->step[arm * rounds + round];
        points++;
    }
    record_plan(c, plan);
    case_param_text(c, "kind", straggler_kind_name(kind));
    if (y)
        case_counter_ratio(c, "slope", rounds_slope(x, y, points, rounds, plan->seed));
    case_counter(c, "floor",
                 ratio_reach(rounds_added(m->step + rounds, m->step, rounds, plan->seed)));
    free(y);
    return y ? 0 : -1;
}

static void record_run(struct lab_case *c, const struct ranks_log *log) {
    const struct ranks_plan *plan = &log->plan;
    record_plan(c, plan);
    case_param_int(c, "steps", (int64_t)plan->rounds * plan->arms * (plan->warmup + plan->steps));
    case_param_int(c, "bytes", BYTES);
    case_counter(c, "wall", log->wall_s);
    case_counter(c, "peak", log->peak_bytes > 0 ? log->peak_bytes : NAN);
}

static int record_all(struct lab_run *run, const struct ranks_log *log, struct lab_case **cases) {
    const struct ranks_plan *plan = &log->plan;
    struct measured m = {0};
    int status = measure(log, &m);
    for (unsigned arm = 0; arm < plan->arms && status == 0; arm++)
        if (cases[arm])
            record_arm(cases[arm], log, &m, arm);
    for (size_t k = 0; k < KINDS && status == 0; k++)
        if (cases[plan->arms + k])
            status = record_slope(cases[plan->arms + k], plan, &m, kinds[k]);
    if (cases[plan->arms + KINDS])
        record_run(cases[plan->arms + KINDS], log);
    free(m.step);
    free(m.least);
    free(m.wasted);
    return status == 0 ? 0 : lab_error(run, "no memory for a log of %u ranks", plan->ranks);
}

static int sweep_setting(struct lab_run *run, struct device *device, const struct setting *s) {
    struct ranks_plan plan = plan_of(run, s);
    const char *on = device_id(device), *engine = engine_name(s->engine);
    struct lab_case *cases[CASES];
    struct ranks_log log;
    size_t count = 0, any = 0;
    for (; count < plan.arms; count++) {
        const struct ranks_arm *a = &plan.arm[count];
        cases[count] =
            lab_case_begin(run, on, "05/stall/%s/N=%u/%s/D=%g%s%s", engine, s->ranks,
                           a->stall_us > 0 ? straggler_kind_name(a->stall) : "none", a->stall_us,
                           a->bytes == BYTES ? "" : "/large", count == 1 ? "/again" : "");
    }
    for (size_t k = 0; k < KINDS; k++)
        cases[count++] = lab_case_begin(run, on, "05/slope/%s/N=%u/%s", engine, s->ranks,
                                        straggler_kind_name(kinds[k]));
    cases[count++] = lab_case_begin(run, on, "05/run/%s/N=%u", engine, s->ranks);
    for (size_t k = 0; k < count; k++)
        any += cases[k] != NULL;
    int status = any == 0               ? 1
                 : s->engine == VIRTUAL ? virtual_run(run, device, &plan, &log)
                                        : engine_run(run, &plan, &log);
    if (status == 0) {
        status = record_all(run, &log, cases);
        ranks_log_close(&log);
    }
    return cases_end(cases, count, status);
}

/* --- sweep -------------------------------------------------------------------------------------
 */

static int sweep_settings(struct lab_run *run, struct device *device, const struct setting *list,
                          size_t count) {
    for (size_t k = 0; k < count; k++)
        lab_expect(run, plan_of(run, &list[k]).arms + KINDS + 1);
    for (size_t k = 0; k < count && !lab_stopping(run); k++)
        if (sweep_setting(run, device, &list[k]) != 0)
            return -1;
    return 0;
}

static int sweep_engine(struct lab_run *run, struct device *device, enum ranks_engine engine) {
    struct setting list[ENGINE_COUNTS];
    unsigned counts[ENGINE_COUNTS];
    int runs = engine_runs(run, device, engine);
    if (runs <= 0)
        return runs;
    if (engine == RANKS_SMPI)
        return sweep_settings(run, device, simulated, sizeof simulated / sizeof *simulated);
    size_t count = engine_counts(run, device, engine, counts);
    for (size_t k = 0; k < count; k++)
        list[k] = (struct setting){engine, counts[k], {11, 41, 101}, 4};
    return sweep_settings(run, device, list, count);
}

int sweep_stalls(struct lab_run *run, struct device *device) {
    static const enum ranks_engine engines[] = {RANKS_OPENMPI, RANKS_SMPI, RANKS_NCCL};
    if (device_kind(device) == DEVICE_CUDA)
        /* Whether NCCL could be asked is told where only a GPU is looked at, too. */
        return engine_runs(run, device, RANKS_NCCL) < 0
                   ? -1
                   : sweep_settings(run, device, on_gpu, sizeof on_gpu / sizeof *on_gpu);
    for (size_t k = 0; k < sizeof engines / sizeof *engines && !lab_stopping(run); k++)
        if (sweep_engine(run, device, engines[k]) != 0)
            return -1;
    return sweep_rare(run, device);
}

/* --- C2 ----------------------------------------------------------------------------------------
 *
 * Against the claim: a step that becomes longer by less than 0.9 or by more than 1.1 of the stall;
 * and a slowest hundredth of the steps, with rare stalls or without, that takes longer than the
 * median step less because a rank came late than because the communication did. More ranks than
 * cores come late by taking turns, stalled or not: told, and not counted. On a machine so busy that
 * its noise is larger than the stalls neither is settled. A tenth of the smallest stall, 150 us, is
 * what the noise of a quiet machine is below.
 */

#define SLOPE_LEAST 0.9
#define SLOPE_MOST 1.1
#define LATE_LEAST 0.5

static void tell_added(const struct rows *rows, struct finding *f, size_t k) {
    finding_number(f, "us", row_ratio(rows, k, "added"), "%.12s, %.0f ranks, %.12s: %.0f us add",
                   row_text(rows, k, "engine"), row_number(rows, k, "ranks"),
                   row_text(rows, k, "kind"), row_number(rows, k, "delay"));
}

static void tell_slope(const struct rows *rows, struct finding *f, size_t k) {
    finding_number(f, "1", row_ratio(rows, k, "slope"), "%.12s, %.0f ranks, %.12s%s: slope",
                   row_text(rows, k, "engine"), row_number(rows, k, "ranks"),
                   row_text(rows, k, "kind"),
                   row_is(rows, k, "oversubscribed", "true") ? ", oversubscribed" : "");
    if (row_is(rows, k, "kind", "persistent") && !row_is(rows, k, "engine", "smpi"))
        finding_number(f, "us", number(row_number(rows, k, "floor")),
                       "%.12s, %.0f ranks: noise floor, the same twice",
                       row_text(rows, k, "engine"), row_number(rows, k, "ranks"));
}

static void tell_rare(const struct rows *rows, struct finding *f, size_t k) {
    static const char *const of[] = {"p50", "p95", "p99", "max"};
    const char *stalls = row_number(rows, k, "delay") > 0 ? "rare" : "none";
    for (size_t q = 0; q < sizeof of / sizeof *of; q++)
        finding_number(f, "us", number(row_number(rows, k, of[q])),
                       "%.12s, %.0f ranks, stalls %s: %s of the step", row_text(rows, k, "engine"),
                       row_number(rows, k, "ranks"), stalls, of[q]);
    if (row_number(rows, k, "delay") > 0)
        finding_number(f, "1", number(row_number(rows, k, "stalled part")),
                       "%.12s, %.0f ranks: of the slowest 1 %% of steps, those with a stall",
                       row_text(rows, k, "engine"), row_number(rows, k, "ranks"));
    finding_number(f, "1", number(row_number(rows, k, "late part")),
                   "%.12s, %.0f ranks, stalls %s: of their time beyond p50, a late rank's",
                   row_text(rows, k, "engine"), row_number(rows, k, "ranks"), stalls);
}

static enum answer whole_stall(const struct rows *rows, size_t k) {
    struct ratio slope = row_ratio(rows, k, "slope");
    if (!(row_number(rows, k, "floor") < delays[0]))
        return ANSWER_OPEN;
    return answer_both(answer_above(slope, SLOPE_LEAST), answer_below(slope, SLOPE_MOST));
}

static enum answer late_tail(const struct rows *rows, size_t k) {
    for (size_t i = 0; i < rows->count; i++) /* the same steps with no stall */
        if (row_has(rows, i, "p99") && row_number(rows, i, "delay") == 0 &&
            rows_equal(rows, i, k, "engine;ranks") &&
            row_number(rows, i, "p99") - row_number(rows, i, "p50") < RARE_US)
            return answer_if(row_number(rows, k, "late part") > LATE_LEAST);
    return ANSWER_OPEN;
}

void check_pace(const struct rows *rows, struct finding *f) {
    double low = NAN, high = NAN, late = NAN;
    bool processes = false;
    if (none_ran(rows, f))
        return;
    for (size_t k = 0; k < rows->count; k++) {
        double slope = row_number(rows, k, "slope"), part = row_number(rows, k, "late part");
        bool counts = !row_is(rows, k, "oversubscribed", "true");
        if (row_has(rows, k, "slope")) {
            tell_slope(rows, f, k);
            if (!counts)
                continue;
            finding_count(f, whole_stall(rows, k), rows, k);
            processes = processes || !row_is(rows, k, "engine", "smpi");
            low = fmin(low, slope);
            high = fmax(high, slope);
        } else if (row_has(rows, k, "p99")) {
            tell_rare(rows, f, k);
            if (counts && isfinite(part)) {
                finding_count(f, late_tail(rows, k), rows, k);
                late = fmin(late, part);
            }
        }
    }
    for (size_t k = 0; k < rows->count; k++)
        if (row_number(rows, k, "delay") > 0 && row_number(rows, k, "bytes") == BYTES &&
            row_is(rows, k, "kind", "persistent"))
            tell_added(rows, f, k);
    finding_say(f, "a %srank's stall adds %.2f to %.2f of itself to all steps",
                processes ? "" : "simulated ", low, high);
    if (isfinite(late))
        finding_say(f,
                    "; of what the slowest 1 %% take beyond the median, %.0f %% is a late rank's, "
                    "or more",
                    100 * late);
    finding_settle(f, SETTLE_ALL, "for some numbers of ranks, or not for the slowest steps");
}

/* --- C9 ----------------------------------------------------------------------------------------
 *
 * Whoever sends again sends at least one message more, and the communication in which nobody waited
 * becomes longer by at least that. So for the claim: at least half a message's time more with a
 * late rank; against it: less, with the whole interval. Either speaks of repeated messages only
 * where something can repeat them: ranks on several machines. Shared memory and simulated wires
 * cannot: more time there has another cause, and less says nothing of a network. Where there is a
 * network they are told, and not counted; where there is none a control says so.
 */

/* Of large messages, which stand out of the noise, with a late rank that has a core. */
static bool may_repeat(const struct rows *rows, size_t k) {
    return row_number(rows, k, "bytes") >= LARGE_BYTES && row_number(rows, k, "delay") > 0 &&
           !row_is(rows, k, "oversubscribed", "true");
}

static bool over_network(const struct rows *rows, size_t k) {
    return row_is(rows, k, "sends again", "true");
}

static void tell_repeat(const struct rows *rows, struct finding *f, size_t k) {
    struct ratio added = row_ratio(rows, k, "least added");
    finding_number(f, "us", added, "%.12s, %.0f ranks: least communication, added by a late rank",
                   row_text(rows, k, "engine"), row_number(rows, k, "ranks"));
    if (row_is(rows, k, "engine", "smpi"))
        finding_control(f, answer_if(fabs(added.value) < 1e-3),
                        "simulated wires, which cannot repeat a message, take the same time");
}

void check_retransmission(const struct rows *rows, struct finding *f) {
    double most = -1, of = NAN;
    bool network = false;
    if (none_ran(rows, f))
        return;
    for (size_t k = 0; k < rows->count; k++)
        network = network || (may_repeat(rows, k) && over_network(rows, k));
    for (size_t k = 0; k < rows->count; k++) {
        struct ratio added = row_ratio(rows, k, "least added");
        double message = row_number(rows, k, "message");
        if (!may_repeat(rows, k))
            continue;
        tell_repeat(rows, f, k);
        if (over_network(rows, k) != network)
            continue;
        finding_count(f, answer_above(ratio_over(added, message), 0.5), rows, k);
        if (ratio_reach(added) > most) {
            most = ratio_reach(added);
            of = message;
        }
    }
    finding_say(f,
                "a late rank changes the communication that nobody waits in by %.3g us at most; "
                "a message more would take %.3g us",
                fmax(most, 0), of);
    if (f->held + f->against > 0)
        finding_control(f, answer_if(network),
                        "what carries messages here could send one again (shared memory and "
                        "simulated wires cannot)");
    finding_settle(f, SETTLE_ALL, "with some numbers of ranks");
}
