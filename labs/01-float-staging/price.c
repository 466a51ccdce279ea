/*
 * price.c: S6. Do the cures remove what they claim to remove, and at what price?
 *
 * A fixed plan must give one result for all repetitions; binned and exact sums one result for all
 * plans; a compensated sum a smaller spread than the plain one. What they cost is timed: for each
 * size and number of threads one contest of plans, cures, libraries and readers.
 */
#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "harness/lab/contest.h"
#include "kernels/ptx/ptx.h"
#include "kernels/simt/simt.h"
#include "kernels/threads/threads.h"
#include "kernels/tree/targets.h"
#include "labs/01-float-staging/staging.h"

/* --- repetitions -------------------------------------------------------------------------------
 */

#define REPEATS 50
#define REPEAT_N 16411

static const char *const repeated_kernels[] = {
    "f32.plain.strided.v4.i4.b128.tiles.shfl-down.warp.block",
    "f32.plain.strided.v1.i4.b64.g8.shfl-xor.tree.last",
    "f32.compensated.strided.v1.i4.b128.tiles.shfl-down.warp.kernel",
    "f32.binned.strided.v4.i4.b128.tiles.shfl-down.warp.last",
};
static const char *const repeated_native[] = {
    "f32.plain.l16.u4.s2.e1k.t2",
    "f32.compensated.l16.u2.s1.whole.t2",
    "f32.binned.l16.u1.s4.e1k.t2",
};

/* Where kernels are simulated every repetition runs under another random schedule of blocks and
 * warps, on real hardware under whatever schedule it is given. */
static int schedule(struct device *device, uint64_t seed, unsigned k) {
    const struct simt_config config = {.resident = 1 + k % 16,
                                       .block_order = SIMT_BLOCKS_RANDOM,
                                       .interleave = SIMT_RANDOM,
                                       .seed = seed + k};
    const struct ptx_config ptx = {.resident = 1 + k % 16, .order = PTX_RANDOM, .seed = seed + k};
    if (device_compiled(device_kind(device)))
        ptx_configure(&ptx);
    return device_kind(device) == DEVICE_SIMT ? simt_configure(&config) : 0;
}

static int repeat(struct lab_run *run, struct device *device, const struct input *in,
                  const char *words) {
    struct sum_variant v;
    char plan[SUM_TEXT], why[SUM_WHY];
    if (sum_variant_parse(words, device_kind(device), &v, why) != 0)
        return lab_error(run, "plan of the repeated sums: %s", why);
    sum_variant_text(&v, plan);
    struct lab_case *c = lab_case_begin(run, device_id(device), "01/repeat/plan=%s", plan);
    if (!c)
        return 0;
    uint64_t bits[REPEATS];
    struct job_bits one = {0};
    int status = 0;
    for (unsigned k = 0; k < REPEATS && status == 0; k++) {
        status = schedule(device, lab_seed(run), k);
        if (status == 0)
            status = sum_once(in->memory, &v, &one);
        bits[k] = one.bits;
    }
    simt_configure(NULL);
    ptx_configure(NULL);
    if (status != 0) {
        lab_case_drop(c);
        return lab_error(run, "plan %s, repeated: %s", plan, device_error());
    }
    case_param_int(c, "n", REPEAT_N);
    case_variant(c, &v);
    case_series_bits(c, "measured", one.width, bits, REPEATS);
    return lab_case_end(c);
}

static int sweep_repeats(struct lab_run *run, struct device *device) {
    bool native = device_kind(device) == DEVICE_CPU;
    const char *const *plans = native ? repeated_native : repeated_kernels;
    size_t count = native ? sizeof repeated_native / sizeof *repeated_native
                          : sizeof repeated_kernels / sizeof *repeated_kernels;
    struct input in;
    int status = 0;
    lab_expect(run, count);
    if (input_open(&in, device, INPUT_CANCELLING, ELEMENT_F32, REPEAT_N, lab_seed(run)) != 0)
        return lab_error(run, "%s", device_error());
    for (size_t k = 0; k < count && status == 0 && !lab_stopping(run); k++)
        status = repeat(run, device, &in, plans[k]);
    input_close(&in);
    return status;
}

