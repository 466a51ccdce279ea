/*
 * ranks_fault_test.c: ranks that die, stop or lose their way, engines that cannot start, and
 * callers that are killed. Each run ends by itself, says who it was, and leaves no process.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernels/ranks/ranks_inside.h"

/* Far more than anything here takes on a busy machine. */
#define LIMIT_S 60

static char why[RANKS_WHY], folder[] = "/tmp/nanolab-fault-XXXXXX";
static struct ranks_failure failure;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void pause_ms(long ms) {
    struct timespec t = {.tv_nsec = 1000000 * ms};
    nanosleep(&t, NULL);
}

/* Processes but this one with the folder of this test in their command line, or working there. */
static unsigned processes(void) {
    unsigned count = 0;
    DIR *all = opendir("/proc");
    assert_non_null(all);
    for (struct dirent *one; (one = readdir(all));) {
        static const char *const names[] = {"cmdline", "cwd"};
        for (int k = 0; k < 2 && isdigit((unsigned char)one->d_name[0]); k++) {
            char path[300], text[8192];
            snprintf(path, sizeof path, "/proc/%.20s/%s", one->d_name, names[k]);
            int file = k == 0 ? open(path, O_RDONLY) : -1;
            ssize_t length =
                k == 0 ? read(file, text, sizeof text) : readlink(path, text, sizeof text);
            if (file >= 0)
                close(file);
            if (length > 0 && atoi(one->d_name) != getpid() &&
                memmem(text, (size_t)length, folder, strlen(folder))) {
                count++;
                break;
            }
        }
    }
    closedir(all);
    return count;
}

static void check_nothing_left(void) {
    assert_int_equal(processes(), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(rmdir(folder), 0); /* it is empty */
    assert_int_equal(mkdir(folder, 0700), 0);
}

static void needs(enum ranks_engine engine) {
    if (ranks_engine_check(engine, why) == 0)
        return;
    print_message("not tested: %s\n", why);
    skip();
}

static struct ranks_plan faulty(enum ranks_engine engine, enum ranks_fault kind, unsigned rank) {
    struct ranks_plan plan = ranks_plan_default(engine, 4);
    plan.fault.kind = kind;
    plan.fault.rank = rank;
    plan.fault.step = 5;
    plan.deadline_s = 1;
    return plan;
}

/* Long enough to be disturbed. */
static struct ranks_plan long_plan(void) {
    struct ranks_plan plan = ranks_plan_default(RANKS_OPENMPI, 3);
    plan.steps = 4000;
    plan.arm[0].compute_us = 30000;
    plan.deadline_s = 1;
    return plan;
}

static void check_fails(const struct ranks_plan *plan, const struct ranks_control *control) {
    struct ranks_log log;
    struct ranks_control limited = {.limit_s = LIMIT_S};
    double from = now();
    assert_int_equal(ranks_run(plan, control ? control : &limited, &log, &failure, why), -1);
    assert_true(now() - from < LIMIT_S);
    assert_null(log.cell);
    assert_null(strchr(why, '\n'));
    check_nothing_left();
}

static void check_says(const char *text) {
    if (!strstr(why, text))
        fail_msg("\"%s\" is not in \"%s\"", text, why);
}

/* --- ranks -------------------------------------------------------------------------------------
 */

static void check_blamed(enum ranks_fault kind, int rank, const char *doing) {
    char text[40];
    assert_int_equal(failure.kind, kind);
    assert_int_equal(failure.rank, rank);
    assert_int_equal(failure.step, 5);
    assert_string_equal(failure.doing, doing);
    snprintf(text, sizeof text, "rank %d ", rank);
    assert_true(strncmp(why, text, strlen(text)) == 0);
    check_says("in step 5");
}

static void test_killed(void **state) {
    (void)state;
    needs(RANKS_OPENMPI);
    for (unsigned rank = 0; rank < 3; rank += 2) {
        struct ranks_plan plan = faulty(RANKS_OPENMPI, RANKS_KILLED, rank);
        plan.deadline_s = LIMIT_S; /* nobody waits for it: the engine notices */
        check_fails(&plan, NULL);
        check_blamed(RANKS_KILLED, (int)rank, "computing");
        check_says("killed by SIGKILL");
    }
}

static void test_stopped(void **state) {
    (void)state;
    needs(RANKS_OPENMPI);
    for (unsigned rank = 0; rank < 2; rank++) {
        struct ranks_plan plan = faulty(RANKS_OPENMPI, RANKS_STOPPED, rank);
        check_fails(&plan, NULL);
        check_blamed(RANKS_STOPPED, (int)rank, "computing");
        check_says("SIGSTOP");
        check_says(rank == 0 ? "1, 2 and 3 waited for it" : "0, 2 and 3 waited for it");
    }
}

static void test_other_collective(void **state) {
    (void)state;
    for (enum ranks_engine engine = RANKS_OPENMPI; engine <= RANKS_SMPI; engine++) {
        needs(engine);
        struct ranks_plan plan = faulty(engine, RANKS_OTHER_COLLECTIVE, 1);
        check_fails(&plan, NULL);
        check_blamed(RANKS_OTHER_COLLECTIVE, 1, "in another collective");
        check_says("0, 2 and 3 waited for it");
    }
}

static void test_full_disk(void **state) {
    (void)state;
    for (enum ranks_engine engine = RANKS_OPENMPI; engine <= RANKS_SMPI; engine++) {
        needs(engine);
        struct ranks_plan plan = faulty(engine, RANKS_FULL_DISK, 0);
        check_fails(&plan, NULL);
        assert_int_equal(failure.kind, RANKS_FULL_DISK);
        assert_int_equal(failure.rank, 0);
        check_says("cannot write the log: No space left on device");
    }
}

/* --- from outside ------------------------------------------------------------------------------
 */

/* The state of a rank, once it computes or sums; false before. */
static bool get_state(unsigned rank, struct ranks_state *out) {
    char path[400];
    bool there = false;
    DIR *all = opendir(folder);
    assert_non_null(all);
    for (struct dirent *one; !there && (one = readdir(all));) {
        snprintf(path, sizeof path, "%s/%.200s/state", folder, one->d_name);
        int file = one->d_name[0] == '.' ? -1 : open(path, O_RDONLY);
        there = file >= 0 && pread(file, out, sizeof *out, rank * sizeof *out) == sizeof *out &&
                out->pid > 0 && out->step >= 2;
        if (file >= 0)
            close(file);
    }
    closedir(all);
    return there;
}

static pid_t parent_of(pid_t pid) {
    char path[40];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "%*d (%*[^)]) %*c %d", &parent) != 1)
        parent = 0;
    if (file)
        fclose(file);
    return parent;
}

