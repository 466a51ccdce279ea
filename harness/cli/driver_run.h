/*
 * driver_run.h: the inside of `nanolab run`: what is run (driver_run.c), and what is said of it at
 * the end (driver_conclude.c).
 */
#ifndef NANOLAB_HARNESS_DRIVER_RUN_H
#define NANOLAB_HARNESS_DRIVER_RUN_H

#include "harness/cli/driver.h"
#include "harness/cli/run_options.h"
#include "harness/lab/lab.h"
#include "harness/store/result.h"

struct run_plan {
    const struct driver *driver;
    struct options parser;
    struct run_options options;
    bool all;
    uint64_t sessions;   /* 0: one, and no folder around it */
    const char *then;    /* what is run after the first lab */
    const char *answers; /* a file of what is predicted, instead of asking */
    json_t *predictions; /* what was predicted; NULL: nothing */
    struct driver_page page;
    const struct driver_lab *labs[DRIVER_LABS_MAX];
    size_t lab_count;
    char dir[RESULT_PATH_MAX];
    enum lab_mode mode;
    uint64_t seed;
    int argc;
    char **argv;
    int status[DRIVER_LABS_MAX]; /* of each lab; -1: not started */
    struct others_mark begun;
};

/* Prints verdicts and predictions of all labs, or all of it as JSON, and where the results are. */
void driver_run_conclude(const struct run_plan *plan, int status);

#endif
