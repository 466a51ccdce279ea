/* Better: every step has its say. A rank gets what it came later than the next to last, beyond the
 * floor; the one with the most is late, so one step that was misread does not name anybody. */
#include "exercise.h"

int culprit(const double *comm, size_t steps, size_t ranks, double floor_us) {
    int late = -1;
    double most = 0;
    for (size_t rank = 0; rank < ranks; rank++) {
        double its = 0;
        for (size_t s = 0; s < steps; s++) {
            double next = -1; /* the least time of another */
            for (size_t r = 0; r < ranks; r++) {
                double x = comm[s * ranks + r];
                next = r != rank && (next < 0 || x < next) ? x : next;
            }
            double later = next - comm[s * ranks + rank] - 2 * floor_us;
            its += later > 0 ? later : 0;
        }
        if (its > most) {
            most = its;
            late = (int)rank;
        }
    }
    return late;
}
