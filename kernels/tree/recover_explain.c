/*
 * recover_explain.c: names for what is no plain sum along a fixed tree.
 *
 * What can be told apart from outputs: whether the same call always gives the same; how a single
 * addition rounds; whether every result is the correctly rounded one; whether adding in order of
 * size gives the bits; whether they depend on the order of the inputs at all; whether a compensated
 * loop along the tree that the masks show gives them, or the error is far below a plain sum's; and
 * whether the same two inputs meet elsewhere when the others change. Else no reason is given, only
 * what was seen.
 */
#include "kernels/tree/recover_inside.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "kernels/tree/tree_index.h"

#define SETS RECOVER_EXPLAIN_SETS

/* More of those that only an exact sum gets right. */
#define LAYER_SETS 40

void recover_explain_set(struct recover_run *run, size_t k) {
    recover_random(run, (enum recover_data)(k % DATA_KINDS), 100 + k / DATA_KINDS);
    recover_fill_y(run, 1.0); /* a product's rounding is no matter of the order */
}

static int order_free(struct recover_run *run, bool *is) {
    *is = true;
    for (size_t k = 0; k < SETS && *is; k++) {
        double first, other;
        recover_explain_set(run, k);
        int status = recover_call(run, &first);
        for (uint64_t turn = 0; turn < 3 && *is && !status; turn++) {
            recover_shuffle(run, 8 * k + turn);
            status = recover_call(run, &other);
            *is = recover_same(first, other);
        }
        if (status)
            return status;
    }
    return 0;
}

/* One unit in the last place of the result's type. */
static double ulp(const struct recover_run *run, double v) {
    bool f32 = run->target->result == ELEMENT_F32;
    if (v == 0.0)
        return f32 ? 0x1p-149 : 0x1p-1074;
    int last = ilogb(v) - (f32 ? 23 : 52), lowest = f32 ? -149 : -1074;
    return ldexp(1.0, last < lowest ? lowest : last);
}

struct accuracy {
    size_t sets;
    size_t exact; /* results that are the correctly rounded ones */
    size_t hard;  /* sets where a plain loop of the width seen is off by more than four units in the
                     last place … */
    size_t better; /* … and the function by one, and 2^-8 of the loop's error, at most */
};

/* Data that cost a plain loop of this width bits, and leave a compensated one some. */
static bool tells_compensated(enum recover_data kind, enum recover_width width) {
    if (kind == DATA_LAYERS || kind > DATA_DEEP_F128)
        return false;
    if (kind >= DATA_DEEP_F64)
        return kind == (width == RECOVER_WIDTH_F64 ? DATA_DEEP_F64 : DATA_DEEP_X87) &&
               width >= RECOVER_WIDTH_F64;
    return true;
}

static int look_at_accuracy(struct recover_run *run, enum recover_width width,
                            struct accuracy *seen) {
    *seen = (struct accuracy){0};
    int status = 0;
    for (size_t k = 0; k < SETS + LAYER_SETS && !status; k++) {
        double result, exact;
        recover_explain_set(run, k);
        if (k >= SETS) {
            recover_random(run, DATA_LAYERS, k);
            recover_fill_y(run, 1.0);
        }
        status = recover_call(run, &result);
        if (!status)
            status = recover_exact(run, &exact);
        if (status)
            break;
        seen->sets++;
        seen->exact += recover_same(result, exact);
        if (k >= SETS || !tells_compensated((enum recover_data)(k % DATA_KINDS), width))
            continue;
        double unit = ulp(run, exact);
        double plain = fabs(recover_in_order(run, run->xv, width) - exact);
        bool hard = plain > 4.0 * unit;
        seen->hard += hard;
        seen->better += hard && fabs(result - exact) <= unit + plain / 256.0;
    }
    return status;
}

/* --- the verdict ------------------------------------------------------------------------------ */

struct evidence {
    struct accuracy accuracy;
    bool order_free, grid, kahan;
    enum recover_width kahan_width;
    const char *sorting;
};

