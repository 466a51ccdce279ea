/*
 * reveal_test.c: `nanolab reveal` from outside: what it prints, what it draws, and how it ends.
 * Needs bin/nanolab-reveal beside the tests of the same build (make build).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <jansson.h>

#include "harness/cli/tool_fixture.h"

static char program[4096], folder[] = "/tmp/nanolab-reveal-XXXXXX";
static char said[1 << 16], warned[1 << 12];

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(folder) || tool_find("nanolab-reveal", program, sizeof program) != 0)
        return -1;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void read_back(const char *name, char *to, size_t size) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *in = fopen(path, "r");
    size_t got = in ? fread(to, 1, size - 1, in) : 0;
    to[got] = '\0';
    if (in)
        fclose(in);
}

/* Types a line in the folder; returns its exit status. */
static int type(const char *arguments) {
    char command[8192];
    snprintf(command, sizeof command, "cd %s && %s %s >out 2>err", folder, program, arguments);
    int status = system(command);
    read_back("out", said, sizeof said);
    read_back("err", warned, sizeof warned);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect(const char *arguments, int status, const char *words) {
    int got = type(arguments);
    if (got != status || !strstr(said, words))
        fail_msg("%s: status %d, expected %d and \"%s\"\nstdout: %s\nstderr: %s", arguments, got,
                 status, words, said, warned);
}

static void trees_that_are_found(void **state) {
    (void)state;
    expect("sum:b64.i1.v1.shfl-down -n 64 --device simt", 0, "this is the tree that the plan's");
    expect("sum:l1.u1.s1.t1 -n 10", 0, "(((((((((0 1) 2) 3) 4) 5) 6) 7) 8) 9)");
    expect("sum: --device cpu -n 1", 0, "shape    1 input");
    expect("openblas-sdot", 0, "verdict  tree found, all checks passed");
    expect("onednn-sum -n 64", 0, "bits of ");
    expect("--list", 0, "openblas-ssum");
    expect("--help", 0, "exit status");
    expect("--version", 0, "nanolab");
}

static void what_has_no_tree(void **state) {
    (void)state;
    expect("openblas-sasum", 1, "no tree: absolute values");
    expect("sum:exact --device simt", 1, "no tree: exact accumulation");
    expect("sum:binned --device cpu", 1, "no tree: units always lost (binned)");
    expect("sum:compensated --device simt", 1, "no tree: compensated additions");
}

static void json_that_reads_back(void **state) {
    (void)state;
    expect("sum:b32 -n 33 --device simt --json", 0, "\"found\": true");
    json_error_t error;
    json_t *answer = json_loads(said, 0, &error);
    assert_non_null(answer);
    assert_int_equal(json_integer_value(json_object_get(answer, "n")), 33);
    assert_true(json_is_true(json_object_get(answer, "equals_plan")));
    assert_non_null(json_string_value(json_object_get(answer, "tree")));
    json_decref(answer);
    expect("openblas-sasum --json", 1, "\"found\": false");
    answer = json_loads(said, 0, &error);
    assert_non_null(json_string_value(json_object_get(answer, "why")));
    json_decref(answer);
    expect("--list --json", 0, "openblas-sdot");
    answer = json_loads(said, 0, &error);
    assert_true(json_array_size(answer) >= 8);
    json_decref(answer);
}

static void pictures(void **state) {
    (void)state;
    char picture[1 << 14];
    expect("sum:l8.u1.s1.t1 -n 100 --draw tree.dot", 0, "verdict");
    read_back("tree.dot", picture, sizeof picture);
    assert_non_null(strstr(picture, "digraph tree {"));
    expect("sum:l8.u1.s1.t1 -n 100 --draw tree.svg", 0, "verdict");
    read_back("tree.svg", picture, sizeof picture);
    assert_non_null(strstr(picture, "<svg"));
    expect("sum:l8.u1.s1.t1 -n 100 --draw tree.png", 0, "verdict");
    read_back("tree.png", picture, sizeof picture);
    assert_memory_equal(picture, "\x89PNG", 4);
    expect("sum:l8 --draw none/tree.svg", 2, "verdict");
    assert_non_null(strstr(warned, "cannot write none/tree.svg"));
}

/* One line on stderr, nothing on stdout, exit status 2. */
static void every_bad_line_is_one_line(void **state) {
    (void)state;
    static const struct {
        const char *line, *words;
    } bad[] = {
        {"", "nothing to reveal"},
        {"''", "is empty"},
        {"a b", "one target at a time"},
        {"opnblas-sdot", "did you mean openblas-sdot?"},
        {"frobnicate", "--list"},
        {"sum:zork", "'zork'"},
        {"sum:b64 --device cpu", "'b64'"},
        {"sum: --device cpu,simt", "one device"},
        {"sum: --device cup", "did you mean cpu?"},
        {"openblas-sdot --device simt", "runs on cpu only"},
        {"openblas-sdot -n", "needs a value"},
        {"openblas-sdot -n 0", "give 1 to 65536"},
        {"openblas-sdot -n 65537", "give 1 to 65536"},
        {"openblas-sdot -n 1e3", "whole number"},
        {"openblas-sdot --draw tree", "end the name in"},
        {"openblas-sdot --dot", "--dot belongs to --library"},
        {"openblas-sdot --type f64", "--type belongs to --library"},
        {"openblas-sdot --collapse 0", "--collapse is 0"},
        {"openblas-sdot --jsn", "did you mean --json?"},
        {"--symbol f", "go together"},
        {"--library x.so", "go together"},
        {"--library x.so --symbol f", "cannot read x.so"},
        {"--library out --symbol f", "f: "},
        {"--library /dev/null --symbol f --type f16", "f32 or f64"},
        {"--library /dev/null --symbol f --time-limit 0", "1 to 3600"},
        {"--library /dev/null --symbol f --device simt", "leave --device out"},
        {"openblas-sdot --library x.so --symbol f", "exclude each other"},
        {"sum:f16 -n 5000 --device simt", "out of range"},
        {"onednn-sum -n 1", "single input"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int status = type(bad[i].line);
        const char *newline = strchr(warned, '\n');
        if (status != 2 || said[0] || !newline || newline[1] || !strstr(warned, bad[i].words))
            fail_msg("%s: status %d, expected \"%s\"\nstdout: %s\nstderr: %s", bad[i].line, status,
                     bad[i].words, said, warned);
    }
}

static void a_function_of_ones_own(void **state) {
    (void)state;
    char command[256];
    snprintf(command, sizeof command,
             "cd %s && printf '#include <stddef.h>\\n"
             "float good(const float *x, size_t n) { return n == 1 ? x[0] : "
             "good(x, n / 2) + good(x + n / 2, n - n / 2); }\\n"
             "float bad(const float *x, size_t n) { return x[n] / 0 + *(float *)n; }\\n' >m.c",
             folder);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "cd %s && gcc -w -shared -fPIC -o m.so m.c", folder);
    assert_int_equal(system(command), 0);
    expect("--library m.so --symbol good -n 8", 0, "(((0 1) (2 3)) ((4 5) (6 7)))");
    assert_int_equal(type("--library ./m.so --symbol bad -n 8"), 2);
    assert_non_null(strstr(warned, "bad was killed by signal 11"));
    assert_string_equal(said, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_that_are_found),       cmocka_unit_test(what_has_no_tree),
        cmocka_unit_test(json_that_reads_back),       cmocka_unit_test(pictures),
        cmocka_unit_test(every_bad_line_is_one_line), cmocka_unit_test(a_function_of_ones_own),
    };
    return cmocka_run_group_tests_name("reveal", tests, set_up, tear_down);
}
