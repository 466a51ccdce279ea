/*
 * many.c, C7: the more ranks, the worse.
 *
 * A step lasts as long as its slowest rank. Each rank draws its own lateness in each step; what is
 * drawn is a function of the plan, so it is known here without a run. Three numbers follow, which
 * are not the same: the simulated steps, a few of them, against the maximum of their very draws;
 * the mean of that maximum over many more draws, of steps that were not simulated; and its
 * expectation. The first compares a run with arithmetic, the second arithmetic with theory.
 */
#include <math.h>
#include <stdlib.h>

#include "kernels/ranks/ranks_inside.h"
#include "labs/05-nccl-straggler/rounds.h"

#define COMPUTE_US 1000
#define JITTER_US 100
#define RARE_CHANCE 1e-3

static const struct {
    unsigned ranks, steps[3]; /* simulated: quick, default, full */
} settings[] = {
    {8, {50, 200, 400}}, {32, {20, 80, 160}}, {100, {6, 24, 100}},
    {256, {2, 12, 50}},  {1024, {1, 4, 20}},
};

enum kind { NONE, EXPONENTIAL, GAUSSIAN, RARE, KINDS };
static const char *const kind_names[] = {"none", "exponential", "gaussian", "rare"};

static struct ranks_plan plan_of(const struct lab_run *run, unsigned ranks, unsigned steps) {
    struct ranks_plan plan = ranks_plan_default(RANKS_SMPI, ranks);
    plan.algorithm = RANKS_DOUBLING;
    plan.seed = lab_seed(run);
    plan.rounds = 1;
    plan.steps = steps;
    plan.warmup = 1; /* in which ranks come together after they began */
    plan.arm[0].compute_us = COMPUTE_US;
    plan.arms = KINDS;
    for (unsigned arm = 1; arm < KINDS; arm++)
        plan.arm[arm] = plan.arm[0];
    plan.arm[EXPONENTIAL].jitter = STRAGGLER_EXPONENTIAL;
    plan.arm[GAUSSIAN].jitter = STRAGGLER_GAUSSIAN;
    plan.arm[EXPONENTIAL].jitter_us = plan.arm[GAUSSIAN].jitter_us = JITTER_US;
    plan.arm[RARE].stall = STRAGGLER_RARE;
    plan.arm[RARE].stall_us = RARE_US;
    plan.arm[RARE].chance = RARE_CHANCE;
    return plan;
}

/* --- theory ------------------------------------------------------------------------------------
 *
 * H. A. David, H. N. Nagaraja: Order Statistics (2003): the expected maximum of n draws from F is
 * the integral of x dF(x)^n; H_n for the exponential distribution of mean 1.
 */

static double harmonic(unsigned n) {
    double sum = 0;
    for (unsigned k = n; k > 0; k--)
        sum += 1.0 / k;
    return sum;
}

/* The trapezoidal rule, which for this integrand is exact to the last digits. */
static double normal_maximum(unsigned n) {
    const double step = 1.0 / 64;
    double sum = 0;
    for (double x = -12; x <= 12; x += step) {
        double density = exp(-x * x / 2) / sqrt(2 * M_PI), below = erfc(-x / sqrt(2)) / 2;
        sum += step * x * n * density * pow(below, n - 1);
    }
    return sum;
}

static double expected_us(enum kind kind, unsigned ranks) {
    if (kind == EXPONENTIAL)
        return JITTER_US * harmonic(ranks);
    if (kind == GAUSSIAN)
        return JITTER_US * normal_maximum(ranks);
    return kind == RARE ? -RARE_US * expm1(ranks * log1p(-RARE_CHANCE)) : 0;
}

/* --- what was drawn ----------------------------------------------------------------------------
 */

/* The lateness of a step's slowest rank. */
static double slowest_us(const struct ranks_plan *plan, unsigned arm, unsigned step) {
    double most = -INFINITY;
    for (unsigned r = 0; r < plan->ranks; r++) {
        double late =
            ranks_jitter_us(plan, arm, 0, step, r) + ranks_stall_us(plan, arm, 0, step, r);
        most = fmax(most, late);
        if (plan->arm[arm].stall_us > 0 && most >= plan->arm[arm].stall_us)
            break; /* no jitter in this arm: nobody can be later */
    }
    return most;
}

/* The mean over so many steps that they hold `draws` draws of ranks, with the 95 % interval of a
 * mean of independent steps. */
