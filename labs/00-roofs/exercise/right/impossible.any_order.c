/* Better: the roofs may come in any order, and the sum is taken in 128 bits before it is cut to 64.
 * */
#include <math.h>

#include "exercise.h"

enum verdict judge(const struct timing *timing, const struct roof *roofs, size_t count,
                   double clock_step) {
    double below = -1, above = INFINITY, slower = 0, faster = 0;
    const double footprint = (double)timing->footprint;
    if (!(timing->seconds > 0 && timing->seconds <= 1e300 && timing->seconds >= 10 * clock_step))
        return NO_TIME;
    unsigned __int128 words = timing->footprint / 8;
    if ((uint64_t)(words * (words - 1) / 2 * timing->passes) != timing->sum)
        return SKIPPED;
    for (size_t k = 0; k < count; k++) {
        if (roofs[k].footprint <= footprint && roofs[k].footprint > below) {
            below = roofs[k].footprint;
            slower = roofs[k].gigabytes_per_second;
        }
        if (roofs[k].footprint >= footprint && roofs[k].footprint < above) {
            above = roofs[k].footprint;
            faster = roofs[k].gigabytes_per_second;
        }
    }
    double speed = 1e-9 * footprint * (double)timing->passes / timing->seconds;
    return speed > 1.05 * fmax(slower, faster) ? IMPOSSIBLE : FINE;
}
