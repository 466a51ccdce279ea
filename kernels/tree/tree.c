/*
 * tree.c: the container of a summation tree, its equality, its text and its evaluation.
 *
 * A node can only be made from nodes that exist, so a child's reference is always smaller than its
 * parent's. Every walk below is a loop over references, up or down, and none recurses: a sequential
 * sum is as deep as it is long. Inner node k (reference leaves + k) owns the children from end[k-1]
 * to end[k] in one array: 12 bytes per two-way add.
 */
#define _GNU_SOURCE /* qsort_r */

#include "kernels/tree/tree.h"

#include <limits.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/tree/tree_index.h"

struct tree {
    size_t leaves;
    size_t nodes; /* inner nodes so far */
    size_t node_room;
    size_t child_room;
    uint32_t *end; /* per inner node: one past its last child */
    tree_ref *child;
    tree_ref root;
    bool failed; /* a node could not be made; the tree never gets a root */
    _Atomic(struct tree_index *) index;
};

struct tree *tree_new(size_t leaves) {
    if (leaves == 0 || leaves > INT32_MAX)
        return NULL;
    struct tree *tree = calloc(1, sizeof *tree);
    if (!tree)
        return NULL;
    tree->leaves = leaves;
    tree->root = TREE_NONE;
    return tree;
}

static void index_drop(struct tree *tree) {
    struct tree_index *index = atomic_exchange(&tree->index, NULL);
    if (!index)
        return;
    free(index->parent);
    free(index->under);
    free(index->lowest);
    free(index->top);
    free(index);
}

void tree_free(struct tree *tree) {
    if (!tree)
        return;
    index_drop(tree);
    free(tree->end);
    free(tree->child);
    free(tree);
}

/* Doubles *room until `need` fits; the array moves. */
static int grow(void **array, size_t *room, size_t need, size_t element) {
    if (need <= *room)
        return 0;
    size_t more = *room ? *room : 64;
    while (more < need)
        more *= 2;
    void *moved = realloc(*array, more * element);
    if (!moved)
        return -1;
    *array = moved;
    *room = more;
    return 0;
}

static tree_ref fail(struct tree *tree) {
    tree->failed = true;
    tree->root = TREE_NONE;
    return TREE_NONE;
}

static size_t children_used(const struct tree *tree) {
    return tree->nodes ? tree->end[tree->nodes - 1] : 0;
}

tree_ref tree_add_n(struct tree *tree, const tree_ref *children, size_t count) {
    size_t used = children_used(tree);
    size_t known = tree->leaves + tree->nodes;
    if (tree->failed || count == 0)
        return fail(tree);
    for (size_t k = 0; k < count; k++)
        if (children[k] >= known)
            return fail(tree);
    if (count == 1)
        return children[0];
    if (known + 1 >= TREE_NONE || used + count >= TREE_NONE)
        return fail(tree);
    if (grow((void **)&tree->end, &tree->node_room, tree->nodes + 1, sizeof *tree->end) ||
        grow((void **)&tree->child, &tree->child_room, used + count, sizeof *tree->child))
        return fail(tree);
    memcpy(tree->child + used, children, count * sizeof *children);
    tree->end[tree->nodes] = (uint32_t)(used + count);
    return (tree_ref)(tree->leaves + tree->nodes++);
}

tree_ref tree_add(struct tree *tree, tree_ref a, tree_ref b) {
    if (a == TREE_NONE)
        return b;
    if (b == TREE_NONE)
        return a;
    return tree_add_n(tree, (const tree_ref[]){a, b}, 2);
}

void tree_set_root(struct tree *tree, tree_ref root) {
    index_drop(tree);
    tree->root = TREE_NONE;
    if (!tree->failed && root < tree->leaves + tree->nodes)
        tree->root = root;
}

size_t tree_leaves(const struct tree *tree) {
    return tree->leaves;
}

tree_ref tree_root(const struct tree *tree) {
    return tree->root;
}

static size_t first_child(const struct tree *tree, size_t inner) {
    return inner ? tree->end[inner - 1] : 0;
}

size_t tree_child_count(const struct tree *tree, tree_ref node) {
    if (node < tree->leaves || node >= tree->leaves + tree->nodes)
        return 0;
    size_t inner = node - tree->leaves;
    return tree->end[inner] - first_child(tree, inner);
}

tree_ref tree_child(const struct tree *tree, tree_ref node, size_t k) {
    if (k >= tree_child_count(tree, node))
        return TREE_NONE;
    return tree->child[first_child(tree, node - tree->leaves) + k];
}

/* --- what is known about the nodes under the root -------------------------------------------- */

