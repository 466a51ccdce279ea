/*
 * essay.c: F2 and F3. 16 sequences with 2,048 tokens of context, and 17 with 2,047: one sequence
 * more, one token less.
 *
 * F2 is arithmetic, and on the SIMT machine it is counted: how many fragments does each shape need,
 * and how full are they? It depends on which side of the instruction the batch lies.
 *
 * F3 asks a library which algorithm it takes for each of the two: not by its speed, but by what it
 * says itself, and by the bits of a row that both batches hold. The same is asked of operands that
 * are misaligned: rows that begin at odd places, pointers behind a boundary.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/mma/mma.h"
#include "kernels/ptx/ptx.h"
#include "kernels/sass/sass.h"
#include "kernels/simt/simt.h"
#include "labs/03-fragment-churn/fragments.h"

/* Attention of one head of 128 channels: scores have the context as N, values as K. */
#define CHANNELS 128

static const struct { size_t batch, context; } shapes[] = {{16, 2048}, {17, 2047}};
#define SHAPES (sizeof shapes / sizeof *shapes)

/* --- F2: fragments by the shape ----------------------------------------------------------------
 */

/* Where a batch of B sequences lies, and the context L on the other side. */
static const struct placement {
    const char *name;
    size_t batch, context;  /* of one fragment */
    enum mma_kernel kernel; /* that multiplies so, the batch on this side of it */
    enum mma_side side;
} placements[] = {
    {"tile 16 x 16", 16, 16, MMA_WMMA_16X16, MMA_BATCH_ON_M},
    {"batch on n8", 8, 16, MMA_M16N8K16, MMA_BATCH_ON_N},
    {"batch on a 64-row warpgroup tile", 64, 8, MMA_WARPGROUP, MMA_BATCH_ON_M},
};

/* The last fragment along one side: how much of it is there. */
static double trailing(size_t count, size_t fragment) {
    size_t rest = count % fragment;
    return (double)(rest ? rest : fragment) / (double)fragment;
}

/* Products of matrix instructions: of the SIMT machine's last launch, of all of the PTX machine's
 * and of the SASS machine's. */
static uint64_t products_of(enum device_kind kind) {
    struct simt_counts simt = {0};
    struct ptx_counts ptx = {0};
    struct sass_counts sass = {0};
    if (kind == DEVICE_SIMT)
        simt_last_counts(&simt);
    else if (kind == DEVICE_PTX)
        ptx_counts(&ptx);
    else
        sass_counts(&sass);
    return simt.products + ptx.products + sass.products;
}

/* The same, counted: the products that a kernel's instructions compute where that can be seen, on
 * the SIMT machine, in PTX and in machine code run on a CPU. NaN elsewhere, and for instructions
 * that are not there. */
static double counted(struct device *device, const struct placement *at, struct mma_shape shape) {
    struct mma_plan plan = mma_plan_for(at->kernel, ELEMENT_F16, ELEMENT_F32, true, at->side);
    const struct mma_problem problem = {.shape = shape, .in = ELEMENT_F16, .out = ELEMENT_F32};
    struct mma_operands operands = {0};
    enum device_kind kind = device_kind(device);
    uint64_t before = device_compiled(kind) ? products_of(kind) : 0, products = 0;
    struct job job = {0};
    if (!device_simulated(kind) || mma_plan_runs(&plan, device) != 0)
        return (double)NAN;
    if (mma_operands_open(&operands, &problem, MMA_FILL_ONES, 0) == 0 &&
        mma_kernel_job_open(&job, device, &operands, &plan) == 0 && job_call(&job) == 0)
        products = products_of(kind) - before;
    job_close(&job);
    mma_operands_close(&operands);
    return (double)shape.m * (double)shape.n * (double)shape.k / (double)products;
}

int sweep_fit(struct lab_run *run, struct device *device) {
    const size_t count = sizeof placements / sizeof *placements;
    lab_expect(run, SHAPES);
    for (size_t s = 0; s < SHAPES; s++) {
        struct lab_case *c = lab_case_begin(run, device_id(device), "03/fit/B=%zu/L=%zu",
                                            shapes[s].batch, shapes[s].context);
        if (!c)
            continue;
        case_param_int(c, "B", (int64_t)shapes[s].batch);
        case_param_int(c, "L", (int64_t)shapes[s].context);
        for (size_t p = 0; p < count; p++) {
            const struct placement *at = &placements[p];
            const struct mma_shape fragment = {at->batch, at->context, 1};
            const struct mma_shape shape = {shapes[s].batch, shapes[s].context, CHANNELS};
            double b = trailing(shape.m, fragment.m), l = trailing(shape.n, fragment.n);
            case_row(c);
            case_cell_text(c, "placement", at->name);
            case_cell_real(c, "used", fragment_use(&fragment, &shape));
            case_cell_real(c, "used, counted", counted(device, at, shape));
            case_cell_real(c, "used on the batch edge", b);
            case_cell_real(c, "used on the context edge", l);
            case_cell_real(c, "used in the corner", b * l);
        }
        if (lab_case_end(c) != 0)
            return -1;
    }
    return 0;
}

