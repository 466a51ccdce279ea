/*
 * exercise_fixture.h: the test of a lab's exercises. Their checker must accept right solutions,
 * however they are written, and reject, for the right reason, wrong ones and solutions that do
 * anything but answer; and the files as they are handed out.
 *
 * Answers to try lie beside each exercise NAME: right/NAME.WHAT.c, at least LEAST_RIGHT of them,
 * and wrong/NAME.WHAT.c, at least LEAST_WRONG. The first line of a wrong one holds words that must
 * stand in what the checker says of it. Of a kernel, they end in .cuh.
 *
 *     / * rejected: at n = 33 * /      (without the blanks)
 *
 * A lab's exercise_test.c defines FOLDER, the path of its exercise folder, and `exercises`, their
 * names, and then includes this file, which has the tests and main. All labs share one checker, so
 * files that do anything but answer are tried in full where ALL_ATTACKS is defined: once for each
 * way to ask (exercise.h, exercise_timed.h, check_trees.bash). Elsewhere two of them show that it
 * is this checker that judges.
 */
#ifndef NANOLAB_HARNESS_EXERCISE_FIXTURE_H
#define NANOLAB_HARNESS_EXERCISE_FIXTURE_H

#include <glob.h>
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

#ifndef LEAST_RIGHT
#define LEAST_RIGHT 3
#endif
#ifndef LEAST_WRONG
#define LEAST_WRONG 8
#endif
#define EXERCISES (sizeof exercises / sizeof *exercises)

/* Of an exercise that is a kernel, all files end in .cuh. */
static bool is_kernel(const char *exercise) {
    char path[300];
    snprintf(path, sizeof path, FOLDER "/%s.cuh", exercise);
    return access(path, F_OK) == 0;
}

/* The checker's exit status, and what it says; `seconds` as it gives itself, 0. No text from
 * outside reaches the shell. */
