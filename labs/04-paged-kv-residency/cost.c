/*
 * cost.c: K10, a cost model of a step: compute, missed bytes over bandwidth, translation.
 *
 * Steps of several sizes run through maps of all kinds, each after other memory was read, so that
 * all distinct bytes are missed. What a map brings is counted beforehand: bytes asked for (what is
 * computed grows with them), distinct bytes, and walks that find their translation in no near
 * cache. Half of the steps fit the three prices; the other half is predicted.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/stats.h"
#include "labs/04-paged-kv-residency/timed.h"

#define TERMS 3

/* --- the sweep ---------------------------------------------------------------------------------
 */

/* One KV head of bfloat16, as in the replicas: a block of 16 tokens is 4 KiB of keys. */
#define ELEMENT ELEMENT_BF16
#define HEADS 1
#define SEQUENCES 8
#define SAMPLES 15 /* of one short step each */

/* A step's bytes, in parts of the largest's, and the pool its blocks come from, over what it names.
 * Aliased blocks out of a small pool are asked for several times and missed once. */
static const struct trip {
    int map;
    unsigned eighths;
    double pool;
} trips[] = {
    {KV_MAP_IDENTITY, 2, 16},  {KV_MAP_PERMUTED, 2, 16},  {KV_MAP_CLUSTERED, 2, 16},
    {KV_MAP_SPREAD, 2, 16},    {KV_MAP_ALIASED, 8, 0.25}, {KV_MAP_WITHIN, 4, 8},
    {KV_MAP_PERMUTED, 4, 8},   {KV_MAP_IDENTITY, 4, 8},   {KV_MAP_ALIASED, 4, 0.5},
    {KV_MAP_ALIASED, 6, 0.25}, {KV_MAP_CLUSTERED, 8, 4},  {KV_MAP_SPREAD, 4, 8},
    {KV_MAP_IDENTITY, 8, 4},   {KV_MAP_WITHIN, 8, 4},     {KV_MAP_PERMUTED, 8, 4},
    {KV_MAP_PERMUTED, 6, 4},   {KV_MAP_ALIASED, 8, 0.5},  {KV_MAP_IDENTITY, 6, 4},
};
#define TRIPS (sizeof trips / sizeof *trips)

/* A line of the page table holds the translations of 8 pages of 4 KiB. A first-level cache of 32
 * KiB has 512 lines, so a walk whose line is among the last 512 is cheap, however far its block
 * lies. */
#define TABLE_LINE (8 * PAGES_SMALL)
#define TABLE_LINES 512

/* Of a table's blocks in order, those that need a line of the page table which is not there. */
static double count_walks(const struct kv_table *table, size_t block_bytes) {
    size_t recent[TABLE_LINES], count = 0, walks = 0;
    for (unsigned s = 0; s < table->sequences; s++)
        for (unsigned b = 0; b < kv_table_blocks_of(table, s); b++) {
            size_t id = (size_t)table->ids[(size_t)s * table->row_blocks + b], at = 0;
            size_t line = id * block_bytes / TABLE_LINE;
            while (at < count && recent[at] != line)
                at++;
            walks += at == count;
            count += at == count && count < TABLE_LINES;
            at = at < count ? at : count - 1;
            memmove(recent + 1, recent, at * sizeof *recent); /* the latest first */
            recent[0] = line;
        }
    return (double)walks;
}

