/*
 * rare.c, C2: where rare stalls end up among the steps, and whose the slowest steps are.
 *
 * A hundredth or two of the steps get a rank that is late. What the slowest hundredth takes beyond
 * the median step is either a rank's longer computing, planted or not, or the communication.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/measure/stats.h"
#include "labs/05-nccl-straggler/rounds.h"

#define BYTES 4096
#define COMPUTE_US 500
#define RARE_STEPS 0.02 /* of all steps have a late rank */

struct setting {
    enum ranks_engine engine;
    unsigned ranks; /* 0: the fewest that the engine is to run with */
    unsigned rounds[3], steps;
};
static const struct setting settings[] = {
    {RANKS_OPENMPI, 0, {10, 40, 100}, 50},
    {RANKS_SMPI, 8, {1, 1, 1}, 500},
};

/* The slowest hundredth of an arm's steps. */
struct slowest {
    double stalled; /* part of them in which a rank was stalled */
    double late;    /* of what they take beyond the median step: the longer computing of the rank
                       that computed longest, which is then the last one in */
};

static double longest_us(const struct ranks_log *log, size_t step) {
    double longest = 0;
    for (unsigned r = 0; r < log->plan.ranks; r++)
        longest = fmax(longest, ranks_at(log, step, r)->compute_us);
    return longest;
}

static bool anybody_stalled(const struct ranks_log *log, size_t step) {
    for (unsigned r = 0; r < log->plan.ranks; r++)
        if (ranks_at(log, step, r)->stall_us > 0)
            return true;
    return false;
}

/* `times` and `longest`, of the arm's steps, in order. */
static struct slowest slowest_of(const struct ranks_log *log, unsigned arm, const double *times,
                                 const double *longest, const struct straggler_quantiles *q) {
    double count = 0, stalled = 0, beyond = 0, late = 0;
    double usual = stats_median(longest, q->count);
    size_t at = 0;
    for (size_t k = 0; k < log->steps; k++) {
        if (log->step[k].arm != arm)
            continue;
        if (times[at] >= q->p99) {
            count++;
            stalled += anybody_stalled(log, k);
            beyond += times[at] - q->p50;
            late += longest[at] - usual;
        }
        at++;
    }
    /* Simulated steps without a stall are all equal: there is nothing beyond. */
    return (struct slowest){stalled / count, beyond > 1e-3 ? late / beyond : NAN};
}

static int record_rare(struct lab_case *c, const struct ranks_log *log, unsigned arm) {
    const struct ranks_arm *a = &log->plan.arm[arm];
    size_t count;
    double *times = rounds_steps(log, arm, ROUNDS_STEP, &count);
    double *work = malloc((2 * count + 1) * sizeof *work), *longest = work + count;
    if (!times || !work) {
        free(times);
        free(work);
        return -1;
    }
    memcpy(work, times, count * sizeof *work);
    for (size_t k = 0, at = 0; k < log->steps; k++)
        if (log->step[k].arm == arm)
            longest[at++] = longest_us(log, k);
    struct straggler_quantiles q = straggler_quantiles(work, count);
    struct slowest slowest = slowest_of(log, arm, times, longest, &q);
    record_plan(c, &log->plan);
    case_param_text(c, "kind", a->stall_us > 0 ? straggler_kind_name(a->stall) : "none");
    case_param_real(c, "delay", a->stall_us);
    case_param_real(c, "chance", a->chance);
    case_param_int(c, "steps", (int64_t)count);
    case_counter(c, "mean", q.mean);
    case_counter(c, "p50", q.p50);
    case_counter(c, "p95", q.p95);
    case_counter(c, "p99", q.p99);
    case_counter(c, "max", q.max);
    case_counter(c, "stalled part", slowest.stalled);
    case_counter(c, "late part", slowest.late);
    free(times);
    free(work);
    return 0;
}

static int sweep_setting(struct lab_run *run, struct device *device, const struct setting *s) {
    struct ranks_plan plan = ranks_plan_default(s->engine, s->ranks);
    struct lab_case *cases[2];
    struct ranks_log log;
    plan.seed = lab_seed(run);
    plan.algorithm = RANKS_DOUBLING;
    plan.rounds = s->rounds[lab_mode(run)];
    plan.steps = s->steps;
    plan.arm[0].bytes = BYTES;
    plan.arm[0].compute_us = COMPUTE_US;
    plan.arm[1] = plan.arm[0];
    plan.arm[1].stall = STRAGGLER_RARE;
    plan.arm[1].stall_us = RARE_US;
    plan.arm[1].chance = RARE_STEPS / s->ranks;
    plan.arms = 2;
    for (size_t arm = 0; arm < 2; arm++)
        cases[arm] =
            lab_case_begin(run, device_id(device), "05/rare/%s/N=%u/%s",
                           ranks_engine_name(s->engine), s->ranks, arm == 0 ? "none" : "rare");
    int status = cases[0] || cases[1] ? engine_run(run, &plan, &log) : 1;
    if (status == 0) {
        for (unsigned arm = 0; arm < 2 && status == 0; arm++)
            if (cases[arm] && record_rare(cases[arm], &log, arm) != 0)
                status = lab_error(run, "no memory for %zu steps", log.steps);
        ranks_log_close(&log);
    }
    return cases_end(cases, 2, status);
}

int sweep_rare(struct lab_run *run, struct device *device) {
    unsigned counts[ENGINE_COUNTS];
    for (size_t k = 0; k < sizeof settings / sizeof *settings && !lab_stopping(run); k++) {
        struct setting s = settings[k];
        int runs = engine_runs(run, device, s.engine);
        if (runs < 0)
            return -1;
        if (runs == 0)
            continue;
        if (s.ranks == 0 && engine_counts(run, device, s.engine, counts) > 0)
            s.ranks = counts[0];
        lab_expect(run, 2);
        if (sweep_setting(run, device, &s) != 0)
            return -1;
    }
    return 0;
}
