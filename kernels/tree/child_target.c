/*
 * child_target.c: starts the program that runs the library, puts inputs into memory shared with it,
 * and waits for answers. Around the inputs lies what no sum survives (NaN), and around that pages
 * that cannot be touched. What the library prints comes through a pipe that is always drained, so
 * that printing cannot block it.
 */
#define _GNU_SOURCE
#include "kernels/tree/child_target.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernels/device/device.h"
#include "kernels/device/libexec.h"
#include "kernels/tree/child_protocol.h"

#define DEFAULT_SECONDS 10.0
#define DEFAULT_TOTAL_SECONDS 600.0
#define DEFAULT_MEGABYTES 2048
#define OUTPUT_MAX 4096
/* Between two guards, on both sides of inputs at a 64-byte boundary. */
#define AROUND 64
/* For the program to end all processes of the library when it is told to. */
#define SECONDS_TO_END 5.0

struct child {
    struct child_spec spec;
    size_t n, bytes; /* of x */
    pid_t pid;       /* of the program; 0: it is not running */
    int life, printed;
    struct child_shared *shared;
    size_t calls;
    double used; /* seconds of all calls */
    bool loaded;
    char output[OUTPUT_MAX + 1];
    size_t output_used;
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- the program ------------------------------------------------------------------------------ */

static void close_fd(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* A pipe of which no end is a standard file, whatever is closed here. */
static int make_pipe(int ends[2]) {
    int low[2];
    ends[0] = ends[1] = -1;
    if (pipe2(low, O_CLOEXEC))
        return -1;
    for (int k = 0; k < 2; k++) {
        ends[k] = fcntl(low[k], F_DUPFD_CLOEXEC, CHILD_LIFE_FD + 1);
        close(low[k]);
    }
    return ends[0] >= 0 && ends[1] >= 0 ? 0 : -1;
}

static int spawn(struct child *c, int memory, int life, int printed) {
    char path[3100];
    if (libexec_find("nanolab-reveal-child", path, sizeof path) != 0)
        return device_fail("libexec/nanolab-reveal-child is not beside this program; run make");
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    /* Handlers and masks of ours would hide what happens there. */
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, printed, 1);
    posix_spawn_file_actions_adddup2(&files, printed, 2);
    posix_spawn_file_actions_adddup2(&files, memory, CHILD_MEMORY_FD);
    posix_spawn_file_actions_adddup2(&files, life, CHILD_LIFE_FD);
    char *const argv[] = {path, (char *)c->spec.library, (char *)c->spec.symbol, NULL};
    int bad = posix_spawn(&c->pid, path, &files, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (!bad)
        return 0;
    c->pid = 0;
    return device_fail("starting a child process: %s", strerror(bad));
}

/* Head, guard, x, guard, y, guard. */
static int map_shared(struct child *c, int memory) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (c->bytes + 2 * AROUND + 64 + page - 1) / page * page,
           bytes = 4 * page + 2 * room;
    if (ftruncate(memory, (off_t)bytes))
        return device_fail("%zu bytes of shared memory: %s", bytes, strerror(errno));
    void *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (shared == MAP_FAILED)
        return device_fail("%zu bytes of shared memory: %s", bytes, strerror(errno));
    c->shared = shared;
    size_t megabytes = c->spec.megabytes ? c->spec.megabytes : DEFAULT_MEGABYTES;
    *c->shared = (struct child_shared){.bytes = bytes,
                                       .page = page,
                                       .room = room,
                                       .n = c->n,
                                       .memory_limit = (uint64_t)megabytes << 20,
                                       .f64_inputs = c->spec.type == ELEMENT_F64,
                                       .dot = c->spec.dot,
                                       .asked = 1};
    return 0;
}

static int await(struct child *c);

/* Starts the program and waits until the library is loaded. */
static int start(struct child *c) {
    int low = memfd_create("nanolab", MFD_CLOEXEC), memory = -1, life[2] = {-1, -1};
    int printed[2] = {-1, -1}, status = -1;
    if (low >= 0) {
        memory = fcntl(low, F_DUPFD_CLOEXEC, CHILD_LIFE_FD + 1);
        close(low);
    }
    if (memory < 0 || make_pipe(life) || make_pipe(printed))
        device_fail("starting a child process: %s", strerror(errno));
    else if (map_shared(c, memory) == 0)
        status = spawn(c, memory, life[0], printed[1]);
    close_fd(&memory);
    close_fd(&life[0]);
    close_fd(&printed[1]);
    c->life = life[1];
    c->printed = printed[0];
    c->loaded = false;
    if (status)
        return status;
    fcntl(c->printed, F_SETFL, O_NONBLOCK);
    if (await(c))
        return -1;
    c->shared->error[sizeof c->shared->error - 1] = '\0';
    c->loaded = !c->shared->error[0];
    return c->loaded ? 0 : device_fail("%s", c->shared->error);
}

/* Takes what was printed; keeps the beginning. True if there was something. */
static bool drain(struct child *c) {
    char some[4096];
    ssize_t got = read(c->printed, some, sizeof some);
    if (got <= 0)
        return false;
    size_t keep = OUTPUT_MAX - c->output_used;
    keep = keep < (size_t)got ? keep : (size_t)got;
    memcpy(c->output + c->output_used, some, keep);
    c->output_used += keep;
    c->output[c->output_used] = '\0';
    return true;
}

/* Ends the program, which first ends all that the library has started. */
static void stop(struct child *c) {
    close_fd(&c->life);
    double until = now() + SECONDS_TO_END;
    for (struct timespec pause = {0, 1000000}; c->pid; nanosleep(&pause, NULL)) {
        if (now() > until)
            kill(c->pid, SIGKILL);
        if (waitpid(c->pid, NULL, now() > until ? 0 : WNOHANG) != 0)
            c->pid = 0;
    }
    for (int k = 0; c->printed >= 0 && k < 64 && drain(c);)
        k++;
    close_fd(&c->printed);
    if (c->shared)
        munmap(c->shared, c->shared->bytes);
    c->shared = NULL;
}

/* --- calls ------------------------------------------------------------------------------------ */

static int fail_about(struct child *c, const char *what) {
    bool loaded = c->loaded;
    stop(c);
    if (loaded)
        return device_fail("%s %s in call %zu", c->spec.symbol, what, c->calls);
    return device_fail("loading the library: it %s", what);
}

static int report_end(struct child *c, enum child_end end) {
    char what[160];
    int status = c->shared->end_status;
    size_t limit = c->shared->memory_limit >> 20;
    if (end == CHILD_OUT_OF_MEMORY)
        snprintf(what, sizeof what,
                 "took more than %zu MiB of memory (--memory-limit) and was ended", limit);
    else if (end == CHILD_TOO_MANY)
        snprintf(what, sizeof what, "started more than 512 processes, which were all ended,");
    else if (WIFSIGNALED(status))
        snprintf(what, sizeof what, "was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(what, sizeof what, "ended its process with exit status %d", WEXITSTATUS(status));
    return fail_about(c, what);
}

/* Waits until the child has answered: the number asked for, in shared memory. Nothing else is an
 * answer. */
static int await(struct child *c) {
    struct child_shared *s = c->shared;
    double total = c->spec.total_seconds > 0.0 ? c->spec.total_seconds : DEFAULT_TOTAL_SECONDS;
    double each = c->spec.seconds > 0.0 ? c->spec.seconds : DEFAULT_SECONDS;
    double from = now(), wait = 0.001;
    for (;;) {
        uint32_t seen = atomic_load(&s->events), end = atomic_load(&s->end);
        if (drain(c))
            wait = 0.001;
        if (atomic_load(&s->answered) == atomic_load(&s->asked)) {
            c->used += now() - from;
            return 0;
        }
        if (end != CHILD_LIVES)
            return report_end(c, end);
        double gone = now() - from;
        char what[120];
        snprintf(what, sizeof what, "did not return within %g seconds and was killed", each);
        if (c->used + gone > total)
            snprintf(what, sizeof what,
                     "took more than %g seconds in all calls (--total-limit) and was killed",
                     total);
        if (gone > each || c->used + gone > total)
            return fail_about(c, what);
        if (waitpid(c->pid, NULL, WNOHANG) == c->pid) {
            /* It says how the library ended before it ends itself; unless it was killed. */
            c->pid = 0;
            end = atomic_load(&s->end);
            return end != CHILD_LIVES ? report_end(c, end)
                                      : fail_about(c, "killed the process that watches it");
        }
        child_wait(&s->events, seen, wait < each - gone ? wait : each - gone);
        wait = wait < 0.01 ? 2.0 * wait : wait;
    }
}

/* Where the inputs of a call lie. */
static char *place(struct child *c, int operand, const void *from, enum recover_edge edge) {
    struct child_shared *s = c->shared;
    char *region = (char *)s + child_region(s, operand);
    char *to = region + AROUND + ((uintptr_t)from & 63);
    if (edge == RECOVER_EDGE_BEHIND)
        to = region + s->room - c->bytes;
    if (edge == RECOVER_EDGE_BEFORE)
        to = region;
    uint64_t *at = operand ? &s->y_at : &s->x_at, offset = (uint64_t)(to - (char *)s);
    if (*at != offset)
        memset(region, 0xff, s->room); /* NaN */
    *at = offset;
    memcpy(to, from, c->bytes);
    return to;
}

static int call(struct child *c, const void *x, const void *y, enum recover_edge edge,
                double *result) {
    if (!c->pid)
        return device_fail("%s is gone", c->spec.symbol);
    char *x_to = place(c, 0, x, edge), *y_to = y ? place(c, 1, y, edge) : NULL;
    c->calls++;
    child_raise(&c->shared->asked);
    if (await(c))
        return -1;
    if (memcmp(x_to, x, c->bytes) != 0 || (y && memcmp(y_to, y, c->bytes) != 0))
        return device_fail("%s writes to its inputs, which are const", c->spec.symbol);
    float narrow;
    memcpy(&narrow, &c->shared->result, sizeof narrow);
    *result = narrow;
    if (c->spec.returns_f64 || c->spec.type == ELEMENT_F64)
        memcpy(result, &c->shared->result, sizeof *result);
    return 0;
}

static int sum(void *context, const void *x, size_t n, double *result) {
    (void)n;
    return call(context, x, NULL, RECOVER_EDGE_NONE, result);
}

static int dot(void *context, const void *x, const void *y, size_t n, double *result) {
    (void)n;
    return call(context, x, y, RECOVER_EDGE_NONE, result);
}

static int at_edge(void *context, const void *x, const void *y, size_t n, enum recover_edge edge,
                   double *result) {
    struct child *c = context;
    (void)n;
    return call(c, x, c->spec.dot ? y : NULL, edge, result);
}

static int again(void *context) {
    struct child *c = context;
    stop(c);
    return start(c);
}

static void shake(void *context, bool on) {
    struct child *c = context;
    if (c->shared)
        atomic_store(&c->shared->shake, on);
}

int child_target_open(struct recover_target *target, const struct child_spec *spec, size_t n) {
    memset(target, 0, sizeof *target);
    struct child *c = calloc(1, sizeof *c);
    if (!c)
        return device_fail("not enough memory");
    *c = (struct child){.spec = *spec, .n = n, .life = -1, .printed = -1};
    c->bytes = n * element_bytes(spec->type);
    *target = (struct recover_target){.type = spec->type,
                                      .result = spec->returns_f64 ? ELEMENT_F64 : spec->type,
                                      .sum = spec->dot ? NULL : sum,
                                      .dot = spec->dot ? dot : NULL,
                                      .at_edge = at_edge,
                                      .again = again,
                                      .shake = shake,
                                      .context = c};
    return start(c);
}

double child_target_other(const struct recover_target *target) {
    struct child *c = target->context;
    double wide = 0.0;
    float narrow = 0.0f;
    if (c && c->shared) {
        memcpy(&wide, &c->shared->result, sizeof wide);
        memcpy(&narrow, &c->shared->result, sizeof narrow);
    }
    return target->result == ELEMENT_F64 ? narrow : wide;
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
    stop(c);
    free(c);
}