static int collect(struct recover_run *run, struct evidence *e) {
    enum recover_width width;
    int status = recover_width_seen(run, &width);
    if (!status)
        status = look_at_accuracy(run, width, &e->accuracy);
    if (!status)
        status = order_free(run, &e->order_free);
    if (!status)
        status = recover_grid(run, &e->grid);
    if (!status)
        status = recover_sorted(run, width, &e->sorting);
    if (!status)
        status = recover_kahan(run, &e->kahan_width, &e->kahan);
    return status;
}

/* Of fewer inputs a sum that sorts looks like a binned one. */
#define FEW 5

/* Without a reason: what was seen. */
static int reject_unexplained(struct recover_run *run, enum recover_sight sight,
                              const struct evidence *e) {
    size_t probes = run->out->probes + run->out->fresh + run->out->weighted;
    if (sight == SIGHT_TREE)
        return recover_reject(run, RECOVER_ARITHMETIC,
                              "a tree fits all probes, but its bits match on %zu of %d random "
                              "inputs only",
                              run->out->data_sets, DATA_KINDS * RECOVER_SETS_PER_KIND);
    if (e->order_free)
        return recover_reject(run, RECOVER_NO_TREE,
                              "no order of the inputs changes a bit, but %zu of %zu results are "
                              "not the correctly rounded sum",
                              e->accuracy.sets - e->accuracy.exact, e->accuracy.sets);
    if (sight == SIGHT_NO_LOSS)
        return recover_reject(run, RECOVER_NO_TREE,
                              "no unit is ever lost next to +M and -M, but the order of the inputs "
                              "changes the bits");
    if (sight == SIGHT_FLAT)
        return recover_reject(run, RECOVER_NO_TREE,
                              "every unit is lost next to +M and -M, wherever it stands, but the "
                              "order of the inputs changes the bits");
    return recover_reject(run, RECOVER_NO_TREE,
                          "no tree has all the subtree sizes that %zu probes measured; the same "
                          "calls give the same again",
                          probes);
}

int recover_explain(struct recover_run *run, enum recover_sight sight) {
    struct evidence e = {0};
    int status = recover_ask_again(run);
    if (!status)
        status = recover_rounding(run);
    if (!status)
        status = collect(run, &e);
    if (status)
        return status;
    const struct accuracy *a = &e.accuracy;
    bool compensated = a->better == a->hard && a->hard >= 4;
    if (sight != SIGHT_FLAT && a->exact == a->sets)
        return recover_reject(
            run, RECOVER_EXACT,
            "all %zu results are the correctly rounded sum, also where magnitudes "
            "lie far apart: no order is to be seen",
            a->sets);
    if (e.sorting)
        return recover_reject(run, RECOVER_DATA_ORDER,
                              "it adds %s: that gives its bits on all random data", e.sorting);
    if (sight == SIGHT_FLAT && e.order_free && run->n >= FEW)
        return recover_reject(run, RECOVER_BINNED,
                              "next to a large input every unit is lost, wherever it stands, and "
                              "no order of the inputs changes a bit");
    if (e.order_free && e.grid)
        return recover_reject(run, RECOVER_ON_A_GRID,
                              "no order of the inputs changes a bit, a small input alone is lost, "
                              "and %zu of %zu results are "
                              "not the correctly rounded sum",
                              a->sets - a->exact, a->sets);
    if (e.kahan)
        return recover_reject(run, RECOVER_COMPENSATED,
                              "Kahan's compensated addition in %s along the order the masks show "
                              "gives its bits on all random data",
                              recover_width_name(e.kahan_width));
    status = e.order_free ? 0 : recover_two_sizes(run, sight);
    if (status)
        return status;
    if (compensated && !e.order_free)
        return recover_reject(run, RECOVER_COMPENSATED,
                              "of %zu inputs on which a plain loop loses more than two bits, it is "
                              "off by one unit in the last place, or 2^-8 of that, on all",
                              a->hard);
    return reject_unexplained(run, sight, &e);
}
