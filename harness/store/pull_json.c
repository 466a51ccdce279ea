/*
 * pull_json.c: finds where values begin and end (pull_json.h); what stands in them is read by the
 * library.
 */
#define _GNU_SOURCE
#include "harness/store/pull_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/store/folder.h"

#define PIECE ((size_t)1 << 16)

int pull_json_refuse(const struct pull_json *json, const char *why) {
    return folder_refuse(json->path, json->line, why);
}

static int short_of_memory(const struct pull_json *json) {
    return error_set("%s: out of memory; close other programs", json->path);
}

int pull_json_open(struct pull_json *json, int fd, const char *path) {
    *json = (struct pull_json){.fd = fd, .path = path, .line = 1, .piece = malloc(PIECE)};
    if (!json->piece)
        return short_of_memory(json);
    if (lseek(fd, 0, SEEK_SET) != 0)
        return error_set("%s: cannot be read: %s", path, strerror(errno));
    return 0;
}

void pull_json_close(struct pull_json *json) {
    free(json->piece);
    free(json->text);
    json->piece = json->text = NULL;
}

/* --- characters --------------------------------------------------------------------------------
 */

/* 1 where there is a next one, 0 at the file's end, or -1. */
static int fill(struct pull_json *json) {
    if (json->at < json->filled)
        return 1;
    ssize_t got;
    do {
        got = read(json->fd, json->piece, PIECE);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_set("%s: cannot be read: %s", json->path, strerror(errno));
    json->at = 0;
    json->filled = (size_t)got;
    return got > 0;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The next character that is no blank, which is not taken; 0 at the end; -1. */
static int peek(struct pull_json *json) {
    int more;
    while ((more = fill(json)) == 1) {
        char c = json->piece[json->at];
        if (!is_blank(c))
            return (unsigned char)c ? (unsigned char)c
                                    : pull_json_refuse(json, "it holds a NUL, which no JSON does");
        json->line += c == '\n';
        json->at++;
    }
    return more;
}

/* Takes the character `wanted`. */
static int take(struct pull_json *json, char wanted) {
    int c = peek(json);
    char why[40] = "'?' is missing";
    why[1] = wanted;
    if (c < 0)
        return -1;
    if (c != wanted)
        return pull_json_refuse(json, c ? why : "it ends too early");
    json->at++;
    return 0;
}

/* --- one value ---------------------------------------------------------------------------------
 */

static int keep(struct pull_json *json, const char *text, size_t size) {
    if (size > PULL_JSON_VALUE_BYTES - json->size)
        return pull_json_refuse(json, "one entry has more than 1 MiB");
    if (json->size + size > json->room) {
        size_t room = 2 * (json->size + size) + 256;
        char *more = realloc(json->text, room);
        if (!more)
            return short_of_memory(json);
        json->text = more;
        json->room = room;
    }
    memcpy(json->text + json->size, text, size);
    json->size += size;
    return 0;
}

/* Where in a value the reading is. */
struct inside {
    size_t depth;
    bool text, escaped; /* in a string; behind its backslash */
    bool number;        /* or true, false, null: its end is what cannot belong to it */
    bool done;
};

/* One character: whether it belongs to the value. */
static bool step(struct inside *in, char c) {
    if (in->number) {
        in->done = c == ',' || c == ']' || c == '}' || c == ':' || c == '"' || is_blank(c);
        return !in->done;
    }
    if (in->text) {
        in->text = in->escaped || c != '"';
        in->escaped = !in->escaped && c == '\\';
        in->done = !in->text && in->depth == 0;
    } else if (c == '"') {
        in->text = true;
    } else if (c == '[' || c == '{') {
        in->depth++;
    } else if ((c == ']' || c == '}') && in->depth > 0) {
        in->done = --in->depth == 0;
    } else if (in->depth == 0) {
        in->number = true;
    }
    return true;
}

/* How many of the first characters change nothing of where the reading is: most do not. */
static size_t quiet(const struct inside *in, const char *text, size_t size) {
    size_t n = 0;
    if (in->text && !in->escaped)
        while (n < size && text[n] != '"' && text[n] != '\\')
            n++;
    else if (!in->text && !in->number && in->depth > 0)
        while (n < size && text[n] != '"' && (text[n] & 0xdd) != ('[' & 0xdd) &&
               (text[n] & 0xdd) != (']' & 0xdd))
            n++;
    return n;
}

static size_t lines_in(const char *text, size_t size) {
    size_t lines = 0;
    for (size_t k = 0; k < size; k++)
        lines += text[k] == '\n';
    return lines;
}

/* The next value's text, kept or not. */
static int scan(struct pull_json *json, bool kept) {
    struct inside in = {0};
    int more, first = peek(json);
    if (first < 0)
        return -1;
    if (first == 0 || strchr(",:]}", first))
        return pull_json_refuse(json, first ? "a value is missing" : "it ends too early");
    while (!in.done && (more = fill(json)) != 0) {
        if (more < 0)
            return -1;
        size_t begin = json->at;
        while (!in.done) {
            json->at += quiet(&in, json->piece + json->at, json->filled - json->at);
            if (json->at == json->filled || !step(&in, json->piece[json->at]))
                break;
            json->at++;
        }
        json->line += lines_in(json->piece + begin, json->at - begin);
        if (kept && keep(json, json->piece + begin, json->at - begin) != 0)
            return -1;
    }
    return in.done || in.number ? 0 : pull_json_refuse(json, "it ends too early");
}

int pull_json_skip(struct pull_json *json) {
    return scan(json, false);
}

/* As a list of one, since the library reads lists and objects. */
json_t *pull_json_value(struct pull_json *json) {
    char why[200];
    size_t line = json->line;
    json->size = 0;
    if (keep(json, "[", 1) != 0 || scan(json, true) != 0 || keep(json, "]", 1) != 0)
        return NULL;
    json_t *list = folder_parse_json(json->text, json->size, why, sizeof why);
    json_t *value = json_array_size(list) == 1 ? json_incref(json_array_get(list, 0)) : NULL;
    if (!list)
        folder_refuse(json->path, line, why);
    else if (!value)
        folder_refuse(json->path, line, "a value is missing");
    json_decref(list);
    return value;
}

/* --- lists and objects -------------------------------------------------------------------------
 */

static int null(struct pull_json *json) {
    json_t *value = pull_json_value(json);
    int status = json_is_null(value) ? 0 : -1;
    json_decref(value);
    return value && status != 0 ? pull_json_refuse(json, "a list is missing") : status;
}

/* Behind a value: 1 where another follows, 0 at the end, or -1. */
static int another(struct pull_json *json, char end) {
    int c = peek(json);
    if (c == ',') {
        json->at++;
        return 1;
    }
    return c < 0 ? -1 : take(json, end);
}

int pull_json_list(struct pull_json *json, int (*element)(void *context, struct pull_json *json),
                   void *context) {
    int c = peek(json), more = 1;
    if (c == 'n')
        return null(json);
    if (c < 0 || take(json, '[') != 0 || (c = peek(json)) < 0)
        return -1;
    if (c == ']')
        return take(json, ']');
    while (more == 1) {
        if (element(context, json) != 0)
            return -1;
        more = another(json, ']');
    }
    return more;
}

int pull_json_object(struct pull_json *json,
                     int (*member)(void *context, struct pull_json *json, const char *name),
                     void *context) {
    int c, more = 1;
    if (take(json, '{') != 0 || (c = peek(json)) < 0)
        return -1;
    if (c == '}')
        return take(json, '}');
    while (more == 1) {
        json_t *name = pull_json_value(json);
        int status = name ? 0 : -1;
        if (name && !json_is_string(name))
            status = pull_json_refuse(json, "a member's name is missing");
        if (status == 0)
            status = take(json, ':');
        if (status == 0)
            status = member(context, json, json_string_value(name));
        json_decref(name);
        more = status == 0 ? another(json, '}') : -1;
    }
    return more;
}

int pull_json_end(struct pull_json *json) {
    int c = peek(json);
    return c <= 0 ? c : pull_json_refuse(json, "something follows its end");
}
