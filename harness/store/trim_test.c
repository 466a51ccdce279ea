/*
 * trim_test.c: what a trimmed folder keeps of the one it was made of, and that its archive is good.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <sys/stat.h>
#include <zip.h>

#include "harness/compare/compare.h"
#include "harness/error.h"
#include "harness/measure/bench.h"
#include "harness/store/checked.h"
#include "harness/store/forge_fixture.h"
#include "harness/store/predictions.h"
#include "harness/store/record.h"
#include "harness/store/series.h"
#include "harness/store/trim.h"
#include "harness/store/verify.h"

#define SAMPLES 100
#define LONG 100 /* values of a long series that still lies in its line */

struct trimming {
    struct fixture f;
    char archive[96], back[96];
};

static double sample(size_t k) {
    return 1.23456789e-5 * (1 + 0.01 * (double)k);
}

static void record_timed(struct fixture *f) {
    struct lab_case *c = lab_case_begin(&f->run, "cpu", "42/timed");
    double seconds[SAMPLES];
    uint32_t rounds[SAMPLES];
    assert_non_null(c);
    for (size_t k = 0; k < SAMPLES; k++) {
        seconds[k] = sample(k);
        rounds[k] = (uint32_t)(3 * k);
    }
    case_param_int(c, "threads", 2);
    case_param_real(c, "n", 50331648.0); /* no whole number afterwards */
    case_counter(c, "bytes_per_second", 8589934591.0);
    case_counter(c, "roof fraction", 0.123456789);
    case_bench(c, &(struct bench_result){.seconds = seconds,
                                         .round = rounds,
                                         .samples = SAMPLES,
                                         .calls = 7,
                                         .stop = BENCH_SETTLED,
                                         .median = sample(50),
                                         .mad = sample(3),
                                         .low = sample(45),
                                         .high = sample(55)});
    assert_int_equal(lab_case_end(c), 0);
}

static void record_bits(struct fixture *f) {
    struct lab_case *c = lab_case_begin(&f->run, "cpu", "42/bits");
    uint64_t bits[LONG];
    double reals[LONG];
    char tree[SERIES_TREE_BYTES + 2];
    assert_non_null(c);
    for (size_t k = 0; k < LONG; k++) {
        bits[k] = 0xfff0u + 977 * k;
        reals[k] = sample(k);
    }
    memset(tree, '0', sizeof tree - 1);
    tree[sizeof tree - 1] = '\0';
    case_series_bits(c, "short", 32, bits, SERIES_VALUES);
    case_series_bits(c, "long", 32, bits, LONG);
    case_series_real(c, "reals", "1", reals, LONG);
    case_series_tree(c, "tree", "((0 1) (2 3))");
    case_series_tree(c, "long tree", tree);
    case_row(c);
    case_cell_real(c, "roof fraction", 0.987654321);
    case_cell_bits(c, "plan", 64, 0x123456789abcdefu);
    assert_int_equal(lab_case_end(c), 0);
}

static int setup(void **state) {
    struct trimming *t = calloc(1, sizeof *t);
    *state = t;
    if (!t || fixture_begin(&t->f) != 0 || fixture_open(&t->f, RESULT_NEW) != 0)
        return -1;
    record_timed(&t->f);
    record_bits(&t->f);
    int status = fixture_sweep(&t->f, FIXTURE_CASES); /* some of which have side files */
    if (status == 0)
        status = result_note(t->f.run.result, "a note");
    if (status == 0)
        status = result_file(t->f.run.result, "table.tsv", "a\n1\n", 4);
    if (status == 0)
        status = fixture_finish(&t->f);
    fixture_close(&t->f);
    snprintf(t->archive, sizeof t->archive, "%s/a.zip", t->f.root);
    snprintf(t->back, sizeof t->back, "%s/back", t->f.root);
    forge_complete(&t->f, true);
    return status;
}

static int teardown(void **state) {
    struct trimming *t = *state;
    fixture_end(&t->f);
    free(t);
    return 0;
}

static void there_and_back(const struct trimming *t) {
    struct pack there, back;
    if (trim_pack(t->f.dir, t->archive, &there) != 0)
        fail_msg("%s", error_text());
    if (pack_open(t->archive, t->back, &back) != 0)
        fail_msg("%s", error_text());
    assert_string_equal(there.content, back.content);
}

/* --- what is kept ------------------------------------------------------------------------------
 */

