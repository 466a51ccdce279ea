/*
 * ranks_blame.h: who is to blame when a run ends too early: from what the ranks and the engine
 * print, from the file of states, and from what the system says of the processes of this machine.
 *
 * Ranks that wait are victims. The culprit is who was killed, is stopped, is gone, is in another
 * collective than the others, or does something of its own while they wait.
 */
#ifndef NANOLAB_KERNELS_RANKS_BLAME_H
#define NANOLAB_KERNELS_RANKS_BLAME_H

#include <stddef.h>

#include "kernels/ranks/ranks_inside.h"

enum ranks_alive {
    RANKS_UNSEEN, /* nobody looked, or it is on another machine */
    RANKS_RUNS,
    RANKS_HALTED, /* SIGSTOP, or a debugger */
    RANKS_GONE
};

/* What is known of a rank. */
struct ranks_witness {
    enum ranks_alive alive;
    struct ranks_state state; /* pid 0: not known */
    bool waited;              /* said that it waited, while it did `state.doing` */
};

struct ranks_heard {
    unsigned ranks;
    struct ranks_witness *rank;
    bool waited; /* some rank said so */
    int failed;  /* which rank said first that it failed; -1: none */
    int64_t failed_step;
    char failure[RANKS_WHY];
    int killed, signal; /* says the engine, which rank first; -1: none */
    int exited, status; /* the same of one that ended by itself */
    char message[200];  /* the engine's first line of its own, */
    bool ruled;         /* that after a rule of dashes above all, */
    bool is_final;
    bool goes_on;   /* to the end of its sentence */
    char line[512]; /* that is being read, cut */
    size_t used;
};

/* 0, or -1: no memory. */
int ranks_heard_open(struct ranks_heard *heard, unsigned ranks);
void ranks_heard_close(struct ranks_heard *heard);
/* Some more of what was printed; all of it fits in what is there. */
void ranks_heard_bytes(struct ranks_heard *heard, const char *data, size_t bytes);
/* Reads the file of states; `look`: and asks the system about the processes, while they are there.
 */
void ranks_heard_states(struct ranks_heard *heard, const char *folder, bool look);

enum ranks_end {
    RANKS_ENDED,    /* the engine ended, with a status other than 0 */
    RANKS_DEADLINE, /* ranks said that they waited */
    RANKS_OVER      /* the limit of the run passed */
};
/* One line, into why[RANKS_WHY], and the failure. `ended`: what the engine did ("mpirun ended with
 * exit status 1"); limit_s: of the run. */
void ranks_blame(const struct ranks_heard *heard, enum ranks_end end, const char *ended,
                 double deadline_s, double limit_s, struct ranks_failure *failure, char *why);

#endif
