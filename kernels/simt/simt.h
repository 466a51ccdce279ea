/*
 * simt.h: the SIMT machine as the rest of the project sees it.
 *
 * The machine runs the CUDA kernels' own source on the CPU: same bits, a chosen schedule, and, in
 * the checked build of a kernel, checked memory. It reports no times. A kernel is launched with
 * kernel_launch() (kernels/device/kernel.h); this header sets how launches behave and tells what
 * was found.
 *
 * Configuration, reports and counts belong to the calling thread: launches from one thread see
 * only that thread's. Global memory is shared by all of them.
 */
#ifndef NANOLAB_KERNELS_SIMT_SIMT_H
#define NANOLAB_KERNELS_SIMT_SIMT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- global memory -----------------------------------------------------------------------------
 */

/* Device memory, aligned to 256 bytes, filled with 0xff, a red zone on both sides. NULL when there
 * is none left. Freed memory is not handed out again at once, and touching it is reported. */
void *simt_malloc(size_t bytes);
void simt_free(void *memory);
/* Bytes that may still be allocated. */
size_t simt_memory_free(void);

/* --- the schedule ------------------------------------------------------------------------------
 */

/* Which block takes the next free place among the resident ones. */
enum simt_block_order { SIMT_BLOCKS_IN_ORDER, SIMT_BLOCKS_REVERSE, SIMT_BLOCKS_RANDOM };

/* Which runnable thread goes on when one has to wait, or comes to a scheduling point (an atomic, a
 * kernel_load_acquire, a volatile access). In every order a thread that polls without news lets all
 * others go first.
 */
enum simt_interleave {
    SIMT_IN_ORDER,    /* ascending through one block until all of it waits; then the next block */
    SIMT_REVERSE,     /* the same, descending */
    SIMT_ROUND_ROBIN, /* the next block at every step, another thread at every scheduling point */
    SIMT_LAST_FIRST,  /* always the highest thread of the highest resident place */
    SIMT_RANDOM,      /* any runnable thread, by `seed` */
};

struct simt_config {
    unsigned resident; /* blocks live at once, as an SM count would set it; 0: 8 */
    enum simt_block_order block_order;
    enum simt_interleave interleave;
    uint64_t seed;
    /* How often every waiting thread may poll in vain, with nothing else happening, before that is
     * a deadlock; 0: 1000. */
    unsigned poll_limit;
    /* Processor time that one GPU thread may run without letting another one go on, and that a
     * whole launch may take, in seconds; 0: 30 and 1800. */
    double thread_seconds, launch_seconds;
    /* Cores to run blocks on; 0 or 1: one. More is for kernels whose blocks do not meet: nothing
     * can then be recorded or replayed, and checked kernels still run on one. */
    unsigned workers;
    const char *record; /* a file to write the schedule of all launches to; NULL: none */
    const char *replay; /* a recorded file to follow: it sets everything above; NULL: none */
    /* 1: of checked kernels, count what warps ask memory for, too (simt_counts.load_requests and
     * what follows it), which takes longer. */
    int count_requests;
    /* 1: a checked kernel may not write to variables of the program, as `__device__ int x;` makes
     * one. So nothing that a stranger's kernel does changes the machine it runs on. */
    int image_read_only;
    /* 1: reports name no source lines. Finding one starts a process, which not all may do. */
    int no_lines;
};

/* Sets how this thread's launches run from now on, and drops its reports; NULL: the default. 0, or
 * -1 with device_fail() (a file that cannot be written or is no recording). */
int simt_configure(const struct simt_config *config);

/* --- the card ----------------------------------------------------------------------------------
 *
 * Matrix instructions are not the same arithmetic on every GPU. The machine computes them as one
 * card does, by the rules of kernels/mma/mma_rule.h, and refuses those which that card lacks.
 */

/* "sm_70", "sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100" or "sm_120", or a card of the
 * rules: "V100", "T4", "A100", … NULL: the default, sm_90 (an H100). For the whole process; the
 * devices opened from now on carry the card in their model. 0, or -1 with device_error(). */
int simt_set_arch(const char *card_or_arch);
const char *simt_card(void); /* "H100" */
const char *simt_arch(void); /* "sm_90" */
int simt_arch_number(void);  /* 90 */

/* --- what was found ----------------------------------------------------------------------------
 */

