/*
 * recover_rule.c: the arithmetic along a known tree, found by a few calls per node, then judged by
 * bits on random data.
 *
 * A node's width. Let a and b lie in different children of node N and c beside N under its parent:
 * x[a] = 2^10, x[b] = 2^(10-k), x[c] = -2^10 and zeros elsewhere leave 2^(10-k) if what N hands on
 * holds k more bits, and nothing if N rounds it away. k = 30 is lost in f32 and kept in f64; k = 58
 * is kept by the x87 only. The root hands on the result itself.
 *
 * A product's rounding. x[i] = y[i] = 1 + 2^-h has a last bit, 2^-2h, that does not fit. If it is
 * there after x[j] = -(1 + 2^(1-h)) beside it was added, the product was not rounded on its own:
 * a fused multiply-add, or products formed in a wider type.
 *
 * Then C's rules: operands are added in the wider of their types, and stored in the node's. A node
 * with more than two children is an aligned sum: terms cut below 2^(E-F), E the largest exponent,
 * then added exactly and rounded once; F is counted with the same three inputs inside the node.
 */
#include "kernels/tree/recover_inside.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/tree/tree_index.h"

enum width { WIDTH_F32, WIDTH_F64, WIDTH_X87, WIDTHS };

/* Aligned sums in 128-bit integers: F and the carries of 2^16 terms fit. */
#define FRACTION_MAX 64

struct rule {
    unsigned char *width; /* per node, leaves too: what it hands on */
    unsigned char *whole; /* per leaf: its product enters the addition unrounded */
    enum width root;      /* in which the last addition is done, at least */
    int fraction;         /* F of nodes with more than two children */
    bool cuts;            /* and what is below is cut, not rounded */
    bool toward_zero;     /* their last rounding */
    bool flush;           /* subnormals are zero */
    double least_normal;  /* of the inputs' type, or f32 */
    bool higher_first;    /* in a pair of products, the one of the higher index is rounded */
};

/* --- evaluation ------------------------------------------------------------------------------- */

static long double narrowed(long double v, enum width width) {
    return width == WIDTH_F32 ? (float)v : width == WIDTH_F64 ? (double)v : v;
}

static long double flushed(const struct rule *rule, long double v) {
    return rule->flush && fabsl(v) < rule->least_normal ? copysignl(0.0L, v) : v;
}

/* A product rounded on its own. Of floats it is exact in double, so the second rounding is the
 * only one. */
static long double product(double x, double y, enum width width) {
    if (width == WIDTH_X87)
        return (long double)x * y;
    double v = x * y;
    return width == WIDTH_F32 ? (float)v : v;
}

static long double added(long double a, long double b, enum width width) {
    if (width == WIDTH_F32)
        return (float)a + (float)b;
    if (width == WIDTH_F64)
        return (double)a + (double)b;
    return a + b;
}

static long double fused(double x, double y, long double addend, enum width width) {
    if (width == WIDTH_F32)
        return fmaf((float)x, (float)y, (float)addend);
    if (width == WIDTH_F64)
        return fma(x, y, (double)addend);
    return fmal(x, y, addend);
}

/* The sum of terms cut below 2^(E-F), exact; then to the node's width. */
static long double aligned(const struct rule *rule, const long double *term, const int *exponent,
                           size_t count, enum width width) {
    int top = INT32_MIN;
    for (size_t k = 0; k < count; k++)
        if (term[k] != 0.0L && exponent[k] > top)
            top = exponent[k];
    if (top == INT32_MIN)
        return 0.0L;
    int last = top - rule->fraction;
    __int128 sum = 0;
    for (size_t k = 0; k < count; k++)
        sum += (__int128)truncl(ldexpl(term[k], -last));
    bool negative = sum < 0;
    unsigned __int128 size = negative ? -(unsigned __int128)sum : (unsigned __int128)sum;
    int bits = width == WIDTH_F32 ? 24 : width == WIDTH_F64 ? 53 : 64, drop = 0;
    while (size >> drop >> bits)
        drop++;
    int lowest = width == WIDTH_F32 ? -149 : width == WIDTH_F64 ? -1074 : -16445;
    if (last + drop < lowest)
        drop = lowest - last;
    unsigned __int128 kept = drop < 128 ? size >> drop : 0;
    if (drop > 0 && drop < 128 && !rule->toward_zero) {
        unsigned __int128 rest = size - (kept << drop), half = (unsigned __int128)1 << (drop - 1);
        kept += rest > half || (rest == half && (kept & 1));
    }
    long double v = ldexpl((long double)(uint64_t)kept, last + drop);
    v = negative ? -v : v;
    /* Overflow: rounding toward zero stops at the largest number. */
    return rule->toward_zero && width == WIDTH_F32 && fabsl(v) > FLT_MAX ? copysignl(FLT_MAX, v)
                                                                         : narrowed(v, width);
}

