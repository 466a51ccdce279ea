/*
 * chase.h: pointer chases, which measure the latency of memory: every load's address is the result
 * of the load before.
 *
 * A footprint is cut into places `stride` bytes apart, one line each; a lap visits every place of
 * every chain once. Only whole laps are timed. With `lanes` chains, each has its own part of the
 * places, every `lanes`th of the footprint, so that all see the whole of it, and they advance
 * together: free, each as soon as its own load is back; or joined, where no chain goes on before
 * all loads of the step are back, as the lanes of a warp do. On a GPU the lanes are those of one
 * warp and are joined by nature.
 *
 * Page-stride mode (a stride of 4096, spread, order cycle) is where pages show: every hop is on
 * another page, so the range outgrows the TLBs while the caches still hold all lines; the same
 * number of lines, packed, is the control. Ranges are what `bytes` says: 512 KiB are 128 places. A
 * virtual machine may have 2 MiB pages of its own that the host puts together from 4 KiB pages. A
 * TLB then holds the 4 KiB pieces: the knees of `2m` stay where those of `4k` are (seen at 72 and
 * 3,072 places on a Zen 4), and only the walk is shorter. The kernel's count, chase_job_huge_bytes,
 * does not tell; spread against packed at a range below 2 MiB does.
 *
 * Native on `cpu`; `cuda` and `simt` share chase.cu. One call of a job is `laps` laps of all
 * chains; it has no bits. The proof of its calls, of at least one, is that every chain ended where
 * the permutation says. As a chain that did not move also ends where it began, there are two more:
 * the links as they lie in memory lead through every place once, and the same loop, told to make
 * half a lap, ends half a lap further.
 */
#ifndef NANOLAB_KERNELS_CHASE_CHASE_H
#define NANOLAB_KERNELS_CHASE_CHASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/device/job.h"
#include "kernels/pages/pages.h"
#include "kernels/plan/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* sequential: place after place. cycle: one random cycle through all of a chain's places, each as
 * likely as the others (what Sattolo's algorithm gives). local: random inside a 4 KiB page (or,
 * where a page has one place only, inside groups of 64 places), pages one after another. */
#define CHASE_ORDERS(V)                                                                            \
    V(CHASE_SEQUENTIAL, "sequential") V(CHASE_CYCLE, "cycle") V(CHASE_LOCAL, "local")
/* Which 64-byte line of its stride a place uses. first: all places then share few cache sets.
 * spread: over the lines of the stride by a hash of the place, so that cache sets are used evenly
 * and only the number of pages is large. packed: the same number of lines, one after another in
 * places × 64 bytes: as many lines in a lap, on the fewest pages. */
#define CHASE_PLACINGS(V)                                                                          \
    V(CHASE_FIRST, "first") V(CHASE_SPREAD, "spread") V(CHASE_PACKED, "packed")
#define CHASE_LANE_COUNTS(V) V(1, "l1") V(2, "l2") V(4, "l4") V(8, "l8") V(16, "l16") V(32, "l32")
#define CHASE_JOININGS(V) V(0, "free") V(1, "joined")
#define CHASE_PAGES(V) V(PAGES_ANY, "any") V(PAGES_4K, "4k") V(PAGES_2M, "2m")

#define CHASE_PLAN_FIELDS(X)                                                                       \
    X(order, CHASE_ORDERS, "which place follows which")                                            \
    X(placing, CHASE_PLACINGS, "which line of its stride a place uses")                            \
    X(lanes, CHASE_LANE_COUNTS, "chains that advance together")                                    \
    X(joined, CHASE_JOININGS, "no chain goes on before all loads of a step are back")              \
    X(pages, CHASE_PAGES, "that back the footprint on a CPU")

#define CHASE_ENUMERATOR(value, word) value,
enum chase_order { CHASE_ORDERS(CHASE_ENUMERATOR) };
enum chase_placing { CHASE_PLACINGS(CHASE_ENUMERATOR) };

struct chase_plan {
#define CHASE_MEMBER(name, values, what) int name;
    CHASE_PLAN_FIELDS(CHASE_MEMBER) /* the members of the family; `joined` is ignored on a GPU */
#undef CHASE_MEMBER
    size_t bytes;  /* address range that holds the places; what is no whole place is not used */
    size_t stride; /* between places: a multiple of 64. Page-stride mode: 4096 */
    /* Mixed residency: the last `hot_lanes` (0: none; fewer than lanes) of the lanes do not chase
     * through `bytes` but through a small set of their own of `hot_bytes` (0: 16 KiB), lines packed
     * one after another in a random cycle. They make as many hops as the others, which share the
     * footprint among them. So one cold lane of eight is lanes = 8, hot_lanes = 7. */
    unsigned hot_lanes;
    size_t hot_bytes;
    unsigned laps; /* in one call; 0: as many as make about 1 ms (a guess by the number of lines,
                    * not a measurement); on simt 1 */
    uint64_t seed;
    bool checked; /* simt: the checked build */
};
extern const struct plan_family chase_family;
/* 0, or -1 with device_fail(): no such plan. */
int chase_plan_check(const struct chase_plan *plan);
/* The family's fields, and stride, bytes, hot lanes and hot bytes. New reference. */
struct json_t *chase_plan_json(const struct chase_plan *plan);

/* 0, or -1 with device_error(); where the pages asked for cannot be had (transparent huge pages
 * switched off, say), it says so and pages_unavailable() is true. */
int chase_job_open(struct job *out, struct device *device, const struct chase_plan *plan);

/* Of one call: steps that follow one another (laps × places per chain); divide a call's time by it
 * for the latency of a hop. */
double chase_job_hops(const struct job *job);
/* That are linked into chains, the hot ones included: each is one line of 64 bytes. */
size_t chase_job_places(const struct job *job);
/* Bytes of the footprint that lie in 2 MiB pages, as the kernel says (CPU); 0 elsewhere. */
size_t chase_job_huge_bytes(const struct job *job);
/* GPU: clock cycles of the last call, over its hops, read on the device; NaN elsewhere, and where
 * no call has ended well. Waits for the call. */
double chase_job_cycles(const struct job *job);

#ifdef __cplusplus
}
#endif
#endif
