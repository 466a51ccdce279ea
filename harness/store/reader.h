/*
 * reader.h: reads result folders, for checks, plots, reports, comparison and verification.
 *
 * Opening a lab's folder checks its whole journal: hashes, shapes, no case twice. A reader holds
 * ids and offsets only: cases are parsed again when visited later, or seen once while they are
 * checked. Folders come from strangers: whatever does not fit is -1 with one line in error_text()
 * (file, line number, what to do).
 */
#ifndef NANOLAB_HARNESS_READER_H
#define NANOLAB_HARNESS_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/store/folder.h"
#include "harness/store/limits.h"
#include "harness/store/sha.h"

struct reader_case {
    const char *id; /* lies in a key */
    char device[24];
    uint64_t offset;
    size_t size;
};

struct reader {
    struct folder folder; /* DIR/01-float-staging */
    int fd;               /* its journal */
    char path[FOLDER_PATH];
    json_t *start; /* the start record: mode, seed, devices, fingerprint, software */
    json_t *notes; /* list of texts */
    json_t *end;   /* the end record, NULL in a partial journal */
    struct reader_case *cases;
    size_t case_count, case_room;
    json_t *keys;    /* "device id" -> index */
    uint64_t length; /* of the accepted lines */
    size_t lines;
    uint64_t cut;   /* bytes dropped at the end: an unterminated line, or a group cut short */
    json_t *groups; /* "device group" of every group that is there whole */
    json_t *sides;  /* by name: {"sha256", "bytes" (-1: a text's, not stated), "case"} */
    char hash[SHA_TEXT];
};

/* run.json of a result folder: a new reference, or NULL. */
json_t *reader_run(const char *dir);
/* The labs in a folder, sorted by name; how many (at most `max`), or -1. */
int reader_labs(const char *dir, char (*names)[64], size_t max);

/* `left` (or NULL: all of them) is what the folder may still have of its limits. This checks the
 * journal; checked.h checks all that it refers to, and is what commands use. */
int reader_open(struct reader **out, const char *dir, const char *lab, struct limits *left);
/* The same for a lab's folder already open; takes it over, also on failure. */
int reader_open_folder(struct reader **out, struct folder *folder, const char *lab,
                       struct limits *left);
void reader_close(struct reader *reader);

/* Who sees a journal in the pass that checks it: `begin` (or NULL) when its start record is in
 * reader->start, `see` for each case, then the last of reader->cases; its side files have not been
 * checked and cannot be read. If the journal ends inside a contest, the contest's cases are taken
 * back after they were seen: when the lab is open, the first case_count of those seen are cases.
 * What is not 0 (with error_text()) makes opening fail. */
struct reader_watch {
    int (*begin)(void *context, const struct reader *reader);
    int (*see)(void *context, const struct reader *reader, const json_t *record);
    void *context;
};
/* As reader_open(); `watch` may be NULL. */
int reader_open_watched(struct reader **out, const char *dir, const char *lab, struct limits *left,
                        const struct reader_watch *watch);

/* The index of a case, or -1. */
long reader_find(const struct reader *reader, const char *device, const char *id);
/* Whether the cases of a group (a contest) are recorded. */
bool reader_has_group(const struct reader *reader, const char *device, const char *group);
/* For writers: a group that was appended whole. */
int reader_add_group(struct reader *reader, const char *device, const char *group);
/* For writers: adds a case that was appended. Returns -1 if (device, id) is there already or
 * memory is short, without a text. */
int reader_add(struct reader *reader, const char *device, const char *id, uint64_t offset,
               size_t size);

/* As lab_cases() in lab.h. Series in side files can be read through case_series_…_at() during the
 * visit only; one that cannot be loaded makes this -1. */
int reader_cases(const struct reader *reader, const char *prefix, const char *device,
                 int (*visit)(void *context, const json_t *record), void *context);

/* Whether the end record seals a file: a table that it does not name is none. */
bool reader_seals(const struct reader *reader, const char *name);
/* For checked.c: the array of claims.json, a new reference. A partial lab has no claims, whatever
 * lies there: an empty array. `left` as of reader_open(). */
json_t *reader_claims(const struct reader *reader, struct limits *left);

/* A side file's bytes after checking size and hash; the caller frees. */
int reader_side(const struct reader *reader, const json_t *series, unsigned char **data,
                size_t *size);

/* For case_read.c: values of a side-file series of the record now visited on this thread; NULL
 * when there is no visit or the file is bad. */
const unsigned char *reader_side_values(const json_t *series, size_t *size);

#endif
