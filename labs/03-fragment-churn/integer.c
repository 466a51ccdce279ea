/*
 * integer.c: F10. A product of integer slices: one result, whatever the plan.
 *
 * The same rows are multiplied by every plan (instructions, tile, split of K, threads, when B is
 * sliced) and in batches of several sizes; row 0 must have the same bits in all of them, and the
 * predicted ones. The control is the same rows in float, by plans that differ in the split of K
 * alone. Then its price: time over that of OpenBLAS' sgemm, measured together, and the error of
 * both.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/ulp.h"
#include "kernels/mma/mma_cpu.h"
#include "kernels/mma/mma_openblas.h"
#include "kernels/mma/mma_slices.h"
#include "labs/03-fragment-churn/fragments.h"

/* --- one result --------------------------------------------------------------------------------
 */

#define COLUMNS 40
#define LENGTH 1000

static const size_t batches[] = {1, 5, 17};
#define BATCHES (sizeof batches / sizeof *batches)

static struct mma_problem problem_of(size_t m, size_t n, size_t k) {
    return (struct mma_problem){.shape = {m, n, k}, .in = ELEMENT_F32, .out = ELEMENT_F32};
}

/* Results of row 0, and how many elements were as predicted. */
struct results {
    uint64_t *rows;
    size_t count;
    int64_t checked, predicted;
};

/* Row 0 by a job, which is closed here. */
static int take(struct job *job, struct results *r, bool predict) {
    float row[COLUMNS], value;
    int status = product_row(job, 0, row);
    for (size_t n = 0; predict && n < COLUMNS && status == 0; n++) {
        status = mma_job_element(job, 0, n, &value);
        r->checked++;
        r->predicted += memcmp(&value, &row[n], sizeof value) == 0;
    }
    r->rows[r->count++] = mma_hash(row, COLUMNS);
    job_close(job);
    return status;
}

/* Every plan with that many slices and products that can run here, in every batch. */
static int try_plans(struct device *device, const struct mma_operands *operands,
                     const struct plan_list *plans, struct results *r) {
    const struct mma_slices_plan *plan = plans->plans;
    int status = 0;
    for (size_t k = 0; k < plans->count && status == 0; k++)
        for (size_t b = 0; b < BATCHES && status == 0; b++) {
            struct job job;
            if (!mma_slices_usable((enum mma_slices_isa)plan[k].isa))
                continue;
            status = mma_slices_job_open(&job, device, &operands[b], &plan[k]);
            if (status == 0)
                status = take(&job, r, true);
        }
    return status;
}

static int try_floats(struct device *device, const struct mma_operands *operands,
                      struct results *r) {
    int status = 0;
    for (int split = 1; split <= 4 && status == 0; split *= 2)
        for (size_t b = 0; b < BATCHES && status == 0; b++) {
            struct mma_cpu_plan plan = mma_cpu_plan_default(MMA_CPU_SCALAR, 1);
            struct job job;
            plan.split = split;
            status = mma_cpu_job_open(&job, device, &operands[b], &plan);
            if (status == 0)
                status = take(&job, r, false);
        }
    return status;
}

static int try_fill(struct lab_case *c, struct device *device, enum mma_fill fill, uint64_t seed,
                    const struct plan_list *plans) {
    struct mma_operands operands[BATCHES] = {0};
    struct results integers = {.rows = calloc(plans->count * BATCHES + 1, sizeof(uint64_t))};
    struct results floats = {.rows = calloc(4 * BATCHES, sizeof(uint64_t))};
    int status = integers.rows && floats.rows ? 0 : device_fail("out of memory for results");
    for (size_t b = 0; b < BATCHES && status == 0; b++) {
        const struct mma_problem problem = problem_of(batches[b], COLUMNS, LENGTH);
        status = mma_operands_open(&operands[b], &problem, fill, seed);
    }
    if (status == 0)
        status = try_plans(device, operands, plans, &integers) != 0 ||
                         try_floats(device, operands, &floats) != 0
                     ? -1
                     : 0;
    if (status == 0) {
        case_row(c);
        case_cell_text(c, "fill", mma_fill_name(fill));
        case_cell_int(c, "plans and batches", (int64_t)integers.count);
        case_cell_int(c, "distinct", ulp_distinct(integers.rows, integers.count));
        case_cell_int(c, "distinct in float", ulp_distinct(floats.rows, floats.count));
        case_cell_int(c, "checked", integers.checked);
        case_cell_int(c, "predicted", integers.predicted);
    }
    for (size_t b = 0; b < BATCHES; b++)
        mma_operands_close(&operands[b]);
    free(integers.rows);
    free(floats.rows);
    return status;
}

static int sweep_results(struct lab_run *run, struct device *device, int slices, int kept) {
    static const enum mma_fill fills[] = {MMA_FILL_NORMAL, MMA_FILL_CANCELLING,
                                          MMA_FILL_LOG_UNIFORM};
    struct mma_slices_plan fixed = mma_slices_plan_default(1);
    struct plan_list plans = {0};
    bool all = lab_mode(run) != LAB_QUICK;
    struct lab_case *c = lab_case_begin(run, device_id(device), "03/integer/slices=%d/products=%s",
                                        slices, kept ? "next" : "high");
    if (!c)
        return 0;
    fixed.slices = slices;
    fixed.kept = kept;
    case_param_int(c, "slices", slices);
    case_param_int(c, "products", mma_slices_products(&fixed));
    int status =
        (all ? plan_all : plan_pairs)(&mma_slices_plans, MMA_SLICES_DECIDE, &fixed, &plans);
    if (status != 0)
        device_fail("out of memory for the plans");
    for (size_t k = 0; k < sizeof fills / sizeof *fills && status == 0; k++)
        status = try_fill(c, device, fills[k], lab_seed(run), &plans);
    free(plans.plans);
    if (status != 0) {
        lab_case_drop(c);
        return lab_error(run, "%s", device_error());
    }
    return lab_case_end(c);
}

