/*
 * aligned.c, C5d: one sum over K, split into 16 parts, by 1, 2, 4, … ranks.
 *
 * A rank has as many neighbouring parts as the others and adds them up pairwise before it takes
 * part. Recursive doubling goes on as the parts began, so that all numbers of ranks make one tree,
 * aligned with the split; and so does Rabenseifner's algorithm, which builds the same tree from
 * pieces of the message. A ring and a line do not. What the tree costs against the fastest
 * algorithm, an idle simulated cluster shows without noise; a GPU does in virtual.c.
 */
#include <math.h>
#include <stdlib.h>

#include "labs/05-nccl-straggler/bits.h"
#include "labs/05-nccl-straggler/rounds.h"

#define N 1024 /* elements */

struct tried {
    enum ranks_engine engine;
    enum ranks_algorithm algorithm;
    unsigned most[3]; /* ranks, by the run's mode; 1: not tried */
    unsigned least;   /* 2: SimGrid's calls itself without end for a single rank */
};
static const struct tried tried[] = {
    {RANKS_SMPI, RANKS_DOUBLING, {16, 16, 16}, 1},
    {RANKS_SMPI, RANKS_RABENSEIFNER, {16, 16, 16}, 2},
    {RANKS_SMPI, RANKS_RING, {16, 16, 16}, 1},
    {RANKS_SMPI, RANKS_NONOVERLAPPING, {16, 16, 16}, 1},
    {RANKS_OPENMPI, RANKS_DOUBLING, {4, 8, 16}, 1},
    {RANKS_OPENMPI, RANKS_RING, {1, 8, 16}, 1},
    {RANKS_OPENMPI, RANKS_LINEAR, {1, 1, 16}, 1},
};
#define TRIED (sizeof tried / sizeof *tried)

static struct ranks_plan plan_of(const struct lab_run *run, const struct tried *t, unsigned ranks) {
    struct ranks_plan plan = ranks_plan_default(t->engine, ranks);
    plan.algorithm = t->algorithm;
    plan.seed = lab_seed(run);
    plan.steps = 2;
    plan.warmup = 0;
    plan.arm[0] =
        (struct ranks_arm){.bytes = N * sizeof(float), .fill = RANKS_PARTS, .keep_output = true};
    return plan;
}

/* All parts, one after another: [RANKS_PARTS_ALL × N]. */
static float *all_parts(const struct lab_run *run) {
    const struct ranks_arm part = {.fill = RANKS_RANDOM};
    float *x = malloc(RANKS_PARTS_ALL * N * sizeof *x);
    for (unsigned p = 0; x && p < RANKS_PARTS_ALL; p++)
        for (size_t i = 0; i < N; i++)
            x[p * N + i] = ranks_fill(&part, lab_seed(run), RANKS_PARTS_ALL, p, i);
    return x;
}

/* Of a power of two of ranks. The rows of a case are known to differ, or not, before any is run. */
static bool is_aligned(enum ranks_algorithm algorithm) {
    return algorithm == RANKS_DOUBLING || algorithm == RANKS_RABENSEIFNER;
}

static int record_ranks(struct lab_run *run, struct lab_case *c, const struct ranks_plan *plan,
                        const float *parts) {
    struct allreduce_orders orders = {0};
    struct ranks_log log;
    const size_t n = N;
    float sum[N];
    int status = engine_run(run, plan, &log);
    if (status == 0 && (status = orders_known(run, plan, &n, 1, &orders)) == 0) {
        unsigned agreeing = 0;
        bool same = true;
        allreduce_orders_split(&orders, RANKS_PARTS_ALL);
        allreduce_orders_sum(&orders, parts, N, sum);
        for (size_t k = 0; k < log.steps; k++) {
            agreeing += step_agrees(&log, k);
            same = same && ranks_at(&log, k, 0)->hash == ranks_at(&log, 0, 0)->hash;
        }
        uint64_t measured = ranks_hash(log.output[0], N * sizeof(float));
        case_row(c);
        case_cell_int(c, "ranks", plan->ranks);
        case_cell_int(c, "sums", (int64_t)log.steps);
        case_cell_int(c, "agreeing", agreeing);
        case_cell_int(c, "results", same ? 1 : 2);
        case_cell_bits(c, "predicted", 64, ranks_hash(sum, N * sizeof *sum));
        case_cell_bits(c, "measured", 64, measured);
        case_cell_bits(c, "first", 64, measured);
    }
    allreduce_orders_close(&orders);
    ranks_log_close(&log);
    return status;
}

