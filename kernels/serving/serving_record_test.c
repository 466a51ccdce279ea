/*
 * serving_record_test.c: requests, shapes, options and records are what their header says.
 */
#include <jansson.h>

#include "kernels/serving/serving_fixture.h"

/* --- requests ----------------------------------------------------------------------------------
 */

static struct serving_trace chat(void) {
    return (struct serving_trace){.seed = 11,
                                  .prompt_mean = 161,
                                  .output_mean = 338,
                                  .length_sigma = 0.5,
                                  .length_most = 2048,
                                  .output_most = 1024,
                                  .share = 0.5,
                                  .prefixes = 4,
                                  .prefix_tokens = 128};
}

static void test_lengths_keep_their_limits_and_means(void **state) {
    (void)state;
    enum { REQUESTS = 20000 };
    struct serving_trace t = chat();
    double own = 0, output = 0;
    unsigned shared = 0, by_prefix[4] = {0};
    for (uint64_t r = 0; r < REQUESTS; r++) {
        struct serving_request q = serving_trace_request(&t, r);
        assert_int_equal(q.number, r);
        assert_true(q.prompt >= 1 && q.output >= 1 && q.output <= t.output_most);
        assert_true(q.prompt + q.output <= q.reserve && q.reserve <= t.length_most);
        unsigned most = q.prompt + t.output_most;
        assert_int_equal(q.reserve, most < t.length_most ? most : t.length_most);
        if (q.prefix >= 0) {
            assert_true(q.prompt > t.prefix_tokens);
            by_prefix[q.prefix]++;
        }
        shared += q.prefix >= 0;
        own += q.prompt - (q.prefix >= 0 ? t.prefix_tokens : 0);
        output += q.output;
    }
    /* Deviation of a mean: mean × sqrt(e^(sigma²) - 1) / sqrt(REQUESTS) = 0.0038 of it. */
    assert_true(own / REQUESTS > 161 * 0.98 && own / REQUESTS < 161 * 1.02);
    assert_true(output / REQUESTS > 338 * 0.98 && output / REQUESTS < 338 * 1.02);
    assert_in_range(shared, REQUESTS / 2 - 350, REQUESTS / 2 + 350); /* 5 deviations */
    for (unsigned k = 0; k < 4; k++)
        assert_in_range(by_prefix[k], REQUESTS / 8 - 240, REQUESTS / 8 + 240);
    t.length_sigma = 0;
    t.share = 0;
    for (uint64_t r = 0; r < 100; r++) {
        struct serving_request q = serving_trace_request(&t, r);
        assert_true(q.prompt == 161 && q.sent == 161 && q.output == 338 && q.prefix == -1);
        assert_true(q.truncation == SERVING_WHOLE && !q.output_is_cut);
    }
}

static void test_what_is_too_long_is_cut(void **state) {
    (void)state;
    struct serving_trace t = chat();
    t.length_sigma = 2;
    t.length_most = 200;
    unsigned cut = 0, output_cut = 0;
    for (uint64_t r = 0; r < 2000; r++) {
        struct serving_request q = serving_trace_request(&t, r);
        assert_int_equal(q.prompt, q.sent < 199 ? q.sent : 199);
        assert_int_equal(q.truncation, q.sent > 199 ? SERVING_CONTEXT : SERVING_WHOLE);
        assert_true(q.prompt + q.output <= 200);
        if (q.output_is_cut)
            assert_int_equal(q.prompt + q.output, 200);
        cut += q.truncation == SERVING_CONTEXT;
        output_cut += q.output_is_cut;
    }
    assert_true(cut > 200 && cut < 1500 && output_cut > 200 && output_cut < 2000);
}

static void test_tokens_are_shared_by_prefix_alone(void **state) {
    (void)state;
    const struct serving_trace t = chat();
    struct serving_request a = {.number = 1, .prefix = 2}, b = {.number = 9, .prefix = 2},
                           c = {.number = 1, .prefix = 3}, d = {.number = 2, .prefix = -1};
    unsigned n = t.prefix_tokens;
    uint32_t x[256], y[256], part[5];
    serving_trace_tokens(&t, &a, 0, 2 * n, x);
    serving_trace_tokens(&t, &b, 0, 2 * n, y);
    assert_memory_equal(x, y, n * sizeof *x);
    for (unsigned i = n; i < 2 * n; i++)
        assert_int_not_equal(x[i], y[i]);
    serving_trace_tokens(&t, &c, 0, 2 * n, y);
    assert_memory_not_equal(x, y, n * sizeof *x);
    serving_trace_tokens(&t, &d, 0, 2 * n, y);
    assert_memory_not_equal(x, y, n * sizeof *x);
    serving_trace_tokens(&t, &a, n - 2, 5, part);
    assert_memory_equal(part, x + n - 2, sizeof part);
    /* So are hashes of texts. */
    assert_true(serving_hash_ids(&t, &a, n) == serving_hash_ids(&t, &b, n));
    assert_true(serving_hash_ids(&t, &a, n + 1) != serving_hash_ids(&t, &b, n + 1));
    uint64_t hash = SERVING_HASH_START;
    for (unsigned i = 0; i < 100; i++)
        hash = serving_hash(hash, x[i]);
    assert_true(serving_hash_ids(&t, &a, 100) == hash);
}

