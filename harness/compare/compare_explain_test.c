/*
 * compare_explain_test.c: cases explained, of sides made here: which one is meant, its samples read
 * again, what is printed of it.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "harness/compare/compare_explain.h"
#include "harness/compare/compare_fixture.h"

static void make_two(struct two *t, const struct made *b, unsigned sessions) {
    const struct made a = PLAIN;
    make_side(t, 0, &a, 4);
    make_side(t, 1, b, sessions);
    compare_two(t, NULL);
}

static const struct compare_explained *explain(struct two *t, const char *name) {
    const struct compare_pair *pair = NULL;
    if (compare_find(&t->c, name, &pair) != 0 || compare_explain_add(&t->c, &pair, 1) != 0)
        fail_msg("%s", error_text());
    return &t->c.explained[t->c.explained_count - 1];
}

static char *printed(const struct compare_explained *e, int width) {
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    compare_explained_print(e, width, to);
    fclose(to);
    return text;
}

static void assert_has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

/* --- which case --------------------------------------------------------------------------------
 */

static void which_case_is_meant(void **state) {
    struct two *t = *state;
    struct made b = PLAIN;
    b.cases = 12; /* two of B alone; and of "n=1" there is "n=10" as well */
    make_two(t, &b, 2);
    const struct compare_pair *pair = NULL;
    assert_int_equal(compare_find(&t->c, "42/case/n=1", &pair), 0);
    assert_string_equal(pair->first->id, "42/case/n=1");
    assert_int_equal(compare_find(&t->c, "42/case/n=2 (cpu)", &pair), 0);
    assert_string_equal(pair->first->id, "42/case/n=2");
    assert_int_equal(compare_find(&t->c, "n=7", &pair), 0);
    assert_string_equal(pair->first->id, "42/case/n=7");
    assert_int_equal(compare_find(&t->c, "42/case", &pair), -1);
    assert_has(error_text(), "10 cases have this in their ids: 42/case/n=0 (cpu); ");
    assert_has(error_text(), "; ...; give more");
    assert_int_equal(compare_find(&t->c, "42/case/n=11", &pair), -1);
    assert_has(error_text(), "B alone has this case");
    assert_int_equal(compare_find(&t->c, "42/cane/n=8", &pair), -1);
    assert_has(error_text(), "the nearest is 42/case/n=8 (cpu)");
    assert_int_equal(compare_find(&t->c, "zzz\x1b[2J", &pair), -1);
    assert_has(error_text(), "no case has this in its id");
    assert_null(strchr(error_text(), '\x1b'));
}

/* --- what is said of it ------------------------------------------------------------------------
 */

static void a_slower_case(void **state) {
    struct two *t = *state;
    struct made b = PLAIN;
    b.slower = 1.5;
    make_two(t, &b, 5);
    const struct compare_explained *e = explain(t, "n=5");
    assert_int_equal(e->samples[0].sessions, 4);
    assert_int_equal(e->samples[1].sessions, 5);
    assert_int_equal(e->samples[1].session[4].of, 3);
    const struct compare_histogram *h = &e->histogram;
    assert_int_equal(h->all[0], 12);
    assert_int_equal(h->all[1], 15);
    size_t in[2] = {h->beyond[0], h->beyond[1]};
    for (size_t k = 0; k < h->bins; k++) {
        in[0] += h->counts[0][k];
        in[1] += h->counts[1][k];
        assert_true(h->edges[k] < h->edges[k + 1]);
    }
    assert_int_equal(in[0], 12);
    assert_int_equal(in[1], 15);
    assert_int_equal(h->counts[0][0] + h->counts[0][1], 12); /* A's are the short ones … */
    assert_int_equal(h->counts[1][0] + h->counts[1][1], 0);  /* … and B's are not */
    char *text = printed(e, 80);
    assert_has(text, "42/case/n=5 (A cpu, B cpu) of 42-fixture\n");
    assert_has(text, "verdict   slower: B takes 1.");
    assert_has(text, "roofs     each over its own roof, 1.5000 times as long");
    assert_has(text, "reason    apart: ");
    assert_has(text, "advice    look at the histograms");
    assert_has(text, "sessions  A 4 sessions, spread between them 0.");
    assert_has(text, "1 +- 2 %");
    assert_has(text, "Recorded and not the same (A / B): nothing\n");
    assert_has(text, "Sessions, time of a call in ");
    assert_has(text, "A, 12 samples");
    assert_has(text, "B, 15 samples");
    assert_has(text, "#####");
    assert_has(text, "=====");
    for (const char *at = text; *at; at++)
        assert_true((unsigned char)*at < 0x7f); /* a terminal may know ASCII alone */
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 100);
    free(text);
    /* On a wide terminal bars are longer. */
    text = printed(e, 160);
    assert_has(text, "########################################");
    free(text);
}

static void a_case_that_differs(void **state) {
    struct two *t = *state;
    struct made b = PLAIN;
    b.other_plan = 3;
    b.other_bits = 3;
    make_two(t, &b, 2);
    char *text = printed(explain(t, "n=3"), 80);
    assert_has(text, "verdict   not comparable");
    assert_has(text, "reason    field: the two did not measure the same thing (threads)");
    assert_has(text, "    threads: 1 / 2\n");
    assert_has(text, "Bits: not the same on both\n    1 of 1 differ (A / B):\n"
                     "      measured, 1 of 1: 00000033 / 00000034\n");
    free(text);
    /* One that is no case of time has no samples. */
    text = printed(explain(t, "n=0"), 80);
    assert_has(text, "no case of time");
    assert_has(text, "Bits: equal on both");
    assert_has(text, "Samples: none were recorded");
    free(text);
    json_t *json = compare_explained_json(&t->c.explained[0]);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "reason")), "field");
    assert_int_equal(json_array_size(json_array_get(json_object_get(json, "sessions"), 1)), 2);
    const json_t *histogram = json_object_get(json, "histogram");
    assert_int_equal(json_array_size(json_object_get(histogram, "edges")),
                     json_array_size(json_array_get(json_object_get(histogram, "counts"), 0)) + 1);
    json_decref(json);
}

