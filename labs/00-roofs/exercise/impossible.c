/*
 * Exercise 2: which of these timings is impossible?
 *
 * Somebody sends you a timing and a checksum. A wonderful speed has mostly one of three reasons:
 * the clock did not step, the kernel skipped work, or it is not true. Say which, or that it is
 * fine, in the order that exercise.h gives.
 *
 * Below the speed is compared with the fastest roof there is, whatever the footprint, and nothing
 * else is looked at. Complete it.
 *
 *     labs/00-roofs/exercise/check impossible
 *
 * checks it in a few seconds; `make exercise-00` checks all of this lab.
 * `make hint-00 EX=impossible` gives a hint, and with LEVEL=2 or LEVEL=3 more.
 */
#include "exercise.h"

enum verdict judge(const struct timing *timing, const struct roof *roofs, size_t count,
                   double clock_step) {
    double bytes = (double)timing->footprint * (double)timing->passes, most = 0;
    (void)clock_step;
    for (size_t k = 0; k < count; k++)
        most = roofs[k].gigabytes_per_second > most ? roofs[k].gigabytes_per_second : most;
    return bytes / timing->seconds > most * 1e9 * 1.05 ? IMPOSSIBLE : FINE;
}
