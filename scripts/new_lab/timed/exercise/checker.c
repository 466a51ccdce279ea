/*
 * checker.c: runs the exercise's function on data on which nearly right answers have shown
 * themselves to be wrong. Exit status: 0 right, 1 not yet (the reason is on stdout).
 */
#include <stddef.h>
#include <stdio.h>

size_t lines_touched(size_t n, size_t stride);

int main(void) {
    for (size_t stride = 4; stride <= 200; stride += 4)
        for (size_t n = 1; n <= 100; n++) {
            size_t right = 1, got = lines_touched(n, stride);
            for (size_t i = 1; i < n; i++)
                right += i * stride / 64 != (i - 1) * stride / 64;
            if (got != right) {
                printf("%zu numbers, %zu bytes apart: you say %zu lines, and it is %zu.\n", n,
                       stride, got, right);
                return 1;
            }
        }
    return 0;
}
