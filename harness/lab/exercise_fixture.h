/*
 * exercise_fixture.h: the test of a lab's exercises. Their checker must accept right solutions,
 * however they are written, and reject wrong ones and the files as they are handed out; and, for
 * the right reason, solutions that do anything but answer.
 *
 * A lab's exercise_test.c defines FOLDER, the path of its exercise folder, and `exercises`, their
 * names, and then includes this file, which has the tests and main.
 */
#ifndef NANOLAB_HARNESS_EXERCISE_FIXTURE_H
#define NANOLAB_HARNESS_EXERCISE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The checker's exit status. The words are all ours: no text from outside reaches the shell. */
static int check(const char *exercise, const char *folder) {
    char command[300];
    snprintf(command, sizeof command, FOLDER "/check %s " FOLDER "/%s%s.c", exercise, folder,
             exercise);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect(const char *folder, int status) {
    for (size_t k = 0; k < sizeof exercises / sizeof *exercises; k++)
        assert_int_equal(check(exercises[k], folder), status);
}

static void solutions_are_right(void **state) {
    (void)state;
    expect("solution/", 0);
}

static void other_ways_are_right_too(void **state) {
    (void)state;
    expect("alternative/", 0);
}

static void handed_out_files_are_not_yet_right(void **state) {
    (void)state;
    expect("", 1);
}

static void nearly_right_is_wrong(void **state) {
    (void)state;
    expect("wrong/", 1);
}

static void wrong_in_other_ways_is_wrong(void **state) {
    (void)state;
    expect("wrong2/", 1);
}

static void no_such_exercise(void **state) {
    (void)state;
    assert_int_equal(check("nothing", "solution/"), 2);
}

/* --- files that do anything but answer ---------------------------------------------------------
 */

struct attack {
    const char *name, *code; /* of attack(), which every function of a right solution calls first */
    const char *words;       /* why it is rejected, where exercise.h asks */
    bool once;               /* at the third call only */
    bool goes_on;            /* and then answers, which elsewhere than in exercise.h is no fault */
};

/* The word before the file's name in what the shell reads: no text from outside. */
static void write_attack(const struct attack *a, const char *exercise, const char *path) {
    char command[1200];
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out,
            "#define _GNU_SOURCE\n#include <pthread.h>\n#include <setjmp.h>\n#include <signal.h>\n"
            "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n"
            "static void attack(void) {\n    static int calls;\n    if (%s)\n        return;\n"
            "    %s\n}\n",
            a->once ? "++calls != 3" : "calls++ < 0", a->code);
    fclose(out);
    snprintf(command, sizeof command,
             "sed -E '/[)] [{]$/{/^ *([}] else )?(if|for|while|switch) /!s/$/ attack();/}' " FOLDER
             "/solution/%s.c >>%s && grep -q 'attack();$' %s",
             exercise, path, path);
    if (system(command) != 0)
        fail_msg("no attack could be made of %s", exercise);
}

/* The checker's exit status, and what it says. An attack that is there to take too long is given
 * little time; others all they get, so that a busy machine does not end them sooner. */
static int check_file(const char *exercise, const char *path, const char *words, char *said,
                      size_t size) {
    char command[300];
    snprintf(command, sizeof command, "EXERCISE_SECONDS=%d " FOLDER "/check %s %s 2>&1",
             strstr(words, "2 seconds") ? 2 : 20, exercise, path);
    FILE *in = popen(command, "r");
    assert_non_null(in);
    size_t got = fread(said, 1, size - 1, in);
    said[got] = '\0';
    while (getc(in) != EOF)
        ;
    int status = pclose(in);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const struct attack attacks[] = {
    {"exit", "exit(0);", "ended before it answered (exit status 0)"},
    {"late exit", "exit(0);", "ended before it answered (exit status 0)", .once = true},
    {"_exit", "_exit(0);", "ended before it answered (exit status 0)"},
    {"abort", "abort();", "crashed before it answered (Aborted"},
    {"kill", "raise(SIGKILL);", "crashed before it answered (Killed"},
    {"longjmp", "static jmp_buf none; longjmp(none, 1);", "crashed before it answered ("},
    {"thread's end", "pthread_exit(NULL);", "before it answered (exit status 0)"},
    {"loop", "for (;;) ;", "took more than 2 seconds"},
    {"sleep", "signal(SIGTERM, SIG_IGN); for (;;) pause();", "took more than 2 seconds"},
    {"fork", "if (fork() == 0) _exit(0);", "starts another process", .goes_on = true},
    {"exec", "execl(\"/bin/true\", \"true\", NULL); exit(0);", "before it answered"},
    {"close", "for (int k = 0; k < 1000; k++) close(k);", "closed files that are not its own",
     .goes_on = true},
    {"write", "for (int k = 3; k < 9; k++) write(k, \"12345678\", 8);",
     "wrote to files that are not its own", .goes_on = true},
    {"claim", "printf(\"%s: right\\n\", \"it\"); fflush(stdout); exit(0);",
     "it printed: it: right"},
    {"words", "for (;;) puts(\"right\");", "took more than 2 seconds"},
    {"memory", "for (char *p; (p = malloc(1 << 20)); ) memset(p, 1, 1 << 20); abort();",
     "it held nearly all of the 1 GiB"},
    {"stack", "volatile char deep[1 << 26]; for (int k = 0; k < 1 << 26; k += 4096) deep[k] = 1;",
     "crashed before it answered (Segmentation fault", .goes_on = true},
};

static void whatever_does_not_answer_is_wrong(void **state) {
    (void)state;
    char path[] = "/tmp/exercise-XXXXXX.c", said[4000];
    int fd = mkstemps(path, 2);
    assert_true(fd >= 0);
    close(fd);
    for (size_t k = 0; k < sizeof attacks / sizeof *attacks; k++)
        for (size_t x = 0; x < sizeof exercises / sizeof *exercises; x++) {
            if (k > 1 && x > 0)
                break; /* one is enough */
            write_attack(&attacks[k], exercises[x], path);
            int status = check_file(exercises[x], path, attacks[k].words, said, sizeof said);
#ifdef OTHER_WORDS
            bool right = (status == 1 && strstr(said, "not yet")) || attacks[k].goes_on;
#else
            bool right = status == 1 && strstr(said, "not yet") && strstr(said, attacks[k].words);
#endif
            if (!right)
                fail_msg("%s in %s: status %d: %s", attacks[k].name, exercises[x], status, said);
        }
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solutions_are_right),
        cmocka_unit_test(other_ways_are_right_too),
        cmocka_unit_test(handed_out_files_are_not_yet_right),
        cmocka_unit_test(nearly_right_is_wrong),
        cmocka_unit_test(wrong_in_other_ways_is_wrong),
        cmocka_unit_test(whatever_does_not_answer_is_wrong),
        cmocka_unit_test(no_such_exercise),
    };
    return cmocka_run_group_tests_name("exercise", tests, NULL, NULL);
}

#endif
