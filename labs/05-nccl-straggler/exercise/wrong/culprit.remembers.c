/* rejected: you name */
/* Wrong: remembers its answer for as many ranks. */
#define culprit asked
#include "../solution/culprit.c"
#undef culprit

int culprit(const double *comm, size_t steps, size_t ranks, double floor_us) {
    static int known[64], there[64];
    if (!there[ranks])
        known[ranks] = asked(comm, steps, ranks, floor_us);
    there[ranks] = 1;
    return known[ranks];
}
