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
 * line or table-cell break. Only what Markdown would take amiss in its place is written as
 * something else, so that the Markdown can be read as it is. Control characters, invalid UTF-8,
 * invisible characters and those that change the direction of writing are shown as U+FFFD. NULL
 * writes a dash. For a place where a line may begin. */
void escape_markdown(FILE *out, const char *text);

/* The same for a place in a line: in a table's cell, or after a word of ours and a space. Here
 * "-1.5" and "1." need no escape. */
void escape_inline(FILE *out, const char *text);

/* "**text**", in a line; "**–**" where there is nothing to be seen: around nothing they would be
 * letters. */
void escape_strong(FILE *out, const char *text);

/* The same for one line inside a code block, as a shell would read it back: quoted where it has
 * to be. */
void escape_argument(FILE *out, const char *text);

#endif
