/*
 * sum_test.c: the kernels against the model, on the SIMT machine: the same bits for every plan,
 * size and kind of data; a model that misreads one plan field is caught; the checked build has
 * nothing to report, under several schedules; and nvcc writes no fused multiply-add.
 *
 * Which data tells a wrong field: a moved field either changes the tree, and then normal or
 * cancelling data changes the last bits at one of the sizes used here, or it changes what is read
 * or added (type, acc, method, input), and then nearly every result. Some moves leave the tree as
 * it is (a vector width under blocked access, shared-seq for shfl-down, last for block, …): those
 * are right to go unnoticed, and the test accepts them only if the two explicit trees are equal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/device/device.h"
#include "kernels/device/device_fixture.h"
#include "kernels/simt/simt.h"
#include "kernels/sum/sum.h"
#include "kernels/sum/sum_data.h"
#include "kernels/tree/tree.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct device *device;

static int open_device(void **state) {
    (void)state;
    return device_open(&device, DEVICE_SIMT, 0);
}

static int close_device(void **state) {
    (void)state;
    device_close(device);
    return 0;
}

static struct sum_plan parsed(const char *text) {
    struct sum_plan plan;
    char why[SUM_WHY];
    if (sum_plan_parse(text, &plan, why))
        fail_msg("%s: %s", text, why);
    return plan;
}

/* Inputs on host and device. */
struct inputs {
    size_t n;
    void *x, *y;
    void *device_x, *device_y;
};

static void *to_device(const void *host, size_t bytes) {
    void *memory;
    if (device_alloc(device, &memory, bytes) || device_write(device, memory, host, bytes))
        fail_msg("%s", device_error());
    return memory;
}

static struct inputs make_inputs(enum sum_data kind, enum element type, uint64_t seed, size_t n) {
    struct inputs in = {.n = n};
    in.x = sum_data_new(kind, type, seed, n);
    in.y = sum_data_new(DATA_NORMAL, type, seed + 77, n);
    assert_true(in.x && in.y);
    in.device_x = to_device(in.x, n * element_bytes(type));
    in.device_y = to_device(in.y, n * element_bytes(type));
    return in;
}

static void free_inputs(struct inputs *in) {
    device_free(device, in->device_x);
    device_free(device, in->device_y);
    free(in->x);
    free(in->y);
}

/* Runs the plan's kernels `times` over, in buffers of exactly the promised sizes. */
static uint64_t run_kernels(const struct sum_ops *ops, const struct sum_plan *plan,
                            const struct inputs *in, int times) {
    char text[SUM_TEXT];
    size_t bytes = sum_workspace_bytes(plan, in->n);
    void *workspace, *result;
    uint64_t bits = 0;
    const void *y = plan->input == SUM_OF_PRODUCTS ? in->device_y : NULL;
    void *stream = device_stream(device);
    if (device_alloc(device, &workspace, bytes) ||
        device_alloc(device, &result, sum_result_bytes(plan)) ||
        ops->prepare(workspace, bytes, stream))
        fail_msg("%s", device_error());
    for (int k = 0; k < times; k++) {
        if (device_fill(device, result, 0xff, sum_result_bytes(plan)) ||
            ops->launch(plan, in->device_x, y, in->n, result, workspace, bytes, stream) ||
            device_sync(device) || device_read(device, &bits, result, sum_result_bytes(plan)))
            fail_msg("%s, n = %zu: %s", sum_plan_text(plan, text), in->n, device_error());
    }
    device_free(device, workspace);
    device_free(device, result);
    return bits;
}

static uint64_t model_bits(const struct sum_plan *plan, const struct inputs *in) {
    uint64_t bits;
    assert_int_equal(sum_model(plan, in->x, in->y, in->n, &bits), 0);
    return bits;
}

/* Compares the kernels with the model; returns how many results were compared. */
static size_t compare(const struct sum_ops *ops, const struct sum_plan *plan, const size_t *sizes,
                      size_t size_count, uint64_t seed, int times) {
    char text[SUM_TEXT];
    size_t compared = 0;
    for (size_t k = 0; k < size_count; k++)
        for (enum sum_data kind = 0; kind < DATA_KINDS; kind++) {
            /* The largest sizes with two kinds only: rounding, and padding among zeros. Not for
             * the exact sum, whose long accumulators are slow to hand from lane to lane. */
            if (sizes[k] > 5000 &&
                (plan->method == SUM_EXACT || (kind != DATA_NORMAL && kind != DATA_ZEROS)))
                continue;
            struct inputs in = make_inputs(kind, plan->type, seed + k, sizes[k]);
            uint64_t got = run_kernels(ops, plan, &in, times), want = model_bits(plan, &in);
            if (!sum_same_bits(plan->acc, got, want))
                fail_msg("%s, n = %zu, %s: kernel %lx, model %lx", sum_plan_text(plan, text), in.n,
                         sum_data_names[kind], got, want);
            free_inputs(&in);
            compared++;
        }
    return compared;
}

