/*
 * ranks.h: several ranks that run one program under an engine, step after step: compute, then sum
 * over all ranks; with stalls and faults of known size, and a log of what every rank saw by its own
 * clock.
 *
 *     struct ranks_plan plan = ranks_plan_default(RANKS_OPENMPI, 4);
 *     plan.arm[1] = plan.arm[0];                   // the same steps, with rank 2 late
 *     plan.arm[1].stall_us = 1200, plan.arm[1].culprit = 2, plan.arms = 2;
 *     struct ranks_log log;
 *     if (ranks_run(&plan, &control, &log, why) != 0) …   // why: which rank, doing what
 *
 * Engines: Open MPI (processes on this machine, or on those of a host file), SimGrid's SMPI (the
 * same program on a simulated cluster: simulated time, real sums), NCCL (a GPU to each rank,
 * started over MPI). The program is libexec/nanolab-ranks-openmpi or -smpi and lies in program/; an
 * engine that is not installed is a reason in words, with the package that brings it. Whoever
 * includes this header needs neither of them.
 *
 * Arms are ways to run a step that are to be compared: all are run in every round, in an order
 * drawn anew for each, `steps` steps at a time.
 *
 * Times are µs on a rank's own clock (SMPI: simulated), sizes bytes, elements f32.
 */
#ifndef NANOLAB_KERNELS_RANKS_RANKS_H
#define NANOLAB_KERNELS_RANKS_RANKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/serving/serving.h"
#include "kernels/straggler/straggler.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RANKS_WHY 400 /* room for any reason */

/* --- engines -----------------------------------------------------------------------------------
 */

/* E(value, word, package) */
#define RANKS_ENGINES(E)                                                                           \
    E(RANKS_OPENMPI, "openmpi", "openmpi-bin and libopenmpi-dev")                                  \
    E(RANKS_SMPI, "smpi", "libsimgrid-dev")                                                        \
    E(RANKS_NCCL, "nccl", "libnccl2, or PyPI's nvidia-nccl-cu13, and openmpi-bin")
#define RANKS_ENUMERATOR(value, ...) value,
enum ranks_engine { RANKS_ENGINES(RANKS_ENUMERATOR) RANKS_ENGINE_COUNT };
const char *ranks_engine_name(enum ranks_engine engine);
/* Whether it can run here: the program was built and what starts it is there. 0, or -1 with the
 * reason, which names the package, in `why` (RANKS_WHY bytes). */
int ranks_engine_check(enum ranks_engine engine, char *why);
/* "Open MPI 4.1.4", "SimGrid 3.32", …: `out` has 64 bytes; "" where unknown. */
char *ranks_engine_version(enum ranks_engine engine, char *out);
#define RANKS_COUNTS_MOST 8
/* The numbers of ranks that NANOLAB_RANKS="2 4 8" asks for: how many, at most `most`; 0: it is not
 * set. What is no such list, ranks_engine_check() refuses. */
size_t ranks_counts(unsigned *counts, size_t most);

/* Who adds what to what: A(value, word, Open MPI's number, SMPI's name, NCCL's name). 0 and NULL:
 * that engine has no such algorithm. "default": the engine chooses by ranks and bytes. */
#define RANKS_ALGORITHMS(A)                                                                        \
    A(RANKS_DEFAULT, "default", 0, "default", NULL)                                                \
    A(RANKS_LINEAR, "linear", 1, NULL, NULL)                                                       \
    A(RANKS_NONOVERLAPPING, "reduce-bcast", 2, "redbcast", NULL)                                   \
    A(RANKS_DOUBLING, "doubling", 3, "rdb", NULL)                                                  \
    A(RANKS_RING, "ring", 4, "lr", "Ring")                                                         \
    A(RANKS_SEGMENTED_RING, "segmented-ring", 5, "ompi_ring_segmented", NULL)                      \
    A(RANKS_RABENSEIFNER, "rabenseifner", 6, "rab", NULL)                                          \
    A(RANKS_TREE, "tree", 0, NULL, "Tree")
enum ranks_algorithm { RANKS_ALGORITHMS(RANKS_ENUMERATOR) RANKS_ALGORITHM_COUNT };
const char *ranks_algorithm_name(enum ranks_algorithm algorithm);
bool ranks_algorithm_has(enum ranks_engine engine, enum ranks_algorithm algorithm);

/* --- what is run -------------------------------------------------------------------------------
 */

#define RANKS_COMPUTES(V)                                                                          \
    V(RANKS_SLEEP, "sleep")   /* the processor is free meanwhile; SMPI: time passes */             \
    V(RANKS_SPIN, "spin")     /* it is not; not on SMPI, where no time passes by spinning */       \
    V(RANKS_KERNEL, "kernel") /* NCCL: a kernel on the rank's GPU that lasts so long */            \
    V(RANKS_GEMM, "gemm")     /* Open MPI: a real product, which takes what it takes */
enum ranks_compute { RANKS_COMPUTES(RANKS_ENUMERATOR) RANKS_COMPUTE_COUNT };

