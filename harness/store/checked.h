/*
 * checked.h: a result folder, opened and checked as a whole: the one idea of what is valid, for
 * every command that reads one (verify, report, plot, resume, compare).
 *
 * Checked are run.json, and of each lab the journal, the side files it names, the digests of its
 * end record, its claims and their evidence; that all of it belongs together; and that it keeps to
 * limits.h. A lab without an end record is partial: it is valid, but has no claims and no tables,
 * since nothing seals what lies there; those files are named and otherwise ignored. A run.json that
 * says that all was done, beside a lab that is partial, was given another journal. Of
 * predictions.json, which no measurement rests on, a fault makes no other part invalid.
 */
#ifndef NANOLAB_HARNESS_CHECKED_H
#define NANOLAB_HARNESS_CHECKED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "harness/store/limits.h"
#include "harness/store/reader.h"

struct checked_lab {
    char name[64];
    struct reader *reader;
    json_t *claims;  /* the array of claims.json; empty in a partial lab */
    json_t *ignored; /* names of files that a partial lab has and nothing seals */
};

struct checked {
    json_t *run; /* run.json */
    struct checked_lab labs[LIMIT_LABS];
    size_t lab_count;
    json_t *not_started;         /* names of labs that were asked for and are not there */
    json_t *predictions;         /* predictions.json; NULL: there is none, or it does not fit */
    char predictions_wrong[400]; /* why it does not; "" */
    bool complete;               /* all labs, and each to its end */
};

/* 0, or -1 with one line in error_text() that names file, place and what to do. */
int checked_open(struct checked **out, const char *dir);
/* The same; `watch` (or NULL) sees each case on the way (reader.h). */
int checked_open_watched(struct checked **out, const char *dir, const struct reader_watch *watch);
void checked_close(struct checked *checked);

/* One lab of a folder whose run.json is `run`, with what is left of the folder's limits. 0, or -1;
 * close it either way. */
int checked_lab_open(struct checked_lab *lab, const json_t *run, const char *dir, const char *name,
                     struct limits *left);
void checked_lab_close(struct checked_lab *lab);
/* The same for a journal already read, whose reader stays the caller's; `claims` and `ignored` may
 * be NULL. */
int checked_reader(const struct reader *reader, const json_t *run, struct limits *left,
                   json_t **claims, json_t **ignored);

#endif
