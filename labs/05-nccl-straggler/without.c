/*
 * without.c, C11: the step without the straggler, from the log with it.
 *
 * Our rule names who is late in a log; how late each was is taken from its arrivals, and the step
 * ends with whoever is then last. That is held against the arm of the same run in which nobody was
 * made late, round by round, in the same rounds. Jitter that is made is the same in all arms, so
 * that of simulated ranks the error is of the prediction alone.
 */
#include <math.h>
#include <stdlib.h>

#include "harness/measure/stats.h"
#include "labs/05-nccl-straggler/league.h"

#define ERROR_MOST 0.03
#define ROUNDS_FEWEST                                                                              \
    6 /* all of 5 hold the median in 1 - 2^(1 - 5) = 94 % of cases, of 6 in 97 % */

/* --- what is recorded --------------------------------------------------------------------------
 */

struct predicted {
    double with_us, predicted_us, measured_us; /* mean steps of a round */
    unsigned named;                            /* ranks; those that were late: in `late` */
    unsigned late;
};

static int predict(const struct league_game *g, const struct straggler_log *log,
                   const double *stall_us, struct predicted *out) {
    struct straggler_verdict verdict;
    struct straggler_without without;
    char why[STRAGGLER_WHY];
    int status = 0;
    if (log->steps == 0)
        return 0;
    if (straggler_verdict_open(&verdict, log->ranks) != 0)
        return lab_error(g->run, "not enough memory for %u ranks", log->ranks);
    if (straggler_rules[STRAGGLER_LEAST_WAIT].judge(log, 0, log->steps, &verdict) != 0)
        status = lab_error(g->run, "not enough memory to judge %u ranks", log->ranks);
    else if (straggler_without(log, &verdict, &without, why) != 0)
        status = lab_error(g->run, "the step without the straggler: %s", why);
    else {
        out->with_us = without.with_us;
        out->predicted_us = without.without_us;
        out->named = verdict.count;
        for (unsigned r = 0; r < log->ranks; r++) {
            bool late = false;
            for (size_t k = 0; k < log->steps; k++)
                late |= stall_us[k * log->ranks + r] > 0;
            out->late += late;
        }
    }
    straggler_verdict_close(&verdict);
    return status;
}

static int measure(const struct league_game *g, unsigned round, double *mean_us) {
    struct straggler_log log;
    struct straggler_times times;
    double *nothing;
    if (league_log(g, LEAGUE_NOBODY, round, &log, &nothing) != 0)
        return -1;
    int status = straggler_times(&log, &times);
    straggler_log_close(&log);
    free(nothing);
    *mean_us = times.step.mean;
    return status == 0 ? 0 : lab_error(g->run, "not enough memory for %u ranks", g->set->ranks);
}

int record_without(struct lab_case *c, const struct league_game *g, unsigned arm) {
    league_params(c, g, arm);
    for (unsigned round = 0; round < g->set->rounds; round++) {
        struct straggler_log log;
        struct predicted p = {0};
        double *stall;
        if (measure(g, round, &p.measured_us) != 0 || league_log(g, arm, round, &log, &stall) != 0)
            return -1;
        int status = predict(g, &log, stall, &p);
        straggler_log_close(&log);
        free(stall);
        if (status != 0)
            return -1;
        if (!(p.measured_us > 0) || !(p.with_us > 0))
            continue; /* a round that was left out */
        case_row(c);
        case_cell_int(c, "round", round);
        case_cell_int(c, "made late", p.late);
        case_cell_int(c, "named", p.named);
        case_cell_real(c, "with us", p.with_us);
        case_cell_real(c, "predicted us", p.predicted_us);
        case_cell_real(c, "measured us", p.measured_us);
    }
    return 0;
}

/* --- check -------------------------------------------------------------------------------------
 *
 * Against the claim: a prediction that is off by 3 % or more. Of simulated ranks each case is
 * exact. Of processes all sizes of one kind are taken together: the median over their rounds, with
 * its interval. A busy machine leaves few rounds, or one: that settles nothing.
 */

#define GROUP "engine;ranks;overlap;kind"

static bool is_simulated(const struct rows *rows, size_t k) {
    return row_is(rows, k, "engine", ranks_engine_name(RANKS_SMPI));
}

/* A round that was not left out. */
static bool is_round(const struct rows *rows, size_t k) {
    return !is_engine(rows, k) && row_number(rows, k, "measured us") > 0;
}

/* Of a stall that our rule names: where it names nobody, there is nothing to take away. */
static bool is_meant(const struct rows *rows, size_t k) {
    return is_round(rows, k) && row_number(rows, k, "delay") >= LEAGUE_LATE_US;
}

