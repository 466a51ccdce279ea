/*
 * sums.c: S2, S3 and S4. What every variant gives, predicted first and then measured, on every data
 * set: are the bits different, by how much, and are they those that the model told?
 *
 * One case is one variant at one size, with a row for each data set.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/ulp.h"
#include "labs/01-float-staging/staging.h"

/* --- the sweep ---------------------------------------------------------------------------------
 */

/* The longest sum of --full, where memory allows. */
#define LONGEST ((size_t)1 << 28)
#define SIZES_MAX 16

/* Odd sizes, sizes around a warp, a block and a tile, and a ladder for the spread. */
static size_t sizes_for(struct device *device, enum lab_mode mode, size_t sizes[SIZES_MAX]) {
    static const size_t small[] = {1, 3, 33, 257, 1000, 4097, 16411, 65537};
    bool simulated = device_simulated(device_kind(device));
    size_t count = sizeof small / sizeof *small;
    memcpy(sizes, small, sizeof small);
    if (!simulated || mode != LAB_QUICK)
        sizes[count++] = (size_t)1 << 20;
    if (!simulated && mode != LAB_QUICK)
        sizes[count++] = (size_t)1 << 24;
    /* Both operands in their widest type on the device, and the data sets on the host. */
    if (!simulated && mode == LAB_FULL && device_memory_free(device) / 40 >= LONGEST)
        sizes[count++] = LONGEST;
    return count;
}

static bool is_wanted(const struct sum_variant *v, size_t index, enum device_kind kind,
                      enum lab_mode mode, size_t n) {
    struct sum_class class = sum_variant_class(v);
    bool float_elements = class.type == ELEMENT_F32 && !class.products;
    if (sum_variant_check(v, n, NULL) != 0)
        return false;
    /* The long sizes are for the spread and the cures in floats: other types have shown by then
     * whether their model is right, and the simulated GPU's time is short. */
    if (mode == LAB_QUICK && device_simulated(kind) && n > 4097)
        return float_elements && class.method != SUM_EXACT;
    if (n > (size_t)1 << 24)
        return float_elements && class.method == SUM_PLAIN && index < VARIANTS_ONE_AT_A_TIME;
    return n <= (size_t)1 << 20 || float_elements;
}

/* The data sets of one size, each made when first asked for. */
struct inputs {
    struct device *device;
    size_t n;
    uint64_t seed;
    struct input made[4][INPUT_KINDS];
};

static struct input *input_get(struct inputs *all, enum input_kind kind, enum element type) {
    struct input *in = &all->made[type][kind];
    return in->x || input_open(in, all->device, kind, type, all->n, all->seed) == 0 ? in : NULL;
}

static void inputs_close(struct inputs *all) {
    for (size_t t = 0; t < 4; t++)
        for (size_t k = 0; k < INPUT_KINDS; k++)
            input_close(&all->made[t][k]);
}

/* Predicts, runs and rates one variant on one data set: a row. */
static int observe(struct lab_case *c, const struct sum_variant *v, struct inputs *inputs,
                   enum input_kind kind, size_t depth) {
    struct sum_class class = sum_variant_class(v);
    struct input *in = input_get(inputs, kind, class.type);
    struct job_bits measured;
    uint64_t predicted;
    if (!in)
        return -1;
    if (sum_variant_model(v, in->x, in->y, in->facts.n, &predicted) != 0)
        return device_fail("out of memory in the model");
    if (sum_once(in->memory, v, &measured) != 0)
        return -1;
    bool wide = class.acc == SUM_ACC64;
    uint64_t exact = wide ? in->facts.exact64 : in->facts.exact32;
    double value = sum_value(class.acc, measured.bits), right = sum_value(class.acc, exact);
    case_row(c);
    case_cell_text(c, "input", input_name(kind));
    case_cell_bits(c, "measured", measured.width, measured.bits);
    case_cell_bits(c, "predicted", measured.width, predicted);
    case_cell_bits(c, "exact", measured.width, exact);
    case_cell_int(c, "ulp",
                  (int64_t)(wide ? ulp_distance_f64(value, right)
                                 : ulp_distance_f32((float)value, (float)right)));
    case_cell_real(c, "reference", in->facts.exact);
    case_cell_real(c, "error", fabs(value - in->facts.exact));
    case_cell_real(c, "bound", sum_variant_bound(v, &in->facts, depth));
    return 0;
}

