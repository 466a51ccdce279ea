/*
 * reveal_libraries_test.c: scripts/reveal-libraries on what every machine has: the C++ library's
 * sums as two compilers make them, computed again from the JSON to the bit. Skipped without Python.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "harness/cli/tool_fixture.h"

static void sums_of_the_compiler(void **state) {
    (void)state;
    char program[4096], command[5000], line[400] = "";
    if (system("python3 -c 'import ctypes, fractions' >/dev/null 2>&1") != 0) {
        fprintf(stderr, "skipped: no python3 with ctypes\n");
        skip();
    }
    assert_int_equal(tool_find("nanolab-reveal", program, sizeof program), 0);
    *strstr(program, "/bin/nanolab-reveal") = '\0';
    snprintf(command, sizeof command,
             "python3 scripts/reveal-libraries --build %s --only 'std:: by g++' --sizes 21",
             program);
    FILE *out = popen(command, "r");
    assert_non_null(out);
    char last[400] = "";
    while (fgets(line, sizeof line, out))
        snprintf(last, sizeof last, "%s", line);
    int status = pclose(out);
    int right = 0, wrong = -1;
    if (status != 0 || sscanf(last, "%d trees right to the bit, %d wrong", &right, &wrong) != 2 ||
        wrong != 0 || right < 16)
        fail_msg("status %d: %s", WEXITSTATUS(status), last);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sums_of_the_compiler)};
    return cmocka_run_group_tests_name("reveal_libraries", tests, NULL, NULL);
}
