/* rejected: you say FINE */
/* Wrong: believes everything. */
#include "exercise.h"

enum verdict judge(const struct timing *timing, const struct roof *roofs, size_t count,
                   double clock_step) {
    (void)timing, (void)roofs, (void)count, (void)clock_step;
    return FINE;
}