static int record(struct lab_run *run, const struct sum_variant *v, struct inputs *inputs) {
    char plan[SUM_TEXT];
    bool products = sum_variant_class(v).products;
    sum_variant_text(v, plan);
    struct lab_case *c =
        lab_case_begin(run, device_id(inputs->device), "01/sum/n=%zu/plan=%s", inputs->n, plan);
    if (!c)
        return 0;
    size_t depth = sum_variant_depth(v, inputs->n);
    case_param_int(c, "n", (int64_t)inputs->n);
    case_variant(c, v);
    for (int kind = 0; kind < INPUT_KINDS; kind++)
        if ((kind == INPUT_SCORES) == products &&
            observe(c, v, inputs, (enum input_kind)kind, depth) != 0) {
            lab_case_drop(c);
            return lab_error(run, "plan %s, n = %zu: %s", plan, inputs->n, device_error());
        }
    return lab_case_end(c);
}

int sweep_sums(struct lab_run *run, struct device *device) {
    struct sum_variant *variants;
    size_t count, sizes[SIZES_MAX], size_count = sizes_for(device, lab_mode(run), sizes);
    enum device_kind kind = device_kind(device);
    int status = 0;
    if (variants_for(kind, lab_mode(run), &variants, &count) != 0)
        return lab_error(run, "out of memory while listing the plans");
    size_t cases = 0;
    for (size_t s = 0; s < size_count; s++)
        for (size_t k = 0; k < count; k++)
            cases += is_wanted(&variants[k], k, kind, lab_mode(run), sizes[s]);
    lab_expect(run, cases);
    for (size_t s = 0; s < size_count && status == 0; s++) {
        struct inputs inputs = {.device = device, .n = sizes[s], .seed = lab_seed(run)};
        for (size_t k = 0; k < count && status == 0 && !lab_stopping(run); k++)
            if (is_wanted(&variants[k], k, kind, lab_mode(run), sizes[s]))
                status = record(run, &variants[k], &inputs);
        inputs_close(&inputs);
    }
    free(variants);
    return status;
}

/* --- groups ------------------------------------------------------------------------------------
 */

#define GROUP "device;method;type;acc;terms;input;n"
#define PLAIN_FLOATS "method=plain;type=f32;terms=elements"

struct rows sums_grouped(const struct rows *rows, const char *terms) {
    struct rows sums = rows_select(rows, "01/sum/", terms);
    rows_sort(&sums, GROUP);
    return sums;
}

static enum sum_acc acc_of(const struct rows *rows, size_t k) {
    return row_is(rows, k, "acc", "acc64") ? SUM_ACC64 : SUM_ACC32;
}

static double value_of(const struct rows *rows, size_t k) {
    return sum_value(acc_of(rows, k), row_bits(rows, k, "measured"));
}

bool group_next(const struct rows *sums, struct group *g) {
    if (!rows_group(sums, GROUP, &g->first, &g->count))
        return false;
    double low = INFINITY, high = -INFINITY;
    double exact = fabs(row_number(sums, g->first, "reference"));
    for (size_t k = g->first; k < g->first + g->count; k++) {
        low = fmin(low, value_of(sums, k));
        high = fmax(high, value_of(sums, k));
    }
    /* Results lie on a grid: one place of it more or less is luck. */
    double largest = fmax(fabs(low), fabs(high));
    double ulp =
        acc_of(sums, g->first) == SUM_ACC64 ? ulp_size_f64(largest) : ulp_size_f32((float)largest);
    g->distinct = rows_distinct(sums, g->first, g->count, "measured");
    g->spread = exact > 0 ? (struct ratio){(high - low) / exact, (high - low - ulp) / exact,
                                           (high - low + ulp) / exact}
                          : RATIO_NONE;
    return true;
}

bool group_has_choice(const struct rows *sums, const struct group *g) {
    return g->count > 1 && row_number(sums, g->first, "n") > 32;
}

/* --- S2: the bits are different, within the bound ----------------------------------------------
 */

