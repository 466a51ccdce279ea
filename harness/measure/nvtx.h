/*
 * nvtx.h: a named range in a profiler's time line, where the name is a case id, so that one row of
 * a profile joins one row of the results.
 *
 * NVTX 3 is header-only and costs a few nanoseconds when no profiler is attached. Where the CUDA
 * toolkit's headers are absent, the ranges are empty functions.
 */
#ifndef NANOLAB_HARNESS_NVTX_H
#define NANOLAB_HARNESS_NVTX_H

#if defined(__has_include)
#if __has_include(<nvtx3/nvToolsExt.h>)
#define NANOLAB_NVTX 1
#endif
#endif

#ifdef NANOLAB_NVTX
#include <nvtx3/nvToolsExt.h>

static inline void nvtx_begin(const char *name) {
    nvtxRangePushA(name);
}

static inline void nvtx_end(void) {
    nvtxRangePop();
}
#else
static inline void nvtx_begin(const char *name) {
    (void)name;
}

static inline void nvtx_end(void) {}
#endif
#endif
