/* rejected: something is added to them */
/* Wrong: remembers its sum of as many numbers. */
#define two_lanes asked
#include "../solution/two_lanes.c"
#undef two_lanes

float two_lanes(const float *x, size_t n);

float two_lanes(const float *x, size_t n) {
    static float known[1025];
    if (known[n] == 0)
        known[n] = asked(x, n);
    return known[n];
}
