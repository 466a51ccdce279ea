/*
 * quick_real.cc: see quick_real.h. C has no such function; the C++ library has.
 */
#include "harness/store/quick_real.h"

#include <charconv>

bool quick_real(const char *begin, const char *end, double *value) {
    const std::from_chars_result result = std::from_chars(begin, end, *value);
    return result.ec == std::errc() && result.ptr == end;
}
