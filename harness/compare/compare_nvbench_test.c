/*
 * compare_nvbench_test.c: nvbench's JSON as nvbench writes it, and as somebody who means harm does.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "harness/compare/compare_foreign_fixture.h"

/* --- nvbench -----------------------------------------------------------------------------------
 */

#define NVBENCH                                                                                    \
    "{'meta':{'argv':['x'],'version':{'json':{'major':1,'minor':0,'patch':0,'string':'1.0.0'},"    \
    "'nvbench':{'major':0}}},'devices':[{'id':0,'name':'NVIDIA H100 80GB HBM3','sm_version':900}," \
    "{'id':1,'name':'NVIDIA GeForce RTX 4090'},{'id':2,'name':'NVIDIA H100 80GB HBM3'}],"          \
    "'benchmarks':[{'name':'copy','index':0,'devices':[0,1],'axes':[{'name':'T','type':'type',"    \
    "'flags':'','values':[{'input_string':'I32','is_active':true}]}],'states':["
#define STATE(device, n, summaries)                                                                \
    "{'name':'Device=0 T=I32','device':" device ",'type_config_index':0,'axis_values':["           \
    "{'name':'T','type':'string','value':'I32'},{'name':'N','type':'int64','value':'" n "'}],"     \
    "'summaries':[" summaries "],'is_skipped':false}"
#define VALUE(tag, value)                                                                          \
    "{'tag':'" tag "','hint':'duration','data':[{'name':'value','type':'float64','value':'" value  \
    "'}]}"
#define SAMPLES(file, n)                                                                           \
    "{'tag':'nv/json/bin:nv/cold/sample_times','hint':'file/sample_times','data':[{'name':"        \
    "'filename','type':'string','value':'" file "'},{'name':'size','type':'int64','value':'" n     \
    "'}]}"
#define MEAN VALUE("nv/cold/time/gpu/mean", "9.5e-03")
#define MEDIAN VALUE("nv/cold/time/gpu/median", "8.5e-03")
#define END "]}]}"

static void write_floats(const struct two *t, const char *folder, const char *name,
                         const float *values, size_t count) {
    char path[PATH], inner[100];
    file_of(t, folder, path);
    mkdir(path, 0777);
    snprintf(inner, sizeof inner, "%s/%s", folder, name);
    file_of(t, inner, path);
    assert_int_equal(fixture_write(path, (const char *)values, count * sizeof *values), 0);
}

/* As nvbench writes it: numbers as texts, null for empty lists, and a batch that is not taken. */
static void nvbench_is_read(void **state) {
    struct two *t = *state;
    const float times[] = {3e-3f, 1e-3f, 2e-3f};
    write_floats(t, "n.json-bin", "0.bin", times, 3);
    write_json(t, "n.json",
               NVBENCH STATE("0", "8", MEAN "," SAMPLES("n.json-bin/0.bin", "3")) "," /* samples */
               STATE("1", "8", MEAN "," MEDIAN "," SAMPLES("n.json-bin/1.bin", "3")) "," /* lost */
               STATE("2", "8", MEAN) "," STATE(
                   "0", "9",
                   VALUE("nv/batch/time/gpu/mean",
                         "1e-9")) ","
                                  "{'name':'','device':0,'axis_values':null,'summaries':null,'is_"
                                  "skipped':true,"
                                  "'skip_reason':'no'}]},{'name':'host','devices':null,'axes':null,"
                                  "'states':[{'name':'',"
                                  "'device':0,'axis_values':null,'summaries':[" VALUE(
                                      "nv/cpu_only/time/cpu/mean",
                                      "7e-3") "],'is_skipped':false}]},"
                                              "{'name':'none','axes':null,'states':null}]}");
    open_side(t, 0, "n.json");
    assert_int_equal(t->side[0].count, 4);
    assert_true(time_of(t, "copy/T=I32/N=8", "cuda:H100 80GB HBM3") == 2e-3f);
    assert_true(time_of(t, "copy/T=I32/N=8", "cuda:RTX 4090") == 8.5e-3);
    assert_true(time_of(t, "copy/T=I32/N=8", "cuda:H100 80GB HBM3#1") == 9.5e-3 ||
                time_of(t, "copy/T=I32/N=8", "cuda:H100 80GB HBM#1") == 9.5e-3);
    assert_true(time_of(t, "host", "cpu") == 7e-3);
    assert_string_equal(t->side[0].cases[0].lab, "copy");
    expect_note(t, "1 cases have no file of samples but their median alone, namely copy/T=I32/N=8");
    expect_note(t, "2 cases have no file of samples but their mean alone, such as copy/T=I32/N=8");
    expect_note(t, "1 cases were not measured cold, and are left out, namely copy/T=I32/N=9");
    expect_note(t, "1 cases failed or were skipped, and are left out, namely copy");
}

