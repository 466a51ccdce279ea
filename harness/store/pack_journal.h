/*
 * pack_journal.h: a journal as a dense archive has it: without the hashes that end its lines, which
 * follow from the lines (journal.h) and no compression can shorten. They are put back when it is
 * unpacked; the file's own hash in the manifest says that it is the journal it was.
 */
#ifndef NANOLAB_HARNESS_PACK_JOURNAL_H
#define NANOLAB_HARNESS_PACK_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/store/folder.h"
#include "harness/store/sha.h"

/* Whether `name` ("01-float-staging/cases.jsonl") is a journal's. */
bool pack_journal_is(const char *name);
/* A checked journal without its hashes, malloc'ed; NULL with error_text(). */
char *pack_journal_read(const struct folder *root, const char *name, size_t *size);

/* Puts them back, as the text comes in pieces. */
struct pack_journal {
    int fd;           /* where the journal is written; borrowed */
    uint64_t left;    /* bytes that it may still have */
    const char *path; /* for messages */
    char *line;       /* begun */
    size_t size, room;
    char hash[SHA_TEXT];
};
void pack_journal_begin(struct pack_journal *j, int fd, uint64_t bytes, const char *path);
/* 0, or -1 with error_text(). */
int pack_journal_take(void *self, const char *data, size_t size);
void pack_journal_end(struct pack_journal *j);

#endif
