/*
 * recover_rule.c: the arithmetic along a known tree, found by a few calls per node, then judged by
 * bits on random data.
 *
 * A node's width. Let a and b lie in different children of node N and c beside N under its parent:
 * x[a] = 2^10, x[b] = 2^(10-k), x[c] = -2^10 and zeros elsewhere leave 2^(10-k) if what N hands on
 * holds k more bits, and nothing if N rounds it away. k = 9 is lost in bf16, 30 in f32, 58 in f64,
 * 100 in the x87's format, and kept in the next. The root hands on the result itself. A leaf that
 * is wider than the sum it goes into may be rounded before: x[i] = 1 + 2^-h and x[j] = -1 beside
 * it.
 *
 * A product's rounding. x[i] = y[i] = 1 + 2^-h has a last bit, 2^-2h, that does not fit. If it is
 * there after x[j] = -(1 + 2^(1-h)) beside it was added, the product was not rounded on its own:
 * a fused multiply-add, or products formed in a wider type.
 *
 * Nodes of more than two children are aligned sums (recover_evaluate.c), whose F is counted with
 * the same three inputs inside the node.
 */
#include "kernels/tree/recover_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/tree/tree_index.h"

/* Aligned sums in 128-bit integers: F and the carries of 2^16 terms fit. */
#define FRACTION_MAX 64

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

/* The same question for many nodes. */
struct questions {
    tree_ref *node;
    size_t count;
    double *results;
    int k;
};

static void set_node(struct recover_run *run, const struct questions *q, size_t at, bool zero) {
    const struct tree *tree = run->out->tree;
    const struct tree_index *index = tree_index(tree);
    tree_ref node = q->node[at];
    recover_set(run, index->lowest[tree_child(tree, node, 0)], zero ? 0.0 : 0x1p10);
    recover_set(run, index->lowest[tree_child(tree, node, 1)], zero ? 0.0 : ldexp(1.0, 10 - q->k));
    recover_set(run, beside(tree, index, node), zero ? 0.0 : -0x1p10);
}

static void ask_node(struct recover_run *run, void *context, size_t at) {
    set_node(run, context, at, false);
}

static void zero_node(struct recover_run *run, void *context, size_t at) {
    set_node(run, context, at, true);
}

/* Which of the nodes keep k more bits? They get this width; those that do (or do not) stay. */
static int ask_nodes(struct recover_run *run, struct questions *q, int k, bool stay,
                     enum recover_width width, unsigned char *widths) {
    q->k = k;
    int status = recover_calls(run, q->count, ask_node, zero_node, q, q->results);
    size_t left = 0;
    for (size_t at = 0; at < q->count && !status; at++) {
        bool kept = q->results[at] == ldexp(1.0, 10 - k);
        if (kept)
            widths[q->node[at]] = (unsigned char)width;
        if (kept == stay)
            q->node[left++] = q->node[at];
    }
    q->count = left;
    return status;
}

/* All nodes but the root. The widest k that is lost tells the format; F16 inputs have no room for
 * more than f64. */
static int find_inner_widths(struct recover_run *run, struct questions *q, unsigned char *widths) {
    static const struct {
        int k;
        enum recover_width kept_by;
    } tests[] = {{30, RECOVER_WIDTH_F64}, {58, RECOVER_WIDTH_X87}, {100, RECOVER_WIDTH_F128}};
    size_t count = run->target->type == ELEMENT_F16 ? 1 : sizeof tests / sizeof *tests;
    tree_ref root = tree_root(run->out->tree);
    int status = 0;
    q->count = 0;
    for (tree_ref node = (tree_ref)run->n; node < root; node++) {
        widths[node] = RECOVER_WIDTH_F32;
        q->node[q->count++] = node;
    }
    for (size_t t = 0; t < count && !status; t++)
        status = ask_nodes(run, q, tests[t].k, true, tests[t].kept_by, widths);
    q->count = 0;
    for (tree_ref node = (tree_ref)run->n; node < root; node++)
        if (widths[node] == RECOVER_WIDTH_F32)
            q->node[q->count++] = node;
    if (!status)
        status = ask_nodes(run, q, 9, false, RECOVER_WIDTH_F32, widths);
    return status ? status : ask_nodes(run, q, 7, false, RECOVER_WIDTH_BF16, widths);
}

