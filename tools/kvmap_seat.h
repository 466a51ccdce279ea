/*
 * kvmap_seat.h: what `nanolab kvmap --time` runs in: one cache, a table, and the same table with
 * its blocks in order; and whether there is memory for it. A header, because a tool is linked from
 * its own file and the archives; only kvmap.c reads it.
 */
#ifndef NANOLAB_LABS_04_KVMAP_SEAT_H
#define NANOLAB_LABS_04_KVMAP_SEAT_H

#include <stdlib.h>

#include "harness/measure/bench.h"
#include "kernels/paged_attention/paged_cpu.h"
#include "kernels/pages/pages.h"
#include "kernels/threads/threads.h"

/* What is asked: */
struct kvmap_step {
    struct device *device;
    struct paged_plan plan;
    struct paged_shape shape; /* with the table, which is checked */
};
/* … and found: */
struct kvmap_cost {
    size_t outputs; /* numbers that the step computes */
    bool same_bits; /* through both tables, for the same content */
    bool timed;
    enum pages_kind pages; /* on a CPU … */
    enum paged_isa isa;
    enum paged_prefetch prefetch;
    unsigned threads;               /* … 0 elsewhere */
    size_t samples;                 /* of each */
    struct bench_result results[2]; /* freed: only its numbers are left */
    double ratio, low, high;        /* table over in order, with its 95 % interval */
};

enum kvmap_way { KVMAP_TABLE, KVMAP_ORDER, KVMAP_WAYS };

struct kvmap_seat {
    const struct kvmap_step *step;
    struct kvmap_cost *cost;
    bool native;
    struct kv_table order;                             /* the table with its blocks in order */
    struct pages pages[2];                             /* native: keys, values */
    void *host[2];                                     /* elsewhere: what is copied there */
    void *k, *v, *q, *out, *sums, *workspace, *tokens; /* device memory */
    struct kvmap_lane {
        struct kvmap_seat *seat;
        struct paged_shape shape;
        void *ids;      /* device memory */
        float *outputs; /* host memory */
    } lane[KVMAP_WAYS];
};

/* --- tables ------------------------------------------------------------------------------------
 */

/* The table with its blocks numbered in the order in which they are first named: what is shared
 * stays shared. 0, or -1 with device_error(). */
static int kvmap_in_order(const struct kv_table *table, struct kv_table *out) {
    int32_t *number = malloc(table->pool_blocks * sizeof *number);
    if (!number || kv_table_open(out, table->sequences, table->tokens, table->block_tokens,
                                 table->pool_blocks) != 0) {
        free(number);
        return device_fail("out of memory for a second table; give a smaller one");
    }
    int32_t next = 0;
    for (unsigned id = 0; id < table->pool_blocks; id++)
        number[id] = KV_NO_BLOCK;
    for (size_t k = 0; k < (size_t)table->sequences * table->row_blocks; k++)
        if (table->ids[k] != KV_NO_BLOCK) {
            if (number[table->ids[k]] == KV_NO_BLOCK)
                number[table->ids[k]] = next++;
            out->ids[k] = number[table->ids[k]];
        }
    free(number);
    return 0;
}

/* --- memory ------------------------------------------------------------------------------------
 */

/* Bytes that a seat takes on its device, but for the native workspace, and in host memory. */
static void kvmap_needs(const struct kvmap_step *step, size_t *device, size_t *host) {
    const struct paged_plan *plan = &step->plan;
    const struct paged_shape *shape = &step->shape;
    const struct kv_table *table = shape->table;
    size_t out = paged_query_elements(plan, shape) * sizeof(float);
    size_t cache = 2 * paged_cache_bytes(plan, shape);
    size_t ids = (size_t)table->sequences * table->row_blocks * sizeof(int32_t);
    *device = cache + 2 * out + paged_workspace_bytes(plan, shape) + KVMAP_WAYS * ids;
    /* Filling a cache wants some 32 bytes for each block. */
    *host = (KVMAP_WAYS + 1) * out + 2 * ids + (size_t)table->pool_blocks * 32;
    switch (device_kind(step->device)) {
    case DEVICE_CPU:
        *host += *device;
        *device = 0;
        break;
    case DEVICE_SIMT: /* its memory is the host's */
        *host += *device + cache;
        *device = 0;
        break;
    default:
        *host += cache;
    }
}

static int kvmap_fits(size_t bytes, size_t available, const char *what) {
    if (bytes <= available / 4)
        return 0;
    return device_fail("a step over this pool takes %zu MiB of %s memory, and a quarter of what is "
                       "free is %zu; lower pool_blocks or --heads",
                       bytes >> 20, what, available >> 22);
}

/* Whether plan, table and memory allow a step. 0, or -1 with device_error(). */
static int kvmap_check(const struct kvmap_step *step) {
    char why[PLAN_WHY];
    struct device *cpu;
    size_t device, host;
    if (step->plan.block & (step->plan.block - 1))
        return device_fail("blocks of %d tokens can be looked at, not timed; a step has blocks of "
                           "1, 2, 4, ... 256",
                           step->plan.block);
    if (paged_check(&step->plan, &step->shape, true, why) != 0)
        return device_fail("%s", why);
    if (kv_table_blocks(step->shape.table) == 0)
        return device_fail("no sequence has a token, so a step does nothing; give one that has");
    if (device_open(&cpu, DEVICE_CPU, 0) != 0)
        return -1;
    size_t host_free = device_memory_free(cpu);
    device_close(cpu);
    kvmap_needs(step, &device, &host);
    if (kvmap_fits(host, host_free, "host") != 0)
        return -1;
    return kvmap_fits(device, device_memory_free(step->device), device_id(step->device));
}