/* Devices of one name belong together, and one that has no counterpart of its name is compared with
 * another GPU. */
static void devices_are_joined_by_name(void **state) {
    struct two *t = *state;
    const struct compare_rule rule = compare_rule_default();
    write_json(t, "a.json", NVBENCH STATE("0", "8", MEAN) "," STATE("1", "8", MEDIAN) END);
    write_json(t, "b.json", NVBENCH STATE("1", "8", MEDIAN) END);
    write_json(t, "c.json", NVBENCH STATE("0", "8", MEAN) END);
    open_side(t, 0, "a.json");
    open_side(t, 1, "b.json");
    assert_int_equal(compare_open(&t->c, &t->side[0], &t->side[1], &rule, NULL), 0);
    assert_int_equal(t->c.count, 1);
    assert_string_equal(t->c.pairs[0].first->device, "cuda:RTX 4090");
    assert_true(t->c.pairs[0].times.ratio.value == 1);
    compare_close(&t->c);
    compare_side_close(&t->side[0]);
    open_side(t, 0, "c.json");
    assert_int_equal(compare_open(&t->c, &t->side[0], &t->side[1], &rule, NULL), 0);
    t->is_open = true;
    assert_int_equal(t->c.count, 1);
    assert_string_equal(t->c.pairs[0].field, "");
    assert_true(fabs(t->c.pairs[0].times.ratio.value - 8.5 / 9.5) < 1e-12);
}

/* 8.5 ms at 1.9 GHz are as many cycles as 9.5 ms at 1.7. */
static void clocks_make_cycles(void **state) {
    struct two *t = *state;
    const struct compare_rule rule = compare_rule_default();
    write_json(t, "a.json",
               NVBENCH STATE("0", "8", MEAN "," VALUE("nv/cold/sm_clock_rate/mean", "1.7e9")) END);
    write_json(t, "b.json",
               NVBENCH STATE("0", "8", MEDIAN "," VALUE("nv/cold/sm_clock_rate/mean", "1.9e9"))
                   END);
    open_side(t, 0, "a.json");
    open_side(t, 1, "b.json");
    assert_int_equal(compare_open(&t->c, &t->side[0], &t->side[1], &rule, NULL), 0);
    t->is_open = true;
    assert_int_equal(t->c.count, 1);
    assert_true(fabs(compare_cycles(t->c.pairs[0].first) / (9.5e-3 * 1.7e9) - 1) < 1e-6);
    assert_true(fabs(compare_cycles_ratio(&t->c.pairs[0]) - 1) < 1e-6);
}

