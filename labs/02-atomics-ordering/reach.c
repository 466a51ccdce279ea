/*
 * reach.c: small sums, of which every result can be known. The explorer lists each result that
 * some order of the updates gives; what a device shows in many runs must be among them.
 *
 * One address is looked at. A thread's own updates keep their order, so that an order which swaps
 * them is not on the list: a device that showed it would be caught.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/atomics/atomics_explore.h"
#include "labs/02-atomics-ordering/ordering.h"

#define RUNS 1000

struct small {
    const char *plan;
    size_t n;
};
static const struct small cpu_small[] = {
    {"f32.none.plain.a1.t2", 4},      {"f32.none.plain.a1.t2", 8},
    {"f32.none.plain.a1.t2", 12},     {"f32.none.plain.a1.t4", 12},
    {"f32.thread.plain.a1.t4", 4099}, {"f64.none.plain.a1.t4", 8},
    {"f32.thread.plain.a1.t8", 4099},
};
static const struct small kernel_small[] = {
    {"f32.none.plain.a1.i1.b32.g1", 3},    {"f32.none.plain.a1.i1.b32.g1", 4},
    {"f32.none.plain.a1.i1.b32.g1", 6},    {"f32.none.plain.a1.i1.b32.g1", 8},
    {"f32.none.plain.a1.i1.b32.g1", 12},   {"f64.none.plain.a1.i1.b32.g1", 8},
    {"f32.block.plain.a1.i1.b32.g8", 512}, {"f32.block.plain.a1.i1.b32.g4", 512},
};

/* Which updates must come before each: those of its own thread that the thread makes earlier. */
static void precedence(const struct seat *seat, uint16_t before[ATOMICS_EXPLORE_MOST]) {
    for (size_t u = 0; u < seat->updates; u++) {
        before[u] = 0;
        /* Kernels here have one update a thread. */
        for (size_t v = 0; seat->native && v < u; v++)
            if (seat_party(seat, v) == seat_party(seat, u))
                before[u] |= (uint16_t)(1u << v);
    }
}

static int observe(struct seat *seat, uint64_t bits[RUNS]) {
    for (size_t k = 0; k < RUNS; k++) {
        if (seat_run(seat, false, k) != 0)
            return -1;
        bits[k] = seat_fingerprint(seat, NULL);
    }
    return 0;
}

static void record(struct lab_case *c, const struct seat *seat, enum input_kind input,
                   const struct atomics_reachable *list, size_t count, const uint64_t bits[RUNS]) {
    int width = 8 * (int)atomics_type_bytes(seat->type);
    uint64_t *reachable = malloc((count + 1) * sizeof *reachable), outside = 0;
    double orders = 0;
    for (size_t k = 0; k < count; k++) {
        orders += (double)list[k].orders;
        if (reachable)
            reachable[k] = list[k].bits;
    }
    for (size_t k = 0; k < RUNS; k++)
        outside += !atomics_reachable_find(seat->add, list, count, bits[k]);
    case_plan(c, seat_json(seat));
    case_param_text(c, "plan", seat->text);
    case_param_text(c, "input", input_name(input));
    case_param_int(c, "n", (int64_t)seat->n);
    case_param_int(c, "updates", (int64_t)seat->updates);
    case_series_bits(c, "measured", width, bits, RUNS);
    if (reachable)
        case_series_bits(c, "reachable", width, reachable, count);
    case_counter(c, "reachable", (double)count);
    case_counter(c, "orders", orders);
    case_counter(c, "outside", (double)outside);
    free(reachable);
}

