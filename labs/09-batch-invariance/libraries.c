/*
 * libraries.c: a library underneath a step. Engines hand their products to one; it chooses kernels
 * by the shape, and tells nobody how a row's sum is staged. So it is asked: the products of the
 * model's first layer and of its logits, with the weights as they are, unpacked, for 1 to 64 rows,
 * of which the first is always the same. Has that row the bits that it has alone?
 *
 * The last row holds the numbers of the first, too: where in a batch a row stands may count as well
 * as how many there are. And each product is computed twice: what is not the same again says
 * nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/mma/mma_cublaslt.h"
#include "kernels/mma/mma_onednn.h"
#include "kernels/mma/mma_openblas.h"
#include "labs/09-batch-invariance/invariance.h"

enum { ROWS_MOST = 64, LARGE = 8192, WORD = 80 };

struct way {
    const char *name, *library;
    enum element in;
    bool several; /* threads: as many as the lab's model has */
    int (*open)(struct job *job, struct device *device, const struct mma_operands *operands,
                unsigned threads);
};

static int open_openblas(struct job *job, struct device *device,
                         const struct mma_operands *operands, unsigned threads) {
    return mma_openblas_job_open(job, device, operands, (int)threads);
}

static int open_onednn(struct job *job, struct device *device, const struct mma_operands *operands,
                       unsigned threads) {
    const struct mma_onednn_options options = {.threads = threads};
    return mma_onednn_job_open(job, device, operands, &options);
}

static int open_cublaslt(struct job *job, struct device *device,
                         const struct mma_operands *operands, unsigned threads) {
    const struct mma_cublaslt_plan plan = mma_cublaslt_plan_default();
    (void)threads;
    return mma_cublaslt_job_open(job, device, operands, &plan);
}

static const struct way cpu_ways[] = {
    {"openblas-f32", "OpenBLAS", ELEMENT_F32, true, open_openblas},
    {"openblas-f32-1thread", "OpenBLAS", ELEMENT_F32, false, open_openblas},
    {"onednn-f32", "oneDNN", ELEMENT_F32, true, open_onednn},
    {"onednn-f32-1thread", "oneDNN", ELEMENT_F32, false, open_onednn},
    {"onednn-bf16", "oneDNN", ELEMENT_BF16, true, open_onednn},
};
static const struct way gpu_ways[] = {
    {"cublaslt-f32", "cuBLASLt", ELEMENT_F32, false, open_cublaslt},
    {"cublaslt-bf16", "cuBLASLt", ELEMENT_BF16, false, open_cublaslt},
};

static bool is_there(const struct way *way) {
    return way->open != open_onednn || mma_onednn_takes(way->in);
}

/* "" where the library is asked at run time: its version is in the plan then. */
static const char *version_of(const struct way *way, char *out, size_t size) {
    if (way->open == open_onednn)
        return mma_onednn_version(out, size);
    return way->open == open_openblas ? mma_openblas_version(out, size) : "";
}

/* --- the products of the model -----------------------------------------------------------------
 */

struct product {
    const char *name;
    const struct decoder_weight *weight;
};
enum { PRODUCTS_MOST = DECODER_PRODUCTS + 1 };

/* One of each shape, and the logits. */
static size_t products_of(const struct decoder *d, struct product *list) {
    static const char *const names[DECODER_PRODUCTS] = {"q", "k", "v", "o", "gate", "up", "down"};
    size_t count = 0;
    for (int p = 0; p < DECODER_PRODUCTS; p++) {
        const struct decoder_weight *w = &d->layer[0].product[p];
        size_t i = 0;
        while (i < count &&
               (list[i].weight->rows != w->rows || list[i].weight->columns != w->columns))
            i++;
        if (i == count)
            list[count++] = (struct product){names[p], w};
    }
    list[count++] = (struct product){"logits", &d->embedding};
    return count;
}

