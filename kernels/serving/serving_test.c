/*
 * serving_test.c: the rules of the loop, by hand where they fit on a page and on random workloads
 * where they do not.
 */
#include "kernels/serving/serving_fixture.h"

/* --- the loop as a whole -----------------------------------------------------------------------
 */

static void add_to_hash(void *self, const struct serving_step_record *record) {
    uint64_t *hash = self;
    *hash = serving_hash(*hash, record->rows_hash);
    *hash = serving_hash(*hash, record->batch->tokens);
    *hash = serving_hash(*hash, record->batch->now_ns);
}

static uint64_t hash_of(uint64_t seed, struct jitter jitter) {
    uint64_t hash = SERVING_HASH_START;
    const struct serving_observer observer = {.self = &hash, .step = add_to_hash};
    const struct serving_options options = busy(seed);
    struct serving_loop *loop = opened(&options, &observer);
    run_all(loop, 100000, jitter);
    serving_close(loop);
    return hash;
}

static void test_equal_inputs_give_equal_batches(void **state) {
    (void)state;
    const struct jitter one = {1, 10}, other = {2, 10};
    uint64_t hash = hash_of(7, one);
    assert_true(hash == hash_of(7, one));
    assert_true(hash != hash_of(8, one));
    assert_true(hash != hash_of(7, other)); /* time alone makes other batches */
    /* On every machine: who is in which batch, and when. */
    assert_true(hash == 0x09e7461a0a1e4b99 && hash_of(8, one) == 0xbda3afa7e03e7ebb);
}

struct watch {
    const struct serving_options *options;
    unsigned ended[400], admitted[400];
    uint64_t finished, rejected, generated;
    size_t queue_most, cut, lost;
};

static void watch_request(void *self, const struct serving_request_record *record) {
    struct watch *watch = self;
    const struct serving_event *last = &record->events[record->event_count - 1];
    uint64_t number = record->request->number;
    assert_true(number < 400);
    watch->ended[number]++;
    bool rejected = last->kind == SERVING_REJECTED;
    watch->rejected += rejected;
    watch->finished += !rejected;
    watch->generated += record->generated;
    assert_int_equal(record->generated, rejected ? 0 : record->request->output);
    for (size_t e = 0; e < record->event_count; e++)
        watch->admitted[number] += record->events[e].kind == SERVING_ADMITTED;
    assert_int_equal(watch->admitted[number] > 0, !rejected);
}

static void watch_step(void *self, const struct serving_step_record *record) {
    struct watch *watch = self;
    const struct serving_batch *batch = record->batch;
    const struct serving_options *o = watch->options;
    uint64_t tokens = 0, contexts = 0;
    for (size_t i = 0; i < batch->count; i++) {
        tokens += batch->rows[i].tokens;
        contexts += batch->rows[i].context;
        assert_true(batch->rows[i].tokens >= 1 && batch->rows[i].context >= batch->rows[i].tokens);
        assert_true(batch->rows[i].context <= batch->context);
    }
    assert_true(tokens == batch->tokens && contexts == batch->context_sum);
    assert_true(batch->count >= 1 && batch->count <= batch->limit);
    assert_true(batch->limit == 32 || batch->limit == 12);
    assert_true(tokens <= o->token_budget);
    assert_true(record->free_slots <= o->slots); /* never less than none */
    assert_int_equal(batch->shape_class, serving_shape_class(tokens, batch->context));
    watch->queue_most = batch->waiting > watch->queue_most ? batch->waiting : watch->queue_most;
    watch->cut += record->cut_count;
    watch->lost += record->lost_count;
}

