/* links_test.c: chains read from made-up steps, and what is said of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "labs/05-nccl-straggler/links.h"

#define STEPS 20
#define AT 3 /* the late step */

/* Steps of 32 rows, one row of the case each; what differs is set afterwards. */
static json_t *steps(double budget) {
    json_t *rows = json_array();
    for (int k = 0; k < STEPS; k++)
        json_array_append_new(rows, json_pack("{s:i}", "nth", k));
    return json_pack(
        "{s:s, s:s, s:o, s:{s:i, s:f, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s, "
        "s:s, s:s, s:s, s:i}}",
        "id", "05/chain/x", "device", "cpu", "rows", rows, "params", "culprit", 5, "budget", budget,
        "step us", 1220, "step us without", 1220, "others us", 20, "others us without", 20, "rows",
        32, "rows without", 32, "waiting", 0, "waiting without", 0, "joined", 0, "joined without",
        0, "cut", 0, "class", "m16.l1", "class without", "m16.l1", "plan", "s1", "plan without",
        "s1", "same requests", 1);
}

/* Sets columns of step k, which is taken over: packs of json_pack(). */
static void set(json_t *record, size_t k, json_t *columns) {
    assert_non_null(columns);
    json_object_update(json_array_get(json_object_get(record, "rows"), k), columns);
    json_decref(columns);
}

static void late(json_t *record, size_t k) {
    set(record, k, json_pack("{s:i, s:i, s:i}", "stall", 1200, "step us", 2420, "others us", 1220));
}

/* 12 rows from step AT + 1 on, for so many steps; then 20 join. */
static void cut(json_t *record, size_t count) {
    for (size_t k = AT + 1; k <= AT + count && k < STEPS; k++)
        set(record, k,
            json_pack("{s:i, s:i, s:i, s:s, s:s, s:i, s:i}", "rows", 12, "waiting", 20, "cut",
                      k == AT + 1 ? 20 : 0, "class", "mfew.l1", "plan", "s4", "same requests", 0,
                      "step us", 960));
    if (AT + 1 + count < STEPS)
        set(record, AT + 1 + count, json_pack("{s:i}", "joined", 20));
}

/* Takes the record over; the chain's words are the sentence's alone afterwards. */
static struct chain read(json_t *record, const char *sentence) {
    json_t *cases = json_pack("[o]", record);
    struct rows rows;
    struct chain chain;
    char said[CHAIN_SENTENCE];
    assert_int_equal(rows_from(cases, &rows), 0);
    chain_read(&rows, 0, rows.count, &chain);
    assert_string_equal(chain_sentence(&chain, said), sentence);
    chain.class[0] = chain.class[1] = chain.plan[0] = chain.plan[1] = NULL;
    rows_free(&rows);
    json_decref(cases);
    return chain;
}

static void a_whole_chain_comes_back(void **state) {
    (void)state;
    json_t *record = steps(1800);
    late(record, AT);
    cut(record, 4);
    struct chain c = read(
        record, "rank 5 was 1.2 ms late in step 3: sums took 1.2 ms longer, step 4 had 12 rows, "
                "not 32, class mfew.l1, not m16.l1, plan s4, not s1; back after 4 steps");
    assert_int_equal(c.missing, LINKS);
    assert_true(c.back);
    assert_true(c.changed == 4 && c.again == 0 && c.strangers == 4 && c.seen == 16);
    assert_true(c.burst == 20 && c.burst_at == AT + 5);
    assert_true(c.sum_us == 1200 && c.step_us == 1200 && c.longer == AT);
    assert_true(fabs(c.kept - (12 * 32 + 4 * 12 + 32) / (2420 + 4 * 960 + 12 * 1220.0) /
                                  (17 * 32 / (17 * 1220.0))) < 1e-12);
    assert_true(isnan(c.left_us));
    assert_false(c.noise);
}

/* Eight equal steps in a row are a return, seven are not; what differs later is counted. */
static void back_is_eight_steps_in_a_row(void **state) {
    (void)state;
    json_t *record = steps(1800);
    late(record, AT);
    cut(record, 1);
    set(record, AT + 9, json_pack("{s:s}", "class", "m16.l8"));
    struct chain c = read(
        record, "rank 5 was 1.2 ms late in step 3: sums took 1.2 ms longer, step 4 had 12 rows, "
                "not 32, class mfew.l1, not m16.l1, plan s4, not s1; never back in 16 steps");
    assert_false(c.back);
    assert_true(c.changed == 16);

    record = steps(1800);
    late(record, AT);
    cut(record, 1);
    set(record, AT + 10, json_pack("{s:s}", "plan", "s2"));
    set(record, AT + 12, json_pack("{s:i}", "rows", 31));
    c = read(record,
             "rank 5 was 1.2 ms late in step 3: sums took 1.2 ms longer, step 4 had 12 rows, "
             "not 32, class mfew.l1, not m16.l1, plan s4, not s1; back after 1 step");
    assert_true(c.back && c.changed == 1 && c.again == 2);
}