/* Numbers of rows: all, but a few of them for the many outputs of logits, and with --quick. */
static size_t rows_of(const struct lab_run *run, const struct product *product, unsigned *list) {
    static const unsigned some[] = {1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 24, 32, 33, 48, 63, 64},
                          few[] = {1, 2, 8, 17, 64};
    const bool quick = lab_mode(run) == LAB_QUICK, large = product->weight->rows >= LARGE;
    const unsigned *from = quick && large ? few : quick || large ? some : NULL;
    size_t count = quick && large   ? sizeof few / sizeof *few
                   : quick || large ? sizeof some / sizeof *some
                                    : ROWS_MOST;
    for (size_t i = 0; i < count; i++)
        list[i] = from ? from[i] : (unsigned)i + 1;
    return count;
}

static void *weights_of(const struct decoder_weight *w, enum element in) {
    void *out = malloc((size_t)w->rows * w->columns * element_bytes(in));
    float *row = malloc(w->columns * sizeof *row);
    for (size_t r = 0; out && row && r < w->rows; r++) {
        decoder_weights_of(w, r, row);
        for (size_t k = 0; k < w->columns; k++)
            element_set(in, out, r * w->columns + k, row[k]);
    }
    free(row);
    return out;
}

/* --- one number of rows ------------------------------------------------------------------------
 */

struct asking {
    struct device *device;
    const struct way *way;
    unsigned threads;
    struct mma_operands rows; /* A of the most rows */
    void *weights;
    float *c, *again; /* [ROWS_MOST][outputs] */
    json_t *plan;     /* of one row */
    char implementation[WORD];
};

static void name_of(const struct job *job, char *out) {
    json_t *plan = job_plan(job);
    const json_t *choice = json_object_get(plan, "choice");
    const char *name = json_string_value(choice ? json_object_get(choice, "algorithm")
                                                : json_object_get(plan, "implementation"));
    snprintf(out, WORD, "%s", name ? name : "it does not say");
    json_decref(plan);
}

/* The products of the first `m` rows, the last of which is the first. */
static int multiply(struct asking *a, const struct decoder_weight *w, unsigned m) {
    struct mma_operands operands = a->rows;
    const size_t row = w->columns * element_bytes(a->way->in);
    struct job job;
    operands.problem.shape.m = m;
    operands.problem.shape.n = w->rows;
    operands.b = a->weights;
    operands.a = malloc(m * row);
    if (!operands.a)
        return device_fail("no memory for rows");
    memcpy(operands.a, a->rows.a, m * row);
    memcpy((char *)operands.a + (m - 1) * row, a->rows.a, row);
    int status = a->way->open(&job, a->device, &operands, a->threads);
    if (status == 0) {
        name_of(&job, a->implementation);
        if (m == 1)
            a->plan = job_plan(&job);
        status = mma_job_poison(&job) != 0 || job_call(&job) != 0 ||
                         mma_job_output(&job, a->c) != 0 || mma_job_poison(&job) != 0 ||
                         job_call(&job) != 0 || mma_job_output(&job, a->again) != 0
                     ? -1
                     : 0;
        job_close(&job);
    }
    free(operands.a);
    return status;
}

static int ask(struct lab_run *run, struct asking *a, const struct product *product,
               struct lab_case *c) {
    const size_t n = product->weight->rows;
    float *alone = malloc(n * sizeof *alone);
    unsigned rows[ROWS_MOST];
    const size_t count = rows_of(run, product, rows);
    int status = alone ? 0 : device_fail("no memory for a row");
    for (size_t i = 0; i < count && status == 0; i++) {
        const unsigned m = rows[i];
        status = multiply(a, product->weight, m);
        if (status != 0)
            break;
        if (m == 1)
            memcpy(alone, a->c, n * sizeof *alone);
        case_row(c);
        case_cell_int(c, "batch", m);
        case_cell_int(c, "other bits", (int64_t)other_bits(alone, a->c, n));
        case_cell_int(c, "last row", (int64_t)other_bits(alone, a->c + (m - 1) * n, n));
        case_cell_int(c, "not again", (int64_t)other_bits(a->c, a->again, m * n));
        case_cell_text(c, "implementation", a->implementation);
    }
    free(alone);
    return status;
}

