/*
 * mma_family.c: what a summation tree says of the plan of a matrix product; see mma_fingerprint.h.
 *
 * From the root down: a part over neighbouring terms is a slice, parts whose terms lie between each
 * other are lanes of one, and what is left are terms one after another, or nodes of many.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/mma/mma_fingerprint.h"
#include "kernels/tree/tree_index.h"

/* A part of K in one sum, or a lane of one. */
struct piece {
    tree_ref node, lowest;
    size_t depth; /* additions between it and the top of what it is a piece of */
};

struct reading {
    const struct tree *tree;
    const struct tree_index *index;
    tree_ref *highest; /* highest leaf below */
    tree_ref *leaf;    /* scratch: a chain's leaves */
    struct piece *stack, *slice, *lane;
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

/* --- pieces: sums of terms one after another ---------------------------------------------------
 */

/* Additions of two partial sums, all the way down to pieces. */
struct cut {
    struct piece *piece;
    size_t count;
    bool chain, balanced;
};

static bool is_piece(struct reading *r, tree_ref node, struct mma_family *f) {
    f->block = 0;
    return is_leaf(r, node) || read_chain(r, node, f) || read_fused(r, node, f);
}

/* Terms of two parts lie between each other: lanes, or a remainder that was added before. */
static bool overlap(const struct reading *r, tree_ref a, tree_ref b) {
    return r->index->lowest[a] < r->highest[b] && r->index->lowest[b] < r->highest[a];
}

/* Two lanes, or sums of lanes, of the same k: neither is a slice. */
static bool of_lanes(const struct reading *r, tree_ref node) {
    tree_ref a = tree_child(r->tree, node, 0), b = tree_child(r->tree, node, 1);
    return overlap(r, a, b) && !(is_slice(r, a) && length(r, a) > 1) &&
           !(is_slice(r, b) && length(r, b) > 1);
}

/* Cuts down to slices (or, `lanes`, to lanes); false: an addition of more than two. */
static bool cut(struct reading *r, tree_ref top, bool lanes, struct cut *c) {
    size_t used = 0, deepest = 0, highest = SIZE_MAX;
    struct mma_family ignored;
    struct piece *stack = r->stack;
    stack[used++] = (struct piece){.node = top};
    c->count = 0;
    c->chain = true;
    while (used) {
        struct piece at = stack[--used];
        if (is_piece(r, at.node, &ignored) || (!lanes && of_lanes(r, at.node))) {
            at.lowest = r->index->lowest[at.node];
            c->piece[c->count++] = at;
            deepest = at.depth > deepest ? at.depth : deepest;
            highest = at.depth < highest ? at.depth : highest;
            continue;
        }
        if (tree_child_count(r->tree, at.node) != 2)
            return false;
        for (size_t k = 0; k < 2; k++)
            stack[used++] =
                (struct piece){.node = tree_child(r->tree, at.node, k), .depth = at.depth + 1};
    }
    /* A chain of n pieces is n - 1 additions deep. */
    c->chain = deepest + 1 == c->count;
    c->balanced = deepest == highest || (deepest == highest + 1 && (size_t)1 << deepest > c->count);
    return true;
}

static enum mma_family_merge merge_of(const struct cut *c) {
    return c->count == 1 ? MMA_FAMILY_SINGLE
           : c->chain    ? c->count == 2 ? MMA_FAMILY_PAIRWISE : MMA_FAMILY_IN_ORDER
           : c->balanced ? MMA_FAMILY_PAIRWISE
                         : MMA_FAMILY_OTHER;
}

/* --- inside a slice ----------------------------------------------------------------------------
 */

/* Lanes, then terms. Lanes are as long as each other, but for what K leaves over. */
static bool read_slice(struct reading *r, tree_ref node, struct mma_family *f) {
    struct cut lanes = {.piece = r->lane};
    f->lanes = 1;
    f->lanes_merge = MMA_FAMILY_SINGLE;
    if (is_piece(r, node, f)) {
        if (length(r, node) <= 2)
            f->terms = MMA_FAMILY_ASCENDING;
        return true;
    }
    if (!cut(r, node, true, &lanes))
        return false;
    f->lanes = lanes.count;
    f->lanes_merge = merge_of(&lanes);
    size_t longest = 0, all = length(r, node);
    for (size_t k = 0; k < lanes.count; k++)
        longest =
            length(r, lanes.piece[k].node) > longest ? length(r, lanes.piece[k].node) : longest;
    /* Every lane reaches over the slice, or it is none. */
    for (size_t k = 0; k < lanes.count; k++) {
        tree_ref lane = lanes.piece[k].node;
        struct mma_family one = {0};
        if (!is_piece(r, lane, &one) || length(r, lane) * lanes.count * 2 < all)
            return false;
        if (length(r, lane) < longest)
            continue;
        f->terms = one.terms;
        f->block = one.block;
    }
    return f->lanes_merge != MMA_FAMILY_OTHER && longest > 1;
}

/* --- slices ------------------------------------------------------------------------------------
 */

static int by_first_term(const void *a, const void *b) {
    const struct piece *p = a, *q = b;
    return (p->lowest > q->lowest) - (p->lowest < q->lowest);
}

/* Slices of one length, and behind them in K one or more shorter ones. */
static bool read_lengths(struct reading *r, const struct cut *c, struct mma_family *f) {
    f->slices = c->count;
    f->slice = length(r, c->piece[0].node);
    for (size_t k = 0; k < c->count; k++) {
        size_t here = length(r, c->piece[k].node);
        if (!is_slice(r, c->piece[k].node) || here > f->slice || (f->rests && here != f->rest))
            return false;
        if (here == f->slice)
            continue;
        f->rest = here;
        f->rests++;
    }
    /* In a chain: where is the remainder added? */
    size_t last = c->count - 1, first_depth = c->piece[0].depth;
    f->rest_first = f->rests == 1 && c->chain && c->count > 2 && c->piece[last].depth > 1 &&
                    c->piece[last].depth >= first_depth;
    /* Those of a chain come in the order of K. */
    for (size_t k = 1; k + f->rest_first < c->count && c->chain; k++)
        if (c->piece[k].depth > c->piece[k - 1].depth)
            return false;
    return true;
}

static bool read_tree(struct reading *r, struct mma_family *f) {
    struct cut slices = {.piece = r->slice};
    tree_ref root = tree_root(r->tree);
    if (!cut(r, root, false, &slices))
        return false;
    qsort(slices.piece, slices.count, sizeof *slices.piece, by_first_term);
    f->merge = merge_of(&slices);
    if (!read_lengths(r, &slices, f) || !read_slice(r, slices.piece[0].node, f))
        return false;
    /* The others of its length are like it. */
    for (size_t k = 1; k < slices.count; k++) {
        struct mma_family other = {0};
        if (!read_slice(r, slices.piece[k].node, &other))
            return false;
        if (length(r, slices.piece[k].node) == f->slice &&
            (other.lanes != f->lanes || other.terms != f->terms || other.block != f->block))
            return false;
    }
    return f->merge != MMA_FAMILY_OTHER;
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
    if (f->rests == 1)
        TELL(", the remainder of %zu %s", f->rest, f->rest_first ? "first" : "last");
    else if (f->rests)
        TELL(", the last %zu of %zu", f->rests, f->rest);
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
    r.stack = calloc(3 * (n + 1), sizeof *r.stack);
    bool room = r.index && r.highest && r.leaf && r.stack;
    if (room) {
        r.slice = r.stack + n + 1;
        r.lane = r.slice + n + 1;
        for (tree_ref v = 0; v < nodes; v++) {
            r.highest[v] = v;
            for (size_t k = 0; v >= n && k < tree_child_count(tree, v); k++) {
                tree_ref below = r.highest[tree_child(tree, v, k)];
                r.highest[v] = k == 0 || below > r.highest[v] ? below : r.highest[v];
            }
        }
        out->regular = read_tree(&r, out);
        tell(out, tree);
    }
    free(r.highest);
    free(r.leaf);
    free(r.stack);
    return room ? 0 : device_fail("out of memory for a tree of %zu terms", n);
}
