/*
 * league.c, C10: who is the straggler? Ours and the published rules on logs whose truth is known.
 *
 * One run of ranks has all sizes and kinds of stalls as its arms, and two arms with nobody late:
 * one tells the noise floor, the other one is judged like those with a stall. Rules see times alone
 * and judge eight steps at a time; what they say is held against who was made late in those. The
 * same runs serve C11 (without.c).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs/05-nccl-straggler/league.h"
#include "labs/05-nccl-straggler/rounds.h"

/* So many processes are trusted not to wait for a core. */
#define RANKS_TRUSTED 4

/* --- what is run -------------------------------------------------------------------------------
 */

static const double few[] = {300, 1200}, all[] = {150, 300, 600, 1200, 2400};
static const enum straggler_kind kinds[] = {STRAGGLER_PERSISTENT, STRAGGLER_ROTATING,
                                            STRAGGLER_RARE};
#define KINDS (sizeof kinds / sizeof *kinds)
#define SOME(list) list, sizeof list / sizeof *list, false
#define SLOW_LINK_BYTES (256 << 10) /* that a slow node's wires take long for */

/* Simulated ranks have no noise but the jitter that they are given. Processes that compute beside a
 * sum do so for longer: what the machine adds is not seen of one that waits anyway. */
static const struct league_set quick[] = {
    {RANKS_OPENMPI, 2, STRAGGLER_STEADY, 0, false, 500, 3, 32, SOME(few)},
    {RANKS_OPENMPI, 4, STRAGGLER_STEADY, 0, false, 500, 3, 32, SOME(few)},
    {RANKS_OPENMPI, 4, STRAGGLER_STEADY, 0, true, 1000, 3, 32, SOME(few)},
    {RANKS_SMPI, 8, STRAGGLER_EXPONENTIAL, 10, false, 500, 1, 64, SOME(few)},
    {RANKS_SMPI, 32, STRAGGLER_GAUSSIAN, 5, false, 500, 1, 64, SOME(few)},
    {RANKS_SMPI, 8, STRAGGLER_EXPONENTIAL, 10, true, 500, 1, 64, SOME(few)},
};
static const struct league_set usual[] = {
    {RANKS_OPENMPI, 2, STRAGGLER_STEADY, 0, false, 500, 6, 32, SOME(all)},
    {RANKS_OPENMPI, 4, STRAGGLER_STEADY, 0, false, 500, 6, 32, SOME(all)},
    {RANKS_OPENMPI, 4, STRAGGLER_STEADY, 0, true, 1000, 6, 32, SOME(few)},
    {RANKS_SMPI, 8, STRAGGLER_EXPONENTIAL, 10, false, 500, 1, 64, SOME(all)},
    {RANKS_SMPI, 8, STRAGGLER_GAUSSIAN, 5, false, 500, 1, 64, SOME(all)},
    {RANKS_SMPI, 32, STRAGGLER_EXPONENTIAL, 10, false, 500, 1, 64, SOME(all)},
    {RANKS_SMPI, 32, STRAGGLER_GAUSSIAN, 5, false, 500, 1, 64, SOME(all)},
    {RANKS_SMPI, 256, STRAGGLER_EXPONENTIAL, 10, false, 500, 1, 32, SOME(few)},
    {RANKS_SMPI, 8, STRAGGLER_EXPONENTIAL, 10, true, 500, 1, 64, SOME(few)},
    {RANKS_SMPI, 32, STRAGGLER_GAUSSIAN, 5, true, 500, 1, 64, SOME(few)},
    {RANKS_SMPI, 32, STRAGGLER_EXPONENTIAL, 10, false, 500, 1, 32, NULL, 0, true},
};
static const struct league_set full[] = {
    {RANKS_OPENMPI, 2, STRAGGLER_STEADY, 0, false, 500, 20, 32, SOME(all)},
    {RANKS_OPENMPI, 4, STRAGGLER_STEADY, 0, false, 500, 20, 32, SOME(all)},
    {RANKS_OPENMPI, 4, STRAGGLER_STEADY, 0, true, 1000, 20, 32, SOME(all)},
    {RANKS_SMPI, 8, STRAGGLER_EXPONENTIAL, 10, false, 500, 1, 64, SOME(all)},
    {RANKS_SMPI, 8, STRAGGLER_GAUSSIAN, 5, false, 500, 1, 64, SOME(all)},
    {RANKS_SMPI, 32, STRAGGLER_EXPONENTIAL, 10, false, 500, 1, 64, SOME(all)},
    {RANKS_SMPI, 32, STRAGGLER_GAUSSIAN, 5, false, 500, 1, 64, SOME(all)},
    {RANKS_SMPI, 256, STRAGGLER_EXPONENTIAL, 10, false, 500, 1, 64, SOME(all)},
    {RANKS_SMPI, 256, STRAGGLER_GAUSSIAN, 5, false, 500, 1, 64, SOME(all)},
    {RANKS_SMPI, 8, STRAGGLER_EXPONENTIAL, 10, true, 500, 1, 64, SOME(all)},
    {RANKS_SMPI, 32, STRAGGLER_GAUSSIAN, 5, true, 500, 1, 64, SOME(all)},
    {RANKS_SMPI, 32, STRAGGLER_EXPONENTIAL, 10, false, 500, 1, 64, NULL, 0, true},
};

