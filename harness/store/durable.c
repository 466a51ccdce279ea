/*
 * durable.c: see durable.h.
 */
#define _GNU_SOURCE
#include "harness/store/durable.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/store/folder.h"
#include "harness/text.h"

#define TAIL ".tmp"
#define DIGITS 8
#define TRIES 100

static bool is_unsupported(int error) {
    return error == EINVAL || error == EOPNOTSUPP || error == ENOSYS || error == ENOTSUP;
}

static void say_once(bool *said, const char *path, const char *what) {
    char shown[400];
    if (!*said)
        fprintf(stderr, "nanolab: note: %s: %s\n", text_plain(shown, sizeof shown, path), what);
    *said = true;
}

static int sync_with(int (*how)(int), int fd, const char *path) {
    static bool said;
    if (how(fd) == 0)
        return 0;
    if (!is_unsupported(errno))
        return -1;
    say_once(&said, path,
             "its file system cannot sync; the newest results may be lost if the machine stops");
    return 0;
}

int durable_sync_folder(int fd, const char *path) {
    return sync_with(fsync, fd, path);
}

int durable_sync_file(int fd, const char *path) {
    return sync_with(fdatasync, fd, path);
}

/* 1: locked; 0: there are no locks here; -1 with errno. */
static int lock(int fd, bool wait) {
    while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) != 0) {
        if (errno == EINTR)
            continue;
        return is_unsupported(errno) || errno == ENOLCK ? 0 : -1;
    }
    return 1;
}

int durable_lock(int fd, const char *path, bool wait) {
    static bool said;
    int got = lock(fd, wait);
    if (got == 0)
        say_once(&said, path,
                 "its file system has no locks; see that only one run at a time writes there");
    return got < 0 ? -1 : 0;
}

void durable_unlock(int fd) {
    flock(fd, LOCK_UN);
}

static void draw_name(const char *of, char name[DURABLE_NAME]) {
    uint32_t random;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) {
        static uint32_t next;
        random = (uint32_t)getpid() * 2654435761u + next++;
    }
    snprintf(name, DURABLE_NAME, ".%.250s.%08x" TAIL, of, random);
}

/* Locks what was just made, unless durable_clean() of another process took it for left over before
 * that: then it has no name any more. */
static bool is_kept(int fd) {
    struct stat status;
    lock(fd, false);
    return fstat(fd, &status) == 0 && status.st_nlink > 0;
}

int durable_temporary_file(int folder, const char *of, char name[DURABLE_NAME]) {
    for (int k = 0; k < TRIES; k++) {
        draw_name(of, name);
        int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            return -1;
        if (fd >= 0 && is_kept(fd))
            return fd;
        if (fd >= 0)
            close(fd);
    }
    errno = EEXIST;
    return -1;
}

int durable_temporary_folder(int folder, const char *of, char name[DURABLE_NAME]) {
    for (int k = 0; k < TRIES; k++) {
        draw_name(of, name);
        if (mkdirat(folder, name, 0777) != 0) {
            if (errno == EEXIST)
                continue;
            return -1;
        }
        int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && is_kept(fd))
            return fd;
        if (fd >= 0)
            close(fd);
    }
    errno = EEXIST;
    return -1;
}

static bool is_temporary(const char *name, const char *of) {
    size_t length = strlen(name), tail = 1 + DIGITS + sizeof TAIL - 1;
    if (length < tail + 2 || name[0] != '.' ||
        strcmp(name + length - (sizeof TAIL - 1), TAIL) != 0 || name[length - tail] != '.' ||
        strspn(name + length - tail + 1, "0123456789abcdef") != DIGITS)
        return false;
    return !of || (strlen(of) == length - tail - 1 && strncmp(name + 1, of, strlen(of)) == 0);
}

void durable_clean(int folder, const char *of) {
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
    if (!list && copy >= 0)
        close(copy);
    for (struct dirent *entry; list && (entry = readdir(list));) {
        if (!is_temporary(entry->d_name, of))
            continue;
        int fd = openat(folder, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (lock(fd, false) == 1 && unlinkat(folder, entry->d_name, 0) != 0)
            folder_remove_tree(folder, entry->d_name);
        close(fd);
    }
    if (list)
        closedir(list);
}
