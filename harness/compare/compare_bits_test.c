/*
 * compare_bits_test.c: what explains that bits differ, and what is said of claim G1, of pairs whose
 * settings, devices and executables are made here.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare_bits.h"

#define MOST 40

struct made {
    struct compare_side side[2];
    struct compare_case cases[2][MOST];
    struct compare_pair pairs[MOST];
    struct compare c;
};

static json_t *json_of(const char *text) {
    char copy[400];
    snprintf(copy, sizeof copy, "%s", text);
    for (char *at = copy; (at = strchr(at, '\''));)
        *at = '"';
    json_t *json = json_loads(copy, 0, NULL);
    assert_non_null(json);
    return json;
}

static int setup(void **state) {
    struct made *m = calloc(1, sizeof *m);
    *state = m;
    for (size_t s = 0; m && s < 2; s++) {
        m->side[s].models = json_of("{'cpu':'Eight','simt':'as A100'}");
        m->side[s].code = json_of("{'42-fixture':'aabbccddeeff00'}");
        m->side[s].run = json_of("{'software':{'settings':{}}}");
    }
    if (m)
        m->c = (struct compare){
            .first = &m->side[0], .second = &m->side[1], .pairs = m->pairs, .count = 0};
    return m ? 0 : -1;
}

static int teardown(void **state) {
    struct made *m = *state;
    for (size_t s = 0; s < 2; s++) {
        for (size_t k = 0; k < m->c.count; k++)
            free(m->cases[s][k].settings);
        compare_shapes_free(m->side[s].shapes);
        json_decref(m->side[s].models);
        json_decref(m->side[s].code);
        json_decref(m->side[s].run);
    }
    free(m);
    return 0;
}

static void set(json_t **where, const char *text) {
    json_decref(*where);
    *where = json_of(text);
}

/* A pair of records' settings on the given devices. */
static struct compare_pair *add(struct made *m, const char *a, const char *b, const char *device_a,
                                const char *device_b, enum compare_bits bits) {
    size_t k = m->c.count++;
    const char *texts[2] = {a, b}, *devices[2] = {device_a, device_b};
    assert_true(k < MOST);
    for (size_t s = 0; s < 2; s++) {
        struct compare_case *c = &m->cases[s][k];
        json_t *record = json_of(texts[s]);
        c->id = (char *)"42/a";
        c->lab = "42-fixture";
        snprintf(c->device, sizeof c->device, "%s", devices[s]);
        c->settings = compare_settings_of(&m->side[s].shapes, record, &m->side[s].bytes);
        assert_non_null(c->settings);
        json_decref(record);
    }
    m->pairs[k] =
        (struct compare_pair){.first = &m->cases[0][k], .second = &m->cases[1][k], .bits = bits};
    return &m->pairs[k];
}

#define RECORD "{'params':{'n':8},'plan':{'acc':'acc32','method':'plain','isa':'avx2'}}"

static void fields_in_their_order(void **state) {
    struct made *m = *state;
    char why[COMPARE_WHY_BYTES];
    struct compare_pair *p = add(m, RECORD, RECORD, "cpu", "cpu", COMPARE_BITS_DIFFER);
    assert_string_equal(compare_why(&m->c, p, why), "");
    assert_true(compare_is_unexplained(&m->c, p));
    set(&m->side[1].code, "{'42-fixture':'ffbbccddeeff00'}");
    assert_string_equal(compare_why(&m->c, p, why), "executable (aabbccddeeff / ffbbccddeeff)");
    set(&m->side[1].run, "{'software':{'settings':{'MKL_CBWR':'AVX2'}}}");
    assert_string_equal(compare_why(&m->c, p, why), "settings.MKL_CBWR (- / AVX2)");
    set(&m->side[1].models, "{'cpu':'Nine'}");
    assert_string_equal(compare_why(&m->c, p, why), "model of the device (Eight / Nine)");
    p = add(m, RECORD, RECORD, "cpu", "simt", COMPARE_BITS_DIFFER);
    assert_string_equal(compare_why(&m->c, p, why),
                        "kind of device (cpu / simt), model of the device (Eight / -)");
    p = add(m, RECORD,
            "{'params':{'n':8,'m':[1,2]},'plan':{'acc':'acc32','method':'plain','isa':'avx512',"
            "'lanes':16}}",
            "cpu", "simt", COMPARE_BITS_DIFFER);
    assert_string_equal(compare_why(&m->c, p, why),
                        "m (- / [1,2]), plan.isa (avx2 / avx512), plan.lanes (- / 16)");
    assert_false(compare_is_unexplained(&m->c, p));
    /* All of them: three of settings, two of devices, one of the environment, the executable. */
    struct compare_difference all[COMPARE_DIFFERENCES];
    assert_int_equal(compare_differences(&m->c, p, all, COMPARE_DIFFERENCES), 7);
    assert_string_equal(all[0].field, "m");
    assert_string_equal(all[0].values[0], "-");
    assert_string_equal(all[6].field, "executable");
    assert_int_equal(compare_differences(&m->c, p, all, 2), 7);
}

