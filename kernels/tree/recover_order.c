/*
 * recover_order.c: the tree from the sizes of pairs' meeting points.
 *
 *     build(S):  i = any of S;  root = i
 *       measure l(i, j) for all other j of S
 *       for each group J of equal l, ascending:
 *         (sub, m) = build(J)             m: the largest l measured inside J
 *         m = |J|:  root = node(root, sub)          two subtrees meet
 *         m = l:    root joins sub's children       J's own root is the node where they meet
 *       return (root, largest l)
 *
 * What cannot come out even (m is neither, or the new root has more than l leaves) is no tree; what
 * does not come out even shows when all measurements are compared with the tree. The recursion is a
 * stack of frames: it can be as deep as n. i is drawn at random: always the first, a loop that adds
 * from the last input would take n(n-1)/2 calls; so it takes about 2n, as one from the first does.
 */
#include "kernels/tree/recover_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/rng/philox.h"

struct place { /* an input, and its size measured against the first of its set */
    uint32_t l, index;
};

struct measured { /* i < j */
    uint32_t i, j, l;
};

struct frame {
    size_t start, end, at;     /* its set in places[]; where its next group starts */
    tree_ref root;             /* TREE_NONE: not begun */
    uint32_t largest;          /* l so far */
    uint32_t group_l, group_n; /* the group its child frame builds */
};

struct builder {
    struct recover_run *run;
    struct place *places;
    struct frame *frames;
    size_t depth;
    struct measured *measured;
    size_t measured_count, measured_room;
    /* Inner nodes (reference n + k) as lists of children, for nodes still grow. */
    tree_ref *first, *next;
    uint32_t *size;
    size_t nodes;
    uint64_t frames_begun;
    bool even; /* all has come out even so far */
};

int recover_probe(struct recover_run *run, size_t i, size_t j, double mask, double unit,
                  uint32_t *l) {
    double result;
    recover_set_pair(run, i, j, mask, -mask, run->mask_y);
    int status = recover_call(run, &result);
    recover_set_pair(run, i, j, unit, unit, run->unit_y);
    if (status)
        return status;
    if (!isfinite(result))
        return recover_reject(
            run, RECOVER_MASKS,
            "with x[%zu] = %g and x[%zu] = %g it gives %g: a partial sum overflows", i, mask, j,
            -mask, result);
    double outside = result / (unit * run->unit_y);
    *l = 0;
    if (outside == rint(outside) && outside >= 0.0 && outside <= (double)run->n - 2.0)
        *l = (uint32_t)((double)run->n - outside);
    return 0;
}

static int probe(struct recover_run *run, size_t i, size_t j, uint32_t *l) {
    return recover_probe(run, i, j, run->mask, run->unit, l);
}

/* Balanced trees take n/2 log2 n, chains about 2n, nodes of w children w/2 for each of them. */
static size_t most_probes(size_t n) {
    size_t levels = 2;
    while ((size_t)1 << levels < n)
        levels++;
    return 100000 + 64 * n * levels;
}

static int measure(struct builder *b, uint32_t i, uint32_t j, uint32_t *l) {
    int status = probe(b->run, i, j, l);
    if (status)
        return status;
    b->run->out->probes++;
    if (b->run->out->probes > most_probes(b->run->n)) {
        snprintf(b->run->out->why, sizeof b->run->out->why,
                 "stopped after %zu calls that looked for the order of %zu inputs, more than any "
                 "known order takes; give a smaller n",
                 b->run->out->probes, b->run->n);
        return -1;
    }
    if (b->measured_count == b->measured_room) {
        size_t room = b->measured_room ? 2 * b->measured_room : 256;
        struct measured *moved = realloc(b->measured, room * sizeof *moved);
        if (!moved)
            return recover_no_memory(b->run);
        b->measured = moved;
        b->measured_room = room;
    }
    struct measured one = {i < j ? i : j, i < j ? j : i, *l};
    b->measured[b->measured_count++] = one;
    return 0;
}

static int by_l_then_index(const void *a, const void *b) {
    const struct place *p = a, *q = b;
    if (p->l != q->l)
        return p->l < q->l ? -1 : 1;
    return (p->index > q->index) - (p->index < q->index);
}

static void push(struct builder *b, size_t start, size_t end) {
    b->frames[b->depth++] = (struct frame){.start = start, .end = end, .root = TREE_NONE};
}

/* Two subtrees meet at a new node. */
static tree_ref meet(struct builder *b, tree_ref low, tree_ref high) {
    tree_ref node = (tree_ref)(b->run->n + b->nodes);
    b->first[b->nodes++] = low;
    b->next[low] = high;
    b->next[high] = TREE_NONE;
    b->size[node] = b->size[low] + b->size[high];
    return node;
}

