/*
 * load.c: A3. Does the spread of the results grow under load? Two settings, a and b, are measured
 * in batches of runs, in turns, so that a slow minute of the machine meets both. The spread of a
 * batch is the standard deviation of its results in ULP; the answer is the median of the paired
 * differences b - a with its 95 % interval: grows, shrinks, or, around zero, open.
 *
 *     threads, blocks   a: one thread (block), b: two (sixteen), both idle
 *     neighbour         a: idle, b: beside a neighbour that contends for the same words
 *     logging           a: plain, b: logged; A4 tells it
 *
 * On the SIMT machine schedules are drawn by a seed: their spread is a choice, and no measurement.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/measure/stats.h"
#include "harness/measure/ulp.h"
#include "labs/02-atomics-ordering/ordering.h"

#define BATCH 25

/* --- the sweep ---------------------------------------------------------------------------------
 */

static const struct question {
    const char *id, *what;
    struct setting side[2]; /* a, b */
} native[] =
    {
        {"threads",
         "more threads",
         {{"f32.none.plain.a1.t1", INPUT_UNIFORM, false},
          {"f32.none.plain.a1.t2", INPUT_UNIFORM, false}}},
        {"neighbour",
         "a neighbour",
         {{"f32.none.plain.a1.t2", INPUT_UNIFORM, false},
          {"f32.none.plain.a1.t2", INPUT_UNIFORM, true}}},
        {"logging",
         "a log",
         {{"f32.none.plain.a1.t2", INPUT_UNIFORM, false},
          {"f32.none.logged.a1.t2", INPUT_UNIFORM, false}}},
},
  kernels[] = {
      {"blocks",
       "more blocks",
       {{"f32.block.plain.a1.i1.b32.g1", INPUT_UNIFORM, false},
        {"f32.block.plain.a1.i1.b32.g16", INPUT_UNIFORM, false}}},
      {"neighbour",
       "a neighbour",
       {{"f32.none.plain.a1.i1.b32.g16", INPUT_UNIFORM, false},
        {"f32.none.plain.a1.i1.b32.g16", INPUT_UNIFORM, true}}},
      {"logging",
       "a log",
       {{"f32.none.plain.a1.i1.b32.g16", INPUT_UNIFORM, false},
        {"f32.none.logged.a1.i1.b32.g16", INPUT_UNIFORM, false}}},
};

static size_t pairs_for(enum lab_mode mode) {
    return mode == LAB_QUICK ? 40 : mode == LAB_DEFAULT ? 200 : 1000;
}

/* One batch: its spread and its distinct results. */
static int batch(const struct trial *t, double *spread, long *distinct) {
    uint64_t bits[BATCH];
    double ulps[BATCH], mean = 0, squares = 0;
    for (size_t k = 0; k < BATCH; k++) {
        struct job_bits got;
        if (trial_run(t, 0, &got) != 0)
            return -1;
        bits[k] = got.bits;
        ulps[k] = atomics_job_ulps(&t->job);
        mean += ulps[k] / BATCH;
    }
    for (size_t k = 0; k < BATCH; k++)
        squares += (ulps[k] - mean) * (ulps[k] - mean);
    *distinct = ulp_distinct(bits, BATCH);
    /* The mean is rounded: equal results must have no spread at all. */
    *spread = *distinct == 1 ? 0 : sqrt(squares / (BATCH - 1));
    return 0;
}

static void setting_text(const struct setting *s, char out[100]) {
    snprintf(out, 100, "%s %s", s->plan, s->loaded ? "loaded" : "idle");
}

/* The batches of one pair, a row each. The one that goes first changes, so that being second is
 * nobody's habit. */
static int measure_pair(const struct trial side[2], struct lab_case *c, size_t pair,
                        double spread[2]) {
    for (size_t turn = 0; turn < 2; turn++) {
        size_t s = (turn + pair) % 2;
        long distinct;
        char text[100];
        if (batch(&side[s], &spread[s], &distinct) != 0)
            return -1;
        setting_text(side[s].setting, text);
        case_row(c);
        case_cell_int(c, "pair", (int64_t)pair);
        case_cell_text(c, "side", s ? "b" : "a");
        case_cell_text(c, "setting", text);
        case_cell_real(c, "spread", spread[s]);
        case_cell_int(c, "distinct", distinct);
    }
    return 0;
}