/* --- shapes ------------------------------------------------------------------------------------
 */

static void test_shape_classes(void **state) {
    (void)state;
    static const struct {
        uint64_t m, l;
        const char *word;
    } shapes[] = {{16, 2048, "m16.l64"}, {17, 2047, "mtail.l1"}, {1, 2046, "m1.l2"},
                  {8, 2040, "m8.l8"},    {24, 2032, "m8.l16"},   {15, 1, "mfew.l1"},
                  {2, 64, "mfew.l64"},   {7, 2, "mfew.l2"},      {9, 8, "mfew.l8"},
                  {32, 16, "m16.l16"},   {18, 4, "mtail.l2"},    {31, 12, "mtail.l2"},
                  {40, 24, "m8.l8"},     {0, 0, "m0.l0"},        {UINT64_MAX, 128, "mtail.l64"}};
    char text[SERVING_SHAPE_CLASS_TEXT];
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        int class = serving_shape_class(shapes[k].m, shapes[k].l);
        assert_in_range(class, 0, SERVING_SHAPE_CLASS_COUNT - 1);
        assert_string_equal(serving_shape_class_text(class, text), shapes[k].word);
    }
    assert_string_equal(serving_shape_class_text(-1, text), "?.?");
    assert_string_equal(serving_shape_class_text(SERVING_SHAPE_CLASS_COUNT, text), "?.?");
    assert_non_null(strstr(serving_m_class_what(SERVING_M_ONE), "matrix-vector"));
    assert_non_null(strstr(serving_l_class_what(SERVING_L_ODD), "2 bytes"));
    assert_string_equal(serving_m_class_what(SERVING_M_CLASS_COUNT), "?");
    assert_string_equal(serving_l_class_what(SERVING_L_CLASS_COUNT), "?");
}

/* --- options -----------------------------------------------------------------------------------
 */

