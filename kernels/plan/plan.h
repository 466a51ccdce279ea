/*
 * plan.h: what is done with any family's plans, whatever their fields are.
 *
 * A plan is a struct of ints. Its family lists the fields once, each with its values and their
 * words, and says which plans are legal; everything here follows from that table: the id and its
 * parser, the JSON record, all legal plans, few that hold every pair of values, and mutants. A
 * family's header wraps these functions in its own type.
 *
 * The lists are X macros: a list of values V(value, word) for each field, and one list of fields
 * X(name, values, what). From them, in the family's source:
 *
 *     MY_PLAN_FIELDS(PLAN_VALUES)
 *     #define FIELD(name, values, what) PLAN_FIELD(my_plan, name, what)
 *     const struct plan_field my_fields[] = {MY_PLAN_FIELDS(FIELD)};
 */
#ifndef NANOLAB_KERNELS_PLAN_PLAN_H
#define NANOLAB_KERNELS_PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct json_t;

struct plan_value {
    int value;
    const char *word; /* of no other value of any field of the family */
};
struct plan_field {
    const char *name;
    const char *what;
    size_t offset; /* of the int in the family's struct */
    const struct plan_value *values;
    size_t count;
};

#define PLAN_VALUE(value, word) {value, word},
#define PLAN_VALUES(name, values, what)                                                            \
    static const struct plan_value name##_values[] = {values(PLAN_VALUE)};
#define PLAN_FIELD(owner, name, what)                                                              \
    {#name, what, offsetof(struct owner, name), name##_values,                                     \
     sizeof name##_values / sizeof name##_values[0]},

/* Fields are numbered in sets of bits. */
#define PLAN_FIELDS_MOST 32

struct plan_family {
    const char *name;    /* "a sum plan" */
    const char *example; /* part of an id, for those who mistyped one */
    size_t size;         /* of the struct */
    const struct plan_field *fields;
    size_t count;    /* of fields, 1…PLAN_FIELDS_MOST */
    unsigned counts; /* the fields, as bits, that a record gives as numbers */
    /* Asked about plans whose fields all have values of their lists. 0 if the plan is legal, -1
     * with the reason in `why` (PLAN_WHY bytes, or NULL). */
    int (*rules)(const void *plan, char *why);
    /* Whether no plan whose fields in `set` are this one's is legal, as far as that is told at
     * once; NULL: never. Saves plan_pairs() from trying all values of all the other fields. */
    bool (*hopeless)(const void *plan, unsigned set);
};

/* Room for any plan's id and for any reason. */
#define PLAN_TEXT 112
#define PLAN_WHY 240

/* Writes the reason and returns -1 from the calling function. Wants stdio.h. */
#define PLAN_REFUSE(...)                                                                           \
    do {                                                                                           \
        if (why)                                                                                   \
            snprintf(why, PLAN_WHY, __VA_ARGS__);                                                  \
        return -1;                                                                                 \
    } while (0)

int plan_get(const struct plan_family *family, const void *plan, size_t field);
void plan_set(const struct plan_family *family, void *plan, size_t field, int value);
bool plan_equal(const struct plan_family *family, const void *a, const void *b);
/* The word of a field's value; "?" for no value of its list. */
const char *plan_word(const struct plan_family *family, const void *plan, size_t field);

/* The id: the fields' words in order, joined by points; "?" for no value of the list. `out` has
 * PLAN_TEXT bytes; it is returned. */
char *plan_text(const struct plan_family *family, const void *plan, char *out);
/* Sets the fields that an id names, in any order, and leaves the others: `plan` comes in as the
 * default. Does not ask whether the whole is legal, so that the caller can first fit the others to
 * the named ones, which are the bits of *named. 0, or -1 with the reason in `why` (PLAN_WHY bytes,
 * or NULL) and part of the fields set. */
int plan_parse(const struct plan_family *family, const char *text, void *plan, unsigned *named,
               char *why);
/* One object, a member per field: words as text, counts as numbers. New reference; NULL: no
 * memory. */
struct json_t *plan_json(const struct plan_family *family, const void *plan);
/* 0 if every field has a value of its list and the rules hold; -1 with the reason in `why`
 * (PLAN_WHY bytes, or NULL). */
int plan_check(const struct plan_family *family, const void *plan, char *why);
/* The plan with one field moved to its list's next value that is legal with the other fields as
 * they are; false if there is none. */
bool plan_mutant(const struct plan_family *family, const void *plan, size_t field, void *mutant);

/* Plans one after another; malloc'ed, NULL if there are none. */
struct plan_list {
    void *plans;
    size_t count;
};

/* Every legal plan whose fields in `mask` are those of `fixed`, in the order of the lists. 0, or
 * -1: no memory, nothing to free. */
int plan_all(const struct plan_family *family, unsigned mask, const void *fixed,
             struct plan_list *list);
/* Few of them that hold every pair of field values that any of them holds. Deterministic. */
int plan_pairs(const struct plan_family *family, unsigned mask, const void *fixed,
               struct plan_list *list);

#ifdef __cplusplus
}
#endif
#endif