static int open_asking(struct asking *a, const struct product *product, uint64_t seed) {
    const size_t n = product->weight->rows;
    const struct mma_problem problem = {
        .shape = {ROWS_MOST, 0, product->weight->columns}, .in = a->way->in, .out = ELEMENT_F32};
    a->weights = weights_of(product->weight, a->way->in);
    a->c = malloc(ROWS_MOST * n * sizeof *a->c);
    a->again = malloc(ROWS_MOST * n * sizeof *a->again);
    if (!a->weights || !a->c || !a->again)
        return device_fail("no memory for a product");
    return mma_operands_open(&a->rows, &problem, MMA_FILL_NORMAL, seed);
}

static void close_asking(struct asking *a) {
    mma_operands_close(&a->rows);
    free(a->weights);
    free(a->c);
    free(a->again);
}

static int one_case(struct lab_run *run, const struct stage *stage, struct device *device,
                    const struct way *way, const struct product *product, struct lab_case *c) {
    struct asking a = {.device = device, .way = way, .threads = way->several ? stage->threads : 1};
    char version[200];
    int status = open_asking(&a, product, lab_seed(run));
    case_param_text(c, "model", stage->model.name);
    case_param_text(c, "way", way->name);
    case_param_text(c, "library", way->library);
    case_param_text(c, "version", version_of(way, version, sizeof version));
    case_param_int(c, "threads", a.threads);
    case_param_text(c, "product", product->name);
    case_param_int(c, "outputs", product->weight->rows);
    case_param_int(c, "inputs", product->weight->columns);
    if (status == 0)
        status = ask(run, &a, product, c);
    if (a.plan)
        case_plan(c, a.plan);
    close_asking(&a);
    if (status == 0)
        return lab_case_end(c);
    lab_case_drop(c);
    return lab_error(run, "%s, %s: %s", way->name, product->name, device_error());
}

int sweep_libraries(struct lab_run *run, struct device *device) {
    const struct stage *stage = stage_of(run);
    const bool gpu = device_kind(device) == DEVICE_CUDA;
    const struct way *ways = gpu ? gpu_ways : cpu_ways;
    const size_t all = gpu ? sizeof gpu_ways / sizeof *ways : sizeof cpu_ways / sizeof *ways;
    struct product list[PRODUCTS_MOST];
    if (!stage)
        return -1;
    const size_t products = products_of(stage->model.decoder, list);
    for (size_t w = 0; w < all; w++)
        if (is_there(&ways[w]))
            lab_expect(run, products);
    for (size_t w = 0; w < all; w++)
        for (size_t p = 0; p < products && is_there(&ways[w]) && !lab_stopping(run); p++) {
            struct lab_case *c = lab_case_begin(run, device_id(device), "09/library/%s/way=%s/%s",
                                                stage->model.name, ways[w].name, list[p].name);
            if (c && one_case(run, stage, device, &ways[w], &list[p], c) != 0)
                return -1;
        }
    return 0;
}

/* --- the check ---------------------------------------------------------------------------------
 */

/* One product of one way, in rows first…: how many numbers of rows change the row, the least of
 * them, and how many of 2 to 8, as many as are verified at once. */
struct changes {
    double asked, changed, least, verified, of_verified;
};

static bool is_changed(const struct rows *rows, size_t k) {
    return row_number(rows, k, "other bits") > 0 || row_number(rows, k, "last row") > 0;
}

static struct changes changes_of(const struct rows *rows, size_t first, size_t count) {
    struct changes c = {.least = 0};
    for (size_t k = first; k < first + count; k++) {
        const double m = row_number(rows, k, "batch");
        const bool other = is_changed(rows, k);
        if (!(m > 1))
            continue;
        c.asked++;
        c.changed += other;
        c.of_verified += m <= 8;
        c.verified += m <= 8 && other;
        if (other && (c.least == 0 || m < c.least))
            c.least = m;
    }
    return c;
}

/* --- 09.3, 09.4: under a library, a row's product does not depend on the number of rows ----------
 */
