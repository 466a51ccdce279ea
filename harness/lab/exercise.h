/*
 * exercise.h: how a lab's exercises are checked. For each exercise there is exercise/checks/NAME.c,
 * which includes this file and is compiled twice (scripts/check-exercise):
 *
 *     with EXERCISE_ANSWERS and the reader's file, into a program that answers. It defines
 *         static void answer(const void *in, void *out);
 *     without, into the program that judges. It defines
 *         static int check(struct exercise *e);
 *
 * The judge makes tasks of numbers that nobody can know before, asks for each, and looks at what
 * came back. So nothing that the reader's code does in its own process can make it right but right
 * answers: it may end, crash, fork, close files, write what it likes or run for ever, and each is
 * said by name. It has a limit of time and of memory, and no other process. What an answer finds
 * where its result is to go is random too, so that it cannot tell by that whether anybody looks.
 *
 * Two macros, defined before this file is included, say what kind of answer it is:
 *
 *     EXERCISE_KERNEL   it runs on the SIMT machine (exercise_kernel.h), which needs a large
 * address space and a timer EXERCISE_ALONE    it is timed (exercise_timed.h), so it may start no
 * thread either, and no timer
 */
#ifndef NANOLAB_HARNESS_EXERCISE_H
#define NANOLAB_HARNESS_EXERCISE_H

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Most bytes of a task, and of its answer. */
#define EXERCISE_BYTES ((size_t)32 << 20)
/* Descriptors of the answering program: task and answer, requests, replies. */
enum { EXERCISE_MEMORY = 3, EXERCISE_REQUESTS, EXERCISE_REPLIES, EXERCISE_CUT_OFF = 113 };

#ifdef EXERCISE_ANSWERS

static void answer(const void *in, void *out);

/* The task cannot be written to: who writes to it crashes. No timed call pays for making pages. */
int main(void) {
#ifdef EXERCISE_ALONE
    int how = MAP_SHARED | MAP_POPULATE;
#else
    int how = MAP_SHARED;
#endif
    uint64_t number;
    const void *in = mmap(NULL, EXERCISE_BYTES, PROT_READ, how, EXERCISE_MEMORY, 0);
    void *out = mmap(NULL, EXERCISE_BYTES, PROT_READ | PROT_WRITE, how, EXERCISE_MEMORY,
                     (off_t)EXERCISE_BYTES);
    if (in == MAP_FAILED || out == MAP_FAILED)
        return EXERCISE_CUT_OFF;
    while (read(EXERCISE_REQUESTS, &number, sizeof number) == sizeof number) {
        answer(in, out);
        if (write(EXERCISE_REPLIES, &number, sizeof number) != sizeof number)
            return EXERCISE_CUT_OFF;
    }
    fflush(stdout);
    return EXIT_SUCCESS;
}

#else

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define EXERCISE_MEMORY_MOST ((rlim_t)1 << 30) /* bytes, beside the task and the answer */
#define EXERCISE_STACK ((rlim_t)8 << 20)
#define EXERCISE_SECONDS 20
#define EXERCISE_PRINTED ((rlim_t)1 << 20)

struct exercise {
    pid_t child;
    int requests, replies, printed;
    char *memory;
    uint64_t random, number; /* number: of the last task */
    uint64_t poison;         /* what its answer was full of before */
    double end;              /* when time is up */
    int seconds;
    bool over; /* the child has ended, or its time has */
    char why[400];
    char score[400]; /* what is said of a right answer; "": nothing */
};

static int check(struct exercise *e);

/* --- numbers -----------------------------------------------------------------------------------
 */