/* The group's subtree has come back: hang it and the frame's root together. */
static void join(struct builder *b, struct frame *f, tree_ref sub, uint32_t m) {
    if (m == f->group_n) {
        f->root = meet(b, f->root, sub);
    } else if (m == f->group_l && sub >= b->run->n) {
        b->next[f->root] = b->first[sub - b->run->n];
        b->first[sub - b->run->n] = f->root;
        b->size[sub] += b->size[f->root];
        f->root = sub;
    } else {
        b->even = false;
    }
    /* It may be less: a part of a node with many children, whose others come later. */
    if (b->size[f->root] > f->group_l)
        b->even = false;
    f->largest = f->group_l;
}

static int build(struct builder *b) {
    push(b, 0, b->run->n);
    while (b->depth && b->even) {
        struct frame *f = &b->frames[b->depth - 1];
        struct place *set = b->places;
        if (f->root == TREE_NONE) {
            uint64_t drawn = philox_u64(b->run->seed, 1u << 26, b->frames_begun++);
            size_t pivot = f->start + philox_below(drawn, f->end - f->start);
            struct place first = set[f->start];
            set[f->start] = set[pivot];
            set[pivot] = first;
            f->root = set[f->start].index;
            f->largest = 1;
            f->at = f->start + 1;
            for (size_t k = f->at; k < f->end; k++) {
                int status = measure(b, set[f->start].index, set[k].index, &set[k].l);
                if (status)
                    return status;
                if (set[k].l == 0)
                    b->even = false;
            }
            qsort(set + f->at, f->end - f->at, sizeof *set, by_l_then_index);
        }
        if (f->at < f->end) {
            size_t start = f->at;
            while (f->at < f->end && set[f->at].l == set[start].l)
                f->at++;
            f->group_l = set[start].l;
            f->group_n = (uint32_t)(f->at - start);
            push(b, start, f->at);
            continue;
        }
        b->depth--;
        if (b->depth)
            join(b, &b->frames[b->depth - 1], f->root, f->largest);
    }
    return 0;
}

struct child { /* of a node, and the lowest leaf below it */
    tree_ref ref, lowest;
};

static int by_lowest(const void *a, const void *b) {
    const struct child *p = a, *q = b;
    return (p->lowest > q->lowest) - (p->lowest < q->lowest);
}

/* The lists of children as a tree, the child with the lowest leaf first. A node's children were
 * there before it: same references. */
static int finish(struct builder *b) {
    size_t n = b->run->n;
    struct tree *tree = tree_new(n);
    tree_ref *children = malloc(n * sizeof *children), *lowest = malloc(2 * n * sizeof *lowest);
    struct child *sorted = malloc(n * sizeof *sorted);
    tree_ref root = b->run->n == 1 ? 0 : TREE_NONE;
    bool room = tree && children && lowest && sorted;
    for (size_t i = 0; room && i < n; i++)
        lowest[i] = (tree_ref)i;
    for (size_t k = 0; room && k < b->nodes; k++) {
        size_t count = 0;
        for (tree_ref c = b->first[k]; c != TREE_NONE; c = b->next[c])
            sorted[count++] = (struct child){c, lowest[c]};
        qsort(sorted, count, sizeof *sorted, by_lowest);
        for (size_t c = 0; c < count; c++)
            children[c] = sorted[c].ref;
        lowest[n + k] = sorted[0].lowest;
        root = tree_add_n(tree, children, count);
    }
    free(children);
    free(lowest);
    free(sorted);
    if (tree)
        tree_set_root(tree, root);
    if (!room || tree_root(tree) == TREE_NONE) {
        tree_free(tree);
        return recover_no_memory(b->run);
    }
    b->run->out->tree = tree;
    return 0;
}

static int by_pair(const void *a, const void *b) {
    const struct measured *p = a, *q = b;
    if (p->i != q->i)
        return p->i < q->i ? -1 : 1;
    return (p->j > q->j) - (p->j < q->j);
}

static int fresh_pair(struct builder *b, uint32_t i, uint32_t j, bool *agrees) {
    struct measured key = {i < j ? i : j, i < j ? j : i, 0};
    uint32_t l;
    if (i == j || bsearch(&key, b->measured, b->measured_count, sizeof key, by_pair))
        return 0;
    int status = probe(b->run, i, j, &l);
    if (status)
        return status;
    b->run->out->fresh++;
    *agrees = l == tree_lca_leaves(b->run->out->tree, i, j);
    return 0;
}

