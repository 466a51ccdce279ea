/*
 * provenance_test.c: what is recorded about machine and build, and above all what is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/store/build_info.h"
#include "harness/store/provenance.h"
#include "harness/store/sha.h"

/* Every member, at any depth, is on the list; every null has its reason. */
static void check_members(const json_t *value, const char *const *allowed) {
    const char *name;
    json_t *member;
    size_t index;
    json_array_foreach((json_t *)value, index, member) check_members(member, allowed);
    json_object_foreach((json_t *)value, name, member) {
        if (strcmp(name, "missing") == 0)
            continue;
        size_t i = 0;
        while (allowed[i] && strcmp(allowed[i], name) != 0)
            i++;
        if (!allowed[i])
            fail_msg("\"%s\" is not on the list", name);
        const json_t *reason = json_object_get(json_object_get(value, "missing"), name);
        if (json_object_get(value, "missing") && json_is_null(member) && !json_is_string(reason))
            fail_msg("\"%s\" is null without a reason", name);
        check_members(member, allowed);
    }
}

static void only_listed_fields_are_recorded(void **state) {
    (void)state;
    static const char *const machine_fields[] = {
        /* the machine */
        "cpu", "memory_bytes", "page_bytes", "transparent_huge_pages", "hypervisor", "load_1min",
        "clock_step_seconds", "gpus",
        /* its processor */
        "model", "packages", "numa_nodes", "cores", "threads", "allowed_threads", "l1d", "l2", "l3",
        "bytes", "count", "governor", "quota",
        /* a GPU */
        "name", "driver", "max_clock_mhz", "max_memory_clock_mhz", "power_limit_watts", "ecc",
        "mig", "persistence", "state", "clock_mhz", "memory_clock_mhz", "temperature_celsius",
        "power_watts", "throttle", NULL};
    static const char *const software_fields[] = {
        "name", "version", "dirty", "compiler", "flags", "libc", "cuda_toolkit", "binary_sha256",
        "settings", "changes",
        /* settings of libraries, where they are set */
        "OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS",
        "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE",
        "NANOLAB_RANKS", "NANOLAB_GPUS", "NANOLAB_MPIRUN", "NANOLAB_NCCL", NULL};
    json_t *machine = provenance_machine(), *software = provenance_software();
    check_members(machine, machine_fields);
    check_members(software, software_fields);
    assert_true(json_integer_value(json_object_get(machine, "page_bytes")) >= 4096);
    assert_true(json_number_value(json_object_get(json_object_get(machine, "cpu"), "threads")) > 0);
    json_decref(machine);
    json_decref(software);
}

static void the_host_is_not_named(void **state) {
    (void)state;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    json_t *machine = provenance_machine(), *software = provenance_software();
    char *a = json_dumps(machine, 0), *b = json_dumps(software, 0);
    if (strlen(host) > 3) {
        assert_null(strstr(a, host));
        assert_null(strstr(b, host));
    }
    assert_null(strstr(a, "HostName"));
    free(a);
    free(b);
    json_decref(machine);
    json_decref(software);
}

static void the_executable_is_identified_by_its_bytes(void **state) {
    (void)state;
    json_t *software = provenance_software(), *fingerprint = provenance_fingerprint(NULL, 0);
    const char *digest = json_string_value(json_object_get(software, "binary_sha256"));
    assert_non_null(digest);
    assert_true(sha_is_digest(digest));
    assert_string_equal(digest, json_string_value(json_object_get(fingerprint, "kernel_binary")));
    char command[200], shell[SHA_TEXT] = "";
    snprintf(command, sizeof command, "sha256sum /proc/%d/exe", (int)getpid());
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(shell, sizeof shell, pipe));
    pclose(pipe);
    assert_string_equal(digest, shell);
    json_decref(software);
    json_decref(fingerprint);
}

static void settings_of_libraries_are_recorded_by_name(void **state) {
    (void)state;
    json_t *before = provenance_fingerprint(NULL, 0);
    char was[200], is[200];
    setenv("CUBLAS_EMULATE_SINGLE_PRECISION", "1", 1);
    setenv("CUBLASLT_HEURISTICS_LUT_FILE", "/home/somebody/table", 1);
    setenv("NVIDIA_TF32_OVERRIDE", "much longer than any word that a library would understand", 1);
    setenv("CUBLAS_SOMETHING_ELSE", "2", 1);
    json_t *settings = provenance_settings(), *after = provenance_fingerprint(NULL, 0);
    assert_string_equal(
        json_string_value(json_object_get(settings, "CUBLAS_EMULATE_SINGLE_PRECISION")), "1");
    assert_string_equal(
        json_string_value(json_object_get(settings, "CUBLASLT_HEURISTICS_LUT_FILE")), "(set)");
    assert_string_equal(json_string_value(json_object_get(settings, "NVIDIA_TF32_OVERRIDE")),
                        "(set)");
    assert_null(json_object_get(settings, "CUBLAS_SOMETHING_ELSE"));
    assert_null(json_object_get(settings, "CUBLAS_EMULATION_STRATEGY"));
    /* A run goes on under the same settings alone. */
    assert_string_equal(provenance_difference(before, after, was, is, sizeof was),
                        "libraries' settings");
    unsetenv("CUBLAS_EMULATE_SINGLE_PRECISION");
    unsetenv("CUBLASLT_HEURISTICS_LUT_FILE");
    unsetenv("NVIDIA_TF32_OVERRIDE");
    unsetenv("CUBLAS_SOMETHING_ELSE");
    json_decref(settings);
    json_decref(before);
    json_decref(after);
}

