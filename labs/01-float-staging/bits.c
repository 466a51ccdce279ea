/*
 * bits.c: what every variant gives, predicted first and then measured, on every data set.
 *
 * One case is one variant at one size, with a value for each data set in every series. sweep_order
 * is the smallest case of all: three numbers, added in two orders.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/ulp.h"
#include "kernels/rng/philox.h"
#include "labs/01-float-staging/staging.h"

/* --- S1: three numbers -------------------------------------------------------------------------
 */

#define TRIPLES 1000
#define STREAM_TRIPLES 0x7419

int sweep_order(struct lab_run *run, struct device *device) {
    /* One thread adds three numbers in their order, in either kind of plan. */
    struct variant v = {.native = device_kind(device) == DEVICE_CPU};
    char why[SUM_WHY];
    if (v.native ? sum_cpu_plan_parse("f32.plain.l1.u1.s1.whole.pf0.t1", &v.cpu, why)
                 : sum_plan_parse("f32.plain.blocked.v1.i4.b32.tiles.thread", &v.plan, why))
        return lab_error(run, "the plan of the triples: %s", why);
    lab_expect(run, 1);
    struct lab_case *c = lab_case_begin(run, device_id(device), "01/order/triples=%d", TRIPLES);
    if (!c)
        return 0;
    static uint64_t left[TRIPLES], right[TRIPLES];
    struct room *room;
    if (room_open(&room, device, 3) != 0) {
        lab_case_drop(c);
        return lab_error(run, "%s", device_error());
    }
    int status = 0;
    for (size_t k = 0; k < TRIPLES && status == 0; k++) {
        float x[3];
        for (size_t i = 0; i < 3; i++)
            x[i] = (float)philox_normal(lab_seed(run), STREAM_TRIPLES, 3 * k + i);
        float turned[3] = {x[1], x[2], x[0]}; /* (b + c) + a is a + (b + c) */
        status = variant_run(room, &v, x, NULL, 3, &left[k]);
        if (status == 0)
            status = variant_run(room, &v, turned, NULL, 3, &right[k]);
    }
    room_close(room);
    if (status != 0) {
        lab_case_drop(c);
        return lab_error(run, "three numbers: %s", device_error());
    }
    case_param_int(c, "n", 3);
    case_plan(c, variant_json(&v));
    case_series_bits(c, "a+b then c", 32, left, TRIPLES);
    case_series_bits(c, "a then b+c", 32, right, TRIPLES);
    return lab_case_end(c);
}

/* --- S2, S3, S4, S6: all variants --------------------------------------------------------------
 */

/* The longest sum of --full, where memory allows. */
#define LONGEST ((size_t)1 << 28)

/* Odd sizes, sizes around a warp, a block and a tile, and a ladder for the spread. */
static size_t sizes_for(struct device *device, enum lab_mode mode, size_t sizes[16]) {
    enum device_kind kind = device_kind(device);
    static const size_t small[] = {1, 3, 33, 257, 1000, 4097};
    size_t count = 0;
    for (size_t k = 0; k < sizeof small / sizeof *small; k++)
        sizes[count++] = small[k];
    sizes[count++] = 16411;
    sizes[count++] = 65537;
    if (kind != DEVICE_SIMT || mode != LAB_QUICK)
        sizes[count++] = (size_t)1 << 20;
    if (kind != DEVICE_SIMT && mode != LAB_QUICK)
        sizes[count++] = (size_t)1 << 24;
    /* Both operands in their widest type on the device, and the data sets on the host. */
    if (kind != DEVICE_SIMT && mode == LAB_FULL && device_memory_free(device) / 40 >= LONGEST)
        sizes[count++] = LONGEST;
    return count;
}

/* The first data set of each (type, input kind) at a size, made when first asked for. */
struct inputs {
    struct input made[4][INPUT_KINDS];
    bool have[4][INPUT_KINDS];
};

static const struct input *input_get(struct inputs *all, enum input_kind kind, enum sum_type type,
                                     size_t n, uint64_t seed) {
    if (!all->have[type][kind]) {
        if (input_make(&all->made[type][kind], kind, type, n, seed) != 0)
            return NULL;
        all->have[type][kind] = true;
    }
    return &all->made[type][kind];
}

static void inputs_free(struct inputs *all) {
    for (int t = 0; t < 4; t++)
        for (int k = 0; k < INPUT_KINDS; k++)
            if (all->have[t][k])
                input_free(&all->made[t][k]);
}

struct columns {
    uint64_t measured[INPUT_KINDS], predicted[INPUT_KINDS], exact[INPUT_KINDS], ulp[INPUT_KINDS];
    double input[INPUT_KINDS], error[INPUT_KINDS], bound[INPUT_KINDS], reference[INPUT_KINDS];
    size_t count;
};

