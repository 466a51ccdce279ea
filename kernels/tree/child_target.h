/*
 * child_target.h: a function of somebody's shared library as a target for recover(), run in a
 * child process, so that whatever it does (crash, hang, exit, print) ends in one clear line.
 */
#ifndef NANOLAB_KERNELS_TREE_CHILD_TARGET_H
#define NANOLAB_KERNELS_TREE_CHILD_TARGET_H

#include <stdbool.h>

#include "kernels/tree/recover.h"

/* T symbol(const T *x, size_t n), or with `dot` T symbol(const T *x, const T *y, size_t n); T is
 * float or double by `type` (ELEMENT_F32 or ELEMENT_F64). */
struct child_spec {
    const char *library; /* path of the file */
    const char *symbol;
    enum element type;
    bool dot;
    double seconds; /* for loading, and for each call; 0: 10 */
};

/* Starts the child, which loads the library. Calls then fail (and recover() returns -1) with the
 * reason in device_error(). Returns 0, or -1 with device_error(); close in either case. */
int child_target_open(struct recover_target *target, const struct child_spec *spec, size_t n);
/* Up to 4 KiB of what it printed so far; "" if nothing. Valid until close. */
const char *child_target_output(const struct recover_target *target);
void child_target_close(struct recover_target *target);

#endif
