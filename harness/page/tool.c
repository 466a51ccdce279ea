/* tool.c: see tool.h. Redirections go into the private folder: files, not pipes, so that a program
 * that writes much cannot wait for a reader that waits for it to end. */
#define _GNU_SOURCE
#include "harness/page/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/stop.h"
#include "harness/store/folder.h"
#include "harness/text.h"

#define OUTPUT_MAX ((size_t)256 << 20)
#define MEMORY_MAX ((size_t)8 << 30)

int tool_exists(const char *program) {
    if (strchr(program, '/'))
        return access(program, X_OK) == 0;
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t length = strcspn(path, ":");
        char file[4096];
        if (snprintf(file, sizeof file, "%.*s/%s", (int)length, path, program) < (int)sizeof file &&
            access(file, X_OK) == 0)
            return 1;
        path += length + (path[length] == ':');
    }
    return 0;
}

/* Ends the program with all that it started, and waits for it. */
static void end_group(pid_t child, int *status) {
    kill(-child, SIGKILL);
    kill(child, SIGKILL); /* where it has not made its group yet */
    while (waitpid(child, status, 0) < 0 && errno == EINTR)
        ;
}

static double seconds_of(struct timeval time) {
    return (double)time.tv_sec + 1e-6 * (double)time.tv_usec;
}

/* Waits for the end of `child`; -1 (and no such process any more) with a text after `seconds`, or
 * when a signal asked this process to stop. */
static int wait_for(const char *name, pid_t child, double seconds, int *status,
                    struct tool_end *end) {
    struct timespec pause = {.tv_nsec = 2000000};
    struct timespec from, now;
    struct rusage used;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (;;) {
        pid_t got = wait4(child, status, WNOHANG, &used);
        clock_gettime(CLOCK_MONOTONIC, &now);
        double gone =
            (double)(now.tv_sec - from.tv_sec) + 1e-9 * (double)(now.tv_nsec - from.tv_nsec);
        if (got == child) {
            end->seconds = gone;
            end->cpu_seconds = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
            end->memory_bytes = (size_t)used.ru_maxrss << 10;
            return 0;
        }
        if (got < 0 && errno != EINTR)
            return error_set("%s: cannot be waited for: %s", name, strerror(errno));
        if (stop_signal || gone > seconds) {
            end_group(child, status);
            return stop_signal
                       ? error_set("%s: stopped by a signal", name)
                       : error_set("%s: stopped after %.0f seconds without an end", name, seconds);
        }
        nanosleep(&pause, NULL);
    }
}

/* The first line the program complained with, without what a terminal would act on. */
static void first_line(const char *folder, char *line, size_t size) {
    line[0] = '\0';
    struct folder dir;
    char *text = NULL;
    size_t length;
    if (folder_open(&dir, folder))
        return;
    if (folder_read(&dir, "stderr", OUTPUT_MAX, &text, &length) == 0) {
        char *from = text + strspn(text, "\r\n\t ^");
        from[strcspn(from, "\r\n")] = '\0';
        text_plain(line, size, from);
    }
    free(text);
    folder_close(&dir);
}

/* In the child: nothing but system calls from here on. The program ends with its parent, however
 * that ends, and stands in a group of its own, so that all it starts can be ended with it. */
static void become(const struct tool_run *tool, pid_t parent, char *const *environment) {
    const struct rlimit processor = {(rlim_t)tool->seconds + 1, (rlim_t)tool->seconds + 1},
                        file = {OUTPUT_MAX, OUTPUT_MAX}, memory = {MEMORY_MAX, MEMORY_MAX},
                        core = {0, 0};
    int made = O_WRONLY | O_CREAT | O_TRUNC;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    for (int number = 1; number < 32; number++)
        signal(number, SIG_DFL);
    if (!tool->ours) {
        setrlimit(RLIMIT_CPU, &processor);
        setrlimit(RLIMIT_FSIZE, &file);
        setrlimit(RLIMIT_AS, &memory);
    }
    setrlimit(RLIMIT_CORE, &core);
    if (chdir(tool->folder) != 0)
        _exit(126);
    int in = open(tool->input ? tool->input : "/dev/null", O_RDONLY);
    int out = open("stdout", made, 0600), err = open("stderr", made, 0600);
    if (in < 0 || out < 0 || err < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
        _exit(126);
    closefrom(3);
    execvpe(tool->argv[0], (char *const *)tool->argv, environment);
    _exit(127);
}

/* The child, or -1 with errno. */
static pid_t start(const struct tool_run *tool) {
    char path[4096], home[4096], cache[4096];
    const char *own = getenv("PATH");
    snprintf(path, sizeof path, "PATH=%s", own ? own : "/usr/bin:/bin");
    snprintf(home, sizeof home, "HOME=%s", tool->folder);
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", tool->folder);
    char *environment[] = {path, home, cache, "LC_ALL=C.UTF-8", "TZ=UTC", NULL};
    fflush(NULL);
    pid_t parent = getpid(), child = fork();
    if (child == 0)
        become(tool, parent, tool->ours ? environ : environment);
    if (child > 0)
        setpgid(child, child); /* here too: whichever comes first */
    return child;
}

int tool_run(const struct tool_run *tool, char **output, size_t *length) {
    const char *name = tool->argv[0];
    if (!tool_exists(name))
        return error_set("%s is not installed; try: apt-get install %s", name, tool->package);
    pid_t child = start(tool);
    if (child < 0)
        return error_set("%s: cannot start: %s", name, strerror(errno));
    int status = 0;
    struct tool_end end = {0};
    stop_group(child);
    int waited = wait_for(name, child, tool->seconds, &status, &end);
    kill(-child, SIGKILL); /* what it left behind in its group */
    stop_forget_group(child);
    if (waited != 0)
        return -1;
    char *line = end.complaint;
    first_line(tool->folder, line, sizeof end.complaint);
    if (WIFSIGNALED(status))
        return error_set("%s: ended by signal %d", name, WTERMSIG(status));
    if (WEXITSTATUS(status) == 126 || WEXITSTATUS(status) == 127)
        return error_set("%s: cannot start in %s; see TMPDIR, and that it is installed", name,
                         tool->folder);
    end.status = WEXITSTATUS(status);
    if (tool->end)
        *tool->end = end;
    else if (end.status)
        return error_set("%s: failed with status %d%s%s", name, end.status, *line ? ": " : "",
                         line);
    if (!output)
        return 0;
    struct folder dir;
    if (folder_open(&dir, tool->folder))
        return -1;
    int got = folder_read(&dir, "stdout", OUTPUT_MAX, output, length);
    folder_close(&dir);
    return got;
}
