/*
 * checker.c: runs the exercise's function on data on which nearly right answers have shown
 * themselves to be wrong. Exit status: 0 right, 1 not yet (the reason is on stdout).
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

float by_neighbours(const float x[32]);

int main(void) {
    uint32_t state = 1;
    for (int trial = 0; trial < 100; trial++) {
        float x[32], given[32];
        for (int i = 0; i < 32; i++) {
            state = state * 1664525u + 1013904223u;
            x[i] = given[i] = (float)(state >> 8) * 0x1p-24f;
        }
        float got = by_neighbours(given);
        for (int n = 32; n > 1; n /= 2)
            for (int i = 0; i < n / 2; i++)
                x[i] = x[2 * i] + x[2 * i + 1];
        if (memcmp(&got, &x[0], sizeof got) != 0) {
            printf("Trial %d: you get %a, and the warp %a.\n", trial, (double)got, (double)x[0]);
            return 1;
        }
    }
    return 0;
}
