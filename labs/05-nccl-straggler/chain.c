/*
 * chain.c, C4: stall, step, batch, shape class, plan, step by step.
 *
 * A serving loop whose steps are those of ranks that sum. In every round it serves the same
 * requests with nobody late, with one rank late in one step, and with one late in every step from
 * then on; with the sums waited for at once, and one step late. Both batchers. Each arm with a late
 * rank is recorded beside the one without, step by step, and links.h reads the chain from these
 * rows alone.
 *
 * A plan is what a step would be run by: the number of splits of attention, s1, s2, …, that
 * FlashAttention's rule takes for the rows and the longest context, as kernels/paged_attention has
 * it, with 8 KV heads on 132 multiprocessors. It decides the order in which a row's sum is taken.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/measure/stats.h"
#include "kernels/paged_attention/paged.h"
#include "labs/05-nccl-straggler/links.h"
#include "labs/05-nccl-straggler/stragglers.h"

#define STALL_US 1200 /* the essay's */
#define CALM_US 7412  /* the longest step of serving_calm(), unscaled: 32 rows of 2,112 tokens */
#define SHORT (1200.0 / CALM_US) /* … scaled to the essay's step, which its stall doubles */
#define KV_HEADS 8
#define PROCESSORS 132
#define SPLITS_MOST 32
#define ARMS 6 /* {nobody, once, every step} × {at once, one step late} */
#define KINDS 3
#define FABRIC_WINDOW 8 /* steps */

static const char *const kinds[KINDS] = {"never", "once", "always"};
static const char *const overlaps[] = {"at-once", "one-late"};

struct setting {
    enum ranks_engine engine;
    unsigned ranks, culprit;
    bool churning;
    enum serving_batcher batcher;
    double scale;
    unsigned restore; /* 0: 8 */
    unsigned from, steps;
    unsigned arms;
    unsigned rounds[3]; /* quick, default, full */
    bool draws;         /* the timeline of its first stall */
};

/* The essay's shapes return after 47 steps; the batcher's after as many as it is told. */
static const struct setting settings[] = {
    {RANKS_SMPI, 8, 5, false, SERVING_LATENCY_GUARDED, 1, 0, 32, 112, ARMS, {1, 1, 1}, false},
    {RANKS_SMPI, 8, 5, false, SERVING_LATENCY_GUARDED, SHORT, 0, 32, 112, ARMS, {1, 1, 1}, true},
    {RANKS_SMPI, 8, 5, false, SERVING_LATENCY_GUARDED, 1, 47, 8, 112, KINDS, {1, 1, 1}, false},
    {RANKS_SMPI, 8, 5, true, SERVING_LATENCY_GUARDED, 1, 0, 32, 160, KINDS, {1, 1, 1}, false},
    {RANKS_SMPI, 8, 5, false, SERVING_BUDGET_ONLY, 1, 0, 32, 112, ARMS, {1, 1, 1}, false},
    {RANKS_SMPI, 8, 5, false, SERVING_BUDGET_ONLY, SHORT, 0, 32, 112, ARMS, {1, 1, 1}, false},
    {RANKS_SMPI, 8, 5, true, SERVING_BUDGET_ONLY, 1, 0, 32, 160, KINDS, {1, 1, 1}, false},
    {RANKS_OPENMPI,
     2,
     1,
     false,
     SERVING_LATENCY_GUARDED,
     SHORT,
     0,
     16,
     56,
     KINDS,
     {3, 8, 25},
     true},
    {RANKS_OPENMPI, 2, 1, false, SERVING_BUDGET_ONLY, SHORT, 0, 16, 56, KINDS, {3, 8, 25}, false},
};
#define SETTINGS (sizeof settings / sizeof *settings)

/* --- plans of ranks ----------------------------------------------------------------------------
 */

