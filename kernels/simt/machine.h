/*
 * machine.h: the inside of the SIMT machine, shared by its files and by nobody else.
 *
 * Every GPU thread is a fiber when it has to wait and a plain call when it has not. A `slot` is a
 * place for one resident block. All of a launch runs on one OS thread (or, with several workers,
 * each worker runs blocks of its own), so machine state needs no locks.
 */
#ifndef NANOLAB_KERNELS_SIMT_MACHINE_H
#define NANOLAB_KERNELS_SIMT_MACHINE_H

#include <atomic>
#include <boost/context/detail/fcontext.hpp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernels/simt/order.h"
#include "kernels/simt/simt.h"
#include "kernels/simt/simt_abi.h"

namespace simt {

constexpr unsigned warp_size = 32;
constexpr unsigned max_threads = 1024; /* in a block, as on every device so far */
constexpr unsigned bitmap_words = max_threads / 64;
constexpr size_t arena_bytes = 256 * 1024; /* one block's shared memory with its red zones */
constexpr size_t max_shared = 227 * 1024;  /* what sm_90 grants a block */
constexpr size_t red_zone = 256;
constexpr unsigned max_live = 16384; /* threads in all resident blocks together */

enum class state : uint8_t { fresh, ready, barrier, warp, polling, exited };

struct thread;
struct slot;
struct machine;

/* A stack, and where it was left. Free ones are kept for the next thread that needs one. */
struct fiber {
    boost::context::detail::fcontext_t context;
    char *bottom;
    size_t size;
};

struct thread {
    struct simt_self self; /* first: simt_self() hands out its address */
    slot *home;
    fiber *on; /* NULL until the thread starts, and after it has ended */
    uint16_t index;
    uint8_t warp;
    simt::state state;
    const void *site; /* where it waits: the return address in the kernel */
    const void *poll_address;
    uint64_t poll_value;
    unsigned idle; /* atomics in a row that changed nothing */
    thread_order order;
};

struct warp {
    uint32_t existing, live; /* lanes the block has; those that have not exited */
    uint32_t waiting;        /* lanes inside a warp operation; what each brought to it: */
    uint32_t mask[warp_size], argument[warp_size];
    uint8_t op[warp_size], width[warp_size];
    uint64_t value[warp_size], result[warp_size];
};

/* A place for one resident block. */
struct slot {
    simt_block_view view; /* first: threads point here */
    machine *home;
    unsigned number;
    bool active;
    uint64_t block; /* its linear index */
    unsigned threads, live, at_barrier;
    unsigned ready_count, polling_count;
    uint64_t ready[bitmap_words], polling[bitmap_words];
    int barrier_count, barrier_or, barrier_and;
    int barrier_kind, barrier_result;
    const void *barrier_site; /* where the first thread waits … */
    unsigned barrier_first, barrier_other;
    bool barrier_mixed; /* … and whether `barrier_other` waits somewhere else */
    warp warps[max_threads / warp_size];
    std::unique_ptr<thread[]> all;
    char *arena;    /* shared memory: red zone, dynamic part, red zone, variables with red zones */
    uint64_t stamp; /* of this run of this place, for "initialised" */
    block_order order;
};

/* What the workers of one launch have in common. */
struct grid_run {
    const simt_launch *launch;
    uint64_t blocks;
    std::vector<uint32_t> permutation; /* empty: by rule */
    std::atomic<uint64_t> next{0};
    std::atomic<bool> failed{false};
    std::atomic<unsigned> idle{0}, workers{1};
    std::atomic<uint64_t> progress{0};
};

/* A recorded schedule; see schedule.cc. */
struct schedule_log {
    FILE *out = nullptr;
    std::string path;
    std::vector<uint32_t> tokens; /* of the launch in progress */
    uint32_t run = 0;             /* steps since the last token that followed the default */
    std::deque<std::string> names;
    std::deque<std::vector<uint32_t>> replay; /* launches still to be followed */
    size_t position = 0;
    uint32_t replay_run = 0;
    bool replaying = false;
    uint64_t launches = 0;
};

struct site_pair {
    simt_report_kind kind;
    const void *a, *b;
    size_t report;
};

/* guard.cc: the watchdog of a launch on one OS thread, and the stack its handlers run on. */
struct guard_state {
    volatile bool on = false,
                  expired = false; /* expired: the next safe point gives the launch up */
    bool whole = false;            /* … because of the launch, not of one thread */
    uint64_t seen = 0, thread_ticks = 0, launch_ticks = 0;
    bool has_timer = false;
    timer_t timer = {};
    void *stack = nullptr;
    stack_t stack_before = {};
};

struct request_log; /* requests.cc */

struct machine {
    simt_config config = {};
    std::string record_path, replay_path;

