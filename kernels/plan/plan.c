/*
 * plan.c: one plan of a family: its fields, its text, its record, its mutants. (plan_list.c makes
 * many.)
 */
#include "kernels/plan/plan.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

int plan_get(const struct plan_family *family, const void *plan, size_t field) {
    int value;
    memcpy(&value, (const char *)plan + family->fields[field].offset, sizeof value);
    return value;
}

void plan_set(const struct plan_family *family, void *plan, size_t field, int value) {
    memcpy((char *)plan + family->fields[field].offset, &value, sizeof value);
}

bool plan_equal(const struct plan_family *family, const void *a, const void *b) {
    for (size_t f = 0; f < family->count; f++)
        if (plan_get(family, a, f) != plan_get(family, b, f))
            return false;
    return true;
}

/* The list's entry for a field's value, or NULL. */
static const struct plan_value *find(const struct plan_family *family, const void *plan,
                                     size_t field) {
    const struct plan_field *info = &family->fields[field];
    int value = plan_get(family, plan, field);
    for (size_t k = 0; k < info->count; k++)
        if (info->values[k].value == value)
            return &info->values[k];
    return NULL;
}

const char *plan_word(const struct plan_family *family, const void *plan, size_t field) {
    const struct plan_value *value = find(family, plan, field);
    return value ? value->word : "?";
}

char *plan_text(const struct plan_family *family, const void *plan, char *out) {
    size_t used = 0;
    out[0] = 0;
    for (size_t f = 0; f < family->count; f++) {
        int more = snprintf(out + used, PLAN_TEXT - used, "%s%s", f ? "." : "",
                            plan_word(family, plan, f));
        if (more < 0 || (size_t)more >= PLAN_TEXT - used)
            break;
        used += (size_t)more;
    }
    return out;
}

/* Words are unique over all fields, so a word says which field it is. */
static int set_word(const struct plan_family *family, void *plan, unsigned *named, const char *word,
                    size_t length, char *why) {
    for (size_t f = 0; f < family->count; f++) {
        const struct plan_field *info = &family->fields[f];
        for (size_t k = 0; k < info->count; k++) {
            const struct plan_value *value = &info->values[k];
            if (strlen(value->word) != length || memcmp(value->word, word, length))
                continue;
            if (*named & 1u << f)
                PLAN_REFUSE("a plan has one '%s': %s; '%s' is a second one", info->name, info->what,
                            value->word);
            *named |= 1u << f;
            plan_set(family, plan, f, value->value);
            return 0;
        }
    }
    PLAN_REFUSE("'%.*s' is no word of %s; an id is made of words such as '%s'",
                length > 40 ? 40 : (int)length, word, family->name, family->example);
}

int plan_parse(const struct plan_family *family, const char *text, void *plan, unsigned *named,
               char *why) {
    *named = 0;
    for (const char *word = text;;) {
        size_t length = strcspn(word, ".");
        if (set_word(family, plan, named, word, length, why))
            return -1;
        if (!word[length])
            return 0;
        word += length + 1;
    }
}

json_t *plan_json(const struct plan_family *family, const void *plan) {
    json_t *object = json_object();
    for (size_t f = 0; object && f < family->count; f++) {
        json_t *member = family->counts & 1u << f ? json_integer(plan_get(family, plan, f))
                                                  : json_string(plan_word(family, plan, f));
        if (json_object_set_new(object, family->fields[f].name, member)) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

int plan_check(const struct plan_family *family, const void *plan, char *why) {
    for (size_t f = 0; f < family->count; f++)
        if (!find(family, plan, f))
            PLAN_REFUSE("%d is no value of the plan field '%s' (%s)", plan_get(family, plan, f),
                        family->fields[f].name, family->fields[f].what);
    return family->rules(plan, why);
}

bool plan_mutant(const struct plan_family *family, const void *plan, size_t field, void *mutant) {
    const struct plan_field *info = &family->fields[field];
    const struct plan_value *value = find(family, plan, field);
    size_t at = value ? (size_t)(value - info->values) : 0;
    memcpy(mutant, plan, family->size);
    for (size_t k = 1; k < info->count; k++) {
        plan_set(family, mutant, field, info->values[(at + k) % info->count].value);
        if (!plan_check(family, mutant, NULL))
            return true;
    }
    return false;
}
