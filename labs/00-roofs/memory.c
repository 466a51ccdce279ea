/*
 * memory.c: 00.2 to 00.5, reading, writing and copying memory. What a claim compares is measured in
 * one contest, so that a machine that becomes slower in between cannot pass for a difference.
 */
#include "kernels/threads/threads.h"
#include "labs/00-roofs/roofs_lab.h"

#define SIZES 32
#define KIB 1024.0

/* From the first-level cache to 1 GiB; a GPU's from where a launch no longer drowns the rest. */
static size_t footprints(const struct lab_run *run, const struct device *device, size_t *sizes) {
    bool gpu = device_kind(device) == DEVICE_CUDA, quick = lab_mode(run) == LAB_QUICK;
    size_t n = 0, from = gpu ? (size_t)1 << 20 : (size_t)1 << 14;
    size_t to = quick && !gpu ? (size_t)256 << 20 : (size_t)1 << 30;
    /* A quarter of what is free: a neighbour's memory must not be pushed out. */
    while (to > from && to > device_memory_free(device) / 4)
        to /= 2;
    for (size_t bytes = from; bytes <= to; bytes *= quick ? 4 : 2)
        sizes[n++] = bytes;
    return n;
}

/* Calls `measure`, which holds the contests, for each number of threads, on memory for the largest
 * of the footprints `sizes`. */
static int for_thread_counts(struct lab_run *run, struct device *device, bool writes,
                             int (*measure)(struct lab_run *run, struct device *device,
                                            struct roofs_memory *memory, const size_t *sizes,
                                            size_t count, unsigned threads)) {
    size_t sizes[SIZES], count = footprints(run, device, sizes);
    unsigned threads[THREAD_COUNTS];
    size_t n = thread_counts(device, threads);
    struct roofs_memory *memory;
    int status = 0;
    if (roofs_memory_open(&memory, device, sizes[count - 1], writes ? sizes[count - 1] : 0) != 0)
        return lab_error(run, "%s: %s", device_id(device), device_error());
    for (size_t t = 0; t < n && status == 0; t++)
        status = measure(run, device, memory, sizes, count, threads[t]);
    roofs_memory_close(memory);
    return status;
}

/* --- 00.2: a small footprint is read faster than a large one -----------------------------------
 *
 * Every reader at the smallest and at the largest footprint. Each cache that a footprint outgrows
 * is a step down; were there no caches, the best reader would be as fast at both.
 */

static int measure_caches(struct lab_run *run, struct device *device, struct roofs_memory *memory,
                          const size_t *sizes, size_t count, unsigned threads) {
    struct contest *c = contest_open(run, device, "00/caches/threads=%u", threads);
    char name[ROOFS_TEXT + 40], text[ROOFS_TEXT], largest[40];
    if (!c)
        return contest_skipped(run);
    snprintf(largest, sizeof largest, "bytes=%zu/", sizes[count - 1]);
    for (int end = 0; end < 2; end++) {
        struct roofs_plan plans[PLANS];
        size_t bytes = sizes[end ? count - 1 : 0];
        size_t n = roofs_variants(device, ROOFS_READ, bytes, threads, plans, PLANS);
        for (size_t k = 0; k < n; k++) {
            snprintf(name, sizeof name, "bytes=%zu/%s", bytes, roofs_plan_text(&plans[k], text));
            struct entrant *e = enter_plan(run, c, memory, &plans[k], name);
            case_param_text(entrant_case(e), "footprint", end ? "largest" : "smallest");
            entrant_speed_over_best(e, largest, "over memory");
        }
    }
    /* Else a reader of the largest footprint would have a handful of samples. */
    contest_limits(c)->max_seconds = fmax(contest_limits(c)->max_seconds, 0.25);
    return contest_end(c);
}

int sweep_caches(struct lab_run *run, struct device *device) {
    return for_thread_counts(run, device, false, measure_caches);
}

