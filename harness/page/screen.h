/*
 * screen.h: where text is shown: how wide it is, which characters it has, and lines that fit.
 */
#ifndef NANOLAB_HARNESS_SCREEN_H
#define NANOLAB_HARNESS_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct screen {
    size_t width;  /* columns */
    bool terminal; /* or a file, a pipe */
    bool utf8;     /* has more characters than ASCII, as LC_ALL, LC_CTYPE or LANG says */
    bool colour;   /* a terminal, and neither NO_COLOR nor TERM=dumb */
};

/* `otherwise`: the width where `fd` is no terminal that says one. */
void screen_find(struct screen *screen, int fd, size_t otherwise);
/* Columns of the terminal behind `fd`. */
size_t screen_width(int fd, size_t otherwise);

/* Prints text from column `*at` on, wrapped at `width`, each further line behind `indent` blanks.
 * What is no visible character is shown as "?". */
void screen_wrap(FILE *to, const char *text, size_t *at, size_t indent, size_t width);

/* The character of ASCII for one that it does not have, "x" for "×", so that columns stay. */
char screen_ascii(uint32_t code);
/* The same for a whole text, in place. */
void screen_to_ascii(char *text);

#endif
