/*
 * load.c: does the spread grow? Two settings, a and b, take turns in batches of runs, so that a
 * slow minute of the machine meets both. The spread of a batch is the standard deviation of its
 * results in ULP; the answer is the median of the paired differences with its 95 % interval, and
 * it may be "not shown".
 *
 *     parties    a: one thread (block), b: two (sixteen), both idle
 *     neighbour  a: idle, b: beside a neighbour that contends for the same words
 *     logging    a: plain, b: logged. Using an update's result changes the instruction on a GPU;
 *                does it change the spread?
 */
#include <math.h>
#include <stdlib.h>

#include "harness/measure/stats.h"
#include "harness/measure/ulp.h"
#include "labs/02-atomics-ordering/ordering.h"

#define BATCH 25

struct side {
    const char *plan;
    bool loaded;
};
struct turns {
    const char *name;
    struct side a, b;
};

static const struct turns cpu_turns[] = {
    {"parties", {"f32.none.plain.a1.t1", false}, {"f32.none.plain.a1.t2", false}},
    {"neighbour", {"f32.none.plain.a1.t2", false}, {"f32.none.plain.a1.t2", true}},
    {"logging", {"f32.none.plain.a1.t2", false}, {"f32.none.logged.a1.t2", false}},
};
static const struct turns cuda_turns[] = {
    {"parties", {"f32.block.plain.a1.i1.b32.g1", false}, {"f32.block.plain.a1.i1.b32.g16", false}},
    {"neighbour", {"f32.none.plain.a1.i1.b32.g16", false}, {"f32.none.plain.a1.i1.b32.g16", true}},
    {"logging", {"f32.none.plain.a1.i1.b32.g16", false}, {"f32.none.logged.a1.i1.b32.g16", false}},
};

static size_t pairs_for(enum lab_mode mode) {
    return mode == LAB_QUICK ? 40 : mode == LAB_DEFAULT ? 200 : 1000;
}

/* One batch: its spread and its distinct results. */
static int batch(struct seat *seat, bool loaded, double *spread, double *distinct) {
    uint64_t bits[BATCH];
    double ulps[BATCH], mean = 0, squares = 0;
    for (size_t k = 0; k < BATCH; k++) {
        if (seat_run(seat, loaded, 0) != 0)
            return -1;
        bits[k] = seat_fingerprint(seat, NULL);
        ulps[k] = seat_ulps(seat);
        mean += ulps[k] / BATCH;
    }
    for (size_t k = 0; k < BATCH; k++)
        squares += (ulps[k] - mean) * (ulps[k] - mean);
    *distinct = (double)ulp_distinct(bits, BATCH);
    /* The mean is rounded: equal results must have no spread at all. */
    *spread = *distinct == 1 ? 0 : sqrt(squares / (BATCH - 1));
    return 0;
}

static int take_turns(struct lab_case *c, struct device *device, const struct turns *t,
                      const void *x, size_t n, size_t pairs) {
    struct seat a = {0}, b = {0};
    double *rows = malloc(4 * pairs * sizeof *rows);
    int status = rows ? 0 : device_fail("out of memory for %zu turns", pairs);
    if (status == 0)
        status = seat_open(&a, device, t->a.plan, x, n, 0);
    if (status == 0)
        status = seat_open(&b, device, t->b.plan, x, n, 0);
    for (size_t k = 0; k < pairs && status == 0; k++) {
        /* Who goes first changes, so that being second is nobody's habit. */
        for (size_t turn = 0; turn < 2 && status == 0; turn++) {
            bool first = (turn == 0) == (k % 2 == 0);
            status = first ? batch(&a, t->a.loaded, &rows[k], &rows[2 * pairs + k])
                           : batch(&b, t->b.loaded, &rows[pairs + k], &rows[3 * pairs + k]);
        }
    }
    if (status == 0) {
        case_param_text(c, "name", t->name);
        case_param_text(c, "a", a.text);
        case_param_text(c, "b", b.text);
        case_param_text(c, "load of a", t->a.loaded ? "loaded" : "idle");
        case_param_text(c, "load of b", t->b.loaded ? "loaded" : "idle");
        case_param_int(c, "n", (int64_t)n);
        case_param_int(c, "batch", BATCH);
        case_series_real(c, "spread of a", "ulp", rows, pairs);
        case_series_real(c, "spread of b", "ulp", rows + pairs, pairs);
        case_series_real(c, "distinct of a", "1", rows + 2 * pairs, pairs);
        case_series_real(c, "distinct of b", "1", rows + 3 * pairs, pairs);
    }
    seat_close(&a);
    seat_close(&b);
    free(rows);
    return status;
}

int sweep_load(struct lab_run *run, struct device *device) {
    /* On the SIMT machine schedules are drawn by this program: there is no load to ask about. */
    if (device_kind(device) == DEVICE_SIMT)
        return 0;
    const struct turns *list = device_kind(device) == DEVICE_CPU ? cpu_turns : cuda_turns;
    size_t n = settings_n(device_kind(device));
    lab_expect(run, 3);
    for (size_t k = 0; k < 3 && !lab_stopping(run); k++) {
        struct lab_case *c =
            lab_case_begin(run, device_id(device), "02/turns/%s/n=%zu", list[k].name, n);
        if (!c)
            continue;
        void *x = input_new(INPUT_UNIFORM, ATOMICS_F32, n, lab_seed(run));
        int status = x ? take_turns(c, device, &list[k], x, n, pairs_for(lab_mode(run)))
                       : device_fail("out of memory for the data");
        free(x);
        if (status != 0) {
            lab_case_drop(c);
            return lab_error(run, "%s on %s: %s", list[k].name, device_id(device), device_error());
        }
        if (lab_case_end(c) != 0)
            return -1;
    }
    return 0;
}

/* --- reading it back ---------------------------------------------------------------------------
 */

const char *direction_name(enum direction direction) {
    return direction == DIRECTION_GROWS     ? "grows"
           : direction == DIRECTION_SHRINKS ? "shrinks"
                                            : "not shown";
}

int compare_turns(const json_t *record, struct comparison *out) {
    static const char *const names[] = {"spread of a", "spread of b", "distinct of a",
                                        "distinct of b"};
    const json_t *series[4];
    for (size_t s = 0; s < 4; s++)
        series[s] = case_series(record, names[s]);
    size_t pairs = case_series_length(series[0]);
    double *rows = malloc((5 * pairs + 1) * sizeof *rows);
    struct stats_interval interval;
    *out = (struct comparison){.pairs = pairs};
    if (!rows)
        return -1;
    for (size_t k = 0; k < pairs; k++) {
        for (size_t s = 0; s < 4; s++)
            rows[s * pairs + k] = case_series_real_at(series[s], k);
        rows[4 * pairs + k] = rows[pairs + k] - rows[k];
    }
    int status = stats_median_interval(rows + 4 * pairs, pairs, 0.95, 1, &interval);
    if (status == 0) {
        out->a = stats_median(rows, pairs);
        out->b = stats_median(rows + pairs, pairs);
        out->distinct_a = stats_median(rows + 2 * pairs, pairs);
        out->distinct_b = stats_median(rows + 3 * pairs, pairs);
        out->change = interval.value;
        out->low = interval.low;
        out->high = interval.high;
        out->direction = interval.low > 0    ? DIRECTION_GROWS
                         : interval.high < 0 ? DIRECTION_SHRINKS
                                             : DIRECTION_NOT_SHOWN;
    }
    free(rows);
    return status;
}