static struct ranks_plan plan_of(const struct lab_run *run, const struct league_set *set) {
    struct ranks_plan plan = ranks_plan_default(set->engine, set->ranks);
    plan.rounds = set->rounds;
    plan.steps = set->steps;
    plan.seed = lab_seed(run) + set->ranks;
    plan.arm[LEAGUE_FLOOR].compute_us = set->compute_us;
    plan.arm[LEAGUE_FLOOR].jitter = set->jitter;
    plan.arm[LEAGUE_FLOOR].jitter_us = set->jitter_us;
    plan.arm[LEAGUE_FLOOR].one_late = set->one_late;
    if (set->slow_link) {
        plan.algorithm = RANKS_RING;
        plan.cluster.per_node = 8;
        plan.cluster.slow_node = 1;
        plan.arm[LEAGUE_FLOOR].bytes = SLOW_LINK_BYTES;
    }
    plan.arm[LEAGUE_NOBODY] = plan.arm[LEAGUE_FLOOR];
    plan.arms = LEAGUE_FIRST;
    for (size_t kind = 0; kind < KINDS; kind++)
        for (size_t k = 0; k < set->stall_count; k++) {
            struct ranks_arm *arm = &plan.arm[plan.arms++];
            *arm = plan.arm[LEAGUE_FLOOR];
            arm->stall = kinds[kind];
            arm->stall_us = set->stalls[k];
            arm->culprit = set->ranks / 2;
            arm->period = LEAGUE_WINDOW;
            arm->chance =
                1.0 / (LEAGUE_WINDOW * set->ranks); /* about one in a window, of anybody */
            arm->from = set->steps / 4;
        }
    return plan;
}

/* --- what is recorded --------------------------------------------------------------------------
 */

/* By what all are late in a step, nobody is. */
static void take_common(const struct straggler_log *log, double *stall_us) {
    for (size_t k = 0; k < log->steps; k++, stall_us += log->ranks) {
        double least = INFINITY;
        for (unsigned r = 0; r < log->ranks; r++)
            least = fmin(least, stall_us[r]);
        for (unsigned r = 0; r < log->ranks; r++)
            stall_us[r] -= least;
    }
}

int league_log(const struct league_game *g, unsigned arm, unsigned round, struct straggler_log *log,
               double **stall_us) {
    if (ranks_straggler_log(&g->log, arm, (int)round, false, 0, log, stall_us) != 0) {
        lab_error(g->run, "not enough memory for a log of %u ranks", g->set->ranks);
        return -1;
    }
    take_common(log, *stall_us);
    log->floor_us = g->floor_us;
    log->floor_mean_us = g->floor_mean_us;
    if (g->set->engine == RANKS_SMPI || quiet_steps(log, *stall_us) == 0)
        return 0;
    straggler_log_close(log);
    free(*stall_us);
    lab_error(g->run, "not enough memory for a log of %u ranks", g->set->ranks);
    return -1;
}