/* --- times -------------------------------------------------------------------------------------
 */

#define TIMED_MAX 64

/* One size on one device, and who sums it. */
struct timing {
    struct lab_run *run;
    struct device *device;
    struct contest *contest;
    unsigned threads; /* 0 on a GPU */
    struct input in;
    struct entrant *all[TIMED_MAX], *plain[TIMED_MAX];
    struct sum_variant variants[TIMED_MAX]; /* of all[] but the libraries, which come last */
    size_t count, plain_count;
};

/* Takes the job over. */
static int enter(struct timing *t, struct job *job, const char *name, const char *role) {
    size_t n = t->in.facts.n;
    if (t->count == TIMED_MAX) {
        job_close(job);
        return lab_error(t->run, "more than %d sums to be timed; raise TIMED_MAX", TIMED_MAX);
    }
    struct entrant *e = contest_enter(t->contest, job, "%s", name);
    struct lab_case *c = entrant_case(e);
    char workers[32] = "GPU";
    if (t->threads)
        snprintf(workers, sizeof workers, "%u thread%s", t->threads, t->threads == 1 ? "" : "s");
    case_param_int(c, "bytes", (int64_t)(n * sizeof(float)));
    case_param_int(c, "n", (int64_t)n);
    case_param_int(c, "threads", t->threads);
    case_param_text(c, "workers", workers);
    case_param_text(c, "name", name);
    case_param_text(c, "role", role);
    entrant_roof(e);
    t->all[t->count++] = e;
    if (strcmp(role, "plain") == 0)
        t->plain[t->plain_count++] = e;
    return 0;
}

static int enter_variant(struct timing *t, const struct sum_variant *v) {
    struct job job;
    char plan[SUM_TEXT];
    for (size_t k = 0; k < t->count; k++)
        if (sum_variant_equal(&t->variants[k], v))
            return 0;
    sum_variant_text(v, plan);
    if (sum_job_open(&job, t->in.memory, v) != 0)
        return lab_error(t->run, "plan %s: %s", plan, device_error());
    if (t->count < TIMED_MAX)
        t->variants[t->count] = *v;
    return enter(t, &job, plan, sum_word(SUM_FIELD_method, sum_variant_class(v).method));
}

/* `threads` is how many there are to use: a short sum's default plan stays on one. */
static int enter_default(struct timing *t, enum sum_method method, struct sum_variant *v) {
    v->native = true;
    v->cpu = sum_cpu_plan_default(ELEMENT_F32, method, t->in.facts.n, (int)t->threads);
    if (enter_variant(t, v) != 0)
        return -1;
    v->cpu.threads = (int)t->threads;
    return enter_variant(t, v);
}

/* Beside the default, what was the fastest somewhere else: a Zen 4 reads memory best in one stream
 * that its hardware prefetches, an Emerald Rapids in four streams that the program prefetches. */
static int enter_binned(struct timing *t) {
    static const struct {
        int unroll, streams, span, prefetch;
    } tried[] = {{1, 4, 1024, 16384}, {2, 1, SUM_CPU_WHOLE, 0}};
    struct sum_variant v = {0};
    if (enter_default(t, SUM_BINNED, &v) != 0)
        return -1;
    for (size_t k = 0; k < sizeof tried / sizeof *tried; k++) {
        v.cpu.unroll = tried[k].unroll;
        v.cpu.streams = tried[k].streams;
        v.cpu.span = tried[k].span;
        v.cpu.prefetch = tried[k].prefetch;
        if (enter_variant(t, &v) != 0)
            return -1;
    }
    return 0;
}

