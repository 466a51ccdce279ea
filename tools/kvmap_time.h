/*
 * kvmap_time.h: what the blocks' places cost: one decode step through a table and through the same
 * table with its blocks in order, in the same memory: first the bits, then the times. A header for
 * kvmap.c, as kvmap_seat.h is.
 */
#ifndef NANOLAB_LABS_04_KVMAP_TIME_H
#define NANOLAB_LABS_04_KVMAP_TIME_H

#include <math.h>
#include <string.h>

#include "tools/kvmap_seat.h"

/* The cache as a table fills it: what a token holds is the same under every table, and blocks that
 * are not named hold NaN. */
static int kvmap_fill(struct kvmap_seat *seat, const struct kv_table *table) {
    const struct kvmap_step *step = seat->step;
    struct paged_shape shape = step->shape;
    shape.table = table;
    size_t bytes = paged_cache_bytes(&step->plan, &shape);
    if (paged_fill_cache(&step->plan, &shape, 1, pool_cpus(),
                         seat->native ? seat->k : seat->host[0],
                         seat->native ? seat->v : seat->host[1]) != 0)
        return device_fail("out of memory to fill a cache of %zu MiB", bytes >> 20);
    if (seat->native)
        return 0;
    return device_write(step->device, seat->k, seat->host[0], bytes) == 0
               ? device_write(step->device, seat->v, seat->host[1], bytes)
               : -1;
}

/* One step; a type that bench.h wants. */
static int kvmap_call(void *context) {
    const struct kvmap_lane *lane = context;
    const struct kvmap_seat *seat = lane->seat;
    const struct kvmap_step *step = seat->step;
    if (seat->native) {
        const struct paged_cpu_call call = {.plan = step->plan,
                                            .shape = lane->shape,
                                            .isa = seat->cost->isa,
                                            .prefetch = seat->cost->prefetch,
                                            .threads = seat->cost->threads,
                                            .k = seat->k,
                                            .v = seat->v,
                                            .q = seat->q,
                                            .out = seat->out,
                                            .sums = seat->sums,
                                            .workspace = seat->workspace};
        return paged_cpu_run(&call);
    }
    const struct paged_ops *ops = paged_ops_for(device_kind(step->device), false);
    const struct paged_call call = {.plan = step->plan,
                                    .shape = lane->shape,
                                    .k = seat->k,
                                    .v = seat->v,
                                    .q = seat->q,
                                    .ids = lane->ids,
                                    .tokens = seat->tokens,
                                    .out = seat->out,
                                    .sums = seat->sums,
                                    .workspace = seat->workspace,
                                    .stream = device_stream(step->device)};
    return ops ? ops->launch(&call) : -1;
}

/* Runs a step over content of its own, into poisoned memory. */
static int kvmap_outputs(struct kvmap_lane *lane) {
    struct kvmap_seat *seat = lane->seat;
    struct device *device = seat->step->device;
    size_t bytes = seat->cost->outputs * sizeof(float);
    if (kvmap_fill(seat, lane->shape.table) != 0 ||
        device_fill(device, seat->out, 0xff, bytes) != 0 || kvmap_call(lane) != 0 ||
        device_sync(device) != 0)
        return -1;
    return device_read(device, lane->outputs, seat->out, bytes);
}

/* Sets cost->same_bits: equal, and written everywhere without following a wrong id to a NaN. */
static int kvmap_compare(struct kvmap_seat *seat) {
    struct kvmap_lane *lane = seat->lane;
    size_t count = seat->cost->outputs;
    if (kvmap_outputs(&lane[KVMAP_TABLE]) != 0 || kvmap_outputs(&lane[KVMAP_ORDER]) != 0)
        return -1;
    seat->cost->same_bits =
        memcmp(lane[KVMAP_TABLE].outputs, lane[KVMAP_ORDER].outputs, count * sizeof(float)) == 0;
    for (size_t k = 0; k < count; k++)
        if (!isfinite(lane[KVMAP_TABLE].outputs[k]))
            seat->cost->same_bits = false;
    return 0;
}

/* Ordinary numbers everywhere, since both tables read this cache: one sequence has all of it. */
static int kvmap_fill_whole(struct kvmap_seat *seat) {
    const struct kv_table *table = seat->step->shape.table;
    struct kv_table whole;
    int32_t tokens = (int32_t)(table->pool_blocks * table->block_tokens);
    if (kv_table_open(&whole, 1, &tokens, table->block_tokens, table->pool_blocks) != 0)
        return device_fail("out of memory for a table of the whole pool");
    for (unsigned b = 0; b < whole.row_blocks; b++)
        whole.ids[b] = (int32_t)b;
    int status = kvmap_fill(seat, &whole);
    kv_table_close(&whole);
    return status;
}

static int kvmap_time(struct kvmap_seat *seat) {
    static const char *const ids[KVMAP_WAYS] = {"kvmap/table", "kvmap/in-order"};
    struct kvmap_cost *cost = seat->cost;
    struct bench_case cases[KVMAP_WAYS] = {{0}};
    const struct bench_options options = {.limits = {1e-3, 0.002, 31, 101, 5}, .seed = 1};
    for (int way = 0; way < KVMAP_WAYS; way++)
        cases[way] = (struct bench_case){
            .id = ids[way],
            .call = kvmap_call,
            .context = &seat->lane[way],
            .device = seat->step->device,
            .bytes_per_call = paged_kv_bytes(&seat->step->plan, &seat->lane[way].shape)};
    if (kvmap_fill_whole(seat) != 0)
        return -1;
    if (bench_run(cases, KVMAP_WAYS, &options, cost->results) != 0)
        return device_fail("%s", bench_error());
    int status = 0;
    for (int way = 0; way < KVMAP_WAYS && status == 0; way++)
        if (cost->results[way].stop == BENCH_FAILED)
            status = device_fail("%s: %s", ids[way], cost->results[way].error);
    if (status == 0 && bench_ratio(&cost->results[KVMAP_TABLE], &cost->results[KVMAP_ORDER], 1,
                                   &cost->ratio, &cost->low, &cost->high) != 0)
        status = device_fail("the two ways share no round of samples; try again");
    cost->samples = cost->results[KVMAP_TABLE].samples;
    for (int way = 0; way < KVMAP_WAYS; way++)
        bench_result_free(&cost->results[way]);
    cost->timed = status == 0;
    return status;
}

/* The bits through both tables, and the times where the device has a clock and the bits are right.
 * kvmap_check has allowed it. 0, or -1 with device_error(). */
static int kvmap_measure(const struct kvmap_step *step, struct kvmap_cost *cost) {
    struct kvmap_seat seat = {.step = step, .cost = cost};
    *cost = (struct kvmap_cost){0};
    int status = kvmap_open(&seat);
    if (status == 0)
        status = kvmap_compare(&seat);
    if (status == 0 && cost->same_bits && device_has_clock(step->device))
        status = kvmap_time(&seat);
    kvmap_close(&seat);
    return status;
}

#endif
