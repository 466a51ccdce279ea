/*
 * stop.c: see stop.h. All that runs in a handler is safe there: no allocation, no stdio.
 */
#define _GNU_SOURCE
#include "harness/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define KEPT 8
#define PATH 4200
/* An unpacked archive: the private folder's result/LAB/side. */
#define DEPTH 3
/* Seconds between a signal and the end by force. */
#define GRACE 1

volatile sig_atomic_t stop_signal;
static const volatile sig_atomic_t *stop_child;
static volatile sig_atomic_t holding;
static struct timespec first_time;
static char folders[KEPT][PATH];
static atomic_flag folder_taken[KEPT];          /* threads may unpack at once … */
static volatile sig_atomic_t folder_used[KEPT]; /* … and this one's path is whole */
static volatile pid_t groups[KEPT];

/* What getdents64 gives; the kernel's own layout. */
struct entry {
    uint64_t inode;
    int64_t offset;
    unsigned short size;
    unsigned char type;
    char name[];
};

static void empty_folder(int fd, int depth) {
    _Alignas(struct entry) char buffer[4096];
    long got;
    while ((got = syscall(SYS_getdents64, fd, buffer, sizeof buffer)) > 0) {
        int removed = 0;
        for (long at = 0; at < got;) {
            const struct entry *one = (const struct entry *)(buffer + at);
            at += one->size;
            if (strcmp(one->name, ".") == 0 || strcmp(one->name, "..") == 0)
                continue;
            if (unlinkat(fd, one->name, 0) == 0) {
                removed = 1;
            } else if (depth > 0) {
                int inner = openat(fd, one->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (inner >= 0) {
                    empty_folder(inner, depth - 1);
                    close(inner);
                    removed |= unlinkat(fd, one->name, AT_REMOVEDIR) == 0;
                }
            }
        }
        if (!removed || lseek(fd, 0, SEEK_SET) != 0)
            return;
    }
}

/* Another thread may be writing into it. */
static void remove_folder(const char *path) {
    for (int tries = 0; tries < 1000; tries++) {
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            return;
        empty_folder(fd, DEPTH);
        close(fd);
        if (rmdir(path) == 0)
            return;
    }
}

static void end_now(void) {
    for (int k = 0; k < KEPT; k++)
        if (groups[k] > 0)
            kill(-groups[k], SIGKILL);
    for (int k = 0; k < KEPT; k++) {
        if (folder_used[k])
            remove_folder(folders[k]);
    }
    static const char said[] = "nanolab: stopped; what was recorded is kept\n";
    ssize_t written = write(STDERR_FILENO, said, sizeof said - 1);
    (void)written;
    _exit(128 + (int)stop_signal);
}

static void on_alarm(int number) {
    (void)number;
    if (stop_signal && !(stop_child && *stop_child > 0))
        end_now();
}

static void on_signal(int number) {
    int error = errno;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    /* One Ctrl-C reaches a lab twice: from the terminal, and from its driver. */
    int second = stop_signal && (now.tv_sec - first_time.tv_sec) * 1000 +
                                        (now.tv_nsec - first_time.tv_nsec) / 1000000 >
                                    500;
    if (!stop_signal)
        first_time = now;
    stop_signal = number;
    if (stop_child && *stop_child > 0)
        kill((pid_t)*stop_child, number);
    if (second || !holding)
        alarm(GRACE);
    errno = error;
}

void stop_catch(const volatile sig_atomic_t *child) {
    struct sigaction action, before;
    stop_child = child;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    /* Interrupted system calls go on: the case in hand is to be finished, not broken. */
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* nohup means what it says. */
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &action, NULL);
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, NULL);
    signal(SIGXFSZ, SIG_IGN);
}

void stop_hold(bool hold) {
    holding = hold;
    if (!hold && stop_signal)
        alarm(GRACE);
}

int stop_status(int status) {
    return stop_signal ? 128 + (int)stop_signal : status;
}

void stop_folder(const char *path) {
    for (int k = 0; strlen(path) < PATH && k < KEPT; k++)
        if (!atomic_flag_test_and_set(&folder_taken[k])) {
            strcpy(folders[k], path);
            folder_used[k] = 1;
            return;
        }
}

void stop_forget_folder(const char *path) {
    for (int k = 0; k < KEPT; k++)
        if (folder_used[k] && strcmp(folders[k], path) == 0) {
            folder_used[k] = 0;
            atomic_flag_clear(&folder_taken[k]);
        }
}

void stop_group(pid_t group) {
    for (int k = 0; k < KEPT; k++)
        if (groups[k] == 0) {
            groups[k] = group;
            return;
        }
}

void stop_forget_group(pid_t group) {
    for (int k = 0; k < KEPT; k++)
        if (groups[k] == group)
            groups[k] = 0;
}
