/*
 * serving_schedule_test.c: a recorded schedule gives the same batches under any durations, comes
 * back from its text, and is refused by line or step where it cannot be.
 */
#include "kernels/serving/serving_fixture.h"

static struct serving_schedule *recorded(const struct serving_options *options,
                                         struct jitter jitter) {
    struct serving_schedule *schedule = serving_schedule_new(&options->trace);
    assert_non_null(schedule);
    const struct serving_observer observer = {.self = schedule, .step = record_schedule};
    struct serving_loop *loop = opened(options, &observer);
    run_all(loop, 100000, jitter);
    serving_close(loop);
    return schedule;
}

/* The schedule that a replay records; its counts, too. */
static struct serving_schedule *replayed(const struct serving_options *options,
                                         const struct serving_schedule *schedule,
                                         struct jitter jitter, struct serving_counts *counts) {
    struct serving_schedule *again = serving_schedule_new(&options->trace);
    const struct serving_observer observer = {.self = again, .step = record_schedule};
    struct serving_loop *loop;
    char why[SERVING_WHY] = "";
    if (serving_replay(&loop, options, NULL, &observer, schedule, why) != 0)
        fail_msg("%s", why);
    run_all(loop, UINT64_MAX, jitter);
    *counts = counts_of(loop);
    serving_close(loop);
    return again;
}

static void check_equal(const struct serving_schedule *a, const struct serving_schedule *b) {
    size_t size_a = 0, size_b = 0;
    char *text_a = schedule_text(a, &size_a), *text_b = schedule_text(b, &size_b);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(text_a, text_b, size_a);
    free(text_a);
    free(text_b);
}

static void test_replay_gives_the_same_batches(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct serving_options options = busy(seed);
        struct serving_schedule *schedule = recorded(&options, (struct jitter){seed, 10});
        struct serving_schedule *other = recorded(&options, (struct jitter){seed, 4});
        assert_true(serving_schedule_steps(schedule) != serving_schedule_steps(other));
        serving_schedule_free(other);
        struct serving_counts n, m;
        other = replayed(&options, schedule, (struct jitter){seed, 4}, &n);
        check_equal(schedule, other);
        serving_schedule_free(other);
        assert_true(n.cut > 0 && n.preempted > 0 && n.finished > 100);
        assert_true(n.running == 0 && n.waiting == 0 && n.arrived == n.finished);
        /* Memory without bounds, and no batcher's bounds: they are in the schedule. */
        options.slots = 0;
        options.batch_most = 13;
        options.token_budget = 0;
        other = replayed(&options, schedule, (struct jitter){99, 30}, &m);
        check_equal(schedule, other);
        serving_schedule_free(other);
        assert_true(n.finished == m.finished && n.generated == m.generated && n.cut == m.cut &&
                    n.preempted == m.preempted && n.tokens == m.tokens);
        serving_schedule_free(schedule);
    }
}

/* More rows than tokens: some do without, and are not in the step. */
static void test_rows_that_do_without_are_replayed(void **state) {
    (void)state;
    struct serving_options options = busy(2);
    options.token_budget = 9;
    options.prefill_elsewhere = true;
    struct serving_schedule *schedule = recorded(&options, (struct jitter){2, 5});
    struct serving_counts n;
    struct serving_schedule *again = replayed(&options, schedule, (struct jitter){2, 9}, &n);
    check_equal(schedule, again);
    assert_true(n.finished > 80);
    serving_schedule_free(again);
    serving_schedule_free(schedule);
    /* In a schedule of another scheduler, a row may also do without after it has had its turn. */
    options = plain(10, 6, 0);
    char text[256];
    snprintf(text, sizeof text,
             "nanolab-serving-schedule 1\ntrace %016llx\n0 rows 0:10 1:4\n1 rows 1:6\n"
             "2 rows 0:1 2:10\n3 rows 1:1\n",
             (unsigned long long)serving_trace_hash(&options.trace));
    options.batch_most = 3;
    assert_int_equal(serving_schedule_parse(&schedule, text, strlen(text), NULL), 0);
    again = replayed(&options, schedule, (struct jitter){2, 9}, &n);
    check_equal(schedule, again);
    assert_true(n.running == 3 && n.generated == 5 && n.tokens == 10 + 4 + 6 + 11 + 1);
    serving_schedule_free(again);
    serving_schedule_free(schedule);
}

