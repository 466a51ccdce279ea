/*
 * recover_sum.c: is the function a sum of its inputs, each counted once, and the same every time?
 * Asked with numbers that any order in any format adds exactly: zeros, a few small whole numbers,
 * quarters, the same far up, and for a dot product whole numbers in both operands.
 */
#include "kernels/tree/recover_inside.h"

#include <math.h>
#include <time.h>

#include "kernels/rng/philox.h"

#define SETS 20
/* Of these, so few are not zero that 8 bits hold the sum. */
#define SPARSE_SETS 60
#define SPARSE 8

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int steady(struct recover_run *run, size_t turns) {
    static const enum recover_data kinds[] = {DATA_CANCELLING, DATA_MAGNITUDES, DATA_NORMAL};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    double first[KINDS], until = seconds() + 3.0;
    for (size_t turn = 0; turn < turns && (turn < 6 || seconds() < until); turn++)
        for (int k = 0; k < KINDS; k++) {
            double result;
            recover_random(run, kinds[k], 50);
            int status = recover_call(run, &result);
            /* At once again, too: it may remember. */
            double again = result;
            if (!status && turn < 3)
                status = recover_call(run, &again);
            if (status)
                return status;
            if (turn == 0)
                first[k] = result;
            if (!recover_same(result, first[k]) || !recover_same(again, first[k]))
                return recover_reject(run, RECOVER_NOT_DETERMINISTIC,
                                      "the same %zu inputs gave %.9g, and then %.9g", run->n,
                                      first[k], recover_same(again, first[k]) ? result : again);
        }
    return 0;
}

int recover_steady(struct recover_run *run, size_t turns) {
    const struct recover_target *target = run->target;
    if (target->shake)
        target->shake(target->context, true);
    int status = steady(run, turns);
    if (target->shake)
        target->shake(target->context, false);
    return status;
}

/* NaN lies around the inputs: whoever reads there gets it. */
static int reject_sum(struct recover_run *run, double expected, double got) {
    if (isnan(got))
        return recover_reject(
            run, RECOVER_WRONG,
            "%zu whole numbers give NaN; NaN lies before and behind the inputs: it "
            "may read beyond them",
            run->n);
    return recover_reject(run, RECOVER_WRONG, "%zu small numbers whose sum is %.9g give %.9g",
                          run->n, expected, got);
}

/* --- blame ------------------------------------------------------------------------------------ */

/* Looks for an input that does not count once. 0: each does, alone. */
static int blame(struct recover_run *run, double expected, double got) {
    recover_fill(run, 0.0);
    recover_fill_y(run, 1.0);
    for (size_t i = 0; i < run->n; i++) {
        double result;
        recover_set(run, i, 1.0);
        int status = recover_call(run, &result);
        recover_set(run, i, 0.0);
        if (status)
            return status;
        if (result != 1.0 && !isnan(result))
            return recover_reject(
                run, RECOVER_WRONG,
                "of %zu inputs, x[%zu] counts %.9g times instead of once; one sum "
                "that should be %.9g is %.9g",
                run->n, i, result, expected, got);
    }
    return 0;
}

/* --- numbers that add exactly ----------------------------------------------------------------- */

enum numbers { WHOLE, QUARTERS, FAR_UP, WHOLE_Y, NUMBERS };

/* A set of numbers, and what their sum must be. `sparse`: at most SPARSE of them not zero. */
static void numbers(struct recover_run *run, uint64_t set, bool sparse, double *sum, double *size) {
    enum numbers kind = (enum numbers)(set % NUMBERS);
    double scale = kind == QUARTERS ? 0.25 : 1.0;
    if (kind == FAR_UP && run->target->type != ELEMENT_F16 && run->target->result != ELEMENT_F16)
        scale = 0x1p90;
    *sum = *size = 0.0;
    recover_fill_y(run, 1.0);
    if (sparse)
        recover_fill(run, 0.0);
    for (size_t k = 0; k < (sparse ? SPARSE : run->n); k++) {
        struct philox_block r = philox_at(run->seed, 2000 + set, k);
        size_t i = sparse ? philox_below(philox_half(r, 1), run->n) : k;
        recover_set(run, i, scale * ((double)(r.v[0] % 15) - 7.0));
        if (kind == WHOLE_Y && run->target->dot)
            recover_set_y(run, i, (double)(r.v[1] % 5) - 2.0);
    }
    for (size_t i = 0; i < run->n; i++) {
        *sum += run->xv[i] * run->yv[i];
        *size += fabs(run->xv[i] * run->yv[i]);
    }
}

struct count {
    size_t wrong, absolute;
    uint64_t set; /* the first that was wrong */
    bool dot;     /* only products with y were wrong */
    double expected, got;
};

