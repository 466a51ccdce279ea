/* tables.c: what the plots are drawn from, where it is not one line a row. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "labs/08-token-margins/margins.h"

#define DEVICE(rows, k) row_text(rows, k, "device")

/* Each step's margin, and whether any pair of plans flips it. */
int margins_table(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    for (size_t k = 0; k < rows->count; k++) {
        if (!row_is(rows, k, "pair", pairs[0].name))
            continue; /* the rows of a case share its series */
        for (size_t s = 0; s < row_series(rows, k, "margin"); s++)
            lab_table_row(table, "%s\t%s\t%.0f\t%zu\t%.9g\t%s", DEVICE(rows, k),
                          row_text(rows, k, "kind"), row_number(rows, k, "question"), s,
                          row_series_number(rows, k, "margin", s),
                          row_series_number(rows, k, "flipped", s) > 0 ? "flips" : "stays");
    }
    return 0;
}

/* Flips of each pair over all texts. */
int rates_table(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    for (int p = 0; p < PAIRS; p++) {
        double steps = 0, flips = 0;
        size_t last = rows->count;
        for (size_t k = 0; k < rows->count; k++)
            if (row_is(rows, k, "pair", pairs[p].name)) {
                steps += row_number(rows, k, "steps");
                flips += row_number(rows, k, "flips");
                last = k;
            }
        const struct ratio r = number_share(flips, steps);
        if (last < rows->count)
            lab_table_row(table, "%s\t%s\t%d\t%.0f\t%.0f\t%.4g\t%.4g\t%.4g", DEVICE(rows, last),
                          pairs[p].name, p + 1, steps, flips, 100 * r.value, 100 * r.low,
                          100 * r.high);
    }
    return 0;
}

/* "1.5<TAB>1<TAB>2", in percent. */
static void percent(char *out, size_t size, double part, double all) {
    const struct ratio r = number_share(part, all);
    if (all > 0)
        snprintf(out, size, "%.4g\t%.4g\t%.4g", 100 * r.value, 100 * r.low, 100 * r.high);
    else
        snprintf(out, size, "\t\t");
}

static void percent_of_pair(const struct rows *rows, const char *pair, char *out, size_t size) {
    percent(out, size, sum_of(rows, pair, "flips"), sum_of(rows, pair, "steps"));
}

/* Order by roundings: flips where neither, one or both are changed. Neither is the same plan twice,
 * whose bits are the same: nothing is measured there. */
int order_table(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    static const struct {
        const char *between, *same, *other; /* pairs; "": the same plan */
    } lines[] = {{"floats", "", "f32-k1-k2"},
                 {"bfloat16", "", "k1-k2"},
                 {"floats; then bfloat16", "f32-bf16", "f32-bf16-k2"}};
    (void)run;
    for (size_t l = 0; l < sizeof lines / sizeof *lines; l++) {
        char same[100] = "0 (one plan)\t\t", other[100];
        if (*lines[l].same)
            percent_of_pair(rows, lines[l].same, same, sizeof same);
        percent_of_pair(rows, lines[l].other, other, sizeof other);
        lab_table_row(table, "%s\t%s\t%s\t%s", DEVICE(rows, 0), lines[l].between, same, other);
    }
    return 0;
}

static void saying_row(const struct rows *rows, struct lab_table *table, int pair, const char *rule,
                       double said, double right) {
    const double flips = sum_of(rows, pairs[pair].name, "flips");
    char precision[100], recall[100];
    percent(precision, sizeof precision, right, said);
    percent(recall, sizeof recall, right, flips);
    lab_table_row(table, "%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t%s\t%s", DEVICE(rows, 0), pairs[pair].name,
                  rule, flips, said, right, precision, recall);
}

