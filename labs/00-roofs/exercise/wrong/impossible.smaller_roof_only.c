/* rejected: Its footprint lies between two roofs */
/* Wrong: only the roof of the smaller footprint counts, and a reader in between may be faster. */
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
        int above = roofs[k].footprint > (double)timing->footprint && k > 0;
        if (!below && !above && roofs[k].gigabytes_per_second > most)
            most = roofs[k].gigabytes_per_second;
    }
    return bytes / timing->seconds > most * 1e9 * 1.05 ? IMPOSSIBLE : FINE;
}
