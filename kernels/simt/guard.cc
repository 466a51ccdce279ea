/*
 * guard.cc: what would hang the process or kill it becomes a report, and the launch is given up.
 *
 * A timer of the thread's own CPU time (so that a busy machine raises no false alarm) ticks while
 * blocks run. Where one GPU thread has run for too long without a step of the schedule, the next
 * point at which the machine is entered says so; a loop that never enters it is given up from the
 * tick itself. Faults of the processor (a runaway stack, a wild pointer of the plain build, an
 * integer division by zero) are caught on a stack of their own. Misaligned and out-of-range
 * accesses that the compiler can see come in through the handlers of clang's -fsanitize=alignment,
 * array-bounds and integer-divide-by-zero, which checked kernels are built with; -fsanitize=
 * local-bounds traps.
 */
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "kernels/simt/machine.h"

namespace simt {

constexpr size_t handler_stack = 256 * 1024; /* a report runs addr2line from it */
constexpr long tick_nanoseconds = 50'000'000;

/* --- too long ----------------------------------------------------------------------------------
 */

[[noreturn]] static void too_long(machine *m, const void *site) {
    thread *t = m->current;
    m->guard.expired = false;
    report(m, SIMT_ENDLESS, here(t, site), nullptr,
           m->guard.whole
               ? "the launch has taken %.0f s of processor time; if it is not endless, "
                 "set simt_config.launch_seconds"
               : "it has run for %.0f s without waiting for anybody: an endless loop, or "
                 "a spin on memory that is neither an atomic nor volatile (if it is "
                 "neither, set simt_config.thread_seconds)",
           m->guard.whole ? m->config.launch_seconds : m->config.thread_seconds);
    abandon_launch(m);
}

void guard_check(machine *m, const void *site) {
    if (__builtin_expect(m->guard.expired, 0))
        too_long(m, site);
}

static const void *interrupted_at(void *context) {
#if defined(__x86_64__)
    return (const void *)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#else
    (void)context;
    return nullptr;
#endif
}

static void on_tick(int, siginfo_t *, void *context) {
    machine *m = running;
    if (!m || !m->current || !m->guard.on)
        return;
    guard_state &g = m->guard;
    const void *site = interrupted_at(context);
    g.launch_ticks++;
    if (m->counts.switches != g.seen) {
        g.seen = m->counts.switches;
        g.thread_ticks = 0;
    } else {
        g.thread_ticks++;
    }
    double seconds = (double)tick_nanoseconds * 1e-9;
    if (g.expired) {
        /* A whole tick without an atomic or a checked access: nothing of the C library is under
         * way, and what the machine knows of this launch is thrown away with it. */
        if (in_machine_image((uintptr_t)site))
            too_long(m, site);
        return;
    }
    g.whole = (double)g.launch_ticks * seconds > m->config.launch_seconds;
    if (g.whole || (double)g.thread_ticks * seconds > m->config.thread_seconds)
        g.expired = true;
}

/* --- faults ------------------------------------------------------------------------------------
 */

static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
constexpr size_t fatal_count = sizeof fatal / sizeof *fatal;
static struct sigaction before[fatal_count];

/* The fault was not a kernel's: whoever was there before us deals with it. */
static void hand_on(int number) {
    for (size_t k = 0; k < fatal_count; k++)
        if (fatal[k] == number)
            sigaction(number, &before[k], nullptr);
    /* Returning repeats the access, and so the signal. */
}

static void on_fault(int number, siginfo_t *info, void *context) {
    machine *m = running;
    thread *t = m ? m->current : nullptr;
    if (!t || !m->guard.on) {
        hand_on(number);
        return;
    }
    const void *site = interrupted_at(context);
    uintptr_t a = (uintptr_t)info->si_addr, bottom = t->on ? (uintptr_t)t->on->bottom : 0;
    m->guard.on = false; /* a fault while this one is reported ends the process as usual */
    if (number == SIGFPE)
        report(m, SIMT_DIVISION, here(t, site), nullptr,
               "an integer division by zero: no fault on a GPU, where its result is unspecified");
    else if (number == SIGILL)
        report(m, SIMT_BOUNDS_ARRAY, here(t, site), nullptr,
               "an access outside a local variable or array");
    else if (bottom && a < bottom && a + 65536 >= bottom)
        report(m, SIMT_STACK, here(t, site), nullptr,
               "its stack of 128 KiB is used up: a recursion without end, or large local arrays");
    else
        report(m, SIMT_BOUNDS_GLOBAL, here(t, site), nullptr,
               "an access at %#llx, which is no memory at all", (unsigned long long)a);
    abandon_launch(m);
}

/* Handlers belong to the process: they are there while any launch runs. */
static std::mutex lock;
static unsigned users;

static void install() {
    std::lock_guard<std::mutex> hold(lock);
    if (users++)
        return;
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    for (size_t k = 0; k < fatal_count; k++)
        sigaction(fatal[k], &action, &before[k]);
    action.sa_sigaction = on_tick;
    action.sa_flags |= SA_RESTART;
    sigaction(SIGRTMIN + 7, &action, nullptr);
}

static void remove() {
    std::lock_guard<std::mutex> hold(lock);
    if (--users)
        return;
    for (size_t k = 0; k < fatal_count; k++)
        sigaction(fatal[k], &before[k], nullptr);
    /* A tick that is still under way finds no launch and does nothing. */
}

/* --- around a launch, on each thread that runs blocks ------------------------------------------
 */

static void set_timer(machine *m, long nanoseconds) {
    struct itimerspec every = {};
    every.it_interval.tv_nsec = every.it_value.tv_nsec = nanoseconds;
    timer_settime(m->guard.timer, 0, &every, nullptr);
}

void guard_begin(machine *m) {
    guard_state &g = m->guard;
    install();
    if (!g.stack) {
        g.stack = mmap(nullptr, handler_stack, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (g.stack == MAP_FAILED)
            g.stack = nullptr;
        struct sigevent event = {};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = SIGRTMIN + 7;
        event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
        g.has_timer = timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &g.timer) == 0;
    }
    stack_t mine = {};
    mine.ss_sp = g.stack;
    mine.ss_size = handler_stack;
    if (g.stack)
        sigaltstack(&mine, &g.stack_before);
    g.seen = m->counts.switches;
    g.thread_ticks = g.launch_ticks = 0;
    g.expired = g.whole = false;
    g.on = true;
    if (g.has_timer)
        set_timer(m, tick_nanoseconds);
}

void guard_end(machine *m) {
    guard_state &g = m->guard;
    if (g.has_timer)
        set_timer(m, 0);
    g.on = false;
    if (g.stack)
        sigaltstack(&g.stack_before, nullptr);
    remove();
}

void guard_close(machine *m) {
    if (m->guard.has_timer)
        timer_delete(m->guard.timer);
    if (m->guard.stack)
        munmap(m->guard.stack, handler_stack);
}

} // namespace simt

