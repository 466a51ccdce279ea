/*
 * ranks_log_test.c: what is read of a run's files, how wrong ones end, and what is made of a log.
 */
#define _GNU_SOURCE
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernels/ranks/ranks_inside.h"

enum { RANKS = 4, ARMS = 2, ROUNDS = 3, STEPS = 5, ALL = ARMS * ROUNDS * STEPS };

static char folder[64], path[80], why[RANKS_WHY];
static struct ranks_plan plan;
static struct ranks_file head;
static struct ranks_step step[ALL];
static struct ranks_cell cell[ALL * RANKS];
static float output[3] = {1, -2, 3};

static int set_up(void **state) {
    (void)state;
    strcpy(folder, "/tmp/nanolab-ranks-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    snprintf(path, sizeof path, "%s/log", folder);
    remove(path);
    snprintf(path, sizeof path, "%s/output-1", folder);
    remove(path);
    return rmdir(folder);
}

static void write_file(const char *name, const void *data, size_t bytes) {
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

/* A log as the program would write it, with times by which each cell is known again. */
static void make_log(void) {
    unsigned order[RANKS_ARMS_MOST];
    plan = ranks_plan_default(RANKS_OPENMPI, RANKS);
    plan.arms = ARMS, plan.rounds = ROUNDS, plan.steps = STEPS;
    plan.arm[1] = plan.arm[0];
    plan.arm[1].bytes = sizeof output;
    plan.arm[1].keep_output = true;
    head = (struct ranks_file){.ranks = RANKS,
                               .step_bytes = sizeof(struct ranks_step),
                               .cell_bytes = sizeof(struct ranks_cell),
                               .machines = 1};
    memcpy(head.magic, RANKS_MAGIC, sizeof head.magic);
    memset(step, 0, sizeof step);
    memset(cell, 0, sizeof cell);
    for (unsigned k = 0; k < ALL; k++) {
        ranks_order(&plan, k / STEPS / ARMS, order);
        step[k].round = k / STEPS / ARMS;
        step[k].arm = order[k / STEPS % ARMS];
        step[k].step = k % STEPS;
        step[k].shape_class = -1;
        step[k].bytes = plan.arm[step[k].arm].bytes;
        for (unsigned r = 0; r < RANKS; r++) {
            struct ranks_cell *c = &cell[k * RANKS + r];
            c->compute_us = 500 + r;
            c->start_us = 1000.0 * k + 10 * r;
            c->end_us = c->start_us + 20 + k;
            c->stall_us = r == 2 ? 100 : 0;
            c->hash = k;
        }
    }
}

static void write_log(void) {
    char data[sizeof head + sizeof step + sizeof cell], *at = data;
    at = mempcpy(at, &head, sizeof head);
    for (unsigned k = 0; k < ALL; k++) {
        at = mempcpy(at, &step[k], sizeof *step);
        at = mempcpy(at, &cell[k * RANKS], RANKS * sizeof *cell);
    }
    write_file("log", data, (size_t)(at - data));
    write_file("output-1", output, sizeof output);
}

static void test_reads(void **state) {
    (void)state;
    struct ranks_log log;
    make_log();
    write_log();
    if (ranks_log_read(folder, &plan, &log, why) != 0)
        fail_msg("%s", why);
    assert_int_equal(log.steps, ALL);
    assert_int_equal(log.machines, 1);
    assert_memory_equal(log.step, step, sizeof step);
    assert_memory_equal(log.cell, cell, sizeof cell);
    assert_ptr_equal(ranks_at(&log, 3, 2), log.cell + 3 * RANKS + 2);
    assert_null(log.output[0]);
    assert_memory_equal(log.output[1], output, sizeof output);
    ranks_log_close(&log);
    assert_null(log.step);
    ranks_log_close(&log);
}

static void refused(const char *words) {
    struct ranks_log log;
    strcpy(why, "");
    if (ranks_log_read(folder, &plan, &log, why) != -1)
        fail_msg("accepted; it should have said: %s", words);
    if (!strstr(why, words))
        fail_msg("\"%s\" does not say \"%s\"", why, words);
    assert_null(log.step);
    assert_null(log.cell);
    assert_null(log.output[1]);
}

/* Rank 0 can die at any byte. */
static void test_cut(void **state) {
    (void)state;
    make_log();
    write_log();
    snprintf(path, sizeof path, "%s/log", folder);
    for (long size = sizeof head + sizeof step + sizeof cell - 1; size >= 0; size -= 131) {
        assert_int_equal(truncate(path, size), 0);
        refused("bytes, not");
    }
    write_log();
    FILE *file = fopen(path, "ab");
    assert_non_null(file);
    putc('x', file);
    fclose(file);
    refused("rank 0's result has 13 bytes, not 12"); /* `path` is the output's */
    write_log();
    snprintf(path, sizeof path, "%s/output-1", folder);
    assert_int_equal(remove(path), 0);
    refused("cannot read the ranks' output-1");
    snprintf(path, sizeof path, "%s/log", folder);
    assert_int_equal(remove(path), 0);
    refused("cannot read the ranks' log");
}

#define WRONG(words, ...)                                                                          \
    do {                                                                                           \
        make_log();                                                                                \
        __VA_ARGS__;                                                                               \
        write_log();                                                                               \
        refused(words);                                                                            \
    } while (0)

static void test_wrong(void **state) {
    (void)state;
    struct ranks_cell *c = &cell[7 * RANKS + 3];
    WRONG("another build", head.magic[7] = '2');
    WRONG("another build", head.ranks = RANKS + 1);
    WRONG("another build", head.step_bytes++);
    WRONG("another build", head.cell_bytes = 0);
    WRONG(": 0 machines", head.machines = 0);
    WRONG("5 machines of 4 ranks", head.machines = RANKS + 1);
    WRONG("bytes, not", plan.ranks = RANKS_MOST, plan.steps = 1024); /* of a plan it is not of */
    WRONG("entry 7 is step 3 of arm", step[7].step = 3);
    WRONG("entry 7 is step 2 of arm 7", step[7].arm = 7);
    WRONG("entry 7", step[7].arm = UINT32_MAX);
    WRONG("round 4294967295", step[7].round = UINT32_MAX);
    WRONG("shape class", step[7].shape_class = SERVING_SHAPE_CLASS_COUNT);
    WRONG("shape class -2", step[7].shape_class = -2);
    WRONG("bytes", step[7].bytes = UINT64_MAX);
    WRONG("entry 7: rank 3 has times", c->compute_us = NAN);
    WRONG("entry 7: rank 3 has times", c->compute_us = -1);
    WRONG("entry 7: rank 3 has times", c->start_us = INFINITY);
    WRONG("entry 7: rank 3 has times", c->end_us = c->start_us - 1);
    WRONG("entry 7: rank 3 has times", c->outer_end_us = -1);
    WRONG("entry 7: rank 3 has times", c->stall_us = 1e300);
    WRONG("variant without end", memset(c->variant, 'x', sizeof c->variant));
}

/* --- what is made of it ------------------------------------------------------------------------
 */

static struct ranks_log log_of(void) {
    return (struct ranks_log){.plan = plan, .steps = ALL, .step = step, .cell = cell};
}

static void test_straggler_log(void **state) {
    (void)state;
    struct straggler_log out;
    double *truth;
    make_log();
    struct ranks_log log = log_of();
    assert_int_equal(ranks_straggler_log(&log, 1, -1, false, 0, &out, &truth), 0);
    assert_int_equal(out.ranks, RANKS);
    assert_int_equal(out.steps, ROUNDS * STEPS);
    assert_true(out.has_compute && !out.overlapped && !out.common_clock);
    for (unsigned n = 0, k = 0; k < ALL; k++) {
        if (step[k].arm != 1)
            continue;
        assert_true(straggler_is_whole(&out, n));
        assert_true(out.step[n].bytes == sizeof output);
        for (unsigned r = 0; r < RANKS; r++) {
            const struct straggler_cell *c = straggler_at(&out, n, r);
            assert_true(c->compute_us == 500 + r);
            assert_true(c->start_us == cell[k * RANKS + r].start_us);
            assert_true(c->end_us == cell[k * RANKS + r].end_us);
            assert_true(truth[n * RANKS + r] == (r == 2 ? 100 : 0));
        }
        n++;
    }
    straggler_log_close(&out);
    free(truth);
    log.plan.arm[0].one_late = true;
    log.plan.engine = RANKS_SMPI;
    assert_int_equal(ranks_straggler_log(&log, 0, 2, false, 0, &out, NULL), 0);
    assert_int_equal(out.steps, STEPS);
    assert_true(out.overlapped && out.common_clock);
    straggler_log_close(&out);
}

/* Ranks 2 and 3 are a group; 1 and 3 sum across groups. */
static void test_groups(void **state) {
    (void)state;
    struct straggler_log out;
    double *truth;
    make_log();
    plan.group = 2;
    for (unsigned k = 0; k < ALL * RANKS; k++) {
        cell[k].outer_start_us = cell[k].end_us;
        cell[k].outer_end_us = cell[k].end_us + 7;
    }
    struct ranks_log log = log_of();
    assert_int_equal(ranks_straggler_log(&log, 0, 0, false, 3, &out, &truth), 0);
    assert_int_equal(out.ranks, 2);
    assert_true(truth[0] == 100 && truth[1] == 0);
    assert_true(straggler_at(&out, 0, 0)->compute_us == 502);
    assert_true(straggler_at(&out, 0, 1)->compute_us == 503);
    straggler_log_close(&out);
    free(truth);
    assert_int_equal(ranks_straggler_log(&log, 0, 0, true, 3, &out, &truth), 0);
    assert_int_equal(out.ranks, 2);
    for (unsigned r = 0; r < 2; r++) {
        unsigned k = step[0].arm == 0 ? 0 : STEPS;
        const struct ranks_cell *c = &cell[k * RANKS + 1 + 2 * r];
        assert_true(straggler_at(&out, 0, r)->start_us == c->end_us);
        assert_true(straggler_at(&out, 0, r)->end_us == c->end_us + 7);
        assert_true(straggler_at(&out, 0, r)->compute_us == 501 + 2 * r + 20 + k);
    }
    straggler_log_close(&out);
    free(truth);
    size_t count;
    double *times = ranks_step_times(&log, 0, &count);
    assert_int_equal(count, ROUNDS * STEPS);
    unsigned k = step[0].arm == 0 ? 0 : STEPS;
    assert_true(times[0] == 501.5 + 20 + k + 7); /* the median of 500, 501, 502, 503 */
    free(times);
}

static void test_step_times(void **state) {
    (void)state;
    size_t count;
    make_log();
    struct ranks_log log = log_of();
    double *times = ranks_step_times(&log, 1, &count);
    assert_int_equal(count, ROUNDS * STEPS);
    for (unsigned n = 0, k = 0; k < ALL; k++)
        if (step[k].arm == 1)
            assert_true(times[n++] == 501.5 + 20 + k);
    free(times);
    log.plan.arm[1].one_late = true;
    times = ranks_step_times(&log, 1, &count);
    assert_int_equal(count, ROUNDS * (STEPS - 1)); /* the first of a round has no end before it */
    for (size_t n = 0; n < count; n++)
        assert_true(times[n] == 1001);
    free(times);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),  cmocka_unit_test(test_cut),
        cmocka_unit_test(test_wrong),  cmocka_unit_test(test_straggler_log),
        cmocka_unit_test(test_groups), cmocka_unit_test(test_step_times),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
