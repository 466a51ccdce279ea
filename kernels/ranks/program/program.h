/*
 * program.h: one rank. The same source is compiled for Open MPI (and NCCL) and, with
 * RANKS_SIMULATED, for SMPI, where all ranks are in one process: so nothing here may be global and
 * change.
 *
 *     main.c        from the folder's plan to the log
 *     step.c        the steps of an arm: batch, computing, sums, what is noted of them
 *     compute.c     sleeping, spinning, simulated time, products; clocks
 *     ranges.h      what a rank does, for a profiler's time line
 *     mpi.c         sums by MPI
 *     watch.c       the deadline of every wait; not in SMPI's program
 *     nccl.c        sums by NCCL, started over MPI; not in SMPI's program
 *     gemm.c        real products under a limit of workspace; not in SMPI's program
 */
#ifndef NANOLAB_KERNELS_RANKS_PROGRAM_H
#define NANOLAB_KERNELS_RANKS_PROGRAM_H

#include <stdatomic.h>

#include "kernels/ranks/program/ranges.h"
#include "kernels/ranks/ranks_inside.h"

struct program;
struct ranks_gemm;

/* Where sums happen. All return 0, or -1 after program_says(). */
struct collective_ops {
    /* After MPI_Init: groups, buffers of `bytes` (most of all arms). */
    int (*open)(struct program *p, uint64_t bytes);
    /* Sees to the input of an arm, ranks_fill(); not timed. */
    int (*fill)(struct program *p, const struct ranks_arm *arm, uint64_t bytes);
    /* Begins a sum of `bytes`, `outer` (across groups, of what the sum in the group left) or not,
     * and returns at once where the library can. The algorithm of a plan is that of MPI_Allreduce:
     * MPI_Iallreduce is another piece of both libraries, knows none of them and adds in orders
     * (and, simulated, times) of its own. */
    int (*begin)(struct program *p, uint64_t bytes, bool outer);
    /* Waits for it. */
    int (*end)(struct program *p);
    /* Copies the last result to host memory, not timed. */
    int (*result)(struct program *p, void *to, uint64_t bytes);
    void (*close)(struct program *p);
    /* Computing by RANKS_KERNEL: begins a kernel that lasts so long and returns; waits for it. NULL
     * where there is none. */
    int (*kernel_begin)(struct program *p, double us);
    int (*kernel_end)(struct program *p);
};
extern const struct collective_ops collective_mpi;
extern const struct collective_ops collective_nccl;

/* A step's computing, from its begin to its end. */
struct computing {
    double us;           /* that it is to last */
    double begun, ended; /* program_now_us() */
};

struct program {
    struct ranks_plan plan;
    const char *folder;
    unsigned rank;
    struct ranks_state *state; /* this rank's; of the mapped file, or `own` */
    struct ranks_state own;
    _Atomic int64_t waits_since; /* program_monotonic_ns(); 0: it does not wait for others */
    const struct collective_ops *ops;
    void *collective;        /* the back end's own */
    struct ranks_gemm *gemm; /* NULL but by RANKS_GEMM */
    FILE *log;               /* rank 0's */
    struct ranges ranges;
};

/* --- main.c ------------------------------------------------------------------------------------
 */

/* One line on standard error, as ranks_inside.h says; `what` is "failed" or "waited". Returns -1.
 */
int program_says(const struct program *p, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What it does now, seen by who started it, and by the deadline. */
void program_does(struct program *p, enum ranks_doing doing);

/* --- step.c ------------------------------------------------------------------------------------
 */

/* What a rank saw of the steps of an arm in a round, without warm-up. */
struct chunk {
    unsigned arm, round;
    struct ranks_step *step; /* [plan.steps] */
    struct ranks_cell *cell; /* [plan.steps] */
    float *output;           /* the first step's result; NULL: is not kept */
    float *scratch;          /* for a result */
};
int program_steps(struct program *p, struct chunk *chunk);

/* --- compute.c ---------------------------------------------------------------------------------
 */

/* µs since some moment, on this rank's clock; simulated where time is. */
double program_now_us(void);
/* Of a real clock, for the deadline. */
int64_t program_monotonic_ns(void);
/* Computing that sleeps, or is a kernel's, goes on by itself between the two. 0, or -1 after
 * program_says(). */
int program_compute_begin(struct program *p, struct computing *c);
int program_compute_end(struct program *p, struct computing *c);

/* --- gemm.c ------------------------------------------------------------------------------------
 */

/* Real products, each by the first implementation that fits into the workspace that this rank has
 * in the step. Where nothing is multiplied, the first two and the last do nothing. 0, or -1 after
 * program_says(). */
int gemm_open(struct program *p);
/* Of step `number` of an arm, warm-up included, and its batch's rows; says which it is. Not timed.
 */
int gemm_prepare(struct program *p, const struct ranks_arm *arm, unsigned number, unsigned rows,
                 char variant[RANKS_VARIANT]);
int gemm_run(struct program *p);
void gemm_close(struct program *p);

/* --- watch.c -----------------------------------------------------------------------------------
 */

/* From now on a wait for others that lasts longer than plan.deadline_s ends this rank, with a line
 * that says so. 0, or -1 after program_says(). */
int program_watch(struct program *p);

#endif
