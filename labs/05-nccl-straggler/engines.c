/*
 * engines.c: which engines run here, and a run of ranks as a case.
 *
 * The lab is linked to none of them. What is missing is recorded with the package that brings it,
 * so that a verdict can say why it was not asked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs/05-nccl-straggler/stragglers.h"

static int is_there(void *context, const json_t *record) {
    (void)context;
    (void)record;
    return 1;
}

int engine_runs(struct lab_run *run, struct device *device, enum ranks_engine engine) {
    char why[RANKS_WHY] = "", version[64], id[40];
    bool runs = ranks_engine_check(engine, why) == 0;
    snprintf(id, sizeof id, "05/engine/%s", ranks_engine_name(engine));
    if (lab_cases(run, id, device_id(device), is_there, NULL) != 0)
        return runs;
    lab_expect(run, 1);
    struct lab_case *c = lab_case_begin(run, device_id(device), "%s", id);
    if (!c)
        return runs;
    if (!runs)
        lab_note(run, "%s", why);
    case_param_text(c, "engine", ranks_engine_name(engine));
    case_param_flag(c, "runs", runs);
    case_param_text(c, "version", ranks_engine_version(engine, version));
    case_param_text(c, "missing", why);
    return lab_case_end(c) == 0 ? runs : -1;
}

int engine_fits(struct lab_run *run, struct device *device, enum ranks_engine engine,
                unsigned ranks) {
    const char *all = getenv("NANOLAB_GPUS");
    int runs = engine_runs(run, device, engine);
    if (runs != 1 || engine != RANKS_NCCL)
        return runs;
    return (long)ranks <= (all && *all ? strtol(all, NULL, 10) : device_count(DEVICE_CUDA));
}

size_t engine_counts(struct lab_run *run, struct device *device, enum ranks_engine engine,
                     unsigned counts[ENGINE_COUNTS]) {
    static const unsigned usual[] = {2, 4, 8};
    unsigned asked[ENGINE_COUNTS];
    size_t count = 0, most = ranks_counts(asked, ENGINE_COUNTS);
    if (most == 0) {
        most = engine == RANKS_NCCL ? 3 : 2;
        memcpy(asked, usual, sizeof usual);
    }
    for (size_t k = 0; k < most; k++)
        if (engine_fits(run, device, engine, asked[k]) == 1)
            counts[count++] = asked[k];
    return count;
}

static bool stopping(void *run) {
    return lab_stopping(run);
}

int engine_run(struct lab_run *run, const struct ranks_plan *plan, struct ranks_log *log) {
    struct ranks_control control = {.stopping = stopping, .self = run};
    struct ranks_failure failure;
    char why[RANKS_WHY];
    if (ranks_run(plan, &control, log, &failure, why) == 0)
        return 0;
    if (failure.stopped)
        return 1;
    return lab_error(run, "%u ranks under %s: %s", plan->ranks, ranks_engine_name(plan->engine),
                     why);
}

const char *engine_name(enum ranks_engine engine) {
    return engine == VIRTUAL ? "virtual" : ranks_engine_name(engine);
}

void record_plan(struct lab_case *c, const struct ranks_plan *plan) {
    case_param_text(c, "engine", engine_name(plan->engine));
    case_param_int(c, "ranks", plan->ranks);
    case_param_text(c, "algorithm", ranks_algorithm_name(plan->algorithm));
    case_param_flag(c, "oversubscribed", plan->engine != VIRTUAL && ranks_oversubscribed(plan));
}

/* --- logs --------------------------------------------------------------------------------------
 */

static const char *const columns[] = {"compute", "start", "end", "stall"};

static double cell_of(const struct ranks_cell *cell, size_t column) {
    const double values[] = {cell->compute_us, cell->start_us, cell->end_us, cell->stall_us};
    return values[column];
}

void record_log(struct lab_case *c, const struct ranks_log *log, unsigned arm) {
    unsigned ranks = log->plan.ranks;
    double *values = malloc((log->steps * ranks + 1) * sizeof *values);
    for (size_t column = 0; values && column < sizeof columns / sizeof *columns; column++) {
        size_t n = 0;
        /* A product takes what it takes: how late that makes a rank nobody has said. */
        if (log->plan.compute == RANKS_GEMM && strcmp(columns[column], "stall") == 0)
            continue;
        for (size_t k = 0; k < log->steps; k++)
            for (unsigned r = 0; r < ranks && log->step[k].arm == arm; r++)
                values[n++] = cell_of(ranks_at(log, k, r), column);
        case_series_real(c, columns[column], "us", values, n);
    }
    free(values);
    case_param_int(c, "log ranks", ranks);
    case_param_int(c, "log round", log->plan.steps);
    case_param_int(c, "log bytes", (int64_t)log->plan.arm[arm].bytes);
    case_param_flag(c, "log overlapped", log->plan.arm[arm].one_late);
}

/* --- for checks --------------------------------------------------------------------------------
 */

bool is_engine(const struct rows *rows, size_t k) {
    return strncmp(row_id(rows, k), "05/engine/", strlen("05/engine/")) == 0;
}

bool none_ran(const struct rows *rows, struct finding *f) {
    const char *missing = "";
    for (size_t k = 0; k < rows->count; k++) {
        if (!is_engine(rows, k))
            return false;
        if (*row_text(rows, k, "missing"))
            missing = row_text(rows, k, "missing");
    }
    finding_not_testable(f, "no engine for it runs here: %s", missing);
    return true;
}
