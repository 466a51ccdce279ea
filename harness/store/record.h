/*
 * record.h: the shapes that records and documents of a result folder must have.
 *
 * The checks are those of docs/results.schema.json and some that a schema cannot say (a count that
 * must match a length, a width that digits must fit). A hash says that nobody edited a file since
 * it was written; this says that what was written can be read without surprises.
 */
#ifndef NANOLAB_HARNESS_RECORD_H
#define NANOLAB_HARNESS_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Format 1 was never published; it is refused by name. */
#define RECORD_FORMAT 2
#define RECORD_ID_MAX 400
/* Longer series go to a side file. */
#define RECORD_VALUES_MAX 10000
/* Longer texts (a tree's) do too. */
#define RECORD_TEXT_MAX 65536
#define RECORD_SERIES_MAX 64
#define RECORD_ROWS_MAX 10000
#define RECORD_SIDE_FOLDER "side"

enum record_kind { RECORD_START, RECORD_RESUME, RECORD_NOTE, RECORD_CASE, RECORD_END, RECORD_BAD };
enum record_kind record_kind(const json_t *record);

/* 0, or -1 with the reason in `why`. */
int record_check(const json_t *record, char *why, size_t why_size);
int record_check_run(const json_t *run, char *why, size_t why_size);
/* `lab`: whose claims they must be. */
int record_check_claims(const json_t *document, const char *lab, char *why, size_t why_size);

bool record_id_is_good(const char *id);
bool record_device_is_good(const char *device);
/* "01-float-staging" */
bool record_lab_is_good(const char *name);
/* "<32 hex digits>.<f64|u8|u16|u32|u64|txt>": never a path. */
bool record_side_is_good(const char *name);
/* Bytes per value of a side file by its extension; 1 for text, 0 for a bad name. */
size_t record_side_width(const char *name);

#endif
