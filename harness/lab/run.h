/*
 * run.h: the inside of a lab run, shared by the harness' own files and by nobody else.
 *
 * run_main.c fills it from the options; case.c and result.c record into it; progress.c shows it.
 */
#ifndef NANOLAB_HARNESS_RUN_H
#define NANOLAB_HARNESS_RUN_H

#include "harness/lab/lab.h"

#define RUN_DEVICES_MAX 16

struct meter;    /* meter.h */
struct result;   /* result.h: the lab's folder, open for writing */
struct progress; /* progress.h */

struct lab_run {
    const struct lab *lab;
    enum lab_mode mode;
    uint64_t seed;
    uint64_t session; /* of several alike, from 1; 0: it is the only one */
    bool predict;
    struct device *bits[RUN_DEVICES_MAX];
    size_t bits_count;
    struct device *time[RUN_DEVICES_MAX];
    size_t time_count;
    struct result *result;
    struct progress *progress;
    char error[512]; /* the one line of lab_error(), "" if none */
    /* Devices that were asked for and are not here, or have no part in this lab: every claim is
     * "not testable here" on them. */
    struct run_missing {
        char id[24];
        char reason[160];
    } missing[RUN_DEVICES_MAX];
    size_t missing_count;
    struct device *opened[RUN_DEVICES_MAX]; /* owned; bits and time point here */
    size_t opened_count;
    struct meter *meter; /* of all devices, in the place of their own: for tests. NULL */
    bool energy_failed;  /* a counter of energy failed, as a note says: no more of it */
};

/* What the harness itself records (contest.c); every lab has these names. */
extern const struct quantity run_quantities[];
extern const size_t run_quantity_count;

/* case.c: the first error of a run is the one that is shown. -1. */
int run_error(struct lab_run *run, const char *text);

/* A group of a case's record beside params, counters and the rest; takes the value over. */
void case_measured(struct lab_case *c, const char *name, json_t *value);

/* Records cases that were measured together (a contest), whole or not at all; the cases stay the
 * caller's. 0, or -1 with the run's error. */
int run_end_group(struct lab_run *run, const char *device, const char *group,
                  struct lab_case **cases, size_t count);

/* run_claims.c: the sweeps of the lab's claims in their order, then the tables; 0, or -1 with the
 * run's error. Then the verdicts on all that was recorded; 0, or -1 where a check could not be
 * done. */
int run_sweeps(struct lab_run *run);
int run_judge(struct lab_run *run);

/* main() of a lab's executable; returns the exit status (options.h). lab_main.c calls it. */
int run_main(const struct lab *lab, int argc, char **argv);
/* "01-float-staging" */
void run_lab_folder(const struct lab *lab, char *out, size_t size);

/* run_devices.c: fills bits, time, opened and missing. `list` is the text of --device, NULL for
 * the default: cuda if one works, else simt for bits and cpu for time. A device opened for one
 * part serves the other too where the lab allows it. -1 with one line in `why`: bad usage. */
int run_open_devices(struct lab_run *run, const char *list, char *why, size_t why_size);
/* The devices that an earlier session of the run recorded, by id. */
int run_reopen_devices(struct lab_run *run, const char *list, const char (*bits)[24],
                       size_t bits_count, const char (*time)[24], size_t time_count, char *why,
                       size_t why_size);
void run_close_devices(struct lab_run *run);
/* One line for the person watching: which devices, for what, and why not a GPU. */
void run_describe_devices(const struct lab_run *run, bool by_default, char *out, size_t size);

#endif
