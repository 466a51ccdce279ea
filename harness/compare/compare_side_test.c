/*
 * compare_side_test.c: what is kept of a journal: whole contests, settings that say which member
 * differs, little memory for each case, and a bound for all of them.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <malloc.h>

#include "harness/compare/compare.h"
#include "harness/error.h"
#include "harness/store/forge_fixture.h"
#include "harness/store/limits.h"

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (!f || fixture_begin(f) != 0 || fixture_open(f, RESULT_NEW) != 0)
        return -1;
    fixture_close(f);
    forge_complete(f, false);
    return 0;
}

static int teardown(void **state) {
    fixture_end(*state);
    free(*state);
    return 0;
}

static void contests_cut_short_are_no_cases(void **state) {
    const struct fixture *f = *state;
    const struct {
        const char *lines[6];
        size_t cases;
    } tries[] = {
        {{START}, 0},
        {{START, CASE(""), ENTRANT("b", "g", "0", "2"), ENTRANT("a", "g", "1", "2")}, 3},
        {{START, CASE(""), ENTRANT("b", "g", "0", "3"), ENTRANT("a", "g", "1", "3")}, 1},
        {{START, ENTRANT("b", "g", "0", "2")}, 0},
    };
    const char *const ids[] = {"42/a", "a", "b"};
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        struct compare_side side;
        forge(f, tries[k].lines);
        if (compare_side_open(&side, f->dir) != 0)
            fail_msg("%s", error_text());
        assert_int_equal(side.count, tries[k].cases);
        for (size_t i = 0; i < side.count; i++)
            assert_string_equal(side.cases[i].id, ids[i]);
        compare_side_close(&side);
    }
}

/* The member in which two records differ is one that json_equal() calls unequal. */
static void settings_name_what_differs(void **state) {
    (void)state;
    const struct {
        const char *a, *b, *field; /* NULL: none */
    } tries[] = {
        {"{'params':{'n':1,'m':2},'plan':null}", "{'params':{'m':2,'n':1}}", NULL},
        {"{'params':{'n':1,'m':2}}", "{'params':{'m':3,'n':4}}", "n"},
        {"{'params':{'n':1,'m':2}}", "{'params':{'n':1}}", "m"},
        {"{'params':{'n':1}}", "{'params':{'n':1,'m':null}}", "m"},
        {"{'params':{'n':1}}", "{'params':{'n':1.0}}", "n"},
        {"{'params':{'n':0.0}}", "{'params':{'n':-0.0}}", NULL},
        {"{'params':{'n':1e-300}}", "{'params':{'n':1.0000000000000002e-300}}", "n"},
        {"{'params':{'n':true}}", "{'params':{'n':false}}", "n"},
        {"{'params':{'n':null}}", "{'params':{'n':false}}", "n"},
        {"{'params':{'n':''}}", "{'params':{'n':null}}", "n"},
        {"{'params':{'n':'1'}}", "{'params':{'n':1}}", "n"},
        {"{'params':{'ab':'c'}}", "{'params':{'a':'c'}}", "ab"},
        {"{'params':{}}", "{'params':{},'plan':{'x':1}}", "plan.x"},
        {"{'params':{'x':1},'plan':{'x':1}}", "{'params':{'x':1},'plan':{'x':2}}", "plan.x"},
        {"{'params':{'x':1},'plan':{'y':2}}", "{'params':{'y':2},'plan':{'x':1}}", "x"},
        {"{'params':{},'plan':{'t':{'a':1,'b':[1,2]}}}",
         "{'params':{},'plan':{'t':{'b':[1,2],'a':1}}}", NULL},
        {"{'params':{},'plan':{'t':{'a':1,'b':[1,2]}}}",
         "{'params':{},'plan':{'t':{'b':[2,1],'a':1}}}", "plan.t"},
        {"{'params':{},'plan':{'t':{'a':1,'b':2}}}", "{'params':{},'plan':{'t':{'a':2,'b':1}}}",
         "plan.t"},
        {"{'params':{},'plan':{'t':[]}}", "{'params':{},'plan':{'t':{}}}", "plan.t"},
        {"{'params':{},'plan':{'t':[[1],2]}}", "{'params':{},'plan':{'t':[[1,2]]}}", "plan.t"},
    };
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        void *shapes[2] = {NULL, NULL};
        struct compare_settings *s[2];
        size_t shared = 0;
        for (size_t i = 0; i < 2; i++) {
            char text[200];
            snprintf(text, sizeof text, "%s", i ? tries[k].b : tries[k].a);
            for (char *at = text; (at = strchr(at, '\''));)
                *at = '"';
            json_t *record = json_loads(text, 0, NULL);
            s[i] = record ? compare_settings_of(&shapes[i], record, &shared) : NULL;
            assert_non_null(s[i]);
            json_decref(record);
        }
        for (size_t i = 0; i < 2; i++) { /* whichever is first, both are found to differ or not */
            const char *group = NULL, *name = compare_settings_differ(s[i], s[!i], &group);
            char field[40];
            snprintf(field, sizeof field, "%s%s", group, name ? name : "");
            assert_int_equal(name != NULL, tries[k].field != NULL);
            if (name && i == 0)
                assert_string_equal(field, tries[k].field);
        }
        for (size_t i = 0; i < 2; i++) {
            free(s[i]);
            compare_shapes_free(shapes[i]);
        }
    }
}

