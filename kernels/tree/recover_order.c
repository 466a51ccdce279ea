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
 * does not come out even shows when all measurements are compared with the tree. i is drawn at
 * random: always the first, a loop that adds from the last input would take n(n-1)/2 calls; so it
 * takes about 2n, as one from the first does.
 *
 * No set's measurements need another's, but for those of the set that it is a part of: first all
 * sets are split, level by level, and a level is measured at once; then the tree is built from
 * them, depth first. The recursion is a stack of frames: it can be as deep as n.
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

struct part { /* a set of inputs, places[start…end-1]: its first is the one measured against */
    uint32_t start, end;
    uint32_t first, parts; /* the parts that the others fall into, ascending sizes; their number */
    uint32_t l;            /* what its inputs measured against the first of the set around it */
};

struct frame {
    uint32_t part, done; /* how many of its parts have been built */
    tree_ref root;
    uint32_t largest; /* l so far */
};

struct builder {
    struct recover_run *run;
    struct place *places;
    struct part *part; /* no two have the same first input: no more than n */
    size_t parts;
    struct frame *frames;
    size_t depth;
    struct measured *measured;
    size_t measured_count, measured_room;
    double *results;
    /* Inner nodes (reference n + k) as lists of children, for nodes still grow. */
    tree_ref *first, *next;
    uint32_t *size;
    size_t nodes;
    bool even; /* all has come out even so far */
};

/* 0 is no count. */
static int size_from(struct recover_run *run, const struct measured *pair, double mask, double unit,
                     double result, uint32_t *l) {
    if (!isfinite(result))
        return recover_reject(
            run, RECOVER_MASKS,
            "with x[%zu] = %g and x[%zu] = %g it gives %g: a partial sum overflows",
            (size_t)pair->i, mask, (size_t)pair->j, -mask, result);
    double outside = result / (unit * run->unit_y);
    *l = 0;
    if (outside == rint(outside) && outside >= 0.0 && outside <= (double)run->n - 2.0)
        *l = (uint32_t)((double)run->n - outside);
    return 0;
}

/* A result of few bits cannot count all units at once: then only those of a window of the inputs
 * are there, one window after another. Leaves the inputs at the unit. */
static bool next_window(struct recover_run *run, double unit, size_t *from) {
    size_t width = recover_counts(run);
    if (run->n <= width)
        return (*from)++ == 0;
    for (size_t i = 0; i < run->n; i++)
        recover_set(run, i, *from >= run->n || (i >= *from && i < *from + width) ? unit : 0.0);
    bool more = *from < run->n;
    *from += width;
    return more;
}

int recover_probe(struct recover_run *run, size_t i, size_t j, double mask, double unit,
                  uint32_t *l) {
    struct measured pair = {(uint32_t)i, (uint32_t)j, 0};
    double sum = 0.0;
    for (size_t from = 0; next_window(run, unit, &from);) {
        double result, x = run->xv[i], y = run->xv[j];
        recover_set_pair(run, i, j, mask, -mask, run->mask_y);
        int status = recover_call(run, &result);
        recover_set_pair(run, i, j, x, y, run->unit_y);
        if (status)
            return status;
        sum += result;
    }
    recover_set_pair(run, i, j, unit, unit, run->unit_y);
    return size_from(run, &pair, mask, unit, sum, l);
}

struct probes {
    const struct measured *pair;
    double at_i, at_j; /* what was there */
};

static void set_masks(struct recover_run *run, void *context, size_t k) {
    struct probes *p = context;
    p->at_i = run->xv[p->pair[k].i];
    p->at_j = run->xv[p->pair[k].j];
    recover_set_pair(run, p->pair[k].i, p->pair[k].j, run->mask, -run->mask, run->mask_y);
}

static void set_units(struct recover_run *run, void *context, size_t k) {
    const struct probes *p = context;
    recover_set_pair(run, p->pair[k].i, p->pair[k].j, p->at_i, p->at_j, run->unit_y);
}

/* The sizes of so many pairs; `results`: room for as many. */
static int probe(struct recover_run *run, struct measured *pair, size_t count, double *results) {
    struct probes p = {.pair = pair};
    double *sum = calloc(count + 1, sizeof *sum);
    int status = sum ? 0 : recover_no_memory(run);
    for (size_t from = 0; !status && next_window(run, run->unit, &from);) {
        status = recover_calls(run, count, set_masks, set_units, &p, results);
        for (size_t k = 0; k < count && !status; k++)
            sum[k] += results[k];
    }
    for (size_t k = 0; k < count && !status; k++)
        status = size_from(run, &pair[k], run->mask, run->unit, sum[k], &pair[k].l);
    free(sum);
    return status;
}

