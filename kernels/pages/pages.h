/*
 * pages.h: host memory of a chosen page size, and proof that it has it.
 *
 * Page size is an experimental variable here, so asking is not enough: memory is touched first and
 * then looked up in /proc/self/smaps, mapping by mapping, and a caller learns how many of its bytes
 * really lie in 2 MiB pages. Linux only; elsewhere only PAGES_ANY can be had.
 */
#ifndef NANOLAB_KERNELS_PAGES_PAGES_H
#define NANOLAB_KERNELS_PAGES_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PAGES_SMALL ((size_t)4096)
#define PAGES_HUGE ((size_t)2 << 20)

/* any: as the system does it by itself. 4k: transparent huge pages refused. 2m: transparent huge
 * pages asked for (madvise). */
enum pages_kind { PAGES_ANY, PAGES_4K, PAGES_2M, PAGES_KINDS };
const char *pages_name(enum pages_kind kind); /* "any", "4k", "2m" */

struct pages {
    void *memory;  /* aligned to PAGES_HUGE, zeroed and touched */
    size_t bytes;  /* as asked for */
    size_t huge;   /* bytes of it in 2 MiB pages, as the kernel says; 0 if it does not say */
    void *mapping; /* what pages_free gives back */
    size_t mapped;
};

/* Memory of `bytes` > 0. 0, or -1 with device_fail(): no memory, or, with pages_unavailable() true,
 * pages of another size than asked for (huge ones for at least 15/16 of the bytes count as had, as
 * the rest may be the last part of a page). Memory that is too small for one huge page is rounded
 * up to it with PAGES_2M. */
int pages_alloc(struct pages *out, size_t bytes, enum pages_kind kind);
/* A zeroed struct is allowed. */
void pages_free(struct pages *pages);
/* Whether this thread's last failure of pages_alloc was for want of the page size. */
bool pages_unavailable(void);

#ifdef __cplusplus
}
#endif
#endif