/* Asked several times a second: sends one signal, to the rank or to what started it. */
struct attack {
    int rank; /* -1: the engine */
    int signal;
    bool done;
};

static bool attack(void *self) {
    struct attack *a = self;
    struct ranks_state state;
    if (a->done || !get_state(a->rank < 0 ? 0 : (unsigned)a->rank, &state))
        return false;
    assert_int_equal(kill(a->rank < 0 ? parent_of(state.pid) : state.pid, a->signal), 0);
    a->done = true;
    return false;
}

static void check_attacked(int rank, int signal) {
    struct attack a = {.rank = rank, .signal = signal};
    struct ranks_control control = {.stopping = attack, .self = &a, .limit_s = LIMIT_S};
    struct ranks_plan plan = long_plan();
    check_fails(&plan, &control);
    assert_true(a.done);
    assert_int_equal(failure.rank, rank);
}

static void test_attacked(void **state) {
    (void)state;
    needs(RANKS_OPENMPI);
    check_attacked(1, SIGSTOP);
    assert_int_equal(failure.kind, RANKS_STOPPED);
    check_says("rank 1 has been silent for 1 s");
    check_attacked(2, SIGUSR1);
    assert_int_equal(failure.kind, RANKS_KILLED);
    check_says("rank 2 was killed by SIGUSR1");
    check_attacked(-1, SIGKILL);
    check_says("was killed by signal 9");
}

static bool stops_at_once(void *self) {
    (void)self;
    return true;
}

static bool stops_under_way(void *self) {
    struct ranks_state state;
    (void)self;
    return get_state(0, &state);
}

static void test_stopping(void **state) {
    (void)state;
    needs(RANKS_OPENMPI);
    struct ranks_plan plan = long_plan();
    check_fails(&plan, &(struct ranks_control){.stopping = stops_at_once, .limit_s = LIMIT_S});
    assert_true(failure.stopped);
    check_fails(&plan, &(struct ranks_control){.stopping = stops_under_way, .limit_s = LIMIT_S});
    assert_true(failure.stopped);
}

