/*
 * meter.h: what a device draws, and how fast its clock runs, beside what is timed.
 *
 * Energy is counted by the device, in steps of its own: NVML's counter of a whole board (Volta and
 * newer, moves every 20 to 100 ms), or RAPL's of all processor packages (about every ms). Samples
 * of a millisecond are too short for that, so a case has a stretch of its own: the same calls back
 * to back. All that the board or the packages draw is in it, idle power and other programs too.
 *
 * A clock is either read from time to time (a GPU's multiprocessors', by NVML), or follows from
 * cycles that are counted while a thread works (perf_event_open). What a processor is rated at, or
 * the time stamp counter counts, is neither: where nobody tells, there is none, and a reason.
 */
#ifndef NANOLAB_HARNESS_METER_H
#define NANOLAB_HARNESS_METER_H

#include <stddef.h>
#include <stdint.h>

#include "harness/measure/bench.h"
#include "harness/measure/ratio.h"
#include "kernels/device/device.h"

#define METER_WHY 200
#define METER_PACKAGES 16

struct nvml_device;

/* A processor package's counter of RAPL. */
struct meter_package {
    char path[96]; /* of energy_uj */
    uint64_t range, last;
};

/* What can be read of one device. Functions give 0, or -1; NULL: there is no such thing, and its
 * `why` says why. It must not be moved once it is open. */
struct meter {
    int (*energy)(struct meter *m, uint64_t *count); /* drawn since some moment … */
    double joules;                                   /* … in units of so many joules */
    const char *energy_by;                           /* "nvml", "rapl" */
    int (*clock)(struct meter *m, double *hertz);    /* right now */
    /* Cycles that this thread has spent in user mode, and the time that it ran, in all. */
    int (*cycles)(struct meter *m, uint64_t *cycles, uint64_t *nanoseconds);
    const char *clock_by; /* of `clock` or `cycles`: "nvml", "perf" */
    char energy_why[METER_WHY], clock_why[METER_WHY];
    struct nvml_device *gpu;
    int counter; /* a file descriptor of perf's; -1: none */
    struct meter_package packages[METER_PACKAGES];
    size_t package_count;
    uint64_t drawn;
    void *context; /* of tests */
};

/* Of the device of that kind and index, for this thread; always close it. */
void meter_open(struct meter *m, enum device_kind kind, int index);
void meter_close(struct meter *m);

/* Clocks of one case, in Hz. */
struct meter_clock {
    const char *by;
    size_t readings; /* 0: none */
    double median, low, high;
};
/* Of `count` readings, NaN where there is none. They are put into order. */
struct meter_clock meter_clock_of(const char *by, double *hertz, size_t count);

/* One stretch. The counter was seen to move between two readings; between its first move and its
 * last its difference is exact, and low and high come of when those moves can have been. */
struct meter_energy {
    const char *by;
    uint64_t calls; /* of the whole stretch … */
    double seconds; /* … and how long it took */
    struct ratio watts;
    struct ratio joules; /* a call */
};

struct meter_work {
    int (*call)(void *context); /* 0 or -1; may return before its work is done … */
    int (*wait)(void *context); /* … which this waits for; 0 or -1. NULL: nothing to wait for */
    int (*stop)(void *context); /* not 0: give up. NULL: never */
    void *context;
    double seconds; /* about how long a call takes */
};

enum meter_status {
    METER_DONE,
    METER_NONE,    /* the counter did not serve; `why` says so */
    METER_STOPPED, /* by `stop` */
    METER_FAILED   /* a call failed, or the wait for it */
};

/* Calls for `seconds` at least, and until the counter has moved often enough, at most for three
 * times as long. `clock` NULL: the monotonic one. why[METER_WHY]. */
enum meter_status meter_stretch(struct meter *m, const struct meter_work *work, double seconds,
                                const struct bench_clock *clock, struct meter_energy *out,
                                char *why);

/* --- meter_cpu.c --- */

/* RAPL's packages below `folder`, "/sys/class/powercap". */
void meter_open_packages(struct meter *m, const char *folder);
/* perf's counter of an event (a type and config of perf_event_open(2)) as `cycles`. */
void meter_open_cycles(struct meter *m, unsigned type, unsigned long long config);
void meter_open_cpu(struct meter *m);

#endif
