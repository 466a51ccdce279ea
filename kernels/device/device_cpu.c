/*
 * device_cpu.c: the native CPU as a device. Memory is host memory; work has ended when a call
 * returns, so there is nothing to wait for.
 *
 * Buffers of 2 MiB and more are aligned to 2 MiB and ask for transparent huge pages, since a
 * sweep over a large buffer in 4 KiB pages measures the TLB as much as the memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kernels/device/backend.h"

#define HUGE_PAGE ((size_t)2 << 20)
#define ALIGNMENT ((size_t)256)

struct cpu_state {
    struct timespec started;
};

static int cpu_count(void) {
    return 1;
}

static void cpu_model(char *model, size_t size) {
    snprintf(model, size, "CPU");
    FILE *f = fopen("/proc/cpuinfo", "r");
    if (!f)
        return;
    char line[256];
    while (fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon) {
            colon[1 + strcspn(colon + 1, "\n")] = '\0';
            snprintf(model, size, "%s", colon + 1 + strspn(colon + 1, " "));
            break;
        }
    }
    fclose(f);
}

static int cpu_open(int index, void **state, char *model, size_t model_size) {
    (void)index;
    *state = calloc(1, sizeof(struct cpu_state));
    if (!*state)
        return device_fail("out of memory while opening the cpu device");
    cpu_model(model, model_size);
    return 0;
}

static size_t cpu_memory_free(void *state) {
    (void)state;
    /* MemAvailable counts reclaimable cache, which free pages alone (sysconf) leave out. */
    size_t kib = 0;
    FILE *f = fopen("/proc/meminfo", "r");
    if (f) {
        char line[128];
        while (fgets(line, sizeof line, f))
            if (sscanf(line, "MemAvailable: %zu kB", &kib) == 1)
                break;
        fclose(f);
    }
    if (kib)
        return kib << 10;
    long pages = sysconf(_SC_AVPHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (size_t)pages * (size_t)page : 0;
}

static int cpu_alloc(void *state, void **out, size_t bytes) {
    (void)state;
    size_t alignment = bytes >= HUGE_PAGE ? HUGE_PAGE : ALIGNMENT;
    if (posix_memalign(out, alignment, bytes) != 0) {
        *out = NULL;
        return device_fail("out of memory: the cpu device cannot allocate %zu bytes; use a smaller "
                           "size or --quick",
                           bytes);
    }
    /* A hint: without huge pages the buffer still works. */
    if (alignment == HUGE_PAGE)
        madvise(*out, bytes, MADV_HUGEPAGE);
    return 0;
}

static int cpu_copy(void *state, void *to, const void *from, size_t bytes) {
    (void)state;
    memcpy(to, from, bytes);
    return 0;
}

static int cpu_fill(void *state, void *to, int byte, size_t bytes) {
    (void)state;
    memset(to, byte, bytes);
    return 0;
}

static void cpu_free(void *state, void *memory) {
    (void)state;
    free(memory);
}

static int cpu_sync(void *state) {
    (void)state;
    return 0;
}

static int cpu_timer_start(void *state) {
    struct cpu_state *cpu = state;
    clock_gettime(CLOCK_MONOTONIC, &cpu->started);
    return 0;
}

static int cpu_timer_stop(void *state, double *seconds) {
    struct cpu_state *cpu = state;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *seconds = (double)(now.tv_sec - cpu->started.tv_sec) +
               1e-9 * (double)(now.tv_nsec - cpu->started.tv_nsec);
    return 0;
}

const struct device_backend device_backend_cpu = {
    .count = cpu_count,
    .open = cpu_open,
    .close = free,
    .memory_free = cpu_memory_free,
    .alloc = cpu_alloc,
    .free = cpu_free,
    .write = cpu_copy,
    .read = cpu_copy,
    .fill = cpu_fill,
    .sync = cpu_sync,
    .timer_start = cpu_timer_start,
    .timer_stop = cpu_timer_stop,
};
