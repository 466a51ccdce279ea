/*
 * churn.c, K8: what an allocator's use does to the map, and what allocation wastes.
 *
 * A pool is aged by a serving workload until it has handed out its blocks so many times over; then
 * a batch of one shape, at one amount of free memory, gets its table, and the table is looked at as
 * the memory system would: runs of consecutive blocks, 2 MiB pages touched, jumps. Nothing here
 * depends on the device; it is recorded for the first one.
 */
#include <math.h>
#include <stdlib.h>

#include "harness/measure/stats.h"
#include "labs/04-paged-kv-residency/residency.h"

#define POOL_BLOCKS 8192
#define BLOCK_TOKENS 16
#define BLOCK_BYTES ((size_t)32 << 10) /* keys of 16 tokens, 8 heads, 128 channels, 2 bytes */
#define SEQUENCES 16
#define TOKENS 2048 /* a quarter of the pool; 32 pages of 2 MiB at best */
#define BINS (sizeof((struct kv_map_stats *)0)->run_lengths / sizeof(size_t))

static size_t seed_count(const struct lab_run *run) {
    return lab_mode(run) == LAB_QUICK ? 3 : lab_mode(run) == LAB_DEFAULT ? 8 : 16;
}

static struct kv_churn_options workload(const struct lab_run *run, size_t seed) {
    return kv_churn_default(POOL_BLOCKS, BLOCK_TOKENS, lab_seed(run) + seed);
}

/* --- the map after use -------------------------------------------------------------------------
 */

/* One seed's map as a row of the case; `lengths` adds up those of all seeds. */
static int map_row(struct lab_case *c, const struct aged_map *how, uint64_t lengths[BINS]) {
    struct kv_table table;
    struct kv_map_stats stats;
    if (map_aged(&table, how) != 0)
        return -1;
    int status = kv_table_stats(&table, BLOCK_BYTES, &stats);
    kv_table_close(&table);
    if (status != 0)
        return device_fail("out of memory for the statistics of a map");
    case_row(c);
    case_cell_int(c, "runs", (int64_t)stats.runs);
    case_cell_real(c, "run mean", stats.run_mean);
    case_cell_int(c, "run median", (int64_t)stats.run_median);
    case_cell_int(c, "run longest", (int64_t)stats.run_longest);
    case_cell_int(c, "map pages", (int64_t)stats.pages);
    case_cell_real(c, "pages over ideal", stats.pages_over_ideal);
    case_cell_real(c, "jump mean", stats.jump_mean);
    case_cell_real(c, "page switches", stats.page_switches);
    for (size_t b = 0; b < BINS; b++)
        lengths[b] += stats.run_lengths[b];
    return 0;
}

static int churn_one(struct lab_run *run, struct device *device, enum kv_policy policy,
                     double share, unsigned turnovers) {
    struct lab_case *c =
        lab_case_begin(run, device_id(device), "04/churn/policy=%s/share=%g/turnovers=%u",
                       kv_policy_name(policy), share, turnovers);
    uint64_t lengths[BINS] = {0};
    double edges[BINS + 1];
    if (!c)
        return 0;
    case_param_text(c, "policy", kv_policy_name(policy));
    case_param_real(c, "share", share);
    case_param_int(c, "turnovers", turnovers);
    case_param_int(c, "blocks", SEQUENCES * TOKENS / BLOCK_TOKENS);
    case_param_int(c, "pool blocks", POOL_BLOCKS);
    case_param_int(c, "block bytes", BLOCK_BYTES);
    for (size_t k = 0; k < seed_count(run); k++) {
        struct aged_map how = {.workload = workload(run, k),
                               .turnovers = turnovers,
                               .sequences = SEQUENCES,
                               .prompt = TOKENS * 3 / 4,
                               .tokens = TOKENS,
                               .free_blocks = POOL_BLOCKS / 4};
        how.workload.policy = policy;
        how.workload.trace.share = share;
        if (map_row(c, &how, lengths) != 0) {
            lab_case_drop(c);
            return lab_error(run, "%s after %u turnovers: %s", kv_policy_name(policy), turnovers,
                             device_error());
        }
    }
    for (size_t b = 0; b <= BINS; b++)
        edges[b] = (double)((uint64_t)1 << b);
    case_series_histogram(c, "run lengths", "blocks", edges, lengths, BINS);
    return lab_case_end(c);
}

