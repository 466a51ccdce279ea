/*
 * pack.h: a result folder as one archive that can be sent (`nanolab pack`, `nanolab unpack`).
 *
 * A zip with one folder, nanolab-XXXXXXXXXXXX, after the first digits of the content's
 * hash:
 *
 *     MANIFEST.json      first: {"archive": 1, "content": hash, "files": [{"name", "bytes",
 *                        "sha256"}]}
 *     run.json, 01-float-staging/cases.jsonl, …    in the manifest's order, which is by name
 *
 * The content's hash is SHA-256 over one line for each file, "sha256 bytes name" and LF. It is the
 * archive's identity: nothing of time, owner or machine is in the archive, so that a folder gives
 * the same bytes whenever and wherever one version of zlib packs it. What is packed is what
 * `nanolab verify` checks: no plots, no pages, which are drawn from it, and nothing unsealed.
 *
 * Archives come from strangers: names are those of a result folder's files and no others, nothing
 * but plain files, no more than limits.h allows, each as the manifest says, and the folder is
 * checked as a whole before it gets its name.
 */
#ifndef NANOLAB_HARNESS_PACK_H
#define NANOLAB_HARNESS_PACK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/store/sha.h"

#define PACK_FORMAT 1
#define PACK_FORMAT_DENSE 2 /* of pack_folder_densely() */
#define PACK_MANIFEST "MANIFEST.json"
#define PACK_SUFFIX ".zip"

struct pack {
    char content[SHA_TEXT];
    size_t files;
    uint64_t bytes; /* of all files together, unpacked */
};

/* Packs a valid folder into a new file; one that is there is not touched. 0, or -1 with
 * error_text() and no file. */
int pack_folder(const char *dir, const char *archive, struct pack *out);
/* The same, half as large, of a complete folder: bzip2 in place of deflate, and journals without
 * the hashes of their lines, which unpacking makes again. "archive" is 2. */
int pack_folder_densely(const char *dir, const char *archive, struct pack *out);
/* What its archive would hold. 0, or -1 with error_text(). */
int pack_content(const char *dir, struct pack *out);
/* Makes the folder `dir`, which must not be there, of an archive. 0, or -1 with error_text() and no
 * folder. */
int pack_open(const char *archive, const char *dir, struct pack *out);
/* Whether `path` is a plain file, as archives are and result folders are not. */
bool pack_is_archive(const char *path);
/* Unpacks it into a private folder under $TMPDIR or /tmp, which is there while `visit` sees it, and
 * gone afterwards, also where a signal ends the program (stop.h). Nothing in it is checked but that
 * it is what the manifest says. 0, or -1 with error_text(), also where `visit` says so. */
int pack_visit(const char *archive, int (*visit)(void *context, const char *dir), void *context,
               struct pack *out);
/* Unpacks it into a private folder, which is removed, and checks it: the summary is verify.h's,
 * with "content" added. 0, or -1 with error_text(). */
int pack_verify(const char *archive, json_t **summary);

#endif
