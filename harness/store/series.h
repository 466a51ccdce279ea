/*
 * series.h: one number for the contents of a long series of bits or a long tree, the same wherever
 * they lie: in the journal's line, in a side file, or, in a folder that was trimmed (trim.h),
 * nowhere any more.
 */
#ifndef NANOLAB_HARNESS_SERIES_H
#define NANOLAB_HARNESS_SERIES_H

#include <jansson.h>
#include <stdbool.h>

#include "harness/store/sha.h"

/* What a trimmed folder keeps whole: a series of so many values, a tree of so many bytes. */
#define SERIES_VALUES 64
#define SERIES_TREE_BYTES 1024

/* Longer than that, so that a trimmed folder may have its digest alone. */
bool series_is_long(const json_t *series);
/* SHA-256 of the bytes that a side file of the series has (docs/results.md, "Series"), for kinds
 * bits and tree. 0, or -1: it has no such contents, or memory is short. */
int series_digest(const json_t *series, char out[SHA_TEXT]);

#endif
