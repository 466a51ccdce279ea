/*
 * timed.h: what ladder.c, gather.c, decode.c, stream.c and cost.c share beside residency.h.
 */
#ifndef NANOLAB_LABS_04_TIMED_H
#define NANOLAB_LABS_04_TIMED_H

#include "labs/04-paged-kv-residency/residency.h"

static inline bool on_gpu(const struct device *device) {
    return device_kind(device) == DEVICE_CUDA;
}

/* Maps beside kv_map's: contiguous, without a table; what an allocator's use leaves (fifo). */
enum { MAP_SLAB = -1, MAP_CHURNED = KV_MAP_COUNT };

/* One shape of equal sequences, in one memory, with what a case says beside its plan and map. */
struct shape {
    struct memories *memories;
    struct paged_memory *memory;
    unsigned kv_heads, sequences, tokens;
    unsigned pool_blocks; /* 0: as many as the table names */
    const char *arm;
};
/* Enters a step of `plan` through a map. `like` (NULL: as measured, see step_of) gives prefetch and
 * processors. NULL after lab_error(). gather.c */
struct entrant *enter_map(struct contest *c, const struct shape *shape, struct paged_plan plan,
                          int map, const struct paged_step *like);
/* Bytes of one token's keys and values. */
size_t token_bytes(enum element element, unsigned kv_heads);
/* On a CPU a memory in 2 MiB pages and one in 4 KiB pages, as far as they can be had; elsewhere the
 * device's own. Returns how many, 0 after lab_error(). gather.c */
#define BACKINGS 2
size_t take_backings(struct memories *memories, enum element element, size_t bytes,
                     struct paged_memory *out[BACKINGS]);

/* --- ladder.c ----------------------------------------------------------------------------------
 */

/* Time per hop over a growing footprint, fitted so that it never falls. */
struct ladder {
    size_t count;
    double *bytes, *level; /* owned */
};
/* A recorded ladder ("4k", "2m", "packed", …), from the smallest range on; empty if it has fewer
 * than three points. */
struct ladder ladder_of(const struct rows *rows, const char *curve);
void ladder_free(struct ladder *ladder);

struct knee {
    double from, to; /* the largest footprint still at the old level, the smallest at the new one */
    double growth;   /* new level over old */
};
/* The knees of a ladder, from left to right, to be freed; NULL if it has none. */
struct knee *ladder_knees(const struct ladder *ladder, size_t *count);
/* How much the ladder grows between two of its footprints; NaN elsewhere. */
double ladder_growth(const struct ladder *ladder, double from, double to);
/* Whether changing the page size alone takes the knee away: over its footprints neither large pages
 * nor the same lines on few pages grow by half as much (in logarithms) as small pages do. */
bool knee_is_translation(const struct knee *knee, const struct ladder *large,
                         const struct ladder *packed);
/* Whether 2 MiB pages act as small ones, as where a host puts a virtual machine's large pages
 * together from 4 KiB pieces: inside one large page a line in every 4 KiB takes half as long again
 * as the same lines packed, or longer. The page size is then not the only thing that is changed
 * with it. */
bool pages_splintered(const struct ladder *large, const struct ladder *packed);
/* How many knees of the 4 KiB ladder among these rows are translation. */
size_t ladder_translation(const struct rows *rows);

int sweep_cost(struct lab_run *run, struct device *device); /* K10; its check is in residency.h */

/* Tables of other lines than rows. */
int write_controls(struct lab_run *run, const struct rows *rows, struct lab_table *table);
int write_cycles(struct lab_run *run, const struct rows *rows, struct lab_table *table);
int write_cost(struct lab_run *run, const struct rows *rows, struct lab_table *table);

#endif