/* The fastest of the next thread count in rows sorted by "threads;bytes per second"; start with
 * *first and *count 0. False at the end. */
static bool next_fastest(const struct rows *rows, size_t *first, size_t *count, size_t *fastest) {
    bool found = rows_group(rows, "threads", first, count);
    *fastest = *first + *count - 1;
    return found;
}

void check_caches(const struct rows *rows, struct finding *f) {
    struct rows small = rows_select(rows, "", "footprint=smallest");
    rows_sort(&small, "threads;bytes per second");
    for (size_t first = 0, count = 0, k; next_fastest(&small, &first, &count, &k);) {
        struct ratio r = row_ratio(&small, k, "over memory");
        const char *workers = row_text(&small, k, "workers");
        finding_count(f, answer_above(r, 1), &small, k);
        finding_say_part(
            f, THREAD_COUNTS, "%s%.1f with %.20s",
            *f->statement ? ", " : "speed of reading the smallest footprint over the largest: ",
            r.value, workers);
        finding_number(f, "1", r, "speed of reading %.0f KiB over the largest footprint, %s",
                       row_number(&small, k, "plan.bytes") / KIB, workers);
    }
    settle(f, "thread counts");
    rows_free(&small);
}

/* --- 00.3: a copy is no faster than reading and writing by themselves allow --------------------
 *
 * A check of the measurement. A copy of half a footprint to the other reads and writes half each.
 * Were both to overlap fully, it would still take as long as the slower of the two at its own
 * roof: it moves at most twice the bytes per second of either. 5 % for the noise of the fastest.
 */

static int measure_ops(struct lab_run *run, struct device *device, struct roofs_memory *memory,
                       size_t bytes, unsigned threads) {
    struct contest *c = contest_open(run, device, "00/memory/threads=%u/bytes=%zu", threads, bytes);
    char name[ROOFS_TEXT + 16], text[ROOFS_TEXT], own[16];
    if (!c)
        return contest_skipped(run);
    for (int op = ROOFS_READ; op <= ROOFS_COPY; op++) {
        struct roofs_plan plans[PLANS];
        size_t n = roofs_variants(device, (enum roofs_op)op, bytes, threads, plans, PLANS);
        snprintf(own, sizeof own, "%s/", roofs_op_name((enum roofs_op)op));
        for (size_t k = 0; k < n; k++) {
            snprintf(name, sizeof name, "%s%s", own, roofs_plan_text(&plans[k], text));
            struct entrant *e = enter_plan(run, c, memory, &plans[k], name);
            entrant_speed_over_best(e, own, "over best");
            if (op == ROOFS_COPY) {
                entrant_speed_over_best(e, "read/", "over reading");
                entrant_speed_over_best(e, "write/", "over writing");
            }
        }
    }
    return contest_end(c);
}

static int measure_footprints(struct lab_run *run, struct device *device,
                              struct roofs_memory *memory, const size_t *sizes, size_t count,
                              unsigned threads) {
    int status = 0;
    for (size_t s = 0; s < count && status == 0 && !lab_stopping(run); s++)
        status = measure_ops(run, device, memory, sizes[s], threads);
    return status;
}

int sweep_memory(struct lab_run *run, struct device *device) {
    return for_thread_counts(run, device, true, measure_footprints);
}

/* Of two ratios; none if one of them is not there. */
static struct ratio larger(struct ratio a, struct ratio b) {
    if (isnan(a.value) || isnan(b.value))
        return RATIO_NONE;
    return (struct ratio){fmax(a.value, b.value), fmax(a.low, b.low), fmax(a.high, b.high)};
}

