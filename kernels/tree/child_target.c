/*
 * child_target.c: one child per target. Inputs lie in shared memory, a page that cannot be touched
 * behind them; a byte over a pipe starts a call and a byte over another ends it. What the library
 * prints goes into a third pipe, which is always drained, so that printing cannot block it.
 */
#define _GNU_SOURCE
#include "kernels/tree/child_target.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernels/device/device.h"

#define DEFAULT_SECONDS 10.0
#define CPU_SECONDS 1800 /* of all calls together, should the parent be gone */
#define OUTPUT_MAX 4096
/* Exit status of a child that can no longer answer. */
#define CUT_OFF 119

/* At the start of the shared memory. */
struct shared {
    double result;
    size_t x_at, y_at; /* offsets from the start of the shared memory */
    char error[400];   /* why loading failed */
};

struct child {
    pid_t pid;
    int go, done, printed; /* our ends of the pipes */
    double seconds;
    struct shared *shared;
    size_t shared_bytes;
    size_t bytes; /* of x */
    size_t room;  /* from a 64-byte boundary to the end of the page before the guard */
    size_t page;
    enum element type;
    bool dot, loaded;
    size_t calls;
    const char *symbol;
    char output[OUTPUT_MAX + 1];
    size_t output_used;
};

/* --- the child's side ------------------------------------------------------------------------- */

static void serve(struct shared *shared, void *function, const struct child_spec *spec, size_t n,
                  int go, int done) {
    char byte;
    while (read(go, &byte, 1) == 1) {
        const void *x = (const char *)shared + shared->x_at;
        const void *y = (const char *)shared + shared->y_at;
        /* Any bits stand for "it forgot to return a value". */
        if (spec->type == ELEMENT_F64 && spec->dot)
            shared->result =
                ((double (*)(const double *, const double *, size_t))function)(x, y, n);
        else if (spec->type == ELEMENT_F64)
            shared->result = ((double (*)(const double *, size_t))function)(x, n);
        else if (spec->dot)
            shared->result = ((float (*)(const float *, const float *, size_t))function)(x, y, n);
        else
            shared->result = ((float (*)(const float *, size_t))function)(x, n);
        if (write(done, &byte, 1) != 1)
            return;
    }
}

static void limit(int what, rlim_t most) {
    struct rlimit limits = {most, most};
    setrlimit(what, &limits);
}

static void child_main(struct shared *shared, const struct child_spec *spec, size_t n, int go,
                       int done, int printed) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* the parent's handlers would hide what happens here */
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, CPU_SECONDS);
    int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, 0);
    dup2(printed, 1);
    dup2(printed, 2);
    setvbuf(stdout, NULL, _IOLBF, 0);
    void *library = dlopen(spec->library, RTLD_NOW | RTLD_LOCAL);
    void *function = library ? dlsym(library, spec->symbol) : NULL;
    if (!function) {
        const char *why = dlerror();
        snprintf(shared->error, sizeof shared->error, "%s",
                 why ? why : "its address is zero, it is no function");
    }
    if (write(done, "l", 1) == 1 && function)
        serve(shared, function, spec, n, go, done);
    _exit(function ? CUT_OFF : 0);
}

/* --- the parent's side ------------------------------------------------------------------------ */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Takes what was printed; keeps the beginning. False at the end of the pipe. */
static bool drain(struct child *c) {
    char some[4096];
    ssize_t got = read(c->printed, some, sizeof some);
    if (got <= 0)
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    size_t keep = OUTPUT_MAX - c->output_used;
    keep = keep < (size_t)got ? keep : (size_t)got;
    memcpy(c->output + c->output_used, some, keep);
    c->output_used += keep;
    c->output[c->output_used] = '\0';
    return true;
}

static int fail_about(struct child *c, const char *what) {
    if (c->loaded)
        return device_fail("%s %s in call %zu", c->symbol, what, c->calls);
    return device_fail("loading the library: it %s", what);
}

