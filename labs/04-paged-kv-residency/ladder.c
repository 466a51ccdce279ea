/*
 * ladder.c: latency against footprint (arm A), the controls that name a cause (arm F), and K6, the
 * lanes of a warp.
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
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/chase/chase.h"
#include "labs/04-paged-kv-residency/timed.h"

#define PAGE_STRIDE 4096
#define LINE_STRIDE 64

/* --- one chase ---------------------------------------------------------------------------------
 */

/* Hops of one call on a CPU, so that a sample can be short; a launch on a GPU must last longer. */
#define HOPS 8192

static unsigned laps(const struct device *device, size_t places, unsigned lanes) {
    size_t hops = places / lanes;
    if (device_kind(device) != DEVICE_CPU)
        return 0;
    return hops < HOPS ? (unsigned)(HOPS / hops) : 1;
}

/* One lap of a large footprint takes longer than quick mode has for a case: fewer samples then. On
 * a CPU samples are a fifth as long as usual, shorter than what a scheduler gives to a neighbour at
 * a time: on a machine with something else to do most of them then stay undisturbed. */
static void limit(struct contest *c, const struct lab_run *run, const struct device *device) {
    struct bench_limits *limits = contest_limits(c);
    *limits = mode_limits(run);
    limits->max_seconds *= 0.4;
    if (device_kind(device) == DEVICE_CPU)
        limits->min_sample_seconds *= 0.2;
}

/* Finishes the case of a chase; context: its job. */
static int count_hops(void *context, struct lab_case *record, const struct bench_result *result) {
    const struct job *job = context;
    double hops = chase_job_hops(job), cycles = chase_job_cycles(job);
    case_counter(record, "hops", hops);
    case_counter_ratio(
        record, "seconds per hop",
        (struct ratio){result->median / hops, result->low / hops, result->high / hops});
    if (isfinite(cycles))
        case_counter(record, "cycles per hop", cycles);
    return 0;
}

/* Enters a chase. *out is NULL where the machine does not give its page size: a note says so. 0, or
 * -1 after lab_error(). */
static int enter(struct contest *c, struct lab_run *run, struct device *device,
                 const struct chase_plan *plan, const char *name, struct entrant **out) {
    struct job job;
    *out = NULL;
    if (chase_job_open(&job, device, plan) != 0) {
        if (!pages_unavailable())
            return lab_error(run, "chase %s: %s", name, device_error());
        lab_note(run, "chase %s of %zu KiB is left out: %s", name, plan->bytes >> 10,
                 device_error());
        return 0;
    }
    *out = contest_enter(c, &job, "%s", name);
    struct lab_case *record = entrant_case(*out);
    case_param_int(record, "range", (int64_t)plan->bytes);
    case_param_int(record, "places", (int64_t)chase_job_places(entrant_job(*out)));
    case_param_int(record, "huge bytes", (int64_t)chase_job_huge_bytes(entrant_job(*out)));
    entrant_finish(*out, count_hops, (void *)entrant_job(*out));
    return 0;
}

/* --- ranges ------------------------------------------------------------------------------------
 */

struct curve {
    const char *name, *control; /* what it is compared with: one thing is changed */
    int pages;
    size_t stride;
    int placing, lanes;
    size_t most; /* the largest range it is measured at; 0: no limit */
};
/* One lap over every line of 256 MiB takes half a second; eight chains tell by 64 MiB what they
 * have to tell, and need as much memory as one. */
static const struct curve cpu_curves[] = {
    {"4k", "2m", PAGES_4K, PAGE_STRIDE, CHASE_SPREAD, 1, 0},
    {"2m", "", PAGES_2M, PAGE_STRIDE, CHASE_SPREAD, 1, 0},
    {"packed", "4k", PAGES_4K, PAGE_STRIDE, CHASE_PACKED, 1, 0},
    {"4k-x8", "2m-x8", PAGES_4K, PAGE_STRIDE, CHASE_SPREAD, 8, 64 * MIB},
    {"2m-x8", "", PAGES_2M, PAGE_STRIDE, CHASE_SPREAD, 8, 64 * MIB},
    {"lines-4k", "lines-2m", PAGES_4K, LINE_STRIDE, CHASE_FIRST, 1, 64 * MIB},
    {"lines-2m", "", PAGES_2M, LINE_STRIDE, CHASE_FIRST, 1, 64 * MIB},
};
/* The page size of a GPU is not ours to choose. */
static const struct curve cuda_curves[] = {
    {"any", "", PAGES_ANY, PAGE_STRIDE, CHASE_SPREAD, 1, 0},
    {"packed", "any", PAGES_ANY, PAGE_STRIDE, CHASE_PACKED, 1, 0},
    {"any-x8", "", PAGES_ANY, PAGE_STRIDE, CHASE_SPREAD, 8, 0},
    {"any-x32", "", PAGES_ANY, PAGE_STRIDE, CHASE_SPREAD, 32, 0},
    {"lines-any", "", PAGES_ANY, LINE_STRIDE, CHASE_FIRST, 1, 256 * MIB},
};
#define CURVES (sizeof cpu_curves / sizeof *cpu_curves)

