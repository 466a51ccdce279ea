/*
 * compare_foreign.h: a session from a file: a result folder's archive (pack.h), Google Benchmark's
 * JSON, or nvbench's. The last two give times, one median a case, and neither bits nor plans nor
 * what machine it was.
 *
 * Google Benchmark: a case is a name, with whatever the tool put into it ("/manual_time"); its
 * samples are the entries of run_type "iteration", by real_time. A name that has aggregates alone
 * has its median, or else its mean. Entries that failed or were skipped are left out.
 *
 * nvbench, version 1: a case is NAME/AXIS=VALUE/… on the device of that name; its samples are those
 * of the cold measurement, in the file that its summary names (FOLDER/NAME beside the JSON;
 * little-endian float32). Without that file it has the summary's median, or else its mean.
 *
 * What `nanolab export` made has the ids and devices that it was made from, so that it joins the
 * cases of its folder.
 *
 * Such files come from strangers, and may be large: they are read once through, entry by entry, in
 * memory that limits.h bounds. What does not fit is -1 with one line in error_text().
 */
#ifndef NANOLAB_HARNESS_COMPARE_FOREIGN_H
#define NANOLAB_HARNESS_COMPARE_FOREIGN_H

#include "harness/compare/compare_session.h"

/* Whether there is something at `path` that is no folder. */
bool compare_foreign_is_file(const char *path);
/* Adds the file's cases to the session, and to its side what else it says: 0, or -1. What was
 * added stays the caller's, also on failure. */
int compare_foreign_read(struct compare_session *s, const char *path);

#endif