/* Whoever arrives ends once, and no bound is exceeded on the way. */
static void test_everybody_ends_once(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        const struct serving_options options = busy(seed);
        struct watch watch = {.options = &options};
        const struct serving_observer observer = {
            .self = &watch, .request = watch_request, .step = watch_step};
        struct serving_loop *loop = opened(&options, &observer);
        char why[SERVING_WHY] = "";
        struct jitter jitter = {seed, 10};
        int more = 1;
        while (more == 1) {
            more = serving_run(loop, 10, jitter_driver, &jitter, why);
            struct serving_counts n = counts_of(loop);
            assert_true(n.arrived == n.rejected + n.finished + n.aborted + n.running + n.waiting);
            assert_true(n.admitted == n.finished + n.aborted + n.preempted + n.cut + n.running);
            uint64_t held = 0;
            for (size_t i = 0; i < n.running; i++)
                held += serving_running(loop, i)->tokens;
            assert_true(held == loop->slots_used && held <= options.slots);
        }
        if (more < 0)
            fail_msg("%s", why);
        struct serving_counts n = counts_of(loop);
        assert_true(n.arrived == 400 && n.running == 0 && n.waiting == 0);
        assert_true(n.finished == watch.finished && n.rejected == watch.rejected);
        assert_true(n.cut == watch.cut && n.preempted == watch.lost);
        assert_true(n.generated == watch.generated && n.tokens > n.generated);
        for (unsigned r = 0; r < 400; r++)
            assert_int_equal(watch.ended[r], 1);
        /* It was put to the test. */
        assert_true(n.rejected > 10 && n.cut > 10 && n.preempted > 3 && n.finished > 100);
        assert_true(watch.queue_most >= options.queue_most);
        serving_close(loop);
    }
    serving_close(NULL);
}

/* --- batchers ----------------------------------------------------------------------------------
 */

static void test_guard_cuts_and_lets_in_a_burst(void **state) {
    (void)state;
    struct serving_options options = plain(10, 100, 32);
    options.batcher = SERVING_LATENCY_GUARDED;
    options.step_budget_ns = 5 * MS;
    options.batch_cut = 12;
    options.restore_steps = 3;
    struct serving_loop *loop = opened(&options, NULL);
    struct serving_batch b = step_of(loop, 5);
    assert_true(b.count == 32 && b.joined == 32 && b.limit == 32 && b.waiting == 0);
    b = step_of(loop, 5); /* exactly the budget is within it */
    assert_true(b.count == 32 && b.joined == 0 && b.tokens == 32);
    b = step_of(loop, 6);
    assert_true(b.count == 32 && counts_of(loop).cut == 0); /* it ends first */
    b = step_of(loop, 5);                                   /* 1 within */
    assert_true(b.count == 12 && b.limit == 12 && b.joined == 0 && b.waiting == 20);
    for (uint64_t r = 0; r < 12; r++)
        assert_int_equal(serving_running(loop, r)->request.number, r);
    for (uint64_t r = 0; r < 20; r++) {
        assert_int_equal(serving_waiting(loop, r)->request.number, 12 + r);
        assert_int_equal(serving_waiting(loop, r)->computed, 0);
        assert_int_equal(serving_waiting(loop, r)->tokens, 13); /* what was generated stays */
    }
    assert_int_equal(step_of(loop, 5).count, 12); /* 2 */
    assert_int_equal(step_of(loop, 7).count, 12); /* too long: from the beginning */
    assert_int_equal(step_of(loop, 5).count, 12);
    assert_int_equal(step_of(loop, 5).count, 12);
    assert_int_equal(step_of(loop, 5).count, 12);
    b = step_of(loop, 5);
    assert_true(b.count == 32 && b.joined == 20 && b.limit == 32 && b.waiting == 0);
    assert_true(b.tokens == 12 + 20 * 13); /* they are recomputed, in one step */
    assert_true(b.rows[12].request == 12 && b.rows[31].request == 31);
    assert_true(b.queue_ns == 6 * 5 * MS + 2 * MS);
    assert_int_equal(counts_of(loop).cut, 20);
    serving_close(loop);
}

static void test_budget_alone_does_not_look_at_time(void **state) {
    (void)state;
    struct serving_options options = plain(10, 100, 32);
    struct serving_loop *loop = opened(&options, NULL);
    for (unsigned k = 0; k < 20; k++)
        assert_int_equal(step_of(loop, 1000).count, 32);
    serving_close(loop);
}

