/* rejected: you say */
/* Counts the gap behind the last number too. */
#include <stddef.h>

size_t lines_touched(size_t n, size_t stride) {
    return stride >= 64 ? n : (n * stride + 63) / 64;
}
