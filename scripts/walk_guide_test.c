/*
 * walk_guide_test.c: scripts/walk-guide, which says whether a guide still shows what its commands
 * print: on guides with one thing wrong each, and on the workshop's own, as far as its commands are
 * cheap. The whole of it is walked by hand: scripts/walk-guide without --quick.
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

#include "harness/page/home.h"

static char folder[] = "/tmp/walk-guide-test-XXXXXX";
static char home[FOLDER_PATH], said[1 << 16];

/* walk-guide with these arguments, in the tree this was built from; its status. */
static int walk(const char *arguments) {
    char command[3 * FOLDER_PATH];
    snprintf(command, sizeof command, "cd '%s' && scripts/walk-guide %s >'%s/said' 2>&1", home,
             arguments, folder);
    int status = system(command);
    FILE *file = fopen("said", "r");
    size_t n = file ? fread(said, 1, sizeof said - 1, file) : 0;
    said[n] = '\0';
    if (file)
        fclose(file);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void write_guide(const char *text) {
    FILE *file = fopen("guide.md", "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static const char *read_guide(void) {
    static char text[4096];
    FILE *file = fopen("guide.md", "r");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[n] = '\0';
    if (file)
        fclose(file);
    return text;
}

static int walk_guide(const char *options, const char *text) {
    char arguments[200];
    write_guide(text);
    snprintf(arguments, sizeof arguments, "%s %s/guide.md", options, folder);
    return walk(arguments);
}

static void says(const char *words) {
    if (!strstr(said, words))
        fail_msg("\"%s\" is not in: %s", words, said);
}

#define CONSOLE "text\n```console quick\n"
#define END "```\nmore text\n"

static void what_is_as_shown(void **state) {
    (void)state;
    static const char *const good[] = {
        CONSOLE "$ echo one; echo two\none\ntwo\n" END,
        CONSOLE "$ echo 'took 31 ms (a+b) [x]'\ntook ‹4› ms (a+b) [x]\n" END,
        CONSOLE "$ seq 1 9\n1\n…\n5\n…\n" END,
        CONSOLE "$ echo a long line\na …\n$ true\n$ echo b\nb\n" END,
        CONSOLE "$ echo one  # 12 s\none\n" END,
        "```console quick exit=3\n$ echo no; exit 3\nno\n" END,
        /* Neither run nor compared. */
        CONSOLE "$ echo one\none\n" END "```console setup\n$ exit 7\nanything\n" END
                "```console\n$ echo slow\nfast\n" END "```\n$ exit 8\n" END,
    };
    for (size_t k = 0; k < sizeof good / sizeof *good; k++)
        if (walk_guide("--quick", good[k]) != 0)
            fail_msg("guide %zu: %s", k, said);
}

static void what_is_not(void **state) {
    (void)state;
    static const struct {
        const char *text, *words;
        int status;
    } bad[] = {
        {CONSOLE "$ echo S4 confirmed 62 of 62\nS4 confirmed 63 of 63\n" END, "line 3: not what",
         1},
        {CONSOLE "$ echo 0x3f800001\n0x3f800000\n" END, "printed: 0x3f800001", 1},
        {CONSOLE "$ echo one; echo two\none\n" END, "shown:   (nothing more)", 1},
        {CONSOLE "$ echo one\none\ntwo\n" END, "printed: (nothing more)", 1},
        {CONSOLE "$ echo 'a*b'\na+b\n" END, "not what is shown", 1},
        {CONSOLE "$ seq 1 9\n1\n…\n10\n…\n" END, "not what is shown", 1},
        {CONSOLE "$ echo one; false\none\n" END, "exit status 1, not 0", 1},
        {"```console quick exit=2\n$ true\n" END, "exit status 0, not 2", 1},
        {CONSOLE "one\n" END, "without a command", 2},
        {"no command at all\n", "0 commands", 1},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        if (walk_guide("--quick", bad[k].text) != bad[k].status)
            fail_msg("guide %zu: %s", k, said);
        says(bad[k].words);
    }
    assert_int_equal(walk("--fast"), 2);
}

static void what_is_missing_is_named(void **state) {
    (void)state;
    assert_int_equal(walk_guide("", "```console needs=no-such-program\n$ false\n" END), 0);
    says("skipped, no-such-program is not here");
    assert_int_equal(setenv("NANOLAB_MODELS", folder, 1), 0);
    assert_int_equal(walk_guide("", "```console model\n$ false\n" END), 0);
    says("skipped, the model's weights are not here");
    assert_int_equal(unsetenv("NANOLAB_MODELS"), 0);
}

static void each_part_is_added_up(void **state) {
    (void)state;
    assert_int_equal(walk_guide("", "# a\n## b\n" CONSOLE "$ true\n$ true\n" END "### c\n" CONSOLE
                                    "$ true\n" END "## d\n"),
                     0);
    says("  b\n     1 "); /* commands, and no word of how long: no test asserts a time */
    says("  c\n3 commands");
}

/* What a command prints replaces what stands there, and marks of what may differ stay. */
static void update_writes_it_anew(void **state) {
    (void)state;
    assert_int_equal(walk_guide("--update", CONSOLE "$ echo took 7 s\ntook ‹9› s\n"
                                                    "$ echo two  # 99 s\none\n" END),
                     0);
    says("mark again");
    assert_string_equal(read_guide(), CONSOLE "$ echo took 7 s\ntook ‹7› s\n$ echo two\ntwo\n" END);
}

/* Answers to exercises are written into the private folder's labs alone. */
static void nothing_of_the_tree_changes(void **state) {
    (void)state;
    assert_int_equal(walk_guide("", CONSOLE "$ rm -r labs/01-float-staging && ls -d labs/00*\n"
                                            "labs/00-roofs\n" END),
                     0);
    char file[FOLDER_PATH + 40];
    snprintf(file, sizeof file, "%s/labs/01-float-staging/lab.c", home);
    assert_int_equal(access(file, R_OK), 0);
}

static void the_workshops_own_guide(void **state) {
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    print_message("the plain build's test does this: its commands are those of that build\n");
    skip();
#endif
    static const char *const guides[] = {"docs/workshop/guide.md", "docs/writing-a-lab.md"};
    for (size_t k = 0; k < sizeof guides / sizeof *guides; k++) {
        char arguments[100];
        snprintf(arguments, sizeof arguments, "--quick %s", guides[k]);
        if (walk(arguments) == 0)
            continue;
        print_message("%s", said);
        fail_msg("%s is not what its commands print: see above; where it should follow them, "
                 "scripts/walk-guide --update",
                 guides[k]);
    }
}

static int begin(void **state) {
    (void)state;
    return home_find(home, sizeof home) == 0 && mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_as_shown),         cmocka_unit_test(what_is_not),
        cmocka_unit_test(what_is_missing_is_named), cmocka_unit_test(each_part_is_added_up),
        cmocka_unit_test(update_writes_it_anew),    cmocka_unit_test(nothing_of_the_tree_changes),
        cmocka_unit_test(the_workshops_own_guide),
    };
    return cmocka_run_group_tests_name("walk-guide", tests, begin, end);
}