/* --- memory ------------------------------------------------------------------------------------
 */

static size_t json_blocks, json_bytes, json_most;

static void *count_up(size_t size) {
    void *memory = malloc(size);
    json_blocks += memory != NULL;
    json_bytes += malloc_usable_size(memory);
    json_most = json_bytes > json_most ? json_bytes : json_most;
    return memory;
}

static void count_down(void *memory) {
    json_blocks -= memory != NULL;
    json_bytes -= malloc_usable_size(memory);
    free(memory);
}

/* A journal of `count` cases, of 1.5 KB each. */
static void forge_many(const struct fixture *f, size_t count) {
    const char **lines = calloc(count + 2, sizeof *lines);
    lines[0] = START;
    for (size_t k = 1; k <= count; k++) {
        char *line = NULL, *values = NULL;
        size_t size;
        FILE *to = open_memstream(&values, &size);
        for (int i = 0; i < 40; i++)
            fprintf(to, "%s%.17g", i ? "," : "", 1e-7 * (1 + i + (double)k));
        assert_int_equal(fclose(to), 0);
        assert_true(asprintf(&line,
                             "{\"record\":\"case\",\"id\":\"42/%0*zu\",\"device\":\"cpu\","
                             "\"params\":{\"n\":%zu,\"what\":\"%0100zu\",\"threads\":1},"
                             "\"counters\":{\"roof fraction\":0.5},\"plan\":{\"kind\":\"a\","
                             "\"tile\":[%zu,8],\"split\":4,\"unroll\":2,\"lanes\":8},\"bench\":"
                             "{\"median\":%.17g},\"series\":[{\"name\":\"time\",\"unit\":\"s\","
                             "\"kind\":\"time\",\"n\":40,\"values\":[%s]}]}",
                             100, k, k, k, k, 1e-7 * (double)k, values) > 0);
        free(values);
        lines[k] = line;
    }
    forge(f, lines);
    for (size_t k = 1; k <= count; k++)
        free((char *)lines[k]);
    free(lines);
}

struct memory {
    size_t blocks, json_most, kept;
};

static struct memory memory_of(const struct fixture *f, size_t count) {
    struct compare_side side;
    forge_many(f, count);
    malloc_trim(0);
    size_t before = mallinfo2().uordblks, blocks = json_blocks, bytes = json_bytes;
    json_most = json_bytes;
    if (compare_side_open(&side, f->dir) != 0)
        fail_msg("%s", error_text());
    struct memory m = {json_blocks - blocks, json_most - bytes, mallinfo2().uordblks - before};
    assert_int_equal(side.count, count);
    assert_int_equal(side.cases[count - 1].timed, 1);
    compare_side_close(&side);
    assert_int_equal(json_blocks, blocks);
    return m;
}

/* 100,000 cases on two sides in 200 MB leaves 1,000 bytes for each on each side, while it is read
 * and afterwards. */
static void cases_take_little_memory(void **state) {
    const struct fixture *f = *state;
    json_set_alloc_funcs(count_up, count_down);
    const struct memory few = memory_of(f, 64), many = memory_of(f, 1064);
    json_set_alloc_funcs(malloc, free);
    assert_int_equal(few.blocks, many.blocks); /* no JSON is kept of a case */
    assert_in_range(many.json_most - few.json_most, 0, 1000 * 400);
    /* Where a sanitiser allocates, nothing of it is in mallinfo2(). */
    assert_in_range(many.kept - few.kept, 0, 1000 * 600);
}