/* 25 tokens a step, prompts of 20, outputs of 3. */
static void test_prompts_are_computed_in_chunks(void **state) {
    (void)state;
    struct serving_options options = plain(20, 3, 3);
    options.token_budget = 25;
    struct serving_loop *loop = opened(&options, NULL);
    static const struct serving_row expected[][3] = {
        {{0, 20, 20}, {1, 5, 5}},
        {{0, 1, 21}, {1, 15, 20}, {2, 9, 9}}, /* running ones first */
        {{0, 1, 22}, {1, 1, 21}, {2, 11, 20}},
        {{1, 1, 22}, {2, 1, 21}, {3, 20, 20}},
        {{2, 1, 22}, {3, 1, 21}, {4, 20, 20}},
        {{3, 1, 22}, {4, 1, 21}, {5, 20, 20}},
    };
    static const size_t rows[] = {2, 3, 3, 3, 3, 3};
    for (size_t k = 0; k < 6; k++) {
        struct serving_batch batch;
        assert_int_equal(serving_begin(loop, &batch, NULL), 1);
        assert_true(batch.step == k && batch.count == rows[k]);
        assert_memory_equal(batch.rows, expected[k], rows[k] * sizeof **expected);
        assert_int_equal(serving_end(loop, &(struct serving_outcome){.duration_ns = 1}, NULL), 0);
    }
    struct serving_counts n = counts_of(loop);
    assert_true(n.finished == 4 && n.generated == 4 * 3 + 2 + 1);
    serving_close(loop);
    /* With fewer tokens than rows, those admitted last do without. */
    options = plain(1, 9, 4);
    options.token_budget = 4;
    loop = opened(&options, NULL);
    assert_int_equal(step_of(loop, 1).count, 4);
    loop->options.token_budget = 3;
    struct serving_batch b = step_of(loop, 1);
    assert_true(b.count == 3 && b.rows[2].request == 2 && b.limit == 4);
    serving_close(loop);
}

static void test_prefill_elsewhere(void **state) {
    (void)state;
    struct serving_options options = plain(100, 2, 4);
    options.prefill_elsewhere = true;
    struct serving_loop *loop = opened(&options, NULL);
    struct serving_batch b = step_of(loop, 1);
    assert_true(b.count == 4 && b.tokens == 4 && b.context == 100 && b.context_sum == 400);
    b = step_of(loop, 1);
    assert_true(b.tokens == 4 && b.context == 101 && b.joined == 0);
    b = step_of(loop, 1);
    assert_true(b.joined == 4 && b.rows[0].request == 4 && b.context == 100);
    serving_close(loop);
}

/* --- memory ------------------------------------------------------------------------------------
 */

/* 25 slots, prompts of 10 and outputs of 6: two run, until the third token of the first one finds
 * all slots taken. */
static void test_want_of_memory_preempts_the_last(void **state) {
    (void)state;
    struct serving_options options = plain(10, 6, 0);
    options.slots = 25;
    struct serving_loop *loop = opened(&options, NULL);
    struct serving_batch b = step_of(loop, 1); /* 11 + 11 */
    assert_true(b.count == 2 && b.tokens == 20 && b.waiting == 1);
    b = step_of(loop, 1); /* 12 + 12 */
    assert_true(b.count == 2 && counts_of(loop).preempted == 0 && loop->slots_used == 24);
    b = step_of(loop, 1); /* 13, and request 1 finds no slot: it gives back its own 12 */
    assert_true(b.count == 2 && counts_of(loop).preempted == 1 && loop->slots_used == 13);
    assert_int_equal(serving_waiting(loop, 0)->request.number, 1);
    assert_int_equal(serving_waiting(loop, 0)->tokens, 12);
    b = step_of(loop, 1); /* nobody joins in the step after */
    assert_true(b.count == 1 && b.joined == 0 && b.waiting == 2 && loop->slots_used == 14);
    b = step_of(loop, 1); /* 12 do not fit beside 14 */
    assert_true(b.count == 1 && b.joined == 0 && loop->slots_used == 15);
    b = step_of(loop, 1); /* request 0 has its sixth token */
    assert_true(b.count == 1 && counts_of(loop).finished == 1 && loop->slots_used == 0);
    b = step_of(loop, 1); /* request 1 first, recomputed; then request 2 */
    assert_true(b.count == 2 && b.joined == 2 && b.rows[0].request == 1 && b.rows[0].tokens == 12);
    assert_true(b.rows[1].request == 2 && b.rows[1].tokens == 10 && b.queue_ns == 6 * MS);
    serving_close(loop);
}

