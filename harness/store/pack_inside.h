/*
 * pack_inside.h: what packing and unpacking share.
 */
#ifndef NANOLAB_HARNESS_PACK_INSIDE_H
#define NANOLAB_HARNESS_PACK_INSIDE_H

#include <jansson.h>

#include "harness/store/folder.h"
#include "harness/store/pack.h"

#define PACK_NAME 400 /* "01-float-staging/side/NAME" */
#define PACK_PIECE ((size_t)1 << 16)
#define PACK_TOP 32
#define PACK_TOP_FORMAT "nanolab-%.12s"
/* The most of a manifest, and of files: all side files that a folder may have, and the rest. */
#define PACK_MANIFEST_BYTES ((size_t)64 << 20)

/* Opens a file by its name in the folder, no link on the way. A descriptor, or -1. */
int pack_open_file(const struct folder *root, const char *name);
/* Number, bytes and content's hash of the files of a manifest. 0, or -1: no memory. */
int pack_measure(const json_t *files, struct pack *out);

#endif
