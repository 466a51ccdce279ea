/*
 * record_check.h: what record.c and record_claims.c share: one reason for a refusal, and the shapes
 * that both meet.
 */
#ifndef NANOLAB_HARNESS_RECORD_CHECK_H
#define NANOLAB_HARNESS_RECORD_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct check {
    char *why;
    size_t size;
};

/* Sets the reason; returns -1, as do the others where something does not fit. */
int check_refuse(struct check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *check_text_of(const json_t *object, const char *name);
/* A member that must be a text without control characters (or null). */
int check_text(struct check *check, const json_t *object, const char *name, bool null_ok);
int check_count(struct check *check, const json_t *object, const char *name);
int check_format(struct check *check, const json_t *object);
/* {value, low, high} */
bool check_is_ratio(const json_t *value);

#endif
