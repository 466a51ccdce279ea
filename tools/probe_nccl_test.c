/*
 * probe_nccl_test.c: what `nanolab probe nccl` asks, of the library for tests whose GPU is host
 * memory (kernels/ranks/nccl_fake/). That one does not mind two ranks on one GPU, and says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dlfcn.h>

#include "kernels/device/device.h"
#include "tools/probe_nccl.h"

#define SOURCE "kernels/ranks/nccl_fake/nccl_fake.c"

static char folder[] = "/tmp/nanolab-probe-nccl-XXXXXX";
static struct nccl_probe probe = {.seconds = 1.5, .soon = 0.1};
static char *mode;

static int set_up(void **state) {
    (void)state;
    char command[400], path[64], why[RANKS_WHY];
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/nccl.so", folder);
    snprintf(command, sizeof command,
             "gcc -O1 -g -w -shared -fPIC -DVERSION=22809 -o %s " SOURCE " -lpthread", path);
    if (system(command) != 0 || setenv("NANOLAB_NCCL", path, 1) != 0)
        return -1;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle || ranks_nccl_load(&probe.nccl, why) != 0)
        return -1;
    mode = dlsym(handle, "fake_mode");
    probe.busy = (int (*)(void *))dlsym(handle, "fake_busy");
    return device_open(&probe.device, DEVICE_SIMT, 0);
}

static int tear_down(void **state) {
    (void)state;
    char command[100];
    device_close(probe.device);
    ranks_nccl_unload(probe.nccl);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static size_t wrong(const char *library_mode) {
    strcpy(mode, library_mode);
    probe.asked = probe.wrong = 0;
    probe_nccl(&probe);
    strcpy(mode, "");
    return probe.wrong;
}

static void test_questions(void **state) {
    (void)state;
    assert_int_equal(wrong(""), 1); /* two ranks on one GPU */
    assert_int_equal(probe.asked, 8);
}

/* Rank 0's groups do not start: no sum is asked for, and the twins are refused. */
static void test_a_library_that_does_not_start(void **state) {
    (void)state;
    assert_int_equal(wrong("init-fails"), 4);
    assert_int_equal(probe.asked, 5);
}

static void test_a_library_that_hangs(void **state) {
    (void)state;
    assert_int_equal(wrong("sum-hangs"), 3); /* a first sum, one after an abort, the twins */
    assert_int_equal(probe.asked, 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_a_library_that_does_not_start),
        cmocka_unit_test(test_a_library_that_hangs),
    };
    return cmocka_run_group_tests_name("probe_nccl", tests, set_up, tear_down);
}