void check_copy(const struct rows *rows, struct finding *f) {
    struct rows copies = rows_select(rows, "", "plan.op=copy;over best=1");
    double worst = 0;
    for (size_t k = 0; k < copies.count; k++) {
        struct ratio over =
            larger(row_ratio(&copies, k, "over reading"), row_ratio(&copies, k, "over writing"));
        finding_count(f, answer_below(over, 2 * 1.05), &copies, k);
        finding_number(f, "1", over, "copy over the slower of reading and writing, %.0f KiB, %s",
                       row_number(&copies, k, "plan.bytes") / KIB, row_text(&copies, k, "workers"));
        worst = fmax(worst, over.value);
    }
    finding_say(f,
                "the fastest copy moves up to %.2f times the bytes per second of the slower of "
                "reading and writing",
                worst);
    settle(f, "footprints and thread counts");
    rows_free(&copies);
}

/* --- 00.4: two ways to measure agree: whole calls, and the slope over passes --------------------
 *
 * Another check of the measurement. Whole: the time of one pass. Slope: of two passes more,
 * halved, in which what a call costs by itself has dropped out. So three passes take three times as
 * long as one.
 */

static int measure_slope(struct lab_run *run, struct device *device, struct roofs_memory *memory,
                         const size_t *sizes, size_t count, unsigned threads) {
    size_t bytes = sizes[count - 1];
    struct contest *c = contest_open(run, device, "00/slope/threads=%u/bytes=%zu", threads, bytes);
    struct roofs_plan plans[PLANS];
    if (!c)
        return contest_skipped(run);
    if (roofs_variants(device, ROOFS_READ, bytes, threads, plans, PLANS) == 0) {
        lab_error(run, "%s has no reader", device_id(device));
        return contest_drop(c);
    }
    plans[0].passes = 1;
    struct entrant *one = enter_plan(run, c, memory, &plans[0], "passes=1");
    plans[0].passes = 3;
    entrant_over(enter_plan(run, c, memory, &plans[0], "passes=3"), one, "over one pass");
    contest_limits(c)->max_seconds = fmax(contest_limits(c)->max_seconds, 0.5);
    return contest_end(c);
}

int sweep_slope(struct lab_run *run, struct device *device) {
    return for_thread_counts(run, device, false, measure_slope);
}

void check_slope(const struct rows *rows, struct finding *f) {
    struct rows three = rows_select(rows, "", "plan.passes=3");
    for (size_t k = 0; k < three.count; k++) {
        struct ratio r = row_ratio(&three, k, "over one pass");
        struct ratio slope = {(r.value - 1) / 2, (r.low - 1) / 2, (r.high - 1) / 2};
        finding_count(f, answer_both(answer_above(slope, 0.95), answer_below(slope, 1.05)), &three,
                      k);
        finding_say_part(f, THREAD_COUNTS, "%s%.2f with %.20s",
                         *f->statement ? ", "
                                       : "time of a pass by the slope over that by whole calls: ",
                         slope.value, row_text(&three, k, "workers"));
        finding_number(f, "1", slope, "time by the slope over that by whole calls, %s",
                       row_text(&three, k, "workers"));
    }
    settle(f, "thread counts");
    rows_free(&three);
}

/* --- 00.5: one stream of loads is enough to read memory at full speed --------------------------
 *
 * From the contests of 00.2, the largest footprint. A core has a limited number of cache lines
 * under way; whether one ordered stream keeps them all busy depends on the machine. It is enough if
 * no reader with more of them is more than 2 % faster.
 */

void check_streams(const struct rows *rows, struct finding *f) {
    struct rows single = rows_select(rows, "", "footprint=largest;plan.streams=1");
    rows_sort(&single, "threads;bytes per second");
    for (size_t first = 0, count = 0, k; next_fastest(&single, &first, &count, &k);) {
        struct ratio r = row_ratio(&single, k, "over memory");
        finding_count(f, answer_above(r, 0.98), &single, k);
        finding_say_part(f, THREAD_COUNTS, "%s%.2f with %.20s",
                         *f->statement ? ", " : "reading by one stream over the roof: ", r.value,
                         row_text(&single, k, "workers"));
        finding_number(f, "1", r, "fastest reader of one stream over that of all, %s",
                       row_text(&single, k, "workers"));
    }
    settle(f, "thread counts");
    rows_free(&single);
}
