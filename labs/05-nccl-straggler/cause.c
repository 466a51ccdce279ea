/*
 * cause.c, C8: a rank that is late because its workspace is small.
 *
 * Every rank multiplies the rows of a batch by 768 × 3,072 weights, the second half of the MLP of a
 * transformer as wide as GPT-2, and the ranks sum the results, rows × 768, as ranks do that have
 * divided K among them. One rank gets less workspace than its preferred implementation asks for, or
 * as much in pieces: what is then the first that is legal runs (kernels/ranks/ranks_gemm.h).
 *
 * First each step has 32 rows. Then a serving loop decides on them, whose budget is half-way
 * between the culprit's shortest computing with workspace and without; there it is short of it in
 * some steps only.
 *
 * Measured on an AMD EPYC core with AVX-512, oneDNN 2.6.3, 32 and 12 rows: packed weights 1.35 and
 * 0.50 ms, a panel of them at a time 1.65 and 0.85, without workspace 2.95 and 0.80. With B stored
 * as k rows of n the last takes 1.7 ms at 32 rows, which is no stall.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/measure/stats.h"
#include "kernels/ranks/ranks_gemm.h"
#include "labs/05-nccl-straggler/rounds.h"

#define N 768
#define K 3072
#define ROWS 32 /* of serving_calm()'s whole batch */
#define CULPRIT 1
#define PIECE 65536 /* largest one of a workspace in pieces: less than any that is asked for */

/* All that is asked for, twice; a byte less for the culprit; as much in pieces; nothing. */
enum { AMPLE, AGAIN, BYTE_LESS, PIECES, NOTHING, ARMS };
static const char *const arm_names[ARMS] = {"ample", "again", "byte-less", "pieces", "nothing"};
static const unsigned rounds_of[] = {15, 41, 101}; /* quick, default, full */
#define STEPS 5

/* Of the serving loop: the first two, and nothing in steps FROM to TO - 1. */
static const int serving_arms[] = {AMPLE, AGAIN, NOTHING};
#define SERVING_ARMS 3
static const unsigned serving_rounds[] = {5, 13, 31};
#define SERVING_STEPS 56
#define FROM 16
#define TO 40

#define CASES (1 + ARMS + SERVING_BATCHER_COUNT * SERVING_ARMS)
#define ROUNDS_MOST 128

/* --- plans ------------------------------------------------------------------------------------ */

static struct ranks_plan plan_of(const struct lab_run *run,
                                 const struct ranks_gemm_way *preferred) {
    struct ranks_plan plan = ranks_plan_default(RANKS_OPENMPI, 2);
    plan.algorithm = RANKS_DOUBLING;
    plan.seed = lab_seed(run);
    plan.compute = RANKS_GEMM;
    plan.gemm.rows = ROWS, plan.gemm.n = N, plan.gemm.k = K;
    plan.arm[0].bytes = (uint64_t)ROWS * N * sizeof(float);
    plan.arm[0].culprit = CULPRIT;
    plan.arm[0].workspace[0] = plan.arm[0].workspace[1] = preferred->bytes;
    return plan;
}

static void limit(struct ranks_arm *arm, int which) {
    if (which == BYTE_LESS)
        arm->workspace[0]--;
    else if (which == PIECES)
        arm->piece[0] = PIECE;
    else if (which == NOTHING)
        arm->workspace[0] = 0;
}

static struct ranks_plan steady_plan(const struct lab_run *run,
                                     const struct ranks_gemm_way *preferred) {
    struct ranks_plan plan = plan_of(run, preferred);
    plan.rounds = rounds_of[lab_mode(run)];
    plan.steps = STEPS;
    plan.warmup = 1;
    plan.arms = ARMS;
    for (int k = 0; k < ARMS; k++) {
        plan.arm[k] = plan.arm[0];
        limit(&plan.arm[k], k);
    }
    return plan;
}

