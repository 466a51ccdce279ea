/*
 * gpu.c: a plan of ranks carried out by groups of thread blocks of one GPU (kernels/allreduce/),
 * where one rank's blocks wait before they join. A step is one launch: a rank's computing is from
 * its first block's start until it joins, its sum from then until its last block is done. All by
 * the GPU's own clock, which moves in steps of up to a microsecond.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/allreduce/allreduce_job.h"
#include "kernels/ranks/ranks_inside.h" /* these ranks, too, act by what a plan draws */
#include "labs/05-nccl-straggler/stragglers.h"

struct virtual_ranks {
    struct lab_run *run;
    struct device *device;
    const struct ranks_plan *plan;
    struct ranks_log *log;
    struct job job[RANKS_ARMS_MOST]; /* one for each arm: its message's size */
    float *x;
    uint64_t origin; /* of times; ns */
    size_t recorded; /* steps */
};

static int open_arms(struct virtual_ranks *v) {
    const struct ranks_plan *plan = v->plan;
    size_t most = 0;
    for (unsigned k = 0; k < plan->arms; k++)
        most = plan->arm[k].bytes > most ? plan->arm[k].bytes : most;
    v->x = malloc(plan->ranks * most);
    if (!v->x)
        return device_fail("out of memory for the inputs of %u ranks", plan->ranks);
    for (size_t i = 0; i < plan->ranks * (most / sizeof *v->x); i++)
        v->x[i] = ranks_input(plan->seed, (unsigned)(i % plan->ranks), i / plan->ranks);
    for (unsigned k = 0; k < plan->arms; k++) {
        char text[PLAN_TEXT], why[PLAN_WHY];
        struct allreduce_setup setup = {.x = v->x,
                                        .n = plan->arm[k].bytes / sizeof *v->x,
                                        .deadline = (uint64_t)(1e9 * plan->deadline_s)};
        snprintf(text, sizeof text, "%s.r%u", ranks_algorithm_name(plan->algorithm), plan->ranks);
        if (allreduce_plan_parse(text, &setup.plan, why) != 0)
            return device_fail("%s: %s", text, why);
        if (allreduce_job_open(&v->job[k], v->device, &setup) != 0)
            return -1;
    }
    return 0;
}

static double since(const struct virtual_ranks *v, uint64_t ns) {
    return 1e-3 * (double)(int64_t)(ns - v->origin);
}

/* One launch. Steps of the warm-up are not recorded. */
static int step(struct virtual_ranks *v, unsigned arm, unsigned round, unsigned number) {
    const struct ranks_plan *plan = v->plan;
    bool warm = number >= plan->warmup;
    unsigned at = warm ? number - plan->warmup : 0;
    struct allreduce_stall late = {.rank = -1};
    for (unsigned r = 0; r < plan->ranks && warm; r++) {
        double us = ranks_stall_us(plan, arm, round, at, r);
        if (us > 0 && late.rank >= 0)
            return device_fail("two ranks are late in one step: only one can be here");
        if (us > 0)
            late = (struct allreduce_stall){.rank = (int)r, .time = (uint64_t)(1e3 * us)};
    }
    allreduce_job_stall(&v->job[arm], &late);
    if (job_call(&v->job[arm]) != 0 || allreduce_job_wait(&v->job[arm]) != 0)
        return -1;
    if (!warm)
        return 0;
    size_t k = v->recorded++;
    v->log->step[k] = (struct ranks_step){
        .arm = arm, .round = round, .step = at, .shape_class = -1, .bytes = plan->arm[arm].bytes};
    for (unsigned r = 0; r < plan->ranks; r++) {
        struct allreduce_times times;
        if (allreduce_job_times(&v->job[arm], (int)r, &times) != 0)
            return -1;
        if (!v->origin)
            v->origin = times.started;
        *ranks_at(v->log, k, r) =
            (struct ranks_cell){.compute_us = 1e-3 * (double)(times.joined - times.started),
                                .stall_us = late.rank == (int)r ? 1e-3 * (double)late.time : 0,
                                .start_us = since(v, times.joined),
                                .end_us = since(v, times.done)};
    }
    return 0;
}

/* 0; 1: stopped; -1 with device_error(). */
static int all_steps(struct virtual_ranks *v) {
    const struct ranks_plan *plan = v->plan;
    unsigned order[RANKS_ARMS_MOST];
    for (unsigned round = 0; round < plan->rounds; round++) {
        ranks_order(plan, round, order);
        for (unsigned k = 0; k < plan->arms; k++)
            for (unsigned number = 0; number < plan->warmup + plan->steps; number++) {
                if (lab_stopping(v->run))
                    return 1;
                if (step(v, order[k], round, number) != 0)
                    return -1;
            }
    }
    return 0;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int virtual_run(struct lab_run *run, struct device *device, const struct ranks_plan *plan,
                struct ranks_log *log) {
    struct virtual_ranks v = {.run = run, .device = device, .plan = plan, .log = log};
    double began = seconds();
    *log = (struct ranks_log){
        .plan = *plan, .steps = (size_t)plan->rounds * plan->arms * plan->steps, .machines = 1};
    log->step = calloc(log->steps, sizeof *log->step);
    log->cell = calloc(log->steps * plan->ranks, sizeof *log->cell);
    int status =
        log->step && log->cell ? 0 : device_fail("out of memory for %zu steps", log->steps);
    if (status == 0)
        status = open_arms(&v);
    if (status == 0)
        status = all_steps(&v);
    for (unsigned k = 0; k < plan->arms; k++)
        job_close(&v.job[k]);
    free(v.x);
    log->wall_s = seconds() - began;
    if (status != 0)
        ranks_log_close(log);
    return status < 0 ? lab_error(run, "%u virtual ranks: %s", plan->ranks, device_error())
                      : status;
}