/* Who says which steps flip, and how well: both plans, the bound 2e, the margin alone. */
int saying_table(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    for (int p = 0; p < PAIRS; p++) {
        const char *name = pairs[p].name;
        const struct margin_rule margin = margin_rule_of(rows, p);
        char rule[60];
        if (!(sum_of(rows, name, "steps") > 0))
            continue;
        saying_row(rows, table, p, "both plans", sum_of(rows, name, "said"),
                   sum_of(rows, name, "said") - sum_of(rows, name, "said wrongly"));
        saying_row(rows, table, p, "margin at most 2e", sum_of(rows, name, "can flip"),
                   sum_of(rows, name, "flips") - sum_of(rows, name, "flips beyond"));
        snprintf(rule, sizeof rule, "margin at most %.3g", margin.m);
        if (!isnan(margin.m))
            saying_row(rows, table, p, rule, margin.said, margin.right);
    }
    return 0;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum { EARLY = 16, KINDS_MOST = 12, TEXTS_MOST = 256 };

/* Of one kind of question: margins of the first steps of its texts, and its flips. */
static void kind_row(const struct rows *rows, const char *kind, struct lab_table *table) {
    double *early = calloc((size_t)EARLY * TEXTS_MOST, sizeof(*early));
    double flips = 0, steps = 0;
    size_t texts = 0, count = 0;
    char share[100];
    for (size_t k = 0; early && k < rows->count; k++) {
        if (!row_is(rows, k, "kind", kind))
            continue;
        flips += row_number(rows, k, "flips");
        steps += row_number(rows, k, "steps");
        if (!row_is(rows, k, "pair", pairs[0].name) || texts == TEXTS_MOST)
            continue; /* the rows of a case share its series */
        texts++;
        for (size_t s = 0; s < EARLY && s < row_series(rows, k, "margin"); s++)
            early[count++] = row_series_number(rows, k, "margin", s);
    }
    if (count) {
        qsort(early, count, sizeof(*early), by_value);
        percent(share, sizeof share, flips, steps);
        lab_table_row(table, "%s\t%s\t%zu\t%.4g\t%.4g\t%.0f\t%.0f\t%s", DEVICE(rows, 0), kind,
                      texts, early[count / 2], early[0], steps, flips, share);
    }
    free(early);
}

int kinds_table(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    const char *seen[KINDS_MOST];
    size_t count = 0;
    (void)run;
    for (size_t k = 0; k < rows->count; k++) {
        const char *kind = row_text(rows, k, "kind");
        size_t i = 0;
        while (i < count && strcmp(seen[i], kind) != 0)
            i++;
        if (i < count || count == KINDS_MOST)
            continue;
        seen[count++] = kind;
        kind_row(rows, kind, table);
    }
    return 0;
}

/* How many texts parted, and how many of these met again. */
int meeting_table(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    for (int p = 0; p < PAIRS; p++) {
        double texts = 0;
        char parted[100], met[100];
        for (size_t k = 0; k < rows->count; k++)
            texts += row_is(rows, k, "pair", pairs[p].name);
        if (texts == 0)
            continue;
        percent(parted, sizeof parted, sum_of(rows, pairs[p].name, "parted"), texts);
        percent(met, sizeof met, sum_of(rows, pairs[p].name, "met"),
                sum_of(rows, pairs[p].name, "parted"));
        lab_table_row(table, "%s\t%s\t%.0f\t%.0f\t%s\t%.0f\t%s", DEVICE(rows, 0), pairs[p].name,
                      texts, sum_of(rows, pairs[p].name, "parted"), parted,
                      sum_of(rows, pairs[p].name, "met"), met);
    }
    return 0;
}

/* How many in a hundred texts have not parted before each token. */
int whole_table(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    for (int p = 0; p < PAIRS; p++) {
        struct rows some = rows_select(rows, "08/free/", NULL);
        double most = 0, count = 0;
        for (size_t k = 0; k < some.count; k++)
            if (row_is(&some, k, "pair", pairs[p].name)) {
                most =
                    row_number(&some, k, "tokens") > most ? row_number(&some, k, "tokens") : most;
                count++;
            }
        for (double at = 0; count > 0 && at <= most && at <= 4096; at++) {
            double parted = 0;
            for (size_t k = 0; k < some.count; k++)
                parted +=
                    row_is(&some, k, "pair", pairs[p].name) && row_number(&some, k, "part") < at;
            lab_table_row(table, "%s\t%s\t%.0f\t%.6g", DEVICE(&some, 0), pairs[p].name, at,
                          100 * (count - parted) / count);
        }
        rows_free(&some);
    }
    return 0;
}
