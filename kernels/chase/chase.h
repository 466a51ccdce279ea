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
 * Native on `cpu`; `cuda` and `simt` share chase.cu. A job has the shape that harness/measure/bench.h
 * times; one call is `laps` laps of all chains. The proof of a call is that every chain ended where
 * the permutation says. As a chain that did not move also ends where it began, chase_job_check adds
 * two proofs: the links as they lie in memory lead through every place once, and the same loop,
 * told to make half a lap, ends half a lap further.
 */
#ifndef NANOLAB_KERNELS_CHASE_CHASE_H
#define NANOLAB_KERNELS_CHASE_CHASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/device/device.h"
#include "kernels/pages/pages.h"

#ifdef __cplusplus
extern "C" {
#endif

/* sequential: place after place. cycle: one random cycle through all of a chain's places, each as
 * likely as the others (what Sattolo's algorithm gives). local: random inside a 4 KiB page (or,
 * where a page has one place only, inside groups of 64 places), pages one after another. */
#define CHASE_ORDERS(X)                                                                            \
    X(CHASE_SEQUENTIAL, "sequential")                                                              \
    X(CHASE_CYCLE, "cycle")                                                                        \
    X(CHASE_LOCAL, "local")
#define CHASE_ORDER_ENUMERATOR(value, word) value,
enum chase_order { CHASE_ORDERS(CHASE_ORDER_ENUMERATOR) CHASE_ORDER_COUNT };
const char *chase_order_name(enum chase_order order);

struct chase_plan {
    size_t bytes;  /* address range that holds the places; what is no whole place is not used */
    size_t stride; /* between places: a multiple of 64. Page-stride mode: 4096 */
    /* Which 64-byte line of its stride a place uses: 0, always the first (all places then share
     * few cache sets); 1, spread over the lines of the stride by a hash of the place, so that cache
     * sets are used evenly and only the number of pages is large. Ignored if packed. */
    bool spread;
    /* The control of arm F: the same number of lines, packed one after another into
     * places × 64 bytes: same lines touched per lap, fewest pages. */
    bool packed;
    enum chase_order order;
    unsigned lanes; /* 1, 2, 4, 8, 16 or 32 */
    bool joined;    /* ignored on a GPU, and without meaning for one lane */
    /* Mixed residency: the last `hot_lanes` (0: none; fewer than lanes) of the lanes do not chase
     * through `bytes` but through a small set of their own of `hot_bytes` (0: 16 KiB), lines packed
     * one after another in a random cycle. They make as many hops as the others, which share the
     * footprint among them. So one cold lane of eight is lanes = 8, hot_lanes = 7. */
    unsigned hot_lanes;
    size_t hot_bytes;
    enum pages_kind pages; /* that back the footprint on a CPU */
    unsigned laps;         /* in one call; 0: as many as make about 1 ms (a guess by the number
                            * of lines, not a measurement); on simt 1 */
    uint64_t seed;
    bool checked; /* simt: the checked build */
};
/* "cycle/stride=4096/spread/lanes=8/joined/pages=2m": part of a case id; without bytes, laps and
 * seed. Hot lanes and their bytes come last: "…/pages=2m/hot=7x16384". Returns text. */
#define CHASE_TEXT 96
char *chase_plan_text(const struct chase_plan *plan, char text[CHASE_TEXT]);
/* 0, or -1 with device_fail(): no such plan. */
int chase_plan_check(const struct chase_plan *plan);

struct chase_job;
/* 0, or -1 with device_error(); where the pages asked for cannot be had (transparent huge pages
 * switched off, say), it says so and pages_unavailable() is true. */
int chase_job_open(struct chase_job **out, struct device *device, const struct chase_plan *plan);
void chase_job_close(struct chase_job *job);

int chase_job_call(void *job);
/* Whether all calls so far (at least one) visited every place; -1 with device_error() if not. Takes
 * about the time of a call. */
int chase_job_check(void *job);

/* Of one call: steps that follow one another (laps × places per chain); divide a call's time by it
 * for the latency of a hop. */
double chase_job_hops(const struct chase_job *job);
/* That are linked into chains, the hot ones included: each is one line of 64 bytes. */
size_t chase_job_places(const struct chase_job *job);
/* Bytes of the footprint that lie in 2 MiB pages, as the kernel says (CPU); 0 elsewhere. */
size_t chase_job_huge_bytes(const struct chase_job *job);
/* GPU: clock cycles of the last call, over its hops, read on the device; NaN elsewhere, and where
 * no call has ended well. Waits for the call. */
double chase_job_cycles(const struct chase_job *job);

/* The time-stamp counter over the monotonic clock, measured once: cycles (of the TSC, not of the
 * core) per second. NaN without one. */
double chase_tsc_hertz(void);

#ifdef __cplusplus
}
#endif
#endif