/* Leaves *out NULL where a range is too large for a curve, or too small. */
static int enter_curve(struct contest *c, struct lab_run *run, struct device *device,
                       const struct curve *curve, size_t range, struct entrant **out) {
    size_t places = range / curve->stride, most = curve->most;
    char name[40];
    *out = NULL;
    if (curve->stride == LINE_STRIDE && lab_mode(run) == LAB_QUICK)
        most /= 4;
    if ((most && range > most) || places < 2 * (size_t)curve->lanes)
        return 0;
    const struct chase_plan plan = {.bytes = range,
                                    .stride = curve->stride,
                                    .placing = curve->placing,
                                    .order = CHASE_CYCLE,
                                    .lanes = curve->lanes,
                                    .pages = curve->pages,
                                    .laps = laps(device, places, (unsigned)curve->lanes),
                                    .seed = lab_seed(run)};
    snprintf(name, sizeof name, "curve=%s", curve->name);
    if (enter(c, run, device, &plan, name, out) != 0)
        return -1;
    if (*out) {
        case_param_text(entrant_case(*out), "curve", curve->name);
        case_param_text(entrant_case(*out), "mode",
                        curve->stride == LINE_STRIDE ? "every line"
                        : curve->lanes > 1           ? "a line per page, several chains"
                                                     : "a line per page");
    }
    return 0;
}

static int sweep_range(struct lab_run *run, struct device *device, size_t range) {
    bool gpu = on_gpu(device);
    const struct curve *curves = gpu ? cuda_curves : cpu_curves;
    size_t count = gpu ? sizeof cuda_curves / sizeof *cuda_curves : CURVES;
    struct entrant *entered[CURVES] = {NULL};
    struct contest *c = contest_open(run, device, "04/ladder/range=%zu", range);
    if (!c)
        return contest_skipped(run);
    limit(c, run, device);
    for (size_t k = 0; k < count; k++)
        if (enter_curve(c, run, device, &curves[k], range, &entered[k]) != 0)
            return contest_drop(c);
    for (size_t k = 0; k < count; k++)
        for (size_t of = 0; of < count; of++)
            if (entered[k] && entered[of] && strcmp(curves[k].control, curves[of].name) == 0) {
                char text[40];
                snprintf(text, sizeof text, "%s over %s", curves[k].name, curves[of].name);
                case_param_text(entrant_case(entered[k]), "comparison", text);
                entrant_over(entered[k], entered[of], "over its control");
            }
    return contest_end(c);
}

/* Powers of two from 64 KiB, and, with time for it, the middles between them. */
static int sweep_ranges(struct lab_run *run, struct device *device) {
    enum lab_mode mode = lab_mode(run);
    size_t most = mode == LAB_QUICK ? 256 * MIB : mode == LAB_DEFAULT ? 1024 * MIB : 4096 * MIB;
    if (on_gpu(device))
        most *= 8;
    /* Up to four jobs hold the largest range at once. */
    while (most > MIB && most > device_memory_free(device) / 8)
        most /= 2;
    for (size_t range = (size_t)64 << 10; range <= most; range *= 2) {
        bool middle = mode != LAB_QUICK && range >= (size_t)128 << 10 && range <= 16 * MIB;
        if (sweep_range(run, device, range) != 0 ||
            (middle && sweep_range(run, device, range / 2 * 3) != 0))
            return -1;
    }
    return 0;
}

/* --- lanes -------------------------------------------------------------------------------------
 */

/* `cold` of the lanes chase through half a million lines spread over 64 MiB, the others through
 * 16 KiB; without cold ones all share those 16 KiB. The lanes of a warp are never free: free chains
 * are measured on a CPU only. */
