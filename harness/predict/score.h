/*
 * score.h: an answer beside what was measured.
 *
 * Numbers are scored on a logarithmic scale, by the factor between the answer and the measurement's
 * interval: 1 where the two meet. A range is an answer like any other: whoever is not sure says so
 * and is not punished for it, so long as the range says something. One wider than the fourth power
 * of `near` (twice from a near miss below to one above) that meets the measurement is counted apart
 * and neither right nor a surprise. So is what meets a measurement whose own interval is as wide.
 * What was not measured is not scored.
 */
#ifndef NANOLAB_HARNESS_SCORE_H
#define NANOLAB_HARNESS_SCORE_H

#include "harness/predict/guess.h"
#include "harness/predict/measured.h"

enum score {
    SCORE_RIGHT, /* meets the interval; the right choice */
    SCORE_WIDE,  /* a wide range meets it */
    SCORE_NEAR,  /* off by a factor of no more than the question's `near` */
    SCORE_OFF,   /* off by more: a surprise */
    SCORE_WRONG, /* a wrong choice: a surprise */
    SCORE_OPEN,  /* meets a measurement that does not settle it: several choices, or a wide interval
                  */
    SCORE_NO_ANSWER,    /* asked, and left out */
    SCORE_NOT_MEASURED, /* answered, and there is nothing to score it by */
    SCORES
};

struct scored {
    enum score score;
    double factor; /* by which a number is off, from 1; INFINITY beside nothing at all; NaN */
};

struct scored score_of(const struct question *q, const struct guess *g, const struct measured *m);
bool score_is_surprise(enum score score);
/* "off by a factor of 7.2". Returns `out`. */
#define SCORE_TEXT 100
const char *score_text(const struct scored *s, char out[SCORE_TEXT]);
/* "right", "not-measured": for JSON. */
const char *score_name(enum score score);

#endif
