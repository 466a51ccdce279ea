/*
 * ranks_inside.h: what the caller's side of this folder and the program share: a folder with
 *
 *     plan     the plan as text, a word and its value to a line
 *     state    a struct ranks_state for each rank, mapped by all ranks of this machine, so that
 * what a rank was doing is known though it was killed or stopped log      written by rank 0 as
 * rounds end: struct ranks_file, then each step with its cells output-K rank 0's first result of
 * arm K
 *
 * The program is called with the folder. What a rank has to say goes to standard error in one line,
 * which the engine brings from wherever it runs: `ranks_said` and its words, see below.
 */
#ifndef NANOLAB_KERNELS_RANKS_INSIDE_H
#define NANOLAB_KERNELS_RANKS_INSIDE_H

#include <stdio.h>

#include "kernels/ranks/ranks.h"

#define RANKS_DOINGS(V)                                                                            \
    V(RANKS_STARTING, "starting")                                                                  \
    V(RANKS_SCHEDULING, "waiting for the batch")                                                   \
    V(RANKS_COMPUTING, "computing")                                                                \
    V(RANKS_SUMMING, "in a sum")                                                                   \
    V(RANKS_OUTER, "in a sum across groups")                                                       \
    V(RANKS_ELSEWHERE, "in another collective")                                                    \
    V(RANKS_GATHERING, "handing over its log")                                                     \
    V(RANKS_WRITING, "writing the log")                                                            \
    V(RANKS_DONE, "done")
enum ranks_doing { RANKS_DOINGS(RANKS_ENUMERATOR) RANKS_DOING_COUNT };
const char *ranks_doing_name(enum ranks_doing doing);

struct ranks_state {
    int64_t step; /* of all, warm-up included; -1 before the first */
    int32_t doing;
    int32_t pid; /* 0: not started */
};

struct ranks_file {
    char magic[8]; /* "nlranks1" */
    uint32_t ranks, step_bytes, cell_bytes, machines;
};
#define RANKS_MAGIC "nlranks1"

/* Lines of a rank that gives up, on standard error:
 *     nanolab-ranks: rank 1 step 7 waited: in a sum for 10.0 s
 *     nanolab-ranks: rank 0 step 7 failed: cannot write the log: No space left on device */
#define RANKS_SAYS "nanolab-ranks: rank "

/* 0, or -1 with errno. */
int ranks_plan_write(const struct ranks_plan *plan, FILE *to);
/* 0, or -1 with line and reason in `why`. */
int ranks_plan_read(FILE *from, struct ranks_plan *plan, char *why);
/* Reads `log` and `output-K` of a folder. 0, or -1 with `why`; then nothing is to be closed. */
int ranks_log_read(const char *folder, const struct ranks_plan *plan, struct ranks_log *log,
                   char *why);

/* Whether rank r is late in a step of an arm, and by how much, and its jitter: functions of the
 * plan alone. `round` and `step` as in struct ranks_step. */
double ranks_stall_us(const struct ranks_plan *plan, unsigned arm, unsigned round, unsigned step,
                      unsigned rank);
double ranks_jitter_us(const struct ranks_plan *plan, unsigned arm, unsigned round, unsigned step,
                       unsigned rank);
/* The order of arms in a round: order[plan->arms]. */
void ranks_order(const struct ranks_plan *plan, unsigned round, unsigned *order);

/* The program of an engine. 0, or -1 with `why`. */
int ranks_program(enum ranks_engine engine, char *path, size_t size, char *why);
/* What starts it, up to the number of ranks: word[0] is a path, the rest as in NANOLAB_MPIRUN. 0,
 * or -1 with `why`; then nothing is to be closed. */
#define RANKS_STARTER_WORDS 64
struct ranks_starter {
    char *word[RANKS_STARTER_WORDS]; /* the last one is NULL */
};
int ranks_starter_open(struct ranks_starter *out, enum ranks_engine engine, char *why);
void ranks_starter_close(struct ranks_starter *starter);
/* cluster.xml and hosts, for SMPI. 0, or -1 with `why`. */
int ranks_cluster_write(const struct ranks_plan *plan, const char *folder, char *why);

/* The folder in memory of the run in `folder`, for what processes of one machine share; where it
 * does not exist, they share what the engine chooses. */
void ranks_shared_folder(const char *folder, char *path, size_t size);

/* Starts the engine on a folder that holds the plan, waits until all its processes are gone, and
 * says who failed. *wall_s and *peak_bytes as in the log. 0, or -1 with `why` and `failure`. */
int ranks_start(const struct ranks_plan *plan, const char *folder,
                const struct ranks_control *control, double *wall_s, double *peak_bytes,
                struct ranks_failure *failure, char *why);

#endif
