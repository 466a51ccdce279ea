/*
 * contest.c: see contest.h.
 */
#include "harness/lab/contest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/lab/contest_meter.h"
#include "harness/lab/run.h"
#include "harness/store/provenance.h"
#include "harness/store/reader.h"
#include "harness/store/record.h"
#include "harness/store/result.h"
#include "kernels/threads/threads.h"

/* A ratio that an entrant is to have: of times, or of speeds. */
struct over {
    struct entrant **of; /* the fastest of these; none: of those whose names begin with `names` */
    size_t count;
    char names[60];
    bool speed;
    char counter[60];
    struct over *next;
};

struct entrant {
    struct contest *contest;
    size_t index;
    struct job job;
    struct lab_case *record; /* NULL: it could not begin; the run has the error */
    char id[RECORD_ID_MAX + 2];
    const struct job *before;
    bool alone;
    struct over *overs;
    int (*finish)(void *context, struct lab_case *record, const struct bench_result *result);
    void *finish_context;
};

struct contest {
    struct lab_run *run;
    struct device *device;
    char id[RECORD_ID_MAX + 1];
    struct bench_limits limits;
    unsigned threads;          /* of the readers; 0: all */
    struct entrant **entrants; /* one by one on the heap: callers keep their addresses */
    size_t count;
    struct contest_meter meter;
};

/* --- entering ----------------------------------------------------------------------------------
 */

struct contest *contest_open(struct lab_run *run, struct device *device, const char *id_format,
                             ...) {
    struct contest *c = calloc(1, sizeof *c);
    va_list args;
    if (!c) {
        lab_error(run, "out of memory");
        return NULL;
    }
    va_start(args, id_format);
    vsnprintf(c->id, sizeof c->id, id_format, args);
    va_end(args);
    if (lab_stopping(run) || run->error[0] ||
        reader_has_group(result_reader(run->result), device_id(device), c->id)) {
        free(c);
        return NULL;
    }
    c->run = run;
    c->device = device;
    c->limits = lab_mode(run) == LAB_QUICK  ? bench_limits_quick()
                : lab_mode(run) == LAB_FULL ? bench_limits_full()
                                            : bench_limits_default();
    return c;
}

int contest_skipped(const struct lab_run *run) {
    return run->error[0] ? -1 : 0;
}

static void close_entrant(struct entrant *e) {
    while (e->overs) {
        struct over *over = e->overs;
        e->overs = over->next;
        free(over->of);
        free(over);
    }
    lab_case_drop(e->record);
    job_close(&e->job);
    free(e);
}

static void contest_close(struct contest *c) {
    for (size_t k = 0; k < c->count; k++)
        close_entrant(c->entrants[k]);
    free(c->entrants);
    free(c);
}

int contest_drop(struct contest *c) {
    contest_close(c);
    return -1;
}

struct entrant *contest_enter(struct contest *c, struct job *job, const char *name_format, ...) {
    struct entrant *e = calloc(1, sizeof *e);
    struct entrant **all = realloc(c->entrants, (c->count + 1) * sizeof *all);
    char name[RECORD_ID_MAX + 1];
    va_list args;
    if (!e || !all)
        abort(); /* a pointer's worth of memory: nothing could go on from here */
    va_start(args, name_format);
    vsnprintf(name, sizeof name, name_format, args);
    va_end(args);
    *e = (struct entrant){.contest = c, .index = c->count, .job = *job};
    *job = (struct job){0};
    snprintf(e->id, sizeof e->id, "%.*s/%.*s", RECORD_ID_MAX / 2, c->id, RECORD_ID_MAX / 2, name);
    e->record = lab_case_begin(c->run, device_id(c->device), "%s", e->id);
    json_t *plan = job_plan(&e->job);
    if (plan)
        case_plan(e->record, plan);
    c->entrants = all;
    c->entrants[c->count++] = e;
    return e;
}

struct lab_case *entrant_case(struct entrant *e) {
    return e->record;
}

const struct job *entrant_job(const struct entrant *e) {
    return &e->job;
}

static void add_over(struct entrant *e, struct entrant *const *of, size_t count, const char *names,
                     const char *counter, bool speed) {
    struct over *over = calloc(1, sizeof *over);
    struct entrant **copy = calloc(count + 1, sizeof(struct entrant *));
    if (!over || !copy)
        abort(); /* as above */
    if (count > 0)
        memcpy(copy, of, count * sizeof *copy);
    *over = (struct over){.of = copy, .count = count, .speed = speed, .next = e->overs};
    snprintf(over->names, sizeof over->names, "%s", names);
    snprintf(over->counter, sizeof over->counter, "%s", counter);
    e->overs = over;
}

