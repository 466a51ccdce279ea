/*
 * recover_again.c: before a reason is given, the questions whose answers contradict each other are
 * put again, and in another way: the same call many times; a single addition, to see how it rounds;
 * the same two inputs among other numbers.
 */
#include "kernels/tree/recover_inside.h"

#include <math.h>

#include "kernels/rng/philox.h"

#define PAIRS 12
#define TURNS 40

/* Pairs far and near. */
static void pair(const struct recover_run *run, uint64_t k, size_t *i, size_t *j) {
    struct philox_block r = philox_at(run->seed, 1u << 25, k);
    size_t n = run->n;
    *i = k < 2 ? 0 : philox_below(philox_half(r, 0), n);
    *j = k == 0 ? n - 2 : k == 1 ? 0 : philox_below(philox_half(r, 1), n - 1);
    *j += *j >= *i;
}

int recover_ask_again(struct recover_run *run) {
    int status = recover_steady(run, 100);
    if (status || run->n < 2)
        return status;
    recover_fill(run, run->unit);
    recover_fill_y(run, run->unit_y);
    for (uint64_t k = 0; k < PAIRS; k++) {
        size_t i, j;
        double first = 0.0, result;
        pair(run, k, &i, &j);
        for (int turn = 0; turn < TURNS; turn++) {
            recover_set(run, i, run->mask);
            recover_set(run, j, -run->mask);
            status = recover_call(run, &result);
            recover_set(run, i, run->unit);
            recover_set(run, j, run->unit);
            if (status)
                return status;
            if (turn == 0)
                first = result;
            else if (!recover_same(first, result))
                return recover_reject(run, RECOVER_NOT_DETERMINISTIC,
                                      "the same %zu inputs (units, and +M and -M at %zu and %zu) "
                                      "gave %.9g, and then %.9g",
                                      run->n, i, j, first, result);
        }
    }
    return 0;
}

/* x[i] = a, x[j] = b, zeros elsewhere. */
static int two(struct recover_run *run, size_t i, size_t j, double a, double b, double *result) {
    recover_set(run, i, a);
    recover_set(run, j, b);
    int status = recover_call(run, result);
    recover_set(run, i, 0.0);
    recover_set(run, j, 0.0);
    return status;
}

/* Bits: 1 + t is above 1, -1 - t below -1, 1 - t below 1, -1 + t above -1, for a tiny t. */
static int directions(struct recover_run *run, size_t i, size_t j, unsigned *seen) {
    static const struct {
        double one, tiny;
        int way;
    } ask[] = {
        {1.0, 0x1p-120, 1}, {-1.0, -0x1p-120, -1}, {1.0, -0x1p-120, -1}, {-1.0, 0x1p-120, 1}};
    *seen = 0;
    for (unsigned k = 0; k < 4; k++) {
        double result;
        int status = two(run, i, j, ask[k].one, ask[k].tiny, &result);
        if (status)
            return status;
        if (ask[k].way * (result - ask[k].one) > 0.0)
            *seen |= 1u << k;
    }
    return 0;
}

int recover_rounding(struct recover_run *run) {
    static const struct {
        unsigned seen;
        const char *name;
    } modes[] = {{9, "up"}, {6, "down"}, {12, "toward zero"}, {3, "away from zero"}};
    if (run->n < 2 || run->target->type == ELEMENT_F16)
        return 0;
    recover_fill(run, 0.0);
    recover_fill_y(run, 1.0);
    unsigned all = 0, any = 0;
    for (uint64_t k = 0; k < PAIRS; k++) {
        size_t i, j;
        unsigned seen;
        pair(run, k, &i, &j);
        int status = directions(run, i, j, &seen);
        if (status)
            return status;
        all = k == 0 ? seen : all & seen;
        any |= seen;
    }
    for (size_t m = 0; m < sizeof modes / sizeof *modes; m++)
        if (all == modes[m].seen && any == modes[m].seen)
            return recover_reject(run, RECOVER_ROUNDING,
                                  "a single addition rounds %s, not to nearest (next to 1 and -1, "
                                  "2^-120 of either sign): the masks need rounding to nearest",
                                  modes[m].name);
    return 0;
}

