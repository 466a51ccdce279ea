/*
 * check.cc: what a checked kernel's loads and stores go through. clang's -fsanitize=thread calls a
 * function before each of them; the ones of this file take the place of its run-time library.
 *
 * For every 4 bytes there are: which of them may be touched; who touched them in this launch (for
 * counts and for "initialised"); and up to four accesses that a later one might race with. With
 * more than four concurrent accesses some are forgotten, so a race may be missed; one that is
 * reported is real. An atomic update and a plain read are not held against each other: at
 * least one of the two has to be a plain write.
 */
#include <cstring>

#include "kernels/simt/machine.h"

extern "C" char __executable_start;

namespace simt {

static uint32_t site_number(const void *site) {
    return (uint32_t)((uintptr_t)site - (uintptr_t)&__executable_start);
}

static const void *site_of(uint32_t number) {
    return (const void *)((uintptr_t)&__executable_start + number);
}

static const char *kind_name(unsigned kind) {
    return kind == ACCESS_READ ? "read" : kind == ACCESS_WRITE ? "write" : "atomic";
}

static void report_race(machine *m, thread *t, const access_record &before, unsigned kind,
                        uintptr_t a, const void *site) {
    place other = {before.block, before.thread, site_of(before.site)};
    report(m, SIMT_RACE, here(t, site), &other,
           "this %s and an earlier %s of %s are not ordered by a barrier, a __syncwarp or "
           "fence, atomic, atomic, fence",
           kind_name(kind), kind_name(before.kind), address_text(t, a).c_str());
}

/* Looks for a race with what the cell remembers, and remembers this access. */
static void note_access(machine *m, thread *t, size_t g, access_record me, bool shared, uintptr_t a,
                        const void *site) {
    access_record *cell = zone.cells + g * cell_records;
    uint32_t base = m->order.base;
    int put = -1, spare = -1;
    for (unsigned i = 0; i < cell_records; i++) {
        access_record &r = cell[i];
        if (!r.kind || r.clock < base || (shared && r.block != me.block)) {
            r.kind = 0;
            spare = (int)i;
            continue;
        }
        if (r.block == me.block && r.thread == me.thread) {
            if (r.clock == me.clock && (r.kind == me.kind || r.kind == ACCESS_WRITE) &&
                (me.bytes & ~r.bytes) == 0)
                return; /* nothing a later access could race with that it does not already */
            if ((r.bytes & ~me.bytes) == 0 && (r.kind == me.kind || me.kind == ACCESS_WRITE))
                put = (int)i;
            continue;
        }
        bool conflict = (r.bytes & me.bytes) && ((r.kind | me.kind) & ACCESS_WRITE);
        bool covered = (r.bytes & ~me.bytes) == 0 && (r.kind == me.kind || me.kind == ACCESS_WRITE);
        if (!conflict && !covered)
            continue;
        if (order_known(t, r)) {
            if (covered) /* whoever is ordered after this access is ordered after that one */
                put = (int)i;
        } else if (conflict) {
            report_race(m, t, r, me.kind, a, site);
        }
    }
    if (put < 0)
        put = spare;
    if (put < 0) {
        put = (int)((me.thread + me.clock) % cell_records);
        for (unsigned i = 0; i < cell_records; i++) /* reads are many, and forgotten first */
            if (cell[(put + i) % cell_records].kind == ACCESS_READ) {
                put = (int)((put + i) % cell_records);
                break;
            }
    }
    cell[put] = me;
}

[[noreturn]] static void out_of_bounds(machine *m, thread *t, uintptr_t a, unsigned size,
                                       const char *what, const void *site) {
    bool shared = a >= zone.shared_base && a < zone.global_base;
    report(m, shared ? SIMT_BOUNDS_SHARED : SIMT_BOUNDS_GLOBAL, here(t, site), nullptr,
           "a %s of %u bytes at %s", what, size, address_text(t, a).c_str());
    abandon_launch(m); /* the access itself must not happen */
}

static void foreign(machine *m, thread *t, uintptr_t a, unsigned size, unsigned kind,
                    const void *site) {
    const slot *s = t->home;
    if (kind != ACCESS_READ && m->config.image_read_only)
        out_of_bounds(m, t, a, size, kind_name(kind), site);
    if (a - (uintptr_t)s->all.get() < sizeof(thread) * max_threads ||
        a - (uintptr_t)s < sizeof(slot) ||
        a - (uintptr_t)m->launch->arguments < m->launch->arguments_bytes || in_machine_image(a))
        return; /* threadIdx and its like; the kernel's parameters; constants of the program */
    out_of_bounds(m, t, a, size, kind_name(kind), site);
}

/* `loads` and `stores` may both be set, for an atomic. */
static void access(uintptr_t a, unsigned size, unsigned kind, bool loads, bool stores,
                   const void *site) {
    machine *m = running;
    if (!m || !m->current)
        return; /* host code of a .cu */
    thread *t = m->current;
    guard_point(m, site);
    if (a - zone.shared_base >= zone.end - zone.shared_base) {
        if (a - (uintptr_t)t->on->bottom >= t->on->size)
            foreign(m, t, a, size, kind, site);
        return;
    }
    slot *s = t->home;
    bool shared = a < zone.global_base;
    if (shared && a - (uintptr_t)s->arena >= arena_bytes)
        out_of_bounds(m, t, a, size, kind_name(kind), site);
    uint64_t stamp = shared ? s->stamp : m->launch_stamp;
    access_record me;
    me.block = (uint32_t)s->block;
    me.clock = t->order.clock;
    me.site = site_number(site);
    me.thread = t->index;
    me.kind = (uint8_t)kind;
    if (!shared) {
        m->counts.loaded += loads ? size : 0;
        m->counts.stored += stores ? size : 0;
    }
    if (__builtin_expect(m->requests != nullptr, 0) && kind != ACCESS_ATOMIC)
        requests_note(m, t, a, size, stores, site);
    while (size) {
        size_t g = (a - zone.shared_base) / 4;
        unsigned from = a % 4, n = 4 - from < size ? 4 - from : size;
        unsigned bytes = ((1u << n) - 1) << from;
        if ((zone.valid[g] & bytes) != bytes)
            out_of_bounds(m, t, a, size, kind_name(kind), site);
        uint64_t touched = zone.touched[g];
        if (touched >> 8 != stamp)
            touched = stamp << 8;
        if (shared && loads && (bytes & ~(unsigned)(touched & 0xf)))
            report(m, SIMT_UNINITIALISED, here(t, site), nullptr,
                   "a read of %s, which nobody has written", address_text(t, a).c_str());
        uint64_t now = touched | (loads ? bytes << 4 : 0) | (stores ? bytes : 0);
        if (!shared) {
            m->counts.loaded_unique += (unsigned)__builtin_popcountll((now & ~touched) >> 4 & 0xf);
            m->counts.stored_unique += (unsigned)__builtin_popcountll(now & ~touched & 0xf);
        }
        zone.touched[g] = now;
        me.bytes = (uint8_t)bytes;
        note_access(m, t, g, me, shared, a, site);
        a += n;
        size -= n;
    }
}

void check_atomic(const void *p, unsigned size, bool load, bool store, const void *site) {
    access((uintptr_t)p, size, ACCESS_ATOMIC, load, store, site);
}

} // namespace simt