/* --- too much ----------------------------------------------------------------------------------
 */

static void expect_refused(const struct fixture *f, const char *words) {
    struct compare_side side;
    assert_int_equal(compare_side_open(&side, f->dir), -1);
    if (!strstr(error_text(), words))
        fail_msg("expected \"%s\" in: %s", words, error_text());
    compare_side_close(&side);
}

/* A record of `members` parameters of names of its own. */
static char *many_names(size_t number, size_t members) {
    char *line = NULL;
    size_t size;
    FILE *to = open_memstream(&line, &size);
    fprintf(to,
            "{\"record\":\"case\",\"id\":\"%zu\",\"device\":\"cpu\",\"counters\":{},\"params\":{",
            number);
    for (size_t k = 0; k < members; k++)
        fprintf(to, "%s\"%zx\":1", k ? "," : "", number * members + k);
    fputs("},\"series\":[]}", to);
    assert_int_equal(fclose(to), 0);
    return line;
}

/* Names take many times as much memory as room in a file. */
static void names_are_bounded(void **state) {
    const struct fixture *f = *state;
    const char *lines[24] = {START};
    for (size_t k = 1; k < 23; k++)
        lines[k] = many_names(k, 60000);
    forge(f, lines);
    for (size_t k = 1; k < 23; k++)
        free((char *)lines[k]);
    expect_refused(f, "LIMIT_COMPARE_BYTES");
}

static void claims_are_bounded(void **state) {
    const struct fixture *f = *state;
    const char *const lines[] = {START, CASE(""), NULL};
    char *claims = NULL;
    size_t size;
    FILE *to = open_memstream(&claims, &size);
    fputs("{\"format\":2,\"lab\":\"" FIXTURE_LAB "\",\"claims\":[", to);
    for (size_t k = 0; k <= LIMIT_COMPARE_CLAIMS; k++)
        fprintf(
            to,
            "%s{\"id\":\"X%zu\",\"verdict\":\"not-testable-here\",\"device\":\"cpu\",\"checked\":0,"
            "\"held\":0,\"against\":0,\"open\":0,\"reason\":\"none\",\"evidence\":[]}",
            k ? "," : "", k);
    fputs("]}\n", to);
    assert_int_equal(fclose(to), 0);
    forge_ended(f, lines, claims, NULL);
    free(claims);
    expect_refused(f, "LIMIT_COMPARE_CLAIMS");
}

/* What a reader keeps of a journal beside its cases. */
static void notes_are_bounded(void **state) {
    const struct fixture *f = *state;
    const char *lines[12] = {START};
    char *note = NULL, *text = malloc(1 << 20);
    memset(text, 'x', 1 << 20);
    assert_true(asprintf(&note, "{\"record\":\"note\",\"text\":\"%.*s\"}", 1 << 20, text) > 0);
    for (size_t k = 1; k < 9; k++)
        lines[k] = note;
    forge(f, lines);
    expect_refused(f, "LIMIT_FOLDER_KEPT_BYTES");
    free(note);
    free(text);
}

/* --- several sides -----------------------------------------------------------------------------
 */

static void sides_are_opened_together(void **state) {
    const struct fixture *f = *state;
    const char *const lines[] = {START, CASE(""), NULL};
    const char *const good[] = {f->dir, f->dir, f->dir, f->dir, f->dir, f->dir};
    const char *const bad[] = {f->dir, f->dir, "/nowhere/a", f->dir, "/nowhere/b", f->dir};
    struct compare_side sides[6];
    forge(f, lines);
    for (int tries = 0; tries < 20; tries++) {
        assert_int_equal(compare_sides_open(sides, good, 6), 0);
        for (size_t k = 0; k < 6; k++) {
            assert_int_equal(sides[k].count, 1);
            compare_side_close(&sides[k]);
        }
        assert_int_equal(compare_sides_open(sides, bad, 6), -1);
        assert_non_null(strstr(error_text(), "/nowhere/a"));
        for (size_t k = 0; k < 6; k++)
            compare_side_close(&sides[k]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(contests_cut_short_are_no_cases),
        cmocka_unit_test(settings_name_what_differs),
        TEST(cases_take_little_memory),
        TEST(names_are_bounded),
        TEST(claims_are_bounded),
        TEST(notes_are_bounded),
        TEST(sides_are_opened_together),
    };
    return cmocka_run_group_tests_name("compare_side", tests, NULL, NULL);
}
