/*
 * plan_target_test.c: the tree recovered from a plan's outputs is the tree of the plan's model: on
 * the SIMT machine and natively, for plans that hold every pair of field values. And the comparison
 * can fail: the tree of a plan with one field moved is another one, wherever it should be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/tree/plan_target.h"

static struct recovery study(const struct sum_variant *plan, size_t n, struct device *device) {
    struct recover_target target;
    struct recovery found;
    char text[SUM_TEXT];
    if (plan_target_open(&target, plan, n, device))
        fail_msg("%s: %s", sum_variant_text(plan, text), device_error());
    if (recover(&target, n, NULL, &found))
        fail_msg("%s: %s", sum_variant_text(plan, text), found.why);
    plan_target_close(&target);
    return found;
}

/* Plain sums show their model's tree; the others are turned down by the right name. */
static void expect(const struct sum_variant *plan, size_t n, struct device *device) {
    char text[SUM_TEXT];
    struct recovery found = study(plan, n, device);
    struct sum_class class = sum_variant_class(plan);
    enum recover_status right = class.method == SUM_EXACT         ? RECOVER_EXACT
                                : class.method == SUM_BINNED      ? RECOVER_BINNED
                                : class.method == SUM_COMPENSATED ? RECOVER_COMPENSATED
                                                                  : RECOVER_FOUND;
    /* f64 and pairs of floats hold every sum of so few f16 numbers exactly: no order is to be seen.
     * (Plain products span more than f64 does, and show it.) */
    if (class.type == ELEMENT_F16 &&
        (class.acc == SUM_ACC64 ? class.method != SUM_PLAIN || !class.products
                                : class.method == SUM_COMPENSATED))
        right = RECOVER_EXACT;
    if (found.status != right)
        fail_msg("%s, n = %zu: %s (%s)", sum_variant_text(plan, text), n,
                 recover_status_name(found.status), found.why);
    if (found.status == RECOVER_FOUND) {
        struct tree *own = sum_variant_tree(plan, n);
        assert_non_null(own);
        if (!tree_equal(own, found.tree))
            fail_msg("%s, n = %zu: another tree than the model's", sum_variant_text(plan, text), n);
        tree_free(own);
    }
    recovery_free(&found);
}

static void kernels_on_the_simt_machine(void **state) {
    (void)state;
    struct device *device;
    struct sum_choice any = {0};
    struct sum_plan *plans;
    size_t count, run = 0;
    assert_int_equal(device_open(&device, DEVICE_SIMT, 0), 0);
    assert_int_equal(sum_plans_pairs(&any, &plans, &count), 0);
    for (size_t k = 0; k < count; k++) {
        struct sum_variant plan = {.plan = plans[k]};
        size_t n = 64 + k % 37;
        if (sum_plan_check(&plans[k], n, NULL) || plans[k].block > 256)
            continue;
        expect(&plan, n, device);
        run++;
    }
    assert_true(run > 20);
    free(plans);
    device_close(device);
}

static void native_plans(void **state) {
    (void)state;
    struct device *device;
    struct sum_cpu_choice one = {.mask = SUM_CPU_FIELD_BIT(prefetch)};
    struct sum_cpu_plan *plans;
    size_t count;
    assert_int_equal(device_open(&device, DEVICE_CPU, 0), 0);
    assert_int_equal(sum_cpu_plans_pairs(&one, &plans, &count), 0);
    for (size_t k = 0; k < count; k++) {
        struct sum_variant plan = {.native = true, .cpu = plans[k]};
        expect(&plan, 64 + k % 61, device);
    }
    assert_true(count > 10);
    free(plans);
    device_close(device);
}

static void a_moved_field_is_seen(void **state) {
    (void)state;
    struct device *device;
    struct sum_variant plan, moved;
    char why[SUM_WHY];
    static const char *const pairs[][2] = {{"b64.i1.shfl-down", "b64.i1.shfl-xor"},
                                           {"b64.i2.v1.strided", "b64.i2.v1.blocked"},
                                           {"b64.i1.v1", "b32.i1.v1"},
                                           {"b128.i1.v1.serial", "b128.i1.v1.tree"}};
    assert_int_equal(device_open(&device, DEVICE_SIMT, 0), 0);
    for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) {
        if (sum_variant_parse(pairs[k][0], DEVICE_SIMT, &plan, why) ||
            sum_variant_parse(pairs[k][1], DEVICE_SIMT, &moved, why))
            fail_msg("%s", why);
        struct recovery found = study(&plan, 250, device);
        assert_int_equal(found.status, RECOVER_FOUND);
        struct tree *own = sum_variant_tree(&plan, 250), *other = sum_variant_tree(&moved, 250);
        assert_true(tree_equal(found.tree, own));
        if (tree_equal(found.tree, other))
            fail_msg("%s and %s have one tree", pairs[k][0], pairs[k][1]);
        tree_free(own);
        tree_free(other);
        recovery_free(&found);
    }
    device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_on_the_simt_machine),
        cmocka_unit_test(native_plans),
        cmocka_unit_test(a_moved_field_is_seen),
    };
    return cmocka_run_group_tests_name("plan_target", tests, NULL, NULL);
}