static void test_limit(void **state) {
    (void)state;
    for (enum ranks_engine engine = RANKS_OPENMPI; engine <= RANKS_SMPI; engine++) {
        needs(engine);
        struct ranks_plan plan = long_plan();
        plan.engine = engine;
        plan.ranks = engine == RANKS_SMPI ? 256 : 3;
        check_fails(&plan, &(struct ranks_control){.limit_s = 1});
        check_says("took longer than its limit of 1 s");
        assert_false(failure.stopped);
    }
}

/* Whoever called is killed, and can clear up nothing. */
static void test_caller_killed(void **state) {
    (void)state;
    for (enum ranks_engine engine = RANKS_OPENMPI; engine <= RANKS_SMPI; engine++) {
        needs(engine);
        struct ranks_state seen;
        struct ranks_plan plan = long_plan();
        plan.engine = engine;
        plan.ranks = engine == RANKS_SMPI ? 256 : 3;
        plan.fault.kind = engine == RANKS_SMPI ? RANKS_NO_FAULT : RANKS_STOPPED;
        plan.fault.rank = 1;
        plan.fault.step = 3;
        plan.deadline_s = LIMIT_S; /* one is stopped, the others wait */
        pid_t caller = fork();
        if (caller == 0) {
            struct ranks_log log;
            ranks_run(&plan, NULL, &log, NULL, why);
            _exit(0);
        }
        double from = now();
        while (!(get_state(0, &seen) && seen.step >= 3) && now() < from + LIMIT_S)
            pause_ms(10);
        assert_true(processes() > 1);
        kill(caller, SIGKILL);
        assert_int_equal(waitpid(caller, NULL, 0), caller);
        for (from = now(); processes() > 0 && now() < from + LIMIT_S;)
            pause_ms(10);
        assert_int_equal(processes(), 0);
        struct ranks_log log; /* its folder goes with the next run */
        plan = ranks_plan_default(engine, 2);
        if (ranks_run(&plan, NULL, &log, NULL, why) != 0)
            fail_msg("%s", why);
        ranks_log_close(&log);
        check_nothing_left();
    }
}

/* --- engines that do not start -----------------------------------------------------------------
 */

static void check_refused(enum ranks_engine engine, const char *text) {
    struct ranks_plan plan = ranks_plan_default(engine, 2);
    assert_int_equal(ranks_engine_check(engine, why), -1);
    check_says(text);
    check_fails(&plan, NULL);
    check_says(text);
}

static void test_not_installed(void **state) {
    (void)state;
    needs(RANKS_OPENMPI);
    char *path = strdup(getenv("PATH")), last[RANKS_WHY];
    setenv("PATH", "/var/empty/nothing", 1);
    int status[] = {ranks_engine_check(RANKS_OPENMPI, why), ranks_engine_check(RANKS_SMPI, last)};
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(status[0], -1);
    check_says("install openmpi-bin");
    assert_int_equal(status[1], -1);
    assert_non_null(strstr(last, "libsimgrid-dev"));
}

static void test_own_command(void **state) {
    (void)state;
    needs(RANKS_OPENMPI);
    setenv("NANOLAB_MPIRUN", "mpirun | tee log", 1);
    check_refused(RANKS_OPENMPI, "no command line");
    setenv("NANOLAB_MPIRUN", "mpirun \"unfinished", 1);
    check_refused(RANKS_OPENMPI, "no command line");
    setenv("NANOLAB_MPIRUN", "mpirun $(id)", 1);
    check_refused(RANKS_OPENMPI, "no command line");
    setenv("NANOLAB_MPIRUN", "no-such-program --option", 1);
    check_refused(RANKS_OPENMPI, "no program no-such-program in PATH");
    unsetenv("NANOLAB_MPIRUN");
    static const char *const lists[] = {
        "many", "2 4 x", "1", "2,,0", "99999", "-2", "2 4294967298", "2 3 4 5 6 7 8 9 10"};
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        setenv("NANOLAB_RANKS", lists[k], 1);
        check_refused(RANKS_OPENMPI, "is not a list of 1 to 8 numbers of ranks");
    }
    unsigned counts[RANKS_COUNTS_MOST];
    setenv("NANOLAB_RANKS", " 2, 4 16", 1);
    assert_int_equal(ranks_counts(counts, RANKS_COUNTS_MOST), 3);
    assert_true(counts[0] == 2 && counts[1] == 4 && counts[2] == 16);
    assert_int_equal(ranks_engine_check(RANKS_OPENMPI, why), 0);
    unsetenv("NANOLAB_RANKS");
    assert_int_equal(ranks_counts(counts, RANKS_COUNTS_MOST), 0);
}