static void test_wrong_options_are_named(void **state) {
    (void)state;
    const struct serving_options good = busy(1);
    assert_int_equal(serving_options_check(&good, false, NULL), 0);
#define WRONG(field, value, words)                                                                 \
    do {                                                                                           \
        struct serving_options o = good;                                                           \
        char why[SERVING_WHY] = "";                                                                \
        struct serving_loop *loop;                                                                 \
        o.field = value;                                                                           \
        assert_int_equal(serving_options_check(&o, false, why), -1);                               \
        if (!strstr(why, words))                                                                   \
            fail_msg("\"%s\" does not say \"%s\"", why, words);                                    \
        assert_int_equal(serving_open(&loop, &o, NULL, NULL, why), -1);                            \
        assert_null(loop);                                                                         \
    } while (0)
    WRONG(trace.prompt_mean, 0, "prompts of 0");
    WRONG(trace.output_mean, 0, "outputs of 0");
    WRONG(trace.length_sigma, 0.0 / 0.0, "nan");
    WRONG(trace.length_sigma, 4.5, "length_sigma is 4.5");
    WRONG(trace.length_sigma, -1, "length_sigma is -1");
    WRONG(trace.length_most, 1, "length_most is 1");
    WRONG(trace.length_most, UINT32_MAX, "length_most is 4294967295");
    WRONG(trace.share, 1.5, "share is 1.5");
    WRONG(trace.prefixes, 0, "0 prefixes");
    WRONG(trace.prefix_tokens, UINT32_MAX, "4294967295");
    WRONG(contract.temperature, -0.5, "temperature is -0.5");
    WRONG(contract.temperature, 101, "temperature is 101");
    WRONG(contract.top_p, 0.0 / 0.0, "top_p is");
    WRONG(contract.top_p, 1.5, "top_p is 1.5");
    WRONG(arrivals, SERVING_ARRIVALS_COUNT, "arrivals 3");
    WRONG(arrival_mean_ns, 0, "arrival_mean_ns is 0");
    WRONG(arrival_mean_ns, UINT64_MAX, "arrival_mean_ns is 18446744073709551615");
    WRONG(arrival_group, 0, "arrival_group is 0");
    WRONG(arrival_group, UINT32_MAX, "arrival_group is 4294967295");
    WRONG(requests, SERVING_REQUESTS_MOST + 1, "requests is 16777217");
    WRONG(queue_most, 0, "queue_most is 0");
    WRONG(queue_most, UINT32_MAX, "queue_most is 4294967295");
    WRONG(slots, 199, "199 slots cannot hold a request of 200");
    WRONG(batcher, SERVING_BATCHER_COUNT, "batcher 2");
    WRONG(batcher, SERVING_BUDGET_ONLY, "are of the latency-guarded batcher");
    WRONG(batch_most, UINT32_MAX, "batch_most is 4294967295");
    WRONG(step_budget_ns, 0, "step_budget_ns is 0");
    WRONG(step_budget_ns, UINT64_MAX, "step_budget_ns is 18446744073709551615");
    WRONG(batch_cut, 0, "batch_cut is 0");
    WRONG(batch_cut, 32, "batch_cut is 32");
    WRONG(restore_steps, 0, "restore_steps is 0");
    /* The bounds themselves are allowed. */
#define RIGHT(field, value)                                                                        \
    do {                                                                                           \
        struct serving_options o = good;                                                           \
        o.field = value;                                                                           \
        assert_int_equal(serving_options_check(&o, false, NULL), 0);                               \
    } while (0)
    RIGHT(trace.length_sigma, 0);
    RIGHT(trace.length_sigma, SERVING_SIGMA_MOST);
    RIGHT(trace.share, 0);
    RIGHT(trace.share, 1);
    RIGHT(trace.prefix_tokens, 198);
    RIGHT(contract.temperature, 0);
    RIGHT(contract.temperature, 100);
    RIGHT(contract.top_p, 0);
    RIGHT(contract.top_p, 1);
    RIGHT(arrival_mean_ns, 1);
    RIGHT(arrival_mean_ns, SERVING_TIME_MOST);
    RIGHT(arrival_group, 1);
    RIGHT(arrival_group, SERVING_QUEUE_MOST);
    RIGHT(requests, 0);
    RIGHT(requests, SERVING_REQUESTS_MOST);
    RIGHT(queue_most, 1);
    RIGHT(queue_most, SERVING_QUEUE_MOST);
    RIGHT(slots, 200);
    RIGHT(slots, 0);
    RIGHT(batch_most, SERVING_ROWS_MOST);
    RIGHT(token_budget, UINT32_MAX);
    RIGHT(step_budget_ns, 1);
    RIGHT(step_budget_ns, SERVING_TIME_MOST);
    RIGHT(batch_cut, 1);
    RIGHT(batch_cut, 31);
    RIGHT(restore_steps, UINT32_MAX);
    struct serving_options o = busy(1);
    char why[SERVING_WHY] = "";
    o.slots = 0;
    o.trace.length_most = SERVING_LENGTH_MOST;
    assert_int_equal(serving_options_check(&o, false, why), 0);
    o = plain(5, 5, 0);
    assert_int_equal(serving_options_check(&o, false, why), -1);
    assert_non_null(strstr(why, "nothing bounds the batch"));
    assert_int_equal(serving_options_check(&o, true, why), 0);
    o.restore_steps = 1; /* one of the three is enough */
    assert_int_equal(serving_options_check(&o, true, why), -1);
    o.restore_steps = 0;
    o.batch_cut = 1;
    assert_int_equal(serving_options_check(&o, true, why), -1);
    o.batch_cut = 0;
    o.slots = 100;
    assert_int_equal(serving_options_check(&o, true, why), -1);
    assert_non_null(strstr(why, "of the built-in memory"));
    for (uint64_t seed = 0; seed < 3; seed++) {
        o = serving_calm(seed);
        assert_int_equal(serving_options_check(&o, false, NULL), 0);
        o = serving_churning(seed);
        assert_int_equal(serving_options_check(&o, false, NULL), 0);
    }
}

