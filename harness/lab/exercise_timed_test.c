/*
 * exercise_timed_test.c: what a series of timed calls is worth, on numbers that were not measured:
 * the share of the roof with its interval, and what is too fast to be true.
 */
#define _GNU_SOURCE
#define EXERCISE_ALONE
#define main exercise_main
#include "harness/lab/exercise_timed.h"
#undef main

#include <setjmp.h>

#include <cmocka.h>

/* No answering program is started here. */
static int check(struct exercise *e) {
    (void)e;
    return 2;
}

/* Calls of 32 MB at 4 GB/s and less, below a roof of 8 GB/s. */
static struct timed series(void) {
    struct timed t = {.calls = TIMED_CALLS, .roofs = TIMED_CALLS};
    for (unsigned k = 0; k < TIMED_CALLS; k++) {
        t.bytes[k] = 32e6;
        t.seconds[k] = 32e6 / (4e9 - 0.1e9 * (k * 7 % TIMED_CALLS));
        t.roof[k] = 8e9 - 1e9 * (k % 4);
    }
    return t;
}

static void share_of_the_roof(void **state) {
    (void)state;
    struct exercise e = {0};
    struct timed t = series();
    double low, median, high;
    timed_share(&t, &low, &median, &high);
    assert_true(fabs(median - 3.3 / 8) < 1e-12);
    assert_true(fabs(low - 2.9 / 8) < 1e-12);
    assert_true(fabs(high - 3.7 / 8) < 1e-12);
    assert_int_equal(timed_verdict(&e, &t), 0);
    assert_non_null(strstr(e.score, "3.3 GB/s, which is 0.41 of the roof (0.36 to 0.46"));
}

/* A slow answer, or one slow call, is no fault. */
static void slow_is_not_wrong(void **state) {
    (void)state;
    struct exercise e = {0};
    struct timed t = series();
    for (unsigned k = 0; k < TIMED_CALLS; k++)
        t.seconds[k] *= k == 3 ? 1e5 : 1e3;
    assert_int_equal(timed_verdict(&e, &t), 0);
}

static void too_fast_is_not_believed(void **state) {
    (void)state;
    struct exercise e = {0};
    struct timed t = series();
    t.seconds[4] = 32e6 / (8e9 / 0.91); /* within a tenth of the roof */
    assert_int_equal(timed_impossible(&t), -1);
    assert_int_equal(timed_verdict(&e, &t), 0);
    t.seconds[4] = 32e6 / (8e9 / 0.89);
    assert_int_equal(timed_impossible(&t), 4);
    assert_int_equal(timed_verdict(&e, &t), 1);
    assert_non_null(strstr(e.why, "Impossible: call 5 took 3.56 ms for 32 MB"));
    /* Where the roof was low in a slow moment, another reading clears the answer. */
    t.roof[t.roofs++] = 9e9;
    assert_int_equal(timed_impossible(&t), -1);
}

/* The reader reads all of it: it proves so itself in kernels/roofs; here, that it is called right.
 */
static void the_reader_reads(void **state) {
    (void)state;
    enum { BYTES = 1 << 20 };
    char *memory = aligned_alloc(4096, BYTES);
    assert_non_null(memory);
    memset(memory, 1, BYTES);
    for (unsigned way = 0; way < 8; way++) {
        double seconds = -1;
        assert_int_equal(timed_read(memory, BYTES, way, &seconds), 0);
        assert_true(seconds >= 0);
    }
    free(memory);
}

static void poison_is_random(void **state) {
    (void)state;
    struct exercise e = {.random = 7};
    e.memory = malloc(EXERCISE_BYTES + 64);
    assert_non_null(e.memory);
    char *out = e.memory + EXERCISE_BYTES;
    exercise_poison(&e, 64);
    assert_true(unwritten(&e, out, 0, 64));
    assert_true(unwritten(&e, out, 5, 20));
    uint64_t before = e.poison;
    out[17] ^= 1;
    assert_false(unwritten(&e, out, 16, 2));
    assert_true(unwritten(&e, out, 18, 46));
    exercise_poison(&e, 64);
    assert_true(before != e.poison);
    free(e.memory);
}

int main(void) {
    (void)exercise_main; /* the judge's own */
    (void)timed_ask;
    (void)timed_doubt;
    (void)timed_end;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(share_of_the_roof),        cmocka_unit_test(slow_is_not_wrong),
        cmocka_unit_test(too_fast_is_not_believed), cmocka_unit_test(the_reader_reads),
        cmocka_unit_test(poison_is_random),
    };
    return cmocka_run_group_tests_name("timed exercises", tests, NULL, NULL);
}
