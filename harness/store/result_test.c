/*
 * result_test.c: writing, resuming and verifying result folders.
 */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "harness/error.h"
#include "harness/measure/bench.h"
#include "harness/page/table.h"
#include "harness/store/provenance.h"
#include "harness/store/reader.h"
#include "harness/store/record.h"
#include "harness/store/result_fixture.h"
#include "harness/store/sha.h"
#include "harness/store/verify.h"

static int setup(void **state) {
    struct fixture *f = malloc(sizeof *f);
    *state = f;
    return fixture_begin(f);
}

static int teardown(void **state) {
    fixture_end(*state);
    free(*state);
    return 0;
}

#define assert_error(call, words)                                                                  \
    do {                                                                                           \
        assert_int_equal((call), -1);                                                              \
        if (!strstr(error_text(), (words)))                                                        \
            fail_msg("expected \"%s\" in: %s", (words), error_text());                             \
        assert_null(strchr(error_text(), '\n'));                                                   \
    } while (0)

#define assert_fine(call)                                                                          \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, error_text());                                               \
    } while (0)

static void a_whole_run_verifies(void **state) {
    struct fixture *f = *state;
    json_t *summary = NULL;
    assert_fine(fixture_run(f));
    assert_fine(verify_folder(f->dir, &summary));
    assert_true(json_is_true(json_object_get(summary, "complete")));
    const json_t *lab = json_array_get(json_object_get(summary, "labs"), 0);
    assert_int_equal(json_integer_value(json_object_get(lab, "cases")), FIXTURE_CASES);
    assert_int_equal(json_integer_value(json_object_get(lab, "side_files")), FIXTURE_CASES / 3);
    assert_int_equal(json_integer_value(json_object_get(lab, "claims")), 2);
    json_decref(summary);
}

static int count_visits(void *context, const json_t *record) {
    (void)record;
    ++*(int *)context;
    return 0;
}

static int check_values(void *context, const json_t *record) {
    const json_t *params = json_object_get(record, "params");
    int k = (int)json_integer_value(json_object_get(params, "n"));
    const json_t *bits = case_series(record, "measured");
    assert_int_equal(case_series_length(bits), k % 3 == 2 ? 10001 : 5);
    for (size_t i = 0; i < case_series_length(bits); i++)
        assert_int_equal(case_series_bits_at(bits, i), (uint32_t)(i * 2654435761u + (unsigned)k));
    assert_int_equal(case_series_bits_at(bits, case_series_length(bits)), 0);
    assert_true(case_series_real_at(case_series(record, "time"), 0) == 1e-3 * (k + 1));
    assert_true(isnan(case_series_real_at(case_series(record, "time"), 3)));
    assert_null(case_series(record, "absent"));
    assert_string_equal(json_string_value(json_object_get(params, "plan")), "block=\xe2\x88\x9e");
    ++*(int *)context;
    return 0;
}

static void cases_read_back_as_written(void **state) {
    struct fixture *f = *state;
    int visits = 0;
    assert_fine(fixture_open(f, RESULT_NEW));
    assert_fine(fixture_sweep(f, FIXTURE_CASES));
    assert_fine(lab_cases(&f->run, "42/", "cpu", check_values, &visits));
    assert_int_equal(visits, FIXTURE_CASES);
    visits = 0;
    assert_fine(lab_cases(&f->run, "42/case/n=1", NULL, count_visits, &visits));
    assert_int_equal(visits, 3); /* 1, 10, 11 */
    visits = 0;
    assert_fine(lab_cases(&f->run, "", "cuda:0", count_visits, &visits));
    assert_int_equal(visits, 0);
}

static int check_kinds(void *context, const json_t *record) {
    const json_t *real = case_series(record, "real"), *bits = case_series(record, "bits");
    assert_true(case_series_real_at(real, 0) == 1.5);
    assert_true(isnan(case_series_real_at(real, 1)));
    assert_true(case_series_bits_at(bits, 0) == UINT64_MAX);
    const json_t *series = case_series(record, "long");
    assert_int_equal(case_series_length(series), RECORD_VALUES_MAX + 1);
    assert_true(case_series_real_at(series, RECORD_VALUES_MAX) == 0.1);
    assert_true(case_series_real_at(case_series(record, "histogram"), 0) == 7);
    const json_t *plan = json_object_get(record, "plan");
    assert_string_equal(json_string_value(json_object_get(plan, "variant")), "v1");
    ++*(int *)context;
    return 0;
}

