/*
 * ptx_machine.c: a launch: blocks, their threads as fibers, and who goes on.
 *
 * One thread of the host runs all of a launch; a fiber that waits chooses the next and jumps to it.
 * The host's own stack, here the scheduler's, is returned to where nobody is ready or a block has
 * ended. A fault jumps there for good: the stacks of what is left are simply used again.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/device/device.h"
#include "kernels/ptx/ptx_inside.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#else
#define __sanitizer_start_switch_fiber(fake, bottom, size) ((void)(fake))
#define __sanitizer_finish_switch_fiber(fake, bottom, size)                                        \
    ((void)(fake), (void)(bottom), (void)(size))
#endif

/* Boost.Context's own interface in C. */
struct transfer {
    void *from, *data;
};
struct transfer jump_fcontext(void *to, void *data);
void *make_fcontext(void *top, size_t size, void (*entry)(struct transfer));

#define DEFAULT_RESIDENT 8
#define TOGETHER_MAX 65536 /* threads of a launch whose blocks all run at once */
#define CLOCK_STEP 10      /* "nanoseconds" */
#define POLL_LIMIT 10000000ull
#define JUMP_LIMIT 2000000000ull   /* back, of one thread: some seconds */
#define ATOMIC_LIMIT 2000000000ull /* the same for atomics, which do count as work */

_Thread_local struct ptx_run *ptx_running;
struct ptx_counts ptx_counted;
/* One launch at a time: stacks and counts are shared. */
static pthread_mutex_t launching = PTHREAD_MUTEX_INITIALIZER;

void ptx_counts(struct ptx_counts *out) {
    *out = ptx_counted;
}

double ptx_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* --- who goes on ---------------------------------------------------------------------------------
 */

/* Of the k-th behind the first; at most `ring` of them. */
static size_t ring_place(const struct ptx_run *run, size_t k) {
    size_t at = run->first + k;
    return at < run->ring ? at : at - run->ring;
}

void ptx_wake(struct ptx_run *run, struct ptx_fiber *fiber) {
    fiber->state = PTX_READY;
    run->ready[ring_place(run, run->count++)] = fiber;
}

void ptx_wake_first(struct ptx_run *run, struct ptx_fiber *fiber) {
    fiber->state = PTX_READY;
    run->first = (run->first ? run->first : run->ring) - 1;
    run->ready[run->first] = fiber;
    run->count++;
}

/* `choice` by the order: of `count` that are ready, or of giving way (1) and going on (0). */
static size_t by_order(struct ptx_run *run, size_t count) {
    return run->config.order == PTX_RANDOM    ? ptx_random(&run->random) % count
           : run->config.order == PTX_REVERSE ? count - 1
                                              : 0;
}

static struct ptx_fiber *take_ready(struct ptx_run *run) {
    size_t choice = ptx_decide(&run->config, by_order(run, run->count), run->count);
    struct ptx_fiber **at = &run->ready[ring_place(run, choice)], *fiber = *at;
    if (choice == 0)
        run->first = ring_place(run, 1);
    else
        *at = run->ready[ring_place(run, run->count - 1)];
    run->count--;
    return fiber;
}

/* What a jump brings along: where the context that it left is kept. */
struct jump {
    void **keep;
};

/* Jumps to a fiber, or with NULL to the scheduler; returns when somebody jumps back. Whoever is
 * left at `keep` for good says so by fake = NULL. */
static void jump_to(struct ptx_run *run, struct ptx_fiber *f, void **keep, void **fake) {
    struct jump jump = {keep};
    if (f) {
        run->current = f;
        run->clock += CLOCK_STEP;
        ptx_counted.switches++;
    }
    __sanitizer_start_switch_fiber(fake, f ? f->stack->bottom : run->stack_bottom,
                                   f ? PTX_STACK : run->stack_size);
    struct transfer back = jump_fcontext(f ? f->context : run->scheduler, &jump);
    __sanitizer_finish_switch_fiber(fake ? *fake : NULL, NULL, NULL);
    *((struct jump *)back.data)->keep = back.from;
}