struct walk { /* one evaluation */
    const struct recover_run *run;
    const struct rule *rule;
    long double *value;
    bool dot;
    long double *term; /* scratch, one per child */
    int *exponent;
};

static enum width leaf_width(const struct recover_run *run) {
    return run->target->type == ELEMENT_F64 ? WIDTH_F64 : WIDTH_F32;
}

static void evaluate_wide(struct walk *w, tree_ref node, enum width width) {
    const struct tree *tree = w->run->out->tree;
    size_t n = w->run->n, count = tree_child_count(tree, node);
    for (size_t k = 0; k < count; k++) {
        tree_ref c = tree_child(tree, node, k);
        bool whole = c < n && w->rule->whole[c];
        w->term[k] = whole ? (long double)w->run->xv[c] * w->run->yv[c] : w->value[c];
        /* A product's exponent is the sum of its factors', not normalised. */
        if (w->term[k] != 0.0L)
            w->exponent[k] =
                whole ? ilogb(w->run->xv[c]) + ilogb(w->run->yv[c]) : ilogbl(w->term[k]);
    }
    w->value[node] = aligned(w->rule, w->term, w->exponent, count, width);
}

static void evaluate_node(struct walk *w, tree_ref node, tree_ref root) {
    const struct tree *tree = w->run->out->tree;
    const struct rule *rule = w->rule;
    size_t n = w->run->n;
    enum width width = rule->width[node];
    if (tree_child_count(tree, node) > 2) {
        evaluate_wide(w, node, width);
        return;
    }
    tree_ref a = tree_child(tree, node, 0), b = tree_child(tree, node, 1);
    enum width in = width > rule->width[a] ? width : rule->width[a];
    in = in > rule->width[b] ? in : rule->width[b];
    in = node == root && in < rule->root ? rule->root : in;
    bool whole_a = a < n && rule->whole[a], whole_b = b < n && rule->whole[b];
    /* One product is fused into the addition; beside it, another is rounded to the sum's type. */
    if (whole_a && whole_b && (a < b) != rule->higher_first)
        whole_a = false;
    long double v;
    if (whole_a || whole_b) {
        tree_ref into = whole_a ? a : b, other = whole_a ? b : a;
        long double addend = w->value[other];
        if (other < n && rule->whole[other])
            addend = product(w->run->xv[other], w->run->yv[other], in);
        v = fused(w->run->xv[into], w->run->yv[into], addend, in);
    } else {
        v = added(w->value[a], w->value[b], in);
    }
    w->value[node] = flushed(rule, narrowed(v, width));
}

static long double evaluate(struct walk *w) {
    const struct recover_run *run = w->run;
    tree_ref root = tree_root(run->out->tree);
    for (size_t i = 0; i < run->n; i++) {
        long double v = run->xv[i];
        if (w->dot)
            v = product(run->xv[i], run->yv[i], leaf_width(run));
        w->value[i] = flushed(w->rule, v);
    }
    for (tree_ref node = (tree_ref)run->n; node <= root && root >= run->n; node++)
        evaluate_node(w, node, root);
    enum width result = run->target->result == ELEMENT_F64 ? WIDTH_F64 : WIDTH_F32;
    return narrowed(w->value[root], result);
}

/* --- the calls per node and leaf -------------------------------------------------------------- */

/* The result of three inputs among zeros, which are zero again after. */
static int three(struct recover_run *run, const size_t at[3], const double v[3], double *result) {
    for (int k = 0; k < 3; k++)
        recover_set(run, at[k], v[k]);
    int status = recover_call(run, result);
    for (int k = 0; k < 3; k++)
        recover_set(run, at[k], 0.0);
    return status;
}

/* Does x[b], 2^-k times x[a], outlive -x[a] at c? */
static int outlives(struct recover_run *run, size_t a, size_t b, size_t c, int k, bool *does) {
    double result, small = ldexp(1.0, 10 - k);
    int status = three(run, (size_t[]){a, b, c}, (double[]){0x1p10, small, -0x1p10}, &result);
    *does = result == small;
    return status;
}

/* A leaf beside `node` under its parent. */
static size_t beside(const struct tree *tree, const struct tree_index *index, tree_ref node) {
    tree_ref parent = index->parent[node];
    tree_ref other = tree_child(tree, parent, 0);
    return index->lowest[other == node ? tree_child(tree, parent, 1) : other];
}

