/*
 * ladder.c: latency against footprint (arm A), and the controls that name a cause (arm F).
 *
 * A pointer chase in page-stride mode touches one line in every 4 KiB: its address range grows 64
 * times as fast as the lines it needs, so that address translation gives out long before the
 * caches do. Beside it, in the same rounds, run the controls, each with one thing changed:
 *
 *     page size     the same chase in 2 MiB pages
 *     packed        the same number of lines, one after another on few pages
 *     lane count    eight independent chains in place of one
 *
 * A chase over every line (stride 64) shows the caches themselves. The lanes of a warp: chains that
 * are joined, some of them in a small hot set, the others all over the footprint.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs/04-paged-kv-residency/chase_group.h"
#include "labs/04-paged-kv-residency/map_side.h"

#define PAGE_STRIDE 4096
#define LINE_STRIDE 64
#define MIB ((size_t)1 << 20)

struct curve {
    const char *name;
    enum pages_kind pages;
    size_t stride;
    bool packed;
    unsigned lanes;
    size_t most; /* the largest range it is measured at; 0: no limit */
};
/* One lap over every line of 256 MiB takes half a second; eight chains tell by 64 MiB what they
 * have to tell, and need as much memory as one. */
static const struct curve cpu_curves[] = {
    {"4k", PAGES_4K, PAGE_STRIDE, false, 1, 0},
    {"2m", PAGES_2M, PAGE_STRIDE, false, 1, 0},
    {"packed", PAGES_4K, PAGE_STRIDE, true, 1, 0},
    {"4k-x8", PAGES_4K, PAGE_STRIDE, false, 8, 64 * MIB},
    {"2m-x8", PAGES_2M, PAGE_STRIDE, false, 8, 64 * MIB},
    {"lines-4k", PAGES_4K, LINE_STRIDE, false, 1, 64 * MIB},
    {"lines-2m", PAGES_2M, LINE_STRIDE, false, 1, 64 * MIB},
};
/* The page size of a GPU is not ours to choose. */
static const struct curve cuda_curves[] = {
    {"any", PAGES_ANY, PAGE_STRIDE, false, 1, 0},
    {"packed", PAGES_ANY, PAGE_STRIDE, true, 1, 0},
    {"any-x8", PAGES_ANY, PAGE_STRIDE, false, 8, 0},
    {"any-x32", PAGES_ANY, PAGE_STRIDE, false, 32, 0},
    {"lines-any", PAGES_ANY, LINE_STRIDE, false, 1, 256 * MIB},
};

/* Hops of one call on a CPU, so that a sample can be short; a launch on a GPU must last longer. */
#define HOPS 8192

static unsigned laps(const struct chase_group *g, size_t places, unsigned lanes) {
    size_t hops = places / lanes;
    if (device_kind(g->device) != DEVICE_CPU)
        return 0;
    return hops < HOPS ? (unsigned)(HOPS / hops) : 1;
}

static struct chase_entry *enter(struct chase_group *g) {
    struct chase_entry *e = &g->entry[g->count++];
    *e = (struct chase_entry){.plan = {.order = CHASE_CYCLE, .seed = lab_seed(g->run)}};
    return e;
}

static void enter_curve(struct chase_group *g, const struct curve *curve, size_t range) {
    size_t places = range / curve->stride;
    size_t most = curve->most;
    if (curve->stride == LINE_STRIDE && lab_mode(g->run) == LAB_QUICK)
        most /= 4;
    if ((most && range > most) || places < 2 * (size_t)curve->lanes)
        return;
    struct chase_entry *e = enter(g);
    e->plan.bytes = range;
    e->plan.stride = curve->stride;
    e->plan.spread = curve->stride > LINE_STRIDE;
    e->plan.packed = curve->packed;
    e->plan.lanes = curve->lanes;
    e->plan.pages = curve->pages;
    e->plan.laps = laps(g, places, curve->lanes);
    e->cold = curve->lanes;
    snprintf(e->curve, sizeof e->curve, "%s", curve->name);
    snprintf(e->id, sizeof e->id, "04/ladder/range=%zu/curve=%s", range, curve->name);
}

