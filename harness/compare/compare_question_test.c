/*
 * compare_question_test.c: bits of one question by unlike plans, of sides whose journals are
 * written here.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/compare/compare_bits.h"
#include "harness/compare/compare_explain.h"
#include "harness/compare/compare_forged_fixture.h"
#include "harness/compare/compare_page.h"
#include "harness/compare/compare_question.h"

/* Plans of ours. The first two add 64 inputs in one order, and no others of these do. */
#define LANES_16 "f32.acc32.plain.l16.u2.s2.e512.pf0.t2.accs-serial.lanes-halves.join-serial"
#define BLOCK_32 "f32.acc32.plain.sum.strided.v1.i4.b32.tiles.shfl-down.warp.block"
#define LANES_8 "f32.acc32.plain.l8.u2.s2.e512.pf0.t2.accs-serial.lanes-halves.join-serial"
#define BLOCK_128 "f32.acc32.plain.sum.strided.v1.i4.b128.tiles.shfl-down.warp.block"
#define CPU "'acc':'acc32','method':'plain'"
#define GPU CPU ",'access':'strided'"

/* A case as a test writes it. */
struct made {
    const char *id, *device, *params, *plan, *bits;
};

#define MADE_MOST 40

static char *line_of(const struct made *m) {
    char *line = NULL, *params = quoted(m->params), *plan = quoted(m->plan);
    assert_true(asprintf(&line,
                         "{\"record\":\"case\",\"id\":\"%s\",\"device\":\"%s\",\"params\":{%s},"
                         "\"counters\":{},\"plan\":{%s},\"series\":[{\"name\":\"measured\","
                         "\"unit\":\"bits\",\"kind\":\"bits\",\"n\":1,\"width\":32,\"values\":["
                         "\"%s\"]}]}",
                         m->id, m->device, params, plan, m->bits) > 0);
    free(plan);
    free(params);
    return line;
}

static void open_side(struct two *t, int which, const struct made *made, size_t count) {
    char *lines[MADE_MOST + 2] = {(char *)START};
    assert_true(count <= MADE_MOST);
    for (size_t k = 0; k < count; k++)
        lines[1 + k] = line_of(&made[k]);
    forge(&t->f[which], (const char *const *)lines);
    for (size_t k = 0; k < count; k++)
        free(lines[1 + k]);
    if (compare_side_open(&t->side[which], t->f[which].dir) != 0)
        fail_msg("%s", error_text());
}

static const struct compare_questions *join(struct two *t) {
    const struct compare_rule rule = compare_rule_default();
    assert_int_equal(compare_open(&t->c, &t->side[0], &t->side[1], &rule, NULL), 0);
    return t->c.questions;
}

static void close_both(struct two *t) {
    compare_close(&t->c);
    compare_side_close(&t->side[0]);
    compare_side_close(&t->side[1]);
}

/* One case a side. */
static const struct compare_questions *join_two(struct two *t, struct made a, struct made b) {
    open_side(t, 0, &a, 1);
    open_side(t, 1, &b, 1);
    return join(t);
}

static const struct made on_cpu = {"42/sum/n=64/plan=" LANES_16, "cpu", "'n':64,'type':'f32'", CPU,
                                   "00000001"};
static const struct made on_gpu = {"42/sum/n=64/plan=" BLOCK_32, "simt", "'n':64,'type':'f32'", GPU,
                                   "00000001"};

static char *printed(const struct compare *c) {
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    compare_questions_print(c, to);
    assert_int_equal(fclose(to), 0);
    return text;
}

static void one_tree_on_a_cpu_and_a_gpu(void **state) {
    struct two *t = *state;
    const struct compare_questions *q = join_two(t, on_cpu, on_gpu);
    assert_int_equal(t->c.count, 0); /* no id is on both sides */
    assert_int_equal(q->questions, 1);
    assert_int_equal(q->kind_count, 1);
    const struct compare_kind *kind = &q->kinds[0];
    assert_string_equal(kind->name, "42/sum: f32, acc32, plain");
    assert_int_equal(kind->shared, 1);
    assert_int_equal(kind->plans[0], 1);
    assert_int_equal(kind->plans[1], 1);
    assert_int_equal(kind->all.equal, 1);
    assert_int_equal(kind->one_tree.equal, 1);
    assert_int_equal(kind->one_tree.differ, 0);
    assert_int_equal(kind->across, 1);
    assert_string_equal(kind->same.first->device, "cpu");
    assert_int_equal(q->wrong, 0);
    assert_int_equal(q->field_count, 0);
    const struct compare_g1 g1 = compare_g1(&t->c);
    char says[COMPARE_G1_BYTES];
    assert_string_equal(compare_g1_verdict(&g1), "confirmed");
    assert_non_null(strstr(compare_g1_says(&g1, says), "in 1 of 1 pairs of unlike plans"));
    char *text = printed(&t->c);
    assert_non_null(strstr(text, "equal in 1 of 1 pairs, with one tree in 1 of 1"));
    free(text);
    close_both(t);
}