static void all_kinds_of_series_survive(void **state) {
    struct fixture *f = *state;
    static double many[RECORD_VALUES_MAX + 1];
    static char tree[RECORD_TEXT_MAX + 2];
    const double edges[] = {0, 1, 2}, reals[] = {1.5, NAN, -INFINITY};
    const uint64_t counts[] = {7, INT64_MAX}, wide[] = {UINT64_MAX, 1};
    memset(tree, '(', sizeof tree - 1);
    many[RECORD_VALUES_MAX] = 0.1;
    assert_fine(fixture_open(f, RESULT_NEW));
    struct lab_case *c = lab_case_begin(&f->run, "cpu", "42/kinds");
    case_series_real(c, "real", "ulp", reals, 3);
    case_series_real(c, "long", "1", many, RECORD_VALUES_MAX + 1);
    case_series_count(c, "count", "1", counts, 2);
    case_series_bits(c, "bits", 64, wide, 2);
    case_series_histogram(c, "histogram", "ulp", edges, counts, 2);
    case_series_tree(c, "tree", "((0 1) 2)");
    case_series_tree(c, "big tree", tree);
    case_plan(c, json_pack("{s:s}", "variant", "v1"));
    assert_fine(lab_case_end(c));
    assert_fine(fixture_case(f, 0));
    assert_fine(fixture_finish(f));
    fixture_close(f);
    assert_fine(verify_folder(f->dir, NULL));

    struct reader *reader;
    assert_fine(reader_open(&reader, f->dir, FIXTURE_LAB, NULL));
    int visits = 0;
    assert_fine(reader_cases(reader, "42/kinds", NULL, check_kinds, &visits));
    assert_int_equal(visits, 1);
    reader_close(reader);
}

static void a_bench_result_is_kept_whole(void **state) {
    struct fixture *f = *state;
    double seconds[] = {2e-3, 3e-3};
    uint32_t rounds[] = {0, 4};
    const struct bench_result result = {.seconds = seconds,
                                        .round = rounds,
                                        .samples = 2,
                                        .calls = 77,
                                        .stop = BENCH_SETTLED,
                                        .median = 2.5e-3,
                                        .mad = NAN,
                                        .low = 2e-3,
                                        .high = 3e-3};
    assert_fine(fixture_open(f, RESULT_NEW));
    struct lab_case *c = lab_case_begin(&f->run, "cpu", "42/case/n=0");
    case_bench(c, &result);
    case_param_int(c, "threads", 2);
    assert_fine(lab_case_end(c));
    c = lab_case_begin(&f->run, "cpu", "42/case/plan");
    case_bench(c, &result);
    case_plan(c, json_pack("{s:i}", "threads", 3));
    assert_fine(lab_case_end(c));
    c = lab_case_begin(&f->run, "cuda:0", "42/case/gpu");
    case_bench(c, &result);
    case_plan(c, json_pack("{s:i}", "threads", 256));
    assert_fine(lab_case_end(c));
    assert_fine(fixture_finish(f));
    fixture_close(f);

    size_t size;
    char path[256], why[200];
    snprintf(path, sizeof path, "%s/benchmark.json", f->lab);
    char *text = fixture_read(path, &size);
    json_t *document = folder_parse_json(text, size, why, sizeof why);
    const json_t *list = json_object_get(document, "benchmarks");
    assert_int_equal(json_array_size(list), 6);
    static const int threads[] = {2, 2, 3, 3, 1, 1};
    for (size_t k = 0; k < 6; k++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(list, k), "threads")),
                         threads[k]);
    const json_t *second = json_array_get(list, 1);
    assert_string_equal(json_string_value(json_object_get(second, "name")), "42/case/n=0/cpu");
    assert_int_equal(json_integer_value(json_object_get(second, "iterations")), 77);
    assert_int_equal(json_integer_value(json_object_get(second, "repetition_index")), 1);
    assert_true(fabs(json_number_value(json_object_get(second, "real_time")) - 3e6) < 1e-3);
    assert_null(json_object_get(json_object_get(document, "context"), "host_name"));
    json_decref(document);
    free(text);
}

