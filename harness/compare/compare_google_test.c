/*
 * compare_google_test.c: Google Benchmark's JSON as its library writes it, and as it does not.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/compare/compare_foreign_fixture.h"

/* --- Google Benchmark --------------------------------------------------------------------------
 */

/* As the library's reporter writes it, aggregates, failures and manual time among it. */
static void google_benchmark_is_read(void **state) {
    struct two *t = *state;
    write_json(
        t, "g.json",
        "{'context':{'date':'d','host_name':'h','executable':'/a/b/bm','num_cpus':4,"
        "'caches':[{'type':'Data'}],'library_build_type':'release','json_schema_version':1},"
        "'benchmarks':["
        "{'name':'BM_a/8','run_name':'BM_a/8','run_type':'iteration','repetitions':3,"
        "'repetition_index':0,'threads':1,'iterations':100,'real_time':1.2e+01,'cpu_time':1,"
        "'time_unit':'us','items_per_second':5e3},"
        "{'name':'BM_m/manual_time','run_name':'BM_m/manual_time','run_type':'iteration',"
        "'real_time':5,'cpu_time':700,'time_unit':'ms'}," /* a name of its own in between */
        "{'name':'BM_a/8','run_type':'iteration','real_time':20,'time_unit':'us'},"
        "{'name':'BM_a/8','run_type':'iteration','real_time':14000,'time_unit':'ns'},"
        "{'name':'BM_a/8_mean','run_name':'BM_a/8','run_type':'aggregate','aggregate_name':'mean',"
        "'aggregate_unit':'time','real_time':999,'time_unit':'us'},"
        "{'name':'BM_c_mean','run_name':'BM_c','run_type':'aggregate','aggregate_name':'mean',"
        "'aggregate_unit':'time','real_time':3,'time_unit':'s'},"
        "{'name':'BM_c_median','run_name':'BM_c','run_type':'aggregate','aggregate_name':'median',"
        "'aggregate_unit':'time','real_time':2,'time_unit':'s'},"
        "{'name':'BM_c_cv','run_name':'BM_c','run_type':'aggregate','aggregate_name':'cv',"
        "'aggregate_unit':'percentage','real_time':0.01,'time_unit':'s'},"
        "{'name':'BM_d_mean','run_name':'BM_d','run_type':'aggregate','aggregate_name':'mean',"
        "'real_time':4,'time_unit':'s'},"
        "{'name':'BM_d_BigO','run_name':'BM_d','run_type':'aggregate','aggregate_name':'BigO',"
        "'cpu_coefficient':1,'real_coefficient':2,'big_o':'N','time_unit':'ns'},"
        "{'name':'BM_e','run_type':'iteration','error_occurred':true,'error_message':'bad',"
        "'iterations':0,'real_time':0,'cpu_time':0,'time_unit':'ns'},"
        "{'name':'BM_f','run_type':'iteration','skipped':true,'skip_message':'no','iterations':0,"
        "'real_time':0,'cpu_time':0,'time_unit':'ns'},"
        "{'name':'BM_\\u001b[31mg\\nh','run_type':'iteration','real_time':1,'time_unit':'s'}]}\n");
    open_side(t, 0, "g.json");
    assert_int_equal(t->side[0].count, 5);
    assert_true(fabs(time_of(t, "BM_a/8", "cpu") / 14e-6 - 1) < 1e-12);
    assert_true(fabs(time_of(t, "BM_m/manual_time", "cpu") / 5e-3 - 1) < 1e-12);
    assert_true(time_of(t, "BM_c", "cpu") == 2);
    assert_true(time_of(t, "BM_d", "cpu") == 4);
    assert_true(time_of(t, "BM_" TEXT_REPLACEMENT "[31mg h", "cpu") == 1);
    expect_note(t, "g.json: 2 cases failed or were skipped, and are left out, such as BM_e");
    expect_note(t, "1 cases have no repetitions but their median alone, namely BM_c");
    expect_note(t, "1 cases have no repetitions but their mean alone, namely BM_d");
}

/* As before 2019: no run_type. */
static void old_google_benchmark_is_read(void **state) {
    struct two *t = *state;
    write_json(t, "g.json",
               "{'context':{'date':'2016','num_cpus':4,'library_build_type':'release'},"
               "'benchmarks':[{'name':'BM_a','iterations':9,'real_time':10,'cpu_time':1,"
               "'time_unit':'ns'},{'name':'BM_a_mean','iterations':9,'real_time':99,'cpu_time':1,"
               "'time_unit':'ns'},{'name':'BM_b_median','real_time':5,'time_unit':'ns'}]}");
    open_side(t, 0, "g.json");
    assert_int_equal(t->side[0].count, 2);
    assert_true(time_of(t, "BM_a", "cpu") == 10 * 1e-9);
    assert_true(time_of(t, "BM_b", "cpu") == 5 * 1e-9);
}

static void bad_google_benchmark_is_refused(void **state) {
    struct two *t = *state;
    const struct {
        const char *text, *words;
    } tries[] = {
        {"", "ends too early"},
        {"[]", "'{' is missing"},
        {"{'benchmarks':[]}", "neither Google Benchmark's JSON (no \"context\") nor nvbench's"},
        {"{'context':{}}", "no \"benchmarks\""},
        {"{'context':{},'context':{},'benchmarks':[]}", "a member is there twice"},
        {"{'context':{},'benchmarks':[]} 1", "something follows its end"},
        {"{'context':{},'benchmarks':[]}", "it has no time of any case"},
        {"{'context':{},'benchmarks':7}", "'[' is missing"},
        {"{'context':{},'benchmarks':[7]}", "an entry is no object"},
        {"{'context':{'executable':7},'benchmarks':[]}", "\"executable\" is no text"},
        {GOOGLE "{'name':'a','name':'b'}]}", "duplicate object key"},
        {GOOGLE "{'run_type':'iteration','real_time':1,'time_unit':'ns'}]}", "has no name"},
        {GOOGLE "{'name':'','real_time':1,'time_unit':'ns'}]}", "has no name"},
        {GOOGLE "{'name':['x'],'real_time':1,'time_unit':'ns'}]}", "\"name\" is no text"},
        {GOOGLE "{'name':'a','run_type':'other','real_time':1," NS "]}", "run_type \"other\""},
        {GOOGLE RUN("a", "'1'") NS "]}", "\"real_time\" is no number"},
        {GOOGLE RUN("a", "-1") NS "]}", "a time of -1e-09 s"},
        {GOOGLE RUN("a", "NaN") NS "]}", "line 1: invalid token near 'NaN'"},
        {GOOGLE RUN("a", "1e999") NS "]}", "real number overflow"},
        {GOOGLE RUN("a", "1") "'time_unit':'fortnights'}]}", "time_unit \"fortnights\""},
        {GOOGLE RUN("a", "1") "'time_unit':3}]}", "\"time_unit\" is no text"},
        {GOOGLE "{'name':'a','run_type':'iteration'}]}", "no \"real_time\""},
        {GOOGLE RUN("a", "1") NS, "ends too early"},
        {GOOGLE RUN("a", "1") NS " " RUN("b", "1") NS "]}", "']' is missing"},
        {GOOGLE RUN("a", "0") NS "]}", "it has no time of any case"},
    };
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        write_json(t, "g.json", tries[k].text);
        expect_refused(t, "g.json", tries[k].words);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, two_setup, two_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(google_benchmark_is_read),
        TEST(old_google_benchmark_is_read),
        TEST(bad_google_benchmark_is_refused),
    };
    return cmocka_run_group_tests_name("compare_google", tests, NULL, NULL);
}
