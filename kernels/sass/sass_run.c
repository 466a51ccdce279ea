/*
 * sass_run.c: a launch of machine code: blocks, their warps, and who goes on.
 *
 * One thread of the host runs all of it. A warp goes on until it has to wait, has ended or gives
 * way; then the schedule chooses the next, as the PTX machine does (kernels/ptx/ptx_schedule.c).
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/sass/sass_run.h"

#define DEFAULT_RESIDENT 8
#define TOGETHER_MAX 65536 /* threads of a launch whose blocks all run at once */
#define POLL_LIMIT 10000000ull
#define STEP_LIMIT 10000000000ull /* instructions of warps, of a launch */
#define TURN 100000               /* instructions until others have their turn */
#define RANDOM_TURN 64
/* Shared memory that a block's own begins behind, and how much there is. */
#define SHARED_SYSTEM(arch) ((arch) >= 90 ? 1024u : 0u)
#define SHARED_MOST(arch)                                                                          \
    ((arch) >= 100 && (arch) < 120 ? 227u : (arch) == 90 ? 227u : (arch) == 80 ? 163u : 99u)

#define FOUR(k) 1u << (k), 2u << (k), 4u << (k), 8u << (k)
const uint32_t sass_bit[SASS_LANES] = {FOUR(0),  FOUR(4),  FOUR(8),  FOUR(12),
                                       FOUR(16), FOUR(20), FOUR(24), FOUR(28)};
#undef FOUR

_Thread_local struct sass_run *sass_running;
struct sass_counts sass_counted;
static pthread_mutex_t launching = PTHREAD_MUTEX_INITIALIZER;

void sass_fail(const struct sass_warp *w, int lane, const char *format, ...) {
    struct sass_run *run = sass_running;
    char what[220], where[60] = "";
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (lane >= 0)
        snprintf(where, sizeof where, ", lane %d", lane);
    snprintf(run->why, sizeof run->why, "0x%llx: %.90s: %s; block (%u, %u, %u), warp %u%s",
             (unsigned long long)(run->op - run->ops) * SASS_STEP, run->op->text->text, what,
             w->block->index[0], w->block->index[1], w->block->index[2], w->number, where);
    longjmp(run->failed, 1);
}

static _Thread_local sass_changer *changer;

void sass_change(sass_changer *change) {
    changer = change;
}

void sass_counts(struct sass_counts *out) {
    *out = sass_counted;
}

/* --- who goes on ---------------------------------------------------------------------------------
 */

size_t sass_choose(struct sass_run *run, size_t by_order, size_t count) {
    if (run->config.order == PTX_RANDOM)
        by_order = ptx_random(&run->random) % count;
    return ptx_decide(&run->config, by_order, count);
}

void sass_wake(struct sass_run *run, struct sass_warp *w) {
    if (w->queued)
        return;
    w->queued = true;
    run->ready[(run->first + run->count++) % run->ring] = w;
}

/* Behind all others, where they are taken from the end. */
static void give_way(struct sass_run *run, struct sass_warp *w) {
    if (run->config.order != PTX_REVERSE || w->queued) {
        sass_wake(run, w);
        return;
    }
    w->queued = true;
    run->first = (run->first + run->ring - 1) % run->ring;
    run->ready[run->first] = w;
    run->count++;
}

/* Of the warps that can go on the one of the highest rank, of those that do not poll. */
static size_t highest_rank(const struct sass_run *run) {
    size_t best = 0;
    uint64_t most = 0;
    for (size_t k = 0; k < run->count; k++) {
        const struct sass_warp *w = run->ready[(run->first + k) % run->ring];
        if (!w->polls && w->rank > most) {
            best = k;
            most = w->rank;
        }
    }
    return best;
}

/* Something was written that others may poll for. */
static bool wrote(struct sass_run *run) {
    for (size_t k = 0; run->config.order == PTX_UNFAIR && k < run->count; k++) {
        struct sass_warp *w = run->ready[(run->first + k) % run->ring];
        w->looked = w->polls = false;
    }
    return run->config.order == PTX_UNFAIR;
}

