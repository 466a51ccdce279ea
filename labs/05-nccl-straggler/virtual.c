/*
 * virtual.c, C5a-d: what decides a sum's bits among ranks that are groups of thread blocks of one
 * device, and what the aligned order costs there.
 *
 * Without a GPU every sum runs under another schedule. On the SIMT machine a late rank lets so many
 * rounds pass in which all others go on; elsewhere it waits for so long by the clock, which on the
 * PTX and SASS machines counts steps. The kernels' source is the same, and so is the model. What
 * ranks hand in is what processes and simulated ranks hand in, so that equal orders have equal
 * hashes, whoever sums.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/measure/bench.h"
#include "kernels/allreduce/allreduce_job.h"
#include "kernels/ptx/ptx.h"
#include "kernels/simt/simt.h"
#include "labs/05-nccl-straggler/stragglers.h"

/* An order: a plan's words, but for ranks and what decides no bit. */
struct order_setting {
    const char *algorithm, *words;
};

static const struct order_setting orders[] = {
    {"ring", "whole"},
    {"ring", "ch2.chunk64.spread"},
    {"ring", "ch2.chunk64.cut"},
    {"ring", "ch4.chunk64.cut"},
    {"tree", "whole"},
    {"tree", "ch2.chunk64.spread"},
    {"tree", "ch2.chunk64.cut"},
    {"doubling", "whole"},
    {"doubling", "ch2.chunk64.cut"},
    {"oneshot", "serial"},
    {"oneshot", "pairwise"},
    {"twoshot", "serial.whole"},
    {"twoshot", "pairwise.ch2.chunk64.spread"},
    {"arrival", "ch2.chunk64.cut"},
};
#define ORDERS (sizeof orders / sizeof *orders)

/* Of 16 parts of a sum over K, dealt to the ranks; the last three are not aligned with it. */
static const struct order_setting aligned[] = {
    {"doubling", "split16.pairwise"}, {"oneshot", "split16.pairwise"},
    {"twoshot", "split16.pairwise"},  {"ring", "split16.pairwise"},
    {"tree", "split16.pairwise"},     {"oneshot", "split16.serial"},
};
#define ALIGNED (sizeof aligned / sizeof *aligned)

static const int counts[] = {2, 3, 4, 5, 6, 7, 8, 9}; /* ranks */
static const int powers[] = {1, 2, 4, 8, 16};

/* Elements of a message; the third is one of those that processes sum. */
static const size_t sizes[] = {96, 301, 1024, 70001};
#define SIZES_SIMULATED 3
#define ALIGNED_N 1024

static bool is_gpu(const struct device *device) {
    return device_kind(device) == DEVICE_CUDA;
}

static int plan_of(const struct device *device, const struct order_setting *s, int ranks,
                   struct allreduce_plan *plan) {
    char text[PLAN_TEXT], why[PLAN_WHY];
    snprintf(text, sizeof text, "%s.r%d.%s.%s", s->algorithm, ranks, s->words,
             is_gpu(device) ? "seg256.t256" : "seg64.t32");
    if (allreduce_plan_parse(text, plan, why) != 0)
        return device_fail("%s: %s", text, why);
    return 0;
}

/* Part after part, as ranks_input() has them. */
static float *parts_of(const struct lab_run *run, const struct allreduce_plan *plan, size_t n) {
    size_t parts = (size_t)allreduce_parts(plan);
    float *x = malloc((parts * n + 1) * sizeof *x);
    for (size_t k = 0; x && k < parts * n; k++)
        x[k] = ranks_input(lab_seed(run), (unsigned)(k / n), k % n);
    if (!x)
        device_fail("out of memory for %zu parts of %zu elements", parts, n);
    return x;
}

/* --- sums of one plan --------------------------------------------------------------------------
 */

#define SUMS_MOST 64

struct sums {
    struct device *device;
    struct job job;
    struct allreduce_plan plan;
    size_t n, shared;
    float *x, *y, *other; /* the parts; results of two ranks */
    unsigned schedules;   /* of all calls so far */
    uint64_t result[SUMS_MOST];
    unsigned results, sums, agreeing, stalled, changed;
    uint64_t predicted, measured, first;
};

/* Another schedule for every call: another order of threads, of blocks, and other draws. */
static int next_schedule(struct sums *s) {
    unsigned k = s->schedules++;
    struct simt_config config = {.interleave = (enum simt_interleave)(k % 5),
                                 .block_order = (enum simt_block_order)(k / 5 % 3),
                                 .resident = 1 + k % 8,
                                 .seed = 77 + k};
    if (device_compiled(device_kind(s->device)))
        ptx_configure(&(struct ptx_config){
            .order = (enum ptx_order)(k % 3), .resident = config.resident, .seed = config.seed});
    return device_kind(s->device) == DEVICE_SIMT ? simt_configure(&config) : 0;
}

