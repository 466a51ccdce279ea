/*
 * kv_read_inside.h: the parts of reading a block table: text as Python prints it becomes JSON, JSON
 * of any known form becomes rows, and rows become a table.
 */
#ifndef NANOLAB_KERNELS_KV_POOL_KV_READ_INSIDE_H
#define NANOLAB_KERNELS_KV_POOL_KV_READ_INSIDE_H

#include <jansson.h>

#include "kernels/kv_pool/kv_table_read.h"

/* Text of others, fit to be shown: one line, nothing that a terminal would obey. */
#define KV_SHOWN 48
const char *kv_harmless(const char *text, char shown[KV_SHOWN]);

/* --- kv_python.c: text as Python prints it -----------------------------------------------------
 */

/*
 * The same as JSON, to be freed: lists, tuples and dicts, 'quotes', None, comments, trailing commas
 * or none (as NumPy prints), tensor([…], device='cuda:0'), array([…]), name = value line by line,
 * Name(field=value, …). *changed: something was not JSON already. NULL with the line and column in
 * `why`: it is neither, or shortened with "...".
 */
char *kv_python_to_json(const char *text, size_t length, bool *changed, char *why);

/* --- kv_forms.c: the forms that engines have ---------------------------------------------------
 */

/* Rows of any lengths, as read; what is not known is said in `note`. */
struct kv_rows {
    size_t count;         /* sequences */
    size_t *first;        /* [count + 1]: places in ids */
    int64_t *tokens;      /* [count]; -1: as many as its blocks hold */
    int32_t *ids;         /* block ids */
    size_t held, room;    /* of ids; allocated */
    int64_t slots;        /* looked at */
    int64_t block_tokens; /* 0: not given */
    int64_t pool_blocks;  /* 0: not given */
    char *note;           /* KV_WHY bytes */
};
void kv_rows_close(struct kv_rows *rows);
/* Adds to the note. */
void kv_note(struct kv_rows *rows, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Opens rows of the form that `all` has; `rows` comes with note and the block size and pool that
 * options give (0: none). 0, or -1 with `why`; kv_rows_close either way. */
int kv_rows_read(const json_t *all, struct kv_rows *rows, char *why);

#endif
