/*
 * roof.c: the best of the roof kernels, through the same harness that times everything else.
 */
#include "harness/measure/roof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/threads/threads.h"

#define VARIANTS 32

static _Thread_local char error_text[256];

static int fail(const char *text) {
    snprintf(error_text, sizeof error_text, "%s", text);
    return -1;
}

const char *roof_error(void) {
    return error_text;
}

struct candidates {
    struct roofs_memory *memory;
    struct roofs_plan plans[VARIANTS];
    struct job jobs[VARIANTS];
    struct bench_case cases[VARIANTS];
    size_t count;
};

static void close_candidates(struct candidates *c) {
    for (size_t k = 0; k < c->count; ++k)
        job_close(&c->jobs[k]);
    roofs_memory_close(c->memory);
}

static int open_candidates(struct candidates *c, struct device *device, enum roofs_op op,
                           size_t bytes, unsigned threads) {
    bool reads = op == ROOFS_READ, writes = op == ROOFS_WRITE, copies = op == ROOFS_COPY;
    size_t source = reads ? bytes : copies ? bytes / 2 : 0;
    size_t target = writes ? bytes : copies ? bytes / 2 : 0;
    if (roofs_memory_open(&c->memory, device, source, target) != 0)
        return -1;
    size_t found = roofs_variants(device, op, bytes, threads, c->plans, VARIANTS);
    for (size_t k = 0; k < found; ++k) {
        if (roofs_job_open(&c->jobs[k], c->memory, &c->plans[k]) != 0)
            return -1;
        ++c->count;
        c->cases[k] = (struct bench_case){.id = roofs_op_name(op),
                                          .call = c->jobs[k].call,
                                          .validate = c->jobs[k].prove,
                                          .context = c->jobs[k].context,
                                          .device = device};
    }
    return 0;
}

static int choose(const struct candidates *c, const struct bench_result *results,
                  struct roof *out) {
    const struct bench_result *best = NULL;
    const char *why = "nothing to measure";
    for (size_t k = 0; k < c->count; ++k) {
        const struct bench_result *r = &results[k];
        if (r->stop == BENCH_FAILED)
            why = r->error;
        else if (r->median > 0) {
            double work = roofs_job_work(&c->jobs[k]);
            if (best && work / r->median <= out->per_second)
                continue;
            best = r;
            *out = (struct roof){.per_second = work / r->median,
                                 .low = work / r->high,
                                 .high = work / r->low,
                                 .plan = c->plans[k],
                                 .stop = r->stop,
                                 .samples = r->samples};
        }
    }
    return best ? 0 : fail(why);
}

int roof_measure(struct device *device, enum roofs_op op, size_t bytes, unsigned threads,
                 const struct bench_limits *limits, uint64_t seed, struct roof *out) {
    if (!device_has_clock(device))
        return fail("the SIMT machine reports no times, so it has no roof");
    struct candidates *c = calloc(1, sizeof *c);
    if (!c)
        return fail("out of memory");
    bytes -= bytes % (2 * ROOFS_PAGE);
    if (bytes == 0)
        bytes = 2 * ROOFS_PAGE;
    if (threads == 0)
        threads = pool_cpus();
    const struct bench_options options = {.limits = *limits, .seed = seed};
    struct bench_result results[VARIANTS];
    int status = 0;
    if (open_candidates(c, device, op, bytes, threads) != 0)
        status = fail(device_error());
    else if (bench_run(c->cases, c->count, &options, results) != 0)
        status = fail(bench_error());
    else {
        status = choose(c, results, out);
        for (size_t k = 0; k < c->count; ++k)
            bench_result_free(&results[k]);
    }
    close_candidates(c);
    free(c);
    return status;
}

int roof_read_bandwidth(struct device *device, size_t bytes, unsigned threads,
                        double *bytes_per_second) {
    struct bench_limits limits = bench_limits_quick();
    limits.max_samples = 200;
    limits.max_seconds = 0.25; /* of each kernel tried: little over a second in all */
    struct roof roof;
    if (roof_measure(device, ROOFS_READ, bytes, threads, &limits, 1, &roof) != 0)
        return -1;
    *bytes_per_second = roof.per_second;
    return 0;
}