void ptx_give_way(struct ptx_run *run, bool yield) {
    void *fake = NULL;
    struct ptx_fiber *me = run->current;
    if (yield &&
        run->config.order == PTX_REVERSE) /* behind all others, as these come from the end */
        ptx_wake_first(run, me);
    else if (yield)
        ptx_wake(run, me);
    struct ptx_fiber *next = run->count ? take_ready(run) : NULL;
    if (next != me)
        jump_to(run, next, &me->context, &fake);
    else
        run->clock += CLOCK_STEP;
}

void ptx_perhaps(struct ptx_run *run) {
    bool way = run->config.order == PTX_RANDOM && (ptx_random(&run->random) & 1);
    if (ptx_decide(&run->config, way, 2))
        ptx_give_way(run, true);
}

static void point(struct ptx_thread *t, enum ptx_point where) {
    struct ptx_run *run = ptx_running;
    uint64_t limit = run->config.poll_limit ? run->config.poll_limit : POLL_LIMIT;
    switch (where) {
    case PTX_AT_STORE:
        run->polls = run->atomics = 0;
        ptx_perhaps(run);
        return;
    case PTX_AT_LOAD: /* who polls lets all others go first */
        if (++run->polls > limit)
            break;
        ptx_give_way(run, true);
        return;
    case PTX_AT_ATOMIC: /* who only updates does so now and then */
        ptx_counted.atomics++;
        if (++run->atomics > ATOMIC_LIMIT)
            break;
        if (run->config.order == PTX_RANDOM)
            ptx_perhaps(run);
        else if (ptx_decide(&run->config,
                            run->config.order == PTX_REVERSE || run->atomics % 64 == 0, 2))
            ptx_give_way(run, true);
        return;
    }
    ptx_fail((struct ptx_fiber *)t, 0,
             "deadlock: threads wait for memory that nobody writes (%llu loads in vain)",
             (unsigned long long)limit);
}

/* There is no time. So that who waits by the clock does not wait for ever, each step of the
 * schedule and each look at it take CLOCK_STEP. */
static uint64_t clock_of(struct ptx_thread *t) {
    (void)t;
    return ptx_running->clock += CLOCK_STEP;
}

/* --- ends ----------------------------------------------------------------------------------------
 */

static _Noreturn void leave_for_good(struct ptx_run *run, struct ptx_fiber *next) {
    jump_to(run, next, &run->current->context, NULL);
    abort(); /* nobody jumps to a thread that has ended */
}

void ptx_fail(struct ptx_fiber *f, int line, const char *format, ...) {
    struct ptx_run *run = ptx_running;
    char what[260];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    int length = line ? snprintf(run->why, sizeof run->why, "PTX line %d: ", line) : 0;
    snprintf(run->why + length, sizeof run->why - (size_t)length,
             "%s; block (%u, %u, %u), thread (%u, %u, %u)", what, f->t.ctaid[0], f->t.ctaid[1],
             f->t.ctaid[2], f->t.tid[0], f->t.tid[1], f->t.tid[2]);
    run->failed = true;
    leave_for_good(run, NULL);
}

static void end_thread(struct ptx_run *run, struct ptx_fiber *f) {
    f->state = PTX_DONE;
    ptx_copy_end(f);
    ptx_left(run, f);
    leave_for_good(run, f->block->alive && run->count ? take_ready(run) : NULL);
}

static void leave(struct ptx_thread *t) {
    end_thread(ptx_running, (struct ptx_fiber *)t);
}

