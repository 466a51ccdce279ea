/*
 * chase.c: jobs: the memory of a plan, its chains, its calls, and the proof that they visited every
 * place.
 */
#include "kernels/chase/chase.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/chase/chase_inside.h"

/* The words that walks need, in device memory: where lanes begin, and for the calls and for the
 * proof apart where they must end, how often they did, and the cycles of the last walk. */
struct trip {
    uint64_t end[CHASE_LANES], right[CHASE_LANES], cycles;
};
struct words {
    uint64_t start[CHASE_LANES];
    struct trip calls, proof;
};

struct chase {
    struct device *device;
    struct chase_plan plan;
    const struct chase_ops *ops;
    struct chase_region regions[2];
    unsigned region_count;
    uint64_t lap, hops;  /* hops of one lap, and of one call */
    struct pages pages;  /* on a CPU */
    void *memory;        /* elsewhere */
    struct words *words; /* device memory */
    uint64_t calls;
};

static const struct chase_ops *ops_for(struct device *device, bool checked) {
    switch (device_kind(device)) {
    case DEVICE_CPU:
        return &chase_ops_cpu;
    case DEVICE_SIMT:
        return checked ? &chase_ops_checked : &chase_ops_simt;
    case DEVICE_PTX:
    case DEVICE_SASS:
        if (!&chase_ops_ptx)
            device_fail_no_ptx();
        return &chase_ops_ptx;
    default:
        if (!&chase_ops_cuda)
            device_fail_no_cuda();
        return &chase_ops_cuda;
    }
}

/* --- memory ------------------------------------------------------------------------------------
 */

/* One piece of memory for all regions; a hot one follows on a page of its own. */
static int place_regions(struct chase *chase) {
    size_t cold = chase_region_bytes(&chase->regions[0]), total = cold;
    cold = (cold + PAGES_SMALL - 1) / PAGES_SMALL * PAGES_SMALL;
    if (chase->region_count == 2)
        total = cold + chase_region_bytes(&chase->regions[1]);
    if (device_kind(chase->device) == DEVICE_CPU) {
        if (pages_alloc(&chase->pages, total, (enum pages_kind)chase->plan.pages) != 0)
            return -1;
        chase->regions[0].base = (uintptr_t)chase->pages.memory;
    } else {
        if (device_alloc(chase->device, &chase->memory, total) != 0)
            return -1;
        chase->regions[0].base = (uintptr_t)chase->memory;
    }
    chase->regions[1].base = chase->regions[0].base + cold;
    return 0;
}

static uint64_t address(const struct chase_region *region, uint32_t place) {
    return region->base + chase_offset(region, place);
}

/* Where the region's lanes must be after `hops` hops. */
static void ends_after(const struct chase_region *region, const uint32_t *next, uint64_t hops,
                       uint64_t end[CHASE_LANES]) {
    for (uint32_t c = 0; c < region->lanes; c++)
        end[region->first + c] = address(region, chase_order_after(region, next, c, hops));
}

/* Makes the chains of a region, and says where its lanes begin and end. */
static int link_region(struct chase *chase, const struct chase_region *region,
                       struct words *words) {
    size_t bytes = region->places * sizeof(uint32_t);
    int order = region == &chase->regions[0] ? chase->plan.order : CHASE_CYCLE;
    uint32_t *next = malloc(bytes);
    void *copy = NULL;
    int status = -1;
    if (!next) {
        device_fail("out of memory for the order of %u places", region->places);
    } else if (chase_order_make(region, (enum chase_order)order, chase->plan.seed, next) == 0 &&
               device_alloc(chase->device, &copy, bytes) == 0 &&
               device_write(chase->device, copy, next, bytes) == 0 &&
               chase->ops->link(region, copy, device_stream(chase->device)) == 0 &&
               device_sync(chase->device) == 0) {
        for (uint32_t c = 0; c < region->lanes; c++)
            words->start[region->first + c] = address(region, c);
        ends_after(region, next, chase->hops, words->calls.end);
        status = 0;
    }
    if (copy)
        device_free(chase->device, copy);
    free(next);
    return status;
}

/* --- calls --------------------------------------------------------------------------------------
 */

static int prepare(struct chase *chase) {
    chase->region_count = chase_plan_regions(&chase->plan, chase->regions);
    chase->lap = chase->regions[0].places / chase->regions[0].lanes;
    chase->hops = chase->lap * chase_plan_laps(&chase->plan, device_kind(chase->device));
    void *memory = NULL;
    if (place_regions(chase) != 0 ||
        device_alloc(chase->device, &memory, sizeof(struct words)) != 0)
        return -1;
    chase->words = memory;
    struct words words = {0};
    for (unsigned r = 0; r < chase->region_count; r++)
        if (link_region(chase, &chase->regions[r], &words) != 0)
            return -1;
    return device_write(chase->device, chase->words, &words, sizeof words);
}

static int walk(struct chase *chase, struct trip *trip, uint64_t hops) {
    struct chase_walk walk = {.start = chase->words->start,
                              .end = trip->end,
                              .right = trip->right,
                              .cycles = &trip->cycles,
                              .hops = hops,
                              .lanes = (unsigned)chase->plan.lanes,
                              .joined = chase->plan.joined};
    return chase->ops->walk(&walk, device_stream(chase->device));
}

