/*
 * journal.h: the hashed journal of a lab, cases.jsonl.
 *
 * One JSON object per line, ending in LF. The last member of each is its hash:
 *
 *     {"record":"case", … ,"hash":"<64 digits>"}
 *
 *     hash = SHA-256(hash of the line before || this line without its hash member and LF)
 *
 * where "the line before" counts as 64 zeros for the first line, hashes enter as their 64
 * lower-case hexadecimal digits, and "without its hash member" means the bytes of the line with
 * `,"hash":"<64 digits>"` cut out. Lines are hashed as bytes: no JSON is written again to check
 * one.
 *
 * A line is appended by one write and one fdatasync. What a crash can leave is a last line
 * without its LF; the reader reports it as `cut`, and it was never a record.
 */
#ifndef NANOLAB_HARNESS_JOURNAL_H
#define NANOLAB_HARNESS_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/store/folder.h"
#include "harness/store/sha.h"

#define JOURNAL_FILE "cases.jsonl"

/* --- reading --- */

struct journal_reader {
    int fd; /* borrowed, read with pread */
    const char *path;
    json_t *record;          /* of the line just read, with its hash member; owned by the reader */
    size_t number;           /* of that line, from 1 */
    uint64_t offset;         /* where it starts … */
    size_t size;             /* … and its bytes, LF included */
    uint64_t cut;            /* bytes behind the last LF, known at the end of the file */
    char hash[SHA_TEXT];     /* of the last line read */
    char previous[SHA_TEXT]; /* of the one before it */
    char *buffer;
    size_t capacity, have, used; /* of what it has, the lines already read */
    uint64_t position;           /* in the file, behind the buffer */
};

/* `fd` and `path` (for messages) must stay until journal_reader_end. */
void journal_reader_begin(struct journal_reader *reader, int fd, const char *path);
/* 1: a line whose hash fits; 0: the end of the file; -1: a line that does not fit. */
int journal_next(struct journal_reader *reader);
void journal_reader_end(struct journal_reader *reader);
/* The line just read, without its hash, ended by LF. */
void journal_put_plain(const struct journal_reader *reader, FILE *to);
/* One line again, at an offset and size that journal_next gave; NULL with error_text(). */
json_t *journal_line_at(int fd, const char *path, uint64_t offset, size_t size);

/* --- writing --- */

struct journal_writer {
    int fd; /* owned */
    char path[FOLDER_PATH];
    uint64_t length;
    char hash[SHA_TEXT];
};

/* A new journal in a folder. */
int journal_create(struct journal_writer *writer, const struct folder *folder);
/* An existing one, behind the last line a reader accepted; a cut last line is removed. */
int journal_continue(struct journal_writer *writer, const struct folder *folder, uint64_t length,
                     const char hash[SHA_TEXT]);
/* The line of a record's text behind a line with the hash `previous`, LF included, malloc'ed, and
 * its own hash; NULL: no memory. */
char *journal_seal_line(const char previous[SHA_TEXT], const char *text, size_t *size,
                        char hash[SHA_TEXT]);
/* Appends one record (without a hash member) and syncs it. After a failure nothing of the record
 * is left in the file. `offset` and `size` get the place of the line; they may be NULL. */
int journal_append(struct journal_writer *writer, const json_t *record, uint64_t *offset,
                   size_t *size);
/* The same for `count` records by one write and one sync; places[k] gets the place of line k. What
 * a crash leaves may be some of the lines: only records that say what belongs together (the member
 * "group") let a reader drop them. */
struct journal_place {
    uint64_t offset;
    size_t size;
};
int journal_append_all(struct journal_writer *writer, json_t *const *records, size_t count,
                       struct journal_place *places);
/* The same for records already written as compact JSON; NULL among them is a want of memory. */
int journal_append_texts(struct journal_writer *writer, char *const *records, size_t count,
                         struct journal_place *places);
void journal_close(struct journal_writer *writer);

/* --- single documents with the same seal, as run.json: their hash is the last member of the
 * outer object and covers the text without it, behind 64 zeros --- */

/* The text of `object` with its seal, ending in LF; NULL when memory is short. */
char *journal_seal(const json_t *object);
/* The parsed document, or NULL with the reason in `why` when text and seal do not fit. */
json_t *journal_unseal(const char *text, size_t size, char *why, size_t why_size);

#endif
