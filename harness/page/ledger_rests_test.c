/*
 * ledger_rests_test.c: the table of what claims rest on, of results that say it and of older ones,
 * and the same on a run's page.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "harness/page/claim_table.h"
#include "harness/page/ledger.h"
#include "harness/page/report.h"
#include "harness/store/forge_fixture.h"

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (!f || fixture_begin(f) != 0 || fixture_open(f, RESULT_NEW) != 0)
        return -1;
    fixture_close(f);
    return 0;
}

static int teardown(void **state) {
    fixture_end(*state);
    free(*state);
    return 0;
}

#define RECORD(id, device, params)                                                                 \
    "{\"record\":\"case\",\"id\":\"" id "\",\"device\":\"" device "\",\"params\":{" params "},"    \
    "\"counters\":{},\"series\":[]}"
#define CLAIM(id, device, verdict, more)                                                           \
    "{\"id\":\"" id "\",\"claim\":\"one is one\",\"verdict\":\"" verdict "\",\"device\":\"" device \
    "\",\"checked\":1,\"held\":1,\"against\":0,\"open\":0,\"range\":\"some\"," more "}"

static char *claims_of(const char *list) {
    char *text = NULL;
    assert_true(
        asprintf(&text, "{\"format\":2,\"lab\":\"" FIXTURE_LAB "\",\"claims\":[%s]}", list) > 0);
    return text;
}

/* The ledger of the fixture's folder with these claims, twice, as of two sets; free it. */
static char *ledger_with(const struct fixture *f, const char *list) {
    const char *const lines[] = {START, RECORD("42/openmpi/a", "cpu", "\"engine\":\"openmpi\""),
                                 RECORD("42/smpi/a", "cpu", "\"engine\":\"smpi\""),
                                 RECORD("42/a", "ptx", ""), NULL};
    struct ledger_set sets[2];
    char *claims = claims_of(list), *text = NULL;
    size_t size;
    forge_ended(f, lines, claims, NULL);
    free(claims);
    for (size_t k = 0; k < 2; k++)
        if (ledger_open(&sets[k], f->dir) != 0)
            fail_msg("%s", error_text());
    snprintf(sets[1].name, sizeof sets[1].name, "other");
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(ledger_claims(sets, 2, "", out), 0);
    assert_int_equal(fclose(out), 0);
    ledger_close(&sets[0]);
    ledger_close(&sets[1]);
    return text;
}

static void assert_has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void as_results_say(void **state) {
    char *text = ledger_with(
        *state,
        CLAIM("X1", "cpu", "confirmed", "\"evidence\":[],\"rests_on\":{\"silicon of a CPU\":3,\"simulation\":2}") "," CLAIM(
            "X1", "ptx", "bounded",
            "\"evidence\":[],\"rests_on\":{\"PTX\":5}") "," CLAIM("X2", "simt", "refuted",
                                                                  "\"evidence\":[],"
                                                                  "\"rests_on\":{"
                                                                  "\"published "
                                                                  "measurements\":"
                                                                  "1}") "," CLAIM("X"
                                                                                  "3",
                                                                                  "n"
                                                                                  "o"
                                                                                  "n"
                                                                                  "e",
                                                                                  "n"
                                                                                  "o"
                                                                                  "t"
                                                                                  "-"
                                                                                  "t"
                                                                                  "e"
                                                                                  "s"
                                                                                  "t"
                                                                                  "a"
                                                                                  "b"
                                                                                  "l"
                                                                                  "e"
                                                                                  "-"
                                                                                  "h"
                                                                                  "e"
                                                                                  "r"
                                                                                  "e",
                                                                                  "\"evidence\":["
                                                                                  "]"));
    assert_has(text, "| | claim | highest | simulation | source | PTX | SASS | published "
                     "measurements | silicon of a CPU | silicon of a GPU |\n");
    assert_has(text, "| X1 | one is one | silicon of a CPU | ✔×2 | – | ◐×2 | – | – | ✔×2 | – |\n");
    assert_has(text,
               "| X2 | one is one | published measurements | – | – | – | – | ✘×2 | – | – |\n");
    char *lab = strstr(text, "## " FIXTURE_LAB);
    assert_non_null(lab);
    *lab = '\0';
    assert_null(strstr(text, "| X3 | "));
    free(text);
}

/* By the cases that they name: what their device says, or the engine that ran the ranks. */
static void as_older_results_show(void **state) {
    char *text = ledger_with(
        *state,
        CLAIM("X1", "cpu", "confirmed", "\"evidence\":[\"42/openmpi/a\",\"42/smpi/a\"]") "," CLAIM(
            "X2", "cpu", "confirmed",
            "\"evidence\":[\"42/smpi/a\"]") "," CLAIM("X3", "ptx", "confirmed",
                                                      "\"evidence\":[\"42/a\"]") "," CLAIM("X4",
                                                                                           "cpu",
                                                                                           "confirm"
                                                                                           "ed",
                                                                                           "\"evide"
                                                                                           "nce\":["
                                                                                           "]"));
    assert_has(text, "| X1 | one is one | silicon of a CPU | ✔×2 | – | – | – | – | ✔×2 | – |\n");
    assert_has(text, "| X2 | one is one | simulation | ✔×2 | – | – | – | – | – | – |\n");
    assert_has(text, "| X3 | one is one | PTX | – | – | ✔×2 | – | – | – | – |\n");
    assert_has(text, "| X4 | one is one | silicon of a CPU | – | – | – | – | – | ✔×2 | – |\n");
    free(text);
}

static void on_the_page(void **state) {
    (void)state;
    char *text = claims_of(
        CLAIM("X1", "simt", "confirmed",
              "\"evidence\":[],\"rests_on\":{\"source\":1,\"published "
              "measurements\":2}") "," CLAIM("X1", "cpu", "confirmed", "\"evidence\":[]"));
    json_t *document = json_loads(text, 0, NULL);
    struct claim_table table;
    free(text);
    assert_int_equal(claim_table_make(json_object_get(document, "claims"), &table), 0);
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    report_claim_by_claim(&table, out);
    assert_int_equal(fclose(out), 0);
    assert_has(text, "Rests on published measurements (2 of 3 rows), source (1).");
    assert_has(text, "Rests on silicon of a CPU.");
    free(text);
    claim_table_free(&table);
    json_decref(document);
}

static void what_is_no_list_of_rows(void **state) {
    static const char *const bad[] = {"[]", "3", "{\"source\":-1}", "{\"source\":\"x\"}",
                                      "{\"source\":1.5}"};
    struct fixture *f = *state;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        struct ledger_set set;
        char *list = NULL;
        assert_true(asprintf(&list,
                             "{\"id\":\"X1\",\"verdict\":\"confirmed\",\"device\":\"cpu\","
                             "\"checked\":0,\"held\":0,\"against\":0,\"open\":0,\"evidence\":[],"
                             "\"rests_on\":%s}",
                             bad[k]) > 0);
        char *claims = claims_of(list);
        forge_ended(f, (const char *const[]){START, NULL}, claims, NULL);
        free(claims);
        free(list);
        assert_int_equal(ledger_open(&set, f->dir), -1);
        assert_has(error_text(), "rests_on");
        ledger_close(&set);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(as_results_say),
        TEST(as_older_results_show),
        TEST(on_the_page),
        TEST(what_is_no_list_of_rows),
    };
    return cmocka_run_group_tests_name("ledger_rests", tests, NULL, NULL);
}