static struct sass_warp *take_ready(struct sass_run *run) {
    size_t count = run->count, last = (run->first + count - 1) % run->ring, choice = 0;
    if (count > 1)
        choice = sass_choose(run,
                             run->config.order == PTX_UNFAIR    ? highest_rank(run)
                             : run->config.order == PTX_REVERSE ? count - 1
                                                                : 0,
                             count);
    struct sass_warp **at = &run->ready[(run->first + choice) % run->ring], *w = *at;
    run->count--;
    if (choice == 0)
        run->first = (run->first + 1) % run->ring;
    else
        *at = run->ready[last];
    return w;
}

/* The group that goes on: those behind the one that did come first. NULL: all wait. */
static struct sass_group *choose_group(struct sass_run *run, struct sass_warp *w) {
    struct sass_group *ready[SASS_LANES];
    size_t count = 0;
    unsigned now = (unsigned)(w->now - w->group);
    bool reverse = run->config.order == PTX_REVERSE;
    for (unsigned k = 1; k <= SASS_LANES; k++) {
        struct sass_group *g = &w->group[(reverse ? now + 32 - k : now + k) % SASS_LANES];
        if (g->mask && g->state == SASS_READY)
            ready[count++] = g;
    }
    return count == 0 ? NULL : ready[count == 1 ? 0 : sass_choose(run, 0, count)];
}

/* Whether others have their turn after an instruction at such a point. */
static bool at_point(struct sass_run *run, struct sass_warp *w, enum sass_point where) {
    uint64_t limit = run->config.poll_limit ? run->config.poll_limit : POLL_LIMIT;
    bool random = run->config.order == PTX_RANDOM;
    switch (where) {
    case SASS_LOADED: /* who polls lets all others go first */
        if (++run->polls > limit)
            sass_fail(w, -1,
                      "deadlock: threads wait for memory that nobody writes (%llu loads in vain)",
                      (unsigned long long)limit);
        w->polls = w->looked; /* the first time it may have found something */
        w->looked = true;
        return w->polls || run->config.order != PTX_UNFAIR;
    case SASS_UPDATED: /* who only updates does so now and then */
        run->polls = 0;
        if (wrote(run)) {
            if (++run->atomics % 64 == 0) /* it may wait by updates: not for ever */
                w->rank = ptx_random(&run->random);
            return sass_choose(run, 1, 2);
        }
        return random ? sass_choose(run, 0, 2)
                      : sass_choose(
                            run, run->config.order == PTX_REVERSE || ++run->atomics % 64 == 0, 2);
    case SASS_STORED:
        run->polls = 0;
        if (wrote(run))
            return sass_choose(run, 1, 2);
        return random ? sass_choose(run, 0, 2) : false;
    default:
        return true;
    }
}

/* Runs a warp until it waits, ends or gives way. */
static void go_on(struct sass_run *run, struct sass_warp *w) {
    struct sass_group *g = w->now = choose_group(run, w);
    uint64_t turn = g ? TURN : 0;
    if (g && run->config.order == PTX_RANDOM)
        turn = 1 + sass_choose(run, 0, RANDOM_TURN);
    for (; turn > 0; turn--) {
        struct sass_code *op = &run->ops[g->at];
        run->op = op;
        if (!op->run)
            sass_decode(run, w, op);
        uint32_t mask = g->mask & (w->p[op->guard] ^ (op->guard_inverted ? SASS_ALL : 0));
        run->steps++;
        if (++g->at >= run->program->count && !op->flow)
            sass_fail(w, -1, "the kernel's code ends behind this");
        if (mask)
            op->run(w, op, mask);
        if (op->flow) {
            g = w->now;
            if (!g->mask || g->state != SASS_READY)
                break;
        }
        if (op->point && mask && at_point(run, w, op->point))
            break;
    }
    if (run->steps > (run->config.step_limit ? run->config.step_limit : STEP_LIMIT))
        sass_fail(w, -1, "the launch does not end: %llu instructions of warps so far",
                  (unsigned long long)run->steps);
    run->clock += 10;
    w->queued = false; /* until here, so that nobody wakes what runs */
    for (int k = 0; k < SASS_LANES; k++)
        if (w->group[k].mask && w->group[k].state == SASS_READY) {
            give_way(run, w);
            return;
        }
}

