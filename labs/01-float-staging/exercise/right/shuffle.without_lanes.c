/* Better: no lane is stored. The numbers come in the order of their bits read backwards, and a
 * partial sum is kept for each step that is not done. */
#include <stddef.h>

float shuffle(const float *x, size_t n);

float shuffle(const float *x, size_t n) {
    float partial[6];
    int there[6] = {0};
    for (unsigned k = 0; k < 32; k++) {
        unsigned t = (k & 1) << 4 | (k & 2) << 2 | (k & 4) | (k & 8) >> 2 | (k & 16) >> 4;
        float sum = t < n ? x[t] : 0;
        int has = t < n, level = 0;
        for (unsigned done = k; done & 1; done >>= 1, level++) {
            sum = has && there[level] ? partial[level] + sum : has ? sum : partial[level];
            has = has || there[level];
        }
        partial[level] = sum;
        there[level] = has;
    }
    return partial[5];
}