static void one_session(void **state) {
    struct two *t = *state;
    const struct made b = PLAIN;
    make_two(t, &b, 1);
    char *text = printed(explain(t, "n=3"), 80);
    assert_has(text, "verdict   ambiguous: B takes ");
    assert_has(text, "advice    measure several sessions of each side");
    assert_has(text, "B 1 session, spread between them unknown");
    assert_null(strstr(text, " nan"));
    free(text);
}

/* All of them read in one pass, each has its own samples. */
static void the_largest_differences(void **state) {
    struct two *t = *state;
    struct made b = PLAIN;
    b.slower = 1.5;
    make_two(t, &b, 3);
    assert_int_equal(t->c.verdicts[COMPARE_SLOWER], 5);
    assert_int_equal(compare_explain_first(&t->c), 0);
    assert_int_equal(t->c.explained_count, 3);
    for (size_t k = 0; k < 3; k++) {
        const struct compare_explained *e = &t->c.explained[k];
        assert_int_equal(e->pair->times.verdict, COMPARE_SLOWER);
        assert_int_equal(e->histogram.all[0], 12);
        assert_int_equal(e->histogram.all[1], 9);
        for (size_t s = 0; s < 3; s++)
            assert_true(e->samples[1].session[s].median == e->pair->second->times[s].median);
    }
}

static void every_reason_has_advice(void **state) {
    (void)state;
    for (int r = 0; r < COMPARE_REASON_COUNT; r++) {
        assert_true(strlen(compare_reason_advice((enum compare_reason)r)) > 20);
        for (int other = 0; other < r; other++)
            assert_string_not_equal(compare_reason_advice((enum compare_reason)r),
                                    compare_reason_advice((enum compare_reason)other));
    }
}

/* The folder is checked again when it is read again. */
static void a_folder_damaged_meanwhile(void **state) {
    struct two *t = *state;
    const struct made b = PLAIN;
    char path[200];
    size_t size;
    make_two(t, &b, 2);
    snprintf(path, sizeof path, "%.100s/session-2/" FIXTURE_LAB "/cases.jsonl", t->path[1]);
    char *text = fixture_read(path, &size);
    text[size / 2] ^= 1;
    assert_int_equal(fixture_write(path, text, size), 0);
    free(text);
    const struct compare_pair *pair = NULL;
    assert_int_equal(compare_find(&t->c, "n=5", &pair), 0);
    assert_int_equal(compare_explain_add(&t->c, &pair, 1), -1);
    assert_has(error_text(), "session-2");
}

/* --- histograms --------------------------------------------------------------------------------
 */

static struct compare_samples samples_of(double *seconds, size_t count) {
    struct compare_samples s = {.sessions = 1, .count = count};
    s.session[0] = (struct compare_drawn){.there = true, .seconds = seconds, .count = count};
    return s;
}

static void bins_hold_every_sample(void **state) {
    (void)state;
    double a[1000], b[1000], same[3] = {2e-3, 2e-3, 2e-3};
    struct compare_histogram h;
    for (size_t k = 0; k < 1000; k++) {
        a[k] = 1e-3 * (1 + (double)k / 1000);
        b[k] = k < 995 ? a[k] : 1.0; /* a few far out */
    }
    struct compare_samples x = samples_of(a, 1000), y = samples_of(b, 1000),
                           z = samples_of(same, 3), none = samples_of(NULL, 0);
    assert_int_equal(compare_histogram(&x, &y, 20, &h), 0);
    assert_int_equal(h.bins, 20);
    assert_int_equal(h.beyond[0], 0);
    assert_int_equal(h.beyond[1], 5);
    size_t in = h.beyond[0];
    for (size_t k = 0; k < h.bins; k++)
        in += h.counts[0][k];
    assert_int_equal(in, 1000);
    assert_true(h.edges[20] < 2.1e-3);
    /* Samples that are all equal are one bin; none at all is no bin. */
    assert_int_equal(compare_histogram(&z, &none, 20, &h), 0);
    assert_int_equal(h.bins, 1);
    assert_int_equal(h.counts[0][0], 3);
    assert_int_equal(compare_histogram(&none, &none, 20, &h), 0);
    assert_int_equal(h.bins, 0);
    double times;
    assert_string_equal(compare_unit(2.5e-7, &times), "ns");
    assert_true(fabs(2.5e-7 * times - 250) < 1e-9);
    assert_string_equal(compare_unit(1e-3, &times), "ms");
    assert_string_equal(compare_unit(20, &times), "s");
    assert_string_equal(compare_unit(1e-12, &times), "ns");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, two_setup, two_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(which_case_is_meant),        TEST(a_slower_case),
        TEST(a_case_that_differs),        TEST(one_session),
        TEST(the_largest_differences),    cmocka_unit_test(every_reason_has_advice),
        TEST(a_folder_damaged_meanwhile), cmocka_unit_test(bins_hold_every_sample),
    };
    return cmocka_run_group_tests_name("compare_explain", tests, NULL, NULL);
}
