/*
 * tree_dot.c: a tree as Graphviz text. Small trees are drawn whole; in large ones a regular part is
 * drawn once: a row of inputs in one box, equal subtrees by their first one and "× count".
 */
#include <stdlib.h>

#include "kernels/tree/tree_index.h"
#include "kernels/tree/tree_shape.h"

/* A whole subtree of more levels than this is too tall to read. */
#define TALL 16

struct drawing {
    const struct tree_shapes *shapes;
    const struct tree_index *index;
    FILE *out;
    size_t ids;
};

static size_t draw(struct drawing *d, tree_ref node, size_t room);

static size_t draw_leaf(struct drawing *d, tree_ref leaf) {
    fprintf(d->out, "  n%zu [shape=plaintext, margin=0.02, height=0.2, width=0.2, label=\"%u\"];\n",
            d->ids, (unsigned)leaf);
    return d->ids++;
}

static size_t draw_plus(struct drawing *d, size_t children) {
    if (children > 2)
        fprintf(d->out,
                "  n%zu [shape=box, style=filled, fillcolor=\"#f6d8ae\", height=0.25, "
                "label=\"fused, %zu\"];\n",
                d->ids, children);
    else
        fprintf(d->out,
                "  n%zu [shape=circle, fixedsize=true, width=0.22, style=filled, "
                "fillcolor=\"#d8e6f3\", label=\"+\"];\n",
                d->ids);
    return d->ids++;
}

static void draw_edge(struct drawing *d, size_t from, size_t to, size_t times) {
    fprintf(d->out, "  n%zu -> n%zu", from, to);
    if (times > 1)
        fprintf(d->out, " [label=\" × %zu\", penwidth=2]", times);
    fputs(";\n", d->out);
}

/* One box with a line of text, and the inputs below it. */
static size_t draw_box(struct drawing *d, tree_ref of, const char *color, const char *line) {
    size_t first, last;
    long stride;
    size_t count = tree_leaf_run(d->shapes, of, &first, &last, &stride);
    fprintf(d->out, "  n%zu [shape=box, style=\"filled,rounded\", fillcolor=\"%s\", label=\"%s",
            d->ids, color, line);
    if (count > 2 && stride > 0)
        fprintf(d->out, "\\n%zu, %zu, … %zu", first, first + (size_t)stride, last);
    else if (count == 2)
        fprintf(d->out, "\\n%zu, %zu", first, last);
    else if (count > 2)
        fprintf(d->out, "\\nfrom %zu to %zu", first, last);
    fputs("\"];\n", d->out);
    return d->ids++;
}

/* Children in ascending order of their lowest input, for the eye. */
static size_t ordered(struct drawing *d, tree_ref node, tree_ref *children) {
    size_t count = tree_child_count(d->shapes->tree, node);
    for (size_t k = 0; k < count; k++) {
        tree_ref c = tree_child(d->shapes->tree, node, k);
        size_t at = k;
        for (; at > 0 && d->index->lowest[children[at - 1]] > d->index->lowest[c]; at--)
            children[at] = children[at - 1];
        children[at] = c;
    }
    return count;
}

/* Every child drawn, each with its share of the room. */
static size_t draw_children(struct drawing *d, tree_ref node, size_t room) {
    size_t count = tree_child_count(d->shapes->tree, node);
    tree_ref *children = malloc(count * sizeof *children);
    size_t id = draw_plus(d, count);
    if (!children)
        return id;
    ordered(d, node, children);
    size_t all = d->index->under[node];
    for (size_t k = 0; k < count; k++) {
        size_t share = room * d->index->under[children[k]] / all;
        draw_edge(d, id, draw(d, children[k], share ? share : 1), 1);
    }
    free(children);
    return id;
}

/* The additions of a balanced part, down to its elements. */
static size_t draw_levels(struct drawing *d, tree_ref node, size_t levels, size_t room) {
    if (levels == 0)
        return draw(d, node, room);
    size_t id = draw_plus(d, 2);
    tree_ref children[2];
    ordered(d, node, children);
    for (int k = 0; k < 2; k++)
        draw_edge(d, id, draw_levels(d, children[k], levels - 1, room), 1);
    return id;
}

