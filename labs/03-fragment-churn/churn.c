/*
 * churn.c: F5. Which algorithms does a library choose over a trace of batches?
 *
 * Two traces of one serving loop (kernels/serving): calm, where batches keep their shape, and
 * churning, where requests of mixed lengths join and leave. Every step has two products: a linear
 * layer, whose M is the batch, and the scores of attention, whose N is the context. Each is given
 * to the library, which says which algorithm it took; and row 0, the same numbers in every batch,
 * is compared with what it is in a batch of 16. So three histograms hang together, step by step:
 * shape class, algorithm, distance of the same row.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/stats.h"
#include "kernels/serving/serving.h"
#include "labs/03-fragment-churn/fragments.h"

#define WIDTH 512   /* of the linear layer: N and K */
#define CHANNELS 64 /* of the scores: K */
#define REFERENCE_ROWS 16
#define COMPARED 64 /* numbers of row 0: contexts differ, and all have these */
#define CLASSES_MOST 256

enum layer { LINEAR, SCORES, LAYERS };
static const char *const layer_names[LAYERS] = {"linear", "scores"};

static uint64_t steps_of(const struct lab_run *run) {
    return lab_mode(run) == LAB_QUICK ? 150 : lab_mode(run) == LAB_DEFAULT ? 500 : 2000;
}

/* A combination that occurred, and in how many steps. */
struct met {
    int shape_class;
    char algorithm[ALGORITHM_TEXT];
    uint64_t ulps, steps;
};

struct trace {
    struct lab_run *run;
    struct device *device;
    const struct way *way;
    enum layer layer;
    float reference[COMPARED];
    struct met met[CLASSES_MOST];
    size_t count;
    uint64_t lost; /* steps of more combinations than fit */
};

/* --- one step ----------------------------------------------------------------------------------
 */

static int multiply(const struct trace *t, size_t rows, size_t context, struct met *met,
                    float *first) {
    struct mma_problem problem = {.shape = {rows, t->layer == LINEAR ? WIDTH : context,
                                            t->layer == LINEAR ? WIDTH : CHANNELS},
                                  .in = t->way->in,
                                  .out = ELEMENT_F32};
    struct product p;
    float *row = calloc(problem.shape.n, sizeof *row);
    int status = row ? 0 : device_fail("out of memory for a row");
    if (status == 0)
        status = product_open(&p, t->device, t->way, &problem, MMA_FILL_NORMAL, lab_seed(t->run));
    else
        memset(&p, 0, sizeof p);
    if (status == 0)
        status = product_row(&p.job, 0, row);
    if (status == 0) {
        size_t n = problem.shape.n < COMPARED ? problem.shape.n : COMPARED;
        algorithm_of(&p.job, met->algorithm);
        met->ulps = row_ulps(row, t->reference, n);
        memcpy(first, row, n * sizeof *row);
    }
    product_close(&p);
    free(row);
    return status;
}

static void count(struct trace *t, const struct met *met) {
    for (size_t k = 0; k < t->count; k++)
        if (t->met[k].shape_class == met->shape_class && t->met[k].ulps == met->ulps &&
            strcmp(t->met[k].algorithm, met->algorithm) == 0) {
            t->met[k].steps++;
            return;
        }
    if (t->count == CLASSES_MOST) {
        t->lost++;
        return;
    }
    t->met[t->count] = *met;
    t->met[t->count++].steps = 1;
}

static int drive(void *self, const struct serving_batch *batch, struct serving_outcome *outcome,
                 char *why) {
    struct trace *t = self;
    const struct serving_cost cost = serving_cost_default();
    struct met met = {.shape_class = batch->shape_class};
    float row[COMPARED];
    if (multiply(t, batch->count, batch->context, &met, row) != 0) {
        snprintf(why, SERVING_WHY, "%.200s", device_error());
        return -1;
    }
    count(t, &met);
    outcome->duration_ns = serving_cost_ns(&cost, batch);
    return 0;
}