int recover_width_seen(struct recover_run *run, enum recover_width *width) {
    static const struct {
        int k;
        enum recover_width lost_by;
    } tests[] = {{30, RECOVER_WIDTH_F32}, {58, RECOVER_WIDTH_F64}, {100, RECOVER_WIDTH_X87}};
    *width = recover_result_width(run);
    if (run->n < 3 || run->target->type == ELEMENT_F16)
        return 0;
    recover_fill(run, 0.0);
    recover_fill_y(run, 1.0);
    for (size_t t = 0; t < sizeof tests / sizeof *tests; t++)
        for (uint64_t k = 0; k < 24; k++) {
            size_t i, j, c = philox_below(philox_u64(run->seed, 1u << 24, k), run->n);
            double result, small = ldexp(1.0, 10 - tests[t].k);
            pair(run, k, &i, &j);
            if (c == i || c == j)
                continue;
            recover_set(run, c, -0x1p10);
            int status = two(run, i, j, 0x1p10, small, &result);
            recover_set(run, c, 0.0);
            if (status)
                return status;
            if (!(fabs(result - small) < small / 2.0)) {
                *width = tests[t].lost_by > *width ? tests[t].lost_by : *width;
                return 0;
            }
        }
    return 0;
}

/* The size of a pair with other masks and units. 0: no count, or such a unit alone is not its own
 * sum (a grid has no room for it). */
static int size_with(struct recover_run *run, size_t i, size_t j, double mask, double unit,
                     uint32_t *l) {
    double alone;
    *l = 0;
    recover_fill(run, 0.0);
    recover_fill_y(run, run->unit_y);
    recover_set(run, i, unit);
    int status = recover_call(run, &alone);
    if (status || alone != unit * run->unit_y)
        return status;
    recover_fill(run, unit);
    for (int turn = 0; turn < 3; turn++) {
        uint32_t again;
        status = recover_probe(run, i, j, mask, unit, &again);
        if (status)
            return status;
        if (turn > 0 && again != *l)
            return recover_reject(run, RECOVER_NOT_DETERMINISTIC,
                                  "the same call gave a size of %u, and then of %u", *l, again);
        *l = again;
    }
    return 0;
}

/* The same where most others are zero: they have to meet where they do among units. */
static int among_zeros(struct recover_run *run) {
    for (int turn = 0; turn < 3; turn++) {
        bool agrees;
        recover_fill_y(run, run->unit_y);
        int status = recover_weighted(run, true, &agrees);
        if (status || agrees)
            return status;
    }
    return recover_reject(
        run, RECOVER_DATA_ORDER,
        "a tree fits all probes with the same unit everywhere, but not those where "
        "most inputs are zero, which give the same again");
}

/* Powers of two and signs change no rounding: under a fixed order, sizes stay what they are. */
int recover_two_sizes(struct recover_run *run, enum recover_sight sight) {
    static const double masks[] = {1.0, -1.0, 1.0, 1.0, 1.0, 0x1p-20};
    static const double units[] = {1.0, 1.0, -1.0, 0.25, 0x1p20, 0x1p-20};
    size_t count = run->target->type == ELEMENT_F16 ? 3 : sizeof units / sizeof *units;
    for (uint64_t k = 0; k < PAIRS && run->n > 2; k++) {
        size_t i, j;
        uint32_t first, l;
        pair(run, k, &i, &j);
        int status = size_with(run, i, j, run->mask, run->unit, &first);
        for (size_t v = 1; v < count && !status && first; v++) {
            double mask = run->mask * masks[v], unit = run->unit * units[v];
            status = size_with(run, i, j, mask, unit, &l);
            if (!status && l && l != first)
                return recover_reject(
                    run, RECOVER_DATA_ORDER,
                    "x[%zu] = %g and x[%zu] = %g meet in a sum of %u inputs if the others are %g, "
                    "and x[%zu] = %g and x[%zu] = %g in one of %u if they are %g",
                    i, run->mask, j, -run->mask, first, run->unit, i, mask, j, -mask, l, unit);
        }
        if (status)
            return status;
    }
    return sight == SIGHT_TREE && run->n > 2 ? among_zeros(run) : 0;
}

int recover_grid(struct recover_run *run, bool *is) {
    int least = run->target->type == ELEMENT_F16 ? -24 : -120;
    *is = false;
    recover_fill(run, 0.0);
    recover_fill_y(run, 1.0);
    for (int e = 0; e >= least && !*is; e -= 4) {
        double v = ldexp(1.0, e), result;
        recover_set(run, 0, v);
        int status = recover_call(run, &result);
        if (status)
            return status;
        *is = result != v;
    }
    return 0;
}
