/*
 * driver_test.c: what the driver finds beside itself, and the page of a run, from outside as in
 * cli_test.c.
 */
#define _GNU_SOURCE
#include "harness/cli/cli_fixture.h"

/* The driver knows no tool: bin/nanolab-echo is one because it lies there. */
static void tools_are_found_beside_the_driver(void **state) {
    (void)state;
    assert_status(0, "bin/nanolab --help");
    assert_in(said, "\n  echo WORDS       repeats its words\n");
    assert_status(0, "bin/nanolab help");
    assert_in(said, "repeats its words");
    assert_status(7, "bin/nanolab echo a b --c");
    assert_string_equal(said, "echo a b --c\n");
    /* Another one, and one that does not say what it is. */
    assert_int_equal(link("bin/nanolab-echo", "bin/nanolab-also"), 0);
    FILE *file = fopen("bin/nanolab-dumb", "w");
    assert_non_null(file);
    fputs("#!/bin/sh\nexit 3\n", file);
    fclose(file);
    assert_status(2, "bin/nanolab dumb");
    assert_int_equal(chmod("bin/nanolab-dumb", 0755), 0);
    assert_status(3, "bin/nanolab dumb");
    assert_status(0, "bin/nanolab --help");
    assert_in(said, "  also WORDS       repeats its words\n"
                    "  dumb             (does not say what it is for)\n"
                    "  echo WORDS       repeats its words\n");
    unlink("bin/nanolab-dumb");
    unlink("bin/nanolab-also");
}

/* The page is there once the first lab is done, and says what is still to come. */
static void a_page_grows_with_the_run(void **state) {
    (void)state;
    assert_status(1, "bin/nanolab run 95 97 --device cpu --quick --page --out paged");
    assert_in(warned, "nanolab: page so far: paged/report.html (1 lab still to come)\n");
    assert_in(said, "Page: paged/report.html\n");
    assert_in(warned, "nanolab: the page has no plots of 95-bug: no harness/page/style.gp");
    assert_true(exists("paged/report.md"));
    slurp("paged/report.html", said, sizeof said);
    assert_in(said, "97-tiny");
    assert_null(strstr(said, "Still to come"));
    assert_status(0, "bin/nanolab verify paged");
    /* One lab, one page; it is asked for. */
    assert_status(0, "bin/nanolab run 97 --device cpu --quick --page --out paged1");
    assert_null(strstr(warned, "page so far"));
    assert_true(exists("paged1/report.html"));
    assert_status(0, "bin/nanolab run 97 --device cpu --quick --out unpaged");
    assert_false(exists("unpaged/report.html"));
    assert_null(strstr(said, "Page: "));
    /* Between the first lab and the second, which runs whatever becomes of it. */
    FILE *script = fopen("bin/between", "w");
    assert_non_null(script);
    fputs("#!/bin/sh\nls then/97-tiny; exit $1\n", script);
    fclose(script);
    assert_int_equal(chmod("bin/between", 0755), 0);
    assert_status(1, "bin/nanolab run 97 95 --device cpu --quick --page --out then "
                     "--then bin/between\t3");
    char *done = strstr(warned, "claims.json"), *last = strstr(warned, "95-bug (2 of 2)");
    assert_true(done && last && done < last);
    assert_in(warned, "nanolab: page so far: then/report.html");
    assert_in(warned, "bin/between 3 failed (its messages are above); the run goes on\n");
    assert_status(1, "bin/nanolab run 97 95 --device cpu --quick --out then1 --then none|x");
    assert_in(warned, "is no command line");
    assert_status(1, "bin/nanolab run 97 95 --device cpu --quick --out then2 --then no-such-one");
    assert_in(warned, "cannot start no-such-one: No such file or directory; the run goes on\n");
    /* Where no page can be made, the run goes on and says so. */
    assert_int_equal(unlink("paged1/report.html"), 0);
    assert_int_equal(mkdir("paged1/report.html", 0755), 0);
    assert_status(0, "bin/nanolab run --resume paged1 --page");
    assert_in(warned, "nanolab: no page: ");
    assert_in(said, "Results: paged1\n");
    assert_null(strstr(said, "Page: "));
}

int main(int argc, char **argv) {
    int status;
    if (plays_a_part(argc, argv, &status))
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tools_are_found_beside_the_driver),
        cmocka_unit_test(a_page_grows_with_the_run),
    };
    return cmocka_run_group_tests_name("driver", tests, begin, end);
}