/* One sum; *hash of rank 0's result, which stays in s->y. */
static int sum_once(struct sums *s, const struct allreduce_stall *late, uint64_t *hash) {
    size_t bytes = s->n * sizeof *s->y;
    bool agree = true;
    allreduce_job_stall(&s->job, late);
    if (next_schedule(s) != 0 || job_call(&s->job) != 0 ||
        allreduce_job_output(&s->job, 0, s->y) != 0)
        return -1;
    for (int r = 1; r < s->plan.ranks; r++) {
        if (allreduce_job_output(&s->job, r, s->other) != 0)
            return -1;
        agree = agree && memcmp(s->y, s->other, bytes) == 0;
    }
    s->agreeing += agree;
    *hash = ranks_hash(s->y, bytes);
    return 0;
}

static bool is_known(const struct sums *s, uint64_t hash) {
    for (unsigned k = 0; k < s->results; k++)
        if (s->result[k] == hash)
            return true;
    return false;
}

/* What the sum that was just made must have left, by the model: where the bits depend on who comes
 * when, by the arrivals that it recorded. */
static int predict(struct sums *s) {
    char why[PLAN_WHY];
    size_t units;
    uint8_t *arrivals = NULL;
    if (!allreduce_run_to_run(&s->plan) && s->plan.ranks > 1 &&
        !(arrivals = allreduce_job_arrivals(&s->job, &units)))
        return -1;
    int status = allreduce_model(&s->plan, s->x, s->n, arrivals, s->other, why);
    free(arrivals);
    s->predicted = ranks_hash(s->other, s->n * sizeof *s->other);
    return status == 0 ? 0 : device_fail("%s", why);
}

static int sum_in_time(struct sums *s, unsigned sums) {
    uint64_t hash;
    for (unsigned k = 0; k < sums && k < SUMS_MOST; k++) {
        if (sum_once(s, NULL, &hash) != 0)
            return -1;
        if (k == 0) {
            s->measured = hash;
            s->first = ranks_hash(s->y, s->shared * sizeof *s->y);
            if (predict(s) != 0)
                return -1;
        }
        if (!is_known(s, hash))
            s->result[s->results++] = hash;
        s->sums++;
    }
    return 0;
}

/* Each rank in turn is late, by times that differ. */
static int sum_late(struct sums *s) {
    static const uint64_t rounds[] = {1, 30, 400}, nanoseconds[] = {5000, 50000, 200000};
    for (int r = 0; r < s->plan.ranks; r++) {
        size_t k = s->schedules % 3;
        uint64_t hash;
        struct allreduce_stall late = {
            .rank = r, .time = device_kind(s->device) == DEVICE_SIMT ? rounds[k] : nanoseconds[k]};
        if (sum_once(s, &late, &hash) != 0)
            return -1;
        s->stalled++;
        s->changed += !is_known(s, hash);
    }
    return 0;
}

static void sums_close(struct sums *s) {
    job_close(&s->job);
    simt_configure(NULL);
    ptx_configure(NULL);
    free(s->x);
    free(s->y);
    free(s->other);
}

/* All sums of a row. 0, or -1 with device_error(). */
static int sums_run(struct lab_run *run, struct device *device, const struct allreduce_plan *plan,
                    size_t n, size_t shared, struct sums *s) {
    *s = (struct sums){.device = device, .plan = *plan, .n = n, .shared = shared};
    s->x = parts_of(run, plan, n);
    s->y = malloc(n * sizeof *s->y);
    s->other = malloc(n * sizeof *s->other);
    struct allreduce_setup setup = {.plan = *plan, .x = s->x, .n = n};
    int status = !s->x || !s->y || !s->other ? device_fail("out of memory for %zu elements", n)
                                             : allreduce_job_open(&s->job, device, &setup);
    if (status == 0)
        status = sum_in_time(s, lab_mode(run) == LAB_QUICK ? 2 : is_gpu(device) ? 20 : 5);
    if (status == 0)
        status = sum_late(s);
    sums_close(s);
    return status;
}

/* Whether the first elements of two messages are added up in the same order. */
static bool same_order(const struct allreduce_plan *a, size_t a_n, const struct allreduce_plan *b,
                       size_t b_n, size_t shared) {
    struct allreduce_order one, two;
    if (!allreduce_run_to_run(a) || !allreduce_run_to_run(b))
        return false;
    for (size_t i = 0; i < shared; i++)
        if (allreduce_order(a, a_n, i, NULL, &one, NULL) != 0 ||
            allreduce_order(b, b_n, i, NULL, &two, NULL) != 0 || !allreduce_order_equal(&one, &two))
            return false;
    return true;
}

