/*
 * limits.h: how much a result folder may hold, and how much work it may make, all in one place.
 * Folders come from strangers; a reader's time and memory are bounded by what stands here, and a
 * writer keeps to the same, so that nothing it makes is refused. What is refused says which limit,
 * which file, and what to do.
 *
 * The largest real folders (all labs, --full) have some 100 MiB and 50,000 lines.
 */
#ifndef NANOLAB_HARNESS_LIMITS_H
#define NANOLAB_HARNESS_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* --- the whole folder --- */
#define LIMIT_LABS 100
/* All that is read to check it: journals, side files, documents, tables. Some 10 s of SHA-256. */
#define LIMIT_FOLDER_BYTES ((uint64_t)4 << 30)
/* Of all journals together. */
#define LIMIT_FOLDER_LINES ((uint64_t)400000)
/* What is kept of a folder while it is open: the lines of start, note and end records, claims.json.
 * As values these take up to 60 times their bytes. The largest real folders have 0.2 MiB. */
#define LIMIT_FOLDER_KEPT_BYTES ((uint64_t)8 << 20)

/* --- one lab --- */
#define LIMIT_JOURNAL_BYTES ((uint64_t)512 << 20)
#define LIMIT_CASES ((size_t)200000)
#define LIMIT_NOTES ((size_t)1000)
#define LIMIT_SIDE_FILES ((size_t)50000)
/* Entries of claims.json, and each of their counts of checks. */
#define LIMIT_CLAIMS ((size_t)4096)
#define LIMIT_COUNT ((int64_t)1000000000000)
/* Files that an end record seals. */
#define LIMIT_SEALED_FILES ((size_t)256)

/* --- one file --- */
/* A journal's line, LF included: a reader's memory is bounded by it, at up to 60 times as much. */
#define LIMIT_LINE_BYTES ((size_t)8 << 20)
#define LIMIT_RUN_BYTES ((size_t)1 << 20)
/* A table. */
#define LIMIT_DOCUMENT_BYTES ((size_t)64 << 20)
/* A sealed file that is hashed and not read, as benchmark.json. */
#define LIMIT_SEALED_BYTES ((uint64_t)1 << 30)
/* A side file: 2^25 doubles. */
#define LIMIT_SIDE_BYTES ((uint64_t)256 << 20)

/* --- a side of a comparison: all its sessions --- */
/* What is kept of its cases: ids, names and values of parameters and plans, times. 100,000 usual
 * cases take some 40 MiB. */
#define LIMIT_COMPARE_BYTES ((size_t)256 << 20)
#define LIMIT_COMPARE_CLAIMS ((size_t)2000)

/* --- another tool's file that is compared --- */
/* It, and all that it names. */
#define LIMIT_FOREIGN_BYTES ((uint64_t)2 << 30)
#define LIMIT_FOREIGN_CASES ((size_t)200000)
/* Kept in memory, 16 bytes each. */
#define LIMIT_FOREIGN_SAMPLES ((size_t)8 << 20)
/* Of one case in a file of their own. */
#define LIMIT_FOREIGN_FILE_SAMPLES ((size_t)16 << 20)

/* --- one plot --- */
/* gnuplot reads its file once for each series: series times rows of what one plot shows. */
#define LIMIT_PLOT_SERIES ((size_t)500)
#define LIMIT_PLOT_WORK ((uint64_t)4000000)
/* One plot.gp may take this long per kind of file; the largest real one takes under 2 s. */
#define LIMIT_PLOT_SECONDS 120

/* What is left of a folder's limits while it is read. */
struct limits {
    uint64_t bytes, lines, kept;
};
#define LIMITS_WHOLE                                                                               \
    { .bytes = LIMIT_FOLDER_BYTES, .lines = LIMIT_FOLDER_LINES, .kept = LIMIT_FOLDER_KEPT_BYTES }

/* Takes `bytes` of `path`, a line, or bytes that are kept: 0, or -1 with error_text() where that is
 * more than is left. */
int limits_take_bytes(struct limits *left, const char *path, uint64_t bytes);
int limits_take_line(struct limits *left, const char *path);
int limits_take_kept(struct limits *left, const char *path, uint64_t bytes);

#endif
