/* tool.c: see tool.h. posix_spawn with redirections into the private folder: files, not pipes,
 * so that a program that writes much cannot wait for a reader that waits for it to end. */
#define _GNU_SOURCE
#include "harness/page/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/store/folder.h"
#include "harness/store/result.h"

#define OUTPUT_MAX ((size_t)256 << 20)

int tool_exists(const char *program) {
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

/* Waits for the end of `child`; -1 (and no such process any more) after `seconds`. */
static int wait_for(pid_t child, double seconds, int *status) {
    struct timespec pause = {.tv_nsec = 2000000};
    struct timespec from, now;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (;;) {
        pid_t got = waitpid(child, status, WNOHANG);
        if (got == child)
            return 0;
        if (got < 0 && errno != EINTR)
            return -1;
        clock_gettime(CLOCK_MONOTONIC, &now);
        double gone =
            (double)(now.tv_sec - from.tv_sec) + 1e-9 * (double)(now.tv_nsec - from.tv_nsec);
        if (gone > seconds) {
            kill(child, SIGKILL);
            waitpid(child, status, 0);
            return -1;
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
        for (char *c = from; *c; c++)
            if ((unsigned char)*c < 32 || *c == 127)
                *c = '?';
        snprintf(line, size, "%s", from);
    }
    free(text);
    folder_close(&dir);
}

static int spawn(const struct tool_run *tool, pid_t *child) {
    char path[4096], home[4096], cache[4096];
    const char *own = getenv("PATH");
    snprintf(path, sizeof path, "PATH=%s", own ? own : "/usr/bin:/bin");
    snprintf(home, sizeof home, "HOME=%s", tool->folder);
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", tool->folder);
    char *environment[] = {path, home, cache, "LC_ALL=C.UTF-8", "TZ=UTC", NULL};
    posix_spawn_file_actions_t actions;
    int bad = posix_spawn_file_actions_init(&actions);
    if (bad)
        return bad;
    if (!bad)
        bad = posix_spawn_file_actions_addchdir_np(&actions, tool->folder);
    if (!bad)
        bad = posix_spawn_file_actions_addopen(&actions, 0, tool->input ? tool->input : "/dev/null",
                                               O_RDONLY, 0);
    int made = O_WRONLY | O_CREAT | O_TRUNC;
    if (!bad)
        bad = posix_spawn_file_actions_addopen(&actions, 1, "stdout", made, 0600);
    if (!bad)
        bad = posix_spawn_file_actions_addopen(&actions, 2, "stderr", made, 0600);
    if (!bad)
        bad = posix_spawnp(child, tool->argv[0], &actions, NULL, (char *const *)tool->argv,
                           environment);
    posix_spawn_file_actions_destroy(&actions);
    return bad;
}

int tool_run(const struct tool_run *tool, char **output, size_t *length) {
    const char *name = tool->argv[0];
    pid_t child;
    if (!tool_exists(name))
        return error_set("%s is not installed; try: apt-get install %s", name, tool->package);
    int bad = spawn(tool, &child);
    if (bad)
        return error_set("%s: cannot start: %s", name, strerror(bad));
    int status = 0;
    if (wait_for(child, tool->seconds, &status))
        return error_set("%s: stopped after %.0f seconds without an end", name, tool->seconds);
    char line[300];
    first_line(tool->folder, line, sizeof line);
    if (WIFSIGNALED(status))
        return error_set("%s: ended by signal %d", name, WTERMSIG(status));
    if (WEXITSTATUS(status))
        return error_set("%s: failed with status %d%s%s", name, WEXITSTATUS(status),
                         *line ? ": " : "", line);
    if (!output)
        return 0;
    struct folder dir;
    if (folder_open(&dir, tool->folder))
        return -1;
    int got = folder_read(&dir, "stdout", OUTPUT_MAX, output, length);
    folder_close(&dir);
    return got;
}