static int aligned_one(struct lab_run *run, struct device *device, const struct tried *t,
                       const float *parts) {
    struct lab_case *c =
        lab_case_begin(run, device_id(device), "05/aligned/%s/%s", ranks_engine_name(t->engine),
                       ranks_algorithm_name(t->algorithm));
    if (!c)
        return 0;
    int status = 0;
    case_param_text(c, "engine", ranks_engine_name(t->engine));
    case_param_text(c, "algorithm", ranks_algorithm_name(t->algorithm));
    case_param_text(c, "setting", "");
    case_param_text(c, "found", "");
    case_param_int(c, "n", N);
    case_param_int(c, "shared", N);
    case_param_int(c, "stalled", 0);
    case_param_int(c, "changed", 0);
    case_param_int(c, "repeats", 1);
    case_param_int(c, "invariant", is_aligned(t->algorithm));
    for (unsigned ranks = t->least; ranks <= t->most[lab_mode(run)] && status == 0; ranks *= 2) {
        struct ranks_plan plan = plan_of(run, t, ranks);
        status = record_ranks(run, c, &plan, parts);
    }
    if (status == 0)
        return lab_case_end(c);
    lab_case_drop(c);
    return status > 0 ? 0 : -1;
}

/* --- the price ---------------------------------------------------------------------------------
 */

static const uint64_t price_bytes[] = {1024, 16384, 65536, 262144, 1 << 20, 4 << 20};
#define PRICES (sizeof price_bytes / sizeof *price_bytes)

/* From the last rank's entering to the last one's leaving; simulated ranks have one clock. */
static double sum_us(const struct ranks_log *log, size_t k) {
    double enters = -INFINITY, leaves = -INFINITY;
    for (unsigned r = 0; r < log->plan.ranks; r++) {
        enters = fmax(enters, ranks_at(log, k, r)->start_us);
        leaves = fmax(leaves, ranks_at(log, k, r)->end_us);
    }
    return leaves - enters;
}

/* What sums take, by algorithm; NAN where there is none. */
struct times {
    double us[RANKS_ALGORITHM_COUNT][PRICES];
};

static int price_all(struct lab_run *run, unsigned ranks, size_t count, struct times *times) {
    for (int a = 0; a < RANKS_ALGORITHM_COUNT; a++) {
        struct ranks_plan plan = ranks_plan_default(RANKS_SMPI, ranks);
        struct ranks_log log;
        plan.algorithm = (enum ranks_algorithm)a;
        plan.seed = lab_seed(run);
        plan.arms = (unsigned)count, plan.steps = 1, plan.warmup = 0;
        for (size_t s = 0; s < PRICES; s++) {
            times->us[a][s] = NAN;
            /* Of a probe, since time does not depend on what is added. */
            plan.arm[s] =
                (struct ranks_arm){.bytes = price_bytes[s], .fill = RANKS_PROBE, .probe = {0, 1}};
        }
        if (!ranks_algorithm_has(RANKS_SMPI, plan.algorithm))
            continue;
        int status = engine_run(run, &plan, &log);
        if (status != 0)
            return status;
        for (size_t k = 0; k < log.steps; k++)
            times->us[a][log.step[k].arm] = sum_us(&log, k);
        ranks_log_close(&log);
    }
    return 0;
}

static void record_price(struct lab_case *c, unsigned ranks, size_t s, const struct times *times) {
    double us[RANKS_ALGORITHM_COUNT];
    for (int a = 0; a < RANKS_ALGORITHM_COUNT; a++)
        us[a] = times->us[a][s];
    int fastest = RANKS_DOUBLING, ours = RANKS_DOUBLING;
    for (int a = 0; a < RANKS_ALGORITHM_COUNT; a++) {
        if (us[a] < us[fastest])
            fastest = a;
        if (is_aligned((enum ranks_algorithm)a) && us[a] < us[ours])
            ours = a;
    }
    double over = us[ours] / us[fastest];
    case_param_text(c, "engine", ranks_engine_name(RANKS_SMPI));
    case_param_int(c, "ranks", ranks);
    case_param_int(c, "bytes", (int64_t)price_bytes[s]);
    case_param_text(c, "algorithm", ranks_algorithm_name((enum ranks_algorithm)ours));
    case_param_text(c, "fastest", ranks_algorithm_name((enum ranks_algorithm)fastest));
    case_counter(c, "aligned us", us[ours]);
    case_counter(c, "fastest us", us[fastest]);
    case_counter_ratio(c, "over fastest", (struct ratio){over, over, over});
    case_counter(c, "doubling over fastest", us[RANKS_DOUBLING] / us[fastest]);
}

static int price_one(struct lab_run *run, struct device *device, unsigned ranks, size_t count) {
    struct times times;
    struct lab_case *cases[PRICES];
    bool any = false;
    for (size_t s = 0; s < count; s++) {
        cases[s] = lab_case_begin(run, device_id(device), "05/price/%s/N=%u/bytes=%llu",
                                  ranks_engine_name(RANKS_SMPI), ranks,
                                  (unsigned long long)price_bytes[s]);
        any = any || cases[s];
    }
    int status = any ? price_all(run, ranks, count, &times) : 0;
    for (size_t s = 0; s < count && status == 0; s++)
        if (cases[s])
            record_price(cases[s], ranks, s, &times);
    status = cases_end(cases, count, status);
    return status > 0 ? 0 : status;
}

