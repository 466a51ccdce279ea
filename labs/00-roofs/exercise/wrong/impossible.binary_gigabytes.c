/* rejected: That is IMPOSSIBLE; you say FINE */
/* Wrong: a GB is taken for 2^30 bytes, which allows 7 % more. */
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
    for (size_t k = 0; k < count; k++) {
        int below = k + 1 < count && roofs[k + 1].footprint <= (double)timing->footprint;
        int above = k > 0 && roofs[k - 1].footprint >= (double)timing->footprint;
        if (!below && !above && roofs[k].gigabytes_per_second > most)
            most = roofs[k].gigabytes_per_second;
    }
    return bytes / timing->seconds > most * 0x1p30 * 1.05 ? IMPOSSIBLE : FINE;
}
