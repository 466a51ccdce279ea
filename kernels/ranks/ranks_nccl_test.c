/*
 * ranks_nccl_test.c: groups of a library that sums in host memory among threads, and hangs, fails
 * or is too old when it is told to (nccl_fake/). Every group that fails is aborted once, and no
 * other is.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dlfcn.h>

#include "kernels/device/device.h"
#include "kernels/ranks/ranks_nccl.h"

#define SOURCE "kernels/ranks/nccl_fake/nccl_fake.c"
#define RANKS 4
#define COUNT 1000

static char folder[] = "/tmp/nanolab-nccl-XXXXXX", whole[64];
static struct ranks_nccl *nccl;
static char *mode;
static int *at_rank, *aborts, *destroyed;
static int (*busy)(void *stream);

static int compile(const char *name, const char *options, char *path) {
    char command[400];
    snprintf(path, 64, "%s/%s.so", folder, name);
    snprintf(command, sizeof command, "gcc -O1 -g -w -shared -fPIC %s -o %s " SOURCE " -lpthread",
             options, path);
    return system(command);
}

static int set_up(void **state) {
    (void)state;
    char why[RANKS_WHY];
    if (!mkdtemp(folder) || compile("whole", "-DVERSION=22809", whole) != 0)
        return -1;
    setenv("NANOLAB_NCCL", whole, 1);
    void *handle = dlopen(whole, RTLD_NOW | RTLD_LOCAL);
    if (!handle || ranks_nccl_load(&nccl, why) != 0)
        return -1;
    mode = dlsym(handle, "fake_mode");
    at_rank = dlsym(handle, "fake_rank");
    aborts = dlsym(handle, "fake_aborts");
    destroyed = dlsym(handle, "fake_destroyed");
    busy = (int (*)(void *))dlsym(handle, "fake_busy");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[100];
    ranks_nccl_unload(nccl);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

/* --- the library -------------------------------------------------------------------------------
 */

static void refused(const char *path, const char *reason) {
    char why[RANKS_WHY] = "";
    struct ranks_nccl *other = NULL;
    setenv("NANOLAB_NCCL", path, 1);
    assert_int_equal(ranks_nccl_load(&other, why), -1);
    setenv("NANOLAB_NCCL", whole, 1);
    assert_null(other);
    if (!strstr(why, reason) || !strstr(why, "NANOLAB_NCCL"))
        fail_msg("\"%s\" does not say \"%s\", or not how to put it right", why, reason);
}

static void test_libraries_that_will_not_do(void **state) {
    (void)state;
    char path[64], name[64];
    refused("/nowhere/libnccl.so.2", "cannot be opened");
    assert_int_equal(compile("old", "-DVERSION=21304", path), 0);
    refused(path, "NCCL 2.13.4 is too old");
    assert_int_equal(compile("older", "-DVERSION=2806", path), 0);
    refused(path, "NCCL 2.8.6 is too old");
    assert_int_equal(compile("partly", "-DVERSION=22809 -DWITHOUT_ABORT", path), 0);
    refused(path, "has no ncclCommAbort");
    assert_int_equal(ranks_nccl_version(nccl), 22809);
    assert_string_equal(ranks_nccl_name(nccl, name), "NCCL 2.28.9");
    /* The oldest that will do. */
    struct ranks_nccl *oldest;
    char why[RANKS_WHY];
    assert_int_equal(compile("oldest", "-DVERSION=21400", path), 0);
    setenv("NANOLAB_NCCL", path, 1);
    if (ranks_nccl_load(&oldest, why) != 0)
        fail_msg("%s", why);
    setenv("NANOLAB_NCCL", whole, 1);
    assert_string_equal(ranks_nccl_name(oldest, name), "NCCL 2.14.0");
    ranks_nccl_unload(oldest);
}

/* A GPU to each rank, and the library. */
static void test_what_is_here(void **state) {
    (void)state;
    char why[RANKS_WHY] = "";
    int gpus = device_count(DEVICE_CUDA);
    assert_int_equal(ranks_nccl_check((unsigned)gpus + 1, why), -1);
    assert_non_null(strstr(why, gpus == 0 ? device_error() : "NCCL needs one for each rank"));
    if (gpus > 0)
        assert_int_equal(ranks_nccl_check((unsigned)gpus, why), 0);
}

