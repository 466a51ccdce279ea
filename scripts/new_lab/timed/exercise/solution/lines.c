/* From one line on, each number has its own; below, no line between the first and the last is
 * stepped over. */
#include <stddef.h>

size_t lines_touched(size_t n, size_t stride) {
    return stride >= 64 ? n : (n - 1) * stride / 64 + 1;
}