/* --- blocks --------------------------------------------------------------------------------------
 */

static void free_block(struct sass_block *block) {
    if (!block)
        return;
    for (unsigned k = 0; block->warps && k < block->warp_count; k++) {
        free(block->warps[k].local);
        free(block->warps[k].copies);
    }
    free(block->warps);
    free(block->shared);
    free(block);
}

static struct sass_block *make_block(const struct sass_run *run, unsigned threads) {
    struct sass_block *block = calloc(1, sizeof *block);
    if (!block)
        return NULL;
    block->threads = threads;
    block->warp_count = (threads + SASS_LANES - 1) / SASS_LANES;
    block->warps = calloc(block->warp_count, sizeof *block->warps);
    block->shared = aligned_alloc(256, (run->shared_end - run->shared_first + 511) / 256 * 256);
    for (unsigned k = 0; block->warps && k < block->warp_count; k++) {
        struct sass_warp *w = &block->warps[k];
        w->block = block;
        w->number = k;
        w->local = malloc((size_t)SASS_LANES * run->local_bytes + 16);
        if (!w->local) {
            free_block(block);
            return NULL;
        }
    }
    if (block->warps && block->shared)
        return block;
    free_block(block);
    return NULL;
}

static void start_warp(struct sass_run *run, struct sass_warp *w, unsigned threads) {
    int unset = (int)(PTX_UNSET & 255);
    memset(w->r, unset, run->program->registers * sizeof w->r[0]);
    memset(w->r[SASS_ROW_ZERO], 0, sizeof w->r[0]);
    memset(w->r[SASS_ROW_UNIFORM], unset, 80 * sizeof w->r[0]);
    memset(w->p, unset, sizeof w->p);
    memset(w->meet, 0, sizeof w->meet);
    memset(w->group, 0, sizeof w->group);
    memset(w->copy_groups, 0, sizeof w->copy_groups);
    w->copy_count = 0;
    memset(w->local, unset, (size_t)SASS_LANES * run->local_bytes);
    w->p[SASS_P_TRUE] = w->p[SASS_P_UNIFORM + SASS_P_TRUE] = SASS_ALL;
    w->alive = threads >= SASS_LANES ? SASS_ALL : (1u << threads) - 1;
    w->now = w->group;
    w->now->mask = w->alive;
    w->queued = w->looked = w->polls = false;
    w->rank = run->config.order == PTX_UNFAIR ? ptx_random(&run->random) : 0;
}

/* What shared memory holds before anybody has written to it: by chance all sorts of things, as a
 * flag that nobody has set yet may be read as set or as not set. */
static int unset_byte(const struct ptx_config *config) {
    static const int bytes[] = {(int)(PTX_UNSET & 255), 0, 255};
    return bytes[config->order == PTX_RANDOM ? config->seed % 3 : 0];
}

/* Block number `index` begins: all of its warps can go on. */
static void start_block(struct sass_run *run, struct sass_block *block, uint64_t index) {
    const uint32_t *grid = run->launch->grid;
    for (int d = 0; d < 3; d++) {
        block->index[d] = (uint32_t)(index % grid[d]);
        index /= grid[d];
    }
    memset(block->shared, unset_byte(&run->config), run->shared_end - run->shared_first);
    memset(block->barrier, 0, sizeof block->barrier);
    block->alive = block->threads;
    for (unsigned k = 0; k < block->warp_count; k++)
        start_warp(run, &block->warps[k], block->threads - k * SASS_LANES);
    for (unsigned k = 0; k < block->warp_count; k++)
        give_way(run,
                 &block->warps[run->config.order == PTX_REVERSE ? block->warp_count - 1 - k : k]);
}

