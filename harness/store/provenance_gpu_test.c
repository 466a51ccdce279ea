/*
 * provenance_gpu_test.c: what is said where NVML does not work. Libraries made for the purpose
 * stand in for a driver's; this program starts itself again with each of them.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "harness/measure/nvml_fixture.h"
#include "harness/page/home.h"
#include "harness/store/provenance.h"

static const struct {
    const char *folder, *source, *says, *advice;
} libraries[] = {
    {"a", "int nvmlInit_v2(void){return 18;}", "NVML cannot start: it gives no reason (status 18)",
     "restart the machine, or reload"},
    {"b",
     "int nvmlInit_v2(void){return 18;} const char*nvmlErrorString(int s){"
     "return s == 18 ? \"Driver/library version \\033[2Jmismatch\" : \"?\";}",
     "NVML cannot start: Driver/library version \xef\xbf\xbd[2Jmismatch (status 18)",
     "restart the machine, or reload"},
    {"c", "int nvmlInit_v2(void){return 12;}", "(status 12)", "the toolkit's stub"},
    {"stubs", "int nvmlInit_v2(void){return 999;}", "(status 999)", "take its folder (stubs) out"},
    {"d", "int nvmlInit_v2(void){return 9;}", "(status 9)", "modprobe nvidia"},
    {"e", "int nvmlInit_v2(void){return 77;}", "(status 77)", "run nvidia-smi"},
    {"f", "int something(void){return 0;}", "has no nvmlInit_v2", "install a current driver"},
};

static void every_failure_of_nvml_names_the_next_step(void **state) {
    (void)state;
    char path[4096], said[1000];
    nvml_stand_in_needs();
    assert_int_equal(home_private(path, sizeof path), 0);
    for (size_t k = 0; k < sizeof libraries / sizeof *libraries; k++) {
        const char *folder = libraries[k].folder;
        nvml_stand_in(path, folder, libraries[k].source, "--why", said, sizeof said);
        if (!strstr(said, libraries[k].says) || !strstr(said, libraries[k].advice))
            fail_msg("%s: %s", folder, said);
    }
    home_private_remove(path);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--why") == 0) {
        char why[400] = "";
        json_t *gpus = provenance_gpus(why, sizeof why);
        puts(gpus ? "GPUs" : why);
        json_decref(gpus);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failure_of_nvml_names_the_next_step),
    };
    return cmocka_run_group_tests_name("provenance_gpu", tests, NULL, NULL);
}
