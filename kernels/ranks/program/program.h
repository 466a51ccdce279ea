/*
 * program.h: one rank. The same source is compiled for Open MPI (and NCCL) and for SMPI, where all
 * ranks are in one process: so nothing here may be global and change.
 *
 *     main.c        from the folder's plan to the log
 *     step.c        a step: batch, computing, sums, what is noted of it
 *     compute.c     sleeping, spinning, simulated time, kernels, products
 *     mpi.c         sums by MPI, with a deadline
 *     nccl.c        sums by NCCL, started over MPI; not in SMPI's program
 *     gemm.c        real products under a limit of workspace; not in SMPI's program
 */
#ifndef NANOLAB_KERNELS_RANKS_PROGRAM_H
#define NANOLAB_KERNELS_RANKS_PROGRAM_H

#include "kernels/ranks/ranks_inside.h"

struct program;

/* Where sums happen. All return 0, or -1 after program_says(): a deadline that has passed, or an
 * error of the library. */
struct collective_ops {
    /* After MPI_Init: groups, buffers of `bytes` (most of all arms). */
    int (*open)(struct program *p, uint64_t bytes);
    /* Fills the input once for an arm; not timed. */
    int (*fill)(struct program *p, const struct ranks_arm *arm, uint64_t bytes);
    /* Begins a sum of `bytes`, `outer` or not, and returns at once where the library can. The
     * algorithm of a plan is that of MPI_Allreduce: MPI_Iallreduce is another piece of both
     * libraries, knows none of them and adds in orders (and, simulated, times) of its own. */
    int (*begin)(struct program *p, uint64_t bytes, bool outer);
    /* Waits for it, for at most the deadline. */
    int (*end)(struct program *p);
    /* Copies the result to host memory, not timed. */
    int (*result)(struct program *p, void *to, uint64_t bytes);
    void (*close)(struct program *p);
};
extern const struct collective_ops collective_mpi;
extern const struct collective_ops collective_nccl;

/* Real products: rows × n × k under a limit of workspace, the fastest implementation that is legal
 * under it first. */
struct gemm;
int gemm_open(struct gemm **out, const struct ranks_plan *plan, char *why);
void gemm_close(struct gemm *gemm);
/* Which implementation it would be, into variant[RANKS_VARIANT]; not timed by callers. 0, or -1. */
int gemm_prepare(struct gemm *gemm, unsigned rows, uint64_t workspace, char *variant, char *why);
/* Runs it. */
int gemm_run(struct gemm *gemm, char *why);

struct program {
    struct ranks_plan plan;
    const char *folder;
    unsigned rank;
    struct ranks_state *state; /* this rank's; of the mapped file, or of its own memory */
    const struct collective_ops *ops;
    void *collective; /* the back end's own */
    struct gemm *gemm;
};

/* µs since some moment, on this rank's clock; simulated where time is. */
double program_now_us(void);
/* One line on standard error, as ranks_inside.h says. Returns -1. */
int program_says(const struct program *p, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* compute.c: lasts so long. 0, or -1 after program_says(). */
int program_compute(struct program *p, double us);

#endif
