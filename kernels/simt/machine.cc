/*
 * machine.cc: launches, fibers and the life of blocks and threads.
 *
 * A thread that never waits is a plain call on whatever stack is at hand; one that waits keeps its
 * stack until it goes on. Whoever stops picks the next thread and jumps to it directly, so that a
 * step of the schedule is one switch.
 */
#include "kernels/simt/machine.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <thread>

#include "kernels/device/device.h"
#include "kernels/device/device_schedule.h"
#include "kernels/simt/switch.h"

namespace simt {

constexpr size_t stack_bytes = 128 * 1024;
constexpr size_t guard_bytes = 4096;

static thread_local std::unique_ptr<machine> owned;
thread_local machine *running;

static void default_limits(simt_config *config) {
    if (!config->resident)
        config->resident = 8;
    if (!config->poll_limit)
        config->poll_limit = 1000;
    if (!(config->thread_seconds > 0))
        config->thread_seconds = 30;
    if (!(config->launch_seconds > 0))
        config->launch_seconds = 1800;
}

/* Of a process that has been told none: zeros. */
static struct simt_config usual;

machine *machine_of_thread() {
    if (!running) {
        owned.reset(new machine);
        running = owned.get();
        running->config = usual;
        default_limits(&running->config);
    }
    return running;
}

machine::~machine() {
    for (std::unique_ptr<slot> &s : slots)
        arena_give(s->arena);
    for (std::unique_ptr<fiber> &f : fibers)
        munmap(f->bottom - guard_bytes, stack_bytes + guard_bytes);
    schedule_close(this);
    guard_close(this);
    requests_close(this);
    if (running == this)
        running = nullptr;
}

/* --- blocks ------------------------------------------------------------------------------------
 */

static void wake_pollers(machine *m) {
    for (unsigned k = 0; k < m->slot_count; k++) {
        slot *s = m->slots[k].get();
        for (unsigned w = 0; s->polling_count && w < bitmap_words; w++) {
            for (uint64_t rest = s->polling[w]; rest; rest &= rest - 1)
                make_ready(&s->all[w * 64 + (unsigned)__builtin_ctzll(rest)]);
            s->polling[w] = 0;
        }
        s->polling_count = 0;
    }
    m->polling_total = 0;
}

/* Numbers runs of launches and of blocks, never twice: whatever carries another one is old. */
static std::atomic<uint64_t> stamps{0};

/* Gives the next block to a slot; false when there is none left. */
static bool start_block(machine *m, slot *s) {
    grid_run *g = m->grid;
    uint64_t k = g->failed.load(std::memory_order_relaxed) ? g->blocks : g->next.fetch_add(1);
    if (k >= g->blocks) {
        s->active = false;
        return false;
    }
    if (!g->permutation.empty())
        k = g->permutation[k];
    else if (m->config.block_order == SIMT_BLOCKS_REVERSE)
        k = g->blocks - 1 - k;
    const unsigned *grid = m->launch->grid;
    s->active = true;
    s->block = k;
    s->view.index = {(unsigned)(k % grid[0]), (unsigned)(k / grid[0] % grid[1]),
                     (unsigned)(k / grid[0] / grid[1])};
    s->live = m->threads;
    s->at_barrier = 0;
    s->barrier_count = s->barrier_or = 0;
    s->barrier_and = 1;
    s->polling_count = 0;
    s->ready_count = m->threads;
    m->ready_total += m->threads;
    for (unsigned w = 0; w < bitmap_words; w++) {
        unsigned from = w * 64;
        s->polling[w] = 0;
        s->ready[w] = m->threads >= from + 64 ? ~(uint64_t)0
                      : m->threads > from     ? ((uint64_t)1 << (m->threads - from)) - 1
                                              : 0;
    }
    for (unsigned w = 0; w * warp_size < m->threads; w++) {
        unsigned lanes = std::min(warp_size, m->threads - w * warp_size);
        s->warps[w].existing = s->warps[w].live = (uint32_t)(((uint64_t)1 << lanes) - 1);
        s->warps[w].waiting = 0;
    }
    for (unsigned i = 0; i < m->threads; i++) {
        s->all[i].state = state::fresh;
        s->all[i].idle = 0;
        s->all[i].poll_address = nullptr;
    }
    /* What nobody has written is NaN in every format, as in fresh global memory. */
    memset(s->arena, 0xff, m->arena_used);
    if (m->checked) {
        s->stamp = ++stamps;
        order_block(s);
    }
    return true;
}

/* --- fibers ------------------------------------------------------------------------------------
 */

static void fiber_main(transfer_t from);

static fiber *fiber_or_null(machine *m) {
    if (!m->idle_fibers.empty()) {
        fiber *f = m->idle_fibers.back();
        m->idle_fibers.pop_back();
        return f;
    }
    char *memory = (char *)mmap(nullptr, guard_bytes + stack_bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return nullptr;
    mprotect(memory, guard_bytes, PROT_NONE); /* an overflow faults instead of spreading */
    fiber *f = new fiber;
    f->bottom = memory + guard_bytes;
    /* Tops a whole number of pages apart would share few cache sets: shift them. */
    f->size = stack_bytes - m->fibers.size() % 60 * 64;
    /* These addresses may have been somebody else's, and what is unmapped stays marked. */
    FIBER_CLEAN(f->bottom, f->size);
    f->context = make_fcontext(f->bottom + f->size, f->size, fiber_main);
    m->fibers.emplace_back(f);
    return f;
}

static void report_no_stack(machine *m) {
    report(m, SIMT_LAUNCH, {0, 0, nullptr}, nullptr,
           "no memory for the stack of one more waiting thread; use smaller blocks or fewer "
           "resident ones");
}

fiber *fiber_take(machine *m) {
    fiber *f = fiber_or_null(m);
    if (f)
        return f;
    report_no_stack(m);
    abandon_launch(m);
}

static void to_main(machine *m) {
    FIBER_LEAVE(nullptr, m->main_stack, m->main_stack_size);
    jump_fcontext(m->main_context, nullptr);
}

void abandon_launch(machine *m) {
    m->aborted = true;
    m->grid->failed.store(true);
    to_main(m);
    __builtin_unreachable();
}

/* Somebody must be runnable for a schedule to go on. With nobody, either all is done (NULL), or
 * those who poll look again, or nobody ever will be. */
thread *next_thread_slowly(machine *m) {
    while (!m->ready_total) {
        if (!m->polling_total) {
            if (!m->active)
                return nullptr;
            report_stuck(m);
            abandon_launch(m);
        }
        if (m->grid->failed.load(std::memory_order_relaxed))
            abandon_launch(m);
        if (m->progress) {
            m->progress = false;
            m->idle_rounds = 0;
            m->grid->progress.fetch_add(1, std::memory_order_relaxed);
            if (m->idle_flag) {
                m->idle_flag = false;
                m->grid->idle.fetch_sub(1);
            }
        } else if (++m->idle_rounds > m->config.poll_limit) {
            /* Others may still bring news, if there are other workers. */
            if (!m->idle_flag) {
                m->idle_flag = true;
                m->grid->idle.fetch_add(1);
            }
            uint64_t seen = m->grid->progress.load();
            if (m->grid->idle.load() == m->grid->workers.load() && seen == m->idle_seen) {
                report_stuck(m);
                abandon_launch(m);
            }
            m->idle_seen = seen;
            m->idle_rounds = 0;
            std::this_thread::yield();
        }
        wake_pollers(m);
    }
    return schedule_pick(m);
}

void schedule_point(machine *m) {
    guard_point(m, m->current->site);
    if (m->config.interleave == SIMT_ROUND_ROBIN || m->config.interleave == SIMT_RANDOM)
        switch_away(m);
}

/* The current thread has returned from the kernel. */
static void thread_ended(machine *m, thread *t) {
    slot *s = t->home;
    make_waiting(t, state::exited);
    t->on = nullptr;
    s->live--;
    m->progress = true;
    warp_lane_gone(t);
    if (s->live == 0) {
        if (m->requests)
            requests_met_block(m, s);
        set_cursor(m, (s->number + 1) % m->slot_count, 0, m->threads);
        if (!start_block(m, s))
            m->active--;
    } else if (s->at_barrier == s->live) {
        release_barrier(s); /* who has left does not count any more */
    }
}

/* Runs threads, one after the other as long as the next one has not started; otherwise lies idle
 * until it is taken again. */
static void fiber_main(transfer_t from) {
    machine *m = running;
    const void *bottom = nullptr;
    size_t size = 0;
    FIBER_ENTER(nullptr, &bottom, &size);
    if (!m->main_stack) { /* the very first jump of a machine comes from its caller's stack */
        m->main_stack = bottom;
        m->main_stack_size = size;
    }
    arrived(from);
    if (!m->current) {
        m->current = next_thread(m);
        m->current->on = m->first_fiber;
    }
    for (;;) {
        thread *t = m->current;
        t->state = state::ready;
        m->launch->run(m->launch->arguments);
        fiber *mine = t->on;
        thread_ended(m, t);
        thread *next = next_thread(m);
        if (!next) {
            m->idle_fibers.push_back(mine);
            jump j = {&mine->context};
            void *fake = nullptr;
            FIBER_LEAVE(&fake, m->main_stack, m->main_stack_size);
            transfer_t back = jump_fcontext(m->main_context, &j);
            FIBER_ENTER(fake, nullptr, nullptr);
            arrived(back);
            m = running;
        } else if (next->on) {
            m->idle_fibers.push_back(mine);
            switch_to(m, next, &mine->context);
            m = running;
        } else {
            next->on = mine;
            m->current = next;
            m->counts.switches++;
        }
    }
}

/* Leaves the launcher's stack for a first fiber; returns when the grid is done or given up. */
static void leave_main(machine *m) {
    fiber *f = m->first_fiber = fiber_or_null(m);
    if (!f) {
        report_no_stack(m);
        m->aborted = true;
        return;
    }
    jump j = {&m->main_context};
    void *fake = nullptr;
    m->current = nullptr;
    m->main_stack = nullptr;
    /* The first fiber tells where this stack lies; one that lay idle cannot, so it starts anew. */
    FIBER_CLEAN(f->bottom, f->size);
    f->context = make_fcontext(f->bottom + f->size, f->size, fiber_main);
    FIBER_LEAVE(&fake, f->bottom, f->size);
    transfer_t from = jump_fcontext(f->context, &j);
    FIBER_ENTER(fake, nullptr, nullptr);
    arrived(from);
}

/* Runs this machine's share of a grid to its end, or until it is abandoned. */
static void run_blocks(machine *m) {
    m->active = 0;
    m->ready_total = m->polling_total = 0;
    set_cursor(m, 0, 0, m->threads);
    m->progress = m->aborted = m->idle_flag = false;
    m->idle_rounds = 0;
    m->idle_seen = ~(uint64_t)0;
    for (unsigned k = 0; k < m->slot_count; k++) {
        memset(m->slots[k]->ready, 0, sizeof m->slots[k]->ready);
        m->slots[k]->ready_count = m->slots[k]->polling_count = 0;
        m->slots[k]->active = false;
    }
    for (unsigned k = 0; k < m->slot_count && start_block(m, m->slots[k].get()); k++)
        m->active++;
    m->in_order = m->config.interleave == SIMT_IN_ORDER && !m->log.out && !m->log.replaying;
    if (m->active) {
        guard_begin(m);
        leave_main(m);
        guard_end(m);
    }
    m->current = nullptr;
    if (m->aborted) { /* what runs in the middle of a kernel is given up with its stack */
        m->idle_fibers.clear();
        for (std::unique_ptr<fiber> &f : m->fibers) {
            FIBER_CLEAN(f->bottom, f->size);
            f->context = make_fcontext(f->bottom + f->size, f->size, fiber_main);
            m->idle_fibers.push_back(f.get());
        }
        for (unsigned k = 0; k < m->slot_count; k++)
            for (unsigned i = 0; i < m->threads; i++)
                m->slots[k]->all[i].on = nullptr;
    }
}

/* --- launches ----------------------------------------------------------------------------------
 */

static bool prepare_slots(machine *m) {
    const simt_launch *l = m->launch;
    unsigned wanted = std::max(1u, std::min(m->config.resident, max_live / m->threads));
    if (l->together)
        wanted = max_live / m->threads;
    m->slot_count = (unsigned)std::min<uint64_t>(wanted, m->grid->blocks);
    while (m->slots.size() < m->slot_count) {
        std::unique_ptr<slot> s(new slot{});
        s->home = m;
        s->number = (unsigned)m->slots.size();
        s->arena = arena_take();
        if (!s->arena)
            return false;
        s->all.reset(new thread[max_threads]{});
        m->slots.push_back(std::move(s));
    }
    for (unsigned k = 0; k < m->slot_count; k++) {
        slot *s = m->slots[k].get();
        bool same = s->threads == m->threads && s->view.dim.x == l->block[0] &&
                    s->view.dim.y == l->block[1];
        s->threads = m->threads;
        s->view.dim = {l->block[0], l->block[1], l->block[2]};
        s->view.grid = {l->grid[0], l->grid[1], l->grid[2]};
        for (unsigned i = 0; i < m->threads && !same; i++) {
            thread *t = &s->all[i];
            t->home = s;
            t->on = nullptr;
            t->index = (uint16_t)i;
            t->warp = (uint8_t)(i / warp_size);
            t->self.block = &s->view;
            t->self.lane = i % warp_size;
            t->self.thread = {i % l->block[0], i / l->block[0] % l->block[1],
                              i / l->block[0] / l->block[1]};
        }
    }
    return true;
}

static int launch_refused(machine *m, const simt_launch *l, const char *why) {
    report(m, SIMT_LAUNCH, {0, 0, nullptr}, nullptr, "%s", why);
    return device_fail("kernel %s on the simt device: %s", l->name, why);
}

static int replay_refused(machine *m, const simt_launch *l) {
    return device_fail("kernel %s on the simt device: the recorded schedule %s does not fit this "
                       "launch; record it again",
                       l->name, m->replay_path.c_str());
}

static const char *launch_problem(const simt_launch *l) {
    uint64_t threads = (uint64_t)l->block[0] * l->block[1] * l->block[2];
    if (!l->grid[0] || !l->grid[1] || !l->grid[2])
        return "a grid needs at least one block in every dimension";
    if (l->grid[0] > 0x7fffffff || l->grid[1] > 65535 || l->grid[2] > 65535)
        return "the grid is too large: at most 2147483647 x 65535 x 65535 blocks";
    if ((uint64_t)l->grid[0] * l->grid[1] * l->grid[2] > 0xfffffffe)
        return "the grid is too large for the SIMT machine: at most 2^32 - 2 blocks";
    if (!threads || l->block[0] > 1024 || l->block[1] > 1024 || threads > max_threads ||
        l->block[2] > 64)
        return "a block has 1 to 1024 threads, at most 1024 x 1024 x 64";
    if (l->shared_bytes > max_shared)
        return "a block has at most 227 KiB of shared memory";
    if (l->together && threads * l->grid[0] * l->grid[1] * l->grid[2] > max_live)
        return "its blocks wait for each other, and at most 16384 threads can be resident at once";
    return nullptr;
}

static void run_workers(machine *m, unsigned workers) {
    grid_run *g = m->grid;
    g->workers = workers;
    std::vector<std::unique_ptr<machine>> helpers;
    std::vector<std::thread> threads;
    for (unsigned k = 1; k < workers; k++) {
        helpers.emplace_back(new machine);
        machine *h = helpers.back().get();
        h->config = m->config;
        h->random = m->random + k;
        h->grid = g;
        h->launch = m->launch;
        h->threads = m->threads;
        h->dynamic_bytes = m->dynamic_bytes;
        threads.emplace_back([h, g] {
            running = h;
            if (prepare_slots(h)) {
                arena_layout_begin(h);
                run_blocks(h);
                arena_layout_end(h);
            }
            if (!h->idle_flag)
                g->idle.fetch_add(1); /* an ended worker brings no more news */
        });
    }
    run_blocks(m);
    if (!m->idle_flag)
        g->idle.fetch_add(1);
    for (std::thread &t : threads)
        t.join();
    for (std::unique_ptr<machine> &h : helpers) {
        for (struct simt_report &r : h->reports)
            m->reports.push_back(r);
        m->counts.switches += h->counts.switches;
        m->counts.products += h->counts.products;
        m->counts.barriers += h->counts.barriers;
        m->counts.atomics_global += h->counts.atomics_global;
        m->counts.atomics_shared += h->counts.atomics_shared;
    }
}

static int run_launch(machine *m, const simt_launch *l) {
    m->launch_reports = m->reports.size();
    m->seen.clear();
    m->suppressed = 0;
    m->counts = {};
    m->counts.checked = l->checked;
    m->checked = l->checked;
    const char *problem = launch_problem(l);
    if (problem)
        return launch_refused(m, l, problem);
    if (zone_open())
        return -1;
    grid_run grid;
    grid.launch = l;
    grid.blocks = (uint64_t)l->grid[0] * l->grid[1] * l->grid[2];
    m->grid = &grid;
    m->launch = l;
    m->threads = l->block[0] * l->block[1] * l->block[2];
    m->dynamic_bytes = l->shared_bytes;
    schedule_begin(m);
    if (m->diverged || !prepare_slots(m)) {
        m->grid = nullptr;
        m->launch = nullptr;
        return m->diverged ? replay_refused(m, l)
                           : launch_refused(m, l, "no room for its resident blocks");
    }
    if (m->config.block_order == SIMT_BLOCKS_RANDOM) {
        uint64_t random = m->config.seed ^ 0x5851f42d4c957f2d;
        grid.permutation.resize(grid.blocks);
        for (uint64_t i = 0; i < grid.blocks; i++)
            grid.permutation[i] = (uint32_t)i;
        for (uint64_t i = grid.blocks; i > 1; i--)
            std::swap(grid.permutation[i - 1], grid.permutation[random_next(&random) % i]);
    }
    arena_layout_begin(m);
    m->launch_stamp = ++stamps;
    if (m->checked)
        order_launch(m);
    requests_begin(m);
    bool alone = m->checked || m->log.out || m->log.replaying;
    if (m->config.workers > 1 && !alone && !l->together)
        run_workers(m, m->config.workers);
    else
        run_blocks(m);
    if (m->checked)
        order_launch_end(m);
    requests_close(m);
    arena_layout_end(m);
    schedule_end(m);
    m->grid = nullptr;
    m->launch = nullptr;
    if (m->diverged)
        return replay_refused(m, l);
    if (m->reports.size() > m->launch_reports) {
        size_t more = m->reports.size() - m->launch_reports - 1;
        const struct simt_report &first = m->reports[m->launch_reports];
        if (more)
            return device_fail("%s (and %zu more)", first.text, more);
        return device_fail("%s", first.text);
    }
    return 0;
}

} // namespace simt

using namespace simt;

const struct simt_self *simt_self(void) {
    return &running->current->self;
}

int simt_launch_kernel(const struct simt_launch *launch) {
    machine *m = machine_of_thread();
    if (m->launch)
        return device_fail("kernel %s: the SIMT machine does not launch kernels from kernels",
                           launch->name);
    return run_launch(m, launch);
}

int simt_configure(const struct simt_config *config) {
    machine *m = machine_of_thread();
    schedule_close(m);
    m->reports.clear();
    /* As numbers: a caller's enum may hold anything. */
    unsigned block_order = 0, interleave = 0;
    if (config) {
        memcpy(&block_order, &config->block_order, sizeof block_order);
        memcpy(&interleave, &config->interleave, sizeof interleave);
    }
    bool known = block_order <= SIMT_BLOCKS_RANDOM && interleave <= SIMT_RANDOM;
    m->config = config && known ? *config : usual;
    m->record_path = m->config.record ? m->config.record : "";
    m->replay_path = m->config.replay ? m->config.replay : "";
    m->config.record = m->config.replay = nullptr;
    default_limits(&m->config);
    if (!known)
        return device_fail("simt_configure: block order %u or interleaving %u does not exist",
                           block_order, interleave);
    return schedule_open(m);
}

void simt_set_usual(const struct simt_config *config) {
    usual = simt_config{};
    usual.block_order = config->block_order;
    usual.interleave = config->interleave;
    usual.seed = config->seed;
    simt_configure(nullptr);
}

size_t simt_reports(void) {
    return machine_of_thread()->reports.size();
}

const struct simt_report *simt_report(size_t k) {
    machine *m = machine_of_thread();
    return k < m->reports.size() ? &m->reports[k] : nullptr;
}

void simt_reports_clear(void) {
    machine_of_thread()->reports.clear();
}

void simt_last_counts(struct simt_counts *counts) {
    *counts = machine_of_thread()->counts;
}
