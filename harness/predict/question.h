/*
 * question.h: what a lab asks before it runs: the questions of labs/LAB/questions.json.
 *
 *     {"format": 1, "lab": "01-float-staging", "questions": [
 *      {"id": "01.triples", "part": "bits", "devices": ["cuda", "simt", "cpu"],
 *       "short": "…", "text": "…?", "unit": "1", "most": 1000, "near": 1.25,
 *       "from": [{"claim": "S1", "number": "of * triples*"}],
 *       "because": "…"},
 *      {"id": "01.grid", …, "choices": [{"key": "1", "text": "…", "from": 1, "below": 2}, …]}]}
 *
 * `from` names what answers it, the first that a result has (measured.h). A question with `unit`
 * wants a number, one with `choices` one of them: `from` and `below` say for which numbers a choice
 * is right, `verdicts` for which verdicts of the claim. Another wording of a question keeps its id;
 * what asks for something else gets a new one, since answers are stored by it.
 *
 * These files come from the source tree and are trusted; a mistake in one is a bug to be reported.
 */
#ifndef NANOLAB_HARNESS_QUESTION_H
#define NANOLAB_HARNESS_QUESTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "harness/store/predictions.h"

#define QUESTIONS_MOST PREDICTIONS_ANSWERS
#define QUESTION_CHOICES 6

struct question_choice {
    const char *key, *text;
    const json_t *verdicts; /* for which it is right; NULL: by the number, in [from, below) */
    double from, below;
};

struct question {
    const char *id, *text;
    const char *brief;     /* what it is of, for tables: "short" */
    const char *because;   /* why it is so: for whom the answer surprised */
    const char *unit;      /* of a number, as in units.h; NULL: a choice */
    double most;           /* the largest number that makes sense; INFINITY */
    double near;           /* a number off by no more than this factor is close; over 1 */
    bool time;             /* of time, else of bits */
    const json_t *devices; /* kinds that can answer it, best first: ["cuda", "cpu"] */
    const json_t *from;    /* what answers it */
    struct question_choice choices[QUESTION_CHOICES];
    size_t choice_count;
};

struct questions {
    char lab[64];
    json_t *json; /* owns all texts */
    struct question list[QUESTIONS_MOST];
    size_t count;
};

/* The questions of a lab of this tree; none where it has no such file. 0, or -1 with error_text();
 * close them either way. */
int questions_open(struct questions *q, const char *lab);
/* The same from a text; `where` names it in messages. */
int questions_parse(struct questions *q, const char *lab, const char *text, size_t length,
                    const char *where);
void questions_close(struct questions *q);
/* NULL: there is none with this id. */
const struct question *questions_find(const struct questions *q, const char *id);

/* Whether a kind of device ("cpu", or a device of that kind, "cuda:0") can answer it: its place
 * among those that can, or -1. */
int question_rank(const struct question *q, const char *device);

#endif