/* The child is gone: how? */
static int report_end(struct child *c) {
    int status = 0;
    char what[160];
    pid_t pid = c->pid;
    c->pid = 0;
    if (waitpid(pid, &status, 0) != pid)
        return fail_about(c, "vanished");
    if (WIFSIGNALED(status))
        snprintf(what, sizeof what, "was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == CUT_OFF)
        snprintf(what, sizeof what, "closed files that are not its own");
    else
        snprintf(what, sizeof what, "ended its process with exit status %d", WEXITSTATUS(status));
    return fail_about(c, what);
}

/* Waits until the child has answered. */
static int await(struct child *c) {
    double until = now() + c->seconds;
    bool printing = true;
    for (;;) {
        double left = until - now();
        if (left <= 0.0) {
            char what[80];
            snprintf(what, sizeof what, "did not return within %g seconds and was killed",
                     c->seconds);
            kill(c->pid, SIGKILL);
            waitpid(c->pid, NULL, 0);
            c->pid = 0;
            return fail_about(c, what);
        }
        struct pollfd wait[2] = {{c->done, POLLIN, 0}, {printing ? c->printed : -1, POLLIN, 0}};
        if (poll(wait, 2, (int)(left * 1000.0) + 1) < 0 && errno != EINTR)
            return device_fail("poll: %s", strerror(errno));
        if (wait[1].revents)
            printing = drain(c);
        if (wait[0].revents) {
            char byte;
            return read(c->done, &byte, 1) == 1 ? 0 : report_end(c);
        }
    }
}

static int call(struct child *c, const void *x, const void *y, double *result) {
    if (!c->pid)
        return device_fail("%s is gone", c->symbol);
    char *x_to = (char *)c->shared + c->page + ((uintptr_t)x & 63);
    char *y_to = (char *)c->shared + 2 * c->page + c->room + ((uintptr_t)x & 63);
    memcpy(x_to, x, c->bytes);
    if (y)
        memcpy(y_to, y, c->bytes);
    c->shared->x_at = (size_t)(x_to - (char *)c->shared);
    c->shared->y_at = (size_t)(y_to - (char *)c->shared);
    c->calls++;
    if (write(c->go, "g", 1) != 1)
        return report_end(c);
    if (await(c))
        return -1;
    if (memcmp(x_to, x, c->bytes) != 0 || (y && memcmp(y_to, y, c->bytes) != 0))
        return device_fail("%s writes to its inputs, which are const", c->symbol);
    *result = c->shared->result;
    return 0;
}

static int sum(void *context, const void *x, size_t n, double *result) {
    (void)n;
    return call(context, x, NULL, result);
}

static int dot(void *context, const void *x, const void *y, size_t n, double *result) {
    (void)n;
    return call(context, x, y, result);
}

/* Head page, x, guard, y, guard. */
static int map_shared(struct child *c) {
    c->page = (size_t)sysconf(_SC_PAGESIZE);
    c->room = (c->bytes + 128 + c->page - 1) / c->page * c->page;
    c->shared_bytes = 3 * c->page + 2 * c->room;
    void *shared =
        mmap(NULL, c->shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return device_fail("%zu bytes of shared memory: %s", c->shared_bytes, strerror(errno));
    c->shared = shared;
    mprotect((char *)shared + c->page + c->room, c->page, PROT_NONE);
    mprotect((char *)shared + 2 * c->page + 2 * c->room, c->page, PROT_NONE);
    return 0;
}

static int start(struct child *c, const struct child_spec *spec, size_t n) {
    int go[2] = {-1, -1}, done[2] = {-1, -1}, printed[2] = {-1, -1};
    bool piped =
        pipe2(go, O_CLOEXEC) == 0 && pipe2(done, O_CLOEXEC) == 0 && pipe2(printed, O_CLOEXEC) == 0;
    fflush(NULL); /* or the child would print it again */
    c->pid = piped ? fork() : -1;
    if (c->pid == 0) {
        close(go[1]);
        close(done[0]);
        close(printed[0]);
        child_main(c->shared, spec, n, go[0], done[1], printed[1]);
    }
    int error = errno;
    close(go[0]);
    close(done[1]);
    close(printed[1]);
    c->go = go[1];
    c->done = done[0];
    c->printed = printed[0];
    if (c->pid < 0) {
        c->pid = 0;
        return device_fail("starting a child process: %s", strerror(error));
    }
    fcntl(c->printed, F_SETFL, O_NONBLOCK);
    return 0;
}

int child_target_open(struct recover_target *target, const struct child_spec *spec, size_t n) {
    memset(target, 0, sizeof *target);
    struct child *c = calloc(1, sizeof *c);
    if (!c)
        return device_fail("not enough memory");
    c->go = c->done = c->printed = -1;
    c->seconds = spec->seconds > 0.0 ? spec->seconds : DEFAULT_SECONDS;
    c->bytes = n * element_bytes(spec->type);
    c->dot = spec->dot;
    c->symbol = spec->symbol;
    target->type = target->result = spec->type;
    target->context = c;
    if (spec->dot)
        target->dot = dot;
    else
        target->sum = sum;
    /* A write to a child that is gone is an error, not the end of this process. */
    signal(SIGPIPE, SIG_IGN);
    if (map_shared(c) || start(c, spec, n) || await(c))
        return -1;
    c->shared->error[sizeof c->shared->error - 1] = '\0';
    if (c->shared->error[0])
        return device_fail("%s", c->shared->error);
    c->loaded = true;
    return 0;
}

const char *child_target_output(const struct recover_target *target) {
    struct child *c = target->context;
    return c ? c->output : "";
}

void child_target_close(struct recover_target *target) {
    struct child *c = target->context;
    target->context = NULL;
    if (!c)
        return;
    if (c->pid) {
        kill(c->pid, SIGKILL);
        waitpid(c->pid, NULL, 0);
    }
    for (int k = 0; k < 3; k++) {
        int fd = k == 0 ? c->go : k == 1 ? c->done : c->printed;
        if (fd >= 0)
            close(fd);
    }
    if (c->shared)
        munmap(c->shared, c->shared_bytes);
    free(c);
}