/* --- its price ---------------------------------------------------------------------------------
 */

/* ‖C - exact‖ / ‖exact‖, over some elements. */
static int note_error(struct entrant *e, const struct mma_operands *operands) {
    const struct mma_shape s = operands->problem.shape;
    const struct job *job = entrant_job(e);
    float *c = malloc(s.m * s.n * sizeof *c);
    int status = c ? 0 : device_fail("out of memory for an output");
    if (status == 0)
        status = job_call(job) != 0 || mma_job_output(job, c) != 0 ? -1 : 0;
    if (status == 0)
        case_counter(entrant_case(e), "error", mma_error(operands, c, 2000, 1));
    free(c);
    return status;
}

static struct entrant *enter(struct contest *contest, struct job *job, const char *name,
                             int threads, const struct mma_operands *operands) {
    struct entrant *e = contest_enter(contest, job, "%s/threads=%d", name, threads);
    struct lab_case *c = entrant_case(e);
    case_param_text(c, "name", name);
    case_param_int(c, "threads", threads);
    case_param_int(c, "M", (int64_t)operands->problem.shape.m);
    case_param_int(c, "N", (int64_t)operands->problem.shape.n);
    case_param_int(c, "K", (int64_t)operands->problem.shape.k);
    return note_error(e, operands) == 0 ? e : NULL;
}

static int enter_all(struct contest *contest, struct device *device,
                     const struct mma_operands *operands, int threads) {
    static const struct {
        const char *name;
        int slices, kept;
    } integers[] = {{"3 slices, 8 products", 3, 1}, {"4 slices, 10 products", 4, 0}};
    struct job job;
    if (mma_openblas_job_open(&job, device, operands, threads) != 0)
        return -1;
    struct entrant *sgemm = enter(contest, &job, "sgemm", threads, operands);
    for (size_t k = 0; sgemm && k < sizeof integers / sizeof *integers; k++) {
        struct mma_slices_plan plan = mma_slices_plan_default(threads);
        plan.slices = integers[k].slices;
        plan.kept = integers[k].kept;
        mma_slices_plan_fit(&plan);
        if (mma_slices_job_open(&job, device, operands, &plan) != 0)
            return -1;
        struct entrant *e = enter(contest, &job, integers[k].name, threads, operands);
        if (!e)
            return -1;
        entrant_over(e, sgemm, "over sgemm");
    }
    return sgemm ? 0 : -1;
}

static int sweep_price(struct lab_run *run, struct device *device) {
    bool quick = lab_mode(run) == LAB_QUICK;
    const struct mma_problem problem =
        quick ? problem_of(64, 1024, 1024) : problem_of(256, 4096, 4096);
    struct contest *contest =
        contest_open(run, device, "03/integer/time/M=%zu/K=%zu", problem.shape.m, problem.shape.k);
    struct mma_operands operands;
    if (!contest)
        return contest_skipped(run);
    int status = mma_operands_open(&operands, &problem, MMA_FILL_NORMAL, lab_seed(run));
    for (int threads = 1; threads <= 2 && status == 0; threads++)
        status = enter_all(contest, device, &operands, threads);
    if (status != 0)
        lab_error(run, "%s", device_error());
    status = status == 0 ? contest_end(contest) : contest_drop(contest);
    mma_operands_close(&operands);
    return status;
}

int sweep_integer(struct lab_run *run, struct device *device) {
    if (lab_checks_bits(run, device)) {
        lab_expect(run, 4);
        for (int k = 0; k < 4 && !lab_stopping(run); k++)
            if (sweep_results(run, device, 3 + k / 2, k % 2) != 0)
                return -1;
    }
    return lab_measures_time(run, device) && !lab_stopping(run) ? sweep_price(run, device) : 0;
}

/* --- the check ---------------------------------------------------------------------------------
 */

void check_integer(const struct rows *rows, struct finding *f) {
    double most = 0, held = 0, asked = 0;
    for (size_t k = 0; k < rows->count; k++) {
        const char *name = row_text(rows, k, "name");
        if (row_has(rows, k, "distinct")) {
            double distinct = row_number(rows, k, "distinct");
            finding_predicted(f, row_number(rows, k, "predicted") == row_number(rows, k, "checked"),
                              rows, k);
            finding_count(f, answer_if(distinct == 1), rows, k);
            finding_control(f, answer_if(row_number(rows, k, "distinct in float") > 1),
                            "the same rows in float have several results");
            held += distinct == 1;
            asked++;
            most = fmax(most, row_number(rows, k, "plans and batches"));
        }
        if (row_has(rows, k, "over sgemm"))
            finding_number(f, "1", row_ratio(rows, k, "over sgemm"),
                           "time over sgemm's: %s, %.0f threads, M = %.0f, K = %.0f", name,
                           row_number(rows, k, "threads"), row_number(rows, k, "M"),
                           row_number(rows, k, "K"));
        if (row_has(rows, k, "error") && row_number(rows, k, "threads") == 1)
            finding_number(f, "1", number(row_number(rows, k, "error")), "error of %s", name);
    }
    finding_say(f,
                "one result of a row over up to %.0f plans and batches, in %.0f of %.0f settings",
                most, held, asked);
    finding_settle(f, SETTLE_ALL, "some of the settings");
}
