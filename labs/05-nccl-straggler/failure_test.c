/*
 * failure_test.c: the lab while one of its ranks is stopped from outside, where nothing in it knows
 * of a fault: it ends by itself, says which rank, and what it had recorded is a whole folder.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "harness/cli/tool_fixture.h"
#include "kernels/ranks/ranks_inside.h"

/* Several times the deadline of a wait, 10 s, and all that comes before the first sum. */
#define LIMIT_S 240

extern char **environ;

static char top[] = "/tmp/nanolab-failure-XXXXXX", temporary[60], results[60], said_path[60];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static pid_t start(const char *tool, char *const *arguments) {
    char path[4096];
    pid_t child;
    posix_spawn_file_actions_t files;
    if (tool_find(tool, path, sizeof path) != 0)
        fail();
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, said_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(posix_spawn(&child, path, &files, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    return child;
}

/* Exit status of a process; it is killed after the limit. */
static int finish(pid_t child) {
    int status = 0;
    double from = now();
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (now() > from + LIMIT_S) {
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
            fail_msg("it did not end within %d s", LIMIT_S);
        }
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Of a run of processes under way: the ids of ranks 0 and 1; 0: there is none yet. */
static int find_ranks(pid_t *pids) {
    int found = 0;
    DIR *all = opendir(temporary);
    assert_non_null(all);
    for (struct dirent *one; !found && (one = readdir(all));) {
        char path[400];
        struct ranks_state states[2];
        snprintf(path, sizeof path, "%s/%.200s/state", temporary, one->d_name);
        int file = one->d_name[0] == '.' ? -1 : open(path, O_RDONLY);
        /* Simulated ranks have one process. */
        found = file >= 0 && pread(file, states, sizeof states, 0) == sizeof states &&
                states[0].pid > 0 && states[1].pid > 0 && states[0].pid != states[1].pid &&
                states[1].step >= 1;
        for (int k = 0; k < 2 && found; k++)
            pids[k] = states[k].pid;
        if (file >= 0)
            close(file);
    }
    closedir(all);
    return found;
}

/* A process that has ended stays a while, until somebody asks how. */
static bool runs(pid_t pid) {
    char path[40], state = 'Z';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 'Z';
    if (file)
        fclose(file);
    return state != 'Z' && state != 'X';
}

static void test_stopped_rank(void **state) {
    (void)state;
    char why[RANKS_WHY], text[4000] = "";
    if (ranks_engine_check(RANKS_OPENMPI, why) != 0) {
        print_message("not tested: %s\n", why);
        skip();
    }
    pid_t ranks[2] = {0};
    char *const lab[] = {"lab", "--quick", "--device", "cpu", "--out", results, NULL};
    pid_t child = start("../labs/05-nccl-straggler", lab);
    for (double from = now(); !find_ranks(ranks) && now() < from + LIMIT_S;) {
        assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    assert_int_equal(kill(ranks[1], SIGSTOP), 0);
    assert_int_equal(finish(child), 1);
    /* Nobody is left, the stopped one included. */
    assert_false(runs(ranks[0]));
    assert_false(runs(ranks[1]));
    assert_int_equal(rmdir(temporary), 0);
    assert_int_equal(mkdir(temporary, 0700), 0);
    FILE *said = fopen(said_path, "r");
    assert_non_null(said);
    text[fread(text, 1, sizeof text - 1, said)] = '\0';
    fclose(said);
    if (!strstr(text, "rank 1 ") || !strstr(text, "SIGSTOP"))
        fail_msg("%s", text);
    char *const verify[] = {"nanolab", "verify", results, NULL};
    assert_int_equal(finish(start("nanolab", verify)), 0);
}

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(top))
        return -1;
    snprintf(temporary, sizeof temporary, "%s/tmp", top);
    snprintf(results, sizeof results, "%s/results", top);
    snprintf(said_path, sizeof said_path, "%s/said", top);
    return mkdir(temporary, 0700) == 0 ? setenv("TMPDIR", temporary, 1) : -1;
}

static int tear_down(void **state) {
    char command[100];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", top);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stopped_rank),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
