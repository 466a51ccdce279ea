/* escape.c: see escape.h. Allow-lists: a character is passed on because it is known to be
 * harmless, and never because nobody thought of it. */
#include "harness/page/escape.h"

#include <stdint.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* Decodes one character; returns its length in bytes, or 0 for a byte that is no UTF-8. */
static int decode(const unsigned char *at, uint32_t *code) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int length = at[0] < 0x80             ? 1
                 : (at[0] & 0xe0) == 0xc0 ? 2
                 : (at[0] & 0xf0) == 0xe0 ? 3
                 : (at[0] & 0xf8) == 0xf0 ? 4
                                          : 0;
    if (length < 2) {
        *code = at[0];
        return length;
    }
    uint32_t value = at[0] & (0xffu >> (length + 1));
    for (int k = 1; k < length; k++) {
        if ((at[k] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (at[k] & 0x3f);
    }
    *code = value;
    return value >= least[length] && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff)
               ? length
               : 0;
}

/* Controls, and what is invisible or turns the direction of writing around. */
static int is_hidden(uint32_t code) {
    static const uint32_t ranges[][2] = {
        {0x00, 0x1f},       {0x7f, 0x9f},     {0xad, 0xad},       {0x34f, 0x34f},
        {0x61c, 0x61c},     {0x115f, 0x1160}, {0x17b4, 0x17b5},   {0x180b, 0x180f},
        {0x200b, 0x200f},   {0x2028, 0x202e}, {0x2060, 0x206f},   {0x3164, 0x3164},
        {0xfe00, 0xfe0f},   {0xfeff, 0xfeff}, {0xffa0, 0xffa0},   {0xfff0, 0xfffc},
        {0x1d173, 0x1d17a}, {0xe000, 0xf8ff}, {0xe0000, 0x10ffff}};
    for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++)
        if (code >= ranges[k][0] && code <= ranges[k][1])
            return 1;
    return 0;
}

static int is_digit(unsigned char c) {
    return c >= '0' && c <= '9';
}

static int is_word(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
}

/* One ASCII character. Letters, digits and a few signs are harmless inside a sentence; all else
 * becomes a character reference, which no renderer takes for markup. `leading`: nothing but digits
 * came before, so that a "." or ")" would start a list. */
static void put_ascii(FILE *out, unsigned char c, unsigned char before, unsigned char after,
                      int leading) {
    int between_words = is_word(before) && is_word(after);
    int between_digits = is_digit(before) && is_digit(after);
    int plain = 0;
    switch (c) {
    case ' ':
    case ',':
    case ';':
    case '%':
    case '?':
    case '^':
        plain = 1;
        break;
    case '-': /* first in a line these would make a list or a heading */
    case '+':
    case '=':
    case '/':
        plain = before != 0;
        break;
    case '.': /* "www." makes a link */
        plain = !leading && before != 'w' && before != 'W';
        break;
    case '(':
        plain = before != ']';
        break;
    case ')':
        plain = !leading;
        break;
    case '_':
    case '\'':
        plain = between_words;
        break;
    case ':': /* "https:" makes a link, ":x:" an emoji */
        plain = after == ' ' || between_digits;
        break;
    default:
        plain = is_word(c);
    }
    if (plain)
        fputc(c, out);
    else
        fprintf(out, "&#%d;", c);
}

void escape_markdown(FILE *out, const char *text) {
    if (!text) {
        fputs("–", out);
        return;
    }
    const unsigned char *at = (const unsigned char *)text;
    unsigned char before = 0;
    int leading = 1;
    /* Leading spaces could make a code block. */
    at += strspn(text, " \t\r\n");
    for (size_t done = 0; *at;) {
        uint32_t code;
        int length = decode(at, &code);
        if (done > ESCAPE_MAX) {
            fputs("…", out);
            return;
        }
        if (length == 0 || (is_hidden(code) && code != '\n' && code != '\t')) {
            fputs(REPLACEMENT, out);
        } else if (length > 1) {
            fwrite(at, 1, (size_t)length, out);
        } else if (*at == '\n' || *at == '\t') {
            fputc(' ', out);
        } else if (*at == '@') {
            /* Only a code span keeps GitHub from making a mail address of what is around it. */
            length = (int)strspn((const char *)at, "@");
            length = length < 80 ? length : 80;
            fprintf(out, "`%.*s`", length, (const char *)at);
        } else {
            put_ascii(out, *at, before, at[1], leading);
        }
        before = *at;
        leading = leading && is_digit(before);
        at += length ? length : 1;
        done += (size_t)(length ? length : 1);
    }
}

void escape_argument(FILE *out, const char *text) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./:,+=%@-";
    size_t length = strlen(text);
    if (length && strspn(text, plain) == length && length <= ESCAPE_MAX) {
        fputs(text, out);
        return;
    }
    fputc('\'', out);
    size_t done = 0;
    for (const char *at = text; *at && done <= ESCAPE_MAX; at++, done++) {
        if (*at == '\'')
            fputs("'\\''", out);
        else if (*at >= ' ' && *at <= '~')
            fputc(*at, out);
        else if ((*at & 0xc0) != 0x80)
            fputc('?', out); /* once for each character that is not ASCII */
    }
    fputs(*text && done > ESCAPE_MAX ? "…'" : "'", out);
}
