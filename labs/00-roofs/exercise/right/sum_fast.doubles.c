/* More accurate than asked for: in doubles, from both ends. */
#include "exercise.h"

void sum_fast(const float *x, size_t n, float *sum) {
    double part[8] = {0};
    size_t half = n / 2, i = 0;
    for (; i + 4 <= half; i += 4)
        for (size_t k = 0; k < 4; k++) {
            part[k] += x[i + k];
            part[4 + k] += x[n - 1 - i - k];
        }
    for (size_t k = i; k < n - i; k++)
        part[k % 8] += x[k];
    *sum = (float)(((part[0] + part[1]) + (part[2] + part[3])) +
                   ((part[4] + part[5]) + (part[6] + part[7])));
}
