/*
 * mma_reveal_test.c: products built for the purpose, each class of elements with an order of its
 * own: classes and trees come out, and every element is predicted from them. Then libraries.
 */
#include "kernels/mma/mma_reveal.h"

#include "kernels/mma/mma_onednn.h"
#include "kernels/mma/mma_planted.h"

/* --- planted orders ---------------------------------------------------------------------------
 */

static void expect_words(const struct mma_revealed *r, const char *words) {
    if (r->found.status != RECOVER_FOUND)
        fail_msg("%s: %s", recover_status_name(r->found.status), r->found.why);
    char *found = tree_words(r->found.tree);
    assert_string_equal(found, words);
    free(found);
}

/* How many elements of the job's output, of this class or of all others, are not what the tree
 * says. */
static size_t missed(const struct mma_revealed *r, const struct job *job,
                     const struct mma_classes *classes, uint32_t class, bool others) {
    const struct mma_operands *o = ((struct mma_job *)job->context)->operands;
    struct mma_shape s = o->problem.shape;
    float *c = malloc(s.m * s.n * sizeof *c), value;
    size_t misses = 0;
    assert_non_null(c);
    assert_int_equal(job_call(job), 0);
    assert_int_equal(mma_job_output(job, c), 0);
    for (size_t i = 0; i < s.m * s.n; i++) {
        if ((classes->of[i] == class) == others)
            continue;
        assert_int_equal(mma_reveal_value(r, o, i / s.n, i % s.n, &value), 0);
        misses += value != c[i];
    }
    free(c);
    return misses;
}

/* Under study: element (m, n). */
static void expect_order(const struct job *job, const struct mma_classes *classes, size_t m,
                         size_t n, const char *words) {
    struct mma_revealed r;
    uint32_t class = mma_class_of(classes, m, n);
    assert_int_equal(mma_reveal(&r, job, classes, m, n, NULL), 0);
    expect_words(&r, words);
    assert_int_equal(missed(&r, job, classes, class, false), 0);
    assert_true(missed(&r, job, classes, class, true) > 0); /* another class is another sum */
    mma_revealed_close(&r);
}

static void classes_and_their_trees(void **state) {
    (void)state;
    for (int f32 = 0; f32 < 2; f32++) {
        struct mma_problem problem = planted_small;
        if (f32)
            problem = (struct mma_problem){
                .shape = planted_small.shape, .in = ELEMENT_F32, .out = ELEMENT_F32, .b_offset = 4};
        struct mma_operands o = planted_operands(&problem, 5);
        struct planted p = {
            .interior = TWO_HALVES, .trailing_row = EVEN_ODD, .trailing_column = BLOCKS};
        struct job job;
        struct mma_classes classes;
        planted_open(&job, &p, &o);
        assert_int_equal(mma_classes_find(&classes, &job, 1), 0);
        assert_int_equal(classes.count, 3);
        assert_false(classes.different);
        assert_int_equal(mma_class_of(&classes, 0, 0), 0);
        assert_int_equal(mma_class_of(&classes, 7, 15), 0);
        assert_int_equal(mma_class_of(&classes, 7, 16), 1);
        assert_int_equal(mma_class_of(&classes, 0, 20), 1);
        assert_int_equal(mma_class_of(&classes, 8, 0), 2);
        assert_int_equal(mma_class_of(&classes, 10, 20), 2);
        expect_order(&job, &classes, 0, 0, "2 × [50 inputs in order] added");
        expect_order(&job, &classes, 3, 20,
                     "4 inputs in order, then 6 × [16 inputs in order] in order");
        expect_order(&job, &classes, 10, 2, "2 × [50 inputs 2 apart in order] added");
        /* And the job's own operands are back. */
        assert_memory_equal(p.base.a, o.a, mma_a_bytes(&problem));
        assert_memory_equal(p.base.b, o.b, mma_b_bytes(&problem));
        mma_classes_close(&classes);
        mma_job_close(&p.base);
        mma_operands_close(&o);
    }
}

/* One row, one column, one element: every question costs a product of its own, or nearly. */
static void narrow_products(void **state) {
    (void)state;
    static const struct mma_shape shapes[] = {{1, 1, 33}, {1, 9, 40}, {9, 1, 40}, {2, 2, 1}};
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        struct mma_problem problem = {.shape = shapes[k], .in = ELEMENT_F32, .out = ELEMENT_F32};
        struct mma_operands o = planted_operands(&problem, k);
        struct planted p = {.interior = BLOCKS, .trailing_row = BLOCKS, .trailing_column = BLOCKS};
        struct job job;
        struct mma_classes classes;
        struct mma_revealed r;
        planted_open(&job, &p, &o);
        assert_int_equal(mma_classes_find(&classes, &job, 1), 0);
        assert_int_equal(classes.count, 1);
        assert_int_equal(mma_reveal(&r, &job, &classes, shapes[k].m - 1, 0, NULL), 0);
        assert_int_equal(r.found.status, RECOVER_FOUND);
        assert_int_equal(missed(&r, &job, &classes, 0, false), 0);
        mma_revealed_close(&r);
        mma_classes_close(&classes);
        mma_job_close(&p.base);
        mma_operands_close(&o);
    }
}