static void bad_nvbench_is_refused(void **state) {
    struct two *t = *state;
    const struct {
        const char *text, *words;
    } tries[] = {
        {"{'meta':{'version':{'json':{'major':2}}},'benchmarks':[]}", "version 2 of nvbench's"},
        {"{'meta':{'version':{'json':'1.0.0'}},'benchmarks':[]}", "version 0 of nvbench's"},
        {NVBENCH "7" END, "a state is no object"},
        {NVBENCH STATE("7", "8", MEAN) END, "device 7 has no name"},
        {NVBENCH STATE("'0'", "8", MEAN) END, "device is no number"},
        {NVBENCH STATE("0", "8", MEAN) "," STATE("0", "8", MEAN) END, "is there twice"},
        {NVBENCH STATE("0", "8", VALUE("nv/cold/time/gpu/mean", "fast")) END, "is no number"},
        {NVBENCH STATE("0", "8", VALUE("nv/cold/time/gpu/mean", "nan")) END, "is no number"},
        {NVBENCH STATE("0", "8", VALUE("nv/cold/time/gpu/mean", "inf")) END, "a time of inf s"},
        {NVBENCH STATE("0", "8", VALUE("nv/cold/time/gpu/mean", "-1")) END, "a time of -1 s"},
        {NVBENCH STATE("0", "8", SAMPLES("../n.json-bin/0.bin", "3")) END, "are not FOLDER/NAME"},
        {NVBENCH STATE("0", "8", SAMPLES("a/../b/0.bin", "3")) END, "are not FOLDER/NAME"},
        {NVBENCH STATE("0", "8", SAMPLES("0.bin", "3")) END, "are not FOLDER/NAME"},
        {NVBENCH STATE("0", "8", SAMPLES("bin/", "3")) END, "are not FOLDER/NAME"},
        {NVBENCH STATE("0", "8", SAMPLES("bin/short", "3")) END, "are not the samples that"},
        {NVBENCH STATE("0", "8", SAMPLES("bin/odd", "1")) END, "are not the samples that"},
        {NVBENCH STATE("0", "8", SAMPLES("bin/none", "0")) END, "are not the samples that"},
        {NVBENCH STATE("0", "8", SAMPLES("bin/large", "16777217")) END, "more than 16777216"},
        {NVBENCH STATE("0", "8", SAMPLES("bin/nan", "2")) END, "sample 1 is nan s"},
        {NVBENCH STATE("0", "8", SAMPLES("bin/zero", "2")) END, "sample 0 is 0 s"},
        {NVBENCH STATE("0", "8", SAMPLES("bin/fifo", "2")) END, "not a plain file"},
        {NVBENCH STATE("0", "8", SAMPLES("bin/link", "2")) END, "is a link"},
        {NVBENCH STATE("0", "8", SAMPLES("bin/device", "2")) END, "is a link"},
        {NVBENCH STATE("0", "8", SAMPLES("linked/nan", "2")) END, "not a folder (links"},
        {"{'meta':{'version':{'json':{'major':1}}},'benchmarks':[{'states':[{}]}]}",
         "states stand before its name"},
        {"{'meta':{'version':{'json':{'major':1}}},'benchmarks':[{'name':'a','name':'a'}]}",
         "there twice"},
        {"{'meta':{'version':{'json':{'major':1}}},'benchmarks':[{'name':7}]}", "is no text"},
    };
    const float nan_in[] = {1, NAN}, zero_in[] = {0, 1};
    char path[PATH], to[PATH];
    write_floats(t, "bin", "short", nan_in, 1);
    write_floats(t, "bin", "nan", nan_in, 2);
    write_floats(t, "bin", "zero", zero_in, 2);
    write_floats(t, "bin", "none", zero_in, 0);
    write_text(t, "bin/odd", "abcde");
    write_text(t, "bin/large", "");
    file_of(t, "bin/large", path);
    assert_int_equal(truncate(path, 4 * ((1 << 24) + 1)), 0);
    file_of(t, "bin/fifo", path);
    assert_int_equal(mkfifo(path, 0666), 0);
    file_of(t, "bin/link", path);
    file_of(t, "bin/nan", to);
    assert_int_equal(symlink(to, path), 0);
    file_of(t, "bin/device", path);
    assert_int_equal(symlink("/dev/zero", path), 0);
    file_of(t, "linked", path);
    file_of(t, "bin", to);
    assert_int_equal(symlink(to, path), 0);
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        write_json(t, "n.json", tries[k].text);
        expect_refused(t, "n.json", tries[k].words);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, two_setup, two_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(nvbench_is_read),
        TEST(devices_are_joined_by_name),
        TEST(clocks_make_cycles),
        TEST(bad_nvbench_is_refused),
    };
    return cmocka_run_group_tests_name("compare_nvbench", tests, NULL, NULL);
}
