/*
 * bundle_test.c: the archive that scripts/bundle makes runs in a root folder with nothing in it but
 * the C library (clean_root_fixture.h): labs are listed, run and verified there, and the result
 * folder, carried out, is drawn, reported, compared and packed here. What a machine may lack
 * (/proc, /sys, room, a place to write to, a home, gnuplot, MPI) is said in one line, or is not
 * missed.
 *
 * It is made of the build that this test belongs to, with the CUDA kernels that are in that.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "harness/page/home.h"
#include "harness/page/tool.h"
#include "harness/store/result.h"
#include "scripts/clean_root_fixture.h"

static char tree[] = "/tmp/bundle-XXXXXX";
static char home[FOLDER_PATH], build[2 * FOLDER_PATH + 2], root[sizeof tree + 8];
static char said[1 << 18], warned[1 << 16];
static const char *missing; /* why nothing can be tested here; NULL: all can */

#define NANOLAB "/home/user/nanolab/bin/nanolab"

static void slurp(const char *name, char *text, size_t size) {
    FILE *file = fopen(name, "r");
    size_t n = file ? fread(text, 1, size - 1, file) : 0;
    text[n] = '\0';
    if (file)
        fclose(file);
}

/* A command here. */
static int here(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int here(const char *format, ...) {
    char command[6 * FOLDER_PATH], whole[sizeof command + 100];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    snprintf(whole, sizeof whole, "{ %s; } >out 2>err </dev/null", command);
    int status = system(whole);
    slurp("out", said, sizeof said);
    slurp("err", warned, sizeof warned);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* "nanolab …" in the root; the words of the line are split at blanks. */
static int there(unsigned without, const char *line) {
    char copy[1000];
    const char *argv[32] = {NANOLAB};
    int argc = 1;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word && argc < 31; word = strtok(NULL, " "))
        argv[argc++] = word;
    int status = root_run(root, without, argv, "out", "err");
    slurp("out", said, sizeof said);
    slurp("err", warned, sizeof warned);
    return status;
}

#define assert_there(wanted, without, line)                                                        \
    do {                                                                                           \
        int got_ = there(without, line);                                                           \
        if (got_ != (wanted))                                                                      \
            fail_msg("status %d instead of %d\nstdout: %s\nstderr: %s", got_, (wanted), said,      \
                     warned);                                                                      \
    } while (0)

#define assert_here(...)                                                                           \
    do {                                                                                           \
        int got_ = here(__VA_ARGS__);                                                              \
        if (got_ != 0)                                                                             \
            fail_msg("status %d\nstdout: %s\nstderr: %s", got_, said, warned);                     \
    } while (0)

static void has(const char *text, const char *words) {
    if (!strstr(text, words))
        fail_msg("\"%s\" is not in:\n%s\nstderr: %s", words, text, warned);
}

static size_t lines_of(const char *text) {
    size_t n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

/* --- what is in it ------------------------------------------------------------------------------
 */

/* Asks the loader of the root for the libraries of every program, and for theirs. Open MPI and
 * SimGrid alone are the machine's own. */
/* A test in a root of its own is skipped, with the reason, where there can be none. */
static void need_root(void **state) {
    (void)state;
    if (!missing)
        return;
    print_message("%s\n", missing);
    skip();
}

static void every_library_is_there(void **state) {
    need_root(state);
    static char list[sizeof said];
    char loader[4096] = "";
    size_t count = 0;
    dl_iterate_phdr(root_loader, loader);
    assert_here("cd '%s' && find home/user/nanolab/bin home/user/nanolab/labs "
                "home/user/nanolab/libexec -type f -exec sh -c "
                "'head -c 4 \"$1\" | grep -q ELF && echo \"/$1\"' - {} \\;",
                root);
    snprintf(list, sizeof list, "%s", said);
    for (char *file = strtok(list, "\n"); file; file = strtok(NULL, "\n"), count++) {
        const char *argv[] = {loader, "--list", file, NULL};
        int status = root_run(root, 0, argv, "out", "err");
        slurp("out", said, sizeof said);
        slurp("err", warned, sizeof warned);
        bool engine = strstr(file, "/nanolab-ranks-") != NULL;
        for (char *at = said; (at = strstr(at, "not found")); at++) {
            char *line = at;
            while (line > said && line[-1] != '\n')
                line--;
            if (!engine || (!strstr(line, "libmpi") && !strstr(line, "libsimgrid") &&
                            !strstr(line, "libopen-")))
                fail_msg("%s: %.200s", file, line);
        }
        if (status != 0 && !engine && !strstr(said, "statically linked"))
            fail_msg("%s: status %d: %s%s", file, status, said, warned);
    }
    assert_true(count > 10);
}

static void no_path_of_this_machine(void **state) {
    need_root(state);
    /* A RUNPATH or RPATH into the build, or into this user's folders. */
    assert_here("cd '%s/home/user/nanolab' && ! find . -type f -exec readelf -d {} + 2>/dev/null | "
                "grep -E 'R(UN)?PATH' | grep -v -e '\\[\\$ORIGIN' -e '\\[/usr/lib'",
                root);
}

static void it_says_what_it_is(void **state) {
    need_root(state);
    assert_there(0, 0, "list");
    has(said, "00-roofs");
    has(said, "05-nccl-straggler");
    assert_there(0, 0, "info");
    assert_there(0, 0, "info --json");
    json_t *info = json_loads(said, 0, NULL);
    assert_non_null(info);
    json_decref(info);
    assert_there(0, 0, "--version");
    assert_there(0, 0, "reveal --help");
}

/* --- a run there, its folder here ---------------------------------------------------------------
 */

static void a_run_is_carried_out(void **state) {
    need_root(state);
    assert_there(0, 0, "run 00 --quick --device cpu --seed 3 --out mine");
    has(said, "00.1  confirmed");
    assert_there(0, 0, "verify mine");
    assert_there(0, 0, "pack mine --out mine.zip");
    assert_there(0, 0, "verify mine.zip");
    /* Without gnuplot a page has its words and tables. */
    assert_there(1, 0, "report mine");
    has(warned, "no plots for 00-roofs: gnuplot is not installed");
    assert_there(1, 0, "plot mine");
    has(warned, "gnuplot is not installed");
    has(warned, "here or on another machine");
    assert_int_equal(lines_of(warned), 1);
    assert_there(0, 0, "compare mine mine --page page");

    assert_here("cp -r '%s/home/user/mine' . && '%s/bin/nanolab' verify mine", root, build);
    assert_here("grep -q '## Lab 00: ' mine/report.md"); /* as its README has it */
    assert_here("test -s '%s/home/user/page/compare.html'", root);
    if (tool_exists("gnuplot")) {
        assert_here("'%s/bin/nanolab' plot mine && ls mine/00-roofs/plots/*.svg", build);
        assert_here("'%s/bin/nanolab' report mine && grep -q '<figure' mine/report.html", build);
    }
    assert_here("'%s/bin/nanolab' compare mine '%s/home/user/mine' --page page && "
                "test -s page/compare.html",
                build, root);
    assert_here("'%s/bin/nanolab' pack mine --out again.zip && "
                "cmp again.zip '%s/home/user/mine.zip'",
                build, root);
}

static void bits_of_the_simulated_gpu(void **state) {
    need_root(state);
    assert_there(0, 0, "run 01 --quick --only bits --device simt --out bits");
    has(said, "S4    confirmed");
    assert_there(0, 0, "verify bits");
}

/* --- what may be missing there ------------------------------------------------------------------
 */

static void no_engines(void **state) {
    need_root(state);
    assert_there(0, 0, "run 05 --quick --device cpu --out engines");
    has(said, "not testable here: C1, C2, C3, C4");
    has(said, "no mpirun in PATH: install openmpi-bin and libopenmpi-dev");
    assert_null(strstr(said, "confirmed"));
    assert_there(0, 0, "verify engines");
}

static void no_sys(void **state) {
    need_root(state);
    assert_there(0, ROOT_WITHOUT_SYS, "info");
    assert_int_equal(lines_of(warned), 0);
    assert_there(0, ROOT_WITHOUT_SYS, "run 00 --quick --only bits --device cpu --out sys");
    assert_null(strstr(warned, "hwloc"));
    assert_there(0, 0, "verify sys");
}

static void no_place_to_write_to(void **state) {
    need_root(state);
    assert_there(2, ROOT_READ_ONLY, "run 00 --quick --only bits --device cpu");
    has(warned, "read-only; choose another folder with --out");
    assert_int_equal(lines_of(warned), 1);
    assert_there(0, ROOT_READ_ONLY, "run 00 --quick --only bits --device cpu --out /tmp/it");
}

/* 1 MiB: not enough for its journal. */
static void no_room(void **state) {
    need_root(state);
    assert_there(2, ROOT_SMALL_TMP, "run 01 --quick --only bits --device simt --out /tmp/it");
    has(warned, "the disk is full; free some space, then go on with --resume");
}

/* --- the root -----------------------------------------------------------------------------------
 */

/* Whether a program may be started in a root of its own; the loader itself is one. */
static bool may_enter(void) {
    char loader[4096] = "";
    dl_iterate_phdr(root_loader, loader);
    const char *argv[] = {loader, "--version", NULL};
    return root_run(root, ROOT_READ_ONLY, argv, "out", "err") == 0;
}

static int begin(void **state) {
    (void)state;
    const char *built = getenv("NANOLAB_BUILD");
    built = built ? built : "build";
    if (home_find(home, sizeof home) != 0 || !mkdtemp(tree) || chmod(tree, 0755) != 0 ||
        chdir(tree) != 0)
        return -1;
    snprintf(build, sizeof build, "%s%s%s", *built == '/' ? "" : home, *built == '/' ? "" : "/",
             built);
    snprintf(root, sizeof root, "%s/root", tree);
#ifdef __SANITIZE_ADDRESS__
    missing = "the plain build's test does this";
    return 0;
#endif
    if (mkdir(root, 0755) != 0 || root_make(root) != 0)
        return -1;
    if (!may_enter()) {
        missing = "neither user namespaces nor root's rights here: no root of its own";
        return 0;
    }
    int status = here("'%s/scripts/bundle' '%s' '%s/nanolab.tar.gz' && "
                      "tar -xzf nanolab.tar.gz -C '%s/home/user'",
                      home, build, tree, root);
    if (status != 0)
        fprintf(stderr, "scripts/bundle: status %d: %s%s(is all built?)\n", status, said, warned);
    return status;
}

static int end(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", tree);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_library_is_there),
        cmocka_unit_test(no_path_of_this_machine),
        cmocka_unit_test(it_says_what_it_is),
        cmocka_unit_test(a_run_is_carried_out),
        cmocka_unit_test(bits_of_the_simulated_gpu),
        cmocka_unit_test(no_engines),
        cmocka_unit_test(no_sys),
        cmocka_unit_test(no_place_to_write_to),
        cmocka_unit_test(no_room),
    };
    return cmocka_run_group_tests_name("bundle", tests, begin, end);
}
