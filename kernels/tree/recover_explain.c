/*
 * recover_explain.c: names for what is no plain sum along a fixed tree.
 *
 * What can be told apart from outputs: whether the bits depend on the order of the inputs at all;
 * whether every result is the correctly rounded one; whether adding in order of size gives the
 * bits; whether a compensated loop along the tree that the masks show gives them, or the error is
 * far below a plain sum's; and whether exchanging two inputs that meet in one addition changes the
 * bits, which under a fixed order it cannot.
 */
#include "kernels/tree/recover_inside.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "kernels/tree/tree_index.h"

#define SETS (DATA_KINDS * 4)

/* More of those that only an exact sum gets right. */
#define LAYER_SETS 40

static void set_inputs(struct recover_run *run, size_t k) {
    recover_random(run, (enum recover_data)(k % DATA_KINDS), 100 + k / DATA_KINDS);
    recover_fill_y(run, 1.0); /* a product's rounding is no matter of the order */
}

static int order_free(struct recover_run *run, bool *is) {
    *is = true;
    for (size_t k = 0; k < SETS && *is; k++) {
        double first, other;
        set_inputs(run, k);
        int status = recover_call(run, &first);
        for (uint64_t turn = 0; turn < 3 && *is && !status; turn++) {
            recover_shuffle(run, 8 * k + turn);
            status = recover_call(run, &other);
            *is = recover_same(first, other);
        }
        if (status)
            return status;
    }
    return 0;
}

/* One unit in the last place of the result's type. */
static double ulp(const struct recover_run *run, double v) {
    bool f32 = run->target->result == ELEMENT_F32;
    if (v == 0.0)
        return f32 ? 0x1p-149 : 0x1p-1074;
    int last = ilogb(v) - (f32 ? 23 : 52), lowest = f32 ? -149 : -1074;
    return ldexp(1.0, last < lowest ? lowest : last);
}

/* The inputs one after another, in the result's type. */
static double in_order(const struct recover_run *run, const double *x) {
    if (run->target->result == ELEMENT_F64) {
        double sum = x[0];
        for (size_t i = 1; i < run->n; i++)
            sum += x[i];
        return sum;
    }
    float sum = (float)x[0];
    for (size_t i = 1; i < run->n; i++)
        sum += (float)x[i];
    return sum;
}

struct accuracy {
    size_t sets;
    size_t exact; /* results that are the correctly rounded ones */
    size_t hard;  /* sets where a plain loop is off by more than four units in the last place … */
    size_t better; /* … and the function by one, and 2^-8 of the loop's error, at most */
};

static int look_at_accuracy(struct recover_run *run, struct accuracy *seen) {
    *seen = (struct accuracy){0};
    int status = 0;
    for (size_t k = 0; k < SETS + LAYER_SETS && !status; k++) {
        double result, exact;
        set_inputs(run, k);
        if (k >= SETS) {
            recover_random(run, DATA_LAYERS, k);
            recover_fill_y(run, 1.0);
        }
        status = recover_call(run, &result);
        if (!status)
            status = recover_exact(run, &exact);
        if (status)
            break;
        seen->sets++;
        seen->exact += recover_same(result, exact);
        if (k >= SETS || k % DATA_KINDS == DATA_LAYERS)
            continue; /* beyond what a compensated sum can hold */
        double unit = ulp(run, exact), plain = fabs(in_order(run, run->xv) - exact);
        bool hard = plain > 4.0 * unit;
        seen->hard += hard;
        seen->better += hard && fabs(result - exact) <= unit + plain / 256.0;
    }
    return status;
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
};

static bool ties(size_t set) {
    enum recover_data kind = (enum recover_data)(set % DATA_KINDS);
    return kind == DATA_CANCELLING || kind == DATA_LAYERS || kind == DATA_DEEP;
}

/* Results that are not the correctly rounded sum, before a sorting that gives them is believed: an
 * accurate sum of any kind has the same bits as an accurate sorted one. */
#define TELLING_SETS 3

/* *fits: adding by this sorting gives all bits, those of inexact results among them, and adding in
 * the order given does not. */
static int sorting_fits(struct recover_run *run, size_t which, double *x, bool *fits) {
    size_t plain = 0, sets = 0, telling = 0;
    *fits = true;
    for (size_t k = 0; k < SETS && *fits; k++) {
        double result, exact;
        if (ties(k))
            continue; /* the order among equal magnitudes is anybody's */
        set_inputs(run, k);
        int status = recover_call(run, &result);
        if (!status)
            status = recover_exact(run, &exact);
        if (status)
            return status;
        telling += !recover_same(result, exact);
        for (size_t i = 0; i < run->n; i++)
            x[i] = run->xv[i];
        sets++;
        plain += recover_same(result, in_order(run, x));
        qsort(x, run->n, sizeof *x, sortings[which].compare);
        for (size_t i = 0; sortings[which].descending && i < run->n / 2; i++) {
            double v = x[i];
            x[i] = x[run->n - 1 - i];
            x[run->n - 1 - i] = v;
        }
        *fits = recover_same(result, in_order(run, x));
    }
    *fits = *fits && plain < sets && telling >= TELLING_SETS;
    return 0;
}

/* *name: the sorting that gives all bits, or NULL. */
static int sorted(struct recover_run *run, const char **name) {
    *name = NULL;
    double *x = malloc(run->n * sizeof *x);
    if (!x)
        return recover_no_memory(run);
    int status = 0;
    for (size_t s = 0; s < sizeof sortings / sizeof *sortings && !*name && !status; s++) {
        bool fits;
        status = sorting_fits(run, s, x, &fits);
        if (!status && fits)
            *name = sortings[s].name;
    }
    free(x);
    return status;
}