static struct ranks_plan plan_of(const struct lab_run *run, const struct setting *s) {
    struct ranks_plan plan = ranks_plan_default(s->engine, s->ranks);
    plan.algorithm = RANKS_DOUBLING;
    plan.seed = lab_seed(run);
    plan.serves = true;
    plan.churning = s->churning;
    plan.batcher = s->batcher;
    plan.restore_steps = s->restore;
    plan.cost_scale = s->scale;
    plan.row_bytes = 256;
    plan.step_budget_us = (uint64_t)(s->scale * CALM_US + STALL_US / 2.0);
    plan.steps = s->steps;
    plan.rounds = s->rounds[lab_mode(run)];
    plan.warmup = s->churning ? 200 : s->engine == RANKS_SMPI ? 0 : 8;
    plan.arms = s->arms;
    for (unsigned arm = 0; arm < s->arms; arm++) {
        struct ranks_arm *a = &plan.arm[arm];
        *a = plan.arm[0];
        a->one_late = arm >= KINDS;
        a->culprit = s->culprit;
        a->stall_us = arm % KINDS > 0 ? STALL_US : 0;
        a->from = s->from;
        a->to = arm % KINDS == 1 ? s->from + 1 : 0;
    }
    return plan;
}

/* The scheduler's step of log step k; `first`: there is none before it in its arm. */
static double scheduled_us(const struct ranks_log *log, size_t k, bool first) {
    const struct ranks_cell *c = ranks_at(log, k, 0);
    if (!log->plan.arm[log->step[k].arm].one_late)
        return c->compute_us + c->end_us - c->start_us;
    /* A batch is formed when the one before has been computed and the sum before that is there. */
    double formed = first ? c->start_us : fmax(c->start_us, ranks_at(log, k - 1, 0)->end_us);
    bool second = !first && log->step[k].step == 1;
    double before = first ? c->start_us - c->compute_us
                    : second
                        ? ranks_at(log, k - 1, 0)->start_us
                        : fmax(ranks_at(log, k - 1, 0)->start_us, ranks_at(log, k - 2, 0)->end_us);
    return formed - before;
}

/* The first of an arm's steps in a round; they lie one after another. */
static size_t first_of(const struct ranks_log *log, unsigned arm, unsigned round) {
    size_t k = 0;
    while (k < log->steps && (log->step[k].arm != arm || log->step[k].round != round))
        k++;
    return k;
}

/* A churning server has its busiest moments when it has them, and a longest step of its own: so it
 * is run without a stall before. 0; 1: stopped; -1. */
static int look_ahead(struct lab_run *run, struct ranks_plan *plan, unsigned earliest) {
    struct ranks_plan alone = *plan;
    struct ranks_log log;
    alone.arms = alone.rounds = 1;
    alone.batcher = SERVING_BUDGET_ONLY;
    int status = engine_run(run, &alone, &log);
    if (status != 0)
        return status;
    size_t busiest = earliest;
    double longest = 0;
    for (size_t k = 0; k < log.steps; k++) {
        longest = fmax(longest, scheduled_us(&log, k, k == 0));
        if (k >= earliest && k < log.steps * 2 / 3 && log.step[k].rows > log.step[busiest].rows)
            busiest = k;
    }
    plan->step_budget_us = (uint64_t)(longest + STALL_US / 10.0);
    for (unsigned arm = 0; arm < plan->arms; arm++) {
        plan->arm[arm].from = (unsigned)busiest;
        plan->arm[arm].to = arm % KINDS == 1 ? (unsigned)busiest + 1 : 0;
    }
    ranks_log_close(&log);
    return 0;
}

/* --- a case ------------------------------------------------------------------------------------
 */

static double others_us(const struct ranks_log *log, size_t k, unsigned culprit) {
    double *comm = malloc(log->plan.ranks * sizeof *comm);
    size_t n = 0;
    for (unsigned r = 0; comm && r < log->plan.ranks; r++)
        if (r != culprit)
            comm[n++] = ranks_at(log, k, r)->end_us - ranks_at(log, k, r)->start_us;
    double median = comm ? stats_median(comm, n) : NAN;
    free(comm);
    return median;
}

static void cell_of_batch(struct lab_case *c, const struct ranks_step *step, bool with) {
    char class[SERVING_SHAPE_CLASS_TEXT], splits[16];
    case_cell_int(c, with ? "rows" : "rows without", step->rows);
    case_cell_int(c, with ? "waiting" : "waiting without", step->waiting);
    case_cell_int(c, with ? "joined" : "joined without", step->joined);
    snprintf(splits, sizeof splits, "s%u",
             paged_split_heuristic(step->rows * KV_HEADS, PROCESSORS,
                                   (step->context + PAGED_TILE - 1) / PAGED_TILE, SPLITS_MOST));
    case_cell_text(c, with ? "class" : "class without",
                   serving_shape_class_text(step->shape_class, class));
    case_cell_text(c, with ? "plan" : "plan without", splits);
}

