/* By the least time that all passes can take. */
#include "exercise.h"

static double roof_at(double footprint, const struct roof *roofs, size_t count) {
    size_t next = 0; /* the first that is as large or larger */
    while (next < count && roofs[next].footprint < footprint)
        next++;
    if (next == 0)
        return roofs[0].gigabytes_per_second;
    if (next == count)
        return roofs[count - 1].gigabytes_per_second;
    double a = roofs[next - 1].gigabytes_per_second, b = roofs[next].gigabytes_per_second;
    return roofs[next].footprint == footprint || b > a ? b : a;
}

enum verdict judge(const struct timing *timing, const struct roof *roofs, size_t count,
                   double clock_step) {
    double roof = roof_at((double)timing->footprint, roofs, count);
    double least = (double)timing->footprint / (1.05e9 * roof) * (double)timing->passes;
    uint64_t sum = 0, words = timing->footprint / 8;
    for (uint64_t pass = 0; pass < timing->passes; pass++)
        sum += words % 2 ? words * ((words - 1) / 2) : words / 2 * (words - 1);
    if (!(timing->seconds > 0 && timing->seconds >= 10 * clock_step && timing->seconds < 1e300))
        return NO_TIME;
    return sum != timing->sum ? SKIPPED : timing->seconds < least ? IMPOSSIBLE : FINE;
}
