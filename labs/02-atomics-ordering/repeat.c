/*
 * repeat.c: A2. The same sum on the same numbers, 1,000 times: how many results are there, and how
 * far apart?
 *
 * The settings change one thing at a time, starting from elements added one by one to one address:
 * how many threads or blocks add, what is merged before, how many addresses there are, the data,
 * the type, the neighbour.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/ulp.h"
#include "labs/02-atomics-ordering/ordering.h"

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static const struct setting native[] = {
    {"f32.none.plain.a1.t1", INPUT_UNIFORM, false},
    {"f32.none.plain.a1.t2", INPUT_UNIFORM, false},
    {"f32.none.plain.a1.t4", INPUT_UNIFORM, false},
    {"f32.none.plain.a1.t1", INPUT_UNIFORM, true},
    {"f32.none.plain.a1.t2", INPUT_UNIFORM, true},
    {"f32.none.plain.a1.t2", INPUT_ONES, false},
    {"f32.none.plain.a1.t2", INPUT_NORMAL, false},
    {"f32.none.plain.a1.t2", INPUT_LOG_UNIFORM, false},
    {"f32.none.plain.a1.t2", INPUT_CANCELLING, false},
    {"f32.none.logged.a1.t2", INPUT_UNIFORM, false},
    {"f32.none.plain.a64.t2", INPUT_UNIFORM, false},
    {"f32.none.plain.a4096.t2", INPUT_UNIFORM, false},
    {"f64.none.plain.a1.t2", INPUT_UNIFORM, false},
    {"f32.thread.plain.a1.t2", INPUT_UNIFORM, false},
    {"f32.thread.plain.a1.t4", INPUT_CANCELLING, false},
};

static const struct setting kernels[] = {
    {"f32.block.plain.a1.i1.b32.g1", INPUT_UNIFORM, false},
    {"f32.block.plain.a1.i1.b32.g2", INPUT_UNIFORM, false},
    {"f32.block.plain.a1.i1.b32.g4", INPUT_UNIFORM, false},
    {"f32.block.plain.a1.i1.b32.g8", INPUT_UNIFORM, false},
    {"f32.block.plain.a1.i1.b32.g16", INPUT_UNIFORM, false},
    {"f32.block.plain.a1.i1.b32.g16", INPUT_UNIFORM, true},
    {"f32.none.plain.a1.i1.b32.g1", INPUT_UNIFORM, false},
    {"f32.none.plain.a1.i1.b32.g2", INPUT_UNIFORM, false},
    {"f32.none.plain.a1.i1.b32.g4", INPUT_UNIFORM, false},
    {"f32.none.plain.a1.i1.b32.g8", INPUT_UNIFORM, false},
    {"f32.none.plain.a1.i1.b32.g16", INPUT_UNIFORM, false},
    {"f32.none.plain.a1.i1.b32.g16", INPUT_UNIFORM, true},
    {"f32.none.plain.a1.i1.b32.g16", INPUT_ONES, false},
    {"f32.none.plain.a1.i1.b32.g16", INPUT_NORMAL, false},
    {"f32.none.plain.a1.i1.b32.g16", INPUT_LOG_UNIFORM, false},
    {"f32.none.plain.a1.i1.b32.g16", INPUT_CANCELLING, false},
    {"f32.none.logged.a1.i1.b32.g16", INPUT_UNIFORM, false},
    {"f32.none.plain.a64.i1.b32.g16", INPUT_UNIFORM, false},
    {"f32.none.plain.a4096.i1.b32.g16", INPUT_UNIFORM, false},
    {"f32.thread.plain.a1.i4.b32.g4", INPUT_UNIFORM, false},
    {"f32.warp.plain.a1.i1.b64.g8", INPUT_UNIFORM, false},
    {"f64.none.plain.a1.i1.b32.g16", INPUT_UNIFORM, false},
    {"f16x2.none.plain.a1.i1.b32.g16", INPUT_UNIFORM, false},
    {"bf16x2.none.plain.a1.i1.b32.g16", INPUT_UNIFORM, false},
};

/* --- the sweep ---------------------------------------------------------------------------------
 */

/* Several sums in one run, or packed halves, have no one distance from the exact sum. */
static void record_distances(struct lab_case *c, const double *ulps, size_t n) {
    double low = INFINITY, high = -INFINITY, sum = 0, squares = 0;
    for (size_t k = 0; k < n; k++) {
        if (!isfinite(ulps[k]))
            return;
        low = fmin(low, ulps[k]);
        high = fmax(high, ulps[k]);
        sum += ulps[k];
    }
    for (size_t k = 0; k < n; k++)
        squares += (ulps[k] - sum / (double)n) * (ulps[k] - sum / (double)n);
    case_series_real(c, "ulps from exact", "ulp", ulps, n);
    case_counter(c, "lowest ulps", low);
    case_counter(c, "highest ulps", high);
    case_counter(c, "deviation ulps", sqrt(squares / (double)n));
}

