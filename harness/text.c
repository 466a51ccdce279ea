/*
 * text.c: see text.h.
 */
#include "harness/text.h"

#include <stdlib.h>
#include <string.h>

size_t text_decode(const char *from, uint32_t *code) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *at = (const unsigned char *)from;
    size_t length = at[0] < 0x80             ? 1
                    : (at[0] & 0xe0) == 0xc0 ? 2
                    : (at[0] & 0xf0) == 0xe0 ? 3
                    : (at[0] & 0xf8) == 0xf0 ? 4
                                             : 0;
    if (length < 2) {
        *code = at[0];
        return length;
    }
    uint32_t value = at[0] & (0xffu >> (length + 1));
    for (size_t k = 1; k < length; k++) {
        if ((at[k] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (at[k] & 0x3f);
    }
    *code = value;
    return value >= least[length] && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff)
               ? length
               : 0;
}

bool text_is_hidden(uint32_t code) {
    static const uint32_t ranges[][2] = {
        {0x00, 0x1f},       {0x7f, 0x9f},     {0xad, 0xad},       {0x34f, 0x34f},
        {0x61c, 0x61c},     {0x115f, 0x1160}, {0x17b4, 0x17b5},   {0x180b, 0x180f},
        {0x200b, 0x200f},   {0x2028, 0x202e}, {0x2060, 0x206f},   {0x3164, 0x3164},
        {0xfe00, 0xfe0f},   {0xfeff, 0xfeff}, {0xffa0, 0xffa0},   {0xfff0, 0xfffc},
        {0x1d173, 0x1d17a}, {0xe000, 0xf8ff}, {0xe0000, 0x10ffff}};
    for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++)
        if (code >= ranges[k][0] && code <= ranges[k][1])
            return true;
    return false;
}

size_t text_visible(const char *at) {
    uint32_t code;
    size_t length = text_decode(at, &code);
    /* The replacement itself may be shown again. */
    return length && (code == 0xfffd || !text_is_hidden(code)) ? length : 0;
}

char *text_plain(char *out, size_t size, const char *text) {
    static const size_t replacement = sizeof TEXT_REPLACEMENT - 1;
    size_t used = 0;
    while (size && *text) {
        bool blank = strchr("\t\n\r", *text) != NULL;
        size_t length = text_visible(text), put = length ? length : blank ? 1 : replacement;
        uint32_t code;
        if (used + put >= size)
            break;
        memcpy(out + used, length ? text : blank ? " " : TEXT_REPLACEMENT, put);
        used += put;
        size_t step = text_decode(text, &code);
        text += step ? step : 1;
    }
    if (size)
        out[used] = '\0';
    return out;
}

void text_flatten(char *text) {
    while (*text) {
        size_t length = text_visible(text);
        uint32_t code;
        size_t step = length ? 0 : text_decode(text, &code);
        if (!length)
            memset(text, strchr("\t\n\r", *text) ? ' ' : '?', step ? step : 1);
        text += length ? length : step ? step : 1;
    }
}

void text_print(FILE *to, const char *text) {
    while (text && *text) {
        size_t length = text_visible(text);
        uint32_t code;
        if (length)
            fwrite(text, 1, length, to);
        else
            fputs(strchr("\t\n\r", *text) ? " " : TEXT_REPLACEMENT, to);
        size_t step = length ? length : text_decode(text, &code);
        text += step ? step : 1;
    }
}

json_t *text_json(const char *text) {
    json_t *value = json_string(text);
    char *good = value ? NULL : malloc(3 * strlen(text) + 1);
    size_t used = 0;
    if (!good)
        return value;
    while (*text) {
        uint32_t code;
        size_t length = text_decode(text, &code);
        memcpy(good + used, length ? text : TEXT_REPLACEMENT, length ? length : 3);
        used += length ? length : 3;
        text += length ? length : 1;
    }
    good[used] = '\0';
    value = json_string(good);
    free(good);
    return value;
}