static void no_name_of_user_or_host_is_recorded(void **state) {
    struct fixture *f = *state;
    char host[128] = "", path[256];
    size_t size;
    gethostname(host, sizeof host - 1);
    assert_fine(fixture_run(f));
    const char *const files[] = {"run.json", FIXTURE_LAB "/cases.jsonl",
                                 FIXTURE_LAB "/benchmark.json", FIXTURE_LAB "/claims.json"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", f->dir, files[i]);
        char *text = fixture_read(path, &size);
        assert_non_null(text);
        assert_null(strstr(text, "somebody"));
        assert_null(strstr(text, f->root));
        if (strlen(host) > 3)
            assert_null(strstr(text, host));
        free(text);
    }
    snprintf(path, sizeof path, "%s/run.json", f->dir);
    char *text = fixture_read(path, &size);
    assert_non_null(strstr(text, "\"a/b\"")); /* the label is the user's own */
    assert_non_null(strstr(text, "--out=\xe2\x80\xa6/r"));
    free(text);
}

static void a_run_that_stopped_is_partial_and_resumes(void **state) {
    struct fixture *f = *state;
    struct result_recorded recorded;
    json_t *summary = NULL;
    assert_fine(fixture_open(f, RESULT_NEW));
    assert_fine(fixture_sweep(f, 5));
    fixture_close(f);
    assert_fine(verify_folder(f->dir, &summary));
    assert_false(json_is_true(json_object_get(summary, "complete")));
    json_decref(summary);

    assert_fine(result_recorded(f->dir, FIXTURE_LAB, &recorded));
    assert_true(recorded.started);
    assert_false(recorded.complete);
    assert_int_equal(recorded.cases, 5);
    assert_int_equal(recorded.mode, LAB_QUICK);
    assert_true(recorded.seed == UINT64_MAX);
    assert_string_equal(recorded.bits[0], "cpu");
    assert_string_equal(recorded.label, "a/b");
    assert_string_equal(recorded.labs[0], FIXTURE_LAB);

    assert_fine(fixture_open(f, RESULT_RESUME));
    assert_int_equal(result_resumed_count(f->run.result), 5);
    assert_fine(fixture_sweep(f, FIXTURE_CASES));
    assert_int_equal(result_case_count(f->run.result), FIXTURE_CASES);
    assert_fine(fixture_finish(f));
    fixture_close(f);
    assert_fine(verify_folder(f->dir, &summary));
    assert_true(json_is_true(json_object_get(summary, "complete")));
    json_decref(summary);

    /* A finished lab is not touched again. */
    size_t before, after;
    char *was = fixture_read(f->journal, &before);
    assert_fine(fixture_open(f, RESULT_RESUME));
    assert_true(result_complete(f->run.result));
    assert_int_equal(json_array_size(result_claims(f->run.result)), 2);
    assert_error(result_finish(f->run.result), "is complete");
    fixture_close(f);
    char *is = fixture_read(f->journal, &after);
    assert_int_equal(before, after);
    assert_memory_equal(was, is, before);
    free(was);
    free(is);
}

static void a_cut_last_line_is_dropped_wherever_it_is_cut(void **state) {
    struct fixture *f = *state;
    assert_fine(fixture_open(f, RESULT_NEW));
    assert_fine(fixture_sweep(f, 2));
    fixture_close(f);
    size_t size;
    char *text = fixture_read(f->journal, &size);
    size_t last = size - 1;
    while (text[last - 1] != '\n')
        last--;
    for (size_t cut = last; cut < size; cut += 1 + (size - last) / 50) {
        json_t *summary = NULL;
        assert_fine(fixture_write(f->journal, text, cut));
        assert_fine(verify_folder(f->dir, &summary));
        const json_t *lab = json_array_get(json_object_get(summary, "labs"), 0);
        assert_int_equal(json_integer_value(json_object_get(lab, "cases")), 1);
        assert_int_equal(json_integer_value(json_object_get(lab, "dropped_bytes")), cut - last);
        json_decref(summary);
    }
    assert_fine(fixture_write(f->journal, text, size - 1));
    assert_fine(fixture_open(f, RESULT_RESUME));
    assert_fine(fixture_sweep(f, FIXTURE_CASES));
    assert_fine(fixture_finish(f));
    fixture_close(f);
    assert_fine(verify_folder(f->dir, NULL));
    free(text);
}

