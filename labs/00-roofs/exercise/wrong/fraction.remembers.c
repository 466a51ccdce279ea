/* rejected: With a single round */
/* Wrong: remembers what it said last time for as many rounds. */
#define fraction measured
#include "../solution/fraction.c"
#undef fraction

double fraction(const double *mine, const double *reader, size_t rounds, double my_bytes,
                double reader_bytes) {
    static double known[1001];
    if (known[rounds] == 0)
        known[rounds] = measured(mine, reader, rounds, my_bytes, reader_bytes);
    return known[rounds];
}