static void record_row(struct lab_case *c, const struct order_setting *setting,
                       const struct sums *s, bool invariant) {
    case_row(c);
    case_cell_text(c, "engine", device_kind_name(device_kind(s->device)));
    case_cell_text(c, "algorithm", setting->algorithm);
    case_cell_text(c, "setting", setting->words);
    case_cell_int(c, "ranks", s->plan.ranks);
    case_cell_int(c, "n", (int64_t)s->n);
    case_cell_int(c, "sums", s->sums);
    case_cell_int(c, "agreeing", s->agreeing);
    case_cell_int(c, "results", s->results);
    case_cell_int(c, "stalled", s->stalled);
    case_cell_int(c, "changed", s->changed);
    case_cell_int(c, "repeats", allreduce_run_to_run(&s->plan));
    case_cell_int(c, "invariant", invariant);
    case_cell_bits(c, "predicted", 64, s->predicted);
    case_cell_bits(c, "measured", 64, s->measured);
    case_cell_int(c, "shared", (int64_t)s->shared);
    case_cell_bits(c, "first", 64, s->first);
    case_cell_text(c, "found", "");
}

/* --- cases -------------------------------------------------------------------------------------
 */

static int failed(struct lab_run *run, struct lab_case *c, const struct order_setting *s) {
    lab_case_drop(c);
    return lab_error(run, "%s.%s: %s", s->algorithm, s->words, device_error());
}

static int sweep_order(struct lab_run *run, struct device *device, const struct order_setting *s,
                       int ranks) {
    const char *engine = device_kind_name(device_kind(device));
    size_t count = is_gpu(device) ? sizeof sizes / sizeof *sizes : SIZES_SIMULATED;
    struct allreduce_plan plan;
    struct sums sums;
    struct lab_case *c = lab_case_begin(run, device_id(device), "05/bits/%s/%s/N=%d/%s", engine,
                                        s->algorithm, ranks, s->words);
    if (!c)
        return 0;
    if (plan_of(device, s, ranks, &plan) != 0)
        return failed(run, c, s);
    bool invariant = true;
    for (size_t k = 1; k < count; k++)
        invariant = invariant && same_order(&plan, sizes[0], &plan, sizes[k], sizes[0]);
    for (size_t k = 0; k < count; k++) {
        if (sums_run(run, device, &plan, sizes[k], sizes[0], &sums) != 0)
            return failed(run, c, s);
        record_row(c, s, &sums, invariant);
    }
    return lab_case_end(c);
}

static int sweep_aligned(struct lab_run *run, struct device *device,
                         const struct order_setting *s) {
    const char *engine = device_kind_name(device_kind(device));
    struct allreduce_plan plan[sizeof powers / sizeof *powers];
    size_t count = sizeof powers / sizeof *powers;
    struct sums sums;
    struct lab_case *c = lab_case_begin(run, device_id(device), "05/aligned/%s/%s/%s", engine,
                                        s->algorithm, s->words);
    if (!c)
        return 0;
    bool invariant = true;
    for (size_t k = 0; k < count; k++) {
        if (plan_of(device, s, powers[k], &plan[k]) != 0)
            return failed(run, c, s);
        invariant = invariant && same_order(&plan[0], ALIGNED_N, &plan[k], ALIGNED_N, ALIGNED_N);
    }
    for (size_t k = 0; k < count; k++) {
        if (sums_run(run, device, &plan[k], ALIGNED_N, ALIGNED_N, &sums) != 0)
            return failed(run, c, s);
        record_row(c, s, &sums, invariant);
    }
    return lab_case_end(c);
}

/* --- the price of alignment --------------------------------------------------------------------
 */

/* With 2, 4 or 8 ranks of one value each, the first three are the aligned order. */
static const char *const priced[] = {
    "doubling", "oneshot.pairwise",   "twoshot.pairwise", "ring",          "ring.ch4.chunk4096",
    "tree",     "tree.ch4.chunk4096", "oneshot.serial",   "twoshot.serial"};
#define PRICED (sizeof priced / sizeof *priced)
#define PRICED_ALIGNED 3

static size_t fastest(const struct bench_result *results, size_t count) {
    size_t best = 0;
    for (size_t k = 1; k < count; k++)
        if (results[k].median < results[best].median)
            best = k;
    return best;
}

static void record_price(struct lab_case *c, const struct bench_result *results, uint64_t seed) {
    size_t ours = fastest(results, PRICED_ALIGNED), best = fastest(results, PRICED);
    struct ratio over = {1, 1, 1};
    case_param_text(c, "algorithm", priced[ours]);
    case_param_text(c, "fastest", priced[best]);
    case_counter(c, "aligned us", 1e6 * results[ours].median);
    case_counter(c, "fastest us", 1e6 * results[best].median);
    if (ours != best &&
        bench_ratio(&results[ours], &results[best], seed, &over.value, &over.low, &over.high) != 0)
        over = RATIO_NONE;
    case_counter_ratio(c, "over fastest", over);
}