static int find_widths(struct recover_run *run, struct rule *rule) {
    const struct tree *tree = run->out->tree;
    const struct tree_index *index = tree_index(tree);
    if (!index)
        return recover_no_memory(run);
    memset(rule->width, leaf_width(run), run->n);
    tree_ref root = tree_root(tree);
    for (tree_ref node = (tree_ref)run->n; node < root; node++) {
        size_t a = index->lowest[tree_child(tree, node, 0)];
        size_t b = index->lowest[tree_child(tree, node, 1)];
        size_t c = beside(tree, index, node);
        bool f64, x87 = false;
        int status = outlives(run, a, b, c, 30, &f64);
        if (!status && f64 && run->target->type != ELEMENT_F16)
            status = outlives(run, a, b, c, 58, &x87);
        if (status)
            return status;
        rule->width[node] = x87 ? WIDTH_X87 : f64 ? WIDTH_F64 : WIDTH_F32;
    }
    rule->width[root] = run->target->result == ELEMENT_F64 ? WIDTH_F64 : WIDTH_F32;
    return 0;
}

/* F of the first node with more than two children. */
static int find_fraction(struct recover_run *run, struct rule *rule) {
    const struct tree *tree = run->out->tree;
    const struct tree_index *index = tree_index(tree);
    tree_ref node = (tree_ref)run->n, root = tree_root(tree);
    while (node <= root && tree_child_count(tree, node) < 3)
        node++;
    if (node > root)
        return 0;
    size_t leaf[3];
    for (int k = 0; k < 3; k++)
        leaf[k] = index->lowest[tree_child(tree, node, (size_t)k)];
    int most = run->target->type == ELEMENT_F16 ? 34 : FRACTION_MAX;
    bool does = true;
    for (int k = 8; k <= most && does; k++) {
        int status = outlives(run, leaf[0], leaf[1], leaf[2], k, &does);
        if (status)
            return status;
        if (does)
            rule->fraction = k;
    }
    /* Three quarters of the last place are cut to nothing; a sum that rounds its inputs to a grid
     * makes one of them. */
    double result, part = ldexp(0.75, 10 - rule->fraction);
    if (run->target->type == ELEMENT_F16 && rule->fraction > 32)
        return 0;
    int status = three(run, leaf, (double[]){0x1p10, part, -0x1p10}, &result);
    rule->cuts = result == 0.0;
    return status;
}

static int find_products(struct recover_run *run, struct rule *rule) {
    const struct tree *tree = run->out->tree;
    const struct tree_index *index = tree_index(tree);
    /* Products of half-precision numbers fit into f32: nothing to find. */
    int h = run->target->type == ELEMENT_F32 ? 12 : run->target->type == ELEMENT_F64 ? 27 : 0;
    if (h == 0) {
        memset(rule->whole, 1, run->n);
        return 0;
    }
    double x = 1.0 + ldexp(1.0, -h), rounded = 1.0 + ldexp(1.0, 1 - h), result;
    for (size_t i = 0; i < run->n && run->n > 1; i++) {
        size_t j = beside(tree, index, (tree_ref)i);
        recover_set_y(run, i, x);
        recover_set(run, j, -rounded);
        recover_set(run, i, x);
        int status = recover_call(run, &result);
        recover_set_y(run, i, 1.0);
        recover_set(run, j, 0.0);
        recover_set(run, i, 0.0);
        if (status)
            return status;
        rule->whole[i] = result == ldexp(1.0, -2 * h);
    }
    return 0;
}

/* --- judged by bits --------------------------------------------------------------------------- */

/* Data sets of which the rule gives the bits, until the first it does not (if `to_first`). */
static int judge(struct walk *w, struct recover_run *run, const double *expected, bool to_first,
                 size_t *matched) {
    *matched = 0;
    for (size_t k = 0; k < DATA_KINDS * RECOVER_SETS_PER_KIND; k++) {
        recover_random(run, (enum recover_data)(k % DATA_KINDS), k / DATA_KINDS);
        if (recover_same((double)evaluate(w), expected[k]))
            ++*matched;
        else if (to_first)
            break;
    }
    return 0;
}

static int expect(struct recover_run *run, double *expected) {
    for (size_t k = 0; k < DATA_KINDS * RECOVER_SETS_PER_KIND; k++) {
        recover_random(run, (enum recover_data)(k % DATA_KINDS), k / DATA_KINDS);
        int status = recover_call(run, &expected[k]);
        if (status)
            return status;
    }
    return 0;
}