/* Is the result itself rounded to bf16? */
static int find_root_width(struct recover_run *run, size_t a, size_t b, unsigned char *width) {
    double with_9, with_7;
    int status = three(run, (size_t[]){a, b, b}, (double[]){0x1p10, 0x1p1, 0x1p1}, &with_9);
    if (!status)
        status = three(run, (size_t[]){a, b, b}, (double[]){0x1p10, 0x1p3, 0x1p3}, &with_7);
    if (with_9 == 0x1p10 && with_7 == 0x1p10 + 0x1p3)
        *width = RECOVER_WIDTH_BF16;
    return status;
}

static void set_rest(struct recover_run *run, void *context, size_t at) {
    const struct questions *q = context;
    tree_ref leaf = q->node[at];
    recover_set(run, leaf, 1.0 + ldexp(1.0, q->k));
    recover_set(run, beside(run->out->tree, tree_index(run->out->tree), leaf), -1.0);
}

static void zero_rest(struct recover_run *run, void *context, size_t at) {
    const struct questions *q = context;
    tree_ref leaf = q->node[at];
    recover_set(run, leaf, 0.0);
    recover_set(run, beside(run->out->tree, tree_index(run->out->tree), leaf), 0.0);
}

/* Is a leaf rounded to the width of the sum that it goes into? Asked of sums of bf16, or of wider
 * ones. */
static int find_leaf_widths(struct recover_run *run, struct questions *q, bool of_bf16,
                            struct recover_rule *rule) {
    const struct tree_index *index = tree_index(run->out->tree);
    q->count = 0;
    q->k = of_bf16 ? -10 : -40;
    for (size_t i = 0; i < run->n; i++) {
        enum recover_width sum = rule->width[index->parent[i]];
        if (sum < recover_leaf_width(run) && (sum == RECOVER_WIDTH_BF16) == of_bf16)
            q->node[q->count++] = (tree_ref)i;
    }
    int status = recover_calls(run, q->count, set_rest, zero_rest, q, q->results);
    for (size_t at = 0; at < q->count && !status; at++)
        if (q->results[at] == 0.0)
            rule->width[q->node[at]] = rule->width[index->parent[q->node[at]]];
    return status;
}

static int find_widths(struct recover_run *run, struct questions *q, struct recover_rule *rule) {
    const struct tree *tree = run->out->tree;
    const struct tree_index *index = tree_index(tree);
    tree_ref root = tree_root(tree);
    int status = 0;
    if (!index)
        return recover_no_memory(run);
    memset(rule->width, (int)recover_leaf_width(run), run->n);
    if (run->n > 1)
        status = find_inner_widths(run, q, rule->width);
    rule->width[root] = run->target->result == ELEMENT_F64 ? RECOVER_WIDTH_F64 : RECOVER_WIDTH_F32;
    if (status || run->n == 1)
        return status;
    if (run->target->result == ELEMENT_F32)
        status = find_root_width(run, index->lowest[tree_child(tree, root, 0)],
                                 index->lowest[tree_child(tree, root, 1)], &rule->width[root]);
    if (!status && run->target->type != ELEMENT_BF16)
        status = find_leaf_widths(run, q, true, rule);
    if (!status && run->target->type != ELEMENT_BF16)
        status = find_leaf_widths(run, q, false, rule);
    return status;
}

