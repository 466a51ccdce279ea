/* rejected: At n = 3 the additions come in another order */
/* Wrong: distances 1, 2, 4, 8, 16, which is "shuffle xor"'s tree: neighbours first. */
#include <stddef.h>

float shuffle(const float *x, size_t n);

float shuffle(const float *x, size_t n) {
    float lane[32];
    for (size_t t = 0; t < n; t++)
        lane[t] = x[t];
    for (size_t d = 1; d < 32; d *= 2)
        for (size_t t = 0; t + d < n; t += 2 * d)
            lane[t] += lane[t + d];
    return lane[0];
}
