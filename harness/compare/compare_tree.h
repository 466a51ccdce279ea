/*
 * compare_tree.h: where two summation trees part, from their texts: "((0 1) (2 3))".
 */
#ifndef NANOLAB_HARNESS_COMPARE_TREE_H
#define NANOLAB_HARNESS_COMPARE_TREE_H

#include <stddef.h>

/* A longer text is not looked at. */
#define COMPARE_TREE_BYTES ((size_t)1 << 18)
#define COMPARE_TREE_SHOWN 64

struct compare_tree {
    size_t leaves, depth;
    size_t under; /* leaves under the node at which the two part; 0: they are equal */
    char part[COMPARE_TREE_SHOWN]; /* its text, cut in the middle */
};

struct compare_trees {
    struct compare_tree tree[2];
    /* The way from the root: "root", or children counted from 1: "root, 2, 1"; only its end where
     * it is long. */
    char place[64];
    size_t steps; /* of it */
};

/* The first node, from the root down, at which more than one child differs, or their number does.
 * 0; 1: a text is no tree, or too long; -1: no memory. */
int compare_trees(const char *first, const char *second, struct compare_trees *out);

#endif