void check_staging(const struct rows *rows, struct finding *f) {
    struct rows sums = sums_grouped(rows, NULL);
    struct rows floats = sums_grouped(rows, PLAIN_FLOATS ";acc=acc32");
    struct group g = {0}, most = {0};
    size_t pairs = 0, moved = 0, within = 0;
    for (size_t k = 0; k < sums.count; k++) {
        /* Negated, so that a NaN is outside. A proven bound that is exceeded is our bug. */
        if (!(row_number(&sums, k, "error") <= row_number(&sums, k, "bound")))
            finding_predicted(f, false, &sums, k);
        else
            within++;
    }
    while (group_next(&floats, &g)) {
        if (!group_has_choice(&floats, &g))
            continue;
        finding_count(f, answer_if(g.distinct > 1), &floats, g.first);
        pairs++;
        moved += g.distinct > 1;
        if (most.distinct < g.distinct)
            most = g;
    }
    finding_say(f,
                "plans give different bits in %zu of %zu pairs of size and data set; %zu of %zu "
                "results lie within their plan's bound",
                moved, pairs, within, sums.count);
    finding_number(f, "1", number((double)most.distinct), "most results, of %zu plans at n = %.0f",
                   most.count, row_number(&floats, most.first, "n"));
    finding_range(f, "%zu of %zu pairs of size and data set (n > 32, FP32)", moved, pairs);
    finding_settle(f, SETTLE_ALL, "");
    rows_free(&sums);
    rows_free(&floats);
}

/* --- S3: how different -------------------------------------------------------------------------
 */

/* The ways in which the spread should move; each step of each is one check. */
enum way { WITH_N, CANCELLING, MIXED, WIDER, WAYS };

struct tally {
    struct finding *f;
    const struct rows *sums;
    uint64_t held[WAYS], open[WAYS], checked[WAYS];
};

/* The claim is that group a's spread is the greater. */
static void tally(struct tally *t, enum way way, const struct group *a, const struct group *b) {
    enum answer answer = answer_greater(a->spread, b->spread);
    t->checked[way]++;
    t->held[way] += answer == ANSWER_HELD;
    t->open[way] += answer == ANSWER_OPEN;
    finding_count(t->f, answer, t->sums, a->first);
}

static bool is(const struct rows *sums, const struct group *g, const char *column,
               const char *text) {
    return row_is(sums, g->first, column, text);
}

/* Every pair of groups that differ in one thing alone. */
static void compare(struct tally *t, const struct group *a, const struct group *b) {
    const struct rows *s = t->sums;
    double n = row_number(s, a->first, "n"), other_n = row_number(s, b->first, "n");
    bool same_input = rows_equal(s, a->first, b->first, "input");
    bool narrow = is(s, a, "acc", "acc32"), other_narrow = is(s, b, "acc", "acc32");
    /* Sizes well apart: one data set each is no average, and neighbours are within noise. */
    if (same_input && narrow && other_narrow && n >= 16 * other_n)
        tally(t, WITH_N, a, b);
    if (n != other_n)
        return;
    if (same_input && narrow && !other_narrow)
        tally(t, WIDER, a, b);
    if (narrow && other_narrow && is(s, a, "input", "cancelling") && is(s, b, "input", "normal"))
        tally(t, CANCELLING, a, b);
    if (narrow && other_narrow && is(s, a, "input", "log-uniform") && is(s, b, "input", "uniform"))
        tally(t, MIXED, a, b);
}

static void tell(const struct tally *t) {
    static const char *const ways[WAYS] = {[WITH_N] = "grows from n to 16 n or more",
                                           [CANCELLING] = "grows with cancellation",
                                           [MIXED] = "grows with mixed magnitudes",
                                           [WIDER] = "shrinks with FP64 accumulators"};
    for (size_t w = 0; w < WAYS; w++)
        if (t->checked[w])
            finding_number(t->f, "1", number((double)t->held[w] / (double)t->checked[w]),
                           "share of %llu steps in which it %s; %llu are open (within one ulp)",
                           (unsigned long long)t->checked[w], ways[w],
                           (unsigned long long)t->open[w]);
    finding_say(t->f,
                "the spread grows with n in %llu of %llu steps, with cancellation in %llu of %llu, "
                "mixed magnitudes in %llu of %llu; shrinks in FP64 in %llu of %llu",
                (unsigned long long)t->held[WITH_N], (unsigned long long)t->checked[WITH_N],
                (unsigned long long)t->held[CANCELLING], (unsigned long long)t->checked[CANCELLING],
                (unsigned long long)t->held[MIXED], (unsigned long long)t->checked[MIXED],
                (unsigned long long)t->held[WIDER], (unsigned long long)t->checked[WIDER]);
}

