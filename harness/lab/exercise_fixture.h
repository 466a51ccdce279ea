/*
 * exercise_fixture.h: the test of a lab's exercises. Their checker must accept right solutions,
 * however they are written, and reject wrong ones and the files as they are handed out.
 *
 * A lab's exercise_test.c defines FOLDER, the path of its exercise folder, and `exercises`, their
 * names, and then includes this file, which has the tests and main.
 */
#ifndef NANOLAB_HARNESS_EXERCISE_FIXTURE_H
#define NANOLAB_HARNESS_EXERCISE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cmocka.h>

/* The checker's exit status. The words are all ours: no text from outside reaches the shell. */
static int check(const char *exercise, const char *folder) {
    char command[300];
    snprintf(command, sizeof command, FOLDER "/check %s " FOLDER "/%s%s.c", exercise, folder,
             exercise);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect(const char *folder, int status) {
    for (size_t k = 0; k < sizeof exercises / sizeof *exercises; k++)
        assert_int_equal(check(exercises[k], folder), status);
}

static void solutions_are_right(void **state) {
    (void)state;
    expect("solution/", 0);
}

static void other_ways_are_right_too(void **state) {
    (void)state;
    expect("alternative/", 0);
}

static void handed_out_files_are_not_yet_right(void **state) {
    (void)state;
    expect("", 1);
}

static void nearly_right_is_wrong(void **state) {
    (void)state;
    expect("wrong/", 1);
}

static void wrong_in_other_ways_is_wrong(void **state) {
    (void)state;
    expect("wrong2/", 1);
}

static void no_such_exercise(void **state) {
    (void)state;
    assert_int_equal(check("nothing", "solution/"), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solutions_are_right),
        cmocka_unit_test(other_ways_are_right_too),
        cmocka_unit_test(handed_out_files_are_not_yet_right),
        cmocka_unit_test(nearly_right_is_wrong),
        cmocka_unit_test(wrong_in_other_ways_is_wrong),
        cmocka_unit_test(no_such_exercise),
    };
    return cmocka_run_group_tests_name("exercise", tests, NULL, NULL);
}

#endif
