/* rejected: you name nobody */
/* Wrong: nobody is ever late. */
#include "exercise.h"

int culprit(const double *comm, size_t steps, size_t ranks, double floor_us) {
    (void)comm, (void)steps, (void)ranks, (void)floor_us;
    return -1;
}