static const char *const libraries[] = {"oneDNN", "OpenBLAS", "cuBLASLt"};
enum { LIBRARIES = sizeof libraries / sizeof *libraries };

void check_libraries(const struct rows *from, struct finding *f) {
    struct rows rows = rows_select(from, "", NULL);
    double verified = 0, of_verified = 0, kept[LIBRARIES] = {0}, asked[LIBRARIES] = {0};
    size_t first = 0, count = 0;
    rows_sort(&rows, "way;product;batch");
    while (rows_group(&rows, "way;product", &first, &count)) {
        const struct changes c = changes_of(&rows, first, count);
        for (size_t k = first; k < first + count; k++)
            finding_control(f, answer_if(row_number(&rows, k, "not again") == 0),
                            "the same product again has the same bits");
        if (!(c.asked > 0))
            continue;
        finding_count(f, answer_if(c.changed == 0), &rows, first);
        for (size_t l = 0; l < LIBRARIES; l++)
            if (row_is(&rows, first, "library", libraries[l])) {
                asked[l]++;
                kept[l] += c.changed == 0;
            }
        finding_number(f, "1", number(c.changed),
                       "%s, %s: of %.0f numbers of rows, those that change a row",
                       row_text(&rows, first, "way"), row_text(&rows, first, "product"), c.asked);
        if (c.least > 0)
            finding_number(f, "1", number(c.least), "%s, %s: the least of them",
                           row_text(&rows, first, "way"), row_text(&rows, first, "product"));
        verified += c.verified;
        of_verified += c.of_verified;
    }
    rows_free(&rows);
    if (of_verified > 0)
        finding_number(f, "1", number(verified),
                       "2 to 8 rows, as many as are verified at once: changes in %.0f",
                       of_verified);
    finding_say(f, "a row keeps its bits among up to 64 rows");
    for (size_t l = 0, said = 0; l < LIBRARIES; l++)
        if (asked[l] > 0)
            finding_say(f, "%s %.0f of %.0f products by %s", said++ ? "," : " in", kept[l],
                        asked[l], libraries[l]);
    finding_say(f, "%s", on_weights(from));
    finding_settle(f, SETTLE_ALL, "some of the products");
}

/* --- the table ---------------------------------------------------------------------------------
 */

/* "2-7, 9, 12-64": numbers of rows that change a row, in the order they were asked; those between
 * two that were asked one after the other count as one stretch. */
static void stretches(const struct rows *rows, size_t first, size_t count, char *out, size_t size) {
    size_t used = 0;
    out[0] = '\0';
    for (size_t k = first; k < first + count && used + 16 < size; k++) {
        size_t last = k;
        if (!(row_number(rows, k, "batch") > 1) || !is_changed(rows, k))
            continue;
        while (last + 1 < first + count && is_changed(rows, last + 1))
            last++;
        used += (size_t)snprintf(out + used, size - used, "%s%.4g", used ? ", " : "",
                                 row_number(rows, k, "batch"));
        if (last > k && used < size)
            used +=
                (size_t)snprintf(out + used, size - used, "-%.4g", row_number(rows, last, "batch"));
        k = last;
    }
}

int libraries_table(struct lab_run *run, const struct rows *from, struct lab_table *table) {
    struct rows rows = rows_select(from, "", NULL);
    size_t first = 0, count = 0;
    (void)run;
    rows_sort(&rows, "device;way;product;batch");
    while (rows_group(&rows, "device;way;product", &first, &count)) {
        const struct changes c = changes_of(&rows, first, count);
        char are[120];
        stretches(&rows, first, count, are, sizeof are);
        lab_table_row(table, "%s\t%s\t%.0f\t%s\t%.0f\t%.0f\t%.0f\t%.0f\t%s\t%s",
                      row_text(&rows, first, "device"), row_text(&rows, first, "way"),
                      row_number(&rows, first, "threads"), row_text(&rows, first, "product"),
                      row_number(&rows, first, "outputs"), row_number(&rows, first, "inputs"),
                      c.asked, c.changed, are, row_text(&rows, first, "version"));
    }
    rows_free(&rows);
    return 0;
}