/* Any byte of a finished journal changed is noticed, and so is a line that is gone. */
static void every_edit_of_a_journal_is_noticed(void **state) {
    struct fixture *f = *state;
    assert_fine(fixture_run(f));
    size_t size;
    char *text = fixture_read(f->journal, &size);
    for (size_t at = 0; at < size - 1; at += 1 + size / 400) {
        text[at] ^= 1;
        assert_fine(fixture_write(f->journal, text, size));
        if (verify_folder(f->dir, NULL) == 0)
            fail_msg("byte %zu was changed and nobody noticed", at);
        assert_non_null(strstr(error_text(), "cases.jsonl: line "));
        text[at] ^= 1;
    }
    /* Without its LF the end record is a cut line, which run.json contradicts. */
    assert_fine(fixture_write(f->journal, text, size - 1));
    assert_error(verify_folder(f->dir, NULL), "its end was cut off");
    assert_fine(fixture_write(f->journal, text, size));
    assert_fine(verify_folder(f->dir, NULL));
    /* A line taken out, and two lines swapped. */
    char *second = strchr(text, '\n') + 1, *third = strchr(second, '\n') + 1;
    char *changed = malloc(size);
    size_t head = (size_t)(second - text), line = (size_t)(third - second);
    memcpy(changed, text, head);
    memcpy(changed + head, third, size - head - line);
    assert_fine(fixture_write(f->journal, changed, size - line));
    assert_error(verify_folder(f->dir, NULL), "line 2: its hash does not fit");
    free(changed);
    free(text);
}

static void edited_documents_are_noticed(void **state) {
    struct fixture *f = *state;
    char path[256];
    assert_fine(fixture_run(f));
    const struct {
        const char *file, *from, *to, *words;
    } edits[] = {
        {"run.json", "\"quick\"", "\"full\"", "run.json: its hash does not fit"},
        {"run.json", "\"quick\"", "\"swift\"", "run.json: its hash does not fit"},
        {"run.json", "\"format\": 2", "\"format\": 2, \"format\": 2", "run.json: duplicate"},
        {FIXTURE_LAB "/claims.json", "confirmed", "refuted", "claims.json: its SHA-256"},
        {FIXTURE_LAB "/benchmark.json", "iteration", "aggregate", "benchmark.json: its SHA-256"},
    };
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        size_t size;
        snprintf(path, sizeof path, "%s/%s", f->dir, edits[i].file);
        char *text = fixture_read(path, &size);
        assert_fine(fixture_replace(path, edits[i].from, edits[i].to));
        assert_error(verify_folder(f->dir, NULL), edits[i].words);
        assert_fine(fixture_write(path, text, size));
        free(text);
    }
    assert_fine(verify_folder(f->dir, NULL));
}

static void another_machine_is_refused_by_name_of_the_field(void **state) {
    const json_t *none = NULL;
    (void)state;
    char was[100], is[100];
    json_t *a = provenance_fingerprint(NULL, 0);
    assert_null(provenance_difference(a, a, was, is, sizeof was));
    assert_null(provenance_difference(none, a, was, is, sizeof was));
    assert_non_null(provenance_difference(a, none, was, is, sizeof was));
    const struct {
        const char *name, *words;
    } fields[] = {{"cpu_model", "CPU model"},
                  {"cpu_cores", "core count"},
                  {"devices", "devices"},
                  {"driver", "driver"},
                  {"source_version", "source version"},
                  {"kernel_binary", "kernel binary"},
                  {"settings", "libraries' settings"}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        json_t *b = json_deep_copy(a);
        json_object_set_new(a, fields[i].name, json_string("one"));
        json_object_set_new(b, fields[i].name, json_string("other"));
        const char *field = provenance_difference(a, b, was, is, sizeof was);
        assert_string_equal(field, fields[i].words);
        assert_string_equal(is, "other");
        json_decref(b);
    }
    json_decref(a);
}

