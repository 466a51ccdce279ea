/*
 * layers.c: F6. Another algorithm is another tree, and other last bits. What do the next layers
 * make of the difference?
 *
 * One network, twice: GEMM → layer norm → GEMM → …, the same numbers in both, and the first product
 * by two plans (one sum over K, or two that are added). From then on both take the same plan, so
 * what is measured is only how a difference that is there travels: how large it is, relative to the
 * activations, before and after each layer norm and each product. Activations are kept in FP32, or
 * rounded to BF16 before each product, as models keep them; and lie around zero, or around a
 * constant, as activations with outlier channels do.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/stats.h"
#include "kernels/mma/mma_cpu.h"
#include "labs/03-fragment-churn/fragments.h"

#define ROWS 16
#define WIDTH 256
#define DEPTH 4
#define SIZE ((size_t)ROWS * WIDTH)

/* In which format activations enter a product, and where they lie. */
static const struct activations {
    const char *format;
    enum element element;
    const char *around;
    float shift;
} kinds[] = {
    {"f32", ELEMENT_F32, "zero", 0},
    {"f32", ELEMENT_F32, "four", 4},
    {"bf16", ELEMENT_BF16, "zero", 0},
    {"bf16", ELEMENT_BF16, "four", 4},
};

static size_t seeds_of(const struct lab_run *run) {
    return lab_mode(run) == LAB_QUICK ? 8 : 32;
}

/* --- the network -------------------------------------------------------------------------------
 */

struct network {
    struct mma_operands weights[DEPTH];
    struct job jobs[DEPTH];
    struct job other; /* the first product, by the other plan */
};

static void network_close(struct network *n) {
    job_close(&n->other);
    for (size_t k = 0; k < DEPTH; k++) {
        job_close(&n->jobs[k]);
        mma_operands_close(&n->weights[k]);
    }
}

static int network_open(struct network *n, struct device *device, uint64_t seed) {
    const struct mma_problem problem = {
        .shape = {ROWS, WIDTH, WIDTH}, .in = ELEMENT_F32, .out = ELEMENT_F32};
    struct mma_cpu_plan plan = mma_cpu_plan_default(MMA_CPU_SCALAR, 1), split = plan;
    int status = 0;
    split.split = 2;
    memset(n, 0, sizeof *n);
    for (size_t k = 0; k < DEPTH && status == 0; k++) {
        status = mma_operands_open(&n->weights[k], &problem, MMA_FILL_NORMAL, seed * DEPTH + k);
        if (status == 0)
            status = mma_cpu_job_open(&n->jobs[k], device, &n->weights[k], &plan);
    }
    if (status == 0)
        status = mma_cpu_job_open(&n->other, device, &n->weights[0], &split);
    if (status != 0)
        network_close(n);
    return status;
}

/* y = x Wᵀ; x NULL: the operands' own. */
static int product(const struct job *job, const float *x, float *y) {
    return (x && mma_job_write(job, x, NULL) != 0) || job_call(job) != 0 ||
                   mma_job_output(job, y) != 0
               ? -1
               : 0;
}

static void layer_norm(const float *y, float *x) {
    for (size_t r = 0; r < ROWS; r++) {
        double mean = 0, variance = 0;
        for (size_t k = 0; k < WIDTH; k++)
            mean += (double)y[r * WIDTH + k] / WIDTH;
        for (size_t k = 0; k < WIDTH; k++)
            variance +=
                ((double)y[r * WIDTH + k] - mean) * ((double)y[r * WIDTH + k] - mean) / WIDTH;
        for (size_t k = 0; k < WIDTH; k++)
            x[r * WIDTH + k] = (float)(((double)y[r * WIDTH + k] - mean) / sqrt(variance + 1e-5));
    }
}

static void shift(float *y, float by) {
    for (size_t k = 0; k < SIZE; k++)
        y[k] += by;
}

static void round_to(enum element element, float *x) {
    for (size_t k = 0; element == ELEMENT_BF16 && k < SIZE; k++)
        x[k] = element_from_bf16(element_to_bf16((double)x[k]));
}

/* ‖a - b‖ / ‖a‖ */
static double apart(const float *a, const float *b) {
    double distance = 0, size = 0;
    for (size_t k = 0; k < SIZE; k++) {
        distance += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);
        size += (double)a[k] * (double)a[k];
    }
    return sqrt(distance / size);
}

/* --- the sweep ---------------------------------------------------------------------------------
 */

struct pair {
    float one[SIZE], other[SIZE];
};

