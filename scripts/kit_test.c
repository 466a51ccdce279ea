/*
 * kit_test.c: the archive that scripts/kit makes: the same bytes each time, texts that load nothing
 * from elsewhere, result sets that verify; and in a root folder of its own (clean_root_fixture.h) a
 * lab runs from it with nothing but the C library, an exercise is checked where there is a
 * compiler.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/page/home.h"
#include "harness/page/tool.h"
#include "scripts/clean_root_fixture.h"

static char tree[] = "/tmp/kit-test-XXXXXX";
static char home[FOLDER_PATH], build[2 * FOLDER_PATH + 2], root[sizeof tree + 8];
static char said[1 << 18], warned[1 << 16];
static const char *missing; /* why no kit can be made here; NULL: one was */
static const char *no_root; /* why nothing can be run in a root of its own */

static void slurp(const char *name, char *text, size_t size) {
    FILE *file = fopen(name, "r");
    size_t n = file ? fread(text, 1, size - 1, file) : 0;
    text[n] = '\0';
    if (file)
        fclose(file);
}

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

/* A program of the kit in the root; the words of the line are split at blanks. */
static int there(unsigned how, const char *line) {
    char copy[1000], program[1000];
    const char *argv[32];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word && argc < 31; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    snprintf(program, sizeof program, "/home/user/nanolab-kit/%s", argv[0]);
    argv[0] = program;
    int status = root_run(root, how, argv, "out", "err");
    slurp("out", said, sizeof said);
    slurp("err", warned, sizeof warned);
    return status;
}

#define assert_status(wanted, call)                                                                \
    do {                                                                                           \
        int got_ = (call);                                                                         \
        if (got_ != (wanted))                                                                      \
            fail_msg("status %d instead of %d\nstdout: %s\nstderr: %s", got_, (wanted), said,      \
                     warned);                                                                      \
    } while (0)

static void has(const char *words) {
    if (!strstr(said, words))
        fail_msg("\"%s\" is not in:\n%s\nstderr: %s", words, said, warned);
}

static void need_kit(void) {
    if (!missing)
        return;
    print_message("%s\n", missing);
    skip();
}

static void need_root(void) {
    need_kit();
    if (!no_root)
        return;
    print_message("%s\n", no_root);
    skip();
}

static void the_same_bytes_again(void **state) {
    (void)state;
    need_kit();
    assert_status(0, here("'%s/scripts/kit' '%s' '%s/again.tar.gz' && cmp again.tar.gz kit.tar.gz",
                          home, build, tree));
}

static void what_is_in_it(void **state) {
    (void)state;
    need_kit();
    assert_status(0, here("cd root/home/user/nanolab-kit && cat README.md && "
                          "for f in LICENSE packages.tsv nanolab/bin/nanolab texts/LICENSE.md "
                          "exercises/01-float-staging/exercise/pairwise.c; do test -s $f; done"));
    has("has to be installed");
    assert_null(strstr(said, "@GLIBC@"));
    /* A page: 80 lines are one, and nothing of it is longer than a line of ours. */
    assert_status(0, here("test $(wc -l <root/home/user/nanolab-kit/README.md) -le 60"));
    assert_status(0, here("grep -P '^gcc\\t' root/home/user/nanolab-kit/packages.tsv"));
    assert_status(0, here("for set in root/home/user/nanolab-kit/results/*/*.zip; do "
                          "'%s/bin/nanolab' verify $set || exit; done",
                          build));
    has("is intact");
}

/* Links to follow are text; what a browser fetches by itself is not. */
static void texts_load_nothing(void **state) {
    (void)state;
    need_kit();
    assert_status(0, here("cd root/home/user/nanolab-kit/texts && ls slides.html guide.html "
                          "handout.html glossary.html"));
    assert_status(1, here("cd root/home/user/nanolab-kit/texts && grep -nEi "
                          "'<(script|img|iframe|source)[^>]* src=\"[^d\"]|<link[^>]* href=\"[^d\"]|"
                          "@import|url\\((\"|.)?https?:' *.html"));
    assert_status(0, here("grep -c 'data:image/svg' root/home/user/nanolab-kit/texts/slides.html"));
    assert_true(atoi(said) > 5);
}

