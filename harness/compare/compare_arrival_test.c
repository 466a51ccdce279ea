/*
 * compare_arrival_test.c: bits that the order of updates decides are told from those that differ,
 * by what the cases themselves recorded: on records made here, and on sides of sessions.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "harness/compare/compare_arrival.h"
#include "harness/compare/compare_bits.h"
#include "harness/compare/compare_fixture.h"
#include "harness/compare/compare_text.h"

/* --- whether a record says so ------------------------------------------------------------------
 */

static struct compare_arrival arrival_of(const char *members, const char *series) {
    char text[600];
    snprintf(text, sizeof text, "{%s,\"series\":[%s]}", members, series);
    for (char *at = text; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    json_t *record = json_loads(text, 0, NULL);
    if (!record)
        fail_msg("%s", text);
    struct compare_arrival a = compare_arrival_of(NULL, record);
    json_decref(record);
    return a;
}

#define BITS(name) "{'name':'" name "','kind':'bits','width':32,'n':1,'values':['3f800000']}"

static void what_a_record_says(void **state) {
    (void)state;
    static const char *const measured = BITS("measured");
    const struct {
        const char *members, *series;
        bool decides;
    } tries[] = {
        {"'counters':{'distinct':3}", measured, true},
        {"'counters':{'distinct':3},'params':{'workers':2}", measured, true},
        {"'counters':{'reachable':2}", measured, true},
        {"'counters':{'chains changed by a shuffle':1}", measured, true},
        {"'counters':{'distinct':{'value':3,'low':3,'high':3}}", measured, true},
        {"'counters':{'distinct':1,'reachable':1,'chains changed by a shuffle':0}", measured,
         false},
        /* One thread has one order, as one update has; but a block is several threads. */
        {"'counters':{'distinct':3},'params':{'workers':1}", measured, false},
        {"'counters':{'distinct':3},'params':{'workers':1},'plan':{'block':1}", measured, false},
        {"'counters':{'distinct':3},'params':{'workers':1},'plan':{'block':32}", measured, true},
        {"'counters':{'distinct':3},'params':{'workers':1},'plan':{'block':'32'}", measured, false},
        {"'counters':{'distinct':3},'params':{'workers':9,'updates':1}", measured, false},
        {"'counters':{'distinct':3},'params':{'workers':9,'updates':9}", measured, true},
        /* What can be reached counts before both. */
        {"'counters':{'distinct':3,'reachable':3},'params':{'workers':1}", measured, true},
        /* Known beforehand, or no results of runs. */
        {"'counters':{'distinct':3}", BITS("predicted") "," BITS("measured"), false},
        {"'counters':{'distinct':3}", BITS("sums"), false},
        {"'counters':{'distinct':3}", "", false},
        /* Nothing, and nonsense. */
        {"'counters':{}", measured, false},
        {"'counters':{'distinct':'3'}", measured, false},
        {"'counters':[3],'params':[1]", measured, false},
        {"'counters':{'distinct':3},'params':{'workers':'4'}", "{'name':3}," BITS("measured"),
         false},
        {"'params':{'distinct':3}", measured, false},
    };
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++)
        if (arrival_of(tries[k].members, tries[k].series).decides != tries[k].decides)
            fail_msg("try %zu: %s", k, tries[k].members);
}

/* --- sides -------------------------------------------------------------------------------------
 */

static const struct quantity quantities[] = {
    {"reachable", "1", "results"}, {"distinct", "1", "results seen"}, {"workers", "1", "that add"}};
static const struct lab arrival_lab = {.number = 42,
                                       .name = "fixture",
                                       .claims = fixture_claims,
                                       .claim_count = 2,
                                       .quantities = quantities,
                                       .quantity_count = 3};

/* One case: numbers for counters; of the two sides, bits of each series (0: no such series). Side B
 * adds `session` of its sessions to what it measured. */
static const struct both {
    const char *name;
    unsigned workers, reachable, distinct[2];
    uint64_t measured[2], order[2], others[2], predicted;
    uint64_t session;
    enum compare_bits want;
} cases[] = {
    {"repeated", 4, 0, {3, 3}, {1, 2}, {0}, {0}, 0, 0, COMPARE_BITS_ARRIVAL},
    {"seen by one side", 4, 0, {1, 3}, {1, 2}, {0}, {0}, 0, 0, COMPARE_BITS_ARRIVAL},
    {"no two orders seen", 4, 0, {1, 1}, {1, 2}, {0}, {0}, 0, 0, COMPARE_BITS_DIFFER},
    {"one worker", 1, 0, {1, 3}, {1, 2}, {0}, {0}, 0, 0, COMPARE_BITS_DIFFER},
    {"known beforehand", 4, 0, {1, 3}, {1, 2}, {0}, {0}, 7, 0, COMPARE_BITS_DIFFER},
    {"equal all the same", 4, 0, {3, 3}, {1, 1}, {0}, {0}, 0, 0, COMPARE_BITS_EQUAL},
    {"sessions", 4, 0, {3, 3}, {1, 2}, {0}, {0}, 0, 1, COMPARE_BITS_ARRIVAL},
    {"sessions that should repeat", 4, 0, {1, 1}, {1, 2}, {0}, {0}, 0, 1, COMPARE_BITS_VARY},
    /* One order replayed: results that differ are the machine's. */
    {"one order", 4, 0, {3, 3}, {1, 2}, {5, 5}, {0}, 0, 0, COMPARE_BITS_DIFFER},
    {"one order, sessions", 4, 0, {3, 3}, {1, 2}, {5, 5}, {0}, 0, 1, COMPARE_BITS_VARY},
    {"two orders", 4, 0, {3, 3}, {1, 2}, {5, 6}, {0}, 0, 0, COMPARE_BITS_ARRIVAL},
    {"order of one side", 4, 0, {3, 3}, {1, 2}, {5, 0}, {0}, 0, 0, COMPARE_BITS_ARRIVAL},
    /* Which results can be reached no order decides. */
    {"reached", 1, 2, {2, 2}, {1, 2}, {0}, {8, 8}, 0, 0, COMPARE_BITS_ARRIVAL},
    {"reachable differs", 1, 2, {2, 2}, {1, 2}, {0}, {8, 9}, 0, 0, COMPARE_BITS_DIFFER},
};
#define CASES (sizeof cases / sizeof *cases)