static void kernels_give_the_models_bits(void **state) {
    (void)state;
    static const size_t sizes[] = {1,   2,   3,    31,   32,   33,   63,   64,   65,
                                   127, 255, 1000, 1023, 1024, 1025, 4097, 65537};
    struct sum_choice choice = {0};
    struct sum_plan *plans;
    size_t count, compared = 0;
    assert_int_equal(sum_plans_pairs(&choice, &plans, &count), 0);
    for (size_t p = 0; p < count; p++)
        compared += compare(sum_ops_for(DEVICE_SIMT, false), &plans[p], sizes, COUNT(sizes), p, 1);
    free(plans);
    print_message("%zu plans, %zu results: all of them the model's bits\n", count, compared);
}

/* A second launch finds the workspace as the first one did. */
static void a_workspace_serves_again(void **state) {
    (void)state;
    static const size_t sizes[] = {40, 1000, 4097};
    struct sum_plan plan = parsed("i1.b32.last");
    compare(sum_ops_for(DEVICE_SIMT, false), &plan, sizes, COUNT(sizes), 5, 3);
    plan = parsed("i2.b64.g8.kernel");
    compare(sum_ops_for(DEVICE_SIMT, false), &plan, sizes, COUNT(sizes), 5, 3);
}

static void checked_kernels_have_nothing_to_report(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 33, 1000, 4097};
    struct sum_choice choice = {0};
    struct sum_plan *plans;
    size_t count, compared = 0;
    assert_int_equal(sum_plans_pairs(&choice, &plans, &count), 0);
    for (size_t p = 0; p < count; p++)
        compared += compare(sum_ops_for(DEVICE_SIMT, true), &plans[p], sizes, COUNT(sizes), p, 1);
    free(plans);
    print_message("%zu plans, %zu checked results\n", count, compared);
}

/* No schedule changes a bit, and none hides a race. */
static void schedules_change_nothing(void **state) {
    (void)state;
    static const size_t sizes[] = {1025, 4097};
    const char *const ids[] = {
        "i1.b64.shfl-down.serial.last",       "i2.v2.b192.g8.shared-seq.warp.last",
        "i1.b128.shared-inter.tree.block",    "i4.b64.shfl-xor.tree.kernel",
        "compensated.i1.b64.g8.tree.last",    "binned.i4.b64.shared-seq.serial.last",
        "f64.exact.i2.b64.shfl-xor.tree.last"};
    struct simt_config configs[] = {
        {.resident = 4, .block_order = SIMT_BLOCKS_REVERSE, .interleave = SIMT_REVERSE},
        {.resident = 3, .interleave = SIMT_ROUND_ROBIN},
        {.resident = 8, .interleave = SIMT_LAST_FIRST},
        {.resident = 5, .block_order = SIMT_BLOCKS_RANDOM, .interleave = SIMT_RANDOM, .seed = 11},
        {.resident = 2, .block_order = SIMT_BLOCKS_RANDOM, .interleave = SIMT_RANDOM, .seed = 12},
    };
    for (size_t c = 0; c < COUNT(configs); c++) {
        assert_int_equal(simt_configure(&configs[c]), 0);
        for (size_t k = 0; k < COUNT(ids); k++) {
            struct sum_plan plan = parsed(ids[k]);
            compare(sum_ops_for(DEVICE_SIMT, c % 2), &plan, sizes, COUNT(sizes), c, 1);
        }
    }
    simt_configure(NULL);
}

/* --- mutants -----------------------------------------------------------------------------------
 */

static bool trees_are_equal(const struct sum_plan *a, const struct sum_plan *b, size_t n) {
    struct tree *left = sum_tree(a, n), *right = sum_tree(b, n);
    assert_true(left && right);
    bool equal = tree_equal(left, right);
    tree_free(left);
    tree_free(right);
    return equal;
}

static bool field_is_staging(enum sum_field_id field) {
    return field != SUM_FIELD_type && field != SUM_FIELD_acc && field != SUM_FIELD_method &&
           field != SUM_FIELD_input;
}