static const struct warp {
    int lanes, cold;
    bool joined;
} warps[] = {
    {1, 0, true},  {1, 1, true},   {8, 0, true},   {8, 1, true},    {8, 2, true},
    {8, 4, true},  {8, 8, true},   {8, 8, false},  {32, 0, true},   {32, 1, true},
    {32, 4, true}, {32, 16, true}, {32, 32, true}, {32, 32, false},
};

static int enter_lanes(struct contest *c, struct lab_run *run, struct device *device,
                       const struct warp *w) {
    enum { HOT_BYTES = 16 << 10, COLD_STRIDE = 128 };
    bool native = device_kind(device) == DEVICE_CPU;
    struct chase_plan plan = {.bytes = w->cold ? 64 * MIB : HOT_BYTES,
                              .stride = w->cold ? COLD_STRIDE : LINE_STRIDE,
                              .placing = w->cold ? CHASE_SPREAD : CHASE_FIRST,
                              .order = CHASE_CYCLE,
                              .lanes = w->lanes,
                              .joined = w->joined,
                              .hot_lanes = w->cold ? (unsigned)(w->lanes - w->cold) : 0,
                              .hot_bytes = w->cold && w->cold < w->lanes ? HOT_BYTES : 0,
                              .pages = native ? PAGES_2M : PAGES_ANY,
                              .seed = lab_seed(run)};
    struct entrant *e;
    char name[60];
    plan.laps = laps(device, plan.bytes / plan.stride, (unsigned)(w->cold ? w->cold : w->lanes));
    snprintf(name, sizeof name, "lanes=%d/cold=%d/%s", w->lanes, w->cold,
             w->joined ? "joined" : "free");
    if (enter(c, run, device, &plan, name, &e) != 0 || !e)
        return e ? 0 : contest_skipped(run);
    snprintf(name, sizeof name, "%d lane%s%s", w->lanes, w->lanes == 1 ? "" : "s",
             w->lanes == 1 ? ""
             : w->joined   ? " joined"
                           : " free");
    case_param_text(entrant_case(e), "chains", name);
    case_param_int(entrant_case(e), "cold", w->cold);
    case_param_text(entrant_case(e), "joined by",
                    !w->joined ? "nothing"
                    : native   ? "the program"
                               : "a warp");
    return 0;
}

static int sweep_lanes(struct lab_run *run, struct device *device) {
    struct contest *c = contest_open(run, device, "04/lanes");
    if (!c)
        return contest_skipped(run);
    limit(c, run, device);
    for (size_t k = 0; k < sizeof warps / sizeof *warps; k++)
        if ((warps[k].joined || device_kind(device) == DEVICE_CPU) &&
            enter_lanes(c, run, device, &warps[k]) != 0)
            return contest_drop(c);
    return contest_end(c);
}

int sweep_ladder(struct lab_run *run, struct device *device) {
    struct rows rows;
    if (sweep_lanes(run, device) != 0 || sweep_ranges(run, device) != 0 ||
        rows_load(run, "04/ladder/", device_id(device), &rows) != 0)
        return -1;
    struct ladder large = ladder_of(&rows, "2m"), packed = ladder_of(&rows, "packed");
    if (pages_splintered(&large, &packed))
        lab_note(run, "2 MiB pages act as 4 KiB ones here, as in a virtual machine whose host puts "
                      "them together from small ones: what page size does cannot be seen in full");
    ladder_free(&large);
    ladder_free(&packed);
    rows_free(&rows);
    return 0;
}

/* --- K6 ----------------------------------------------------------------------------------------
 *
 * One cold lane among n, the others hot. If the warp waits for its slowest lane, a hop costs what a
 * cold hop costs: share 1. If lanes only paid for themselves, it would cost the mean of the lanes:
 * share 1/n, an eighth at most here. Halfway between the two stories decides.
 */
#define WAITS 0.5

/* The part of a cold hop that one cold lane costs them all; an interval that holds whatever the
 * three have to do with each other. */
static struct ratio share_of(struct ratio one, struct ratio hot, struct ratio alone) {
    return (struct ratio){(one.value - hot.value) / (alone.value - hot.value),
                          (one.low - hot.high) / (alone.high - hot.low),
                          (one.high - hot.low) / (alone.low - hot.high)};
}

