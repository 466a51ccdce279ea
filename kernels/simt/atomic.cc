/*
 * atomic.cc: atomics, acquire loads and fences: the only places where a thread may wait for memory
 * to change, and so the places where the schedule may turn to somebody else.
 *
 * A thread that looks again and finds nothing new steps back until all who can do something have
 * done it. If that goes on with nothing else happening, it is a deadlock (next_thread).
 */
#include <cmath>
#include <cstring>

#include "kernels/simt/machine.h"
#include "kernels/simt/switch.h"

namespace simt {

constexpr unsigned idle_limit = 16; /* fruitless atomics in a row, before one steps back anyway */

static uint64_t load(const void *p, unsigned size) {
    switch (size) {
    case 2:
        return __atomic_load_n((const uint16_t *)p, __ATOMIC_SEQ_CST);
    case 4:
        return __atomic_load_n((const uint32_t *)p, __ATOMIC_SEQ_CST);
    default:
        return __atomic_load_n((const uint64_t *)p, __ATOMIC_SEQ_CST);
    }
}

template <class T>
static bool swap(void *p, uint64_t old, uint64_t value) {
    T expected = (T)old;
    return __atomic_compare_exchange_n((T *)p, &expected, (T)value, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static float as_float(uint64_t bits) {
    uint32_t u = (uint32_t)bits;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static uint64_t bits_of(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static float flushed(float f, bool flush) {
    return flush && std::fpclassify(f) == FP_SUBNORMAL ? std::copysign(0.0f, f) : f;
}

static uint64_t add_f32(uint64_t old, uint64_t value, bool shared) {
    bool flush =
        simt_rules[shared ? SIMT_RULE_ATOMIC_F32_SHARED_FTZ : SIMT_RULE_ATOMIC_F32_GLOBAL_FTZ]
            .device;
    float sum = flushed(flushed(as_float(old), flush) + flushed(as_float(value), flush), flush);
    return std::isnan(sum) ? simt_rules[SIMT_RULE_NAN_F32].device : bits_of(sum);
}

static uint64_t add_f64(uint64_t old, uint64_t value) {
    double a, b;
    memcpy(&a, &old, sizeof a);
    memcpy(&b, &value, sizeof b);
    a += b;
    memcpy(&old, &a, sizeof old);
    return old;
}

static int64_t sign_extended(uint64_t v, unsigned size) {
    return size == 4 ? (int64_t)(int32_t)(uint32_t)v : (int64_t)v;
}

static uint64_t new_value(simt_atomic_op op, uint64_t old, uint64_t v, uint64_t compare,
                          unsigned size, bool shared) {
    switch (op) {
    case SIMT_LOAD:
        return old;
    case SIMT_STORE:
    case SIMT_EXCHANGE:
        return v;
    case SIMT_CAS:
        return old == compare ? v : old;
    case SIMT_ADD:
        return old + v;
    case SIMT_MIN_S:
        return sign_extended(v, size) < sign_extended(old, size) ? v : old;
    case SIMT_MAX_S:
        return sign_extended(v, size) > sign_extended(old, size) ? v : old;
    case SIMT_MIN_U:
        return v < old ? v : old;
    case SIMT_MAX_U:
        return v > old ? v : old;
    case SIMT_AND:
        return old & v;
    case SIMT_OR:
        return old | v;
    case SIMT_XOR:
        return old ^ v;
    case SIMT_INC:
        return old >= v ? 0 : old + 1;
    case SIMT_DEC:
        return old == 0 || old > v ? v : old - 1;
    case SIMT_ADD_F32:
        return add_f32(old, v, shared);
    case SIMT_ADD_F64:
        return add_f64(old, v);
    case SIMT_ADD_F16:
        return simt_double_to_half(
            (double)(simt_half_to_float((uint16_t)old) + simt_half_to_float((uint16_t)v)));
    case SIMT_ADD_BF16:
        return simt_double_to_bfloat(
            (double)(simt_bfloat_to_float((uint16_t)old) + simt_bfloat_to_float((uint16_t)v)));
    }
    return old;
}

void consider_waiting(machine *m, thread *t, const void *p, uint64_t old, bool changed) {
    if (changed) {
        t->idle = 0;
        t->poll_address = nullptr;
        m->progress = true;
        return;
    }
    bool same = t->poll_address == p && t->poll_value == old;
    if (t->poll_address == p && !same)
        m->progress = true;
    t->poll_address = p;
    t->poll_value = old;
    if (++t->idle <= idle_limit && !same)
        return;
    t->idle = 0;
    make_waiting(t, state::polling);
    switch_away(m);
    t->state = state::ready;
}

static uint64_t atomic_at(const void *site, simt_atomic_op op, void *p, unsigned size,
                          uint64_t value, uint64_t compare, simt_order order) {
    machine *m = running;
    thread *t = m->current;
    t->site = site;
    schedule_point(m);
    bool loads = op != SIMT_STORE, stores = op != SIMT_LOAD;
    if ((uintptr_t)p % size) {
        report(m, SIMT_BOUNDS_GLOBAL, here(t, site), nullptr,
               "an atomic of %u bytes at a misaligned address", size);
        abandon_launch(m);
    }
    if (m->checked) {
        check_atomic(p, size, loads, stores, site);
        if (order == SIMT_RELEASE) {
            release before = t->order.fenced_device; /* this fence is for this store only */
            order_release(t, true);
            order_atomic(t, p, loads, stores);
            t->order.fenced_device = before;
            t->order.fenced_block.clock = before.clock;
        } else {
            order_atomic(t, p, loads, stores);
        }
    }
    uint64_t mask = size == 8 ? ~(uint64_t)0 : ((uint64_t)1 << size * 8) - 1;
    bool shared = (uintptr_t)p >= zone.shared_base && (uintptr_t)p < zone.global_base;
    if (loads && stores)
        (shared ? m->counts.atomics_shared : m->counts.atomics_global)++;
    else if (m->requests)
        requests_note(m, t, (uintptr_t)p, size, stores, site);
    uint64_t old, next;
    bool done;
    do {
        old = load(p, size);
        next = new_value(op, old, value & mask, compare & mask, size, shared) & mask;
        done = next == old || (size == 2   ? swap<uint16_t>(p, old, next)
                               : size == 4 ? swap<uint32_t>(p, old, next)
                                           : swap<uint64_t>(p, old, next));
    } while (!done);
    if (m->checked && order == SIMT_ACQUIRE)
        order_acquire(t, true);
    consider_waiting(m, t, p, old, next != old);
    return old;
}

} // namespace simt

using namespace simt;

uint64_t simt_atomic(enum simt_atomic_op op, void *p, unsigned size, uint64_t value,
                     uint64_t compare, enum simt_order order) {
    return atomic_at(__builtin_return_address(0), op, p, size, value, compare, order);
}

uint32_t simt_load_u32(const void *p, enum simt_order order) {
    return (uint32_t)atomic_at(__builtin_return_address(0), SIMT_LOAD, (void *)p, 4, 0, 0, order);
}

uint64_t simt_load_u64(const void *p, enum simt_order order) {
    return atomic_at(__builtin_return_address(0), SIMT_LOAD, (void *)p, 8, 0, 0, order);
}

void simt_store_u32(void *p, uint32_t value, enum simt_order order) {
    atomic_at(__builtin_return_address(0), SIMT_STORE, p, 4, value, 0, order);
}

void simt_store_u64(void *p, uint64_t value, enum simt_order order) {
    atomic_at(__builtin_return_address(0), SIMT_STORE, p, 8, value, 0, order);
}

/*
 * A volatile access "is treated as a relaxed memory operation" (PTX ISA, memory consistency model,
 * volatile operations), so it orders what fences around it order; and a kernel may spin on it, so
 * others may go first. Called before the access itself, which follows at once. In checked kernels
 * check.cc calls it; plain ones get the call from volatile.awk.
 */
void simt_volatile(void *p, unsigned size, int stores) {
    simt_volatile_at(p, size, stores, __builtin_return_address(0));
}

void simt_volatile_at(void *p, unsigned size, int stores, const void *site) {
    machine *m = running;
    if (!m || !m->current || (uintptr_t)p - zone.shared_base >= zone.end - zone.shared_base)
        return; /* host code of a .cu, or a thread's own variable */
    thread *t = m->current;
    t->site = site;
    schedule_point(m);
    uint64_t seen = 0;
    if (!stores)
        memcpy(&seen, p, size < sizeof seen ? size : sizeof seen);
    consider_waiting(m, t, p, seen, stores);
    /* Nobody else goes on between here and the access. */
    if (m->checked) {
        check_atomic(p, size, !stores, stores, site);
        order_atomic(t, p, !stores, stores);
        if (m->requests)
            requests_note(m, t, (uintptr_t)p, size, stores, site);
    }
}

void simt_fence(enum simt_scope scope) {
    machine *m = running;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!m->checked)
        return;
    order_acquire(m->current, scope == SIMT_SCOPE_DEVICE);
    order_release(m->current, scope == SIMT_SCOPE_DEVICE);
}