static int take(void *context, const json_t *record) {
    json_t **taken = context;
    *taken = json_deep_copy(record);
    return 0;
}

static json_t *case_of(const char *dir, const char *id) {
    struct reader *reader;
    json_t *record = NULL;
    if (reader_open(&reader, dir, FIXTURE_LAB, NULL) != 0)
        fail_msg("%s", error_text());
    assert_int_equal(reader_cases(reader, id, NULL, take, &record), 0);
    assert_non_null(record);
    reader_close(reader);
    return record;
}

static double figure(const json_t *record, const char *group, const char *name) {
    return json_number_value(json_object_get(json_object_get(record, group), name));
}

static void verdicts_tables_and_notes_are_the_same(void **state) {
    const struct trimming *t = *state;
    char command[900];
    struct checked *checked;
    json_t *summary;
    there_and_back(t);
    assert_int_equal(verify_folder(t->back, &summary), 0);
    assert_true(json_is_true(json_object_get(summary, "complete")));
    json_decref(summary);
    snprintf(command, sizeof command,
             "cmp %s/claims.json %s/" FIXTURE_LAB "/claims.json && cmp %s/table.tsv %s/" FIXTURE_LAB
             "/table.tsv && ! ls %s/" FIXTURE_LAB "/side 2>/dev/null && ! ls %s/" FIXTURE_LAB
             "/benchmark.json 2>/dev/null",
             t->f.lab, t->back, t->f.lab, t->back, t->back, t->back);
    assert_int_equal(system(command), 0);
    assert_int_equal(checked_open(&checked, t->back), 0);
    assert_int_equal(checked->labs[0].reader->case_count, FIXTURE_CASES + 2);
    assert_int_equal(json_array_size(checked->labs[0].reader->notes), 1);
    checked_close(checked);
}

static void medians_are_exact_and_samples_are_some(void **state) {
    const struct trimming *t = *state;
    there_and_back(t);
    json_t *before = case_of(t->f.dir, "42/timed"), *after = case_of(t->back, "42/timed");
    assert_true(figure(after, "bench", "median") == figure(before, "bench", "median"));
    assert_true(figure(after, "counters", "bytes_per_second") == 8589934591.0);
    assert_float_equal(figure(after, "counters", "roof fraction"), 0.123456789, 1e-6);
    assert_float_equal(figure(after, "bench", "low") / sample(45), 1, 1e-5);
    assert_true(json_equal(json_object_get(before, "params"), json_object_get(after, "params")));
    const json_t *time = case_series(after, "time"), *round = case_series(after, "round");
    assert_int_equal(case_series_length(time), TRIM_SAMPLES);
    assert_int_equal(case_series_length(round), TRIM_SAMPLES);
    assert_int_equal(json_integer_value(json_object_get(time, "of")), SAMPLES);
    for (size_t k = 0; k < TRIM_SAMPLES; k++) {
        /* A sample and its round still belong together. */
        size_t which = (size_t)case_series_real_at(round, k) / 3;
        assert_float_equal(case_series_real_at(time, k) / sample(which), 1, 5e-4);
        assert_true(which >= k * SAMPLES / TRIM_SAMPLES &&
                    which < (k + 1) * SAMPLES / TRIM_SAMPLES);
    }
    json_decref(before);
    json_decref(after);
}

static void long_series_keep_their_digest(void **state) {
    const struct trimming *t = *state;
    static const char *const whole[] = {"short", "tree"};
    static const char *const out[] = {"long", "long tree"};
    there_and_back(t);
    json_t *before = case_of(t->f.dir, "42/bits"), *after = case_of(t->back, "42/bits");
    char a[SHA_TEXT], b[SHA_TEXT];
    for (size_t k = 0; k < 2; k++) {
        assert_true(json_equal(case_series(before, whole[k]), case_series(after, whole[k])));
        const json_t *series = case_series(after, out[k]);
        assert_true(json_is_true(json_object_get(series, "left_out")));
        assert_int_equal(case_series_length(series), 0);
        assert_int_equal(series_digest(case_series(before, out[k]), a), 0);
        assert_int_equal(series_digest(series, b), 0);
        assert_string_equal(a, b);
    }
    assert_true(json_is_true(json_object_get(case_series(after, "reals"), "left_out")));
    const json_t *row = json_array_get(json_object_get(after, "rows"), 0);
    assert_float_equal(json_number_value(json_object_get(row, "roof fraction")), 0.987654321, 1e-6);
    assert_string_equal(json_string_value(json_object_get(row, "plan")), "0123456789abcdef");
    json_decref(before);
    json_decref(after);
    /* What lay in a side file has that file's digest. */
    before = case_of(t->f.dir, "42/case/n=2");
    after = case_of(t->back, "42/case/n=2");
    assert_non_null(json_object_get(case_series(before, "measured"), "file"));
    assert_true(json_equal(json_object_get(case_series(before, "measured"), "sha256"),
                           json_object_get(case_series(after, "measured"), "sha256")));
    json_decref(before);
    json_decref(after);
}

