/*
 * judge.c: what intervals of ratios say, and the text it is said in. Nothing is said that lies
 * inside an interval.
 */
#include "labs/04-paged-kv-residency/contest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void text_add(char *text, size_t size, const char *format, ...) {
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

/* Longer than the gather by more than this share is more than waiting for memory … */
#define AS_GATHER (1 / 1.15)
/* … and faster in cache by less than this is no speed-up to speak of. */
#define AS_IN_CACHE (1 / 1.10)
/* A map that costs less than this costs nothing to speak of. */
#define AS_IDENTITY 0.98

/* Nothing is slower in cache than in memory. What seems so, beyond what handing a short step to the
 * threads takes, was disturbed. */
#define DISTURBED 1.25

/* Memory: it takes no longer than its gather, and would be faster if memory were. Arithmetic: it
 * takes longer, and would not be. Both: it takes longer, and would be faster. All beyond the
 * intervals. */
enum bound bound_by(const struct ratio *gather, const struct ratio *cache) {
    bool as_gather = gather->low >= AS_GATHER, longer = gather->high < AS_GATHER;
    bool faster = cache->high <= AS_IN_CACHE;
    bool as_fast = cache->low > AS_IN_CACHE && cache->value < DISTURBED;
    if (as_gather && faster)
        return BY_MEMORY;
    if (longer && as_fast)
        return BY_ARITHMETIC;
    return longer && faster ? BY_BOTH : BY_UNSETTLED;
}

enum cost scatter_cost(const struct ratio *speed) {
    return speed->high < AS_IDENTITY ? COSTS : speed->low >= AS_IDENTITY ? FREE : OPEN;
}

bool pages_part(const struct ratio *small_pages, const struct ratio *huge_pages) {
    return small_pages->high < huge_pages->low;
}

size_t stream_knee(const struct ratio *speeds, size_t n) {
    if (n == 0 || !(speeds[n - 1].high < 1))
        return n;
    double half = 0.5 * (1 / speeds[n - 1].value - 1);
    size_t k = 0;
    while (1 / speeds[k].value - 1 < half)
        k++;
    return k;
}

size_t stream_monotone(const struct ratio *speeds, size_t n) {
    size_t held = 0;
    for (size_t k = 1; k < n; k++)
        held += speeds[k].low <= speeds[k - 1].high;
    return held;
}