static int enter_native(struct timing *t) {
    /* The fields that decide the time, one changed at a time. */
    static const enum sum_cpu_field_id timed[] = {SUM_CPU_FIELD_lanes, SUM_CPU_FIELD_unroll,
                                                  SUM_CPU_FIELD_streams, SUM_CPU_FIELD_span,
                                                  SUM_CPU_FIELD_prefetch};
    struct sum_variant base = {0}, cure = {0};
    if (enter_default(t, SUM_PLAIN, &base) != 0)
        return -1;
    for (size_t f = 0; f < sizeof timed / sizeof *timed; f++) {
        const struct sum_field *field = &sum_cpu_fields[timed[f]];
        for (size_t k = 0; k < field->count; k++) {
            struct sum_variant v = base;
            /* Quick: the two ends of each field are enough to see what it does. */
            if (lab_mode(t->run) == LAB_QUICK && k != 0 && k + 1 != field->count)
                continue;
            sum_variant_set(&v, timed[f], field->values[k].value);
            if (sum_variant_check(&v, 0, NULL) == 0 && enter_variant(t, &v) != 0)
                return -1;
        }
    }
    return enter_default(t, SUM_COMPENSATED, &cure) != 0 ? -1 : enter_binned(t);
}

static int enter_kernels(struct timing *t) {
    static const char *const plans[] = {
        "f32.plain.strided.v4.i16.b256.g1056.shfl-down.warp.last",
        "f32.plain.strided.v4.i16.b512.g528.shfl-down.warp.last",
        "f32.plain.strided.v4.i8.b256.g1056.shfl-down.warp.last",
        "f32.plain.strided.v4.i16.b256.tiles.shfl-down.warp.block",
        "f32.plain.strided.v4.i16.b512.tiles.shfl-xor.warp.last",
        "f32.plain.strided.v4.i4.b256.tiles.shfl-down.warp.block",
        "f32.plain.strided.v1.i4.b256.tiles.shfl-down.warp.kernel",
        "f32.plain.blocked.v4.i16.b256.g1056.shfl-down.warp.last",
        "f32.plain.strided.v1.i1.b128.tiles.shared-seq.serial.kernel",
        "f32.compensated.strided.v4.i16.b256.g1056.shfl-down.warp.last",
        "f32.compensated.strided.v4.i8.b256.tiles.shfl-down.warp.last",
        "f32.binned.strided.v4.i16.b256.g1056.shfl-down.warp.last",
        "f32.binned.strided.v4.i16.b512.g528.shfl-down.warp.last",
        "f32.binned.strided.v4.i8.b256.g1056.shfl-down.warp.last",
        "f32.exact.strided.v4.i8.b256.g528.shfl-down.warp.last",
    };
    for (size_t k = 0; k < sizeof plans / sizeof *plans; k++) {
        struct sum_variant v;
        char why[SUM_WHY];
        if (sum_variant_parse(plans[k], device_kind(t->device), &v, why) != 0)
            return lab_error(t->run, "plan %s: %s", plans[k], why);
        if (enter_variant(t, &v) != 0)
            return -1;
    }
    return 0;
}

/* cblas_ssum is left out: it is an extension that returns wrong sums on some CPUs (`nanolab
 * reveal`), while cblas_sasum is right, and the same work for data that are not negative. */
static int enter_libraries(struct timing *t) {
    static const char *const names[] = {"openblas-sasum", "onednn-sum", "cub"};
    unsigned threads = t->threads ? t->threads : 1;
    openblas_set_num_threads((int)threads);
    omp_set_num_threads((int)threads); /* oneDNN's threads are OpenMP's */
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const struct tree_target *library = tree_target_named(names[k]);
        struct job job;
        if (!library || library->kind != device_kind(t->device))
            continue;
        if (tree_target_job(&job, library, t->in.memory, &t->in.facts) != 0)
            return lab_error(t->run, "%s: %s", names[k], device_error());
        if (enter(t, &job, names[k], "library") != 0)
            return -1;
    }
    return 0;
}

static int enter_all(struct timing *t, struct roofs_memory *memory) {
    size_t bytes = t->in.facts.n * sizeof(float);
    contest_threads(t->contest, t->threads);
    if ((t->threads ? enter_native(t) : enter_kernels(t)) != 0 || enter_libraries(t) != 0 ||
        contest_readers(t->contest, memory, bytes) != 0)
        return -1;
    for (size_t k = 0; k < t->count; k++)
        entrant_over_fastest(t->all[k], t->plain, t->plain_count, "over plain");
    return 0;
}

