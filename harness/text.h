/*
 * text.h: text that comes from outside (a file, a library, a command line, a driver), made fit for
 * a terminal, a log line or a JSON document. What a reader of a terminal could take for more than
 * text never passes: controls (C0, DEL, and C1, of which U+009B begins an escape sequence), line
 * breaks, marks that turn the direction of writing around, invisible characters, invalid UTF-8.
 */
#ifndef NANOLAB_HARNESS_TEXT_H
#define NANOLAB_HARNESS_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What a character that is not passed on is shown as. */
#define TEXT_REPLACEMENT "\xef\xbf\xbd"

/* Bytes of the character at `at` and its code; 0 where no UTF-8 begins (or ends) there. A NUL ends
 * any text. */
size_t text_decode(const char *at, uint32_t *code);
/* Controls, and what is invisible or turns the direction of writing around. */
bool text_is_hidden(uint32_t code);

/* Bytes of the visible character at `at`; 0 for anything else. */
size_t text_visible(const char *at);

/* `text` as one line of visible characters (tabs and line breaks become blanks) into out[size], cut
 * between two characters. Returns `out`. The two may be the same buffer only through
 * text_flatten(). */
char *text_plain(char *out, size_t size, const char *text);
/* The same in place: each byte that is no part of a visible character becomes '?', or a blank. */
void text_flatten(char *text);
/* The same to a stream; NULL: nothing. */
void text_print(FILE *to, const char *text);

/* A JSON string of any bytes: what is not UTF-8 is replaced, everything else stays. NULL only
 * where memory is short. */
json_t *text_json(const char *text);

#endif