/* Long values that begin alike: from the word on in which they part. */
static void long_values(void **state) {
    struct made *m = *state;
    char why[COMPARE_WHY_BYTES];
    struct compare_pair *p =
        add(m, "{'params':{'v':'Library 0.3.21 DYNAMIC_ARCH Haswell threads'}}",
            "{'params':{'v':'Library 0.3.21 DYNAMIC_ARCH SkylakeX threads'}}", "cpu", "cpu",
            COMPARE_BITS_DIFFER);
    assert_string_equal(compare_why(&m->c, p, why), "v (…Haswell threads / …SkylakeX threads)");
    p = add(m, "{'params':{'v':'Library 0.3.21'}}", "{'params':{'v':'Library 0.3.22'}}", "cpu",
            "cpu", COMPARE_BITS_DIFFER);
    assert_string_equal(compare_why(&m->c, p, why), "v (Library 0.3.21 / Library 0.3.22)");
}

static void values_of_strangers(void **state) {
    struct made *m = *state;
    char why[COMPARE_WHY_BYTES], record[400], words[100];
    memset(words, 'x', sizeof words);
    words[99] = '\0';
    snprintf(record, sizeof record, "{'params':{'%s':'\\u001b[2J%s','b\\u202e':'\\u009b','c':1}}",
             words, words);
    struct compare_pair *p =
        add(m, record, "{'params':{'d':'%s%n'}}", "cpu", "cpu", COMPARE_BITS_DIFFER);
    compare_why(&m->c, p, why);
    assert_true(strlen(why) < COMPARE_WHY_BYTES - 1);
    assert_null(strchr(why, '\x1b'));
    assert_null(strstr(why, "\xc2\x9b"));
    assert_null(strstr(why, "\xe2\x80\xae"));
    assert_non_null(strstr(why, " and 1 more"));
}

/* Of a member with many values, only the first are kept: then the field alone is named. */
static void values_beyond_the_first(void **state) {
    struct made *m = *state;
    char why[COMPARE_WHY_BYTES], a[100], b[100];
    struct compare_settings *s[2];
    for (int n = 0; n < COMPARE_VALUES + 5; n++) {
        snprintf(a, sizeof a, "{'params':{'n':%d}}", n);
        snprintf(b, sizeof b, "{'params':{'n':%d}}", 1000 + n);
        json_t *records[2] = {json_of(a), json_of(b)};
        for (size_t k = 0; k < 2; k++) {
            s[k] = compare_settings_of(&m->side[k].shapes, records[k], &m->side[k].bytes);
            assert_non_null(s[k]);
            json_decref(records[k]);
            free(s[k]);
        }
    }
    struct compare_pair *p = add(m, a, b, "cpu", "cpu", COMPARE_BITS_DIFFER);
    assert_string_equal(compare_why(&m->c, p, why), "n");
    p = add(m, "{'params':{'n':3}}", "{'params':{'n':1004}}", "cpu", "cpu", COMPARE_BITS_DIFFER);
    assert_string_equal(compare_why(&m->c, p, why), "n (3 / 1004)");
}

