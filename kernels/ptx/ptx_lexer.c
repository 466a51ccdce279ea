/*
 * ptx_lexer.c: words, strings and signs of PTX text, and its numbers (ptx_read.h).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/ptx/ptx_read.h"

bool ptx_word_is(struct ptx_word word, const char *text) {
    size_t length = strlen(text);
    return (size_t)word.length == length && memcmp(word.text, text, length) == 0;
}

bool ptx_word_same(struct ptx_word a, struct ptx_word b) {
    return a.length == b.length && memcmp(a.text, b.text, (size_t)a.length) == 0;
}

const char *ptx_word_shown(struct ptx_word word, char out[64]) {
    int length = word.length < 60 ? word.length : 60;
    for (int k = 0; k < length; k++)
        out[k] = word.text[k] > ' ' && word.text[k] < 127 ? word.text[k] : '?';
    snprintf(out + length, (size_t)(64 - length), "%s", word.length > length ? "..." : "");
    return out;
}

int ptx_refuse(char why[PTX_WHY], int line, const char *format, ...) {
    int length = snprintf(why, PTX_WHY, "line %d: ", line);
    va_list args;
    va_start(args, format);
    vsnprintf(why + length, (size_t)(PTX_WHY - length), format, args);
    va_end(args);
    return -1;
}

static bool in_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || c == '%' || c == '.';
}

void ptx_lexer_start(struct ptx_lexer *lexer, const char *text, const char *end, int line) {
    memset(lexer, 0, sizeof *lexer);
    lexer->at = text;
    lexer->end = end;
    lexer->line = line;
    ptx_lexer_next(lexer);
}

/* Behind blanks and comments. */
static void skip(struct ptx_lexer *lexer) {
    while (lexer->at < lexer->end) {
        size_t left = (size_t)(lexer->end - lexer->at);
        char c = *lexer->at;
        if (c == '\n') {
            lexer->line++;
            lexer->at++;
        } else if (c == ' ' || c == '\t' || c == '\r') {
            lexer->at++;
        } else if (left > 1 && c == '/' && lexer->at[1] == '/') {
            const char *end = memchr(lexer->at, '\n', left);
            lexer->at = end ? end : lexer->end;
        } else if (left > 1 && c == '/' && lexer->at[1] == '*') {
            const char *end = memmem(lexer->at + 2, left - 2, "*/", 2);
            lexer->bad |= !end;
            end = end ? end + 2 : lexer->end;
            for (; lexer->at < end; lexer->at++)
                lexer->line += *lexer->at == '\n';
        } else {
            return;
        }
    }
}

void ptx_lexer_next(struct ptx_lexer *lexer) {
    skip(lexer);
    struct ptx_token *token = &lexer->token;
    const char *from = lexer->at;
    token->line = lexer->line;
    token->word.text = from;
    token->word.length = 0;
    if (lexer->bad || from >= lexer->end) {
        token->kind = PTX_END;
        return;
    }
    const char *at = from;
    if (in_word(*at)) {
        token->kind = PTX_WORD;
        /* `::` is part of an opcode, one colon ends a label. */
        while (at < lexer->end &&
               (in_word(*at) || (lexer->end - at > 1 && *at == ':' && at[1] == ':' && ++at)))
            at++;
    } else if (*at == '"') {
        token->kind = PTX_STRING;
        const char *end = memchr(at + 1, '"', (size_t)(lexer->end - at - 1));
        const char *line = memchr(at + 1, '\n', (size_t)(lexer->end - at - 1));
        if (!end || (line && line < end)) {
            lexer->bad = true;
            token->kind = PTX_END;
            return;
        }
        at = end + 1;
    } else {
        token->kind = PTX_SIGN;
        at++;
    }
    if (at - from > PTX_NAME_MAX) {
        lexer->bad = true;
        token->kind = PTX_END;
        return;
    }
    token->word.length = (int)(at - from);
    lexer->at = at;
}

bool ptx_lexer_at(const struct ptx_lexer *lexer, const char *text) {
    return (lexer->token.kind == PTX_WORD || lexer->token.kind == PTX_SIGN) &&
           ptx_word_is(lexer->token.word, text);
}

bool ptx_lexer_take(struct ptx_lexer *lexer, const char *text) {
    if (!ptx_lexer_at(lexer, text))
        return false;
    ptx_lexer_next(lexer);
    return true;
}

unsigned ptx_type_bytes(struct ptx_word type) {
    static const struct {
        const char *name;
        unsigned bytes;
    } types[] = {{"b8", 1},  {"u8", 1},   {"s8", 1},  {"b16", 2}, {"u16", 2},   {"s16", 2},
                 {"f16", 2}, {"bf16", 2}, {"b32", 4}, {"u32", 4}, {"s32", 4},   {"f32", 4},
                 {"b64", 8}, {"u64", 8},  {"s64", 8}, {"f64", 8}, {"f16x2", 4}, {"bf16x2", 4}};
    for (size_t k = 0; k < sizeof types / sizeof *types; k++)
        if (ptx_word_is(type, types[k].name))
            return types[k].bytes;
    return 0;
}

bool ptx_number(struct ptx_word word, uint64_t *bits, unsigned *size) {
    char text[72];
    int length = word.length;
    *size = 0;
    if (length < 1 || length > 66 || word.text[0] < '0' || word.text[0] > '9')
        return false;
    memcpy(text, word.text, (size_t)length);
    text[length] = '\0';
    char second = length > 1 ? text[1] : '\0';
    const char *digits = text;
    int base = 10;
    if (text[0] == '0' && (second == 'f' || second == 'F' || second == 'd' || second == 'D')) {
        *size = second == 'f' || second == 'F' ? 4 : 8;
        if (length != 2 + 2 * (int)*size)
            return false;
        digits = text + 2;
        base = 16;
    } else {
        if (text[length - 1] == 'U')
            text[--length] = '\0';
        if (text[0] == '0' && (second == 'x' || second == 'X'))
            digits = text + 2, base = 16;
        else if (text[0] == '0' && (second == 'b' || second == 'B'))
            digits = text + 2, base = 2;
        else if (text[0] == '0' && length > 1)
            digits = text + 1, base = 8;
    }
    /* Nothing that strtoull would forgive: signs, blanks, another 0x. */
    if (!*digits || digits[strspn(digits, "0123456789abcdefABCDEF")])
        return false;
    char *end;
    errno = 0;
    *bits = strtoull(digits, &end, base);
    return *end == '\0' && errno == 0;
}
