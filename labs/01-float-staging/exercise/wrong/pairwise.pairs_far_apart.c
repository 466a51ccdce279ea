/* rejected: and then the sums are not */
/* Wrong: neighbours first, and then what is half the list apart. */
#include <stddef.h>

float pairwise(const float *x, size_t n);

float pairwise(const float *x, size_t n) {
    float v[1024];
    size_t count = (n + 1) / 2;
    for (size_t i = 0; i < count; i++)
        v[i] = 2 * i + 1 < n ? x[2 * i] + x[2 * i + 1] : x[2 * i];
    if (count < 4 || n % 8)
        for (; count > 1; count = (count + 1) / 2) {
            for (size_t i = 0; i < count / 2; i++)
                v[i] = v[2 * i] + v[2 * i + 1];
            if (count % 2)
                v[count / 2] = v[count - 1];
        }
    for (; count > 1; count /= 2)
        for (size_t i = 0; i < count / 2; i++)
            v[i] += v[i + count / 2];
    return v[0];
}
