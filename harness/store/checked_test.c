/*
 * checked_test.c: what was done to result folders from outside, in format 2: verdicts and tables
 * edited, journals cut, folders mixed, and folders without end. Each is refused, or ignored and
 * named, by every command alike (they all stand on checked.h); resuming is tried beside it.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "harness/store/checked.h"
#include "harness/store/forge_fixture.h"

#define CLAIMS(verdict, held)                                                                      \
    "{\"format\":2,\"lab\":\"" FIXTURE_LAB "\",\"claims\":[{\"id\":\"S1\",\"verdict\":\"" verdict  \
    "\",\"device\":\"cpu\",\"checked\":" held ",\"held\":" held                                    \
    ",\"against\":0,\"open\":0,\"evidence\":[\"42/a\"]}]}"

static const char *const lines[] = {START, CASE(""), NULL};

static int setup(void **state) {
    struct fixture *f = malloc(sizeof *f);
    *state = f;
    if (fixture_begin(f) != 0 || fixture_open(f, RESULT_NEW) != 0)
        return -1;
    fixture_close(f);
    return 0;
}

static int teardown(void **state) {
    fixture_end(*state);
    free(*state);
    return 0;
}

static struct checked *opened(const struct fixture *f) {
    struct checked *checked;
    if (checked_open(&checked, f->dir) != 0)
        fail_msg("%s", error_text());
    return checked;
}

static void refused(struct fixture *f, const char *words) {
    struct checked *checked;
    if (checked_open(&checked, f->dir) == 0)
        fail_msg("nobody noticed: %s", words);
    if (!strstr(error_text(), words))
        fail_msg("expected \"%s\" in: %s", words, error_text());
    assert_null(checked);
}

static void put(const struct fixture *f, const char *name, const char *text) {
    char path[FORGE_PATH];
    snprintf(path, sizeof path, "%s/%s", f->lab, name);
    assert_int_equal(fixture_write(path, text, strlen(text)), 0);
}

/* "flip", and the same with a table, a count, and a table that was not there. */
static void what_is_sealed_cannot_be_edited(void **state) {
    struct fixture *f = *state;
    forge_ended(f, lines, CLAIMS("refuted", "1"), "n\tgbps\n1\t2\n");
    checked_close(opened(f));
    put(f, "claims.json", CLAIMS("confirmed", "1"));
    refused(f, "claims.json: its SHA-256 is not what the journal's end record says");
    put(f, "claims.json", CLAIMS("refuted", "2"));
    refused(f, "claims.json: its SHA-256");
    put(f, "claims.json", CLAIMS("refuted", "1"));
    checked_close(opened(f));
    put(f, "table.tsv", "n\tgbps\n1\t3\n");
    refused(f, "table.tsv: its SHA-256");
    put(f, "table.tsv", "n\tgbps\n1\t2\n");
    put(f, "more.tsv", "n\tgbps\n1\t2\n");
    refused(f, "more.tsv: the journal's end record does not name it");
    char path[FORGE_PATH];
    snprintf(path, sizeof path, "%s/more.tsv", f->lab);
    unlink(path);
    snprintf(path, sizeof path, "%s/table.tsv", f->lab);
    unlink(path);
    refused(f, "table.tsv: missing");
}

/* "cutend": the last line deleted, then the claims edited. */
static void a_partial_lab_has_no_claims_and_no_tables(void **state) {
    struct fixture *f = *state;
    forge_ended(f, lines, CLAIMS("refuted", "1"), "n\n1\n");
    forge_complete(f, true);
    checked_close(opened(f));
    forge(f, lines);
    put(f, "claims.json", CLAIMS("confirmed", "1"));
    refused(f, "its end was cut off; take an intact copy");
    /* Where run.json does not contradict, as after a kill: ignored, and named. */
    forge_complete(f, false);
    struct checked *checked = opened(f);
    assert_int_equal(json_array_size(checked->labs[0].claims), 0);
    assert_int_equal(json_array_size(checked->labs[0].ignored), 2);
    assert_false(reader_seals(checked->labs[0].reader, "table.tsv"));
    assert_false(checked->complete);
    checked_close(checked);
    /* Even a claims.json that is none. */
    put(f, "claims.json", "[");
    checked_close(opened(f));
}

