/*
 * child_target.h: a function of somebody's shared library as a target for recover(), run in
 * processes of its own (libexec/nanolab-reveal-child), so that whatever it does (crash, hang, exit,
 * print, fork, leak) ends in one clear line, and that it finds no library of ours.
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
    bool returns_f64;     /* a function of floats that returns a double */
    double seconds;       /* for loading, and for each call; 0: 10 */
    double total_seconds; /* for all calls together; 0: 600 */
    size_t megabytes;     /* of memory, of all its processes; 0: 2048 */
};

/* Starts the child, which loads the library. Calls then fail (and recover() returns -1) with the
 * reason in device_error(). Returns 0, or -1 with device_error(); close in either case. */
int child_target_open(struct recover_target *target, const struct child_spec *spec, size_t n);
/* The last result read as the other type: as a double if floats are returned, and vice versa. */
double child_target_other(const struct recover_target *target);
/* Up to 4 KiB of what it printed so far; "" if nothing. Valid until close. */
const char *child_target_output(const struct recover_target *target);
/* Ends all processes of the library. */
void child_target_close(struct recover_target *target);

#endif
