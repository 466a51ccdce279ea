/*
 * sweep.c: the cases of lab 00. One group per footprint and thread count: all readers, writers and
 * copiers, interleaved; one group of what needs no memory; one for the slope over passes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/threads/threads.h"
#include "labs/00-roofs/roofs_lab.h"

#define GROUP 40 /* cases measured together, at most */

/* Cases that are measured together. */
struct group {
    struct lab_run *run;
    struct device *device;
    struct roofs_memory *memory;
    size_t count;
    struct lab_case *record[GROUP];
    struct roofs_job *job[GROUP];
    struct roofs_plan plan[GROUP];
    struct bench_case bench[GROUP];
    char id[GROUP][160];
};

static struct bench_limits limits(const struct lab_run *run) {
    return lab_mode(run) == LAB_QUICK  ? bench_limits_quick()
           : lab_mode(run) == LAB_FULL ? bench_limits_full()
                                       : bench_limits_default();
}

static void plan_params(struct lab_case *record, const struct roofs_plan *plan) {
    char text[ROOFS_TEXT];
    case_param_text(record, "op", roofs_op_name(plan->op));
    case_param_text(record, "kernel", roofs_plan_text(plan, text));
    case_param_int(record, "threads", plan->isa == ROOFS_GPU ? 0 : plan->threads);
    case_param_int(record, "bytes", (int64_t)plan->bytes);
    case_param_int(record, "passes", plan->passes);
    case_plan(record, json_pack("{s:s, s:s, s:I, s:i, s:i, s:i, s:b, s:b, s:i, s:i, s:i}", "op",
                                roofs_op_name(plan->op), "isa", roofs_isa_name(plan->isa), "bytes",
                                (json_int_t)plan->bytes, "streams", (int)plan->streams, "span",
                                (int)plan->span, "prefetch", (int)plan->prefetch, "nontemporal",
                                (int)plan->nontemporal, "shared", (int)plan->shared, "threads",
                                (int)plan->threads, "blocks", (int)plan->blocks, "rounds",
                                (int)plan->rounds));
}

/* Adds a case, unless an earlier session of this run has recorded it. */
static int enter(struct group *g, const char *id, const struct roofs_plan *plan) {
    if (g->count == GROUP)
        return lab_error(g->run, "more than %d cases in a group; raise GROUP in sweep.c", GROUP);
    size_t k = g->count;
    snprintf(g->id[k], sizeof g->id[k], "%s", id);
    g->record[k] = lab_case_begin(g->run, device_id(g->device), "%s", id);
    if (!g->record[k])
        return 0;
    if (roofs_job_open(&g->job[k], g->memory, plan) != 0) {
        lab_case_drop(g->record[k]);
        return lab_error(g->run, "%s: %s", id, device_error());
    }
    g->plan[k] = *plan;
    g->bench[k] = (struct bench_case){.id = g->id[k],
                                      .call = roofs_job_call,
                                      .validate = roofs_job_prove,
                                      .context = g->job[k],
                                      .device = g->device,
                                      .bytes_per_call = roofs_job_bytes(g->job[k]),
                                      .flops_per_call = roofs_job_flops(g->job[k])};
    ++g->count;
    return 0;
}

static int record(struct group *g, size_t k, const struct bench_result *result) {
    struct lab_case *c = g->record[k];
    g->record[k] = NULL;
    if (result->stop == BENCH_FAILED) {
        lab_case_drop(c);
        return lab_error(g->run, "%s: %s", g->id[k], result->error);
    }
    double work = roof_work(g->plan[k].op, g->job[k]);
    plan_params(c, &g->plan[k]);
    case_param_text(c, "unit", roof_unit(g->plan[k].op));
    case_param_real(c, "work", work);
    case_bench(c, result);
    case_counter(c, "per_second", work / result->median);
    case_counter(c, "per_second_low", work / result->high);
    case_counter(c, "per_second_high", work / result->low);
    return lab_case_end(c);
}

static int stop_asked(void *context, size_t settled, size_t cases) {
    (void)settled;
    (void)cases;
    return lab_stopping(context);
}

/* Measures and records the group, then empties it. A group that was stopped half-way by a signal
 * is dropped: its cases would be worse than those of a whole run. */
