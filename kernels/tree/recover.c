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
        [RECOVER_ROUNDING] = "another rounding mode",
        [RECOVER_NO_TREE] = "no tree fits",
    };
    return status < RECOVER_STATUSES ? names[status] : "?";
}

const char *recover_width_name(enum recover_width width) {
    static const char *const names[RECOVER_WIDTHS] = {
        "bf16", "f32", "f64", "x87 (64-bit significand)", "f128 (113-bit significand)"};
    return width < RECOVER_WIDTHS ? names[width] : "?";
}

void recovery_free(struct recovery *recovery) {
    tree_free(recovery->tree);
    free(recovery->arithmetic.step);
    free(recovery->arithmetic.leaf);
    free(recovery->arithmetic.whole);
    recovery->tree = NULL;
    recovery->arithmetic = (struct recover_arithmetic){0};
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
    run->step = "finding the order";
    int status = recover_steady(run, 6);
    if (!status)
        status = recover_is_sum(run);
    if (!status)
        status = choose_masks(run, options);
    if (!status)
        status = recover_order(run, &sight);
    run->step = "finding the arithmetic";
    if (!status && run->out->tree &&
        (sight == SIGHT_TREE || (sight == SIGHT_FLAT && run->n <= 256)))
        status = recover_rule(run, &fits);
    if (!status && !(fits && (sight == SIGHT_TREE || sight == SIGHT_FLAT))) {
        run->step = "looking for the reason";
        status = recover_explain(run, sight);
    }
    /* Threads that add as they arrive mostly arrive in order. */
    run->step = "calling it again";
    if (!status)
        status = recover_steady(run, 40);
    run->step = "looking at addresses";
    if (!status)
        recover_remarks(run);
    return status;
}

int recover(const struct recover_target *target, size_t n, const struct recover_options *options,
            struct recovery *out) {
    memset(out, 0, sizeof *out);
    if (!recover_type_known(target->type)) {
        snprintf(out->why, sizeof out->why,
                 "%s inputs are not supported: f32, f64, bf16, f16, tf32",
                 element_word(target->type));
        return -1;
    }
    size_t most = target->type == ELEMENT_F16 ? RECOVER_MAX_F16 : RECOVER_MAX;
    if (n == 0 || n > most) {
        snprintf(out->why, sizeof out->why, "n = %zu is out of range: 1 to %zu %s inputs", n, most,
                 element_word(target->type));
        return -1;
    }
    struct recover_run run = {.target = target, .n = n, .out = out, .options = options};
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