/* A counter of slots that hashes what is asked of it, in order. */
struct logged {
    uint64_t slots, used, hash;
    int kept; /* sequences with something of ours */
};
static int log_call(struct logged *m, int call, uint64_t request, int64_t slots) {
    if (slots > 0 && (uint64_t)slots > m->slots - m->used)
        return 0;
    m->used += (uint64_t)slots;
    m->hash = serving_hash(serving_hash(m->hash, (uint64_t)call), request);
    return 1;
}
static int log_admit(void *self, struct serving_sequence *q, char *why) {
    (void)why;
    if (!q->memory) {
        q->memory = malloc(1);
        ((struct logged *)self)->kept++;
    }
    return log_call(self, 1, q->request.number, q->tokens);
}
static int log_append(void *self, struct serving_sequence *q, char *why) {
    (void)why;
    return log_call(self, 2, q->request.number, 1);
}
static int log_release(void *self, struct serving_sequence *q, char *why) {
    (void)why;
    return log_call(self, 3, q->request.number, -(int64_t)q->tokens) == 1 ? 0 : -1;
}

static void log_forget(void *self, struct serving_sequence *q) {
    if (!q->memory)
        return;
    ((struct logged *)self)->kept--;
    free(q->memory);
}

/* So an allocator's map is the recorded one too. */
static void test_memory_is_asked_for_the_same(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct serving_options options = busy(seed);
        struct logged one = {.slots = options.slots}, other = one;
        struct serving_memory memory = {.self = &one,
                                        .admit = log_admit,
                                        .append = log_append,
                                        .release = log_release,
                                        .forget = log_forget};
        options.slots = 0;
        struct serving_schedule *schedule = serving_schedule_new(&options.trace);
        const struct serving_observer observer = {.self = schedule, .step = record_schedule};
        struct serving_loop *loop;
        assert_int_equal(serving_open(&loop, &options, &memory, &observer, NULL), 0);
        run_all(loop, 100000, (struct jitter){seed, 10});
        assert_true(counts_of(loop).preempted > 0);
        serving_close(loop);
        memory.self = &other;
        assert_int_equal(serving_replay(&loop, &options, &memory, NULL, schedule, NULL), 0);
        run_all(loop, UINT64_MAX, (struct jitter){seed, 2});
        serving_close(loop);
        serving_schedule_free(schedule);
        assert_true(one.hash == other.hash && one.used == 0 && other.used == 0);
        /* Closed in the middle, too, with some running and some waiting. */
        assert_int_equal(serving_open(&loop, &options, &memory, NULL, NULL), 0);
        run_all(loop, 50, (struct jitter){seed, 10});
        assert_true(one.kept == 0 && other.kept > 0);
        serving_close(loop);
        assert_int_equal(other.kept, 0);
    }
}

/* Nobody runs before they have arrived, however fast the steps are. */
static void check_arrived(void *self, const struct serving_request_record *record) {
    (void)self;
    for (size_t e = 0; e < record->event_count; e++)
        assert_true(record->events[e].now_ns >= record->arrival_ns);
}

static int instant_driver(void *self, const struct serving_batch *batch,
                          struct serving_outcome *outcome, char *why) {
    (void)self;
    (void)batch;
    (void)outcome;
    (void)why;
    return 0;
}

static void test_time_passes_in_a_replay(void **state) {
    (void)state;
    const struct serving_options options = busy(1);
    struct serving_schedule *schedule = recorded(&options, (struct jitter){1, 10});
    const struct serving_observer observer = {.request = check_arrived};
    struct serving_loop *loop;
    assert_int_equal(serving_replay(&loop, &options, NULL, &observer, schedule, NULL), 0);
    assert_int_equal(serving_run(loop, UINT64_MAX, instant_driver, NULL, NULL), 0);
    assert_true(counts_of(loop).now_ns > 100 * MS);
    serving_close(loop);
    serving_schedule_free(schedule);
}

