/*
 * compare_planted_test.c: a slowdown of known length, planted into real kernels: sums on the CPU,
 * each call followed by a spin of a share of its own time. This program is a lab too: started with
 * the options of one it measures these kernels once, and writes a result folder.
 *
 *     NANOLAB_PLANTED=2 build/tests/harness/compare/compare_planted_test --out slower/session-1
 *
 * makes a session with spins of 2 % of each kernel's median. scripts/planted-slowdowns makes both
 * sides by that and says what `nanolab compare` found. The tests here look at no time of the
 * machine's but at what must be so on any: no call with a spin takes less than the spin.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/compare/compare.h"
#include "harness/error.h"
#include "harness/lab/contest.h"
#include "harness/lab/run.h"
#include "harness/measure/stats.h"
#include "harness/page/home.h"
#include "kernels/sum/sum_job.h"

/* --- a job with a spin -------------------------------------------------------------------------
 */

struct planted {
    struct job inner;
    double seconds; /* of the spin, after each call */
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The clock is read on both sides, so that reading it is no part of the difference. */
static int planted_call(void *context) {
    struct planted *p = context;
    int status = job_call(&p->inner);
    double end = now() + p->seconds;
    while (now() < end)
        ;
    return status;
}

static int planted_prove(void *context) {
    return job_prove(&((struct planted *)context)->inner);
}

static json_t *planted_plan(const void *context) {
    return job_plan(&((const struct planted *)context)->inner);
}

static void planted_close(void *context) {
    job_close(&((struct planted *)context)->inner);
    free(context);
}

#define BLOCKS 31
#define BLOCK_SECONDS 1e-3

/* The median time of a call, over blocks of calls; finding how many also warms up. NaN where one
 * failed. */
static double time_of(const struct job *job) {
    double blocks[BLOCKS], took = 0;
    uint64_t calls = 1;
    for (; took < BLOCK_SECONDS; calls *= 2) {
        double begin = now();
        for (uint64_t k = 0; k < calls; k++)
            if (job_call(job) != 0)
                return NAN;
        took = now() - begin;
    }
    for (size_t b = 0; b < BLOCKS; b++) {
        double begin = now();
        for (uint64_t k = 0; k < calls / 2; k++)
            job_call(job);
        blocks[b] = (now() - begin) / (double)(calls / 2);
    }
    return stats_quantile(blocks, BLOCKS, 0.5);
}

/* Takes the job over; `share` of its time is the spin, in *seconds. */
static int plant(struct job *job, double share, double *seconds) {
    struct planted *p = calloc(1, sizeof *p);
    double median = p ? time_of(job) : NAN;
    if (!(median > 0)) {
        free(p);
        return -1;
    }
    *p = (struct planted){*job, *seconds = share * median};
    *job = (struct job){.context = p,
                        .call = planted_call,
                        .prove = planted_prove,
                        .plan = planted_plan,
                        .close = planted_close,
                        .bytes = p->inner.bytes,
                        .flops = p->inner.flops};
    return 0;
}

/* --- the lab -----------------------------------------------------------------------------------
 */

/* Long enough that the clock's own time is no share of them: some 10 µs and more a call. */
static const size_t sizes[] = {1 << 17, 1 << 18, 1 << 20, 1 << 22};
static const struct {
    const char *name;
    enum sum_method method;
    int threads;
} kernels[] = {{"plain", SUM_PLAIN, 1},
               {"compensated", SUM_COMPENSATED, 1},
               {"binned", SUM_BINNED, 1},
               {"plain-2-threads", SUM_PLAIN, 2}};
#define COUNT(list) (sizeof(list) / sizeof *(list))

/* Percent of its time that each kernel spins for. */
static double percent(void) {
    const char *text = getenv("NANOLAB_PLANTED");
    return text ? strtod(text, NULL) : 0;
}

static int enter(struct contest *contest, struct lab_run *run, struct sum_memory *memory,
                 size_t size, size_t kernel) {
    struct sum_variant v = {.native = true};
    struct job job;
    double seconds;
    v.cpu = sum_cpu_plan_default(ELEMENT_F32, kernels[kernel].method, sizes[size],
                                 kernels[kernel].threads);
    v.cpu.threads = kernels[kernel].threads;
    if (sum_job_open(&job, memory, &v) != 0)
        return lab_error(run, "%s: %s", kernels[kernel].name, device_error());
    if (plant(&job, percent() / 100, &seconds) != 0) {
        job_close(&job);
        return lab_error(run, "%s: cannot be timed", kernels[kernel].name);
    }
    struct lab_case *c = entrant_case(contest_enter(contest, &job, "%s", kernels[kernel].name));
    case_param_int(c, "n", (int64_t)sizes[size]);
    case_counter(c, "spin", seconds);
    return 0;
}

static int sweep_size(struct lab_run *run, struct device *device, size_t size) {
    float *x = malloc(sizes[size] * sizeof *x);
    struct sum_memory *memory = NULL;
    for (size_t k = 0; x && k < sizes[size]; k++)
        x[k] = 1.0f / (float)(k + 1);
    struct contest *contest = contest_open(run, device, "43/sum/n=%zu", sizes[size]);
    int status = contest && x ? 0 : -1;
    if (status == 0 && (sum_memory_open(&memory, device, ELEMENT_F32, false, sizes[size]) != 0 ||
                        sum_memory_write(memory, x, NULL) != 0))
        status = lab_error(run, "%s", device_error());
    for (size_t k = 0; status == 0 && k < COUNT(kernels); k++)
        status = enter(contest, run, memory, size, k);
    if (contest) {
        *contest_limits(contest) = bench_limits_quick();
        status = status == 0 ? contest_end(contest) : contest_drop(contest);
    } else {
        status = contest_skipped(run);
    }
    sum_memory_close(memory);
    free(x);
    return status;
}

/* Quick is for the tests: one size. */
static int sweep(struct lab_run *run, struct device *device) {
    size_t count = lab_mode(run) == LAB_QUICK ? 1 : COUNT(sizes);
    int status = 0;
    for (size_t k = 0; status == 0 && k < count; k++)
        status = sweep_size(run, device, k);
    return status;
}

/* Every sample is calls and their spins; a step of the clock may be missing. */
static void check(const struct rows *rows, struct finding *f) {
    for (size_t k = 0; k < rows->count; k++) {
        bool holds = row_number(rows, k, "spin") >= 0;
        for (size_t s = 0; s < row_series(rows, k, "time"); s++)
            holds &= row_series_number(rows, k, "time", s) >= 0.99 * row_number(rows, k, "spin");
        finding_count(f, answer_if(holds), rows, k);
    }
    finding_say(f, "%zu kernels took their spins' time at least", rows->count);
    finding_settle(f, SETTLE_ALL, "some of the kernels");
}

static const struct claim claims[] = {{.id = "43.1",
                                       .statement = "No call takes less time than its spin.",
                                       .refuted_by = "a sample that is shorter",
                                       .on = CLAIM_TIME,
                                       .cases = "43/",
                                       .sweep = sweep,
                                       .check = check}};
static const struct quantity quantities[] = {{"n", "1", "numbers in a sum"},
                                             {"spin", "s", "after each call"}};
static const struct lab planted_lab = {.number = 43,
                                       .name = "planted",
                                       .question = "Is a planted slowdown found?",
                                       .needs = "a CPU",
                                       .takes = "quick 1 s, default 5 s",
                                       .bits_devices = LAB_ON(DEVICE_CPU),
                                       .time_devices = LAB_ON(DEVICE_CPU),
                                       .claims = claims,
                                       .claim_count = COUNT(claims),
                                       .quantities = quantities,
                                       .quantity_count = COUNT(quantities)};

/* --- the tests ---------------------------------------------------------------------------------
 */

#define SESSIONS 2

static char root[FOLDER_PATH];

static int begin(void **state) {
    (void)state;
    return home_private(root, sizeof root);
}

static int end(void **state) {
    (void)state;
    home_private_remove(root);
    return 0;
}

/* A fresh process each, as for a user. */
static void make_session(const char *side, int session, const char *percent_text) {
    char out[FOLDER_PATH + 64];
    snprintf(out, sizeof out, "%s/%s/session-%d", root, side, session);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("NANOLAB_PLANTED", percent_text, 1);
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(3);
        execl("/proc/self/exe", "planted", "--quick", "--device", "cpu", "--out", out, NULL);
        _exit(3);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void open_side(struct compare_side *side, const char *name, const char *percent_text) {
    char path[FOLDER_PATH + 64];
    snprintf(path, sizeof path, "mkdir '%s/%s'", root, name);
    assert_int_equal(system(path), 0);
    for (int s = 1; s <= SESSIONS; s++)
        make_session(name, s, percent_text);
    snprintf(path, sizeof path, "%s/%s", root, name);
    if (compare_side_open(side, path) != 0)
        fail_msg("%s", error_text());
}

/* That a spin is in every call, and that nothing but time tells the two sides apart. */
static void test_planted(void **state) {
    (void)state;
    struct compare_side plain, slower;
    struct compare c;
    const struct compare_rule rule = compare_rule_default();
    open_side(&plain, "plain", "0");
    open_side(&slower, "slower", "300");
    assert_int_equal(compare_open(&c, &plain, &slower, &rule, NULL), 0);
    assert_int_equal(c.count, COUNT(kernels));
    assert_int_equal(c.timed, COUNT(kernels));
    for (size_t k = 0; k < c.count; k++) {
        assert_string_equal(c.pairs[k].field, "");
        assert_int_equal(c.pairs[k].first->timed, SESSIONS);
        assert_int_equal(c.pairs[k].second->timed, SESSIONS);
        assert_true(c.pairs[k].times.ratio.value > 0);
    }
    json_t *claim = json_array_get(c.claims, 0);
    assert_int_equal(json_array_size(c.claims), 1);
    for (size_t side = 0; side < 2; side++)
        assert_string_equal(
            json_string_value(json_array_get(json_object_get(claim, "verdicts"), side)),
            "confirmed");
    compare_close(&c);
    compare_side_close(&plain);
    compare_side_close(&slower);
}

int main(int argc, char **argv) {
    if (argc > 1)
        return run_main(&planted_lab, argc, argv);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_planted)};
    return cmocka_run_group_tests(tests, begin, end);
}
