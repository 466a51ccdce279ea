/*
 * registers_test.c: scripts/registers makes a table of the compiler's report, and says what to do
 * where there is none. The report here is a text in the compiler's form.
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

static char tree[] = "/tmp/registers-XXXXXX";
static char said[4096];

static int run(const char *command) {
    char whole[FOLDER_PATH];
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
    char home[FOLDER_PATH], command[3 * FOLDER_PATH];
    if (home_find(home, sizeof home) != 0 || !mkdtemp(tree) || chdir(tree) != 0)
        return -1;
    snprintf(command, sizeof command, "mkdir scripts && cp '%s/scripts/registers' scripts/", home);
    unsetenv("B");
    return system(command);
}

static int end(void **state) {
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", tree);
    return chdir("/") == 0 ? system(command) : -1;
}

static void test_nothing_built(void **state) {
    (void)state;
    assert_int_equal(run("scripts/registers"), 2);
    assert_non_null(strstr(said, "make cuda first"));
    assert_int_equal(run("scripts/registers kernels/a/a.cu"), 2);
    assert_non_null(strstr(said, "kernels/a/a.cu"));
    assert_int_equal(run("scripts/registers --wrong"), 2);
    assert_int_equal(run("scripts/registers --help"), 0);
    assert_non_null(strstr(said, "spills"));
}

static void test_table(void **state) {
    (void)state;
    FILE *file;
    assert_int_equal(system("mkdir -p build/obj/kernels/a"), 0);
    assert_int_equal(system("echo 80-90 >build/cuda-archs"), 0);
    /* What a build for other GPUs left. */
    assert_int_equal(system("echo lost >build/obj/kernels/a/a.cu.cuda-75.ptxas"), 0);
    file = fopen("build/obj/kernels/a/a.cu.cuda-80-90.ptxas", "w");
    assert_non_null(file);
    fputs("ptxas info    : 0 bytes gmem\n"
          "ptxas info    : Compiling entry function '_Z5firstPf' for 'sm_90'\n"
          "ptxas info    : Function properties for _Z5firstPf\n"
          "    32 bytes stack frame, 28 bytes spill stores, 52 bytes spill loads\n"
          "ptxas info    : Used 168 registers, used 1 barriers, 32 bytes cumulative stack size\n"
          "ptxas info    : Compiling entry function '_Z6secondPf' for 'sm_80'\n"
          "ptxas info    : Function properties for _Z6secondPf\n"
          "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
          "ptxas info    : Used 8 registers, used 0 barriers\n",
          file);
    fclose(file);
    assert_int_equal(run("scripts/registers kernels/a/a.cu | tr -s ' '"), 0);
    assert_string_equal(said, "target registers stack stores loads kernel\n"
                              "sm_80 8 0 0 0 second\n"
                              "sm_90 168 32 28 52 first\n");
    assert_int_equal(run("scripts/registers"), 0);
    assert_non_null(strstr(said, "168"));
    assert_null(strstr(said, "third"));
    /* What is built for sm_90a alone is of every build that has 90, and of no other. */
    file = fopen("build/obj/kernels/a/a_wgmma.cu.cuda-90a.ptxas", "w");
    assert_non_null(file);
    fputs("ptxas info    : Compiling entry function '_Z5thirdPf' for 'sm_90a'\n"
          "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
          "ptxas info    : Used 90 registers, used 1 barriers\n",
          file);
    fclose(file);
    assert_int_equal(run("scripts/registers | tail -n 1 | tr -s ' '"), 0);
    assert_string_equal(said, "sm_90a 90 0 0 0 third\n");
    assert_int_equal(run("scripts/registers kernels/a/a_wgmma.cu"), 0);
    assert_non_null(strstr(said, "third"));
    assert_int_equal(system("echo 80-89 >build/cuda-archs"), 0);
    assert_int_equal(run("scripts/registers kernels/a/a_wgmma.cu"), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_built),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests_name("registers", tests, begin, end);
}
