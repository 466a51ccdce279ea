/*
 * replicas.c, K5: one shape, one amount of free memory, many maps.
 *
 * Every replica is a pool that another seed, another policy or more use has aged; its batch then
 * has the same shape, the same lengths and the same number of free blocks as all others. They share
 * one memory, so that nothing but the block table differs, and their steps take turns in one
 * contest for each page size. Controls: twins (a replica's own table once more: what they differ by
 * is noise), made maps (identity, permuted, spread), and the page size, 4 KiB against 2 MiB.
 *
 * One KV head, as one of eight GPUs that share a model's eight KV heads holds: a block of 16 tokens
 * is then 4 KiB of keys, the smallest piece that a real map scatters.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/stats.h"
#include "kernels/rng/philox.h"
#include "labs/04-paged-kv-residency/replicas.h"

#define PLAN "attention.table.nhd.bf16.b16.d128.g1.fixed.s1"
#define KV_HEADS 1
#define SEQUENCES 16
#define TWINS 4 /* one replica of each policy is measured twice */

/* --- the maps ----------------------------------------------------------------------------------
 */

enum replica_kind { CHURNED, TWIN, MADE };
static const char *const kind_names[] = {"churned", "twin", "made"};
static const enum kv_map made_maps[] = {KV_MAP_IDENTITY, KV_MAP_PERMUTED, KV_MAP_SPREAD};
#define MADE_MAPS (sizeof made_maps / sizeof *made_maps)

struct replica {
    enum replica_kind kind;
    const char *policy; /* or the made map's name */
    unsigned seed;
    unsigned turnovers;    /* of the pool, before the batch came */
    struct kv_table table; /* a twin's is its replica's: not closed */
    struct kv_map_stats stats;
};

struct replicas {
    struct lab_run *run;
    struct device *device;
    struct paged_plan plan;
    unsigned pool_blocks, tokens;
    size_t block_bytes;
    size_t count;
    struct replica *list;
};

static int open_churned(struct replicas *r, struct replica *e, enum kv_policy policy) {
    struct aged_map how = {
        .workload = kv_churn_default(r->pool_blocks, (unsigned)r->plan.block,
                                     lab_seed(r->run) + 1000 * (unsigned)policy + e->seed),
        .turnovers = e->turnovers,
        .sequences = SEQUENCES,
        .prompt = r->tokens * 3 / 4,
        .tokens = r->tokens,
        .free_blocks = r->pool_blocks / 4};
    how.workload.policy = policy;
    return map_aged(&e->table, &how);
}

static int open_replicas(struct replicas *r, unsigned seeds) {
    static const unsigned turnovers[] = {1, 3, 0}; /* busy; aged; just started */
    size_t churned = seeds * KV_POLICY_COUNT, all = churned + TWINS + MADE_MAPS;
    int status = 0;
    r->list = calloc(all, sizeof *r->list);
    if (!r->list)
        return lab_error(r->run, "out of memory");
    for (; r->count < all && status == 0; r->count++) {
        struct replica *e = &r->list[r->count];
        size_t k = r->count;
        if (k < churned) {
            enum kv_policy policy = (enum kv_policy)(k % KV_POLICY_COUNT);
            e->policy = kv_policy_name(policy);
            e->seed = (unsigned)(k / KV_POLICY_COUNT);
            e->turnovers = turnovers[e->seed % 3];
            status = open_churned(r, e, policy);
        } else if (k < churned + TWINS) {
            *e = r->list[k - churned];
            e->kind = TWIN;
        } else {
            enum kv_map map = made_maps[k - churned - TWINS];
            e->kind = MADE;
            e->policy = kv_map_name(map);
            status = map_equal(&e->table, &r->plan, KV_HEADS, SEQUENCES, r->tokens, r->pool_blocks,
                               map, lab_seed(r->run));
        }
        if (status == 0 && kv_table_stats(&e->table, r->block_bytes, &e->stats) != 0)
            status = device_fail("out of memory for the statistics of a map");
    }
    return status ? lab_error(r->run, "replica %zu: %s", r->count, device_error()) : 0;
}