/* F of the first node with more than two children. */
static int find_fraction(struct recover_run *run, struct recover_rule *rule) {
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

static void set_product(struct recover_run *run, void *context, size_t at) {
    const struct questions *q = context;
    tree_ref i = q->node[at];
    recover_set(run, beside(run->out->tree, tree_index(run->out->tree), i),
                -(1.0 + ldexp(1.0, 1 - q->k)));
    recover_set(run, i, 1.0 + ldexp(1.0, -q->k));
}

static void zero_product(struct recover_run *run, void *context, size_t at) {
    const struct questions *q = context;
    tree_ref i = q->node[at];
    recover_set(run, beside(run->out->tree, tree_index(run->out->tree), i), 0.0);
    recover_set(run, i, 0.0);
}

/* Of the leaves not asked yet, as many as one y serves: 1 + 2^-h at all of them, 1 at the leaves
 * beside them. state[]: 1 asked before, 2 asked now, 4 beside one. */
static void choose_products(struct recover_run *run, struct questions *q, unsigned char *state) {
    const struct tree *tree = run->out->tree;
    const struct tree_index *index = tree_index(tree);
    q->count = 0;
    for (size_t i = 0; i < run->n; i++)
        state[i] = (state[i] & 3) != 0;
    for (size_t i = 0; i < run->n; i++) {
        size_t j = beside(tree, index, (tree_ref)i);
        if (!(state[i] & 5) && !(state[j] & 2)) {
            state[i] |= 2;
            state[j] |= 4;
            q->node[q->count++] = (tree_ref)i;
        }
    }
    for (size_t i = 0; i < run->n; i++)
        recover_set_y(run, i, state[i] & 2 ? 1.0 + ldexp(1.0, -q->k) : 1.0);
}

static int find_products(struct recover_run *run, struct questions *q, struct recover_rule *rule) {
    /* Products of half-precision numbers fit into f32: nothing to find. */
    int h = run->target->type == ELEMENT_F32 ? 12 : run->target->type == ELEMENT_F64 ? 27 : 0;
    if (h == 0) {
        memset(rule->whole, 1, run->n);
        return 0;
    }
    if (run->n == 1)
        return 0;
    unsigned char *state = calloc(run->n, 1);
    int status = state ? 0 : recover_no_memory(run);
    q->k = h;
    for (size_t asked = 0; asked < run->n && !status; asked += q->count) {
        choose_products(run, q, state);
        status = recover_calls(run, q->count, set_product, zero_product, q, q->results);
        for (size_t at = 0; at < q->count && !status; at++)
            rule->whole[q->node[at]] = q->results[at] == ldexp(1.0, -2 * h);
    }
    recover_fill_y(run, 1.0);
    free(state);
    return status;
}

/* --- judged by bits --------------------------------------------------------------------------- */

/* Data sets of which the rule gives the bits, until the first it does not (if `to_first`). */
static int judge(struct recover_walk *w, struct recover_run *run, const double *expected,
                 bool to_first, size_t *matched) {
    *matched = 0;
    for (size_t k = 0; k < DATA_KINDS * RECOVER_SETS_PER_KIND; k++) {
        recover_random(run, (enum recover_data)(k % DATA_KINDS), k / DATA_KINDS);
        if (recover_same(recover_evaluate(w), expected[k]))
            ++*matched;
        else if (to_first)
            break;
    }
    return 0;
}

static void set_random(struct recover_run *run, void *context, size_t k) {
    (void)context;
    recover_random(run, (enum recover_data)(k % DATA_KINDS), k / DATA_KINDS);
}

static int expect(struct recover_run *run, double *expected) {
    return recover_calls(run, DATA_KINDS * RECOVER_SETS_PER_KIND, set_random, NULL, NULL, expected);
}

/* Fills out->rule: the arithmetic in words. */
static void tell(struct recover_run *run, const struct recover_rule *rule) {
    const struct tree *tree = run->out->tree;
    size_t n = run->n, inner = 0, many = 0, fused_leaves = 0, by_width[RECOVER_WIDTHS] = {0};
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
    enum recover_width usual = RECOVER_WIDTH_F32;
    for (int k = 0; k < RECOVER_WIDTHS; k++)
        usual = by_width[k] > by_width[usual] ? (enum recover_width)k : usual;
    if (inner == 0)
        TELL("the result rounded to %s", result);
    else if (by_width[usual] == inner)
        TELL("each partial sum rounded to %s, the result to %s", recover_width_name(usual), result);
    else {
        TELL("partial sums rounded to");
        for (int k = 0, first = 1; k < RECOVER_WIDTHS; k++)
            if (by_width[k]) {
                TELL("%s %s (%zu of %zu)", first ? "" : " or",
                     recover_width_name((enum recover_width)k), by_width[k], inner);
                first = 0;
            }
        TELL(", the result to %s", result);
    }
    if (many) {
        TELL("; %zu fused node%s: terms cut to %d fraction bits, then %s", many,
             many == 1 ? "" : "s", rule->fraction,
             rule->toward_zero ? "rounded toward zero" : "rounded to nearest even");
    }
    bool exact_products = run->target->type != ELEMENT_F32 && run->target->type != ELEMENT_F64;
    if (run->target->dot && !exact_products && fused_leaves == 0)
        TELL("; products rounded before they are added");
    else if (run->target->dot && !exact_products)
        TELL("; %zu of %zu products added unrounded (fused multiply-add or a wider type)",
             fused_leaves, n);
    if (rule->flush)
        TELL("; subnormals are zero");
#undef TELL
}

/* Fills out->arithmetic: the same for whoever wants to compute it. */
static int keep(struct recover_run *run, const struct recover_rule *rule) {
    const struct tree *tree = run->out->tree;
    size_t n = run->n, inner = n > 1 ? tree_root(tree) - n + 1 : 0;
    struct recover_arithmetic *a = &run->out->arithmetic;
    a->step = calloc(inner + 1, sizeof *a->step);
    a->leaf = malloc(n);
    a->whole = malloc(n);
    if (!a->step || !a->leaf || !a->whole)
        return recover_no_memory(run);
    for (size_t k = 0; k < inner; k++)
        a->step[k] = recover_step_of(run, rule, (tree_ref)(n + k));
    memcpy(a->leaf, rule->width, n);
    memcpy(a->whole, rule->whole, n);
    a->fraction = rule->fraction;
    a->toward_zero = rule->toward_zero;
    return 0;
}

/* Tries what calls cannot tell apart, likeliest first: without change, then the root's width,
 * flushing, the rounding of fused nodes, which of two products is rounded. */
static int choose(struct recover_walk *w, struct recover_run *run, struct recover_rule *rule,
                  const double *expected, bool *fits) {
    size_t all = DATA_KINDS * RECOVER_SETS_PER_KIND, matched;
    for (int k = 0; k < 24 && rule->cuts; k++) {
        rule->root = (enum recover_width)(k % 3);
        rule->toward_zero = k / 3 % 2;
        rule->flush = k / 6 % 2;
        rule->higher_first = k / 12;
        judge(w, run, expected, true, &matched);
        *fits = matched == all;
        if (*fits) {
            run->out->data_sets = all;
            run->out->subnormals_flushed = rule->flush;
            tell(run, rule);
            return keep(run, rule);
        }
    }
    rule->root = RECOVER_WIDTH_BF16;
    rule->toward_zero = rule->flush = rule->higher_first = false;
    judge(w, run, expected, false, &matched);
    run->out->data_sets = matched;
    return 0;
}

int recover_rule(struct recover_run *run, bool *fits) {
    size_t n = run->n, nodes = 2 * n;
    struct recover_rule rule = {.fraction = 24, .cuts = true};
    rule.least_normal = recover_least_normal(run->target->type);
    struct recover_walk w = {.run = run, .rule = &rule};
    struct questions q = {.node = malloc(n * sizeof *q.node),
                          .results = malloc(n * sizeof *q.results)};
    rule.width = calloc(nodes, 1);
    rule.whole = calloc(n, 1);
    w.value = malloc(nodes * sizeof *w.value);
    w.term = malloc(n * sizeof *w.term);
    w.exponent = malloc(n * sizeof *w.exponent);
    double *expected = malloc(DATA_KINDS * RECOVER_SETS_PER_KIND * sizeof *expected);
    int status = 0;
    *fits = false;
    if (!rule.width || !rule.whole || !w.value || !w.term || !w.exponent || !expected || !q.node ||
        !q.results)
        status = recover_no_memory(run);
    recover_fill(run, 0.0);
    recover_fill_y(run, 1.0);
    if (!status)
        status = find_widths(run, &q, &rule);
    if (!status)
        status = find_fraction(run, &rule);
    if (!status && run->target->dot)
        status = find_products(run, &q, &rule);
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
    free(q.node);
    free(q.results);
    return status;
}