static struct ratio drawn_mean(const struct lab_run *run, unsigned ranks, enum kind kind,
                               double draws, unsigned *steps) {
    *steps = (unsigned)ceil(draws / ranks);
    struct ranks_plan plan = plan_of(run, ranks, *steps);
    double sum = 0, squares = 0, n = *steps;
    for (unsigned step = 0; step < *steps; step++) {
        double late = slowest_us(&plan, kind, step);
        sum += late;
        squares += late * late;
    }
    double mean = sum / n, half = 1.96 * sqrt(fmax(0, squares / n - mean * mean) / (n - 1));
    return (struct ratio){mean, mean - half, mean + half};
}

/* --- what was simulated ------------------------------------------------------------------------
 */

struct simulated {
    double mean;  /* beyond computing and the sum, µs */
    double worst; /* largest part of a step that its draws do not explain */
};

/* `sum`: the time of a sum when nobody is late. 0, or -1: no memory. */
static int simulated_of(const struct ranks_log *log, unsigned arm, double sum,
                        struct simulated *out) {
    size_t count;
    double *times = ranks_step_times(log, arm, &count);
    *out = (struct simulated){0};
    for (size_t k = 0; times && k < count; k++) {
        double predicted = COMPUTE_US + sum + slowest_us(&log->plan, arm, (unsigned)k);
        out->mean += (times[k] - COMPUTE_US - sum) / (double)count;
        out->worst = fmax(out->worst, fabs(times[k] / predicted - 1));
    }
    free(times);
    return times ? 0 : -1;
}

static int record_kind(struct lab_run *run, struct lab_case *c, const struct ranks_log *log,
                       enum kind kind, double sum) {
    /* A rare stall is rare: of 8 ranks, one step in 125 has one. */
    double draws = (kind == RARE ? 24e6 : 1e6) * (lab_mode(run) == LAB_QUICK ? 1 : 3);
    const struct ranks_arm *arm = &log->plan.arm[kind];
    struct simulated simulated;
    unsigned steps;
    if (simulated_of(log, kind, sum, &simulated) != 0)
        return -1;
    record_plan(c, &log->plan);
    case_param_text(c, "kind", kind_names[kind]);
    case_param_real(c, "jitter", arm->jitter_us);
    case_param_real(c, "delay", arm->stall_us);
    case_param_real(c, "chance", arm->chance);
    case_param_int(c, "steps", (int64_t)log->plan.steps);
    case_counter(c, "simulated", simulated.mean);
    case_counter(c, "unexplained", simulated.worst);
    if (kind == NONE)
        return 0;
    struct ratio drawn = drawn_mean(run, log->plan.ranks, kind, draws, &steps);
    double expected = expected_us(kind, log->plan.ranks);
    case_param_int(c, "drawn steps", steps);
    case_counter_ratio(c, "drawn", drawn);
    case_counter(c, "expected", expected);
    case_counter_ratio(c, "drawn over expected", ratio_over(drawn, expected));
    if (kind != GAUSSIAN) /* whose own mean is 0 */
        case_counter_ratio(c, "amplification",
                           ratio_over(drawn, kind == RARE ? RARE_CHANCE * RARE_US : JITTER_US));
    return 0;
}

static double quiet_sum_us(const struct ranks_log *log) {
    size_t count;
    double *least = rounds_steps(log, NONE, ROUNDS_LEAST, &count);
    double us = least && count > 0 ? least[0] : NAN;
    free(least);
    return us;
}

static int sweep_ranks(struct lab_run *run, struct device *device, unsigned ranks, unsigned steps) {
    struct ranks_plan plan = plan_of(run, ranks, steps);
    struct lab_case *cases[KINDS];
    struct ranks_log log;
    bool any = false;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        cases[kind] =
            lab_case_begin(run, device_id(device), "05/many/smpi/N=%u/%s", ranks, kind_names[kind]);
        any = any || cases[kind];
    }
    int status = any ? engine_run(run, &plan, &log) : 1;
    if (status == 0) {
        double sum = quiet_sum_us(&log);
        for (unsigned kind = 0; kind < KINDS && status == 0; kind++)
            if (cases[kind] && record_kind(run, cases[kind], &log, (enum kind)kind, sum) != 0)
                status = lab_error(run, "no memory for %zu steps", log.steps);
        ranks_log_close(&log);
    }
    return cases_end(cases, KINDS, status);
}

