/*
 * range.c: what fixed point does with numbers that do not fit. A cure that gives a wrong number in
 * silence would be worse than the disease, so each kind of misfit must come out as the documented
 * result, with the status that names it; and sums at the very edge of the range must be right.
 *
 * What is expected here is written down by this file, not taken from the model of the kernels.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/sum/exact.h"
#include "labs/02-atomics-ordering/ordering.h"

#define N 1000
#define LARGEST 1.0 /* the range is stated for |x| <= 1 */

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
    return sizeof list / sizeof *list;
}

static void fill(float x[N], const struct misfit *m, const float *uniform) {
    for (size_t i = 0; i < N; i++)
        x[i] = m->fill != 0 ? (float)m->fill : uniform[i];
    if (m->at[0] != 0)
        x[3] = (float)m->at[0];
    if (m->at[1] != 0)
        x[700] = (float)m->at[1];
}

static bool as_expected(const struct misfit *m, const struct seat *seat, const float x[N]) {
    float value;
    memcpy(&value, seat->result, sizeof value);
    if (seat->status != m->status)
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
    double exact = exact_sum_f32_as_f64(x, N);
    double bound = N * ldexp(0.5, seat->unit) + fabs(exact) * 0x1p-24;
    return fabs((double)value - exact) <= bound * (1 + 1e-12);
}

static int try_all(struct lab_case *c, struct device *device, const char *plan,
                   const float *uniform) {
    int unit = atomics_fixed_unit(N, LARGEST);
    struct misfit list[10];
    size_t count = misfits(atomics_fixed_limit(N, unit), list);
    uint64_t measured[10], predicted[10], status[10], expected[10], right[10];
    for (size_t k = 0; k < count; k++) {
        float x[N];
        struct seat seat;
        uint32_t model_status = 0;
        fill(x, &list[k], uniform);
        int failed = seat_open(&seat, device, plan, x, N, unit);
        if (failed == 0)
            failed = seat_predict(&seat, &predicted[k], &model_status);
        if (failed == 0)
            failed = seat_run(&seat, false, k);
        if (failed == 0) {
            measured[k] = seat_fingerprint(&seat, NULL);
            status[k] = seat.status;
            expected[k] = list[k].status;
            right[k] = as_expected(&list[k], &seat, x) && model_status == seat.status;
            /* By name, so that a reader of the record sees which. */
            case_counter(c, list[k].what, (double)right[k]);
        }
        seat_close(&seat);
        if (failed)
            return -1;
    }
    case_param_text(c, "plan", plan);
    case_param_int(c, "n", N);
    case_param_int(c, "unit", unit);
    case_param_real(c, "limit", atomics_fixed_limit(N, unit));
    case_series_bits(c, "measured", 32, measured, count);
    case_series_bits(c, "predicted", 32, predicted, count);
    case_series_count(c, "status", "1", status, count);
    case_series_count(c, "expected status", "1", expected, count);
    case_series_count(c, "as documented", "1", right, count);
    return 0;
}

int sweep_range(struct lab_run *run, struct device *device) {
    static const char *const native[] = {"f32.none.fixed.a1.t2", "f32.thread.fixed.a1.t2"};
    static const char *const kernels[] = {"f32.none.fixed.a1.i1.b32.g8",
                                          "f32.block.fixed.a1.i4.b64.g4"};
    const char *const *plans = device_kind(device) == DEVICE_CPU ? native : kernels;
    lab_expect(run, 2);
    for (size_t k = 0; k < 2 && !lab_stopping(run); k++) {
        struct lab_case *c =
            lab_case_begin(run, device_id(device), "02/range/n=%d/plan=%s", N, plans[k]);
        if (!c)
            continue;
        float *uniform = input_new(INPUT_UNIFORM, ATOMICS_F32, N, lab_seed(run));
        int status = uniform ? try_all(c, device, plans[k], uniform)
                             : device_fail("out of memory for the data");
        free(uniform);
        if (status != 0) {
            lab_case_drop(c);
            return lab_error(run, "%s on %s: %s", plans[k], device_id(device), device_error());
        }
        if (lab_case_end(c) != 0)
            return -1;
    }
    return 0;
}
