/*
 * reveal_text.h: text of a stranger's library for a terminal and for JSON.
 */
#ifndef NANOLAB_TOOLS_REVEAL_TEXT_H
#define NANOLAB_TOOLS_REVEAL_TEXT_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_REPLACEMENT "\xef\xbf\xbd"

/* Bytes of the UTF-8 character at `at`; 0: none. */
static size_t text_length(const char *at, uint32_t *code) {
    const unsigned char *b = (const unsigned char *)at;
    size_t length = b[0] < 0x80 ? 1 : b[0] >= 0xf0 && b[0] < 0xf5 ? 4 : b[0] >= 0xe0 ? 3 : 2;
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    *code = b[0] & (length == 1 ? 0x7f : 0xff >> (length + 1));
    if (length > 1 && (b[0] < 0xc2 || b[0] > 0xf4))
        return 0;
    for (size_t k = 1; k < length; k++) {
        if ((b[k] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (b[k] & 0x3f);
    }
    return *code < least[length] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000)
               ? 0
               : length;
}

/* Controls, and marks that are invisible or turn the direction of writing. */
static bool text_hidden(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || c == 0xfeff ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || (c >= 0xfff9 && c <= 0xfffb) || c >= 0xe0000;
}

/* `out`: at most `most` characters, what could be more than text replaced. */
static void text_print_some(FILE *out, const char *text, size_t most) {
    for (size_t k = 0; *text && k < most; k++) {
        uint32_t code;
        size_t length = text_length(text, &code);
        if (length && !text_hidden(code))
            fwrite(text, 1, length, out);
        else
            fputs(length && (code == '\n' || code == '\t') ? " " : TEXT_REPLACEMENT, out);
        text += length ? length : 1;
    }
}

static void text_print(FILE *out, const char *text) {
    text_print_some(out, text, SIZE_MAX);
}

/* A JSON string of any bytes. */
static json_t *text_json(const char *text) {
    json_t *value = json_string(text);
    char *good = NULL;
    size_t size = 0;
    FILE *out = value ? NULL : open_memstream(&good, &size);
    if (!out)
        return value;
    text_print(out, text);
    fclose(out);
    value = json_string(good);
    free(good);
    return value;
}

#endif
