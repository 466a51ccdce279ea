/*
 * step.c: the steps of an arm. Either each is computing and then a sum; or, one late, a sum runs
 * beside the next step's computing:
 *
 *     computing   0   1   2   3        step k is computed once step k-1 is and sum k-2 is there
 *     sum             0   1   2   3
 *
 * Inputs, hashes and files are seen to between what is timed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <mpi.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "kernels/ranks/program/program.h"

/* A step under way. */
struct now {
    unsigned number; /* of the arm in the round, warm-up included */
    struct ranks_step step;
    struct ranks_cell cell;
    struct computing computing;
    double compute_us; /* by arm or batch, before jitter and stall */
};

struct arm_run {
    struct program *p;
    struct chunk *chunk;
    const struct ranks_arm *arm;
    struct serving_loop *loop; /* rank 0's */
    struct serving_cost cost;
    struct now at[2];   /* this step, and one late the next */
    struct now *served; /* whose record the loop writes */
    double formed_us;   /* one late: when its batch was formed */
};

static bool is_faulty(const struct program *p, enum ranks_fault kind) {
    return p->plan.fault.kind == kind && p->plan.fault.rank == p->rank &&
           p->plan.fault.step == (uint64_t)p->state->step;
}

/* --- the serving loop -------------------------------------------------------------------------
 */

static void note_served(void *self, const struct serving_step_record *record) {
    struct arm_run *run = self;
    run->served->step.rows_hash = record->rows_hash;
    run->served->step.cut = (uint32_t)record->cut_count;
}

static int open_loop(struct arm_run *run) {
    const struct ranks_plan *plan = &run->p->plan;
    struct serving_options options =
        plan->churning ? serving_churning(plan->seed) : serving_calm(plan->seed);
    struct serving_observer observer = {.self = run, .step = note_served};
    char why[SERVING_WHY];
    options.batcher = plan->batcher;
    options.step_budget_ns = 1000 * plan->step_budget_us;
    if (plan->restore_steps > 0)
        options.restore_steps = plan->restore_steps;
    if (plan->churning)
        options.arrival_mean_ns =
            (uint64_t)llround(fmax(1, plan->cost_scale * (double)options.arrival_mean_ns));
    if (plan->batcher == SERVING_BUDGET_ONLY)
        options.step_budget_ns = options.batch_cut = options.restore_steps = 0;
    run->cost = serving_cost_default();
    if (serving_open(&run->loop, &options, NULL, &observer, why) != 0)
        return program_says(run->p, "failed", "%s", why);
    return 0;
}

static int served(struct arm_run *run, double took_us) {
    struct serving_outcome outcome = {.duration_ns = (uint64_t)llround(1e3 * fmax(took_us, 0))};
    char why[SERVING_WHY];
    if (serving_end(run->loop, &outcome, why) != 0)
        return program_says(run->p, "failed", "%s", why);
    run->served = NULL;
    return 0;
}

/* One late, a batch is formed before the last one's sum is there: what the loop learns of that one
 * is how long ago it was formed. */
static int take_turns(struct arm_run *run, struct now *next) {
    double now_us = program_now_us();
    if (run->served && served(run, now_us - run->formed_us) != 0)
        return -1;
    run->served = next;
    run->formed_us = now_us;
    return 0;
}

/* Rank 0 forms the batch, and all learn of it. */
static int schedule(struct arm_run *run, struct now *now) {
    struct program *p = run->p;
    struct serving_batch batch;
    char why[SERVING_WHY] = "no more requests";
    range_begin(&p->ranges, RANGE_SCHEDULER, "batch", (uint64_t)p->state->step);
    if (p->rank == 0) {
        if (take_turns(run, now) != 0)
            return -1;
        if (serving_begin(run->loop, &batch, why) != 1)
            return program_says(p, "failed", "%s", why);
        now->step.rows = (uint32_t)batch.count;
        now->step.context = batch.context;
        now->step.shape_class = batch.shape_class;
        now->step.waiting = (uint32_t)batch.waiting;
        now->step.limit = batch.limit;
        now->step.joined = (uint32_t)batch.joined;
        now->step.bytes = batch.count * p->plan.row_bytes;
        now->compute_us = 1e-3 * p->plan.cost_scale * (double)serving_cost_ns(&run->cost, &batch);
    }
    program_does(p, RANKS_SCHEDULING);
    if (MPI_Bcast(&now->step, sizeof now->step, MPI_BYTE, 0, MPI_COMM_WORLD) != MPI_SUCCESS ||
        MPI_Bcast(&now->compute_us, 1, MPI_DOUBLE, 0, MPI_COMM_WORLD) != MPI_SUCCESS)
        return program_says(p, "failed", "cannot broadcast a batch");
    range_end(&p->ranges, RANGE_SCHEDULER);
    return 0;
}

/* --- parts of a step --------------------------------------------------------------------------
 */

/* What is to be computed, and how long it is to last. */
static int prepare(struct arm_run *run, unsigned number, struct now *now) {
    struct program *p = run->p;
    unsigned warmup = p->plan.warmup, round = run->chunk->round, arm = run->chunk->arm;
    p->state->step++;
    *now = (struct now){.number = number,
                        .step = {.arm = arm,
                                 .round = round,
                                 .step = number - warmup,
                                 .shape_class = -1,
                                 .bytes = run->arm->bytes},
                        .compute_us = run->arm->compute_us};
    if (p->plan.serves && schedule(run, now) != 0)
        return -1;
    now->computing.us = now->compute_us;
    if (number >= warmup) {
        double jitter = ranks_jitter_us(&p->plan, arm, round, number - warmup, p->rank);
        now->cell.stall_us = ranks_stall_us(&p->plan, arm, round, number - warmup, p->rank);
        now->computing.us = fmax(0, now->compute_us + jitter) + now->cell.stall_us;
    }
    if (is_faulty(p, RANKS_FULL_DISK)) {
        int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
        if (full < 0 || dup2(full, fileno(p->log)) < 0)
            return program_says(p, "failed", "no /dev/full to be the full disk");
        close(full);
    }
#ifndef RANKS_SIMULATED
    if (gemm_prepare(p, run->arm, number, now->step.rows, now->cell.variant) != 0)
        return -1;
#endif
    return p->ops->fill(p, run->arm, now->step.bytes);
}

