/*
 * recover_evaluate.c: a sum along a known tree by a known rule, in every bit.
 *
 * C's rules: operands are added in the wider of their types, and stored in the node's. A node with
 * more than two children is an aligned sum: terms cut below 2^(E-F), E the largest exponent, then
 * added exactly and rounded once.
 */
#include "kernels/tree/recover_inside.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static recover_wide narrowed(recover_wide v, enum recover_width width) {
    switch (width) {
    case RECOVER_WIDTH_BF16:
        return element_from_bf16(element_to_bf16((double)v));
    case RECOVER_WIDTH_F32:
        return (float)v;
    case RECOVER_WIDTH_F64:
        return (double)v;
    case RECOVER_WIDTH_X87:
        return (long double)v;
    default:
        return v;
    }
}

static recover_wide flushed(const struct recover_rule *rule, recover_wide v) {
    double size = rule->flush ? fabs((double)v) : INFINITY;
    return size < rule->least_normal ? copysign(0.0, (double)v) : v;
}

/* Rounded once: a product of two doubles is exact in 128 bits. */
static recover_wide product(double x, double y, enum recover_width width) {
    return narrowed((recover_wide)x * y, width < RECOVER_WIDTH_F32 ? RECOVER_WIDTH_F32 : width);
}

static recover_wide added(recover_wide a, recover_wide b, enum recover_width width) {
    switch (width) {
    case RECOVER_WIDTH_BF16:
    case RECOVER_WIDTH_F32:
        return (float)a + (float)b;
    case RECOVER_WIDTH_F64:
        return (double)a + (double)b;
    case RECOVER_WIDTH_X87:
        return (long double)a + (long double)b;
    default:
        return a + b;
    }
}

static recover_wide fused(double x, double y, recover_wide addend, enum recover_width width) {
    switch (width) {
    case RECOVER_WIDTH_BF16:
    case RECOVER_WIDTH_F32:
        return fmaf((float)x, (float)y, (float)addend);
    case RECOVER_WIDTH_F64:
        return fma(x, y, (double)addend);
    case RECOVER_WIDTH_X87:
        return fmal(x, y, (long double)addend);
    default:
        return (recover_wide)x * y + addend;
    }
}

/* The sum of terms cut below 2^(E-F), exact; then to the node's width. */
static long double aligned(const struct recover_rule *rule, const long double *term,
                           const int *exponent, size_t count, enum recover_width width) {
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
    int bits = width <= RECOVER_WIDTH_F32 ? 24 : width == RECOVER_WIDTH_F64 ? 53 : 64, drop = 0;
    while (size >> drop >> bits)
        drop++;
    int lowest = width <= RECOVER_WIDTH_F32 ? -149 : width == RECOVER_WIDTH_F64 ? -1074 : -16445;
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
    return rule->toward_zero && width == RECOVER_WIDTH_F32 && fabsl(v) > FLT_MAX
               ? copysignl(FLT_MAX, v)
               : (long double)narrowed(v, width);
}

double recover_least_normal(enum element type) {
    return type == ELEMENT_F64 ? DBL_MIN : FLT_MIN;
}

enum recover_width recover_leaf_width(const struct recover_run *run) {
    return run->target->type == ELEMENT_F64 ? RECOVER_WIDTH_F64 : RECOVER_WIDTH_F32;
}

static void evaluate_wide(struct recover_walk *w, tree_ref node, enum recover_width width) {
    const struct tree *tree = w->run->out->tree;
    size_t n = w->run->n, count = tree_child_count(tree, node);
    for (size_t k = 0; k < count; k++) {
        tree_ref c = tree_child(tree, node, k);
        bool whole = c < n && w->rule->whole[c];
        w->term[k] = whole ? (long double)w->run->xv[c] * w->run->yv[c] : (long double)w->value[c];
        /* A product's exponent is the sum of its factors', not normalised. */
        if (w->term[k] != 0.0L)
            w->exponent[k] =
                whole ? ilogb(w->run->xv[c]) + ilogb(w->run->yv[c]) : ilogbl(w->term[k]);
    }
    w->value[node] = aligned(w->rule, w->term, w->exponent, count, width);
}