static void index_fill(const struct tree *tree, struct tree_index *index, size_t known) {
    memset(index->parent, 0xff, known * sizeof *index->parent);
    index->complete = true;
    /* Down: who hangs where. A node met twice is counted twice by its parents, so the sum is not
     * one addition per input. */
    for (size_t node = tree->root; node >= tree->leaves; node--) {
        if (node != tree->root && index->parent[node] == TREE_NONE)
            continue;
        size_t inner = node - tree->leaves;
        for (size_t k = first_child(tree, inner); k < tree->end[inner]; k++) {
            tree_ref child = tree->child[k];
            if (index->parent[child] != TREE_NONE)
                index->complete = false;
            index->parent[child] = (tree_ref)node;
        }
    }
    /* Up: leaves below, lowest leaf below, longest path below. */
    for (size_t node = 0; node <= tree->root; node++) {
        bool reached = node == tree->root || index->parent[node] != TREE_NONE;
        if (node < tree->leaves) {
            index->under[node] = 1;
            index->lowest[node] = (tree_ref)node;
            if (!reached)
                index->complete = false;
            continue;
        }
        uint32_t under = 0;
        tree_ref lowest = TREE_NONE;
        size_t inner = node - tree->leaves;
        for (size_t k = first_child(tree, inner); k < tree->end[inner]; k++) {
            tree_ref child = tree->child[k];
            under += index->under[child];
            lowest = index->lowest[child] < lowest ? index->lowest[child] : lowest;
        }
        index->under[node] = under;
        index->lowest[node] = lowest;
    }
    if (tree->root < tree->leaves && tree->leaves > 1)
        index->complete = false;
    /* Down once more: the child with most leaves goes on with its parent's path. */
    for (size_t node = 0; node < known; node++)
        index->top[node] = (tree_ref)node;
    for (size_t node = tree->root; node >= tree->leaves; node--) {
        tree_ref heavy = TREE_NONE;
        size_t inner = node - tree->leaves;
        for (size_t k = first_child(tree, inner); k < tree->end[inner]; k++) {
            tree_ref child = tree->child[k];
            if (heavy == TREE_NONE || index->under[child] > index->under[heavy])
                heavy = child;
        }
        index->top[heavy] = index->top[node];
    }
}

const struct tree_index *tree_index(const struct tree *tree) {
    struct tree *owner = (struct tree *)tree; /* a cache: the tree itself does not change */
    struct tree_index *index = atomic_load(&owner->index);
    if (index || tree->root == TREE_NONE)
        return index;
    size_t known = tree->leaves + tree->nodes;
    index = calloc(1, sizeof *index);
    if (!index)
        return NULL;
    index->parent = malloc(known * sizeof *index->parent);
    index->under = malloc(known * sizeof *index->under);
    index->lowest = malloc(known * sizeof *index->lowest);
    index->top = malloc(known * sizeof *index->top);
    struct tree_index *none = NULL;
    if (index->parent && index->under && index->lowest && index->top) {
        index_fill(tree, index, known);
        if (atomic_compare_exchange_strong(&owner->index, &none, index))
            return index;
    }
    /* Out of memory, or another thread was first: then `none` now holds its index. */
    free(index->parent);
    free(index->under);
    free(index->lowest);
    free(index->top);
    free(index);
    return none;
}

bool tree_is_complete(const struct tree *tree) {
    const struct tree_index *index = tree_index(tree);
    return index && index->complete;
}

size_t tree_depth(const struct tree *tree) {
    if (tree->root == TREE_NONE || tree->root < tree->leaves)
        return 0;
    size_t inner_count = tree->root - tree->leaves + 1;
    uint32_t *depth = malloc(inner_count * sizeof *depth);
    if (!depth)
        return 0;
    for (size_t inner = 0; inner < inner_count; inner++) {
        uint32_t deepest = 0;
        for (size_t k = first_child(tree, inner); k < tree->end[inner]; k++) {
            tree_ref child = tree->child[k];
            uint32_t below = child < tree->leaves ? 0 : depth[child - tree->leaves];
            deepest = below > deepest ? below : deepest;
        }
        depth[inner] = deepest + 1;
    }
    size_t longest = depth[inner_count - 1];
    free(depth);
    return longest;
}

size_t tree_lca_leaves(const struct tree *tree, size_t i, size_t j) {
    const struct tree_index *index = tree_index(tree);
    if (!index || i >= tree->leaves || j >= tree->leaves)
        return 0;
    tree_ref a = (tree_ref)i, b = (tree_ref)j;
    /* The path whose top is the smaller reference does not reach the other's: it is left. */
    while (index->top[a] != index->top[b]) {
        tree_ref *low = index->top[a] < index->top[b] ? &a : &b;
        *low = index->parent[index->top[*low]];
        if (*low == TREE_NONE)
            return 0;
    }
    return index->under[a > b ? a : b];
}

