/*
 * repeat.c: the same sum on the same numbers, 1,000 times. How many results are there, and how far
 * apart? Plain sums may differ; a cure must have one result, and the model says beforehand which.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/measure/ulp.h"
#include "labs/02-atomics-ordering/ordering.h"

struct runs {
    uint64_t *bits;
    double *ulps;
    size_t count;
};

static int repeat(struct seat *seat, bool loaded, struct runs *runs, int *width) {
    for (size_t k = 0; k < runs->count; k++) {
        if (seat_run(seat, loaded, k) != 0)
            return -1;
        runs->bits[k] = seat_fingerprint(seat, width);
        runs->ulps[k] = seat_ulps(seat);
    }
    return 0;
}

static void record_spread(struct lab_case *c, const struct runs *runs, int width) {
    double low = INFINITY, high = -INFINITY, sum = 0, squares = 0;
    bool have = runs->count > 0;
    for (size_t k = 0; k < runs->count; k++) {
        have = have && isfinite(runs->ulps[k]);
        low = fmin(low, runs->ulps[k]);
        high = fmax(high, runs->ulps[k]);
        sum += runs->ulps[k];
    }
    double mean = sum / (double)runs->count;
    for (size_t k = 0; k < runs->count; k++)
        squares += (runs->ulps[k] - mean) * (runs->ulps[k] - mean);
    case_series_bits(c, "measured", width, runs->bits, runs->count);
    case_counter(c, "distinct", (double)ulp_distinct(runs->bits, runs->count));
    if (!have)
        return; /* several sums in one run, or packed halves: no one distance */
    case_series_real(c, "ulps from exact", "1", runs->ulps, runs->count);
    case_counter(c, "lowest ulps", low);
    case_counter(c, "highest ulps", high);
    case_counter(c, "deviation ulps", sqrt(squares / (double)runs->count));
}

/* The unit of fixed point that takes the data, and the data's rating for the record. */
static int rate(struct lab_case *c, enum atomics_type type, const void *x, size_t n, int *unit) {
    double condition, largest;
    if (input_rate(type, x, n, &condition, &largest) != 0)
        return device_fail("out of memory for the data");
    *unit = atomics_fixed_unit(n, largest);
    case_param_real(c, "condition", condition);
    return 0;
}

static void describe(struct lab_case *c, const struct seat *seat, const struct setting *s) {
    case_plan(c, seat_json(seat));
    case_param_text(c, "plan", seat->text);
    case_param_text(c, "input", input_name(s->input));
    case_param_text(c, "load", s->loaded ? "loaded" : "idle");
    case_param_int(c, "n", (int64_t)seat->n);
    case_param_int(c, "addresses", (int64_t)seat->addresses);
    case_param_int(c, "parties", (int64_t)seat_parties(seat));
    case_param_int(c, "updates", (int64_t)seat->updates);
    case_param_int(c, "merge", seat->merge);
    case_param_int(c, "cure", seat->cure);
}

static int measure(struct lab_run *run, struct device *device, struct lab_case *c,
                   const struct setting *s, const void *x, bool cure) {
    struct seat seat = {0};
    size_t n = settings_n(device_kind(device));
    struct runs runs = {.count = settings_runs(lab_mode(run))};
    int unit = 0, width = 64,
        status = rate(c, settings_type(device_kind(device), s->plan), x, n, &unit);
    runs.bits = malloc(runs.count * sizeof *runs.bits);
    runs.ulps = malloc(runs.count * sizeof *runs.ulps);
    if (!runs.bits || !runs.ulps)
        status = device_fail("out of memory for the results");
    uint64_t predicted = 0;
    if (status == 0)
        status = seat_open(&seat, device, s->plan, x, n, unit);
    if (status == 0 && cure) /* before anything runs */
        status = seat_predict(&seat, &predicted, NULL);
    if (status == 0)
        status = repeat(&seat, s->loaded, &runs, &width);
    if (status == 0) {
        describe(c, &seat, s);
        if (cure)
            case_series_bits(c, "predicted", width, &predicted, 1);
        record_spread(c, &runs, width);
    }
    seat_close(&seat);
    free(runs.bits);
    free(runs.ulps);
    return status;
}

static int sweep_list(struct lab_run *run, struct device *device, const struct setting *list,
                      size_t count, bool cure) {
    size_t n = settings_n(device_kind(device));
    for (size_t k = 0; k < count && !lab_stopping(run); k++) {
        const struct setting *s = &list[k];
        /* The SIMT machine runs one launch after another: it has no neighbours. */
        if (s->loaded && device_kind(device) == DEVICE_SIMT)
            continue;
        struct lab_case *c = lab_case_begin(
            run, device_id(device), "02/%s/n=%zu/data=%s/%s/plan=%s", cure ? "cure" : "repeat", n,
            input_name(s->input), s->loaded ? "loaded" : "idle", s->plan);
        if (!c)
            continue;
        void *x =
            input_new(s->input, settings_type(device_kind(device), s->plan), n, lab_seed(run));
        int status =
            x ? measure(run, device, c, s, x, cure) : device_fail("out of memory for the data");
        free(x);
        if (status != 0) {
            lab_case_drop(c);
            return lab_error(run, "%s on %s: %s", s->plan, device_id(device), device_error());
        }
        if (lab_case_end(c) != 0)
            return -1;
    }
    return 0;
}

static size_t runnable(struct device *device, const struct setting *list, size_t count) {
    size_t sum = 0;
    for (size_t k = 0; k < count; k++)
        sum += !(list[k].loaded && device_kind(device) == DEVICE_SIMT);
    return sum;
}

int sweep_repeat(struct lab_run *run, struct device *device) {
    size_t plain_count, cure_count;
    const struct setting *plain = settings_plain(device_kind(device), &plain_count);
    const struct setting *cures = settings_cures(device_kind(device), &cure_count);
    lab_expect(run, runnable(device, plain, plain_count) + runnable(device, cures, cure_count));
    if (sweep_list(run, device, plain, plain_count, false) != 0)
        return -1;
    return sweep_list(run, device, cures, cure_count, true);
}