static void close_replicas(struct replicas *r) {
    for (size_t k = 0; k < r->count; k++)
        if (r->list[k].kind != TWIN)
            kv_table_close(&r->list[k].table);
    free(r->list);
}

/* --- measuring ---------------------------------------------------------------------------------
 */

/* As many samples of each, all from the same rounds: the check compares round by round. */
static struct bench_limits equal_rounds(const struct lab_run *run) {
    struct bench_limits limits = mode_limits(run);
    limits.settle_spread = 0;
    limits.min_samples = limits.max_samples = lab_mode(run) == LAB_QUICK ? 11 : 31;
    limits.max_seconds = 60;
    return limits;
}

static struct entrant *enter(const struct replicas *r, struct contest *c,
                             struct paged_memory *memory, const struct replica *e) {
    struct paged_step step;
    struct job job;
    if (step_of(r->run, r->device, &r->plan, KV_HEADS, &e->table, &step) != 0)
        return NULL;
    if (paged_job_open(&job, memory, &step) != 0) {
        lab_error(r->run, "replica %s %u: %s", e->policy, e->seed, device_error());
        return NULL;
    }
    struct entrant *entrant =
        contest_enter(c, &job, "%s/map=%s/seed=%u", kind_names[e->kind], e->policy, e->seed);
    struct lab_case *record = entrant_case(entrant);
    case_param_text(record, "kind", kind_names[e->kind]);
    case_param_text(record, "policy", e->policy);
    case_param_text(record, "pages", pages_name(memory->kind));
    case_param_int(record, "seed", e->seed);
    case_param_int(record, "sequences", SEQUENCES);
    case_param_int(record, "tokens", r->tokens);
    case_param_int(record, "pool bytes", (int64_t)(2 * r->pool_blocks * r->block_bytes));
    case_param_int(record, "free blocks", r->pool_blocks / 4);
    case_param_int(record, "turnovers", e->turnovers);
    case_param_text(record, "prefetch", paged_prefetch_name(step.prefetch));
    case_counter(record, "map pages", (double)e->stats.pages);
    case_counter(record, "map runs", (double)e->stats.runs);
    case_counter(record, "map run mean", e->stats.run_mean);
    case_counter(record, "map switches", e->stats.page_switches);
    return entrant;
}

static int measure(const struct replicas *r, struct contest *c, struct paged_memory *memory) {
    struct entrant **entrants = calloc(r->count, sizeof *entrants);
    size_t twins = r->count;
    int status = entrants ? 0 : lab_error(r->run, "out of memory");
    for (size_t k = 0; k < r->count && status == 0; k++) {
        entrants[k] = enter(r, c, memory, &r->list[k]);
        status = entrants[k] ? 0 : -1;
        if (k < twins && r->list[k].kind == TWIN)
            twins = k;
        if (status == 0 && r->list[k].kind == TWIN)
            entrant_over(entrants[k], entrants[k - twins], "over itself");
    }
    free(entrants);
    if (status != 0)
        return contest_drop(c);
    *contest_limits(c) = equal_rounds(r->run);
    return contest_end(c);
}

/* One page size. Maps are made when the first contest wants them. */
static int sweep_pages(struct replicas *r, enum pages_kind kind, unsigned seeds) {
    struct paged_memory memory;
    struct contest *c = contest_open(r->run, r->device, "04/replica/pages=%s", pages_name(kind));
    if (!c)
        return contest_skipped(r->run);
    if (!r->list && open_replicas(r, seeds) != 0)
        return contest_drop(c);
    if (paged_memory_open(&memory, r->device, (enum element)r->plan.element,
                          r->pool_blocks * r->block_bytes, kind, lab_seed(r->run)) != 0) {
        contest_drop(c);
        if (!pages_unavailable())
            return lab_error(r->run, "the replicas' memory: %s", device_error());
        lab_note(r->run, "replicas with pages of %s are left out: %s", pages_name(kind),
                 device_error());
        return 0;
    }
    int status = measure(r, c, &memory);
    paged_memory_close(&memory);
    return status;
}

