/*
 * sentence.c: see sentence.h.
 */
#include "harness/lab/sentence.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sentence {
    char *text;
    size_t used, size; /* size counts the final NUL */
    size_t word;
};

/* The bytes of the character that begins here. */
static size_t character(const char *at) {
    size_t length = 1;
    while ((at[length] & 0xc0) == 0x80)
        length++;
    return length;
}

/* All of it or nothing: half a character is no UTF-8. */
static bool put(struct sentence *s, const char *from, size_t length) {
    if (s->used + length >= s->size)
        return false;
    memcpy(s->text + s->used, from, length);
    s->used += length;
    s->text[s->used] = '\0';
    return true;
}

static void put_text(struct sentence *s, const char *from) {
    for (; *from && put(s, from, character(from)); from += character(from))
        ;
}

/* A stranger's text: bounded, on one line, and no second sentence. */
static void put_word(struct sentence *s, const char *from, size_t most) {
    bool cut = strlen(from) > most;
    for (size_t used = 0, length; *from; from += length, used += length) {
        length = character(from);
        if (cut && used + length + strlen("…") > most) {
            put(s, "…", strlen("…"));
            return;
        }
        bool control = (unsigned char)*from < ' ' || *from == 127;
        bool ends = strchr(".!?", *from) && (from[1] == ' ' || from[1] == '\n');
        if (!put(s, control ? " " : ends ? "," : from, length))
            return;
    }
}

static void put_real(struct sentence *s, double value, char conversion, int precision) {
    char number[128];
    if (!isfinite(value))
        snprintf(number, sizeof number, "?");
    else if (fabs(value) >= SENTENCE_REAL)
        snprintf(number, sizeof number, "%.3g", value);
    else if (conversion == 'f')
        snprintf(number, sizeof number, "%.*f", precision, value);
    else
        snprintf(number, sizeof number, "%.*g", precision, value);
    put_text(s, number);
}

/* Whole numbers of all widths; `size` is "", "l", "ll" or "z". */
static long long take_signed(va_list *args, const char *size) {
    return size[0] == 'z'   ? (long long)va_arg(*args, size_t)
           : size[1] == 'l' ? va_arg(*args, long long)
           : size[0] == 'l' ? va_arg(*args, long)
                            : va_arg(*args, int);
}

static unsigned long long take_unsigned(va_list *args, const char *size) {
    return size[0] == 'z'   ? va_arg(*args, size_t)
           : size[1] == 'l' ? va_arg(*args, unsigned long long)
           : size[0] == 'l' ? va_arg(*args, unsigned long)
                            : va_arg(*args, unsigned);
}

/* One conversion, `at` behind its "%"; where it ends, or NULL for one that sentence.h lacks. */
static const char *put_value(struct sentence *s, const char *at, va_list *args) {
    char number[24], size[3] = "";
    int precision = -1;
    if (*at == '.') {
        char *end;
        precision = (int)strtol(at + 1, &end, 10) % 100;
        at = end;
    }
    for (size_t k = 0; k < 2 && (*at == 'l' || *at == 'z'); k++)
        size[k] = *at++;
    switch (*at) {
    case '%':
        put(s, "%", 1);
        break;
    case 's':
        put_word(s, va_arg(*args, const char *),
                 precision < 0 || (size_t)precision > s->word ? s->word : (size_t)precision);
        break;
    case 'f':
    case 'g':
        put_real(s, va_arg(*args, double), *at, precision < 0 ? 6 : precision);
        break;
    case 'd':
        snprintf(number, sizeof number, "%lld", take_signed(args, size));
        put_text(s, number);
        break;
    case 'u':
        snprintf(number, sizeof number, "%llu", take_unsigned(args, size));
        put_text(s, number);
        break;
    default:
        return NULL;
    }
    return at + 1;
}

void sentence_append(char *text, size_t size, size_t word, const char *format, va_list args) {
    struct sentence s = {text, strlen(text), size, word};
    va_list own;
    va_copy(own, args);
    while (format && *format) {
        if (*format == '%') {
            format = put_value(&s, format + 1, &own);
            continue;
        }
        size_t length = character(format);
        if (!put(&s, format, length))
            break;
        format += length;
    }
    va_end(own);
}
