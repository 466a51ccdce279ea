/*
 * report_words_test.c: where a run's numbers come from; and what may have spoilt its times: what
 * others took while it worked, where that is known, and the load average before it where it is not.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/page/report.h"

static char *words_of(void (*say)(const json_t *run, FILE *out), const char *run) {
    char *text = NULL;
    size_t size = 0;
    json_t *json = json_loads(run, 0, NULL);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(json);
    assert_non_null(out);
    say(json, out);
    fclose(out);
    json_decref(json);
    return text;
}

#define MACHINE "\"machine\":{\"load_1min\":3.5,\"cpu\":{\"allowed_threads\":2}}"
#define OTHERS(cpus) "\"run\":{\"others\":{\"cpus\":" cpus ",\"stolen\":0,\"of\":2,\"seconds\":60}}"

static void load_is_told_by_what_is_known(void **state) {
    (void)state;
    static const struct {
        const char *run, *has, *has_not;
    } tries[] = {
        {"{" MACHINE ",\"run\":{}}", "load 3.5 on 2 processors", "kept"},
        {"{" MACHINE "," OTHERS("0.1") "}", "", "Found"},
        {"{" MACHINE "," OTHERS("1.5") "}", "programs kept 1.5 of 2 processors busy", "load 3.5"},
        {"{\"machine\":{}," OTHERS("1.5") "}", "kept 1.5 of 2 processors busy", "load"},
        {"{\"machine\":{},\"run\":{}}", "", "Found"},
    };
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        char *text = words_of(report_warnings, tries[k].run);
        if (!strstr(text, tries[k].has) || strstr(text, tries[k].has_not))
            fail_msg("try %zu:\n%s", k, text);
        free(text);
    }
}

/* Every run records the card that simt would simulate. */
static void a_card_is_told_where_one_is_simulated(void **state) {
    (void)state;
    static const struct {
        const char *devices;
        bool has;
    } tries[] = {
        {"null", true},        {"\"\"", true},
        {"\"simt\"", true},    {"\"cpu,simt\"", true},
        {"\"cpu\"", false},    {"\"sass:sm_90\"", false},
        {"\"ptx\"", false},    {"\"simt2,xsimt\"", false},
        {"\",,simt,\"", true},
    };
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        char run[200];
        snprintf(run, sizeof run, "{\"run\":{\"device_list\":%s,\"simt_card\":\"H100\"}}",
                 tries[k].devices);
        char *text = words_of(report_provenance, run);
        if ((strstr(text, "| Card that simt simulates | H100 |") != NULL) != tries[k].has)
            fail_msg("devices %s:\n%s", tries[k].devices, text);
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_is_told_by_what_is_known),
        cmocka_unit_test(a_card_is_told_where_one_is_simulated),
    };
    return cmocka_run_group_tests_name("report_words", tests, NULL, NULL);
}