static bool essay_shape(const struct rows *rows, size_t k, size_t which) {
    return row_number(rows, k, "B") == (double)shapes[which].batch &&
           row_number(rows, k, "L") == (double)shapes[which].context;
}

void check_fit(const struct rows *rows, struct finding *f) {
    struct rows fit = rows_select(rows, "03/fit/", NULL);
    for (size_t k = 0; k < fit.count; k++) {
        const char *where = row_text(&fit, k, "placement");
        double used = row_number(&fit, k, "used"),
               edge = row_number(&fit, k, "used on the batch edge");
        if (essay_shape(&fit, k, 1))
            finding_count(f, answer_if(edge < 0.25), &fit, k);
        if (row_has(&fit, k, "used, counted"))
            finding_control(f, answer_if(fabs(row_number(&fit, k, "used, counted") - used) < 1e-9),
                            "instructions compute as many products as the shape says");
        finding_number(f, "1", number(used), "of all fragments used at B=%.0f, L=%.0f, %s",
                       row_number(&fit, k, "B"), row_number(&fit, k, "L"), where);
        finding_number(f, "1", number(edge), "of those with the batch's last rows, the same");
    }
    finding_say(f,
                "17 sequences fill the fragments on the batch's edge to under a quarter in %llu of "
                "%llu placements",
                (unsigned long long)f->held, (unsigned long long)(f->held + f->against));
    finding_settle(f, SETTLE_ALL, "by where the batch lies, and on its edge only: see the numbers");
    rows_free(&fit);
}

/* --- F3: what a library makes of it ------------------------------------------------------------
 */

/* How operands lie; A's rows are the batch's. */
static const struct alignment {
    const char *name;
    size_t more, offset; /* elements more from row to row; bytes behind a boundary */
} alignments[] = {
    {"aligned", 0, 0},  {"rows+2", 1, 0},   {"rows+4", 2, 0},
    {"rows+8", 4, 0},   {"rows+16", 8, 0},  {"behind+2", 0, 2},
    {"behind+4", 0, 4}, {"behind+8", 0, 8}, {"behind+16", 0, 16},
};
/* Both shapes, aligned, and then the first one, misaligned. */
#define QUESTIONS (SHAPES + sizeof alignments / sizeof *alignments - 1)

struct essay {
    struct lab_run *run;
    struct device *device;
    const struct way *way;
    const char *product; /* of attention: "scores" or "values" */
    struct contest *contest;
    struct product products[QUESTIONS];
    struct entrant *entrants[QUESTIONS];
    float *first, *row; /* of the output: row 0 */
};

static bool scores(const struct essay *e) {
    return strcmp(e->product, "scores") == 0;
}

static struct mma_problem problem_of(const struct essay *e, size_t shape,
                                     const struct alignment *alignment) {
    size_t b = shapes[shape].batch, l = shapes[shape].context;
    struct mma_problem problem = {
        .shape = {b, scores(e) ? l : CHANNELS, scores(e) ? CHANNELS : l},
        .in = e->way->in,
        .out = ELEMENT_F32,
        .a_offset = alignment->offset,
        .b_offset = alignment->offset,
    };
    problem.lda = problem.ldb = problem.shape.k + alignment->more;
    return problem;
}

/* Row 0 is in both batches. Its scores are compared over the context that both have; its values,
 * which are sums over the context, only where that is the same. */
static int note_row(struct essay *e, size_t question, size_t shape) {
    struct lab_case *c = entrant_case(e->entrants[question]);
    size_t same = scores(e) ? shapes[1].context : shape == 0 ? CHANNELS : 0;
    float *row = question == 0 ? e->first : e->row;
    if (product_row(entrant_job(e->entrants[question]), 0, row) != 0)
        return -1;
    if (same)
        case_counter(c, "row ulps", (double)row_ulps(row, e->first, same));
    return 0;
}

