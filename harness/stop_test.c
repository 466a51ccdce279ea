/*
 * stop_test.c: signals end every phase; what a process had begun is gone with it.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/page/home.h"
#include "harness/page/tool.h"
#include "harness/stop.h"

static void nap(long milliseconds) {
    const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A child that does `work` with a pipe to say what it has begun. */
static pid_t begin(void (*work)(int), int *from) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_int_not_equal(child, -1);
    if (child == 0) {
        close(ends[0]);
        if (!freopen("/dev/null", "w", stderr))
            _exit(99);
        stop_catch(NULL);
        work(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    *from = ends[0];
    return child;
}

static void hear(int from, char *text, size_t size) {
    ssize_t got = read(from, text, size - 1);
    text[got > 0 ? got : 0] = '\0';
}

/* Its exit status, -1 while it lives after `seconds`. */
static int end_within(pid_t child, double seconds) {
    int status = 0;
    for (double from = now(); now() - from < seconds; nap(5))
        if (waitpid(child, &status, WNOHANG) == child)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
    return -1;
}

/* A check that never ends, as one did on a null in a series; it has a private folder. */
static void spin(int to) {
    char path[4096], file[4200];
    if (home_private(path, sizeof path))
        _exit(1);
    snprintf(file, sizeof file, "%s/data1.tsv", path);
    close(open(file, O_CREAT | O_WRONLY, 0600));
    dprintf(to, "%s", path);
    for (volatile unsigned long k = 0;; k++)
        ;
}

static void a_loop_without_end_is_ended(void **state) {
    (void)state;
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t k = 0; k < 3; k++) {
        char path[4096];
        int from;
        pid_t child = begin(spin, &from);
        hear(from, path, sizeof path);
        assert_int_equal(access(path, F_OK), 0);
        kill(child, signals[k]);
        assert_int_equal(end_within(child, 3), 128 + signals[k]);
        assert_int_equal(access(path, F_OK), -1);
        close(from);
    }
}

/* A case in hand is finished, however long it takes; unless a second signal comes. */
static void hold(int to) {
    stop_hold(true);
    dprintf(to, "held");
    for (double from = now(); now() - from < 1.8;)
        nap(20);
    stop_hold(false);
    dprintf(to, "finished");
    for (;;)
        nap(20);
}

static void a_case_in_hand_is_finished(void **state) {
    (void)state;
    char text[40];
    int from;
    pid_t child = begin(hold, &from);
    hear(from, text, sizeof text);
    kill(child, SIGTERM);
    kill(child, SIGTERM); /* the same one, by way of the driver */
    hear(from, text, sizeof text);
    assert_string_equal(text, "finished");
    assert_int_equal(end_within(child, 3), 128 + SIGTERM);
    close(from);

    child = begin(hold, &from);
    hear(from, text, sizeof text);
    kill(child, SIGINT);
    nap(600);
    kill(child, SIGINT);
    double began = now();
    assert_int_equal(end_within(child, 1.5), 128 + SIGINT);
    assert_true(now() - began < 1.5);
    close(from);
}

/* A tool that never ends, with a process of its own. */
static char place[4096];

static void draw(int to) {
    const char *argv[] = {"sh", "-c", "sleep 1000 & echo $! >child; exec sleep 1000", NULL};
    struct tool_run tool = {.argv = argv, .package = "dash", .folder = place, .seconds = 1000};
    dprintf(to, "begun");
    tool_run(&tool, NULL, NULL);
    _exit(stop_status(0));
}

static pid_t read_pid(void) {
    char file[4200];
    int pid = 0;
    snprintf(file, sizeof file, "%s/child", place);
    for (double from = now(); pid <= 0 && now() - from < 5; nap(10)) {
        FILE *in = fopen(file, "r");
        if (in && fscanf(in, "%d", &pid) != 1)
            pid = 0;
        if (in)
            fclose(in);
    }
    assert_true(pid > 0);
    return pid;
}

/* The group of a process, -1 once it is gone (a zombie counts as gone). */
static int lives(pid_t pid) {
    char path[64], state = 'Z';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *in = fopen(path, "r");
    if (!in)
        return 0;
    if (fscanf(in, "%*d (%*[^)]) %c", &state) != 1)
        state = 'Z';
    fclose(in);
    return state != 'Z';
}

static void a_tool_ends_with_who_started_it(void **state) {
    (void)state;
    static const int signals[] = {SIGTERM, SIGINT, SIGKILL};
    for (size_t k = 0; k < 3; k++) {
        char text[40];
        int from;
        assert_int_equal(home_private(place, sizeof place), 0);
        pid_t child = begin(draw, &from);
        hear(from, text, sizeof text);
        pid_t grandchild = read_pid(), group = getpgid(grandchild);
        assert_true(group > 0 && group != getpgid(0));
        kill(child, signals[k]);
        int status = end_within(child, 3);
        assert_int_equal(status, k < 2 ? 128 + signals[k] : 256 + SIGKILL);
        for (double began = now(); lives(group) && now() - began < 2;)
            nap(10);
        assert_false(lives(group));
        if (k < 2)
            assert_false(lives(grandchild));
        kill(-group, SIGKILL);
        close(from);
        home_private_remove(place);
    }
}

/* What a killed program left in /tmp, the next one removes. */
static void a_private_folder_of_the_killed_goes(void **state) {
    (void)state;
    char path[4096], own[4096];
    int from;
    pid_t child = begin(spin, &from);
    hear(from, path, sizeof path);
    assert_int_equal(home_private(own, sizeof own), 0);
    assert_int_equal(access(path, F_OK), 0); /* its owner lives */
    home_private_remove(own);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(home_private(own, sizeof own), 0);
    assert_int_equal(access(path, F_OK), -1);
    home_private_remove(own);
    close(from);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_without_end_is_ended),
        cmocka_unit_test(a_case_in_hand_is_finished),
        cmocka_unit_test(a_tool_ends_with_who_started_it),
        cmocka_unit_test(a_private_folder_of_the_killed_goes),
    };
    return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
