/* Counted. */
#include <stddef.h>

size_t lines_touched(size_t n, size_t stride) {
    size_t count = 0, last = (size_t)-1;
    for (size_t at = 0; at < n * stride; at += stride) {
        count += at / 64 != last;
        last = at / 64;
    }
    return count;
}