static void one_tree_and_other_bits_is_an_alarm(void **state) {
    struct two *t = *state;
    struct made other = on_gpu;
    other.bits = "00000002";
    const struct compare_questions *q = join_two(t, on_cpu, other);
    assert_int_equal(q->wrong, 1);
    assert_int_equal(q->kinds[0].one_tree.differ, 1);
    assert_int_equal(q->kinds[0].shared, 0);
    assert_string_equal(q->kinds[0].wrong.second->id, on_gpu.id);
    const struct compare_g1 g1 = compare_g1(&t->c);
    assert_string_equal(compare_g1_verdict(&g1), "refuted");
    char *text = printed(&t->c);
    assert_non_null(strstr(text, "ONE TREE AND OTHER BITS in 1 pairs of 42/sum"));
    assert_non_null(strstr(text, "B: 42/sum/n=64/plan=" BLOCK_32 " (simt)"));
    free(text);
    json_t *json = compare_questions_json(&t->c);
    assert_int_equal(json_integer_value(json_object_get(json, "wrong")), 1);
    json_decref(json);
    close_both(t);
}

static void other_trees_may_have_other_bits(void **state) {
    struct two *t = *state;
    struct made other = on_gpu;
    other.id = "42/sum/n=64/plan=" BLOCK_128;
    other.bits = "00000002";
    const struct compare_questions *q = join_two(t, on_cpu, other);
    const struct compare_kind *kind = &q->kinds[0];
    assert_int_equal(q->wrong, 0);
    assert_int_equal(kind->all.differ, 1);
    assert_int_equal(kind->other_tree, 1);
    assert_int_equal(compare_tally_count(kind->one_tree), 0);
    assert_ptr_equal(compare_questions_shown(q), kind);
    struct compare_trees trees;
    assert_int_equal(compare_two_trees(&kind->part, &trees), 0);
    assert_int_equal(trees.tree[0].leaves, 64);
    assert_true(trees.tree[0].under > 0);
    /* With equal bits too, there is no alarm; and with one tree nothing to show. */
    close_both(t);
    other.bits = on_cpu.bits;
    q = join_two(t, on_cpu, other);
    assert_int_equal(q->kinds[0].all.equal, 1);
    assert_null(compare_questions_shown(q));
    close_both(t);
}

/* Each other in one thing that says what was asked. */
static void other_questions_stand_apart(void **state) {
    struct two *t = *state;
    const struct made others[] = {
        {"42/sum/n=65/plan=" BLOCK_32, "simt", "'n':65,'type':'f32'", GPU, "00000002"},
        {"42/sum/n=64/data=other/plan=" BLOCK_32, "simt", "'n':64,'type':'f32'", GPU, "00000002"},
        {"42/sum/n=64/plan=" BLOCK_32 "/map=b", "simt", "'n':64,'type':'f32'", GPU, "00000002"},
        {"42/dot/n=64/plan=" BLOCK_32, "simt", "'n':64,'type':'f32'", GPU, "00000002"},
        {"42/sum/n=64/plan=" BLOCK_32, "simt", "'n':64,'type':'f64'", GPU, "00000002"},
        {"42/sum/n=64/plan=" BLOCK_32, "simt", "'n':64,'type':'f32','terms':'products'", GPU,
         "00000002"},
        {"42/sum/n=64/plan=" BLOCK_32, "simt", "'n':64,'type':'f32'",
         "'acc':'acc64','method':'plain'", "00000002"},
        {"42/sum/n=64/plan=" BLOCK_32, "simt", "'n':64,'type':'f32'",
         "'acc':'acc32','method':'binned'", "00000002"},
        {"42/sum/n=64/" BLOCK_32, "simt", "'n':64,'type':'f32'", GPU, "00000002"},
    };
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
        const struct compare_questions *q = join_two(t, on_cpu, others[k]);
        if (q->questions != 0)
            fail_msg("%zu: taken for the same question", k);
        assert_int_equal(q->kind_count, 0);
        close_both(t);
    }
}

