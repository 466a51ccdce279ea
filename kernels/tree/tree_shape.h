/*
 * tree_shape.h: regularity in a tree, for its words (tree_words) and its picture (tree_write_dot).
 *
 * Two nodes have the same shape if they differ in the inputs only. A part is the largest regular
 * piece that a node is the top of: equal elements one after another, or pairwise, or in one node.
 */
#ifndef NANOLAB_KERNELS_TREE_TREE_SHAPE_H
#define NANOLAB_KERNELS_TREE_TREE_SHAPE_H

#include "kernels/tree/tree.h"

struct tree_shapes {
    const struct tree *tree;
    uint32_t *shape; /* per reference: equal numbers, equal shapes; leaves have 0 */
    uint32_t *depth; /* per reference: longest path down */
};

/* -1: no memory, or no root. */
int tree_shapes_new(struct tree_shapes *shapes, const struct tree *tree);
void tree_shapes_free(struct tree_shapes *shapes);

enum tree_part_kind {
    PART_LEAF,
    PART_CHAIN,    /* `count` steps, each adds `step` elements; at the bottom stands `rest` */
    PART_BALANCED, /* `count` = 2^levels elements, pairwise */
    PART_FUSED,    /* one node over `count` > 2 elements */
    PART_NODE      /* no regularity here: a node over whatever its children are */
};

struct tree_part {
    enum tree_part_kind kind;
    size_t count;
    size_t step;      /* PART_CHAIN: 1, or more with fused nodes */
    size_t levels;    /* PART_BALANCED */
    tree_ref element; /* the first of them (the last one added, of a chain) */
    tree_ref rest;    /* PART_CHAIN: where it starts; it may be an element itself */
};

struct tree_part tree_part_of(const struct tree_shapes *shapes, tree_ref node);
/* In PART_CHAIN: the child of a spine node that is no element (the spine goes on). */
tree_ref tree_part_spine(const struct tree_shapes *shapes, tree_ref node, uint32_t element_shape);

/* Whether x[first], x[first + stride], … are the leaves of an element or a chain of leaves in
 * ascending order: *stride = 0 if they are not evenly spaced. Returns how many there are. */
size_t tree_leaf_run(const struct tree_shapes *shapes, tree_ref node, size_t *first, size_t *last,
                     long *stride);

#endif