/* --- waste -------------------------------------------------------------------------------------
 */

#define WASTE_STEPS 4000

/* One seed's trace as a row of the case. */
static void waste_row(struct lab_case *c, const struct kv_waste *waste) {
    case_row(c);
    case_cell_real(c, "inner mean", waste->inner_mean);
    case_cell_real(c, "inner worst", waste->inner_worst);
    case_cell_real(c, "outer mean", waste->outer_mean);
    case_cell_real(c, "outer worst", waste->outer_worst);
    case_cell_real(c, "inner per sequence", waste->inner_per_sequence);
    case_cell_real(c, "running mean", waste->running_mean);
    case_cell_real(c, "tokens mean", waste->tokens_mean);
    case_cell_int(c, "finished", (int64_t)waste->finished);
    case_cell_int(c, "refused", (int64_t)waste->refused);
    case_cell_int(c, "refused by holes", (int64_t)waste->refused_by_holes);
}

/* The paged allocator, then one contiguous allocator for each fit. */
static int waste_one(struct lab_run *run, struct device *device, size_t allocator) {
    const char *name = allocator == 0 ? "paged" : kv_fit_name((enum kv_fit)(allocator - 1));
    struct lab_case *c = lab_case_begin(run, device_id(device), "04/waste/allocator=%s", name);
    if (!c)
        return 0;
    case_param_text(c, "allocator", name);
    case_param_int(c, "block tokens", BLOCK_TOKENS);
    case_param_int(c, "slots", POOL_BLOCKS * BLOCK_TOKENS);
    case_param_int(c, "steps", WASTE_STEPS);
    for (size_t k = 0; k < seed_count(run); k++) {
        char why[KV_WHY] = "";
        struct kv_waste waste;
        const struct kv_churn_options options = workload(run, k);
        int status = allocator == 0 ? kv_waste_paged(&options, WASTE_STEPS, &waste, why)
                                    : kv_waste_contiguous(&options, (enum kv_fit)(allocator - 1),
                                                          WASTE_STEPS, &waste, why);
        if (status != 0) {
            lab_case_drop(c);
            return lab_error(run, "waste of %s: %s", name, why);
        }
        waste_row(c, &waste);
    }
    return lab_case_end(c);
}

int sweep_churn(struct lab_run *run, struct device *device) {
    static const unsigned turnovers[] = {0, 1, 3, 10, 30};
    static const double shares[] = {0, 0.5};
    size_t ages = lab_mode(run) == LAB_QUICK ? 4 : 5;
    lab_expect(run, KV_POLICY_COUNT * 2 * ages + 1 + KV_FIT_COUNT);
    for (size_t k = 0; k < KV_POLICY_COUNT * 2 * ages && !lab_stopping(run); k++)
        if (churn_one(run, device, (enum kv_policy)(k / ages / 2), shares[k / ages % 2],
                      turnovers[k % ages]) != 0)
            return -1;
    for (size_t k = 0; k <= KV_FIT_COUNT && !lab_stopping(run); k++)
        if (waste_one(run, device, k) != 0)
            return -1;
    return 0;
}

/* --- check -------------------------------------------------------------------------------------
 *
 * On one trace and in equal memory. Against the claim: blocks that leave a request waiting although
 * enough slots are free in all, or that waste a block per sequence; contiguous ranges that waste
 * nothing inside, or nothing outside.
 */

static bool is_paged(const struct rows *rows, size_t k) {
    return row_is(rows, k, "allocator", "paged");
}

/* The mean over blocks' or ranges' traces, and the largest number. */
static double mean_of(const struct rows *rows, bool paged, const char *column) {
    double sum = 0, count = 0;
    for (size_t k = 0; k < rows->count; k++)
        if (is_paged(rows, k) == paged) {
            sum += row_number(rows, k, column);
            count++;
        }
    return sum / count;
}

static double most_of(const struct rows *rows, bool paged, const char *column) {
    double most = 0;
    for (size_t k = 0; k < rows->count; k++)
        if (is_paged(rows, k) == paged)
            most = fmax(most, row_number(rows, k, column));
    return most;
}