/* The same through a folder: rewritten with all its hashes in order, as another machine would. */
static void a_folder_of_another_machine_is_not_resumed(void **state) {
    struct fixture *f = *state;
    assert_fine(fixture_open(f, RESULT_NEW));
    assert_fine(fixture_sweep(f, 2));
    fixture_close(f);
    size_t size;
    char why[200], digest[SHA_TEXT];
    char *text = fixture_read(f->journal, &size);
    *strchr(text, '\n') = '\0';
    json_t *start = folder_parse_json(text, strlen(text), why, sizeof why);
    json_object_del(start, "hash");
    json_object_set_new(json_object_get(start, "fingerprint"), "cpu_model", json_string("abacus"));
    char *plain = json_dumps(start, JSON_COMPACT);
    assert_int_equal(sha_chain(SHA_ZEROS, plain, strlen(plain), digest), 0);
    FILE *file = fopen(f->journal, "w");
    fprintf(file, "%.*s,\"hash\":\"%s\"}\n", (int)strlen(plain) - 1, plain, digest);
    fclose(file);
    assert_error(verify_folder(f->dir, NULL), "\"cpu_model\" is not that of run.json");
    assert_error(fixture_open(f, RESULT_RESUME), "CPU model was abacus, here it is");
    json_decref(start);
    free(plain);
    free(text);
}

static void mode_and_seed_cannot_change(void **state) {
    struct fixture *f = *state;
    assert_fine(fixture_open(f, RESULT_NEW));
    fixture_close(f);
    f->run.mode = LAB_FULL;
    assert_error(fixture_open(f, RESULT_RESUME), "recorded in quick mode");
    f->run.mode = LAB_QUICK;
    f->run.seed = 1;
    assert_error(fixture_open(f, RESULT_RESUME), "recorded with seed 18446744073709551615");
    f->run.seed = UINT64_MAX;
    f->run.bits_count = 0;
    assert_error(fixture_open(f, RESULT_RESUME), "recorded on other devices");
}

static void folders_that_are_there_are_not_overwritten(void **state) {
    struct fixture *f = *state;
    assert_int_equal(mkdir(f->dir, 0777), 0); /* an empty one will do */
    assert_fine(fixture_run(f));
    assert_error(fixture_open(f, RESULT_NEW), "not empty; go on with --resume");
    assert_error(fixture_open(f, RESULT_JOIN), "is there already");
    assert_fine(verify_folder(f->dir, NULL));
    snprintf(f->dir, sizeof f->dir, "%s/file", f->root);
    assert_fine(fixture_write(f->dir, "x", 1));
    assert_error(fixture_open(f, RESULT_NEW), "no folder");
    snprintf(f->dir, sizeof f->dir, "%s/none", f->root);
    assert_error(fixture_open(f, RESULT_RESUME), "no such folder");
    assert_error(verify_folder(f->root, NULL), "no run.json");
    snprintf(f->dir, sizeof f->dir, "%s/a/b/c/", f->root);
    assert_fine(fixture_run(f)); /* folders above are made */
    snprintf(f->dir, sizeof f->dir, "%s/..", f->root);
    assert_error(fixture_open(f, RESULT_NEW), "name a new folder");
}

static void two_writers_exclude_each_other(void **state) {
    struct fixture *f = *state, other = *f;
    assert_fine(fixture_open(f, RESULT_NEW));
    assert_error(fixture_open(&other, RESULT_RESUME), "another run is writing");
    assert_fine(fixture_case(f, 0));
    fixture_close(f);
    assert_fine(fixture_open(&other, RESULT_RESUME));
    fixture_close(&other);
}

