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
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/stop.h"

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

int home_make_in(struct folder *made, const struct folder *parent, const char *name) {
    if (mkdirat(parent->fd, name, 0777) && errno != EEXIST)
        return error_set("%s/%s: cannot make this folder: %s", parent->path, name,
                         folder_advice(errno));
    return folder_open_in(made, parent, name);
}

static int is_entry(const struct dirent *entry) {
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

int home_page_folder(struct folder *folder, const char *dir, const char *file,
                     const char *command) {
    struct dirent **list = NULL;
    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        return error_set("%s: cannot make this folder: %s", dir, folder_advice(errno));
    if (folder_open(folder, dir) != 0)
        return -1;
    int count = scandirat(folder->fd, ".", &list, is_entry, NULL);
    for (int k = 0; k < count; k++)
        free(list[k]);
    free(list);
    if (count == 0 || folder_has(folder, file))
        return 0;
    folder_close(folder);
    return error_set("%s: is there already, and holds no page of %s; name another folder", dir,
                     command);
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

/* Private folders are held locked while their program lives, so that the next one can tell what a
 * killed one left. */
#define PRIVATE "nanolab-plot-"
#define PRIVATE_MAX 8
static struct {
    char path[4096];
    int fd; /* -1: free */
} held[PRIVATE_MAX] = {{"", -1}, {"", -1}, {"", -1}, {"", -1},
                       {"", -1}, {"", -1}, {"", -1}, {"", -1}};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)st, (void)kind, (void)ftw;
    remove(path);
    return 0;
}

/* Removes what killed programs of ours left in `base`. */
static void remove_stale(const char *base) {
    DIR *list = opendir(base);
    for (struct dirent *entry; list && (entry = readdir(list));) {
        char path[4200];
        struct stat st;
        if (strncmp(entry->d_name, PRIVATE, sizeof PRIVATE - 1) != 0 ||
            strlen(entry->d_name) != sizeof PRIVATE - 1 + 6)
            continue;
        int fd =
            openat(dirfd(list), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            continue;
        snprintf(path, sizeof path, "%s/%.60s", base, entry->d_name);
        if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0)
            nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        close(fd);
    }
    if (list)
        closedir(list);
}

/* Holds the folder; false where another program took it for left over before that. */
static int hold(const char *path) {
    struct stat st;
    int k = 0;
    while (k < PRIVATE_MAX && held[k].fd >= 0)
        k++;
    stop_folder(path);
    if (k == PRIVATE_MAX)
        return 1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    flock(fd, LOCK_EX | LOCK_NB); /* without locks nothing is ever removed for stale either */
    snprintf(held[k].path, sizeof held[k].path, "%s", path);
    held[k].fd = fd;
    return fstat(fd, &st) == 0 && st.st_nlink > 0;
}

int home_private(char *path, size_t size) {
    const char *base = getenv("TMPDIR");
    if (!base || base[0] != '/')
        base = "/tmp";
    remove_stale(base);
    for (int tries = 0; tries < 10; tries++) {
        if (snprintf(path, size, "%s/" PRIVATE "XXXXXX", base) >= (int)size || size > 4096)
            return error_set("TMPDIR is too long; set it to a shorter path");
        if (!mkdtemp(path))
            return error_set("%s: cannot make a folder for temporary files: %s; set TMPDIR", base,
                             strerror(errno));
        if (hold(path))
            return 0;
        home_private_remove(path);
    }
    return error_set("%s: a folder for temporary files does not stay; set TMPDIR", base);
}

void home_private_remove(const char *path) {
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    stop_forget_folder(path);
    for (int k = 0; k < PRIVATE_MAX; k++)
        if (held[k].fd >= 0 && strcmp(held[k].path, path) == 0) {
            close(held[k].fd);
            held[k].fd = -1;
        }
}
