/*
 * reveal_child.c: the program in which a stranger's library runs, for `nanolab reveal`. It is
 * linked to the C library alone, so that the library's symbols are its own and those of what it is
 * linked to, never those of the libraries that nanolab uses.
 *
 * Two processes: the first watches and never runs the library's code; the second, its child, loads
 * the library and calls the function. When the second ends, takes too much memory or the parent
 * goes away, the first ends every process the library has started, also those that left the
 * process group: orphans come to it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "kernels/tree/child_protocol.h"
#include "tools/reveal_child_processes.h"
#include "tools/reveal_child_shake.h"
#include "tools/reveal_child_symbol.h"

#define PROCESSES_MAX 512
/* Address space is given away freely: threads reserve much of it and use little. */
#define SPACE_AROUND ((rlim_t)64 << 30)
/* A process may have this much more than all may have together, so that the limit on all of them,
 * which has a name, is reached first. */
#define DATA_AROUND ((rlim_t)1 << 30)

static struct child_shared *shared;

/* --- the process that calls ------------------------------------------------------------------- */

static void call(void *function, pid_t self) {
    const void *x = (const char *)shared + shared->x_at, *y = (const char *)shared + shared->y_at;
    size_t n = shared->n;
    double result;
    /* A float is returned in the low half of the register of a double: the parent chooses. */
    if (shared->f64_inputs && shared->dot)
        result = ((double (*)(const double *, const double *, size_t))function)(x, y, n);
    else if (shared->f64_inputs)
        result = ((double (*)(const double *, size_t))function)(x, n);
    else if (shared->dot)
        result = ((double (*)(const float *, const float *, size_t))function)(x, y, n);
    else
        result = ((double (*)(const float *, size_t))function)(x, n);
    if (getpid() != self)
        _exit(0); /* the library forked and came back twice: the copy has no say */
    memcpy(&shared->result, &result, sizeof result);
}

static void limit(int what, rlim_t most) {
    struct rlimit limits = {most, most};
    setrlimit(what, &limits);
}

static void worker(pid_t watcher, const char *library, const char *symbol) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != watcher)
        _exit(0);
    close(CHILD_MEMORY_FD);
    close(CHILD_LIFE_FD);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_DATA, shared->memory_limit + DATA_AROUND);
    limit(RLIMIT_AS, shared->memory_limit + SPACE_AROUND);
    setvbuf(stdout, NULL, _IOLBF, 0);
    pid_t self = getpid();
    cpu_set_t all;
    CPU_ZERO(&all);
    sched_getaffinity(0, sizeof all, &all);
    void *function = symbol_load(library, symbol, shared->error, sizeof shared->error);
    if (getpid() != self)
        _exit(0);
    for (uint32_t answered = 1;; answered++) {
        atomic_store(&shared->answered, answered);
        child_raise(&shared->events);
        if (!function)
            _exit(0);
        while (atomic_load(&shared->asked) == answered)
            child_wait(&shared->asked, answered, 1.0); /* or a timer of the library's went off */
        shake(atomic_load(&shared->shake), &all);
        call(function, self);
    }
}

/* --- the process that watches ----------------------------------------------------------------- */

static void wake(int signal) {
    (void)signal;
}

/* Says how it ended, once, after everything of the library's has. */
static void finish(enum child_end end, int status) {
    processes_end_all();
    shared->end_status = status;
    atomic_store(&shared->end, end);
    child_raise(&shared->events);
    _exit(0);
}

static void watch(pid_t child) {
    for (unsigned turn = 0;; turn++) {
        int status;
        pid_t gone;
        while ((gone = waitpid(-1, &status, WNOHANG)) > 0)
            if (gone == child)
                finish(CHILD_GONE, status);
        struct pollfd life = {CHILD_LIFE_FD, POLLIN, 0};
        struct timespec tick = {0, 20000000};
        sigset_t none;
        sigemptyset(&none);
        /* SIGCHLD is let in here only: no end is missed between the look above and the wait. */
        if (ppoll(&life, 1, &tick, &none) > 0)
            finish(CHILD_GONE, 0);
        size_t count = 1;
        uint64_t memory = processes_memory(child);
        if (turn % 4 == 3)
            processes_below(child, &count, &memory);
        if (memory > shared->memory_limit)
            finish(CHILD_OUT_OF_MEMORY, 0);
        if (count > PROCESSES_MAX)
            finish(CHILD_TOO_MANY, 0);
    }
}

static struct child_shared *map(void) {
    struct child_shared head;
    if (pread(CHILD_MEMORY_FD, &head, sizeof head, 0) != (ssize_t)sizeof head)
        return NULL;
    char *all = mmap(NULL, head.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, CHILD_MEMORY_FD, 0);
    if (all == MAP_FAILED)
        return NULL;
    for (int k = 0; k < 3; k++)
        mprotect(all + child_region(&head, k) - head.page, head.page, PROT_NONE);
    return (struct child_shared *)all;
}

int main(int argc, char **argv) {
    if (argc != 3 || !(shared = map())) {
        fprintf(stderr, "nanolab-reveal-child is started by nanolab reveal --library\n");
        return 2;
    }
    close_range(CHILD_LIFE_FD + 1, ~0u, 0);
    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    signal(SIGCHLD, wake);
    pid_t self = getpid(), child = fork();
    if (child == 0) {
        signal(SIGCHLD, SIG_DFL);
        sigprocmask(SIG_UNBLOCK, &ends, NULL);
        worker(self, argv[1], argv[2]);
    }
    if (child < 0)
        finish(CHILD_TOO_MANY, 0);
    watch(child);
}
