/*
 * ptx.h: the PTX machine: PTX that nvcc made of a kernel, run on the CPU. What runs is what was
 * compiled, not the source, as the manual of the PTX ISA describes it; it tells bits, and no times.
 *
 * A kernel is translated to C (ptx_translate.h), compiled by the machine's own C compiler, kept in
 * a cache, and run as fibers, one a thread, of which one at a time goes on: at barriers, shuffles,
 * atomics and ordered accesses somebody else may run, as the schedule says.
 *
 * Every function that returns int gives 0, or -1 with device_error().
 */
#ifndef NANOLAB_KERNELS_PTX_PTX_H
#define NANOLAB_KERNELS_PTX_PTX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- global memory -------------------------------------------------------------------------------
 */

/* Aligned to 256 bytes; NULL: there is not so much. Freed memory is not handed out at once, and
 * touching it is an error. */
void *ptx_malloc(size_t bytes);
void ptx_free(void *memory);
size_t ptx_memory_free(void);

/* --- the schedule --------------------------------------------------------------------------------
 */

struct mma_rule;

enum ptx_order {
    PTX_IN_ORDER, /* the warp that has just met; else who has waited longest */
    PTX_REVERSE,  /* who came last; blocks and threads from the last on */
    PTX_RANDOM,   /* anyone, by `seed`, and at half of all points somebody else */
    /* Warps have ranks by `seed`, and of those that can go on it is the highest one's turn: so some
     * are left behind for as long as can be, which chance nearly never does. Who polls is behind
     * all others until somebody writes. */
    PTX_UNFAIR,
};

/* Which of the threads that could go on did, step by step, over all launches. */
struct ptx_schedule {
    uint32_t *choice; /* free() it */
    size_t count, capacity;
};

struct ptx_config {
    unsigned resident; /* blocks that live at once; 0: 8 */
    enum ptx_order order;
    uint64_t seed;
    struct ptx_schedule *record; /* appended to; NULL: nothing is kept */
    /* Followed from its start, `order` and `resident` being those it was recorded under; NULL: the
     * order alone decides. */
    const struct ptx_schedule *replay;
    /* How often ordered loads may find nothing new, with nothing else happening, before that is a
     * deadlock; 0: 10 million. */
    uint64_t poll_limit;
    /* How often one thread may jump back before that is a loop without an end; 0: 2 billion. */
    uint64_t jump_limit;
    /* Of machine code (kernels/sass): how many instructions the warps of a launch may run before it
     * counts as one that does not end; 0: 10^10. */
    uint64_t step_limit;
    /* Threads that touch a byte of shared memory, one of them writing, with nothing between that
     * orders them, are an error, whatever the order; copies come as late as can be. It must be so
     * when a kernel is built, and costs several times the time. */
    bool races;
    /* For tests of the tests: may replace a kernel's C (malloc'd, of `size`) before it is compiled;
     * NULL: nothing is changed. Kernels that were built before stay as they are. */
    char *(*change)(const char *kernel, char *c, size_t *size);
    /* The same: may change the rule by which a matrix instruction adds; NULL: none is. */
    void (*rule)(struct mma_rule *rule);
};

/* How launches of this thread run from now on; NULL: the default. */
void ptx_configure(const struct ptx_config *config);

/* What the default is from now on, for the whole process; threads that had set their own keep it,
 * but for the calling one. */
void ptx_set_usual(const struct ptx_config *config);

/* Of this process, since it began. */
struct ptx_counts {
    uint64_t kernels, compiled; /* translated; and of those, not found in the cache */
    uint64_t instructions;      /* of PTX, in their texts */
    uint64_t launches, threads, switches, barriers, meetings, atomics;
    uint64_t products; /* of all matrix instructions, whatever is in their fragments */
    double build_seconds, run_seconds;
};
void ptx_counts(struct ptx_counts *out);

/* --- programs ------------------------------------------------------------------------------------
 */

struct ptx_program;
struct ptx_code; /* a kernel, ready to be launched; its program's */

/* `text` must outlive the program. */
int ptx_program_open(struct ptx_program **out, const char *text, size_t size);
void ptx_program_close(struct ptx_program *program);
/* Translates and compiles it at the first call. */
int ptx_program_kernel(struct ptx_program *program, const char *name, const struct ptx_code **out);
/* A kernel's name as its source has it, without namespaces: "sum_rest<sum_plain<float> >". */
const char *ptx_code_name(const struct ptx_code *code);
/* The same of a symbol: "void (anonymous namespace)::sum_rest<…>(…)" mangled to "sum_rest<…>". */
void ptx_shown_name(const char *symbol, char *out, size_t size);
int ptx_code_params(const struct ptx_code *code);

struct ptx_launch {
    uint32_t grid[3], block[3];
    size_t shared_bytes; /* dynamic ones */
    bool together;       /* all blocks run at once, or it is an error */
    void *const *arguments;
};
int ptx_launch(const struct ptx_code *code, const struct ptx_launch *launch);

/* Whether kernels can be compiled here: 0, or -1 with what is missing. */
int ptx_compiler_found(void);
/* What compiles them: "gcc (Debian 12.2.0-14) 12.2.0". */
const char *ptx_compiler(void);

#ifdef __cplusplus
}
#endif
#endif
