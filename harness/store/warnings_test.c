/*
 * warnings_test.c: each warning of provenance_warnings() comes when it should, only then, and with
 * advice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/store/provenance.h"

/* A machine that nothing is wrong with. */
static const char good[] =
    "{\"cpu\": {\"governor\": \"performance\", \"threads\": 8, \"allowed_threads\": 8,"
    "           \"quota\": null},"
    " \"transparent_huge_pages\": \"madvise\", \"hypervisor\": false, \"load_1min\": 0.3,"
    " \"gpus\": [{\"mig\": false, \"state\": {\"throttle\": [\"idle\"]}}]}";

/* The fields warned of, joined by commas. */
static void fields(const json_t *machine, char *out, size_t size) {
    json_t *warnings = provenance_warnings(machine);
    out[0] = '\0';
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const json_t *warning = json_array_get(warnings, i);
        const char *field = json_string_value(json_object_get(warning, "field"));
        size_t used = strlen(out);
        snprintf(out + used, size - used, "%s%s", used ? "," : "", field);
        assert_true(strlen(json_string_value(json_object_get(warning, "problem"))) > 10);
        assert_true(strlen(json_string_value(json_object_get(warning, "advice"))) > 10);
    }
    json_decref(warnings);
}

static void nothing_wrong_no_warning(void **state) {
    (void)state;
    char found[200];
    json_t *machine = json_loads(good, 0, NULL);
    assert_non_null(machine);
    fields(machine, found, sizeof found);
    assert_string_equal(found, "");
    json_decref(machine);
    /* A machine that tells nothing is no reason for alarm either. */
    machine = json_object();
    fields(machine, found, sizeof found);
    assert_string_equal(found, "");
    json_decref(machine);
}

static void each_trouble_has_its_warning(void **state) {
    (void)state;
    static const struct {
        const char *change, *field;
    } troubles[] = {
        {"{\"cpu\": {\"governor\": \"powersave\"}}", "governor"},
        {"{\"hypervisor\": true}", "hypervisor"},
        {"{\"load_1min\": 6.5}", "load"},
        {"{\"cpu\": {\"allowed_threads\": 2}}", "affinity"},
        {"{\"cpu\": {\"quota\": 1.5}}", "quota"},
        {"{\"transparent_huge_pages\": \"never\"}", "transparent_huge_pages"},
        {"{\"gpus\": [{\"mig\": true}]}", "mig"},
        {"{\"gpus\": [{\"mig\": false, \"state\": {\"throttle\": [\"thermal\"]}}]}", "throttle"},
    };
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        char found[200];
        json_t *machine = json_loads(good, 0, NULL);
        json_t *change = json_loads(troubles[i].change, 0, NULL);
        json_object_update_recursive(machine, change);
        fields(machine, found, sizeof found);
        assert_string_equal(found, troubles[i].field);
        json_decref(change);
        json_decref(machine);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_wrong_no_warning),
        cmocka_unit_test(each_trouble_has_its_warning),
    };
    return cmocka_run_group_tests_name("warnings", tests, NULL, NULL);
}