static int measure(struct group *g) {
    struct bench_result results[GROUP];
    const struct bench_options options = {.limits = limits(g->run),
                                          .seed = lab_seed(g->run),
                                          .progress = stop_asked,
                                          .progress_context = g->run};
    int status = 0;
    if (g->count > 0 && bench_run(g->bench, g->count, &options, results) != 0)
        status = lab_error(g->run, "%s", bench_error());
    else if (g->count > 0) {
        for (size_t k = 0; k < g->count; ++k) {
            if (status == 0 && results[k].stop != BENCH_STOPPED)
                status = record(g, k, &results[k]);
            bench_result_free(&results[k]);
        }
    }
    for (size_t k = 0; k < g->count; ++k) {
        if (g->record[k])
            lab_case_drop(g->record[k]);
        roofs_job_close(g->job[k]);
    }
    g->count = 0;
    return status;
}

static void give_up(struct group *g) {
    for (size_t k = 0; k < g->count; ++k) {
        lab_case_drop(g->record[k]);
        roofs_job_close(g->job[k]);
    }
    g->count = 0;
}

/* Enters all variants of an op. */
static int enter_op(struct group *g, enum roofs_op op, size_t bytes, unsigned threads) {
    struct roofs_plan plans[GROUP];
    size_t n = roofs_variants(g->device, op, bytes, threads, plans, GROUP);
    for (size_t k = 0; k < n; ++k) {
        char text[ROOFS_TEXT], id[160];
        roofs_plan_text(&plans[k], text);
        if (op <= ROOFS_COPY)
            snprintf(id, sizeof id, "00/%s/threads=%u/bytes=%zu/%s", roofs_op_name(op), threads,
                     bytes, text);
        else
            snprintf(id, sizeof id, "00/%s/threads=%u/%s", roofs_op_name(op), threads, text);
        if (enter(g, id, &plans[k]) != 0)
            return -1;
    }
    return 0;
}

/* --- footprints --------------------------------------------------------------------------------
 */

/* From the first-level cache to 1 GiB; a GPU's from where a launch no longer drowns the rest. */
static size_t footprints(const struct lab_run *run, const struct device *device, size_t *sizes) {
    bool gpu = device_kind(device) == DEVICE_CUDA, quick = lab_mode(run) == LAB_QUICK;
    size_t n = 0, from = gpu ? (size_t)1 << 20 : (size_t)1 << 14;
    size_t to = quick && !gpu ? (size_t)256 << 20 : (size_t)1 << 30;
    /* A quarter of what is free: a neighbour's memory must not be pushed out. */
    while (to > from && to > device_memory_free(device) / 4)
        to /= 2;
    for (size_t bytes = from; bytes <= to; bytes *= quick ? 4 : 2)
        sizes[n++] = bytes;
    return n;
}

static size_t thread_counts(const struct device *device, unsigned *threads) {
    if (device_kind(device) != DEVICE_CPU) {
        threads[0] = 0;
        return 1;
    }
    threads[0] = 1;
    threads[1] = pool_cpus();
    return threads[1] > 1 ? 2 : 1;
}

/* The reader that a slope is taken of: passes 1 and 3 over the largest footprint. */
static int enter_slope(struct group *g, size_t bytes, unsigned threads) {
    struct roofs_plan plans[GROUP];
    size_t n = roofs_variants(g->device, ROOFS_READ, bytes, threads, plans, GROUP);
    if (n == 0)
        return lab_error(g->run, "%s has no reader", device_id(g->device));
    struct roofs_plan plan = plans[0];
    for (unsigned passes = 1; passes <= 3; passes += 2) {
        char id[160];
        plan.passes = passes;
        snprintf(id, sizeof id, "00/slope/threads=%u/bytes=%zu/passes=%u", threads, bytes, passes);
        if (enter(g, id, &plan) != 0)
            return -1;
    }
    return 0;
}