static void a_lab_runs_in_a_bare_root(void **state) {
    (void)state;
    need_root();
    assert_status(0, there(0, "nanolab/bin/nanolab run 00 --quick --only bits --device simt --out "
                              "mine"));
    has("00.1  confirmed");
    assert_status(0, there(0, "nanolab/bin/nanolab verify mine"));
    assert_status(0, there(0, "nanolab/bin/nanolab compare "
                              "nanolab-kit/results/simt-h100/session-1.zip "
                              "nanolab-kit/results/simt-h100/session-2.zip"));
}

static void an_exercise_is_checked(void **state) {
    (void)state;
    need_root();
    if (!tool_exists("gcc")) {
        print_message("there is no gcc here\n");
        skip();
    }
    static const char pairwise[] = "exercises/01-float-staging/exercise/check pairwise",
                      fraction[] = "exercises/00-roofs/exercise/check fraction";
    assert_status(1, there(ROOT_TOOLS, pairwise));
    has("pairwise: not yet");
    assert_status(1, there(ROOT_TOOLS, fraction));
    assert_status(
        0, here("cd root/home/user/nanolab-kit/exercises && "
                "cp 01-float-staging/exercise/solution/pairwise.c 01-float-staging/exercise/ "
                "&& cp 00-roofs/exercise/solution/fraction.c 00-roofs/exercise/"));
    assert_status(0, there(ROOT_TOOLS, pairwise));
    has("pairwise: right");
    assert_status(0, there(ROOT_TOOLS, fraction));
    /* All that is in the kit can be checked from it. */
    assert_status(0, here("cd root/home/user/nanolab-kit && ls -d exercises/*/exercise/check"));
    char list[4096], *rest = NULL;
    snprintf(list, sizeof list, "%.4000s", said);
    for (char *one = strtok_r(list, "\n", &rest); one; one = strtok_r(NULL, "\n", &rest))
        if (there(ROOT_TOOLS, one) > 1)
            fail_msg("%s: %s%s", one, said, warned);
}

static void what_is_missing_is_named(void **state) {
    (void)state;
    assert_status(0, here("mkdir -p few && for p in bash dirname mktemp rm; do "
                          "ln -sf $(command -v $p) few/; done"));
    assert_status(1, here("PATH=%s/few '%s/scripts/kit' '%s' no.tar.gz", tree, home, build));
    assert_non_null(strstr(warned, "pandoc is not installed; try: apt-get install pandoc"));
    assert_status(1, here("PATH=%s/few '%s/scripts/slides' '%s' no.html", tree, home, build));
    assert_non_null(strstr(warned, "is not installed; try: apt-get install"));
}

static bool may_enter(void) {
    char loader[4096] = "";
    dl_iterate_phdr(root_loader, loader);
    const char *argv[] = {loader, "--version", NULL};
    return root_run(root, ROOT_TOOLS, argv, "out", "err") == 0;
}

static int begin(void **state) {
    (void)state;
    static const char *const programs[] = {"pandoc", "gnuplot", "dot"};
    static char why[100];
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
    for (size_t k = 0; k < sizeof programs / sizeof *programs; k++)
        if (!tool_exists(programs[k])) {
            snprintf(why, sizeof why, "no kit without %s", programs[k]);
            missing = why;
            return 0;
        }
    if (mkdir(root, 0755) != 0 || root_make(root) != 0)
        return -1;
    if (!may_enter())
        no_root = "neither user namespaces nor root's rights here: no root of its own";
    int status = here("'%s/scripts/kit' '%s' '%s/kit.tar.gz' && "
                      "tar -xzf kit.tar.gz -C '%s/home/user'",
                      home, build, tree, root);
    if (status != 0)
        fprintf(stderr, "scripts/kit: status %d: %s%s(is all built?)\n", status, said, warned);
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
        cmocka_unit_test(the_same_bytes_again),   cmocka_unit_test(what_is_in_it),
        cmocka_unit_test(texts_load_nothing),     cmocka_unit_test(a_lab_runs_in_a_bare_root),
        cmocka_unit_test(an_exercise_is_checked), cmocka_unit_test(what_is_missing_is_named),
    };
    return cmocka_run_group_tests_name("kit", tests, begin, end);
}
