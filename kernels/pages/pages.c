/*
 * pages.c: mmap, madvise, first touch, and a look into /proc/self/smaps.
 */
#include "kernels/pages/pages.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "kernels/device/device.h"

static _Thread_local bool unavailable;

bool pages_unavailable(void) {
    return unavailable;
}

const char *pages_name(enum pages_kind kind) {
    static const char *const names[PAGES_KINDS] = {"any", "4k", "2m"};
    return kind < PAGES_KINDS ? names[kind] : "?";
}

/* Bytes in huge pages of the mappings inside [from, from + bytes). The kernel may have split one
 * mmap into several mappings, or merged it with a neighbour of the same kind; what reaches beyond
 * the range is left out, so the caller keeps a different advice around it. */
static size_t huge_bytes(const void *from, size_t bytes) {
    FILE *file = fopen("/proc/self/smaps", "r");
    if (!file)
        return 0;
    char line[512];
    uintptr_t low = (uintptr_t)from, high = low + bytes;
    bool inside = false;
    size_t sum = 0;
    while (fgets(line, sizeof line, file)) {
        uintptr_t start, end;
        size_t kib;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &start, &end) == 2)
            inside = start >= low && end <= high;
        else if (inside && sscanf(line, "AnonHugePages: %zu kB", &kib) == 1)
            sum += kib << 10;
    }
    fclose(file);
    return sum;
}

int pages_alloc(struct pages *out, size_t bytes, enum pages_kind kind) {
    *out = (struct pages){.bytes = bytes};
    unavailable = false;
    size_t unit = kind == PAGES_2M ? PAGES_HUGE : PAGES_SMALL;
    if (bytes == 0 || bytes > SIZE_MAX / 2)
        return device_fail("cannot map %zu bytes", bytes);
    size_t body = (bytes + unit - 1) / unit * unit;
    /* A guard page on both sides keeps neighbouring mappings from merging with this one. */
    size_t mapped = body + 2 * PAGES_HUGE;
    char *mapping =
        mmap(NULL, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
        return device_fail("cannot map %zu bytes: no address space", bytes);
    char *memory = (char *)(((uintptr_t)mapping + PAGES_HUGE) & ~(uintptr_t)(PAGES_HUGE - 1));
    if (memory == mapping)
        memory += PAGES_HUGE;
    if (mprotect(memory, body, PROT_READ | PROT_WRITE) != 0) {
        munmap(mapping, mapped);
        return device_fail("cannot map %zu bytes: not enough memory; ask for a smaller footprint",
                           bytes);
    }
    out->memory = memory;
    out->mapping = mapping;
    out->mapped = mapped;
    if (kind == PAGES_2M)
        madvise(memory, body, MADV_HUGEPAGE);
    else if (kind == PAGES_4K)
        madvise(memory, body, MADV_NOHUGEPAGE);
    memset(memory, 0, body);
    out->huge = huge_bytes(memory, body);
    bool had = kind == PAGES_2M   ? out->huge >= body - body / 16
               : kind == PAGES_4K ? out->huge == 0
                                  : true;
    if (had)
        return 0;
    size_t huge = out->huge;
    pages_free(out);
    unavailable = true;
    if (kind == PAGES_2M)
        return device_fail("only %zu of %zu MiB lie in 2 MiB pages; allow transparent huge pages "
                           "(madvise in /sys/kernel/mm/transparent_hugepage/enabled) and free some "
                           "memory",
                           huge >> 20, body >> 20);
    return device_fail("%zu MiB lie in 2 MiB pages although 4 KiB pages were asked for",
                       huge >> 20);
}

void pages_free(struct pages *pages) {
    if (pages->mapping)
        munmap(pages->mapping, pages->mapped);
    *pages = (struct pages){0};
}
