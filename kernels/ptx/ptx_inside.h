/*
 * ptx_inside.h: what the parts of the PTX machine share.
 */
#ifndef NANOLAB_KERNELS_PTX_PTX_INSIDE_H
#define NANOLAB_KERNELS_PTX_PTX_INSIDE_H

#include "kernels/ptx/ptx.h"
#include "kernels/ptx/ptx_c.h"
#include "kernels/ptx/ptx_translate.h"

const struct ptx_memory *ptx_memory(void);
/* The allocation that begins nearest below an address. */
bool ptx_memory_near(uint64_t address, uint64_t *begin, uint64_t *bytes);

struct ptx_code {
    char *symbol;                /* as in the PTX text */
    char name[160];              /* as in the source */
    struct ptx_kernel_text text; /* its C is freed */
    void *library;
    void (*entry)(struct ptx_thread *t);
};

/* The C of a kernel as a library that is loaded; `compiled`: it was not in the cache. */
int ptx_build(struct ptx_code *code, const char *c, size_t size, bool *compiled);

extern struct ptx_counts ptx_counted;
const struct ptx_config *ptx_configured(void);
/* What was decided before at this step, or `by_order`, of `count`; and a record of it. */
size_t ptx_decide_kept(const struct ptx_config *config, size_t by_order, size_t count);
static inline size_t ptx_decide(const struct ptx_config *config, size_t by_order, size_t count) {
    return config->replay || config->record ? ptx_decide_kept(config, by_order, count) : by_order;
}
uint64_t ptx_random(uint64_t *state);
double ptx_now(void);

/* --- fibers, and the schedule --------------------------------------------------------------------
 */

#define PTX_WARP 32
#define PTX_THREADS_MAX 1024 /* of a block */
#define PTX_BARRIERS 16

enum ptx_state { PTX_READY, PTX_AT_BARRIER, PTX_AT_MEETING, PTX_DONE };

/* A frame of a translated function has at most 64 KiB (ptx_build.c), of PTX_CALLS_MAX + 1. */
#define PTX_STACK ((size_t)1 << 20)
struct ptx_stack {
    struct ptx_stack *next;
    uint8_t *bottom, *top;
};
struct ptx_stack *ptx_stack_take(void);              /* NULL: no memory */
void ptx_stack_clean(const struct ptx_stack *stack); /* before another thread begins on it */
void ptx_stack_give(struct ptx_stack *stack);

/* Copies that a thread has asked for and that are still under way (cp.async). */
struct ptx_copies {
    struct ptx_copy {
        uint8_t *to;
        const uint8_t *from;
        unsigned size, bytes, group;
    } * all;
    size_t count, capacity;
    unsigned group; /* the one that is not yet committed */
};

struct ptx_fiber {
    struct ptx_thread t; /* first: a thread's pointer is its fiber's */
    struct ptx_block *block;
    struct ptx_stack *stack;
    void *context; /* where it goes on */
    enum ptx_state state;
    int line; /* of the instruction at which it waits */
    uint32_t a, b, c, mask, result;
    uint8_t p;
    const struct ptx_matrix *matrix;
    struct ptx_copies copies;
};

/* Lanes that wait for one another: those of one mask. They are kept at the mask's lowest lane. */
struct ptx_group {
    enum ptx_meeting what;
    uint32_t mask, arrived;
};
struct ptx_warp_state {
    uint32_t alive;
    int meeting; /* lanes that wait in a group */
    struct ptx_group group[PTX_WARP];
    int barrier_line, at_barrier; /* lanes of it that wait at a barrier */
};
struct ptx_block {
    struct ptx_fiber *fibers;
    unsigned threads, alive;
    uint8_t *shared, *local;
    size_t shared_size, local_size;
    struct ptx_warp_state warp[PTX_THREADS_MAX / PTX_WARP];
    struct {
        enum ptx_reduction what;
        unsigned arrived, set; /* of those, with their predicate true */
    } barrier[PTX_BARRIERS];
};

/* One launch. */
struct ptx_run {
    const struct ptx_code *code;
    const struct ptx_launch *launch;
    struct ptx_config config;
    uint8_t *params;
    struct ptx_fiber **ready; /* a ring of `ring` places */
    size_t ring, first, count;
    const void *stack_bottom; /* of the host's thread, as the sanitiser says it */
    size_t stack_size;
    struct ptx_fiber *current;
    void *scheduler; /* context */
    uint64_t random, clock, polls, atomics;
    bool failed;
    char why[PTX_WHY];
    struct ptx_block **blocks; /* that live */
    size_t block_count;
};

extern _Thread_local struct ptx_run *ptx_running;
extern const struct ptx_machine ptx_machine;

void ptx_wake(struct ptx_run *run, struct ptx_fiber *fiber);
void ptx_wake_first(struct ptx_run *run, struct ptx_fiber *fiber); /* before all that are ready */
/* Gives way; the fiber goes on when it is ready and chosen. `yield`: it is ready at once. */
void ptx_give_way(struct ptx_run *run, bool yield);
/* At a point of the schedule: perhaps gives way. */
void ptx_perhaps(struct ptx_run *run);
/* Ends the launch with a reason; does not return. */
void ptx_fail(struct ptx_fiber *fiber, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
/* A thread has ended: others may have waited for nobody else. */
void ptx_left(struct ptx_run *run, struct ptx_fiber *fiber);

uint32_t ptx_meet(struct ptx_thread *t, enum ptx_meeting what, uint32_t a, uint32_t b, uint32_t c,
                  uint32_t mask, uint8_t *p, int line);
uint32_t ptx_barrier(struct ptx_thread *t, enum ptx_reduction what, uint32_t id, uint8_t p,
                     int line);

/* ptx_matrix.c
 *
 * Does the rule of an instruction exist for an architecture (80)? */
struct mma_rule;
bool ptx_matrix_rule(int arch, const struct ptx_matrix_form *form, struct mma_rule *rule);
void ptx_matrix(struct ptx_thread *t, const struct ptx_matrix *matrix, int line);
/* Does what the lanes of a warp have met for, all 32 of them. */
void ptx_matrix_do(struct ptx_fiber *lanes);
/* ptx_copy.c */
void ptx_copy(struct ptx_thread *t, uint8_t *to, uint64_t from, unsigned size, uint32_t bytes,
              int line);
void ptx_copy_commit(struct ptx_thread *t);
void ptx_copy_wait(struct ptx_thread *t, unsigned groups);
/* A thread ends: what it has asked for is done. */
void ptx_copy_end(struct ptx_fiber *fiber);

#endif