/* Predicts, runs and rates one variant on one data set. */
static int observe(struct room *room, const struct variant *v, const struct input *in,
                   enum input_kind kind, size_t depth, struct columns *out) {
    struct variant_class class = variant_class(v);
    size_t k = out->count;
    if (variant_model(v, in->x, in->y, in->n, &out->predicted[k]) != 0)
        return device_fail("out of memory in the model");
    if (variant_run(room, v, in->x, in->y, in->n, &out->measured[k]) != 0)
        return -1;
    double value = variant_value(class.acc, out->measured[k]);
    out->input[k] = kind;
    out->exact[k] = class.acc == SUM_ACC64 ? in->exact64 : in->exact32;
    out->ulp[k] =
        class.acc == SUM_ACC64
            ? ulp_distance_f64(value, variant_value(SUM_ACC64, in->exact64))
            : ulp_distance_f32((float)value, (float)variant_value(SUM_ACC32, in->exact32));
    out->error[k] = fabs(value - in->exact);
    out->bound[k] = variant_bound(v, in, depth);
    out->reference[k] = in->exact;
    out->count++;
    return 0;
}

static int record(struct lab_run *run, struct device *device, struct room *room,
                  const struct variant *v, struct inputs *inputs, size_t n) {
    char plan[VARIANT_TEXT];
    struct variant_class class = variant_class(v);
    variant_text(v, plan);
    struct lab_case *c = lab_case_begin(run, device_id(device), "01/sum/n=%zu/plan=%s", n, plan);
    if (!c)
        return 0;
    struct columns columns = {.count = 0};
    size_t depth = variant_depth(v, n);
    for (int kind = 0; kind < INPUT_KINDS; kind++) {
        if ((kind == INPUT_SCORES) != class.dot)
            continue;
        const struct input *in =
            input_get(inputs, (enum input_kind)kind, class.type, n, lab_seed(run));
        if (!in || observe(room, v, in, (enum input_kind)kind, depth, &columns) != 0) {
            lab_case_drop(c);
            return lab_error(run, "plan %s, n = %zu: %s", plan, n,
                             in ? device_error() : "out of memory for its inputs");
        }
    }
    int width = class.acc == SUM_ACC64 ? 64 : 32;
    case_param_int(c, "n", (int64_t)n);
    case_param_text(c, "plan", plan);
    case_param_int(c, "type", class.type);
    case_param_int(c, "acc", class.acc);
    case_param_int(c, "method", class.method);
    case_param_int(c, "dot", class.dot);
    case_plan(c, variant_json(v));
    case_series_real(c, "input", "1", columns.input, columns.count);
    case_series_bits(c, "measured", width, columns.measured, columns.count);
    case_series_bits(c, "predicted", width, columns.predicted, columns.count);
    case_series_bits(c, "exact", width, columns.exact, columns.count);
    case_series_count(c, "ulp", "ulp", columns.ulp, columns.count);
    case_series_real(c, "reference", "1", columns.reference, columns.count);
    case_series_real(c, "error", "1", columns.error, columns.count);
    case_series_real(c, "bound", "1", columns.bound, columns.count);
    return lab_case_end(c);
}

static bool wanted(const struct variant *v, size_t index, enum device_kind kind, enum lab_mode mode,
                   size_t n) {
    if (v->native ? n == 0 : sum_plan_check(&v->plan, n, NULL) != 0)
        return false;
    struct variant_class class = variant_class(v);
    bool float_sum = class.method == SUM_PLAIN && class.type == SUM_F32 && !class.dot;
    /* The long sizes are for the spread and the cures in floats: other types have shown by then
     * whether their model is right, and the interpreter's time is short. */
    if (mode == LAB_QUICK && kind == DEVICE_SIMT && n > 4097)
        return float_sum || (class.type == SUM_F32 && !class.dot && class.method != SUM_EXACT);
    if (n > (size_t)1 << 24)
        return float_sum && index < VARIANTS_ONE_AT_A_TIME;
    if (n > (size_t)1 << 20)
        return class.type == SUM_F32 && !class.dot;
    return true;
}

int sweep_bits(struct lab_run *run, struct device *device) {
    struct variant *variants;
    size_t variant_count, sizes[16];
    size_t size_count = sizes_for(device, lab_mode(run), sizes);
    if (variants_for(device_kind(device), lab_mode(run), &variants, &variant_count) != 0)
        return lab_error(run, "out of memory while listing the plans");
    size_t cases = 0;
    for (size_t s = 0; s < size_count; s++)
        for (size_t k = 0; k < variant_count; k++)
            cases += wanted(&variants[k], k, device_kind(device), lab_mode(run), sizes[s]);
    lab_expect(run, cases);

    struct room *room;
    int status = room_open(&room, device, sizes[size_count - 1]);
    if (status != 0)
        lab_error(run, "%s", device_error());
    for (size_t s = 0; s < size_count && status == 0; s++) {
        struct inputs inputs = {0};
        for (size_t k = 0; k < variant_count && status == 0 && !lab_stopping(run); k++)
            if (wanted(&variants[k], k, device_kind(device), lab_mode(run), sizes[s]))
                status = record(run, device, room, &variants[k], &inputs, sizes[s]);
        inputs_free(&inputs);
    }
    if (status == 0 || room)
        room_close(room);
    free(variants);
    return status;
}