/* Steps k of the arm with a late rank and j of the one without. */
static void record_step(struct lab_case *c, const struct ranks_log *log, size_t k, size_t j,
                        bool first) {
    const struct ranks_step *with = &log->step[k], *without = &log->step[j];
    unsigned culprit = log->plan.arm[with->arm].culprit;
    case_row(c);
    case_cell_int(c, "nth", with->step);
    case_cell_real(c, "stall", ranks_at(log, k, culprit)->stall_us);
    case_cell_real(c, "step us", scheduled_us(log, k, first));
    case_cell_real(c, "step us without", scheduled_us(log, j, first));
    case_cell_real(c, "others us", others_us(log, k, culprit));
    case_cell_real(c, "others us without", others_us(log, j, culprit));
    cell_of_batch(c, with, true);
    cell_of_batch(c, without, false);
    case_cell_int(c, "cut", with->cut);
    case_cell_int(c, "same requests", with->rows_hash == without->rows_hash);
}

/* The fabric record of the steps until this one. */
static int record_fabric(struct lab_case *c, const struct straggler_log *log, unsigned step) {
    struct straggler_fabric f;
    if (straggler_fabric(log, step, FABRIC_WINDOW, &f) != 0)
        return -1;
    case_cell_text(c, "marker", straggler_marker_name(f.marker));
    case_cell_real(c, "comm p50", f.p50);
    case_cell_real(c, "comm p95", f.p95);
    case_cell_real(c, "comm p99", f.p99);
    case_cell_real(c, "skew", f.skew);
    case_cell_real(c, "comm rate", 1e9 * f.gbs);
    return 0;
}

static void record_setting(struct lab_case *c, const struct ranks_plan *plan, unsigned arm,
                           unsigned round) {
    bool guarded = plan->batcher == SERVING_LATENCY_GUARDED;
    record_plan(c, plan);
    case_param_text(c, "batcher", serving_batcher_name(plan->batcher));
    case_param_text(c, "requests", plan->churning ? "churning" : "calm");
    case_param_text(c, "overlap", overlaps[arm / KINDS]);
    case_param_text(c, "late", kinds[arm % KINDS]);
    case_param_int(c, "culprit", plan->arm[arm].culprit);
    case_param_real(c, "normal step", plan->cost_scale * CALM_US);
    case_param_int(c, "round", round);
    case_param_real(c, "delay", STALL_US);
    case_param_real(c, "budget", guarded ? (double)plan->step_budget_us : 0);
    case_param_int(
        c, "restore",
        guarded ? plan->restore_steps ? plan->restore_steps : serving_calm(0).restore_steps : 0);
}

static int record_arm(struct lab_run *run, struct device *device, const struct setting *s,
                      const struct ranks_log *log, unsigned arm, unsigned round) {
    struct lab_case *c = lab_case_begin(
        run, device_id(device), "05/chain/%s/N=%u/%s/%s/ms=%.1f/restore=%u/%s/%s/round=%u",
        ranks_engine_name(s->engine), s->ranks, s->churning ? "churning" : "calm",
        serving_batcher_name(s->batcher), s->scale * CALM_US / 1e3, s->restore,
        overlaps[arm / KINDS], kinds[arm % KINDS], round);
    if (!c)
        return 0;
    size_t with = first_of(log, arm, round), without = first_of(log, arm / KINDS * KINDS, round);
    struct straggler_log times = {0};
    record_setting(c, &log->plan, arm, round);
    int status = ranks_straggler_log(log, arm, (int)round, false, 0, &times, NULL);
    for (unsigned k = 0; status == 0 && k < log->plan.steps; k++) {
        record_step(c, log, with + k, without + k, k == 0);
        status = record_fabric(c, &times, k);
    }
    straggler_log_close(&times);
    if (status == 0)
        return lab_case_end(c);
    lab_case_drop(c);
    return lab_error(run, "out of memory; close other programs");
}

/* --- the timeline ------------------------------------------------------------------------------
 *
 * Each rank's bars are by its own clock, and the clocks are put together where a sum ended: nobody
 * leaves one before all have entered it, so these moments lie no further apart than a sum without
 * waiting takes.
 */
#define SHOWN 6