/* A lab's folder out of another run. */
static void a_folder_is_not_put_together(void **state) {
    struct fixture *f = *state;
    char other[] = START;
    const char *const mixed[] = {other, CASE(""), NULL};
    memcpy(strstr(other, "18446744073709551615"), "00000000000000000007", 20);
    forge(f, mixed);
    refused(f, "\"seed\" is not that of run.json: the lab is of another run");
    char full[] = START;
    const char *const slower[] = {full, CASE(""), NULL};
    memcpy(strstr(full, "\"quick\""), "\"full\" ", 7);
    forge(f, slower);
    refused(f, "\"mode\" is not that of run.json");
    const char *const elsewhere[] = {
        "{\"record\":\"start\",\"format\":2,\"lab\":\"" FIXTURE_LAB "\",\"mode\":\"quick\","
        "\"seed\":\"18446744073709551615\",\"bits\":[\"cpu\"],\"time\":[],\"started\":\"t\","
        "\"fingerprint\":{\"cpu_model\":\"abacus\"}}",
        NULL};
    forge(f, elsewhere);
    refused(f, "\"cpu_model\" is not that of run.json");
}

/* What a killed run left is not sealed by the one that resumes: a planted table is gone. */
static void resuming_seals_its_own_tables_only(void **state) {
    struct fixture *f = *state;
    char path[FORGE_PATH];
    put(f, "planted.tsv", "n\n1\n");
    put(f, "claims.json", CLAIMS("confirmed", "1"));
    assert_int_equal(fixture_open(f, RESULT_RESUME), 0);
    assert_int_equal(fixture_sweep(f, 3), 0);
    put(f, "late.tsv", "n\n1\n");
    assert_int_equal(fixture_finish(f), 0);
    fixture_close(f);
    snprintf(path, sizeof path, "%s/planted.tsv", f->lab);
    assert_int_equal(access(path, F_OK), -1);
    refused(f, "late.tsv: the journal's end record does not name it");
}

/* "claims-overflow", and three more numbers from strangers. */
static void numbers_are_bounded(void **state) {
    struct fixture *f = *state;
    forge_ended(f, lines, CLAIMS("confirmed", "9223372036854775807"), NULL);
    refused(f, "\"checked\" is more than 1000000000000 (LIMIT_COUNT)");
    forge_ended(f, lines, CLAIMS("confirmed", "9223372036854775808"), NULL);
    refused(f, "claims.json: ");
    const char *const side[] = {
        START,
        CASE("{\"name\":\"a\",\"unit\":\"s\",\"kind\":\"time\",\"n\":137438953472,\"file\":"
             "\"0123456789abcdef0123456789abcdef.f64\",\"sha256\":\"" SHA_ZEROS "\"}"),
        NULL};
    forge(f, side);
    refused(f, "line 2: a side file longer than one can be (LIMIT_SIDE_BYTES)");
    const char *const twice[] = {
        START,
        CASE("{\"name\":\"a\",\"unit\":\"s\",\"kind\":\"time\",\"n\":1,\"file\":"
             "\"0123456789abcdef0123456789abcdef.f64\",\"sha256\":\"" SHA_ZEROS "\"},"
             "{\"name\":\"b\",\"unit\":\"s\",\"kind\":\"time\",\"n\":1,\"file\":"
             "\"0123456789abcdef0123456789abcdef.f64\",\"sha256\":\"" SHA_ZEROS "\"}"),
        NULL};
    forge(f, twice);
    refused(f, "line 2: a side file that another series names");
}

static double seconds_since(const struct timespec *from) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - from->tv_sec) + 1e-9 * (double)(now.tv_nsec - from->tv_nsec);
}

