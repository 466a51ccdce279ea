/*
 * atomics_fields.c: a plan's text, parser and record, made from the table of its fields.
 */
#include "kernels/atomics/atomics_fields.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

int atomics_field_get(const struct atomics_field *field, const void *plan) {
    int value;
    memcpy(&value, (const char *)plan + field->offset, sizeof value);
    return value;
}

void atomics_field_set(const struct atomics_field *field, void *plan, int value) {
    memcpy((char *)plan + field->offset, &value, sizeof value);
}

static const struct atomics_value *find_value(const struct atomics_field *field, int value) {
    for (size_t k = 0; k < field->count; k++)
        if (field->values[k].value == value)
            return &field->values[k];
    return NULL;
}

char *atomics_fields_text(const struct atomics_field *fields, size_t count, const void *plan,
                          char *out) {
    size_t used = 0;
    out[0] = 0;
    for (size_t f = 0; f < count; f++) {
        const struct atomics_value *value =
            find_value(&fields[f], atomics_field_get(&fields[f], plan));
        int more = snprintf(out + used, ATOMICS_TEXT - used, "%s%s", f ? "." : "",
                            value ? value->word : "?");
        if (more < 0 || (size_t)more >= ATOMICS_TEXT - used)
            break;
        used += (size_t)more;
    }
    return out;
}

/* Words are unique over all fields, so a word says which field it is. */
static int set_word(const struct atomics_field *fields, size_t count, void *plan, unsigned *seen,
                    const char *word, size_t length, const char *example, char *why) {
    for (size_t f = 0; f < count; f++) {
        for (size_t k = 0; k < fields[f].count; k++) {
            const struct atomics_value *value = &fields[f].values[k];
            if (strlen(value->word) != length || memcmp(value->word, word, length))
                continue;
            if (*seen & 1u << f)
                ATOMICS_REFUSE("a plan has one '%s': %s; '%s' is a second one", fields[f].name,
                               fields[f].what, value->word);
            *seen |= 1u << f;
            atomics_field_set(&fields[f], plan, value->value);
            return 0;
        }
    }
    ATOMICS_REFUSE("'%.*s' is no word of this plan; an id is made of words such as '%s'",
                   length > 40 ? 40 : (int)length, word, example);
}

int atomics_fields_parse(const struct atomics_field *fields, size_t count, const char *text,
                         void *plan, const char *example, char *why) {
    unsigned seen = 0;
    for (const char *word = text;;) {
        size_t length = strcspn(word, ".");
        if (set_word(fields, count, plan, &seen, word, length, example, why))
            return -1;
        if (!word[length])
            return 0;
        word += length + 1;
    }
}

json_t *atomics_fields_json(const struct atomics_field *fields, size_t count, const void *plan) {
    json_t *object = json_object();
    for (size_t f = 0; object && f < count; f++) {
        const char *name = fields[f].name;
        int value = atomics_field_get(&fields[f], plan);
        const struct atomics_value *known = find_value(&fields[f], value);
        bool number = !strcmp(name, "addresses") || !strcmp(name, "items") ||
                      !strcmp(name, "block") || !strcmp(name, "threads");
        json_t *member = number ? json_integer(value) : json_string(known ? known->word : "?");
        if (json_object_set_new(object, name, member)) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

int atomics_fields_check(const struct atomics_field *fields, size_t count, const void *plan,
                         char *why) {
    for (size_t f = 0; f < count; f++) {
        int value = atomics_field_get(&fields[f], plan);
        if (!find_value(&fields[f], value))
            ATOMICS_REFUSE("%d is no value of the plan field '%s' (%s)", value, fields[f].name,
                           fields[f].what);
    }
    return 0;
}