static int record_timeline(struct lab_run *run, struct device *device, const struct setting *s,
                           const struct ranks_log *log) {
    unsigned arm = 1, culprit = s->culprit;
    size_t first = first_of(log, arm, 0) + log->plan.arm[arm].from - 1;
    struct lab_case *c = lab_case_begin(run, device_id(device), "05/timeline/%s/N=%u",
                                        ranks_engine_name(s->engine), s->ranks);
    if (!c)
        return 0;
    record_plan(c, &log->plan);
    case_param_int(c, "culprit", culprit);
    for (size_t k = first; k < first + SHOWN && k < log->steps; k++) {
        double least = INFINITY;
        for (unsigned r = 0; r < s->ranks; r++)
            least = fmin(least, ranks_at(log, k, r)->end_us - ranks_at(log, k, r)->start_us);
        for (unsigned r = 0; r < s->ranks; r++) {
            const struct ranks_cell *cell = ranks_at(log, k, r);
            double zero = ranks_at(log, first - 1, r)->end_us;
            double times[] = {cell->start_us - cell->compute_us - zero, cell->start_us - zero,
                              cell->end_us - least - zero, cell->end_us - zero};
            case_row(c);
            case_cell_int(c, "nth", log->step[k].step);
            case_cell_int(c, "rank", r);
            case_cell_int(c, "rows", log->step[k].rows);
            case_cell_real(c, "stall", cell->stall_us);
            case_cell_real(c, "begins", times[0]);
            case_cell_real(c, "waits from", times[1]);
            case_cell_real(c, "sums from", times[2]);
            case_cell_real(c, "ends", times[3]);
        }
    }
    return lab_case_end(c);
}

/* --- the sweep ---------------------------------------------------------------------------------
 */

static int run_setting(struct lab_run *run, struct device *device, const struct setting *s) {
    struct ranks_plan plan = plan_of(run, s);
    struct ranks_log log;
    int status = s->churning ? look_ahead(run, &plan, s->from) : 0;
    if (status == 0)
        status = engine_run(run, &plan, &log);
    if (status != 0)
        return status < 0 ? -1 : 0;
    for (unsigned round = 0; round < plan.rounds; round++)
        for (unsigned arm = 0; arm < plan.arms && status == 0; arm++)
            if (arm % KINDS > 0)
                status = record_arm(run, device, s, &log, arm, round);
    if (status == 0 && s->draws)
        status = record_timeline(run, device, s, &log);
    ranks_log_close(&log);
    return status;
}

int sweep_chain(struct lab_run *run, struct device *device) {
    int runs[SETTINGS];
    for (size_t k = 0; k < SETTINGS; k++) {
        const struct setting *s = &settings[k];
        runs[k] = engine_runs(run, device, s->engine);
        if (runs[k] < 0)
            return -1;
        if (runs[k])
            lab_expect(run, s->arms / KINDS * (KINDS - 1) * s->rounds[lab_mode(run)] + s->draws);
    }
    for (size_t k = 0; k < SETTINGS && !lab_stopping(run); k++)
        if (runs[k] && run_setting(run, device, &settings[k]) != 0)
            return -1;
    return 0;
}

/* --- check -------------------------------------------------------------------------------------
 */

/* Where the chain is asked for. */
enum place { GUARDED, GUARDED_LATE, BUDGET_ONLY, PLACES };

static enum place place_of(const struct rows *rows, size_t k) {
    if (!row_is(rows, k, "batcher", serving_batcher_name(SERVING_LATENCY_GUARDED)))
        return BUDGET_ONLY;
    return row_is(rows, k, "overlap", overlaps[1]) ? GUARDED_LATE : GUARDED;
}

/* What a case is, in a number's name. */
#define CASE "%.8s N=%.0f, %.8s, %.15s, sums %.8s, step %.1f ms, late %.6s"
#define CASE_OF(rows, k)                                                                           \
    row_text(rows, k, "engine"), row_number(rows, k, "ranks"), row_text(rows, k, "requests"),      \
        row_text(rows, k, "batcher"), row_text(rows, k, "overlap"),                                \
        row_number(rows, k, "normal step") / 1e3, row_text(rows, k, "late")