int sweep_times(struct lab_run *run, struct device *device) {
    size_t sizes[32], size_count = footprints(run, device, sizes), largest = sizes[size_count - 1];
    unsigned threads[2];
    size_t thread_count = thread_counts(device, threads);
    struct group *g = calloc(1, sizeof *g);
    if (!g)
        return lab_error(run, "out of memory");
    g->run = run;
    g->device = device;
    struct roofs_plan scratch[GROUP];
    size_t expected = 0;
    for (int op = 0; op < ROOFS_OPS; ++op)
        for (size_t t = 0; t < thread_count; ++t)
            expected +=
                roofs_variants(device, (enum roofs_op)op, largest, threads[t], scratch, GROUP) *
                (op <= ROOFS_COPY ? size_count : 1);
    lab_expect(run, expected + 2 * thread_count);
    int status = 0;
    if (roofs_memory_open(&g->memory, device, largest, largest) != 0)
        status = lab_error(run, "%s: %s", device_id(device), device_error());
    for (size_t t = 0; t < thread_count && status == 0 && !lab_stopping(run); ++t) {
        for (int op = ROOFS_FMA32; op < ROOFS_OPS && status == 0; ++op)
            status = enter_op(g, (enum roofs_op)op, 0, threads[t]);
        status = status == 0 ? measure(g) : -1;
        for (size_t s = 0; s < size_count && status == 0 && !lab_stopping(run); ++s) {
            for (int op = ROOFS_READ; op <= ROOFS_COPY && status == 0; ++op)
                status = enter_op(g, (enum roofs_op)op, sizes[s], threads[t]);
            status = status == 0 ? measure(g) : -1;
        }
        if (status == 0 && !lab_stopping(run) && enter_slope(g, largest, threads[t]) == 0)
            status = measure(g);
    }
    give_up(g);
    roofs_memory_close(g->memory);
    free(g);
    return status;
}

/* --- proofs ------------------------------------------------------------------------------------
 */

static int prove(struct lab_run *run, struct device *device, struct roofs_memory *memory,
                 const struct roofs_plan *plan) {
    char text[ROOFS_TEXT];
    struct lab_case *c = lab_case_begin(
        run, device_id(device), "00/proof/%s/threads=%u/bytes=%zu/%s", roofs_op_name(plan->op),
        plan->threads, plan->bytes, roofs_plan_text(plan, text));
    if (!c)
        return 0;
    struct roofs_job *job;
    if (roofs_job_open(&job, memory, plan) != 0) {
        lab_case_drop(c);
        return lab_error(run, "%s: %s", text, device_error());
    }
    /* Two calls, so that work skipped in a later one shows; then the proof. */
    uint64_t held =
        roofs_job_call(job) == 0 && roofs_job_call(job) == 0 && roofs_job_prove(job) == 0;
    plan_params(c, plan);
    case_series_count(c, "held", "1", &held, 1);
    if (!held)
        lab_note(run, "%s on %s: %s", text, device_id(device), device_error());
    roofs_job_close(job);
    return lab_case_end(c);
}

int sweep_proofs(struct lab_run *run, struct device *device) {
    static const size_t sizes[] = {2 * ROOFS_PAGE, 10 * ROOFS_PAGE, 64 * ROOFS_PAGE};
    const size_t size_count = sizeof sizes / sizeof *sizes, largest = sizes[size_count - 1];
    unsigned threads = device_kind(device) == DEVICE_CPU ? pool_cpus() : 0;
    struct roofs_memory *memory;
    if (roofs_memory_open(&memory, device, largest, largest) != 0)
        return lab_error(run, "%s: %s", device_id(device), device_error());
    struct roofs_plan plans[GROUP];
    size_t expected = 0;
    for (int op = 0; op < ROOFS_OPS; ++op)
        expected += roofs_variants(device, (enum roofs_op)op, largest, threads, plans, GROUP) *
                    (op <= ROOFS_COPY ? size_count : 1);
    lab_expect(run, expected);
    int status = 0;
    for (int op = 0; op < ROOFS_OPS && status == 0; ++op)
        for (size_t s = 0; s < (op <= ROOFS_COPY ? size_count : 1) && status == 0; ++s) {
            size_t n = roofs_variants(device, (enum roofs_op)op, sizes[s], threads, plans, GROUP);
            for (size_t k = 0; k < n && status == 0 && !lab_stopping(run); ++k) {
                if (plans[k].passes > 3)
                    plans[k].passes = 3; /* a proof needs no long call */
                status = prove(run, device, memory, &plans[k]);
            }
        }
    roofs_memory_close(memory);
    return status;
}
