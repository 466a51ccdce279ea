/*
 * tree_lines.h: a small tree drawn with characters, an input a line, sums to the right:
 *
 *     x0 --+
 *          +--+
 *     x1 --+  |
 *             +-- sum
 *     x2 -----+
 */
#ifndef NANOLAB_KERNELS_TREE_TREE_LINES_H
#define NANOLAB_KERNELS_TREE_TREE_LINES_H

#include "kernels/tree/tree.h"

/* Draws it, each line behind `indent` blanks; with box drawing characters if `utf8`, else ASCII.
 * Returns 0, or -1 with nothing written: wider than `width` columns, not complete, or no memory. */
int tree_write_lines(const struct tree *tree, FILE *out, size_t indent, size_t width, bool utf8);

#endif