static void tell(const struct rows *rows, size_t k, const struct chain *c, struct finding *f) {
    if (row_number(rows, k, "round") != 0)
        return;
    if (c->missing > LINK_BATCH) {
        if (c->back)
            finding_number(f, "steps", number(c->changed),
                           CASE ", restored after %.0f: until rows, class and plan are back",
                           CASE_OF(rows, k), row_number(rows, k, "restore"));
        else
            finding_number(f, "steps", number(c->seen), CASE ": not back in all steps seen",
                           CASE_OF(rows, k));
    }
    if (row_is(rows, k, "late", kinds[2])) {
        finding_number(f, "1", number(c->kept), CASE ": rows a second over those without",
                       CASE_OF(rows, k));
        if (isfinite(c->left_us) && place_of(rows, k) == GUARDED)
            finding_number(f, "s", number(c->left_us * 1e-6), CASE ": waited for with a cut batch",
                           CASE_OF(rows, k));
    }
}

/* One that has the whole chain and its end; or else as much of it as there is. */
static bool tells_more(const struct chain *a, const struct chain *b) {
    bool whole = a->missing == LINKS && a->back, other = b->missing == LINKS && b->back;
    return whole != other ? whole : a->missing > b->missing;
}

void check_chain(const struct rows *rows, struct finding *f) {
    size_t whole[PLACES] = {0}, of[PLACES] = {0};
    struct chain best = {.noise = true};
    if (none_ran(rows, f))
        return;
    for (size_t first = 0, n = 0; rows_group(rows, "id", &first, &n);) {
        struct chain c;
        if (is_engine(rows, first))
            continue;
        chain_read(rows, first, n, &c);
        finding_count(f, c.noise ? ANSWER_OPEN : answer_if(c.missing == LINKS), rows, first);
        if (c.noise)
            continue;
        tell(rows, first, &c, f);
        whole[place_of(rows, first)] += c.missing == LINKS;
        of[place_of(rows, first)]++;
        if (best.noise || tells_more(&c, &best))
            best = c;
    }
    if (best.noise)
        finding_say(f, "steps went over their budget with nobody late");
    else /* longer than what finding_say() takes of a text, and bounded as it makes it */
        chain_sentence(&best, f->statement);
    finding_range(f,
                  "under latency-guarded, in %zu of %zu runs, and in %zu of %zu with sums one step "
                  "late; under budget-only in %zu of %zu",
                  whole[GUARDED], of[GUARDED], whole[GUARDED_LATE], of[GUARDED_LATE],
                  whole[BUDGET_ONLY], of[BUDGET_ONLY]);
    finding_settle(f, SETTLE_ALL, "some of the batchers");
}

/* --- tables ------------------------------------------------------------------------------------
 */

int write_sentences(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    for (size_t first = 0, n = 0; rows_group(rows, "id", &first, &n);) {
        struct chain c;
        char sentence[CHAIN_SENTENCE], back[16] = "", kept[16] = "";
        chain_read(rows, first, n, &c);
        if (c.back && c.missing > LINK_BATCH && !c.noise)
            snprintf(back, sizeof back, "%.0f", c.changed);
        if (!c.noise)
            snprintf(kept, sizeof kept, "%.2f", c.kept);
        lab_table_row(
            table, "%s\t%.0f\t%s\t%s\t%s\t%.1f\t%.0f\t%s\t%s\t%s\t%.0f\t%.0f\t%s",
            row_text(rows, first, "engine"), row_number(rows, first, "ranks"),
            row_text(rows, first, "requests"), row_text(rows, first, "batcher"),
            row_text(rows, first, "overlap"), row_number(rows, first, "normal step") / 1e3,
            row_number(rows, first, "restore"), row_text(rows, first, "late"),
            c.noise ? "noise" : chain_sentence(&c, sentence), back, c.again, c.strangers, kept);
    }
    return 0;
}

int write_timeline(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    static const char *const parts[] = {"computes", "is late", "waits", "sums"};
    (void)run;
    for (size_t k = 0; k < rows->count; k++) {
        double waits = row_number(rows, k, "waits from");
        double moments[] = {row_number(rows, k, "begins"), waits - row_number(rows, k, "stall"),
                            waits, row_number(rows, k, "sums from"), row_number(rows, k, "ends")};
        for (size_t part = 0; part < 4; part++)
            lab_table_row(table, "%s\t%.0f\t%s\t%.0f\t%.0f\t%.0f\t%.4f\t%.4f",
                          row_text(rows, k, "engine"), row_number(rows, k, "ranks"), parts[part],
                          row_number(rows, k, "rank"), row_number(rows, k, "nth"),
                          row_number(rows, k, "rows"), moments[part] / 1e3,
                          moments[part + 1] / 1e3);
    }
    return 0;
}