static void test_no_id(void **state) {
    (void)state;
    char why[RANKS_WHY];
    struct ranks_nccl_id id;
    strcpy(mode, "id-fails");
    assert_int_equal(ranks_nccl_id(nccl, &id, why), -1);
    strcpy(mode, "");
    assert_non_null(strstr(why, "ncclGetUniqueId: invalid usage"));
}

/* --- ranks -------------------------------------------------------------------------------------
 */

struct rank {
    pthread_t thread;
    struct ranks_nccl_setup setup;
    int opened, begun, ended, sums; /* what the calls came to; 9: not called */
    char why[RANKS_WHY];
    float from[COUNT], to[COUNT];
    int steps;
};

static void *run_rank(void *context) {
    struct rank *r = context;
    struct ranks_nccl_group *group;
    r->begun = r->ended = 9;
    r->opened = ranks_nccl_open(&group, nccl, &r->setup, r->why);
    for (int step = 0; r->opened == 0 && step < r->steps; step++) {
        for (size_t i = 0; i < COUNT; i++) {
            r->from[i] = (float)((i + 1) * (r->setup.rank + 1)) + 0.5f * (float)step;
            r->to[i] = -1;
        }
        r->begun = ranks_nccl_begin(group, r->from, r->to, COUNT, r->why);
        if (r->begun == 0)
            r->ended = ranks_nccl_end(group, r->why);
        if (r->begun != 0 || r->ended != 0)
            break;
        for (size_t i = 0; i < COUNT; i++)
            r->sums +=
                r->to[i] == (float)((i + 1) * RANKS * (RANKS + 1) / 2) + 0.5f * RANKS * (float)step;
    }
    if (r->opened == 0 && (r->begun != 0 || r->ended != 0)) {
        /* What has been aborted says so and does nothing. */
        char again[RANKS_WHY];
        assert_int_equal(ranks_nccl_begin(group, r->from, r->to, COUNT, again), -1);
        assert_non_null(strstr(again, "aborted"));
        assert_int_equal(ranks_nccl_end(group, again), -1);
    }
    if (r->opened == 0)
        ranks_nccl_close(group);
    return NULL;
}

/* Runs RANKS ranks for some steps with something wrong on one of them; what came out is in `rank`,
 * and how many groups were aborted and destroyed meanwhile. */
static struct rank rank[RANKS];
static int aborted, ended_well;

static void run(const char *wrong, int where, double deadline_s, int steps) {
    char why[RANKS_WHY];
    struct ranks_nccl_id id;
    strcpy(mode, wrong);
    *at_rank = where;
    *aborts = *destroyed = 0;
    assert_int_equal(ranks_nccl_id(nccl, &id, why), 0);
    for (unsigned r = 0; r < RANKS; r++) {
        rank[r] = (struct rank){.setup = {.ranks = RANKS,
                                          .rank = r,
                                          .id = id,
                                          .stream = &rank[r],
                                          .busy = busy,
                                          .deadline_s = deadline_s},
                                .steps = steps};
        assert_int_equal(pthread_create(&rank[r].thread, NULL, run_rank, &rank[r]), 0);
    }
    for (unsigned r = 0; r < RANKS; r++)
        pthread_join(rank[r].thread, NULL);
    strcpy(mode, "");
    aborted = *aborts;
    ended_well = *destroyed;
}

static void test_sums(void **state) {
    (void)state;
    static const char *const modes[] = {"", "late-enqueue"};
    for (size_t m = 0; m < 2; m++) {
        run(modes[m], 2, 60, 5);
        for (unsigned r = 0; r < RANKS; r++) {
            if (rank[r].opened != 0 || rank[r].begun != 0 || rank[r].ended != 0)
                fail_msg("rank %u: %s", r, rank[r].why);
            assert_int_equal(rank[r].sums, 5 * COUNT);
        }
        assert_int_equal(aborted, 0);
        assert_int_equal(ended_well, RANKS);
    }
}

static void test_a_rank_that_cannot_start(void **state) {
    (void)state;
    run("init-fails", 1, 0.1, 1);
    for (unsigned r = 0; r < RANKS; r++)
        assert_int_equal(rank[r].opened, r == 1 ? -1 : RANKS_NCCL_WAITED);
    assert_string_equal(rank[1].why,
                        "ncclCommInitRankConfig: invalid usage: Duplicate GPU detected");
    assert_int_equal(aborted, RANKS);
}