static int ask(struct essay *e, size_t question) {
    size_t shape = question < SHAPES ? question : 0;
    const struct alignment *alignment = &alignments[question < SHAPES ? 0 : question - SHAPES + 1];
    struct mma_problem problem = problem_of(e, shape, alignment);
    struct product *p = &e->products[question];
    char algorithm[ALGORITHM_TEXT];
    if (product_open(p, e->device, e->way, &problem, MMA_FILL_NORMAL, lab_seed(e->run)) != 0)
        return -1;
    algorithm_of(&p->job, algorithm);
    e->entrants[question] =
        contest_enter(e->contest, &p->job, "B=%zu/L=%zu/%s", shapes[shape].batch,
                      shapes[shape].context, alignment->name);
    struct lab_case *c = entrant_case(e->entrants[question]);
    case_param_text(c, "way", e->way->name);
    case_param_text(c, "product", e->product);
    case_param_int(c, "B", (int64_t)shapes[shape].batch);
    case_param_int(c, "L", (int64_t)shapes[shape].context);
    case_param_text(c, "alignment", alignment->name);
    case_param_text(c, "algorithm", algorithm);
    entrant_over(e->entrants[question], question ? e->entrants[0] : NULL, "over the first");
    return note_row(e, question, shape);
}

static int ask_all(struct essay *e) {
    int status = 0;
    e->contest =
        contest_open(e->run, e->device, "03/essay/product=%s/way=%s", e->product, e->way->name);
    if (!e->contest)
        return contest_skipped(e->run);
    if (lab_mode(e->run) == LAB_QUICK)
        *contest_limits(e->contest) = (struct bench_limits){1e-3, 0.02, 5, 15, 0.03};
    e->first = calloc(shapes[0].context, sizeof(float));
    e->row = calloc(shapes[0].context, sizeof(float));
    if (!e->first || !e->row)
        status = device_fail("out of memory for a row");
    for (size_t k = 0; k < QUESTIONS && status == 0; k++)
        status = ask(e, k);
    if (status != 0)
        lab_error(e->run, "%s: %s", e->way->name, device_error());
    status = status == 0 ? contest_end(e->contest) : contest_drop(e->contest);
    for (size_t k = 0; k < QUESTIONS; k++)
        product_close(&e->products[k]);
    free(e->first);
    free(e->row);
    return status;
}

int sweep_essay(struct lab_run *run, struct device *device) {
    static const char *const products[] = {"scores", "values"};
    struct way ways[WAYS_MOST];
    size_t count = ways_of(device, ways);
    for (size_t w = 0; w < count; w++)
        for (size_t p = 0; p < 2; p++) {
            struct essay e = {
                .run = run, .device = device, .way = &ways[w], .product = products[p]};
            if (ways[w].library && !lab_stopping(run) && ask_all(&e) != 0)
                return -1;
        }
    return 0;
}

/* The same product by the same library, at a shape and an alignment. */
static size_t answer_of(const struct rows *rows, size_t k, size_t shape, const char *alignment) {
    for (size_t j = 0; j < rows->count; j++)
        if (rows_equal(rows, k, j, "way;product") && essay_shape(rows, j, shape) &&
            row_is(rows, j, "alignment", alignment))
            return j;
    return rows->count;
}

void check_class(const struct rows *rows, struct finding *f) {
    size_t moved = 0, asked = 0, misaligned = 0, other = 0;
    for (size_t k = 0; k < rows->count; k++) {
        size_t calm = answer_of(rows, k, 0, alignments[0].name);
        if (calm == rows->count || k == calm)
            continue;
        bool same = rows_equal(rows, k, calm, "algorithm");
        if (essay_shape(rows, k, 1)) {
            finding_count(f, answer_if(!same), rows, k);
            moved += row_number(rows, k, "row ulps") > 0;
            asked += row_has(rows, k, "row ulps");
        } else {
            misaligned++;
            other += !same;
        }
        finding_number(f, "1", row_ratio(rows, k, "over the first"),
                       "time over 16, 2048 aligned: %s, %s, B=%.0f L=%.0f, %s",
                       row_text(rows, k, "way"), row_text(rows, k, "product"),
                       row_number(rows, k, "B"), row_number(rows, k, "L"),
                       row_text(rows, k, "alignment"));
    }
    finding_say(f,
                "another algorithm at 17, 2047 in %llu of %llu products, other bits of a row in "
                "%zu of %zu; misaligned operands: another in %zu of %zu",
                (unsigned long long)f->held, (unsigned long long)(f->held + f->against), moved,
                asked, other, misaligned);
    finding_settle(f, SETTLE_ALL, "some of the products and libraries");
}
