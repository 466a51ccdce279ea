/* rejected: you say */
/* Wide strides step over lines. */
#include <stddef.h>

size_t lines_touched(size_t n, size_t stride) {
    return (n - 1) * stride / 64 + 1;
}