int repeat_runs(const struct trial *t, struct lab_case *c) {
    size_t n = trial_runs(t->run);
    uint64_t *bits = malloc(n * sizeof *bits);
    double *ulps = malloc(n * sizeof *ulps);
    struct job_bits got = {0, 64};
    int status = bits && ulps ? 0 : device_fail("out of memory for the results");
    for (size_t k = 0; k < n && status == 0; k++) {
        status = trial_run(t, k, &got);
        bits[k] = got.bits;
        ulps[k] = atomics_job_ulps(&t->job);
    }
    if (status == 0) {
        case_param_int(c, "runs", (int64_t)n);
        case_series_bits(c, "measured", got.width, bits, n);
        case_counter(c, "distinct", (double)ulp_distinct(bits, n));
        record_distances(c, ulps, n);
    }
    free(bits);
    free(ulps);
    return status;
}

int sweep_repeat(struct lab_run *run, struct device *device) {
    bool cpu = device_kind(device) == DEVICE_CPU;
    return trial_cases(run, device, "repeat", cpu ? native : kernels,
                       cpu ? COUNT(native) : COUNT(kernels), repeat_runs);
}

/* --- the check ---------------------------------------------------------------------------------
 */

/* Every run counted every update. */
static bool counted_all(const struct rows *rows, size_t k) {
    float sum = (float)row_number(rows, k, "n");
    uint32_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return row_series_distinct(rows, k, "measured") == 1 &&
           row_series_bits(rows, k, "measured", 0) == bits;
}

/* Two updates of a zero commute: three are the first whose order can matter. */
static bool order_can_matter(const struct rows *rows, size_t k) {
    return row_number(rows, k, "updates") / row_number(rows, k, "addresses") > 2;
}

void check_spread(const struct rows *rows, struct finding *f) {
    size_t settings = 0, most = 0, runs = 0;
    for (size_t k = 0; k < rows->count; k++) {
        size_t distinct = row_series_distinct(rows, k, "measured");
        if (row_is(rows, k, "input", "ones")) {
            finding_control(f, answer_if(counted_all(rows, k)), "sums of ones count every update");
            if (!counted_all(rows, k)) /* lost or made twice: that is no matter of order */
                finding_predicted(f, false, rows, k);
        } else if (row_is(rows, k, "device", "cpu") && row_number(rows, k, "workers") == 1) {
            finding_control(f, answer_if(distinct == 1), "one thread alone has one result");
        } else if (order_can_matter(rows, k)) {
            settings++;
            finding_count(f, answer_if(distinct > 1), rows, k);
            finding_number(f, "1", number((double)distinct), "results: %s, %s data, %s",
                           row_text(rows, k, "plan"), row_text(rows, k, "input"),
                           row_text(rows, k, "load"));
            /* Of one sum: a hash of many differs as soon as one of them does. */
            if (row_has(rows, k, "highest ulps") && distinct > most) {
                runs = row_series(rows, k, "measured");
                most = distinct;
            }
        }
    }
    finding_say(f,
                "the same sum had more than one result in %llu of %zu settings where order can "
                "matter: one sum up to %zu results in %zu runs",
                (unsigned long long)f->held, settings, most, runs);
    finding_settle(f, SETTLE_ANY, "these settings");
}

/* --- the table behind the distributions --------------------------------------------------------
 */

static int compare_real(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int repeat_distribution(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    for (size_t k = 0; k < rows->count; k++) {
        size_t n = row_series(rows, k, "ulps from exact"), at = 0;
        if (row_number(rows, k, "workers") < 2)
            continue;
        double *ulps = malloc((n + 1) * sizeof *ulps);
        if (!ulps)
            return lab_error(run, "out of memory for a table");
        size_t have = 0;
        for (size_t i = 0; i < n; i++) {
            /* A missing value has no place among the others, and equals nothing. */
            double ulp = row_series_number(rows, k, "ulps from exact", i);
            if (!isnan(ulp))
                ulps[have++] = ulp;
        }
        qsort(ulps, have, sizeof *ulps, compare_real);
        while (at < have) {
            size_t first = at;
            while (at < have && ulps[at] == ulps[first])
                at++;
            lab_table_row(table, "%s\t%s\t%s\t%.0f\t%zu", row_text(rows, k, "device"),
                          row_text(rows, k, "plan"), row_text(rows, k, "load"), ulps[first],
                          at - first);
        }
        free(ulps);
    }
    return 0;
}