static int check_file(const char *exercise, const char *path, int seconds, char *said,
                      size_t size) {
    char command[600], limit[40] = "";
    if (seconds)
        snprintf(limit, sizeof limit, "EXERCISE_SECONDS=%d ", seconds);
    snprintf(command, sizeof command, "%s" FOLDER "/check %s %s 2>&1", limit, exercise, path);
    FILE *in = popen(command, "r");
    assert_non_null(in);
    size_t got = fread(said, 1, size - 1, in);
    said[got] = '\0';
    while (getc(in) != EOF)
        ;
    int status = pclose(in);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Kernels need a compiler that not every machine has, and what make builds. */
static const char lacking[] = "cannot be checked here";
static bool skipped;

static void begin(void) {
    skipped = false;
}

static void end(void) {
    if (skipped)
        skip();
}

/* Little time for what is there to take too long; others get all they can, so that a busy machine
 * does not end them sooner. */
static int seconds_for(const char *words) {
    return strstr(words, "2 seconds") ? 2 : 0;
}

static void expect(const char *exercise, const char *path, int expected, const char *words) {
    char said[4000];
    int status = check_file(exercise, path, seconds_for(words), said, sizeof said);
    if (status == 2 && strstr(said, lacking)) {
        if (!skipped)
            print_message("%s", said);
        skipped = true;
        return;
    }
    if (status != expected || !strstr(said, words))
        fail_msg("%s: status %d, not %d with the words \"%s\": %s", path, status, expected, words,
                 said);
}

/* What stands between "rejected: " and " * /" in a file's first line. */
static void read_words(const char *path, char *words, int size) {
    static const char begin[] = "/* rejected: ";
    FILE *in = fopen(path, "r");
    char *line = in ? fgets(words, size, in) : NULL, *end = line ? strstr(line, " */") : NULL;
    if (!end || strncmp(line, begin, strlen(begin)) != 0 || end - line <= (int)strlen(begin))
        fail_msg("%s: its first line is not \"%sWORDS */\"", path, begin);
    *end = '\0';
    memmove(words, words + strlen(begin), strlen(words + strlen(begin)) + 1);
    fclose(in);
}

/* Each NAME.WHAT.c of a folder, for each exercise. */
static void each(const char *folder, size_t least, int expected) {
    for (size_t x = 0; x < EXERCISES; x++) {
        char pattern[300], words[300] = "";
        glob_t files;
        snprintf(pattern, sizeof pattern, FOLDER "/%s/%s.*.c*", folder, exercises[x]);
        int found = glob(pattern, 0, NULL, &files);
        if (found != 0 && found != GLOB_NOMATCH)
            fail_msg("%s: cannot be read", pattern);
        size_t count = found == 0 ? files.gl_pathc : 0;
        for (size_t k = 0; k < count; k++) {
            if (expected != 0)
                read_words(files.gl_pathv[k], words, sizeof words);
            expect(exercises[x], files.gl_pathv[k], expected, words);
        }
        globfree(&files);
        if (count < least)
            fail_msg("%s: %zu files; at least %zu are asked for", pattern, count, least);
    }
}

/* An answer is never built with a sanitiser, and neither is its judge: the sanitised build would
 * but ask all again. */
static void in_the_plain_build_only(void) {
#ifdef __SANITIZE_ADDRESS__
    print_message("the plain build's test has these answers\n");
    skip();
#endif
}

static void solutions_are_right(void **state) {
    (void)state;
    begin();
    for (size_t x = 0; x < EXERCISES; x++) {
        char path[300];
        snprintf(path, sizeof path, FOLDER "/solution/%s.%s", exercises[x],
                 is_kernel(exercises[x]) ? "cuh" : "c");
        expect(exercises[x], path, 0, "right");
    }
    end();
}

static void handed_out_files_are_not_yet_right(void **state) {
    (void)state;
    begin();
    for (size_t x = 0; x < EXERCISES; x++) {
        char path[300];
        snprintf(path, sizeof path, FOLDER "/%s.%s", exercises[x],
                 is_kernel(exercises[x]) ? "cuh" : "c");
        expect(exercises[x], path, 1, "not yet");
    }
    end();
}

static void other_ways_are_right_too(void **state) {
    (void)state;
    in_the_plain_build_only();
    begin();
    each("right", LEAST_RIGHT, 0);
    end();
}

static void wrong_ones_are_rejected_for_the_right_reason(void **state) {
    (void)state;
    in_the_plain_build_only();
    begin();
    each("wrong", LEAST_WRONG, 1);
    end();
}

static void each_has_three_hints(void **state) {
    (void)state;
    for (size_t x = 0; x < EXERCISES; x++) {
        char command[300];
        snprintf(command, sizeof command, "scripts/hint " FOLDER " 3 %s >/dev/null", exercises[x]);
        if (system(command) != 0)
            fail_msg("%s: status not 0", command);
    }
}

static void no_such_exercise(void **state) {
    (void)state;
    expect("nothing", FOLDER "/solution/nothing.c", 2, "there is no exercise");
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
            "#define _GNU_SOURCE\n#include <fcntl.h>\n#include <pthread.h>\n#include "
            "<sys/syscall.h>\n#include <setjmp.h>\n#include <signal.h>\n"
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
    {"signal", "syscall(SYS_tgkill, getppid(), getppid(), SIGKILL);",
     "asks the system for something else", .goes_on = true},
    {"judge",
     "char path[40]; snprintf(path, sizeof path, \"/proc/%d/mem\", (int)getppid()); "
     "if (open(path, O_RDWR) >= 0) exit(3); abort();",
     "crashed before it answered (Aborted"},
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
    in_the_plain_build_only();
    char path[] = "/tmp/exercise-XXXXXX.c", said[4000];
    int fd = mkstemps(path, 2);
    assert_true(fd >= 0);
    close(fd);
#ifdef ALL_ATTACKS
    size_t count = sizeof attacks / sizeof *attacks;
#else
    size_t count = 2;
#endif
    for (size_t k = 0; k < count; k++)
        for (size_t x = 0; x < EXERCISES; x++) {
            if (k > 1 && x > 0)
                break; /* one is enough */
            if (is_kernel(exercises[x]))
                continue; /* such a file calls nothing: kernel_rules.awk */
            write_attack(&attacks[k], exercises[x], path);
            int seconds = seconds_for(attacks[k].words);
            int status = check_file(exercises[x], path, seconds, said, sizeof said);
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

/* What is the same for every answer is compiled once. */
static char kept[] = "/tmp/exercise-kept-XXXXXX";

static int keep(void **state) {
    (void)state;
    return mkdtemp(kept) && setenv("EXERCISE_KEPT", kept, 1) == 0 ? 0 : -1;
}

static int forget(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", kept);
    return system(command) == 0 ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solutions_are_right),
        cmocka_unit_test(other_ways_are_right_too),
        cmocka_unit_test(handed_out_files_are_not_yet_right),
        cmocka_unit_test(wrong_ones_are_rejected_for_the_right_reason),
        cmocka_unit_test(whatever_does_not_answer_is_wrong),
        cmocka_unit_test(each_has_three_hints),
        cmocka_unit_test(no_such_exercise),
    };
    return cmocka_run_group_tests_name("exercise", tests, keep, forget);
}

#endif