static struct ranks_plan serving_plan(const struct lab_run *run,
                                      const struct ranks_gemm_way *preferred,
                                      enum serving_batcher batcher, double budget_us) {
    struct ranks_plan plan = plan_of(run, preferred);
    plan.serves = true;
    plan.batcher = batcher;
    plan.row_bytes = N * sizeof(float);
    plan.step_budget_us = (uint64_t)budget_us;
    plan.rounds = serving_rounds[lab_mode(run)];
    plan.steps = SERVING_STEPS;
    plan.warmup = 8;
    plan.arms = SERVING_ARMS;
    for (int k = 0; k < SERVING_ARMS; k++) {
        plan.arm[k] = plan.arm[0];
        limit(&plan.arm[k], serving_arms[k]);
        plan.arm[k].from = FROM, plan.arm[k].to = TO;
    }
    return plan;
}

/* --- from a log ------------------------------------------------------------------------------- */

enum what { CULPRIT_COMPUTES, OTHER_COMPUTES, OTHER_WAITS, STEP, BATCH_ROWS, WHATS };

static double of_step(const struct ranks_log *log, size_t k, enum what what) {
    const struct ranks_cell *culprit = ranks_at(log, k, CULPRIT);
    const struct ranks_cell *other = ranks_at(log, k, 1 - CULPRIT);
    double sums = other->end_us - other->start_us;
    switch (what) {
    case CULPRIT_COMPUTES:
        return culprit->compute_us;
    case OTHER_COMPUTES:
        return other->compute_us;
    case OTHER_WAITS: /* in a step the shortest sum is nobody's wait */
        return sums - fmin(sums, culprit->end_us - culprit->start_us);
    case STEP:
        return other->compute_us + sums;
    default:
        return log->step[k].rows;
    }
}

/* The median over an arm's steps in each round. */
static void by_round(const struct ranks_log *log, unsigned arm, enum what what, double *out) {
    double x[SERVING_STEPS];
    for (size_t round = 0; round < log->plan.rounds; round++) {
        for (size_t i = 0; i < log->plan.steps; i++)
            x[i] = of_step(log, rounds_first(log, arm, round) + i, what);
        out[round] = stats_median(x, log->plan.steps);
    }
}

/* What the machine does to computing makes it longer. */
static double least_computing(const struct ranks_log *log, unsigned arm) {
    double least = INFINITY;
    for (size_t k = 0; k < log->steps; k++)
        if (log->step[k].arm == arm)
            least = fmin(least, of_step(log, k, CULPRIT_COMPUTES));
    return least;
}

/* --- 32 rows in every step -------------------------------------------------------------------- */

static void record_limit(struct lab_case *c, const struct ranks_plan *plan, unsigned arm,
                         const char *name) {
    const struct ranks_arm *a = &plan->arm[arm];
    record_plan(c, plan);
    case_param_text(c, "limit", name);
    case_param_int(c, "workspace", (int64_t)a->workspace[0]);
    case_param_int(c, "piece", (int64_t)(a->piece[0] ? a->piece[0] : a->workspace[0]));
    case_param_int(c, "culprit", a->culprit);
}

static int record_steady(struct lab_case *c, const struct ranks_log *log, unsigned arm) {
    const struct ranks_plan *plan = &log->plan;
    double x[WHATS][ROUNDS_MOST], ample[WHATS][ROUNDS_MOST], waits[ROUNDS_MOST];
    size_t rounds = plan->rounds, k = rounds_first(log, arm, 0);
    int status = 0, named = rounds_named(log, arm, false, 0, &status);
    for (int what = 0; what < WHATS; what++) {
        by_round(log, arm, (enum what)what, x[what]);
        by_round(log, AMPLE, (enum what)what, ample[what]);
    }
    for (size_t r = 0; r < rounds; r++)
        waits[r] = (x[OTHER_WAITS][r] - ample[OTHER_WAITS][r]) /
                   (x[CULPRIT_COMPUTES][r] - ample[CULPRIT_COMPUTES][r]);
    record_limit(c, plan, arm, arm_names[arm]);
    case_param_text(c, "variant", ranks_at(log, k, CULPRIT)->variant);
    case_param_text(c, "others' variant", ranks_at(log, k, 1 - CULPRIT)->variant);
    case_counter_ratio(c, "computes", rounds_median(x[CULPRIT_COMPUTES], rounds, plan->seed));
    case_counter_ratio(c, "others compute", rounds_median(x[OTHER_COMPUTES], rounds, plan->seed));
    case_counter_ratio(c, "others wait", rounds_median(x[OTHER_WAITS], rounds, plan->seed));
    case_counter_ratio(c, "step", rounds_median(x[STEP], rounds, plan->seed));
    case_counter(c, "rank named", named);
    if (arm >= BYTE_LESS) {
        struct ratio over =
            rounds_over(x[CULPRIT_COMPUTES], ample[CULPRIT_COMPUTES], rounds, plan->seed);
        case_counter_ratio(c, "over ample", over);
        over = rounds_over(x[STEP], ample[STEP], rounds, plan->seed);
        case_counter_ratio(c, "step over ample", over);
        case_counter_ratio(c, "wait over fallback", rounds_median(waits, rounds, plan->seed));
    }
    if (arm == NOTHING)
        record_log(c, log, arm);
    return status;
}