static void fault(struct ptx_thread *t, enum ptx_fault fault, enum ptx_space space,
                  uint64_t address, unsigned bytes, int line) {
    static const char *const names[] = {"generic", "global", "shared", "local", "parameter"};
    struct ptx_fiber *f = (struct ptx_fiber *)t;
    uint64_t begin, size;
    if (fault == PTX_DIVIDED)
        ptx_fail(f, line, "a division by zero");
    if (fault == PTX_TRAPPED)
        ptx_fail(f, line, "the kernel gives up (trap)");
    if (fault == PTX_ENDLESS)
        ptx_fail(f, line, "a loop without an end: %llu jumps back",
                 (unsigned long long)(ptx_running->config.jump_limit
                                          ? ptx_running->config.jump_limit
                                          : JUMP_LIMIT));
    if (fault == PTX_MISALIGNED)
        ptx_fail(f, line, "an access to %u bytes of %s memory at 0x%llx, which is not aligned",
                 bytes, names[space], (unsigned long long)address);
    if (space == PTX_GLOBAL && ptx_memory_near(address, &begin, &size))
        ptx_fail(
            f, line,
            "an access to %u bytes of global memory outside what is allocated: byte %llu of an "
            "allocation of %llu",
            bytes, (unsigned long long)(address - begin), (unsigned long long)size);
    ptx_fail(f, line, "an access to %u bytes of %s memory at 0x%llx, outside of it", bytes,
             names[space], (unsigned long long)address);
}

const struct ptx_machine ptx_machine = {fault,           leave,        ptx_meet,   ptx_barrier,
                                        point,           clock_of,     ptx_matrix, ptx_copy,
                                        ptx_copy_commit, ptx_copy_wait};

static void fiber_main(struct transfer from) {
    struct ptx_run *run = ptx_running;
    struct ptx_fiber *me = run->current;
    const struct jump *jump = from.data;
    bool first = jump->keep == &run->scheduler;
    const void *bottom = NULL;
    size_t size = 0;
    __sanitizer_finish_switch_fiber(NULL, &bottom, &size);
    if (first) { /* who came from there knows its stack */
        run->stack_bottom = bottom;
        run->stack_size = size;
    }
    *jump->keep = from.from;
    run->code->entry(&me->t);
    end_thread(run, me);
}

/* --- blocks --------------------------------------------------------------------------------------
 */

static void free_block(struct ptx_block *block) {
    if (!block)
        return;
    for (unsigned k = 0; block->fibers && k < block->threads; k++) {
        free(block->fibers[k].copies.all);
        if (block->fibers[k].stack)
            ptx_stack_give(block->fibers[k].stack);
    }
    free(block->fibers);
    free(block->shared);
    free(block->local);
    free(block);
}

static struct ptx_block *make_block(const struct ptx_run *run, unsigned threads) {
    const struct ptx_kernel_text *text = &run->code->text;
    struct ptx_block *block = calloc(1, sizeof *block);
    if (!block)
        return NULL;
    block->threads = threads;
    block->shared_size = text->shared_bytes + run->launch->shared_bytes;
    size_t each = (text->local_bytes + 15) / 16 * 16;
    block->local_size = PTX_LOCAL_FIRST + threads * each;
    block->fibers = calloc(threads, sizeof *block->fibers);
    block->shared = aligned_alloc(256, (block->shared_size + 511) / 256 * 256);
    block->local = aligned_alloc(256, (block->local_size + 511) / 256 * 256);
    if (!block->fibers || !block->shared || !block->local) {
        free_block(block);
        return NULL;
    }
    for (unsigned k = 0; k < threads; k++) {
        struct ptx_fiber *f = &block->fibers[k];
        f->block = block;
        f->stack = ptx_stack_take();
        if (!f->stack) {
            free_block(block);
            return NULL;
        }
        f->t.lane = k % PTX_WARP;
        f->t.warp = k / PTX_WARP;
        f->t.shared = block->shared;
        f->t.shared_bytes = block->shared_size;
        f->t.local = block->local + k * each;
        f->t.params = run->params;
        f->t.params_bytes = text->params_bytes;
        f->t.memory = ptx_memory();
        f->t.machine = &ptx_machine;
    }
    return block;
}