void league_params(struct lab_case *c, const struct league_game *g, unsigned arm) {
    static const char *const jitters[] = {"its own", "exponential", "Gaussian"};
    const struct ranks_arm *a = &g->log.plan.arm[arm];
    record_plan(c, &g->log.plan);
    case_param_text(c, "jitter kind", jitters[a->jitter]);
    case_param_real(c, "jitter", a->jitter_us);
    case_param_text(c, "kind",
                    a->stall_us > 0     ? straggler_kind_name(a->stall)
                    : g->set->slow_link ? straggler_kind_name(STRAGGLER_SLOW_LINK)
                                        : "nobody");
    case_param_real(c, "delay", a->stall_us);
    case_param_text(c, "overlap", a->one_late ? "one late" : "blocking");
    case_param_real(c, "log floor", g->floor_us);
    case_param_real(c, "log floor mean", g->floor_mean_us);
}

/* Over all rounds. The latency is the longest of a round; 0: in one of them it was never right. */
struct tally {
    struct straggler_score sum;
    bool never;
};

static void add(struct tally *t, const struct straggler_score *s) {
    t->sum.windows += s->windows;
    t->sum.exact += s->exact;
    t->sum.hits += s->hits;
    t->sum.false_ += s->false_;
    t->sum.misses += s->misses;
    t->sum.clean += s->clean;
    t->sum.alarms += s->alarms;
    t->sum.cannot += s->cannot;
    t->never |= s->hits + s->misses > 0 && s->latency == 0;
    t->sum.latency = s->latency > t->sum.latency ? s->latency : t->sum.latency;
}

static void tally_row(struct lab_case *c, const char *rule, const struct tally *t) {
    const struct straggler_score *s = &t->sum;
    case_row(c);
    case_cell_text(c, "rule", rule);
    case_cell_int(c, "windows", (int64_t)s->windows);
    case_cell_int(c, "windows late", (int64_t)(s->windows - s->clean));
    case_cell_int(c, "windows right", (int64_t)(s->exact - (s->clean - s->alarms)));
    case_cell_int(c, "alarms", (int64_t)s->alarms);
    case_cell_int(c, "cannot tell", (int64_t)s->cannot);
    case_cell_int(c, "culprits", (int64_t)s->hits);
    case_cell_int(c, "victims", (int64_t)s->false_);
    case_cell_int(c, "missed", (int64_t)s->misses);
    case_cell_real(c, "precision", straggler_precision(s));
    case_cell_real(c, "recall", straggler_recall(s));
    case_cell_real(c, "latency", t->never || s->latency == 0 ? NAN : (double)s->latency);
}

static int record_scores(struct lab_case *c, const struct league_game *g, unsigned arm) {
    struct tally tally[STRAGGLER_RULES] = {0};
    size_t kept = 0;
    int status = 0;
    for (unsigned round = 0; status == 0 && round < g->set->rounds; round++) {
        struct straggler_log log;
        struct straggler_score score;
        double *stall;
        status = league_log(g, arm, round, &log, &stall);
        kept += status == 0 ? log.steps : 0;
        for (int k = 0; status == 0 && k < STRAGGLER_RULES; k++) {
            if (straggler_score(&log, stall, &straggler_rules[k], LEAGUE_WINDOW, &score) != 0)
                status = lab_error(g->run, "not enough memory to judge %u ranks", g->set->ranks);
            else
                add(&tally[k], &score);
        }
        if (status == 0) {
            straggler_log_close(&log);
            free(stall);
        }
    }
    league_params(c, g, arm);
    case_param_int(c, "window", LEAGUE_WINDOW);
    case_param_int(c, "steps", (int64_t)g->set->rounds * g->set->steps);
    case_param_int(c, "steps left out", (int64_t)g->set->rounds * g->set->steps - (int64_t)kept);
    record_log(c, &g->log, arm);
    for (int k = 0; k < STRAGGLER_RULES; k++)
        tally_row(c, straggler_rules[k].name, &tally[k]);
    return status;
}

/* The cases of one run of ranks: of each arm who named whom, and the step without the straggler. */
struct cases {
    struct lab_case *all[2 * RANKS_ARMS_MOST], **league, **without; /* by arm */
    bool any;
};

