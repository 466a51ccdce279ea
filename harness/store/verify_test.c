/*
 * verify_test.c: folders made to mislead a reader. All their hashes are in order, so that only the
 * checks behind them stand between the folder and the reader.
 */
#define _GNU_SOURCE /* asprintf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/error.h"
#include "harness/store/forge_fixture.h"
#include "harness/store/reader.h"
#include "harness/store/record.h"
#include "harness/store/sha.h"
#include "harness/store/verify.h"

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

static void expect(const struct fixture *f, const char *words) {
    if (!words) {
        if (verify_folder(f->dir, NULL) != 0)
            fail_msg("%s", error_text());
        return;
    }
    if (verify_folder(f->dir, NULL) == 0)
        fail_msg("nobody noticed: %s", words);
    if (!strstr(error_text(), words))
        fail_msg("expected \"%s\" in: %s", words, error_text());
}

static void forged_records_are_refused(void **state) {
    const struct fixture *f = *state;
    const struct {
        const char *line, *words;
    } tries[] = {
        {CASE(""), NULL},
        {"{\"record\":\"joke\"}", "\"record\" must be"},
        {"{\"a\":1}", "\"record\" must be"},
        {"{\"record\":\"note\",\"text\":7}", "\"text\" must be a text"},
        {"{\"record\":\"note\",\"text\":\"\\u001b[2J\"}", "without control characters"},
        {"{\"record\":\"note\",\"text\":\"\\u0000\"}", "not valid JSON"},
        {"{\"record\":\"note\",\"text\":\"\xff\"}", "not valid JSON"},
        {"{\"record\":\"note\",\"record\":\"case\",\"text\":\"x\"}", "duplicate object key"},
        {START, "a second start record"},
        {"{\"record\":\"case\",\"id\":\"\",\"device\":\"cpu\",\"params\":{},\"counters\":{},"
         "\"series\":[]}",
         "\"id\" must be"},
        {"{\"record\":\"case\",\"id\":\"a\",\"device\":\"../cpu\",\"params\":{},\"counters\":{},"
         "\"series\":[]}",
         "\"device\" must be"},
        {"{\"record\":\"case\",\"id\":\"a\",\"device\":\"cpu\",\"params\":[],\"counters\":{},"
         "\"series\":[]}",
         "\"params\" must be"},
        {"{\"record\":\"case\",\"id\":\"a\",\"device\":\"cpu\",\"params\":{},\"counters\":{\"x\":"
         "\"9\"},\"series\":[]}",
         "number, null, or {value, low, high}"},
        {CASE_WITH_COUNTERS("{\"x\":{\"value\":1,\"low\":2}}"), "{value, low, high}"},
        {CASE_WITH("\"rows\":{}"), "\"rows\" must be a list"},
        {CASE_WITH("\"rows\":[3]"), "row 0 must be an object"},
        {CASE_WITH("\"rows\":[{\"a\":[]}]"), "of row 0 must be a number, null, or a text"},
        {CASE_WITH("\"rows\":[{\"a\":\"b\\u0009c\"}]"),
         "row 0 must be a number, null, or a text without"},
        {CASE_WITH("\"bench\":{\"stop\":\"b\\u000ac\"}"),
         "\"stop\" in \"bench\" must be a plain value without"},
        {CASE_WITH("\"group\":{\"id\":\"g\",\"entrant\":2,\"of\":2}"), "with entrant below of"},
        {CASE_WITH("\"group\":{\"entrant\":0,\"of\":2}"), "with entrant below of"},
        {"{\"record\":\"case\",\"id\":\"a\",\"device\":\"cpu\",\"params\":{},\"counters\":{\"x\":"
         "1e999},\"series\":[]}",
         "not valid JSON"},
        {CASE("7"), "a series must be an object"},
        {CASE("{\"name\":\"a\",\"unit\":\"s\",\"kind\":\"time\",\"n\":2,\"values\":[1]}"),
         "of length n"},
        {CASE("{\"name\":\"a\",\"unit\":\"s\",\"kind\":\"time\",\"n\":-1,\"values\":[]}"),
         "\"n\" must be a count"},
        {CASE("{\"name\":\"a\",\"unit\":\"s\",\"kind\":\"rhyme\",\"n\":0,\"values\":[]}"),
         "\"kind\" must be"},
        {CASE("{\"name\":\"a\",\"unit\":\"s\",\"kind\":\"time\",\"n\":1,\"values\":[\"1\"]}"),
         "must be a number or null"},
        {CASE("{\"name\":\"a\",\"unit\":\"s\",\"kind\":\"time\",\"n\":1}"), "either \"values\" or"},
        {CASE("{\"name\":\"a\",\"unit\":\"bits\",\"kind\":\"bits\",\"n\":0,\"values\":[]}"),
         "needs a \"width\""},
        {CASE("{\"name\":\"a\",\"unit\":\"bits\",\"kind\":\"bits\",\"n\":1,\"width\":16,"
              "\"values\":[\"12345\"]}"),
         "16 bits in lower-case"},
        {CASE("{\"name\":\"a\",\"unit\":\"bits\",\"kind\":\"bits\",\"n\":1,\"width\":9,"
              "\"values\":[\"fff\"]}"),
         "9 bits in lower-case"},
        {CASE("{\"name\":\"a\",\"unit\":\"1\",\"kind\":\"histogram\",\"n\":2,\"edges\":[0,1],"
              "\"bins\":[1,2]}"),
         "length n + 1"},
        {CASE("{\"name\":\"a\",\"unit\":\"1\",\"kind\":\"tree\",\"n\":1,\"values\":[1]}"),
         "holds one text"},
        {"{\"record\":\"end\",\"cases\":1,\"previous\":\"PREVIOUS\",\"files\":{}}",
         "count or hash does not fit"},
        {"{\"record\":\"end\",\"cases\":0,\"previous\":\"" SHA_ZEROS "\",\"files\":{}}",
         "count or hash does not fit"},
        {"{\"record\":\"end\",\"cases\":0,\"previous\":\"PREVIOUS\",\"files\":{}}",
         "does not name claims.json"},
        {"{\"record\":\"end\",\"cases\":0,\"previous\":\"PREVIOUS\",\"files\":{\"../x\":"
         "\"" SHA_ZEROS "\"}}",
         "no plain file name"},
        {"{\"record\":\"end\",\"cases\":0,\"previous\":\"PREVIOUS\",\"files\":{\"claims.json\":"
         "\"" SHA_ZEROS "\"}}",
         "claims.json: missing"},
    };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        const char *const lines[] = {START, tries[i].line, NULL};
        forge(f, lines);
        expect(f, tries[i].words);
    }
}

