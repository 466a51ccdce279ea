/*
 * compare_settings.c: see compare_settings.h.
 */
#define _GNU_SOURCE
#include "harness/compare/compare_settings.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

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
    json_decref(((struct compare_shape *)shape)->names);
    free(shape);
}

void compare_shapes_free(void *shapes) {
    tdestroy(shapes, free_shape);
}

static struct compare_shape *new_shape(uint64_t hash, const json_t *object) {
    struct compare_shape *shape = malloc(sizeof *shape);
    const char *name;
    json_t *value;
    int status = shape ? 0 : -1;
    if (!shape)
        return NULL;
    *shape = (struct compare_shape){hash, json_object()};
    json_object_foreach((json_t *)object, name, value) {
        json_int_t place = (json_int_t)json_object_size(shape->names);
        if (status == 0)
            status = json_object_set_new(shape->names, name, json_integer(place));
    }
    if (status == 0 && shape->names)
        return shape;
    free_shape(shape);
    return NULL;
}

static const struct compare_shape *shape_of(void **shapes, const json_t *object) {
    struct compare_shape like = {COMPARE_HASH, NULL};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        compare_hash_text(&like.hash, name);
    }
    struct compare_shape *const *there = tfind(&like, shapes, by_hash);
    if (there)
        return *there;
    struct compare_shape *shape = new_shape(like.hash, object);
    if (shape && !tsearch(shape, shapes, by_hash)) {
        free_shape(shape);
        return NULL;
    }
    return shape;
}

/* --- settings ----------------------------------------------------------------------------------
 */

static uint64_t *add_values(uint64_t *values, const json_t *object) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        *values++ = hash_of(value);
    }
    return values;
}

struct compare_settings *compare_settings_of(void **shapes, const json_t *record) {
    const json_t *params = json_object_get(record, "params");
    const json_t *plan = json_object_get(record, "plan");
    size_t count = json_object_size(params) + json_object_size(plan);
    struct compare_settings *s = malloc(sizeof *s + count * sizeof *s->values);
    if (!s)
        return NULL;
    s->params = shape_of(shapes, params);
    s->plan = s->params ? shape_of(shapes, plan) : NULL;
    if (!s->plan) {
        free(s);
        return NULL;
    }
    add_values(add_values(s->values, params), plan);
    return s;
}

static const char *differ(const struct compare_shape *a, const uint64_t *of_a,
                          const struct compare_shape *b, const uint64_t *of_b) {
    const char *name;
    json_t *place;
    size_t k = 0;
    if (a->hash == b->hash && memcmp(of_a, of_b, json_object_size(a->names) * sizeof *of_a) == 0)
        return NULL;
    json_object_foreach(a->names, name, place) {
        const json_t *other = json_object_get(b->names, name);
        if (!other || of_a[k++] != of_b[json_integer_value(other)])
            return name;
    }
    json_object_foreach(b->names, name, place) {
        if (!json_object_get(a->names, name))
            return name;
    }
    return NULL;
}

const char *compare_settings_differ(const struct compare_settings *a,
                                    const struct compare_settings *b, const char **group) {
    *group = "";
    const char *name = differ(a->params, a->values, b->params, b->values);
    if (name)
        return name;
    *group = "plan.";
    return differ(a->plan, a->values + json_object_size(a->params->names), b->plan,
                  b->values + json_object_size(b->params->names));
}
