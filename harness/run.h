/*
 * run.h: the inside of a lab run, shared by the harness' own files and by nobody else.
 *
 * lab_main.c fills it from the options; case.c and result.c record into it; progress.c shows it.
 */
#ifndef NANOLAB_HARNESS_RUN_H
#define NANOLAB_HARNESS_RUN_H

#include <signal.h>

#include "harness/lab.h"

#define RUN_DEVICES_MAX 16

struct result;   /* result.h: the lab's folder, open for writing */
struct progress; /* progress.h */

struct lab_run {
    const struct lab *lab;
    enum lab_mode mode;
    uint64_t seed;
    bool predict;
    struct device *bits[RUN_DEVICES_MAX];
    size_t bits_count;
    struct device *time[RUN_DEVICES_MAX];
    size_t time_count;
    struct result *result;
    struct progress *progress;
    char error[512]; /* the one line of lab_error(), "" if none */
};

/* Set by the signal handler in lab_main.c. */
extern volatile sig_atomic_t run_stop_signal;

#endif
