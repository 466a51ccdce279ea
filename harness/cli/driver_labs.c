/*
 * driver_labs.c: finds the labs' executables, which are in ../labs as seen from the driver, and
 * asks them what they are.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/cli/driver.h"
#include "harness/page/home.h"

extern char **environ;

static int by_folder(const void *a, const void *b) {
    const struct driver_lab *x = a, *y = b;
    return strcmp(x->folder, y->folder);
}

int driver_find(struct driver *driver, const struct options *parser) {
    memset(driver, 0, sizeof *driver);
    ssize_t length = readlink("/proc/self/exe", driver->bin, sizeof driver->bin - 1);
    if (length <= 0)
        return options_fail(parser,
                            "cannot tell where this program is (/proc/self/exe: %s); "
                            "mount /proc",
                            strerror(errno));
    char *slash = strrchr(driver->bin, '/');
    if (slash)
        *slash = '\0';
    /* "build/bin" and "build/labs" without "..", which is how people read a path. */
    slash = strrchr(driver->bin, '/');
    int above = slash ? (int)(slash - driver->bin) : 0;
    snprintf(driver->lab_dir, sizeof driver->lab_dir, "%.*s/labs", above, driver->bin);
    DIR *list = opendir(driver->lab_dir);
    if (!list)
        return 0; /* no labs built: the commands that need one say so */
    for (struct dirent *entry; (entry = readdir(list));) {
        if (!home_is_lab(entry->d_name) || strlen(entry->d_name) >= sizeof driver->labs[0].folder ||
            faccessat(dirfd(list), entry->d_name, X_OK, 0) != 0 ||
            driver->lab_count == DRIVER_LABS_MAX)
            continue;
        struct driver_lab *lab = &driver->labs[driver->lab_count++];
        memcpy(lab->folder, entry->d_name, strlen(entry->d_name) + 1);
        lab->number = 10 * (lab->folder[0] - '0') + lab->folder[1] - '0';
    }
    closedir(list);
    qsort(driver->labs, driver->lab_count, sizeof driver->labs[0], by_folder);
    return 0;
}

const struct driver_lab *driver_lab_named(const struct driver *driver, const struct options *parser,
                                          const char *text) {
    uint64_t number;
    bool is_number = options_number(text, &number) == 0;
    const char *names[2 * DRIVER_LABS_MAX];
    for (size_t i = 0; i < driver->lab_count; i++) {
        const struct driver_lab *lab = &driver->labs[i];
        if (is_number ? number == (uint64_t)lab->number
                      : strcmp(text, lab->folder) == 0 || strcmp(text, lab->folder + 3) == 0)
            return lab;
        names[2 * i] = lab->folder;
        names[2 * i + 1] = lab->folder + 3;
    }
    const char *near = is_number ? NULL : options_nearest(text, names, 2 * driver->lab_count);
    if (driver->lab_count == 0)
        options_fail(parser, "no labs in %s; build them with `make`", driver->lab_dir);
    else if (near)
        options_fail(parser, "unknown lab \"%s\"; did you mean %s?", text, near);
    else
        options_fail(parser, "unknown lab \"%s\"; `nanolab list` shows the labs", text);
    return NULL;
}

/* All that comes out of a pipe, up to a megabyte. */
static char *read_all(int fd) {
    size_t room = (size_t)1 << 20, used = 0;
    char *text = malloc(room + 1);
    while (text && used < room) {
        ssize_t n = read(fd, text + used, room - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    if (text)
        text[used] = '\0';
    return text;
}

char *driver_ask(const struct options *parser, const char *path) {
    char option[] = "--describe";
    char *const argv[] = {(char *)path, option, NULL};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        options_fail(parser, "cannot ask %s: %s", path, strerror(errno));
        return NULL;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    pid_t child;
    int error = posix_spawn(&child, path, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (error) {
        close(ends[0]);
        options_fail(parser, "cannot start %s: %s; build it again with `make`", path,
                     strerror(error));
        return NULL;
    }
    char *text = read_all(ends[0]);
    close(ends[0]);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (text && status == 0)
        return text;
    free(text);
    options_fail(parser, "%s does not say what it is; build it again with `make`", path);
    return NULL;
}

json_t *driver_describe(const struct driver *driver, const struct options *parser,
                        const struct driver_lab *lab) {
    char path[sizeof driver->lab_dir + sizeof lab->folder + 1];
    snprintf(path, sizeof path, "%s/%s", driver->lab_dir, lab->folder);
    char *text = driver_ask(parser, path);
    if (!text)
        return NULL;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    if (!json_is_object(value)) {
        json_decref(value);
        options_fail(parser, "%s does not say what it is; build it again with `make`", path);
        return NULL;
    }
    return value;
}
