/*
 * stairs.c: F1. A matrix unit multiplies fragments of a fixed size. What does a shape cost that is
 * no multiple of them?
 *
 * Time against M = 1, 2, 3, …, and against N around a round number, for every way to multiply. If
 * whole fragments are computed whatever is in them, time rises in steps: it jumps where a fragment
 * begins and is flat inside. The size of the step is known beforehand from the shape.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "labs/03-fragment-churn/fragments.h"

/* Where the stairs stand. */
struct stairs {
    const char *axis;       /* "M", or "N", "small N": which dimension is varied */
    size_t from, to;        /* its values, in steps of 1 */
    struct mma_shape other; /* the other dimensions; the varied one is 0 */
};

#define STEPS_MOST 80

static size_t width(const struct lab_run *run, const struct device *device) {
    size_t cpu = lab_mode(run) == LAB_QUICK ? 512 : lab_mode(run) == LAB_DEFAULT ? 1024 : 2048;
    return device_kind(device) == DEVICE_CUDA ? 4096 : cpu;
}

static size_t along_of(const struct stairs *s, size_t step) {
    return s->from + step;
}

static struct mma_problem problem_at(const struct stairs *s, size_t along, const struct way *way) {
    struct mma_problem problem = {.shape = s->other, .in = way->in, .out = ELEMENT_F32};
    *(*s->axis == 'M' ? &problem.shape.m : &problem.shape.n) = along;
    return problem;
}

static size_t fragment_along(const struct stairs *s, const struct mma_shape *fragment) {
    return *s->axis == 'M' ? fragment->m : fragment->n;
}

static void describe(struct lab_case *c, const struct stairs *s, const struct way *way,
                     const struct mma_shape *shape) {
    case_param_text(c, "way", way->name);
    case_param_text(c, "axis", s->axis);
    case_param_int(c, "M", (int64_t)shape->m);
    case_param_int(c, "N", (int64_t)shape->n);
    case_param_int(c, "K", (int64_t)shape->k);
    case_param_int(c, "along", (int64_t)(*s->axis == 'M' ? shape->m : shape->n));
    case_param_int(c, "fragment", (int64_t)fragment_along(s, &way->fragment));
    case_counter(c, "used", fragment_use(&way->fragment, shape));
}

/* --- the sweep ---------------------------------------------------------------------------------
 */

/* A step is compared with the last whole fragments below it: `over whole` is time over time. */
static void compare(const struct stairs *s, const struct way *way, struct entrant *const *steps,
                    size_t count) {
    size_t fragment = fragment_along(s, &way->fragment);
    for (size_t k = 0; fragment > 1 && k < count; k++) {
        size_t along = along_of(s, k), whole = along / fragment * fragment;
        if (whole != along && whole >= s->from && whole > 0)
            entrant_over(steps[k], steps[whole - s->from], "over whole");
    }
}

static int climb(struct lab_run *run, struct device *device, const struct stairs *s,
                 const struct way *way) {
    struct contest *c =
        contest_open(run, device, "03/stairs/axis=%s/way=%s/K=%zu", s->axis, way->name, s->other.k);
    size_t count = s->to - s->from + 1;
    struct product products[STEPS_MOST] = {0};
    struct entrant *steps[STEPS_MOST];
    int status = 0;
    if (!c)
        return contest_skipped(run);
    if (lab_mode(run) == LAB_QUICK)
        *contest_limits(c) = (struct bench_limits){1e-3, 0.02, 5, 9, 0.015};
    for (size_t k = 0; k < count && status == 0; k++) {
        struct mma_problem problem = problem_at(s, along_of(s, k), way);
        status = product_open(&products[k], device, way, &problem, MMA_FILL_NORMAL, lab_seed(run));
        if (status == 0) {
            steps[k] = contest_enter(c, &products[k].job, "%zu", along_of(s, k));
            describe(entrant_case(steps[k]), s, way, &problem.shape);
        }
    }
    if (status == 0) {
        compare(s, way, steps, count);
        status = contest_end(c);
    } else {
        lab_error(run, "%s: %s", way->name, device_error());
        status = contest_drop(c);
    }
    for (size_t k = 0; k < count; k++)
        product_close(&products[k]);
    return status;
}

int sweep_stairs(struct lab_run *run, struct device *device) {
    size_t wide = width(run, device);
    const struct stairs stairs[] = {
        {"M", 1, 64, {0, wide, wide}},
        {"small N", 17, 80, {16, 0, 4 * wide}},
        {"N", 4 * wide - 16, 4 * wide + 16, {16, 0, wide}},
    };
    struct way ways[WAYS_MOST];
    size_t count = ways_of(device, ways);
    for (size_t w = 0; w < count; w++)
        for (size_t s = 0; s < sizeof stairs / sizeof *stairs; s++)
            if (!ways[w].isa && !lab_stopping(run) && climb(run, device, &stairs[s], &ways[w]) != 0)
                return -1;
    return sweep_speed(run, device);
}

/* --- the check ---------------------------------------------------------------------------------
 */

/* One more than whole fragments, which has to pay for a new one: where that is a quarter of the
 * work at least. A fragment more after 64 of them is nothing that a clock could tell. */
static bool begins_a_fragment(const struct rows *rows, size_t k) {
    double fragment = row_number(rows, k, "fragment"), along = row_number(rows, k, "along");
    return fragment > 1 && fmod(along, fragment) == 1 && along <= 4 * fragment + 1 &&
           row_has(rows, k, "over whole");
}

void check_padding(const struct rows *rows, struct finding *f) {
    size_t unknown = 0;
    for (size_t k = 0; k < rows->count; k++) {
        double along = row_number(rows, k, "along"), whole = along - 1;
        unknown += !(row_number(rows, k, "fragment") > 1);
        if (!begins_a_fragment(rows, k))
            continue;
        /* Work that is done takes along / whole of the time. Padded work takes more. */
        struct ratio r = row_ratio(rows, k, "over whole");
        finding_count(f, answer_above(r, 1.1 * along / whole), rows, k);
        finding_number(f, "1", r, "time at %s = %.0f over %.0f, %s", row_text(rows, k, "axis"),
                       along, whole, row_text(rows, k, "way"));
    }
    if (f->held + f->against + f->open == 0 && unknown) {
        finding_not_testable(f, "no way to multiply here has a fragment of more than one row whose "
                                "size is known");
        return;
    }
    finding_say(f,
                "one row more than whole fragments cost over a tenth more than its share in "
                "%llu of %llu places",
                (unsigned long long)f->held, (unsigned long long)(f->held + f->against + f->open));
    finding_settle(f, SETTLE_MOST, "part of the ways and shapes: see the numbers");
}