/* What a rank hands in. */
#define RANKS_FILLS(V)                                                                             \
    V(RANKS_RANDOM, "random") /* ranks_input(): normal numbers, by seed, rank and element */       \
    V(RANKS_PROBE, "probe") /* 1; but RANKS_MASK from rank probe[0], -RANKS_MASK from probe[1] */  \
    V(RANKS_PARTS, "parts") /* 1, 2, 4, 8 or 16 ranks share 16 parts of a sum; see below */
enum ranks_fill { RANKS_FILLS(RANKS_ENUMERATOR) RANKS_FILL_COUNT };
/* Element i of what rank r hands in under RANKS_RANDOM. */
float ranks_input(uint64_t seed, unsigned rank, size_t i);
/* So large that the ones of all ranks together, added to it, are lost: the ones that are left tell
 * how many leaves are not below the node where probe[0] and probe[1] meet. */
#define RANKS_MASK 0x1p60f
/* Part p of a sum is ranks_input(seed, p, i); a rank has RANKS_PARTS_ALL / ranks neighbouring ones
 * and hands in their sum, pairwise: neighbours at distance 1, then 2, 4, … */
#define RANKS_PARTS_ALL 16
struct ranks_arm;
/* Element i of what a rank hands in, whatever the arm's fill. */
float ranks_fill(const struct ranks_arm *arm, uint64_t seed, unsigned ranks, unsigned rank,
                 size_t i);
/* 64-bit FNV-1a, by which results are compared. */
uint64_t ranks_hash(const void *data, size_t bytes);

#define RANKS_FAULTS(V)                                                                            \
    V(RANKS_NO_FAULT, "none")                                                                      \
    V(RANKS_KILLED, "killed")                     /* the rank dies of SIGKILL while it computes */ \
    V(RANKS_STOPPED, "stopped")                   /* SIGSTOP: nothing notices but the deadline */  \
    V(RANKS_OTHER_COLLECTIVE, "other-collective") /* it calls a broadcast instead */               \
    V(RANKS_FULL_DISK, "full-disk")               /* what it writes does not fit */
enum ranks_fault { RANKS_FAULTS(RANKS_ENUMERATOR) RANKS_FAULT_COUNT };

struct ranks_arm {
    uint64_t bytes;    /* of a rank's buffer, a multiple of 4; at most RANKS_BYTES_MOST */
    double compute_us; /* of every rank in every step, by ranks_plan.compute */
    /* Of every rank: what is added to compute_us, 0 on average (Gaussian: deviation) or more
     * (exponential: mean). Drawn by seed, rank and step: the same in all arms. */
    enum straggler_jitter jitter;
    double jitter_us;
    /* Who is late on top of it: persistent, rotating or rare (every rank in every step with
     * `chance`). 0: nobody. STRAGGLER_SLOW_LINK and STRAGGLER_STOPPED are none of an arm's. */
    enum straggler_kind stall;
    double stall_us, chance;
    unsigned culprit;
    unsigned period;   /* rotating: steps until it is the next rank; 0: 1 */
    unsigned from, to; /* the steps of a round in which it can be late: [from, to); to 0: all */
    bool one_late;     /* a step's sum is waited for after the next step's computing */
    enum ranks_fill fill;
    unsigned probe[2];
    bool keep_output; /* ranks_log.output: rank 0's result of the arm's first step */
    /* RANKS_GEMM: bytes for the product of the culprit in the steps in which it can be late, and
     * for all other products; and how many of them lie together, 0: all. */
    uint64_t workspace[2], piece[2];
};

#define RANKS_ARMS_MOST 128
#define RANKS_MOST 4096
#define RANKS_BYTES_MOST ((uint64_t)64 << 20)
#define RANKS_STEPS_MOST ((uint64_t)1 << 22) /* rounds × arms × steps × ranks */

/* A simulated cluster: ranks in nodes of `per_node`, wires between nodes and, if per_node > 1,
 * inside of them. Time of a message: 2 × latency + bytes / bandwidth, to whose bytes SimGrid adds
 * an envelope of 16. */
struct ranks_cluster {
    unsigned per_node;
    double latency_us, gbs;             /* between nodes: 1 µs, 25 GB/s */
    double inner_latency_us, inner_gbs; /* inside of one */
    int slow_node;                      /* whose wires have half the bandwidth; -1: none */
};