void entrant_over(struct entrant *e, const struct entrant *of, const char *counter) {
    struct entrant *one = (struct entrant *)of;
    if (of)
        add_over(e, &one, 1, "", counter, false);
}

void entrant_over_fastest(struct entrant *e, struct entrant *const *of, size_t count,
                          const char *counter) {
    if (count > 0)
        add_over(e, of, count, "", counter, false);
}

void entrant_speed_over(struct entrant *e, const struct entrant *of, const char *counter) {
    struct entrant *one = (struct entrant *)of;
    if (of)
        add_over(e, &one, 1, "", counter, true);
}

void entrant_speed_over_best(struct entrant *e, const char *names, const char *counter) {
    add_over(e, NULL, 0, names, counter, true);
}

void entrant_before(struct entrant *e, const struct job *before, bool alone) {
    e->before = before;
    e->alone = alone;
}

void entrant_finish(struct entrant *e,
                    int (*finish)(void *context, struct lab_case *record,
                                  const struct bench_result *result),
                    void *context) {
    e->finish = finish;
    e->finish_context = context;
}

/* --- the roof ----------------------------------------------------------------------------------
 */

#define READERS_MOST 32

int contest_readers(struct contest *c, struct roofs_memory *memory, size_t bytes) {
    struct roofs_plan plans[READERS_MOST];
    bool cpu = device_kind(c->device) == DEVICE_CPU;
    unsigned threads = !cpu ? 0 : c->threads ? c->threads : pool_cpus();
    size_t n = roofs_variants(c->device, ROOFS_READ, bytes, threads, plans, READERS_MOST);
    for (size_t k = 0; k < n; k++) {
        struct job job;
        char text[ROOFS_TEXT];
        if (roofs_job_open(&job, memory, &plans[k]) != 0)
            return lab_error(c->run, "%s: %s", c->id, device_error());
        roofs_plan_text(&plans[k], text);
        contest_enter(c, &job, "read/%s", text);
    }
    return 0;
}

void contest_threads(struct contest *c, unsigned threads) {
    c->threads = threads;
}

void entrant_roof(struct entrant *e) {
    entrant_speed_over_best(e, "read/", "roof fraction");
}

void entrant_host(struct entrant *e) {
    const int hypervisor = provenance_hypervisor();
    if (hypervisor >= 0)
        case_counter(entrant_case(e), "virtual machine", hypervisor);
}

/* --- measuring and recording -------------------------------------------------------------------
 */

struct bench_limits *contest_limits(struct contest *c) {
    return &c->limits;
}

static int call_before(void *entrant) {
    return job_call(((struct entrant *)entrant)->before);
}

static int call(void *entrant) {
    return job_call(&((struct entrant *)entrant)->job);
}

static int prove(void *entrant) {
    return job_prove(&((struct entrant *)entrant)->job);
}

static int wait_for_device(void *entrant) {
    return device_sync(((struct entrant *)entrant)->contest->device);
}

static int stopping(void *entrant) {
    return lab_stopping(((struct entrant *)entrant)->contest->run);
}

/* After each round. */
static int progress(void *contest, size_t settled, size_t cases) {
    struct contest *c = contest;
    (void)settled;
    (void)cases;
    contest_meter_round(&c->meter);
    return lab_stopping(c->run);
}

/* What a job's speed is counted in: bytes, or flops where it moves none, or calls. */
static double work_of(const struct entrant *e) {
    return e->job.bytes > 0 ? e->job.bytes : e->job.flops > 0 ? e->job.flops : 1;
}

static bool is_among(const struct over *over, const struct entrant *e) {
    for (size_t k = 0; k < over->count; k++)
        if (over->of[k] == e)
            return true;
    const char *name = e->id + strlen(e->contest->id) + 1;
    return over->count == 0 && strncmp(name, over->names, strlen(over->names)) == 0;
}

/* The one with the most work in the least time, by its median; NULL: there is none. */
static const struct entrant *fastest_of(const struct contest *c, const struct over *over,
                                        const struct bench_result *results) {
    const struct entrant *fastest = NULL;
    double most = 0;
    for (size_t k = 0; k < c->count; k++) {
        const struct entrant *e = c->entrants[k];
        double work = over->speed ? work_of(e) : 1, speed = work / results[e->index].median;
        if (is_among(over, e) && speed > most) {
            fastest = e;
            most = speed;
        }
    }
    return fastest;
}

