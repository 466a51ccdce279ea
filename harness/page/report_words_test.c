/*
 * report_words_test.c: what may have spoilt a run's times: what others took while it worked, where
 * that is known, and the load average before it where it is not.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/page/report.h"

static char *warnings_of(const char *run) {
    char *text = NULL;
    size_t size = 0;
    json_t *json = json_loads(run, 0, NULL);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(json);
    assert_non_null(out);
    report_warnings(json, out);
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
        char *text = warnings_of(tries[k].run);
        if (!strstr(text, tries[k].has) || strstr(text, tries[k].has_not))
            fail_msg("try %zu:\n%s", k, text);
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(load_is_told_by_what_is_known)};
    return cmocka_run_group_tests_name("report_words", tests, NULL, NULL);
}