static void the_driver_makes_a_run_that_labs_join(void **state) {
    struct fixture *f = *state;
    static const char *const labs[] = {FIXTURE_LAB, "43-other"};
    struct result_setup driver = fixture_setup(f);
    json_t *summary = NULL;
    driver.lab = NULL;
    driver.bits_count = driver.time_count = 0;
    driver.labs = labs;
    driver.lab_count = 2;
    assert_fine(result_run_create(&driver));
    assert_fine(fixture_open(f, RESULT_JOIN));
    assert_fine(fixture_sweep(f, FIXTURE_CASES));
    assert_fine(fixture_finish(f));
    fixture_close(f);
    assert_fine(verify_folder(f->dir, &summary));
    assert_false(json_is_true(json_object_get(summary, "complete")));
    const json_t *missing = json_object_get(summary, "not_started");
    assert_string_equal(json_string_value(json_array_get(missing, 0)), "43-other");
    json_decref(summary);
    struct result_recorded recorded;
    assert_fine(result_recorded(f->dir, "43-other", &recorded));
    assert_false(recorded.started);
    assert_int_equal(recorded.lab_count, 2);
    assert_fine(result_run_finish(f->dir, false, NULL));
    json_t *run = reader_run(f->dir);
    assert_true(json_is_string(json_object_get(json_object_get(run, "run"), "end")));
    assert_true(json_is_false(json_object_get(json_object_get(run, "run"), "complete")));
    assert_null(json_object_get(json_object_get(run, "run"), "others"));
    json_decref(run);
}

static double seconds_of_others(const char *dir) {
    json_t *run = reader_run(dir);
    struct others o;
    double seconds = others_of(json_object_get(run, "run"), &o) ? o.seconds : 0;
    json_decref(run);
    return seconds;
}

static void what_others_took_is_kept_over_resumes(void **state) {
    struct fixture *f = *state;
    struct others_mark begun;
    assert_fine(fixture_open(f, RESULT_NEW));
    fixture_close(f);
    others_now(&begun);
    if (begun.cpus == 0)
        return; /* the kernel does not tell; others_test says so */
    begun.at -= 100;
    assert_fine(result_run_finish(f->dir, false, &begun));
    assert_true(seconds_of_others(f->dir) >= 100);
    assert_fine(result_run_finish(f->dir, false, NULL));
    assert_true(seconds_of_others(f->dir) >= 100);
    assert_fine(result_run_finish(f->dir, true, &begun));
    assert_true(seconds_of_others(f->dir) >= 200);
}

static void mistakes_of_a_lab_are_errors(void **state) {
    struct fixture *f = *state;
    assert_fine(fixture_open(f, RESULT_NEW));
    assert_fine(fixture_case(f, 0));
    assert_null(lab_case_begin(&f->run, "cpu", "42/case/n=0"));
    assert_non_null(strstr(f->run.error, "twice"));
    f->run.error[0] = '\0';
    assert_null(lab_case_begin(&f->run, "cpu", "a\nb"));
    assert_non_null(strstr(f->run.error, "control characters"));
    f->run.error[0] = '\0';
    assert_null(lab_case_begin(&f->run, "cpu", "\xff"));
    assert_non_null(strstr(f->run.error, "UTF-8"));
    f->run.error[0] = '\0';
    assert_null(lab_case_begin(&f->run, "my gpu", "x"));
    f->run.error[0] = '\0';
    struct lab_case *c = lab_case_begin(&f->run, "cpu", "42/same");
    case_param_int(c, "n", 1);
    case_param_int(c, "n", 2);
    assert_int_equal(lab_case_end(c), -1);
    f->run.error[0] = '\0';
    const uint64_t wide = 256;
    c = lab_case_begin(&f->run, "cpu", "42/wide");
    case_series_bits(c, "x", 8, &wide, 1);
    assert_int_equal(lab_case_end(c), -1);
    assert_non_null(strstr(f->run.error, "more than 8 bits"));
    f->run.error[0] = '\0';
    const double one = 1;
    c = lab_case_begin(&f->run, "cpu", "42/two");
    case_series_time(c, "x", &one, 1);
    case_series_time(c, "x", &one, 1);
    assert_int_equal(lab_case_end(c), -1);
    assert_non_null(strstr(f->run.error, "two series"));
    f->run.error[0] = '\0';

    struct finding finding = {.verdict = VERDICT_BOUNDED, .held = 1};
    const struct claim *claim = &fixture_claims[0];
    snprintf(finding.statement, sizeof finding.statement, "x");
    assert_error(result_claim(f->run.result, claim, "cpu", &finding), "without finding_settle");
    finding.settled = true;
    assert_error(result_claim(f->run.result, claim, "cpu", &finding), "needs its range");
    finding.verdict = VERDICT_NOT_TESTABLE;
    assert_error(result_claim(f->run.result, claim, "cpu", &finding), "needs its reason");
    finding.verdict = VERDICT_CONFIRMED;
    memset(finding.statement, 'x', FINDING_STATEMENT + 1);
    assert_error(result_claim(f->run.result, claim, "cpu", &finding), "more than 160 characters");
    finding.statement[1] = '\0';
    finding.evidence = json_pack("[s]", "42/never");
    assert_error(result_claim(f->run.result, claim, "cpu", &finding), "no recorded case");
    c = lab_case_begin(&f->run, "cpu", "42/three");
    case_param_int(c, "no such", 1);
    assert_int_equal(lab_case_end(c), -1);
    assert_non_null(strstr(f->run.error, "not among the lab's quantities"));
    f->run.error[0] = '\0';
    /* None of it reached the journal. */
    fixture_close(f);
    assert_fine(verify_folder(f->dir, NULL));
}