static void a_field_that_alone_differs(void **state) {
    struct two *t = *state;
    const struct made a[] = {
        {"42/sum/n=64/plan=a", "cpu", "'n':64", CPU ",'lanes':16,'threads':1", "00000001"},
        {"42/sum/n=65/plan=a", "cpu", "'n':65", CPU ",'lanes':16,'threads':1", "00000001"},
    };
    const struct made b[] = {
        {"42/sum/n=64/plan=b", "cpu", "'n':64", CPU ",'lanes':8,'threads':1", "00000002"},
        {"42/sum/n=64/plan=c", "cpu", "'n':64", CPU ",'lanes':16,'threads':2", "00000001"},
        {"42/sum/n=64/plan=d", "cpu", "'n':64", CPU ",'lanes':8,'threads':2", "00000002"},
        {"42/sum/n=65/plan=b", "cpu", "'n':65", CPU ",'lanes':8,'threads':1", "00000001"},
    };
    open_side(t, 0, a, 2);
    open_side(t, 1, b, 4);
    const struct compare_questions *q = join(t);
    assert_int_equal(q->questions, 2);
    assert_int_equal(q->field_count, 2);
    /* What changes bits comes first, and is shown by a case in which it does. */
    assert_string_equal(q->fields[0].field, "plan.lanes");
    assert_int_equal(q->fields[0].pairs.differ, 1);
    assert_int_equal(q->fields[0].pairs.equal, 1);
    assert_string_equal(q->fields[0].such_as.second->id, "42/sum/n=64/plan=b");
    assert_string_equal(q->fields[1].field, "plan.threads");
    assert_int_equal(q->fields[1].pairs.differ, 0);
    assert_int_equal(q->fields[1].pairs.equal, 1);
    close_both(t);
}

/* What both sides have by one id is compared there, and stands beside own plans only. */
static void plans_of_both_sides(void **state) {
    struct two *t = *state;
    const struct made a[] = {
        {"42/sum/n=64/plan=a", "cpu", "'n':64", CPU ",'lanes':16", "00000001"},
        {"42/sum/n=64/plan=b", "cpu", "'n':64", CPU ",'lanes':8", "00000002"},
        {"42/sum/n=64/plan=own", "cpu", "'n':64", CPU ",'lanes':4", "00000002"},
    };
    open_side(t, 0, a, 2);
    open_side(t, 1, a, 2);
    assert_int_equal(join(t)->questions, 0);
    assert_int_equal(t->c.bits_equal, 2);
    close_both(t);
    open_side(t, 0, a, 3);
    open_side(t, 1, a, 2);
    const struct compare_questions *q = join(t);
    assert_int_equal(q->questions, 1);
    assert_int_equal(q->kinds[0].plans[0], 1);
    assert_int_equal(q->kinds[0].plans[1], 2);
    assert_int_equal(q->kinds[0].all.equal, 1);
    assert_int_equal(q->kinds[0].all.differ, 1);
    close_both(t);
}

static void one_plan_on_other_kinds_of_devices(void **state) {
    struct two *t = *state;
    const struct made a[] = {
        {"42/sum/n=64/plan=a", "cpu", "'n':64", CPU, "00000001"},
        {"42/sum/n=64/plan=a", "simt", "'n':64", CPU, "00000002"},
        {"42/sum/n=65/plan=a", "cpu", "'n':65", CPU, "00000003"},
    };
    const struct made b[] = {
        {"42/sum/n=64/plan=a", "simt", "'n':64", CPU, "00000002"},
        {"42/sum/n=65/plan=a", "simt", "'n':65", CPU, "00000003"},
    };
    open_side(t, 0, a, 3);
    open_side(t, 1, b, 2);
    const struct compare_questions *q = join(t);
    assert_int_equal(t->c.count, 2); /* n = 65 too, by id, though on another kind */
    assert_int_equal(q->questions, 0);
    assert_int_equal(q->field_count, 1);
    assert_string_equal(q->fields[0].field, "kind of device");
    assert_int_equal(q->fields[0].pairs.differ, 1);
    assert_int_equal(q->fields[0].pairs.equal, 0);
    assert_string_equal(q->fields[0].such_as.first->device, "cpu");
    close_both(t);
}

