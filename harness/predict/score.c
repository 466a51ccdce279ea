/*
 * score.c: see score.h.
 */
#include "harness/predict/score.h"

#include <math.h>
#include <stdio.h>

#define WIDE 4 /* powers of `near` */

/* Whether a range of numbers is too wide to say much. */
static bool is_wide(const struct question *q, double low, double high) {
    return high > low && !(high <= low * pow(q->near, WIDE));
}

static struct scored score_number(const struct question *q, const struct guess *g,
                                  const struct measured *m) {
    bool below = g->high<m->low, above = g->low> m->high;
    double small = below ? g->high : m->high, large = below ? m->low : g->low;
    struct scored s = {SCORE_RIGHT, 1};
    if (below || above) {
        s.factor = small > 0 ? large / small : INFINITY;
        s.score = s.factor <= q->near ? SCORE_NEAR : SCORE_OFF;
    } else if (is_wide(q, m->low, m->high)) {
        s = (struct scored){SCORE_OPEN, NAN};
    } else if (is_wide(q, g->low, g->high)) {
        s.score = SCORE_WIDE;
    }
    return s;
}

struct scored score_of(const struct question *q, const struct guess *g, const struct measured *m) {
    if (g->kind == GUESS_NONE)
        return (struct scored){SCORE_NO_ANSWER, NAN};
    if (m->state != MEASURED)
        return (struct scored){SCORE_NOT_MEASURED, NAN};
    if (g->kind == GUESS_NUMBER)
        return score_number(q, g, m);
    if (!m->right[g->choice])
        return (struct scored){SCORE_WRONG, NAN};
    return (struct scored){m->right_count > 1 ? SCORE_OPEN : SCORE_RIGHT, NAN};
}

bool score_is_surprise(enum score score) {
    return score == SCORE_OFF || score == SCORE_WRONG;
}

const char *score_text(const struct scored *s, char out[SCORE_TEXT]) {
    static const char *const words[SCORES] = {
        [SCORE_RIGHT] = "right",
        [SCORE_WIDE] = "in the range, which is too wide to say much",
        [SCORE_WRONG] = "wrong",
        [SCORE_OPEN] = "possible: what was measured does not settle it",
        [SCORE_NO_ANSWER] = "no answer",
        [SCORE_NOT_MEASURED] = "not measured here, so not scored",
    };
    if (s->score != SCORE_NEAR && s->score != SCORE_OFF)
        snprintf(out, SCORE_TEXT, "%s", words[s->score]);
    else if (!isfinite(s->factor))
        snprintf(out, SCORE_TEXT, "off: one is nothing at all");
    else
        snprintf(out, SCORE_TEXT, "%s by a factor of %.3g",
                 s->score == SCORE_NEAR ? "close, off" : "off", s->factor);
    return out;
}

const char *score_name(enum score score) {
    static const char *const names[SCORES] = {"right", "wide", "near",      "off",
                                              "wrong", "open", "no-answer", "not-measured"};
    return names[score];
}