static int explore(struct lab_case *c, struct device *device, const struct small *s,
                   enum input_kind input, uint64_t seed) {
    struct seat seat = {0};
    struct atomics_reachable *list = NULL;
    size_t count = 0;
    uint64_t value[ATOMICS_EXPLORE_MOST], bits[RUNS];
    uint16_t before[ATOMICS_EXPLORE_MOST];
    char why[PLAN_WHY];
    void *x = input_new(input, settings_type(device_kind(device), s->plan), s->n, seed);
    int status = x ? seat_open(&seat, device, s->plan, x, s->n, 0)
                   : device_fail("out of memory for the data");
    if (status == 0 && seat.updates > ATOMICS_EXPLORE_MOST)
        status = device_fail("%zu updates are too many to explore", seat.updates);
    if (status == 0) {
        for (size_t u = 0; u < seat.updates; u++)
            value[u] = atomics_get(seat.type, seat.values, u, 0);
        precedence(&seat, before);
        status =
            atomics_explore(seat.add, 0, value, (unsigned)seat.updates, before, &list, &count, why);
        if (status != 0)
            device_fail("%s", why);
    }
    if (status == 0)
        status = observe(&seat, bits);
    if (status == 0)
        record(c, &seat, input, list, count, bits);
    free(list);
    seat_close(&seat);
    free(x);
    return status;
}

/* The model alone: how many results 2 … 12 updates can reach, each made by a thread of its own. */
static int count_reachable(struct lab_run *run, struct device *device, enum input_kind input) {
    struct lab_case *c =
        lab_case_begin(run, device_id(device), "02/reachable/data=%s", input_name(input));
    if (!c)
        return 0;
    uint64_t results[ATOMICS_EXPLORE_MOST - 1], value[ATOMICS_EXPLORE_MOST];
    double updates[ATOMICS_EXPLORE_MOST - 1];
    float *x = input_new(input, ATOMICS_F32, ATOMICS_EXPLORE_MOST, lab_seed(run));
    char why[PLAN_WHY] = "out of memory for the data";
    int status = x ? 0 : -1;
    for (unsigned n = 2; n <= ATOMICS_EXPLORE_MOST && status == 0; n++) {
        struct atomics_reachable *list = NULL;
        size_t count = 0;
        for (unsigned u = 0; u < n; u++)
            value[u] = atomics_get(ATOMICS_F32, x, u, 0);
        status = atomics_explore(atomics_add_rule(ATOMICS_F32, device_kind(device)), 0, value, n,
                                 NULL, &list, &count, why);
        updates[n - 2] = n;
        results[n - 2] = count;
        free(list);
    }
    free(x);
    if (status != 0) {
        lab_case_drop(c);
        return lab_error(run, "exploring %s data: %s", input_name(input), why);
    }
    case_param_text(c, "input", input_name(input));
    case_series_real(c, "updates", "1", updates, ATOMICS_EXPLORE_MOST - 1);
    case_series_count(c, "results", "1", results, ATOMICS_EXPLORE_MOST - 1);
    return lab_case_end(c);
}

int sweep_reach(struct lab_run *run, struct device *device) {
    bool native = device_kind(device) == DEVICE_CPU;
    const struct small *list = native ? cpu_small : kernel_small;
    size_t count =
        native ? sizeof cpu_small / sizeof *cpu_small : sizeof kernel_small / sizeof *kernel_small;
    static const enum input_kind inputs[] = {INPUT_UNIFORM, INPUT_CANCELLING, INPUT_LOG_UNIFORM};
    bool first = device == lab_bits_device(run, 0); /* the model needs no second device */
    lab_expect(run, count * 2 + (first ? 3 : 0));
    for (size_t i = 0; first && i < 3 && !lab_stopping(run); i++)
        if (count_reachable(run, device, inputs[i]) != 0)
            return -1;
    for (size_t k = 0; k < count; k++) {
        for (size_t i = 0; i < 2 && !lab_stopping(run); i++) {
            const struct small *s = &list[k];
            struct lab_case *c =
                lab_case_begin(run, device_id(device), "02/reach/n=%zu/data=%s/plan=%s", s->n,
                               input_name(inputs[i]), s->plan);
            if (!c)
                continue;
            if (explore(c, device, s, inputs[i], lab_seed(run)) != 0) {
                lab_case_drop(c);
                return lab_error(run, "%s, %zu elements, on %s: %s", s->plan, s->n,
                                 device_id(device), device_error());
            }
            if (lab_case_end(c) != 0)
                return -1;
        }
    }
    return 0;
}
