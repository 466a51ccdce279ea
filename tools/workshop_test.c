/*
 * workshop_test.c: `nanolab workshop check` from outside. In a small tree of its own, with programs
 * and labs that are scripts, each fault that it is to find is planted once: what fails is named,
 * with the package or command that mends it, and nothing else is. Then once on the tree and the
 * machine that this was built on.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "harness/cli/tool_fixture.h"
#include "harness/page/home.h"

static char root[] = "/tmp/workshop-test-XXXXXX";
static char program[4096], said[1 << 18], warned[1 << 14];

static void slurp(const char *name, char *text, size_t size) {
    FILE *file = fopen(name, "r");
    size_t n = file ? fread(text, 1, size - 1, file) : 0;
    text[n] = '\0';
    if (file)
        fclose(file);
}

/* A command line in the small tree, as a shell reads it. */
static int type(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int type(const char *format, ...) {
    char command[8192], whole[sizeof command + 40];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    snprintf(whole, sizeof whole, "{ %s; } >out 2>err </dev/null", command);
    int status = system(whole);
    slurp("out", said, sizeof said);
    slurp("err", warned, sizeof warned);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define assert_typed(wanted, ...)                                                                  \
    do {                                                                                           \
        int got_ = type(__VA_ARGS__);                                                              \
        if (got_ != (wanted))                                                                      \
            fail_msg("status %d, not %d: %s%s", got_, (wanted), said, warned);                     \
    } while (0)

/* A program of the small tree: the lines of a shell script. */
static void script(const char *name, const char *lines) {
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", lines);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(name, 0755), 0);
}

/* What all that is tried finds when nothing is wrong. */
static void mend_all(void) {
    script("path/gcc", "printf '#!/bin/sh\\n' >try; chmod +x try");
    script("path/gnuplot", "echo drawn >try.png");
    script("path/dot", "echo drawn >try-tree.svg");
    script("path/pandoc", "echo made >try.html");
    script("path/nvcc", "exit 0");
    script("bin/nanolab-reveal", "exit 0");
    script(
        "bin/nanolab",
        "case $1 in list) echo '[{\"name\":\"97-tiny\"}, {\"name\":\"98-large\"}]' ;;\n"
        "run) echo '{\"labs\":[{\"claims\":[{\"verdict\":\"confirmed\"},{\"verdict\":\"bounded\"}"
        "]}]}' ;; *) exit 2 ;; esac");
    script("labs/97-tiny/exercise/check", "case $2 in */solution/*) exit 0 ;; *) exit 1 ;; esac");
    script("labs/98-large/exercise/check", "case $2 in */solution/*) exit 0 ;; *) exit 1 ;; esac");
}

#define CHECK "TMPDIR=\"$PWD/tmp\" PATH=\"$PWD/path:$PWD/base\" bin/nanolab-workshop check --json "

static json_t *answer;

/* The trial whose name is `name`; fails where there is none. */
static const json_t *trial(const char *name) {
    const json_t *list = json_object_get(answer, "trials");
    for (size_t k = 0; k < json_array_size(list); k++) {
        const json_t *t = json_array_get(list, k);
        if (strcmp(json_string_value(json_object_get(t, "name")), name) == 0)
            return t;
    }
    fail_msg("no trial \"%s\" in %s", name, said);
    return NULL;
}

static const char *text_of(const char *name, const char *field) {
    const char *text = json_string_value(json_object_get(trial(name), field));
    return text ? text : "";
}

static void is(const char *name, const char *wanted) {
    if (strcmp(text_of(name, "answer"), wanted) != 0)
        fail_msg("%s: %s, not %s: %s", name, text_of(name, "answer"), wanted,
                 text_of(name, "said"));
}

static void has(const char *name, const char *field, const char *words) {
    if (!strstr(text_of(name, field), words))
        fail_msg("%s: \"%s\" is not in its %s: %s", name, words, field, text_of(name, field));
}

/* Checks in the small tree, with so many that fail. */
static void check(const char *options, int fails) {
    int status = type(CHECK "%s", options);
    json_decref(answer);
    answer = json_loads(said, 0, NULL);
    if (!answer)
        fail_msg("status %d, no JSON: %s%s", status, said, warned);
    json_int_t count = json_integer_value(json_object_get(answer, "fails"));
    if (count == fails && status == (fails > 0 ? 1 : 0))
        return;
    const json_t *list = json_object_get(answer, "trials");
    for (size_t k = 0; k < json_array_size(list); k++) {
        const char *name = json_string_value(json_object_get(json_array_get(list, k), "name"));
        if (strcmp(text_of(name, "answer"), "fails") == 0)
            print_message("fails: %s: %s\n", name, text_of(name, "said"));
    }
    fail_msg("status %d, %d fail, not %d", status, (int)count, fails);
}

static void nothing_is_wrong(void **state) {
    (void)state;
    mend_all();
    check("", 0);
    is("C compiler", "works");
    is("gnuplot", "works");
    is("graphviz", "works");
    is("pandoc", "works");
    is("result folder", "works");
    is("device cpu", "works");
    is("device simt", "works");
    is("labs start", "works");
    is("97 one", "works");
    is("97 two", "works");
    is("98 one", "works");
    has("97 one", "said", "a wrong one does not");
    is("97-tiny", "works");
    has("97-tiny", "said", "2 claims: 1 confirmed, 0 refuted, 1 bounded");
    assert_string_equal(json_string_value(json_object_get(answer, "form")), "whole");
    /* Nothing is left behind. */
    assert_typed(0, "test ! -e results && ls tmp");
    assert_string_equal(said, "");
}

static void the_fast_form_runs_no_lab(void **state) {
    (void)state;
    mend_all();
    script("bin/nanolab", "[ $1 = list ] && echo '[{\"name\":\"97-tiny\"}]' || exit 9");
    check("--fast", 0);
    is("97 one", "works");
    assert_string_equal(json_string_value(json_object_get(answer, "form")), "fast");
    assert_null(strstr(said, "\"97 two\""));
    assert_null(strstr(said, "\"97-tiny\""));
}

static void only_the_labs_that_are_asked_for(void **state) {
    (void)state;
    mend_all();
    check("98", 0);
    is("98 one", "works");
    is("98-large", "works");
    assert_null(strstr(said, "\"97 one\""));
    check("55", 1);
    is("55", "fails");
    has("55", "said", "no such lab");
}

static void a_program_is_missing(void **state) {
    (void)state;
    static const struct {
        const char *file, *name, *package;
        bool needed;
    } programs[] = {{"path/gcc", "C compiler", "gcc libc6-dev", true},
                    {"path/gnuplot", "gnuplot", "gnuplot-nox", true},
                    {"path/dot", "graphviz", "graphviz", true},
                    {"path/pandoc", "pandoc", "pandoc", false}};
    for (size_t k = 0; k < sizeof programs / sizeof *programs; k++) {
        mend_all();
        assert_int_equal(unlink(programs[k].file), 0);
        check("--fast", programs[k].needed);
        is(programs[k].name, programs[k].needed ? "fails" : "not_here");
        has(programs[k].name, "said", "is not installed");
        has(programs[k].name, "mend", programs[k].package);
    }
}

static void a_program_does_not_do_its_work(void **state) {
    (void)state;
    mend_all();
    script("path/gcc", "printf '#!/bin/sh\\nexit 1\\n' >try; chmod +x try"); /* rounds wrongly */
    check("--fast", 1);
    is("C compiler", "fails");
    mend_all();
    script("path/gcc", "echo 'math.h: No such file' >&2; exit 1");
    check("--fast", 1);
    has("C compiler", "said", "math.h: No such file");
    mend_all();
    script("path/gnuplot", "exit 0");
    check("--fast", 1);
    has("gnuplot", "said", "made no file");
    mend_all();
    script("path/dot", "kill -SEGV $$");
    check("--fast", 1);
    has("graphviz", "said", "signal 11");
    mend_all();
    script("bin/nanolab-reveal", "echo 'the kernel is wrong' >&2; exit 1");
    assert_typed(1, CHECK "--fast"); /* all devices fail that there are */
    json_decref(answer);
    answer = json_loads(said, 0, NULL);
    is("device cpu", "fails");
    has("device simt", "said", "the kernel is wrong");
}

static void an_exercise_is_broken(void **state) {
    (void)state;
    mend_all();
    script("labs/97-tiny/exercise/check", "echo 'no: \033[31mred' >&2; exit 1");
    check("", 2);
    is("97 one", "fails");
    has("97 one", "said", "own solution is not accepted");
    assert_null(strchr(text_of("97 one", "said"), '\033'));
    mend_all();
    script("labs/97-tiny/exercise/check", "exit 0"); /* accepts anything */
    check("", 1);
    is("97 one", "fails");
    has("97 one", "said", "wrong/one.zeros.c is not rejected");
    is("97 two", "works"); /* no wrong answer is there to try */
}

static void a_lab_is_broken(void **state) {
    (void)state;
    static const struct {
        const char *lines, *answer, *words;
        int fails;
    } labs[] = {
        {"echo 'a predicted bit did not hold' >&2; exit 1", "fails", "a predicted bit", 1},
        {"echo 'no GPU' >&2; exit 77", "not_here", "no GPU", 0},
        {"kill -KILL $$", "fails", "signal 9", 1},
        {"echo nonsense", "fails", "0 claims", 1},
    };
    for (size_t k = 0; k < sizeof labs / sizeof *labs; k++) {
        char lines[400];
        mend_all();
        snprintf(lines, sizeof lines,
                 "[ $1 = list ] && echo '[{\"name\":\"97-tiny\"}]' && exit; %s", labs[k].lines);
        script("bin/nanolab", lines);
        check("", labs[k].fails);
        is("97-tiny", labs[k].answer);
        has("97-tiny", "said", labs[k].words);
    }
    mend_all();
    script("bin/nanolab", "echo 'libfoo.so.1: not found' >&2; exit 127");
    check("", 1);
    is("labs start", "fails");
}

static void results_cannot_be_written(void **state) {
    (void)state;
    mend_all();
    assert_typed(0, "echo >file");
    check("--fast --out file/results", 1);
    is("result folder", "fails");
    has("result folder", "said", "Not a directory");
    has("result folder", "mend", "--out DIR");
    check("--fast --out /dev/full/results", 1);
}

static void words_for_people(void **state) {
    (void)state;
    mend_all();
    assert_int_equal(unlink("path/gcc"), 0);
    assert_int_equal(unlink("path/gnuplot"), 0);
    assert_typed(1, "PATH=$PWD/path:$PWD/base bin/nanolab-workshop check --fast");
    assert_non_null(strstr(said, "FAILS     C compiler"));
    assert_non_null(strstr(said, "so: no exercise can be checked"));
    assert_non_null(strstr(said, "gcc libc6-dev gnuplot-nox fonts-dejavu-core\n"));
    assert_non_null(strstr(said, " 2 fail"));
}

static void bad_lines_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "", "look", "check 7", "check 097", "check --fats", "check --out", "check --json=yes"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        if (type("bin/nanolab-workshop %s", bad[k]) != 2 || !*warned ||
            strchr(warned, '\n')[1] != '\0')
            fail_msg("workshop %s: %s%s", bad[k], said, warned);
    }
    assert_typed(0, "bin/nanolab-workshop --help");
    assert_typed(0, "bin/nanolab-workshop --version");
    assert_typed(0, "bin/nanolab-workshop --describe");
}