    /* the launch in progress */
    grid_run *grid = nullptr;
    const simt_launch *launch = nullptr;
    bool checked = false;
    bool in_order = false; /* nothing but the default order is asked for, and nobody records it */
    bool aborted = false;
    bool diverged = false; /* a replay that does not fit */
    thread *current = nullptr;
    uint64_t launch_stamp = 0;
    std::vector<std::unique_ptr<slot>> slots;
    unsigned slot_count = 0, active = 0, threads = 0;
    uint64_t ready_total = 0, polling_total = 0;
    unsigned cursor_slot = 0; /* where the sweeps of the schedule go on: ascending … */
    unsigned cursor_thread = 0;
    unsigned cursor_below = 0; /* … and descending, below this thread */
    bool progress = false;
    bool idle_flag = false;
    uint64_t idle_rounds = 0, idle_seen = 0;
    uint64_t random = 0;
    boost::context::detail::fcontext_t main_context = nullptr;
    const void *main_stack = nullptr;
    size_t main_stack_size = 0;
    void *main_fake = nullptr;
    size_t dynamic_bytes = 0, arena_used = 0;
    uint64_t layout = 0; /* never used twice; marks the variables' cached places */
    std::unordered_map<const void *, size_t> places; /* of __shared__ variables in the arena */
    std::vector<fiber *> idle_fibers;
    fiber *first_fiber = nullptr; /* the one that the launcher left its stack for */
    std::vector<std::unique_ptr<fiber>> fibers;
    launch_order order;
    schedule_log log;

    /* results */
    std::deque<struct simt_report> reports;
    std::vector<site_pair> seen;
    size_t launch_reports = 0; /* index of the launch's first */
    uint64_t suppressed = 0;
    simt_counts counts = {};
    request_log *requests = nullptr; /* NULL: not counted */
    guard_state guard;

    ~machine();
};

extern thread_local machine *running; /* this OS thread's machine, NULL before first use */
machine *machine_of_thread();

/* schedule.cc */
/* The next sweep through `slot` starts at the threads [from, to). */
inline void set_cursor(machine *m, unsigned slot, unsigned from, unsigned to) {
    m->cursor_slot = slot;
    m->cursor_thread = from;
    m->cursor_below = to;
}
thread *schedule_pick(machine *m); /* the next ready thread; ready_total > 0 */
void schedule_begin(machine *m);
void schedule_end(machine *m);
int schedule_open(machine *m);
void schedule_close(machine *m);
uint64_t random_next(uint64_t *state);

/* machine.cc */
[[noreturn]] void abandon_launch(machine *m); /* after a report that nothing can follow */
void schedule_point(machine *m);              /* others may go first */

/* guard.cc */
void guard_begin(machine *m);
void guard_end(machine *m);
void guard_close(machine *m);
/* Where the machine is entered from a kernel: gives the launch up if its time is over. */
void guard_check(machine *m, const void *site);
inline void guard_point(machine *m, const void *site) {
    if (__builtin_expect(m->guard.expired, 0))
        guard_check(m, site);
}

/* atomic.cc */
/* Steps back if what the thread has just seen at `p` told it nothing it did not know. */
void consider_waiting(machine *m, thread *t, const void *p, uint64_t seen, bool changed);

/* sync.cc */
void warp_lane_gone(thread *t); /* after an exit: does that complete a group? */
void release_barrier(slot *s);  /* all who are left in the block have come */
void report_stuck(machine *m);  /* nobody can go on: says why */

/* matrix.cc */
bool is_matrix(unsigned op);                  /* needs all 32 lanes */
void matrix_complete(slot *s, unsigned warp); /* all of them have come */

/* memory.cc */
struct zone_map {
    uintptr_t shared_base, global_base, end; /* [shared arenas][global memory] */
    uint8_t *valid;                          /* per 4 bytes: which of them may be touched */
    uint64_t *touched;                       /* per 4 bytes: stamp << 8 | loaded << 4 | stored */
    access_record *cells;                    /* per 4 bytes: cell_records records */
};
extern zone_map zone;
int zone_open();
char *arena_take();
void arena_give(char *arena);
void arena_layout_begin(machine *m); /* forgets the variables, lays out the dynamic part */
void arena_layout_end(machine *m);
/* What an address is, for a report: "byte 12 of shared variable memory", … */
std::string address_text(const thread *t, uintptr_t a);
bool in_machine_image(uintptr_t a); /* program data: constants and __device__ variables */

/* check.cc */
void check_atomic(const void *p, unsigned size, bool load, bool store, const void *site);

/* requests.cc */
void requests_begin(machine *m);
void requests_close(machine *m);
/* An access to shared or global memory; m->requests is not NULL, here and below. */
void requests_note(machine *m, const thread *t, uintptr_t a, unsigned size, bool stores,
                   const void *site);
/* All lanes of a warp, or all warps of a block, have met: what was asked for before is complete. */
void requests_met(machine *m, const slot *home, unsigned warp);
void requests_met_block(machine *m, const slot *home);

/* report.cc */
struct place {
    uint64_t block;
    uint32_t thread;
    const void *site;
};
void report(machine *m, simt_report_kind kind, const place &at, const place *other,
            const char *format, ...) __attribute__((format(printf, 5, 6)));
std::string source_line(const void *site);
place here(const thread *t, const void *site);

} // namespace simt

#endif
