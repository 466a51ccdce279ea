/* rejected: you name rank */
/* Wrong: the least time in sums, all steps together. A rank that is always a little later than the
 * others has less than one that is late now and then. */
#include "exercise.h"

int culprit(const double *comm, size_t steps, size_t ranks, double floor_us) {
    int best = -1, waited = 0;
    double least = 0;
    for (size_t r = 0; r < ranks; r++) {
        double sum = 0;
        for (size_t s = 0; s < steps; s++) {
            sum += comm[s * ranks + r];
            waited = waited || comm[s * ranks + r] - comm[s * ranks] > 2 * floor_us ||
                     comm[s * ranks] - comm[s * ranks + r] > 2 * floor_us;
        }
        if (best < 0 || sum < least) {
            least = sum;
            best = (int)r;
        }
    }
    return waited ? best : -1;
}