static void groups_begin_with_the_alarm(void **state) {
    struct made *m = *state;
    static struct compare_groups groups;
    for (int k = 0; k < 5; k++)
        add(m, RECORD, "{'params':{'n':8},'plan':{'acc':'acc32','method':'plain','isa':'none'}}",
            "cpu", "cpu", COMPARE_BITS_DIFFER);
    add(m, RECORD, RECORD, "cpu", "simt", COMPARE_BITS_EQUAL);
    for (int k = 0; k < COMPARE_GROUPS; k++) {
        char b[100];
        snprintf(b, sizeof b, "{'params':{'n':%d}}", 100 + k);
        add(m, "{'params':{'n':8}}", b, "cpu", "cpu", COMPARE_BITS_DIFFER);
    }
    add(m, RECORD, RECORD, "cpu", "cpu", COMPARE_BITS_DIFFER); /* the last of all */
    compare_bits_groups(&m->c, &groups);
    assert_int_equal(groups.count, COMPARE_GROUPS);
    assert_string_equal(groups.list[0].why, "");
    assert_int_equal(groups.list[0].count, 1);
    assert_string_equal(groups.list[1].why, "plan.isa (avx2 / none)");
    assert_int_equal(groups.list[1].count, 5);
    assert_int_equal(groups.left_out, 2);
}

static void one_tree_on_two_devices(void **state) {
    struct made *m = *state;
    char says[COMPARE_G1_BYTES];
    struct compare_g1 g1 = compare_g1(&m->c);
    assert_string_equal(compare_g1_verdict(&g1), "not-testable-here");
    assert_non_null(strstr(compare_g1_says(&g1, says), "none that both"));
    add(m, RECORD, RECORD, "cpu", "cpu", COMPARE_BITS_EQUAL);
    g1 = compare_g1(&m->c);
    assert_string_equal(compare_g1_verdict(&g1), "not-testable-here"); /* one model */
    assert_non_null(strstr(compare_g1_says(&g1, says), "equal bits in 1 of 1 cases; both on one"));
    /* None of these is a sum of FP32 with one tree. */
    add(m, "{'params':{},'plan':{'acc':'acc64','method':'plain'}}",
        "{'params':{},'plan':{'acc':'acc64','method':'plain'}}", "cpu", "simt",
        COMPARE_BITS_DIFFER);
    add(m, "{'params':{},'plan':{'acc':'acc32','method':'atomic'}}",
        "{'params':{},'plan':{'acc':'acc32','method':'atomic'}}", "cpu", "simt", COMPARE_BITS_VARY);
    add(m, "{'params':{'n':1}}", "{'params':{'n':1}}", "cpu", "simt", COMPARE_BITS_DIFFER);
    add(m, RECORD, "{'params':{'n':8},'plan':{'acc':'acc32','method':'plain','isa':'none'}}", "cpu",
        "simt", COMPARE_BITS_DIFFER);
    add(m, RECORD, RECORD, "cpu", "simt", COMPARE_NO_BITS);
    g1 = compare_g1(&m->c);
    assert_int_equal(g1.cases, 1);
    add(m, RECORD, RECORD, "cpu", "simt", COMPARE_BITS_EQUAL);
    g1 = compare_g1(&m->c);
    assert_string_equal(compare_g1_verdict(&g1), "confirmed");
    assert_non_null(strstr(compare_g1_says(&g1, says), "equal bits in 2 of 2 cases; in 1 the"));
    add(m, RECORD, RECORD, "cpu", "cpu", COMPARE_BITS_DIFFER);
    add(m, RECORD, RECORD, "cpu", "cpu", COMPARE_BITS_VARY);
    g1 = compare_g1(&m->c);
    assert_string_equal(compare_g1_verdict(&g1), "refuted");
    assert_non_null(strstr(compare_g1_says(&g1, says),
                           "equal bits in 2 of 4 cases, different in 1, "
                           "varying between sessions of one side in 1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(fields_in_their_order),   TEST(values_of_strangers),
        TEST(values_beyond_the_first), TEST(groups_begin_with_the_alarm),
        TEST(one_tree_on_two_devices), TEST(long_values),
    };
    return cmocka_run_group_tests_name("compare_bits", tests, NULL, NULL);
}
