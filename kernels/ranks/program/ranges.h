/*
 * ranges.h: what a rank does, as named ranges in a profiler's time line: three domains, so that
 * batch decisions, computing and sums stand in rows of their own, beside the GPU's kernels.
 *
 * NVTX 3 is header-only and costs a few nanoseconds when no profiler is attached. Where the CUDA
 * toolkit's headers are absent, and where time is simulated, the ranges are empty functions.
 */
#ifndef NANOLAB_KERNELS_RANKS_RANGES_H
#define NANOLAB_KERNELS_RANKS_RANGES_H

#include <stdint.h>

#if !defined(RANKS_SIMULATED) && defined(__has_include)
#if __has_include(<nvtx3/nvToolsExt.h>)
#define RANKS_NVTX 1
#endif
#endif

enum range_domain { RANGE_SCHEDULER, RANGE_COMPUTE, RANGE_COLLECTIVE, RANGE_DOMAINS };

#ifdef RANKS_NVTX
#include <nvtx3/nvToolsExt.h>

/* At most one range is open in a domain; those of two domains may overlap. */
struct ranges {
    nvtxDomainHandle_t domain[RANGE_DOMAINS];
    nvtxRangeId_t open[RANGE_DOMAINS];
};

static inline void ranges_open(struct ranges *r) {
    r->domain[RANGE_SCHEDULER] = nvtxDomainCreateA("nanolab scheduler");
    r->domain[RANGE_COMPUTE] = nvtxDomainCreateA("nanolab compute");
    r->domain[RANGE_COLLECTIVE] = nvtxDomainCreateA("nanolab collective");
}

/* `number` is the range's payload: step, rows, bytes. */
static inline void range_begin(struct ranges *r, enum range_domain domain, const char *name,
                               uint64_t number) {
    nvtxEventAttributes_t attributes = {.version = NVTX_VERSION,
                                        .size = NVTX_EVENT_ATTRIB_STRUCT_SIZE,
                                        .payloadType = NVTX_PAYLOAD_TYPE_UNSIGNED_INT64,
                                        .payload.ullValue = number,
                                        .messageType = NVTX_MESSAGE_TYPE_ASCII,
                                        .message.ascii = name};
    r->open[domain] = nvtxDomainRangeStartEx(r->domain[domain], &attributes);
}

static inline void range_end(struct ranges *r, enum range_domain domain) {
    nvtxDomainRangeEnd(r->domain[domain], r->open[domain]);
}
#else
struct ranges {
    char none;
};
static inline void ranges_open(struct ranges *r) {
    (void)r;
}
static inline void range_begin(struct ranges *r, enum range_domain domain, const char *name,
                               uint64_t number) {
    (void)r, (void)domain, (void)name, (void)number;
}
static inline void range_end(struct ranges *r, enum range_domain domain) {
    (void)r, (void)domain;
}
#endif
#endif