static int compute_begin(struct arm_run *run, struct now *now) {
    struct program *p = run->p;
    program_does(p, RANKS_COMPUTING);
    if (is_faulty(p, RANKS_KILLED))
        raise(SIGKILL);
    if (is_faulty(p, RANKS_STOPPED))
        raise(SIGSTOP);
    range_begin(&p->ranges, RANGE_COMPUTE, "computing", (uint64_t)p->state->step);
    return program_compute_begin(p, &now->computing);
}

static int compute_end(struct arm_run *run, struct now *now) {
    program_does(run->p, RANKS_COMPUTING);
    if (program_compute_end(run->p, &now->computing) != 0)
        return -1;
    range_end(&run->p->ranges, RANGE_COMPUTE);
    now->cell.compute_us = now->computing.ended - now->computing.begun;
    now->cell.start_us = now->computing.ended;
    return 0;
}

static int sum_begin(struct program *p, const struct now *now, bool outer) {
    range_begin(&p->ranges, RANGE_COLLECTIVE, outer ? "sum across groups" : "sum", now->step.bytes);
    return p->ops->begin(p, now->step.bytes, outer);
}

static int sum_end(struct program *p, enum ranks_doing doing, double *end_us) {
    program_does(p, doing);
    if (p->ops->end(p) != 0)
        return -1;
    *end_us = program_now_us();
    range_end(&p->ranges, RANGE_COLLECTIVE);
    return 0;
}

/* What a rank does that has lost its place in the program: it receives a broadcast nobody sends. */
static int other_collective(struct program *p) {
    int nothing = 0, root = (int)((p->rank + 1) % p->plan.ranks);
    program_does(p, RANKS_ELSEWHERE);
    MPI_Bcast(&nothing, 1, MPI_INT, root, MPI_COMM_WORLD);
    return 0;
}

/* Takes note of a step whose sum is there. */
static int note(struct arm_run *run, struct now *now) {
    struct program *p = run->p;
    struct chunk *chunk = run->chunk;
    double end = p->plan.group != 0 ? now->cell.outer_end_us : now->cell.end_us;
    bool last = now->number + 1 == p->plan.warmup + p->plan.steps;
    if (run->loop && (last || !run->arm->one_late) &&
        served(run, end - (run->arm->one_late ? run->formed_us : now->computing.begun)) != 0)
        return -1;
    if (now->number < p->plan.warmup)
        return 0;
    unsigned k = now->number - p->plan.warmup;
    float *result = k == 0 && chunk->output ? chunk->output : chunk->scratch;
    if (p->ops->result(p, result, now->step.bytes) != 0)
        return -1;
    now->cell.hash = ranks_hash(result, now->step.bytes);
    chunk->step[k] = now->step;
    chunk->cell[k] = now->cell;
    return 0;
}

/* --- all of an arm ----------------------------------------------------------------------------
 */

static int in_turn(struct arm_run *run) {
    struct program *p = run->p;
    struct now *now = &run->at[0];
    for (unsigned i = 0; i < p->plan.warmup + p->plan.steps; i++) {
        if (prepare(run, i, now) != 0 || compute_begin(run, now) != 0 || compute_end(run, now) != 0)
            return -1;
        if (is_faulty(p, RANKS_OTHER_COLLECTIVE))
            other_collective(p);
        if (sum_begin(p, now, false) != 0 || sum_end(p, RANKS_SUMMING, &now->cell.end_us) != 0)
            return -1;
        if (p->plan.group != 0) {
            now->cell.outer_start_us = now->cell.end_us;
            if (sum_begin(p, now, true) != 0 ||
                sum_end(p, RANKS_OUTER, &now->cell.outer_end_us) != 0)
                return -1;
        }
        if (note(run, now) != 0)
            return -1;
    }
    return 0;
}

static int one_late(struct arm_run *run) {
    struct program *p = run->p;
    struct now *at = run->at;
    unsigned all = p->plan.warmup + p->plan.steps;
    if (prepare(run, 0, &at[0]) != 0 || compute_begin(run, &at[0]) != 0 ||
        compute_end(run, &at[0]) != 0)
        return -1;
    for (unsigned i = 0; i < all; i++) {
        struct now *now = &at[i % 2], *next = &at[(i + 1) % 2];
        if (is_faulty(p, RANKS_OTHER_COLLECTIVE))
            other_collective(p);
        if (sum_begin(p, now, false) != 0)
            return -1;
        if (i + 1 < all && (prepare(run, i + 1, next) != 0 || compute_begin(run, next) != 0))
            return -1;
        if (sum_end(p, RANKS_SUMMING, &now->cell.end_us) != 0 || note(run, now) != 0)
            return -1;
        if (i + 1 < all && compute_end(run, next) != 0)
            return -1;
    }
    return 0;
}

int program_steps(struct program *p, struct chunk *chunk) {
    struct arm_run run = {.p = p, .chunk = chunk, .arm = &p->plan.arm[chunk->arm]};
    if (p->plan.serves && p->rank == 0 && open_loop(&run) != 0)
        return -1;
    int status = run.arm->one_late ? one_late(&run) : in_turn(&run);
    serving_close(run.loop);
    return status;
}