static struct lab_case *begin(const struct league_game *g, const char *of, unsigned arm) {
    static const char *const jitters[] = {"own", "exponential", "gaussian"};
    const struct ranks_arm *a = &g->log.plan.arm[arm];
    char late[64];
    snprintf(late, sizeof late, "%s/D=%g", straggler_kind_name(a->stall), a->stall_us);
    return lab_case_begin(g->run, g->device, "05/%s/%s/N=%u/jitter=%s/%s%s", of,
                          ranks_engine_name(g->set->engine), g->set->ranks, jitters[a->jitter],
                          a->one_late ? "one-late/" : "",
                          a->stall_us > 0     ? late
                          : g->set->slow_link ? "slow-link"
                                              : "nobody");
}

static void begin_all(const struct league_game *g, struct cases *cases) {
    for (unsigned arm = LEAGUE_NOBODY; arm < g->log.plan.arms; arm++) {
        if (!g->set->one_late) /* of a sum that nobody waits for at once, waits say little */
            cases->league[arm] = begin(g, "league", arm);
        if (arm >= LEAGUE_FIRST)
            cases->without[arm] = begin(g, "without", arm);
        cases->any |= cases->league[arm] || cases->without[arm];
    }
}

static int record_all(struct league_game *g, struct cases *cases) {
    int status = quiet_floor(g);
    for (unsigned arm = LEAGUE_NOBODY; status == 0 && arm < g->log.plan.arms; arm++) {
        if (cases->league[arm])
            status = record_scores(cases->league[arm], g, arm);
        if (status == 0 && cases->without[arm])
            status = record_without(cases->without[arm], g, arm);
    }
    return status;
}

static int play(struct lab_run *run, struct device *device, const struct league_set *set) {
    struct league_game g = {.run = run, .device = device_id(device), .set = set};
    struct cases cases = {.any = false};
    cases.league = cases.all;
    cases.without = cases.all + RANKS_ARMS_MOST;
    const struct ranks_plan plan = plan_of(run, set);
    g.log.plan = plan;
    begin_all(&g, &cases);
    int status = cases.any ? engine_run(run, &plan, &g.log) : 0;
    if (status == 0 && cases.any) {
        status = record_all(&g, &cases);
        ranks_log_close(&g.log);
    }
    return cases_end(cases.all, sizeof cases.all / sizeof *cases.all, status);
}

int sweep_league(struct lab_run *run, struct device *device) {
    enum lab_mode mode = lab_mode(run);
    const struct league_set *sets = mode == LAB_QUICK ? quick : mode == LAB_DEFAULT ? usual : full;
    size_t count = mode == LAB_QUICK     ? sizeof quick / sizeof *quick
                   : mode == LAB_DEFAULT ? sizeof usual / sizeof *usual
                                         : sizeof full / sizeof *full;
    int runs[RANKS_ENGINE_COUNT] = {0};
    static const enum ranks_engine engines[] = {RANKS_OPENMPI, RANKS_SMPI};
    for (size_t k = 0; k < sizeof engines / sizeof *engines; k++)
        if ((runs[engines[k]] = engine_runs(run, device, engines[k])) < 0)
            return -1;
    for (size_t k = 0; k < count; k++)
        if (runs[sets[k].engine])
            lab_expect(run, KINDS * sets[k].stall_count * (sets[k].one_late ? 1 : 2) +
                                !sets[k].one_late);
    for (size_t k = 0; k < count && !lab_stopping(run); k++)
        if (runs[sets[k].engine] && play(run, device, &sets[k]) != 0)
            return -1;
    return 0;
}

/* --- check -------------------------------------------------------------------------------------
 *
 * Ours is to be right in every window, from LEAGUE_LATE_US on, on processes that are not too many
 * for this machine and on all simulated ranks, and to name nobody where nobody was late. The two
 * rules that take a long time for the culprit's own are to be wrong in more than half of the
 * windows.
 */

static bool is_real(const struct rows *rows, size_t k) {
    return !row_is(rows, k, "engine", ranks_engine_name(RANKS_SMPI));
}