static int stopping(void *run, size_t settled, size_t cases) {
    (void)settled, (void)cases;
    return lab_stopping(run);
}

/* Measures all plans, sample by sample in turn. 0; 1: stopped; -1 with device_error(). */
static int measure(struct lab_run *run, struct device *device, struct job jobs[PRICED],
                   struct bench_result results[PRICED]) {
    struct bench_case cases[PRICED];
    struct bench_options options = {.limits = lab_mode(run) == LAB_QUICK ? bench_limits_quick()
                                                                         : bench_limits_default(),
                                    .seed = lab_seed(run),
                                    .progress = stopping,
                                    .progress_context = run};
    for (size_t k = 0; k < PRICED; k++)
        cases[k] = (struct bench_case){.id = priced[k],
                                       .call = jobs[k].call,
                                       .validate = jobs[k].prove,
                                       .context = jobs[k].context,
                                       .device = device,
                                       .bytes_per_call = jobs[k].bytes,
                                       .flops_per_call = jobs[k].flops};
    if (bench_run(cases, PRICED, &options, results) != 0)
        return device_fail("%s", bench_error());
    int status = lab_stopping(run);
    for (size_t k = 0; k < PRICED; k++)
        if (results[k].stop == BENCH_FAILED)
            status = device_fail("%s: %s", priced[k], results[k].error);
    return status;
}

static int open_priced(struct device *device, const float *x, int ranks, size_t n,
                       struct job jobs[PRICED]) {
    for (size_t k = 0; k < PRICED; k++) {
        char text[PLAN_TEXT], why[PLAN_WHY];
        struct allreduce_setup setup = {.x = x, .n = n};
        snprintf(text, sizeof text, "%s.r%d", priced[k], ranks);
        if (allreduce_plan_parse(text, &setup.plan, why) != 0)
            return device_fail("%s: %s", text, why);
        if (allreduce_job_open(&jobs[k], device, &setup) != 0)
            return -1;
    }
    return 0;
}

static int sweep_price(struct lab_run *run, struct device *device, int ranks, size_t n) {
    const char *engine = device_kind_name(device_kind(device));
    struct allreduce_plan dealt = allreduce_plan_default();
    struct job jobs[PRICED] = {0};
    struct bench_result results[PRICED] = {0};
    struct lab_case *c = lab_case_begin(run, device_id(device), "05/price/%s/N=%d/bytes=%zu",
                                        engine, ranks, n * sizeof(float));
    if (!c)
        return 0;
    dealt.ranks = ranks;
    float *x = parts_of(run, &dealt, n);
    int status = x ? open_priced(device, x, ranks, n, jobs) : -1;
    if (status == 0) {
        status = measure(run, device, jobs, results);
        if (status == 0) {
            case_param_text(c, "engine", engine);
            case_param_int(c, "ranks", ranks);
            case_param_int(c, "bytes", (int64_t)(n * sizeof(float)));
            record_price(c, results, lab_seed(run));
        }
    }
    for (size_t k = 0; k < PRICED; k++) {
        bench_result_free(&results[k]);
        job_close(&jobs[k]);
    }
    free(x);
    if (status == 0)
        return lab_case_end(c);
    lab_case_drop(c);
    return status > 0 ? 0 : lab_error(run, "price of alignment: %s", device_error());
}

int sweep_virtual(struct lab_run *run, struct device *device) {
    static const size_t prices[] = {1024, 65536, 1 << 20};
    size_t ranks = sizeof counts / sizeof *counts, price_count = 0;
    if (is_gpu(device) && lab_measures_time(run, device))
        price_count = 3 * sizeof prices / sizeof *prices;
    if (is_gpu(device) && engine_runs(run, device, RANKS_NCCL) < 0)
        return -1;
    lab_expect(run, ORDERS * ranks + ALIGNED + price_count);
    for (size_t k = 0; k < ORDERS * ranks && !lab_stopping(run); k++)
        if (sweep_order(run, device, &orders[k / ranks], counts[k % ranks]) != 0)
            return -1;
    for (size_t k = 0; k < ALIGNED && !lab_stopping(run); k++)
        if (sweep_aligned(run, device, &aligned[k]) != 0)
            return -1;
    for (size_t k = 0; k < price_count && !lab_stopping(run); k++)
        if (sweep_price(run, device, 2 << k % 3, prices[k / 3]) != 0)
            return -1;
    return 0;
}
