/* claim_table_test.c: claims as rows, devices as columns, whatever a stranger's claims.json holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "harness/page/claim_table.h"

static json_t *entry(const char *id, const char *device, const char *verdict) {
    return json_pack("{s:s, s:s, s:s, s:s}", "id", id, "device", device, "verdict", verdict,
                     "reason", device);
}

static void rows_are_claims_and_columns_devices(void **state) {
    (void)state;
    static const char *const entries[][3] = {
        {"A", "cpu", "confirmed"},          {"A", "cuda:0", "bounded"},
        {"B", "none", "not-testable-here"}, {"C", "cpu", "not-testable-here"},
        {"D", "none", "not-testable-here"}, {"E", "cuda:0", "refuted"},
        {"E", "simt", "not-testable-here"}, {"E", "cuda:0", "confirmed"}};
    json_t *claims = json_array();
    for (size_t k = 0; k < sizeof entries / sizeof *entries; k++)
        json_array_append_new(claims, entry(entries[k][0], entries[k][1], entries[k][2]));
    struct claim_table table;
    assert_int_equal(claim_table_make(claims, &table), 0);
    assert_int_equal(table.device_count, 2);
    assert_string_equal(table.devices[0], "cpu");
    assert_string_equal(table.devices[1], "cuda:0");
    assert_int_equal(table.absent_count, 1);
    assert_string_equal(table.absent[0], "simt");
    assert_int_equal(table.row_count, 5);
    assert_int_equal(table.asked_count, 2);
    assert_ptr_equal(table.rows[0].on[0], json_array_get(claims, 0));
    assert_ptr_equal(table.rows[0].on[1], json_array_get(claims, 1));
    assert_null(table.rows[4].on[0]);
    /* The first of two for one device counts; the other is not lost in silence. */
    assert_ptr_equal(table.rows[4].on[1], json_array_get(claims, 5));
    assert_int_equal(table.left_out, 1);
    /* B; C, which has another reason; D: three groups. */
    size_t first = 0;
    assert_int_equal(claim_table_nowhere(&table, 0, &first), 1);
    assert_string_equal(table.rows[first].id, "B");
    assert_int_equal(claim_table_nowhere(&table, first + 1, &first), 1);
    assert_string_equal(table.rows[first].id, "C");
    assert_string_equal(table.rows[first].reason, "cpu");
    assert_int_equal(claim_table_nowhere(&table, first + 1, &first), 1);
    assert_string_equal(table.rows[first].id, "D");
    assert_int_equal(claim_table_nowhere(&table, first + 1, &first), 0);
    claim_table_free(&table);
    json_decref(claims);
}

static void reasons_that_are_equal_go_together(void **state) {
    (void)state;
    json_t *claims = json_array();
    static const char *const ids[] = {"A", "B", "C"};
    for (size_t k = 0; k < 3; k++)
        json_array_append_new(claims, entry(ids[k], "none", "not-testable-here"));
    struct claim_table table;
    size_t first = 0;
    assert_int_equal(claim_table_make(claims, &table), 0);
    assert_int_equal(table.device_count + table.absent_count, 0);
    assert_int_equal(claim_table_nowhere(&table, 0, &first), 3);
    assert_int_equal(first, 0);
    claim_table_free(&table);
    json_decref(claims);
}

static void our_bug_is_no_verdict(void **state) {
    (void)state;
    json_t *one = entry("A", "cpu", "refuted");
    assert_int_equal(claim_mark(one), MARK_REFUTED);
    json_object_set_new(one, "broken", json_true());
    assert_int_equal(claim_mark(one), MARK_BROKEN);
    json_decref(one);
    one = entry("A", "cpu", "splendid");
    assert_int_equal(claim_mark(one), MARK_NOT_TESTABLE);
    json_decref(one);
}

static void strange_lists_do_no_harm(void **state) {
    (void)state;
    struct claim_table table;
    assert_int_equal(claim_table_make(NULL, &table), 0);
    assert_int_equal(table.row_count, 0);
    claim_table_free(&table);
    json_t *claims = json_loads("[{}, 3, null, [], {\"id\": 7, \"verdict\": \"confirmed\"}, "
                                "{\"id\": \"A\", \"verdict\": 1, \"held\": \"x\"}]",
                                0, NULL);
    assert_int_equal(claim_table_make(claims, &table), 0);
    assert_int_equal(table.row_count, 1);
    assert_int_equal(claim_count(json_array_get(claims, 5), "held"), 0);
    assert_string_equal(claim_text(json_array_get(claims, 5), "statement"), "");
    assert_int_equal(table.left_out, 5);
    claim_table_free(&table);
    json_decref(claims);
    /* More claims and devices than a page has place for. */
    claims = json_array();
    for (int k = 0; k < 2000; k++) {
        char id[20], device[20];
        snprintf(id, sizeof id, "K%d", k);
        snprintf(device, sizeof device, "cuda:%d", k % 40);
        json_array_append_new(claims, entry(id, device, "confirmed"));
    }
    assert_int_equal(claim_table_make(claims, &table), 0);
    assert_int_equal(table.device_count, CLAIM_COLUMNS_MAX);
    assert_int_equal(table.row_count, CLAIM_ROWS_MAX);
    size_t shown = 0;
    for (size_t k = 0; k < table.row_count; k++)
        for (size_t d = 0; d < table.device_count; d++)
            shown += table.rows[k].on[d] != NULL;
    assert_int_equal(shown + table.left_out, 2000);
    claim_table_free(&table);
    json_decref(claims);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_claims_and_columns_devices),
        cmocka_unit_test(reasons_that_are_equal_go_together),
        cmocka_unit_test(our_bug_is_no_verdict),
        cmocka_unit_test(strange_lists_do_no_harm),
    };
    return cmocka_run_group_tests_name("claim_table", tests, NULL, NULL);
}
