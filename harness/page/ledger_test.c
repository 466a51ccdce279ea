/*
 * ledger_test.c: the ledger of sets made here, and that the committed one and the committed sets
 * are what they say they are.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>

#include "harness/compare/compare_fixture.h"
#include "harness/page/home.h"
#include "harness/page/ledger.h"

#define SET_BYTES ((uint64_t)2 << 20) /* the most of a committed set */
#define SESSIONS 3                    /* the least of one */

/* --- sets made here ----------------------------------------------------------------------------
 */

static char *ledger_of(const struct ledger_set *sets, size_t count, const char *link) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(ledger_claims(sets, count, link, out), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

/* One session more of a side, with another verdict. */
static void add_session(struct two *t, int which, unsigned session, enum verdict verdict) {
    struct made made = PLAIN;
    made.verdict = verdict;
    snprintf(t->f.dir, sizeof t->f.dir, "%.90s/session-%u", t->path[which], session);
    make_session(&t->f, &made, session);
}

static void verdicts_over_sessions_and_sets(void **state) {
    struct two *t = *state;
    struct ledger_set sets[2];
    make_side(t, 0, &(struct made)PLAIN, 3);
    make_side(t, 1, &(struct made)PLAIN, 2);
    add_session(t, 1, 3, VERDICT_REFUTED);
    for (int k = 0; k < 2; k++)
        if (ledger_open(&sets[k], t->path[k]) != 0)
            fail_msg("%s", error_text());
    assert_int_equal(sets[1].count, 3);
    char *text = ledger_of(sets, 2, "");
    assert_has(text, "| X1 | one is one | ✔ confirmed | ✔ varies |");
    assert_has(text,
               "- ✔ a: **confirmed**: it is so. *Range:* some. Checks: 3 held, 3 against, 0 open.");
    assert_has(text,
               "- ✔ b: **varies** (confirmed in 2 sessions, refuted in 1); where confirmed: it "
               "is so.");
    free(text);
    /* What two sets say in the same words stands there once. */
    struct ledger_set same[2] = {sets[0], sets[0]};
    snprintf(same[1].name, sizeof same[1].name, "c");
    text = ledger_of(same, 2, "");
    assert_has(text, "- ✔ a; c: **confirmed**: it is so.");
    free(text);
    for (int k = 0; k < 2; k++)
        ledger_close(&sets[k]);
}

static void what_is_not_testable_has_its_reason(void **state) {
    struct two *t = *state;
    struct ledger_set set;
    struct made made = PLAIN;
    made.verdict = VERDICT_NOT_TESTABLE;
    make_side(t, 0, &made, 1);
    assert_int_equal(ledger_open(&set, t->path[0]), 0);
    char *text = ledger_of(&set, 1, "");
    assert_has(text, "- X1 (a): a thing is missing.");
    assert_null(strstr(text, "✔ a"));
    free(text);
    ledger_close(&set);
}

static void no_set(void **state) {
    struct two *t = *state;
    struct ledger_set set;
    assert_int_equal(ledger_open(&set, t->f.root), -1);
    assert_non_null(strstr(error_text(), "holds no sessions"));
    ledger_close(&set);
    assert_int_equal(ledger_open(&set, "/nowhere/at/all"), -1);
    ledger_close(&set);
}

/* --- what is committed -------------------------------------------------------------------------
 */

struct committed {
    char home[4096];
    struct ledger_set sets[LEDGER_SETS_MOST];
    size_t count;
};

static int is_set(const struct dirent *entry) {
    return entry->d_name[0] != '.' && entry->d_type == DT_DIR;
}

static int committed_setup(void **state) {
    struct committed *c = calloc(1, sizeof *c);
    struct dirent **list = NULL;
    char path[4400];
    *state = c;
    if (!c || home_find(c->home, sizeof c->home) != 0)
        return -1;
    snprintf(path, sizeof path, "%s/results/reference", c->home);
    int count = scandir(path, &list, is_set, alphasort), status = count > 0 ? 0 : -1;
    for (int k = 0; k < count; k++) {
        snprintf(path, sizeof path, "%s/results/reference/%s", c->home, list[k]->d_name);
        if (status == 0 && c->count < LEDGER_SETS_MOST)
            status = ledger_open(&c->sets[c->count++], path);
        free(list[k]);
    }
    free(list);
    if (status != 0)
        fprintf(stderr, "%s: %s\n", path, error_text());
    return status;
}

static int committed_teardown(void **state) {
    struct committed *c = *state;
    for (size_t k = 0; k < c->count; k++)
        ledger_close(&c->sets[k]);
    free(c);
    return 0;
}

/* A committed text is what is made of the sets now. */
static void assert_current(const struct committed *c, const char *file, const char *text) {
    char path[4400];
    size_t size;
    snprintf(path, sizeof path, "%s/%s", c->home, file);
    char *there = fixture_read(path, &size);
    if (!there || strcmp(there, text) != 0)
        fail_msg("%s is not what results/reference says; run `make claims` and commit it", file);
    free(there);
}

static void the_ledger_is_current(void **state) {
    const struct committed *c = *state;
    char *text = ledger_of(c->sets, c->count, "../results/reference/");
    assert_current(c, "docs/claims.md", text);
    free(text);
}

static void readmes_are_current(void **state) {
    const struct committed *c = *state;
    for (size_t k = 0; k < c->count; k++) {
        char *text = NULL, file[600];
        size_t size;
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        ledger_about(&c->sets[k], out);
        assert_int_equal(fclose(out), 0);
        snprintf(file, sizeof file, "results/reference/%s/README.md", c->sets[k].name);
        assert_current(c, file, text);
        free(text);
    }
}

/* Small, of several sessions of one committed source, in default mode, trimmed by a known rule. */
static void sets_are_as_they_must_be(void **state) {
    const struct committed *c = *state;
    for (size_t k = 0; k < c->count; k++) {
        const struct ledger_set *set = &c->sets[k];
        uint64_t bytes = 0;
        assert_true(set->count >= SESSIONS);
        const json_t *first = json_object_get(set->sessions[0].run, "software");
        for (size_t s = 0; s < set->count; s++) {
            const json_t *run = set->sessions[s].run, *build = json_object_get(run, "software");
            const json_t *asked = json_object_get(run, "run");
            bytes += set->sessions[s].bytes;
            assert_true(set->sessions[s].bytes > 0); /* an archive */
            assert_true(json_is_false(json_object_get(build, "dirty")));
            assert_true(json_equal(build, first));
            assert_string_equal(json_string_value(json_object_get(asked, "mode")), "default");
            assert_int_equal(
                json_integer_value(json_object_get(json_object_get(run, "trimmed"), "rule")), 1);
        }
        if (bytes > SET_BYTES)
            fail_msg("%s: %llu bytes are more than %llu; trim it further, or keep fewer sessions",
                     set->name, (unsigned long long)bytes, (unsigned long long)SET_BYTES);
    }
}

int main(void) {
#define MADE(test) cmocka_unit_test_setup_teardown(test, two_setup, two_teardown)
    const struct CMUnitTest made[] = {
        MADE(verdicts_over_sessions_and_sets),
        MADE(what_is_not_testable_has_its_reason),
        MADE(no_set),
    };
    const struct CMUnitTest committed[] = {
        cmocka_unit_test(the_ledger_is_current),
        cmocka_unit_test(readmes_are_current),
        cmocka_unit_test(sets_are_as_they_must_be),
    };
    int failed = cmocka_run_group_tests_name("ledger", made, NULL, NULL);
    return failed |
           cmocka_run_group_tests_name("committed", committed, committed_setup, committed_teardown);
}
