/*
 * compare_settings.c: see compare_settings.h.
 */
#define _GNU_SOURCE
#include "harness/compare/compare_settings.h"

#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "harness/text.h"

static void add_bytes(uint64_t *hash, const void *data, size_t size) {
    const unsigned char *bytes = data;
    for (size_t k = 0; k < size; k++)
        *hash = (*hash ^ bytes[k]) * 0x100000001b3u;
}

void compare_hash_text(uint64_t *hash, const char *text) {
    add_bytes(hash, text, strlen(text));
    *hash = (*hash ^ 0xff) * 0x100000001b3u;
}

/* A plan may hold objects and lists of its own. */
static uint64_t hash_of(const json_t *value) {
    uint64_t hash = COMPARE_HASH ^ (uint64_t)json_typeof(value), sum = 0;
    json_int_t integer = json_integer_value(value);
    double real = json_real_value(value) + 0.0; /* the two zeros are equal */
    const char *name;
    json_t *one;
    size_t k;
    switch (json_typeof(value)) {
    case JSON_STRING:
        compare_hash_text(&hash, json_string_value(value));
        break;
    case JSON_INTEGER:
        add_bytes(&hash, &integer, sizeof integer);
        break;
    case JSON_REAL:
        add_bytes(&hash, &real, sizeof real);
        break;
    case JSON_ARRAY:
        json_array_foreach(value, k, one) {
            uint64_t inner = hash_of(one);
            add_bytes(&hash, &inner, sizeof inner);
        }
        break;
    case JSON_OBJECT: /* in any order */
        json_object_foreach((json_t *)value, name, one) {
            uint64_t inner = hash_of(one);
            compare_hash_text(&inner, name);
            sum += inner;
        }
        add_bytes(&hash, &sum, sizeof sum);
        break;
    default: /* the type says all */
        break;
    }
    return hash;
}

/* --- shapes ------------------------------------------------------------------------------------
 */

static int by_hash(const void *a, const void *b) {
    const struct compare_shape *x = a, *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static void free_shape(void *shape) {
    struct compare_shape *s = shape;
    size_t members = s->values ? json_object_size(s->names) : 0;
    for (size_t m = 0; m < members; m++) {
        for (size_t k = 0; k < s->values[m].count; k++)
            free(s->values[m].texts[k]);
        free(s->values[m].hashes);
        free(s->values[m].texts);
    }
    free(s->values);
    json_decref(s->names);
    free(s);
}

void compare_shapes_free(void *shapes) {
    tdestroy(shapes, free_shape);
}

/* Of a member of a shape beside its name: the library's entry, its place, the list of values. */
#define MEMBER_BYTES 160
/* Of a value that is kept: text, hash, pointer, what malloc() adds. */
#define VALUE_BYTES (COMPARE_VALUE_BYTES + 48)

static struct compare_shape *new_shape(uint64_t hash, const json_t *object, size_t *shared) {
    struct compare_shape *shape = malloc(sizeof *shape);
    const char *name;
    json_t *value;
    int status = shape ? 0 : -1;
    if (!shape)
        return NULL;
    *shape = (struct compare_shape){.hash = hash, .names = json_object()};
    shape->values = calloc(json_object_size(object) + 1, sizeof *shape->values);
    json_object_foreach((json_t *)object, name, value) {
        json_int_t place = (json_int_t)json_object_size(shape->names);
        *shared += MEMBER_BYTES + strlen(name);
        if (status == 0)
            status = json_object_set_new(shape->names, name, json_integer(place));
    }
    if (status == 0 && shape->names && shape->values)
        return shape;
    free_shape(shape);
    return NULL;
}

static const struct compare_shape *shape_of(void **shapes, const json_t *object, size_t *shared) {
    struct compare_shape like = {COMPARE_HASH, NULL};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        compare_hash_text(&like.hash, name);
    }
    struct compare_shape *const *there = tfind(&like, shapes, by_hash);
    if (there)
        return *there;
    struct compare_shape *shape = new_shape(like.hash, object, shared);
    if (shape && !tsearch(shape, shapes, by_hash)) {
        free_shape(shape);
        return NULL;
    }
    return shape;
}

/* --- settings ----------------------------------------------------------------------------------
 */

/* As JSON, a text without its quotes; NULL: no memory. */
static char *text_of(const json_t *value) {
    char whole[4 * COMPARE_VALUE_BYTES] = ""; /* what does not fit is left out from there on */
    char *text = malloc(COMPARE_VALUE_BYTES);
    if (!json_is_string(value))
        json_dumpb(value, whole, sizeof whole - 1, JSON_ENCODE_ANY | JSON_COMPACT);
    if (text)
        text_plain(text, COMPARE_VALUE_BYTES,
                   json_is_string(value) ? json_string_value(value) : whole);
    return text;
}

/* Only the first that are met: `room` says when it is full. */
static int keep_value(struct compare_values *v, uint64_t hash, const json_t *value,
                      size_t *shared) {
    for (size_t k = 0; k < v->count; k++)
        if (v->hashes[k] == hash)
            return 0;
    if (v->count == COMPARE_VALUES)
        return 0;
    if (v->count == v->room) {
        size_t room = v->room ? 2 * v->room : 2;
        uint64_t *hashes = realloc(v->hashes, room * sizeof *hashes);
        v->hashes = hashes ? hashes : v->hashes;
        char **texts = hashes ? realloc(v->texts, room * sizeof *texts) : NULL;
        if (!texts)
            return -1;
        v->texts = texts;
        v->room = room;
    }
    *shared += VALUE_BYTES;
    v->hashes[v->count] = hash;
    v->texts[v->count] = text_of(value);
    return v->texts[v->count++] ? 0 : -1;
}

