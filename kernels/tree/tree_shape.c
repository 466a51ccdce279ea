/*
 * tree_shape.c: equal shapes get equal numbers, and regular parts a name in words.
 */
#include "kernels/tree/tree_shape.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/tree/tree_index.h"

/* --- shapes ----------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b) {
    uint32_t p = *(const uint32_t *)a, q = *(const uint32_t *)b;
    return (p > q) - (p < q);
}

/* The children's shapes in ascending order, into `key`. */
static size_t shape_key(const struct tree_shapes *s, tree_ref node, uint32_t *key) {
    size_t count = tree_child_count(s->tree, node);
    for (size_t k = 0; k < count; k++)
        key[k] = s->shape[tree_child(s->tree, node, k)];
    qsort(key, count, sizeof *key, by_number);
    return count;
}

static uint64_t mix(const uint32_t *key, size_t count) {
    uint64_t h = count;
    for (size_t k = 0; k < count; k++) {
        h = (h ^ key[k]) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    return h;
}

/* Numbers the inner nodes' shapes from the bottom up. slot[]: a hash table of one node per shape.
 */
static void number_shapes(struct tree_shapes *s, tree_ref *slot, size_t slots, uint32_t *key,
                          uint32_t *other) {
    size_t n = tree_leaves(s->tree);
    tree_ref root = tree_root(s->tree);
    uint32_t shapes = 1;
    for (tree_ref v = (tree_ref)n; v <= root; v++) {
        size_t count = shape_key(s, v, key), at = mix(key, count) & (slots - 1);
        s->depth[v] = 0;
        for (size_t k = 0; k < count; k++) {
            uint32_t below = s->depth[tree_child(s->tree, v, k)] + 1;
            s->depth[v] = below > s->depth[v] ? below : s->depth[v];
        }
        while (slot[at] != TREE_NONE && (shape_key(s, slot[at], other) != count ||
                                         memcmp(key, other, count * sizeof *key) != 0))
            at = (at + 1) & (slots - 1);
        if (slot[at] == TREE_NONE) {
            slot[at] = v;
            s->shape[v] = shapes++;
        } else {
            s->shape[v] = s->shape[slot[at]];
        }
    }
}

int tree_shapes_new(struct tree_shapes *s, const struct tree *tree) {
    memset(s, 0, sizeof *s);
    tree_ref root = tree_root(tree);
    if (root == TREE_NONE)
        return -1;
    s->tree = tree;
    size_t known = (size_t)root + 1, slots = 64, most = 1;
    known = known < tree_leaves(tree) ? tree_leaves(tree) : known;
    while (slots < 2 * known)
        slots *= 2;
    for (tree_ref v = (tree_ref)tree_leaves(tree); v <= root; v++)
        most = tree_child_count(tree, v) > most ? tree_child_count(tree, v) : most;
    s->shape = calloc(known, sizeof *s->shape);
    s->depth = calloc(known, sizeof *s->depth);
    tree_ref *slot = malloc(slots * sizeof *slot);
    uint32_t *key = malloc(2 * most * sizeof *key);
    bool room = s->shape && s->depth && slot && key;
    if (room) {
        memset(slot, 0xff, slots * sizeof *slot);
        number_shapes(s, slot, slots, key, key + most);
    } else {
        tree_shapes_free(s);
    }
    free(slot);
    free(key);
    return room ? 0 : -1;
}

void tree_shapes_free(struct tree_shapes *s) {
    free(s->shape);
    free(s->depth);
    s->shape = s->depth = NULL;
}

/* --- parts ------------------------------------------------------------------------------------ */

/* How many children of `node` have the shape; *other: one that has not. */
static size_t with_shape(const struct tree_shapes *s, tree_ref node, uint32_t shape,
                         tree_ref *other) {
    size_t count = tree_child_count(s->tree, node), with = 0;
    for (size_t k = 0; k < count; k++) {
        tree_ref c = tree_child(s->tree, node, k);
        if (s->shape[c] == shape)
            with++;
        else
            *other = c;
    }
    return with;
}

tree_ref tree_part_spine(const struct tree_shapes *s, tree_ref node, uint32_t shape) {
    tree_ref other = TREE_NONE;
    size_t count = tree_child_count(s->tree, node);
    if (count >= 2 && with_shape(s, node, shape, &other) == count - 1)
        return other;
    return TREE_NONE;
}

/* The shape that all children but one have, the one being the larger; TREE_NONE if there is none.
 */
static tree_ref chain_element(const struct tree_shapes *s, tree_ref node) {
    size_t count = tree_child_count(s->tree, node);
    const struct tree_index *index = tree_index(s->tree);
    if (!index || count < 2)
        return TREE_NONE;
    tree_ref smallest = tree_child(s->tree, node, 0);
    for (size_t k = 1; k < count; k++) {
        tree_ref c = tree_child(s->tree, node, k);
        if (index->under[c] < index->under[smallest])
            smallest = c;
    }
    return tree_part_spine(s, node, s->shape[smallest]) == TREE_NONE ? TREE_NONE : smallest;
}

struct tree_part tree_part_of(const struct tree_shapes *s, tree_ref node) {
    struct tree_part part = {.kind = PART_LEAF, .element = node, .rest = TREE_NONE};
    size_t count = tree_child_count(s->tree, node);
    if (count == 0)
        return part;
    tree_ref first = tree_child(s->tree, node, 0), none;
    part.kind = PART_NODE;
    part.count = count;
    if (with_shape(s, node, s->shape[first], &none) == count) {
        part.element = first;
        part.kind = count > 2 ? PART_FUSED : PART_BALANCED;
        if (count > 2)
            return part;
        for (part.levels = 1;; part.levels++, part.count *= 2) {
            tree_ref below = part.element;
            if (tree_child_count(s->tree, below) != 2)
                return part;
            first = tree_child(s->tree, below, 0);
            if (s->shape[first] != s->shape[tree_child(s->tree, below, 1)])
                return part;
            part.element = first;
        }
    }
    tree_ref element = chain_element(s, node);
    if (element == TREE_NONE)
        return part;
    uint32_t shape = s->shape[element];
    tree_ref spine = node, next = node;
    size_t steps = 0;
    while (tree_child_count(s->tree, spine) == count &&
           (next = tree_part_spine(s, spine, shape)) != TREE_NONE) {
        spine = next;
        steps++;
    }
    /* At the bottom two elements may meet: the first of them starts the chain. */
    if (count == 2 && tree_child_count(s->tree, spine) == 2 &&
        with_shape(s, spine, shape, &none) == 2) {
        spine = tree_child(s->tree, spine, 0);
        steps++;
    }
    if (steps < 2)
        return part;
    part.kind = PART_CHAIN;
    part.count = steps;
    part.step = count - 1;
    part.element = element;
    part.rest = spine;
    return part;
}

static int by_ref(const void *a, const void *b) {
    tree_ref p = *(const tree_ref *)a, q = *(const tree_ref *)b;
    return (p > q) - (p < q);
}

size_t tree_leaf_run(const struct tree_shapes *s, tree_ref node, size_t *first, size_t *last,
                     long *stride) {
    const struct tree *tree = s->tree;
    const struct tree_index *index = tree_index(tree);
    *stride = 0;
    *first = *last = 0;
    size_t leaves = index ? index->under[node] : 0, found = 0, used = 0;
    tree_ref *leaf = malloc((leaves + 1) * sizeof *leaf);
    tree_ref *stack = malloc((leaves + 1) * sizeof *stack);
    if (leaf && stack && leaves) {
        stack[used++] = node;
        while (used) {
            tree_ref v = stack[--used];
            size_t count = tree_child_count(tree, v);
            if (count == 0)
                leaf[found++] = v;
            for (size_t k = 0; k < count; k++)
                stack[used++] = tree_child(tree, v, k);
        }
        qsort(leaf, found, sizeof *leaf, by_ref);
        *first = leaf[0];
        *last = leaf[found - 1];
        *stride = found > 1 ? (long)(leaf[1] - leaf[0]) : 1;
        for (size_t k = 1; k < found; k++)
            if (leaf[k] - leaf[k - 1] != (tree_ref)*stride) {
                *stride = 0;
                break;
            }
    }
    free(leaf);
    free(stack);
    return found;
}

/* --- words ------------------------------------------------------------------------------------ */

/* Parts inside parts that are still told apart. */
#define WORDS_DEEP 5

static void say(const struct tree_shapes *s, tree_ref node, int deep, FILE *out);

/* "64 inputs, 16 apart" / "4 × [ … ]" */
static void say_elements(const struct tree_shapes *s, size_t count, tree_ref element,
                         tree_ref run_of, int deep, FILE *out) {
    size_t first, last;
    long stride = 1;
    if (s->shape[element] == 0) {
        if (run_of != TREE_NONE)
            tree_leaf_run(s, run_of, &first, &last, &stride);
        fprintf(out, "%zu input%s", count, count == 1 ? "" : "s");
        if (stride > 1)
            fprintf(out, " %ld apart", stride);
        return;
    }
    fprintf(out, "%zu × [", count);
    say(s, element, deep + 1, out);
    fputc(']', out);
}

/* Over which distances a balanced part adds, the first addition first. */
static void say_distances(const struct tree_shapes *s, tree_ref node, size_t levels, FILE *out) {
    const struct tree_index *index = tree_index(s->tree);
    size_t distance[64];
    if (levels < 2 || levels > 64 || !index)
        return;
    for (size_t l = levels; l-- > 0;) {
        tree_ref a = tree_child(s->tree, node, 0), b = tree_child(s->tree, node, 1);
        tree_ref la = index->lowest[a], lb = index->lowest[b];
        distance[l] = la < lb ? lb - la : la - lb;
        node = a;
    }
    bool up = true, down = true;
    for (size_t l = 1; l < levels; l++) {
        up = up && distance[l] > distance[l - 1];
        down = down && distance[l] < distance[l - 1];
    }
    if (up || down) {
        fputs(up ? ", neighbours first" : ", the farthest apart first", out);
        return;
    }
    for (size_t l = 0; l < levels; l++)
        fprintf(out, "%s%zu", l ? ", " : ", at distances ", distance[l]);
}

static void say_chain(const struct tree_shapes *s, tree_ref node, struct tree_part part, int deep,
                      FILE *out) {
    const struct tree_index *index = tree_index(s->tree);
    size_t n = tree_leaves(s->tree);
    if (part.step > 1) {
        say(s, part.rest, deep + 1, out);
        fprintf(out, ", then %zu fused node%s of %zu ", part.count, part.count == 1 ? "" : "s",
                part.step);
        fputs(part.element < n ? "inputs and the sum so far" : "parts and the sum so far", out);
        return;
    }
    bool uniform = s->shape[part.rest] == s->shape[part.element];
    if (uniform) {
        say_elements(s, part.count + 1, part.element, part.element < n ? node : TREE_NONE, deep,
                     out);
    } else {
        say(s, part.rest, deep + 1, out);
        fputs(", then ", out);
        say_elements(s, part.count, part.element, TREE_NONE, deep, out);
    }
    fputs(" in order", out);
    /* The last element added has the lowest index: from the end. */
    if (uniform && index && index->lowest[part.element] < index->lowest[part.rest])
        fputs(" from the last", out);
}

static void say(const struct tree_shapes *s, tree_ref node, int deep, FILE *out) {
    const struct tree_index *index = tree_index(s->tree);
    struct tree_part part = tree_part_of(s, node);
    size_t leaves = index ? index->under[node] : 0, levels = 0;
    if (part.kind == PART_NODE || deep > WORDS_DEEP) {
        while (((size_t)1 << levels) < leaves)
            levels++;
        if (part.kind != PART_LEAF && s->depth[node] <= levels && leaves > 3) {
            fprintf(out, "%zu inputs in a balanced tree", leaves);
            return;
        }
    }
    if (deep > WORDS_DEEP && part.kind != PART_LEAF) {
        fprintf(out, "%zu inputs in %u levels", leaves, (unsigned)s->depth[node]);
        return;
    }
    switch (part.kind) {
    case PART_LEAF:
        fputs("1 input", out);
        break;
    case PART_CHAIN:
        say_chain(s, node, part, deep, out);
        break;
    case PART_BALANCED:
        say_elements(s, part.count, part.element, s->shape[part.element] == 0 ? node : TREE_NONE,
                     deep, out);
        fputs(part.levels == 1 ? " added" : " pairwise", out);
        say_distances(s, node, part.levels, out);
        break;
    case PART_FUSED:
        say_elements(s, part.count, part.element, TREE_NONE, deep, out);
        fputs(" in one fused node", out);
        break;
    case PART_NODE:
        for (size_t k = 0; k < part.count; k++) {
            fputs(k ? " + [" : "[", out);
            say(s, tree_child(s->tree, node, k), deep + 1, out);
            fputc(']', out);
            if (k == 3 && part.count > 5) {
                fprintf(out, " + … (%zu in all)", part.count);
                break;
            }
        }
        break;
    }
}

char *tree_words(const struct tree *tree) {
    struct tree_shapes shapes;
    char *text = NULL;
    size_t size = 0;
    if (!tree_is_complete(tree) || tree_shapes_new(&shapes, tree))
        return NULL;
    FILE *out = tree_index(tree) ? open_memstream(&text, &size) : NULL;
    if (out) {
        say(&shapes, tree_root(tree), 0, out);
        if (fclose(out)) {
            free(text);
            text = NULL;
        }
    }
    tree_shapes_free(&shapes);
    return text;
}
