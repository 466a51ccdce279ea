/*
 * scores.h: all answers to one lab's questions, scored by one result: for the terminal, the page of
 * a result and that of a class.
 */
#ifndef NANOLAB_HARNESS_SCORES_H
#define NANOLAB_HARNESS_SCORES_H

#include <stdio.h>

#include "harness/predict/score.h"
#include "harness/store/predictions.h"

struct scores_row {
    const struct question *question;
    struct guess guess;
    struct measured measured;
    struct scored scored;
};

struct scores {
    struct questions questions;             /* of this build */
    char lab[64], asked[32];                /* "2026-11-29T04:00:00Z" */
    bool late;                              /* answered after the lab began: no prediction */
    struct scores_row rows[QUESTIONS_MOST]; /* of those that were asked */
    size_t count;
    size_t unknown; /* answers to questions that this build has not */
    size_t counts[SCORES];
};

/* Scores the answers of `entry` (predictions_of()) by a lab, whose texts it points into. 0, or -1
 * with error_text(); close it either way. */
int scores_make(struct scores *s, const json_t *entry, const struct checked_lab *lab);
void scores_close(struct scores *s);

/* "3 right, 1 close, 1 surprise; 1 not measured here". Returns `out`. */
#define SCORES_SUMMARY 240
const char *scores_summary(const struct scores *s, char out[SCORES_SUMMARY]);
/* For a terminal of `width` columns: each question with answer, measurement and score, and what is
 * behind the surprises. */
void scores_print(const struct scores *s, size_t width, FILE *to);
/* NULL: no memory. */
json_t *scores_json(const struct scores *s);

/* screen_wrap() to the end of a line. */
void scores_line(FILE *to, const char *text, size_t at, size_t indent, size_t width);

#endif
