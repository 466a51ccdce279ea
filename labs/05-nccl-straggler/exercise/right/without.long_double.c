/* Better: each step is built from its slowest other rank and the sum that the last one was in, with
 * 64 bits where a long double has them. */
#include "exercise.h"

double without(const double *compute, const double *comm, size_t steps, size_t ranks, size_t late) {
    long double sum = 0;
    for (size_t s = 0; s < steps; s++) {
        const double *work = compute + s * ranks, *in_sum = comm + s * ranks;
        size_t last = 0, others = late == 0;
        for (size_t r = 0; r < ranks; r++) {
            last = work[r] > work[last] ? r : last;
            others = r != late && work[r] > work[others] ? r : others;
        }
        sum += last == late ? (long double)work[others] + in_sum[last]
                            : (long double)work[last] + in_sum[last];
    }
    return (double)(sum / (long double)steps);
}