/* --- with a serving loop ---------------------------------------------------------------------- */

/* Of the steps of a round after the one in which the culprit is first short: the part whose batch,
 * or whose shape class, is another one than in the arm with workspace for all. */
static void differing(const struct ranks_log *log, unsigned arm, bool classes, double *out) {
    for (size_t round = 0; round < log->plan.rounds; round++) {
        const struct ranks_step *a = log->step + rounds_first(log, arm, round);
        const struct ranks_step *b = log->step + rounds_first(log, 0, round);
        unsigned count = 0;
        for (unsigned i = FROM + 1; i < SERVING_STEPS; i++)
            count +=
                classes ? a[i].shape_class != b[i].shape_class : a[i].rows_hash != b[i].rows_hash;
        out[round] = count / (double)(SERVING_STEPS - FROM - 1);
    }
}

/* Of the steps of a round, those with fewer rows than may be, and rows a µs while the culprit may
 * be short. */
static void cut_and_served(const struct ranks_log *log, unsigned arm, double *cut, double *served) {
    for (size_t round = 0; round < log->plan.rounds; round++) {
        size_t first = rounds_first(log, arm, round);
        double rows = 0, us = 0, count = 0;
        for (size_t i = 0; i < SERVING_STEPS; i++) {
            count += log->step[first + i].rows < ROWS;
            rows += i >= FROM && i < TO ? log->step[first + i].rows : 0;
            us += i >= FROM && i < TO ? of_step(log, first + i, STEP) : 0;
        }
        cut[round] = count / SERVING_STEPS;
        served[round] = rows / us;
    }
}

/* Steps of all rounds in which a rank did not run what is preferred for so many rows. */
static size_t fallbacks(const struct ranks_log *log, unsigned arm, unsigned rank,
                        struct ranks_gemm *gemm) {
    struct ranks_gemm_way ways[RANKS_GEMM_WAYS];
    char why[RANKS_WHY];
    size_t count = 0;
    for (size_t k = 0; k < log->steps; k++)
        count += log->step[k].arm == arm &&
                 ranks_gemm_ways(gemm, log->step[k].rows, ways, why) > 0 &&
                 strcmp(ranks_at(log, k, rank)->variant, ways[0].variant) != 0;
    return count;
}

/* For each step of the round, medians over the rounds. */
static void record_series(struct lab_case *c, const struct ranks_log *log, unsigned arm,
                          enum what what, const char *name, const char *unit) {
    double x[ROUNDS_MOST], out[SERVING_STEPS];
    for (size_t i = 0; i < SERVING_STEPS; i++) {
        for (size_t round = 0; round < log->plan.rounds; round++)
            x[round] = of_step(log, rounds_first(log, arm, round) + i, what);
        out[i] = stats_median(x, log->plan.rounds);
    }
    case_series_real(c, name, unit, out, SERVING_STEPS);
}