int sweep_replicas(struct lab_run *run, struct device *device) {
    char why[PLAN_WHY];
    bool quick = lab_mode(run) == LAB_QUICK, native = device_kind(device) == DEVICE_CPU;
    unsigned seeds = quick ? 3 : 10;
    struct replicas r = {.run = run, .device = device};
    if (paged_plan_parse(PLAN, &r.plan, why) != 0)
        return lab_error(run, "plan %s: %s", PLAN, why);
    r.block_bytes = (size_t)r.plan.block * (size_t)r.plan.head * KV_HEADS * 2;
    r.pool_blocks = (unsigned)((!native ? 4096 : quick ? 128 : 512) * MIB / r.block_bytes);
    while (r.pool_blocks > 1024 && 8 * r.pool_blocks * r.block_bytes > device_memory_free(device))
        r.pool_blocks /= 2;
    /* The batch takes a quarter of the pool, and another quarter stays free. */
    r.tokens = r.pool_blocks / 4 / SEQUENCES * (unsigned)r.plan.block;
    int status = sweep_pages(&r, native ? PAGES_4K : PAGES_ANY, seeds);
    if (status == 0 && native)
        status = sweep_pages(&r, PAGES_2M, seeds);
    close_replicas(&r);
    return status;
}

/* --- are the differences between maps more than noise? -----------------------------------------
 *
 * The unit of evidence is a round: one sample of every map. Each sample is taken as the logarithm
 * of its time over its round's median, which takes out what all maps shared in that moment. If maps
 * made no difference, the samples of a round could be swapped among the maps at will: so they are,
 * 999 times, and the variance between maps (over that within, F, of the samples' ranks in their
 * rounds, so that one disturbed sample weighs no more than any last place) is compared with what
 * swapping gives. The slowest over the fastest of the maps' medians is compared with what swapping
 * gives when each map's own median is taken out first: what noise alone does. R² is that of least
 * squares on two numbers of a map; its interval comes from resampling the maps.
 */

#define SWAPS 999
#define RESAMPLES 1000

/* One sample of map m in round r at [r × maps + m]. */
struct samples {
    size_t maps, rounds;
    double *y;       /* log time over the round's median */
    double *rank;    /* its place in the round */
    double *rest;    /* y over its map's median */
    double *scratch; /* maps + rounds numbers */
};

static double median_of_map(const struct samples *s, const double *of, size_t map) {
    for (size_t r = 0; r < s->rounds; r++)
        s->scratch[r] = of[r * s->maps + map];
    return stats_median(s->scratch, s->rounds);
}

static void take_out(struct samples *s) {
    for (size_t r = 0; r < s->rounds; r++) {
        double *y = s->y + r * s->maps, *rank = s->rank + r * s->maps;
        memcpy(s->scratch, y, s->maps * sizeof *y);
        double middle = stats_median(s->scratch, s->maps);
        for (size_t m = 0; m < s->maps; m++)
            y[m] -= middle;
        for (size_t m = 0; m < s->maps; m++)
            for (size_t i = 0; i < s->maps; i++)
                rank[m] += (y[i] < y[m]) + 0.5 * (y[i] == y[m]);
    }
    for (size_t m = 0; m < s->maps; m++) {
        double middle = median_of_map(s, s->y, m);
        for (size_t r = 0; r < s->rounds; r++)
            s->rest[r * s->maps + m] = s->y[r * s->maps + m] - middle;
    }
}

static void swap(double *x, size_t a, size_t b) {
    double kept = x[a];
    x[a] = x[b];
    x[b] = kept;
}

