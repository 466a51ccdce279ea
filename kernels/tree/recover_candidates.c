/*
 * recover_candidates.c: arithmetic that is no plain sum along a tree, and that random data tell by
 * its bits: sums that sort, and compensated ones along the tree that the masks show.
 */
#include "kernels/tree/recover_inside.h"

#include <math.h>
#include <stdlib.h>

enum recover_width recover_result_width(const struct recover_run *run) {
    return run->target->result == ELEMENT_F64 ? RECOVER_WIDTH_F64 : RECOVER_WIDTH_F32;
}

/* Rounded once: not to the x87's format first. */
static long double plus(long double a, long double b, enum recover_width width) {
    return width <= RECOVER_WIDTH_F32   ? (float)a + (float)b
           : width == RECOVER_WIDTH_F64 ? (double)a + (double)b
                                        : a + b;
}

static long double rounded(long double v, enum recover_width width) {
    return plus(v, 0.0L, width);
}

double recover_in_order(const struct recover_run *run, const double *x, enum recover_width width) {
    long double sum = x[0];
    for (size_t i = 1; i < run->n; i++)
        sum = plus(sum, x[i], width);
    return (double)rounded(sum, recover_result_width(run));
}

/* --- sums that sort --------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b) {
    double p = fabs(*(const double *)a), q = fabs(*(const double *)b);
    return (p > q) - (p < q);
}

static int by_value(const void *a, const void *b) {
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

static const struct {
    int (*compare)(const void *, const void *);
    bool descending;
    const char *name;
} sortings[] = {
    {by_size, false, "from the smallest magnitude to the largest"},
    {by_size, true, "from the largest magnitude to the smallest"},
    {by_value, false, "from the lowest value to the highest"},
    {by_value, true, "from the highest value to the lowest"},
    {NULL, false, "the positive inputs and the negative ones apart from each other"},
};

static bool ties(size_t set) {
    enum recover_data kind = (enum recover_data)(set % DATA_KINDS);
    return kind == DATA_CANCELLING || kind == DATA_LAYERS || kind == DATA_DEEP ||
           (kind > DATA_SUBNORMAL && kind != DATA_TRIPLES);
}

/* Positive inputs one after another, then negative ones, and both sums together. */
static double signs_apart(const struct recover_run *run, const double *x,
                          enum recover_width width) {
    long double up = 0.0L, down = 0.0L;
    for (size_t i = 0; i < run->n; i++)
        if (x[i] > 0.0)
            up = plus(up, x[i], width);
        else
            down = plus(down, x[i], width);
    return (double)rounded(plus(up, down, width), recover_result_width(run));
}

/* Results that are not the correctly rounded sum, before a sorting that gives them is believed: an
 * accurate sum of any kind has the same bits as an accurate sorted one. */
#define TELLING_SETS 3

/* Few inputs tell little: more sets of them. */
static size_t sorting_sets(size_t n) {
    return n <= 16 ? (size_t)DATA_KINDS * 40 : RECOVER_EXPLAIN_SETS;
}

/* *fits: adding by this sorting gives all bits, those of inexact results among them, and adding in
 * the order given does not. */
static int sorting_fits(struct recover_run *run, size_t which, enum recover_width width, double *x,
                        bool *fits) {
    size_t plain = 0, sets = 0, telling = 0;
    *fits = true;
    for (size_t k = 0; k < sorting_sets(run->n) && *fits; k++) {
        double result, exact;
        if (ties(k))
            continue; /* the order among equal magnitudes is anybody's */
        recover_explain_set(run, k);
        int status = recover_call(run, &result);
        if (!status)
            status = recover_exact(run, &exact);
        if (status)
            return status;
        telling += !recover_same(result, exact);
        for (size_t i = 0; i < run->n; i++)
            x[i] = run->xv[i];
        sets++;
        plain += recover_same(result, recover_in_order(run, x, width));
        if (!sortings[which].compare) {
            *fits = recover_same(result, signs_apart(run, x, width));
            continue;
        }
        qsort(x, run->n, sizeof *x, sortings[which].compare);
        for (size_t i = 0; sortings[which].descending && i < run->n / 2; i++) {
            double v = x[i];
            x[i] = x[run->n - 1 - i];
            x[run->n - 1 - i] = v;
        }
        *fits = recover_same(result, recover_in_order(run, x, width));
    }
    *fits = *fits && plain < sets && telling >= TELLING_SETS;
    return 0;
}

/* *name: the sorting that gives all bits, or NULL. */
int recover_sorted(struct recover_run *run, enum recover_width width, const char **name) {
    *name = NULL;
    double *x = malloc(run->n * sizeof *x);
    if (!x)
        return recover_no_memory(run);
    int status = 0;
    for (size_t s = 0; s < sizeof sortings / sizeof *sortings && !*name && !status; s++) {
        bool fits;
        status = sorting_fits(run, s, width, x, &fits);
        if (!status && fits)
            *name = sortings[s].name;
    }
    free(x);
    return status;
}

/* --- compensation along the tree -------------------------------------------------------------- */

struct pair {
    long double s, c;
};

/* W. Kahan's step s + v with the correction c of the steps before. */
static struct pair kahan(struct pair p, long double v, enum recover_width w) {
    long double y = plus(v, -p.c, w), t = plus(p.s, y, w);
    return (struct pair){t, plus(plus(t, -p.s, w), -y, w)};
}

static double kahan_along(const struct recover_run *run, enum recover_width w, struct pair *value) {
    const struct tree *tree = run->out->tree;
    size_t n = run->n;
    tree_ref root = tree_root(tree);
    for (size_t i = 0; i < n; i++)
        value[i] = (struct pair){run->xv[i], 0.0L};
    for (tree_ref v = (tree_ref)n; v <= root; v++) {
        tree_ref a = tree_child(tree, v, 0), b = tree_child(tree, v, 1);
        if (a < n && (b >= n || b < a)) { /* the lower leaf starts, or the partial sum does */
            tree_ref swap = a;
            a = b;
            b = swap;
        }
        value[v] = b < n ? kahan(value[a], value[b].s, w)
                         : (struct pair){plus(value[a].s, value[b].s, w), 0.0L};
    }
    return (double)rounded(value[root].s, recover_result_width(run));
}

int recover_kahan(struct recover_run *run, enum recover_width *width, bool *is) {
    *is = false;
    if (!run->out->tree || tree_depth(run->out->tree) < 2)
        return 0;
    for (tree_ref v = (tree_ref)run->n; v <= tree_root(run->out->tree); v++)
        if (tree_child_count(run->out->tree, v) != 2)
            return 0;
    struct pair *value = malloc(2 * run->n * sizeof *value);
    if (!value)
        return recover_no_memory(run);
    int status = 0;
    for (*width = recover_result_width(run); *width <= RECOVER_WIDTH_X87 && !*is && !status;
         *width += !*is) {
        *is = true;
        for (size_t k = 0; k < RECOVER_EXPLAIN_SETS && *is && !status; k++) {
            double result;
            recover_explain_set(run, k);
            status = recover_call(run, &result);
            *is = recover_same(result, kahan_along(run, *width, value));
        }
    }
    free(value);
    return status;
}