/* Balanced trees take n/2 log2 n, chains about 2n, nodes of w children w/2 for each of them. */
static size_t most_probes(size_t n) {
    size_t levels = 2;
    while ((size_t)1 << levels < n)
        levels++;
    return 100000 + 64 * n * levels;
}

static int room_for(struct builder *b, size_t more) {
    size_t room = b->measured_room ? b->measured_room : 256;
    while (room < b->measured_count + more)
        room *= 2;
    if (room == b->measured_room)
        return 0;
    struct measured *moved = realloc(b->measured, room * sizeof *moved);
    if (!moved)
        return recover_no_memory(b->run);
    b->measured = moved;
    b->measured_room = room;
    return 0;
}

static int by_l_then_index(const void *a, const void *b) {
    const struct place *p = a, *q = b;
    if (p->l != q->l)
        return p->l < q->l ? -1 : 1;
    return (p->index > q->index) - (p->index < q->index);
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
static void join(struct builder *b, struct frame *f, const struct part *group, tree_ref sub,
                 uint32_t m) {
    if (m == group->end - group->start) {
        f->root = meet(b, f->root, sub);
    } else if (m == group->l && sub >= b->run->n) {
        b->next[f->root] = b->first[sub - b->run->n];
        b->first[sub - b->run->n] = f->root;
        b->size[sub] += b->size[f->root];
        f->root = sub;
    } else {
        b->even = false;
    }
    /* It may be less: a part of a node with many children, whose others come later. */
    if (b->size[f->root] > group->l)
        b->even = false;
    f->largest = group->l;
}

/* Draws the input that the others of the set are measured against, and adds those pairs. */
static void ask_part(struct builder *b, size_t p) {
    const struct part *part = &b->part[p];
    uint64_t drawn = philox_u64(b->run->seed, 1u << 26, p);
    size_t pivot = part->start + philox_below(drawn, part->end - part->start);
    struct place first = b->places[part->start];
    b->places[part->start] = b->places[pivot];
    b->places[pivot] = first;
    for (size_t k = part->start + 1; k < part->end; k++) {
        uint32_t i = b->places[part->start].index, j = b->places[k].index;
        b->measured[b->measured_count++] = (struct measured){i < j ? i : j, i < j ? j : i, 0};
    }
}

/* Splits the set by what was measured. */
static void split_part(struct builder *b, size_t p, const struct measured *measured) {
    struct part *part = &b->part[p];
    for (size_t k = part->start + 1; k < part->end; k++) {
        b->places[k].l = measured[k - part->start - 1].l;
        if (b->places[k].l == 0)
            b->even = false;
    }
    qsort(b->places + part->start + 1, part->end - part->start - 1, sizeof *b->places,
          by_l_then_index);
    part->first = (uint32_t)b->parts;
    for (uint32_t at = part->start + 1; at < part->end; part->parts++) {
        struct part group = {.start = at, .l = b->places[at].l};
        while (at < part->end && b->places[at].l == group.l)
            at++;
        group.end = at;
        b->part[b->parts++] = group;
    }
}

/* All sets, a level at once. */
static int split(struct builder *b) {
    struct recover_run *run = b->run;
    b->part[b->parts++] = (struct part){.end = (uint32_t)run->n};
    for (size_t from = 0, to = 1; from < to && b->even; from = to, to = b->parts) {
        size_t before = b->measured_count;
        int status = room_for(b, run->n);
        for (size_t p = from; p < to && !status; p++)
            ask_part(b, p);
        if (!status)
            status = probe(run, b->measured + before, b->measured_count - before, b->results);
        if (status)
            return status;
        run->out->probes += b->measured_count - before;
        if (run->out->probes > most_probes(run->n)) {
            snprintf(run->out->why, sizeof run->out->why,
                     "stopped after %zu calls that looked for the order of %zu inputs, more than "
                     "any known order takes; give a smaller n",
                     run->out->probes, run->n);
            return -1;
        }
        for (size_t p = from, at = before; p < to; p++) {
            size_t pairs = b->part[p].end - b->part[p].start - 1;
            split_part(b, p, b->measured + at);
            at += pairs;
        }
    }
    return 0;
}

static void push(struct builder *b, uint32_t part) {
    b->frames[b->depth++] =
        (struct frame){.part = part, .root = b->places[b->part[part].start].index, .largest = 1};
}

static int build(struct builder *b) {
    int status = split(b);
    if (status || !b->even)
        return status;
    push(b, 0);
    while (b->depth && b->even) {
        struct frame *f = &b->frames[b->depth - 1];
        const struct part *part = &b->part[f->part];
        if (f->done < part->parts) {
            push(b, part->first + f->done++);
            continue;
        }
        b->depth--;
        if (b->depth)
            join(b, &b->frames[b->depth - 1], part, f->root, f->largest);
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

/* If it was not measured yet. */
static void add_fresh(struct builder *b, struct measured *fresh, size_t *count, size_t i,
                      size_t j) {
    struct measured pair = {(uint32_t)(i < j ? i : j), (uint32_t)(i < j ? j : i), 0};
    if (i != j && *count < b->run->pairs &&
        !bsearch(&pair, b->measured, b->measured_count, sizeof pair, by_pair))
        fresh[(*count)++] = pair;
}

/* Probes pairs that were not measured yet; all of them where there are few. */
static int fresh_pairs(struct builder *b, bool *agrees) {
    struct recover_run *run = b->run;
    size_t n = run->n, all = n * (n - 1) / 2, count = 0;
    struct measured *fresh = malloc(run->pairs * sizeof *fresh);
    double *results = malloc(run->pairs * sizeof *results);
    int status = fresh && results ? 0 : recover_no_memory(run);
    qsort(b->measured, b->measured_count, sizeof *b->measured, by_pair);
    if (all <= 4 * run->pairs)
        for (size_t i = 0; i < n && !status; i++)
            for (size_t j = i + 1; j < n; j++)
                add_fresh(b, fresh, &count, i, j);
    for (uint64_t k = 0; k < 8 * run->pairs && !status && all > 4 * run->pairs; k++) {
        struct philox_block r = philox_at(run->seed, 1u << 29, k);
        add_fresh(b, fresh, &count, philox_below(philox_half(r, 0), n),
                  philox_below(philox_half(r, 1), n));
    }
    if (!status)
        status = probe(run, fresh, count, results);
    for (size_t k = 0; k < count && *agrees && !status; k++) {
        *agrees = fresh[k].l == tree_lca_leaves(run->out->tree, fresh[k].i, fresh[k].j);
        run->out->fresh++;
    }
    free(fresh);
    free(results);
    return status;
}

static int weighted_pairs(struct recover_run *run, bool *agrees) {
    int status = 0;
    if (recover_counts(run) / 8 >= run->n)
        status = recover_weighted(run, false, agrees);
    return status || *agrees ? status : recover_weighted(run, true, agrees);
}

/* A first look at pairs far and near: are all sizes 2, or all n? */
static int glance(struct recover_run *run, enum recover_sight *sight) {
    enum { LOOKS = 64 };
    struct measured pair[LOOKS];
    double results[LOOKS];
    size_t n = run->n, none = 0, all = 0;
    *sight = SIGHT_TREE;
    if (n < 3)
        return 0;
    for (uint64_t k = 0; k < LOOKS; k++) {
        struct philox_block r = philox_at(run->seed, 1u << 27, k);
        size_t i = philox_below(philox_half(r, 0), n), j = philox_below(philox_half(r, 1), n - 1);
        if (k == 0)
            i = 0, j = n - 2; /* x[0] and x[n-1]; then x[0], x[1]; then the last two */
        else if (k == 1)
            i = 0, j = 0;
        else if (k == 2)
            i = n - 2, j = n - 2;
        j += j >= i;
        pair[k] = (struct measured){(uint32_t)i, (uint32_t)j, 0};
    }
    int status = probe(run, pair, LOOKS, results);
    for (size_t k = 0; k < LOOKS && !status; k++) {
        none += pair[k].l == 2;
        all += pair[k].l == n;
    }
    if (!status && none == LOOKS)
        *sight = SIGHT_NO_LOSS;
    else if (!status && all == LOOKS)
        *sight = SIGHT_FLAT;
    return status;
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
    if (agrees && run->n > 1)
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
    b.part = calloc(n, sizeof *b.part);
    b.frames = calloc(n + 1, sizeof *b.frames);
    b.results = malloc(n * sizeof *b.results);
    b.first = calloc(n, sizeof *b.first);
    b.next = malloc(2 * n * sizeof *b.next);
    b.size = calloc(2 * n, sizeof *b.size);
    if (b.places && b.part && b.frames && b.results && b.first && b.next && b.size) {
        for (size_t i = 0; i < n; i++) {
            b.places[i].index = (uint32_t)i;
            b.size[i] = 1;
        }
        status = build_and_check(&b, sight);
    } else {
        status = recover_no_memory(run);
    }
    free(b.places);
    free(b.part);
    free(b.frames);
    free(b.results);
    free(b.first);
    free(b.next);
    free(b.size);
    free(b.measured);
    return status;
}