/* Powers of two from 64 KiB, and, with time for it, the middles between them. */
static size_t ranges(const struct lab_run *run, struct device *device, size_t *out) {
    bool gpu = device_kind(device) == DEVICE_CUDA;
    enum lab_mode mode = lab_mode(run);
    size_t most = mode == LAB_QUICK ? 256 * MIB : mode == LAB_DEFAULT ? 1024 * MIB : 4096 * MIB;
    size_t count = 0;
    if (gpu)
        most *= 8;
    /* Up to four jobs hold the largest range at once. */
    while (most > MIB && most > device_memory_free(device) / 8)
        most /= 2;
    for (size_t range = (size_t)64 << 10; range <= most; range *= 2) {
        out[count++] = range;
        if (mode != LAB_QUICK && range >= (size_t)128 << 10 && range <= 16 * MIB)
            out[count++] = range / 2 * 3;
    }
    return count;
}

static int sweep_ranges(struct chase_group *g) {
    bool gpu = device_kind(g->device) == DEVICE_CUDA;
    const struct curve *curves = gpu ? cuda_curves : cpu_curves;
    size_t count =
        gpu ? sizeof cuda_curves / sizeof *cuda_curves : sizeof cpu_curves / sizeof *cpu_curves;
    size_t range[LADDER_MOST], range_count = ranges(g->run, g->device, range);
    lab_expect(g->run, range_count * count);
    for (size_t r = 0; r < range_count && !lab_stopping(g->run); r++) {
        for (size_t k = 0; k < count; k++)
            enter_curve(g, &curves[k], range[r]);
        if (chase_group_measure(g) != 0)
            return -1;
    }
    return 0;
}

/* --- lanes -------------------------------------------------------------------------------------
 */

/* `cold` of the lanes chase through half a million lines spread over 64 MiB, the others through
 * 16 KiB; without cold ones all share those 16 KiB. */
static void enter_lanes(struct chase_group *g, unsigned lanes, unsigned cold, bool joined) {
    enum { HOT_BYTES = 16 << 10, COLD_STRIDE = 128 };
    struct chase_entry *e = enter(g);
    e->cold = cold;
    e->plan.bytes = cold ? 64 * MIB : HOT_BYTES;
    e->plan.stride = cold ? COLD_STRIDE : LINE_STRIDE;
    e->plan.spread = cold > 0;
    e->plan.lanes = lanes;
    e->plan.joined = joined;
    e->plan.hot_lanes = cold ? lanes - cold : 0;
    e->plan.hot_bytes = cold && cold < lanes ? HOT_BYTES : 0;
    e->plan.laps = laps(g, e->plan.bytes / e->plan.stride, cold ? cold : lanes);
    e->plan.pages = device_kind(g->device) == DEVICE_CPU ? PAGES_2M : PAGES_ANY;
    snprintf(e->curve, sizeof e->curve, "%u lane%s%s", lanes, lanes == 1 ? "" : "s",
             lanes == 1 ? ""
             : joined   ? " joined"
                        : " free");
    snprintf(e->id, sizeof e->id, "04/lanes/lanes=%u/cold=%u/%s", lanes, cold,
             joined ? "joined" : "free");
}

/* The lanes of a warp are never free: free chains are measured on a CPU only. */
static const struct warp {
    unsigned lanes, cold;
    bool joined;
} warps[] = {
    {1, 0, true},  {1, 1, true},   {8, 0, true},   {8, 1, true},    {8, 2, true},
    {8, 4, true},  {8, 8, true},   {8, 8, false},  {32, 0, true},   {32, 1, true},
    {32, 4, true}, {32, 16, true}, {32, 32, true}, {32, 32, false},
};

static int sweep_lanes(struct chase_group *g) {
    for (size_t k = 0; k < sizeof warps / sizeof *warps; k++)
        if (warps[k].joined || device_kind(g->device) == DEVICE_CPU)
            enter_lanes(g, warps[k].lanes, warps[k].cold, warps[k].joined);
    lab_expect(g->run, g->count);
    return chase_group_measure(g);
}

static void remark_on_pages(struct lab_run *run, const char *device) {
    struct ladder large = {0}, packed = {0};
    if (ladder_read(run, device, "2m", &large) == 0 &&
        ladder_read(run, device, "packed", &packed) == 0 && pages_splintered(&large, &packed))
        lab_note(run, "2 MiB pages act as 4 KiB ones here, as in a virtual machine whose host puts "
                      "them together from small ones: what page size does cannot be seen in full");
}

int sweep_ladder(struct lab_run *run, struct device *device) {
    struct chase_group *g = calloc(1, sizeof *g);
    if (!g)
        return lab_error(run, "out of memory");
    g->run = run;
    g->device = device;
    int status = sweep_lanes(g);
    if (status == 0 && !lab_stopping(run))
        status = sweep_ranges(g);
    if (status == 0)
        remark_on_pages(run, device_id(device));
    free(g);
    return status;
}