/* Nobody can go on. */
static void explain_deadlock(struct sass_run *run) {
    const struct sass_warp *first = NULL;
    const struct sass_group *where = NULL;
    unsigned lanes[4] = {0};
    for (size_t b = 0; b < run->block_count; b++)
        for (unsigned n = 0; n < run->blocks[b]->warp_count; n++)
            for (int k = 0; k < SASS_LANES; k++) {
                const struct sass_warp *w = &run->blocks[b]->warps[n];
                if (!w->group[k].mask)
                    continue;
                lanes[w->group[k].state] += (unsigned)__builtin_popcount(w->group[k].mask);
                if (!first ||
                    (where->state == SASS_AT_BARRIER && w->group[k].state != SASS_AT_BARRIER)) {
                    first = w;
                    where = &w->group[k];
                }
            }
    run->op = &run->ops[where->at - 1];
    sass_fail(
        first, __builtin_ctz(where->mask),
        "deadlock: %u threads wait at a barrier and %u for lanes of their warp (0x%x, of which "
        "not all come)",
        lanes[SASS_AT_BARRIER], lanes[SASS_AT_SYNC] + lanes[SASS_AT_WARPSYNC],
        where->state == SASS_AT_BARRIER ? 0 : where->need);
}

static void run_blocks(struct sass_run *run, size_t resident) {
    const uint32_t *grid = run->launch->grid, *size = run->launch->block;
    uint64_t count = (uint64_t)grid[0] * grid[1] * grid[2], next = 0;
    bool reverse = run->config.order == PTX_REVERSE;
    for (;;) {
        while (next < count && run->block_count < resident) {
            struct sass_block *fresh =
                run->idle ? run->idle : make_block(run, size[0] * size[1] * size[2]);
            run->idle = NULL;
            if (!fresh) {
                snprintf(run->why, sizeof run->why, "out of memory for a block's threads");
                longjmp(run->failed, 1);
            }
            run->blocks[run->block_count++] = fresh;
            start_block(run, fresh, reverse ? count - 1 - next : next);
            next++;
        }
        if (run->count == 0) {
            if (run->block_count)
                explain_deadlock(run);
            return;
        }
        struct sass_warp *w = take_ready(run);
        struct sass_block *block = w->block;
        go_on(run, w);
        if (block->alive == 0) {
            size_t k = 0;
            while (run->blocks[k] != block)
                k++;
            run->blocks[k] = run->blocks[--run->block_count];
            free_block(run->idle);
            run->idle = block;
        }
    }
}

/* --- launching -----------------------------------------------------------------------------------
 */

static int check_launch(const struct sass_program *program, const struct ptx_launch *launch) {
    const uint32_t *grid = launch->grid, *block = launch->block;
    uint64_t threads = (uint64_t)block[0] * block[1] * block[2],
             bytes = program->shared_bytes + launch->shared_bytes;
    if (!grid[0] || !grid[1] || !grid[2] || grid[0] > INT32_MAX || grid[1] > 65535 ||
        grid[2] > 65535)
        return device_fail("a grid of %u x %u x %u blocks", grid[0], grid[1], grid[2]);
    if (!threads || block[0] > PTX_THREADS_MAX || block[1] > PTX_THREADS_MAX || block[2] > 64 ||
        threads > PTX_THREADS_MAX)
        return device_fail("a block of %u x %u x %u threads; there are at most %d", block[0],
                           block[1], block[2], PTX_THREADS_MAX);
    if (bytes > SHARED_MOST(program->arch) * 1024)
        return device_fail("%llu bytes of shared memory; there are %u KiB on sm_%u",
                           (unsigned long long)bytes, SHARED_MOST(program->arch), program->arch);
    if (launch->together && threads * grid[0] * grid[1] * grid[2] > TOGETHER_MAX)
        return device_fail("%llu threads that all run at once; there are %d",
                           (unsigned long long)(threads * grid[0] * grid[1] * grid[2]),
                           TOGETHER_MAX);
    return 0;
}