static size_t draw_chain(struct drawing *d, tree_ref node, struct tree_part part, size_t room) {
    char line[96];
    const struct tree *tree = d->shapes->tree;
    size_t n = tree_leaves(tree);
    uint32_t shape = d->shapes->shape[part.element];
    bool uniform = d->shapes->shape[part.rest] == shape;
    size_t elements = part.count * part.step + uniform;
    if (uniform && part.element < n) { /* inputs one after another */
        snprintf(line, sizeof line, "%zu inputs in order", elements);
        return draw_box(d, node, "#e3f0dc", line);
    }
    if (elements * 2 <= room && part.count <= TALL && part.step == 1) {
        /* The spine, addition by addition; its part on the side of the lower inputs. */
        size_t top = d->ids, of_element = room / (elements + 1);
        for (size_t k = 0; k < part.count; k++)
            draw_plus(d, 2);
        for (size_t k = 0; k < part.count; k++) {
            tree_ref spine = tree_part_spine(d->shapes, node, shape);
            if (spine == TREE_NONE) /* two elements meet at the bottom */
                spine = part.rest;
            tree_ref element = tree_child(tree, node, tree_child(tree, node, 0) == spine);
            bool spine_first = d->index->lowest[spine] < d->index->lowest[element];
            if (!spine_first)
                draw_edge(d, top + k, draw(d, element, of_element), 1);
            draw_edge(d, top + k, k + 1 < part.count ? top + k + 1 : draw(d, spine, room / 2), 1);
            if (spine_first)
                draw_edge(d, top + k, draw(d, element, of_element), 1);
            node = spine;
        }
        return top;
    }
    if (part.step > 1)
        snprintf(line, sizeof line, "%zu fused nodes in order, %zu new terms each", part.count,
                 part.step);
    else
        snprintf(line, sizeof line, "%zu additions in order", part.count);
    size_t id = draw_box(d, node, "#f3e3d0", line);
    if (!uniform)
        draw_edge(d, id, draw(d, part.rest, room / 2), 1);
    if (part.element >= n) /* where all are equal, the first of them */
        draw_edge(d, id, draw(d, uniform ? part.rest : part.element, room / 2), elements);
    return id;
}

static size_t draw(struct drawing *d, tree_ref node, size_t room) {
    const struct tree *tree = d->shapes->tree;
    if (node < tree_leaves(tree))
        return draw_leaf(d, node);
    size_t leaves = d->index->under[node];
    if (leaves <= room && d->shapes->depth[node] <= TALL)
        return draw_children(d, node, room);
    struct tree_part part = tree_part_of(d->shapes, node);
    bool of_inputs = part.element < tree_leaves(tree);
    char line[96];
    if (part.kind == PART_CHAIN)
        return draw_chain(d, node, part, room);
    if (part.kind == PART_BALANCED || part.kind == PART_FUSED) {
        const char *how = part.kind == PART_FUSED ? "in one fused node"
                          : part.levels == 1      ? "added"
                                                  : "pairwise";
        if (!of_inputs && part.kind == PART_BALANCED && part.count <= room)
            return draw_levels(d, node, part.levels, room / part.count);
        if (of_inputs) {
            snprintf(line, sizeof line, "%zu inputs %s", part.count, how);
            return draw_box(d, node, "#e3f0dc", line);
        }
        snprintf(line, sizeof line, "%zu equal parts %s", part.count, how);
        size_t id = draw_box(d, node, "#d8e6f3", line);
        draw_edge(d, id, draw(d, part.element, room / 2), part.count);
        return id;
    }
    size_t levels = d->shapes->depth[node];
    bool balanced = leaves > (size_t)1 << (levels - 1); /* no tree has fewer levels */
    if (room >= 2 && !balanced)
        return draw_children(d, node, room);
    snprintf(line, sizeof line, "%zu inputs, %zu levels", leaves, levels);
    return draw_box(d, node, "#eeeeee", line);
}

int tree_write_dot(const struct tree *tree, FILE *out, size_t collapse_above) {
    struct tree_shapes shapes;
    if (tree_shapes_new(&shapes, tree))
        return -1;
    struct drawing d = {.shapes = &shapes, .index = tree_index(tree), .out = out};
    if (d.index && d.index->complete) {
        fputs("digraph tree {\n"
              "  graph [ordering=out, ranksep=0.25, nodesep=0.08];\n"
              "  node [fontname=\"sans-serif\", fontsize=10];\n"
              "  edge [dir=none, color=\"#555555\", fontname=\"sans-serif\", fontsize=10];\n",
              out);
        draw(&d, tree_root(tree), collapse_above ? collapse_above : 1);
        fputs("}\n", out);
    }
    tree_shapes_free(&shapes);
    return d.index && d.index->complete && !ferror(out) ? 0 : -1;
}