/* A row pre-empts those behind it, and they lose the step's token. */
static void test_a_row_preempts_those_behind_it(void **state) {
    (void)state;
    struct serving_options options = plain(8, 9, 0);
    options.slots = 24;
    struct serving_loop *loop = opened(&options, NULL);
    struct serving_batch b = step_of(loop, 1);
    assert_true(b.count == 3 && counts_of(loop).preempted == 1); /* request 2, by request 0 */
    assert_int_equal(serving_waiting(loop, 0)->tokens, 8);
    assert_int_equal(serving_running(loop, 1)->tokens, 9);
    assert_int_equal(loop->slots_used, 18);
    serving_close(loop);
}

static int refuse(void *self, struct serving_sequence *sequence, char *why) {
    (void)self;
    (void)sequence;
    (void)why;
    return 0;
}

static int break_down(void *self, struct serving_sequence *sequence, char *why) {
    (void)self;
    return serving_fail(why, "block of request %d lost", (int)sequence->request.number);
}

static int agree(void *self, struct serving_sequence *sequence, char *why) {
    (void)self;
    (void)sequence;
    (void)why;
    return 1;
}

static void test_memory_that_fails_is_named(void **state) {
    (void)state;
    const struct serving_options options = plain(10, 6, 2);
    struct serving_memory memory = {.admit = refuse, .append = agree, .release = refuse};
    struct serving_loop *loop;
    struct serving_batch batch;
    char why[SERVING_WHY] = "";
    assert_int_equal(serving_open(&loop, &options, &memory, NULL, why), 0);
    assert_int_equal(serving_begin(loop, &batch, why), -1);
    assert_non_null(strstr(why, "request 0 of 10 tokens does not fit into an empty memory"));
    assert_int_equal(serving_begin(loop, &batch, why), -1);
    assert_non_null(strstr(why, "failed before"));
    serving_close(loop);
    memory.admit = agree;
    memory.append = break_down;
    assert_int_equal(serving_open(&loop, &options, &memory, NULL, why), 0);
    assert_int_equal(serving_begin(loop, &batch, why), 1);
    assert_int_equal(serving_end(loop, &(struct serving_outcome){0}, why), -1);
    assert_non_null(strstr(why, "block of request 0 lost"));
    assert_int_equal(serving_abort(loop, 0, why), -1);
    serving_close(loop);
    memory.append = agree;
    memory.release = break_down;
    assert_int_equal(serving_open(&loop, &options, &memory, NULL, why), 0);
    step_of(loop, 1);
    assert_int_equal(serving_abort(loop, 1, why), -1);
    assert_non_null(strstr(why, "block of request 1 lost"));
    assert_int_equal(serving_begin(loop, &batch, why), -1);
    assert_non_null(strstr(why, "failed before"));
    serving_close(loop);
}

/* --- time --------------------------------------------------------------------------------------
 */

