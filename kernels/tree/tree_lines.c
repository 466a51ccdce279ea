/*
 * tree_lines.c: a tree drawn with characters (tree_lines.h). Lines of the drawing are first kept as
 * the directions in which they leave each place; a character is chosen for each at the end.
 */
#include "kernels/tree/tree_lines.h"

#include <stdlib.h>
#include <string.h>

enum { LEFT = 1, RIGHT = 2, UP = 4, DOWN = 8 };
#define STEP 3 /* columns from a sum to the next */

struct canvas {
    const struct tree *tree;
    unsigned char *place; /* [rows][columns] */
    size_t rows, columns;
    tree_ref *leaf; /* [rows]: the input of an even row */
    size_t used;    /* leaves so far */
};

/* Where a node's line leaves it: its row, and the column of its sum. */
struct end {
    size_t row, column;
};

static unsigned char *at(struct canvas *c, size_t row, size_t column) {
    return c->place + row * c->columns + column;
}

/* Of a tree that fits a screen: no deeper than that is wide. */
static size_t height(const struct tree *tree, tree_ref node) {
    size_t most = 0, count = tree_child_count(tree, node);
    for (size_t k = 0; k < count; k++) {
        size_t one = height(tree, tree_child(tree, node, k)) + 1;
        most = one > most ? one : most;
    }
    return most;
}

/* Children above one another, a bar to their right, and the node's own line in the bar's middle. */
static struct end draw(struct canvas *c, tree_ref node) {
    size_t count = tree_child_count(c->tree, node);
    struct end end = {.row = 2 * c->used, .column = STEP * height(c->tree, node)};
    if (count == 0) {
        c->leaf[c->used++] = node;
        return end;
    }
    size_t first = 0, last = 0;
    for (size_t k = 0; k < count; k++) {
        struct end child = draw(c, tree_child(c->tree, node, k));
        size_t from = child.column > 0 ? child.column + 1 : 0;
        for (size_t column = from; column < end.column; column++)
            *at(c, child.row, column) |= LEFT | RIGHT;
        *at(c, child.row, end.column) |= LEFT;
        first = k == 0 ? child.row : first;
        last = child.row;
    }
    for (size_t row = first; row <= last; row++)
        *at(c, row, end.column) |= (row > first ? UP : 0) | (row < last ? DOWN : 0);
    end.row = (first + last) / 2;
    *at(c, end.row, end.column) |= RIGHT;
    return end;
}

static void put_place(unsigned directions, bool utf8, FILE *out) {
    static const char *const lines[16] = {" ", "─", "─", "─", "│", "┘", "└", "┴",
                                          "│", "┐", "┌", "┬", "│", "┤", "├", "┼"};
    if (utf8)
        fputs(lines[directions], out);
    else
        fputc(directions == 0                       ? ' '
              : (directions & ~(LEFT | RIGHT)) == 0 ? '-'
              : (directions & ~(UP | DOWN)) == 0    ? '|'
                                                    : '+',
              out);
}

static void put_row(struct canvas *c, size_t row, size_t root, size_t digits, bool utf8,
                    FILE *out) {
    size_t columns = c->columns;
    char name[24] = "";
    while (columns > 0 && *at(c, row, columns - 1) == 0)
        columns--;
    if (row % 2 == 0)
        snprintf(name, sizeof name, "x%u", (unsigned)c->leaf[row / 2]);
    fprintf(out, "%-*s ", (int)digits + 1, name);
    for (size_t column = 0; column < columns; column++)
        put_place(*at(c, row, column), utf8, out);
    fputs(row == root ? " sum\n" : "\n", out);
}

int tree_write_lines(const struct tree *tree, FILE *out, size_t indent, size_t width, bool utf8) {
    size_t leaves = tree_leaves(tree), digits = 1;
    if (!tree_is_complete(tree) || leaves == 0)
        return -1;
    for (size_t k = leaves - 1; k >= 10; k /= 10)
        digits++;
    struct canvas c = {.tree = tree, .rows = 2 * leaves - 1};
    c.columns = STEP * tree_depth(tree) + 2;
    if (indent + digits + 2 + c.columns + sizeof " sum" > width)
        return -1;
    c.place = calloc(c.rows, c.columns);
    c.leaf = malloc(leaves * sizeof *c.leaf);
    if (c.place && c.leaf) {
        struct end root = draw(&c, tree_root(tree));
        *at(&c, root.row, root.column) |= RIGHT;
        *at(&c, root.row, root.column + 1) |= LEFT;
        for (size_t row = 0; row < c.rows; row++) {
            fprintf(out, "%*s", (int)indent, "");
            put_row(&c, row, root.row, digits, utf8, out);
        }
    }
    int status = c.place && c.leaf ? 0 : -1;
    free(c.place);
    free(c.leaf);
    return status;
}
