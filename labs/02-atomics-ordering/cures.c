/*
 * cures.c: A5. A cure must take the order away, not hide it: each leaves one result in all runs,
 * and the model says beforehand which. What each costs is measured beside the plain sum, in cache
 * and out of it. And a cure that gave a wrong number in silence would be worse than the disease:
 * fixed point must own up to numbers that do not fit.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/lab/contest.h"
#include "kernels/roofs/roofs.h"
#include "kernels/sum/exact.h"
#include "labs/02-atomics-ordering/ordering.h"

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

/* --- one result --------------------------------------------------------------------------------
 */

static const struct setting native[] = {
    {"f32.none.fixed.a1.t2", INPUT_CANCELLING, false},
    {"f32.none.fixed.a1.t2", INPUT_CANCELLING, true},
    {"f32.none.fixed.a64.t4", INPUT_UNIFORM, false},
    {"f64.none.fixed.a1.t2", INPUT_CANCELLING, false},
    {"f32.thread.fixed.a1.t4", INPUT_LOG_UNIFORM, false},
    {"f32.thread.ordered.a1.t2", INPUT_CANCELLING, false},
    {"f32.thread.ordered.a1.t4", INPUT_CANCELLING, true},
    {"f64.thread.ordered.a1.t4", INPUT_LOG_UNIFORM, false},
    {"f32.thread.ticket.a1.t2", INPUT_CANCELLING, false},
    {"f32.thread.ticket.a1.t4", INPUT_CANCELLING, false},
    {"f32.none.binned.a1.t2", INPUT_CANCELLING, false},
    {"f32.thread.binned.a1.t4", INPUT_LOG_UNIFORM, false},
};

static const struct setting kernels[] = {
    {"f32.none.fixed.a1.i1.b32.g16", INPUT_CANCELLING, false},
    {"f32.none.fixed.a1.i1.b32.g16", INPUT_CANCELLING, true},
    {"f32.block.fixed.a1.i4.b64.g4", INPUT_LOG_UNIFORM, false},
    {"f32.none.fixed.a16.i4.b64.tiles", INPUT_UNIFORM, false},
    {"f64.none.fixed.a1.i1.b32.g16", INPUT_CANCELLING, false},
    {"f32.block.ordered.a1.i1.b32.g16", INPUT_CANCELLING, false},
    {"f32.block.ordered.a1.i1.b32.g16", INPUT_CANCELLING, true},
    {"f32.thread.ordered.a4.i1.b32.g8", INPUT_CANCELLING, false},
    {"f64.warp.ordered.a1.i1.b64.g8", INPUT_LOG_UNIFORM, false},
    {"f32.block.ticket.a1.i1.b32.g16", INPUT_CANCELLING, false},
    {"f32.block.ticket.a1.i1.b32.g16", INPUT_CANCELLING, true},
    {"f64.block.ticket.a1.i4.b64.g4", INPUT_LOG_UNIFORM, false},
    {"f32.none.binned.a1.i1.b32.g16", INPUT_CANCELLING, false},
    {"f32.none.binned.a1.i1.b32.g16", INPUT_CANCELLING, true},
    {"f32.block.binned.a1.i4.b64.g4", INPUT_LOG_UNIFORM, false},
};

static int measure_cure(const struct trial *t, struct lab_case *c) {
    struct job_bits predicted;
    if (job_predict(&t->job, &predicted) != 0) /* before anything runs */
        return -1;
    case_series_bits(c, "predicted", predicted.width, &predicted.bits, 1);
    return repeat_runs(t, c);
}

/* --- numbers that do not fit -------------------------------------------------------------------
 * What is expected is written down here, not taken from the model of the kernels.
 */

#define RANGE_N 1000
#define RANGE_LARGEST 1.0 /* the range is stated for |x| <= 1 */

enum expected { IS_SUM, IS_NAN, IS_PLUS_INF, IS_MINUS_INF };

struct misfit {
    const char *what;
    double fill;  /* all elements; 0: uniform ones */
    double at[2]; /* put at places 3 and 700, where not 0 */
    enum expected expected;
    uint32_t status;
};

