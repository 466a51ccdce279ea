/*
 * cuda_archs_test.c: scripts/cuda-archs names the GPUs to build for, and the Makefile does so. The
 * nvcc and the nvidia-smi here are scripts of the test's.
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

static char tree[] = "/tmp/cuda-archs-XXXXXX";
static char home[FOLDER_PATH];

/* Writes a script of this name; what it is called with is not looked at. */
static void script(const char *name, const char *says) {
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", says);
    fclose(file);
    char command[100];
    snprintf(command, sizeof command, "chmod +x %s", name);
    assert_int_equal(system(command), 0);
}

/* What scripts/cuda-archs prints on both, and its exit status. */
static const char *said(const char *arguments, int *status) {
    static char text[500];
    char command[2 * FOLDER_PATH];
    snprintf(command, sizeof command,
             "PATH=%s:/usr/bin:/bin '%s/scripts/cuda-archs' %s/nvcc %s 2>&1 | tr -d '\\n';"
             "exit ${PIPESTATUS[0]}",
             tree, home, tree, arguments);
    FILE *pipe = popen("bash -s >output 2>&1; echo $? >>output", "w");
    fputs(command, pipe);
    pclose(pipe);
    FILE *file = fopen("output", "r");
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    char *end = text + n - 2; /* one digit and a line's end */
    *status = *end - '0';
    *end = '\0';
    return text;
}

static void prints(const char *arguments, const char *expected) {
    int status;
    const char *text = said(arguments, &status);
    assert_string_equal(text, expected);
    assert_int_equal(status, 0);
}

static void refuses(const char *arguments, const char *reason) {
    int status;
    const char *text = said(arguments, &status);
    if (!strstr(text, reason))
        fail_msg("\"%s\" does not say \"%s\"", text, reason);
    assert_int_equal(status, 2);
}

static int begin(void **state) {
    (void)state;
    if (home_find(home, sizeof home) != 0 || !mkdtemp(tree) || chdir(tree) != 0)
        return -1;
    script("nvcc", "for a in 75 80 86 87 90 90a 100 120; do echo compute_$a; done");
    return 0;
}

static int end(void **state) {
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", tree);
    return chdir("/") == 0 ? system(command) : -1;
}

static void test_words(void **state) {
    (void)state;
    prints("all", "75 80 86 90 100 120"); /* 89: this nvcc does not know it */
    prints("none", "");
    prints("90 80 90", "80 90");
    refuses("", "--help");
    refuses("sm_90", "no number");
    refuses("70", "75 and newer");
}

static void test_gpus_of_the_machine(void **state) {
    (void)state;
    script("nvidia-smi", "echo 9.0; echo 8.0; echo 9.0");
    prints("here", "80 90");
    prints("test", "80 90");
    script("nvidia-smi", "echo 12.1"); /* newer than the toolkit, and near to what it knows */
    prints("here", "120");
    script("nvidia-smi", "echo 6.1");
    refuses("here", "CUDA_ARCHS=none");
    script("nvidia-smi", "[ \"$1\" = -L ] && echo 'GPU 0: one' || { echo 'not a field'; exit 2; }");
    prints("here", "75 80 86 90 100 120"); /* a GPU, and nobody says which */
}

static void test_no_gpu(void **state) {
    (void)state;
    if (access("/dev/nvidia0", F_OK) == 0)
        skip();
    script("nvidia-smi", "echo 'No devices were found'; exit 9");
    prints("here", "");
    prints("test", "80 90");
    script("nvcc", "exit 1");
    prints("here", ""); /* nvcc is not even asked */
    refuses("test", "--list-gpu-arch");
}

/* What the Makefile would link for these architectures, in a tree of two kernels. */
static void links(const char *archs, const char *wants, const char *never) {
    char command[2 * FOLDER_PATH], text[8192];
    snprintf(command, sizeof command,
             "env -u MAKEFLAGS -u MAKELEVEL make -n -f '%s/Makefile' NVCC=%s/nvcc "
             "CUDA_ARCHS='%s' V=1 build/lib/libnanolab-cuda.so 2>&1",
             home, tree, archs);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t n = fread(text, 1, sizeof text - 1, pipe);
    text[n] = '\0';
    assert_int_equal(pclose(pipe), 0);
    if (wants && !strstr(text, wants))
        fail_msg("%s: no \"%s\" in:\n%s", archs, wants, text);
    if (strstr(text, never))
        fail_msg("%s: \"%s\" in:\n%s", archs, never, text);
}

static void test_warpgroup_kernels(void **state) {
    (void)state;
    char command[2 * FOLDER_PATH];
    script("nvcc", "for a in 75 80 90 100; do echo compute_$a; done");
    snprintf(command, sizeof command,
             "mkdir -p kernels/a scripts && touch kernels/a/a.cu kernels/a/a_wgmma.cu && "
             "ln -sf '%s/scripts/cuda-archs' scripts/",
             home);
    assert_int_equal(system(command), 0);
    links("80 90", "-gencode arch=compute_90a,code=sm_90a -I. ", "a_wgmma.cu.cuda-80-90.o");
    links("80 90", "a.cu.cuda-80-90.o build/obj/kernels/a/a_wgmma.cu.cuda-90a.o ",
          "a_wgmma.cu.simt");
    links("80 100", "a.cu.cuda-80-100.o ", "a_wgmma");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_gpus_of_the_machine),
        cmocka_unit_test(test_no_gpu),
        cmocka_unit_test(test_warpgroup_kernels),
    };
    return cmocka_run_group_tests_name("cuda_archs", tests, begin, end);
}
