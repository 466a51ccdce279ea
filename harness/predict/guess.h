/*
 * guess.h: an answer that somebody gives before a run, as it is typed, stored and shown.
 *
 *     300        a number, with a unit or a "k", "M", "G" if one likes: 1.5k, 12 us, 40 %
 *     200..400   a range, for whoever is not sure: "200-400" and "200 to 400" are taken too
 *     b          a choice
 *     (nothing)  no answer
 */
#ifndef NANOLAB_HARNESS_GUESS_H
#define NANOLAB_HARNESS_GUESS_H

#include "harness/predict/question.h"

enum guess_kind { GUESS_NONE, GUESS_NUMBER, GUESS_CHOICE };

struct guess {
    enum guess_kind kind;
    double low, high; /* of a number: equal where it is one, low <= high; in the question's unit */
    size_t choice;
};

#define GUESS_WHY 200
/* 0, or -1 with what is wrong, and what to type, in `why`. */
int guess_parse(const struct question *q, const char *text, struct guess *out, char why[GUESS_WHY]);
/* "200 to 400", "12 µs", the words of a choice, "no answer". Returns `out`. */
#define GUESS_TEXT 400
const char *guess_text(const struct question *q, const struct guess *guess, char out[GUESS_TEXT]);

/* {"id", "question", "low", "high", "unit"}, {…, "choice"} or {…, "answer": null}; NULL: no
 * memory. */
json_t *guess_json(const struct question *q, const struct guess *guess);
/* The same read again. What does not fit the question is GUESS_NONE: a choice that it has not. */
struct guess guess_of_json(const struct question *q, const json_t *answer);

#endif