/* One wrong model per field, for every plan of the pairs: found out by its bits, or neutral. */
static void every_wrong_model_is_caught(void **state) {
    (void)state;
    static const size_t sizes[] = {65, 1025, 4097, 20011};
    static const enum sum_data kinds[] = {DATA_NORMAL, DATA_CANCELLING, DATA_LOG_UNIFORM};
    struct sum_choice choice = {0};
    struct sum_plan *plans;
    size_t count, caught[SUM_FIELDS] = {0}, neutral[SUM_FIELDS] = {0};
    char text[SUM_TEXT], other[SUM_TEXT];
    assert_int_equal(sum_plans_pairs(&choice, &plans, &count), 0);
    for (size_t p = 0; p < count; p++) {
        struct sum_plan *plan = &plans[p];
        bool differs[SUM_FIELDS] = {false};
        bool ordered = plan->method == SUM_PLAIN || plan->method == SUM_COMPENSATED;
        for (size_t k = 0; k < COUNT(sizes); k++)
            for (size_t d = 0; d < COUNT(kinds); d++) {
                struct inputs in = make_inputs(kinds[d], plan->type, 100 * p + k, sizes[k]);
                uint64_t got = run_kernels(sum_ops_for(DEVICE_SIMT, false), plan, &in, 1);
                assert_true(sum_same_bits(plan->acc, got, model_bits(plan, &in)));
                for (enum sum_field_id f = 0; f < SUM_FIELDS; f++) {
                    struct sum_plan wrong;
                    /* A wider type reads past the inputs: those mutants move to a narrower one. */
                    if (!sum_plan_mutant(plan, f, &wrong) ||
                        element_bytes(wrong.type) > element_bytes(plan->type))
                        continue;
                    differs[f] |= got != model_bits(&wrong, &in);
                }
                free_inputs(&in);
            }
        for (enum sum_field_id f = 0; f < SUM_FIELDS; f++) {
            struct sum_plan wrong;
            if (!sum_plan_mutant(plan, f, &wrong))
                continue;
            caught[f] += differs[f];
            if (differs[f] || !field_is_staging(f))
                continue;
            neutral[f]++;
            if (!ordered) /* order-free: any staging gives the same bits */
                continue;
            /* Undetected: then every size must have the same tree. Not asked of compensated sums
             * and of narrow inputs added in f64, where the order seldom reaches the last bit. */
            bool exposed =
                plan->method == SUM_PLAIN && (plan->type == ELEMENT_F64 || plan->acc == SUM_ACC32);
            for (size_t k = 0; exposed && k < COUNT(sizes); k++)
                if (!trees_are_equal(plan, &wrong, sizes[k]))
                    fail_msg("%s: not told from %s at n = %zu", sum_plan_text(plan, text),
                             sum_plan_text(&wrong, other), sizes[k]);
        }
    }
    for (enum sum_field_id f = 0; f < SUM_FIELDS; f++) {
        print_message("%-8s wrong in the model: caught for %zu plans, neutral for %zu\n",
                      sum_fields[f].name, caught[f], neutral[f]);
        assert_true(caught[f] > 0);
    }
    free(plans);
}

/* The named moves that must leave the tree alone. */
static void neutral_moves_keep_the_tree(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
    } pairs[] = {
        {"blocked.i8.v4", "blocked.i8.v1"},
        {"i2.b192.shfl-down", "i2.b192.shared-seq"},
        {"i2.b192.shfl-xor", "i2.b192.shared-inter"},
        {"i1.b32.block", "i1.b32.last"},
        {"i1.b256.shfl-xor.warp", "i1.b256.shfl-xor.tree"},
        {"i1.b32.serial", "i1.b32.tree"},
        {"i16.b1024.tiles", "i16.b1024.g8"},
    };
    for (size_t k = 0; k < COUNT(pairs); k++) {
        struct sum_plan a = parsed(pairs[k].a), b = parsed(pairs[k].b);
        assert_true(trees_are_equal(&a, &b, 1000));
        assert_true(trees_are_equal(&a, &b, 4097));
    }
}

/* --- launching ---------------------------------------------------------------------------------
 */

static void wrong_calls_are_refused(void **state) {
    (void)state;
    const struct sum_ops *ops = sum_ops_for(DEVICE_SIMT, false);
    struct inputs in = make_inputs(DATA_NORMAL, ELEMENT_F32, 1, 100);
    struct sum_plan plan = parsed("i1.b32");
    size_t bytes = sum_workspace_bytes(&plan, 100);
    void *workspace, *result;
    assert_int_equal(device_alloc(device, &workspace, bytes), 0);
    assert_int_equal(device_alloc(device, &result, 8), 0);
    assert_int_equal(ops->prepare(workspace, 100, NULL), -1);
    assert_non_null(strstr(device_error(), "too small"));
    assert_int_equal(ops->launch(&plan, in.device_x, NULL, 0, result, workspace, bytes, NULL), -1);
    assert_non_null(strstr(device_error(), "at least 1"));
    assert_int_equal(ops->launch(&plan, in.device_x, NULL, 100, result, workspace, bytes - 1, NULL),
                     -1);
    assert_non_null(strstr(device_error(), "too small"));
    assert_int_equal(
        ops->launch(&plan, in.device_x, in.device_y, 100, result, workspace, bytes, NULL), -1);
    assert_non_null(strstr(device_error(), "sums x alone"));
    assert_int_equal(
        ops->launch(&plan, (char *)in.device_x + 4, NULL, 90, result, workspace, bytes, NULL), -1);
    assert_non_null(strstr(device_error(), "aligned"));
    plan.input = SUM_OF_PRODUCTS;
    assert_int_equal(ops->launch(&plan, in.device_x, NULL, 100, result, workspace, bytes, NULL),
                     -1);
    assert_non_null(strstr(device_error(), "missing"));
    plan.vector = 2;
    assert_int_equal(
        ops->launch(&plan, in.device_x, in.device_y, 100, result, workspace, bytes, NULL), -1);
    assert_non_null(strstr(device_error(), "2-element loads"));
    device_free(device, workspace);
    device_free(device, result);
    free_inputs(&in);
}

