/*
 * clock.h: how finely the clock that samples are read from can tell times apart. Most tell
 * nanoseconds; with jiffies for a clock source, or in some virtual machines, it moves in steps of 4
 * or 15.6 ms.
 */
#ifndef NANOLAB_HARNESS_CLOCK_H
#define NANOLAB_HARNESS_CLOCK_H

#ifdef __cplusplus
extern "C" {
#endif

/* CLOCK_MONOTONIC, in seconds. */
double clock_now(void *unused);
/* The smallest step in seconds that readings of `now` show; INFINITY where it stands still. Takes
 * some steps' time, and a second where it stands still. */
double clock_step_of(double (*now)(void *context), void *context);
/* That of clock_now, measured once. */
double clock_step(void);

#ifdef __cplusplus
}
#endif
#endif