static int travel(struct lab_case *c, const struct network *n, const struct activations *kind,
                  uint64_t seed, struct pair *y, struct pair *x) {
    int status = product(&n->jobs[0], NULL, y->one) != 0 || product(&n->other, NULL, y->other) != 0;
    for (size_t layer = 1; layer < DEPTH && status == 0; layer++) {
        shift(y->one, kind->shift);
        shift(y->other, kind->shift);
        double before = apart(y->one, y->other);
        layer_norm(y->one, x->one);
        layer_norm(y->other, x->other);
        double normed = apart(x->one, x->other);
        round_to(kind->element, x->one);
        round_to(kind->element, x->other);
        double rounded = apart(x->one, x->other);
        status = product(&n->jobs[layer], x->one, y->one) != 0 ||
                 product(&n->jobs[layer], x->other, y->other) != 0;
        case_row(c);
        case_cell_int(c, "seed", (int64_t)seed);
        case_cell_int(c, "layer", (int64_t)layer);
        case_cell_real(c, "difference", before);
        case_cell_real(c, "gain of the norm", normed / before);
        case_cell_real(c, "gain of the rounding", rounded / normed);
        case_cell_real(c, "gain of the product", apart(y->one, y->other) / rounded);
        case_cell_real(c, "gain", apart(y->one, y->other) / before);
    }
    return status ? -1 : 0;
}

static int travel_all(struct lab_run *run, struct device *device, const struct activations *kind,
                      struct lab_case *c) {
    struct pair *y = calloc(1, sizeof *y), *x = calloc(1, sizeof *x);
    int status = y && x ? 0 : device_fail("out of memory for activations");
    for (uint64_t k = 0; k < seeds_of(run) && status == 0; k++) {
        struct network n;
        status = network_open(&n, device, lab_seed(run) + k);
        if (status == 0) {
            status = travel(c, &n, kind, k, y, x);
            network_close(&n);
        }
    }
    free(y);
    free(x);
    return status;
}

int sweep_layers(struct lab_run *run, struct device *device) {
    if (sweep_trees(run, device) != 0)
        return -1;
    lab_expect(run, sizeof kinds / sizeof *kinds);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds && !lab_stopping(run); k++) {
        struct lab_case *c = lab_case_begin(run, device_id(device), "03/layers/%s/around=%s",
                                            kinds[k].format, kinds[k].around);
        if (!c)
            continue;
        case_param_text(c, "format", kinds[k].format);
        case_param_text(c, "around", kinds[k].around);
        case_param_int(c, "width", WIDTH);
        case_param_int(c, "rows", ROWS);
        if (travel_all(run, device, &kinds[k], c) != 0) {
            lab_case_drop(c);
            return lab_error(run, "%s", device_error());
        }
        if (lab_case_end(c) != 0)
            return -1;
    }
    return 0;
}

/* --- the check ---------------------------------------------------------------------------------
 */

#define VALUES_MOST 4096

/* The median of a column over all layers and seeds of a kind, with its interval. */
static struct ratio median_of(const struct rows *rows, size_t like, const char *column) {
    double *x = malloc(VALUES_MOST * sizeof *x);
    struct stats_interval i;
    struct ratio r = RATIO_NONE;
    size_t n = 0;
    for (size_t k = 0; x && k < rows->count && n < VALUES_MOST; k++) {
        double value = row_number(rows, k, column);
        if (rows_equal(rows, k, like, "format;around") && isfinite(value))
            x[n++] = value;
    }
    if (x && stats_median_interval(x, n, 0.95, rows->seed, &i) == 0)
        r = (struct ratio){i.value, i.low, i.high};
    free(x);
    return r;
}

void check_layers(const struct rows *rows, struct finding *f) {
    struct rows layers = rows_select(rows, "03/layers/", NULL);
    size_t moved = 0, started = 0;
    check_trees(rows, f);
    uint64_t before_held = f->held, before_all = f->held + f->against;
    for (size_t k = 0; k < layers.count; k++) {
        if (row_number(&layers, k, "layer") == 1) {
            started++;
            moved += row_number(&layers, k, "difference") > 0;
        }
        if (k > 0 && rows_equal(&layers, k, k - 1, "format;around"))
            continue;
        struct ratio norm = median_of(&layers, k, "gain of the norm");
        const char *format = row_text(&layers, k, "format"),
                   *around = row_text(&layers, k, "around");
        finding_count(f, answer_above(norm, 1.1), &layers, k);
        finding_number(f, "1", norm, "gain of layer norm, %s around %s", format, around);
        finding_number(f, "1", median_of(&layers, k, "gain of the rounding"),
                       "gain of rounding to the product's format, the same");
        finding_number(f, "1", median_of(&layers, k, "gain of the product"),
                       "gain of the product, the same");
        finding_number(f, "1", median_of(&layers, k, "gain"), "gain of the whole layer, the same");
    }
    finding_control(f, answer_if(moved == started), "two trees give other bits to begin with");
    finding_say(f,
                "layer norm enlarges a relative difference by over a tenth in %llu of %llu kinds "
                "of activations",
                (unsigned long long)(f->held - before_held),
                (unsigned long long)(f->held + f->against + f->open - before_all));
    finding_settle(f, SETTLE_ALL, "some of the activations: see the gains");
    rows_free(&layers);
}