static void add_bits(struct lab_case *c, const char *name, uint64_t bits) {
    if (bits)
        case_series_bits(c, name, 32, &bits, 1);
}

static void make_arrivals(struct two *t, int which, unsigned sessions) {
    char root[sizeof t->f.root];
    strcpy(root, t->f.root);
    snprintf(t->path[which], sizeof t->path[which], "%s/%c", root, 'a' + which);
    assert_int_equal(mkdir(t->path[which], 0777), 0);
    t->f.run.lab = &arrival_lab;
    for (unsigned s = 1; s <= sessions; s++) {
        snprintf(t->f.dir, sizeof t->f.dir, "%.70s/session-%u", t->path[which], s);
        struct result_setup setup = fixture_setup(&t->f);
        setup.lab = &arrival_lab;
        assert_int_equal(result_open(&t->f.run.result, RESULT_NEW, &setup), 0);
        for (size_t k = 0; k < CASES; k++) {
            struct lab_case *c = lab_case_begin(&t->f.run, "cpu", "42/case/%s", cases[k].name);
            assert_non_null(c);
            case_param_int(c, "workers", cases[k].workers);
            case_counter(c, "distinct", cases[k].distinct[which]);
            if (cases[k].reachable)
                case_counter(c, "reachable", cases[k].reachable);
            add_bits(c, "measured",
                     cases[k].measured[which] + (which ? 16 * s * cases[k].session : 0));
            add_bits(c, "order", cases[k].order[which]);
            add_bits(c, "results", cases[k].others[which]);
            add_bits(c, "predicted", cases[k].predicted);
            if (lab_case_end(c) != 0)
                fail_msg("%s", t->f.run.error);
        }
        assert_int_equal(result_finish(t->f.run.result), 0);
        fixture_close(&t->f);
    }
}

static const struct compare_pair *pair_named(const struct two *t, const char *name) {
    for (size_t k = 0; k < t->c.count; k++)
        if (strcmp(t->c.pairs[k].first->id + strlen("42/case/"), name) == 0)
            return &t->c.pairs[k];
    fail_msg("no pair for %s", name);
    return NULL;
}

static void sides_of_sessions(void **state) {
    struct two *t = *state;
    size_t want[COMPARE_BITS_KINDS] = {0};
    make_arrivals(t, 0, 1);
    make_arrivals(t, 1, 2);
    compare_two(t, NULL);
    for (size_t k = 0; k < CASES; k++) {
        const struct compare_pair *p = pair_named(t, cases[k].name);
        want[cases[k].want]++;
        if (p->bits != cases[k].want)
            fail_msg("%s: %s", cases[k].name, compare_bits_name(p->bits));
    }
    assert_int_equal(t->c.bits_equal, want[COMPARE_BITS_EQUAL]);
    assert_int_equal(t->c.bits_differ, want[COMPARE_BITS_DIFFER]);
    assert_int_equal(t->c.bits_vary, want[COMPARE_BITS_VARY]);
    assert_int_equal(t->c.bits_arrival, want[COMPARE_BITS_ARRIVAL]);
}

/* Said apart from what differs, on the terminal and in JSON. */
static void they_are_named_apart(void **state) {
    struct two *t = *state;
    char *text = NULL;
    size_t size;
    make_arrivals(t, 0, 1);
    make_arrivals(t, 1, 1);
    compare_two(t, NULL);
    FILE *to = open_memstream(&text, &size);
    assert_int_equal(compare_print(&t->c, to), 0);
    fclose(to);
    char line[120];
    snprintf(line, sizeof line, "In %zu more the order decides in which updates arrive",
             t->c.bits_arrival);
    assert_true(t->c.bits_arrival > 0);
    assert_non_null(strstr(text, line));
    assert_null(strstr(text, "42/case/repeated"));
    assert_non_null(strstr(text, "42/case/one order"));
    free(text);
    to = open_memstream(&text, &size);
    assert_int_equal(compare_json_print(&t->c, to), 0);
    fclose(to);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "bits"), "arrival")),
                     t->c.bits_arrival);
    json_decref(json);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_record_says),
        cmocka_unit_test_setup_teardown(sides_of_sessions, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(they_are_named_apart, two_setup, two_teardown),
    };
    return cmocka_run_group_tests_name("compare_arrival", tests, NULL, NULL);
}