using namespace simt;

/* The names clang calls. */
#define READ(name, size)                                                                           \
    extern "C" void name(void *p);                                                                 \
    void name(void *p) {                                                                           \
        access((uintptr_t)p, size, ACCESS_READ, true, false, __builtin_return_address(0));         \
    }
#define WRITE(name, size)                                                                          \
    extern "C" void name(void *p);                                                                 \
    void name(void *p) {                                                                           \
        access((uintptr_t)p, size, ACCESS_WRITE, false, true, __builtin_return_address(0));        \
    }
#define VOLATILE(name, size, stores)                                                               \
    extern "C" void name(void *p);                                                                 \
    void name(void *p) {                                                                           \
        simt_volatile_at(p, size, stores, __builtin_return_address(0));                            \
    }
#define SIZE(n)                                                                                    \
    READ(__tsan_read##n, n)                                                                        \
    WRITE(__tsan_write##n, n)                                                                      \
    VOLATILE(__tsan_volatile_read##n, n, 0)                                                        \
    VOLATILE(__tsan_volatile_write##n, n, 1)
SIZE(1)
SIZE(2)
SIZE(4)
SIZE(8)
SIZE(16)
#define UNALIGNED(n)                                                                               \
    READ(__tsan_unaligned_read##n, n)                                                              \
    WRITE(__tsan_unaligned_write##n, n)                                                            \
    VOLATILE(__tsan_unaligned_volatile_read##n, n, 0)                                              \
    VOLATILE(__tsan_unaligned_volatile_write##n, n, 1)
UNALIGNED(2)
UNALIGNED(4)
UNALIGNED(8)
UNALIGNED(16)
extern "C" void __tsan_init(void);
void __tsan_init(void) {}
/* Virtual functions do not occur in kernels; host code of a .cu may have them. */
extern "C" void __tsan_vptr_update(void **, void *);
void __tsan_vptr_update(void **, void *) {}
extern "C" void __tsan_vptr_read(void **);
void __tsan_vptr_read(void **) {}

/* Copies and fills of whole structs, which clang leaves to these library calls. The Makefile gives
 * the ones in checked kernels these names, so that the machine sees them like any other access. */
extern "C" void *simt_checked_memcpy(void *to, const void *from, size_t bytes);
void *simt_checked_memcpy(void *to, const void *from, size_t bytes) {
    const void *site = __builtin_return_address(0);
    access((uintptr_t)from, (unsigned)bytes, ACCESS_READ, true, false, site);
    access((uintptr_t)to, (unsigned)bytes, ACCESS_WRITE, false, true, site);
    return memcpy(to, from, bytes);
}

extern "C" void *simt_checked_memmove(void *to, const void *from, size_t bytes);
void *simt_checked_memmove(void *to, const void *from, size_t bytes) {
    const void *site = __builtin_return_address(0);
    access((uintptr_t)from, (unsigned)bytes, ACCESS_READ, true, false, site);
    access((uintptr_t)to, (unsigned)bytes, ACCESS_WRITE, false, true, site);
    return memmove(to, from, bytes);
}

extern "C" void *simt_checked_memset(void *to, int byte, size_t bytes);
void *simt_checked_memset(void *to, int byte, size_t bytes) {
    access((uintptr_t)to, (unsigned)bytes, ACCESS_WRITE, false, true, __builtin_return_address(0));
    return memset(to, byte, bytes);
}
