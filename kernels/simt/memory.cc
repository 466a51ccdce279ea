/*
 * memory.cc: the machine's address space: shared-memory arenas, then global memory, in one
 * reservation, so that the checker tells by two comparisons what an address is, and finds what it
 * knows of it by arithmetic. Nothing is committed before it is touched.
 */
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>

#include "kernels/device/device.h"
#include "kernels/simt/machine.h"

extern "C" char __executable_start, _end;

namespace simt {

constexpr size_t shared_bytes = (size_t)256 << 20; /* 1,024 arenas */
constexpr size_t global_bytes = (size_t)32 << 30;
constexpr size_t alignment = 256;
constexpr size_t granule = 4;

zone_map zone;

namespace {

std::mutex lock;                    /* global memory and arenas belong to all threads */
std::map<uintptr_t, size_t> taken;  /* allocations: data's address, bytes asked for */
std::map<uintptr_t, size_t> vacant; /* free extents */
uintptr_t rover;                    /* allocation goes on from here: old memory rests a while */
std::vector<char *> arenas;
size_t arenas_made;

void *reserve(size_t bytes) {
    void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? nullptr : p;
}

int open_locked() {
    if (zone.end)
        return 0;
    /* Where address space is limited, less will do. */
    for (size_t global = global_bytes; global >= (size_t)64 << 20; global /= 2) {
        size_t bytes = shared_bytes + global, granules = bytes / granule;
        size_t cell = sizeof(access_record) * cell_records;
        void *memory = reserve(bytes);
        void *valid = reserve(granules);
        void *touched = reserve(granules * sizeof(uint64_t));
        void *cells = reserve(granules * cell);
        if (memory && valid && touched && cells) {
            zone.valid = (uint8_t *)valid;
            zone.touched = (uint64_t *)touched;
            zone.cells = (access_record *)cells;
            zone.shared_base = (uintptr_t)memory;
            zone.global_base = zone.shared_base + shared_bytes;
            zone.end = zone.global_base + global;
            vacant[zone.global_base] = global;
            rover = zone.global_base;
            return 0;
        }
        if (memory)
            munmap(memory, bytes);
        if (valid)
            munmap(valid, granules);
        if (touched)
            munmap(touched, granules * sizeof(uint64_t));
        if (cells)
            munmap(cells, granules * cell);
    }
    return device_fail("the simt device cannot reserve its address space; raise the limit on "
                       "virtual memory (ulimit -v)");
}

void set_valid(uintptr_t a, size_t bytes, bool on) {
    size_t g = (a - zone.shared_base) / granule;
    memset(zone.valid + g, on ? 0xf : 0, bytes / granule);
    if (bytes % granule)
        zone.valid[g + bytes / granule] = on ? (uint8_t)((1u << bytes % granule) - 1) : 0;
}

/* What an allocation of `bytes` takes with its red zones. */
size_t extent(size_t bytes) {
    return 2 * red_zone + (bytes + alignment - 1) / alignment * alignment;
}

} // namespace

int zone_open() {
    std::lock_guard<std::mutex> hold(lock);
    return open_locked();
}

char *arena_take() {
    std::lock_guard<std::mutex> hold(lock);
    if (!arenas.empty()) {
        char *a = arenas.back();
        arenas.pop_back();
        return a;
    }
    if ((arenas_made + 1) * arena_bytes > shared_bytes)
        return nullptr;
    return (char *)zone.shared_base + arenas_made++ * arena_bytes;
}

void arena_give(char *arena) {
    std::lock_guard<std::mutex> hold(lock);
    if (arena)
        arenas.push_back(arena);
}

/* A part of every resident arena comes into use: dirty, and allowed to be touched. */
static void arena_grow(machine *m, size_t offset, size_t bytes) {
    for (unsigned k = 0; k < m->slot_count; k++) {
        memset(m->slots[k]->arena + offset, 0xff, bytes);
        if (m->checked)
            set_valid((uintptr_t)m->slots[k]->arena + offset, bytes, true);
    }
}

void arena_layout_begin(machine *m) {
    static std::atomic<uint64_t> layouts{0};
    m->layout = ++layouts;
    m->places.clear();
    m->arena_used = red_zone + (m->dynamic_bytes + 15) / 16 * 16;
    arena_grow(m, red_zone, m->dynamic_bytes);
}

void arena_layout_end(machine *m) {
    if (m->checked)
        for (unsigned k = 0; k < m->slot_count; k++)
            set_valid((uintptr_t)m->slots[k]->arena, m->arena_used, false);
}

/* clang's record of one thread_local variable under -femulated-tls. Ours to use is `cache`: the
 * layout a place was given in, and that place. */
struct emulated_variable {
    size_t size, align;
    uint64_t cache;
    const void *initial;
};
constexpr unsigned offset_bits = 20;

static char *place_variable(machine *m, emulated_variable *v, slot *s) {
    auto found = m->places.find(v);
    size_t offset;
    if (found != m->places.end()) {
        offset = found->second;
    } else {
        size_t align = std::max<size_t>(v->align, 16);
        offset = (m->arena_used + red_zone + align - 1) / align * align;
        size_t sum = v->size + m->dynamic_bytes;
        if (sum > max_shared || offset + v->size + red_zone > arena_bytes) {
            report(m, SIMT_LAUNCH, here(m->current, nullptr), nullptr,
                   "the block needs more than 227 KiB of shared memory");
            abandon_launch(m);
        }
        m->places[v] = offset;
        m->arena_used = offset + v->size;
        arena_grow(m, offset, v->size);
    }
    __atomic_store_n(&v->cache, m->layout << offset_bits | offset, __ATOMIC_RELAXED);
    return s->arena + offset;
}

std::string address_text(const thread *t, uintptr_t a) {
    char text[160];
    if (a >= zone.shared_base && a < zone.global_base) {
        uintptr_t base = (uintptr_t)t->home->arena;
        if (a < base || a >= base + arena_bytes)
            return "another block's shared memory";
        long long at = (long long)(a - base) - (long long)red_zone;
        const machine *m = t->home->home;
        size_t near = 0, size = m->dynamic_bytes;
        bool named = false;
        for (const auto &p : m->places) {
            size_t variable = ((const emulated_variable *)p.first)->size;
            if (a - base + red_zone >= p.second && p.second >= near && p.second > 0) {
                near = p.second;
                size = variable;
                named = true;
            }
        }
        if (named)
            snprintf(text, sizeof text, "byte %lld of a shared variable of %zu bytes",
                     (long long)(a - base) - (long long)near, size);
        else
            snprintf(text, sizeof text, "byte %lld of %zu bytes of dynamic shared memory", at,
                     size);
        return text;
    }
    std::lock_guard<std::mutex> hold(lock);
    auto next = taken.upper_bound(a + red_zone);
    if (a >= zone.global_base && a < zone.end && next != taken.begin()) {
        auto it = std::prev(next);
        if (a + red_zone >= it->first && a < it->first + extent(it->second)) {
            snprintf(text, sizeof text, "byte %lld of a buffer of %zu bytes",
                     (long long)(a - it->first), it->second);
            return text;
        }
    }
    snprintf(text, sizeof text, "address %#llx, in no buffer", (unsigned long long)a);
    return text;
}

bool in_machine_image(uintptr_t a) {
    return a >= (uintptr_t)&__executable_start && a < (uintptr_t)&_end;
}

} // namespace simt

