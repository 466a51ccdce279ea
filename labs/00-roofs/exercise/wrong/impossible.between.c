/* rejected: Its footprint lies between two roofs */
/* Wrong: a line is drawn from roof to roof, and the speed compared with that. */
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
    size_t next = 0;
    while (next < count && roofs[next].footprint < (double)timing->footprint)
        next++;
    if (next == 0 || next == count) {
        most = roofs[next ? count - 1 : 0].gigabytes_per_second;
    } else {
        const struct roof *a = &roofs[next - 1], *b = &roofs[next];
        double part = ((double)timing->footprint - a->footprint) / (b->footprint - a->footprint);
        most = a->gigabytes_per_second + part * (b->gigabytes_per_second - a->gigabytes_per_second);
    }
    return bytes / timing->seconds > most * 1e9 * 1.05 ? IMPOSSIBLE : FINE;
}
