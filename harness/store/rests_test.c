/*
 * rests_test.c: what a row, a claim and a verdict rest on.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "harness/store/rests.h"

static void devices(void **state) {
    (void)state;
    assert_int_equal(rests_of_device("cpu"), RESTS_CPU);
    assert_int_equal(rests_of_device("cuda:1"), RESTS_GPU);
    assert_int_equal(rests_of_device("cuda"), RESTS_GPU);
    assert_int_equal(rests_of_device("simt"), RESTS_SOURCE);
    assert_int_equal(rests_of_device("ptx"), RESTS_PTX);
    assert_int_equal(rests_of_device("sass:sm_90"), RESTS_SASS);
    assert_int_equal(rests_of_device("none"), RESTS);
    assert_int_equal(rests_of_device("simtx"), RESTS);
    assert_int_equal(rests_of_device("sim"), RESTS);
    assert_int_equal(rests_of_device(""), RESTS);
    assert_int_equal(rests_of_device(NULL), RESTS);
}

static void rows(void **state) {
    (void)state;
    const struct {
        const char *record, *cells;
        enum rests rests;
    } tries[] = {
        {"{'device':'simt','params':{}}", NULL, RESTS_SOURCE},
        {"{'device':'simt','params':{'rests on':'published measurements'}}", NULL, RESTS_PUBLISHED},
        {"{'device':'simt','params':{'rests on':'a published model'}}", NULL, RESTS_MODEL},
        /* A row's own word counts before its case's. */
        {"{'device':'simt','params':{'rests on':'a published model'}}",
         "{'rests on':'published measurements'}", RESTS_PUBLISHED},
        /* What nobody here says is not taken for anything. */
        {"{'device':'simt','params':{'rests on':'hearsay'}}", NULL, RESTS_SOURCE},
        {"{'device':'simt','params':{'rests on':7}}", NULL, RESTS_SOURCE},
        {"{'device':'cpu','params':{'engine':'openmpi'}}", NULL, RESTS_CPU},
        {"{'device':'cpu','params':{'engine':'smpi'}}", NULL, RESTS_SIMULATION},
        {"{'device':'cpu','params':{'engine':'virtual'}}", NULL, RESTS_SIMULATION},
        {"{'device':'simt','params':{}}", "{'engine':'simt'}", RESTS_SOURCE},
        {"{}", NULL, RESTS},
    };
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        json_t *parts[2] = {NULL, NULL};
        const char *texts[2] = {tries[k].record, tries[k].cells};
        for (size_t p = 0; p < 2 && texts[p]; p++) {
            char copy[200];
            snprintf(copy, sizeof copy, "%s", texts[p]);
            for (char *at = copy; (at = strchr(at, '\''));)
                *at = '"';
            assert_non_null(parts[p] = json_loads(copy, 0, NULL));
        }
        if (rests_of_row(parts[0], parts[1]) != tries[k].rests)
            fail_msg("try %zu: %d", k, (int)rests_of_row(parts[0], parts[1]));
        json_decref(parts[0]);
        json_decref(parts[1]);
    }
}

static char *printed(const struct rests_on *on) {
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    rests_print(on, to);
    assert_int_equal(fclose(to), 0);
    return text;
}

static void claims(void **state) {
    (void)state;
    const struct rests_on made = {.rows[RESTS_PUBLISHED] = 180, .rows[RESTS_MODEL] = 60};
    json_t *json = rests_json(&made);
    assert_int_equal(json_object_size(json), 2);
    json_t *claim =
        json_pack("{s:s, s:s, s:o}", "verdict", "confirmed", "device", "simt", "rests_on", json);
    struct rests_on on = rests_of_claim(claim);
    assert_memory_equal(&on, &made, sizeof on);
    assert_int_equal(rests_highest(&on), RESTS_PUBLISHED);
    char *text = printed(&on);
    assert_string_equal(text, "published measurements (180 of 240 rows), a published model (60)");
    free(text);
    /* An older result says nothing, and rests on its device. */
    json_object_del(claim, "rests_on");
    on = rests_of_claim(claim);
    assert_int_equal(rests_highest(&on), RESTS_SOURCE);
    text = printed(&on);
    assert_string_equal(text, "source");
    free(text);
    /* What could not be tested rests on nothing. */
    json_object_set_new(claim, "verdict", json_string("not-testable-here"));
    on = rests_of_claim(claim);
    assert_int_equal(rests_highest(&on), RESTS);
    text = printed(&on);
    assert_string_equal(text, "");
    free(text);
    json_decref(claim);
    on = rests_of_claim(NULL);
    assert_int_equal(rests_highest(&on), RESTS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices),
        cmocka_unit_test(rows),
        cmocka_unit_test(claims),
    };
    return cmocka_run_group_tests_name("rests", tests, NULL, NULL);
}