/* --- equality and text ------------------------------------------------------------------------ */

struct stack {
    tree_ref *at;
    size_t used, room;
};

static int push(struct stack *stack, tree_ref ref) {
    if (grow((void **)&stack->at, &stack->room, stack->used + 1, sizeof *stack->at))
        return -1;
    stack->at[stack->used++] = ref;
    return 0;
}

static int by_lowest_down(const void *a, const void *b, void *lowest_of) {
    const tree_ref *lowest = lowest_of;
    tree_ref la = lowest[*(const tree_ref *)a], lb = lowest[*(const tree_ref *)b];
    return (la < lb) - (la > lb);
}

/* Pushes a node's children, the one with the lowest leaf on top: of a complete tree that order is
 * the same however the children were given. */
static int push_children(struct stack *stack, const struct tree *tree,
                         const struct tree_index *index, tree_ref node) {
    size_t count = tree_child_count(tree, node), base = stack->used;
    for (size_t k = 0; k < count; k++)
        if (push(stack, tree_child(tree, node, k)))
            return -1;
    if (count > 1)
        qsort_r(stack->at + base, count, sizeof *stack->at, by_lowest_down, index->lowest);
    return 0;
}

bool tree_equal(const struct tree *a, const struct tree *b) {
    if (a->leaves != b->leaves || !tree_is_complete(a) || !tree_is_complete(b))
        return false;
    const struct tree_index *ia = tree_index(a), *ib = tree_index(b);
    struct stack sa = {0}, sb = {0};
    bool equal = push(&sa, a->root) == 0 && push(&sb, b->root) == 0;
    while (equal && sa.used) {
        tree_ref na = sa.at[--sa.used], nb = sb.at[--sb.used];
        size_t count = tree_child_count(a, na);
        if (count != tree_child_count(b, nb) || (count == 0 && na != nb))
            equal = false;
        else if (push_children(&sa, a, ia, na) || push_children(&sb, b, ib, nb))
            equal = false;
    }
    free(sa.at);
    free(sb.at);
    return equal;
}

/* Stands on the stack for "the node ends here". */
#define CLOSE TREE_NONE

char *tree_text(const struct tree *tree) {
    const struct tree_index *index = tree_index(tree);
    if (!index)
        return NULL;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    struct stack stack = {0};
    int bad = push(&stack, tree->root);
    bool first = true; /* nothing or "(" stands before */
    while (!bad && stack.used) {
        tree_ref node = stack.at[--stack.used];
        if (node == CLOSE) {
            fputc(')', out);
            continue;
        }
        if (!first)
            fputc(' ', out);
        first = node >= tree->leaves;
        if (!first)
            fprintf(out, "%u", (unsigned)node);
        else if (fputc('(', out) == EOF || push(&stack, CLOSE) ||
                 push_children(&stack, tree, index, node))
            bad = -1;
    }
    free(stack.at);
    if (ferror(out))
        bad = -1;
    if (fclose(out) || bad) {
        free(text);
        return NULL;
    }
    return text;
}

/* --- evaluation ------------------------------------------------------------------------------- */

/* The values of the inner nodes in order of their references: every child comes before its parent.
 * Without memory the answer is NaN, which no comparison takes for a match. */
#define EVALUATE(type)                                                                             \
    if (tree->root == TREE_NONE)                                                                   \
        return (type)NAN;                                                                          \
    if (tree->root < tree->leaves)                                                                 \
        return x[tree->root];                                                                      \
    size_t count = tree->root - tree->leaves + 1;                                                  \
    type *value = malloc(count * sizeof *value);                                                   \
    if (!value)                                                                                    \
        return (type)NAN;                                                                          \
    size_t k = 0;                                                                                  \
    for (size_t inner = 0; inner < count; inner++) {                                               \
        tree_ref child = tree->child[k++];                                                         \
        type sum = child < tree->leaves ? x[child] : value[child - tree->leaves];                  \
        for (; k < tree->end[inner]; k++) {                                                        \
            child = tree->child[k];                                                                \
            sum += child < tree->leaves ? x[child] : value[child - tree->leaves];                  \
        }                                                                                          \
        value[inner] = sum;                                                                        \
    }                                                                                              \
    type result = value[count - 1];                                                                \
    free(value);                                                                                   \
    return result;

float tree_eval_f32(const struct tree *tree, const float *x) {
    EVALUATE(float)
}

double tree_eval_f64(const struct tree *tree, const double *x) {
    EVALUATE(double)
}
