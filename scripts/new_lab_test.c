/*
 * new_lab_test.c: scripts/new-lab makes labs that build, run, verify, draw and pass their tests
 * with no line changed anywhere else, and refuses what would not be found or would overwrite.
 *
 * Everything happens in a tree of its own, where the harness and the kernels are links to the real
 * ones and the archives are those that this test was built with.
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
static char home[FOLDER_PATH], build[FOLDER_PATH], said[8192];

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

/* The folder that this test was built into. */
static int find_build(void) {
    ssize_t length = readlink("/proc/self/exe", build, sizeof build - 1);
    char *tests = length > 0 ? strstr(build, "/tests/scripts/") : NULL;
    if (!tests)
        return -1;
    *tests = '\0';
    return 0;
}

static int begin(void **state) {
    (void)state;
    if (home_find(home, sizeof home) != 0 || find_build() != 0 || !mkdtemp(tree) ||
        chdir(tree) != 0)
        return -1;
    /* The script works on the tree it stands in. */
    return run(
        "mkdir -p scripts labs build/bin build/lib build/obj && cd scripts && "
        "cp -r '%s/scripts/new-lab' '%s/scripts/new_lab' '%s/scripts/cuda-archs' "
        "'%s/scripts/check-exercise' '%s/scripts/hint' '%s/scripts/kernel-code' . && cd .. && "
        "ln -s '%s/Makefile' '%s/harness' '%s/kernels' '%s/results' .",
        home, home, home, home, home, home, home, home, home, home);
}

static int end(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", tree);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void succeeds(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void succeeds(const char *format, ...) {
    char command[FOLDER_PATH];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    if (run("%s", command) != 0)
        fail_msg("%s: %s", command, said);
}

/* The archives, the driver and the hashes of the kernels' objects are taken as they are. */
#define MAKE                                                                                       \
    "make --no-print-directory -j2 NVCC= "                                                         \
    "-o build/lib/libharness.a -o build/lib/libkernels.a -o build/bin/nanolab "

static const struct {
    int number; /* 08 is no octal number */
    const char *option, *exercise;
} made[] = {{14, "", "steady"}, {8, "--timed", "lines"}, {15, "--kernel", "neighbours"}};
#define MADE (sizeof made / sizeof *made)

static void a_new_lab_is_whole(size_t k) {
    int number = made[k].number;
    char lab[20];
    snprintf(lab, sizeof lab, "%02d-lab-%d", number, number);
    succeeds("! grep -r '@[A-Z]*@' labs/%s", lab);
    succeeds("build/bin/nanolab run %02d --quick --out out%d", number, number);
    succeeds("build/bin/nanolab verify out%d", number);
    succeeds("build/bin/nanolab plot out%d && test -s out%d/%s/plots/*.png", number, number, lab);
    succeeds("build/bin/nanolab report out%d && grep -q 'Is this number normal' out%d/report.md",
             number, number);
    succeeds("build/tests/labs/%s/claims_test", lab);
    succeeds("build/tests/labs/%s/exercise_test", lab);
    succeeds(MAKE "exercise-%02d 2>&1 | grep -q 'not yet'", number); /* as it is handed out */
    succeeds("cp labs/%s/exercise/solution/%s.c labs/%s/exercise/ && " MAKE "exercise-%02d", lab,
             made[k].exercise, lab, number);
}

static void new_labs_are_whole(void **state) {
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    print_message("the plain build's test makes these labs\n");
    skip();
#endif
    char targets[1000] = "";
    if (run("cp '%s/bin/nanolab' '%s/bin/nanolab-reveal' build/bin/ && "
            "ln -s '%s/lib/'* build/lib/ && ln -s '%s/obj/kernels' build/obj/ && "
            "ln -s '%s/libexec' build/",
            build, build, build, build, build) != 0)
        fail_msg("run make first: %s", said);
    for (size_t k = 0; k < MADE; k++) {
        int n = made[k].number;
        succeeds("scripts/new-lab %02d lab-%d %s", n, n, made[k].option);
        size_t used = strlen(targets);
        snprintf(targets + used, sizeof targets - used,
                 " build/labs/%02d-lab-%d build/tests/labs/%02d-lab-%d/claims_test "
                 "build/tests/labs/%02d-lab-%d/exercise_test",
                 n, n, n, n, n, n);
    }
    succeeds(MAKE "%s", targets);
    for (size_t k = 0; k < MADE; k++)
        a_new_lab_is_whole(k);
    if (run("command -v nvcc || ls /usr/local/cuda/bin/nvcc") == 0)
        succeeds("make CUDA_ARCHS=90 $(ls labs/*/*.cu | sed 's,.*,build/obj/&.cuda-90.o,')");
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    assert_int_equal(run("scripts/new-lab 20 twice"), 0);
    static const struct {
        const char *arguments, *words;
    } bad[] = {
        {"", "are needed"},
        {"21", "are needed"},
        {"21 a b", "no kind of lab"},
        {"21 a --kernel c", "are needed"},
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
        cmocka_unit_test(new_labs_are_whole),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests_name("new-lab", tests, begin, end);
}