/* --- compensation along the tree -------------------------------------------------------------- */

struct pair {
    double s, c;
};

static double to_result(const struct recover_run *run, double v) {
    return run->target->result == ELEMENT_F64 ? v : (float)v;
}

/* W. Kahan's step s + v with the correction c of the steps before. */
static struct pair kahan(const struct recover_run *run, struct pair p, double v) {
    double y = to_result(run, v - p.c), t = to_result(run, p.s + y);
    return (struct pair){t, to_result(run, to_result(run, t - p.s) - y)};
}

static double kahan_along(const struct recover_run *run, struct pair *value) {
    const struct tree *tree = run->out->tree;
    size_t n = run->n;
    tree_ref root = tree_root(tree);
    for (size_t i = 0; i < n; i++)
        value[i] = (struct pair){run->xv[i], 0.0};
    for (tree_ref v = (tree_ref)n; v <= root; v++) {
        tree_ref a = tree_child(tree, v, 0), b = tree_child(tree, v, 1);
        if (a < n && (b >= n || b < a)) { /* the lower leaf starts, or the partial sum does */
            tree_ref swap = a;
            a = b;
            b = swap;
        }
        value[v] = b < n ? kahan(run, value[a], value[b].s)
                         : (struct pair){to_result(run, value[a].s + value[b].s), 0.0};
    }
    return value[root].s;
}

static int is_kahan(struct recover_run *run, bool *is) {
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
    *is = true;
    for (size_t k = 0; k < SETS && *is && !status; k++) {
        double result;
        set_inputs(run, k);
        status = recover_call(run, &result);
        *is = recover_same(result, kahan_along(run, value));
    }
    free(value);
    return status;
}

/* --- exchanging what one addition adds -------------------------------------------------------- */

static int exchange_matters(struct recover_run *run, bool *matters) {
    const struct tree *tree = run->out->tree;
    size_t n = run->n;
    *matters = false;
    for (size_t k = 0; k < SETS && !*matters; k++) {
        double before, after;
        set_inputs(run, k);
        int status = recover_call(run, &before);
        if (status)
            return status;
        for (tree_ref v = (tree_ref)n; v <= tree_root(tree); v++) {
            tree_ref a = tree_child(tree, v, 0), b = tree_child(tree, v, 1);
            if (a >= n || b >= n)
                continue;
            double x = run->xv[a];
            recover_set(run, a, run->xv[b]);
            recover_set(run, b, x);
        }
        status = recover_call(run, &after);
        if (status)
            return status;
        *matters = !recover_same(before, after);
    }
    return 0;
}

/* --- the verdict ------------------------------------------------------------------------------ */

struct evidence {
    struct accuracy accuracy;
    bool order_free, kahan, exchange_matters;
    const char *sorting;
};

static int collect(struct recover_run *run, struct evidence *e) {
    int status = look_at_accuracy(run, &e->accuracy);
    if (!status)
        status = order_free(run, &e->order_free);
    if (!status)
        status = sorted(run, &e->sorting);
    if (!status)
        status = is_kahan(run, &e->kahan);
    if (!status && run->out->tree)
        status = exchange_matters(run, &e->exchange_matters);
    return status;
}

int recover_explain(struct recover_run *run, enum recover_sight sight) {
    struct evidence e = {0};
    int status = collect(run, &e);
    if (status)
        return status;
    const struct accuracy *a = &e.accuracy;
    bool compensated = a->better == a->hard && a->hard >= 4;
    if (sight != SIGHT_FLAT && a->exact == a->sets)
        return recover_reject(
            run, RECOVER_EXACT,
            "all %zu results are the correctly rounded sum, also where magnitudes "
            "lie far apart: no order is to be seen",
            a->sets);
    if (e.sorting)
        return recover_reject(run, RECOVER_DATA_ORDER,
                              "it adds %s: that gives its bits on all random data", e.sorting);
    if (sight == SIGHT_FLAT && e.order_free)
        return recover_reject(run, RECOVER_BINNED,
                              "next to a large input every unit is lost, wherever it stands, and "
                              "no order of the inputs changes a bit");
    if (e.order_free)
        return recover_reject(run, RECOVER_ON_A_GRID,
                              "no order of the inputs changes a bit, but %zu of %zu results are "
                              "not the correctly rounded sum",
                              a->sets - a->exact, a->sets);
    if (e.kahan)
        return recover_reject(run, RECOVER_COMPENSATED,
                              "Kahan's compensated addition along the order the masks show gives "
                              "its bits on all random data");
    if (compensated)
        return recover_reject(run, RECOVER_COMPENSATED,
                              "of %zu inputs on which a plain loop loses more than two bits, it is "
                              "off by one unit in the last place, or 2^-8 of that, on all",
                              a->hard);
    if (sight == SIGHT_TREE && !e.exchange_matters)
        return recover_reject(run, RECOVER_ARITHMETIC,
                              "a tree fits all probes, but its bits match on %zu of %d random "
                              "inputs only",
                              run->out->data_sets, DATA_KINDS * RECOVER_SETS_PER_KIND);
    if (sight == SIGHT_TREE)
        return recover_reject(run, RECOVER_DATA_ORDER,
                              "exchanging two inputs that meet in one addition changes the bits "
                              "on random data");
    return recover_reject(run, RECOVER_DATA_ORDER,
                          "no tree has all the subtree sizes that %zu probes measured",
                          run->out->probes + run->out->fresh + run->out->weighted);
}
