/* Another way: nothing is divided. The roof is found from behind, and the bytes are compared with
 * what the roof can do in that time. */
#include <math.h>

#include "exercise.h"

/* The faster one of those on both sides, or the one that is there. */
static double roof_at(double footprint, const struct roof *roofs, size_t count) {
    size_t k = count - 1;
    while (k > 0 && roofs[k].footprint > footprint)
        k--;
    double speed = roofs[k].gigabytes_per_second;
    if (roofs[k].footprint < footprint && k + 1 < count)
        speed = fmax(speed, roofs[k + 1].gigabytes_per_second);
    return 1e9 * speed;
}

enum verdict judge(const struct timing *timing, const struct roof *roofs, size_t count,
                   double clock_step) {
    double bytes = (double)timing->footprint * (double)timing->passes;
    uint64_t words = timing->footprint / 8, pairs = words * (words - 1) / 2;
    if (isnan(timing->seconds) || isinf(timing->seconds) || signbit(timing->seconds) ||
        timing->seconds == 0 || timing->seconds < clock_step * 10)
        return NO_TIME;
    if (timing->sum - pairs * timing->passes != 0)
        return SKIPPED;
    double most = roof_at((double)timing->footprint, roofs, count) * timing->seconds;
    return bytes > most + 0.05 * most ? IMPOSSIBLE : FINE;
}