static void test_text_comes_back(void **state) {
    (void)state;
    const struct serving_options options = busy(4);
    struct serving_schedule *schedule = recorded(&options, (struct jitter){4, 10}), *back;
    size_t size = 0;
    char *text = schedule_text(schedule, &size), why[SERVING_WHY] = "";
    if (serving_schedule_parse(&back, text, size, why) != 0)
        fail_msg("%s", why);
    check_equal(schedule, back);
    struct serving_counts n;
    struct serving_schedule *again = replayed(&options, back, (struct jitter){0, 3}, &n);
    check_equal(schedule, again);
    serving_schedule_free(again);
    serving_schedule_free(back);
    /* Every prefix of it is a schedule up to its last line's end, or is refused. */
    for (size_t cut = 0; cut < 2000; cut++) {
        int status = serving_schedule_parse(&back, text, cut, why);
        assert_int_equal(status == 0, cut >= 50 && text[cut - 1] == '\n');
        assert_true((back != NULL) == (status == 0));
        serving_schedule_free(back);
    }
    free(text);
    serving_schedule_free(schedule);
    serving_schedule_free(NULL);
}

static void test_written_by_hand(void **state) {
    (void)state;
    struct serving_options options = plain(10, 6, 0);
    options.slots = 25;
    struct serving_schedule *schedule = serving_schedule_new(&options.trace);
    const struct serving_observer observer = {.self = schedule, .step = record_schedule};
    struct serving_loop *loop = opened(&options, &observer);
    for (unsigned k = 0; k < 4; k++)
        step_of(loop, 1);
    size_t size = 0;
    char *text = schedule_text(schedule, &size);
    assert_non_null(strstr(text, "\n0 rows 0:10 1:10\n1 rows 0:1 1:1\n2 rows 0:1 1:1 lost 1\n"
                                 "3 rows 0:1\n"));
    assert_memory_equal(text, "nanolab-serving-schedule 1\ntrace ", 33);
    free(text);
    /* Steps come one after the other. */
    struct serving_batch batch = {.step = 7};
    const struct serving_step_record record = {.batch = &batch};
    assert_int_equal(serving_schedule_add(schedule, &record), -1);
    batch.step = 4;
    const struct serving_row far = {.request = SERVING_REQUESTS_MOST, .tokens = 1};
    batch.rows = &far;
    batch.count = 1; /* nobody could read it */
    assert_int_equal(serving_schedule_add(schedule, &record), -1);
    assert_int_equal(serving_schedule_steps(schedule), 4);
    serving_close(loop);
    serving_schedule_free(schedule);
}

#define HEAD "nanolab-serving-schedule 1\ntrace 0123456789abcdef\n"