void check_spread(const struct rows *rows, struct finding *f) {
    struct rows sums = sums_grouped(rows, PLAIN_FLOATS);
    struct tally t = {.f = f, .sums = &sums};
    struct group g = {0};
    struct group *groups = malloc((sums.count + 1) * sizeof *groups);
    size_t count = 0;
    while (groups && group_next(&sums, &g))
        if (group_has_choice(&sums, &g))
            groups[count++] = g;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++)
            compare(&t, &groups[i], &groups[k]);
    tell(&t);
    finding_settle(f, SETTLE_ALL, "in part of the steps, counted in the statement");
    free(groups);
    rows_free(&sums);
}

/* --- S4: the bits were told beforehand ---------------------------------------------------------
 */

void check_predicted(const struct rows *rows, struct finding *f) {
    size_t equal = 0;
    for (size_t k = 0; k < rows->count; k++) {
        /* A plan without a model would leave the claim open for its kind. */
        if (!row_has(rows, k, "predicted")) {
            finding_count(f, ANSWER_OPEN, rows, k);
            continue;
        }
        bool same = sum_same_bits(acc_of(rows, k), row_bits(rows, k, "measured"),
                                  row_bits(rows, k, "predicted"));
        finding_predicted(f, same, rows, k);
        equal += same;
    }
    finding_say(f, "%zu of %zu results have the predicted bits, over every plan, size and data set",
                equal, rows->count);
    finding_settle(f, SETTLE_ALL, "plans that have a model");
}

/* --- tables ------------------------------------------------------------------------------------
 */

int write_distinct(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    struct rows sums = sums_grouped(rows, "type=f32;acc=acc32;terms=elements");
    struct group g = {0};
    (void)run;
    while (group_next(&sums, &g))
        lab_table_row(table, "%s\t%s\t%s\t%.0f\t%zu\t%zu", row_text(&sums, g.first, "device"),
                      row_text(&sums, g.first, "method"), row_text(&sums, g.first, "input"),
                      row_number(&sums, g.first, "n"), g.distinct, g.count);
    rows_free(&sums);
    return 0;
}

static int compare_double(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Errors and bounds relative to the exact sum; the plot's axis is logarithmic, so that a zero
 * would vanish: it is shown at 1e-18, below everything a double can tell apart. */
static double shown(double relative) {
    return relative > 1e-18 ? relative : 1e-18;
}

static void error_row(struct lab_table *table, const struct rows *sums, const struct group *g,
                      double *errors) {
    double scale = fabs(row_number(sums, g->first, "reference")), bound = 0;
    const char *device = row_text(sums, g->first, "device");
    const char *method = row_text(sums, g->first, "method");
    const char *wide = acc_of(sums, g->first) == SUM_ACC64 ? " FP64" : "";
    for (size_t k = 0; k < g->count; k++) {
        errors[k] = row_number(sums, g->first + k, "error") / scale;
        bound = fmax(bound, row_number(sums, g->first + k, "bound") / scale);
    }
    qsort(errors, g->count, sizeof *errors, compare_double);
    lab_table_row(table, "%s%s %.*s\t%s\t%s%s\t%s\t%.0f\t%.3e\t%.3e\t%.3e\t%.3e", method, wide,
                  (int)strcspn(device, ":"), device, device, method, wide,
                  row_text(sums, g->first, "input"), row_number(sums, g->first, "n"),
                  shown(errors[g->count / 2]), shown(errors[0]), shown(errors[g->count - 1]),
                  shown(bound));
}

int write_error(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    struct rows sums = sums_grouped(rows, "type=f32;terms=elements");
    double *errors = malloc((sums.count + 1) * sizeof *errors);
    struct group g = {0};
    while (errors && group_next(&sums, &g))
        if (row_number(&sums, g.first, "reference") != 0)
            error_row(table, &sums, &g, errors);
    rows_free(&sums);
    free(errors);
    return errors ? 0 : lab_error(run, "out of memory while writing a table");
}
