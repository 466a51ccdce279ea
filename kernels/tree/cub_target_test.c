/*
 * cub_target_test.c: CUB's own host code and its PTX, as on several cards, and its machine code:
 * each sum has the bits that the predicted tree gives, and what recover() finds is that tree. Needs
 * a build with PTX; machine code needs an nvdisasm as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/rng/data.h"
#include "kernels/tree/cub_plan.h"
#include "kernels/tree/targets.h"

#define N_MAX 30000
#define SEEDS 2

#define NAMES 6
static const char *const names[NAMES] = {"cub",         "cub-f64",     "cub-int",
                                         "cub-f64-int", "cub-segment", "cub-segment-f64"};
static const struct ptx_card a100 = {80, 108, 0, false}, h100 = {90, 132, 0, false},
                             b200 = {100, 148, 0, false}, small = {80, 1, 1, false},
                             small_b200 = {100, 1, 1, false}, b200_code = {100, 148, 0, true};

/* NULL, with what is missing on the screen. */
static struct device *machine(const char *name) {
    struct device *device = NULL;
    enum device_kind kind;
    int index;
    assert_int_equal(device_parse(name, &kind, &index), 0);
    if (device_open(&device, kind, index) != 0)
        print_message("%s, not testable here: %s\n", name, device_error());
    return device;
}

static bool has_code(void) {
    if (device_count(DEVICE_SASS) > 0)
        return true;
    print_message("machine code, not testable here: %s\n", device_error());
    return false;
}

static struct recover_target opened(const char *name, const struct ptx_card *card, size_t n,
                                    struct device *device) {
    struct recover_target target;
    const struct tree_target *cub = tree_target_on(name, DEVICE_PTX);
    assert_non_null(cub);
    tree_card_ptx(card);
    if (cub->open(&target, n, device) != 0)
        fail_msg("%s, n = %zu: %s", name, n, device_error());
    return target;
}

/* Whether a sum of random inputs has the bits that a tree gives; sums, and those that differ, are
 * counted. */
static void compare(const struct recover_target *target, const struct tree *tree, size_t n,
                    size_t *sums, size_t *differ) {
    bool wide = target->type == ELEMENT_F64;
    void *x = aligned_alloc(64, (n * (wide ? 8 : 4) + 63) / 64 * 64);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        const struct data_options options = {.seed = seed, .condition = 1e4};
        double got, expected;
        assert_int_equal(
            data_fill(seed % 2 ? DATA_CANCELLING : DATA_NORMAL, target->type, &options, x, n), 0);
        if (target->sum(target->context, x, n, &got) != 0)
            fail_msg("%s", device_error());
        expected = wide ? tree_eval_f64(tree, x) : (double)tree_eval_f32(tree, x);
        ++*sums;
        *differ += memcmp(&got, &expected, sizeof got) != 0;
    }
    free(x);
}

/* Every target on one card; -1 if there is no prediction for this version of CUB. */
static int compare_card(struct device *device, const struct ptx_card *card, size_t *sums,
                        size_t *differ) {
    static const size_t sizes[] = {1,    2,    31,   33,   64,   255,  257,   1000,  2047,  2048,
                                   2049, 3583, 3584, 4096, 4097, 5120, 10241, 12345, 20481, N_MAX};
    for (size_t t = 0; t < NAMES; t++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            struct recover_target target = opened(names[t], card, sizes[s], device);
            const struct tree_target *cub = tree_target_on(names[t], DEVICE_PTX);
            const struct cub_plan *plan = cub->plan(&target);
            struct tree *tree = plan ? cub_plan_tree(plan, sizes[s]) : NULL;
            size_t before = *differ;
            if (tree)
                compare(&target, tree, sizes[s], sums, differ);
            if (*differ != before)
                print_message("%s, n = %zu, sm_%d on %s\n", names[t], sizes[s], card->arch,
                              device_id(device));
            cub->close(&target);
            if (!tree)
                return -1;
            tree_free(tree);
        }
    return 0;
}

static void bits_are_predicted(void **state) {
    (void)state;
    static const struct {
        const char *device;
        const struct ptx_card *card;
    } ways[] = {{"ptx", &a100},        {"ptx", &h100},         {"ptx", &b200},
                {"ptx", &small},       {"ptx", &small_b200},   {"sass:sm_80", &a100},
                {"sass:sm_90", &h100}, {"sass:sm_80", &small}, {"ptx", &b200_code}};
    size_t asked = 0;
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        struct device *device = machine(ways[w].device);
        size_t sums = 0, differ = 0;
        if (!device || (ways[w].card->machine_code && !has_code())) {
            device_close(device);
            continue;
        }
        int status = compare_card(device, ways[w].card, &sums, &differ);
        device_close(device);
        if (status) {
            print_message("no prediction for this version of CUB\n");
            skip();
        }
        print_message("%s, as on sm_%d of %d%s: %zu sums, %zu not as predicted\n", ways[w].device,
                      ways[w].card->arch, ways[w].card->sms,
                      ways[w].card->machine_code ? ", its machine code" : "", sums, differ);
        assert_true(sums == (size_t)NAMES * 20 * SEEDS && differ == 0);
        asked++;
    }
    if (!asked)
        skip();
}