/* A trimmed side beside the whole one: the same bits, times and verdicts. */
static void compares_as_the_same(void **state) {
    const struct trimming *t = *state;
    const struct compare_rule rule = compare_rule_default();
    struct compare_side sides[2];
    struct compare c;
    there_and_back(t);
    assert_int_equal(compare_side_open(&sides[0], t->f.dir), 0);
    assert_int_equal(compare_side_open(&sides[1], t->archive), 0);
    assert_int_equal(compare_open(&c, &sides[0], &sides[1], &rule, NULL), 0);
    assert_int_equal(c.count, FIXTURE_CASES + 2);
    assert_int_equal(c.bits_equal, FIXTURE_CASES + 1);
    assert_int_equal(c.bits_differ, 0);
    assert_int_equal(c.timed, 1);
    assert_int_equal(c.verdicts[COMPARE_NOT_COMPARABLE], 0);
    compare_close(&c);
    for (int k = 0; k < 2; k++)
        compare_side_close(&sides[k]);
}

/* What was predicted is no measurement: nothing of it is rounded or left out. */
static void predictions_are_kept(void **state) {
    struct trimming *t = *state;
    struct folder folder;
    json_t *all = NULL, *kept = NULL;
    json_t *answers = json_pack("[{s:s, s:s, s:s, s:f, s:f}, {s:s, s:s, s:n}]", "id", "42.a",
                                "question", "q", "unit", "s", "low", 1.23456789e-5, "high",
                                2.3456789e-5, "id", "42.b", "question", "r", "answer");
    assert_int_equal(predictions_put(&all, predictions_entry(FIXTURE_LAB, answers), false), 0);
    assert_int_equal(folder_open(&folder, t->f.dir), 0);
    assert_int_equal(predictions_write(&folder, PREDICTIONS_FILE, all), 0);
    folder_close(&folder);
    there_and_back(t);
    assert_int_equal(folder_open(&folder, t->back), 0);
    assert_int_equal(predictions_read(&folder, PREDICTIONS_FILE, &kept), 0);
    folder_close(&folder);
    assert_true(json_equal(kept, all));
    json_decref(kept);
    json_decref(all);
}

/* --- what is refused ---------------------------------------------------------------------------
 */

static void not_twice_and_only_what_is_complete(void **state) {
    struct trimming *t = *state;
    struct pack pack;
    char other[128], content[SHA_TEXT];
    there_and_back(t);
    snprintf(other, sizeof other, "%s/b.zip", t->f.root);
    assert_int_equal(trim_pack(t->back, other, &pack), -1);
    assert_non_null(strstr(error_text(), "trimmed already"));
    assert_int_equal(access(other, F_OK), -1);
    /* It says what it was made of. */
    assert_int_equal(pack_content(t->f.dir, &pack), 0);
    memcpy(content, pack.content, sizeof content);
    json_t *run = reader_run(t->back), *trimmed = json_object_get(run, "trimmed");
    assert_int_equal(json_integer_value(json_object_get(trimmed, "rule")), TRIM_RULE);
    assert_string_equal(json_string_value(json_object_get(trimmed, "content")), content);
    json_decref(run);
    assert_int_equal(trim_pack(t->f.dir, t->archive, &pack), -1);
    assert_non_null(strstr(error_text(), "is there already"));
    /* A run that was stopped. */
    size_t size;
    char *text = fixture_read(t->f.journal, &size);
    forge_complete(&t->f, false);
    assert_int_equal(fixture_write(t->f.journal, text, size - 1), 0);
    free(text);
    assert_int_equal(trim_pack(t->f.dir, other, &pack), -1);
    assert_non_null(strstr(error_text(), "not complete"));
}