static void test_a_rank_that_never_starts(void **state) {
    (void)state;
    run("init-hangs", 3, 0.1, 1);
    for (unsigned r = 0; r < RANKS; r++) {
        assert_int_equal(rank[r].opened, RANKS_NCCL_WAITED);
        assert_string_equal(rank[r].why, "ncclCommInitRankConfig: not done after 0.1 s");
    }
    assert_int_equal(aborted, RANKS);
    assert_int_equal(ended_well, 0);
}

static void test_a_sum_that_hangs(void **state) {
    (void)state;
    run("sum-hangs", 1, 1.5, 3);
    for (unsigned r = 0; r < RANKS; r++) {
        assert_int_equal(rank[r].opened, 0);
        assert_int_equal(rank[r].ended, RANKS_NCCL_WAITED);
        assert_string_equal(rank[r].why, "ncclAllReduce: not done after 1.5 s");
        assert_int_equal(rank[r].sums, 0);
    }
    assert_int_equal(aborted, RANKS);
    assert_int_equal(ended_well, 0);
}

static void test_an_error_in_a_sum(void **state) {
    (void)state;
    run("sum-error", 2, 60, 1);
    for (unsigned r = 0; r < RANKS; r++) {
        assert_int_equal(rank[r].ended, r == 2 ? -1 : 0);
        assert_int_equal(rank[r].sums, r == 2 ? 0 : COUNT);
    }
    assert_string_equal(rank[2].why, "ncclAllReduce: remote process exited or there was a network "
                                     "error");
    assert_int_equal(aborted, 1);
    assert_int_equal(ended_well, RANKS - 1);
}

static void test_a_sum_that_is_refused(void **state) {
    (void)state;
    run("sum-refused", 0, 1.5, 1);
    assert_int_equal(rank[0].begun, -1);
    assert_string_equal(rank[0].why, "ncclAllReduce: invalid argument");
    for (unsigned r = 1; r < RANKS; r++)
        assert_int_equal(rank[r].ended, RANKS_NCCL_WAITED);
    assert_int_equal(aborted, RANKS);
    assert_int_equal(ended_well, 0);
}

static void test_a_group_that_does_not_end(void **state) {
    (void)state;
    run("finalize-hangs", 1, 1.5, 1);
    for (unsigned r = 0; r < RANKS; r++)
        assert_int_equal(rank[r].sums, COUNT);
    assert_int_equal(aborted, 1);
    assert_int_equal(ended_well, RANKS - 1);
}

/* --- a stream that fails, and a group beside one that failed -----------------------------------
 */

static int broken(void *stream) {
    (void)stream;
    return device_fail("CUDA: an illegal memory access");
}

static void test_one_rank(void **state) {
    (void)state;
    char why[RANKS_WHY];
    float one[COUNT] = {3}, out[COUNT] = {0};
    struct ranks_nccl_setup setup = {.ranks = 1, .stream = one, .busy = broken, .deadline_s = 60};
    struct ranks_nccl_group *group, *beside;
    *aborts = *destroyed = 0;
    assert_int_equal(ranks_nccl_id(nccl, &setup.id, why), 0);
    assert_int_equal(ranks_nccl_open(&group, nccl, &setup, why), 0);
    assert_int_equal(ranks_nccl_id(nccl, &setup.id, why), 0);
    assert_int_equal(ranks_nccl_open(&beside, nccl, &setup, why), 0);
    assert_int_equal(ranks_nccl_begin(group, one, out, COUNT, why), 0);
    assert_int_equal(ranks_nccl_end(group, why), -1);
    assert_string_equal(why, "ncclAllReduce: CUDA: an illegal memory access");
    assert_int_equal(*aborts, 1);
    ranks_nccl_abort(beside);
    ranks_nccl_abort(beside);
    assert_int_equal(*aborts, 2);
    ranks_nccl_close(group);
    ranks_nccl_close(beside);
    ranks_nccl_close(NULL);
    assert_int_equal(*aborts, 2);
    assert_int_equal(*destroyed, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_libraries_that_will_not_do),
        cmocka_unit_test(test_what_is_here),
        cmocka_unit_test(test_no_id),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_a_rank_that_cannot_start),
        cmocka_unit_test(test_a_rank_that_never_starts),
        cmocka_unit_test(test_a_sum_that_hangs),
        cmocka_unit_test(test_an_error_in_a_sum),
        cmocka_unit_test(test_a_sum_that_is_refused),
        cmocka_unit_test(test_a_group_that_does_not_end),
        cmocka_unit_test(test_one_rank),
    };
    return cmocka_run_group_tests_name("ranks_nccl", tests, set_up, tear_down);
}