/* SplitMix64 from a seed of the kernel's. */
static inline uint64_t random_bits(struct exercise *e) {
    uint64_t z = e->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline unsigned random_below(struct exercise *e, unsigned n) {
    return (unsigned)(random_bits(e) % n);
}

static inline double random_unit(struct exercise *e) {
    return (double)(random_bits(e) >> 11) * 0x1p-53;
}

static inline double random_normal(struct exercise *e) {
    double u = random_unit(e) + 0x1p-54, v = random_unit(e);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* 0 … n-1 in a random order. */
static inline void random_order(struct exercise *e, uint32_t *order, uint32_t n) {
    for (uint32_t k = 0; k < n; k++)
        order[k] = k;
    for (uint32_t k = n; k > 1; k--) {
        uint32_t j = random_below(e, k), other = order[j];
        order[j] = order[k - 1];
        order[k - 1] = other;
    }
}

/* --- what is said ------------------------------------------------------------------------------
 */

/* Why an answer is not right yet, in one line; returns 1. The first reason stays. */
__attribute__((format(printf, 2, 3))) static inline int not_yet(struct exercise *e,
                                                                const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (!e->why[0])
        vsnprintf(e->why, sizeof e->why, format, arguments);
    va_end(arguments);
    return 1;
}

static double exercise_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What ended it, when it should have gone on. */
static int exercise_ended(struct exercise *e, int status, const struct rusage *used) {
    const char *memory = used->ru_maxrss > (long)(EXERCISE_MEMORY_MOST >> 10) * 3 / 4
                             ? "; it held nearly all of the 1 GiB that it may have"
                             : "";
    e->over = true;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        return not_yet(e,
                       "It starts another process"
#ifdef EXERCISE_ALONE
                       ", a thread or a timer"
#endif
                       ", or asks the system for something else that an exercise does not need.");
    if (WIFSIGNALED(status))
        return not_yet(e, "It crashed before it answered (%s%s).", strsignal(WTERMSIG(status)),
                       memory);
    if (WEXITSTATUS(status) == EXERCISE_CUT_OFF)
        return not_yet(e, "It closed files that are not its own, so no answer came.");
    return not_yet(e, "It ended before it answered (exit status %d%s).", WEXITSTATUS(status),
                   memory);
}

static int exercise_late(struct exercise *e) {
    e->over = true;
    return not_yet(e, "It took more than %d seconds.", e->seconds);
}

/* --- asking ------------------------------------------------------------------------------------
 */

/* Waits for the reply of the task in hand. */
static int exercise_reply(struct exercise *e) {
    struct pollfd reply = {.fd = e->replies, .events = POLLIN};
    for (;;) {
        uint64_t number;
        if (exercise_now() > e->end)
            return exercise_late(e);
        int ready = poll(&reply, 1, 100);
        if (ready > 0 && (reply.revents & POLLIN)) {
            ssize_t got = read(e->replies, &number, sizeof number);
            if (got == sizeof number && number == e->number)
                return 0;
            if (got > 0) {
                e->over = true;
                return not_yet(e, "It wrote to files that are not its own.");
            }
        }
        int status;
        struct rusage used;
        if (wait4(e->child, &status, WNOHANG, &used) == e->child) {
            e->child = 0;
            return exercise_ended(e, status, &used);
        }
        if (ready > 0) /* the pipe is closed and the process lives on: until it ends, or is late */
            usleep(20000);
    }
}

/* Fills the place of an answer with a random word of 8 bytes, and no two times with the same. */
static inline void exercise_poison(struct exercise *e, size_t bytes) {
    char *out = e->memory + EXERCISE_BYTES;
    e->poison = random_bits(e);
    for (size_t k = 0; k < bytes; k++)
        out[k] = (char)(e->poison >> k % 8 * 8);
}

/* Whether `bytes` of an answer, from its byte `offset` on, are what was there before. */
static inline bool unwritten(const struct exercise *e, const void *out, size_t offset,
                             size_t bytes) {
    const unsigned char *at = (const unsigned char *)out + offset;
    for (size_t k = 0; k < bytes; k++)
        if (at[k] != (unsigned char)(e->poison >> (offset + k) % 8 * 8))
            return false;
    return true;
}

/*
 * Asks for the answer to a task: `in` goes to answer(), and `out` is what it left, random bytes
 * where it wrote nothing. 0; or 1 when there is no answer and the check is over.
 */
static inline int ask(struct exercise *e, const void *in, size_t in_bytes, void *out,
                      size_t out_bytes) {
    if (in_bytes > EXERCISE_BYTES || out_bytes > EXERCISE_BYTES) {
        fprintf(stderr, "exercise: a task or answer of more than %zu bytes\n", EXERCISE_BYTES);
        exit(2);
    }
    memcpy(e->memory, in, in_bytes);
    exercise_poison(e, out_bytes);
    e->number = random_bits(e);
    if (write(e->requests, &e->number, sizeof e->number) < 0 && errno != EPIPE)
        return not_yet(e, "It cannot be asked: %s.", strerror(errno));
    if (exercise_reply(e) != 0)
        return 1;
    memcpy(out, e->memory + EXERCISE_BYTES, out_bytes);
    return 0;
}

/* --- the other process -------------------------------------------------------------------------
 */

#if defined(__x86_64__)
#define EXERCISE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define EXERCISE_ARCH AUDIT_ARCH_AARCH64
#endif

/* Another process ends it with SIGSYS; threads are allowed. Where the system has no such filters,
 * what is left of its group at the end tells. */
static void exercise_alone(void) {
#ifdef EXERCISE_ARCH
    const uint32_t me = (uint32_t)getpid();
#define REFUSE(call)                                                                               \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##call, 0, 1),                                        \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, EXERCISE_ARCH, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef __NR_fork
        REFUSE(fork),
        REFUSE(vfork),
#endif
        REFUSE(ptrace),
        REFUSE(process_vm_readv),
        REFUSE(process_vm_writev),
        REFUSE(setsid),
        REFUSE(setpgid),
        REFUSE(kill),
        REFUSE(tkill),
        REFUSE(rt_sigqueueinfo),
        REFUSE(rt_tgsigqueueinfo),
        REFUSE(pidfd_send_signal),
        /* raise() and abort() end here; others get no signal. */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_tgkill, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, me, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
#ifdef EXERCISE_ALONE
        /* What would go on while nobody looks at the clock. */
        REFUSE(clone),
        REFUSE(timer_create),
        REFUSE(setitimer),
        REFUSE(io_uring_setup),
#ifdef __NR_alarm
        REFUSE(alarm),
#endif
#endif
        /* Its flags lie in memory, where no filter looks: the C library takes clone instead. */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone3, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
#undef REFUSE
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
#endif
}

/* Not even root's answers look into the judge, which is not dumpable. */
static void exercise_give_up_rights(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    syscall(SYS_capset, &header, none);
}

static void exercise_limit(int what, rlim_t most) {
    struct rlimit limit = {most, most};
    setrlimit(what, &limit);
}

/* In the child, with the ends of pipes that are its own. */
static void exercise_become(const char *program, int memory, int requests, int replies,
                            int printed) {
    char *const arguments[] = {(char *)program, NULL}, *const nothing[] = {NULL};
    /* Out of the way of each other before they go to their places. */
    int from[] = {memory, requests, replies}, null = open("/dev/null", O_RDONLY);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(null, STDIN_FILENO);
    dup2(printed, STDOUT_FILENO);
    dup2(printed, STDERR_FILENO);
    for (int k = 0; k < 3; k++)
        from[k] = fcntl(from[k], F_DUPFD, 20);
    for (int k = 0; k < 3; k++)
        dup2(from[k], EXERCISE_MEMORY + k);
    for (int fd = EXERCISE_REPLIES + 1; fd < 256; fd++)
        close(fd);
#ifndef EXERCISE_KERNEL
    exercise_limit(RLIMIT_AS, EXERCISE_MEMORY_MOST + 2 * EXERCISE_BYTES);
#endif
    exercise_limit(RLIMIT_STACK, EXERCISE_STACK);
    exercise_limit(RLIMIT_CORE, 0);
    exercise_limit(RLIMIT_FSIZE, EXERCISE_PRINTED);
    signal(SIGXFSZ, SIG_IGN); /* too much that is printed is lost, and no reason to end */
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* and root gets none back by what it starts */
    exercise_give_up_rights();
    exercise_alone();
    execve(program, arguments, nothing);
    _exit(EXERCISE_CUT_OFF);
}

/* 0, or -1 with errno. */
static int exercise_start(struct exercise *e, const char *program) {
    int requests[2], replies[2];
    int memory = memfd_create("task", MFD_CLOEXEC);
    const char *seconds = getenv("EXERCISE_SECONDS");
    e->seconds = seconds && atoi(seconds) > 0 ? atoi(seconds) : EXERCISE_SECONDS;
    e->printed = memfd_create("printed", MFD_CLOEXEC);
    if (memory < 0 || e->printed < 0 || ftruncate(memory, (off_t)(2 * EXERCISE_BYTES)) != 0 ||
        pipe2(requests, O_CLOEXEC) != 0 || pipe2(replies, O_CLOEXEC) != 0 ||
        getrandom(&e->random, sizeof e->random, 0) != sizeof e->random)
        return -1;
    fcntl(e->printed, F_SETFL, O_APPEND);
    e->memory = mmap(NULL, 2 * EXERCISE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (e->memory == MAP_FAILED)
        return -1;
    prctl(PR_SET_DUMPABLE, 0); /* nobody looks into the judge */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGPIPE, SIG_IGN);
    e->child = fork();
    if (e->child == 0)
        exercise_become(program, memory, requests[0], replies[1], e->printed);
    if (e->child < 0)
        return -1;
    setpgid(e->child, e->child);
    close(requests[0]);
    close(replies[1]);
    close(memory);
    e->requests = requests[1];
    e->replies = replies[0];
    e->end = exercise_now() + e->seconds;
    return 0;
}

/* All processes of the child's group; whether one was left besides itself. */
static bool exercise_stop(struct exercise *e, pid_t group) {
    bool others = e->child == 0 && kill(-group, 0) == 0;
    kill(-group, SIGKILL);
    /* Where filters are missing, one that left the group may live on: not waited for. */
    for (int k = 0; k < 200 && (waitpid(-1, NULL, WNOHANG) >= 0 || errno == EINTR); k++)
        usleep(k < 20 ? 500 : 5000);
    return others;
}

/* After the last answer it has nothing to do but end. */
static int exercise_finish(struct exercise *e) {
    int status = 0;
    struct rusage used;
    close(e->requests);
    while (wait4(e->child, &status, WNOHANG, &used) == 0) {
        if (exercise_now() > e->end)
            return exercise_late(e);
        usleep(1000);
    }
    e->child = 0;
    if (status != 0)
        return exercise_ended(e, status, &used);
    return 0;
}

/* What it printed, some lines of it, each marked as its own. */
static void exercise_show(const struct exercise *e) {
    char text[2000];
    ssize_t got = pread(e->printed, text, sizeof text, 0);
    int lines = 0;
    for (ssize_t k = 0; k < got && lines < 10; k++) {
        if (k == 0 || text[k - 1] == '\n')
            printf("  it printed: ");
        putchar(text[k] == '\n' || (text[k] >= ' ' && text[k] <= '~') ? text[k] : '?');
        lines += text[k] == '\n';
        if (k + 1 == got && text[k] != '\n')
            putchar('\n');
    }
}

/* Usage: judge NAME PROGRAM. Exit status: 0 right, 1 not yet, 2 it cannot be checked. */
int main(int argc, char **argv) {
    struct exercise e = {0};
    if (argc != 3)
        return 2;
    if (exercise_start(&e, argv[2]) != 0) {
        fprintf(stderr, "%s: cannot be checked: %s\n", argv[1], strerror(errno));
        return 2;
    }
    pid_t group = e.child;
    int status = check(&e);
    if (status == 0)
        status = exercise_finish(&e);
    if (exercise_stop(&e, group) && status == 0)
        status = not_yet(&e, "It leaves processes behind.");
    exercise_show(&e);
    if (status == 0)
        printf("%s: right%s%s\n", argv[1], e.score[0] ? ". " : "", e.score);
    else if (status == 2) /* who cannot ask does not judge */
        fprintf(stderr, "check: %s cannot be checked here: %s\n", argv[1], e.why);
    else
        printf("%s: not yet. %s\n", argv[1], e.why);
    return status;
}

#endif
#endif