/* Every package that it may name is in the one list of packages. */
static void packages_are_in_the_list(void **state) {
    (void)state;
    char home[FOLDER_PATH];
    assert_int_equal(home_find(home, sizeof home), 0);
    static const char *const names[] = {"gcc",    "libc6-dev",          "make",
                                        "clang",  "libclang-rt-14-dev", "gnuplot-nox",
                                        "pandoc", "fonts-dejavu-core",  "graphviz"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        assert_typed(0, "'%s/scripts/install-deps' --list --teach | cut -f 1 | grep -qx '%s'", home,
                     names[k]);
}

/* Where this was built: what it finds is the machine's; that labs start and sums run is ours. */
static void on_this_machine(void **state) {
    (void)state;
    int status = type("'%s' check --fast --json --out results", program);
    json_decref(answer);
    answer = json_loads(said, 0, NULL);
    assert_non_null(answer);
    json_int_t fails = json_integer_value(json_object_get(answer, "fails"));
    assert_int_equal(status, fails > 0 ? 1 : 0);
    is("labs start", "works");
    is("device cpu", "works");
    is("device simt", "works");
    is("result folder", "works");
    if (strcmp(text_of("C compiler", "answer"), "works") == 0)
        is("00 fraction", "works");
}

static int begin(void **state) {
    (void)state;
    if (tool_find("nanolab-workshop", program, sizeof program) != 0 || !mkdtemp(root) ||
        chdir(root) != 0)
        return -1;
    int status = type("mkdir -p bin path base tmp harness/page labs/97-tiny/exercise/solution "
                      "labs/97-tiny/exercise/wrong labs/98-large/exercise/solution && "
                      ">harness/page/style.gp && cp '%s' bin/nanolab-workshop && "
                      "ln -s \"$(dirname '%s')/../lib\" lib && " /* where CUDA kernels are */
                      "touch labs/97-tiny/exercise/solution/one.c "
                      "labs/97-tiny/exercise/solution/two.c "
                      "labs/97-tiny/exercise/wrong/one.zeros.c "
                      "labs/98-large/exercise/solution/one.c && "
                      "for p in sh chmod kill cp; do ln -s \"$(command -v $p)\" base/ || :; done",
                      program, program);
    if (status != 0)
        fprintf(stderr, "%s%s\n", said, warned);
    return status;
}

static int end(void **state) {
    (void)state;
    char command[100];
    json_decref(answer);
    snprintf(command, sizeof command, "rm -rf %s", root);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_wrong),
        cmocka_unit_test(the_fast_form_runs_no_lab),
        cmocka_unit_test(only_the_labs_that_are_asked_for),
        cmocka_unit_test(a_program_is_missing),
        cmocka_unit_test(a_program_does_not_do_its_work),
        cmocka_unit_test(an_exercise_is_broken),
        cmocka_unit_test(a_lab_is_broken),
        cmocka_unit_test(results_cannot_be_written),
        cmocka_unit_test(words_for_people),
        cmocka_unit_test(bad_lines_are_refused),
        cmocka_unit_test(packages_are_in_the_list),
        cmocka_unit_test(on_this_machine),
    };
    return cmocka_run_group_tests_name("workshop", tests, begin, end);
}