/* Fills out->rule: the arithmetic in words. */
static void tell(struct recover_run *run, const struct rule *rule) {
    static const char *const name[WIDTHS] = {"f32", "f64", "x87 (64-bit significand)"};
    const struct tree *tree = run->out->tree;
    size_t n = run->n, inner = 0, many = 0, fused_leaves = 0, by_width[WIDTHS] = {0};
    for (tree_ref v = (tree_ref)n; v < tree_root(tree); v++, inner++)
        by_width[rule->width[v]]++;
    for (tree_ref v = (tree_ref)n; v <= tree_root(tree) && n > 1; v++)
        many += tree_child_count(tree, v) > 2;
    for (size_t i = 0; i < n; i++)
        fused_leaves += rule->whole[i];
    const char *result = element_word(run->target->result);
    char *to = run->out->rule;
    size_t room = sizeof run->out->rule, used = 0;
#define TELL(...) used += (size_t)snprintf(to + used, used < room ? room - used : 0, __VA_ARGS__)
    enum width usual = WIDTH_F32;
    for (int k = 0; k < WIDTHS; k++)
        usual = by_width[k] > by_width[usual] ? (enum width)k : usual;
    if (inner == 0)
        TELL("the result rounded to %s", result);
    else if (by_width[usual] == inner)
        TELL("each partial sum rounded to %s, the result to %s", name[usual], result);
    else {
        TELL("partial sums rounded to");
        for (int k = 0, first = 1; k < WIDTHS; k++)
            if (by_width[k]) {
                TELL("%s %s (%zu of %zu)", first ? "" : " or", name[k], by_width[k], inner);
                first = 0;
            }
        TELL(", the result to %s", result);
    }
    if (many) {
        TELL("; %zu fused node%s: terms cut to %d fraction bits, then %s", many,
             many == 1 ? "" : "s", rule->fraction,
             rule->toward_zero ? "rounded toward zero" : "rounded to nearest even");
    }
    bool exact_products = run->target->type == ELEMENT_F16 || run->target->type == ELEMENT_BF16;
    if (run->target->dot && !exact_products && fused_leaves == 0)
        TELL("; products rounded before they are added");
    else if (run->target->dot && !exact_products)
        TELL("; %zu of %zu products added unrounded (fused multiply-add or a wider type)",
             fused_leaves, n);
    if (rule->flush)
        TELL("; subnormals are zero");
#undef TELL
}

/* Tries what calls cannot tell apart, likeliest first: without change, then the root's width,
 * flushing, the rounding of fused nodes, which of two products is rounded. */
static int choose(struct walk *w, struct recover_run *run, struct rule *rule,
                  const double *expected, bool *fits) {
    size_t all = DATA_KINDS * RECOVER_SETS_PER_KIND, matched;
    for (int k = 0; k < 24 && rule->cuts; k++) {
        rule->root = (enum width)(k % 3);
        rule->toward_zero = k / 3 % 2;
        rule->flush = k / 6 % 2;
        rule->higher_first = k / 12;
        judge(w, run, expected, true, &matched);
        *fits = matched == all;
        if (*fits) {
            run->out->data_sets = all;
            run->out->subnormals_flushed = rule->flush;
            tell(run, rule);
            return 0;
        }
    }
    rule->root = WIDTH_F32;
    rule->toward_zero = rule->flush = rule->higher_first = false;
    judge(w, run, expected, false, &matched);
    run->out->data_sets = matched;
    return 0;
}

int recover_rule(struct recover_run *run, bool *fits) {
    size_t n = run->n, nodes = 2 * n;
    struct rule rule = {.fraction = 24, .cuts = true};
    rule.least_normal = run->target->type == ELEMENT_F64 ? DBL_MIN : FLT_MIN;
    struct walk w = {.run = run, .rule = &rule, .dot = run->target->dot != NULL};
    rule.width = calloc(nodes, 1);
    rule.whole = calloc(n, 1);
    w.value = malloc(nodes * sizeof *w.value);
    w.term = malloc(n * sizeof *w.term);
    w.exponent = malloc(n * sizeof *w.exponent);
    double *expected = malloc(DATA_KINDS * RECOVER_SETS_PER_KIND * sizeof *expected);
    int status = 0;
    *fits = false;
    if (!rule.width || !rule.whole || !w.value || !w.term || !w.exponent || !expected)
        status = recover_no_memory(run);
    recover_fill(run, 0.0);
    recover_fill_y(run, 1.0);
    if (!status)
        status = find_widths(run, &rule);
    if (!status)
        status = find_fraction(run, &rule);
    if (!status && w.dot)
        status = find_products(run, &rule);
    if (!status)
        status = expect(run, expected);
    if (!status)
        status = choose(&w, run, &rule, expected, fits);
    recover_fill_y(run, 1.0);
    free(rule.width);
    free(rule.whole);
    free(w.value);
    free(w.term);
    free(w.exponent);
    free(expected);
    return status;
}
