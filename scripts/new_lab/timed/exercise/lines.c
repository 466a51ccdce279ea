/*
 * Exercise 1: how many lines does a walk touch?
 *
 * A walk reads n >= 1 numbers of 4 bytes whose addresses lie `stride` bytes apart, a multiple of 4;
 * the first is the first of a line of 64 bytes. Return how many different lines it reads from.
 * Rewrite it; then `make exercise-@NN@`.
 */
#include <stddef.h>

size_t lines_touched(size_t n, size_t stride) {
    (void)stride;
    return n;
}
