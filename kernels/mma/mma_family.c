/*
 * mma_family.c: what a summation tree says of the plan of a matrix product; see mma_fingerprint.h.
 *
 * From the root down: a part over neighbouring terms is a slice, a part whose terms are apart from
 * each other is a lane, and what is left are terms one after another, or nodes of many.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/mma/mma_fingerprint.h"
#include "kernels/tree/tree_index.h"
#include "kernels/tree/tree_shape.h"

struct reading {
    const struct tree *tree;
    const struct tree_index *index;
    struct tree_shapes shapes;
    tree_ref *highest; /* highest leaf below */
    tree_ref *leaf;    /* scratch: a chain's leaves */
};

static bool is_leaf(const struct reading *r, tree_ref node) {
    return node < tree_leaves(r->tree);
}

static size_t length(const struct reading *r, tree_ref node) {
    return r->index->under[node];
}

/* Its terms are neighbours. */
static bool is_slice(const struct reading *r, tree_ref node) {
    return r->highest[node] - r->index->lowest[node] + 1 == length(r, node);
}

/* --- terms one after another ------------------------------------------------------------------ */

/* The leaves in the order they are added, while each addition adds one: false if one does not. */
static bool chain_leaves(struct reading *r, tree_ref node, size_t count) {
    for (size_t at = count; at-- > 1;) {
        if (tree_child_count(r->tree, node) != 2)
            return false;
        tree_ref a = tree_child(r->tree, node, 0), b = tree_child(r->tree, node, 1);
        bool last_is_a = is_leaf(r, a) && (!is_leaf(r, b) || (at == 1 && a > b));
        r->leaf[at] = last_is_a ? a : b;
        if (!is_leaf(r, r->leaf[at]))
            return false;
        node = last_is_a ? b : a;
    }
    r->leaf[0] = node;
    return is_leaf(r, node);
}

/* The two first ones meet in any order. */
static bool ordered(const struct reading *r, size_t count, bool descending, bool odd_first) {
    tree_ref swap = odd_first ? 1 : 0, last = 0;
    for (size_t i = 1; i < count; i++) {
        tree_ref before = i == 1 ? r->leaf[0] ^ swap : last, now = r->leaf[i] ^ swap;
        if (i == 1 && (before < now) == descending) {
            last = before;
            continue;
        }
        if (descending ? before < now : before > now)
            return false;
        last = now;
    }
    return true;
}

static bool read_chain(struct reading *r, tree_ref node, struct mma_family *f) {
    size_t count = length(r, node);
    f->terms = MMA_FAMILY_ANY_TERMS;
    if (!chain_leaves(r, node, count))
        return false;
    bool odd_pairs = count > 2;
    for (size_t i = 2; i + 1 < count && odd_pairs; i += 2)
        odd_pairs = r->leaf[i] == r->leaf[i + 1] + 1 && r->leaf[i] % 2 == 1;
    if (odd_pairs && count > 3 && ordered(r, count, false, true))
        f->terms = MMA_FAMILY_ODD_FIRST;
    else if (ordered(r, count, false, false))
        f->terms = MMA_FAMILY_ASCENDING;
    else if (ordered(r, count, true, false))
        f->terms = MMA_FAMILY_DESCENDING;
    return true;
}

/* Nodes of many terms, one after another: each adds new ones to the sum so far. */
static bool read_fused(struct reading *r, tree_ref node, struct mma_family *f) {
    while (!is_leaf(r, node)) {
        size_t count = tree_child_count(r->tree, node), terms = 0;
        tree_ref below = TREE_NONE;
        for (size_t k = 0; k < count; k++) {
            tree_ref c = tree_child(r->tree, node, k);
            terms += is_leaf(r, c);
            below = is_leaf(r, c) ? below : c;
        }
        if (count < 3 && f->block == 0)
            return false;
        if (terms + 1 < count)
            return false;
        f->block = terms > f->block ? terms : f->block;
        if (below == TREE_NONE)
            break;
        node = below;
    }
    f->terms = MMA_FAMILY_FUSED;
    return f->block > 0;
}

/* --- lanes -------------------------------------------------------------------------------------
 */

static enum mma_family_merge merge_of(enum tree_part_kind kind, size_t count) {
    return count < 2               ? MMA_FAMILY_SINGLE
           : kind == PART_CHAIN    ? MMA_FAMILY_IN_ORDER
           : kind == PART_BALANCED ? MMA_FAMILY_PAIRWISE
                                   : MMA_FAMILY_OTHER;
}

/* One slice: lanes, then terms. */
static bool read_slice(struct reading *r, tree_ref node, struct mma_family *f) {
    struct tree_part part = tree_part_of(&r->shapes, node);
    f->lanes = 1;
    f->lanes_merge = MMA_FAMILY_SINGLE;
    if (length(r, node) <= 2 || read_chain(r, node, f) || read_fused(r, node, f))
        return true;
    f->block = 0;
    if ((part.kind != PART_BALANCED && part.kind != PART_CHAIN) || is_leaf(r, part.element) ||
        is_slice(r, part.element))
        return false;
    bool uniform =
        part.kind == PART_BALANCED || r->shapes.shape[part.rest] == r->shapes.shape[part.element];
    f->lanes = part.count + (part.kind == PART_CHAIN && uniform);
    f->lanes_merge = merge_of(part.kind, f->lanes);
    return uniform && (read_chain(r, part.element, f) || read_fused(r, part.element, f));
}

/* --- slices ------------------------------------------------------------------------------------
 */

