/*
 * clean_root_fixture.h: for tests: a root folder that holds the C library's own libraries and its
 * loader, copied from this machine, and nothing else: no shell, no tool, no locale, no font; and
 * programs run in it as a user without rights, by a user namespace where the kernel allows one, by
 * root's own rights elsewhere.
 */
#ifndef NANOLAB_SCRIPTS_CLEAN_ROOT_FIXTURE_H
#define NANOLAB_SCRIPTS_CLEAN_ROOT_FIXTURE_H

#ifndef _GNU_SOURCE
#error "define _GNU_SOURCE before any include: unshare, dlinfo"
#endif

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a run leaves out of a usual machine, or takes away. */
enum {
    ROOT_WITHOUT_PROC = 1,
    ROOT_WITHOUT_SYS = 2,
    ROOT_READ_ONLY = 4, /* all but /tmp, which is a file system of its own then */
    ROOT_SMALL_TMP = 8, /* 1 MiB */
    ROOT_TOOLS = 16, /* the other way: this machine's programs and libraries are there, to read */
};

#define ROOT_USER "1000"
static const char *const root_tools[] = {"/usr", "/bin", "/lib", "/lib64", "/etc/alternatives"};
static const char *const root_devices[] = {"null", "zero", "full", "urandom", "random"};

/* --- making it --- */

/* Copies a file to the same path under `root`. */
static int root_copy(const char *root, const char *file) {
    char command[3 * 4096];
    snprintf(command, sizeof command, "install -D -m 755 '%s' '%s%s'", file, root, file);
    return system(command) == 0 ? 0 : -1;
}

/* The path of the loader that this program was started by. */
static int root_loader(struct dl_phdr_info *info, size_t size, void *path) {
    (void)size;
    for (int k = 0; k < info->dlpi_phnum; k++)
        if (info->dlpi_phdr[k].p_type == PT_INTERP)
            snprintf(path, 4096, "%s",
                     (const char *)(info->dlpi_addr + info->dlpi_phdr[k].p_vaddr));
    return 1; /* the first is the program itself */
}

static int root_make(const char *root) {
    /* All of them that a program may name; those of older C libraries are empty today. */
    static const char *const names[] = {"libc.so.6",   "libm.so.6",  "libpthread.so.0",
                                        "libdl.so.2",  "librt.so.1", "libresolv.so.2",
                                        "libutil.so.1"};
    char path[4096] = "", command[4096 + 200];
    dl_iterate_phdr(root_loader, path);
    if (!*path || root_copy(root, path) != 0)
        return -1;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        struct link_map *map;
        void *library = dlopen(names[k], RTLD_LAZY);
        if (!library || dlinfo(library, RTLD_DI_LINKMAP, &map) != 0 ||
            root_copy(root, map->l_name) != 0)
            return -1;
        dlclose(library);
    }
    snprintf(command, sizeof command,
             "cd '%s' && mkdir -p proc sys dev home/user usr bin lib lib64 etc/alternatives && "
             "mkdir -m 1777 tmp && "
             "touch dev/null dev/zero dev/full dev/urandom dev/random",
             root);
    return system(command) == 0 ? 0 : -1;
}

/* --- going into it --- */

static int root_write(const char *file, const char *text) {
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    ssize_t size = (ssize_t)strlen(text);
    int status = fd >= 0 && write(fd, text, (size_t)size) == size ? 0 : -1;
    if (fd >= 0)
        close(fd);
    return status;
}

/* Mounts that nobody else sees. Without a namespace of users only root gets them. */
static int root_unshare(void) {
    char user[40], group[40];
    snprintf(user, sizeof user, ROOT_USER " %u 1", geteuid());
    snprintf(group, sizeof group, ROOT_USER " %u 1", getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0)
        return root_write("/proc/self/setgroups", "deny") == 0 &&
                       root_write("/proc/self/uid_map", user) == 0 &&
                       root_write("/proc/self/gid_map", group) == 0
                   ? 0
                   : -1;
    return unshare(CLONE_NEWNS);
}

static int root_bind(const char *root, const char *what) {
    char to[4096 + 32];
    snprintf(to, sizeof to, "%s%s", root, what);
    return mount(what, to, NULL, MS_BIND | MS_REC, NULL);
}

static int root_mount(const char *root, unsigned without) {
    const unsigned long kept = ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME | ST_NODIRATIME;
    struct statvfs below;
    char tmp[4096 + 32], device[32];
    snprintf(tmp, sizeof tmp, "%s/tmp", root);
    int failed = root_unshare() != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
                 mount(root, root, NULL, MS_BIND | MS_REC, NULL) != 0;
    /* What the file system below does not allow stays so, or the kernel refuses. */
    if (!failed && (without & ROOT_READ_ONLY))
        failed = statvfs(root, &below) != 0 ||
                 mount(NULL, root, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | (below.f_flag & kept),
                       NULL) != 0;
    for (size_t k = 0; !failed && k < sizeof root_devices / sizeof *root_devices; k++) {
        snprintf(device, sizeof device, "/dev/%s", root_devices[k]);
        failed = root_bind(root, device) != 0;
    }
    for (size_t k = 0;
         !failed && (without & ROOT_TOOLS) && k < sizeof root_tools / sizeof *root_tools; k++)
        failed = access(root_tools[k], F_OK) == 0 && root_bind(root, root_tools[k]) != 0;
    if (!failed && !(without & ROOT_WITHOUT_PROC))
        failed = root_bind(root, "/proc") != 0;
    if (!failed && !(without & ROOT_WITHOUT_SYS))
        failed = root_bind(root, "/sys") != 0;
    if (!failed && (without & (ROOT_SMALL_TMP | ROOT_READ_ONLY)))
        failed = mount("tmpfs", tmp, "tmpfs", 0,
                       without & ROOT_SMALL_TMP ? "size=1m,mode=1777" : "size=256m,mode=1777") != 0;
    return failed ? -1 : 0;
}

#define ROOT_NO_ENTRY 125 /* the exit status of a child that could not go in */

/* Runs a program in the root, in its folder /home/user, without HOME or any locale; what it writes
 * goes to the files `out` and `err` outside. Its exit status, 128 + the signal that ended it, or
 * ROOT_NO_ENTRY. */
static int root_run(const char *root, unsigned without, const char *const *argv, const char *out,
                    const char *err) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        char *const environment[] = {(char *)"PATH=/bin", NULL};
        int null = open("/dev/null", O_RDONLY);
        int to = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        int complain = open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (dup2(null, 0) < 0 || dup2(to, 1) < 0 || dup2(complain, 2) < 0 ||
            root_mount(root, without) != 0 || chroot(root) != 0 || chdir("/home/user") != 0)
            _exit(ROOT_NO_ENTRY);
        closefrom(3);
        execve(argv[0], (char *const *)argv, environment);
        dprintf(2, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    int status = 0;
    if (child < 0)
        return ROOT_NO_ENTRY;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#endif