static void record_serving(struct lab_case *c, const struct ranks_log *log, unsigned arm,
                           struct ranks_gemm *gemm) {
    const struct ranks_plan *plan = &log->plan;
    double differ[ROUNDS_MOST], again[ROUNDS_MOST], served[ROUNDS_MOST];
    record_limit(c, plan, arm, arm_names[serving_arms[arm]]);
    case_param_text(c, "batcher", serving_batcher_name(plan->batcher));
    case_param_int(c, "budget", (int64_t)plan->step_budget_us);
    case_param_int(c, "steps", SERVING_STEPS * plan->rounds);
    cut_and_served(log, 0, differ, again);
    cut_and_served(log, arm, differ, served);
    case_counter_ratio(c, "batches cut", rounds_median(differ, plan->rounds, plan->seed));
    case_counter_ratio(c, "rows kept", rounds_over(served, again, plan->rounds, plan->seed));
    for (int classes = 0; classes < 2 && serving_arms[arm] == NOTHING; classes++) {
        differing(log, arm, classes, differ);
        differing(log, 1, classes, again);
        case_counter_ratio(c, classes ? "classes differ" : "batches differ",
                           rounds_added(differ, again, plan->rounds, plan->seed));
    }
    case_counter(c, "fell back", (double)fallbacks(log, arm, CULPRIT, gemm));
    case_counter(c, "others fell back", (double)fallbacks(log, arm, 1 - CULPRIT, gemm));
    case_counter(c, "others fell back ample", (double)fallbacks(log, 0, 1 - CULPRIT, gemm));
    record_series(c, log, arm, BATCH_ROWS, "rows", "1");
    record_series(c, log, arm, STEP, "step", "us");
}

/* --- sweep ------------------------------------------------------------------------------------ */

/* For a whole batch, a cut one and one row. */
static void record_ways(struct lab_case *c, struct ranks_gemm *gemm) {
    static const unsigned rows[] = {ROWS, 12, 1};
    struct ranks_gemm_way ways[RANKS_GEMM_WAYS];
    char why[RANKS_WHY];
    case_param_int(c, "gemm n", N);
    case_param_int(c, "gemm k", K);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (size_t k = 0, count = ranks_gemm_ways(gemm, rows[r], ways, why); k < count; k++) {
            case_row(c);
            case_cell_int(c, "gemm rows", rows[r]);
            case_cell_text(c, "variant", ways[k].variant);
            case_cell_int(c, "asks for", (int64_t)ways[k].bytes);
            case_cell_int(c, "largest piece", (int64_t)ways[k].piece);
        }
}

struct sweep {
    struct lab_run *run;
    struct ranks_gemm *gemm;
    struct ranks_gemm_way preferred;
    struct lab_case *cases[CASES];
    double budget_us;
};

/* Runs one plan and records each arm. As engine_run(). */
static int record_run(struct sweep *s, const struct ranks_plan *plan, struct lab_case **cases) {
    struct ranks_log log;
    int status = engine_run(s->run, plan, &log);
    if (status != 0)
        return status;
    for (unsigned arm = 0; arm < plan->arms && status == 0; arm++)
        if (cases[arm] && plan->serves)
            record_serving(cases[arm], &log, arm, s->gemm);
        else if (cases[arm])
            status = record_steady(cases[arm], &log, arm);
    if (!plan->serves)
        s->budget_us = sqrt(least_computing(&log, AMPLE) * least_computing(&log, NOTHING));
    ranks_log_close(&log);
    return status == 0 ? 0 : lab_error(s->run, "no memory for a log of %u ranks", plan->ranks);
}

/* The budget follows from the first run, so all are run if one is wanted. */
static int run_all(struct sweep *s) {
    struct ranks_plan plan = steady_plan(s->run, &s->preferred);
    int status = record_run(s, &plan, s->cases + 1);
    for (unsigned b = 0; b < SERVING_BATCHER_COUNT && status == 0; b++) {
        plan = serving_plan(s->run, &s->preferred, (enum serving_batcher)b, s->budget_us);
        status = record_run(s, &plan, s->cases + 1 + ARMS + (size_t)b * SERVING_ARMS);
    }
    return status;
}

/* Opens the cases; how many. What needs no workspace cannot be short of it. */
static size_t open_cases(struct sweep *s, const char *on) {
    size_t count = 0;
    s->cases[count++] = lab_case_begin(s->run, on, "05/workspace/ways/n=%d/k=%d", N, K);
    for (int k = 0; k < ARMS && s->preferred.bytes > 0; k++)
        s->cases[count++] = lab_case_begin(s->run, on, "05/workspace/steady/%s", arm_names[k]);
    for (unsigned b = 0; b < SERVING_BATCHER_COUNT && s->preferred.bytes > 0; b++)
        for (int k = 0; k < SERVING_ARMS; k++)
            s->cases[count++] = lab_case_begin(s->run, on, "05/workspace/serving/%s/%s",
                                               serving_batcher_name((enum serving_batcher)b),
                                               arm_names[serving_arms[k]]);
    return count;
}