/* `limit` is the largest that fits exactly; anything above it is out of range. */
static size_t misfits(double limit, struct misfit out[10]) {
    double above = nextafterf((float)limit, INFINITY);
    const struct misfit list[] = {
        {"in range", 0, {0, 0}, IS_SUM, 0},
        {"all at the limit", limit, {0, 0}, IS_SUM, 0},
        {"all at minus the limit", -limit, {0, 0}, IS_SUM, 0},
        {"one above the limit", 0, {above, 0}, IS_NAN, ATOMICS_RANGE},
        {"two that cancel above the limit", 0, {above, -above}, IS_NAN, ATOMICS_RANGE},
        {"the largest float", 0, {3.4028234663852886e38, 0}, IS_NAN, ATOMICS_RANGE},
        {"NaN", 0, {NAN, 0}, IS_NAN, ATOMICS_NAN},
        {"infinity", 0, {INFINITY, 0}, IS_PLUS_INF, ATOMICS_PLUS_INF},
        {"minus infinity", 0, {0, -INFINITY}, IS_MINUS_INF, ATOMICS_MINUS_INF},
        {"both infinities", 0, {INFINITY, -INFINITY}, IS_NAN, ATOMICS_PLUS_INF | ATOMICS_MINUS_INF},
    };
    memcpy(out, list, sizeof list);
    return COUNT(list);
}

static void fill(float x[RANGE_N], const struct misfit *m, const float *uniform) {
    for (size_t i = 0; i < RANGE_N; i++)
        x[i] = m->fill != 0 ? (float)m->fill : uniform[i];
    if (m->at[0] != 0)
        x[3] = (float)m->at[0];
    if (m->at[1] != 0)
        x[700] = (float)m->at[1];
}

static bool as_documented(const struct misfit *m, const struct atomics_sum *sum,
                          const float x[RANGE_N]) {
    float value;
    memcpy(&value, sum->result, sizeof value);
    if (sum->status != m->status)
        return false;
    switch (m->expected) {
    case IS_NAN:
        return isnan(value);
    case IS_PLUS_INF:
        return isinf(value) && value > 0;
    case IS_MINUS_INF:
        return isinf(value) && value < 0;
    case IS_SUM:
        break;
    }
    /* Each element is rounded to a unit once, and the sum to a float once. */
    double exact = exact_sum_f32_as_f64(x, RANGE_N);
    double bound = RANGE_N * ldexp(0.5, sum->unit) + fabs(exact) * 0x1p-24;
    return fabs((double)value - exact) <= bound * (1 + 1e-12);
}

static int measure_misfit(struct lab_run *run, struct device *device, struct lab_case *c,
                          const struct misfit *m, const struct atomics_setup *setup,
                          uint64_t schedule) {
    struct job job;
    struct job_bits predicted, got;
    uint32_t expected = 0;
    if (atomics_job_open(&job, device, setup) != 0)
        return -1;
    const struct atomics_sum *sum = atomics_job_sum(&job);
    atomics_job_schedule(&job, lab_seed(run), schedule);
    int status = atomics_job_predict(&job, &predicted, &expected);
    if (status == 0)
        status = atomics_job_run(&job, &got);
    if (status == 0) {
        case_row(c);
        case_cell_text(c, "what", m->what);
        case_cell_bits(c, "predicted", predicted.width, predicted.bits);
        case_cell_bits(c, "measured", got.width, got.bits);
        case_cell_int(c, "expected status", m->status);
        case_cell_int(c, "status", sum->status);
        case_cell_int(c, "as documented",
                      as_documented(m, sum, setup->x) && expected == sum->status);
    }
    job_close(&job);
    return status;
}

static int measure_range(struct lab_run *run, struct device *device, struct lab_case *c,
                         const char *plan) {
    int unit = atomics_fixed_unit(RANGE_N, RANGE_LARGEST), status = 0;
    double limit = atomics_fixed_limit(RANGE_N, unit);
    float x[RANGE_N], *uniform = input_new(INPUT_UNIFORM, ATOMICS_F32, RANGE_N, lab_seed(run));
    struct misfit list[10];
    if (!uniform)
        return device_fail("out of memory for the data");
    case_param_text(c, "plan", plan);
    case_param_int(c, "n", RANGE_N);
    case_param_int(c, "unit", unit);
    case_param_real(c, "limit", limit);
    for (size_t k = 0, count = misfits(limit, list); k < count && status == 0; k++) {
        struct atomics_setup setup = {.plan = plan, .x = x, .n = RANGE_N, .unit = unit};
        fill(x, &list[k], uniform);
        status = measure_misfit(run, device, c, &list[k], &setup, k);
    }
    free(uniform);
    return status;
}

static int sweep_range(struct lab_run *run, struct device *device) {
    static const char *const plans[][2] = {
        {"f32.none.fixed.a1.t2", "f32.thread.fixed.a1.t2"},
        {"f32.none.fixed.a1.i1.b32.g8", "f32.block.fixed.a1.i4.b64.g4"}};
    lab_expect(run, 2);
    for (size_t k = 0; k < 2 && !lab_stopping(run); k++) {
        const char *plan = plans[device_kind(device) != DEVICE_CPU][k];
        struct lab_case *c =
            lab_case_begin(run, device_id(device), "02/range/n=%d/plan=%s", RANGE_N, plan);
        if (!c)
            continue;
        if (measure_range(run, device, c, plan) != 0) {
            lab_case_drop(c);
            return lab_error(run, "%s on %s: %s", plan, device_id(device), device_error());
        }
        if (lab_case_end(c) != 0)
            return -1;
    }
    return 0;
}