static int enter_trips(struct contest *c, struct shape s, size_t bytes, const struct job *reader) {
    struct entrant *twin = NULL;
    for (size_t k = 0; k < TRIPS + 1; k++) {
        const struct trip *t = &trips[k < TRIPS ? k : 0]; /* the first one once more at the end */
        char arm[60];
        s.tokens = (unsigned)(bytes / token_bytes(ELEMENT, HEADS) / SEQUENCES / 8 * t->eighths);
        s.pool_blocks = (unsigned)(SEQUENCES * s.tokens / 16 * t->pool);
        snprintf(arm, sizeof arm, "pool=%g/pages=%s/%s", t->pool,
                 device_kind(s.memory->device) == DEVICE_CPU ? pages_name(s.memory->kind)
                                                             : "device",
                 k == TRIPS ? "again"
                 : k % 2    ? "held-out"
                            : "fitted");
        s.arm = arm;
        struct entrant *e =
            enter_map(c, &s, plan_of(PAGED_ATTENTION, PAGED_TABLE, ELEMENT), t->map, NULL);
        if (!e || enter_after(s.memories, e, false, reader, reader->bytes) != 0)
            return -1;
        const struct job *job = entrant_job(e);
        case_param_real(entrant_case(e), "walks",
                        count_walks(paged_job_step(job)->table, paged_job_block_bytes(job)));
        case_param_text(entrant_case(e), "use",
                        k == TRIPS ? "twin"
                        : k % 2    ? "held out"
                                   : "fitted");
        entrant_over(e, k == TRIPS ? twin : NULL, "over its twin");
        twin = k == 0 ? e : twin;
    }
    return 0;
}

int sweep_cost(struct lab_run *run, struct device *device) {
    struct memories memories = memories_open(run, device);
    struct paged_memory *backings[BACKINGS];
    /* Pools are up to four times as large as the largest step. */
    size_t pool = memories_fitting(&memories, on_gpu(device) ? 4096 * MIB : 256 * MIB), n;
    size_t bytes = pool / 4;
    size_t flush = memories_fitting(&memories, 2 * last_level_bytes(device));
    struct contest *c = contest_open(run, device, "04/cost/kv=%zuMiB", bytes / MIB);
    int status = c ? 0 : contest_skipped(run);
    if (c) {
        const struct job *reader = memories_reader(&memories, flush - flush % (2 * ROOFS_PAGE));
        struct bench_limits *limits = contest_limits(c);
        *limits = mode_limits(run);
        limits->min_samples = limits->min_samples < SAMPLES ? SAMPLES : limits->min_samples;
        limits->max_samples = limits->max_samples < SAMPLES ? SAMPLES : limits->max_samples;
        status = reader && (n = take_backings(&memories, ELEMENT, pool, backings)) > 0 ? 0 : -1;
        for (size_t k = 0; status == 0 && k < n; k++) {
            const struct shape s = {.memories = &memories,
                                    .memory = backings[k],
                                    .kv_heads = HEADS,
                                    .sequences = SEQUENCES};
            status = enter_trips(c, s, bytes, reader);
        }
        status = status == 0 ? contest_end(c) : contest_drop(c);
    }
    memories_close(&memories);
    return status;
}

/* --- the fit -----------------------------------------------------------------------------------
 */

/* Solves a symmetric system of the terms in `mask` by elimination; others are 0. False: it has no
 * one solution. */
static bool solve(const double a[TERMS][TERMS], const double b[TERMS], unsigned mask,
                  double out[TERMS]) {
    double m[TERMS][TERMS + 1];
    for (int i = 0; i < TERMS; i++) {
        bool in = mask >> i & 1;
        for (int j = 0; j < TERMS; j++)
            m[i][j] = in && mask >> j & 1 ? a[i][j] : i == j;
        m[i][TERMS] = in ? b[i] : 0;
    }
    for (int i = 0; i < TERMS; i++) { /* positive definite: no pivoting is needed */
        if (mask >> i & 1 && !(m[i][i] > 1e-9 * a[i][i]))
            return false;
        for (int r = 0; r < TERMS; r++)
            for (int j = TERMS; r != i && j >= i; j--)
                m[r][j] -= m[r][i] / m[i][i] * m[i][j];
    }
    for (int i = 0; i < TERMS; i++)
        out[i] = m[i][TERMS] / m[i][i];
    return true;
}

/* Least squares of 1 on the columns of x over y, so that what counts is the relative residual, with
 * no price below 0: the best of all sets of terms whose prices are not. All 0 if there is none. */