/* Block number `index` begins: all of its threads are ready. */
static void start_block(struct ptx_run *run, struct ptx_block *block, uint64_t index) {
    const struct ptx_launch *launch = run->launch;
    memset(block->shared, (int)(PTX_UNSET & 255), block->shared_size);
    memset(block->warp, 0, sizeof block->warp);
    memset(block->barrier, 0, sizeof block->barrier);
    block->alive = block->threads;
    for (unsigned k = 0; k < block->threads; k++) {
        struct ptx_fiber *f = &block->fibers[k];
        uint64_t rest = index;
        unsigned thread = k;
        for (int d = 0; d < 3; d++) {
            f->t.ctaid[d] = (uint32_t)(rest % launch->grid[d]);
            rest /= launch->grid[d];
            f->t.tid[d] = thread % launch->block[d];
            thread /= launch->block[d];
            f->t.ntid[d] = launch->block[d];
            f->t.nctaid[d] = launch->grid[d];
        }
        f->t.local_top = PTX_LOCAL_FIRST;
        f->t.jumps = run->config.jump_limit ? run->config.jump_limit : JUMP_LIMIT;
        f->result = 0;
        f->p = 0;
        f->copies.count = 0;
        ptx_stack_clean(f->stack);
        f->context =
            make_fcontext(f->stack->top, (size_t)(f->stack->top - f->stack->bottom), fiber_main);
        block->warp[f->t.warp].alive |= 1u << f->t.lane;
        if (run->config.order != PTX_REVERSE)
            ptx_wake(run, f);
    }
    for (unsigned k = block->threads; run->config.order == PTX_REVERSE && k-- > 0;)
        ptx_wake_first(run, &block->fibers[k]);
}

/* Nobody can go on, of at least one block. */
static void explain_deadlock(struct ptx_run *run) {
    const struct ptx_fiber *first = run->blocks[0]->fibers;
    unsigned barrier = 0, meeting = 0, all = 0;
    for (size_t b = 0; b < run->block_count; b++)
        for (unsigned k = 0; k < run->blocks[b]->threads; k++) {
            const struct ptx_fiber *f = &run->blocks[b]->fibers[k];
            all += f->state != PTX_DONE;
            barrier += f->state == PTX_AT_BARRIER;
            meeting += f->state == PTX_AT_MEETING;
            if (first->state == PTX_DONE && f->state != PTX_DONE)
                first = f;
        }
    snprintf(run->why, sizeof run->why,
             "PTX line %d: deadlock: %u threads wait, %u at a barrier and %u for lanes of their "
             "warp, %s; block (%u, %u, %u), thread (%u, %u, %u)",
             first->line, all, barrier, meeting,
             meeting ? "of which some do not come" : "and not all threads come", first->t.ctaid[0],
             first->t.ctaid[1], first->t.ctaid[2], first->t.tid[0], first->t.tid[1],
             first->t.tid[2]);
    run->failed = true;
}

static void run_blocks(struct ptx_run *run, size_t resident) {
    const uint32_t *grid = run->launch->grid, *block = run->launch->block;
    uint64_t count = (uint64_t)grid[0] * grid[1] * grid[2], next = 0;
    unsigned threads = block[0] * block[1] * block[2];
    bool reverse = run->config.order == PTX_REVERSE;
    struct ptx_block *idle = NULL;
    while (!run->failed) {
        while (next < count && run->block_count < resident) {
            struct ptx_block *fresh = idle ? idle : make_block(run, threads);
            idle = NULL;
            if (!fresh) {
                snprintf(run->why, sizeof run->why, "out of memory for a block's threads");
                run->failed = true;
                return;
            }
            run->blocks[run->block_count++] = fresh;
            start_block(run, fresh, reverse ? count - 1 - next : next);
            next++;
        }
        if (run->count == 0) {
            if (run->block_count)
                explain_deadlock(run);
            break;
        }
        void *fake = NULL;
        jump_to(run, take_ready(run), &run->scheduler, &fake);
        const struct ptx_fiber *f = run->current; /* the last one of those that went on */
        if (f->state == PTX_DONE && f->block->alive == 0) {
            size_t k = 0;
            while (run->blocks[k] != f->block)
                k++;
            run->blocks[k] = run->blocks[--run->block_count];
            free_block(idle);
            idle = f->block;
        }
    }
    free_block(idle);
}

