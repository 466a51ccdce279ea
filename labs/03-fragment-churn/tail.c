/*
 * tail.c: F8. Are all products in the sum?
 *
 * A and B hold ones, so every element must be K, which FP32 holds. Shapes are drawn, and nobody
 * rounds them: a library that leaves out the tail of K does so at lengths that nobody tests. The
 * control is a kernel of ours with the published defect, which the same count must find.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/mma/mma_tails.h"
#include "labs/03-fragment-churn/fragments.h"

static int open_way(struct job *job, struct device *device, const struct mma_operands *operands,
                    void *context) {
    const struct way *way = context;
    return way->open(way, job, device, operands);
}

/* --- a planted loss ----------------------------------------------------------------------------
 */

struct losing {
    struct mma_job base;
};

/* Leaves the tail of K modulo 64 out where it is one, as a split of K by whole pieces may. */
static int losing_call(void *context) {
    const struct losing *l = context;
    const struct mma_problem *p = &l->base.operands->problem;
    size_t k = p->shape.k % 64 == 1 ? p->shape.k - 1 : p->shape.k;
    float *c = l->base.c;
    for (size_t i = 0; i < p->shape.m * p->shape.n; i++)
        c[i] = (float)k;
    return 0;
}

static void losing_close(void *context) {
    struct losing *l = context;
    mma_job_close(&l->base);
    free(l);
}

static int open_losing(struct job *job, struct device *device, const struct mma_operands *operands,
                       void *context) {
    struct losing *l = calloc(1, sizeof *l);
    (void)context;
    if (!l)
        return device_fail("out of memory for a job");
    l->base.call = losing_call;
    *job = (struct job){.call = losing_call, .close = losing_close};
    if (mma_job_open(job, &l->base, device, operands) == 0)
        return 0;
    free(l);
    return -1;
}

/* --- the sweep ---------------------------------------------------------------------------------
 */

static int count(struct lab_run *run, struct device *device, struct mma_opener *opener,
                 enum element in, bool planted) {
    struct mma_tails_options options = {
        .in = in, .out = ELEMENT_F32, .shapes = planted ? 1000 : 10000, .seed = lab_seed(run)};
    struct mma_tails tails;
    struct lab_case *c;
    lab_expect(run, 1);
    c = lab_case_begin(run, device_id(device), "03/tail/way=%s", opener->name);
    if (!c)
        return 0;
    if (mma_tails_count(&tails, opener, device, &options) != 0) {
        lab_case_drop(c);
        return lab_error(run, "%s: %s", opener->name, device_error());
    }
    case_param_text(c, "way", opener->name);
    case_param_text(c, "role", planted ? "planted" : "library");
    case_counter(c, "shapes", (double)tails.shapes);
    case_counter(c, "declined", (double)tails.declined);
    case_counter(c, "wrong shapes", (double)tails.wrong_shapes);
    for (size_t k = 0; k < tails.wrong_shapes && k < MMA_TAILS_KEPT; k++) {
        const struct mma_tail *t = &tails.first[k];
        case_row(c);
        case_cell_int(c, "M", (int64_t)t->shape.m);
        case_cell_int(c, "N", (int64_t)t->shape.n);
        case_cell_int(c, "K", (int64_t)t->shape.k);
        case_cell_real(c, "came out", (double)t->value);
    }
    return lab_case_end(c);
}

int sweep_tail(struct lab_run *run, struct device *device) {
    struct mma_opener planted = {.name = "planted", .open = open_losing};
    struct way ways[WAYS_MOST];
    size_t all = libraries_of(device, ways);
    for (size_t w = 0; w < all && !lab_stopping(run); w++) {
        struct mma_opener opener = {.name = ways[w].name, .open = open_way, .context = &ways[w]};
        if (count(run, device, &opener, ways[w].in, false) != 0)
            return -1;
    }
    return device_kind(device) == DEVICE_CPU && !lab_stopping(run)
               ? count(run, device, &planted, ELEMENT_BF16, true)
               : 0;
}

/* --- the check ---------------------------------------------------------------------------------
 */

void check_tail(const struct rows *rows, struct finding *f) {
    double wrong = 0, shapes = 0;
    for (size_t k = 0; k < rows->count; k++) {
        if (k > 0 && rows_equal(rows, k, k - 1, "way"))
            continue; /* of several rows, all of which say the same of the whole */
        if (row_is(rows, k, "role", "planted")) {
            finding_control(f, answer_if(row_number(rows, k, "wrong shapes") > 0),
                            "a planted loss is found");
            continue;
        }
        finding_count(f, answer_if(row_number(rows, k, "wrong shapes") > 0), rows, k);
        finding_number(f, "1", number(row_number(rows, k, "wrong shapes")),
                       "shapes of %.0f in which %s leaves something out",
                       row_number(rows, k, "shapes"), row_text(rows, k, "way"));
        wrong += row_number(rows, k, "wrong shapes");
        shapes += row_number(rows, k, "shapes");
    }
    finding_say(f, "%.0f of %.0f products of ones, in shapes that nobody rounded, are not K", wrong,
                shapes);
    finding_settle(f, SETTLE_ANY, "these libraries and shapes");
}