/* What the driver writes into constant bank 0: sizes, windows, the top of the stack; arguments. */
static void fill_bank(struct sass_run *run) {
    const struct sass_program *program = run->program;
    const struct ptx_launch *launch = run->launch;
    uint32_t head[12] = {0};
    if (program->arch >= 100) { /* before the parameters, from 0x360 on */
        memcpy(head, launch->block, sizeof launch->block);
        memcpy(head + 4, launch->grid, sizeof launch->grid);
        head[7] = run->local_bytes;
        if (run->bank_size >= 0x380)
            memcpy(run->bank + 0x360, head, 0x20);
    } else {
        memcpy(head, launch->block, sizeof launch->block);
        memcpy(head + 3, launch->grid, sizeof launch->grid);
        head[0x1c / 4] = SASS_SHARED_WINDOW;
        head[0x24 / 4] = SASS_LOCAL_WINDOW;
        head[0x28 / 4] = run->local_bytes;
        memcpy(run->bank, head, sizeof head < run->bank_size ? sizeof head : run->bank_size);
        /* The generic address of the bank, or of the parameters. */
        bool whole = program->arch < 90;
        uint64_t window = (uint64_t)SASS_BANK_WINDOW << 32 | (whole ? 0 : program->params_offset);
        size_t at = whole ? 0x40 : 0x198;
        if (at + sizeof window <= run->bank_size)
            memcpy(run->bank + at, &window, sizeof window);
    }
    for (unsigned k = 0; k < program->param_count; k++)
        memcpy(run->bank + program->params_offset + program->params[k].offset, launch->arguments[k],
               program->params[k].size);
}

static void prepare(struct sass_run *run) {
    const struct sass_program *program = run->program;
    const struct sass_instruction *code = program->instructions;
    if (run->changed) {
        memcpy(run->changed, code, program->count * sizeof *code);
        changer(program, run->changed);
        code = run->changed;
    }
    for (size_t k = 0; k < program->count; k++)
        run->ops[k].text = &code[k];
    run->shared_first = SHARED_SYSTEM(program->arch);
    run->shared_end =
        run->shared_first + program->shared_bytes + (uint32_t)run->launch->shared_bytes;
    run->local_bytes = (program->local_bytes + 15) / 16 * 16;
    fill_bank(run);
}

static int launch_now(struct sass_run *run, size_t resident) {
    const uint32_t *block = run->launch->block;
    const struct sass_program *program = run->program;
    run->ring = resident * ((block[0] * block[1] * block[2] + SASS_LANES - 1) / SASS_LANES) + 1;
    run->ready = calloc(run->ring, sizeof(struct sass_warp *));
    run->blocks = calloc(resident, sizeof(struct sass_block *));
    run->ops = calloc(program->count, sizeof *run->ops);
    run->changed = changer ? malloc(program->count * sizeof *run->changed) : NULL;
    run->bank_size = program->banks[0].size;
    run->bank = calloc(1, run->bank_size + 64);
    volatile int status = -1;
    if (run->ready && run->blocks && run->ops && run->bank && program->count &&
        (run->changed || !changer)) {
        sass_running = run;
        prepare(run);
        run->op = run->ops;
        if (setjmp(run->failed) == 0) {
            run_blocks(run, resident);
            status = 0;
        } else {
            device_fail("kernel %.120s, sm_%u, at %s", program->plain, program->arch, run->why);
        }
        sass_running = NULL;
    } else {
        device_fail("out of memory for a launch");
    }
    for (size_t k = 0; k < run->block_count; k++)
        free_block(run->blocks[k]);
    free_block(run->idle);
    sass_constants_free(run->rows);
    free(run->ready);
    free(run->blocks);
    free(run->ops);
    free(run->changed);
    free(run->bank);
    return status;
}

int sass_launch(const struct sass_program *program, const struct ptx_launch *launch) {
    if (check_launch(program, launch) != 0)
        return -1;
    const struct ptx_config *config = ptx_configured();
    uint64_t blocks = (uint64_t)launch->grid[0] * launch->grid[1] * launch->grid[2];
    unsigned threads = launch->block[0] * launch->block[1] * launch->block[2];
    size_t resident = launch->together   ? blocks
                      : config->resident ? config->resident
                                         : DEFAULT_RESIDENT;
    struct sass_run run = {.program = program,
                           .launch = launch,
                           .config = *config,
                           .random = config->seed,
                           .memory = ptx_memory()};
    pthread_mutex_lock(&launching);
    double began = ptx_now();
    int status = launch_now(&run, resident < blocks ? resident : blocks);
    sass_counted.launches++;
    sass_counted.threads += blocks * threads;
    sass_counted.warps += blocks * ((threads + SASS_LANES - 1) / SASS_LANES);
    sass_counted.steps += run.steps;
    sass_counted.run_seconds += ptx_now() - began;
    pthread_mutex_unlock(&launching);
    return status;
}
