/*
 * claim_table.h: the entries of a claims.json as a table: one row for each claim, its devices in
 * columns. For the page and for the terminal.
 *
 * The entries may come from a stranger's folder: what is not there is an empty text or 0, and a
 * list without end is cut, which `left_out` says.
 */
#ifndef NANOLAB_HARNESS_CLAIM_TABLE_H
#define NANOLAB_HARNESS_CLAIM_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define CLAIM_ROWS_MAX 256
#define CLAIM_COLUMNS_MAX 16

/* A verdict; an entry whose predicted bits did not hold has none: that is a bug of ours. */
enum claim_mark {
    MARK_CONFIRMED,
    MARK_REFUTED,
    MARK_BOUNDED,
    MARK_NOT_TESTABLE,
    MARK_BROKEN,
    MARKS
};

struct claim_row {
    const char *id, *claim, *refuted_by;
    const json_t *on[CLAIM_COLUMNS_MAX]; /* its entry in each column; NULL: not asked there */
    bool asked;                          /* on one device at least */
    const char *reason;                  /* of one that was asked nowhere: why; else "" */
};

struct claim_table {
    const char *devices[CLAIM_COLUMNS_MAX]; /* those with a verdict, in order of appearance */
    size_t device_count;
    /* Devices that were to be used and gave no verdict at all, and why. */
    const char *absent[CLAIM_COLUMNS_MAX], *why[CLAIM_COLUMNS_MAX];
    size_t absent_count;
    struct claim_row *rows; /* in order of appearance */
    size_t row_count, asked_count;
    size_t left_out; /* entries there is no place for: of too many, or of one device twice */
};

/* Points into `claims`, the array of claims.json. 0, or -1 without memory; free it. */
int claim_table_make(const json_t *claims, struct claim_table *table);
void claim_table_free(struct claim_table *table);
/* The rows from `from` on that were asked nowhere for one and the same reason: how many there are
 * in a row, *first the first of them; 0: no more. */
size_t claim_table_nowhere(const struct claim_table *table, size_t from, size_t *first);

enum claim_mark claim_mark(const json_t *entry);
/* "confirmed", "not testable here", "our bug". */
const char *claim_mark_words(enum claim_mark mark);
/* A text of an entry, "" if it is not there; a count, 0 if it is not there. */
const char *claim_text(const json_t *entry, const char *name);
long long claim_count(const json_t *entry, const char *name);
/* The sum of two counts, or the largest number there is. */
long long claim_add(long long a, long long b);

#endif
