/*
 * recover.c: the recovery from first call to verdict.
 */
#include "kernels/tree/recover.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/rng/philox.h"
#include "kernels/tree/recover_inside.h"

const char *recover_status_name(enum recover_status status) {
    static const char *const names[RECOVER_STATUSES] = {
        [RECOVER_FOUND] = "tree found",
        [RECOVER_WRONG] = "wrong result: not the sum of its inputs",
        [RECOVER_ABSOLUTE] = "absolute values",
        [RECOVER_NOT_DETERMINISTIC] = "not deterministic",
        [RECOVER_EXACT] = "exact accumulation",
        [RECOVER_COMPENSATED] = "compensated additions",
        [RECOVER_ON_A_GRID] = "order-free sum on a grid",
        [RECOVER_BINNED] = "units always lost (binned)",
        [RECOVER_DATA_ORDER] = "order depends on data",
        [RECOVER_ARITHMETIC] = "unknown arithmetic",
        [RECOVER_MASKS] = "masks overflow",
    };
    return status < RECOVER_STATUSES ? names[status] : "?";
}

void recovery_free(struct recovery *recovery) {
    tree_free(recovery->tree);
    recovery->tree = NULL;
}

/* Same inputs, other calls in between, same bits? */
static int deterministic(struct recover_run *run) {
    static const enum recover_data kinds[] = {DATA_CANCELLING, DATA_MAGNITUDES, DATA_NORMAL};
    enum { KINDS = sizeof kinds / sizeof *kinds, TURNS = 6 };
    double first[KINDS];
    for (int turn = 0; turn < TURNS; turn++)
        for (int k = 0; k < KINDS; k++) {
            double result;
            recover_random(run, kinds[k], 50);
            int status = recover_call(run, &result);
            if (status)
                return status;
            if (turn == 0)
                first[k] = result;
            else if (!recover_same(result, first[k]))
                return recover_reject(run, RECOVER_NOT_DETERMINISTIC,
                                      "the same %zu inputs gave %.9g, and then %.9g", run->n,
                                      first[k], result);
        }
    return 0;
}

/* Looks for an input that does not count once. */
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
        if (result != 1.0)
            return recover_reject(
                run, RECOVER_WRONG,
                "of %zu inputs, x[%zu] counts %.9g times instead of once; one sum "
                "that should be %.9g is %.9g",
                run->n, i, result, expected, got);
    }
    return recover_reject(run, RECOVER_WRONG, "%zu small whole numbers whose sum is %.9g give %.9g",
                          run->n, expected, got);
}

/* Small whole numbers, which any order adds exactly: is it the sum, each input counted once? */
static int is_sum(struct recover_run *run) {
    size_t absolute = 0, wrong = 0, sets = 16;
    double wrong_expected = 0.0, wrong_got = 0.0;
    for (uint64_t k = 0; k < sets; k++) {
        double sum = 0.0, size = 0.0, result;
        for (size_t i = 0; i < run->n; i++) {
            double v = (double)(philox_at(run->seed, 2000 + k, i).v[0] % 15) - 7.0;
            recover_set(run, i, v);
            sum += v;
            size += fabs(v);
        }
        recover_fill_y(run, 1.0);
        int status = recover_call(run, &result);
        if (status)
            return status;
        absolute += result == size;
        if (result != sum) {
            wrong++;
            wrong_expected = sum;
            wrong_got = result;
        }
    }
    if (wrong == 0)
        return 0;
    if (absolute == sets)
        return recover_reject(run, RECOVER_ABSOLUTE,
                              "it adds |x[i]| (as sasum does): +M and -M cannot cancel");
    return blame(run, wrong_expected, wrong_got);
}

/* Does the bits' origin include the address? */
static int address_matters(struct recover_run *run) {
    size_t step = element_bytes(run->target->type);
    for (int k = 0; k < 4; k++) {
        double at_boundary, result;
        recover_random(run, k % 2 ? DATA_MAGNITUDES : DATA_CANCELLING, 60 + (uint64_t)k);
        int status = recover_call(run, &at_boundary);
        for (size_t bytes = step; bytes < 64 && !status; bytes += step) {
            status = recover_call_at(run, bytes, &result);
            if (!recover_same(at_boundary, result))
                run->out->address_matters = true;
        }
        if (status)
            return status;
    }
    return 0;
}

static int negative_zeros(struct recover_run *run) {
    double result;
    recover_fill(run, -0.0);
    recover_fill_y(run, 1.0);
    int status = recover_call(run, &result);
    run->out->loses_negative_zero = result == 0.0 && !signbit(result);
    return status;
}

/* f16 inputs span 2^39 only; a product of two of them 2^78, enough for f64 sums too. An f64
 * function may add in a type with a smaller range: then the largest masks overflow. */
static int choose_masks(struct recover_run *run, const struct recover_options *options) {
    enum element type = run->target->type;
    bool own = options && (options->unit > 0.0 || options->mask > 0.0);
    run->unit = type == ELEMENT_F16 ? 0x1p-24 : 1.0;
    run->mask = type == ELEMENT_F16 ? 0x1p15 : type == ELEMENT_F64 ? 0x1p1023 : 0x1p127;
    run->unit_y = run->mask_y = 1.0;
    if (type == ELEMENT_F16 && run->target->dot && !own) {
        run->unit_y = run->unit;
        run->mask_y = run->mask;
    }
    if (own) {
        run->unit = options->unit > 0.0 ? options->unit : run->unit;
        run->mask = options->mask > 0.0 ? options->mask : run->mask;
        return 0;
    }
    if (type != ELEMENT_F64)
        return 0;
    double result;
    recover_fill(run, 0.0);
    recover_fill_y(run, 1.0);
    recover_set(run, 0, run->mask);
    int status = recover_call(run, &result);
    if (result != run->mask)
        run->mask = 0x1p127;
    return status;
}

/* 0: found. */
static int study(struct recover_run *run, const struct recover_options *options) {
    enum recover_sight sight = SIGHT_NONE;
    bool fits = false;
    int status = deterministic(run);
    if (!status)
        status = is_sum(run);
    if (!status)
        status = choose_masks(run, options);
    if (!status)
        status = recover_order(run, &sight);
    if (!status && run->out->tree &&
        (sight == SIGHT_TREE || (sight == SIGHT_FLAT && run->n <= 256)))
        status = recover_rule(run, &fits);
    if (!status && !(fits && (sight == SIGHT_TREE || sight == SIGHT_FLAT)))
        status = recover_explain(run, sight);
    if (!status)
        status = address_matters(run);
    if (!status)
        status = negative_zeros(run);
    return status;
}

int recover(const struct recover_target *target, size_t n, const struct recover_options *options,
            struct recovery *out) {
    memset(out, 0, sizeof *out);
    size_t most = target->type == ELEMENT_F16 ? RECOVER_MAX_F16 : RECOVER_MAX;
    if (n == 0 || n > most) {
        snprintf(out->why, sizeof out->why, "n = %zu is out of range: 1 to %zu %s inputs", n, most,
                 element_word(target->type));
        return -1;
    }
    struct recover_run run = {.target = target, .n = n, .out = out};
    run.seed = options ? options->seed : 0;
    run.pairs = options && options->pairs ? options->pairs : 100;
    int status = recover_inputs_new(&run);
    if (!status)
        status = study(&run, options);
    recover_inputs_free(&run);
    if (status)
        recovery_free(out);
    return status < 0 ? -1 : 0;
}