static int time_size(struct lab_run *run, struct device *device, size_t bytes, unsigned threads) {
    struct timing t = {.run = run, .device = device, .threads = threads};
    struct roofs_memory *memory = NULL;
    t.contest = contest_open(run, device, "01/time/bytes=%zu/threads=%u", bytes, threads);
    if (!t.contest)
        return contest_skipped(run);
    int status = 0;
    if (input_open(&t.in, device, INPUT_UNIFORM, ELEMENT_F32, bytes / sizeof(float),
                   lab_seed(run)) != 0 ||
        roofs_memory_open(&memory, device, bytes, 0) != 0)
        status = lab_error(run, "%s", device_error());
    if (status == 0)
        status = enter_all(&t, memory);
    status = status == 0 ? contest_end(t.contest) : contest_drop(t.contest);
    if (memory)
        roofs_memory_close(memory);
    input_close(&t.in);
    return status;
}

static int sweep_times(struct lab_run *run, struct device *device) {
    static const size_t cpu_bytes[] = {32u << 10, 1u << 20, 256u << 20};
    static const size_t cuda_bytes[] = {1u << 20, 64u << 20, 1u << 30};
    bool cpu = device_kind(device) == DEVICE_CPU;
    unsigned most = !cpu ? 0 : pool_cpus() < 2 ? 1 : 2;
    int status = 0;
    for (size_t s = 0; s < 3; s++)
        for (unsigned threads = cpu ? 1 : 0; threads <= most && status == 0; threads++)
            status = time_size(run, device, (cpu ? cpu_bytes : cuda_bytes)[s], threads);
    return status;
}

int sweep_cures(struct lab_run *run, struct device *device) {
    if (lab_checks_bits(run, device) && sweep_repeats(run, device) != 0)
        return -1;
    return lab_measures_time(run, device) ? sweep_times(run, device) : 0;
}

/* --- reading times back ------------------------------------------------------------------------
 */

#define CONTEST "device;threads;bytes"
static const char *const cures[] = {"compensated", "binned", "exact"};
#define CURES (sizeof cures / sizeof *cures)

static struct rows times_of(const struct rows *rows) {
    struct rows times = rows_select(rows, "01/time/", NULL);
    rows_sort(&times, CONTEST);
    return times;
}

/* The fastest of a role in one contest; rows->count if none was measured. */
static size_t fastest(const struct rows *rows, size_t first, size_t count, const char *role) {
    size_t best = rows->count;
    for (size_t k = first; k < first + count; k++)
        if (row_is(rows, k, "role", role) && row_number(rows, k, "@median") > 0 &&
            (best == rows->count ||
             row_number(rows, k, "@median") < row_number(rows, best, "@median")))
            best = k;
    return best;
}

/* --- the check ---------------------------------------------------------------------------------
 */

struct tally {
    struct finding *f;
    size_t held, checked;
};

static void tally(struct tally *t, bool held, const struct rows *rows, size_t k) {
    finding_count(t->f, answer_if(held), rows, k);
    t->held += held;
    t->checked++;
}

/* No order is left to matter: one result for all plans. */
static void check_order_free(struct tally *t, const struct rows *rows, const char *method) {
    struct rows sums = sums_grouped(rows, method);
    struct group g = {0};
    while (group_next(&sums, &g))
        if (g.count > 1)
            tally(t, g.distinct == 1, &sums, g.first);
    rows_free(&sums);
}

static void check_repeats(struct tally *t, const struct rows *rows) {
    struct rows repeats = rows_select(rows, "01/repeat/", NULL);
    for (size_t k = 0; k < repeats.count; k++)
        tally(t, row_series_distinct(&repeats, k, "measured") == 1, &repeats, k);
    rows_free(&repeats);
}

/* Each compensated group against the plain one of the same size and data. Spreads, not counts of
 * results: there are more plain plans than compensated ones. */
