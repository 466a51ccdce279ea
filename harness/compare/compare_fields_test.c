/*
 * compare_fields_test.c: each thing in which two cases can have measured something else makes them
 * not comparable, and is named.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/compare/compare_forged_fixture.h"

/* What one side is: its machine, its case's device and further members. */
struct made {
    const char *machine, *device, *members;
};

static void make_side(struct two *t, int which, const struct made *made) {
    struct fixture *f = &t->f[which];
    char path[FORGE_PATH], why[200], *machine = quoted(made->machine), *line = NULL;
    char *members = quoted(made->members);
    size_t size;
    snprintf(path, sizeof path, "%s/run.json", f->dir);
    char *text = fixture_read(path, &size);
    json_t *run = journal_unseal(text, size, why, sizeof why);
    free(text);
    assert_non_null(run);
    json_object_del(run, "hash");
    json_object_set_new(run, "machine", json_loads(machine, 0, NULL));
    text = journal_seal(run);
    assert_int_equal(fixture_write(path, text, strlen(text)), 0);
    free(text);
    json_decref(run);
    assert_true(asprintf(&line,
                         "{\"record\":\"case\",\"id\":\"42/a\",\"device\":\"%s\",\"counters\":{},"
                         "\"series\":[],%s}",
                         made->device, members) > 0);
    forge(f, (const char *const[]){START, line, NULL});
    free(line);
    free(members);
    free(machine);
    if (compare_side_open(&t->side[which], f->dir) != 0)
        fail_msg("%s", error_text());
}

#define TIMED "'bench':{'median':0.5},"
#define PARAMS(params) TIMED "'params':{" params "}"
#define PAGES(word) "{'page_bytes':4096,'transparent_huge_pages':'" word "'}"
#define COOL "'params':{},'state':{'before':{'throttle':['idle']},'after':{'throttle':[]}}"
#define HOT "'params':{},'state':{'before':{'throttle':[]},'after':{'throttle':['sw_thermal']}}"
#define COUNT(after)                                                                               \
    "'params':{},'state':{'before':{'throttle_count':3},'after':{'throttle_count':" after "}}"

static void what_differs_is_named(void **state) {
    struct two *t = *state;
    const struct {
        struct made side[2];
        const char *field; /* "": comparable */
    } tries[] = {
        {{{"{}", "cpu", PARAMS("'n':1")}, {"{}", "cpu", PARAMS("'n':1")}}, ""},
        /* Precision, plan, another version of a library's kernel. */
        {{{"{}", "cpu", PARAMS("'type':'f32'")}, {"{}", "cpu", PARAMS("'type':'f64'")}}, "type"},
        {{{"{}", "cuda:0", PARAMS("") ",'plan':{'acc':'f32','tile':8}"},
          {"{}", "cuda:0", PARAMS("") ",'plan':{'acc':'f16','tile':8}"}},
         "plan.acc"},
        {{{"{}", "cuda:0", PARAMS("") ",'plan':{'tile':[8,4]}"},
          {"{}", "cuda:0", PARAMS("") ",'plan':{'tile':[8,8]}"}},
         "plan.tile"},
        {{{"{}", "cpu", PARAMS("'version':'0.3.21'")}, {"{}", "cpu", PARAMS("'version':'0.3.26'")}},
         "version"},
        {{{"{}", "cuda:0", PARAMS("") ",'plan':{'version':1}"},
          {"{}", "cuda:0", PARAMS("") ",'plan':{'version':2}"}},
         "plan.version"},
        /* Clocks: of one side, of both, of a CPU. */
        {{{"{}", "cuda:0", TIMED COOL}, {"{}", "cuda:0", TIMED HOT}}, "throttled clocks"},
        {{{"{}", "cuda:0", TIMED HOT}, {"{}", "cuda:0", TIMED HOT}}, ""},
        {{{"{}", "cpu", TIMED COUNT("3")}, {"{}", "cpu", TIMED COUNT("4")}}, "throttled clocks"},
        {{{"{}", "cpu", TIMED COUNT("3")}, {"{}", "cpu", TIMED COUNT("3")}}, ""},
        /* Pages: their size … */
        {{{"{'page_bytes':4096}", "cpu", PARAMS("")}, {"{'page_bytes':65536}", "cpu", PARAMS("")}},
         "machine.page_bytes"},
        {{{"{'page_bytes':4096}", "cpu", PARAMS("")}, {"{'page_bytes':null}", "cpu", PARAMS("")}},
         ""},
        {{{"{'page_bytes':4096}", "cuda:0", PARAMS("")},
          {"{'page_bytes':65536}", "cuda:0", PARAMS("")}},
         ""},
        {{{"{'page_bytes':4096}", "cpu", "'params':{}"},
          {"{'page_bytes':65536}", "cpu", "'params':{}"}},
         ""},
        /* … whether large ones can be had, for memory that asks for them … */
        {{{PAGES("madvise"), "cpu", PARAMS("")}, {PAGES("never"), "cpu", PARAMS("")}},
         "machine.transparent_huge_pages"},
        {{{PAGES("madvise"), "cpu", PARAMS("")}, {PAGES("always"), "cpu", PARAMS("")}}, ""},
        /* … for memory that leaves it to the system, and for such as has what it says. */
        {{{PAGES("madvise"), "cpu", PARAMS("'pages':'any'")},
          {PAGES("always"), "cpu", PARAMS("'pages':'any'")}},
         "machine.transparent_huge_pages"},
        {{{PAGES("never"), "cpu", PARAMS("'pages':'4k'")},
          {PAGES("always"), "cpu", PARAMS("'pages':'4k'")}},
         ""},
        {{{PAGES("always"), "cpu", PARAMS("'pages':'4k'")},
          {PAGES("always"), "cpu", PARAMS("'pages':'2m'")}},
         "pages"},
        {{{"{}", "cpu", PARAMS("")}, {"{}", "simt", PARAMS("")}}, "kind of device"},
    };
    const struct compare_rule rule = compare_rule_default();
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++)
        for (int swap = 0; swap < 2; swap++) { /* whichever is first */
            make_side(t, swap, &tries[k].side[0]);
            make_side(t, !swap, &tries[k].side[1]);
            assert_int_equal(compare_open(&t->c, &t->side[0], &t->side[1], &rule, NULL), 0);
            assert_int_equal(t->c.count, 1);
            const struct compare_pair *p = &t->c.pairs[0];
            if (strcmp(p->field, tries[k].field) != 0)
                fail_msg("try %zu: \"%s\" in place of \"%s\"", k, p->field, tries[k].field);
            bool timed = p->first->timed > 0;
            assert_int_equal(p->times.verdict == COMPARE_NOT_COMPARABLE && timed,
                             *tries[k].field != '\0');
            compare_close(&t->c);
            compare_side_close(&t->side[0]);
            compare_side_close(&t->side[1]);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_differs_is_named, two_setup, two_teardown),
    };
    return cmocka_run_group_tests_name("compare_fields", tests, NULL, NULL);
}
