/*
 * trees.c: F6, first half. The bits of one row against the batch it is in, and why they change.
 *
 * Row 0 is the same numbers in every batch, and so are the weights. Where its bits change from one
 * batch to another, the summation tree of one of its elements is recovered on both sides, from
 * outputs alone; and then said to be the reason only if it is: other data, drawn afterwards, have
 * to come out as the two trees say, bit by bit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/mma/mma_fingerprint.h"
#include "labs/03-fragment-churn/fragments.h"

#define WIDTH 512 /* N */
#define FRESH 64  /* elements of row 0 that are predicted on fresh data */

static const size_t batches[] = {1, 2, 4, 8, 16, 32, 64, 96, 128, 192, 256};
static const size_t quick_batches[] = {1, 16, 64, 128, 256};

/* A batch, and what became of row 0 in it. */
struct batch {
    struct lab_run *run;
    struct device *device;
    const struct way *way;
    struct mma_problem problem;
    float *row;
};

/* Row 0's first elements on data that the recovery has not seen: how many come out as it says. */
static int predict_fresh(const struct batch *b, const struct mma_revealed *revealed,
                         const struct mma_classes *classes, struct lab_case *c) {
    struct product fresh;
    int64_t checked = 0, predicted = 0;
    int status =
        product_open(&fresh, b->device, b->way, &b->problem, MMA_FILL_NORMAL, lab_seed(b->run) + 1);
    if (status == 0)
        status = product_row(&fresh.job, 0, b->row);
    for (size_t n = 0; n < FRESH && status == 0; n++) {
        float value;
        if (mma_class_of(classes, 0, n) != mma_class_of(classes, 0, 0))
            continue;
        status = mma_reveal_value(revealed, &fresh.operands, 0, n, &value);
        checked++;
        predicted += memcmp(&value, &b->row[n], sizeof value) == 0;
    }
    product_close(&fresh);
    case_cell_int(c, "checked", checked);
    case_cell_int(c, "predicted", predicted);
    return status;
}

static int reveal(const struct batch *b, const struct job *job, struct lab_case *c) {
    struct mma_classes classes;
    struct mma_revealed revealed;
    if (mma_classes_find(&classes, job, lab_seed(b->run)) != 0)
        return -1;
    int status = mma_reveal(&revealed, job, &classes, 0, 0, NULL);
    if (status == 0) {
        bool found = revealed.found.status == RECOVER_FOUND;
        struct mma_family family = {0};
        struct mma_hash128 id;
        status = found ? mma_family_of(revealed.found.tree, &family) : 0;
        case_cell_text(c, "outcome", recover_status_name(revealed.found.status));
        case_cell_text(c, "tree in words", found ? family.text : revealed.found.why);
        case_cell_int(c, "classes", (int64_t)classes.count);
        case_cell_int(c, "calls", (int64_t)(classes.calls + revealed.calls));
        if (status == 0 && found)
            status = mma_revealed_id(&revealed, &id);
        if (status == 0 && found) {
            case_cell_bits(c, "tree", 64, id.low);
            status = predict_fresh(b, &revealed, &classes, c);
        }
        mma_revealed_close(&revealed);
    }
    mma_classes_close(&classes);
    return status;
}

/* Trees are recovered where bits are new: *seen has them all. */
static int try_batch(const struct batch *b, struct lab_case *c, float *first, uint64_t *seen,
                     size_t *count) {
    struct product p;
    char algorithm[ALGORITHM_TEXT];
    bool is_new = true;
    int status =
        product_open(&p, b->device, b->way, &b->problem, MMA_FILL_NORMAL, lab_seed(b->run));
    if (status == 0)
        status = product_row(&p.job, 0, b->row);
    if (status == 0) {
        uint64_t bits = mma_hash(b->row, WIDTH);
        if (*count == 0)
            memcpy(first, b->row, WIDTH * sizeof *first);
        for (size_t k = 0; k < *count; k++)
            is_new = is_new && seen[k] != bits;
        case_row(c);
        case_cell_int(c, "M", (int64_t)b->problem.shape.m);
        case_cell_text(c, "algorithm", algorithm_of(&p.job, algorithm));
        case_cell_bits(c, "row", 64, bits);
        case_cell_int(c, "row ulps", (int64_t)row_ulps(b->row, first, WIDTH));
        if (is_new) {
            seen[(*count)++] = bits;
            status = reveal(b, &p.job, c);
        }
    }
    product_close(&p);
    return status;
}

static int try_batches(struct lab_run *run, struct device *device, const struct way *way, size_t k,
                       struct lab_case *c) {
    bool quick = lab_mode(run) == LAB_QUICK;
    const size_t *list = quick ? quick_batches : batches;
    size_t count = (quick ? sizeof quick_batches : sizeof batches) / sizeof *batches, known = 0;
    uint64_t seen[sizeof batches / sizeof *batches];
    float *row = calloc(WIDTH, sizeof *row), *first = calloc(WIDTH, sizeof *first);
    int status = row && first ? 0 : device_fail("out of memory for a row");
    for (size_t i = 0; i < count && status == 0; i++) {
        struct batch b = {
            .run = run,
            .device = device,
            .way = way,
            .row = row,
            .problem = {.shape = {list[i], WIDTH, k}, .in = way->in, .out = ELEMENT_F32}};
        status = try_batch(&b, c, first, seen, &known);
    }
    free(row);
    free(first);
    return status;
}

int sweep_trees(struct lab_run *run, struct device *device) {
    struct way ways[WAYS_MOST];
    size_t count = ways_of(device, ways), k = lab_mode(run) == LAB_QUICK ? 1024 : 4096;
    for (size_t w = 0; w < count && !lab_stopping(run); w++) {
        struct lab_case *c;
        if (!ways[w].library)
            continue;
        lab_expect(run, 1);
        c = lab_case_begin(run, device_id(device), "03/trees/way=%s/N=%d/K=%zu", ways[w].name,
                           WIDTH, k);
        if (!c)
            continue;
        case_param_text(c, "way", ways[w].name);
        case_param_int(c, "N", WIDTH);
        case_param_int(c, "K", (int64_t)k);
        if (try_batches(run, device, &ways[w], k, c) != 0) {
            lab_case_drop(c);
            return lab_error(run, "%s: %s", ways[w].name, device_error());
        }
        if (lab_case_end(c) != 0)
            return -1;
    }
    return 0;
}

/* --- the check: half of F6 ---------------------------------------------------------------------
 */

/* Trees stand where bits were new; two of them that differ, with bits that differ, is what the
 * claim says, and what else there is goes against it. */
void check_trees(const struct rows *rows, struct finding *f) {
    struct rows trees = rows_select(rows, "03/trees/", NULL);
    for (size_t k = 0; k < trees.count; k++) {
        if (!row_has(&trees, k, "tree"))
            continue;
        finding_predicted(f, row_number(&trees, k, "predicted") == row_number(&trees, k, "checked"),
                          &trees, k);
        finding_number(f, "1", number(row_number(&trees, k, "M")),
                       "rows, from which on %s adds as %s", row_text(&trees, k, "way"),
                       row_text(&trees, k, "tree in words"));
        for (size_t j = 0; j < k; j++)
            if (row_has(&trees, j, "tree") && rows_equal(&trees, j, k, "way;K"))
                finding_count(f,
                              answer_if(row_bits(&trees, j, "tree") != row_bits(&trees, k, "tree")),
                              &trees, k);
    }
    rows_free(&trees);
}