int sweep_many(struct lab_run *run, struct device *device) {
    int runs = engine_runs(run, device, RANKS_SMPI);
    lab_expect(run, runs > 0 ? sizeof settings / sizeof *settings * KINDS : 0);
    for (size_t k = 0; runs > 0 && k < sizeof settings / sizeof *settings && !lab_stopping(run);
         k++)
        if (sweep_ranks(run, device, settings[k].ranks, settings[k].steps[lab_mode(run)]) != 0)
            return -1;
    return runs < 0 ? -1 : 0;
}

/* --- check -------------------------------------------------------------------------------------
 *
 * Against the claim: more ranks whose steps are no longer; a mean of the maximum that is off its
 * expectation by 3 % or more; and a simulated step that its own draws do not explain to 1 %.
 */

#define OFF_EXPECTED 0.03
#define UNEXPLAINED 0.01

/* What a step of processes varies by without a stall, from the median to the slowest twentieth;
 * NAN: not measured. */
static double noise_floor(const struct rows *rows) {
    for (size_t k = 0; k < rows->count; k++)
        if (row_has(rows, k, "p95") && row_number(rows, k, "delay") == 0 &&
            !row_is(rows, k, "engine", "smpi") && !row_is(rows, k, "oversubscribed", "true"))
            return row_number(rows, k, "p95") - row_number(rows, k, "p50");
    return NAN;
}

static void tell_kind(const struct rows *rows, struct finding *f, size_t k) {
    const char *kind = row_text(rows, k, "kind");
    double ranks = row_number(rows, k, "ranks");
    finding_number(f, "us", row_ratio(rows, k, "drawn"), "%.12s, %.0f ranks: slowest rank, mean",
                   kind, ranks);
    finding_number(f, "1", row_ratio(rows, k, "drawn over expected"),
                   "%.12s, %.0f ranks: that over its expectation", kind, ranks);
    if (row_is(rows, k, "kind", "rare"))
        finding_number(f, "1", row_ratio(rows, k, "amplification"),
                       "%.12s, %.0f ranks: what all lose, over what a rank loses itself", kind,
                       ranks);
}

/* From how many ranks on a rare stall costs more than the floor in the mean. */
static double ranks_above(double floor, double chance, double delay) {
    return floor < delay ? fmax(1, ceil(log1p(-floor / delay) / log1p(-chance))) : INFINITY;
}

void check_many(const struct rows *all, struct finding *f) {
    double floor = noise_floor(all), low = NAN, high = NAN, from = NAN;
    if (none_ran(all, f))
        return;
    struct rows rows = rows_select(all, "05/many/", NULL);
    rows_sort(&rows, "kind;ranks");
    for (size_t k = 0; k < rows.count; k++) {
        finding_count(f, answer_if(row_number(&rows, k, "unexplained") < UNEXPLAINED), &rows, k);
        if (!row_has(&rows, k, "drawn"))
            continue;
        struct ratio drawn = row_ratio(&rows, k, "drawn"),
                     over = row_ratio(&rows, k, "drawn over expected");
        finding_count(
            f,
            answer_both(answer_above(over, 1 - OFF_EXPECTED), answer_below(over, 1 + OFF_EXPECTED)),
            &rows, k);
        if (k > 0 && rows_equal(&rows, k, k - 1, "kind"))
            finding_count(f, answer_greater(drawn, row_ratio(&rows, k - 1, "drawn")), &rows, k);
        tell_kind(&rows, f, k);
        if (!row_is(&rows, k, "kind", "rare"))
            continue;
        double amplified = row_number(&rows, k, "amplification");
        low = fmin(low, amplified);
        high = fmax(high, amplified);
        from = ranks_above(floor, row_number(&rows, k, "chance"), row_number(&rows, k, "delay"));
    }
    if (isfinite(floor)) {
        finding_number(f, "us", number(floor), "noise floor of processes: p95 - p50 of a step");
        finding_number(f, "1", number(from),
                       "ranks from which a rare stall costs more in the mean");
    }
    rows_free(&rows);
    finding_say(f,
                "a rare stall costs all simulated ranks %.0f to %.0f times what it costs its own",
                low, high);
    if (isfinite(from))
        finding_say(f, ", and more than the noise floor (%.0f us) from %.0f ranks on", floor, from);
    else if (isinf(from))
        finding_say(f, ", and never as much as the noise floor (%.0f us)", floor);
    finding_settle(f, SETTLE_ALL, "for some kinds of lateness or numbers of ranks");
}
