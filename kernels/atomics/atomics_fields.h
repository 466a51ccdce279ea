/*
 * atomics_fields.h: what is done with a table of plan fields, whichever plan it belongs to. Inside
 * of the family: a plan's own functions (atomics.h, atomics_cpu.h) call these.
 */
#ifndef NANOLAB_KERNELS_ATOMICS_ATOMICS_FIELDS_H
#define NANOLAB_KERNELS_ATOMICS_ATOMICS_FIELDS_H

#include "kernels/atomics/atomics.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes name##_values for each field, and the table itself. */
#define ATOMICS_VALUE(value, word) {value, word},
#define ATOMICS_VALUES(name, values, what)                                                         \
    static const struct atomics_value name##_values[] = {values(ATOMICS_VALUE)};
#define ATOMICS_FIELD_OF(owner, name, what)                                                        \
    {#name, what, offsetof(struct owner, name), name##_values,                                     \
     sizeof name##_values / sizeof name##_values[0]},

int atomics_field_get(const struct atomics_field *field, const void *plan);
void atomics_field_set(const struct atomics_field *field, void *plan, int value);
char *atomics_fields_text(const struct atomics_field *fields, size_t count, const void *plan,
                          char *out);
/* Sets the fields that the text names, leaves the others. */
int atomics_fields_parse(const struct atomics_field *fields, size_t count, const char *text,
                         void *plan, const char *example, char *why);
struct json_t *atomics_fields_json(const struct atomics_field *fields, size_t count,
                                   const void *plan);
/* Every field has a value of its list. */
int atomics_fields_check(const struct atomics_field *fields, size_t count, const void *plan,
                         char *why);

/* Bytes that a plan's cure keeps for one address: 0 if it keeps none. */
size_t atomics_cure_bytes(int cure, int type);
/* Bins and counters of a binned address: a mask of two words, then per bin its sums. */
#define ATOMICS_BINS_F32 12
#define ATOMICS_BINS_F64 51
#define ATOMICS_SUMS_F32 2
#define ATOMICS_SUMS_F64 6

/* Writes the reason and returns -1 from the calling function. */
#define ATOMICS_REFUSE(...)                                                                        \
    do {                                                                                           \
        if (why)                                                                                   \
            snprintf(why, ATOMICS_WHY, __VA_ARGS__);                                               \
        return -1;                                                                                 \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif
