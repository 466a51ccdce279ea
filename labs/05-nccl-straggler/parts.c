/*
 * parts.c, C1: a step's time from its parts, and the communication's from the message.
 *
 * A step is computing, waiting, and a least communication time, in which nobody waited: what of it
 * is in no rank's log is the residual. And the least communication time of a sum is α + n/β for
 * every message in it. On simulated wires α and β are given, and the sum's time is predicted from
 * its algorithm; of real ranks they are fitted, and what a size is off the line is the residual.
 */
#include <stdio.h>
#include <stdlib.h>

#include "harness/measure/stats.h"
#include "labs/05-nccl-straggler/rounds.h"

#define COMPUTE_US 300
/* Between two steps a rank hashes its result; beyond so many bytes that is no small part of them.
 */
#define SMALL 4096

/* Sums of several sizes in one run. */
struct sums {
    enum ranks_engine engine;
    unsigned ranks;
    enum ranks_algorithm algorithm;
    unsigned per_node; /* SMPI: two levels of wires, if > 1 */
    int slow_node;
    bool quick; /* in a quick run, too */
};

static const struct sums simulated[] = {
    {RANKS_SMPI, 4, RANKS_DOUBLING, 1, -1, false}, {RANKS_SMPI, 8, RANKS_DOUBLING, 1, -1, true},
    {RANKS_SMPI, 32, RANKS_DOUBLING, 1, -1, true}, {RANKS_SMPI, 4, RANKS_RING, 1, -1, false},
    {RANKS_SMPI, 8, RANKS_RING, 1, -1, true},      {RANKS_SMPI, 32, RANKS_RING, 1, -1, false},
    {RANKS_SMPI, 32, RANKS_RING, 8, -1, false},    {RANKS_SMPI, 32, RANKS_RING, 8, 1, true},
};
#define SUMS (sizeof simulated / sizeof *simulated)

/* Each is a multiple of 4 bytes × 32 ranks but the first, of which no ring can be made. */
static const uint64_t sizes[] = {4, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20};
#define SIZES (sizeof sizes / sizeof *sizes)

static struct ranks_plan plan_of(const struct lab_run *run, const struct sums *s) {
    struct ranks_plan plan = ranks_plan_default(s->engine, s->ranks);
    bool smpi = s->engine == RANKS_SMPI;
    plan.algorithm = s->algorithm;
    plan.seed = lab_seed(run);
    plan.cluster.per_node = s->per_node;
    plan.cluster.slow_node = s->slow_node;
    plan.rounds = smpi ? 1 : lab_mode(run) == LAB_QUICK ? 7 : 31;
    plan.steps = smpi ? 2 : 5;
    if (s->engine == RANKS_NCCL)
        plan.compute = RANKS_KERNEL;
    plan.warmup = 1;
    plan.arms = 0;
    for (size_t k = s->algorithm == RANKS_RING; k < SIZES; k++) {
        plan.arm[plan.arms] = plan.arm[0];
        plan.arm[plan.arms].compute_us = COMPUTE_US;
        plan.arm[plan.arms++].bytes = sizes[k];
    }
    return plan;
}

/* --- what a sum should take --------------------------------------------------------------------
 *
 * R. Thakur, R. Rabenseifner, W. Gropp: Optimization of Collective Communication Operations in
 * MPICH (2005), without the cost of adding, which takes no simulated time.
 */

static double theory_us(const struct ranks_plan *plan, uint64_t bytes) {
    const struct ranks_cluster *wires = &plan->cluster;
    double n = (double)bytes, ranks = plan->ranks;
    double alpha = 2 * wires->latency_us, beta = 1e3 * wires->gbs; /* bytes/us */
    if (wires->slow_node >= 0) /* every part of the ring passes its wires in every step */
        beta /= 2;
    if (plan->algorithm == RANKS_DOUBLING)
        return log2(ranks) * (alpha + n / beta);
    return 2 * (ranks - 1) * (alpha + n / ranks / beta);
}

/* --- what it takes -----------------------------------------------------------------------------
 */

/* α and β over all arms. 0, or -1 with `why`. */
static int fit(const struct ranks_log *log, struct straggler_fit *out, char *why) {
    struct straggler_log all;
    if (straggler_log_open(&all, log->plan.ranks, log->steps) != 0)
        return snprintf(why, STRAGGLER_WHY, "no memory for %zu steps", log->steps), -1;
    for (size_t k = 0; k < log->steps; k++) {
        all.step[k] = (struct straggler_step){STRAGGLER_ALL_REDUCE, log->step[k].bytes, k};
        for (unsigned r = 0; r < all.ranks; r++) {
            const struct ranks_cell *cell = ranks_at(log, k, r);
            *straggler_at(&all, k, r) =
                (struct straggler_cell){cell->compute_us, cell->start_us, cell->end_us, true};
        }
    }
    int status = straggler_fit(&all, out, why);
    straggler_log_close(&all);
    return status;
}

/* Of a step, from the end of the last one to its own, the part that its rank neither computed nor
 * communicated; the median of the ranks, then of a round's steps: out[rounds]. 0, or -1. */
static int unlogged(const struct ranks_log *log, unsigned arm, double *out) {
    unsigned ranks = log->plan.ranks, steps = log->plan.steps;
    double *part = malloc(ranks * sizeof *part), *step = malloc(steps * sizeof *step);
    unsigned count = 0, round = 0;
    for (size_t k = 0; part && step && k < log->steps; k++) {
        if (log->step[k].arm != arm || log->step[k].step == 0)
            continue;
        for (unsigned r = 0; r < ranks; r++) {
            const struct ranks_cell *cell = ranks_at(log, k, r);
            double whole = cell->end_us - ranks_at(log, k - 1, r)->end_us;
            part[r] = (whole - cell->compute_us - (cell->end_us - cell->start_us)) / whole;
        }
        step[count++] = stats_median(part, ranks);
        if (count == steps - 1) {
            out[round++] = stats_median(step, count);
            count = 0;
        }
    }
    bool memory = part && step;
    free(part);
    free(step);
    return memory ? 0 : -1;
}

/* One size. `line`: as fitted; NULL: by theory.
 *
 * Processes are never in step, so their sum's time is the least, in which nobody waited. Simulated
 * ones are: there it is the longest, as beyond a slow wire some ranks go on until the delay has
 * come round to them.
 */
static int record_size(struct lab_case *c, const struct ranks_log *log, unsigned arm,
                       const struct straggler_fit *line) {
    const struct ranks_plan *plan = &log->plan;
    uint64_t bytes = plan->arm[arm].bytes;
    double *round = malloc(plan->rounds * sizeof *round);
    if (!round || rounds_medians(log, arm, line ? ROUNDS_LEAST : ROUNDS_MOST, round) != 0) {
        free(round);
        return -1;
    }
    double model =
        line ? line->alpha_us + 1e-3 * (double)bytes / line->beta_gbs : theory_us(plan, bytes);
    struct ratio took = rounds_median(round, plan->rounds, plan->seed);
    record_plan(c, plan);
    case_param_int(c, "bytes", (int64_t)bytes);
    case_param_int(c, "per node", plan->cluster.per_node);
    case_param_int(c, "slow node", plan->cluster.slow_node);
    if (line) {
        case_counter(c, "alpha", line->alpha_us);
        case_counter(c, "beta", 1e9 * line->beta_gbs);
    }
    case_counter_ratio(c, "sum time", took);
    case_counter(c, "model", model);
    struct ratio off = ratio_over(took, model);
    case_counter_ratio(c, "residual", (struct ratio){off.value - 1, off.low - 1, off.high - 1});
    int status = bytes <= SMALL ? unlogged(log, arm, round) : 0;
    if (bytes <= SMALL)
        case_counter_ratio(c, "unlogged", rounds_median(round, plan->rounds, plan->seed));
    free(round);
    return status;
}

/* 0, or -1 after lab_error(). */
static int record_sizes(struct lab_run *run, const struct ranks_log *log, struct lab_case **cases) {
    const struct ranks_plan *plan = &log->plan;
    bool simulated = plan->engine == RANKS_SMPI;
    struct straggler_fit line;
    char why[STRAGGLER_WHY];
    if (!simulated && fit(log, &line, why) != 0)
        return lab_error(run, "sums of %u ranks: %s", plan->ranks, why);
    for (unsigned arm = 0; arm < plan->arms; arm++)
        if (cases[arm] && record_size(cases[arm], log, arm, simulated ? NULL : &line) != 0)
            return lab_error(run, "no memory for a log of %u ranks", plan->ranks);
    return 0;
}

static int sweep_sums(struct lab_run *run, struct device *device, const struct sums *s) {
    struct ranks_plan plan = plan_of(run, s);
    struct lab_case *cases[SIZES];
    struct ranks_log log;
    bool any = false;
    for (unsigned arm = 0; arm < plan.arms; arm++) {
        cases[arm] = lab_case_begin(
            run, device_id(device), "05/sum/%s/N=%u/%s%s%s/bytes=%llu",
            ranks_engine_name(s->engine), s->ranks, ranks_algorithm_name(s->algorithm),
            s->per_node > 1 ? "/two-level" : "", s->slow_node >= 0 ? "/slow-node" : "",
            (unsigned long long)plan.arm[arm].bytes);
        any = any || cases[arm];
    }
    int status = any ? engine_run(run, &plan, &log) : 1;
    if (status == 0) {
        status = record_sizes(run, &log, cases);
        ranks_log_close(&log);
    }
    return cases_end(cases, plan.arms, status);
}

static int sweep_list(struct lab_run *run, struct device *device, const struct sums *list,
                      size_t count) {
    bool quick = lab_mode(run) == LAB_QUICK;
    for (size_t k = 0; k < count; k++)
        if (!quick || list[k].quick)
            lab_expect(run, plan_of(run, &list[k]).arms);
    for (size_t k = 0; k < count && !lab_stopping(run); k++)
        if ((!quick || list[k].quick) && sweep_sums(run, device, &list[k]) != 0)
            return -1;
    return 0;
}

static int sweep_engine(struct lab_run *run, struct device *device, enum ranks_engine engine) {
    enum ranks_algorithm algorithm = engine == RANKS_NCCL ? RANKS_RING : RANKS_DOUBLING;
    struct sums list[ENGINE_COUNTS];
    unsigned counts[ENGINE_COUNTS];
    int runs = engine_runs(run, device, engine);
    if (runs <= 0)
        return runs;
    if (engine == RANKS_SMPI)
        return sweep_list(run, device, simulated, SUMS);
    size_t count = engine_counts(run, device, engine, counts);
    for (size_t k = 0; k < count; k++)
        list[k] = (struct sums){engine, counts[k], algorithm, 1, -1, true};
    return sweep_list(run, device, list, count);
}

int sweep_parts(struct lab_run *run, struct device *device) {
    static const enum ranks_engine engines[] = {RANKS_SMPI, RANKS_OPENMPI, RANKS_NCCL};
    for (size_t k = 0; k < sizeof engines / sizeof *engines && !lab_stopping(run); k++)
        if (sweep_engine(run, device, engines[k]) != 0)
            return -1;
    return 0;
}

/* --- check -------------------------------------------------------------------------------------
 *
 * Against the claim: a simulated sum that is off its theory by a hundredth or more, over ten times
 * what SimGrid's envelope adds; a real one off its line by a tenth, beyond which a line is of no
 * use to plan with; and a step of which a twentieth is in no log, where hashing a small result
 * takes up to a fiftieth. More ranks than cores take turns on them, which is neither computing nor
 * communication of the rank that waits for its turn: they are told, and not counted.
 */

#define OFF_SIMULATED 0.01
#define OFF_REAL 0.1
#define UNLOGGED 0.05

static enum answer within(struct ratio r, double most) {
    return answer_both(answer_above(r, -most), answer_below(r, most));
}

/* The residual of a group's sizes that is farthest from 0. */
static size_t worst_of(const struct rows *rows, size_t first, size_t count, const char *column) {
    size_t worst = first;
    for (size_t k = first; k < first + count; k++)
        if (fabs(row_number(rows, k, column)) > fabs(row_number(rows, worst, column)))
            worst = k;
    return worst;
}

static void tell_sums(const struct rows *rows, struct finding *f, size_t first, size_t count) {
    size_t off = worst_of(rows, first, count, "residual");
    const char *engine = row_text(rows, off, "engine");
    double ranks = row_number(rows, off, "ranks");
    finding_number(f, "1", row_ratio(rows, off, "residual"),
                   "%.12s, %.0f ranks, %.14s%s%s%s: time beside %s, at most (%.0f bytes)", engine,
                   ranks, row_text(rows, off, "algorithm"),
                   row_is(rows, off, "oversubscribed", "true") ? ", oversubscribed" : "",
                   row_number(rows, off, "per node") > 1 ? ", two levels" : "",
                   row_number(rows, off, "slow node") >= 0 ? ", a slow node" : "",
                   row_has(rows, off, "alpha") ? "the line" : "theory",
                   row_number(rows, off, "bytes"));
    if (!row_has(rows, off, "alpha"))
        return;
    finding_number(f, "us", number(row_number(rows, off, "alpha")), "%.12s, %.0f ranks: alpha",
                   engine, ranks);
    finding_number(f, "bytes/s", number(row_number(rows, off, "beta")), "%.12s, %.0f ranks: beta",
                   engine, ranks);
}

void check_parts(const struct rows *all, struct finding *f) {
    double simulated = NAN, real = NAN, lost = NAN;
    if (none_ran(all, f))
        return;
    struct rows rows = rows_select(all, "05/sum/", NULL);
    rows_sort(&rows, "engine;ranks;algorithm;per node;slow node;bytes");
    for (size_t k = 0; k < rows.count; k++) {
        bool smpi = row_is(&rows, k, "engine", "smpi");
        struct ratio off = row_ratio(&rows, k, "residual"), rest = row_ratio(&rows, k, "unlogged");
        if (row_is(&rows, k, "oversubscribed", "true"))
            continue;
        finding_count(f, within(off, smpi ? OFF_SIMULATED : OFF_REAL), &rows, k);
        if (row_has(&rows, k, "unlogged"))
            finding_count(f, answer_below(rest, UNLOGGED), &rows, k);
        *(smpi ? &simulated : &real) = fmax(smpi ? simulated : real, fabs(off.value));
        lost = fmax(lost, rest.value);
    }
    for (size_t first = 0, count = 0;
         rows_group(&rows, "engine;ranks;algorithm;per node;slow node", &first, &count);)
        tell_sums(&rows, f, first, count);
    if (isfinite(simulated))
        finding_say(f, "simulated sums are within %.2g %% of α + n/β, ", 100 * simulated);
    if (isfinite(real))
        finding_say(f, "those of processes within %.0f %% of a line, ", 100 * real);
    finding_say(f, "and %.2g %% of a step is in no log, at most", 100 * lost);
    if (isfinite(simulated) && simulated < OFF_SIMULATED)
        finding_range(f, "on simulated wires");
    if (isfinite(simulated) && simulated < OFF_SIMULATED && isfinite(real))
        finding_range(f, "; among processes only to %.0f %%", 100 * real);
    rows_free(&rows);
    finding_settle(f, SETTLE_ALL, "for some of the sizes");
}
