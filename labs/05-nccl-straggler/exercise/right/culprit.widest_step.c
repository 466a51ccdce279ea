/* Another way: the step that spreads most is looked at, and no other. */
#include "exercise.h"

int culprit(const double *comm, size_t steps, size_t ranks, double floor_us) {
    size_t late = 0;
    double widest = 2.5 * floor_us;
    int found = 0;
    for (size_t s = 0; s < steps; s++)
        for (size_t r = 0; r < ranks; r++)
            for (size_t other = 0; other < ranks; other++)
                if (comm[s * ranks + other] - comm[s * ranks + r] > widest) {
                    widest = comm[s * ranks + other] - comm[s * ranks + r];
                    late = r;
                    found = 1;
                }
    return found ? (int)late : -1;
}