/* A smaller batch waits for the late rank as long as the whole one did. */
static void a_cut_batch_still_waits(void **state) {
    (void)state;
    json_t *record = steps(1800);
    late(record, AT);
    cut(record, STEPS);
    for (size_t k = AT + 1; k < STEPS; k++)
        set(record, k,
            json_pack("{s:i, s:i, s:i}", "stall", 1200, "step us", 2150, "others us", 1210));
    struct chain c = read(
        record, "rank 5 was 1.2 ms late in step 3: sums took 1.2 ms longer, step 4 had 12 rows, "
                "not 32, class mfew.l1, not m16.l1, plan s4, not s1; never back in 16 steps");
    assert_true(c.left_us == 1190);
    assert_int_equal(c.missing, LINK_BURST);
}

/* With sums one step late the scheduler's step may be longer only later. */
static void the_step_may_be_a_later_one(void **state) {
    (void)state;
    json_t *record = steps(1800);
    for (size_t k = AT - 2; k < STEPS; k++)
        set(record, k, json_pack("{s:i, s:i}", "stall", 1200, "others us", 1220));
    set(record, AT, json_pack("{s:i}", "step us", 1801));
    cut(record, 3);
    struct chain c = read(
        record, "rank 5 was 1.2 ms late in step 1: sums took 1.2 ms longer, step 4 had 12 rows, "
                "not 32, class mfew.l1, not m16.l1, plan s4, not s1; back after 3 steps");
    assert_true(c.at == AT - 2 && c.longer == AT);
}

static void a_chain_ends_where_nothing_proves_more(void **state) {
    (void)state;
    read(steps(1800), "nobody was late: there is no chain");

    json_t *record = steps(1800);
    set(record, AT, json_pack("{s:i, s:i}", "stall", 1200, "others us", 120));
    assert_int_equal(read(record, "rank 5 was 1.2 ms late in step 3; the others waited 0.1 ms "
                                  "longer: the chain does not begin")
                         .missing,
                     LINK_SUM);

    record = steps(3000);
    late(record, AT);
    assert_int_equal(read(record, "rank 5 was 1.2 ms late in step 3: sums took 1.2 ms longer; no "
                                  "batch came later: the chain ends at the sum")
                         .missing,
                     LINK_STEP);

    record = steps(0);
    late(record, AT);
    assert_int_equal(read(record, "rank 5 was 1.2 ms late in step 3: sums and step took 1.2 ms "
                                  "longer; nobody was cut: the chain ends at the step")
                         .missing,
                     LINK_BATCH);
}

static void noise_says_nothing(void **state) {
    (void)state;
    json_t *record = steps(1800);
    late(record, AT);
    set(record, 15, json_pack("{s:i}", "step us without", 1801));
    assert_true(read(record, "rank 5 was 1.2 ms late in step 3: sums and step took 1.2 ms longer; "
                             "nobody was cut: the chain ends at the step")
                    .noise);
    record = steps(1800);
    late(record, AT);
    set(record, 0, json_pack("{s:i}", "rows", 12));
    assert_true(read(record, "rank 5 was 1.2 ms late in step 3: sums and step took 1.2 ms longer; "
                             "nobody was cut: the chain ends at the step")
                    .noise);
}

/* Whatever a journal says, the sentence fits, and is one line. */
static void a_strange_journal_stays_within_the_sentence(void **state) {
    (void)state;
    json_t *record = steps(1800);
    late(record, AT);
    cut(record, 2);
    json_object_set_new(json_object_get(record, "params"), "culprit", json_real(1e300));
    set(record, AT, json_pack("{s:f, s:f}", "nth", 1e18, "others us", 1e200));
    set(record, AT + 1,
        json_pack("{s:s, s:s}", "class", "one\ntwo and three and four", "plan", "s4 and so on"));
    json_t *cases = json_pack("[o]", record);
    struct rows rows;
    struct chain chain;
    char said[CHAIN_SENTENCE];
    assert_int_equal(rows_from(cases, &rows), 0);
    chain_read(&rows, 0, rows.count, &chain);
    chain_sentence(&chain, said);
    assert_null(strchr(said, '\n'));
    assert_in_range(strlen(said), 1, CHAIN_SENTENCE - 1);
    rows_free(&rows);
    json_decref(cases);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_chain_comes_back),
        cmocka_unit_test(back_is_eight_steps_in_a_row),
        cmocka_unit_test(a_cut_batch_still_waits),
        cmocka_unit_test(the_step_may_be_a_later_one),
        cmocka_unit_test(a_chain_ends_where_nothing_proves_more),
        cmocka_unit_test(noise_says_nothing),
        cmocka_unit_test(a_strange_journal_stays_within_the_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
