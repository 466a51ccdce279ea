/*
 * ask.h: asks a lab's questions: on a terminal, or from a file of answers.
 */
#ifndef NANOLAB_HARNESS_ASK_H
#define NANOLAB_HARNESS_ASK_H

#include <stdio.h>

#include "harness/predict/guess.h"
#include "harness/predict/question.h"

/* What a run will have: which of the questions it can answer. */
struct ask_run {
    const char *devices; /* the text of --device; NULL: what a run takes by itself */
    const char *only;    /* "bits", "time" or NULL: both */
};

/* Whether the run has a device that can answer the question. */
bool ask_can(const struct question *q, const struct ask_run *run);

/* Asks those questions that the run can answer, by reading lines from `in` and writing to `out`.
 * *answers is a new list of guess_json(), or NULL where there is nothing to ask. 0; 1 at the end of
 * input, where nothing is kept; -1 with error_text(). */
int ask_terminal(const struct questions *q, const struct ask_run *run, FILE *in, FILE *out,
                 json_t **answers);

/* The same from the text of a file, {"01.triples": "200..400", "01.grid": "b"}, or from a
 * predictions.json. A question without an answer there gets none. 0, or -1 with error_text(). */
int ask_file(const struct questions *q, const struct ask_run *run, const char *path,
             json_t **answers);

/* The questions alone: as text, or JSON. */
void ask_list(const struct questions *q, const struct ask_run *run, size_t width, FILE *out);
json_t *ask_list_json(const struct questions *q, const struct ask_run *run);

#endif