/* Puts another text in the place of an archive's journal. */
static void replace_journal(const char *archive, const char *text, size_t size) {
    zip_t *zip = zip_open(archive, 0, NULL);
    assert_non_null(zip);
    for (zip_int64_t k = 0; k < zip_get_num_entries(zip, 0); k++) {
        zip_uint8_t system;
        zip_uint32_t attributes;
        zip_uint64_t at = (zip_uint64_t)k;
        if (!strstr(zip_get_name(zip, at, 0), "/" JOURNAL_FILE))
            continue;
        zip_file_get_external_attributes(zip, at, 0, &system, &attributes);
        assert_int_equal(zip_file_replace(zip, at, zip_source_buffer(zip, text, size, 0), 0), 0);
        zip_file_set_external_attributes(zip, at, 0, system, attributes);
    }
    assert_int_equal(zip_close(zip), 0);
}

static void an_edited_archive_leaves_nothing(void **state) {
    const struct trimming *t = *state;
    static const struct {
        const char *text, *words;
        size_t size; /* 0: of the text */
    } edited[] = {{"{\"record\":\"start\"}\n", "not the one that its manifest names", 0},
                  {"", "not the one that its manifest names", 0},
                  {"{\"record\":\"start\"}", "not the one that its manifest names", 0},
                  {"\n", "no line of a journal", 0},
                  {"{\"a\":\"\0\"}\n", "no line of a journal", 10}};
    struct pack pack;
    assert_int_equal(trim_pack(t->f.dir, t->archive, &pack), 0);
    for (size_t k = 0; k < sizeof edited / sizeof *edited; k++) {
        size_t size = edited[k].size ? edited[k].size : strlen(edited[k].text);
        replace_journal(t->archive, edited[k].text, size);
        assert_int_equal(pack_open(t->archive, t->back, &pack), -1);
        if (!strstr(error_text(), edited[k].words))
            fail_msg("expected \"%s\" in: %s", edited[k].words, error_text());
        assert_int_equal(access(t->back, F_OK), -1);
    }
    /* Short lines, whose hashes would make a journal of any length. */
    char *many = malloc(90000);
    assert_non_null(many);
    for (size_t k = 0; k < 30000; k++)
        memcpy(many + 3 * k, "{}\n", 3);
    replace_journal(t->archive, many, 3000);
    assert_int_equal(pack_open(t->archive, t->back, &pack), -1);
    assert_non_null(strstr(error_text(), "manifest"));
    free(many);
}

static void records_left_out(void **state) {
    (void)state;
#define SERIES(rest) CASE("{\"name\":\"a\",\"unit\":\"1\",\"n\":70,\"left_out\":true," rest "}")
    static const struct {
        const char *record, *words; /* NULL: good */
    } tries[] = {
        {SERIES("\"kind\":\"bits\",\"width\":32,\"sha256\":\"" SHA_ZEROS "\""), NULL},
        {SERIES("\"kind\":\"real\""), NULL},
        {SERIES("\"kind\":\"histogram\""), NULL},
        {SERIES("\"kind\":\"tree\""), "needs its \"sha256\""},
        {SERIES("\"kind\":\"bits\",\"width\":32,\"sha256\":\"12\""), "needs its \"sha256\""},
        {SERIES("\"kind\":\"real\",\"values\":[]"), "has no values"},
        {CASE("{\"name\":\"a\",\"unit\":\"s\",\"kind\":\"time\",\"n\":1,\"of\":-2,\"values\":[1]}"),
         "of"},
    };
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        char why[256] = "";
        json_t *record = json_loads(tries[k].record, 0, NULL);
        assert_non_null(record);
        int status = record_check(record, why, sizeof why);
        assert_int_equal(status, tries[k].words ? -1 : 0);
        if (tries[k].words && !strstr(why, tries[k].words))
            fail_msg("expected \"%s\" in: %s", tries[k].words, why);
        json_decref(record);
    }
}

int main(void) {
#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        EACH(verdicts_tables_and_notes_are_the_same),
        EACH(medians_are_exact_and_samples_are_some),
        EACH(long_series_keep_their_digest),
        EACH(compares_as_the_same),
        EACH(not_twice_and_only_what_is_complete),
        EACH(an_edited_archive_leaves_nothing),
        EACH(predictions_are_kept),
        cmocka_unit_test(records_left_out),
    };
    return cmocka_run_group_tests_name("trim", tests, NULL, NULL);
}
