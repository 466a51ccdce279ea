/*
 * others_test.c: what other programs took is read from the kernel's counts, of the processors that
 * this process may use, less its own; stretches add up; nothing is made of a clock or a count that
 * cannot be.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/store/others.h"

static struct others_mark read_text(const char *text, unsigned long cpus) {
    struct others_mark mark = {0};
    cpu_set_t mask;
    CPU_ZERO(&mask);
    for (int k = 0; k < 8; k++)
        if (cpus >> k & 1)
            CPU_SET(k, &mask);
    FILE *file = fmemopen((char *)text, strlen(text), "r");
    assert_non_null(file);
    others_read(file, &mask, &mark);
    fclose(file);
    return mark;
}

static void the_kernels_counts_are_read(void **state) {
    (void)state;
    double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
    static const char text[] = "cpu  9 9 9 9 9 9 9 9 9 9\n"
                               "cpu0 100 20 3 9999 888 4 50 600 70 8\n"
                               "cpu1 1 1 1 1 1 1 1 1 0 0\n"
                               "cpu3 1 1 1 1 1 1 1 1\n"
                               "cpufreq 1 1 1 1 1 1 1 1\n"
                               "intr 5 6 7\n";
    struct others_mark one = read_text(text, 1), all = read_text(text, 0xff);
    assert_int_equal(one.cpus, 1);
    assert_float_equal(one.taken, tick * (100 + 20 + 3 + 4 + 50 + 600), 1e-9);
    assert_float_equal(one.stolen, tick * 600, 1e-9);
    assert_int_equal(all.cpus, 3);
    assert_float_equal(all.taken, one.taken + tick * 12, 1e-9);
    /* An older kernel's lines are shorter. */
    assert_int_equal(read_text("cpu0 1 1 1 1\n", 1).cpus, 0);
    assert_int_equal(read_text("", 1).cpus, 0);
}

static void what_others_took_is_the_rest(void **state) {
    (void)state;
    const struct others_mark from = {100, 10, 5, 1000, 4};
    struct others o;
    struct others_mark to = {130, 12, 20, 1010, 4};
    assert_true(others_between(&from, &to, &o));
    assert_float_equal(o.cpus, 1.5, 1e-12); /* 30 s taken, 15 of them own, in 10 s */
    assert_float_equal(o.stolen, 0.2, 1e-12);
    assert_float_equal(o.of, 4, 0);
    assert_float_equal(o.seconds, 10, 1e-12);
    /* Ticks are coarse: neither less than nothing nor more than all. */
    to.own = 5 + 31;
    assert_true(others_between(&from, &to, &o));
    assert_true(o.cpus == 0);
    to = (struct others_mark){145, 10, 5, 1010, 4};
    assert_true(others_between(&from, &to, &o));
    assert_true(o.cpus == 4);
    /* Too short, unknown, another number of processors. */
    to.at = 1000 + OTHERS_SECONDS / 2;
    assert_false(others_between(&from, &to, &o));
    to = (struct others_mark){130, 12, 20, 1010, 3};
    assert_false(others_between(&from, &to, &o));
    assert_false(others_between(&(struct others_mark){0}, &to, &o));
    assert_false(others_between(&(struct others_mark){0}, &(struct others_mark){0}, &o));
}

static void stretches_add_up(void **state) {
    (void)state;
    const struct others a = {1, 0.4, 2, 30}, b = {0, 0, 2, 10};
    struct others both = others_both(&a, &b), back;
    assert_float_equal(both.cpus, 0.75, 1e-12);
    assert_float_equal(both.stolen, 0.3, 1e-12);
    assert_float_equal(both.seconds, 40, 0);
    json_t *run = json_pack("{s:o}", "others", others_json(&both));
    assert_true(others_of(run, &back));
    assert_memory_equal(&back, &both, sizeof both);
    json_decref(run);
}

static void what_cannot_be_is_not_taken(void **state) {
    (void)state;
    static const char *const bad[] = {
        "{}",
        "{\"others\":null}",
        "{\"others\":7}",
        "{\"others\":{}}",
        "{\"others\":{\"cpus\":3,\"stolen\":0,\"of\":2,\"seconds\":9}}",
        "{\"others\":{\"cpus\":-1,\"stolen\":0,\"of\":2,\"seconds\":9}}",
        "{\"others\":{\"cpus\":1,\"stolen\":3,\"of\":2,\"seconds\":9}}",
        "{\"others\":{\"cpus\":1,\"stolen\":0,\"of\":0,\"seconds\":9}}",
        "{\"others\":{\"cpus\":0,\"stolen\":0,\"of\":0,\"seconds\":9}}",
        "{\"others\":{\"cpus\":1,\"stolen\":0,\"of\":1e300,\"seconds\":9}}",
        "{\"others\":{\"cpus\":1,\"stolen\":0,\"of\":2,\"seconds\":0}}",
        "{\"others\":{\"cpus\":1,\"of\":2,\"seconds\":9}}",
        "{\"others\":{\"cpus\":\"1\",\"stolen\":0,\"of\":2,\"seconds\":9}}",
    };
    struct others o;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        json_t *run = json_loads(bad[k], 0, NULL);
        assert_non_null(run);
        if (others_of(run, &o))
            fail_msg("taken: %s", bad[k]);
        json_decref(run);
    }
    assert_false(others_of(NULL, &o));
}

static void many_are_told(void **state) {
    (void)state;
    char text[200];
    assert_false(others_are_many(&(struct others){0.4, 0, 2, 9}, text, sizeof text));
    assert_true(others_are_many(&(struct others){0.9, 0, 2, 9}, text, sizeof text));
    assert_string_equal(text, "other programs kept 0.9 of 2 processors busy meanwhile");
    assert_true(others_are_many(&(struct others){0.9, 0.5, 2, 9}, text, sizeof text));
    assert_non_null(strstr(text, "(0.5 of them other guests of this host)"));
    assert_true(others_are_many(&(struct others){0.9, 0.5, 2, 9}, text, 10)); /* cut, not beyond */
    assert_string_equal(text, "other pro");
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What a child took that was waited for is own. */
static void own_children_are_no_others(void **state) {
    (void)state;
    struct others_mark from, to;
    double before = now(), begin;
    others_now(&from);
    if (from.cpus == 0) {
        fprintf(stderr, "/proc/stat does not tell of processors here\n");
        skip();
    }
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        for (begin = now(); clock() < CLOCKS_PER_SEC / 2 && now() < begin + 20;)
            continue;
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    others_now(&to);
    assert_true(to.own - from.own >= 0.4 || now() - before > 20);
    assert_true(to.taken >= from.taken && to.at > from.at);
    struct others o;
    if (others_between(&from, &to, &o))
        assert_true(o.cpus >= 0 && o.cpus <= o.of && o.of == from.cpus);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernels_counts_are_read),
        cmocka_unit_test(what_others_took_is_the_rest),
        cmocka_unit_test(stretches_add_up),
        cmocka_unit_test(what_cannot_be_is_not_taken),
        cmocka_unit_test(many_are_told),
        cmocka_unit_test(own_children_are_no_others),
    };
    return cmocka_run_group_tests_name("others", tests, NULL, NULL);
}
