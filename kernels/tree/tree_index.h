/*
 * tree_index.h: what the tree's own files know about each node under the root. Built on first use,
 * kept with the tree; arrays are indexed by reference.
 */
#ifndef NANOLAB_KERNELS_TREE_TREE_INDEX_H
#define NANOLAB_KERNELS_TREE_TREE_INDEX_H

#include "kernels/tree/tree.h"

struct tree_index {
    tree_ref *parent; /* TREE_NONE: the root, or not under it */
    uint32_t *under;  /* leaves below */
    tree_ref *lowest; /* lowest leaf below */
    tree_ref *top;    /* of the path on which each node hangs that has most leaves below */
    bool complete;
};

/* Owned by the tree, gone with the next tree_set_root. NULL without a root or memory. */
const struct tree_index *tree_index(const struct tree *tree);

#endif
