/* rejected: you say */
/* Wrong: remembers its verdict of a footprint. */
#define judge looks
#include "../solution/impossible.c"
#undef judge

enum verdict judge(const struct timing *timing, const struct roof *roofs, size_t count,
                   double clock_step) {
    static struct {
        uint64_t footprint;
        enum verdict verdict;
    } known[1024];
    size_t at = timing->footprint / 8 % 1024;
    if (known[at].footprint != timing->footprint) {
        known[at].footprint = timing->footprint;
        known[at].verdict = looks(timing, roofs, count, clock_step);
    }
    return known[at].verdict;
}
