/*
 * compare_record_test.c: the time that a case is compared by is of samples in seconds, and of
 * nothing else that has their name.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/compare/compare_record.h"

static struct compare_time time_of(const char *series, const char *bench) {
    char text[800];
    snprintf(text, sizeof text, "{\"series\":[%s],\"bench\":%s}", series, bench);
    for (char *at = text; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    json_t *record = json_loads(text, 0, NULL);
    assert_non_null(record);
    struct compare_time time = compare_record_time(record);
    json_decref(record);
    return time;
}

#define SERIES(name, kind, unit, values)                                                           \
    "{'name':'" name "','kind':'" kind "','unit':'" unit "','values':[" values "]}"

static void the_low_time_is_of_times(void **state) {
    (void)state;
    static const char bench[] = "{'median':2.0}";
    const struct {
        const char *series, *bench;
        double low, median;
    } tries[] = {
        {SERIES("time", "time", "s", "1,1,3,3,3"), bench, 1, 2},
        {SERIES("time", "time", "s", "1,1,3,3,3"), "{'median':2.0,'p05':1.5}", 1.5, 2},
        /* Others that are called so: the median then stands for it. */
        {SERIES("time", "value", "s", "1,1,1"), bench, 2, 2},
        {SERIES("time", "value", "C", "1,1,1"), bench, 2, 2},
        {SERIES("time", "time", "ms", "1,1,1"), bench, 2, 2},
        {SERIES("delay", "time", "s", "1,1,1"), bench, 2, 2},
        {"{'name':'time','values':[1,1]}", bench, 2, 2},
        {"{'name':7,'kind':7,'unit':7,'values':[1,1]}", bench, 2, 2},
        {SERIES("time", "bits", "s", "'3f','3f'"), bench, 2, 2},
        {SERIES("time", "value", "s", "9,9,9") "," SERIES("time", "time", "s", "1,1"), bench, 1, 2},
        {SERIES("time", "time", "s", "null,-1,-1"), bench, 2, 2},
        {"", bench, 2, 2},
        /* A case that was not timed. */
        {SERIES("time", "time", "s", "1,1"), "null", NAN, NAN},
        {"", "{'median':0}", NAN, NAN},
    };
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        struct compare_time time = time_of(tries[k].series, tries[k].bench);
        bool low = time.low == tries[k].low || (isnan(time.low) && isnan(tries[k].low));
        bool median =
            time.median == tries[k].median || (isnan(time.median) && isnan(tries[k].median));
        if (!low || !median)
            fail_msg("try %zu: %g, %g", k, time.low, time.median);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_low_time_is_of_times)};
    return cmocka_run_group_tests_name("compare_record", tests, NULL, NULL);
}
