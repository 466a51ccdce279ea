/*
 * threads_test.c: every part runs exactly once, nothing is lost between jobs, sleeping workers
 * wake, and pools of many sizes come and go.
 */
#define _GNU_SOURCE /* affinity masks */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernels/threads/threads.h"

#define MOST 8

struct tally {
    unsigned count;
    _Atomic unsigned bad;
    unsigned runs[MOST]; /* plain on purpose: pool_run must order them */
};

static void add_one(void *context, unsigned index, unsigned count) {
    struct tally *tally = context;
    if (count != tally->count || index >= count)
        atomic_fetch_add(&tally->bad, 1);
    else
        ++tally->runs[index];
}

static void test_each_part_once(void **state) {
    (void)state;
    for (unsigned threads = 1; threads <= MOST; ++threads) {
        struct pool *pool;
        assert_int_equal(pool_create(&pool, threads), 0);
        assert_int_equal(pool_threads(pool), threads);
        struct tally tally = {.count = threads};
        enum { JOBS = 200 };
        for (int job = 0; job < JOBS; ++job)
            pool_run(pool, add_one, &tally);
        assert_int_equal(atomic_load(&tally.bad), 0);
        for (unsigned i = 0; i < MOST; ++i)
            assert_int_equal(tally.runs[i], i < threads ? JOBS : 0);
        pool_destroy(pool);
    }
}

static void test_first_workers_only(void **state) {
    (void)state;
    struct pool *pool;
    assert_int_equal(pool_create(&pool, 4), 0);
    for (unsigned count = 1; count <= 4; ++count) {
        struct tally tally = {.count = count};
        for (int job = 0; job < 50; ++job)
            pool_run_on(pool, count, add_one, &tally);
        assert_int_equal(atomic_load(&tally.bad), 0);
        for (unsigned i = 0; i < MOST; ++i)
            assert_int_equal(tally.runs[i], i < count ? 50 : 0);
    }
    pool_destroy(pool);
}

static void nap(long nanoseconds) {
    struct timespec t = {.tv_nsec = nanoseconds};
    nanosleep(&t, NULL);
}

static void slow_then_add(void *context, unsigned index, unsigned count) {
    /* Worker 1 is late, so the caller sleeps; all the others have slept before the job. */
    if (index == 1)
        nap(2000000);
    add_one(context, index, count);
}

static void test_sleepers_wake(void **state) {
    (void)state;
    struct pool *pool;
    assert_int_equal(pool_create(&pool, 3), 0);
    struct tally tally = {.count = 3};
    for (int job = 0; job < 20; ++job) {
        nap(1000000);
        pool_run(pool, slow_then_add, &tally);
        assert_int_equal(tally.runs[0] + tally.runs[1] + tally.runs[2], 3 * (job + 1));
    }
    assert_int_equal(atomic_load(&tally.bad), 0);
    pool_destroy(pool);
}

static void test_idle_pool_ends(void **state) {
    (void)state;
    for (int k = 0; k < 20; ++k) {
        struct pool *pool;
        assert_int_equal(pool_create(&pool, 1 + (unsigned)k % 5), 0);
        if (k % 2)
            nap(500000);
        pool_destroy(pool);
    }
    pool_destroy(NULL);
    struct pool *none;
    assert_int_equal(pool_create(&none, 0), -1);
    assert_null(none);
}

static void test_shared_grows(void **state) {
    (void)state;
    struct pool *two = pool_shared(2);
    assert_non_null(two);
    assert_true(pool_threads(two) >= 2);
    assert_ptr_equal(pool_shared(1), two);
    struct pool *five = pool_shared(5);
    assert_non_null(five);
    assert_true(pool_threads(five) >= 5);
    struct tally tally = {.count = 2};
    pool_run_on(five, 2, add_one, &tally);
    assert_int_equal(tally.runs[0] + tally.runs[1], 2);
    assert_true(pool_cpus() >= 1);
}

static void note_places(void *context, unsigned index, unsigned count) {
    int *places = context;
    cpu_set_t set;
    (void)count;
    places[index] = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : -1;
}

/* Otherwise two workers of a large pool can stay on one CPU and never run at the same time. */
static void test_first_workers_have_cpus(void **state) {
    (void)state;
    unsigned cpus = pool_cpus();
    if (cpus < 2 || cpus + 1 > MOST)
        skip();
    struct pool *pool;
    int places[MOST];
    assert_int_equal(pool_create(&pool, cpus + 1), 0);
    pool_run(pool, note_places, places);
    for (unsigned i = 1; i < cpus; i++)
        assert_int_equal(places[i], 1);
    assert_true(places[cpus] > 1);
    pool_destroy(pool);
}

static atomic_bool spin, spinning;

static void *spinner(void *unused) {
    atomic_store(&spinning, true);
    while (atomic_load(&spin))
        ;
    return unused;
}

/* A thread that spins is waited for until it no longer does. */
static void test_waits_for_quiet(void **state) {
    (void)state;
    if (access("/proc/self/task", R_OK) != 0)
        skip();
    struct pool *pool = pool_shared(2);
    pthread_t thread;
    assert_non_null(pool);
    struct tally tally = {.count = 2};
    pool_run_on(pool, 2, add_one, &tally);
    while (!pool_wait_quiet()) /* a busy machine may let no worker go to sleep */
        ;
    atomic_store(&spin, true);
    assert_int_equal(pthread_create(&thread, NULL, spinner, NULL), 0);
    while (!atomic_load(&spinning))
        sched_yield();
    assert_false(pool_wait_quiet());
    atomic_store(&spin, false);
    pthread_join(thread, NULL);
    while (!pool_wait_quiet())
        ;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_part_once),  cmocka_unit_test(test_first_workers_only),
        cmocka_unit_test(test_sleepers_wake),   cmocka_unit_test(test_idle_pool_ends),
        cmocka_unit_test(test_shared_grows),    cmocka_unit_test(test_first_workers_have_cpus),
        cmocka_unit_test(test_waits_for_quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
