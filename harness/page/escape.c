/* escape.c: see escape.h. Allow-lists: a character is passed on because it is known to be harmless
 * in its place, and never because nobody thought of it. */
#include "harness/page/escape.h"

#include <stdint.h>
#include <string.h>

#include "harness/text.h"

static int is_digit(unsigned char c) {
    return c >= '0' && c <= '9';
}

static int is_word(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
}

/* Where a character stands: its neighbours (0 at the ends), and what came before. */
struct place {
    unsigned char before, after;
    const unsigned char *text; /* from the character on */
    int at_line_start;         /* the text begins a line, and this is its first character */
    int after_number;          /* the text begins a line, and digits alone came before */
    int after_www;             /* it stands behind "www", which began a word */
};

/* A colon that ends "scheme" of a bare address, or begins the name of an emoji. */
static int is_joint(const struct place *at) {
    if (at->after == '/')
        return 1;
    size_t name = 1;
    while (is_word(at->text[name]) || (at->text[name] && strchr("_+-", at->text[name])))
        name++;
    return name > 1 && at->text[name] == ':';
}

enum how { PLAIN, BACKSLASH, REFERENCE };

/*
 * How one ASCII character has to be written. Letters, digits and most signs are harmless where
 * they stand; a backslash takes the meaning of the others away. What stays legible is left alone.
 * A reference is for those that something reads before Markdown does (a table's bars, a site's
 * templates, formulas), or that a backslash before a backslash would set free again.
 */
static enum how how_to_write(unsigned char c, const struct place *at) {
    switch (c) {
    case ' ':
    case '!':
    case '"':
    case '%':
    case '\'':
    case '(':
    case ',':
    case '/':
    case ';':
    case '?':
    case '^':
    case '}':
        return PLAIN;
    case '-': /* in the beginning of a line these make a list, a heading, a rule or a quotation */
    case '+':
    case '=':
    case '>':
        return at->at_line_start ? BACKSLASH : PLAIN;
    case '.': /* "1." begins a list, "www." a link */
        return at->after_number || at->after_www ? BACKSLASH : PLAIN;
    case ')':
        return at->after_number ? BACKSLASH : PLAIN;
    case '#': /* opens a heading, and closes one */
        if (at->at_line_start && at->after)
            return BACKSLASH;
        return at->before == 0 || at->before == ' ' || at->before == '#' || at->after == 0
                   ? REFERENCE
                   : PLAIN;
    case '_':
        return is_word(at->before) && is_word(at->after) ? PLAIN : BACKSLASH;
    case '*':
        return at->before == ' ' && at->after == ' ' ? PLAIN : BACKSLASH;
    case '&':
        return is_word(at->after) || at->after == '#' ? REFERENCE : PLAIN;
    case ':':
        return at->at_line_start || is_joint(at) ? REFERENCE : PLAIN;
    case '[':
    case ']':
    case '~':
        return BACKSLASH;
    default: /* \\ | ` $ < { and whatever nobody thought of */
        return is_word(c) ? PLAIN : REFERENCE;
    }
}

static void put_ascii(FILE *out, unsigned char c, const struct place *at) {
    enum how how = how_to_write(c, at);
    if (how != REFERENCE)
        fprintf(out, how == BACKSLASH ? "\\%c" : "%c", c);
    else if (c == '<' || c == '&')
        fputs(c == '<' ? "&lt;" : "&amp;", out);
    else
        fprintf(out, "&#%d;", c);
}

/* Whether the three characters before `at` are the word "www", in any case. */
static int is_after_www(const unsigned char *text, const unsigned char *at) {
    return at - text >= 3 && (at[-1] | 32) == 'w' && (at[-2] | 32) == 'w' && (at[-3] | 32) == 'w' &&
           (at - text == 3 || !is_word(at[-4]));
}

/* What Markdown takes for a space: next to one, no "**" opens or closes. */
static int is_blank(uint32_t code) {
    return code == ' ' || code == '\t' || code == '\r' || code == '\n' || code == 0xa0 ||
           code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x202f ||
           code == 0x205f || code == 0x3000;
}

/* The text without blanks at its ends; leading ones could make a code block. */
static const unsigned char *trim(const char *given, const unsigned char **end) {
    const unsigned char *begin = NULL;
    *end = NULL;
    while (*given) {
        uint32_t code;
        size_t length = text_decode(given, &code);
        if (length == 0 || !is_blank(code)) {
            begin = begin ? begin : (const unsigned char *)given;
            *end = (const unsigned char *)given + (length ? length : 1);
        }
        given += length ? length : 1;
    }
    return begin;
}

static void escape(FILE *out, const char *given, int begins_line) {
    const unsigned char *end, *text = given ? trim(given, &end) : NULL;
    if (!text) {
        fputs(given ? "" : "–", out);
        return;
    }
    struct place place = {.at_line_start = begins_line};
    int after_number = begins_line; /* or at the very beginning */
    for (const unsigned char *at = text; at < end;) {
        uint32_t code;
        int length = (int)text_decode((const char *)at, &code);
        if (at - text > ESCAPE_MAX) {
            fputs("…", out);
            return;
        }
        if (length == 0 || (text_is_hidden(code) && code != '\n' && code != '\t')) {
            fputs(TEXT_REPLACEMENT, out);
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
            place.after = at + 1 < end ? at[1] : 0;
            place.text = at;
            place.after_www = is_after_www(text, at);
            place.after_number = after_number && at > text;
            put_ascii(out, *at, &place);
        }
        place.before = *at == '\n' || *at == '\t' ? ' ' : *at;
        place.at_line_start = 0;
        after_number = after_number && is_digit(*at);
        at += length ? length : 1;
    }
}

void escape_markdown(FILE *out, const char *text) {
    escape(out, text, 1);
}

void escape_inline(FILE *out, const char *text) {
    escape(out, text, 0);
}

void escape_strong(FILE *out, const char *text) {
    const unsigned char *end;
    fputs("**", out);
    escape(out, text && trim(text, &end) ? text : NULL, 0);
    fputs("**", out);
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
