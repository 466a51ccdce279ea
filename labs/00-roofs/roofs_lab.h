/*
 * roofs_lab.h: what the files of lab 00 share.
 */
#ifndef NANOLAB_LABS_ROOFS_LAB_H
#define NANOLAB_LABS_ROOFS_LAB_H

#include "harness/lab/lab.h"
#include "harness/measure/roof.h"

/* sweep.c */
int sweep_proofs(struct lab_run *run, struct device *device);
int sweep_times(struct lab_run *run, struct device *device);

/* One measured kernel, read back from its record. */
struct measured {
    char id[160];
    double per_second, low, high; /* of the op's unit */
    double seconds, seconds_low, seconds_high;
    unsigned threads;
    size_t bytes;
    char kernel[ROOFS_TEXT];
};

/* read.c: what was recorded. Each returns how many were found. */
size_t measured_best(struct lab_run *run, const char *device_id, enum roofs_op op, unsigned threads,
                     size_t bytes, struct measured *out);
/* Like measured_best, but only kernels whose text contains `part` (NULL: all). */
size_t measured_best_of(struct lab_run *run, const char *device_id, enum roofs_op op,
                        unsigned threads, size_t bytes, const char *part, struct measured *out);
/* Footprints of an op, ascending, without repeats; and the thread counts. */
size_t measured_sizes(struct lab_run *run, const char *device_id, enum roofs_op op, size_t *sizes,
                      size_t most);
size_t measured_threads(struct lab_run *run, const char *device_id, unsigned *threads, size_t most);
/* The record of the exact case id. */
size_t measured_case(struct lab_run *run, const char *device_id, const char *id,
                     struct measured *out);

/* checks.c */
int check_work(struct lab_run *run, const char *device_id, struct finding *finding);
int check_caches(struct lab_run *run, const char *device_id, struct finding *finding);
int check_copy(struct lab_run *run, const char *device_id, struct finding *finding);
int check_slope(struct lab_run *run, const char *device_id, struct finding *finding);
int check_streams(struct lab_run *run, const char *device_id, struct finding *finding);
int check_threads(struct lab_run *run, const char *device_id, struct finding *finding);
int check_shared(struct lab_run *run, const char *device_id, struct finding *finding);
int check_hand_over(struct lab_run *run, const char *device_id, struct finding *finding);

/* tables.c */
int write_tables(struct lab_run *run);

#endif