static void fit(const double (*x)[TERMS], const double *y, size_t n, double price[TERMS]) {
    double a[TERMS][TERMS] = {{0}}, b[TERMS] = {0}, best = 0;
    for (size_t k = 0; k < n; k++)
        for (int i = 0; i < TERMS; i++) {
            b[i] += x[k][i] / y[k];
            for (int j = 0; j < TERMS; j++)
                a[i][j] += x[k][i] * x[k][j] / (y[k] * y[k]);
        }
    for (int i = 0; i < TERMS; i++)
        price[i] = 0;
    for (unsigned mask = 1; mask < 1u << TERMS; mask++) {
        double p[TERMS], explained = 0;
        if (!solve(a, b, mask, p))
            continue;
        bool negative = false;
        for (int i = 0; i < TERMS; i++) {
            explained += p[i] * b[i]; /* of the sum of squares, at the minimum */
            negative = negative || p[i] < 0;
        }
        if (!negative && explained > best) {
            best = explained;
            for (int i = 0; i < TERMS; i++)
                price[i] = p[i];
        }
    }
}

struct model {
    double price[TERMS]; /* seconds for a byte asked for, for a byte missed, for a walk */
    double byte;         /* of the model that knows bytes only: seconds for each asked for */
};

static void terms_of(const struct rows *rows, size_t k, double x[TERMS]) {
    x[0] = row_number(rows, k, "bytes");
    x[1] = row_number(rows, k, "unique bytes");
    x[2] = row_number(rows, k, "walks");
}

/* From the rows to be fitted; false without memory, or where there are too few. */
static bool model_of(const struct rows *rows, struct model *out) {
    size_t n = rows->count;
    double(*x)[TERMS] = malloc((n + 1) * sizeof *x), *y = malloc((n + 1) * sizeof *y);
    double *per_byte = malloc((n + 1) * sizeof *per_byte);
    bool good = x && y && per_byte && n > TERMS;
    for (size_t k = 0; good && k < n; k++) {
        terms_of(rows, k, x[k]);
        y[k] = row_number(rows, k, "@median");
        per_byte[k] = y[k] / x[k][0];
        good = y[k] > 0;
    }
    if (good) {
        fit(x, y, n, out->price);
        out->byte = stats_median(per_byte, n);
    }
    free(x);
    free(y);
    free(per_byte);
    return good;
}

static double predicted(const struct model *m, const struct rows *rows, size_t k) {
    double x[TERMS], sum = 0;
    terms_of(rows, k, x);
    for (int i = 0; i < TERMS; i++)
        sum += m->price[i] * x[i];
    return sum;
}

/* --- K10 ---------------------------------------------------------------------------------------
 *
 * For the steps held out, in each page size. Refuting result: the prediction is no better than that
 * of a model that knows bytes only, or off by more than a tenth for the median step.
 */
#define RESIDUAL 0.10 /* a step's times differ by as much from one minute to the next */
#define BETTER 0.80   /* residual over that of bytes only: a fifth smaller is a gain to speak of */
#define TWINS 1.10    /* further apart than this, equals were disturbed, and so was all else */

/* No time is told more exactly than to a thousandth. */
#define EXACT 1e-3

struct judged {
    struct ratio residual, better;
    double bytes_only; /* residual of the model that knows bytes only */
};

/* -1: a residual cannot be had. */
static int judge(const struct rows *held_out, const struct model *m, struct judged *out) {
    size_t n = held_out->count;
    double *own = malloc((n + 1) * sizeof *own), *bytes = malloc((n + 1) * sizeof *bytes);
    struct stats_interval residual, better;
    int status = own && bytes ? 0 : -1;
    for (size_t k = 0; status == 0 && k < n; k++) {
        double time = row_number(held_out, k, "@median");
        own[k] = fmax(EXACT, fabs(predicted(m, held_out, k) / time - 1));
        bytes[k] = fmax(EXACT, fabs(m->byte * row_number(held_out, k, "bytes") / time - 1));
    }
    if (status == 0)
        status = stats_median_interval(own, n, 0.95, held_out->seed, &residual);
    if (status == 0)
        status = stats_ratio_interval(own, n, bytes, n, 0.95, held_out->seed, &better);
    if (status == 0)
        *out = (struct judged){.residual = {residual.value, residual.low, residual.high},
                               .better = {better.value, better.low, better.high},
                               .bytes_only = stats_median(bytes, n)};
    free(own);
    free(bytes);
    return status;
}

