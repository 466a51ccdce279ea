/* rejected: Scores of a few; slots that no sequence uses hold zeros */
/* Wrong: remembers the answer for as many sequences. */
#define attend asked
#include "../solution/attend.c"
#undef attend

void attend(const struct table *table, unsigned D, const float *q, const float *k, const float *v,
            float *out) {
    static float known[7][6 * 64];
    static int there[7];
    unsigned n = table->sequences;
    if (!there[n])
        asked(table, D, q, k, v, known[n]);
    there[n] = 1;
    for (unsigned d = 0; d < n * D; d++)
        out[d] = known[n][d];
}