int sweep_cause(struct lab_run *run, struct device *device) {
    struct ranks_gemm_way ways[RANKS_GEMM_WAYS];
    struct sweep s = {.run = run};
    char why[RANKS_WHY];
    int runs = engine_runs(run, device, RANKS_OPENMPI), status = 0;
    if (runs <= 0 || lab_stopping(run))
        return runs < 0 ? -1 : 0;
    lab_expect(run, CASES);
    size_t count = 0;
    bool any = false;
    if (ranks_gemm_open(&s.gemm, ROWS, N, K, lab_seed(run), why) == 0)
        count = ranks_gemm_ways(s.gemm, ROWS, ways, why);
    if (count == 0) {
        ranks_gemm_close(s.gemm);
        return lab_error(run, "%s", why);
    }
    s.preferred = ways[0];
    size_t cases = open_cases(&s, device_id(device));
    if (s.cases[0])
        record_ways(s.cases[0], s.gemm);
    for (size_t k = 1; k < cases; k++)
        any = any || s.cases[k];
    if (any)
        status = run_all(&s);
    ranks_gemm_close(s.gemm);
    return cases_end(s.cases, cases, status);
}

/* --- C8 ----------------------------------------------------------------------------------------
 *
 * The claim's chain, link by link, for each limit that the preferred implementation exceeds.
 * Against it: the culprit runs what its peer runs; that takes less than a twentieth longer; the
 * peer's wait grows by less than 3/4 or more than 5/4 of that; the rule names another rank, or
 * none; with a latency-guarded batcher less than a tenth of the steps have another batch, beyond
 * those that have one when the same is run twice; the peer falls back no more often. A twentieth is
 * above what the same arm twice differs by; a quarter is what the wait may lose to the sum's own
 * jitter; and eight steps that a batch stays cut are more than a tenth of those counted.
 */

#define SLOWER 1.05
#define WAITS_LEAST 0.75
#define WAITS_MOST 1.25
#define DIFFER 0.1
#define CUT_ANYWAY 0.5

static bool is_case(const struct rows *rows, size_t k, const char *kind) {
    return strncmp(row_id(rows, k), kind, strlen(kind)) == 0;
}

/* Limits that the culprit's preferred implementation does not fit into. */
static void count_steady(const struct rows *rows, struct finding *f, size_t k) {
    struct ratio waits = row_ratio(rows, k, "wait over fallback");
    double named = row_number(rows, k, "rank named");
    const char *culprit = row_text(rows, k, "variant"),
               *other = row_text(rows, k, "others' variant");
    finding_count(f, answer_if(strcmp(culprit, other) != 0), rows, k);
    finding_count(f, answer_above(row_ratio(rows, k, "over ample"), SLOWER), rows, k);
    finding_count(f, answer_both(answer_above(waits, WAITS_LEAST), answer_below(waits, WAITS_MOST)),
                  rows, k);
    finding_count(f,
                  named == ROUNDS_UNKNOWN ? ANSWER_OPEN
                                          : answer_if(named == row_number(rows, k, "culprit")),
                  rows, k);
    finding_number(f, "1", row_ratio(rows, k, "over ample"), "%.12s: time of %.24s over %.24s",
                   row_text(rows, k, "limit"), culprit, other);
    finding_number(f, "1", waits, "%.12s: the others' wait over what that takes longer",
                   row_text(rows, k, "limit"));
    finding_number(f, "1", row_ratio(rows, k, "step over ample"),
                   "%.12s: everybody's step over that with workspace for all",
                   row_text(rows, k, "limit"));
}

static bool others_fall_back(const struct rows *rows, size_t k) {
    return row_number(rows, k, "others fell back") > row_number(rows, k, "others fell back ample");
}