static void swap_in_rounds(struct samples *s, uint64_t seed, uint64_t turn) {
    uint64_t drawn = 0;
    for (size_t r = 0; r < s->rounds; r++)
        for (size_t m = s->maps - 1; m > 0; m--) {
            size_t other = philox_below(philox_u64(seed, turn, drawn++), (uint64_t)m + 1);
            swap(s->rank + r * s->maps, m, other);
            swap(s->rest + r * s->maps, m, other);
        }
}

/* Variance of ranks between maps over that within. */
static double f_ratio(const struct samples *s) {
    double n = (double)(s->maps * s->rounds), grand = 0, between = 0, within = 0;
    for (size_t k = 0; k < s->maps * s->rounds; k++)
        grand += s->rank[k] / n;
    for (size_t m = 0; m < s->maps; m++) {
        double sum = 0, square = 0;
        for (size_t r = 0; r < s->rounds; r++) {
            sum += s->rank[r * s->maps + m];
            square += s->rank[r * s->maps + m] * s->rank[r * s->maps + m];
        }
        double mean = sum / (double)s->rounds;
        between += (double)s->rounds * (mean - grand) * (mean - grand);
        within += square - sum * mean;
    }
    return between / ((double)s->maps - 1) / (within / (n - (double)s->maps));
}

/* Slowest over fastest of the maps' medians. */
static double apart(const struct samples *s, const double *of) {
    double least = INFINITY, most = -INFINITY;
    for (size_t m = 0; m < s->maps; m++) {
        double median = median_of_map(s, of, m);
        least = fmin(least, median);
        most = fmax(most, median);
    }
    return exp(most - least);
}

static void compare_with_chance(struct samples *s, uint64_t seed, struct replica_finding *out) {
    double by_chance[SWAPS], f = f_ratio(s);
    size_t as_large = 0;
    out->apart = apart(s, s->y);
    for (size_t turn = 0; turn < SWAPS; turn++) {
        swap_in_rounds(s, seed, turn);
        as_large += f_ratio(s) >= f;
        by_chance[turn] = apart(s, s->rest);
    }
    out->p = (double)(as_large + 1) / (SWAPS + 1);
    out->apart_by_chance = stats_quantile(by_chance, SWAPS, 0.95);
}

/* --- what of a map goes with its time ----------------------------------------------------------
 */