/* Both sides of a native cache, in 2 MiB pages if they can be had. */
static int kvmap_open_pages(struct kvmap_seat *seat, size_t bytes) {
    for (enum pages_kind kind = PAGES_2M;; kind = PAGES_ANY) {
        seat->cost->pages = kind;
        if (pages_alloc(&seat->pages[0], bytes, kind) == 0 &&
            pages_alloc(&seat->pages[1], bytes, kind) == 0)
            break;
        pages_free(&seat->pages[0]);
        if (kind == PAGES_ANY || !pages_unavailable())
            return -1;
    }
    seat->k = seat->pages[0].memory;
    seat->v = seat->pages[1].memory;
    return 0;
}

static int kvmap_open_copies(struct kvmap_seat *seat, size_t bytes) {
    for (int side = 0; side < 2; side++)
        if (!(seat->host[side] = malloc(bytes)))
            return device_fail("out of host memory for a cache of %zu MiB", bytes >> 20);
    return device_alloc(seat->step->device, &seat->k, bytes) == 0
               ? device_alloc(seat->step->device, &seat->v, bytes)
               : -1;
}

static int kvmap_open_queries(struct kvmap_seat *seat, size_t elements) {
    const struct kvmap_step *step = seat->step;
    size_t bytes = elements * (step->plan.element == PAGED_F32 ? 4 : 2);
    void *q = malloc(bytes);
    int status = q ? paged_fill_queries(&step->plan, &step->shape, 1, q) : -1;
    if (status != 0)
        device_fail("out of memory for %zu numbers of queries", elements);
    else if ((status = device_alloc(step->device, &seat->q, bytes)) == 0)
        status = device_write(step->device, seat->q, q, bytes);
    free(q);
    return status;
}

static int kvmap_open_lane(struct kvmap_seat *seat, enum kvmap_way way) {
    struct kvmap_lane *lane = &seat->lane[way];
    struct device *device = seat->step->device;
    *lane = (struct kvmap_lane){.seat = seat, .shape = seat->step->shape};
    if (way == KVMAP_ORDER)
        lane->shape.table = &seat->order;
    const struct kv_table *table = lane->shape.table;
    size_t ids = (size_t)table->sequences * table->row_blocks * sizeof *table->ids;
    if (!(lane->outputs = malloc(seat->cost->outputs * sizeof *lane->outputs)))
        return device_fail("out of memory for %zu outputs", seat->cost->outputs);
    if (device_alloc(device, &lane->ids, ids) != 0)
        return -1;
    return device_write(device, lane->ids, table->ids, ids);
}

static int kvmap_open(struct kvmap_seat *seat) {
    const struct kvmap_step *step = seat->step;
    const struct kv_table *table = step->shape.table;
    struct kvmap_cost *cost = seat->cost;
    size_t bytes = paged_cache_bytes(&step->plan, &step->shape);
    seat->native = device_kind(step->device) == DEVICE_CPU;
    cost->outputs = paged_query_elements(&step->plan, &step->shape);
    if (seat->native) {
        cost->threads = pool_cpus();
        cost->isa = paged_isa_best();
        cost->prefetch = paged_prefetch_best(PAGED_ATTENTION, cost->threads);
    }
    size_t workspace = seat->native
                           ? paged_cpu_workspace_bytes(&step->plan, &step->shape, cost->threads)
                           : paged_workspace_bytes(&step->plan, &step->shape);
    size_t tokens = table->sequences * sizeof *table->tokens;
    if (kvmap_in_order(table, &seat->order) != 0 ||
        (seat->native ? kvmap_open_pages(seat, bytes) : kvmap_open_copies(seat, bytes)) != 0 ||
        kvmap_open_queries(seat, cost->outputs) != 0 ||
        device_alloc(step->device, &seat->out, cost->outputs * sizeof(float)) != 0 ||
        device_alloc(step->device, &seat->sums, table->sequences * sizeof(uint64_t)) != 0 ||
        device_alloc(step->device, &seat->workspace, workspace) != 0 ||
        device_alloc(step->device, &seat->tokens, tokens) != 0 ||
        device_write(step->device, seat->tokens, table->tokens, tokens) != 0)
        return -1;
    return kvmap_open_lane(seat, KVMAP_TABLE) == 0 ? kvmap_open_lane(seat, KVMAP_ORDER) : -1;
}

static void kvmap_close(struct kvmap_seat *seat) {
    struct device *device = seat->step->device;
    void *memory[] = {seat->q,
                      seat->out,
                      seat->sums,
                      seat->workspace,
                      seat->tokens,
                      seat->lane[KVMAP_TABLE].ids,
                      seat->lane[KVMAP_ORDER].ids,
                      seat->native ? NULL : seat->k,
                      seat->native ? NULL : seat->v};
    for (size_t k = 0; k < sizeof memory / sizeof *memory; k++)
        device_free(device, memory[k]);
    for (int k = 0; k < 2; k++) {
        pages_free(&seat->pages[k]);
        free(seat->host[k]);
        free(seat->lane[k].outputs);
    }
    kv_table_close(&seat->order);
}

#endif
