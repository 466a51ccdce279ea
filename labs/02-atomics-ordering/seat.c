/*
 * seat.c: one way to sum on one device, ready to be run again and again.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/ulp.h"
#include "kernels/rng/philox.h"
#include "kernels/simt/simt.h"
#include "kernels/sum/exact.h"
#include "labs/02-atomics-ordering/ordering.h"

#define CONTENDERS 1        /* threads of the neighbour on a CPU */
#define NEIGHBOUR_BLOCKS 32 /* blocks of the neighbour on a GPU … */
#define NEIGHBOUR_ROUNDS 64 /* … and updates of each of its threads */

static uint64_t schedule_seed;

void seat_seed(uint64_t seed) {
    schedule_seed = seed;
}

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size) {
    const unsigned char *at = bytes;
    for (size_t k = 0; k < size; k++)
        hash = (hash ^ at[k]) * 0x100000001b3u;
    return hash;
}

/* --- opening -----------------------------------------------------------------------------------
 */

static int open_native(struct seat *seat, const char *plan) {
    char why[PLAN_WHY];
    if (atomics_cpu_plan_parse(plan, &seat->cpu, why) != 0 ||
        atomics_cpu_plan_check(&seat->cpu, seat->n, why) != 0)
        return device_fail("plan %s: %s", plan, why);
    atomics_cpu_plan_text(&seat->cpu, seat->text);
    seat->type = seat->cpu.type;
    seat->cure = seat->cpu.cure;
    seat->merge = seat->cpu.merge;
    seat->addresses = (size_t)seat->cpu.addresses;
    seat->updates = atomics_cpu_updates(&seat->cpu, seat->n);
    return 0;
}

static int open_kernels(struct seat *seat, const char *plan) {
    char why[PLAN_WHY];
    if (atomics_plan_parse(plan, &seat->plan, why) != 0 ||
        atomics_plan_check(&seat->plan, seat->n, why) != 0)
        return device_fail("plan %s: %s", plan, why);
    atomics_plan_text(&seat->plan, seat->text);
    seat->type = seat->plan.type;
    seat->cure = seat->plan.cure;
    seat->merge = seat->plan.merge;
    seat->addresses = (size_t)seat->plan.addresses;
    seat->updates = atomics_updates(&seat->plan, seat->n);
    seat->ops = atomics_ops_for(seat->kind, false);
    return seat->ops ? 0 : -1;
}

static int device_memory(struct seat *seat) {
    size_t bytes = seat->n * atomics_type_bytes(seat->type);
    seat->job.n = seat->n;
    seat->job.unit = seat->unit;
    seat->job.workspace_bytes = atomics_workspace_bytes(&seat->plan, seat->n);
    if (device_alloc(seat->device, &seat->device_x, bytes) != 0 ||
        device_write(seat->device, seat->device_x, seat->x, bytes) != 0 ||
        device_alloc(seat->device, &seat->job.result,
                     seat->addresses * atomics_type_bytes(seat->type)) != 0 ||
        device_alloc(seat->device, &seat->job.workspace, seat->job.workspace_bytes) != 0)
        return -1;
    seat->job.x = seat->device_x;
    return 0;
}

int seat_open(struct seat *seat, struct device *device, const char *plan, const void *x, size_t n,
              int unit) {
    *seat =
        (struct seat){.device = device, .kind = device_kind(device), .x = x, .n = n, .unit = unit};
    seat->native = seat->kind == DEVICE_CPU;
    if ((seat->native ? open_native(seat, plan) : open_kernels(seat, plan)) != 0)
        return -1;
    size_t bytes = atomics_type_bytes(seat->type);
    seat->lanes = atomics_type_lanes(seat->type);
    seat->add = atomics_add_rule(seat->type, seat->kind);
    seat->exact = seat->type == ATOMICS_F64   ? exact_sum_f64(x, n)
                  : seat->type == ATOMICS_F32 ? (double)exact_sum_f32(x, n)
                                              : NAN;
    seat->values = malloc(seat->updates * bytes);
    seat->result = malloc(seat->addresses * bytes);
    seat->log = seat->cure == ATOMICS_LOGGED ? malloc(seat->updates * bytes) : NULL;
    if (!seat->values || !seat->result || (seat->cure == ATOMICS_LOGGED && !seat->log))
        return device_fail("out of memory for %zu updates", seat->updates);
    if (!seat->native) {
        atomics_update_values(&seat->plan, x, n, seat->values);
        return device_memory(seat);
    }
    atomics_cpu_update_values(&seat->cpu, x, n, seat->values);
    seat->cpu_job = (struct atomics_cpu_job){
        .x = x, .n = n, .unit = unit, .result = seat->result, .log = seat->log};
    return 0;
}

void seat_close(struct seat *seat) {
    if (seat->native) {
        atomics_cpu_job_end(&seat->cpu_job);
    } else if (seat->device) {
        if (seat->stream)
            seat->ops->stream_end(seat->stream);
        device_free(seat->device, seat->device_x);
        device_free(seat->device, seat->job.result);
        device_free(seat->device, seat->job.workspace);
    }
    free(seat->values);
    free(seat->result);
    free(seat->log);
    *seat = (struct seat){0};
}

/* --- running -----------------------------------------------------------------------------------
 */

/* The first turns are the machine's own adversaries in every combination, the rest are random
 * schedules, with 1 to 16 blocks live at once. */
