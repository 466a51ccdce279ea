/*
 * child_protocol.h: what child_target.c and the program it starts (tools/reveal_child.c) share: one
 * piece of memory, and nothing else. A call is a number raised by one side and repeated by the
 * other; both wait on it by futex. There is no file that the library could close, and neither the
 * end of a process nor its exit status says that a call was answered.
 *
 *     page 0: struct child_shared | guard | x … | guard | y … | guard
 */
#ifndef NANOLAB_KERNELS_TREE_CHILD_PROTOCOL_H
#define NANOLAB_KERNELS_TREE_CHILD_PROTOCOL_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Files of the program when it starts: the shared memory, and a pipe whose other end only the
 * parent has: at its end the program ends all processes of the library, and itself. Standard
 * output and error are a pipe to the parent. */
#define CHILD_MEMORY_FD 3
#define CHILD_LIFE_FD 4

enum child_end {
    CHILD_LIVES,
    CHILD_GONE,          /* the process ended: end_status as waitpid() has it */
    CHILD_OUT_OF_MEMORY, /* it and its processes had more than the limit */
    CHILD_TOO_MANY       /* it had more processes than the limit */
};

struct child_shared {
    /* Set by the parent before the start. */
    uint64_t bytes, page, room; /* all; a page; between two guards */
    uint64_t n, memory_limit;
    uint32_t f64_inputs, dot;
    /* Threads start late, by chance, and on other processors: what they do in no fixed order shows.
     */
    _Atomic uint32_t shake;
    /* Per call. */
    uint64_t x_at, y_at; /* offsets from the start of the shared memory */
    uint64_t result;     /* the 64 bits of the register a floating-point result is returned in */
    /* Call 1 loads the library; error[0]: it failed, and why. */
    _Atomic uint32_t asked, answered;
    _Atomic uint32_t events; /* raised after every change of answered and end */
    _Atomic uint32_t end;
    int32_t end_status;
    char error[400];
};

static inline size_t child_region(const struct child_shared *s, int operand) {
    return 2 * s->page + (size_t)operand * (s->room + s->page);
}

static inline void child_wait(_Atomic uint32_t *word, uint32_t seen, double seconds) {
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    syscall(SYS_futex, word, FUTEX_WAIT, seen, &t, NULL, 0);
}

static inline void child_raise(_Atomic uint32_t *word) {
    atomic_fetch_add(word, 1);
    syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

#endif
