/*
 * quick_json.c: see quick_json.h. Whatever a function here does not know is NULL.
 */
#include "harness/store/quick_json.h"

#include <stdbool.h>
#include <string.h>

#include "harness/store/quick_real.h"

#define DEPTH_MOST 32
#define NAME_MOST 128
#define DIGITS_MOST 18 /* any integer of so many fits */

struct quick {
    const char *at, *end;
    int depth;
};

static json_t *value_of(struct quick *q);

static char next_is(const struct quick *q) {
    return q->at < q->end ? *q->at : '\0';
}

static void skip_space(struct quick *q) {
    while (q->at < q->end && (*q->at == ' ' || *q->at == '\n' || *q->at == '\t' || *q->at == '\r'))
        q->at++;
}

static bool take(struct quick *q, char c) {
    skip_space(q);
    if (next_is(q) != c)
        return false;
    q->at++;
    return true;
}

/* The bytes of a text without escapes. */
static const char *text_of(struct quick *q, size_t *size, bool *ascii) {
    if (!take(q, '"'))
        return NULL;
    const char *begin = q->at;
    unsigned char all = 0;
    while (q->at < q->end && *q->at != '"' && *q->at != '\\' && (unsigned char)*q->at >= ' ')
        all |= (unsigned char)*q->at++;
    if (next_is(q) != '"')
        return NULL;
    *size = (size_t)(q->at++ - begin);
    *ascii = all < 128;
    return begin;
}

/* What is not ASCII must be UTF-8: jansson checks that. */
static json_t *string_of(struct quick *q) {
    size_t size;
    bool ascii;
    const char *text = text_of(q, &size, &ascii);
    if (!text)
        return NULL;
    return ascii ? json_stringn_nocheck(text, size) : json_stringn(text, size);
}

static size_t digits_of(struct quick *q) {
    const char *begin = q->at;
    while (next_is(q) >= '0' && next_is(q) <= '9')
        q->at++;
    return (size_t)(q->at - begin);
}

static json_t *integer_of(const char *at, const char *end) {
    bool negative = *at == '-';
    json_int_t value = 0;
    for (at += negative; at < end; at++)
        value = 10 * value + (*at - '0');
    return json_integer(negative ? -value : value);
}

static json_t *number_of(struct quick *q) {
    const char *begin = q->at;
    bool real = false;
    q->at += next_is(q) == '-';
    bool zero = next_is(q) == '0';
    size_t digits = digits_of(q);
    if (digits == 0 || digits > DIGITS_MOST || (zero && digits > 1))
        return NULL;
    if (next_is(q) == '.') {
        real = true;
        q->at++;
        if (digits_of(q) == 0)
            return NULL;
    }
    if (next_is(q) == 'e' || next_is(q) == 'E') {
        real = true;
        q->at++;
        q->at += next_is(q) == '+' || next_is(q) == '-';
        if (digits_of(q) == 0)
            return NULL;
    }
    if (!real)
        return integer_of(begin, q->at);
    double value;
    return quick_real(begin, q->at, &value) ? json_real(value) : NULL;
}

static json_t *word_of(struct quick *q, const char *word, json_t *value) {
    size_t size = strlen(word);
    if ((size_t)(q->end - q->at) < size || memcmp(q->at, word, size) != 0)
        return NULL;
    q->at += size;
    return value;
}

/* One "name": value; false also for a name that is there already. */
static bool add_member(struct quick *q, json_t *object) {
    char name[NAME_MOST];
    size_t size, before = json_object_size(object);
    bool ascii;
    const char *text = text_of(q, &size, &ascii);
    if (!text || size >= sizeof name || !take(q, ':'))
        return false;
    memcpy(name, text, size);
    name[size] = '\0';
    json_t *value = value_of(q);
    if (!value || (ascii ? json_object_set_new_nocheck(object, name, value)
                         : json_object_set_new(object, name, value)) != 0)
        return false;
    return json_object_size(object) == before + 1;
}

static bool add_element(struct quick *q, json_t *list) {
    json_t *value = value_of(q);
    return value && json_array_append_new(list, value) == 0;
}

static json_t *members_of(struct quick *q, json_t *all, char close,
                          bool (*add)(struct quick *q, json_t *all)) {
    bool good = all && ++q->depth <= DEPTH_MOST;
    q->at++;
    if (!good || !take(q, close)) {
        while (good && (good = add(q, all)) && take(q, ','))
            continue;
        good = good && take(q, close);
    }
    q->depth--;
    if (good)
        return all;
    json_decref(all);
    return NULL;
}

static json_t *value_of(struct quick *q) {
    skip_space(q);
    switch (next_is(q)) {
    case '{':
        return members_of(q, json_object(), '}', add_member);
    case '[':
        return members_of(q, json_array(), ']', add_element);
    case '"':
        return string_of(q);
    case 't':
        return word_of(q, "true", json_true());
    case 'f':
        return word_of(q, "false", json_false());
    case 'n':
        return word_of(q, "null", json_null());
    default:
        return number_of(q);
    }
}

json_t *quick_json_parse(const char *text, size_t size) {
    struct quick q = {text, text + size, 0};
    skip_space(&q);
    if (next_is(&q) != '{' && next_is(&q) != '[')
        return NULL;
    json_t *value = value_of(&q);
    skip_space(&q);
    if (value && q.at == q.end)
        return value;
    json_decref(value);
    return NULL;
}