static void test_hostile_text_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *words;
    } wrong[] = {
        {"", "line 1: not"},
        {"nanolab-serving-schedule 2\n", "line 1: not"},
        {"nanolab-serving-schedule 1\nseed 1\n", "line 2: no trace"},
        {"nanolab-serving-schedule 1\ntrace 0123456789abcde\n", "line 2: a trace is 16"},
        {"nanolab-serving-schedule 1\ntrace 0123456789ABCDEF\n", "line 2: a trace is 16"},
        {"nanolab-serving-schedule 1\ntrace 0123456789abcdef0\n", "line 2: a trace is 16"},
        {HEAD "\n", "line 3: the step is no decimal number"},
        {HEAD "1 rows 0:1\n", "line 3: step 1 where step 0 comes next"},
        {HEAD "0 rows 0:1\n0 rows 0:1\n", "line 4: step 0 where step 1"},
        {HEAD "00 rows 0:1\n", "no decimal number"},
        {HEAD "-1 rows 0:1\n", "no decimal number"},
        {HEAD "99999999999999999999999 rows 0:1\n", "the step is more than 1048575"},
        {HEAD "0\n", "line 3: no rows"},
        {HEAD "0 rows\n", "line 3: no rows"},
        {HEAD "0  rows 0:1\n", "line 3: no rows"},
        {HEAD "0 rows lost 1\n", "line 3: no rows"},
        {HEAD "0 rows 0\n", "a row is request:tokens"},
        {HEAD "0 rows 0:\n", "a row's tokens is no decimal"},
        {HEAD "0 rows 0:0\n", "a row without tokens"},
        {HEAD "0 rows 0:268435457\n", "a row's tokens is more than 268435456"},
        {HEAD "0 rows 16777216:1\n", "a request is more than 16777215"},
        {HEAD "0 rows 0:1 lost 16777216\n", "a request is more than 16777215"},
        {HEAD "0 rows 0:1 \n", "no row, \"lost\" or end of line"},
        {HEAD "0 rows 0:1", "no row, \"lost\" or end of line"},
        {HEAD "0 rows 0:1\r\n", "no row, \"lost\" or end of line"},
        {HEAD "0 rows 0:1 lost\n", "no request after"},
        {HEAD "0 cut rows 0:1\n", "no request after"},
        {HEAD "0 rows 0:1 lost 0 cut 1\n", "no row, \"lost\" or end of line"},
    };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        struct serving_schedule *schedule;
        char why[SERVING_WHY] = "";
        assert_int_equal(
            serving_schedule_parse(&schedule, wrong[k].text, strlen(wrong[k].text), why), -1);
        assert_null(schedule);
        if (!strstr(why, wrong[k].words))
            fail_msg("\"%s\" does not say \"%s\"", why, wrong[k].words);
    }
    struct serving_schedule *schedule;
    char why[SERVING_WHY] = "";
    assert_int_equal(serving_schedule_parse(&schedule, "", SERVING_SCHEDULE_BYTES + 1, why), -1);
    assert_non_null(strstr(why, "at most"));
    assert_int_equal(
        serving_schedule_parse(&schedule, HEAD "0 rows 0:1\0\n", sizeof HEAD - 1 + 12, why), -1);
}

static void test_largest_numbers_are_read(void **state) {
    (void)state;
    const char *text = HEAD "0 cut 16777215 rows 16777215:268435456 lost 16777215\n1 rows 0:1\n";
    struct serving_schedule *schedule;
    assert_int_equal(serving_schedule_parse(&schedule, text, strlen(text), NULL), 0);
    size_t size = 0;
    char *again = schedule_text(schedule, &size);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(again, text, size);
    /* What cannot be added leaves nothing of itself. */
    const struct serving_row rows[] = {{.request = 1, .tokens = 1},
                                       {.request = SERVING_REQUESTS_MOST, .tokens = 1}};
    const uint64_t ids[] = {1};
    const struct serving_batch batch = {.step = 2, .rows = rows, .count = 2};
    const struct serving_step_record record = {
        .batch = &batch, .cut = ids, .cut_count = 1, .lost = ids, .lost_count = 1};
    assert_int_equal(serving_schedule_add(schedule, &record), -1);
    const struct serving_batch good = {.step = 2, .rows = rows, .count = 1};
    const struct serving_step_record plain_record = {.batch = &good};
    assert_int_equal(serving_schedule_add(schedule, &plain_record), 0);
    free(again);
    again = schedule_text(schedule, &size);
    assert_string_equal(again + strlen(text), "2 rows 1:1\n");
    free(again);
    FILE *full = fopen("/dev/full", "w");
    if (full) {
        assert_int_equal(serving_schedule_write(schedule, full), -1);
        fclose(full);
    }
    serving_schedule_free(schedule);
}

/* Replays `lines` on requests of 10 and 6 tokens until something is said. */
static void check_impossible(const char *lines, const char *words) {
    struct serving_options options = plain(10, 6, 0);
    options.slots = 25;
    options.requests = 100;
    char text[512], why[SERVING_WHY] = "";
    snprintf(text, sizeof text, "nanolab-serving-schedule 1\ntrace %016llx\n%s",
             (unsigned long long)serving_trace_hash(&options.trace), lines);
    struct serving_schedule *schedule;
    struct serving_loop *loop;
    if (serving_schedule_parse(&schedule, text, strlen(text), why) != 0 ||
        serving_replay(&loop, &options, NULL, NULL, schedule, why) != 0)
        fail_msg("%s", why);
    int status = serving_run(loop, 100, instant_driver, NULL, why);
    assert_int_equal(status, *words ? -1 : 0);
    if (!strstr(why, words))
        fail_msg("\"%s\" does not say \"%s\"", why, words);
    serving_close(loop);
    serving_schedule_free(schedule);
}