/* What the pairs say: b - a, and both. */
static int record_change(struct lab_case *c, const double *a, const double *b, double *differences,
                         size_t pairs, uint64_t seed) {
    struct stats_interval change;
    for (size_t k = 0; k < pairs; k++)
        differences[k] = b[k] - a[k];
    if (stats_median_interval(differences, pairs, 0.95, seed, &change) != 0)
        return device_fail("the spreads of the batches are no numbers");
    case_counter(c, "spread of a", stats_median(a, pairs));
    case_counter(c, "spread of b", stats_median(b, pairs));
    case_counter_ratio(c, "change", (struct ratio){change.value, change.low, change.high});
    return 0;
}

static int measure_batches(struct lab_run *run, struct device *device, struct lab_case *c,
                           const struct question *q) {
    size_t n = trial_n(device_kind(device)), pairs = pairs_for(lab_mode(run));
    struct trial side[2] = {0};
    double *spreads = malloc(3 * pairs * sizeof *spreads);
    int status = spreads ? 0 : device_fail("out of memory for %zu pairs", pairs);
    for (size_t s = 0; s < 2 && status == 0; s++)
        status = trial_open(&side[s], run, device, &q->side[s], n);
    for (size_t k = 0; k < pairs && status == 0; k++) {
        double pair[2];
        status = measure_pair(side, c, k, pair);
        spreads[k] = pair[0];
        spreads[pairs + k] = pair[1];
    }
    if (status == 0) {
        case_param_text(c, "question", q->what);
        case_param_int(c, "n", (int64_t)n);
        case_param_int(c, "batch", BATCH);
        case_param_int(c, "pairs", (int64_t)pairs);
        status =
            record_change(c, spreads, spreads + pairs, spreads + 2 * pairs, pairs, lab_seed(run));
    }
    trial_close(&side[0]);
    trial_close(&side[1]);
    free(spreads);
    return status;
}

int sweep_load(struct lab_run *run, struct device *device) {
    const struct question *list = device_kind(device) == DEVICE_CPU ? native : kernels;
    lab_expect(run, 3);
    for (size_t k = 0; k < 3 && !lab_stopping(run); k++) {
        struct lab_case *c = lab_case_begin(run, device_id(device), "02/batches/%s/n=%zu",
                                            list[k].id, trial_n(device_kind(device)));
        if (!c)
            continue;
        if (measure_batches(run, device, c, &list[k]) != 0) {
            lab_case_drop(c);
            return lab_error(run, "%s on %s: %s", list[k].id, device_id(device), device_error());
        }
        if (lab_case_end(c) != 0)
            return -1;
    }
    return 0;
}

/* --- the check ---------------------------------------------------------------------------------
 */

/* What the settings may differ in, as the sweep asks it. */
static const struct {
    const char *cases, *by;
} asked[] = {{"02/batches/threads/", "more threads"},
             {"02/batches/blocks/", "more blocks"},
             {"02/batches/neighbour/", "a neighbour"}};

void check_load(const struct rows *rows, struct finding *f) {
    static const char *const words[] = {
        [ANSWER_HELD] = "grows", [ANSWER_AGAINST] = "shrinks", [ANSWER_OPEN] = "may do either"};
    const char *comma = "";
    finding_say(f, "the spread of a batch of runs ");
    for (size_t q = 0; q < sizeof asked / sizeof *asked; q++) {
        struct rows own = rows_select(rows, asked[q].cases, NULL);
        for (size_t at = 0, count = 0; rows_group(&own, "id", &at, &count);) {
            struct ratio change = row_ratio(&own, at, "change");
            enum answer answer = answer_above(change, 0);
            finding_count(f, answer, &own, at);
            finding_number(f, "ulp", change, "change of the spread of a batch by %s", asked[q].by);
            if (at > 0) /* the sweep records one */
                continue;
            finding_say(f, "%s%s with %s", comma, words[answer], asked[q].by);
            finding_range(f, "%s%s with %s", comma, words[answer], asked[q].by);
            comma = ", ";
        }
        rows_free(&own);
    }
    finding_settle(f, SETTLE_ALL, "");
}