static int count_ratio(const struct entrant *e, const struct over *over,
                       const struct bench_result *results) {
    struct ratio r;
    const struct lab_run *run = e->contest->run;
    const struct entrant *of = fastest_of(e->contest, over, results);
    if (!of)
        return 0;
    if (bench_ratio(&results[e->index], &results[of->index], lab_seed(run), &r.value, &r.low,
                    &r.high) != 0)
        return lab_error(e->contest->run, "%s and %s: %s", e->id, of->id, bench_error());
    if (over->speed) {
        double share = work_of(e) / work_of(of);
        r = ratio_inverse(r);
        r = (struct ratio){r.value * share, r.low * share, r.high * share};
    }
    case_counter_ratio(e->record, over->counter, r);
    return 0;
}

/* Calls of one entrant back to back. Where something must come before each, its work would be
 * counted too. */
static int measure_energy(struct entrant *e, const struct bench_result *r) {
    const struct meter_work work = {.call = call,
                                    .wait = wait_for_device,
                                    .stop = stopping,
                                    .context = e,
                                    .seconds = r->median};
    if (e->before)
        return 0;
    return contest_meter_energy(&e->contest->meter, e->contest->run, &work, e->record) == 0
               ? 0
               : lab_error(e->contest->run, "%s: %s", e->id, device_error());
}

static int fill_case(struct entrant *e, const struct bench_result *results) {
    const struct bench_result *r = &results[e->index];
    case_bench(e->record, r);
    contest_meter_clock(&e->contest->meter, r, e->record);
    if (e->job.bytes > 0 && r->median > 0)
        case_counter_ratio(e->record, "bytes per second",
                           (struct ratio){e->job.bytes / r->median, e->job.bytes / r->high,
                                          e->job.bytes / r->low});
    if (e->job.flops > 0 && r->median > 0)
        case_counter_ratio(e->record, "flops per second",
                           (struct ratio){e->job.flops / r->median, e->job.flops / r->high,
                                          e->job.flops / r->low});
    for (const struct over *over = e->overs; over; over = over->next)
        if (count_ratio(e, over, results) != 0)
            return -1;
    if (e->finish && e->finish(e->finish_context, e->record, r) != 0)
        return lab_error(e->contest->run, "%s: %s", e->id, device_error());
    return 0;
}

static int record_all(struct contest *c, const struct bench_result *results) {
    struct lab_case **cases = calloc(c->count, sizeof *cases);
    int status = cases ? 0 : lab_error(c->run, "%s: out of memory", c->id);
    for (size_t k = 0; k < c->count && status == 0; k++)
        if (results[k].stop == BENCH_FAILED)
            status = lab_error(c->run, "%s: %s", c->entrants[k]->id, results[k].error);
    for (size_t k = 0; k < c->count && status == 0; k++) {
        status = fill_case(c->entrants[k], results);
        cases[k] = c->entrants[k]->record;
    }
    for (size_t k = 0; k < c->count && status == 0; k++)
        status = measure_energy(c->entrants[k], &results[k]);
    if (status == 0 && !lab_stopping(c->run))
        status = run_end_group(c->run, device_id(c->device), c->id, cases, c->count);
    free(cases);
    return status;
}

static int measure(struct contest *c, struct bench_case *cases, struct bench_result *results) {
    for (size_t k = 0; k < c->count; k++) {
        struct entrant *e = c->entrants[k];
        cases[k] = (struct bench_case){.id = e->id,
                                       .call = call,
                                       .setup = e->before ? call_before : NULL,
                                       .max_calls = e->alone ? 1 : 0,
                                       .validate = prove,
                                       .context = e,
                                       .device = c->device,
                                       .bytes_per_call = e->job.bytes,
                                       .flops_per_call = e->job.flops};
    }
    contest_meter_open(&c->meter, c->run, c->device);
    const struct bench_options options = {.limits = c->limits,
                                          .seed = lab_seed(c->run) + c->run->session,
                                          .cycles = contest_meter_cycles(&c->meter),
                                          .progress = progress,
                                          .progress_context = c};
    lab_expect(c->run, c->count);
    if (bench_run(cases, c->count, &options, results) != 0) {
        contest_meter_close(&c->meter);
        return lab_error(c->run, "%s: %s", c->id, bench_error());
    }
    int status = lab_stopping(c->run) ? 0 : record_all(c, results);
    contest_meter_close(&c->meter);
    for (size_t k = 0; k < c->count; k++)
        bench_result_free(&results[k]);
    return status;
}

int contest_end(struct contest *c) {
    int status = contest_skipped(c->run);
    if (status == 0 && c->count > 0) {
        struct bench_case *cases = calloc(c->count, sizeof *cases);
        struct bench_result *results = calloc(c->count, sizeof *results);
        status = cases && results ? measure(c, cases, results)
                                  : lab_error(c->run, "%s: out of memory", c->id);
        free(cases);
        free(results);
    }
    contest_close(c);
    return status;
}