static double correlation(const double *x, const double *y, size_t n) {
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
    for (size_t k = 0; k < n; k++) {
        mx += x[k] / (double)n;
        my += y[k] / (double)n;
    }
    for (size_t k = 0; k < n; k++) {
        xx += (x[k] - mx) * (x[k] - mx);
        yy += (y[k] - my) * (y[k] - my);
        xy += (x[k] - mx) * (y[k] - my);
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0; /* a constant goes with nothing */
}

/* R² of least squares of z on x and y, from their three correlations. */
static double r_squared(const double *x, const double *y, const double *z, size_t n) {
    double a = correlation(x, z, n), b = correlation(y, z, n), c = correlation(x, y, n);
    if (c * c > 0.999)
        return fmax(a * a, b * b);
    return fmin(1, (a * a + b * b - 2 * a * b * c) / (1 - c * c));
}

/* pages, runs, time, and room for as many drawn ones: six times `n` numbers. */
static void explain(const struct rows *rows, double *numbers, uint64_t seed,
                    struct replica_finding *out) {
    size_t n = rows->count;
    double *of[6], resampled[RESAMPLES];
    for (size_t k = 0; k < 6; k++)
        of[k] = numbers + k * n;
    for (size_t k = 0; k < n; k++) {
        of[0][k] = log(row_number(rows, k, "map pages"));
        of[1][k] = log(row_number(rows, k, "map runs"));
        of[2][k] = log(row_number(rows, k, "@median"));
    }
    out->r2.value = r_squared(of[0], of[1], of[2], n);
    for (size_t turn = 0; turn < RESAMPLES; turn++) {
        for (size_t k = 0; k < n; k++) {
            size_t drawn = philox_below(philox_u64(seed, SWAPS + turn, k), n);
            for (size_t i = 0; i < 3; i++)
                of[3 + i][k] = of[i][drawn];
        }
        resampled[turn] = r_squared(of[3], of[4], of[5], n);
    }
    out->r2.low = stats_quantile(resampled, RESAMPLES, 0.025);
    out->r2.high = stats_quantile(resampled, RESAMPLES, 0.975);
}

/* Equal numbers of samples everywhere, as one contest gives: else 0. */
static size_t rounds_of(const struct rows *rows) {
    size_t rounds = rows->count < 3 ? 0 : row_series(rows, 0, "time");
    for (size_t k = 0; k < rows->count; k++)
        if (row_series(rows, k, "time") != rounds)
            return 0;
    return rounds < 2 ? 0 : rounds;
}

int replica_compare(const struct rows *rows, struct replica_finding *out) {
    struct samples s = {.maps = rows->count, .rounds = rounds_of(rows)};
    size_t n = s.maps * s.rounds;
    *out = (struct replica_finding){0};
    if (n == 0)
        return -1;
    double *numbers = calloc(3 * n + s.maps + s.rounds + 6 * s.maps, sizeof *numbers);
    if (!numbers)
        return -1;
    s.y = numbers;
    s.rank = s.y + n;
    s.rest = s.rank + n;
    s.scratch = s.rest + n;
    for (size_t m = 0; m < s.maps; m++)
        for (size_t r = 0; r < s.rounds; r++)
            s.y[r * s.maps + m] = log(row_series_number(rows, m, "time", r));
    take_out(&s);
    compare_with_chance(&s, rows->seed, out);
    explain(rows, s.scratch + s.maps + s.rounds, rows->seed, out);
    free(numbers);
    return 0;
}

/* --- check -------------------------------------------------------------------------------------
 *
 * A set of maps is for the claim where its variance is more than swapping gives and its slowest map
 * takes 5 % longer than the fastest, or longer than noise makes of it. It goes against it where
 * swapping gives as much although 5 % would show. What is real and smaller, and what noise hides,
 * is open. Policies differ between engines; what one engine's replicas differ by is seed and age
 * alone: so the same is asked of those with vLLM's policy.
 */

#define REGIME 1.05 /* slowest over fastest from which on a map is another regime */
#define CHANCE 0.01
#define ONE_POLICY "fifo"

static enum answer another_regime(const struct replica_finding *d) {
    enum answer differ = d->p <= CHANCE                ? ANSWER_HELD
                         : d->apart_by_chance < REGIME ? ANSWER_AGAINST
                                                       : ANSWER_OPEN;
    bool large = d->apart >= fmax(REGIME, d->apart_by_chance);
    return answer_both(differ, large ? ANSWER_HELD : ANSWER_OPEN);
}

/* Returns the slowest over the fastest, or NaN. */
static double check_set(const struct rows *set, const char *pages, const char *which,
                        struct finding *f) {
    struct replica_finding d;
    if (replica_compare(set, &d) != 0) {
        finding_count(f, ANSWER_OPEN, set, 0);
        finding_range(f, "%spages %s: %s maps were not measured together", *f->range ? "; " : "",
                      pages, which);
        return NAN;
    }
    finding_count(f, another_regime(&d), set, 0);
    finding_number(f, "1", number(d.apart), "pages %s: slowest over fastest of %s %zu maps", pages,
                   which, set->count);
    finding_number(f, "1", number(d.apart_by_chance), "pages %s: the same by noise alone", pages);
    finding_number(f, "1", number(d.p), "pages %s: chance of such a variance if maps did nothing",
                   pages);
    finding_number(f, "1", d.r2, "pages %s: variance that distinct pages and runs explain", pages);
    if (another_regime(&d) != ANSWER_HELD)
        finding_range(f, "%spages %s: %s maps %s", *f->range ? "; " : "", pages, which,
                      d.p <= CHANCE ? "differ little" : "are not told from noise");
    return d.apart;
}

/* A twin's time over its replica's, or the other way round: how far from equal. */
static struct ratio away(struct ratio r) {
    return r.value < 1 ? ratio_inverse(r) : r;
}

static void check_pages(const struct rows *rows, struct finding *f) {
    const char *pages = row_text(rows, 0, "pages");
    struct rows maps = rows_select(rows, "", "kind=churned");
    struct rows one = rows_select(rows, "", "kind=churned;policy=" ONE_POLICY);
    struct rows twins = rows_select(rows, "", "kind=twin");
    double all = check_set(&maps, pages, "all", f), of_one = check_set(&one, pages, ONE_POLICY, f);
    for (size_t k = 0; k < twins.count; k++) {
        struct ratio twin = away(row_ratio(&twins, k, "over itself"));
        finding_control(f, answer_below(twin, fmax(REGIME, all)),
                        "the same map measured twice differs by less than the maps do");
        finding_number(f, "1", twin, "pages %s: the same map again, %s", pages,
                       row_text(&twins, k, "policy"));
    }
    finding_say(f, "%s%.2f in pages of %s (" ONE_POLICY "'s %.2f)",
                *f->statement ? ", " : "slowest over fastest map: ", all, pages, of_one);
    rows_free(&maps);
    rows_free(&one);
    rows_free(&twins);
}

void check_replicas(const struct rows *rows, struct finding *f) {
    for (enum pages_kind kind = 0; kind < PAGES_KINDS; kind++) {
        char term[40];
        snprintf(term, sizeof term, "pages=%s", pages_name(kind));
        struct rows some = rows_select(rows, "", term);
        some.seed = rows->seed;
        if (some.count > 0)
            check_pages(&some, f);
        rows_free(&some);
    }
    finding_settle(f, SETTLE_ALL, "for some of the sets of maps");
}

/* --- table -------------------------------------------------------------------------------------
 */

/* The churned replicas from the fastest on, then, each a little apart, twins and made maps. */
static size_t write_kind(const struct rows *rows, const char *kind, size_t position,
                         struct lab_table *table) {
    char term[40];
    snprintf(term, sizeof term, "kind=%s", kind);
    struct rows some = rows_select(rows, "", term);
    rows_sort(&some, "@median");
    for (size_t k = 0; k < some.count; k++) {
        struct ratio ms = row_ratio(&some, k, "@median");
        lab_table_row(table, "%s\t%s\t%s\t%s\t%s %.0f\t%zu\t%.5g\t%.5g\t%.5g\t%.0f\t%.0f\t%.3f",
                      row_text(&some, k, "device"), row_text(&some, k, "pages"), kind,
                      row_text(&some, k, "policy"), row_text(&some, k, "policy"),
                      row_number(&some, k, "seed"), ++position, ms.value * 1e3, ms.low * 1e3,
                      ms.high * 1e3, row_number(&some, k, "map pages"),
                      row_number(&some, k, "map runs"), row_number(&some, k, "map switches"));
    }
    rows_free(&some);
    return position + 2;
}

int write_replicas(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    struct rows sorted = rows_select(rows, "", NULL);
    rows_sort(&sorted, "device;pages");
    for (size_t first = 0, n = 0; rows_group(&sorted, "device;pages", &first, &n);) {
        struct rows group = {.list = sorted.list + first, .count = n, .seed = rows->seed};
        size_t position = 0;
        for (size_t k = 0; k < sizeof kind_names / sizeof *kind_names; k++)
            position = write_kind(&group, kind_names[k], position, table);
    }
    rows_free(&sorted);
    return 0;
}
