/*
 * hint_test.c: scripts/hint prints what stands in a lab's hints, up to a level, and says by name
 * what is not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

static char folder[] = "/tmp/hint-XXXXXX", said[4000];

static int begin(void **state) {
    (void)state;
    char command[1000];
    if (!mkdtemp(folder))
        return -1;
    snprintf(command, sizeof command,
             "mkdir -p %s/lab/exercise/hints %s/none && cd %s/lab/exercise && touch two.cuh one.c "
             "exercise.cuh && "
             "printf '# One\n\n## 1\n\nThe first.\n\nIts end.\n\n## 2\nThe second.\n\n## 3\n\nThe "
             "third.\n' >hints/one.md && printf '## 1\n\nOf two.\n' >hints/two.md",
             folder, folder, folder);
    return system(command);
}

static int end(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* The script's exit status; what it says is in `said`. */
static int hint(const char *arguments) {
    char command[300];
    snprintf(command, sizeof command, "scripts/hint %s%s 2>&1", folder, arguments);
    FILE *in = popen(command, "r");
    assert_non_null(in);
    said[fread(said, 1, sizeof said - 1, in)] = '\0';
    return WEXITSTATUS(pclose(in));
}

static void levels(void **state) {
    (void)state;
    assert_int_equal(hint("/lab/exercise"), 0);
    assert_string_equal(said, "one, hint 1\n    The first.\n\n    Its end.\ntwo, hint 1\n    Of "
                              "two.\nMore: LEVEL=2\n");
    assert_int_equal(hint("/lab/exercise 2 one"), 0);
    assert_string_equal(said, "one, hint 1\n    The first.\n\n    Its end.\none, hint 2\n    The "
                              "second.\nMore: LEVEL=3\n");
    assert_int_equal(hint("/lab/exercise 3 one"), 0);
    assert_non_null(strstr(said, "The third."));
    assert_null(strstr(said, "More"));
}

static void what_is_not_there(void **state) {
    (void)state;
    assert_int_equal(hint("/none"), 2);
    assert_non_null(strstr(said, "/none: no exercise here"));
    assert_int_equal(hint("/lab/exercise 4"), 2);
    assert_non_null(strstr(said, "there is no level \"4\"; use LEVEL=1, LEVEL=2 or LEVEL=3"));
    assert_int_equal(hint("/lab/exercise 1 three"), 2);
    assert_non_null(strstr(said, "there is no exercise \"three\"; use one two"));
    assert_int_equal(hint("/lab/exercise 2"), 2); /* of two there is only the first */
    assert_non_null(strstr(said, "The second."));
    assert_non_null(strstr(said, "two.md has no section \"## 2\""));
    assert_int_equal(hint("/lab/exercise 1 '$(touch x)'"), 2);
    char command[300];
    snprintf(command, sizeof command, "rm %s/lab/exercise/hints/two.md", folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(hint("/lab/exercise"), 2);
    assert_non_null(strstr(said, "The first."));
    assert_non_null(strstr(said, "two has no hints"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels),
        cmocka_unit_test(what_is_not_there),
    };
    return cmocka_run_group_tests_name("hint", tests, begin, end);
}