/* --- the price ---------------------------------------------------------------------------------
 * In cache, and out of it: on a CPU every sample of the second kind starts with caches that hold
 * something else; on a GPU the data are larger than the caches.
 */

struct way {
    const char *name;
    const char *plan;
    int over; /* whose time is the denominator; -1: it is one itself */
};

/* On a CPU all is compared with elements added one by one: that is what a reader would write. */
static const struct way native_ways[] = {
    {"plain", "f32.none.plain.a1.t2", -1},
    {"logged", "f32.none.logged.a1.t2", 0},
    {"fixed point", "f32.none.fixed.a1.t2", 0},
    {"binned", "f32.none.binned.a1.t2", 0},
    {"plain, merged by thread", "f32.thread.plain.a1.t2", 0},
    {"fixed point, merged by thread", "f32.thread.fixed.a1.t2", 0},
    {"ordered partials", "f32.thread.ordered.a1.t2", 0},
    {"ticket", "f32.thread.ticket.a1.t2", 0},
    {"binned, merged by thread", "f32.thread.binned.a1.t2", 0},
};
/* On a GPU a cure is compared with the plain sum that merges as it does. */
static const struct way kernel_ways[] = {
    {"plain", "f32.none.plain.a1.i4.b256.tiles", -1},
    {"plain, merged by block", "f32.block.plain.a1.i16.b256.g528", -1},
    {"logged", "f32.none.logged.a1.i4.b256.tiles", 0},
    {"fixed point", "f32.none.fixed.a1.i4.b256.tiles", 0},
    {"fixed point, merged by block", "f32.block.fixed.a1.i16.b256.g528", 1},
    {"ordered partials", "f32.block.ordered.a1.i16.b256.g528", 1},
    {"ticket", "f32.block.ticket.a1.i16.b256.g528", 1},
    {"binned, merged by block", "f32.block.binned.a1.i16.b256.g528", 1},
};
#define WAYS_MOST 9

struct place {
    const char *name;
    size_t n;
    bool flushed;
};
static const struct place native_places[] = {{"in cache", (size_t)32 << 10, false},
                                             {"out of cache", (size_t)512 << 10, true}};
static const struct place kernel_places[] = {{"in cache", (size_t)1 << 18, false},
                                             {"out of cache", (size_t)1 << 26, false}};

/* Reads other memory, so that the caches hold it: each of the two threads reads a half, which is
 * more than its core's caches and those that it shares. */
static int open_flusher(struct device *device, struct roofs_memory **memory, struct job *flusher) {
    long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    size_t least = (size_t)64 << 20, bytes = cache > 0 ? 4 * (size_t)cache : 0;
    struct roofs_plan plan = {.op = ROOFS_READ,
                              .isa = ROOFS_SCALAR,
                              .streams = 1,
                              .threads = 2,
                              .bytes = (bytes > least ? bytes : least) / (2 * ROOFS_PAGE) *
                                       (2 * ROOFS_PAGE)};
    if (roofs_memory_open(memory, device, plan.bytes, 0) != 0)
        return -1;
    return roofs_job_open(flusher, *memory, &plan);
}

static int enter_ways(struct contest *c, struct device *device, const struct place *place,
                      const float *x, const struct job *flusher) {
    bool cpu = device_kind(device) == DEVICE_CPU;
    const struct way *ways = cpu ? native_ways : kernel_ways;
    struct entrant *entrants[WAYS_MOST];
    for (size_t k = 0; k < (cpu ? COUNT(native_ways) : COUNT(kernel_ways)); k++) {
        const struct way *way = &ways[k];
        struct atomics_setup setup = {
            .plan = way->plan, .x = x, .n = place->n, .unit = atomics_fixed_unit(place->n, 1)};
        struct job job;
        if (atomics_job_open(&job, device, &setup) != 0)
            return -1;
        struct entrant *e = entrants[k] = contest_enter(c, &job, "plan=%s", way->plan);
        case_param_text(entrant_case(e), "name", way->name);
        case_param_text(entrant_case(e), "plan", way->plan);
        case_param_text(entrant_case(e), "place", place->name);
        case_param_int(entrant_case(e), "n", (int64_t)place->n);
        if (place->flushed)
            entrant_before(e, flusher, true);
        if (way->over < 0)
            continue;
        case_param_text(entrant_case(e), "over", ways[way->over].name);
        entrant_over(e, entrants[way->over], "over plain");
    }
    return 0;
}

