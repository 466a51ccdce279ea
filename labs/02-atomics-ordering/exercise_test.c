/*
 * exercise_test.c: the checker of the exercises accepts right solutions, however they are written,
 * and rejects wrong ones and the files as they are handed out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cmocka.h>

#define FOLDER "labs/02-atomics-ordering/exercise"

static const char *const exercises[] = {"order_free", "reach", "replay"};

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
