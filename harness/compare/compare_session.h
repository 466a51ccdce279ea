/*
 * compare_session.h: what makes one session of a side, shared by those that read one: a result
 * folder (compare_side.c) and others' files (compare_foreign.c).
 */
#ifndef NANOLAB_HARNESS_COMPARE_SESSION_H
#define NANOLAB_HARNESS_COMPARE_SESSION_H

#include "harness/compare/compare.h"
#include "harness/store/reader.h"

struct compare_session {
    struct compare_side *side;
    const struct reader *reader; /* of the lab now read … */
    const char *lab;             /* … its name, the side's own … */
    const json_t *units;
    size_t before; /* … and the cases of the labs before it */
    struct compare_case *cases;
    size_t count, room;
    size_t bytes; /* kept of them */
    /* Of another tool's file: called with each case's samples in seconds, of which its time is
     * made; NULL: nobody wants them. 0, or -1 with error_text(). */
    int (*see)(void *context, const struct compare_case *c, const double *samples, size_t count);
    void *context;
};

/* An empty side of that name, to be closed by compare_side_close() also on failure: 0, or -1. */
int compare_side_begin(struct compare_side *side, const char *path);

/* A new case of the session's lab, all else of it empty; NULL: no memory. */
struct compare_case *compare_session_case(struct compare_session *s);
/* Takes the last case back. */
void compare_session_drop(struct compare_session *s);
/* To be called when the last case has all that it is to have: 0, or -1 with error_text() where the
 * side now keeps more than LIMIT_COMPARE_BYTES. `path` is for the message. */
int compare_session_count(struct compare_session *s, const char *path);
/* 0, or -1: no memory. */
int compare_case_add(struct compare_case *c, const struct compare_time *times, size_t count);
/* A name that lives as long as the side, with which its code is kept: `code` is a new reference, or
 * NULL where it is not known. NULL: no memory. */
const char *compare_session_lab(struct compare_session *s, const char *name, json_t *code);

/* A session from a result folder: 0, or -1 with error_text(). `session` is a struct
 * compare_session; what was added to it stays the caller's, also on failure. */
int compare_session_read(void *session, const char *dir);

#endif