struct recover_step recover_step_of(const struct recover_run *run, const struct recover_rule *rule,
                                    tree_ref node) {
    const struct tree *tree = run->out->tree;
    size_t n = run->n;
    struct recover_step step = {.to = rule->width[node], .whole = TREE_NONE, .other = TREE_NONE};
    step.in = step.to;
    if (tree_child_count(tree, node) > 2)
        return step;
    tree_ref a = tree_child(tree, node, 0), b = tree_child(tree, node, 1);
    step.in = step.in > rule->width[a] ? step.in : rule->width[a];
    step.in = step.in > rule->width[b] ? step.in : rule->width[b];
    if (node == tree_root(tree) && step.in < rule->root)
        step.in = rule->root;
    bool whole_a = a < n && rule->whole[a], whole_b = b < n && rule->whole[b];
    /* One product is fused into the addition; beside it, another is rounded to the sum's type. */
    if (whole_a && whole_b && (a < b) != rule->higher_first)
        whole_a = false;
    if (whole_a || whole_b) {
        step.whole = whole_a ? a : b;
        tree_ref other = whole_a ? b : a;
        step.other = other < n && rule->whole[other] ? other : TREE_NONE;
    }
    return step;
}

static void evaluate_node(struct recover_walk *w, tree_ref node) {
    const struct recover_run *run = w->run;
    const struct tree *tree = run->out->tree;
    struct recover_step step =
        w->step ? w->step[node - run->n] : recover_step_of(run, w->rule, node);
    if (tree_child_count(tree, node) > 2) {
        evaluate_wide(w, node, step.to);
        return;
    }
    tree_ref a = tree_child(tree, node, 0), b = tree_child(tree, node, 1);
    recover_wide v;
    if (step.whole != TREE_NONE) {
        recover_wide addend = w->value[step.whole == a ? b : a];
        if (step.other != TREE_NONE)
            addend = product(run->xv[step.other], run->yv[step.other], step.in);
        v = fused(run->xv[step.whole], run->yv[step.whole], addend, step.in);
    } else {
        v = added(w->value[a], w->value[b], step.in);
    }
    w->value[node] = flushed(w->rule, narrowed(v, step.to));
}

double recover_evaluate(struct recover_walk *w) {
    const struct recover_run *run = w->run;
    tree_ref root = tree_root(run->out->tree);
    for (size_t i = 0; i < run->n; i++) {
        recover_wide v = run->xv[i];
        if (run->target->dot)
            v = product(run->xv[i], run->yv[i], recover_leaf_width(run));
        w->value[i] = flushed(w->rule, narrowed(v, w->rule->width[i]));
    }
    for (tree_ref node = (tree_ref)run->n; node <= root && root >= run->n; node++)
        evaluate_node(w, node);
    bool wide = run->target->result == ELEMENT_F64;
    double v = (double)narrowed(w->value[root], wide ? RECOVER_WIDTH_F64 : RECOVER_WIDTH_F32);
    return recover_to_result(run, v);
}

/* The rule and its steps are kept in two forms: this one is read back. */
int recovery_value(const struct recovery *recovery, const struct recover_target *target,
                   const double *x, const double *y, double *value) {
    const struct recover_arithmetic *a = &recovery->arithmetic;
    size_t n = tree_leaves(recovery->tree), nodes = tree_root(recovery->tree) + 1;
    struct recovery out = {.tree = recovery->tree};
    struct recover_run run = {
        .target = target, .n = n, .out = &out, .xv = (double *)x, .yv = (double *)y};
    struct recover_rule rule = {.width = calloc(nodes, 1),
                                .whole = a->whole,
                                .fraction = a->fraction,
                                .toward_zero = a->toward_zero,
                                .flush = recovery->subnormals_flushed,
                                .least_normal = recover_least_normal(target->type)};
    struct recover_walk w = {.run = &run, .rule = &rule, .step = a->step};
    w.value = malloc(nodes * sizeof *w.value);
    w.term = malloc(n * sizeof *w.term);
    w.exponent = malloc(n * sizeof *w.exponent);
    bool room = rule.width && w.value && w.term && w.exponent;
    if (room) {
        memcpy(rule.width, a->leaf, n);
        *value = recover_evaluate(&w);
    }
    free(rule.width);
    free(w.value);
    free(w.term);
    free(w.exponent);
    return room ? 0 : -1;
}