static bool is_ours(const struct rows *rows, size_t k) {
    return row_is(rows, k, "rule", straggler_rules[STRAGGLER_LEAST_WAIT].name);
}

static bool names_victims(const struct rows *rows, size_t k) {
    return row_is(rows, k, "rule", straggler_rules[STRAGGLER_SLOWEST_TIME].name) ||
           row_is(rows, k, "rule", straggler_rules[STRAGGLER_TWICE_MEDIAN].name);
}

/* A stall that what the machine does by itself can hide: whoever is late by it comes earlier or
 * later by what a scored step may be disturbed, and is to be later than the floor. */
static bool in_the_noise(const struct rows *rows, size_t k) {
    double least = row_number(rows, k, "delay") - LEAGUE_QUIET_US;
    return is_real(rows, k) && (row_is(rows, k, "oversubscribed", "true") ||
                                !(row_number(rows, k, "log floor") <= least));
}

static bool speaks_of(const struct rows *rows, size_t k) {
    double late = row_number(rows, k, "delay");
    if (is_engine(rows, k) ||
        (is_real(rows, k) && !(row_number(rows, k, "ranks") <= RANKS_TRUSTED)))
        return false;
    return is_ours(rows, k) ? late == 0 || late >= LEAGUE_LATE_US
                            : names_victims(rows, k) && late >= LEAGUE_LATE_US;
}

static enum answer ours(const struct rows *rows, size_t k) {
    double late = row_number(rows, k, "windows late");
    if (row_number(rows, k, "windows right") == late && row_number(rows, k, "alarms") == 0)
        return ANSWER_HELD;
    return late > 0 && in_the_noise(rows, k) ? ANSWER_OPEN : ANSWER_AGAINST;
}

/* Each of the two by engine and ranks, over all kinds and sizes. */
static void count_theirs(const struct rows *from, struct finding *f) {
    struct rows rows = rows_select(from, "05/league/", NULL);
    rows_sort(&rows, "rule;engine;ranks");
    for (size_t first = 0, n = 0; rows_group(&rows, "rule;engine;ranks", &first, &n);) {
        double right = 0, late = 0;
        for (size_t k = first; k < first + n; k++)
            if (!is_ours(&rows, k) && speaks_of(&rows, k)) {
                right += row_number(&rows, k, "windows right");
                late += row_number(&rows, k, "windows late");
            }
        if (late > 0)
            finding_count(f, answer_if(2 * right < late), &rows, first);
    }
    rows_free(&rows);
}

/* Over the rows of one rule that the claim speaks of: of all stalls, or where nobody was late. */
struct sums {
    double windows, late, right, alarms, culprits, victims, missed;
};

static struct sums sums_of(const struct rows *rows, const char *rule, bool real, bool stalls) {
    struct sums s = {0};
    for (size_t k = 0; k < rows->count; k++) {
        double late = row_number(rows, k, "delay");
        if (is_engine(rows, k) || !row_is(rows, k, "rule", rule) || is_real(rows, k) != real ||
            !(stalls ? late >= LEAGUE_LATE_US : late == 0))
            continue;
        s.windows += row_number(rows, k, "windows");
        s.late += row_number(rows, k, "windows late");
        s.right += row_number(rows, k, "windows right");
        s.alarms += row_number(rows, k, "alarms");
        s.culprits += row_number(rows, k, "culprits");
        s.victims += row_number(rows, k, "victims");
        s.missed += row_number(rows, k, "missed");
    }
    return s;
}

static const char *const where[] = {"simulated", "processes"};

static void tell_rule(const struct rows *rows, struct finding *f, const char *rule, bool real) {
    struct sums with = sums_of(rows, rule, real, true), nobody = sums_of(rows, rule, real, false);
    if (!(with.late > 0))
        return;
    finding_number(f, "1", number(with.right / with.late),
                   "%s, %s: of %.0f windows with a late rank, those in which just the late are "
                   "named",
                   where[real], rule, with.late);
    finding_number(f, "1", number(with.culprits / (with.culprits + with.missed)),
                   "%s, %s: recall, of %.0f late ranks", where[real], rule,
                   with.culprits + with.missed);
    if (with.culprits + with.victims > 0)
        finding_number(f, "1", number(with.culprits / (with.culprits + with.victims)),
                       "%s, %s: precision, of %.0f names", where[real], rule,
                       with.culprits + with.victims);
    if (nobody.windows > 0)
        finding_number(f, "1", number(nobody.alarms / nobody.windows),
                       "%s, %s: of %.0f windows with nobody late, those with a name", where[real],
                       rule, nobody.windows);
}

