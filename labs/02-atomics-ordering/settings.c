/*
 * settings.c: what is repeated, on which data, idle or loaded.
 *
 * The lists change one thing at a time, starting from elements added one by one into one address:
 * how many parties add, what is merged before, how many addresses there are, the data, the type,
 * the neighbour.
 */
#include <math.h>
#include <stdlib.h>

#include "kernels/rng/data.h"
#include "kernels/sum/exact.h"
#include "labs/02-atomics-ordering/ordering.h"

#define CONDITION 1e6
#define STREAM_STEP 0x9e3779b97f4a7c15u /* keeps the data sets of one run apart */

const char *input_name(enum input_kind kind) {
    static const char *const names[INPUT_KINDS] = {"uniform", "normal", "log-uniform", "cancelling",
                                                   "ones"};
    return kind < INPUT_KINDS ? names[kind] : "?";
}

static enum data_type data_type_of(enum atomics_type type) {
    switch (type) {
    case ATOMICS_F64:
        return DATA_F64;
    case ATOMICS_F16X2:
        return DATA_F16;
    case ATOMICS_BF16X2:
        return DATA_BF16;
    case ATOMICS_F32:
        break;
    }
    return DATA_F32;
}

void *input_new(enum input_kind kind, enum atomics_type type, size_t n, uint64_t seed) {
    static const enum data_kind kinds[] = {DATA_UNIFORM, DATA_NORMAL, DATA_LOG_UNIFORM,
                                           DATA_CANCELLING};
    enum data_type element = data_type_of(type);
    size_t count = n * atomics_type_lanes(type);
    void *x = malloc(n * atomics_type_bytes(type));
    if (!x)
        return NULL;
    if (kind == INPUT_ONES) {
        for (size_t i = 0; i < count; i++)
            data_set(element, x, i, 1);
        return x;
    }
    struct data_options options = {.seed = seed + STREAM_STEP * (unsigned)kind,
                                   .condition = CONDITION};
    if (data_fill(kinds[kind], element, &options, x, count) == 0)
        return x;
    free(x);
    return NULL;
}

int input_rate(enum atomics_type type, const void *x, size_t n, double *condition,
               double *largest) {
    enum data_type element = data_type_of(type);
    size_t count = n * atomics_type_lanes(type);
    double *wide = malloc(count * sizeof *wide);
    if (!wide)
        return -1;
    *largest = 0;
    for (size_t i = 0; i < count; i++) {
        wide[i] = data_get(element, x, i);
        *largest = fmax(*largest, fabs(wide[i]));
    }
    *condition = exact_condition_f64(wide, count);
    free(wide);
    return 0;
}

/* --- native threads ----------------------------------------------------------------------------
 */

static const struct setting cpu_plain[] = {
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

static const struct setting cpu_cures[] = {
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

static const struct setting cpu_logged[] = {
    {"f32.none.logged.a1.t2", INPUT_UNIFORM, false},
    {"f32.none.logged.a1.t4", INPUT_CANCELLING, true},
    {"f64.none.logged.a16.t2", INPUT_LOG_UNIFORM, false},
};

/* --- kernels -----------------------------------------------------------------------------------
 */

static const struct setting kernel_plain[] = {
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

static const struct setting kernel_cures[] = {
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

static const struct setting kernel_logged[] = {
    {"f32.block.logged.a1.i1.b32.g16", INPUT_UNIFORM, false},
    {"f32.none.logged.a1.i1.b32.g16", INPUT_CANCELLING, false},
    {"f64.none.logged.a4.i4.b64.g4", INPUT_LOG_UNIFORM, false},
    {"f16x2.none.logged.a1.i1.b32.g16", INPUT_UNIFORM, false},
};

#define LIST(name, native, kernels)                                                                \
    const struct setting *name(enum device_kind kind, size_t *count) {                             \
        *count = kind == DEVICE_CPU ? sizeof native / sizeof *native                               \
                                    : sizeof kernels / sizeof *kernels;                            \
        return kind == DEVICE_CPU ? native : kernels;                                              \
    }
LIST(settings_plain, cpu_plain, kernel_plain)
LIST(settings_cures, cpu_cures, kernel_cures)
LIST(settings_logged, cpu_logged, kernel_logged)

size_t settings_n(enum device_kind kind) {
    return kind == DEVICE_SIMT ? 512 : 10000;
}

size_t settings_runs(enum lab_mode mode) {
    return mode == LAB_FULL ? 10000 : 1000;
}

enum atomics_type settings_type(enum device_kind kind, const char *plan) {
    char why[PLAN_WHY];
    struct atomics_cpu_plan native;
    struct atomics_plan kernel;
    if (kind == DEVICE_CPU)
        return atomics_cpu_plan_parse(plan, &native, why) == 0 ? (enum atomics_type)native.type
                                                               : ATOMICS_F32;
    return atomics_plan_parse(plan, &kernel, why) == 0 ? (enum atomics_type)kernel.type
                                                       : ATOMICS_F32;
}
