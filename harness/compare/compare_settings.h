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

/* Different values of one member, the first that were met, as texts: what most members take is few,
 * and of the others no two cases are told apart by naming it. */
#define COMPARE_VALUES 64
#define COMPARE_VALUE_BYTES 160 /* of a text, with its end; a longer one is cut */
struct compare_values {
    uint64_t *hashes;
    char **texts;
    size_t count, room;
};

/* The names of an object's members in their order. */
struct compare_shape {
    uint64_t hash;                 /* of them */
    json_t *names;                 /* {name: its place} */
    struct compare_values *values; /* [its members] */
};

struct compare_settings {
    const struct compare_shape *params, *plan;
    uint64_t values[]; /* a hash of each member's: equal where json_equal() says so */
};

/* Of a case's record; `shapes` starts as NULL, keeps what is shared, and must outlive it. Free it
 * with free(). NULL: no memory. Adds to *shared the bytes that the case has added to what is
 * shared, about. */
struct compare_settings *compare_settings_of(void **shapes, const json_t *record, size_t *shared);
/* Bytes of its own. */
size_t compare_settings_bytes(const struct compare_settings *s);
/* Members of its plan. */
size_t compare_settings_members(const struct compare_settings *s);
void compare_shapes_free(void *shapes);

/* The first member, of parameters and then of the plan, that is not the same in both or that one
 * lacks; `group` gets "" or "plan.". NULL: none. */
const char *compare_settings_differ(const struct compare_settings *a,
                                    const struct compare_settings *b, const char **group);

/* A member of the plan, or of the parameters, as a text; NULL: it has none; "": not kept. */
const char *compare_settings_plan(const struct compare_settings *s, const char *name);
const char *compare_settings_param(const struct compare_settings *s, const char *name);

/* Of two plans with the same members, the only one that is not equal; NULL: none is, several are,
 * or they have other members. */
const char *compare_settings_only(const struct compare_settings *a,
                                  const struct compare_settings *b);

/* A member that is not the same in both. */
struct compare_setting {
    const char *group, *name; /* "" or "plan." */
    const char *values[2];    /* as JSON, texts without quotes; NULL: that one has no such member;
                                 "": not kept */
};
/* All of them, parameters first; out[0 … most - 1] get the first. How many there are. */
size_t compare_settings_differences(const struct compare_settings *a,
                                    const struct compare_settings *b, struct compare_setting *out,
                                    size_t most);

#endif