/* Predicted over measured, of the rounds first … first + count - 1 that are such; *used of them. */
static struct ratio over_measured(const struct rows *rows, size_t first, size_t count,
                                  bool (*is)(const struct rows *rows, size_t k), size_t *used) {
    double *predicted = malloc((2 * count + 1) * sizeof *predicted);
    double *measured = predicted ? predicted + count : NULL;
    struct stats_interval interval;
    struct ratio r = RATIO_NONE;
    *used = 0;
    for (size_t k = first; predicted && k < first + count; k++)
        if (is(rows, k)) {
            predicted[*used] = row_number(rows, k, "predicted us");
            measured[(*used)++] = row_number(rows, k, "measured us");
        }
    if (predicted &&
        stats_paired_ratio_interval(predicted, measured, *used, 0.95, rows->seed, &interval) == 0)
        r = (struct ratio){interval.value, interval.low, interval.high};
    free(predicted);
    return r;
}

static enum answer is_near(struct ratio r) {
    return answer_both(answer_above(r, 1 - ERROR_MOST), answer_below(r, 1 + ERROR_MOST));
}

static double error_of(struct ratio r) {
    return fabs(r.value - 1);
}

/* The greatest error of a kind of engine, and of how many predictions. */
struct worst {
    double error;
    unsigned count;
};

static void take(struct worst *w, struct ratio r) {
    w->error = fmax(w->error, error_of(r));
    w->count++;
}

static void count_simulated(const struct rows *rows, struct finding *f, struct worst *worst) {
    for (size_t k = 0; k < rows->count; k++) {
        if (!is_meant(rows, k) || !is_simulated(rows, k))
            continue;
        size_t one;
        struct ratio r = over_measured(rows, k, 1, is_meant, &one);
        finding_count(f, is_near(r), rows, k);
        take(worst, r);
    }
}

static void count_real(const struct rows *from, struct finding *f, struct worst *worst) {
    struct rows rows = rows_select(from, "05/without/", NULL);
    rows.seed = from->seed;
    rows_sort(&rows, GROUP);
    for (size_t first = 0, n = 0; rows_group(&rows, GROUP, &first, &n);) {
        size_t used;
        struct ratio r = over_measured(&rows, first, n, is_meant, &used);
        if (used == 0 || is_simulated(&rows, first))
            continue;
        finding_count(f, used < ROUNDS_FEWEST ? ANSWER_OPEN : is_near(r), &rows, first);
        finding_number(f, "1", r, "predicted over measured, %.0f processes, %s, %s, %zu rounds",
                       row_number(&rows, first, "ranks"), row_text(&rows, first, "kind"),
                       row_text(&rows, first, "overlap"), used);
        take(worst, r);
    }
    rows_free(&rows);
}

void check_without(const struct rows *rows, struct finding *f) {
    struct worst simulated = {0, 0}, real = {0, 0};
    if (none_ran(rows, f))
        return;
    count_simulated(rows, f, &simulated);
    if (simulated.count > 0)
        finding_number(f, "1", number(simulated.error), "largest error of %u simulated cases",
                       simulated.count);
    count_real(rows, f, &real);
    finding_say(f, "predicted from the log with the straggler, the step without it is off by at "
                   "most");
    if (simulated.count > 0)
        finding_say(f, " %.2g %% in simulation", 100 * simulated.error);
    if (simulated.count > 0 && real.count > 0)
        finding_say(f, " and");
    if (real.count > 0)
        finding_say(f, " %.2g %% among processes", 100 * real.error);
    finding_settle(f, SETTLE_ALL, "some of the kinds of stalls");
}

/* --- table -------------------------------------------------------------------------------------
 */

int write_without(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    for (size_t first = 0, n = 0; rows_group(rows, "id", &first, &n);) {
        double with = 0, predicted = 0, measured = 0;
        size_t used;
        struct ratio r = over_measured(rows, first, n, is_round, &used);
        if (used == 0)
            continue;
        for (size_t k = first; k < first + n; k++) {
            if (!is_round(rows, k))
                continue;
            with += row_number(rows, k, "with us") / (double)used;
            predicted += row_number(rows, k, "predicted us") / (double)used;
            measured += row_number(rows, k, "measured us") / (double)used;
        }
        lab_table_row(table,
                      "%s\t%.0f\t%s\t%s\t%s\t%g\t%.1f\t%.1f\t%.1f\t%.3f\t%.4f\t%.4f\t%.4f\t%s",
                      row_text(rows, first, "engine"), row_number(rows, first, "ranks"),
                      row_text(rows, first, "jitter kind"), row_text(rows, first, "overlap"),
                      row_text(rows, first, "kind"), row_number(rows, first, "delay"), with,
                      predicted, measured, with / measured, r.value, r.low, r.high,
                      row_is(rows, first, "oversubscribed", "true") ? "yes" : "no");
    }
    return 0;
}