static void what_cannot_be_studied(void **state) {
    (void)state;
    struct mma_operands o = planted_operands(&planted_small, 5);
    struct planted p = {.interior = WANDERS, .trailing_row = WANDERS, .trailing_column = WANDERS};
    struct job job;
    struct mma_classes classes;
    struct mma_revealed r;
    planted_open(&job, &p, &o);
    assert_int_equal(mma_classes_find(&classes, &job, 1), 0);
    assert_true(classes.different);
    assert_int_equal(mma_reveal(&r, &job, &classes, 0, 0, NULL), 0);
    assert_int_equal(r.found.status, RECOVER_NOT_DETERMINISTIC);
    float value;
    assert_int_equal(mma_reveal_value(&r, &o, 0, 0, &value), -1);
    mma_revealed_close(&r);
    assert_int_equal(mma_reveal(&r, &job, &classes, planted_small.shape.m, 0, NULL), -1);
    classes.shape.k++;
    assert_int_equal(mma_reveal(&r, &job, &classes, 0, 0, NULL), -1);
    mma_classes_close(&classes);
    mma_job_close(&p.base);
    mma_operands_close(&o);

    struct mma_problem empty = {.shape = {3, 4, 0}, .in = ELEMENT_F32, .out = ELEMENT_F32};
    o = planted_operands(&empty, 5);
    planted_open(&job, &p, &o);
    assert_int_equal(mma_classes_find(&classes, &job, 1), -1);
    mma_job_close(&p.base);
    mma_operands_close(&o);

    struct mma_problem narrow = {.shape = {3, 4, 300}, .in = ELEMENT_BF16, .out = ELEMENT_E4M3};
    o = planted_operands(&narrow, 5);
    planted_open(&job, &p, &o);
    classes = (struct mma_classes){.shape = narrow.shape};
    assert_int_equal(mma_reveal(&r, &job, &classes, 0, 0, NULL), -1);
    assert_non_null(strstr(device_error(), "counts too few"));
    mma_job_close(&p.base);
    mma_operands_close(&o);
}

/* --- oneDNN ------------------------------------------------------------------------------------
 */

/* Whatever it does here: a tree per class, and every element of fresh operands from it. */
static void predict_all(const struct mma_problem *problem, const struct mma_onednn_options *options,
                        uint64_t seed) {
    struct mma_operands o = planted_operands(problem, seed);
    struct job job;
    struct mma_classes classes;
    if (mma_onednn_job_open(&job, planted_cpu, &o, options) != 0) {
        print_message("skipped: %s\n", device_error());
        mma_operands_close(&o);
        return;
    }
    assert_int_equal(mma_classes_find(&classes, &job, 1), 0);
    assert_false(classes.different);
    for (uint32_t class = 0; class < classes.count; class ++) {
        size_t at = 0;
        struct mma_revealed r;
        while (classes.of[at] != class)
            at++;
        assert_int_equal(
            mma_reveal(&r, &job, &classes, at / problem->shape.n, at % problem->shape.n, NULL), 0);
        if (r.found.status != RECOVER_FOUND)
            fail_msg("%s, M = %zu: %s: %s", options->isa ? options->isa : "any", problem->shape.m,
                     recover_status_name(r.found.status), r.found.why);
        assert_int_equal(missed(&r, &job, &classes, class, false), 0);
        mma_revealed_close(&r);
    }
    mma_classes_close(&classes);
    job_close(&job);
    mma_operands_close(&o);
}

static void onednn_is_predicted(void **state) {
    (void)state;
    static const struct {
        struct mma_shape shape;
        enum element in;
        enum mma_onednn_weights weights;
        const char *isa;
    } cases[] = {
        {{1, 40, 300}, ELEMENT_F32, MMA_ONEDNN_PLAIN, NULL},
        {{5, 35, 1100}, ELEMENT_F32, MMA_ONEDNN_PLAIN, NULL},
        {{7, 64, 129}, ELEMENT_F32, MMA_ONEDNN_PACKED, NULL},
        {{6, 33, 1030}, ELEMENT_BF16, MMA_ONEDNN_PLAIN, NULL},
        {{33, 48, 200}, ELEMENT_BF16, MMA_ONEDNN_PACKED, NULL},
        {{1, 40, 1000}, ELEMENT_BF16, MMA_ONEDNN_PLAIN, "avx512_core"},
        {{2, 40, 1000}, ELEMENT_BF16, MMA_ONEDNN_PLAIN, "avx512_core"},
        {{1, 40, 600}, ELEMENT_F32, MMA_ONEDNN_PLAIN, "avx2"},
        {{3, 40, 600}, ELEMENT_F32, MMA_ONEDNN_PLAIN, "avx2"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct mma_problem problem = {
            .shape = cases[k].shape, .in = cases[k].in, .out = ELEMENT_F32};
        struct mma_onednn_options options = {.weights = cases[k].weights, .isa = cases[k].isa};
        predict_all(&problem, &options, k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_and_their_trees),
        cmocka_unit_test(narrow_products),
        cmocka_unit_test(what_cannot_be_studied),
        cmocka_unit_test(onednn_is_predicted),
    };
    return cmocka_run_group_tests_name("mma_reveal", tests, planted_open_cpu, planted_close_cpu);
}