static void bits_that_vary_are_no_pair_of_either_sort(void **state) {
    struct two *t = *state;
    const struct made b[] = {
        {"42/sum/n=64/plan=" BLOCK_128, "simt", "'n':64,'type':'f32'", GPU, "00000001"},
        {"42/sum/n=64/plan=" BLOCK_32, "simt", "'n':64,'type':'f32'", GPU, "00000001"},
    };
    open_side(t, 0, &on_cpu, 1);
    open_side(t, 1, b, 2);
    for (size_t k = 0; k < 2; k++)
        t->side[1].cases[k].bits_vary = strstr(t->side[1].cases[k].id, BLOCK_32) != NULL;
    const struct compare_questions *q = join(t);
    assert_int_equal(q->kinds[0].all.equal, 1);
    assert_int_equal(q->kinds[0].all.differ, 0);
    assert_int_equal(q->kinds[0].all.vary, 1);
    assert_int_equal(q->kinds[0].one_tree.vary, 1);
    assert_int_equal(q->wrong, 0);
    /* A plain sum in one order that varies is none that G1 promises. */
    const struct compare_g1 g1 = compare_g1(&t->c);
    assert_string_equal(compare_g1_verdict(&g1), "refuted");
    close_both(t);
}

static void another_seed_is_other_data(void **state) {
    struct two *t = *state;
    open_side(t, 0, &on_cpu, 1);
    open_side(t, 1, &on_gpu, 1);
    json_t *run = json_deep_copy(t->side[1].run), *inner = json_object_get(run, "run");
    json_object_set_new(inner, "seed", json_string("12345"));
    json_decref(t->side[1].run);
    t->side[1].run = run;
    const struct compare_questions *q = join(t);
    assert_int_equal(q->questions, 0);
    assert_non_null(strstr(q->no_questions, "other seeds"));
    char *text = printed(&t->c);
    assert_non_null(strstr(text, "not compared: the sides have other seeds"));
    free(text);
    close_both(t);
}

/* More kinds than are listed: the alarm is among them, and the rest is counted. */
static void an_alarm_is_never_left_out(void **state) {
    struct two *t = *state;
    struct made a[MADE_MOST], b[MADE_MOST];
    char ids[2][MADE_MOST][160];
    const size_t count = COMPARE_KINDS + 6;
    for (size_t k = 0; k < count; k++) {
        bool alarm = k == count / 2;
        snprintf(ids[0][k], sizeof ids[0][k], "42/k%02zu/n=64/plan=%s", k, alarm ? LANES_16 : "a");
        snprintf(ids[1][k], sizeof ids[1][k], "42/k%02zu/n=64/plan=%s", k, alarm ? BLOCK_32 : "b");
        a[k] = (struct made){ids[0][k], "cpu", "'n':64", CPU, "00000001"};
        b[k] = (struct made){ids[1][k], "simt", "'n':64", CPU, alarm ? "00000002" : "00000001"};
    }
    open_side(t, 0, a, count);
    open_side(t, 1, b, count);
    const struct compare_questions *q = join(t);
    assert_int_equal(q->questions, count);
    assert_int_equal(q->kind_count, COMPARE_KINDS);
    assert_int_equal(q->left_out, 6);
    assert_int_equal(q->wrong, 1);
    assert_int_equal(q->kinds[0].one_tree.differ, 1);
    close_both(t);
}

/* The page of the two sides; free it. */
static char *page_of(const struct compare *c, bool headline) {
    struct compare_page *page = calloc(1, sizeof *page);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(page);
    assert_non_null(out);
    page->count = 1;
    page->sections[0] = (struct compare_section){.c = c, .letter = "B"};
    if (headline)
        compare_markdown_headline(page, out);
    else
        compare_markdown_questions(&page->sections[0], out);
    assert_int_equal(fclose(out), 0);
    free(page);
    return text;
}

