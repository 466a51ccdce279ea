/*
 * result_inside.h: a lab's folder, open for writing, as result.c and result_open.c share it.
 */
#ifndef NANOLAB_HARNESS_RESULT_INSIDE_H
#define NANOLAB_HARNESS_RESULT_INSIDE_H

#include "harness/store/journal.h"
#include "harness/store/reader.h"
#include "harness/store/result.h"

/* The journal's writer and a reader of the same file go together: what was appended is found again
 * by the reader at once, and a resumed run starts from what the reader accepted. */
struct result {
    struct reader *reader;
    struct journal_writer writer;
    size_t resumed; /* cases of earlier sessions */
    json_t *claims;
    json_t *files; /* names that result_file() wrote in this session: what is sealed */
    char dir[RESULT_PATH_MAX];
    bool owns_run; /* closes run.json as well */
    bool complete; /* there is an end record */
    bool failed;
};

#endif
