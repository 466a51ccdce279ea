/*
 * probe_test.c: `nanolab probe` from outside: its lines are JSON, its status says what they say.
 * Needs bin/nanolab-probe beside the tests of the same build (make build).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <jansson.h>

#include "harness/cli/tool_fixture.h"
#include "kernels/device/device.h"

static char program[4096];

/* Runs it; counts its lines that are objects with `name`, and those where that is `value`. */
static int probe(const char *arguments, const char *name, const char *value, size_t *lines,
                 size_t *equal) {
    char command[5000], line[4096];
    snprintf(command, sizeof command, "'%s' %s 2>/dev/null", program, arguments);
    FILE *in = popen(command, "r");
    assert_non_null(in);
    *lines = *equal = 0;
    while (fgets(line, sizeof line, in)) {
        json_t *object = json_loads(line, 0, NULL);
        const char *text = json_string_value(json_object_get(object, name));
        assert_non_null(text);
        *lines += 1;
        *equal += strcmp(text, value) == 0;
        json_decref(object);
    }
    int status = pclose(in);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int set_up(void **state) {
    (void)state;
    return tool_find("nanolab-probe", program, sizeof program);
}

static void rules_are_confirmed(void **state) {
    (void)state;
    size_t lines, confirmed;
    assert_int_equal(probe("rules --device simt", "outcome", "confirmed", &lines, &confirmed), 0);
    assert_true(lines > 40);
    assert_int_equal(confirmed, lines);
}

/* On every card that the SIMT machine simulates, with all that it has and what it lacks. */
static void matrix_rules_are_followed(void **state) {
    (void)state;
    static const struct {
        const char *arguments;
        size_t lines, lacking;
    } cards[] = {{"matrix --device simt", 105, 0},
                 {"matrix --device simt --simt-arch V100", 2 * 7 + 13, 13},
                 {"matrix --device simt --simt-arch sm_75", 4 * 7 + 11, 11},
                 {"matrix --device simt --simt-arch A100 --checked", 11 * 7 + 4, 4},
                 {"matrix --device simt --simt-arch sm_89", 105, 0},
                 {"matrix --device simt --simt-arch sm_120", 105, 0}};
    for (size_t k = 0; k < sizeof cards / sizeof *cards; k++) {
        size_t lines, equal;
        assert_int_equal(probe(cards[k].arguments, "outcome", "not here", &lines, &equal), 0);
        assert_int_equal(lines, cards[k].lines);
        assert_int_equal(equal, cards[k].lacking);
    }
}

/* What nvcc made of the kernels, on the card that it was made for. */
static void compiled_rules_are_followed(void **state) {
    (void)state;
    size_t lines, equal;
    if (device_count(DEVICE_PTX) == 0) {
        print_message("not testable here: %s\n", device_error());
        skip();
    }
    assert_int_equal(probe("matrix --device ptx", "outcome", "not here", &lines, &equal), 0);
    assert_int_equal(lines, 11 * 7 + 4);
    assert_int_equal(equal, 4);
    assert_int_equal(probe("rules --device ptx", "outcome", "confirmed", &lines, &equal), 0);
    assert_true(equal > 40);
}

static void every_family_is_right(void **state) {
    (void)state;
    static const char *const families[] = {"roofs",   "sum", "atomics", "paged_attention", "chase",
                                           "decoder", "mma", "slices",  "allreduce"};
    size_t lines, of_family, wrong;
    for (size_t k = 0; k < sizeof families / sizeof *families; k++) {
        assert_int_equal(probe("kernels --device simt", "family", families[k], &lines, &of_family),
                         0);
        assert_true(of_family >= 2);
    }
    assert_int_equal(probe("kernels --device simt --checked", "outcome", "wrong", &lines, &wrong),
                     0);
    assert_true(lines > 20);
    assert_int_equal(wrong, 0);
}

static void bad_lines_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "rule",
                                      "rules kernels",
                                      "rules --device cpu",
                                      "rules --device simt,cuda",
                                      "rules --fast",
                                      "matrix --simt-arch sm_1"};
    size_t lines, equal;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        assert_int_equal(probe(bad[k], "outcome", "", &lines, &equal), 2);
    /* The library is asked on a GPU alone. */
    assert_int_equal(probe("library --device simt --shapes 9", "outcome", "", &lines, &equal), 77);
    assert_int_equal(probe("nccl --device simt", "outcome", "", &lines, &equal), 77);
    assert_int_equal(probe("meter --device simt", "outcome", "", &lines, &equal), 77);
    assert_int_equal(probe("library --shapes many", "outcome", "", &lines, &equal), 2);
    if (device_count(DEVICE_CUDA) == 0)
        assert_int_equal(probe("rules --device cuda", "outcome", "", &lines, &equal), 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_confirmed),         cmocka_unit_test(matrix_rules_are_followed),
        cmocka_unit_test(compiled_rules_are_followed), cmocka_unit_test(every_family_is_right),
        cmocka_unit_test(bad_lines_are_refused),
    };
    return cmocka_run_group_tests_name("probe", tests, set_up, NULL);
}