static void tell(const struct rows *rows, struct finding *f) {
    static const enum straggler_rule_id told[] = {STRAGGLER_LEAST_WAIT, STRAGGLER_SLOWEST_TIME,
                                                  STRAGGLER_TWICE_MEDIAN};
    double right[3], late[3];
    for (size_t k = 0; k < 3; k++) {
        const char *rule = straggler_rules[told[k]].name;
        struct sums real = sums_of(rows, rule, true, true),
                    simulated = sums_of(rows, rule, false, true);
        right[k] = real.right + simulated.right;
        late[k] = real.late + simulated.late;
        if (k == 0 && real.late > 0)
            finding_range(f,
                          "least wait is right in %.0f of %.0f windows of processes and in %.0f of "
                          "%.0f simulated ones",
                          real.right, real.late, simulated.right, simulated.late);
    }
    finding_say(f,
                "of %.0f windows with a late rank, least wait names just the late in %.0f, slowest "
                "time in %.0f, twice the median in %.0f",
                late[0], right[0], right[1], right[2]);
    for (int k = 0; k < STRAGGLER_RULES; k++)
        for (int real = 1; real >= 0; real--)
            tell_rule(rows, f, straggler_rules[k].name, real);
}

void check_league(const struct rows *rows, struct finding *f) {
    if (none_ran(rows, f))
        return;
    for (size_t k = 0; k < rows->count; k++)
        if (is_ours(rows, k) && speaks_of(rows, k))
            finding_count(f, ours(rows, k), rows, k);
    count_theirs(rows, f);
    tell(rows, f);
    finding_settle(f, SETTLE_ALL, "some of the sizes and kinds of stalls");
}

/* --- tables ------------------------------------------------------------------------------------
 */

/* Where a rule stands in the plot, from below: ours on top. */
static unsigned place(const char *rule) {
    static const enum straggler_rule_id order[] = {STRAGGLER_MISSING_RANK, STRAGGLER_COUNT_LAGS,
                                                   STRAGGLER_TWICE_MEDIAN, STRAGGLER_SLOWEST_TIME,
                                                   STRAGGLER_LONE_SPIKE,   STRAGGLER_RELATIVE_SCORE,
                                                   STRAGGLER_LAST_ARRIVAL, STRAGGLER_LEAST_WAIT};
    unsigned k = 0;
    while (k + 1 < STRAGGLER_RULES && strcmp(straggler_rules[order[k]].name, rule) != 0)
        k++;
    return k;
}

/* Of each rule, of processes and of simulated ranks, for each size: the share of windows in which
 * it was right. Rows come sorted by rule, engine and delay. */
int write_league_map(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    for (size_t first = 0, n = 0; rows_group(rows, "rule;engine;delay", &first, &n);) {
        double right = 0, windows = 0, late = row_number(rows, first, "delay"), x = 0;
        if (is_engine(rows, first))
            continue;
        for (size_t k = first; k < first + n; k++) {
            windows +=
                late > 0 ? row_number(rows, k, "windows late") : row_number(rows, k, "windows");
            right += late > 0 ? row_number(rows, k, "windows right")
                              : row_number(rows, k, "windows") - row_number(rows, k, "alarms");
        }
        if (!(windows > 0))
            continue;
        for (size_t k = 0; k < sizeof all / sizeof *all; k++)
            x += late >= all[k];
        lab_table_row(table, "%s\t%s\t%g\t%g\t%u\t%.1f\t%.0f\t%.0f", row_text(rows, first, "rule"),
                      is_real(rows, first) ? "processes" : "simulated", late, x,
                      place(row_text(rows, first, "rule")), 100 * right / windows, right, windows);
    }
    return 0;
}
