/*
 * Exercise 1: bound or flip?
 *
 * Under another plan every logit may move by up to `most`, up or down. Say of one step whether it
 * is safe whatever plan is taken, flips under plan b, or was only lucky: it could have flipped, and
 * does not. exercise.h has the three names.
 *
 *     a = {3.0, 2.5, 0}, most = 0.2:                      SAFE, 3.0 - 0.2 is above 2.5 + 0.2
 *     a = {3.0, 2.5, 0}, most = 0.3, b = {3.1, 2.6, 0}:   LUCKY
 *     a = {3.0, 2.5, 0}, most = 0.3, b = {2.7, 2.8, 0}:   FLIPS
 *
 * Below, everything is safe. Rewrite it; then `make exercise-08`.
 */
#include "exercise.h"

enum fate bound(const float *a, const float *b, size_t n, float most) {
    (void)a;
    (void)b;
    (void)n;
    (void)most;
    return SAFE;
}
