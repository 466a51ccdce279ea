/*
 * tree.h: a summation tree, the order in which a reduction adds its inputs.
 *
 * Leaves are the inputs 0…n-1; an inner node is one addition of its children's values. Two-way
 * nodes are ordinary adds; a node with more children is a fused add, as matrix units do it. Since
 * IEEE addition commutes, the order of a node's children does not matter to equality; it is kept
 * for drawing. A tree over n leaves takes about 12 n bytes.
 */
#ifndef NANOLAB_KERNELS_TREE_TREE_H
#define NANOLAB_KERNELS_TREE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tree;

/* A leaf or an inner node of one tree. Leaf i is the reference i itself. */
typedef uint32_t tree_ref;
#define TREE_NONE UINT32_MAX

/* A tree with `leaves` inputs and no additions yet; NULL when memory is short. */
struct tree *tree_new(size_t leaves);
void tree_free(struct tree *tree);

/* Adds the node a + b. TREE_NONE stands for "nothing to add": the other one is returned. */
tree_ref tree_add(struct tree *tree, tree_ref a, tree_ref b);
/* Adds one node over `count` >= 1 children (a fused add when count > 2). */
tree_ref tree_add_n(struct tree *tree, const tree_ref *children, size_t count);
void tree_set_root(struct tree *tree, tree_ref root);

size_t tree_leaves(const struct tree *tree);
tree_ref tree_root(const struct tree *tree);
size_t tree_child_count(const struct tree *tree, tree_ref node);
tree_ref tree_child(const struct tree *tree, tree_ref node, size_t k);
/* Longest path from the root to a leaf, in additions. */
size_t tree_depth(const struct tree *tree);
/* How many leaves lie under the lowest common ancestor of leaves i and j. */
size_t tree_lca_leaves(const struct tree *tree, size_t i, size_t j);
/* True if every leaf occurs exactly once under the root. */
bool tree_is_complete(const struct tree *tree);

/* Same tree, children of a node in any order. */
bool tree_equal(const struct tree *a, const struct tree *b);
/* A short canonical text, equal exactly for equal trees: "((0 1) (2 3))"; caller frees. */
char *tree_text(const struct tree *tree);

/* Evaluates the tree over x[0…n-1], each add rounded to nearest even. Children are added left to
 * right, so these are only defined for two-way trees. */
float tree_eval_f32(const struct tree *tree, const float *x);
double tree_eval_f64(const struct tree *tree, const double *x);

/* The tree's shape in words, where it is regular: "16 × [64 inputs 16 apart in order] pairwise";
 * NULL without a root or memory; caller frees. */
char *tree_words(const struct tree *tree);

/* Graphviz text. A tree over more than `collapse_above` leaves, or too tall to read, is drawn by
 * its regular parts: inputs in a row in one box, equal subtrees once with "× 32". Returns 0, or -1
 * if the tree is not complete, memory is short or writing failed. */
int tree_write_dot(const struct tree *tree, FILE *out, size_t collapse_above);

#ifdef __cplusplus
}
#endif
#endif