/* The same comparison with one number of the plan wrong: it has to be seen. */
static void wrong_predictions_are_noticed(void **state) {
    (void)state;
    struct device *device = machine("ptx");
    if (!device)
        skip();
    size_t n = 12345;
    struct cub_plan right = cub_plan_of(ELEMENT_F64, true, 80, 1, 1), wrong[5];
    for (size_t k = 0; k < 5; k++)
        wrong[k] = right;
    wrong[0].threads = 512;
    wrong[1].items = 16;
    wrong[2].vector = 1;
    wrong[3].pairwise = true;
    wrong[4].most_blocks = 10;
    struct recover_target target = opened("cub-f64", &small, n, device);
    for (size_t k = 0; k < 5; k++) {
        struct tree *tree = cub_plan_tree(&wrong[k], n);
        size_t sums = 0, differ = 0;
        compare(&target, tree, n, &sums, &differ);
        tree_free(tree);
        assert_true(differ > 0);
    }
    tree_target_on("cub-f64", DEVICE_PTX)->close(&target);
    device_close(device);
}

static struct tree *recovered(const char *name, const struct ptx_card *card, size_t n,
                              struct device *device) {
    struct recover_target target = opened(name, card, n, device);
    struct recovery found;
    if (recover(&target, n, NULL, &found) != 0)
        fail_msg("%s: %s", name, found.why);
    assert_int_equal(found.status, RECOVER_FOUND);
    const struct cub_plan *plan = tree_target_on(name, DEVICE_PTX)->plan(&target);
    struct tree *predicted = plan ? cub_plan_tree(plan, n) : NULL;
    if (!predicted) { /* of another CUB it may be any */
        print_message("no prediction for this version of CUB\n");
        skip();
    }
    assert_true(tree_equal(found.tree, predicted));
    tree_free(predicted);
    tree_target_on(name, DEVICE_PTX)->close(&target);
    struct tree *tree = found.tree;
    found.tree = NULL;
    recovery_free(&found);
    return tree;
}

/* Of one architecture PTX and machine code have one tree; of another it is another. */
static void cards_differ(void **state) {
    (void)state;
    static const struct {
        const char *name, *device;
        const struct ptx_card *card;
        size_t depth;
    } known[] = {
        {"cub-f64", "ptx", &a100, 15},        {"cub-f64", "ptx", &h100, 15},
        {"cub-f64", "sass:sm_80", &a100, 15}, {"cub-f64", "sass:sm_90", &h100, 15},
        {"cub-f64", "ptx", &b200, 21},        {"cub-f64", "ptx", &b200_code, 21},
        {"cub-f64-int", "ptx", &b200, 25},
    };
    struct tree *trees[7] = {NULL};
    for (size_t k = 0; k < 7; k++) {
        struct device *device = machine(known[k].device);
        if (!device || (known[k].card->machine_code && !has_code())) {
            device_close(device);
            continue;
        }
        trees[k] = recovered(known[k].name, known[k].card, 1000, device);
        device_close(device);
        print_message("%s, %s: %zu additions deep\n", known[k].name, known[k].device,
                      tree_depth(trees[k]));
        for (size_t other = 0; other < k; other++)
            if (trees[other])
                assert_int_equal(tree_equal(trees[k], trees[other]),
                                 known[k].depth == known[other].depth);
    }
    if (!trees[0])
        skip();
    for (size_t k = 0; k < 7; k++)
        tree_free(trees[k]);
}

static void what_cannot_be_asked(void **state) {
    (void)state;
    struct device *device = machine("ptx");
    if (!device)
        skip();
    struct recover_target target;
    const struct ptx_card older = {70, 80, 0, false};
    tree_card_ptx(&older);
    assert_int_equal(tree_target_on("cub", DEVICE_PTX)->open(&target, 10, device), -1);
    assert_non_null(strstr(device_error(), "no PTX that a card of sm_70 runs"));
    /* A newer card runs the newest PTX that there is. */
    const struct ptx_card newer = {121, 48, 0, false};
    struct ptx_noted noted[PTX_NOTED_MAX];
    float x[16] __attribute__((aligned(64))) = {1.0f, 2.0f};
    double sum;
    target = opened("cub", &newer, 2, device);
    assert_int_equal(target.sum(target.context, x, 2, &sum), 0);
    assert_true(sum == 3.0);
    assert_int_equal(ptx_noted_ptx(noted), 1);
    assert_int_equal(noted[0].arch, 100);
    assert_string_equal(noted[0].kernel, "DeviceReduceSingleTileKernel");
    tree_target_on("cub", DEVICE_PTX)->close(&target);
    tree_card_ptx(NULL);
    device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_predicted),
        cmocka_unit_test(wrong_predictions_are_noticed),
        cmocka_unit_test(cards_differ),
        cmocka_unit_test(what_cannot_be_asked),
    };
    return cmocka_run_group_tests_name("cub_target", tests, NULL, NULL);
}