static int count_wrong(struct recover_run *run, size_t sets, bool sparse, struct count *c) {
    *c = (struct count){.dot = run->target->dot != NULL};
    for (uint64_t k = 0; k < sets; k++) {
        double sum, size, result;
        numbers(run, k, sparse, &sum, &size);
        int status = recover_call(run, &result);
        if (status)
            return status;
        c->absolute += result == size;
        if (result == sum)
            continue;
        c->dot = c->dot && k % NUMBERS == WHOLE_Y;
        if (c->wrong++ == 0) {
            c->set = k;
            c->expected = sum;
            c->got = result;
        }
    }
    return 0;
}

static double of_x(const struct recover_run *run, size_t i) {
    return run->xv[i];
}

static double of_y(const struct recover_run *run, size_t i) {
    return run->yv[i];
}

static double of_backwards(const struct recover_run *run, size_t i) {
    return run->xv[i] * run->yv[run->n - 1 - i];
}

static double of_squares(const struct recover_run *run, size_t i) {
    return run->xv[i] * run->xv[i];
}

/* What else the operands of a dot product could have been taken for. */
static const struct {
    double (*of)(const struct recover_run *run, size_t i);
    const char *what;
} mistakes[] = {
    {of_x, "the sum of x alone: y is not read"},
    {of_y, "the sum of y alone: x is not read"},
    {of_backwards, "that of x with y from its end"},
    {of_squares, "that of x with itself: y is not read"},
};

/* A mistake that gives all results, or what comes of x[i] = 1 alone. 0: nothing is wrong so. */
static int blame_y(struct recover_run *run, const struct count *c) {
    for (size_t m = 0; m < sizeof mistakes / sizeof *mistakes; m++) {
        bool fits = true;
        for (uint64_t set = WHOLE_Y; set < 8 * NUMBERS && fits; set += NUMBERS) {
            double sum, size, result, mistaken = 0.0;
            numbers(run, set, false, &sum, &size);
            int status = recover_call(run, &result);
            if (status)
                return status;
            for (size_t i = 0; i < run->n; i++)
                mistaken += mistakes[m].of(run, i);
            fits = result == mistaken;
        }
        if (fits)
            return recover_reject(run, RECOVER_WRONG,
                                  "whole numbers whose dot product is %.9g give %.9g, %s",
                                  c->expected, c->got, mistakes[m].what);
    }
    double sum, size;
    numbers(run, c->set, false, &sum, &size);
    recover_fill(run, 0.0);
    for (size_t i = 0; i < run->n; i++) {
        double result;
        recover_set(run, i, 1.0);
        int status = recover_call(run, &result);
        recover_set(run, i, 0.0);
        if (status)
            return status;
        if (result != run->yv[i] && !isnan(result))
            return recover_reject(run, RECOVER_WRONG,
                                  "x[%zu] = 1 alone gives %.9g, but y[%zu] is %.9g; one dot "
                                  "product that should be %.9g is %.9g",
                                  i, result, i, run->yv[i], c->expected, c->got);
    }
    return 0;
}

int recover_is_sum(struct recover_run *run) {
    double result;
    recover_fill(run, 0.0);
    recover_fill_y(run, 1.0);
    int status = recover_call(run, &result);
    if (status)
        return status;
    if (isnan(result))
        return reject_sum(run, 0.0, result);
    if (result != 0.0)
        return recover_reject(run, RECOVER_WRONG, "%zu zeros give %.9g: something is added to them",
                              run->n, result);
    struct count dense = {0}, sparse;
    bool few_bits = recover_counts(run) / 14 < run->n;
    status = few_bits ? count_wrong(run, SPARSE_SETS, true, &dense)
                      : count_wrong(run, SETS, false, &dense);
    if (status || dense.wrong == 0)
        return status;
    if (dense.absolute == (few_bits ? SPARSE_SETS : SETS))
        return recover_reject(run, RECOVER_ABSOLUTE,
                              "it adds |x[i]| (as sasum does): +M and -M cannot cancel");
    if (isnan(dense.got))
        return reject_sum(run, dense.expected, dense.got);
    status = dense.dot ? blame_y(run, &dense) : blame(run, dense.expected, dense.got);
    if (status)
        return status;
    /* Each counts once: a sum of few bits may have no room for all of them together. */
    status = count_wrong(run, SPARSE_SETS, true, &sparse);
    if (status || sparse.wrong == 0)
        return status;
    static const char *const what[NUMBERS] = {"whole numbers", "quarters",
                                              "whole multiples of 2^90", "products"};
    return recover_reject(run, RECOVER_WRONG, "a few small %s whose sum is %.9g give %.9g",
                          what[sparse.set % NUMBERS], sparse.expected, sparse.got);
}