static void test_words(void **state) {
    (void)state;
    enum serving_batcher batcher = SERVING_BATCHER_COUNT;
    for (int k = 0; k < SERVING_BATCHER_COUNT; k++) {
        const char *word = serving_batcher_name((enum serving_batcher)k);
        assert_int_equal(serving_batcher_parse(word, &batcher), 0);
        assert_int_equal(batcher, k);
    }
    assert_int_equal(serving_batcher_parse("", &batcher), -1);
    assert_string_equal(serving_batcher_name(SERVING_BATCHER_COUNT), "?");
    assert_string_equal(serving_arrivals_name(SERVING_POISSON), "poisson");
    assert_string_equal(serving_arrivals_name(SERVING_ARRIVALS_COUNT), "?");
    assert_string_equal(serving_event_name(SERVING_CUT), "cut");
    assert_string_equal(serving_event_name(SERVING_EVENT_COUNT), "?");
    assert_string_equal(serving_truncation_name(SERVING_CONTEXT), "context");
    assert_string_equal(serving_truncation_name(SERVING_TRUNCATION_COUNT), "?");
}

/* --- records -----------------------------------------------------------------------------------
 */

struct taken {
    json_t *requests, *steps;
};
static void set_text(void *self, struct serving_sequence *sequence) {
    (void)self;
    sequence->text_hash = sequence->request.number == 1 ? 0xabc : 0;
}
static void take_request(void *self, const struct serving_request_record *record) {
    json_array_append_new(((struct taken *)self)->requests, serving_request_json(record));
}
static void take_step(void *self, const struct serving_step_record *record) {
    json_array_append_new(((struct taken *)self)->steps, serving_step_json(record));
}

