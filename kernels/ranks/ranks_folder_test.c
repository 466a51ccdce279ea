/*
 * ranks_folder_test.c: the folder of a run and the one in memory: gone with the run, or with the
 * next one if the caller was killed; those of others stay; and what is said where there can be
 * none.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernels/ranks/ranks_inside.h"

/* Far more than anything here takes on a busy machine. */
#define LIMIT_S 60

static char why[RANKS_WHY], folder[] = "/tmp/nanolab-folder-XXXXXX";

static void needs(enum ranks_engine engine) {
    if (ranks_engine_check(engine, why) == 0)
        return;
    print_message("not tested: %s\n", why);
    skip();
}

/* What is in `folder`, the first one, and how many there are. */
static unsigned find(char path[300]) {
    unsigned count = 0;
    DIR *all = opendir(folder);
    assert_non_null(all);
    for (struct dirent *one; (one = readdir(all));) {
        char name[300];
        snprintf(name, sizeof name, "%.40s/%.200s", folder, one->d_name);
        if (one->d_name[0] != '.' && count++ == 0)
            strcpy(path, name);
    }
    closedir(all);
    return count;
}

static bool has_shared(const char *path) {
    char shared[300];
    ranks_shared_folder(path, shared, sizeof shared);
    return access(shared, F_OK) == 0;
}

/* Rank 0 has begun. */
static bool has_begun(const char *path) {
    char name[320];
    struct ranks_state state = {.pid = 0};
    snprintf(name, sizeof name, "%s/state", path);
    int file = open(name, O_RDONLY);
    bool begun = file >= 0 && read(file, &state, sizeof state) == sizeof state && state.pid > 0 &&
                 state.step >= 2;
    if (file >= 0)
        close(file);
    return begun;
}

static void check_runs(const struct ranks_plan *plan) {
    struct ranks_log log;
    if (ranks_run(plan, NULL, &log, NULL, why) != 0)
        fail_msg("%s", why);
    ranks_log_close(&log);
}

static void check_says(const struct ranks_plan *plan, const char *text) {
    struct ranks_log log;
    assert_int_equal(ranks_run(plan, NULL, &log, NULL, why), -1);
    if (!strstr(why, text))
        fail_msg("\"%s\" is not in \"%s\"", text, why);
}

/* Long enough to be disturbed. */
static struct ranks_plan long_plan(enum ranks_engine engine) {
    struct ranks_plan plan = ranks_plan_default(engine, engine == RANKS_SMPI ? 256 : 2);
    plan.steps = 4000;
    plan.arm[0].compute_us = 30000;
    return plan;
}

/* A caller that was killed leaves `left`. */
static void leave(enum ranks_engine engine, char left[300]) {
    struct ranks_plan plan = long_plan(engine);
    struct timespec moment = {.tv_nsec = 10000000};
    pid_t caller = fork();
    if (caller == 0) {
        struct ranks_log log;
        ranks_run(&plan, NULL, &log, NULL, why);
        _exit(0);
    }
    for (int k = 0; k < 100 * LIMIT_S && !(find(left) == 1 && has_begun(left)); k++)
        nanosleep(&moment, NULL);
    kill(caller, SIGKILL);
    assert_int_equal(waitpid(caller, NULL, 0), caller);
    assert_int_equal(find(left), 1);
    assert_int_equal(has_shared(left), engine != RANKS_SMPI);
}

static void test_left(void **state) {
    (void)state;
    for (enum ranks_engine engine = RANKS_OPENMPI; engine <= RANKS_SMPI; engine++) {
        char left[300], other[300];
        needs(engine);
        leave(engine, left);
        /* No run's, though it is called so: nobody has begun in it. */
        snprintf(other, sizeof other, "%s/nanolab-ranks-mine", folder);
        assert_int_equal(mkdir(other, 0700), 0);
        struct ranks_plan plan = ranks_plan_default(engine, 2);
        check_runs(&plan);
        assert_int_equal(access(left, F_OK), -1);
        assert_false(has_shared(left));
        assert_int_equal(rmdir(other), 0);
        assert_int_equal(find(other), 0);
    }
}

