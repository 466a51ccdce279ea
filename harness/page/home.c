/* home.c: see home.h. */
#define _GNU_SOURCE
#include "harness/page/home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/store/result.h"

static int is_small(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

int home_is_plain(const char *name) {
    size_t length = strlen(name);
    if (length == 0 || length > 48)
        return 0;
    for (size_t i = 0; i < length; i++)
        if (!is_small(name[i]))
            return 0;
    return 1;
}

int home_is_lab(const char *name) {
    return home_is_plain(name) && strlen(name) > 3 && name[0] >= '0' && name[0] <= '9' &&
           name[1] >= '0' && name[1] <= '9' && name[2] == '-';
}

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

int home_labs(const struct folder *folder, char (*names)[HOME_NAME_MAX], size_t max) {
    int copy = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    if (!list) {
        int bad = errno;
        if (copy >= 0)
            close(copy);
        return error_set("%s: cannot list it: %s", folder->path, strerror(bad));
    }
    size_t count = 0;
    for (struct dirent *entry; count < max && (entry = readdir(list));) {
        struct stat st;
        if (!home_is_lab(entry->d_name))
            continue;
        if (fstatat(folder->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
            continue;
        if (!S_ISDIR(st.st_mode))
            continue;
        snprintf(names[count++], HOME_NAME_MAX, "%.*s", HOME_NAME_MAX - 1, entry->d_name);
    }
    closedir(list);
    qsort(names, count, HOME_NAME_MAX, by_name);
    return (int)count;
}

int home_make_in(struct folder *made, const struct folder *parent, const char *name) {
    if (mkdirat(parent->fd, name, 0777) && errno != EEXIST)
        return error_set("%s/%s: cannot make this folder: %s", parent->path, name,
                         folder_advice(errno));
    return folder_open_in(made, parent, name);
}

static int is_home(const char *path) {
    char file[4200];
    snprintf(file, sizeof file, "%s/harness/page/style.gp", path);
    if (access(file, R_OK))
        return 0;
    snprintf(file, sizeof file, "%s/labs", path);
    return access(file, X_OK) == 0;
}

int home_find(char *path, size_t size) {
    char here[4096];
    ssize_t length = readlink("/proc/self/exe", here, sizeof here - 1);
    if (length <= 0)
        return error_set("cannot tell where this program is (/proc/self/exe: %s); mount /proc",
                         strerror(errno));
    here[length] = '\0';
    /* build/bin/nanolab is two levels down, build/tests/harness/x_test three, and a build folder
     * may be deeper itself. */
    for (int up = 0; up < 8; up++) {
        char *slash = strrchr(here, '/');
        if (!slash || slash == here)
            break;
        *slash = '\0';
        if (snprintf(path, size, "%s/share/nanolab", here) < (int)size && is_home(path))
            return 0;
        if (snprintf(path, size, "%s", here) < (int)size && is_home(path))
            return 0;
    }
    return error_set("no harness/page/style.gp and labs/ above this program, nor in its "
                     "../share/nanolab; run it from its source tree");
}

int home_private(char *path, size_t size) {
    const char *base = getenv("TMPDIR");
    if (!base || base[0] != '/')
        base = "/tmp";
    if (snprintf(path, size, "%s/nanolab-XXXXXX", base) >= (int)size)
        return error_set("TMPDIR is too long; set it to a shorter path");
    if (!mkdtemp(path))
        return error_set("%s: cannot make a folder for temporary files: %s; set TMPDIR", base,
                         strerror(errno));
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)st, (void)kind, (void)ftw;
    remove(path);
    return 0;
}

void home_private_remove(const char *path) {
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
