/*
 * checker.c: runs the exercise's function on data on which nearly right answers have shown
 * themselves to be wrong. Exit status: 0 right, 1 not yet (the reason is on stdout).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define N 1000

float steady_sum(const float *x, size_t n);

int main(void) {
    static float x[N], back[N];
    uint32_t state = 1;
    for (size_t n = 1; n <= N; n += 37) {
        long long exact = 0; /* in units of 2^-24 */
        for (size_t i = 0; i < n; i++) {
            state = state * 1664525u + 1013904223u;
            long k = (long)(state >> 7) - (1L << 24);
            exact += k;
            x[i] = back[n - 1 - i] = (float)k * 0x1p-24f;
        }
        float right = (float)((double)exact * 0x1p-24);
        float one = steady_sum(x, n), other = steady_sum(back, n);
        if (memcmp(&one, &other, sizeof one) != 0) {
            printf("Of %zu numbers you get %a, and backwards %a.\n", n, (double)one, (double)other);
            return 1;
        }
        if (one != right) {
            printf("Of %zu numbers you get %a both ways; the nearest float to their sum is %a.\n",
                   n, (double)one, (double)right);
            return 1;
        }
    }
    return 0;
}