static void tell(const struct rows *rows, struct finding *f) {
    static const struct {
        const char *column, *what;
    } means[] = {{"inner mean", "slots taken that hold no token"},
                 {"outer mean", "slots free in holes too small for the request that waits"},
                 {"tokens mean", "tokens, over all slots"}};
    for (size_t m = 0; m < sizeof means / sizeof *means; m++)
        for (int paged = 0; paged < 2; paged++)
            finding_number(f, "1", number(mean_of(rows, paged, means[m].column)), "%s: %s",
                           paged ? "blocks" : "contiguous", means[m].what);
    finding_number(f, "1", number(most_of(rows, false, "outer worst")),
                   "contiguous: free in such holes, worst step");
    finding_number(f, "tokens", number(most_of(rows, true, "inner per sequence")),
                   "blocks: slots without a token per sequence, at most");
    finding_say(
        f,
        "tokens fill %.0f %% of memory in blocks and %.0f %% in contiguous ranges, of which "
        "holes take another %.0f %%",
        100 * mean_of(rows, true, "tokens mean"), 100 * mean_of(rows, false, "tokens mean"),
        100 * mean_of(rows, false, "outer mean"));
}

void check_waste(const struct rows *rows, struct finding *f) {
    for (size_t k = 0; k < rows->count; k++) {
        double inner = row_number(rows, k, "inner mean"),
               outer = row_number(rows, k, "outer worst");
        bool paged = is_paged(rows, k);
        bool inside =
            paged ? row_number(rows, k, "inner per sequence") < row_number(rows, k, "block tokens")
                  : inner > 0;
        bool outside =
            paged ? outer == 0 && row_number(rows, k, "refused by holes") == 0 : outer > 0;
        finding_count(f, answer_if(inside), rows, k);
        finding_count(f, answer_if(outside), rows, k);
    }
    if (!isfinite(mean_of(rows, true, "tokens mean")) ||
        !isfinite(mean_of(rows, false, "tokens mean"))) {
        finding_not_testable(f, "blocks and contiguous ranges were not both tried");
        return;
    }
    tell(rows, f);
    finding_settle(f, SETTLE_ALL, "for some of the traces, or for one kind of waste");
}

/* --- tables ------------------------------------------------------------------------------------
 */

/* The median over a case's seeds: rows first … first + count - 1. */
static double middle(const struct rows *rows, size_t first, size_t count, const char *column) {
    double *x = malloc(count * sizeof *x);
    for (size_t k = 0; x && k < count; k++)
        x[k] = row_number(rows, first + k, column);
    double median = x ? stats_median(x, count) : NAN;
    free(x);
    return median;
}

int write_churn(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    for (size_t first = 0, n = 0; rows_group(rows, "id", &first, &n);)
        lab_table_row(table, "%s\t%s\t%.0f\t%.0f\t%.2f\t%.0f\t%.0f\t%.0f\t%.2f\t%.3g\t%.3f",
                      row_text(rows, first, "policy"),
                      row_number(rows, first, "share") > 0 ? "half of the prompts shared" : "none",
                      row_number(rows, first, "turnovers"), middle(rows, first, n, "runs"),
                      middle(rows, first, n, "run mean"), middle(rows, first, n, "run median"),
                      middle(rows, first, n, "run longest"), middle(rows, first, n, "map pages"),
                      middle(rows, first, n, "pages over ideal"),
                      middle(rows, first, n, "jump mean"), middle(rows, first, n, "page switches"));
    return 0;
}

/* Three pieces of each bar of the plot, one upon the other, as shares of all slots. */
int write_waste(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    static const char *const pieces[] = {"tokens", "inside", "outside"};
    size_t position = 0;
    (void)run;
    for (size_t first = 0, n = 0; rows_group(rows, "id", &first, &n); position++) {
        double tokens = middle(rows, first, n, "tokens mean"), from = 0;
        double inner = middle(rows, first, n, "inner mean"); /* over the slots taken */
        double shares[] = {tokens, tokens * inner / (1 - inner),
                           middle(rows, first, n, "outer mean")};
        for (size_t k = 0; k < 3; from += shares[k++])
            lab_table_row(
                table, "%s\t%zu\t%s\t%.2f\t%.2f\t%.2f\t%.1f\t%.1f\t%.0f\t%.0f",
                row_text(rows, first, "allocator"), position, pieces[k], 100 * shares[k],
                100 * from, 100 * (from + shares[k]), middle(rows, first, n, "inner per sequence"),
                middle(rows, first, n, "running mean"), middle(rows, first, n, "finished"),
                middle(rows, first, n, "refused by holes"));
    }
    return 0;
}