static void forged_orders_of_records_are_refused(void **state) {
    const struct fixture *f = *state;
    const char *const twice[] = {START, CASE(""), CASE(""), NULL};
    forge(f, twice);
    expect(f, "line 3: the case \"42/a\" on cpu is there twice");
    const char *const headless[] = {CASE(""), NULL};
    forge(f, headless);
    expect(f, "line 1: no start record");
    const char *const behind[] = {
        START, "{\"record\":\"end\",\"cases\":0,\"previous\":\"PREVIOUS\",\"files\":{}}", CASE(""),
        NULL};
    forge(f, behind);
    expect(f, "line 3: there is more behind the end record");
    const char *const ended[] = {
        START, "{\"record\":\"end\",\"cases\":0,\"previous\":\"PREVIOUS\",\"files\":{}}", NULL};
    forge(f, ended);
    FILE *file = fopen(f->journal, "a");
    fputs("{\"record", file); /* no crash leaves this behind an end record */
    fclose(file);
    expect(f, "line 3: there is more behind the end record");
    const char *const empty[] = {NULL};
    forge(f, empty);
    expect(f, "no start record");
    char newer[] = START;
    memcpy(strstr(newer, "\"format\":2"), "\"format\":9", 10);
    const char *const future[] = {newer, NULL};
    forge(f, future);
    expect(f, "use a newer nanolab");
    char other[] = START;
    memcpy(strstr(other, FIXTURE_LAB), "43-fixture", 10);
    const char *const moved[] = {other, NULL};
    forge(f, moved);
    expect(f, "journal of another lab");
}