/* --- sweep -------------------------------------------------------------------------------------
 */

static int sweep_prices(struct lab_run *run, struct device *device) {
    size_t count = lab_mode(run) == LAB_FULL ? PRICES : PRICES - 1;
    unsigned most = lab_mode(run) == LAB_QUICK ? 8 : lab_mode(run) == LAB_DEFAULT ? 16 : 64;
    for (unsigned ranks = 8; ranks <= most && !lab_stopping(run); ranks *= 2) {
        lab_expect(run, count);
        if (price_one(run, device, ranks, count) != 0)
            return -1;
    }
    return 0;
}

int sweep_aligned(struct lab_run *run, struct device *device) {
    float *parts = all_parts(run);
    int status = parts ? 0 : lab_error(run, "no memory for the parts of a sum");
    for (size_t k = 0; k < TRIED && status == 0 && !lab_stopping(run); k++) {
        int runs = engine_runs(run, device, tried[k].engine);
        if (runs < 0)
            status = -1;
        if (runs != 1 || tried[k].most[lab_mode(run)] < 2)
            continue;
        lab_expect(run, 1);
        status = aligned_one(run, device, &tried[k], parts);
    }
    free(parts);
    if (status == 0 && engine_runs(run, device, RANKS_SMPI) == 1)
        status = sweep_prices(run, device);
    return status;
}

/* --- check -------------------------------------------------------------------------------------
 *
 * Against the claim: two results of an aligned order, or no message for which it takes longer than
 * the fastest order. A control: orders that are not aligned have different results, so that the
 * numbers of ranks could have shown.
 */

#define PRICES_TOLD 24

/* Returns how many of the orders give one result. */
static unsigned judge_results(const struct rows *rows, struct finding *f, bool *others) {
    struct rows sums = rows_select(rows, "05/aligned/", NULL);
    unsigned one = 0;
    rows_sort(&sums, "engine;algorithm;setting;ranks");
    for (size_t first = 0, n = 0; rows_group(&sums, "engine;algorithm;setting", &first, &n);) {
        bool same = rows_distinct(&sums, first, n, "measured") == 1;
        for (size_t k = first; k < first + n; k++)
            if (row_bits(&sums, k, "predicted") != row_bits(&sums, k, "measured"))
                finding_predicted(f, false, &sums, k);
        if (row_number(&sums, first, "invariant") == 1)
            finding_count(f, answer_if(n > 1 && same), &sums, first);
        else
            *others = *others || !same;
        one += n > 1 && same;
    }
    rows_free(&sums);
    return one;
}

/* The largest price, and whether it is one. */
static void judge_price(const struct rows *rows, struct finding *f) {
    struct rows prices = rows_select(rows, "05/price/", NULL);
    size_t most = 0;
    for (size_t k = 0; k < prices.count; k++) {
        struct ratio over = row_ratio(&prices, k, "over fastest");
        if (k < PRICES_TOLD)
            finding_number(f, "1", over,
                           "time of %.16s over that of %.16s: %.12s, %.0f ranks, %.0f bytes",
                           row_text(&prices, k, "algorithm"), row_text(&prices, k, "fastest"),
                           row_text(&prices, k, "engine"), row_number(&prices, k, "ranks"),
                           row_number(&prices, k, "bytes"));
        if (over.value > row_number(&prices, most, "over fastest"))
            most = k;
    }
    if (prices.count != 0) {
        struct ratio over = row_ratio(&prices, most, "over fastest");
        bool none = over.high <= 1; /* it is the fastest itself, at every size */
        finding_count(f, none ? ANSWER_AGAINST : answer_above(over, 1), &prices, most);
        finding_say(f, ", at up to %.2f times the fastest algorithm's time", over.value);
        if (none)
            finding_range(f, "one result, and no price: an algorithm of that order is the fastest");
    } else {
        finding_count(f, ANSWER_OPEN, NULL, 0);
        finding_range(f, "one result: no time is measured here, so no price");
    }
    rows_free(&prices);
}

void check_aligned(const struct rows *rows, struct finding *f) {
    bool others = false;
    if (none_ran(rows, f))
        return;
    unsigned one = judge_results(rows, f, &others);
    finding_say(f, "%u of the orders give one result for all numbers of ranks", one);
    judge_price(rows, f);
    finding_control(f, answer_if(others), "orders that are not aligned have different results");
    finding_settle(f, SETTLE_ALL, "some of the orders, or without a price");
}