static struct ratio hop(const struct rows *rows, int lanes, int cold, size_t *k) {
    char terms[60];
    snprintf(terms, sizeof terms, "plan.lanes=%d;cold=%d;plan.joined=joined", lanes, cold);
    *k = rows_find(rows, terms);
    return row_ratio(rows, *k, "seconds per hop");
}

void check_lanes(const struct rows *rows, struct finding *f) {
    static const int widths[] = {8, 32};
    size_t k, program = 0;
    struct ratio alone = hop(rows, 1, 1, &k);
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        int n = widths[w];
        struct ratio hot = hop(rows, n, 0, &k), one = hop(rows, n, 1, &k);
        if (k == rows->count || isnan(hot.value) || isnan(alone.value))
            continue;
        struct ratio share = share_of(one, hot, alone);
        finding_control(f, answer_greater(alone, hot), "a cold lane alone is slower than hot ones");
        finding_count(f, answer_above(share, WAITS), rows, k);
        program += row_is(rows, k, "joined by", "the program");
        finding_say(f, "%sone cold lane of %d costs all of them %.2f of a cold hop", w ? "; " : "",
                    n, share.value);
        finding_number(f, "1", share, "part of a cold hop that one cold lane of %d costs all", n);
        finding_number(f, "s", hot, "a hop of %d lanes, all hot", n);
        finding_number(f, "s", one, "a hop of %d lanes, one cold", n);
        finding_number(f, "s", hop(rows, n, n, &k), "a hop of %d lanes, all cold", n);
    }
    finding_number(f, "s", alone, "a hop of one cold lane alone");
    if (program > 0) { /* that a warp does as they do is not shown by chains on a CPU */
        finding_count(f, ANSWER_OPEN, NULL, 0);
        finding_range(f, "chains joined by the program, which stand for the lanes that a GPU joins "
                         "by itself; a CPU has no warps");
    }
    finding_settle(f, SETTLE_ALL, "some numbers of lanes");
}

/* --- ladders, read back ------------------------------------------------------------------------
 *
 * Time per hop does not fall as a footprint grows, but its samples do. So the points are first
 * fitted by the nearest sequence that never falls (on logarithms), and knees are looked for in the
 * fit: a step of a fifth or more, with a bracket from the last point at the old level to the first
 * at the new one.
 */
#define RISES 1.2 /* a knee: this much above the level before */
#define STILL 1.1 /* up to this much apart, points are of one level */
/* Packed lines of one large page need one translation; a line in every 4 KiB of it that takes half
 * as long again needs more than one. */
#define SPLINTERED 1.5

/* Least squares under "never falls" by pooling what violates it: Ayer, Brunk, Ewing, Reid and
 * Silverman (1955). Fits `y` in place; `mean` and `weight` have room for n pools. */
static void fit_levels(double *y, size_t n, double *mean, size_t *weight) {
    size_t pools = 0, at = 0;
    for (size_t k = 0; k < n; k++) {
        mean[pools] = log(y[k]);
        weight[pools++] = 1;
        while (pools > 1 && mean[pools - 2] > mean[pools - 1]) {
            double a = (double)weight[pools - 2], b = (double)weight[pools - 1];
            mean[pools - 2] = (a * mean[pools - 2] + b * mean[pools - 1]) / (a + b);
            weight[pools - 2] += weight[pools - 1];
            pools--;
        }
    }
    for (size_t p = 0; p < pools; p++)
        for (size_t k = 0; k < weight[p]; k++)
            y[at++] = exp(mean[p]);
}

struct ladder ladder_of(const struct rows *rows, const char *curve) {
    char terms[60];
    struct ladder l = {0};
    snprintf(terms, sizeof terms, "curve=%s", curve);
    struct rows points = rows_select(rows, "04/ladder/", terms);
    rows_sort(&points, "range");
    size_t n = points.count, *weight = malloc((n + 1) * sizeof *weight);
    double *mean = malloc((n + 1) * sizeof *mean);
    l.bytes = malloc((n + 1) * sizeof *l.bytes);
    l.level = malloc((n + 1) * sizeof *l.level);
    if (n >= 3 && weight && mean && l.bytes && l.level) {
        l.count = n;
        for (size_t k = 0; k < n; k++) {
            l.bytes[k] = row_number(&points, k, "range");
            l.level[k] = row_number(&points, k, "seconds per hop");
        }
        fit_levels(l.level, n, mean, weight);
    }
    free(weight);
    free(mean);
    rows_free(&points);
    return l;
}

