/*
 * predictions.h: predictions.json: what somebody expected of labs, before they ran. It lies where
 * it was made, or in a result folder beside run.json (docs/results.md).
 *
 * It may be a stranger's: what does not fit is refused in one line, and no text of it is shown
 * unescaped. Nothing seals it, since it is made before the run and may be put into a folder after.
 */
#ifndef NANOLAB_HARNESS_PREDICTIONS_H
#define NANOLAB_HARNESS_PREDICTIONS_H

#include <jansson.h>
#include <stdbool.h>

#include "harness/store/folder.h"

#define PREDICTIONS_FILE "predictions.json"
#define PREDICTIONS_BYTES ((size_t)1 << 18)
#define PREDICTIONS_FORMAT 1
/* Of one lab; and bytes of a question's id, its end included. */
#define PREDICTIONS_ANSWERS 16
#define PREDICTIONS_ID 48

/* Reads and checks a folder's `file`. 0 with a new reference, or NULL where there is no such file;
 * -1 with error_text(). */
int predictions_read(const struct folder *folder, const char *file, json_t **out);
/* The same of a text; `where` names it in messages. */
int predictions_parse(const char *text, size_t length, const char *where, json_t **out);

/* The answers to a lab's questions: its {"lab", "version", "asked", "answers"} (borrowed); NULL:
 * there are none. `predictions` may be NULL. */
const json_t *predictions_of(const json_t *predictions, const char *lab);
/* One of them, by the question's id; NULL: it was not asked. */
const json_t *predictions_answer(const json_t *entry, const char *id);

/* {"lab", "version", "asked": now, "answers"}; takes the answers over. NULL with error_text(). */
json_t *predictions_entry(const char *lab, json_t *answers);
/* Puts an entry in, in the place of that lab's older one, which is there only if `again`: else it
 * is refused. *predictions is made where it is NULL. Takes the entry over. 0, or -1 with
 * error_text(). */
int predictions_put(json_t **predictions, json_t *entry, bool again);
int predictions_write(const struct folder *folder, const char *file, const json_t *predictions);

#endif
