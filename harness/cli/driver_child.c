/*
 * driver_child.c: programs that a run starts: its labs, and what --then names.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wordexp.h>

#include "harness/cli/driver.h"
#include "harness/stop.h"
#include "harness/text.h"

extern char **environ;

volatile sig_atomic_t driver_child_pid;

int driver_child(const char *program, const char *const *argv, bool stdout_free, int *status) {
    posix_spawn_file_actions_t actions;
    pid_t child;
    posix_spawn_file_actions_init(&actions);
    if (stdout_free)
        posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    fflush(NULL);
    int error = posix_spawnp(&child, program, &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error)
        return error;
    stop_hold(true);
    driver_child_pid = (sig_atomic_t)child;
    /* A signal that came before the line above was passed on to nobody. */
    if (stop_signal)
        kill(child, (int)stop_signal);
    while (waitpid(child, status, 0) < 0 && errno == EINTR)
        ;
    driver_child_pid = 0;
    stop_hold(false);
    return 0;
}

void driver_then(const char *command) {
    wordexp_t words = {0};
    char shown[200];
    int status = 0;
    text_plain(shown, sizeof shown, command);
    int bad = wordexp(command, &words, WRDE_NOCMD | WRDE_UNDEF);
    if (bad == 0 && words.we_wordc > 0) {
        int error =
            driver_child(words.we_wordv[0], (const char *const *)words.we_wordv, true, &status);
        if (error)
            fprintf(stderr, "nanolab: --then: cannot start %s: %s; the run goes on\n", shown,
                    strerror(error));
        else if (status != 0 && !stop_signal)
            fprintf(stderr,
                    "nanolab: --then: %s failed (its messages are above); the run goes on\n",
                    shown);
    } else {
        fprintf(stderr,
                "nanolab: --then: %s is no command line: words and quotes, none of |&;<>(){}; the "
                "run goes on\n",
                shown);
    }
    if (bad == 0 || bad == WRDE_NOSPACE)
        wordfree(&words);
}