void ladder_free(struct ladder *ladder) {
    free(ladder->bytes);
    free(ladder->level);
    *ladder = (struct ladder){0};
}

struct knee *ladder_knees(const struct ladder *l, size_t *count) {
    struct knee *knees = malloc((l->count + 1) * sizeof *knees);
    size_t start = 0;
    *count = 0;
    for (size_t k = 1; knees && k < l->count; k++) {
        double base = 0;
        for (size_t p = start; p < k; p++)
            base += log(l->level[p]) / (double)(k - start);
        base = exp(base);
        if (l->level[k] <= RISES * base)
            continue;
        size_t last = k - 1, next = k;
        while (last > start && l->level[last] > STILL * base)
            last--;
        while (next + 1 < l->count && l->level[next + 1] > STILL * l->level[next])
            next++;
        knees[(*count)++] = (struct knee){.from = l->bytes[last],
                                          .to = l->bytes[next],
                                          .growth = l->level[next] / l->level[last]};
        start = k = next;
    }
    return knees;
}

static double level_at(const struct ladder *l, double bytes) {
    for (size_t k = 0; k < l->count; k++)
        if (l->bytes[k] == bytes)
            return l->level[k];
    return NAN;
}

double ladder_growth(const struct ladder *l, double from, double to) {
    return level_at(l, to) / level_at(l, from);
}

bool knee_is_translation(const struct knee *knee, const struct ladder *large,
                         const struct ladder *packed) {
    double half = 0.5 * log(knee->growth);
    return log(ladder_growth(large, knee->from, knee->to)) < half &&
           log(ladder_growth(packed, knee->from, knee->to)) < half;
}

bool pages_splintered(const struct ladder *large, const struct ladder *packed) {
    bool slower = false;
    for (size_t k = 0; k < large->count && large->bytes[k] <= PAGES_HUGE / 2; k++)
        slower = large->level[k] > SPLINTERED * level_at(packed, large->bytes[k]);
    return slower;
}

/* A knee of the 4 KiB ladder, beside its controls. */
typedef void knee_visit(void *context, const struct knee *knee, const struct ladder *large,
                        const struct ladder *packed);

static void each_knee(const struct rows *rows, knee_visit *visit, void *context) {
    struct ladder small = ladder_of(rows, "4k"), large = ladder_of(rows, "2m");
    struct ladder packed = ladder_of(rows, "packed");
    size_t count = 0;
    struct knee *knees = ladder_knees(&small, &count);
    for (size_t k = 0; k < count && large.count && packed.count; k++)
        visit(context, &knees[k], &large, &packed);
    free(knees);
    ladder_free(&small);
    ladder_free(&large);
    ladder_free(&packed);
}

static void count_translation(void *context, const struct knee *knee, const struct ladder *large,
                              const struct ladder *packed) {
    *(size_t *)context += knee_is_translation(knee, large, packed);
}

size_t ladder_translation(const struct rows *rows) {
    size_t count = 0;
    each_knee(rows, count_translation, &count);
    return count;
}

/* --- tables ------------------------------------------------------------------------------------
 */

struct controls {
    const char *device;
    struct lab_table *table;
};

static void write_knee(void *context, const struct knee *knee, const struct ladder *large,
                       const struct ladder *packed) {
    const struct controls *c = context;
    lab_table_row(c->table, "%s\t%.0f\t%.0f\t%.2f\t%.2f\t%.2f\t%s", c->device, knee->from / 1024,
                  knee->to / 1024, knee->growth, ladder_growth(large, knee->from, knee->to),
                  ladder_growth(packed, knee->from, knee->to),
                  knee_is_translation(knee, large, packed)
                      ? "translation: page size alone takes it away"
                  : pages_splintered(large, packed)
                      ? "not shown: 2 MiB pages act as 4 KiB ones on this machine"
                      : "not translation alone: a control shows it too");
}

/* Every knee of the small-page ladder, beside what its controls do over the same footprints. */
int write_controls(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    struct rows sorted = rows_select(rows, "", NULL);
    rows_sort(&sorted, "device");
    for (size_t first = 0, count = 0; rows_group(&sorted, "device", &first, &count);) {
        const struct rows one = {.list = sorted.list + first, .count = count, .seed = rows->seed};
        struct controls c = {.device = row_text(&sorted, first, "device"), .table = table};
        each_knee(&one, write_knee, &c);
    }
    rows_free(&sorted);
    return 0;
}
