/*
 * time_side_test.c: verdicts follow their intervals, "not settled" included; a step is checked
 * against what is in the cache, so that one that reads the wrong blocks, or other queries, fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "labs/04-paged-kv-residency/contest.h"

/* --- verdicts ----------------------------------------------------------------------------------
 */

static struct ratio about(double value, double width) {
    return (struct ratio){value, value - width, value + width};
}

static void a_step_is_bound_by_what_it_waits_for(void **state) {
    (void)state;
    static const struct {
        double gather, cache, width;
        enum bound bound;
    } cases[] = {
        {1.00, 0.30, 0.02, BY_MEMORY},
        {0.95, 0.60, 0.02, BY_MEMORY},
        {0.40, 0.99, 0.02, BY_ARITHMETIC},
        {0.60, 1.10, 0.05, BY_ARITHMETIC},
        {0.60, 0.40, 0.02, BY_BOTH},      /* arithmetic costs, and memory does too */
        {1.00, 1.00, 0.02, BY_UNSETTLED}, /* neither costs */
        {1.00, 0.30, 0.70, BY_UNSETTLED}, /* too noisy */
        {0.40, 0.99, 0.60, BY_UNSETTLED},
        {0.40, 5.00, 0.02, BY_UNSETTLED}, /* slower in cache than in memory: disturbed */
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct ratio gather = about(cases[k].gather, cases[k].width);
        struct ratio cache = about(cases[k].cache, cases[k].width);
        assert_int_equal(bound_by(&gather, &cache), cases[k].bound);
    }
}

static void a_cost_needs_its_interval(void **state) {
    (void)state;
    struct ratio clear = about(0.80, 0.05), none = about(1.00, 0.01), faster = about(1.10, 0.05),
                 noisy = about(0.80, 0.25), tiny = about(0.985, 0.001);
    assert_int_equal(scatter_cost(&clear), COSTS);
    assert_int_equal(scatter_cost(&none), FREE);
    assert_int_equal(scatter_cost(&faster), FREE);
    assert_int_equal(scatter_cost(&noisy), OPEN);
    assert_int_equal(scatter_cost(&tiny), FREE);
    assert_true(pages_part(&clear, &none));
    assert_false(pages_part(&noisy, &none));
    assert_false(pages_part(&none, &clear)); /* the other way round is no translation */
}

static void a_knee_lies_at_half_the_slow_down(void **state) {
    (void)state;
    /* Times of 1, 1, 1.2, 2.1, 3, 3. */
    static const double times[] = {1, 1, 1.2, 2.1, 3, 3};
    struct ratio speeds[6];
    for (size_t k = 0; k < 6; k++)
        speeds[k] = about(1 / times[k], 0.01);
    assert_int_equal(stream_knee(speeds, 6), 3);
    assert_int_equal(stream_monotone(speeds, 6), 5);
    /* A plateau from the first on. */
    assert_int_equal(stream_knee(speeds + 4, 2), 0);
    /* No slow-down: none that its interval excludes. */
    assert_int_equal(stream_knee(speeds, 2), 2);
    speeds[5] = about(0.9, 0.2);
    assert_int_equal(stream_knee(speeds, 6), 6);
    /* Faster again beyond both intervals. */
    speeds[5] = about(0.9, 0.01);
    assert_int_equal(stream_monotone(speeds, 6), 4);
}

/* --- seats -------------------------------------------------------------------------------------
 */

#define HEADS 2
#define SEQUENCES 3
#define TOKENS 100
#define BLOCKS 24 /* three more than are named */

struct bench_seat {
    struct device *device;
    struct cache cache;
    struct kv_table table;
    struct step step;
};

static void take_seat_of(struct bench_seat *seat, enum device_kind kind,
                         const struct paged_plan *plan, enum kv_map map, int last) {
    int32_t tokens[SEQUENCES] = {TOKENS, TOKENS, last};
    memset(seat, 0, sizeof *seat);
    assert_int_equal(device_open(&seat->device, kind, 0), 0);
    assert_int_equal(kv_table_open(&seat->table, SEQUENCES, tokens, (unsigned)plan->block,
                                   plan->mapping == PAGED_SLAB ? SEQUENCES * TOKENS : BLOCKS),
                     0);
    assert_int_equal(kv_table_map(&seat->table, map, 4, 1, NULL), 0);
    size_t bytes = (size_t)BLOCKS * 16 * HEADS * 128 * 2;
    assert_int_equal(cache_open(&seat->cache, seat->device, PAGED_BF16, bytes, PAGES_ANY, 7), 0);
    assert_int_equal(step_open(&seat->step, &seat->cache, plan, HEADS, &seat->table, NULL, 3), 0);
}

static void take_seat(struct bench_seat *seat, enum device_kind kind, enum paged_op op,
                      enum kv_map map) {
    struct paged_plan plan = plan_of(op, PAGED_TABLE, PAGED_BF16);
    take_seat_of(seat, kind, &plan, map, TOKENS);
}

static void leave_seat(struct bench_seat *seat) {
    step_close(&seat->step);
    cache_close(&seat->cache);
    kv_table_close(&seat->table);
    device_close(seat->device);
}

static const enum device_kind kinds[] = {DEVICE_CPU, DEVICE_SIMT};