struct ranks_plan {
    enum ranks_engine engine;
    unsigned ranks;
    enum ranks_algorithm algorithm;
    enum ranks_compute compute;
    struct ranks_cluster cluster; /* SMPI alone */
    unsigned channels;            /* NCCL alone; 0: it chooses */
    /* Two sums in a step, one after another: among `group` neighbouring ranks, then among the ranks
     * that have the same place in their groups. 0: one sum, over all. */
    unsigned group;
    struct ranks_arm arm[RANKS_ARMS_MOST];
    unsigned arms, rounds, steps; /* steps of an arm in a round */
    unsigned warmup;              /* steps before each, not recorded */
    /* With a serving loop, which begins anew in each arm of a round: a step's computing time is
     * serving_cost_ns() of its batch times cost_scale, its bytes are rows × row_bytes, and its time
     * on rank 0 decides the next batch; with one_late, the time from one batch's forming to the
     * next one's. compute_us and bytes of the arm are not used. */
    bool serves;
    bool churning; /* serving_churning(), its arrivals cost_scale as far apart; else serving_calm()
                    */
    enum serving_batcher batcher;
    unsigned restore_steps; /* latency-guarded; 0: as the workload has it */
    double cost_scale;
    uint64_t row_bytes;
    uint64_t step_budget_us; /* latency-guarded */
    struct {                 /* RANKS_GEMM: rows (of the batch, or of the arm) × n × k */
        unsigned rows, n, k;
    } gemm;
    struct {
        enum ranks_fault kind;
        unsigned rank, step; /* of all steps, from 0 */
    } fault;
    double deadline_s; /* of one wait: 10 */
    uint64_t seed;
};

/* One arm: 4 KiB, 500 µs of sleep, no jitter, nobody late; 1 round of 20 steps, 2 of warm-up;
 * engine's default algorithm; cluster of one rank to a node. */
struct ranks_plan ranks_plan_default(enum ranks_engine engine, unsigned ranks);
/* 0, or -1 with what is wrong and how to put it right. */
int ranks_plan_check(const struct ranks_plan *plan, char *why);
/* More ranks than cores of this machine compute at once (not on SMPI): times say little. */
bool ranks_oversubscribed(const struct ranks_plan *plan);

/* --- what comes out ----------------------------------------------------------------------------
 */

struct ranks_step {
    uint32_t arm, round, step; /* step of the arm in the round */
    uint32_t rows, context;    /* of the batch; 0 without one */
    int32_t shape_class;       /* -1 without one */
    uint32_t waiting, limit;   /* requests that wait, rows that the batcher allows */
    uint32_t joined, cut;      /* requests that joined for it, that were cut before it */
    uint64_t rows_hash;        /* of the request ids in the order of rows */
    uint64_t bytes;
};

#define RANKS_VARIANT 32
struct ranks_cell {
    double compute_us;
    double stall_us;                     /* the truth; jitter is not counted */
    double start_us, end_us;             /* of the sum: on all ranks, or in the group */
    double outer_start_us, outer_end_us; /* of the sum across groups; 0 without one */
    uint64_t hash;                       /* ranks_hash() of the result */
    char variant[RANKS_VARIANT];         /* RANKS_GEMM: which implementation computed; "" */
};

struct ranks_log {
    struct ranks_plan plan;
    size_t steps; /* of all arms and rounds, in the order they ran */
    struct ranks_step *step;
    struct ranks_cell *cell;        /* [steps × ranks], a step's ranks together */
    float *output[RANKS_ARMS_MOST]; /* bytes / 4 elements; NULL where it was not kept */
    unsigned machines;              /* on which the ranks were; 1 of simulated ones */
    double wall_s;                  /* start of the engine to its end */
    double peak_bytes;              /* SMPI: most memory of the process; 0: unknown */
};
void ranks_log_close(struct ranks_log *log);
static inline struct ranks_cell *ranks_at(const struct ranks_log *log, size_t step, unsigned rank) {
    return log->cell + step * log->plan.ranks + rank;
}

/* The steps of one arm (of one round, or of all: round -1) as a log for the rules; `outer`: of the
 * sums across groups, among the ranks of rank `member`'s place; otherwise, with groups, of the sums
 * in `member`'s group. stall_us[steps × ranks]: the truth, to be freed, or NULL: not wanted. Open
 * it with nothing in it; straggler_log_close(). 0, or -1: no memory. */
int ranks_straggler_log(const struct ranks_log *log, unsigned arm, int round, bool outer,
                        unsigned member, struct straggler_log *out, double **stall_us);
/* The time of each step of an arm, all rounds, in order: the median over the ranks of what each saw
 * from the begin of computing to the end of the last sum; with one_late, from one end to the next
 * (the first of a round is left out). malloc'ed; *count of them. NULL: no memory. */
double *ranks_step_times(const struct ranks_log *log, unsigned arm, size_t *count);

/* --- running -----------------------------------------------------------------------------------
 */

struct ranks_control {
    /* Asked several times a second: true ends the run, with "stopped". NULL: never. */
    bool (*stopping)(void *self);
    void *self;
    double limit_s; /* of the whole run; 0: by the plan, and a minute */
};

/* Who failed. */
struct ranks_failure {
    enum ranks_fault kind; /* RANKS_NO_FAULT: none of these */
    int rank;              /* -1: not one rank */
    int64_t step;          /* -1: unknown */
    const char *doing;     /* "computing", "in a sum", …; "" */
    bool stopped;          /* on the caller's wish */
};

/* Starts the engine, waits, reads the log. No process is left, whatever happens. 0, or -1 with the
 * reason in `why` (one line) and, unless NULL, in `failure`; then *log is closed. */
int ranks_run(const struct ranks_plan *plan, const struct ranks_control *control,
              struct ranks_log *log, struct ranks_failure *failure, char *why);

#ifdef __cplusplus
}
#endif
#endif