/* Pairs every 10 ms from 0 on, 1 token each, batches of 3, steps of 4 ms. */
static void test_arrivals_join_when_they_have_come(void **state) {
    (void)state;
    struct serving_options options = plain(5, 1, 3);
    options.arrivals = SERVING_CONSTANT;
    options.arrival_mean_ns = 10 * MS;
    options.arrival_group = 2;
    options.requests = 7;
    options.queue_most = 4;
    struct serving_loop *loop = opened(&options, NULL);
    struct serving_batch b = step_of(loop, 4);
    assert_true(b.now_ns == 0 && b.count == 2 && b.queue_ns == 0);
    b = step_of(loop, 25); /* idle from 4 to 10 ms; ends at 35 */
    assert_true(b.now_ns == 10 * MS && b.count == 2 && b.rows[0].request == 2);
    b = step_of(loop, 4); /* 4 and 5 came at 20, 6 at 30 */
    assert_true(b.now_ns == 35 * MS && b.count == 3 && b.queue_ns == 15 * MS && b.waiting == 0);
    struct serving_batch none;
    assert_int_equal(serving_begin(loop, &none, NULL), 0);
    assert_int_equal(serving_begin(loop, &none, NULL), 0);
    assert_int_equal(counts_of(loop).finished, 7);
    serving_close(loop);
}

static void test_a_full_queue_rejects(void **state) {
    (void)state;
    struct serving_options options = plain(5, 1, 1);
    options.arrivals = SERVING_CONSTANT;
    options.arrival_mean_ns = 1000 * MS;
    options.arrival_group = 10;
    options.requests = 20;
    options.queue_most = 4;
    struct serving_loop *loop = opened(&options, NULL);
    struct serving_batch b = step_of(loop, 1);
    assert_true(b.waiting == 3 && counts_of(loop).rejected == 6);
    for (unsigned k = 0; k < 7; k++)
        step_of(loop, 1);
    struct serving_counts n = counts_of(loop);
    assert_true(n.arrived == 20 && n.finished == 8 && n.rejected == 12);
    serving_close(loop);
}

static void test_poisson_gaps_have_their_mean(void **state) {
    (void)state;
    struct serving_options options = busy(3);
    options.arrival_group = 1;
    struct serving_loop *loop = opened(&options, NULL);
    double sum = 0;
    unsigned longer = 0;
    uint64_t before = 0;
    for (loop->drawn = 0; loop->drawn < 20000; loop->drawn++) {
        uint64_t at = serving_next_arrival(loop);
        assert_true(at >= before);
        sum += (double)(at - before);
        longer += at - before > 12 * MS;
        before = at;
    }
    double mean = sum / 20000 / (12 * MS); /* deviation 0.0071 */
    assert_true(mean > 0.965 && mean < 1.035);
    assert_in_range(longer, 7358 - 350, 7358 + 350); /* 1/e of them, 5 deviations */
    serving_close(loop);
}

static void test_steps_are_begun_and_ended_in_turn(void **state) {
    (void)state;
    const struct serving_options options = plain(5, 2, 2);
    struct serving_loop *loop = opened(&options, NULL);
    struct serving_batch batch;
    char why[SERVING_WHY] = "";
    assert_int_equal(serving_end(loop, &(struct serving_outcome){0}, why), -1);
    assert_non_null(strstr(why, "no step has begun"));
    assert_int_equal(serving_begin(loop, &batch, why), 1);
    assert_int_equal(serving_begin(loop, &batch, why), -1);
    assert_non_null(strstr(why, "has not ended"));
    assert_int_equal(serving_abort(loop, 0, why), -1);
    assert_non_null(strstr(why, "between two steps"));
    struct serving_outcome outcome = {.duration_ns = SERVING_TIME_MOST + 1};
    assert_int_equal(serving_end(loop, &outcome, why), -1);
    assert_non_null(strstr(why, "at most"));
    outcome.duration_ns = SERVING_TIME_MOST;
    assert_int_equal(serving_end(loop, &outcome, why), 0);
    assert_int_equal(serving_abort(loop, 2, why), -1);
    assert_non_null(strstr(why, "not running"));
    assert_int_equal(serving_abort(loop, 0, why), 0);
    assert_int_equal(serving_running(loop, 0)->request.number, 1);
    assert_null(serving_running(loop, 1));
    assert_int_equal(counts_of(loop).aborted, 1);
    struct serving_batch b = step_of(loop, 1); /* somebody else takes the place */
    assert_true(b.count == 2 && b.rows[0].request == 1 && b.rows[1].request == 2);
    serving_close(loop);
}

