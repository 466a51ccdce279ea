/*
 * prediction.h: asking before a run and scoring after it, for `nanolab predict` and `nanolab run`.
 */
#ifndef NANOLAB_HARNESS_PREDICTION_H
#define NANOLAB_HARNESS_PREDICTION_H

#include <jansson.h>

#include "harness/cli/options.h"
#include "harness/predict/ask.h"
#include "harness/store/checked.h"

/* Asks the questions of one lab, on standard input where `answers` is NULL, with the words going to
 * `to`; *predictions gets its answers. Says so where a lab has none to ask. 0, or -1 with
 * options_error(). */
int prediction_ask(const struct options *parser, const char *lab, const struct ask_run *run,
                   const char *answers, bool again, FILE *to, json_t **predictions);

/* Scores what a result folder's predictions.json says of a lab of it: prints it to `to`, or where
 * `list` is not NULL appends it as JSON there. 0; 1 where it says nothing of the lab; -1 with
 * error_text(). */
int prediction_score(const json_t *predictions, const struct checked_lab *lab, int width, FILE *to,
                     json_t *list);

/* The predictions.json of a folder; NULL: none, with error_text() "" or what is wrong. */
json_t *prediction_in(const char *dir);
/* Writes it there. 0, or -1 with error_text(). */
int prediction_keep(const char *dir, const json_t *predictions);

#endif