static void tables_appear_whole_and_are_sealed(void **state) {
    struct fixture *f = *state;
    char path[256];
    size_t size;
    assert_fine(fixture_open(f, RESULT_NEW));
    assert_fine(fixture_case(f, 0));
    assert_null(lab_table_open(&f->run, "../x"));
    f->run.error[0] = '\0';
    struct lab_table *table = lab_table_open(&f->run, "ulp-by-n");
    lab_table_row(table, "n\tulp");
    lab_table_row(table, "%d\t%d\n", 3, 4);
    /* Texts of a stranger's journal. */
    lab_table_row(table, "%s\t%*s", "a\"b\nc", TABLE_CELL_MAX + 5, "too far");
    snprintf(path, sizeof path, "%s/ulp-by-n.tsv", f->lab);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(lab_table_close(table), 0);
    char *text = fixture_read(path, &size);
    char expected[300];
    snprintf(expected, sizeof expected, "n\tulp\n3\t4\na-b-c\t%*s\n", TABLE_CELL_MAX, "to");
    assert_string_equal(text, expected);
    free(text);
    assert_fine(fixture_finish(f));
    fixture_close(f);
    assert_fine(verify_folder(f->dir, NULL));
    assert_fine(fixture_write(path, "n\tulp\n3\t5\n", 10));
    assert_error(verify_folder(f->dir, NULL), "ulp-by-n.tsv: its SHA-256");
}

static void notes_are_kept_once(void **state) {
    struct fixture *f = *state;
    assert_fine(fixture_open(f, RESULT_NEW));
    assert_fine(result_note(f->run.result, "mind the gap"));
    assert_fine(result_note(f->run.result, "mind the gap"));
    assert_error(result_note(f->run.result, "two\nlines"), "control");
    fixture_close(f);
    assert_fine(fixture_open(f, RESULT_RESUME));
    assert_fine(result_note(f->run.result, "mind the gap"));
    assert_int_equal(json_array_size(result_reader(f->run.result)->notes), 1);
}

/* The file size limit stands in for a full disk: the same short write and error. It is set in a
 * child, since it would hold for this test program's own output as well. */