/* While one is at work, another comes and goes. */
struct visit {
    char first[300];
    bool shared, done;
};

static bool visit(void *self) {
    struct visit *v = self;
    if (v->done || find(v->first) != 1 || !has_begun(v->first))
        return v->done;
    struct ranks_plan plan = ranks_plan_default(RANKS_OPENMPI, 2);
    check_runs(&plan);
    assert_true(has_begun(v->first));
    v->shared = has_shared(v->first);
    return v->done = true;
}

static void test_two_at_once(void **state) {
    (void)state;
    needs(RANKS_OPENMPI);
    struct visit v = {.done = false};
    struct ranks_plan plan = long_plan(RANKS_OPENMPI);
    struct ranks_log log;
    struct ranks_control control = {.stopping = visit, .self = &v, .limit_s = 2 * LIMIT_S};
    assert_int_equal(ranks_run(&plan, &control, &log, NULL, why), -1);
    assert_string_equal(why, "stopped");
    assert_true(v.shared);
    assert_int_equal(access(v.first, F_OK), -1);
    assert_false(has_shared(v.first));
}

static void test_no_folder(void **state) {
    (void)state;
    for (enum ranks_engine engine = RANKS_OPENMPI; engine <= RANKS_SMPI; engine++) {
        needs(engine);
        struct ranks_plan plan = ranks_plan_default(engine, 2);
        setenv("TMPDIR", "/no/such/folder", 1);
        check_says(&plan, "no folder in TMPDIR, /no/such/folder: No such file or directory; set");
        setenv("TMPDIR", "/proc/self/exe", 1);
        check_says(&plan, "no folder in TMPDIR, /proc/self/exe: Not a directory; set");
        setenv("TMPDIR", folder, 1);
    }
}

/* Of a name that is relative to where this runs. */
static void test_relative(void **state) {
    (void)state;
    for (enum ranks_engine engine = RANKS_OPENMPI; engine <= RANKS_SMPI; engine++) {
        char path[300];
        needs(engine);
        struct ranks_plan plan = ranks_plan_default(engine, 2);
        char *here = getcwd(NULL, 0);
        assert_non_null(here);
        assert_int_equal(chdir("/tmp"), 0);
        setenv("TMPDIR", strrchr(folder, '/') + 1, 1);
        struct ranks_log log;
        int status = ranks_run(&plan, NULL, &log, NULL, why);
        setenv("TMPDIR", folder, 1);
        assert_int_equal(chdir(here), 0);
        free(here);
        if (status != 0)
            fail_msg("%s", why);
        ranks_log_close(&log);
        assert_int_equal(find(path), 0);
    }
}

/* Where no such file system can be made: 77. */
static int run_in_little_room(enum ranks_engine engine) {
    struct ranks_log log;
    struct ranks_plan plan = ranks_plan_default(engine, 2);
    plan.steps = 8000;
    if (unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder, "tmpfs", 0, "size=1m") != 0)
        return 77;
    if (ranks_run(&plan, NULL, &log, NULL, why) == 0)
        return 1;
    return strstr(why, " MB are free in TMPDIR, ") && find(why) == 0 ? 0 : 2;
}

static void test_little_room(void **state) {
    (void)state;
    for (enum ranks_engine engine = RANKS_OPENMPI; engine <= RANKS_SMPI; engine++) {
        int status;
        needs(engine);
        pid_t child = fork();
        if (child == 0)
            _exit(run_in_little_room(engine));
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
            skip();
        assert_int_equal(status, 0);
    }
}

static int set_up(void **state) {
    (void)state;
    return mkdtemp(folder) ? setenv("TMPDIR", folder, 1) : -1;
}

static int tear_down(void **state) {
    char command[100];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_left),        cmocka_unit_test(test_two_at_once),
        cmocka_unit_test(test_no_folder),   cmocka_unit_test(test_relative),
        cmocka_unit_test(test_little_room),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
