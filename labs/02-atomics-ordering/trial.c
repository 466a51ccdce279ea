/*
 * trial.c: a plan on its data on a device, run again and again. Every claim but the prices rests on
 * such trials.
 */
#include <math.h>
#include <stdlib.h>

#include "kernels/rng/data.h"
#include "kernels/sum/exact.h"
#include "labs/02-atomics-ordering/ordering.h"

#define CONDITION 1e6
#define STREAM_STEP 0x9e3779b97f4a7c15u /* keeps the data sets of one run apart */

/* --- data --------------------------------------------------------------------------------------
 */

const char *input_name(enum input_kind kind) {
    static const char *const names[INPUT_KINDS] = {"uniform", "normal", "log-uniform", "cancelling",
                                                   "ones"};
    return kind < INPUT_KINDS ? names[kind] : "?";
}

void *input_new(enum input_kind kind, enum atomics_type type, size_t n, uint64_t seed) {
    static const enum data_kind kinds[] = {DATA_UNIFORM, DATA_NORMAL, DATA_LOG_UNIFORM,
                                           DATA_CANCELLING};
    enum element element = atomics_type_element(type);
    size_t count = n * atomics_type_lanes(type);
    void *x = malloc(n * atomics_type_bytes(type));
    if (!x)
        return NULL;
    if (kind == INPUT_ONES) {
        for (size_t i = 0; i < count; i++)
            element_set(element, x, i, 1);
        return x;
    }
    struct data_options options = {.seed = seed + STREAM_STEP * (unsigned)kind,
                                   .condition = CONDITION};
    if (data_fill(kinds[kind], element, &options, x, count) == 0)
        return x;
    free(x);
    return NULL;
}

/* Sum|x| / |sum x|, and the largest |x|; of packed halves, of both halves together. */
static int rate(enum atomics_type type, const void *x, size_t n, double *condition,
                double *largest) {
    enum element element = atomics_type_element(type);
    size_t count = n * atomics_type_lanes(type);
    double *wide = malloc(count * sizeof *wide);
    if (!wide)
        return device_fail("out of memory for the data");
    for (size_t i = 0; i < count; i++) {
        wide[i] = element_get(element, x, i);
        *largest = fmax(*largest, fabs(wide[i]));
    }
    *condition = exact_condition_f64(wide, count);
    free(wide);
    return 0;
}

/* --- one trial ---------------------------------------------------------------------------------
 */

size_t trial_n(enum device_kind kind) {
    return device_simulated(kind) ? 512 : 10000;
}

size_t trial_runs(const struct lab_run *run) {
    return lab_mode(run) == LAB_FULL ? 10000 : 1000;
}

int trial_open(struct trial *t, struct lab_run *run, struct device *device,
               const struct setting *setting, size_t n) {
    enum atomics_type type = atomics_job_type(device_kind(device), setting->plan);
    double largest = 0;
    *t = (struct trial){.run = run, .setting = setting};
    t->x = input_new(setting->input, type, n, lab_seed(run));
    if (!t->x)
        return device_fail("out of memory for the data");
    if (rate(type, t->x, n, &t->condition, &largest) != 0)
        return -1;
    struct atomics_setup setup = {
        .plan = setting->plan, // NOLINT(clang-analyzer-unix.Malloc): trial_close() frees x
        .x = t->x,
        .n = n,
        .unit = atomics_fixed_unit(n, largest)};
    if (atomics_job_open(&t->job, device, &setup) != 0)
        return -1;
    t->sum = atomics_job_sum(&t->job);
    atomics_job_neighbour(&t->job, setting->loaded);
    return 0;
}

void trial_close(struct trial *t) {
    job_close(&t->job);
    free(t->x);
    *t = (struct trial){0};
}

int trial_run(const struct trial *t, uint64_t k, struct job_bits *out) {
    atomics_job_schedule(&t->job, lab_seed(t->run), k);
    return atomics_job_run(&t->job, out);
}

/* --- as a case ---------------------------------------------------------------------------------
 */

static void describe(struct lab_case *c, const struct trial *t) {
    static const char *const updates_are[] = {"elements one by one", "sums of threads",
                                              "sums of warps", "sums of blocks"};
    case_plan(c, job_plan(&t->job));
    case_param_text(c, "plan", t->sum->text);
    case_param_text(c, "input", input_name(t->setting->input));
    case_param_real(c, "condition", t->condition);
    case_param_text(c, "load", t->setting->loaded ? "loaded" : "idle");
    case_param_text(c, "updates are", updates_are[t->sum->merge]);
    case_param_int(c, "n", (int64_t)t->sum->n);
    case_param_int(c, "addresses", (int64_t)t->sum->addresses);
    case_param_int(c, "workers", (int64_t)t->sum->workers);
    case_param_int(c, "updates", (int64_t)t->sum->updates);
}

int trial_case(struct lab_run *run, struct device *device, const struct setting *setting, size_t n,
               int (*measure)(const struct trial *t, struct lab_case *c), const char *id) {
    struct lab_case *c = lab_case_begin(run, device_id(device), "%s", id);
    if (!c)
        return 0;
    struct trial t;
    int status = trial_open(&t, run, device, setting, n);
    if (status == 0) {
        describe(c, &t);
        status = measure(&t, c);
    }
    trial_close(&t);
    if (status == 0)
        return lab_case_end(c);
    lab_case_drop(c);
    return lab_error(run, "%s on %s: %s", id, device_id(device), device_error());
}

int trial_cases(struct lab_run *run, struct device *device, const char *kind,
                const struct setting *list, size_t count,
                int (*measure)(const struct trial *t, struct lab_case *c)) {
    bool simulated = device_simulated(device_kind(device));
    size_t n = trial_n(device_kind(device)), runnable = 0;
    for (size_t k = 0; k < count; k++)
        runnable += !(simulated && list[k].loaded);
    lab_expect(run, runnable);
    for (size_t k = 0; k < count && !lab_stopping(run); k++) {
        char id[200];
        if (simulated && list[k].loaded)
            continue;
        snprintf(id, sizeof id, "02/%s/n=%zu/data=%s/%s/plan=%s", kind, n,
                 input_name(list[k].input), list[k].loaded ? "loaded" : "idle", list[k].plan);
        if (trial_case(run, device, &list[k], n, measure, id) != 0)
            return -1;
    }
    return 0;
}

const char *workers_of(const struct rows *rows, size_t k) {
    return row_is(rows, k, "device", "cpu") ? "threads" : "blocks";
}
