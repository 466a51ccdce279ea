/*
 * pull_json.h: a JSON file larger than anybody would hold, read once through, value by value: lists
 * and objects on the way are entered, what is wanted in them is made a value of its own.
 *
 *     static int element(void *context, struct pull_json *json) {
 *         json_t *value = pull_json_value(json);         // one value, of at most 1 MiB
 *         …
 *     }
 *     pull_json_list(&json, element, context)
 *
 * Who is called reads exactly one value: by pull_json_value(), _skip(), _list() or _object().
 * Files come from strangers: what is no JSON is -1 (or NULL) with one line in error_text() that
 * names file and line.
 */
#ifndef NANOLAB_HARNESS_PULL_JSON_H
#define NANOLAB_HARNESS_PULL_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one value that is made. */
#define PULL_JSON_VALUE_BYTES ((size_t)1 << 20)

struct pull_json {
    int fd;
    const char *path; /* for messages */
    size_t line;      /* from 1 */
    char *piece;      /* of the file, [at, filled) not read yet */
    size_t at, filled;
    char *text; /* of the value now made */
    size_t size, room;
};

/* A file open for reading, from its beginning. 0, or -1. The descriptor stays the caller's; `path`
 * must outlive it. Close it either way. */
int pull_json_open(struct pull_json *json, int fd, const char *path);
void pull_json_close(struct pull_json *json);

/* The next value: a new reference; NULL with error_text(). */
json_t *pull_json_value(struct pull_json *json);
/* The next value, of any size, is passed over and not checked. */
int pull_json_skip(struct pull_json *json);
/* The next value has to be a list, or null, which is an empty one. Stops where `element` is not
 * 0. */
int pull_json_list(struct pull_json *json, int (*element)(void *context, struct pull_json *json),
                   void *context);
/* The next value has to be an object. A name may be there twice: `member` says what that means. */
int pull_json_object(struct pull_json *json,
                     int (*member)(void *context, struct pull_json *json, const char *name),
                     void *context);
/* Nothing may follow. */
int pull_json_end(struct pull_json *json);

/* -1, with a line for error_text() that names the file and where it was read to. */
int pull_json_refuse(const struct pull_json *json, const char *why);

#endif
