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

struct chase_job {
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
#ifdef NANOLAB_CUDA
    case DEVICE_CUDA:
        return &chase_ops_cuda;
#endif
    default:
        device_fail("this build has no CUDA kernels: install the CUDA toolkit (nvcc) and rebuild, "
                    "or use --device cpu");
        return NULL;
    }
}

/* --- memory ------------------------------------------------------------------------------------
 */

/* One piece of memory for all regions; a hot one follows on a page of its own. */
static int place_regions(struct chase_job *job) {
    size_t cold = chase_region_bytes(&job->regions[0]), total = cold;
    cold = (cold + PAGES_SMALL - 1) / PAGES_SMALL * PAGES_SMALL;
    if (job->region_count == 2)
        total = cold + chase_region_bytes(&job->regions[1]);
    if (device_kind(job->device) == DEVICE_CPU) {
        if (pages_alloc(&job->pages, total, job->plan.pages) != 0)
            return -1;
        job->regions[0].base = (uintptr_t)job->pages.memory;
    } else {
        if (device_alloc(job->device, &job->memory, total) != 0)
            return -1;
        job->regions[0].base = (uintptr_t)job->memory;
    }
    job->regions[1].base = job->regions[0].base + cold;
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
static int link_region(struct chase_job *job, const struct chase_region *region,
                       struct words *words) {
    size_t bytes = region->places * sizeof(uint32_t);
    enum chase_order order = region == &job->regions[0] ? job->plan.order : CHASE_CYCLE;
    uint32_t *next = malloc(bytes);
    void *copy = NULL;
    int status = -1;
    if (!next) {
        device_fail("out of memory for the order of %u places", region->places);
    } else if (chase_order_make(region, order, job->plan.seed, next) == 0 &&
               device_alloc(job->device, &copy, bytes) == 0 &&
               device_write(job->device, copy, next, bytes) == 0 &&
               job->ops->link(region, copy, device_stream(job->device)) == 0 &&
               device_sync(job->device) == 0) {
        for (uint32_t c = 0; c < region->lanes; c++)
            words->start[region->first + c] = address(region, c);
        ends_after(region, next, job->hops, words->calls.end);
        status = 0;
    }
    if (copy)
        device_free(job->device, copy);
    free(next);
    return status;
}

/* --- jobs --------------------------------------------------------------------------------------
 */

static int prepare(struct chase_job *job) {
    job->region_count = chase_plan_regions(&job->plan, job->regions);
    job->lap = job->regions[0].places / job->regions[0].lanes;
    job->hops = job->lap * chase_plan_laps(&job->plan, device_kind(job->device));
    void *memory = NULL;
    if (place_regions(job) != 0 || device_alloc(job->device, &memory, sizeof(struct words)) != 0)
        return -1;
    job->words = memory;
    struct words words = {0};
    for (unsigned r = 0; r < job->region_count; r++)
        if (link_region(job, &job->regions[r], &words) != 0)
            return -1;
    return device_write(job->device, job->words, &words, sizeof words);
}

int chase_job_open(struct chase_job **out, struct device *device, const struct chase_plan *plan) {
    *out = NULL;
    const struct chase_ops *ops = ops_for(device, plan->checked);
    if (!ops || chase_plan_check(plan) != 0)
        return -1;
    struct chase_job *job = calloc(1, sizeof *job);
    if (!job)
        return device_fail("out of memory");
    job->device = device;
    job->plan = *plan;
    job->ops = ops;
    if (prepare(job) != 0) {
        chase_job_close(job);
        return -1;
    }
    *out = job;
    return 0;
}

void chase_job_close(struct chase_job *job) {
    if (!job)
        return;
    if (job->words)
        device_free(job->device, job->words);
    if (job->memory)
        device_free(job->device, job->memory);
    pages_free(&job->pages);
    free(job);
}

static int walk(struct chase_job *job, struct trip *trip, uint64_t hops) {
    struct chase_walk walk = {.start = job->words->start,
                              .end = trip->end,
                              .right = trip->right,
                              .cycles = &trip->cycles,
                              .hops = hops,
                              .lanes = job->plan.lanes,
                              .joined = job->plan.joined};
    return job->ops->walk(&walk, device_stream(job->device));
}

int chase_job_call(void *context) {
    struct chase_job *job = context;
    job->calls++;
    return walk(job, &job->words->calls, job->hops);
}

/* --- proofs ------------------------------------------------------------------------------------
 */

/* Whether all lanes ended where they must in each of `times` walks. */
static int check_trip(struct chase_job *job, const struct trip *trip, uint64_t times) {
    uint64_t right[CHASE_LANES];
    if (device_sync(job->device) != 0 ||
        device_read(job->device, right, trip->right, sizeof right) != 0)
        return -1;
    for (unsigned lane = 0; lane < job->plan.lanes; lane++)
        if (right[lane] != times)
            return device_fail("lane %u ended in the wrong place in %llu of %llu walks", lane,
                               (unsigned long long)(times - right[lane]),
                               (unsigned long long)times);
    return 0;
}

/* Checks the links of a region as they lie in memory, and says where lanes end after `hops`. */
static int check_region(struct chase_job *job, const struct chase_region *region, uint64_t hops,
                        struct trip *trip) {
    size_t bytes = region->places * sizeof(uint32_t);
    uint32_t *next = malloc(bytes);
    void *copy = NULL;
    int status = -1;
    if (!next) {
        device_fail("out of memory for the proof of %u places", region->places);
    } else if (device_alloc(job->device, &copy, bytes) == 0 &&
               job->ops->unlink(region, copy, device_stream(job->device)) == 0 &&
               device_sync(job->device) == 0 && device_read(job->device, next, copy, bytes) == 0 &&
               chase_order_check(region, next) == 0) {
        ends_after(region, next, hops, trip->end);
        status = 0;
    }
    if (copy)
        device_free(job->device, copy);
    free(next);
    return status;
}

int chase_job_check(void *context) {
    struct chase_job *job = context;
    if (job->calls == 0)
        return device_fail("nothing to check: the chase was never called");
    if (check_trip(job, &job->words->calls, job->calls) != 0)
        return -1;
    uint64_t hops = job->lap / 2;
    struct trip proof = {0};
    for (unsigned r = 0; r < job->region_count; r++)
        if (check_region(job, &job->regions[r], hops, &proof) != 0)
            return -1;
    if (device_write(job->device, &job->words->proof, &proof, sizeof proof) != 0 ||
        walk(job, &job->words->proof, hops) != 0)
        return -1;
    return check_trip(job, &job->words->proof, 1);
}

/* --- numbers -----------------------------------------------------------------------------------
 */

double chase_job_hops(const struct chase_job *job) {
    return (double)job->hops;
}

size_t chase_job_places(const struct chase_job *job) {
    size_t places = 0;
    for (unsigned r = 0; r < job->region_count; r++)
        places += job->regions[r].places;
    return places;
}

size_t chase_job_huge_bytes(const struct chase_job *job) {
    return job->pages.huge;
}

double chase_job_cycles(const struct chase_job *job) {
    uint64_t cycles;
    if (device_kind(job->device) != DEVICE_CUDA || job->calls == 0 ||
        device_sync(job->device) != 0 ||
        device_read(job->device, &cycles, &job->words->calls.cycles, sizeof cycles) != 0)
        return NAN;
    return (double)cycles / (double)job->hops;
}

const struct chase_region *chase_job_region(const struct chase_job *job, unsigned index) {
    return index < job->region_count ? &job->regions[index] : NULL;
}

void chase_job_use(struct chase_job *job, const struct chase_ops *ops) {
    job->ops = ops;
}
