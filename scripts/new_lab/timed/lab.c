/*
 * Lab @NN@, @NAME@: does the order in which a table is read cost time?
 *
 * The same numbers in the same memory are added row by row and column by column. Both are entrants
 * of one contest, measured in turn, so that their ratio is paired; a third is the first once more,
 * as a control. Every sum is proved after the timed calls. Make the mechanism, the claim, the sweep
 * and the check your own: docs/writing-a-lab.md has the rules. README.md tells the same in words.
 */
#include <stdlib.h>

#include "harness/lab/contest.h"
#include "harness/lab/tables.h"
#include "kernels/rng/philox.h"

/* --- the job: what is timed, and its proof ------------------------------------------------------
 */

/* n rows of n numbers. Integers, so that every order has the same sum. */
struct walk {
    size_t n;
    bool by_columns;
    const uint32_t *table; /* borrowed */
    uint64_t sum;
};

static int call(void *context) {
    struct walk *w = context;
    size_t n = w->n;
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            sum += w->table[w->by_columns ? j * n + i : i * n + j];
    w->sum = sum;
    return 0;
}

/* Poisons the result, calls once more, and compares: work that was skipped is wrong, not fast. */
static int prove(void *context) {
    struct walk *w = context;
    uint64_t right = 0;
    for (size_t i = 0; i < w->n * w->n; i++)
        right += w->table[i];
    w->sum = UINT64_MAX;
    call(w);
    return w->sum == right ? 0 : device_fail("a walk over %zu rows missed some of them", w->n);
}

/* Enters a walk; `w` is the caller's and outlives the contest, so nothing is to be closed. */
static struct entrant *enter(struct contest *c, struct walk *w, const char *name) {
    struct job job = {
        .context = w, .call = call, .prove = prove, .bytes = 4.0 * (double)w->n * (double)w->n};
    struct entrant *e = contest_enter(c, &job, "%s", name);
    case_param_text(entrant_case(e), "walk", name);
    case_param_int(entrant_case(e), "n", (int64_t)w->n);
    return e;
}

/* --- @NN@.1: reading by columns takes longer ----------------------------------------------------
 */

static int measure(struct lab_run *run, struct device *device, const uint32_t *table, size_t n) {
    struct walk rows = {n, false, table, 0}, again = rows, columns = {n, true, table, 0};
    struct contest *c = contest_open(run, device, "@NN@/walk/n=%zu", n);
    if (!c)
        return contest_skipped(run); /* recorded by an earlier session of this run */
    struct entrant *base = enter(c, &rows, "rows");
    entrant_over(enter(c, &again, "again"), base, "again over rows");
    entrant_over(enter(c, &columns, "columns"), base, "columns over rows");
    return contest_end(c);
}

static int sweep_walks(struct lab_run *run, struct device *device) {
    static const size_t sizes[] = {255, 1023, 2047}; /* 254 KiB, 4 MiB, 16 MiB */
    uint32_t *table = malloc(2047 * 2047 * sizeof *table);
    int status = table ? 0 : lab_error(run, "out of memory");
    for (size_t i = 0; table && i < 2047 * 2047; i++)
        table[i] = philox_at(lab_seed(run), @N@, i).v[0];
    for (size_t k = 0; k < 3 && status == 0 && !lab_stopping(run); k++)
        status = measure(run, device, table, sizes[k]);
    free(table);
    return status;
}

/* A pure function of the recorded rows. An interval that includes the threshold is open: it speaks
 * neither for the claim nor against it. */
static void check_walks(const struct rows *rows, struct finding *f) {
    for (size_t k = 0; k < rows->count; k++) {
        struct ratio again = row_ratio(rows, k, "again over rows");
        struct ratio columns = row_ratio(rows, k, "columns over rows");
        if (row_is(rows, k, "walk", "again"))
            finding_control(f, answer_both(answer_above(again, 0.8), answer_below(again, 1.25)),
                            "the same walk again takes as long");
        if (!row_is(rows, k, "walk", "columns"))
            continue;
        finding_count(f, answer_above(columns, 1.1), rows, k);
        finding_number(f, "1", columns, "time by columns over by rows, n = %.0f",
                       row_number(rows, k, "n"));
    }
    finding_say(f, "reading by columns takes longer at %llu of %llu sizes",
                (unsigned long long)f->held, (unsigned long long)(f->held + f->against + f->open));
    finding_settle(f, SETTLE_ALL, "some of the sizes: see the plot");
}

/* --- the lab ------------------------------------------------------------------------------------
 */

static const struct claim claims[] = {
    {"@NN@.1", "Reading a table column by column takes longer than row by row.",
     .refuted_by = "columns within a tenth of rows, or faster, at every size", .on = CLAIM_TIME,
     .cases = "@NN@/walk/", .sweep = sweep_walks, .check = check_walks},
};

/* Every name that is recorded; one that is not here is refused. */
static const struct quantity quantities[] = {
    {"n", "1", "rows, and columns"},
    {"walk", "", "the order of reading"},
    {"again over rows", "1", "time of the control over that of reading by rows"},
    {"columns over rows", "1", "time of reading by columns over that of reading by rows"},
};

static const struct table_spec tables[] = {
    {"walks", "@NN@/walk/",
     "device; n; walk; gbps, low, high = bytes per second / 1e9~; over rows = columns over rows",
     .sort = "device;n;walk"},
};

const struct lab lab = {
    .number = @N@,
    .name = "@NAME@",
    .question = "Does the order in which a table is read cost time?",
    .needs = "a CPU",
    .takes = "quick 2 s",
    .time_devices = LAB_ON(DEVICE_CPU),
    .claims = claims,
    .claim_count = sizeof claims / sizeof *claims,
    .quantities = quantities,
    .quantity_count = sizeof quantities / sizeof *quantities,
    .tables = tables,
    .table_count = sizeof tables / sizeof *tables,
};
