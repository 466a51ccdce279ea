/*
 * kv_python.c: text as Python prints it, made JSON: one pass, a bounded depth, and whatever is
 * neither is named with its place.
 */
#define _GNU_SOURCE /* memmem */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kv_pool/kv_inside.h"
#include "kernels/kv_pool/kv_read_inside.h"

#define DEPTH_MOST 32
#define ENDS "no JSON: it ends in the middle; see whether it is whole"

struct reading {
    const char *text, *at, *end;
    char *out;
    size_t used, room;
    bool changed;
    char *why;
};

/* --- reading and writing -----------------------------------------------------------------------
 */

static int fail_at(const struct reading *r, const char *at, const char *what) {
    size_t line = 1, column = 1;
    for (const char *c = r->text; c < at; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    return kv_fail(r->why, "line %zu, column %zu: %s", line, column, what);
}

static int put(struct reading *r, const char *bytes, size_t count) {
    if (r->room - r->used < count) {
        size_t room = 2 * r->room + count;
        char *more = realloc(r->out, room);
        if (!more)
            return kv_fail(r->why, "no memory for a text of %zu bytes", room);
        r->out = more;
        r->room = room;
    }
    memcpy(r->out + r->used, bytes, count);
    r->used += count;
    return 0;
}

static int put_text(struct reading *r, const char *text) {
    return put(r, text, strlen(text));
}

static int peek(const struct reading *r) {
    return r->at < r->end ? (unsigned char)*r->at : -1;
}

static void skip_space(struct reading *r) {
    while (r->at < r->end && (isspace((unsigned char)*r->at) || *r->at == '#'))
        if (*r->at++ == '#') {
            r->changed = true;
            while (r->at < r->end && *r->at != '\n')
                r->at++;
        }
}

static bool in_word(int c) {
    return c == '_' || c == '.' || isalnum(c);
}

/* The word that begins here, up to its end; and what follows behind blanks. */
static const char *word_end(const struct reading *r, int *next) {
    const char *end = r->at, *after;
    while (end < r->end && in_word((unsigned char)*end))
        end++;
    for (after = end; after < r->end && (*after == ' ' || *after == '\t'); after++)
        ;
    *next = after < r->end ? (unsigned char)*after : -1;
    return end;
}

/* --- values ------------------------------------------------------------------------------------
 */

static int value(struct reading *r, int depth);

static int string(struct reading *r) {
    const char *start = r->at;
    char quote = *r->at++;
    r->changed |= quote != '"';
    int status = put(r, "\"", 1);
    while (status == 0 && r->at < r->end && *r->at != quote && *r->at != '\n') {
        const char *c = r->at++;
        if (*c == '\\' && r->at < r->end && *r->at != '\n') {
            r->at++; /* \' is no escape in JSON */
            status = c[1] == '\'' ? put(r, "'", 1) : put(r, c, 2);
        } else {
            status = *c == '"' ? put(r, "\\\"", 2) : put(r, c, 1);
        }
    }
    if (status == 0 && peek(r) != quote)
        return fail_at(r, start, "this string has no end; see whether the text is whole");
    r->at++;
    return status == 0 ? put(r, "\"", 1) : -1;
}

/* What comes between elements; as many as there are commas. */
static int separator(struct reading *r, bool first, char closer, bool *end) {
    skip_space(r);
    bool comma = peek(r) == ',';
    if (comma) {
        if (first)
            return fail_at(r, r->at, "a comma in a value's place; mend it");
        r->at++;
        skip_space(r);
    }
    if (peek(r) < 0)
        return fail_at(r, r->at, ENDS);
    *end = peek(r) == closer;
    if (*end) {
        r->changed |= comma;
        r->at++;
        return 0;
    }
    r->changed |= !first && !comma;
    return first ? 0 : put(r, ",", 1);
}

static int list(struct reading *r, char closer, int depth) {
    bool end = false;
    r->at++;
    r->changed |= closer == ')';
    int status = put(r, "[", 1);
    for (bool first = true; status == 0; first = false) {
        status = separator(r, first, closer, &end);
        if (status != 0 || end)
            break;
        status = value(r, depth);
    }
    return status == 0 ? put(r, "]", 1) : -1;
}

/* A name, with or without quotes, and what stands between it and its value. */
static int key(struct reading *r) {
    int status = 0, next;
    skip_space(r);
    if (peek(r) == '"' || peek(r) == '\'') {
        status = string(r);
    } else {
        const char *start = r->at, *end = word_end(r, &next);
        if (end == start)
            return fail_at(r, start, "no name here; give \"name\": value");
        r->changed = true;
        r->at = end;
        if (put(r, "\"", 1) != 0 || put(r, start, (size_t)(end - start)) != 0 ||
            put(r, "\"", 1) != 0)
            return -1;
    }
    skip_space(r);
    if (status != 0)
        return -1;
    if (peek(r) < 0)
        return fail_at(r, r->at, ENDS);
    if (peek(r) != ':' && peek(r) != '=')
        return fail_at(r, r->at, "no value behind this name; give \"name\": value");
    r->changed |= *r->at++ == '=';
    return put(r, ":", 1);
}

static int dict(struct reading *r, int depth) {
    bool end = false;
    r->at++;
    int status = put(r, "{", 1);
    for (bool first = true; status == 0; first = false) {
        status = separator(r, first, '}', &end);
        if (status != 0 || end)
            break;
        status = key(r);
        status = status == 0 ? value(r, depth) : -1;
    }
    return status == 0 ? put(r, "}", 1) : -1;
}

static bool keyword(const struct reading *r) {
    int next;
    return isalpha(peek(r)) && word_end(r, &next) > r->at && next == '=';
}

/* An argument that says nothing of places, whatever is in it: up to its comma or the call's end. */
static void skip_argument(struct reading *r) {
    int open = 0;
    for (char quote = 0; r->at < r->end; r->at++) {
        char c = *r->at;
        if (quote) {
            quote = c == quote ? 0 : quote;
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (strchr("([{", c)) {
            open++;
        } else if (open == 0 && (c == ',' || c == ')')) {
            return;
        } else if (strchr(")]}", c)) {
            open--;
        }
    }
}

/* tensor([…], dtype=…) is its first argument without a name; Name(a=…, b=…) is an object. */
static int call(struct reading *r, const char *name, size_t length, int depth) {
    bool tensor = memmem(name, length, "ensor", 5) || memmem(name, length, "rray", 4);
    bool end = false, given = false;
    r->changed = true;
    r->at++;
    skip_space(r);
    bool object = !tensor && keyword(r);
    int status = object ? put(r, "{", 1) : 0;
    for (bool first = true; status == 0; first = false) {
        size_t before = r->used;
        status = separator(r, first, ')', &end);
        if (status != 0 || end)
            break;
        if (object && keyword(r)) {
            status = key(r);
            status = status == 0 ? value(r, depth) : -1;
            continue;
        }
        r->used = before; /* no comma */
        if (object || given || keyword(r)) {
            skip_argument(r);
        } else {
            status = value(r, depth);
            given = true;
        }
    }
    if (status == 0 && !object && !given)
        return fail_at(r, name, "there is nothing in these brackets; give numbers in [ ]");
    return status == 0 && object ? put(r, "}", 1) : status;
}

static int word(struct reading *r, int depth) {
    static const struct {
        const char *python, *json;
    } known[] = {{"True", "true"}, {"False", "false"}, {"None", "null"},
                 {"true", "true"}, {"false", "false"}, {"null", "null"}};
    int next;
    const char *start = r->at, *end = word_end(r, &next);
    size_t length = (size_t)(end - start);
    r->at = end;
    if (next == '(') {
        while (*r->at != '(')
            r->at++;
        return call(r, start, length, depth);
    }
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (length == strlen(known[k].python) && memcmp(start, known[k].python, length) == 0) {
            r->changed |= strcmp(known[k].python, known[k].json) != 0;
            return put_text(r, known[k].json);
        }
    r->changed = true; /* torch.int32, inf: never a block's number */
    return put(r, "\"", 1) != 0 || put(r, start, length) != 0 ? -1 : put(r, "\"", 1);
}

static int number(struct reading *r) {
    const char *start = r->at++;
    while (r->at < r->end && (in_word((unsigned char)*r->at) ||
                              ((*r->at == '-' || *r->at == '+') && (r->at[-1] | 32) == 'e')))
        r->at++;
    if (put(r, start, (size_t)(r->at - start)) != 0)
        return -1;
    if (r->at[-1] != '.')
        return 0;
    r->changed = true; /* NumPy's "3." */
    return put(r, "0", 1);
}

static int value(struct reading *r, int depth) {
    skip_space(r);
    int c = peek(r);
    if (depth >= DEPTH_MOST)
        return fail_at(r, r->at, "no JSON of a table: brackets in brackets without end");
    if (r->end - r->at >= 3 &&
        (memcmp(r->at, "...", 3) == 0 || memcmp(r->at, "\xe2\x80\xa6", 3) == 0))
        return fail_at(r, r->at,
                       "shortened with \"...\"; print all: json.dumps(t.tolist()), or "
                       "torch.set_printoptions(threshold=10**9), or the like of numpy");
    switch (c) {
    case '[':
        return list(r, ']', depth + 1);
    case '(':
        return list(r, ')', depth + 1);
    case '{':
        return dict(r, depth + 1);
    case '"':
    case '\'':
        return string(r);
    case '<': /* <Name object at 0x7f…> */
        r->changed = true;
        while (peek(r) >= 0 && peek(r) != '>')
            r->at++;
        r->at += r->at < r->end;
        return put_text(r, "null");
    default:
        if (isdigit(c) || c == '-' || c == '+')
            return number(r);
        if (isalpha(c) || c == '_')
            return word(r, depth + 1);
    }
    return fail_at(r, r->at,
                   c < 0 ? ENDS : "no JSON, and nothing that Python prints either; mend it");
}

/* name = value, one after another: an object. */
static int assignments(struct reading *r) {
    int status = put(r, "{", 1);
    for (bool first = true; status == 0; first = false) {
        skip_space(r);
        while (!first && (peek(r) == ',' || peek(r) == ';')) {
            r->at++;
            skip_space(r);
        }
        if (peek(r) < 0)
            break;
        status = first ? 0 : put(r, ",", 1);
        status = status == 0 ? key(r) : -1;
        status = status == 0 ? value(r, 0) : -1;
    }
    return status == 0 ? put(r, "}", 1) : -1;
}

char *kv_python_to_json(const char *text, size_t length, bool *changed, char *why) {
    struct reading r = {.text = text, .at = text, .end = text + length, .why = why};
    int next = -1, status;
    skip_space(&r);
    bool named = isalpha(peek(&r)) && word_end(&r, &next) > r.at && (next == '=' || next == ':');
    if (named) {
        status = assignments(&r);
    } else {
        status = value(&r, 0);
        skip_space(&r);
        if (status == 0 && peek(&r) >= 0)
            status = fail_at(&r, r.at, "no JSON: more text behind the table; leave it out");
    }
    if (status == 0)
        status = put(&r, "", 1);
    *changed = r.changed;
    if (status == 0)
        return r.out;
    free(r.out);
    return NULL;
}