/* --- on a GPU -----------------------------------------------------------------------------------
 */

/* The same comparison on another device, where there is one; otherwise skipped, never passed. */
static void expect_the_models_bits(const char *name, const size_t *sizes, size_t size_count) {
    struct device *simt = device, *other = device_or_skip(name);
    struct sum_choice choice = {0};
    struct sum_plan *plans;
    size_t count, compared = 0;
    const struct sum_ops *ops = sum_ops_for(device_kind(other), false);
    assert_non_null(ops);
    device = other;
    assert_int_equal(sum_plans_pairs(&choice, &plans, &count), 0);
    for (size_t p = 0; p < count; p++)
        compared += compare(ops, &plans[p], sizes, size_count, p, 2);
    free(plans);
    device_close(other);
    device = simt;
    print_message("%zu plans, %zu results of %s: all of them the model's bits\n", count, compared,
                  name);
}

static void a_gpu_gives_the_models_bits(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, 31, 33, 255, 1000, 1025, 4097, 65537};
    expect_the_models_bits("cuda", sizes, COUNT(sizes));
}

static void its_ptx_gives_the_models_bits(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, 31, 33, 255, 1000, 1025, 4097};
    expect_the_models_bits("ptx", sizes, COUNT(sizes));
}

static const size_t some_sizes[] = {1, 33, 1000, 4097};

static void its_sass_80_gives_the_models_bits(void **state) {
    (void)state;
    expect_the_models_bits("sass:sm_80", some_sizes, COUNT(some_sizes));
}

static void its_sass_90_gives_the_models_bits(void **state) {
    (void)state;
    expect_the_models_bits("sass:sm_90", some_sizes, COUNT(some_sizes));
}

/* --- what nvcc makes of it ---------------------------------------------------------------------
 */

static void ptx_has_no_fma(void **state) {
    (void)state;
    FILE *ptx = popen("nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null); "
                      "test -n \"$nvcc\" && test -f kernels/sum/sum.cu && "
                      "\"$nvcc\" -std=c++17 -O3 -fmad=false -ftz=false -prec-div=true "
                      "-prec-sqrt=true -arch=compute_80 -I. -ptx kernels/sum/sum.cu -o - ",
                      "r");
    assert_non_null(ptx);
    char line[4096];
    size_t lines = 0, adds = 0, fused = 0, flushed = 0;
    while (fgets(line, sizeof line, ptx)) {
        lines++;
        adds += strstr(line, "add.rn.f32") || strstr(line, "add.f32");
        fused += strstr(line, "fma.") != NULL;
        flushed += strstr(line, ".ftz") != NULL;
    }
    pclose(ptx);
    if (lines == 0) {
        print_message("no nvcc, or not in the source tree: PTX not looked at\n");
        skip();
    }
    print_message("%zu lines of PTX, %zu f32 adds\n", lines, adds);
    assert_true(adds > 100);
    assert_int_equal(fused, 0);
    assert_int_equal(flushed, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_give_the_models_bits),
        cmocka_unit_test(a_workspace_serves_again),
        cmocka_unit_test(every_wrong_model_is_caught),
        cmocka_unit_test(neutral_moves_keep_the_tree),
        cmocka_unit_test(wrong_calls_are_refused),
        cmocka_unit_test(schedules_change_nothing),
        cmocka_unit_test(checked_kernels_have_nothing_to_report),
        cmocka_unit_test(a_gpu_gives_the_models_bits),
        cmocka_unit_test(its_ptx_gives_the_models_bits),
        cmocka_unit_test(its_sass_80_gives_the_models_bits),
        cmocka_unit_test(its_sass_90_gives_the_models_bits),
        cmocka_unit_test(ptx_has_no_fma),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