/* --- the sweep ---------------------------------------------------------------------------------
 */

static void record(struct lab_case *c, const struct trace *t, const char *name) {
    case_param_text(c, "trace", name);
    case_param_text(c, "way", t->way->name);
    case_param_text(c, "layer", layer_names[t->layer]);
    case_param_int(c, "steps left out", (int64_t)t->lost);
    for (size_t k = 0; k < t->count; k++) {
        char class[SERVING_SHAPE_CLASS_TEXT];
        case_row(c);
        case_cell_text(c, "shape class", serving_shape_class_text(t->met[k].shape_class, class));
        case_cell_text(c, "algorithm", t->met[k].algorithm);
        case_cell_int(c, "row ulps", (int64_t)t->met[k].ulps);
        case_cell_int(c, "steps", (int64_t)t->met[k].steps);
    }
}

static int follow(struct trace *t, const char *name, struct serving_options options) {
    struct lab_case *c = lab_case_begin(t->run, device_id(t->device), "03/churn/%s/way=%s/%s", name,
                                        t->way->name, layer_names[t->layer]);
    struct serving_loop *loop = NULL;
    struct met met = {0};
    char why[SERVING_WHY];
    if (!c)
        return 0;
    memset(t->reference, 0, sizeof t->reference);
    t->count = t->lost = 0;
    if (multiply(t, REFERENCE_ROWS, COMPARED, &met, t->reference) != 0) {
        lab_case_drop(c);
        return lab_error(t->run, "%s: %s", t->way->name, device_error());
    }
    int status = serving_open(&loop, &options, NULL, NULL, why);
    if (status == 0)
        status = serving_run(loop, steps_of(t->run), drive, t, why) < 0 ? -1 : 0;
    serving_close(loop);
    if (status != 0) {
        lab_case_drop(c);
        return lab_error(t->run, "%s: %s", t->way->name, why);
    }
    record(c, t, name);
    return lab_case_end(c);
}

int sweep_churn(struct lab_run *run, struct device *device) {
    struct way ways[WAYS_MOST];
    size_t count = ways_of(device, ways);
    struct trace *t = calloc(1, sizeof *t);
    int status = t ? 0 : lab_error(run, "out of memory for a trace");
    for (size_t k = 0; status == 0 && k < count * LAYERS && !lab_stopping(run); k++) {
        *t = (struct trace){.run = run,
                            .device = device,
                            .way = &ways[k / LAYERS],
                            .layer = (enum layer)(k % LAYERS)};
        if (!t->way->library)
            continue;
        lab_expect(run, 2);
        status = follow(t, "calm", serving_calm(lab_seed(run)));
        if (status == 0)
            status = follow(t, "churning", serving_churning(lab_seed(run)));
    }
    free(t);
    return status;
}

/* --- the check ---------------------------------------------------------------------------------
 */

/* The histogram of a column over both traces: bins are the values that either has. */
struct histograms {
    char values[CLASSES_MOST][ALGORITHM_TEXT];
    uint64_t calm[CLASSES_MOST], churning[CLASSES_MOST];
    size_t bins;
};

static void add(struct histograms *h, const struct rows *rows, size_t row, const char *column) {
    double number = row_number(rows, row, column), steps = row_number(rows, row, "steps");
    char value[ALGORITHM_TEXT];
    size_t k = 0;
    if (isnan(number))
        snprintf(value, sizeof value, "%s", row_text(rows, row, column));
    else
        snprintf(value, sizeof value, "%.0f", number);
    while (k < h->bins && strcmp(h->values[k], value) != 0)
        k++;
    if (k == CLASSES_MOST || !(steps >= 0 && steps < 1e15))
        return;
    if (k == h->bins)
        strcpy(h->values[h->bins++], value);
    (row_is(rows, row, "trace", "churning") ? h->churning : h->calm)[k] += (uint64_t)steps;
}

