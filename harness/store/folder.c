/*
 * folder.c: plain files inside a result folder (folder.h), and the error line of all that uses it.
 */
#define _GNU_SOURCE
#include "harness/store/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/store/durable.h"
#include "harness/store/quick_json.h"

const char *folder_advice(int error) {
    switch (error) {
    case ENOSPC:
        return "the disk is full; free some space, then go on with --resume";
    case EDQUOT:
        return "the disk quota is used up; free some space, then go on with --resume";
    case EFBIG:
        return "the file would exceed the size limit; raise ulimit -f, then go on with --resume";
    case EROFS:
        return "the file system is read-only; choose another folder with --out";
    case EACCES:
    case EPERM:
        return "permission denied; make the folder writable or choose another with --out";
    case ENOMEM:
        return "out of memory; close other programs";
    case EIO:
        return "the disk reports an error; check it, or choose another folder with --out";
    default:
        return strerror(error);
    }
}

static int open_dir(struct folder *folder, int at, const char *name, int flags) {
    folder->fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
    if (folder->fd >= 0)
        return 0;
    if (errno == ENOENT)
        return error_set("%s: no such folder; check the name", folder->path);
    if (errno == ENOTDIR || errno == ELOOP)
        return error_set("%s: not a folder (links are not followed); name a result folder",
                         folder->path);
    return error_set("%s: %s", folder->path, folder_advice(errno));
}

int folder_open(struct folder *folder, const char *path) {
    snprintf(folder->path, sizeof folder->path, "%s", path);
    if (strlen(path) >= sizeof folder->path) {
        folder->fd = -1;
        return error_set("the folder's name is longer than %zu bytes; use a shorter one",
                         sizeof folder->path - 1);
    }
    return open_dir(folder, AT_FDCWD, path, 0);
}

int folder_open_in(struct folder *folder, const struct folder *parent, const char *name) {
    folder->fd = -1;
    if (!folder_name_is_plain(name))
        return error_set("%s: \"%s\" is no plain folder name", parent->path, name);
    size_t need = (size_t)snprintf(folder->path, sizeof folder->path, "%s/%s", parent->path, name);
    if (need >= sizeof folder->path)
        return error_set("%s: the folder's name is too long; use a shorter one", parent->path);
    return open_dir(folder, parent->fd, name, O_NOFOLLOW);
}

void folder_close(struct folder *folder) {
    if (folder->fd >= 0)
        close(folder->fd);
    folder->fd = -1;
}

bool folder_name_is_plain(const char *name) {
    return name[0] != '\0' && name[0] != '.' && !strchr(name, '/') && strlen(name) < 256;
}

bool folder_has(const struct folder *folder, const char *name) {
    struct stat status;
    return fstatat(folder->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

int folder_open_file(const struct folder *folder, const char *name, uint64_t *size) {
    /* O_NONBLOCK: opening a FIFO must not wait for a writer. */
    int fd = openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT)
            return error_set("%s/%s: missing; the folder is incomplete, copy it again",
                             folder->path, name);
        if (errno == ELOOP)
            return error_set("%s/%s: is a link; copy the file itself", folder->path, name);
        return error_set("%s/%s: cannot be read: %s", folder->path, name, strerror(errno));
    }
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return error_set("%s/%s: not a plain file; copy the folder again", folder->path, name);
    }
    if (size)
        *size = (uint64_t)status.st_size;
    return fd;
}

int folder_read(const struct folder *folder, const char *name, size_t limit, char **text,
                size_t *size) {
    uint64_t bytes = 0;
    int fd = folder_open_file(folder, name, &bytes);
    if (fd < 0)
        return -1;
    char *buffer = bytes <= limit ? malloc((size_t)bytes + 1) : NULL;
    if (!buffer) {
        close(fd);
        if (bytes > limit)
            return error_set("%s/%s: %llu bytes are more than such a file can have (%zu); it "
                             "is damaged, copy the folder again",
                             folder->path, name, (unsigned long long)bytes, limit);
        return error_set("%s/%s: out of memory", folder->path, name);
    }
    size_t got = 0;
    while (got < bytes) {
        ssize_t n = read(fd, buffer + got, (size_t)bytes - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int error = errno;
            free(buffer);
            close(fd);
            return error_set("%s/%s: cannot be read: %s", folder->path, name, strerror(error));
        }
        if (n == 0)
            break;
        got += (size_t)n;
    }
    close(fd);
    buffer[got] = '\0';
    *text = buffer;
    *size = got;
    return 0;
}