/* Probes pairs that were not measured yet; all of them where there are few. */
static int fresh_pairs(struct builder *b, bool *agrees) {
    struct recover_run *run = b->run;
    size_t n = run->n, all = n * (n - 1) / 2;
    if (n < 2)
        return 0;
    qsort(b->measured, b->measured_count, sizeof *b->measured, by_pair);
    if (all <= 4 * run->pairs) {
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = i + 1; j < n && *agrees && run->out->fresh < run->pairs; j++) {
                int status = fresh_pair(b, i, j, agrees);
                if (status)
                    return status;
            }
        return 0;
    }
    for (uint64_t k = 0; k < 8 * run->pairs && *agrees && run->out->fresh < run->pairs; k++) {
        struct philox_block r = philox_at(run->seed, 1u << 29, k);
        int status = fresh_pair(b, (uint32_t)philox_below(philox_half(r, 0), n),
                                (uint32_t)philox_below(philox_half(r, 1), n), agrees);
        if (status)
            return status;
    }
    return 0;
}

static int weighted_pairs(struct recover_run *run, bool *agrees) {
    int status = recover_weighted(run, false, agrees);
    return status || *agrees ? status : recover_weighted(run, true, agrees);
}

/* A first look at pairs far and near: are all sizes 2, or all n? */
static int glance(struct recover_run *run, enum recover_sight *sight) {
    size_t n = run->n, none = 0, all = 0, looks = 0;
    *sight = SIGHT_TREE;
    if (n < 3)
        return 0;
    for (uint64_t k = 0; k < 64; k++) {
        struct philox_block r = philox_at(run->seed, 1u << 27, k);
        size_t i = philox_below(philox_half(r, 0), n), j = philox_below(philox_half(r, 1), n - 1);
        uint32_t l;
        if (k == 0)
            i = 0, j = n - 2; /* x[0] and x[n-1]; then x[0], x[1]; then the last two */
        else if (k == 1)
            i = 0, j = 0;
        else if (k == 2)
            i = n - 2, j = n - 2;
        j += j >= i;
        int status = probe(run, i, j, &l);
        if (status)
            return status;
        looks++;
        none += l == 2;
        all += l == n;
    }
    if (none == looks)
        *sight = SIGHT_NO_LOSS;
    else if (all == looks)
        *sight = SIGHT_FLAT;
    return 0;
}

/* Builds, and compares every measurement with what was built. */
static int build_and_check(struct builder *b, enum recover_sight *sight) {
    struct recover_run *run = b->run;
    int status = build(b);
    if (status)
        return status;
    if (!b->even) {
        *sight = SIGHT_NONE;
        return 0;
    }
    status = finish(b);
    if (status)
        return status;
    bool agrees = tree_is_complete(run->out->tree);
    for (size_t k = 0; k < b->measured_count && agrees; k++) {
        struct measured *m = &b->measured[k];
        agrees = tree_lca_leaves(run->out->tree, m->i, m->j) == m->l;
        run->out->rechecked++;
    }
    if (agrees)
        status = fresh_pairs(b, &agrees);
    if (!status && agrees && run->n > 1)
        status = weighted_pairs(run, &agrees);
    if (!agrees)
        *sight = SIGHT_NONE;
    return status;
}

/* One node over all leaves. */
static int flat(struct recover_run *run) {
    tree_ref *all = malloc(run->n * sizeof *all);
    struct tree *tree = tree_new(run->n);
    for (size_t i = 0; all && i < run->n; i++)
        all[i] = (tree_ref)i;
    if (all && tree)
        tree_set_root(tree, tree_add_n(tree, all, run->n));
    free(all);
    if (!all || !tree || tree_root(tree) == TREE_NONE) {
        tree_free(tree);
        return recover_no_memory(run);
    }
    run->out->tree = tree;
    return 0;
}

int recover_order(struct recover_run *run, enum recover_sight *sight) {
    size_t n = run->n;
    recover_fill(run, run->unit);
    recover_fill_y(run, run->unit_y);
    int status = glance(run, sight);
    /* A wide flat node has n(n-1)/2 equal sizes to measure; no matrix unit is that wide. */
    if (status || *sight == SIGHT_NO_LOSS)
        return status;
    bool is_flat = *sight == SIGHT_FLAT;
    if (is_flat && n > 256)
        return flat(run);
    struct builder b = {.run = run, .even = true};
    b.places = calloc(n, sizeof *b.places);
    b.frames = calloc(n + 1, sizeof *b.frames);
    b.first = calloc(n, sizeof *b.first);
    b.next = malloc(2 * n * sizeof *b.next);
    b.size = calloc(2 * n, sizeof *b.size);
    if (b.places && b.frames && b.first && b.next && b.size) {
        for (size_t i = 0; i < n; i++) {
            b.places[i].index = (uint32_t)i;
            b.size[i] = 1;
        }
        status = build_and_check(&b, sight);
    } else {
        status = recover_no_memory(run);
    }
    free(b.places);
    free(b.frames);
    free(b.first);
    free(b.next);
    free(b.size);
    free(b.measured);
    return status;
}