static int chase_call(void *context) {
    struct chase *chase = context;
    chase->calls++;
    return walk(chase, &chase->words->calls, chase->hops);
}

/* --- proofs ------------------------------------------------------------------------------------
 */

/* Whether all lanes ended where they must in each of `times` walks. */
static int check_trip(struct chase *chase, const struct trip *trip, uint64_t times) {
    uint64_t right[CHASE_LANES];
    if (device_sync(chase->device) != 0 ||
        device_read(chase->device, right, trip->right, sizeof right) != 0)
        return -1;
    for (unsigned lane = 0; lane < (unsigned)chase->plan.lanes; lane++)
        if (right[lane] != times)
            return device_fail("lane %u ended in the wrong place in %llu of %llu walks", lane,
                               (unsigned long long)(times - right[lane]),
                               (unsigned long long)times);
    return 0;
}

/* Checks the links of a region as they lie in memory, and says where lanes end after `hops`. */
static int check_region(struct chase *chase, const struct chase_region *region, uint64_t hops,
                        struct trip *trip) {
    size_t bytes = region->places * sizeof(uint32_t);
    uint32_t *next = malloc(bytes);
    void *copy = NULL;
    int status = -1;
    if (!next) {
        device_fail("out of memory for the proof of %u places", region->places);
    } else if (device_alloc(chase->device, &copy, bytes) == 0 &&
               chase->ops->unlink(region, copy, device_stream(chase->device)) == 0 &&
               device_sync(chase->device) == 0 &&
               device_read(chase->device, next, copy, bytes) == 0 &&
               chase_order_check(region, next) == 0) {
        ends_after(region, next, hops, trip->end);
        status = 0;
    }
    if (copy)
        device_free(chase->device, copy);
    free(next);
    return status;
}

static int chase_prove(void *context) {
    struct chase *chase = context;
    if (chase->calls == 0)
        return device_fail("nothing to check: the chase was never called");
    if (check_trip(chase, &chase->words->calls, chase->calls) != 0)
        return -1;
    uint64_t hops = chase->lap / 2;
    struct trip proof = {0};
    for (unsigned r = 0; r < chase->region_count; r++)
        if (check_region(chase, &chase->regions[r], hops, &proof) != 0)
            return -1;
    if (device_write(chase->device, &chase->words->proof, &proof, sizeof proof) != 0 ||
        walk(chase, &chase->words->proof, hops) != 0)
        return -1;
    return check_trip(chase, &chase->words->proof, 1);
}

/* --- jobs --------------------------------------------------------------------------------------
 */

static void chase_close(void *context) {
    struct chase *chase = context;
    if (chase->words)
        device_free(chase->device, chase->words);
    if (chase->memory)
        device_free(chase->device, chase->memory);
    pages_free(&chase->pages);
    free(chase);
}

static struct json_t *chase_record(const void *context) {
    const struct chase *chase = context;
    return chase_plan_json(&chase->plan);
}

int chase_job_open(struct job *out, struct device *device, const struct chase_plan *plan) {
    *out = (struct job){0};
    const struct chase_ops *ops = ops_for(device, plan->checked);
    if (!ops || chase_plan_check(plan) != 0)
        return -1;
    struct chase *chase = calloc(1, sizeof *chase);
    if (!chase)
        return device_fail("out of memory");
    chase->device = device;
    chase->plan = *plan;
    chase->ops = ops;
    if (prepare(chase) != 0) {
        chase_close(chase);
        return -1;
    }
    *out = (struct job){.context = chase,
                        .call = chase_call,
                        .prove = chase_prove,
                        .plan = chase_record,
                        .close = chase_close};
    return 0;
}

/* --- numbers -----------------------------------------------------------------------------------
 */

static const struct chase *of(const struct job *job) {
    return job->context;
}

double chase_job_hops(const struct job *job) {
    return (double)of(job)->hops;
}

size_t chase_job_places(const struct job *job) {
    size_t places = 0;
    for (unsigned r = 0; r < of(job)->region_count; r++)
        places += of(job)->regions[r].places;
    return places;
}

size_t chase_job_huge_bytes(const struct job *job) {
    return of(job)->pages.huge;
}

double chase_job_cycles(const struct job *job) {
    const struct chase *chase = of(job);
    uint64_t cycles;
    if (device_kind(chase->device) != DEVICE_CUDA || chase->calls == 0 ||
        device_sync(chase->device) != 0 ||
        device_read(chase->device, &cycles, &chase->words->calls.cycles, sizeof cycles) != 0)
        return NAN;
    return (double)cycles / (double)chase->hops;
}

const struct chase_region *chase_job_region(const struct job *job, unsigned index) {
    return index < of(job)->region_count ? &of(job)->regions[index] : NULL;
}

void chase_job_use(struct job *job, const struct chase_ops *ops) {
    struct chase *chase = job->context;
    chase->ops = ops;
}