/* Slices of one length under this node: how many, and one of them. 1: the node itself. */
static size_t equal_slices(struct reading *r, tree_ref node, enum mma_family_merge *merge,
                           tree_ref *one, tree_ref *rest) {
    struct tree_part part = tree_part_of(&r->shapes, node);
    *merge = MMA_FAMILY_SINGLE;
    *one = node;
    *rest = TREE_NONE;
    if ((part.kind != PART_BALANCED && part.kind != PART_CHAIN) || is_leaf(r, part.element) ||
        part.step > 1 || !is_slice(r, part.element))
        return 1;
    size_t count = part.count;
    if (part.kind == PART_CHAIN && r->shapes.shape[part.rest] == r->shapes.shape[part.element])
        count++;
    else if (part.kind == PART_CHAIN)
        *rest = part.rest;
    *merge = merge_of(part.kind, count + (*rest != TREE_NONE));
    *one = part.element;
    return count;
}

/* Two slices of unlike shapes; or slices, and a shorter one that is added to them. */
static bool read_remainder(struct reading *r, tree_ref node, struct mma_family *f, tree_ref *one) {
    if (is_leaf(r, node) || tree_child_count(r->tree, node) != 2)
        return false;
    tree_ref a = tree_child(r->tree, node, 0), b = tree_child(r->tree, node, 1), inner;
    tree_ref large = r->index->lowest[a] < r->index->lowest[b] ? a : b, small = large == a ? b : a;
    /* A single term is the next one of a sum in order, and no slice. */
    if (!is_slice(r, a) || !is_slice(r, b) || is_leaf(r, a) || is_leaf(r, b))
        return false;
    f->slices = equal_slices(r, large, &f->merge, one, &inner);
    f->slice = length(r, *one);
    f->rest = length(r, small);
    if (inner != TREE_NONE || f->rest >= f->slice || f->merge == MMA_FAMILY_PAIRWISE)
        return false;
    f->slices++;
    f->merge = MMA_FAMILY_IN_ORDER;
    return true;
}

static bool read_tree(struct reading *r, struct mma_family *f) {
    tree_ref root = tree_root(r->tree), one = root, rest = TREE_NONE;
    f->slices = 1;
    f->slice = length(r, root);
    struct mma_family whole = *f;
    if (read_slice(r, root, &whole)) {
        *f = whole;
        return true;
    }
    f->slices = equal_slices(r, root, &f->merge, &one, &rest);
    f->slice = length(r, one);
    if (rest != TREE_NONE) {
        struct mma_family in_rest = {0};
        f->rest = length(r, rest);
        f->rest_first = r->index->lowest[rest] > r->index->lowest[one];
        f->slices++;
        if (f->rest >= f->slice || !is_slice(r, rest) || !read_slice(r, rest, &in_rest))
            return false;
    }
    if (f->slices == 1 && !read_remainder(r, root, f, &one))
        return false;
    return read_slice(r, one, f);
}

/* --- words -------------------------------------------------------------------------------------
 */

static void tell(struct mma_family *f, const struct tree *tree) {
    static const char *const merges[] = {"", ", in order", ", pairwise", ""};
    static const char *const terms[] = {
        [MMA_FAMILY_ASCENDING] = "terms in order",
        [MMA_FAMILY_DESCENDING] = "terms from the last",
        [MMA_FAMILY_ODD_FIRST] = "terms by pairs, the odd one first",
        [MMA_FAMILY_FUSED] = "",
        [MMA_FAMILY_ANY_TERMS] = "terms in an order of their own",
    };
    size_t used = 0, room = sizeof f->text;
    if (!f->regular) {
        char *words = tree_words(tree);
        snprintf(f->text, room, "%s", words ? words : "?");
        free(words);
        return;
    }
#define TELL(...)                                                                                  \
    used += (size_t)snprintf(f->text + used, used < room ? room - used : 0, __VA_ARGS__)
    if (f->slices == 1)
        TELL("one sum");
    else
        TELL("%zu slices of %zu%s", f->slices, f->slice,
             f->slices == 2 ? ", added" : merges[f->merge]);
    if (f->rest)
        TELL(", the remainder of %zu %s", f->rest, f->rest_first ? "first" : "last");
    if (f->lanes > 1)
        TELL("; %zu lanes%s", f->lanes, f->lanes == 2 ? ", added" : merges[f->lanes_merge]);
    if (f->terms == MMA_FAMILY_FUSED)
        TELL("; nodes of %zu terms and the sum so far", f->block);
    else
        TELL("; %s", terms[f->terms]);
#undef TELL
}

int mma_family_of(const struct tree *tree, struct mma_family *out) {
    struct reading r = {.tree = tree, .index = tree_index(tree)};
    size_t nodes = (size_t)tree_root(tree) + 1, n = tree_leaves(tree);
    *out = (struct mma_family){.lanes = 1};
    r.highest = calloc(nodes > n ? nodes : n, sizeof *r.highest);
    r.leaf = calloc(n, sizeof *r.leaf);
    bool room = r.index && r.highest && r.leaf && tree_shapes_new(&r.shapes, tree) == 0;
    if (room) {
        for (tree_ref v = 0; v < nodes; v++) {
            r.highest[v] = v;
            for (size_t k = 0; v >= n && k < tree_child_count(tree, v); k++) {
                tree_ref below = r.highest[tree_child(tree, v, k)];
                r.highest[v] = k == 0 || below > r.highest[v] ? below : r.highest[v];
            }
        }
        out->regular = read_tree(&r, out);
        tell(out, tree);
        tree_shapes_free(&r.shapes);
    }
    free(r.highest);
    free(r.leaf);
    return room ? 0 : device_fail("out of memory for a tree of %zu terms", n);
}