static void check_compensated(struct tally *t, const struct rows *rows) {
    struct rows sums = sums_grouped(rows, NULL);
    struct group *plain = malloc((sums.count + 1) * sizeof *plain), g = {0};
    size_t count = 0;
    while (plain && group_next(&sums, &g))
        if (row_is(&sums, g.first, "method", "plain") && group_has_choice(&sums, &g))
            plain[count++] = g;
    for (g = (struct group){0}; plain && group_next(&sums, &g);)
        for (size_t k = 0; k < count && row_is(&sums, g.first, "method", "compensated"); k++)
            if (g.count > 1 &&
                rows_equal(&sums, g.first, plain[k].first, "device;type;acc;terms;input;n") &&
                (g.spread.value > 0 || plain[k].spread.value > 0)) /* else nothing to shrink */
                tally(t, g.spread.value < plain[k].spread.value, &sums, g.first);
    free(plain);
    rows_free(&sums);
}

/* How many prices there are. */
static size_t tell_prices(struct finding *f, const struct rows *rows) {
    struct rows times = times_of(rows);
    size_t first = 0, count = 0, prices = 0;
    while (rows_group(&times, CONTEST, &first, &count))
        for (size_t c = 0; c < CURES; c++) {
            size_t k = fastest(&times, first, count, cures[c]);
            struct ratio price = row_ratio(&times, k, "over plain");
            if (!(price.value > 0))
                continue;
            prices++;
            finding_evidence(f, &times, k);
            finding_number(f, "1", price, "time of a %s sum over the best plain plan, %.0f KiB, %s",
                           cures[c], row_number(&times, k, "bytes") / 1024,
                           row_text(&times, k, "workers"));
        }
    rows_free(&times);
    return prices;
}

void check_cures(const struct rows *rows, struct finding *f) {
    struct tally order_free = {.f = f}, repeats = {.f = f}, compensated = {.f = f};
    check_order_free(&order_free, rows, "method=binned");
    check_order_free(&order_free, rows, "method=exact");
    check_repeats(&repeats, rows);
    check_compensated(&compensated, rows);
    size_t bits = order_free.checked + repeats.checked + compensated.checked;
    size_t prices = tell_prices(f, rows);
    if (bits == 0)
        finding_not_testable(f, "prices alone: no bits were checked on this device");
    /* Half of the claim was not asked. */
    if (prices == 0) {
        finding_count(f, ANSWER_OPEN, NULL, 0);
        finding_range(f, "bits alone: no price was measured on this device");
    }
    finding_say(f,
                "one result in %zu of %zu binned or exact groups and %zu of %zu series of "
                "repetitions; compensated: smaller spread in %zu of %zu",
                order_free.held, order_free.checked, repeats.held, repeats.checked,
                compensated.held, compensated.checked);
    finding_settle(f, SETTLE_ALL, "not for every cure, size and data set");
}

/* --- tables ------------------------------------------------------------------------------------
 */

static void price_row(struct lab_table *table, const struct rows *rows, const char *kind,
                      const char *what, size_t of, size_t over, struct ratio r) {
    lab_table_row(table, "%s\t%s\t%s\t%.0f\t%s\t%.4g\t%.4g\t%.4g\t%s\t%s",
                  row_text(rows, of, "device"), kind, row_text(rows, of, "workers"),
                  row_number(rows, of, "bytes"), what, r.value, r.low, r.high,
                  row_text(rows, of, "name"), row_text(rows, over, "name"));
}

/* Cures over the best plain plan, and that over each library. */
int write_price(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    struct rows times = times_of(rows);
    size_t first = 0, count = 0;
    (void)run;
    while (rows_group(&times, CONTEST, &first, &count)) {
        size_t plain = fastest(&times, first, count, "plain");
        for (size_t c = 0; c < CURES; c++) {
            size_t k = fastest(&times, first, count, cures[c]);
            if (k < times.count)
                price_row(table, &times, "cure", cures[c], k, plain,
                          row_ratio(&times, k, "over plain"));
        }
        for (size_t k = first; k < first + count; k++)
            if (row_is(&times, k, "role", "library"))
                price_row(table, &times, "library", row_text(&times, k, "name"), plain, k,
                          ratio_inverse(row_ratio(&times, k, "over plain")));
    }
    rows_free(&times);
    return 0;
}