static int time_ways(struct lab_run *run, struct device *device, const struct place *place) {
    struct contest *c = contest_open(run, device, "02/price/n=%zu", place->n);
    if (!c)
        return contest_skipped(run);
    struct roofs_memory *memory = NULL;
    struct job flusher = {0};
    float *x = input_new(INPUT_UNIFORM, ATOMICS_F32, place->n, lab_seed(run));
    int status = x ? 0 : device_fail("out of memory for the data");
    if (status == 0 && place->flushed)
        status = open_flusher(device, &memory, &flusher);
    if (status == 0)
        status = enter_ways(c, device, place, x, &flusher);
    if (status == 0) {
        status = contest_end(c);
    } else {
        contest_drop(c);
        lab_error(run, "prices %s on %s: %s", place->name, device_id(device), device_error());
    }
    job_close(&flusher);
    roofs_memory_close(memory);
    free(x);
    return status;
}

/* --- the sweep ---------------------------------------------------------------------------------
 */

int sweep_cures(struct lab_run *run, struct device *device) {
    bool cpu = device_kind(device) == DEVICE_CPU;
    if (lab_checks_bits(run, device) &&
        (trial_cases(run, device, "cure", cpu ? native : kernels,
                     cpu ? COUNT(native) : COUNT(kernels), measure_cure) != 0 ||
         sweep_range(run, device) != 0))
        return -1;
    for (size_t p = 0; p < 2 && lab_measures_time(run, device) && !lab_stopping(run); p++)
        if (time_ways(run, device, cpu ? &native_places[p] : &kernel_places[p]) != 0)
            return -1;
    return 0;
}

/* --- the check ---------------------------------------------------------------------------------
 */

static const struct family {
    const char *word, *terms; /* of the plan's field `cure` */
} families[] = {{"fixed point", "plan.cure=fixed"},
                {"ticketed merges", "plan.cure=ticket"},
                {"two-phase partials", "plan.cure=ordered"},
                {"binned atomics", "plan.cure=binned"}};

/* "One result" is the claim; which one, is the model's prediction. */
static enum answer judge_bits(const struct rows *cases, struct finding *f) {
    bool removed = true;
    for (size_t k = 0; k < cases->count; k++) {
        bool one = row_series_distinct(cases, k, "measured") == 1;
        finding_count(f, answer_if(one), cases, k);
        if (one)
            finding_predicted(f,
                              row_series_bits(cases, k, "measured", 0) ==
                                  row_series_bits(cases, k, "predicted", 0),
                              cases, k);
        removed = removed && one;
    }
    return cases->count > 0 ? answer_if(removed) : ANSWER_OPEN;
}

/* No price: open. */
static enum answer judge_price(const struct rows *prices, struct finding *f) {
    for (size_t k = 0; k < prices->count; k++)
        finding_number(f, "1", row_ratio(prices, k, "over plain"), "time over \"%s\", %s: %s",
                       row_text(prices, k, "over"), row_text(prices, k, "place"),
                       row_text(prices, k, "name"));
    return answer_above(row_ratio(prices, 0, "over plain"), 0);
}

static void judge_range(const struct rows *rows, struct finding *f) {
    for (size_t k = 0; k < rows->count; k++) {
        bool right = row_is(rows, k, "as documented", "1") &&
                     row_bits(rows, k, "measured") == row_bits(rows, k, "predicted");
        finding_control(f, answer_if(right), "fixed point owns up to numbers that do not fit");
        if (!right)
            finding_predicted(f, false, rows, k);
    }
}

void check_cures(const struct rows *rows, struct finding *f) {
    struct rows cures = rows_select(rows, "02/cure/", NULL);
    struct rows prices = rows_select(rows, "02/price/", NULL);
    struct rows range = rows_select(rows, "02/range/", NULL);
    size_t removed = 0, priced = 0;
    for (size_t k = 0; k < COUNT(families); k++) {
        struct rows own = rows_select(&cures, "", families[k].terms);
        struct rows own_prices = rows_select(&prices, "", families[k].terms);
        enum answer bits = judge_bits(&own, f), price = judge_price(&own_prices, f);
        finding_count(f, answer_both(bits, price), &own_prices, 0);
        removed += bits == ANSWER_HELD;
        priced += price == ANSWER_HELD;
        if (bits == ANSWER_HELD && price == ANSWER_HELD)
            finding_range(f, "%s%s", f->range[0] ? ", " : "", families[k].word);
        rows_free(&own);
        rows_free(&own_prices);
    }
    judge_range(&range, f);
    finding_say(f,
                "%zu of 4 kinds of cures leave one result in all runs; a price is measured of %zu",
                removed, priced);
    finding_settle(f, SETTLE_ALL, "bits only: no price is measured here");
    rows_free(&cures);
    rows_free(&prices);
    rows_free(&range);
}