static void deep_nesting_is_an_error(void **state) {
    const struct fixture *f = *state;
    size_t depth = 100000;
    char *line = malloc(2 * depth + 100);
    size_t used = (size_t)sprintf(line, "{\"record\":\"note\",\"text\":");
    memset(line + used, '[', depth);
    memset(line + used + depth, ']', depth);
    sprintf(line + used + 2 * depth, "}");
    const char *const lines[] = {START, line, NULL};
    forge(f, lines);
    expect(f, "maximum parsing depth");
    free(line);
}

static void try_side(const struct fixture *f, const char *name, int n, const char *digest,
                     const char *words) {
    char line[1000];
    snprintf(line, sizeof line,
             CASE("{\"name\":\"a\",\"unit\":\"bits\",\"kind\":\"bits\",\"n\":%d,\"width\":8,"
                  "\"file\":\"%s\",\"sha256\":\"%s\"}"),
             n, name, digest);
    const char *const lines[] = {START, line, NULL};
    forge(f, lines);
    expect(f, words);
}

static void side_files_lead_nowhere_else(void **state) {
    const struct fixture *f = *state;
    char path[300], target[300], digest[SHA_TEXT];
    assert_int_equal(sha_bytes("abc", 3, digest), 0);
    const char *const names[] = {"../cases.jsonl",
                                 "/etc/passwd",
                                 "..",
                                 "",
                                 "0123456789abcdef0123456789abcdef.u8/../../x",
                                 "0123456789ABCDEF0123456789abcdef.u8",
                                 "0123456789abcdef0123456789abcdef.exe",
                                 "0123456789abcdef0123456789abcdef.f64"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        try_side(f, names[i], 3, digest, i == 7 ? "does not go into" : "plain name of a side file");
    snprintf(path, sizeof path, "%s/side", f->lab);
    try_side(f, SIDE, 3, digest, "side: no such folder");
    assert_int_equal(symlink("/", path), 0);
    try_side(f, SIDE, 3, digest, "links are not followed");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0777), 0);
    try_side(f, SIDE, 3, digest, SIDE ": missing");

    snprintf(path, sizeof path, "%s/side/" SIDE, f->lab);
    snprintf(target, sizeof target, "%s/target", f->root);
    assert_int_equal(fixture_write(target, "abc", 3), 0);
    assert_int_equal(symlink(target, path), 0);
    try_side(f, SIDE, 3, digest, "is a link");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0666), 0);
    try_side(f, SIDE, 3, digest, "not a plain file");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0777), 0);
    try_side(f, SIDE, 3, digest, "not a plain file");
    assert_int_equal(rmdir(path), 0);

    assert_int_equal(fixture_write(path, "abc", 3), 0);
    try_side(f, SIDE, 3, digest, NULL);
    try_side(f, SIDE, 4, digest, "its size is not");
    assert_int_equal(fixture_write(path, "abd", 3), 0);
    try_side(f, SIDE, 3, digest, "its SHA-256 is not");
    assert_int_equal(truncate(path, (off_t)1 << 40), 0); /* sparse: nobody may hash it all */
    try_side(f, SIDE, 3, digest, "its size is not");
}

static int read_past(void *context, const json_t *record) {
    const json_t *series = case_series(record, "a");
    *(uint64_t *)context = case_series_bits_at(series, 2);
    return 0;
}

/* What verify would refuse must not pass as zeros when somebody just reads. */
static void a_bad_side_file_ends_a_visit(void **state) {
    const struct fixture *f = *state;
    char path[300], digest[SHA_TEXT];
    uint64_t value = 0;
    struct reader *reader;
    assert_int_equal(sha_bytes("abc", 3, digest), 0);
    snprintf(path, sizeof path, "%s/side", f->lab);
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/side/" SIDE, f->lab);
    assert_int_equal(fixture_write(path, "abc", 3), 0);
    try_side(f, SIDE, 3, digest, NULL);
    assert_int_equal(reader_open(&reader, f->dir, FIXTURE_LAB, NULL), 0);
    assert_int_equal(reader_cases(reader, "", NULL, read_past, &value), 0);
    assert_int_equal(value, 'c');
    assert_int_equal(fixture_write(path, "abd", 3), 0);
    assert_int_equal(reader_cases(reader, "", NULL, read_past, &value), -1);
    assert_non_null(strstr(error_text(), SIDE));
    reader_close(reader);
}

