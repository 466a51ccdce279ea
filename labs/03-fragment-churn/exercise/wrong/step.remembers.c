/* rejected: 1 product */
/* Wrong: remembers the result for as many products and the same fraction. */
#define step asked
#include "../solution/step.c"
#undef step

float step(const float *a, const float *b, size_t n, float c, int fraction) {
    static float known[17][32];
    static int there[17][32];
    if (!there[n][fraction])
        known[n][fraction] = asked(a, b, n, c, fraction);
    there[n][fraction] = 1;
    return known[n][fraction];
}
