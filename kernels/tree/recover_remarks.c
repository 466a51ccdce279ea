/*
 * recover_remarks.c: what else is to be said of a function whose tree is found: whether it needs
 * aligned inputs or its bits depend on where they lie, whether it reads beyond them, and what it
 * makes of negative zeros. A function may end in any of these calls: the tree stays.
 */
#include "kernels/tree/recover_inside.h"

#include <math.h>

#define LOOKS 4 /* data sets per address */

static void look(struct recover_run *run, uint64_t k) {
    recover_random(run, k % 2 ? DATA_MAGNITUDES : DATA_CANCELLING, 60 + k);
}

/* Calls on all data sets with x and y so many bytes behind a 64-byte boundary, or at an edge.
 * *ended: a call failed, and the target goes on. -1: it cannot. */
static int look_at(struct recover_run *run, size_t x, size_t y, enum recover_edge edge,
                   bool *ended) {
    *ended = false;
    for (uint64_t k = 0; k < LOOKS; k++) {
        double at_boundary, result;
        look(run, k);
        int status = recover_call(run, &at_boundary);
        if (!status) {
            status = recover_call_at(run, x, y, edge, &result);
            *ended = status != 0;
        }
        if (*ended) {
            run->out->why[0] = '\0';
            return run->target->again ? run->target->again(run->target->context) : -1;
        }
        if (status)
            return status;
        if (!recover_same(at_boundary, result))
            run->out->address_matters = true;
    }
    return 0;
}

/* The least boundary at which it works: 0 if any will do. */
static int alignment(struct recover_run *run, size_t *needed) {
    size_t step = element_bytes(run->target->type);
    *needed = 0;
    for (size_t bytes = step; bytes < 64; bytes *= 2) {
        bool ended;
        int status = look_at(run, bytes, bytes, RECOVER_EDGE_NONE, &ended);
        if (status)
            return status;
        if (!ended)
            return 0;
        *needed = 2 * bytes;
    }
    return 0;
}

/* Together, and x and y apart from each other. */
static int addresses(struct recover_run *run) {
    size_t step = element_bytes(run->target->type), needed;
    bool ended;
    int status = alignment(run, &needed);
    run->out->needs_aligned = needed;
    step = needed > step ? needed : step;
    for (size_t bytes = step; bytes < 64 && !status; bytes += step) {
        status = look_at(run, bytes, bytes, RECOVER_EDGE_NONE, &ended);
        if (!status && !ended && run->target->dot)
            status = look_at(run, bytes, 0, RECOVER_EDGE_NONE, &ended);
        if (!status && !ended && run->target->dot)
            status = look_at(run, 0, bytes, RECOVER_EDGE_NONE, &ended);
        if (ended)
            run->out->needs_aligned = 64;
    }
    return status;
}

/* Inputs that end, and begin, where the next byte cannot be touched; if the function needs a
 * boundary, only where that is one. */
static int edges(struct recover_run *run) {
    size_t bytes = run->n * element_bytes(run->target->type);
    size_t needed = run->out->needs_aligned ? run->out->needs_aligned : 1;
    int status = 0;
    if (!run->target->at_edge)
        return 0;
    if (bytes % needed == 0)
        status = look_at(run, 0, 0, RECOVER_EDGE_BEHIND, &run->out->reads_behind);
    if (!status)
        status = look_at(run, 0, 0, RECOVER_EDGE_BEFORE, &run->out->reads_before);
    return status;
}

static int negative_zeros(struct recover_run *run) {
    double result;
    recover_fill(run, -0.0);
    recover_fill_y(run, 1.0);
    int status = recover_call(run, &result);
    run->out->loses_negative_zero = !status && result == 0.0 && !signbit(result);
    return status;
}

void recover_remarks(struct recover_run *run) {
    int status = negative_zeros(run);
    if (!status && !run->target->copies)
        status = addresses(run);
    if (!status)
        status = edges(run);
    run->out->remarks_missing = status != 0;
    run->out->why[0] = '\0';
}
