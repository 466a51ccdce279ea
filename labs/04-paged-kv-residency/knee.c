/*
 * knee.c: where a ladder of footprints goes up, and whether the page size alone is why.
 *
 * Time per hop does not fall as a footprint grows, but its samples do. So the points are first
 * fitted by the nearest sequence that never falls (pool adjacent violators, on logarithms), and
 * knees are looked for in the fit: a step of a fifth or more, with a bracket from the last point at
 * the old level to the first at the new one.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "labs/04-paged-kv-residency/map_side.h"

#define RISES 1.2 /* a knee: this much above the level before */
#define STILL 1.1 /* up to this much apart, points are of one level */
#define SPLINTERED 1.5

/* Least squares under "never falls": Ayer, Brunk, Ewing, Reid and Silverman (1955). */
static void fit_levels(const struct ladder *ladder, double *level) {
    double mean[LADDER_MOST];
    size_t weight[LADDER_MOST], pools = 0, at = 0;
    for (size_t k = 0; k < ladder->count; k++) {
        mean[pools] = log(ladder->ns[k]);
        weight[pools++] = 1;
        while (pools > 1 && mean[pools - 2] > mean[pools - 1]) {
            double a = (double)weight[pools - 2], b = (double)weight[pools - 1];
            mean[pools - 2] = (a * mean[pools - 2] + b * mean[pools - 1]) / (a + b);
            weight[pools - 2] += weight[pools - 1];
            pools--;
        }
    }
    for (size_t p = 0; p < pools; p++)
        for (size_t k = 0; k < weight[p]; k++)
            level[at++] = exp(mean[p]);
}

size_t ladder_knees(const struct ladder *ladder, struct knee knees[KNEES_MOST]) {
    double level[LADDER_MOST];
    size_t count = 0, start = 0;
    fit_levels(ladder, level);
    for (size_t k = 1; k < ladder->count && count < KNEES_MOST; k++) {
        double base = 0;
        for (size_t p = start; p < k; p++)
            base += log(level[p]) / (double)(k - start);
        base = exp(base);
        if (level[k] <= RISES * base)
            continue;
        size_t last = k - 1, next = k;
        while (last > start && level[last] > STILL * base)
            last--;
        while (next + 1 < ladder->count && level[next + 1] > STILL * level[next])
            next++;
        knees[count++] = (struct knee){.from = ladder->bytes[last],
                                       .to = ladder->bytes[next],
                                       .growth = level[next] / level[last]};
        start = k = next;
    }
    return count;
}

static double level_at(const struct ladder *ladder, const double *level, double bytes) {
    for (size_t k = 0; k < ladder->count; k++)
        if (ladder->bytes[k] == bytes)
            return level[k];
    return NAN;
}

double ladder_growth(const struct ladder *ladder, double from, double to) {
    double level[LADDER_MOST];
    fit_levels(ladder, level);
    return level_at(ladder, level, to) / level_at(ladder, level, from);
}

bool knee_moves(const struct knee *knee, const struct ladder *large, const struct ladder *packed) {
    double half = 0.5 * log(knee->growth);
    return log(ladder_growth(large, knee->from, knee->to)) < half &&
           log(ladder_growth(packed, knee->from, knee->to)) < half;
}

bool pages_splintered(const struct ladder *large, const struct ladder *packed) {
    double level[2][LADDER_MOST];
    bool slower = false;
    fit_levels(large, level[0]);
    fit_levels(packed, level[1]);
    for (size_t k = 0; k < large->count && large->bytes[k] <= PAGES_HUGE / 2; k++)
        slower = level[0][k] > SPLINTERED * level_at(packed, level[1], large->bytes[k]);
    return slower;
}