enum simt_report_kind {
    SIMT_DIVERGENT_BARRIER, /* not all threads of a block reach the same __syncthreads */
    SIMT_DIVERGENT_WARP,    /* the lanes named in a mask do not meet in one operation */
    SIMT_LACKING,           /* the simulated card has no such instruction */
    SIMT_SHUFFLE_LANE,      /* a shuffle reads an inactive or exited lane */
    SIMT_BOUNDS_SHARED,     /* checked build: an access outside shared variables */
    SIMT_BOUNDS_GLOBAL,     /* checked build: an access outside allocated memory */
    SIMT_UNINITIALISED,     /* checked build: a read of shared memory nobody has written */
    SIMT_RACE,              /* checked build: two accesses not ordered, one a plain write */
    SIMT_MISALIGNED,        /* checked build: an access at no multiple of its type's alignment */
    SIMT_BOUNDS_ARRAY,      /* checked build: an index or access outside a declared array */
    SIMT_DIVISION,          /* an integer division by zero */
    SIMT_STACK,             /* a thread's stack is used up */
    SIMT_ENDLESS,           /* a thread, or the launch, has run for too long */
    SIMT_DEADLOCK,          /* no thread can go on */
    SIMT_LAUNCH,            /* the launch itself is impossible (block too large, …) */
    SIMT_REPORT_KINDS,
};

/* "data race", "deadlock", … */
const char *simt_report_name(enum simt_report_kind kind);

struct simt_report {
    enum simt_report_kind kind;
    char kernel[120];
    uint64_t block, other_block; /* linear: x + gridDim.x (y + gridDim.y z) */
    uint32_t thread, other_thread;
    int has_other;         /* whether there is another thread (the other side of a race) */
    char where[200];       /* "kernels/sum/sum.cu:41", or why the line is not known */
    char other_where[200]; /* the same for the other side; "" without one */
    uint64_t times;        /* how often this pair of places was met (once per pair is kept) */
    char text[2400];       /* all of it in one line */
};

/* Everything this thread's launches reported since simt_configure or simt_reports_clear. At most
 * 64 are kept per launch. A launch with a report fails, with the first report in device_error(). */
size_t simt_reports(void);
const struct simt_report *simt_report(size_t k);
void simt_reports_clear(void);

/* --- counts ------------------------------------------------------------------------------------
 */

/* What the last launch of this thread did. Only the checked build sees loads and stores; `checked`
 * says whether it was one. Atomics count as a load and a store. */
struct simt_counts {
    int checked;
    uint64_t loaded, stored;               /* bytes of global memory: all accesses … */
    uint64_t loaded_unique, stored_unique; /* … and distinct bytes touched */
    uint64_t switches; /* steps of the schedule: how often one thread followed another */
    uint64_t products; /* of all matrix instructions, whatever is in their fragments */
    uint64_t barriers; /* __syncthreads and its like: once for a block and all who meet there */
    uint64_t atomics_global, atomics_shared; /* of all threads; an atomic load or store is none */
    /* Requests: what the lanes of a warp ask for together (see requests.cc). Counted with
     * simt_config.count_requests, in the checked build; `requests_counted` says whether they are,
     * and is 0 too when a lane was further ahead of another than can be kept. Atomics are no
     * requests. */
    int requests_counted;
    uint64_t load_requests, store_requests;           /* to global memory */
    uint64_t load_sectors, store_sectors;             /* of 32 bytes, that each request touches */
    uint64_t load_sectors_least, store_sectors_least; /* that would hold its distinct bytes */
    uint64_t shared_requests;                         /* to shared memory, loads and stores */
    uint64_t shared_passes;                           /* through its banks; without conflicts … */
    uint64_t shared_passes_least;                     /* … they would be these */
};
void simt_last_counts(struct simt_counts *counts);

/* --- where the device's bits are not x86's -----------------------------------------------------
 */

enum simt_rule_id {
    SIMT_RULE_NAN_F32, /* the NaN an operation makes */
    SIMT_RULE_NAN_F16,
    SIMT_RULE_NAN_BF16,
    SIMT_RULE_ATOMIC_F32_GLOBAL_FTZ, /* 1: atomicAdd(float) flushes subnormals */
    SIMT_RULE_ATOMIC_F32_SHARED_FTZ,
    SIMT_RULE_ATOMIC_PAIR,    /* accesses one atomicAdd of two halves is made of */
    SIMT_RULE_F32_TO_I32_NAN, /* what converting NaN gives */
    SIMT_RULE_F64_TO_I32_NAN,
    SIMT_RULE_F64_TO_I64_NAN,
    SIMT_RULES,
};
struct simt_rule {
    const char *name;
    const char *text; /* the rule in words */
    uint64_t device;  /* bits, or a number, as on the device */
    uint64_t x86;     /* what plain x86 code would give */
};
extern const struct simt_rule simt_rules[SIMT_RULES];

#ifdef __cplusplus
}
#endif
#endif