/* A sparse terabyte under each name that is read. */
static void sparse_files_cost_nothing(void **state) {
    struct fixture *f = *state;
    static const char *const names[] = {"cases.jsonl", "claims.json", "table.tsv", "side/" SIDE};
    static const char text[] =
        CASE("{\"name\":\"a\",\"unit\":\"tree\",\"kind\":\"tree\",\"n\":1,\"file\":"
             "\"0123456789abcdef0123456789abcdef.txt\",\"sha256\":\"" SHA_ZEROS "\"}");
    struct timespec from;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        char path[FORGE_PATH];
        forge_ended(f, lines, CLAIMS("confirmed", "1"), "n\n1\n");
        snprintf(path, sizeof path, "%s/side", f->lab);
        mkdir(path, 0777);
        snprintf(path, sizeof path, "%s/%s", f->lab, names[k]);
        if (k == 3)
            put(f, names[k], "abc");
        assert_int_equal(truncate(path, (off_t)1 << 40), 0);
        refused(f, k == 0   ? "LIMIT_JOURNAL_BYTES"
                   : k == 3 ? "no case names it"
                            : "more than such a file can have");
        unlink(path);
    }
    const char *const tree[] = {START, text, NULL};
    char path[FORGE_PATH];
    forge(f, tree);
    put(f, "side/0123456789abcdef0123456789abcdef.txt", "abc");
    snprintf(path, sizeof path, "%s/side/0123456789abcdef0123456789abcdef.txt", f->lab);
    assert_int_equal(truncate(path, (off_t)1 << 40), 0);
    refused(f, "more than such a file can have");
    assert_true(seconds_since(&from) < 20);
}

/* Notes and lines without end: in seconds and in little memory, with the limit's name. */
static void lists_without_end_are_refused(void **state) {
    struct fixture *f = *state;
    char hash[SHA_TEXT] = SHA_ZEROS;
    struct timespec from;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int kind = 0; kind < 2; kind++) {
        FILE *file = fopen(f->journal, "w");
        memcpy(hash, SHA_ZEROS, SHA_TEXT);
        size_t count = kind ? LIMIT_FOLDER_LINES + 10 : 5000;
        for (size_t k = 0; k < count; k++) {
            const char *line = k == 0 ? START
                               : kind ? "{\"record\":\"resume\",\"started\":\"t\"}"
                                      : "{\"record\":\"note\",\"text\":\"and on\"}";
            size_t size = strlen(line);
            assert_int_equal(sha_chain(hash, line, size, hash), 0);
            fprintf(file, "%.*s,\"hash\":\"%s\"}\n", (int)size - 1, line, hash);
        }
        assert_int_equal(fclose(file), 0);
        refused(f, kind ? "LIMIT_FOLDER_LINES" : "line 1002: more notes than a lab can have");
    }
    assert_true(seconds_since(&from) < 60);
}

/* The writer keeps to the same. */
static void a_writer_keeps_to_the_limits(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fixture_open(f, RESULT_RESUME), 0);
    for (size_t k = 0; k < LIMIT_NOTES + 20; k++) {
        char text[40];
        snprintf(text, sizeof text, "note %zu", k);
        assert_int_equal(result_note(f->run.result, text), 0);
    }
    assert_int_equal(result_side(f->run.result, SIDE, "", LIMIT_SIDE_BYTES + 1), -1);
    assert_non_null(strstr(error_text(), "LIMIT_SIDE_BYTES"));
    fixture_close(f);
    checked_close(opened(f));
}

/* --- want of memory --- */

static long allowed; /* allocations that still succeed; negative: all */

static void *starved(size_t size) {
    if (allowed == 0)
        return NULL;
    allowed -= allowed > 0;
    return malloc(size);
}

/* Wherever memory ends, nobody is told that the folder was tampered with. */
static void want_of_memory_is_no_damage(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fixture_open(f, RESULT_RESUME), 0);
    assert_int_equal(fixture_sweep(f, 4), 0);
    assert_int_equal(fixture_finish(f), 0);
    fixture_close(f);
    long k = 0;
    int status = -1;
    json_set_alloc_funcs(starved, free);
    for (; status != 0 && k < 20000; k += 1 + k / 50) {
        struct checked *checked;
        allowed = k;
        status = checked_open(&checked, f->dir);
        allowed = -1;
        if (status != 0 && !strstr(error_text(), "out of memory"))
            fail_msg("with %ld allocations: %s", k, error_text());
        checked_close(checked);
    }
    json_set_alloc_funcs(malloc, free);
    assert_int_equal(status, 0);
    assert_true(k > 100);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_sealed_cannot_be_edited),
        TEST(a_partial_lab_has_no_claims_and_no_tables),
        TEST(a_folder_is_not_put_together),
        TEST(resuming_seals_its_own_tables_only),
        TEST(numbers_are_bounded),
        TEST(sparse_files_cost_nothing),
        TEST(lists_without_end_are_refused),
        TEST(a_writer_keeps_to_the_limits),
        TEST(want_of_memory_is_no_damage),
    };
    return cmocka_run_group_tests_name("checked", tests, NULL, NULL);
}
