/*
 * recover_weighted.c: a tree that was found among equal units, asked among unequal ones.
 */
#include <math.h>
#include <stdlib.h>

#include "kernels/rng/philox.h"
#include "kernels/tree/recover_inside.h"

/* The leaves' weights outside the subtree where i and j meet. */
static double weight_outside(const struct tree *tree, const double *weight, double *below, size_t i,
                             size_t j) {
    tree_ref root = tree_root(tree);
    size_t n = tree_leaves(tree);
    /* below: the weight of each node, and which of i and j it holds; the first node (counted
     * upwards) that holds both is where they meet. */
    unsigned char *holds = calloc(root + 1, 1);
    double met = -1.0;
    if (!holds)
        return NAN;
    for (tree_ref v = 0; v <= root; v++) {
        if (v < n) {
            below[v] = weight[v];
            holds[v] = (unsigned char)((v == i) | (v == j) << 1);
            continue;
        }
        below[v] = 0.0;
        for (size_t k = 0; k < tree_child_count(tree, v); k++) {
            below[v] += below[tree_child(tree, v, k)];
            holds[v] |= holds[tree_child(tree, v, k)];
        }
        if (holds[v] == 3 && met < 0.0)
            met = below[v];
    }
    free(holds);
    return below[root] - met;
}

/* A unit of 1 to 8; or, for sums that have few bits, about half that are not zero, and no more than
 * 64, of 1 or 2. */
static double unequal(const struct recover_run *run, uint64_t k, size_t v, bool few) {
    struct philox_block r = philox_at(run->seed, 1000 + k, v);
    if (!few)
        return 1.0 + r.v[0] % 8;
    size_t some = run->n < 128 ? (run->n + 1) / 2 : 64;
    return philox_below(philox_half(r, 1), run->n) < some ? 1.0 + r.v[0] % 2 : 0.0;
}

struct weighted {
    bool few;
    double *below, *expected;
    size_t i, j;
};

static void set_unequal(struct recover_run *run, void *context, size_t k) {
    struct weighted *w = context;
    struct philox_block r = philox_at(run->seed, 1u << 28, k);
    double sign = k % 2 ? 1.0 : -1.0;
    w->i = philox_below(philox_half(r, 0), run->n);
    w->j = philox_below(philox_half(r, 1), run->n - 1);
    w->j += w->j >= w->i;
    for (size_t v = 0; v < run->n; v++)
        recover_set(run, v, run->unit * unequal(run, k, v, w->few));
    w->expected[k] = weight_outside(run->out->tree, run->xv, w->below, w->i, w->j) * run->unit_y;
    recover_set_pair(run, w->i, w->j, sign * run->mask, -sign * run->mask, run->mask_y);
}

static void set_equal(struct recover_run *run, void *context, size_t k) {
    struct weighted *w = context;
    (void)k;
    recover_set_pair(run, w->i, w->j, run->unit, run->unit, run->unit_y);
}

int recover_weighted(struct recover_run *run, bool few, bool *agrees) {
    struct weighted w = {.few = few};
    double *results = malloc(run->pairs * sizeof *results);
    w.below = malloc(2 * run->n * sizeof *w.below);
    w.expected = malloc(run->pairs * sizeof *w.expected);
    int status = results && w.below && w.expected
                     ? recover_calls(run, run->pairs, set_unequal, set_equal, &w, results)
                     : recover_no_memory(run);
    *agrees = true;
    run->out->weighted = 0;
    for (size_t k = 0; k < run->pairs && *agrees && !status; k++) {
        *agrees = results[k] == w.expected[k];
        run->out->weighted++;
    }
    free(results);
    free(w.below);
    free(w.expected);
    recover_fill(run, run->unit);
    return status;
}