static int take_schedule(uint64_t turn) {
    static const enum simt_interleave fixed[] = {SIMT_IN_ORDER, SIMT_REVERSE, SIMT_ROUND_ROBIN,
                                                 SIMT_LAST_FIRST, SIMT_RANDOM};
    struct simt_config config = {.resident = 1 + (unsigned)(turn % 16),
                                 .block_order = SIMT_BLOCKS_RANDOM,
                                 .interleave = SIMT_RANDOM,
                                 .seed = philox_u64(schedule_seed, 0x5eed, turn)};
    if (turn < 15) {
        config.interleave = fixed[turn % 5];
        config.block_order = (enum simt_block_order)(turn / 5);
        config.resident = 16;
    }
    return simt_configure(&config);
}

/* The neighbour of a GPU contends for the very words of the result, on a stream of its own. */
static int start_neighbour(struct seat *seat) {
    if (!seat->stream && seat->ops->stream_begin(&seat->stream) != 0)
        return -1;
    if (!seat->stream)
        return device_fail("%s has no second stream for a neighbour", device_id(seat->device));
    size_t words = seat->addresses * atomics_type_bytes(seat->type) / 4;
    return seat->ops->contend(seat->job.result, words, NEIGHBOUR_ROUNDS, NEIGHBOUR_BLOCKS,
                              seat->stream);
}

static int read_back(struct seat *seat) {
    size_t bytes = atomics_type_bytes(seat->type);
    const char *workspace = seat->job.workspace;
    if (device_sync(seat->device) != 0 ||
        device_read(seat->device, seat->result, seat->job.result, seat->addresses * bytes) != 0 ||
        device_read(seat->device, &seat->status, workspace, sizeof seat->status) != 0)
        return -1;
    return seat->log ? device_read(seat->device, seat->log, workspace + ATOMICS_WORKSPACE_HEAD,
                                   seat->updates * bytes)
                     : 0;
}

int seat_call(struct seat *seat) {
    if (seat->native)
        return atomics_cpu_run(&seat->cpu, &seat->cpu_job);
    return seat->ops->launch(&seat->plan, &seat->job, device_stream(seat->device));
}

int seat_run(struct seat *seat, bool loaded, uint64_t turn) {
    /* Poisoned: what is read afterwards was written by this run. */
    memset(seat->result, 0xff, seat->addresses * atomics_type_bytes(seat->type));
    if (seat->native) {
        seat->cpu_job.contenders = loaded ? CONTENDERS : 0;
        int status = seat_call(seat);
        seat->status = seat->cpu_job.status;
        return status;
    }
    if (seat->kind == DEVICE_SIMT && take_schedule(turn) != 0)
        return -1;
    int status = loaded ? start_neighbour(seat) : 0;
    if (status == 0)
        status = seat_call(seat);
    if (status == 0)
        status = read_back(seat);
    if (seat->kind == DEVICE_SIMT)
        simt_configure(NULL);
    return status;
}

/* --- what came out -----------------------------------------------------------------------------
 */

static uint64_t fingerprint(const struct seat *seat, const void *result, int *width) {
    bool one = seat->addresses == 1 && seat->lanes == 1;
    uint64_t hash = HASH_START;
    if (width)
        *width = one ? (int)(8 * atomics_type_bytes(seat->type)) : 64;
    for (size_t k = 0; k < seat->addresses; k++)
        for (unsigned lane = 0; lane < seat->lanes; lane++) {
            uint64_t bits = atomics_canonical(seat->add, atomics_get(seat->type, result, k, lane));
            if (one)
                return bits;
            hash = hash_bytes(hash, &bits, sizeof bits);
        }
    return hash;
}

uint64_t seat_fingerprint(const struct seat *seat, int *width) {
    return fingerprint(seat, seat->result, width);
}

int seat_predict(const struct seat *seat, uint64_t *out, uint32_t *status) {
    char why[PLAN_WHY] = "";
    void *result = malloc(seat->addresses * atomics_type_bytes(seat->type));
    if (!result)
        return device_fail("out of memory for %zu addresses", seat->addresses);
    int failed = seat->native ? atomics_cpu_model(&seat->cpu, seat->x, seat->n, seat->unit, result,
                                                  status, why)
                              : atomics_model(&seat->plan, seat->kind, seat->x, seat->n, seat->unit,
                                              result, status, why);
    if (failed == 0)
        *out = fingerprint(seat, result, NULL);
    free(result);
    return failed ? device_fail("the model of %s: %s", seat->text, why) : 0;
}

double seat_ulps(const struct seat *seat) {
    if (seat->addresses != 1 || seat->lanes != 1)
        return NAN;
    if (seat->type == ATOMICS_F64) {
        double value;
        memcpy(&value, seat->result, sizeof value);
        double ulps = (double)ulp_distance_f64(value, seat->exact);
        return value < seat->exact ? -ulps : ulps;
    }
    float exact = (float)seat->exact, value; /* a float already: nothing is rounded */
    memcpy(&value, seat->result, sizeof value);
    double ulps = (double)ulp_distance_f32(value, exact);
    return value < exact ? -ulps : ulps;
}

json_t *seat_json(const struct seat *seat) {
    return seat->native ? atomics_cpu_plan_json(&seat->cpu) : atomics_plan_json(&seat->plan);
}

size_t seat_parties(const struct seat *seat) {
    return seat->native ? (size_t)seat->cpu.threads : atomics_grid(&seat->plan, seat->n);
}

size_t seat_party(const struct seat *seat, size_t u) {
    if (seat->native) {
        size_t threads = (size_t)seat->cpu.threads, share = (seat->n + threads - 1) / threads;
        return seat->merge == ATOMICS_NONE ? u / share : u;
    }
    size_t block = (size_t)seat->plan.block;
    switch (seat->merge) {
    case ATOMICS_NONE:
        return u / (block * (size_t)seat->plan.items) % atomics_grid(&seat->plan, seat->n);
    case ATOMICS_THREAD:
        return u / block;
    case ATOMICS_WARP:
        return u / (block / 32);
    case ATOMICS_BLOCK:
        break;
    }
    return u;
}