static void the_version_has_no_mark_of_dirt(void **state) {
    (void)state;
    assert_null(strstr(build_version(), "-dirty"));
    assert_true(strlen(build_version()) > 0);
    if (strcmp(build_version(), "unknown") == 0)
        assert_true(build_dirty());
}

static void arguments_lose_their_folders(void **state) {
    (void)state;
    static char *const given[] = {"/home/eve/bin/lab",
                                  "--quick",
                                  "--out=/home/eve/r",
                                  "--out",
                                  "eve/r/",
                                  "--label=a/b",
                                  "--label",
                                  "/c/d",
                                  "--device",
                                  "cuda:0,cpu",
                                  "--lib=./x.so",
                                  "bad\xff",
                                  "../up/--out=/home/eve/x"};
    static const char *const kept[] = {"\xe2\x80\xa6/lab",
                                       "--quick",
                                       "--out=\xe2\x80\xa6/r",
                                       "--out",
                                       "\xe2\x80\xa6",
                                       "--label=a/b",
                                       "--label",
                                       "/c/d",
                                       "--device",
                                       "cuda:0,cpu",
                                       "--lib=\xe2\x80\xa6/x.so",
                                       "(not UTF-8)",
                                       "\xe2\x80\xa6/x"};
    size_t count = sizeof given / sizeof *given;
    json_t *list = provenance_arguments((int)count, given);
    assert_int_equal(json_array_size(list), count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(json_string_value(json_array_get(list, i)), kept[i]);
    json_decref(list);
}

static size_t warnings_of(const char *text, const char *field) {
    json_error_t error;
    json_t *machine = json_loads(text, 0, &error);
    assert_non_null(machine);
    json_t *list = provenance_warnings(machine);
    size_t found = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        assert_non_null(json_string_value(json_object_get(one, "advice")));
        found += strcmp(json_string_value(json_object_get(one, "field")), field) == 0;
    }
    json_decref(list);
    json_decref(machine);
    return found;
}

static void what_spoils_measurements_is_named(void **state) {
    (void)state;
    assert_int_equal(warnings_of("{\"cpu\":{\"governor\":\"powersave\"}}", "governor"), 1);
    assert_int_equal(warnings_of("{\"cpu\":{\"governor\":\"performance\"}}", "governor"), 0);
    assert_int_equal(warnings_of("{\"cpu\":{\"governor\":null}}", "governor"), 0);
    assert_int_equal(warnings_of("{\"hypervisor\":true}", "hypervisor"), 1);
    assert_int_equal(warnings_of("{\"hypervisor\":false}", "hypervisor"), 0);
    const char *busy = "{\"load_1min\":3.5,\"cpu\":{\"threads\":8,\"allowed_threads\":4}}";
    assert_int_equal(warnings_of(busy, "load"), 1);
    assert_int_equal(warnings_of(busy, "affinity"), 1);
    const char *idle = "{\"load_1min\":0.5,\"cpu\":{\"threads\":4,\"allowed_threads\":4}}";
    assert_int_equal(warnings_of(idle, "load"), 0);
    assert_int_equal(warnings_of(idle, "affinity"), 0);
    assert_int_equal(warnings_of("{\"gpus\":[{\"mig\":true},{\"mig\":false}]}", "mig"), 1);
    assert_int_equal(
        warnings_of("{\"gpus\":[{\"state\":{\"throttle\":[\"idle\",\"hw_thermal\"]}}]}",
                    "throttle"),
        1);
    assert_int_equal(warnings_of("{\"gpus\":[{\"state\":{\"throttle\":[\"idle\"]}}]}", "throttle"),
                     0);
    assert_int_equal(warnings_of("{\"gpus\":null,\"cpu\":7}", "mig"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_listed_fields_are_recorded),
        cmocka_unit_test(the_host_is_not_named),
        cmocka_unit_test(the_executable_is_identified_by_its_bytes),
        cmocka_unit_test(settings_of_libraries_are_recorded_by_name),
        cmocka_unit_test(the_version_has_no_mark_of_dirt),
        cmocka_unit_test(arguments_lose_their_folders),
        cmocka_unit_test(what_spoils_measurements_is_named),
    };
    return cmocka_run_group_tests_name("provenance", tests, NULL, NULL);
}