static void judge_pages(const struct rows *steps, const char *pages, struct finding *f) {
    struct rows fitted = rows_select(steps, "", "use=fitted");
    struct rows held_out = rows_select(steps, "", "use=held out");
    struct rows twins = rows_select(steps, "", "use=twin");
    struct model m;
    struct judged j;
    if (model_of(&fitted, &m) && judge(&held_out, &m, &j) == 0) {
        finding_count(
            f, answer_both(answer_below(j.residual, RESIDUAL), answer_below(j.better, BETTER)),
            &held_out, 0);
        finding_say_part(f, 2, "%s%.8s pages: within %.1f %%, by bytes alone %.1f %%",
                         *f->statement ? "; " : "steps held out, ", pages, 100 * j.residual.value,
                         100 * j.bytes_only);
        finding_number(f, "1", j.residual, "%s pages: median residual of the steps held out",
                       pages);
        finding_number(f, "1", j.better, "%s pages: over the residual of bytes only", pages);
        finding_number(f, "s", number(m.price[0]), "%s pages: compute, for a byte asked for",
                       pages);
        finding_number(f, "bytes/s", number(1 / m.price[1]), "%s pages: bandwidth of misses",
                       pages);
        finding_number(f, "s", number(m.price[2]), "%s pages: a walk", pages);
    }
    for (size_t k = 0; k < twins.count; k++) {
        struct ratio twin = row_ratio(&twins, k, "over its twin");
        finding_control(f, answer_both(answer_above(twin, 1 / TWINS), answer_below(twin, TWINS)),
                        "the same step once more takes as long");
    }
    rows_free(&fitted);
    rows_free(&held_out);
    rows_free(&twins);
}

void check_cost_model(const struct rows *rows, struct finding *f) {
    struct rows sorted = rows_select(rows, "04/cost/", NULL);
    rows_sort(&sorted, "pages");
    for (size_t first = 0, count = 0; rows_group(&sorted, "pages", &first, &count);) {
        const struct rows one = {.list = sorted.list + first, .count = count, .seed = rows->seed};
        judge_pages(&one, row_text(&sorted, first, "pages"), f);
    }
    finding_settle(f, SETTLE_ALL, "some of the page sizes");
    rows_free(&sorted);
}

/* --- tables ------------------------------------------------------------------------------------
 */

int write_cost(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    struct rows sorted = rows_select(rows, "", NULL);
    rows_sort(&sorted, "device;pages");
    for (size_t first = 0, count = 0; rows_group(&sorted, "device;pages", &first, &count);) {
        const struct rows one = {.list = sorted.list + first, .count = count, .seed = rows->seed};
        struct rows fitted = rows_select(&one, "", "use=fitted");
        struct model m;
        bool good = model_of(&fitted, &m);
        for (size_t k = 0; good && k < count; k++)
            lab_table_row(
                table, "%s\t%s\t%s\t%s\t%.4g\t%.4g\t%.0f\t%.4g\t%.4g\t%.4g\t%.4g",
                row_text(&one, k, "device"), row_text(&one, k, "pages"), row_text(&one, k, "use"),
                row_text(&one, k, "map"), row_number(&one, k, "bytes") / MIB,
                row_number(&one, k, "unique bytes") / MIB, row_number(&one, k, "walks"),
                row_number(&one, k, "@median") * 1e3, row_ratio(&one, k, "@median").low * 1e3,
                row_ratio(&one, k, "@median").high * 1e3, predicted(&m, &one, k) * 1e3);
        rows_free(&fitted);
    }
    rows_free(&sorted);
    return 0;
}
