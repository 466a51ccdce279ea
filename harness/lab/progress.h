/*
 * progress.h: what a person watching a run sees on stderr.
 *
 * On a terminal: one line that is updated in place, with the cases done and an estimate of the
 * time left. With NO_COLOR or TERM=dumb: a plain line now and then, without control sequences.
 * Not on a terminal: nothing but notes and warnings.
 */
#ifndef NANOLAB_HARNESS_PROGRESS_H
#define NANOLAB_HARNESS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

struct progress;

/* How progress is shown, as progress_style() finds it for a stream. */
enum progress_style { PROGRESS_QUIET, PROGRESS_PLAIN, PROGRESS_LINE };
enum progress_style progress_style(int fd);

/* NULL when memory is short; every function below takes NULL and then does nothing. `name` is
 * kept by reference. */
struct progress *progress_begin(const char *name, enum progress_style style);
/* Clears the line and frees. */
void progress_end(struct progress *progress);

/* `cases` more are to come. */
void progress_expect(struct progress *progress, size_t cases);
/* The case now in hand. */
void progress_case(struct progress *progress, const char *id);
/* That case is recorded; or it is skipped because an earlier session of the run recorded it. */
void progress_done(struct progress *progress);
void progress_skipped(struct progress *progress);
/* Cases that were announced and have not come; negative: came and were not announced. */
long progress_left(const struct progress *progress);
/* Prints one line of text above the progress line, in every style. */
void progress_note(struct progress *progress, const char *text);

/* Seconds left for `left` cases after `done` took `elapsed`; negative when nothing is known yet. */
double progress_estimate(size_t done, double elapsed, size_t left);
/* "8 s", "3 min", "2 h 10 min". */
void progress_duration(double seconds, char *out, size_t size);

#endif
