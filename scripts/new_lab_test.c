/*
 * new_lab_test.c: scripts/new-lab makes a lab that compiles without a warning, and refuses what
 * would not be found or would overwrite.
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
#include "harness/store/result.h"

static char tree[] = "/tmp/new-lab-XXXXXX";
static char home[FOLDER_PATH], said[8192];

static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int run(const char *format, ...) {
    char command[3 * FOLDER_PATH], whole[sizeof command + 100];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    snprintf(whole, sizeof whole, "{ %s; } >output 2>&1", command);
    int status = system(whole);
    FILE *file = fopen("output", "r");
    size_t n = file ? fread(said, 1, sizeof said - 1, file) : 0;
    said[n] = '\0';
    if (file)
        fclose(file);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int begin(void **state) {
    (void)state;
    if (home_find(home, sizeof home) != 0 || !mkdtemp(tree) || chdir(tree) != 0)
        return -1;
    /* The script works on the tree it stands in. */
    return run("mkdir scripts labs && cp '%s/scripts/new-lab' scripts/", home);
}

static int end(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", tree);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void a_new_lab_compiles(void **state) {
    (void)state;
    /* 08 and 09 are no octal numbers. */
    static const char *const numbers[] = {"14", "08"};
    for (size_t i = 0; i < 2; i++) {
        if (run("scripts/new-lab %s lab-%s", numbers[i], numbers[i]) != 0)
            fail_msg("%s", said);
        if (run("gcc -std=gnu11 -Wall -Wextra -Werror -fsyntax-only -I '%s' labs/%s-lab-%s/lab.c",
                home, numbers[i], numbers[i]) != 0)
            fail_msg("%s", said);
        assert_int_equal(run("test -s labs/%s-lab-%s/README.md && test -s labs/%s-lab-%s/plot.gp",
                             numbers[i], numbers[i], numbers[i], numbers[i]),
                         0);
        assert_int_equal(run("grep -r '@N' labs"), 1);
    }
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    assert_int_equal(run("scripts/new-lab 20 twice"), 0);
    static const struct {
        const char *arguments, *words;
    } bad[] = {
        {"", "are needed"},
        {"21", "are needed"},
        {"21 a b", "are needed"},
        {"1 a", "two digits"},
        {"xx a", "two digits"},
        {"123 a", "two digits"},
        {"21 ''", "may hold"},
        {"21 Big", "may hold"},
        {"21 a/b", "may hold"},
        {"21 ../a", "may hold"},
        {"21 a--b", "may hold"},
        {"21 a_b", "may hold"},
        {"20 other", "20 is taken"},
        {"21 twice", "name is taken"},
        {"21 this-name-is-far-too-long-to-be-the-name-of-a-folder", "longer than 44"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int status = run("scripts/new-lab %s", bad[i].arguments);
        const char *newline = strchr(said, '\n');
        if (status != 2 || !newline || newline[1] || !strstr(said, bad[i].words))
            fail_msg("new-lab %s: status %d: %s", bad[i].arguments, status, said);
    }
    assert_int_equal(run("ls -d labs/21-*"), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_lab_compiles),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests_name("new-lab", tests, begin, end);
}