static void test_impossible_schedules_are_named(void **state) {
    (void)state;
    check_impossible("0 rows 0:10 1:10\n1 rows 0:1 1:1\n2 rows 0:1 1:1 lost 1\n3 rows 0:1\n", "");
    check_impossible("0 rows 0:10\n1 rows 0:1 5:4\n2 rows 0:1 5:6\n", ""); /* 1…4 were rejected */
    check_impossible("0 rows 0:10 1:10\n1 rows 1:1 0:1\n", "step 1: request 0 has ended, does not");
    check_impossible("0 rows 0:10 0:1\n", "step 0: request 0 has ended, does not run");
    check_impossible("0 rows 5:10\n1 rows 5:1 4:10\n", "request 4 has ended, does not run");
    check_impossible("0 rows 100:1\n", "step 0: request 100 has ended, does not run, or does not");
    check_impossible("0 rows 0:11\n",
                     "step 0: 11 tokens of request 0, which has 10 to be computed");
    check_impossible("0 rows 0:10\n1 rows 0:2\n", "step 1: 2 tokens of request 0, which has 1");
    check_impossible("0 rows 0:10 1:10 2:10\n", "step 0: memory has no room for request 2");
    check_impossible("0 cut 0 rows 0:1\n", "step 0: request 0 is cut and is not the one");
    check_impossible("0 rows 0:10 1:10\n1 cut 0 rows 1:1\n", "step 1: request 0 is cut and is not");
    check_impossible("0 rows 0:10 1:10\n1 cut 1 0 rows 1:1\n", "request 1 joins before request 0");
    check_impossible("0 rows 0:10 1:10\n1 rows 0:1 1:1\n2 rows 0:1 1:1\n",
                     "step 2: no slot for request 1");
    check_impossible("0 rows 0:10 1:10 lost 0\n", "step 0: others were pre-empted than recorded");
    check_impossible("0 rows 0:10 lost 0 1\n", "step 0: others were pre-empted than recorded");
}

static void test_another_trace_is_refused(void **state) {
    (void)state;
    struct serving_options options = busy(1);
    struct serving_schedule *schedule = serving_schedule_new(&options.trace);
    struct serving_loop *loop;
    char why[SERVING_WHY] = "";
    for (int field = 0; field < 9; field++) {
        struct serving_options other = options;
        struct serving_trace *t = &other.trace;
        t->seed += field == 0;
        t->prompt_mean += field == 1;
        t->output_mean += field == 2;
        t->length_sigma += field == 3;
        t->length_most += field == 4;
        t->output_most += field == 5;
        t->share /= field == 6 ? 2 : 1;
        t->prefixes += field == 7;
        t->prefix_tokens += field == 8;
        assert_int_equal(serving_replay(&loop, &other, NULL, NULL, schedule, why), -1);
        assert_null(loop);
        assert_non_null(strstr(why, "use the seed and lengths"));
    }
    options.batch_most = 0;
    assert_int_equal(serving_replay(&loop, &options, NULL, NULL, schedule, why), -1);
    assert_non_null(strstr(why, "batch_cut"));
    serving_schedule_free(schedule);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay_gives_the_same_batches),
        cmocka_unit_test(test_rows_that_do_without_are_replayed),
        cmocka_unit_test(test_memory_is_asked_for_the_same),
        cmocka_unit_test(test_time_passes_in_a_replay),
        cmocka_unit_test(test_text_comes_back),
        cmocka_unit_test(test_written_by_hand),
        cmocka_unit_test(test_hostile_text_is_refused),
        cmocka_unit_test(test_largest_numbers_are_read),
        cmocka_unit_test(test_impossible_schedules_are_named),
        cmocka_unit_test(test_another_trace_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