/* --- launching -----------------------------------------------------------------------------------
 */

static int check_launch(const struct ptx_code *code, const struct ptx_launch *launch) {
    const uint32_t *grid = launch->grid, *block = launch->block;
    const unsigned *most = code->text.max_threads;
    uint64_t threads = (uint64_t)block[0] * block[1] * block[2];
    if (!grid[0] || !grid[1] || !grid[2] || grid[0] > INT32_MAX || grid[1] > 65535 ||
        grid[2] > 65535)
        return device_fail("a grid of %u x %u x %u blocks", grid[0], grid[1], grid[2]);
    if (!threads || block[0] > PTX_THREADS_MAX || block[1] > PTX_THREADS_MAX || block[2] > 64 ||
        threads > PTX_THREADS_MAX)
        return device_fail("a block of %u x %u x %u threads; there are at most %d", block[0],
                           block[1], block[2], PTX_THREADS_MAX);
    uint64_t limit = (uint64_t)most[0] * most[1] * most[2];
    if (most[0] && (code->text.exact_threads ? threads != limit : threads > limit))
        return device_fail("a block of %llu threads, and the kernel was compiled for %s%llu",
                           (unsigned long long)threads, code->text.exact_threads ? "" : "at most ",
                           (unsigned long long)limit);
    if (code->text.shared_bytes + launch->shared_bytes > 163 * 1024)
        return device_fail("%llu bytes of shared memory; there are 163 KiB on sm_80",
                           (unsigned long long)(code->text.shared_bytes + launch->shared_bytes));
    if (launch->together && threads * grid[0] * grid[1] * grid[2] > TOGETHER_MAX)
        return device_fail("%llu threads that all run at once; there are %d",
                           (unsigned long long)(threads * grid[0] * grid[1] * grid[2]),
                           TOGETHER_MAX);
    return 0;
}

static int launch_now(struct ptx_run *run, size_t resident, unsigned threads) {
    const struct ptx_kernel_text *text = &run->code->text;
    run->ring = resident * threads + 1;
    run->ready = calloc(run->ring, sizeof(struct ptx_fiber *));
    run->blocks = calloc(resident, sizeof(struct ptx_block *));
    run->params = aligned_alloc(16, ((size_t)text->params_bytes + 31) / 16 * 16);
    int status = -1;
    if (run->ready && run->blocks && run->params) {
        for (int k = 0; k < text->param_count; k++)
            memcpy(run->params + text->param_at[k], run->launch->arguments[k],
                   text->param_bytes[k]);
        ptx_running = run;
        run_blocks(run, resident);
        ptx_running = NULL;
        status = run->failed ? device_fail("kernel %s: %s", run->code->name, run->why) : 0;
    } else {
        device_fail("out of memory for a launch");
    }
    for (size_t k = 0; k < run->block_count; k++)
        free_block(run->blocks[k]);
    free(run->ready);
    free(run->blocks);
    free(run->params);
    return status;
}

int ptx_launch(const struct ptx_code *code, const struct ptx_launch *launch) {
    if (check_launch(code, launch) != 0)
        return -1;
    uint64_t blocks = (uint64_t)launch->grid[0] * launch->grid[1] * launch->grid[2];
    unsigned threads = launch->block[0] * launch->block[1] * launch->block[2];
    const struct ptx_config *config = ptx_configured();
    size_t resident = launch->together   ? blocks
                      : config->resident ? config->resident
                                         : DEFAULT_RESIDENT;
    struct ptx_run run = {
        .code = code, .launch = launch, .config = *config, .random = config->seed};
    pthread_mutex_lock(&launching);
    double began = ptx_now();
    int status = launch_now(&run, resident < blocks ? resident : blocks, threads);
    ptx_counted.launches++;
    ptx_counted.threads += blocks * threads;
    ptx_counted.run_seconds += ptx_now() - began;
    pthread_mutex_unlock(&launching);
    return status;
}
