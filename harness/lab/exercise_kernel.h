/*
 * exercise_kernel.h: exercises in which the answer is a CUDA kernel, exercise/NAME.cuh. It runs in
 * a process of its own: on the SIMT machine, which checks every access and counts the work; or,
 * with DEVICE=cuda, on a GPU, which only computes.
 *
 * exercise/checks/NAME.h says what a task and its answer are, and ends the answer's fixed part with
 * a struct kernel_run. exercise/checks/NAME.cu includes this file and defines answer(); it is
 * compiled with the project. exercise/checks/NAME.c defines EXERCISE_KERNEL, includes exercise.h
 * and this file, and judges.
 *
 * What comes from the other process is a claim. Results are checked here, always. Counts are what
 * the machine says that the kernel runs on; kernel_rules.awk keeps a kernel from anything that the
 * machine does not see, and the machine's own memory is not its own to write.
 * Its stack is: who writes over a return address there might make up counts, and never results.
 */
#ifndef NANOLAB_HARNESS_EXERCISE_KERNEL_H
#define NANOLAB_HARNESS_EXERCISE_KERNEL_H

#include "harness/lab/exercise.h"
#include "kernels/simt/simt.h"

/* How a launch ended. */
struct kernel_run {
    int32_t failed;  /* 1: it did; 2: it could not begin, which is not the kernel's fault */
    int32_t counted; /* whether `counts` is all there */
    struct simt_counts counts;
    char text[300]; /* of a failure: what was seen, in words that follow "It" or stand alone */
};

#ifdef EXERCISE_ANSWERS

#include "kernels/device/device.h"

static struct device *kernel_device;

/* Opens the device, and lets the machine's threads take turns by `seed`. 0 or -1 (in `run`). */
static int kernel_begin(struct kernel_run *run, uint64_t seed) {
    struct simt_config config = {};
    memset(run, 0, sizeof *run);
#ifdef __CUDACC__
    const enum device_kind kind = DEVICE_CUDA;
#else
    const enum device_kind kind = DEVICE_SIMT;
    config.interleave = SIMT_RANDOM;
    config.block_order = SIMT_BLOCKS_RANDOM;
    config.seed = seed;
    config.count_requests = 1;
    config.image_read_only = 1;
    config.no_lines = 1;
    config.thread_seconds = 3;
    config.launch_seconds = 6;
#endif
    (void)seed;
    if (simt_configure(&config) == 0 &&
        (kernel_device || device_open(&kernel_device, kind, 0) == 0))
        return 0;
    run->failed = 2;
    snprintf(run->text, sizeof run->text, "The device cannot be opened: %.200s", device_error());
    return -1;
}

/* Device memory with a copy of `from`; NULL (in `run`) if there is none. */
static void *kernel_memory(struct kernel_run *run, const void *from, size_t bytes) {
    void *memory = NULL;
    if (!run->failed && (device_alloc(kernel_device, &memory, bytes) != 0 ||
                         device_write(kernel_device, memory, from, bytes) != 0)) {
        run->failed = 2;
        snprintf(run->text, sizeof run->text, "No memory of the device: %.200s", device_error());
    }
    return memory;
}

/* What the machine saw, without the place in the code: that is for the reader to find. */
static void kernel_say(struct kernel_run *run, const struct simt_report *r) {
    const char *what = simt_report_name(r->kind);
    switch (r->kind) {
    case SIMT_RACE:
        what = "two threads touch the same memory, one of them writes, and nothing orders the two";
        break;
    case SIMT_UNINITIALISED:
        what = "a thread reads shared memory that no thread of its block has written";
        break;
    case SIMT_BOUNDS_SHARED:
    case SIMT_BOUNDS_ARRAY:
        what = "a thread reaches beyond shared memory or an array";
        break;
    case SIMT_BOUNDS_GLOBAL:
        what = "a thread reaches beyond the memory that the kernel is given";
        break;
    case SIMT_DIVERGENT_BARRIER:
        what = "not all threads of a block come to the same __syncthreads";
        break;
    case SIMT_DIVERGENT_WARP:
        what = "the lanes that a warp operation names do not all come to it";
        break;
    case SIMT_DEADLOCK:
        what = "no thread can go on: each waits for another";
        break;
    case SIMT_ENDLESS:
        what = "a thread goes on without end";
        break;
    default:
        break;
    }
    if (r->has_other)
        snprintf(run->text, sizeof run->text,
                 "%s (%s; block %llu, thread %u, and block %llu, thread %u)", what,
                 simt_report_name(r->kind), (unsigned long long)r->block, r->thread,
                 (unsigned long long)r->other_block, r->other_thread);
    else
        snprintf(run->text, sizeof run->text, "%s (%s; block %llu, thread %u)", what,
                 simt_report_name(r->kind), (unsigned long long)r->block, r->thread);
}

/* After kernel_launch(), which gave `status`. */
static void kernel_end(struct kernel_run *run, int status) {
    if (run->failed)
        return;
    if (status == 0)
        status = device_sync(kernel_device);
    simt_last_counts(&run->counts);
    run->counted = run->counts.requests_counted;
    if (status == 0)
        return;
    run->failed = 1;
    /* A race shows itself in more than one way: as itself first. */
    const struct simt_report *first = simt_report(0);
    for (size_t k = 0; k < simt_reports(); k++)
        if (simt_report(k)->kind == SIMT_RACE && first->kind == SIMT_UNINITIALISED)
            first = simt_report(k);
    if (first)
        kernel_say(run, first);
    else
        snprintf(run->text, sizeof run->text, "%.280s", device_error());
}

/* Brings a result back, and gives the memory back. */
static void kernel_result(struct kernel_run *run, void *to, void *memory, size_t bytes) {
    if (memory && device_read(kernel_device, to, memory, bytes) != 0)
        run->failed = 1;
    device_free(kernel_device, memory);
}

#else

/* A failed launch's reason as the judge's: 1, or 2 if it cannot be checked; else 0. */
static inline int kernel_failed(struct exercise *e, const struct kernel_run *run, const char *at) {
    if (!run->failed)
        return 0;
    not_yet(e, "%s: %.*s", at, (int)sizeof run->text, run->text);
    return run->failed == 2 ? 2 : 1;
}

/* Whether there are counts: 0; or 1 when the check is over, rightly on a GPU and else not yet. */
static inline int kernel_uncounted(struct exercise *e, const struct kernel_run *run, int *status) {
    const char *device = getenv("DEVICE");
    if (run->counted)
        return 0;
    *status = 0;
    if (device && strcmp(device, "cuda") == 0)
        snprintf(e->score, sizeof e->score,
                 "On a GPU nobody counts the work; on the SIMT machine it is counted");
    else
        *status =
            not_yet(e, "Its work cannot be counted: a lane of a warp is 65,536 accesses ahead "
                       "of another, or the machine was changed.");
    return 1;
}

/* One count beside another, per something. */
static inline double kernel_ratio(uint64_t a, uint64_t b) {
    return b ? (double)a / (double)b : 0;
}

#endif
#endif
