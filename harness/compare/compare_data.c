/*
 * compare_data.c: the tables behind the plots of a comparison (compare_page.h).
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare_page.h"
#include "harness/compare/compare_pick.h"
#include "harness/error.h"
#include "harness/measure/stats.h"
#include "harness/page/table.h"
#include "harness/page/units.h"

/* More marks than this lie upon each other on any screen. */
#define MARKS_MOST 600

static int short_of_memory(void) {
    return error_set("out of memory; close other programs");
}

static bool has_ratio(const struct compare_pair *p) {
    return compare_is_timed(p) && p->times.verdict != COMPARE_NOT_COMPARABLE;
}

static int by_ratio(const void *a, const void *b) {
    const struct compare_pair *x = *(const struct compare_pair *const *)a;
    const struct compare_pair *y = *(const struct compare_pair *const *)b;
    double p = x->times.ratio.value, q = y->times.ratio.value;
    return p != q ? (p > q) - (p < q) : strcmp(x->first->id, y->first->id);
}

/* Empty where it is not known. */
static void number(double x, FILE *out) {
    fputc('\t', out);
    if (isfinite(x))
        fprintf(out, "%.6g", x);
}

/* An id in the letters that a table takes, so that nothing in it means anything to gnuplot. */
static void plain_id(const char *id, char *out, size_t size) {
    size_t n = strnlen(id, size - 1);
    for (size_t k = 0; k < n; k++)
        out[k] = strchr(TABLE_LETTERS, id[k]) ? id[k] : '_';
    out[n] = '\0';
}

static void mark_row(const struct compare_pair *p, size_t rank, FILE *out) {
    const struct compare_times *t = &p->times;
    char id[120], ratio[UNITS_TEXT];
    plain_id(p->first->id, id, sizeof id);
    fprintf(out, "%s\t%zu", compare_verdict_name(t->verdict), rank);
    number(t->ratio.value, out);
    number(t->ratio.low, out);
    number(t->ratio.high, out);
    number(compare_time(p->first), out);
    snprintf(ratio, sizeof ratio, "%.3f", t->ratio.value);
    fprintf(out, "\t%s: %s\n", ratio, id);
}

/* Cases with a ratio, in order of it, and which of them are marks. */
struct data {
    const struct compare *c;
    const struct compare_pair **list;
    size_t cases, marks;
    size_t shown[2 * MARKS_MOST]; /* of `list` */
};

static bool differs(const struct compare_pair *p) {
    return p->times.verdict == COMPARE_SLOWER || p->times.verdict == COMPARE_FASTER;
}

/* Every k-th of all, and the last; all that differ, if they are few. */
static void choose(struct data *d) {
    size_t every = (d->cases + MARKS_MOST - 1) / MARKS_MOST, different = 0;
    for (size_t k = 0; k < d->cases; k++)
        different += differs(d->list[k]);
    for (size_t k = 0; k < d->cases; k++)
        if (k % every == 0 || k + 1 == d->cases ||
            (different <= MARKS_MOST / 2 && differs(d->list[k])))
            d->shown[d->marks++] = k;
}

static void write_marks(const struct data *d, FILE *out) {
    fputs("verdict\trank\tratio\tlow\thigh\ttime\ttip\n", out);
    for (size_t k = 0; k < d->marks; k++)
        mark_row(d->list[d->shown[k]], d->shown[k] + 1, out);
}

/* Ratios that are shown in their place: from the 2nd percentile to the 98th, and half as far again
 * on a logarithmic scale, so that one case far out does not press all others together. */
static int range_of(const struct data *d, double *low, double *high) {
    double *ratios = malloc((d->cases + 1) * sizeof *ratios);
    if (!ratios)
        return -1;
    for (size_t k = 0; k < d->cases; k++)
        ratios[k] = d->list[k]->times.ratio.value;
    double least = stats_quantile(ratios, d->cases, 0.02);
    double most = stats_quantile(ratios, d->cases, 0.98);
    *low = fmax(ratios[0], least / sqrt(most / least));
    *high = fmin(ratios[d->cases - 1], most * sqrt(most / least));
    free(ratios);
    return 0;
}

/* What counts as the same, from the first to the last case, and the plot's range. */
static void write_band(const struct data *d, FILE *out) {
    double first = INFINITY, last = 0, same = 1 + d->c->rule.same, low, high;
    fputs("rank\ttime\tlow\thigh\tleast\tmost\n", out);
    if (d->cases == 0 || range_of(d, &low, &high) != 0)
        return;
    for (size_t k = 0; k < d->cases; k++) {
        double time = compare_time(d->list[k]->first);
        first = fmin(first, time);
        last = fmax(last, time);
    }
    for (int end = 0; end < 2; end++)
        fprintf(out, "%zu\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g\n", end ? d->cases + 1 : 0,
                end ? last * 1.3 : first / 1.3, 1 / same, same, low, high);
}

static int write_table(const struct data *d, void (*write)(const struct data *, FILE *),
                       const char *name, const struct folder *folder) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return short_of_memory();
    write(d, out);
    int status = fclose(out) ? short_of_memory() : folder_write(folder, name, text, length);
    free(text);
    return status;
}

int compare_data(struct compare_section *section, const struct folder *folder) {
    const struct compare *c = section->c;
    struct data d = {.c = c, .list = malloc((c->count + 1) * sizeof *d.list)};
    if (!d.list)
        return short_of_memory();
    for (size_t k = 0; k < c->count; k++)
        if (has_ratio(&c->pairs[k]))
            d.list[d.cases++] = &c->pairs[k];
    qsort(d.list, d.cases, sizeof *d.list, by_ratio);
    choose(&d);
    int status = write_table(&d, write_marks, "ratios.tsv", folder);
    if (status == 0)
        status = write_table(&d, write_band, "band.tsv", folder);
    free(d.list);
    section->cases = d.cases;
    section->marks = d.marks;
    return status;
}
