/*
 * sentence.h: the sentences of findings, printed from values that may come from a stranger's
 * journal. printf() would make a line of 300 digits of one number and "nan" of a missing one, and
 * would copy what a text holds, however long.
 */
#ifndef NANOLAB_HARNESS_SENTENCE_H
#define NANOLAB_HARNESS_SENTENCE_H

#include <stdarg.h>
#include <stddef.h>

/* What a journal's text takes at most of a sentence, in bytes; the rest becomes "…". */
#define SENTENCE_WORD 64
/* From here on a number is written with an exponent. */
#define SENTENCE_REAL 1e9

/*
 * Appends to `text`, of `size` bytes; what does not fit is left out, and no character is cut in
 * two. As vsnprintf(), for %s, %d, %u, %f and %g with l, ll, z and a precision, and %%, but
 *
 *     a number that is not finite is "?"; one of SENTENCE_REAL or more is as %.3g writes it;
 *     a text stays within `word` bytes, or those of its own precision ("%.12s"), on one line and in
 *     one sentence.
 */
void sentence_append(char *text, size_t size, size_t word, const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));

#endif