static void files_of_another_kind_are_refused(void **state) {
    const struct fixture *f = *state;
    const char *const names[] = {"run.json", FIXTURE_LAB "/cases.jsonl", FIXTURE_LAB "/claims.json",
                                 FIXTURE_LAB};
    const char *const lines[] = {START, CASE(""), NULL};
    char path[300], kept[300];
    forge_ended(f, lines, "{\"format\":2,\"lab\":\"" FIXTURE_LAB "\",\"claims\":[]}", NULL);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
        snprintf(kept, sizeof kept, "%s/kept", f->root);
        bool there = access(path, F_OK) == 0;
        if (there)
            assert_int_equal(rename(path, kept), 0);
        assert_int_equal(mkfifo(path, 0666), 0); /* a reader that waits for it never ends */
        expect(f, i == 3 ? "not a folder" : "not a plain file");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink(kept, path), 0);
        expect(f, i == 3 ? "links are not followed" : "is a link");
        assert_int_equal(unlink(path), 0);
        if (i != 3) {
            assert_int_equal(mkdir(path, 0777), 0);
            expect(f, "not a plain file");
            assert_int_equal(rmdir(path), 0);
        }
        if (there)
            assert_int_equal(rename(kept, path), 0);
    }
    expect(f, NULL);
}

/* Cases that were measured together are there whole, or a crash cut them off at the end: then the
 * journal is read as if none of them were there. */
static void groups_are_whole(void **state) {
    const struct fixture *f = *state;
    const struct {
        const char *lines[6];
        const char *words;
        size_t cases;
    } tries[] = {
        {{START, ENTRANT("a", "g", "0", "2"), ENTRANT("b", "g", "1", "2"), CASE("")}, NULL, 3},
        {{START, CASE(""), ENTRANT("a", "g", "0", "2")}, NULL, 1},
        {{START, ENTRANT("a", "g", "0", "3"), ENTRANT("b", "g", "1", "3")}, NULL, 0},
        {{START, ENTRANT("a", "g", "0", "1"), ENTRANT("b", "h", "0", "2")}, NULL, 1},
        {{START, ENTRANT("a", "g", "0", "2"), CASE("")}, "inside a group", 0},
        {{START, ENTRANT("a", "g", "0", "2"), ENTRANT("b", "h", "1", "2")}, "does not go on", 0},
        {{START, ENTRANT("a", "g", "0", "2"), ENTRANT("b", "g", "1", "3")}, "does not go on", 0},
        {{START, ENTRANT("a", "g", "1", "2")}, "does not go on", 0},
        {{START, ENTRANT("a", "g", "0", "3"), ENTRANT("b", "g", "2", "3")}, "does not go on", 0},
    };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        struct reader *reader;
        forge(f, tries[i].lines);
        expect(f, tries[i].words);
        if (tries[i].words)
            continue;
        assert_int_equal(reader_open(&reader, f->dir, FIXTURE_LAB, NULL), 0);
        assert_int_equal(reader->case_count, tries[i].cases);
        assert_int_equal(reader_has_group(reader, "cpu", "g"),
                         tries[i].lines[2] && i != 1 && i != 2);
        assert_int_equal(reader->cut > 0, i > 0);
        reader_close(reader);
    }
}

/* Of a record that is no case, "group" means nothing, whatever it is. */
static void groups_of_what_is_no_case(void **state) {
    const struct fixture *f = *state;
    const char *const groups[] = {"{}", "7", "{\"id\":\"g\",\"entrant\":0,\"of\":2}"};
    for (size_t k = 0; k < 3; k++) {
        char *note = NULL;
        assert_true(
            asprintf(&note, "{\"record\":\"note\",\"text\":\"n\",\"group\":%s}", groups[k]) > 0);
        const char *const lines[] = {START, note, CASE(""), NULL};
        forge(f, lines);
        free(note);
        expect(f, NULL);
    }
}