static int add_values(uint64_t *values, const struct compare_shape *shape, const json_t *object,
                      size_t *shared) {
    const char *name;
    json_t *value;
    size_t k = 0;
    int status = 0;
    json_object_foreach((json_t *)object, name, value) {
        values[k] = hash_of(value);
        status |= keep_value(&shape->values[k], values[k], value, shared);
        k++;
    }
    return status;
}

struct compare_settings *compare_settings_of(void **shapes, const json_t *record, size_t *shared) {
    const json_t *params = json_object_get(record, "params");
    const json_t *plan = json_object_get(record, "plan");
    size_t count = json_object_size(params) + json_object_size(plan);
    struct compare_settings *s = malloc(sizeof *s + count * sizeof *s->values);
    if (!s)
        return NULL;
    s->params = shape_of(shapes, params, shared);
    s->plan = s->params ? shape_of(shapes, plan, shared) : NULL;
    if (s->plan && add_values(s->values, s->params, params, shared) == 0 &&
        add_values(s->values + json_object_size(params), s->plan, plan, shared) == 0)
        return s;
    free(s);
    return NULL;
}

size_t compare_settings_members(const struct compare_settings *s) {
    return json_object_size(s->plan->names);
}

size_t compare_settings_bytes(const struct compare_settings *s) {
    size_t count = json_object_size(s->params->names) + json_object_size(s->plan->names);
    return sizeof *s + count * sizeof *s->values;
}

/* --- what differs ------------------------------------------------------------------------------
 */

/* Parameters, or the plan, of one side's case. */
struct part {
    const struct compare_shape *shape;
    const uint64_t *values;
};

static struct part params_of(const struct compare_settings *s) {
    return (struct part){s->params, s->values};
}

static struct part plan_of(const struct compare_settings *s) {
    return (struct part){s->plan, s->values + json_object_size(s->params->names)};
}

static const char *kept(struct part part, const json_t *place) {
    if (!place)
        return NULL;
    size_t k = (size_t)json_integer_value(place);
    const struct compare_values *v = &part.shape->values[k];
    for (size_t i = 0; i < v->count; i++)
        if (v->hashes[i] == part.values[k])
            return v->texts[i];
    return "";
}

static bool is_equal(struct part a, struct part b) {
    return a.shape->hash == b.shape->hash &&
           memcmp(a.values, b.values, json_object_size(a.shape->names) * sizeof *a.values) == 0;
}

/* A list that ends when it is full, while all that differ are counted. */
struct list {
    struct compare_setting *out;
    size_t count, most;
};

static void add(struct list *list, const char *group, const char *name, struct part a,
                const json_t *in_a, struct part b, const json_t *in_b) {
    if (list->count < list->most)
        list->out[list->count] =
            (struct compare_setting){group, name, {kept(a, in_a), kept(b, in_b)}};
    list->count++;
}

static void differ(struct list *list, const char *group, struct part a, struct part b) {
    const char *name;
    json_t *place;
    if (is_equal(a, b))
        return;
    json_object_foreach(a.shape->names, name, place) {
        const json_t *other = json_object_get(b.shape->names, name);
        if (!other || a.values[json_integer_value(place)] != b.values[json_integer_value(other)])
            add(list, group, name, a, place, b, other);
    }
    json_object_foreach(b.shape->names, name, place) {
        if (!json_object_get(a.shape->names, name))
            add(list, group, name, a, NULL, b, place);
    }
}

size_t compare_settings_differences(const struct compare_settings *a,
                                    const struct compare_settings *b, struct compare_setting *out,
                                    size_t most) {
    struct list list = {.out = out, .most = most};
    differ(&list, "", params_of(a), params_of(b));
    differ(&list, "plan.", plan_of(a), plan_of(b));
    return list.count;
}

const char *compare_settings_differ(const struct compare_settings *a,
                                    const struct compare_settings *b, const char **group) {
    struct compare_setting first;
    *group = "";
    if (compare_settings_differences(a, b, &first, 1) == 0)
        return NULL;
    *group = first.group;
    return first.name;
}

const char *compare_settings_plan(const struct compare_settings *s, const char *name) {
    return kept(plan_of(s), json_object_get(s->plan->names, name));
}

const char *compare_settings_param(const struct compare_settings *s, const char *name) {
    return kept(params_of(s), json_object_get(s->params->names, name));
}

const char *compare_settings_only(const struct compare_settings *a,
                                  const struct compare_settings *b) {
    struct part x = plan_of(a), y = plan_of(b);
    size_t members = json_object_size(x.shape->names), found = members;
    if (x.shape->hash != y.shape->hash || members != json_object_size(y.shape->names))
        return NULL;
    for (size_t k = 0; k < members; k++) {
        if (x.values[k] == y.values[k])
            continue;
        if (found < members)
            return NULL;
        found = k;
    }
    const char *name;
    json_t *place;
    if (found == members)
        return NULL;
    json_object_foreach(x.shape->names, name, place) {
        if (json_integer_value(place) == (json_int_t)found)
            return name;
    }
    return NULL;
}
