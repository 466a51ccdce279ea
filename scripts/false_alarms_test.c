/*
 * false_alarms_test.c: scripts/false-alarms counts what it should: sides made here are equal but
 * for a noise of 0.1 %, so that nothing is different and every slowdown it plants is found; a tool
 * of the test's own, which calls everything slower, has only false alarms.
 * scripts/planted-slowdowns refuses what it should; what it measures with has its own test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/compare/compare_fixture.h"
#include "harness/page/home.h"

#define LINE (6 * FOLDER_PATH)

static struct two two;
static char home[FOLDER_PATH], nanolab[3 * FOLDER_PATH], said[1 << 14];

static int begin(void **state) {
    (void)state;
    const char *build = getenv("NANOLAB_BUILD");
    build = build ? build : "build";
    if (home_find(home, sizeof home) != 0 || fixture_begin(&two.f) != 0)
        return -1;
    snprintf(nanolab, sizeof nanolab, "%s%s%s/bin/nanolab", *build == '/' ? "" : home,
             *build == '/' ? "" : "/", build);
    struct made plain = PLAIN;
    plain.cases = 60;
    make_side(&two, 0, &plain, 5);
    make_side(&two, 1, &plain, 5);
    return 0;
}

static int end(void **state) {
    (void)state;
    fixture_end(&two.f);
    return 0;
}

__attribute__((format(printf, 2, 3))) static int run(const char *script, const char *format, ...) {
    char options[LINE], command[2 * LINE];
    va_list args;
    va_start(args, format);
    vsnprintf(options, sizeof options, format, args);
    va_end(args);
    snprintf(command, sizeof command, "'%s/scripts/%s' %s 2>&1", home, script, options);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t n = fread(said, 1, sizeof said - 1, pipe);
    said[n] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void has(const char *words) {
    if (!strstr(said, words))
        fail_msg("\"%s\" is not in:\n%s", words, said);
}

static void needs_python(void) {
    if (system("python3 -c 'import json, csv' 2>/dev/null") != 0) {
        fprintf(stderr, "no python3 here\n");
        skip();
    }
}

static void test_usage(void **state) {
    (void)state;
    needs_python();
    assert_int_equal(run("false-alarms", "--help"), 0);
    has("Any two of them are equal");
    assert_int_equal(run("false-alarms", "/nowhere"), 1);
    has("name a folder of sides");
    assert_int_equal(run("false-alarms", "%s --nanolab '%s' --pairs a-c", two.f.root, nanolab), 1);
    has("a-c: no two sides");
    assert_int_equal(run("false-alarms", "%s --benchstat /nowhere", two.f.root), 1);
    has("/nowhere: no such file");
    assert_int_equal(run("planted-slowdowns", "--help"), 0);
    has("does\n`nanolab compare` find them?");
    assert_int_equal(run("planted-slowdowns", "--rounds many %s/out", two.f.root), 2);
    has("--rounds takes a number");
    assert_int_equal(run("planted-slowdowns", "%s", two.f.root), 2);
    has("is there already");
}

static void test_counts(void **state) {
    (void)state;
    char tool[FOLDER_PATH];
    needs_python();
    if (access(nanolab, X_OK) != 0)
        fail_msg("%s is not built; run make build first", nanolab);
    /* A benchstat for which all is slower. */
    snprintf(tool, sizeof tool, "%s/benchstat", two.f.root);
    FILE *file = fopen(tool, "w");
    assert_non_null(file);
    fputs("#!/bin/sh\n"
          "sed -n 's|^Benchmark\\([^ ]*\\) .*|\\1,1,1%,2,1%,+100.00%,p=0.001 n=5|p' \"$4\" | "
          "sort -u\n",
          file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(tool, 0755), 0);
    int status = run("false-alarms", "%s --nanolab '%s' --benchstat %s --work %s/work", two.f.root,
                     nanolab, tool, two.f.root);
    if (status != 0)
        fail_msg("status %d:\n%s", status, said);
    has("left out: --nvbench was not given");
    has("1 pairs of sides, 59 cases");
    has("| nanolab compare | 59 | 0.00 | 100.00 | ");
    has("| benchstat | 59 | 100.00 | 100.00 | ");
    has("| a-b | ");
    has("confirmed by one session and refuted by another: 0");
    /* What was scaled and sealed anew is a folder that any command takes. */
    char command[LINE];
    snprintf(command, sizeof command,
             "'%s' verify %s/work/made/b-x1.05-all.side/session-1 >%s/verify 2>&1", nanolab,
             two.f.root, two.f.root);
    assert_int_equal(system(command), 0);
}

/* Sides dealt out of the ten sessions in turns: the first, fourth, fifth, eighth and ninth are A.
 */
static void test_turns(void **state) {
    (void)state;
    char link[LINE], where[LINE];
    needs_python();
    int status = run("false-alarms", "%s --nanolab '%s' --pairs '' --turns --work %s/turned",
                     two.f.root, nanolab, two.f.root);
    if (status != 0)
        fail_msg("status %d:\n%s", status, said);
    has("10 sessions in the order of time, 59 cases: variance between neighbours over that between "
        "any two ");
    has("1 pairs of sides, 59 cases");
    has("| turns-1a-turns-1b | ");
    has("| nanolab compare | 59 | 0.00 | 100.00 | ");
    /* All were begun in one second or two: the order is that of time, then of names. */
    for (int k = 0; k < 2; k++) {
        snprintf(link, sizeof link, "%s/turned/turns-1%c/session-5", two.f.root, 'a' + k);
        ssize_t n = readlink(link, where, sizeof where - 1);
        assert_true(n > 0);
        where[n] = '\0';
        assert_non_null(strstr(where, k == 0 ? "/b/session-4" : "/b/session-5"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_usage), cmocka_unit_test(test_counts),
                                       cmocka_unit_test(test_turns)};
    return cmocka_run_group_tests(tests, begin, end);
}