static void the_page_begins_with_the_alarm(void **state) {
    struct two *t = *state;
    struct made other = on_gpu;
    other.params = "'n':64,'type':'<b>|`x`'";
    struct made mine = on_cpu;
    mine.params = other.params;
    join_two(t, mine, other);
    char *text = page_of(&t->c, true);
    assert_null(strstr(text, "one tree"));
    free(text);
    text = page_of(&t->c, false);
    assert_null(strstr(text, "One tree and other bits"));
    assert_non_null(strstr(text, "| 1 of 1 | 1 of 1 |"));
    assert_null(strstr(text, "<b>"));
    free(text);
    close_both(t);
    other.bits = "00000002";
    join_two(t, mine, other);
    text = page_of(&t->c, true);
    assert_non_null(strstr(text, "**Bits differ in 1 pairs of plans with one tree.**"));
    free(text);
    text = page_of(&t->c, false);
    assert_non_null(strstr(text, "**One tree and other bits in 1 pairs of 42/sum"));
    assert_non_null(strstr(text, "| 0 of 1 | 0 of 1 |"));
    assert_null(strstr(text, "<b>"));
    free(text);
    close_both(t);
}

/* What `--explain` says of a case that the other side answered by other plans. */
static void the_other_sides_answers(void **state) {
    struct two *t = *state;
    const struct made b[] = {
        {"42/sum/n=64/plan=" BLOCK_128, "simt", "'n':64,'type':'f32'", GPU, "00000002"},
        {"42/sum/n=64/plan=" BLOCK_32, "simt", "'n':64,'type':'f32'", GPU, "00000001"},
        {"42/sum/n=65/plan=" BLOCK_32, "simt", "'n':65,'type':'f32'", GPU, "00000001"},
    };
    const struct compare_pair *pair;
    open_side(t, 0, &on_cpu, 1);
    open_side(t, 1, b, 3);
    join(t);
    assert_int_equal(compare_find(&t->c, on_cpu.id, &pair), -1);
    assert_non_null(strstr(
        error_text(), "A alone has this case; B answers its question by 2 other "
                      "plans, with equal bits by 1, such as 42/sum/n=64/plan=" BLOCK_32 " (simt)"));
    assert_int_equal(compare_find(&t->c, b[0].id, &pair), -1);
    assert_non_null(strstr(error_text(), "B alone has this case; A answers its question by 1 other "
                                         "plan, with equal bits by 0, such as"));
    assert_int_equal(compare_find(&t->c, b[2].id, &pair), -1);
    assert_non_null(strstr(error_text(), "B alone has this case, so that there is nothing"));
    close_both(t);
}

/* Plans that no family of ours knows, sizes that are none, and a name that would turn a line. */
static void what_strangers_write(void **state) {
    struct two *t = *state;
    const char *const ids[] = {
        "42/sum/n=64/plan=",
        "42/sum/n=64/plan=f32.acc32.plain.l16",
        "42/sum/n=99999999999999999999999/plan=" LANES_16,
        "42/sum/n=-64/plan=" LANES_16,
        "42/sum/n=64x/plan=" LANES_16,
        "/plan=" LANES_16,
        "42/sum/n=2/plan=" LANES_16,
        "42/sum/n=4098/plan=" LANES_16,
    };
    for (size_t k = 0; k < sizeof ids / sizeof *ids; k++) {
        struct made a = on_cpu, b = on_gpu;
        char id[200];
        snprintf(id, sizeof id, "%s-b", ids[k]);
        a.id = ids[k];
        b.id = id;
        a.params = b.params = "'type':'\\u202e%n|<b>'";
        const struct compare_questions *q = join_two(t, a, b);
        assert_int_equal(q->questions, 1);
        assert_int_equal(compare_tally_count(q->kinds[0].one_tree), 0);
        assert_null(strstr(q->kinds[0].name, "\xe2\x80\xae"));
        assert_int_equal(compare_case_tree(&t->side[0].cases[0]), 0);
        close_both(t);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, two_setup, two_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_tree_on_a_cpu_and_a_gpu),
        TEST(one_tree_and_other_bits_is_an_alarm),
        TEST(other_trees_may_have_other_bits),
        TEST(other_questions_stand_apart),
        TEST(a_field_that_alone_differs),
        TEST(plans_of_both_sides),
        TEST(one_plan_on_other_kinds_of_devices),
        TEST(bits_that_vary_are_no_pair_of_either_sort),
        TEST(another_seed_is_other_data),
        TEST(an_alarm_is_never_left_out),
        TEST(the_page_begins_with_the_alarm),
        TEST(the_other_sides_answers),
        TEST(what_strangers_write),
    };
    return cmocka_run_group_tests_name("compare_question", tests, NULL, NULL);
}
