/*
 * chase_group.c: pointer chases that are measured together, in rounds, and recorded.
 */
#include "labs/04-paged-kv-residency/chase_group.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* One lap of a large footprint takes longer than quick mode has for a case: fewer samples then. On
 * a CPU samples are a fifth as long as usual, shorter than what a scheduler gives to a neighbour at
 * a time: on a machine with something else to do most of them then stay undisturbed. */
static struct bench_limits chase_limits(const struct lab_run *run, const struct device *device) {
    struct bench_limits limits = mode_limits(run);
    limits.max_seconds *= 0.4;
    if (device_kind(device) == DEVICE_CPU)
        limits.min_sample_seconds *= 0.2;
    return limits;
}

static void describe(struct lab_case *c, const struct chase_entry *e, struct chase_job *job) {
    char text[CHASE_TEXT];
    case_param_text(c, "chase", chase_plan_text(&e->plan, text));
    case_param_text(c, "curve", e->curve);
    case_param_text(c, "pages", pages_name(e->plan.pages));
    case_param_text(c, "joined", e->plan.joined ? "joined" : "free");
    case_param_int(c, "range", (int64_t)e->plan.bytes);
    case_param_int(c, "stride", (int64_t)e->plan.stride);
    case_param_int(c, "lanes", e->plan.lanes);
    case_param_int(c, "cold", e->cold);
    case_param_int(c, "places", (int64_t)chase_job_places(job));
    case_param_int(c, "huge bytes", (int64_t)chase_job_huge_bytes(job));
}

static int record(struct chase_group *g, struct lab_case *c, const struct chase_entry *e,
                  struct chase_job *job, const struct bench_result *result) {
    if (result->stop == BENCH_FAILED) {
        lab_case_drop(c);
        return lab_error(g->run, "%s: %s", e->id, result->error);
    }
    double hops = chase_job_hops(job), cycles = chase_job_cycles(job);
    describe(c, e, job);
    case_bench(c, result);
    case_counter(c, "hops", hops);
    case_counter(c, "ns per hop", result->median / hops * 1e9);
    case_counter(c, "ns low", result->low / hops * 1e9);
    case_counter(c, "ns high", result->high / hops * 1e9);
    if (isfinite(cycles))
        case_counter(c, "cycles per hop", cycles);
    return lab_case_end(c);
}

int chase_group_measure(struct chase_group *g) {
    struct lab_case *cases[CHASE_GROUP_MOST];
    struct chase_job *jobs[CHASE_GROUP_MOST];
    const struct chase_entry *entries[CHASE_GROUP_MOST];
    struct bench_case bench[CHASE_GROUP_MOST];
    struct bench_result results[CHASE_GROUP_MOST];
    size_t n = 0;
    int status = 0;
    for (size_t k = 0; k < g->count && status == 0; k++) {
        const struct chase_entry *e = &g->entry[k];
        cases[n] = lab_case_begin(g->run, device_id(g->device), "%s", e->id);
        if (!cases[n])
            continue;
        if (chase_job_open(&jobs[n], g->device, &e->plan) != 0) {
            lab_case_drop(cases[n]);
            if (pages_unavailable())
                lab_note(g->run, "%s is left out: %s", e->id, device_error());
            else
                status = lab_error(g->run, "%s: %s", e->id, device_error());
            continue;
        }
        entries[n] = e;
        bench[n] = (struct bench_case){.id = e->id,
                                       .call = chase_job_call,
                                       .validate = chase_job_check,
                                       .context = jobs[n],
                                       .device = g->device};
        n++;
    }
    const struct bench_options options = {.limits = chase_limits(g->run, g->device),
                                          .seed = lab_seed(g->run),
                                          .progress = stop_asked,
                                          .progress_context = g->run};
    bool measured = status == 0 && n > 0;
    if (measured && bench_run(bench, n, &options, results) != 0) {
        measured = false;
        status = lab_error(g->run, "%s", bench_error());
    }
    for (size_t k = 0; k < n; k++) {
        /* A group that a signal stopped half-way is dropped. */
        if (measured && status == 0 && results[k].stop != BENCH_STOPPED)
            status = record(g, cases[k], entries[k], jobs[k], &results[k]);
        else
            lab_case_drop(cases[k]);
        if (measured)
            bench_result_free(&results[k]);
        chase_job_close(jobs[k]);
    }
    g->count = 0;
    return status;
}