using namespace simt;

/* What clang calls for the address of a thread_local variable: here, a __shared__ one. NULL stands
 * for an array that nobody defines: the dynamic shared memory. */
extern "C" void *__emutls_get_address(void *variable);
extern "C" void *__emutls_get_address(void *variable) {
    machine *m = running;
    slot *s = m->current->home;
    if (!variable)
        return s->arena + red_zone;
    emulated_variable *v = (emulated_variable *)variable;
    uint64_t cache = __atomic_load_n(&v->cache, __ATOMIC_RELAXED);
    if (__builtin_expect(cache >> offset_bits == m->layout, 1))
        return s->arena + (cache & (((uint64_t)1 << offset_bits) - 1));
    return place_variable(m, v, s);
}

void *simt_malloc(size_t bytes) {
    std::lock_guard<std::mutex> hold(lock);
    if (open_locked() || bytes > zone.end - zone.global_base)
        return nullptr;
    size_t need = extent(bytes);
    auto fits = [&](std::map<uintptr_t, size_t>::iterator from,
                    std::map<uintptr_t, size_t>::iterator to) {
        while (from != to && from->second < need)
            ++from;
        return from;
    };
    auto middle = vacant.lower_bound(rover);
    auto it = fits(middle, vacant.end());
    if (it == vacant.end()) {
        it = fits(vacant.begin(), middle);
        if (it == middle)
            return nullptr;
    }
    uintptr_t at = it->first;
    size_t rest = it->second - need;
    vacant.erase(it);
    if (rest)
        vacant[at + need] = rest;
    rover = at + need;
    uintptr_t data = at + red_zone;
    taken[data] = bytes;
    memset((void *)data, 0xff, bytes);
    set_valid(data, bytes, true);
    return (void *)data;
}

void simt_free(void *memory) {
    if (!memory)
        return;
    std::lock_guard<std::mutex> hold(lock);
    auto it = taken.find((uintptr_t)memory);
    if (it == taken.end())
        return;
    size_t bytes = it->second, size = extent(bytes);
    uintptr_t at = (uintptr_t)memory - red_zone;
    set_valid((uintptr_t)memory, bytes, false);
    taken.erase(it);
    /* Whole pages go back to the system, with what the checker knew of them. */
    auto give_back = [](void *p, size_t n) {
        uintptr_t from = ((uintptr_t)p + 4095) & ~(uintptr_t)4095;
        uintptr_t to = ((uintptr_t)p + n) & ~(uintptr_t)4095;
        if (to > from)
            madvise((void *)from, to - from, MADV_DONTNEED);
    };
    size_t g = (at - zone.shared_base) / granule;
    give_back((void *)at, size);
    give_back(zone.touched + g, size / granule * sizeof *zone.touched);
    give_back(zone.cells + g * cell_records, size / granule * cell_records * sizeof *zone.cells);
    auto next = vacant.lower_bound(at);
    if (next != vacant.end() && next->first == at + size) {
        size += next->second;
        next = vacant.erase(next);
    }
    if (next != vacant.begin()) {
        auto before = std::prev(next);
        if (before->first + before->second == at) {
            before->second += size;
            return;
        }
    }
    vacant[at] = size;
}

size_t simt_memory_free(void) {
    /* What the system has; the address space is larger than that on any machine of today. */
    unsigned long long kib = 0;
    FILE *f = fopen("/proc/meminfo", "r");
    if (f) {
        char line[128];
        while (fgets(line, sizeof line, f))
            if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
                break;
        fclose(f);
    }
    std::lock_guard<std::mutex> hold(lock);
    if (open_locked())
        return 0;
    size_t largest = 0;
    for (const auto &v : vacant)
        largest = std::max(largest, v.second);
    largest -= std::min(largest, 2 * red_zone + alignment);
    return std::min<size_t>(largest, (size_t)kib * 1024);
}
