/*
 * roof.h: a machine's limits, measured here and now, as denominators for other measurements.
 *
 * "92 % of the read roof" is only worth something if the roof was measured on the same machine, in
 * the same state, with the same footprint and threads. So a lab asks for it in its own process,
 * beside its own cases; nothing is looked up or remembered. The roof is the best of several
 * kernels (kernels/roofs/roofs.h), measured interleaved.
 *
 * To put a roof into a contest of its own cases, for ratios that are paired round by round, a lab
 * uses contest_readers() of harness/lab/contest.h.
 */
#ifndef NANOLAB_HARNESS_ROOF_H
#define NANOLAB_HARNESS_ROOF_H

#include <stddef.h>
#include <stdint.h>

#include "harness/measure/bench.h"
#include "kernels/roofs/roofs.h"

#ifdef __cplusplus
extern "C" {
#endif

struct roof {
    double per_second; /* bytes, flops, updates or calls per second, by the op; at the median … */
    double low, high;  /* … with its 95 % bootstrap interval */
    struct roofs_plan plan; /* the kernel that was best */
    enum bench_stop stop;
    size_t samples;
};

/*
 * The best of an op at a footprint of `bytes` (rounded down to what the kernels take, at least two
 * pages; ignored by ops that move no memory) with `threads` workers (CPU only; 0: all of them).
 * ROOFS_EMPTY gives calls per second: its inverse is the cost of a call or a launch.
 * Returns 0, or -1 with roof_error(): no such device code, no memory, no clock (simt).
 */
int roof_measure(struct device *device, enum roofs_op op, size_t bytes, unsigned threads,
                 const struct bench_limits *limits, uint64_t seed, struct roof *out);

/* The common case: read bandwidth, in little over a second. */
int roof_read_bandwidth(struct device *device, size_t bytes, unsigned threads,
                        double *bytes_per_second);

const char *roof_error(void);

#ifdef __cplusplus
}
#endif
#endif