int folder_write_all(int fd, const void *data, size_t size) {
    const char *at = data;
    while (size > 0) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

int folder_sync(const struct folder *folder) {
    if (durable_sync_folder(folder->fd, folder->path) != 0)
        return error_set("%s: %s", folder->path, folder_advice(errno));
    return 0;
}

int folder_write(const struct folder *folder, const char *name, const void *data, size_t size) {
    char temporary[DURABLE_NAME];
    int error = 0, fd = durable_temporary_file(folder->fd, name, temporary);
    if (fd < 0)
        return error_set("%s/%s: cannot be written: %s", folder->path, name, folder_advice(errno));
    if (folder_write_all(fd, data, size) != 0 || durable_sync_file(fd, folder->path) != 0 ||
        renameat(folder->fd, temporary, folder->fd, name) != 0)
        error = errno;
    /* Some file systems tell of a full disk here only; then the file is cut, and not good. */
    if (close(fd) != 0 && !error)
        error = errno;
    if (error) {
        unlinkat(folder->fd, temporary, 0);
        return error_set("%s/%s: cannot be written: %s", folder->path, name, folder_advice(error));
    }
    return folder_sync(folder);
}

int folder_write_json(const struct folder *folder, const char *name, const json_t *value) {
    char *text = value ? json_dumps(value, JSON_INDENT(1)) : NULL;
    if (!text)
        return error_set("%s/%s: out of memory", folder->path, name);
    size_t size = strlen(text);
    text[size] = '\n'; /* in the place of the NUL */
    int status = folder_write(folder, name, text, size + 1);
    free(text);
    return status;
}

static void remove_entries(int fd, int depth) {
    DIR *list = fdopendir(fd);
    if (!list) {
        close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(list));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(list), entry->d_name, 0) == 0 || depth == 0)
            continue;
        int inner =
            openat(dirfd(list), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (inner < 0)
            continue;
        remove_entries(inner, depth - 1);
        unlinkat(dirfd(list), entry->d_name, AT_REMOVEDIR);
    }
    closedir(list);
}

void folder_remove_tree(int parent_fd, const char *name) {
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        remove_entries(fd, 2);
    unlinkat(parent_fd, name, AT_REMOVEDIR);
}

#define OUT_OF_MEMORY "out of memory"

/* Where memory is short, jansson may speak of bad syntax: whether an allocation failed is kept by
 * who allocates. */
static json_malloc_t allocate_with;
static _Thread_local bool allocation_failed;

static void *allocate(size_t size) {
    void *memory = allocate_with(size);
    allocation_failed = allocation_failed || !memory;
    return memory;
}

void folder_prepare_json(void) {
    json_malloc_t own;
    json_free_t release;
    json_get_alloc_funcs(&own, &release);
    if (own == allocate)
        return;
    allocate_with = own;
    json_set_alloc_funcs(allocate, release);
    json_object_seed(0);
}

json_t *folder_parse_json(const char *text, size_t size, char *why, size_t why_size) {
    json_error_t error;
    folder_prepare_json();
    allocation_failed = false;
    error.text[0] = '\0';
    json_t *value = quick_json_parse(text, size);
    if (!value && !allocation_failed)
        value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (value)
        return value;
    if (allocation_failed || !error.text[0])
        snprintf(why, why_size, OUT_OF_MEMORY);
    else
        snprintf(why, why_size, "%s (line %d, column %d)", error.text, error.line, error.column);
    return NULL;
}

int folder_refuse(const char *path, size_t line, const char *why) {
    char place[40] = "";
    if (line > 0)
        snprintf(place, sizeof place, "line %zu: ", line);
    if (strstr(why, OUT_OF_MEMORY))
        return error_set("%s: %s" OUT_OF_MEMORY "; close other programs", path, place);
    /* Another format is no damage: record.h says what to do about it. */
    if (strncmp(why, "format ", 7) == 0)
        return error_set("%s: %s", path, why);
    return error_set("%s: %s%s; the file was edited or damaged, take an intact copy", path, place,
                     why);
}