static struct histograms histograms_of(const struct rows *rows, size_t like, const char *column) {
    struct histograms h = {0};
    for (size_t k = 0; k < rows->count; k++)
        if (rows_equal(rows, k, like, "way;layer"))
            add(&h, rows, k, column);
    return h;
}

/* Steps in which row 0 had other bits than in a batch of 16, as a share of all. */
static double moved_in(const struct rows *rows, size_t like, const char *trace) {
    double moved = 0, all = 0;
    for (size_t k = 0; k < rows->count; k++)
        if (rows_equal(rows, k, like, "way;layer") && row_is(rows, k, "trace", trace)) {
            all += row_number(rows, k, "steps");
            moved += row_number(rows, k, "row ulps") > 0 ? row_number(rows, k, "steps") : 0;
        }
    return moved / all;
}

static bool first_of_its_kind(const struct rows *rows, size_t k) {
    for (size_t j = 0; j < k; j++)
        if (rows_equal(rows, j, k, "way;layer"))
            return false;
    return true;
}

void check_churn(const struct rows *rows, struct finding *f) {
    for (size_t k = 0; k < rows->count; k++) {
        if (!first_of_its_kind(rows, k))
            continue;
        const char *way = row_text(rows, k, "way"), *layer = row_text(rows, k, "layer");
        struct histograms shapes = histograms_of(rows, k, "shape class");
        struct histograms h = histograms_of(rows, k, "algorithm");
        double calm = stats_entropy(h.calm, h.bins), churning = stats_entropy(h.churning, h.bins);
        if (isnan(calm) || isnan(churning))
            continue;
        finding_count(f, answer_if(churning > calm), rows, k);
        /* The traces must differ in what they ask, or they say nothing about the answer. */
        finding_control(f,
                        answer_if(stats_entropy(shapes.churning, shapes.bins) >
                                  stats_entropy(shapes.calm, shapes.bins)),
                        "the churning trace has more kinds of shapes");
        finding_number(f, "bits", number(calm), "entropy of the algorithms, calm: %s, %s", way,
                       layer);
        finding_number(f, "bits", number(churning), "entropy of them, churning, the same");
        finding_number(f, "1", number(stats_total_variation(h.calm, h.churning, h.bins)),
                       "total variation between the two");
        finding_number(f, "1", number(moved_in(rows, k, "calm")),
                       "of the steps row 0 has other bits than among 16, calm");
        finding_number(f, "1", number(moved_in(rows, k, "churning")),
                       "of the steps it has, churning");
    }
    finding_say(f,
                "under mixed lengths the histogram of algorithms is wider in %llu of %llu pairs of "
                "library and layer",
                (unsigned long long)f->held, (unsigned long long)(f->held + f->against));
    finding_settle(f, SETTLE_ALL, "some of the libraries and layers");
}

/* --- the table behind the histograms -----------------------------------------------------------
 */

static double share(const uint64_t *counts, size_t bins, size_t k) {
    double all = 0;
    for (size_t b = 0; b < bins; b++)
        all += (double)counts[b];
    return (double)counts[k] / all;
}

/* The three histograms of each library and layer, a line per bin. */
int write_histograms(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    static const char *const columns[] = {"shape class", "algorithm", "row ulps"};
    (void)run;
    for (size_t k = 0; k < rows->count; k++)
        for (size_t c = 0; c < 3 && first_of_its_kind(rows, k); c++) {
            struct histograms h = histograms_of(rows, k, columns[c]);
            for (size_t b = 0; b < h.bins; b++)
                lab_table_row(table, "%s\t%s\t%s\t%s\t%zu\t%s\t%.4f\t%.4f",
                              row_text(rows, k, "device"), row_text(rows, k, "way"),
                              row_text(rows, k, "layer"), columns[c], b, h.values[b],
                              share(h.calm, h.bins, b), share(h.churning, h.bins, b));
        }
    return 0;
}
