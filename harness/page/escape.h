/*
 * escape.h: text of strangers made harmless for Markdown and HTML.
 */
#ifndef NANOLAB_HARNESS_ESCAPE_H
#define NANOLAB_HARNESS_ESCAPE_H

#include <stdio.h>

/* How many bytes of one text are shown; longer ones end in "…". */
#define ESCAPE_MAX 2000

/* Writes `text` so that Markdown (CommonMark with tables), read by any renderer, shows the same
 * characters and nothing else: no markup, no HTML, no link (nor one made of a bare address), no
 * line or table-cell break. Control characters, invalid UTF-8, invisible characters and those that
 * change the direction of writing are shown as U+FFFD. NULL writes a dash. */
void escape_markdown(FILE *out, const char *text);

/* The same for one line inside a code block, as a shell would read it back: quoted where it has
 * to be. */
void escape_argument(FILE *out, const char *text);

#endif
