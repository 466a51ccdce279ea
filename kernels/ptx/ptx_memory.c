/*
 * ptx_memory.c: the PTX machine's global memory: one range of addresses, reserved once, of which it
 * is known byte by byte what belongs to an allocation (ptx_c.h checks each access against that).
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernels/ptx/ptx_inside.h"

/* Addresses cost nothing; how much may be used at once is a part of the machine's memory. */
#define RESERVED ((uint64_t)64 << 30)
/* What is returned to the system at once when it is freed. */
#define LARGE ((uint64_t)1 << 20)

/* Allocations by address. */
static struct area { uint64_t at, bytes; } * areas;
static size_t area_count, area_capacity;
static uint64_t used, next; /* bytes; where the search goes on, so that freed memory rests */
static struct ptx_memory memory;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t rounded(uint64_t bytes) {
    return (bytes + PTX_GRANULE - 1) / PTX_GRANULE * PTX_GRANULE;
}

static uint64_t most(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page / 4 : (uint64_t)1 << 30;
}

static void *reserve(uint64_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static bool start(void) {
    if (memory.size)
        return true;
    for (uint64_t size = RESERVED; size >= (uint64_t)1 << 28; size /= 4) {
        void *bytes = reserve(size), *valid = reserve(size / PTX_GRANULE * sizeof *memory.valid);
        if (bytes && valid) {
            memory.first = (uint64_t)(uintptr_t)bytes;
            memory.valid = valid;
            memory.size = size;
            return true;
        }
        if (bytes)
            munmap(bytes, size);
        if (valid)
            munmap(valid, size / PTX_GRANULE * sizeof *memory.valid);
    }
    return false;
}

const struct ptx_memory *ptx_memory(void) {
    pthread_mutex_lock(&lock);
    start();
    pthread_mutex_unlock(&lock);
    return &memory;
}

/* The first area behind an offset. */
static size_t behind(uint64_t at) {
    size_t low = 0, high = area_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (areas[middle].at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A gap for `bytes` with a granule of nothing on both sides, from `from` on; its place in areas. */
static bool find_gap(uint64_t from, uint64_t bytes, uint64_t *at, size_t *place) {
    size_t k = behind(from);
    uint64_t begin = from < PTX_GRANULE ? PTX_GRANULE : from;
    if (k > 0 && areas[k - 1].at + rounded(areas[k - 1].bytes) + PTX_GRANULE > begin)
        begin = areas[k - 1].at + rounded(areas[k - 1].bytes) + PTX_GRANULE;
    for (;; k++) {
        uint64_t end = k < area_count ? areas[k].at : memory.size;
        if (begin + bytes + PTX_GRANULE <= end) {
            *at = begin;
            *place = k;
            return true;
        }
        if (k == area_count)
            return false;
        begin = areas[k].at + rounded(areas[k].bytes) + PTX_GRANULE;
    }
}

static void set_valid(uint64_t at, uint64_t bytes, bool is) {
    uint16_t *valid = (uint16_t *)memory.valid + at / PTX_GRANULE;
    for (uint64_t done = 0; done < bytes; done += PTX_GRANULE)
        *valid++ = !is ? 0 : (uint16_t)(bytes - done < PTX_GRANULE ? bytes - done : PTX_GRANULE);
}

static void *allocate(uint64_t bytes) {
    uint64_t at;
    size_t place;
    if (!start() || bytes > memory.size || used + bytes > most())
        return NULL;
    if (area_count == area_capacity) {
        size_t more = area_capacity ? 2 * area_capacity : 64;
        struct area *larger = realloc(areas, more * sizeof *larger);
        if (!larger)
            return NULL;
        areas = larger;
        area_capacity = more;
    }
    uint64_t size = rounded(bytes);
    if (!find_gap(next, size, &at, &place) && !find_gap(0, size, &at, &place))
        return NULL;
    memmove(areas + place + 1, areas + place, (area_count - place) * sizeof *areas);
    areas[place] = (struct area){at, bytes};
    area_count++;
    used += bytes;
    next = at + size;
    set_valid(at, bytes, true);
    return (void *)(uintptr_t)(memory.first + at);
}

void *ptx_malloc(size_t bytes) {
    pthread_mutex_lock(&lock);
    void *at = allocate(bytes ? bytes : 1);
    pthread_mutex_unlock(&lock);
    return at;
}

void ptx_free(void *pointer) {
    if (!pointer)
        return;
    pthread_mutex_lock(&lock);
    uint64_t at = (uint64_t)(uintptr_t)pointer - memory.first;
    size_t k = behind(at);
    if (k > 0 && areas[k - 1].at == at) {
        uint64_t bytes = areas[--k].bytes;
        set_valid(at, bytes, false);
        uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), begin = (at + page - 1) / page * page;
        if (bytes >= LARGE)
            madvise((void *)(uintptr_t)(memory.first + begin), (at + bytes - begin) / page * page,
                    MADV_DONTNEED);
        memmove(areas + k, areas + k + 1, (area_count - k - 1) * sizeof *areas);
        area_count--;
        used -= bytes;
    }
    pthread_mutex_unlock(&lock);
}

size_t ptx_memory_free(void) {
    pthread_mutex_lock(&lock);
    uint64_t all = most(), left = start() && all > used ? all - used : 0;
    pthread_mutex_unlock(&lock);
    return left;
}

bool ptx_memory_near(uint64_t address, uint64_t *begin, uint64_t *bytes) {
    uint64_t at = address - memory.first;
    pthread_mutex_lock(&lock);
    size_t k = at < memory.size ? behind(at) : 0;
    bool found = k > 0;
    if (found) {
        *begin = memory.first + areas[k - 1].at;
        *bytes = areas[k - 1].bytes;
    }
    pthread_mutex_unlock(&lock);
    return found;
}
