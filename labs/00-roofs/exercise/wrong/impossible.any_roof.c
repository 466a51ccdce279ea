/* rejected: That is IMPOSSIBLE; you say FINE */
/* Wrong: the fastest roof there is, whatever the footprint. */
#include <math.h>

#include "exercise.h"

enum verdict judge(const struct timing *timing, const struct roof *roofs, size_t count,
                   double clock_step) {
    double bytes = (double)timing->footprint * (double)timing->passes, most = 0;
    uint64_t words = timing->footprint / 8;
    if (!isfinite(timing->seconds) || timing->seconds < 10 * clock_step || timing->seconds <= 0)
        return NO_TIME;
    if (timing->sum != words * (words - 1) / 2 * timing->passes)
        return SKIPPED;
    for (size_t k = 0; k < count; k++)
        most = roofs[k].gigabytes_per_second > most ? roofs[k].gigabytes_per_second : most;
    return bytes / timing->seconds > most * 1e9 * 1.05 ? IMPOSSIBLE : FINE;
}