/* --- what clang's checks call ------------------------------------------------------------------
 *
 * Their data begin with the place in the source; reports find it by the return address. Outside of
 * a kernel there is host code of a .cu, whose mistakes end the process. Weak, since a sanitised
 * program brings its own.
 */

using namespace simt;

static machine *in_kernel(const char *what) {
    if (running && running->current)
        return running;
    fprintf(stderr, "simt: %s in the host code of a kernel file\n", what);
    abort();
}

struct ubsan_type {
    uint16_t kind, info;
    char name[1];
};
struct ubsan_mismatch {
    const char *file;
    uint32_t line, column;
    const ubsan_type *type;
    uint8_t log_alignment, access;
};
static void misaligned(const char *type, uintptr_t a, unsigned alignment, const void *site) {
    machine *m = in_kernel("a misaligned access");
    report(m, SIMT_MISALIGNED, here(m->current, site), nullptr,
           "an access%s at %s, which is no multiple of %u bytes", type,
           address_text(m->current, a).c_str(), alignment);
    abandon_launch(m);
}

struct ubsan_index {
    const char *file;
    uint32_t line, column;
    const ubsan_type *array, *index;
};

extern "C" __attribute__((weak)) void
__ubsan_handle_type_mismatch_v1(const struct ubsan_mismatch *data, uintptr_t a);
void __ubsan_handle_type_mismatch_v1(const struct ubsan_mismatch *data, uintptr_t a) {
    std::string type = std::string(" as ") + data->type->name;
    misaligned(type.c_str(), a, 1u << data->log_alignment, __builtin_return_address(0));
}

void simt_aligned(const void *p, unsigned alignment) {
    if ((uintptr_t)p % alignment)
        misaligned("", (uintptr_t)p, alignment, __builtin_return_address(0));
}

extern "C" __attribute__((weak)) void __ubsan_handle_out_of_bounds(const struct ubsan_index *data,
                                                                   uintptr_t index);
void __ubsan_handle_out_of_bounds(const struct ubsan_index *data, uintptr_t index) {
    machine *m = in_kernel("an index out of range");
    /* Bit 0 of an integer's info: signed. */
    bool negative = data->index->info & 1 && (int64_t)index < 0;
    char text[32];
    snprintf(text, sizeof text, negative ? "%lld" : "%llu", (long long)index);
    report(m, SIMT_BOUNDS_ARRAY, here(m->current, __builtin_return_address(0)), nullptr,
           "index %s into an array of type %s", text, data->array->name);
    abandon_launch(m);
}

extern "C" __attribute__((weak)) void
__ubsan_handle_divrem_overflow(const void *data, uintptr_t left, uintptr_t right);
void __ubsan_handle_divrem_overflow(const void *, uintptr_t, uintptr_t) {
    machine *m = in_kernel("an integer division by zero");
    report(m, SIMT_DIVISION, here(m->current, __builtin_return_address(0)), nullptr,
           "an integer division by zero: no fault on a GPU, where its result is unspecified");
    abandon_launch(m);
}