static void right_steps_are_valid(void **state) {
    (void)state;
    for (size_t k = 0; k < 2; k++)
        for (int op = PAGED_ATTENTION; op <= PAGED_WALK; op++) {
            struct bench_seat seat;
            take_seat(&seat, kinds[k], (enum paged_op)op, KV_MAP_PERMUTED);
            assert_int_equal(step_call(&seat.step), 0);
            assert_int_equal(step_validate(&seat.step), 0);
            if (op != PAGED_WALK)
                assert_true(step_bytes(&seat.step) == 2.0 * SEQUENCES * TOKENS * HEADS * 128 * 2);
            leave_seat(&seat);
        }
}

/* Of one length, and not: where a slab begins depends on it. */
static void slabs_are_valid(void **state) {
    (void)state;
    for (int op = PAGED_ATTENTION; op <= PAGED_GATHER; op++)
        for (int layout = PAGED_NHD; layout <= PAGED_HND; layout++)
            for (int shorter = 0; shorter < 2; shorter++) {
                struct paged_plan plan = plan_of((enum paged_op)op, PAGED_SLAB, PAGED_BF16);
                struct bench_seat seat;
                plan.layout = layout;
                take_seat_of(&seat, DEVICE_CPU, &plan, KV_MAP_IDENTITY, TOKENS - 37 * shorter);
                assert_int_equal(step_validate(&seat.step), 0);
                leave_seat(&seat);
            }
}

/* What the check reads is changed behind the kernels' back: one key of the last token. */
static void a_changed_word_is_noticed(void **state) {
    (void)state;
    struct bench_seat seat;
    int32_t last;
    take_seat(&seat, DEVICE_SIMT, PAGED_GATHER, KV_MAP_PERMUTED);
    last = seat.table.ids[SEQUENCES * seat.table.row_blocks - 1];
    uint16_t *key = (uint16_t *)seat.cache.host[0] + ((size_t)last * 16 + 3) * HEADS * 128;
    key[0] ^= 1;
    assert_int_equal(step_validate(&seat.step), -1);
    key[0] ^= 1;
    assert_int_equal(step_validate(&seat.step), 0);
    key[HEADS * 128] ^= 1; /* the slot after the last token is nobody's */
    assert_int_equal(step_validate(&seat.step), 0);
    leave_seat(&seat);
}

/* The kernels follow a copy of the table; a check by another table must not agree. */
static void a_wrong_block_is_noticed(void **state) {
    (void)state;
    for (int op = PAGED_ATTENTION; op <= PAGED_WALK; op++) {
        struct bench_seat seat;
        take_seat(&seat, DEVICE_SIMT, (enum paged_op)op, KV_MAP_IDENTITY);
        seat.table.ids[0] = BLOCKS - 1;
        assert_int_equal(step_validate(&seat.step), -1);
        leave_seat(&seat);
    }
}

static void other_queries_are_noticed(void **state) {
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct bench_seat seat;
        take_seat(&seat, kinds[k], PAGED_ATTENTION, KV_MAP_IDENTITY);
        uint16_t *q = seat.step.host_q;
        q[0] ^= 0x8000;
        q[1] ^= 0x8000;
        assert_int_equal(step_validate(&seat.step), -1);
        leave_seat(&seat);
    }
}

static void maps_leave_different_sums_but_equal_bytes(void **state) {
    (void)state;
    struct bench_seat seat;
    uint64_t one, other;
    take_seat(&seat, DEVICE_CPU, PAGED_ATTENTION, KV_MAP_IDENTITY);
    assert_int_equal(step_call(&seat.step), 0);
    assert_int_equal(step_hash(&seat.step, &one), 0);
    assert_int_equal(step_call(&seat.step), 0);
    assert_int_equal(step_hash(&seat.step, &other), 0);
    assert_true(one == other);
    leave_seat(&seat);
    /* Another map finds other blocks here, as the cache is filled by place. */
    take_seat(&seat, DEVICE_CPU, PAGED_ATTENTION, KV_MAP_REVERSED);
    assert_int_equal(step_call(&seat.step), 0);
    assert_int_equal(step_hash(&seat.step, &other), 0);
    assert_false(one == other);
    leave_seat(&seat);
}

static void a_cache_too_small_is_refused(void **state) {
    (void)state;
    struct bench_seat seat;
    struct step step;
    take_seat(&seat, DEVICE_CPU, PAGED_GATHER, KV_MAP_IDENTITY);
    struct paged_plan plan = seat.step.plan;
    assert_int_equal(step_open(&step, &seat.cache, &plan, 2 * HEADS, &seat.table, NULL, 3), -1);
    assert_non_null(strstr(device_error(), "the cache holds"));
    step_close(&step);
    leave_seat(&seat);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_bound_by_what_it_waits_for),
        cmocka_unit_test(a_cost_needs_its_interval),
        cmocka_unit_test(a_knee_lies_at_half_the_slow_down),
        cmocka_unit_test(right_steps_are_valid),
        cmocka_unit_test(slabs_are_valid),
        cmocka_unit_test(a_changed_word_is_noticed),
        cmocka_unit_test(a_wrong_block_is_noticed),
        cmocka_unit_test(other_queries_are_noticed),
        cmocka_unit_test(maps_leave_different_sums_but_equal_bytes),
        cmocka_unit_test(a_cache_too_small_is_refused),
    };
    return cmocka_run_group_tests_name("time side", tests, NULL, NULL);
}
