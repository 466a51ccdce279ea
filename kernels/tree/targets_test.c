/*
 * targets_test.c: every library target on this CPU ends in a tree that passes all checks, or in a
 * reason with a name; and what is known of them holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/tree/targets.h"

static struct recovery study(const struct tree_target *library, size_t n) {
    struct recover_target target;
    struct recovery found;
    if (library->open(&target, n, NULL))
        fail_msg("%s: %s", library->name, device_error());
    if (recover(&target, n, NULL, &found))
        fail_msg("%s: %s", library->name, found.why);
    library->close(&target);
    return found;
}

static void all_on_this_cpu(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, 22, 64, 100, 333};
    size_t count, studied = 0;
    const struct tree_target *all = tree_targets(&count);
    for (size_t k = 0; k < count; k++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            if (all[k].kind != DEVICE_CPU)
                continue;
            if (sizes[s] == 1 && strcmp(all[k].name, "onednn-sum") == 0)
                continue; /* it has no such reduction */
            struct recovery found = study(&all[k], sizes[s]);
            studied++;
            if (found.status == RECOVER_FOUND) {
                assert_true(tree_is_complete(found.tree));
                assert_int_equal(tree_leaves(found.tree), sizes[s]);
                assert_int_equal(found.rechecked, found.probes);
                assert_true(found.data_sets >= 50 && found.rule[0]);
            } else if (found.status != RECOVER_WRONG && found.status != RECOVER_ABSOLUTE) {
                /* A wrong ssum is known of OpenBLAS 0.3.21, and sasum is what it is; anything
                 * else is ours to explain. */
                fail_msg("%s, n = %zu: %s (%s)", all[k].name, sizes[s],
                         recover_status_name(found.status), found.why);
            }
            recovery_free(&found);
        }
    assert_true(studied >= 8 * sizeof sizes / sizeof *sizes - 1);
}

static void what_is_known(void **state) {
    (void)state;
    struct recovery found = study(tree_target_named("openblas-sasum"), 50);
    assert_int_equal(found.status, RECOVER_ABSOLUTE);
    recovery_free(&found);
    found = study(tree_target_named("openblas-sdot"), 64);
    assert_int_equal(found.status, RECOVER_FOUND);
    recovery_free(&found);
    found = study(tree_target_named("onednn-sum"), 64);
    assert_int_equal(found.status, RECOVER_FOUND);
    recovery_free(&found);
    assert_null(tree_target_named("openblas"));
    char version[160];
    tree_target_named("openblas-sdot")->version(version, sizeof version);
    assert_non_null(strstr(version, "OpenBLAS"));
    tree_target_named("onednn-sum")->version(version, sizeof version);
    assert_non_null(strstr(version, "implementation"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_on_this_cpu),
        cmocka_unit_test(what_is_known),
    };
    return cmocka_run_group_tests_name("targets", tests, NULL, NULL);
}