static void check_json(json_t *array, size_t k, const char *expected) {
    char *text = json_dumps(json_array_get(array, k), JSON_COMPACT | JSON_SORT_KEYS);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void test_records_by_hand(void **state) {
    (void)state;
    struct serving_options options = plain(10, 6, 0);
    options.slots = 25;
    options.requests = 2;
    options.contract.temperature = 0.5;
    struct taken taken = {json_array(), json_array()};
    const struct serving_observer observer = {
        .self = &taken, .arrived = set_text, .request = take_request, .step = take_step};
    struct serving_loop *loop = opened(&options, &observer);
    struct serving_batch batch;
    while (serving_begin(loop, &batch, NULL) == 1) {
        struct serving_outcome outcome = {.duration_ns = 1000};
        if (batch.step == 2) {
            outcome.free_bytes = 7;
            outcome.workspace_bytes = 8;
            outcome.regime = "normal";
            outcome.precision_path = "bf16";
            outcome.algorithm = "66";
            outcome.variant = "avx512";
            outcome.isolation = "none";
        }
        assert_int_equal(serving_end(loop, &outcome, NULL), 0);
    }
    serving_close(loop);
    char expected[1024];
    struct serving_request one = {.number = 1, .prefix = -1};
    snprintf(
        expected, sizeof expected,
        "{\"arrival ns\":0,\"contract\":{\"output most\":16,\"temperature\":0.5,\"top p\":1.0},"
        "\"effective tokens\":10,\"events\":["
        "{\"event\":\"arrived\",\"ns\":0,\"step\":0},{\"event\":\"admitted\",\"ns\":0,\"step\":0},"
        "{\"event\":\"preempted\",\"ns\":3000,\"step\":2},"
        "{\"event\":\"admitted\",\"ns\":6000,\"step\":6},"
        "{\"event\":\"stop\",\"ns\":10000,\"step\":9}],\"events left out\":0,"
        "\"generated tokens\":6,\"ids hash\":\"%016llx\",\"request\":1,\"sent tokens\":10,"
        "\"text hash\":\"0000000000000abc\",\"truncation\":\"none\"}",
        (unsigned long long)serving_hash_ids(&options.trace, &one, 10));
    check_json(taken.requests, 1, expected);
    uint64_t rows = serving_hash(serving_hash(SERVING_HASH_START, 0), 1);
    snprintf(expected, sizeof expected,
             "{\"algorithm\":\"66\",\"context\":12,\"cut\":[],\"duration ns\":1000,"
             "\"free bytes\":7,\"free slots\":12,\"isolation\":\"none\",\"joined\":0,"
             "\"limit\":1048576,\"lost\":[1],\"ns\":2000,\"precision path\":\"bf16\","
             "\"queue ns\":0,\"regime\":\"normal\",\"rows\":[[0,1,12],[1,1,12]],"
             "\"rows hash\":\"%016llx\",\"shape class\":\"mfew.l2\",\"sorted hash\":\"%016llx\","
             "\"step\":2,\"tokens\":2,\"variant\":\"avx512\",\"waiting\":0,\"workspace bytes\":8}",
             (unsigned long long)rows, (unsigned long long)rows);
    check_json(taken.steps, 2, expected);
    const json_t *last = json_array_get(taken.steps, 3);
    assert_true(json_is_null(json_object_get(last, "regime")));
    assert_true(json_is_null(json_object_get(last, "free bytes")));
    json_decref(taken.requests);
    json_decref(taken.steps);
}

/* Prompts of 30 and outputs of 50 in a context of 20: cut to 19, and one token generated. */
static void test_truncation_is_an_event(void **state) {
    (void)state;
    struct serving_options options = plain(30, 50, 1);
    options.trace.length_most = 20;
    options.requests = 1;
    struct taken taken = {json_array(), json_array()};
    const struct serving_observer observer = {.self = &taken, .request = take_request};
    struct serving_loop *loop = opened(&options, &observer);
    step_of(loop, 1);
    serving_close(loop);
    const json_t *x = json_array_get(taken.requests, 0), *events = json_object_get(x, "events");
    static const char *const expected[] = {"arrived", "truncated", "admitted", "length"};
    assert_int_equal(json_array_size(events), 4);
    for (size_t e = 0; e < 4; e++)
        assert_string_equal(json_string_value(json_object_get(json_array_get(events, e), "event")),
                            expected[e]);
    assert_string_equal(json_string_value(json_object_get(x, "truncation")), "context");
    assert_int_equal(json_integer_value(json_object_get(x, "sent tokens")), 30);
    assert_int_equal(json_integer_value(json_object_get(x, "effective tokens")), 19);
    json_decref(taken.requests);
    json_decref(taken.steps);
}

/* Rows in another order: another hash of rows, the same sorted one. */
struct hashes {
    uint64_t rows[8], sorted[8];
};
static void take_hashes(void *self, const struct serving_step_record *record) {
    struct hashes *hashes = self;
    hashes->rows[record->batch->step] = record->rows_hash;
    hashes->sorted[record->batch->step] = record->sorted_hash;
}

static void test_sorted_hash_loses_the_row(void **state) {
    (void)state;
    struct hashes hashes = {0};
    const struct serving_observer observer = {.self = &hashes, .step = take_hashes};
    struct serving_options options = plain(4, 6, 3);
    struct serving_loop *loop = opened(&options, &observer);
    step_of(loop, 1);
    /* Request 0 to the end of the rows. */
    serving_queue_push_back(&loop->running, serving_queue_take(&loop->running, 0));
    step_of(loop, 1);
    serving_close(loop);
    assert_true(hashes.rows[0] != hashes.rows[1] && hashes.sorted[0] == hashes.sorted[1]);
    assert_true(hashes.rows[0] == hashes.sorted[0]);
}

static void test_events_are_bounded(void **state) {
    (void)state;
    struct serving_options options = plain(4, 1000, 2);
    options.batcher = SERVING_LATENCY_GUARDED;
    options.step_budget_ns = MS;
    options.batch_cut = 1;
    options.restore_steps = 1;
    options.requests = 2;
    struct taken taken = {json_array(), json_array()};
    const struct serving_observer observer = {.self = &taken, .request = take_request};
    struct serving_loop *loop = opened(&options, &observer);
    struct serving_batch batch;
    char why[SERVING_WHY];
    while (serving_begin(loop, &batch, why) == 1) /* too long, and in time, in turn */
        assert_int_equal(
            serving_end(loop, &(struct serving_outcome){.duration_ns = (batch.count) * MS}, why),
            0);
    serving_close(loop);
    const json_t *one = json_array_get(taken.requests, 1);
    const json_t *events = json_object_get(one, "events");
    assert_int_equal(json_array_size(events), SERVING_EVENTS_MOST);
    assert_true(json_integer_value(json_object_get(one, "events left out")) > 500);
    assert_string_equal(json_string_value(json_object_get(
                            json_array_get(events, SERVING_EVENTS_MOST - 1), "event")),
                        "stop");
    json_decref(taken.requests);
    json_decref(taken.steps);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths_keep_their_limits_and_means),
        cmocka_unit_test(test_what_is_too_long_is_cut),
        cmocka_unit_test(test_tokens_are_shared_by_prefix_alone),
        cmocka_unit_test(test_shape_classes),
        cmocka_unit_test(test_wrong_options_are_named),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_records_by_hand),
        cmocka_unit_test(test_truncation_is_an_event),
        cmocka_unit_test(test_sorted_hash_loses_the_row),
        cmocka_unit_test(test_events_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
