/*
 * trim.h: a result folder made small enough to be kept beside the source (`nanolab pack --trim`).
 *
 * Rule 1. Kept as they are: run.json, predictions.json, the claims, the tables, the notes, and of every case its id,
 * device, params, plan, bench, state, group, and each series of bits, counts or real numbers of at
 * most 64 values and each tree of at most 1,024 bytes. Changed or left out:
 *
 *     counters, rows, intervals  numbers to 6 digits where they are not whole; medians as they are
 *     bench                      gains "p05" where it has none, from all samples
 *     samples of time            at most 20, evenly over their order, to 4 digits; "of" says how
 *                                many there were; so are series as long as them, as their rounds
 *     longer series of bits,     no values: "left_out" is true, and "sha256" still says whether two
 *     longer trees               are equal (series.h)
 *     other longer series        no values: "left_out" is true
 *     side files                 none are left, by the rules above
 *     benchmark.json             left out
 *
 * run.json gains "trimmed": {"rule": 1, "content": the hash of the untrimmed folder's content, as
 * `nanolab pack` prints it}. Hashes and seals are made anew, so that the folder is a good one.
 */
#ifndef NANOLAB_HARNESS_TRIM_H
#define NANOLAB_HARNESS_TRIM_H

#include "harness/store/pack.h"

#define TRIM_RULE 1
#define TRIM_SAMPLES 20
#define TRIM_DIGITS 4
#define TRIM_COUNTER_DIGITS 6

/* Makes the folder `to`, which must not be there, of a complete result folder that was not trimmed
 * before. 0, or -1 with error_text(); then `to` may hold a part. */
int trim_folder(const char *dir, const char *to);
/* The same as a new archive. 0, or -1 with error_text() and no file. */
int trim_pack(const char *dir, const char *archive, struct pack *out);

#endif