/* Only a batcher that looks at time can answer to it; the other one is told. */
static void count_serving(const struct rows *rows, struct finding *f, size_t k) {
    finding_number(f, "1", row_ratio(rows, k, "batches differ"),
                   "%.16s: part of the steps with another batch", row_text(rows, k, "batcher"));
    finding_number(f, "1", row_ratio(rows, k, "classes differ"),
                   "%.16s: part of the steps of another shape class", row_text(rows, k, "batcher"));
    finding_number(f, "1", row_ratio(rows, k, "rows kept"),
                   "%.16s: rows a second, over those with workspace for all",
                   row_text(rows, k, "batcher"));
    finding_number(f, "1", number(row_number(rows, k, "others fell back")),
                   "%.16s: fallbacks of the other rank", row_text(rows, k, "batcher"));
    if (!row_is(rows, k, "batcher", "latency-guarded"))
        return;
    finding_count(f, answer_above(row_ratio(rows, k, "batches differ"), DIFFER), rows, k);
    finding_count(f, answer_if(others_fall_back(rows, k)), rows, k);
}

/* With workspace for all: a rank that is named in both runs has another cause to be late, and
 * batches that are cut have, too. */
static void controls(const struct rows *rows, struct finding *f) {
    size_t runs = 0, named = 0, ample = rows_find(rows, "limit=ample;batcher=latency-guarded");
    for (size_t k = 0; k < rows->count; k++)
        if (is_case(rows, k, "05/workspace/steady/") && !row_has(rows, k, "over ample")) {
            runs++;
            named += row_number(rows, k, "rank named") == row_number(rows, k, "culprit");
        }
    finding_control(f, answer_if(runs > 0 && named < runs),
                    "the culprit is not late with its workspace, too");
    finding_control(f,
                    ample < rows->count
                        ? answer_below(row_ratio(rows, ample, "batches cut"), CUT_ANYWAY)
                        : ANSWER_OPEN,
                    "with workspace for all, steps keep the budget");
}

static void say(const struct rows *rows, struct finding *f) {
    size_t serving = rows_find(rows, "limit=nothing;batcher=latency-guarded"), nothing = 0;
    while (nothing < rows->count && (!is_case(rows, nothing, "05/workspace/steady/") ||
                                     !row_is(rows, nothing, "limit", "nothing")))
        nothing++;
    if (nothing < rows->count)
        finding_say(f, "without workspace a rank runs %.24s, for %.1f times as long",
                    row_text(rows, nothing, "variant"), row_number(rows, nothing, "over ample"));
    else
        finding_say(f, "no rank was without workspace");
    if (serving < rows->count)
        finding_say(f, "; the batch changes in %.0f %% of the steps; others %s",
                    100 * fmax(0, row_number(rows, serving, "batches differ")),
                    others_fall_back(rows, serving) ? "fall back, too" : "fall back in none");
}

void check_cause(const struct rows *rows, struct finding *f) {
    size_t way = 0;
    if (none_ran(rows, f))
        return;
    while (way < rows->count && !is_case(rows, way, "05/workspace/ways/"))
        way++;
    if (way < rows->count && row_number(rows, way, "asks for") == 0) {
        finding_not_testable(f, "%.24s, preferred on this processor, asks for no workspace",
                             row_text(rows, way, "variant"));
        return;
    }
    for (size_t k = 0; k < rows->count; k++)
        if (is_case(rows, k, "05/workspace/steady/") && row_has(rows, k, "over ample"))
            count_steady(rows, f, k);
        else if (is_case(rows, k, "05/workspace/serving/") && row_is(rows, k, "limit", "nothing"))
            count_serving(rows, f, k);
    controls(rows, f);
    say(rows, f);
    finding_settle(f, SETTLE_ALL, "for some of the links, or some of the limits");
}

/* --- tables ----------------------------------------------------------------------------------- */

int write_answer(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    for (size_t k = 0; k < rows->count; k++)
        for (size_t i = 0; i < row_series(rows, k, "rows") && !row_is(rows, k, "limit", "again");
             i++)
            lab_table_row(table, "%s\t%s\t%zu\t%.0f\t%.1f", row_text(rows, k, "batcher"),
                          row_text(rows, k, "limit"), i, row_series_number(rows, k, "rows", i),
                          row_series_number(rows, k, "step", i));
    return 0;
}