/* --- workloads ---------------------------------------------------------------------------------
 */

struct tally {
    uint64_t m_classes[SERVING_M_CLASS_COUNT], steps, rows;
    uint64_t most_ns;
    unsigned context_most;
};
static void tally_step(void *self, const struct serving_step_record *record) {
    struct tally *tally = self;
    tally->m_classes[record->batch->shape_class / SERVING_L_CLASS_COUNT]++;
    tally->steps++;
    tally->rows += record->batch->count;
    if (record->outcome->duration_ns > tally->most_ns)
        tally->most_ns = record->outcome->duration_ns;
    if (record->batch->context > tally->context_most)
        tally->context_most = record->batch->context;
}

static struct tally tally_of(const struct serving_options *options, uint64_t steps) {
    struct tally tally = {0};
    const struct serving_observer observer = {.self = &tally, .step = tally_step};
    struct serving_cost cost = serving_cost_default();
    struct serving_loop *loop = opened(options, &observer);
    assert_int_equal(serving_run(loop, steps, serving_cost_driver, &cost, NULL), 1);
    assert_true(counts_of(loop).cut == 0 && counts_of(loop).rejected == 0);
    serving_close(loop);
    return tally;
}

static void test_calm_is_calm_and_churning_churns(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        const struct serving_options calm = serving_calm(seed), churning = serving_churning(seed);
        struct tally t = tally_of(&calm, 1000);
        assert_true(t.m_classes[SERVING_M_BY_16] == 1000 && t.rows == 32000);
        assert_true(t.most_ns < calm.step_budget_ns && t.context_most == 2048 + 63);
        t = tally_of(&churning, 4000);
        assert_in_range(t.rows, 4000 * 12, 4000 * 22);
        assert_true(t.context_most > 2500); /* of prompts of 512 in the mean */
        assert_true(t.m_classes[SERVING_M_BY_16] < 1000 && t.m_classes[SERVING_M_TAIL] > 1000);
        assert_true(t.m_classes[SERVING_M_FEW] > 200 && t.m_classes[SERVING_M_BY_8] > 40);
    }
}

/* What is longer: reading, or computing. */
static void test_cost_by_hand(void **state) {
    (void)state;
    struct serving_cost cost = {.weights_ns = 1000, .context_ps = 500, .token_ns = 10};
    struct serving_batch batch = {.tokens = 4, .context_sum = 301};
    assert_int_equal(serving_cost_ns(&cost, &batch), 1150);
    batch.tokens = 115;
    assert_int_equal(serving_cost_ns(&cost, &batch), 1150);
    batch.tokens = 116;
    assert_int_equal(serving_cost_ns(&cost, &batch), 1160);
    batch.tokens = UINT64_MAX;
    assert_true(serving_cost_ns(&cost, &batch) == SERVING_TIME_MOST);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_inputs_give_equal_batches),
        cmocka_unit_test(test_everybody_ends_once),
        cmocka_unit_test(test_guard_cuts_and_lets_in_a_burst),
        cmocka_unit_test(test_budget_alone_does_not_look_at_time),
        cmocka_unit_test(test_prompts_are_computed_in_chunks),
        cmocka_unit_test(test_prefill_elsewhere),
        cmocka_unit_test(test_want_of_memory_preempts_the_last),
        cmocka_unit_test(test_a_row_preempts_those_behind_it),
        cmocka_unit_test(test_memory_that_fails_is_named),
        cmocka_unit_test(test_arrivals_join_when_they_have_come),
        cmocka_unit_test(test_a_full_queue_rejects),
        cmocka_unit_test(test_poisson_gaps_have_their_mean),
        cmocka_unit_test(test_steps_are_begun_and_ended_in_turn),
        cmocka_unit_test(test_calm_is_calm_and_churning_churns),
        cmocka_unit_test(test_cost_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
