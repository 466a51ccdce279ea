/*
 * compare_settings.h: what a case was asked for (its parameters) and how it was done (its plan),
 * small enough to be kept for 100,000 cases: names once for all cases that have the same, and of
 * each value a hash.
 */
#ifndef NANOLAB_HARNESS_COMPARE_SETTINGS_H
#define NANOLAB_HARNESS_COMPARE_SETTINGS_H

#include <jansson.h>
#include <stdint.h>

/* Adds a text and its end to a hash that began as COMPARE_HASH (FNV-1a, 64 bits). */
#define COMPARE_HASH 0xcbf29ce484222325u
void compare_hash_text(uint64_t *hash, const char *text);

/* The names of an object's members in their order. */
struct compare_shape {
    uint64_t hash; /* of them */
    json_t *names; /* {name: its place} */
};

struct compare_settings {
    const struct compare_shape *params, *plan;
    uint64_t values[]; /* a hash of each member's: equal where json_equal() says so */
};

/* Of a case's record; `shapes` starts as NULL, keeps what is shared, and must outlive it. Free it
 * with free(). NULL: no memory. */
struct compare_settings *compare_settings_of(void **shapes, const json_t *record);
void compare_shapes_free(void *shapes);

/* The first member, of parameters and then of the plan, that is not the same in both or that one
 * lacks; `group` gets "" or "plan.". NULL: none. */
const char *compare_settings_differ(const struct compare_settings *a,
                                    const struct compare_settings *b, const char **group);

#endif