static void forged_claims_are_refused(void **state) {
    const struct fixture *f = *state;
    char path[300];
    const char *const lines[] = {START, CASE(""), NULL};
#define CLAIM_WITH(verdict, device, checked, held, against, evidence, more)                        \
    "{\"format\":2,\"lab\":\"" FIXTURE_LAB "\",\"claims\":[{\"id\":\"S1\",\"verdict\":\"" verdict  \
    "\",\"device\":\"" device "\",\"checked\":" checked ",\"held\":" held ",\"against\":" against  \
    ",\"open\":0,\"evidence\":[" evidence "]" more "}]}"
#define CLAIM(verdict, device, checked, held, evidence)                                            \
    CLAIM_WITH(verdict, device, checked, held, "0", evidence, "")
    const struct {
        const char *text, *words;
    } tries[] = {
        {CLAIM("confirmed", "cpu", "1", "1", "\"42/a\""), NULL},
        {CLAIM("proven", "cpu", "1", "1", ""), "\"verdict\" must be"},
        {CLAIM("confirmed", "<b>", "1", "1", ""), "\"device\" must be"},
        {CLAIM("confirmed", "cpu", "-1", "1", ""), "\"checked\" must be"},
        {CLAIM("confirmed", "cpu", "1.5", "1", ""), "\"checked\" must be"},
        {CLAIM("confirmed", "cpu", "1", "2", ""), "exceed"},
        {CLAIM("confirmed", "cpu", "3", "2", ""), "do not add up"},
        {CLAIM_WITH("bounded", "cpu", "3", "2", "1", "", ""), NULL},
        {CLAIM_WITH("bounded", "cpu", "3", "2", "2", "", ""), "exceed"},
        {CLAIM_WITH("confirmed", "cpu", "1", "1", "0", "", ",\"numbers\":[{}]"),
         "number 0 must be"},
        {CLAIM_WITH("confirmed", "cpu", "1", "1", "0", "", ",\"numbers\":7"), "at most 64"},
        {CLAIM("confirmed", "cpu", "1", "1", "\"42/b\""), "no case of the journal"},
        {CLAIM("confirmed", "cpu", "1", "1", "[]"), "no case id"},
        {"{\"format\":2,\"claims\":[]}", "another lab's claims"},
        {"{\"format\":2,\"lab\":\"43-other\",\"claims\":[]}", "another lab's claims"},
        {"{\"format\":2,\"lab\":7,\"claims\":[]}", "another lab's claims"},
        {"{\"format\":3,\"lab\":\"" FIXTURE_LAB "\",\"claims\":[]}", "use a newer nanolab"},
        {CLAIM("confirmed", "cpu", "9000000000000000000", "1", ""), "LIMIT_COUNT"},
        {"{\"format\":2,\"lab\":\"" FIXTURE_LAB "\",\"claims\":{}}", "must be a list"},
        {"[]", "\"format\" must be"},
        {"{\"format\":1,\"claims\":[]}", "before 0.2"},
        {"{\"format\":2,\"lab\":\"" FIXTURE_LAB "\",\"claims\":[7]}", "a claim needs"},
        {"", "claims.json: "},
        {"{\"claims\":[]", "claims.json: "},
        {"{\"claims\":[],\"claims\":[]}", "duplicate"},
    };
    snprintf(path, sizeof path, "%s/claims.json", f->lab);
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        forge_ended(f, lines, tries[i].text, NULL);
        expect(f, tries[i].words);
    }
    assert_int_equal(truncate(path, (off_t)1 << 40), 0);
    expect(f, "more than such a file can have");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(forged_records_are_refused),   TEST(forged_orders_of_records_are_refused),
        TEST(deep_nesting_is_an_error),     TEST(side_files_lead_nowhere_else),
        TEST(a_bad_side_file_ends_a_visit), TEST(files_of_another_kind_are_refused),
        TEST(forged_claims_are_refused),    TEST(groups_are_whole),
        TEST(groups_of_what_is_no_case),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