/* It is used, with its words. */
static void test_own_engine(void **state) {
    (void)state;
    needs(RANKS_OPENMPI);
    char path[] = "/tmp/nanolab-hosts-XXXXXX", command[100];
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, "localhost slots=2\n", 18), 18);
    close(file);
    struct ranks_log log;
    struct ranks_plan plan = ranks_plan_default(RANKS_OPENMPI, 3);
    snprintf(command, sizeof command, "mpirun --hostfile %s", path);
    setenv("NANOLAB_MPIRUN", command, 1);
    int status = ranks_run(&plan, NULL, &log, NULL, why);
    unlink(path);
    if (status != 0)
        fail_msg("%s", why);
    ranks_log_close(&log);
    check_fails(&plan, NULL);
    check_says(path);
    unsetenv("NANOLAB_MPIRUN");
}

/* An engine of this test's own, which is a script or no program at all. */
static void check_engine(const char *text, double limit_s) {
    char path[] = "/tmp/nanolab-engine-XXXXXX", command[100];
    int file = mkstemp(path);
    struct ranks_plan plan = ranks_plan_default(RANKS_OPENMPI, 2);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(file, 0700), 0);
    close(file);
    snprintf(command, sizeof command, "%s 'with a blank'", path);
    setenv("NANOLAB_MPIRUN", command, 1);
    check_fails(&plan, &(struct ranks_control){.limit_s = limit_s});
    unsetenv("NANOLAB_MPIRUN");
    unlink(path);
}

static void test_bad_engines(void **state) {
    (void)state;
    needs(RANKS_OPENMPI);
    check_engine(
        "#!/bin/sh\nprintf '\\n----------------------------\\nNo slots, \"%s\".\\n' \"$1\" "
        ">&2\nexit 3\n",
        LIMIT_S);
    check_says("ended with exit status 3 before any rank had started: No slots, \"with a blank\".");
    check_engine("\x7f not a program\n", LIMIT_S);
    check_says("cannot be executed");
    /* It does not want to end, and neither does what it has started. */
    check_engine("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n", 1);
    check_says("limit of 1 s; no rank had started");
    check_engine("#!/bin/sh\nyes 'much to say'\n", 1);
    check_says("limit of 1 s");
    check_engine("#!/bin/sh\nhead -c 20000000 /dev/zero\nexit 1\n", LIMIT_S);
    check_says("ended with exit status 1");
    check_engine("#!/bin/sh\nexit 0\n", LIMIT_S); /* as if all were well */
    check_says("no rank had started: it seems to be another MPI's");
    /* Each of them is the only one, as far as it knows. */
    check_engine("#!/bin/sh\nn=$3; shift 3\nfor i in $(seq $n); do \"$@\" & done; wait\n", LIMIT_S);
    check_says("1 ranks were started for a plan of 2; if what starts them is another MPI's");
}

/* From where no program is beside it. */
static void test_not_built(void **state) {
    (void)state;
    char command[400], said[RANKS_WHY] = "", self[200];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(length > 0);
    self[length] = '\0';
    char copy[] = "/tmp/nanolab-alone-XXXXXX";
    assert_non_null(mkdtemp(copy));
    snprintf(command, sizeof command, "cp %s %s/alone && %s/alone check; rm -r %s", self, copy,
             copy, copy);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(said, sizeof said, pipe));
    pclose(pipe);
    strcpy(why, said);
    check_says("libexec/nanolab-ranks-openmpi was not built: install openmpi-bin");
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

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "check") == 0) {
        int status = ranks_engine_check(RANKS_OPENMPI, why);
        puts(why);
        return status == 0 ? 0 : 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_other_collective),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_attacked),
        cmocka_unit_test(test_stopping),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_caller_killed),
        cmocka_unit_test(test_not_installed),
        cmocka_unit_test(test_own_command),
        cmocka_unit_test(test_own_engine),
        cmocka_unit_test(test_bad_engines),
        cmocka_unit_test(test_not_built),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