static void a_full_disk_loses_nothing(void **state) {
    struct fixture *f = *state;
    assert_fine(fixture_open(f, RESULT_NEW));
    assert_fine(fixture_sweep(f, 2));
    size_t size;
    free(fixture_read(f->journal, &size));
    pid_t child = fork();
    assert_int_not_equal(child, -1);
    if (child == 0) {
        struct rlimit limit = {size + 100, size + 100};
        setrlimit(RLIMIT_FSIZE, &limit);
        int status = fixture_case(f, 3); /* no side file: the journal's own write is cut short */
        bool told = strstr(f->run.error, "cases.jsonl: cannot be written: the file would exceed");
        bool stays = fixture_case(f, 4) == -1 && result_failed(f->run.result) &&
                     result_finish(f->run.result) == -1;
        _exit(status == -1 && told && stays ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    size_t after;
    free(fixture_read(f->journal, &after));
    assert_int_equal(after, size); /* nothing half written stayed */
    fixture_close(f);
    assert_fine(verify_folder(f->dir, NULL));
    assert_fine(fixture_open(f, RESULT_RESUME));
    assert_fine(fixture_sweep(f, FIXTURE_CASES));
    assert_fine(fixture_finish(f));
    fixture_close(f);
    assert_fine(verify_folder(f->dir, NULL));
}

/* A real full file system where the test may mount one. */
static void a_full_file_system_is_one_clear_line(void **state) {
    struct fixture *f = *state;
    char command[256];
    snprintf(command, sizeof command, "mount -t tmpfs -o size=64k nanolab %s 2>/dev/null", f->root);
    if (geteuid() != 0 || system(command) != 0) {
        print_message("a file system cannot be mounted here: skipped\n");
        skip();
    }
    assert_fine(fixture_open(f, RESULT_NEW));
    int k = 0;
    while (k < 1000 && fixture_case(f, 3 * k) == 0)
        k++;
    fixture_close(f);
    bool told = strstr(f->run.error, "the disk is full; free some space") != NULL;
    int partial = verify_folder(f->dir, NULL);
    char *line = strdup(error_text());
    snprintf(command, sizeof command, "umount %s", f->root);
    assert_int_equal(system(command), 0);
    if (partial != 0 || !told)
        fail_msg("after %d cases: %s; %s", k, f->run.error, line);
    assert_in_range(k, 1, 999);
    free(line);
}

static void a_read_only_folder_is_one_clear_line(void **state) {
    struct fixture *f = *state;
    assert_fine(fixture_open(f, RESULT_NEW));
    assert_fine(fixture_case(f, 0));
    fixture_close(f);
    /* Root may write anywhere, so the check is done as nobody. */
    pid_t child = fork();
    assert_int_not_equal(child, -1);
    if (child == 0) {
        chmod(f->root, 0755);
        chmod(f->dir, 0555);
        chmod(f->lab, 0555);
        chmod(f->journal, 0444);
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(2);
        bool resume = fixture_open(f, RESULT_RESUME) == -1 &&
                      strstr(error_text(), "cases.jsonl: cannot be written: permission denied");
        snprintf(f->dir, sizeof f->dir, "%s/run/deeper", f->root);
        bool made = fixture_open(f, RESULT_NEW) == -1 &&
                    strstr(error_text(), "permission denied; make the folder writable");
        _exit(resume && made ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_whole_run_verifies),
        TEST(cases_read_back_as_written),
        TEST(all_kinds_of_series_survive),
        TEST(a_bench_result_is_kept_whole),
        TEST(no_name_of_user_or_host_is_recorded),
        TEST(a_run_that_stopped_is_partial_and_resumes),
        TEST(a_cut_last_line_is_dropped_wherever_it_is_cut),
        TEST(every_edit_of_a_journal_is_noticed),
        TEST(edited_documents_are_noticed),
        TEST(another_machine_is_refused_by_name_of_the_field),
        TEST(a_folder_of_another_machine_is_not_resumed),
        TEST(mode_and_seed_cannot_change),
        TEST(folders_that_are_there_are_not_overwritten),
        TEST(two_writers_exclude_each_other),
        TEST(the_driver_makes_a_run_that_labs_join),
        TEST(what_others_took_is_kept_over_resumes),
        TEST(mistakes_of_a_lab_are_errors),
        TEST(tables_appear_whole_and_are_sealed),
        TEST(notes_are_kept_once),
        TEST(a_full_disk_loses_nothing),
        TEST(a_full_file_system_is_one_clear_line),
        TEST(a_read_only_folder_is_one_clear_line),
    };
    return cmocka_run_group_tests_name("result", tests, NULL, NULL);
}
