/*
 * rests.c: see rests.h.
 */
#include "harness/store/rests.h"

#include <limits.h>
#include <string.h>

static const char *const names[RESTS] = {
    "simulation", "a published model",      "source",           "PTX",
    "SASS",       "published measurements", "silicon of a CPU", "silicon of a GPU"};

const char *rests_name(enum rests rests) {
    return names[rests];
}

static enum rests by_name(const char *name) {
    int k = 0;
    while (k < RESTS && (!name || strcmp(names[k], name) != 0))
        k++;
    return (enum rests)k;
}

enum rests rests_of_device(const char *device) {
    static const struct {
        const char *kind;
        enum rests rests;
    } kinds[] = {{"cpu", RESTS_CPU},
                 {"cuda", RESTS_GPU},
                 {"simt", RESTS_SOURCE},
                 {"ptx", RESTS_PTX},
                 {"sass", RESTS_SASS}};
    size_t length = device ? strcspn(device, ":") : 0;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (strlen(kinds[k].kind) == length && strncmp(kinds[k].kind, device, length) == 0)
            return kinds[k].rests;
    return RESTS;
}

static const char *cell(const json_t *cells, const json_t *params, const char *name) {
    const json_t *value = json_object_get(cells, name);
    return json_string_value(value ? value : json_object_get(params, name));
}

enum rests rests_of_row(const json_t *record, const json_t *cells) {
    const json_t *params = json_object_get(record, "params");
    const char *engine = cell(cells, params, "engine");
    enum rests stated = by_name(cell(cells, params, RESTS_PARAM));
    if (stated < RESTS)
        return stated;
    if (engine && (strcmp(engine, "smpi") == 0 || strcmp(engine, "virtual") == 0))
        return RESTS_SIMULATION;
    return rests_of_device(json_string_value(json_object_get(record, "device")));
}

json_t *rests_json(const struct rests_on *on) {
    json_t *object = json_object();
    for (int k = RESTS - 1; k >= 0; k--)
        if (on->rows[k] > 0)
            json_object_set_new(object, names[k], json_integer(on->rows[k]));
    return object;
}

struct rests_on rests_of_claim(const json_t *entry) {
    const json_t *stated = json_object_get(entry, "rests_on");
    const char *verdict = json_string_value(json_object_get(entry, "verdict"));
    struct rests_on on = {{0}};
    if (!verdict || strcmp(verdict, "not-testable-here") == 0)
        return on;
    for (int k = 0; k < RESTS; k++)
        on.rows[k] = json_integer_value(json_object_get(stated, names[k]));
    enum rests device = rests_of_device(json_string_value(json_object_get(entry, "device")));
    if (!json_is_object(stated) && device < RESTS)
        on.rows[device] = 1;
    return on;
}

enum rests rests_highest(const struct rests_on *on) {
    int k = RESTS;
    while (k > 0 && on->rows[k - 1] <= 0)
        k--;
    return k > 0 ? (enum rests)(k - 1) : RESTS;
}

void rests_print(const struct rests_on *on, FILE *to) {
    long long all = 0;
    size_t kinds = 0;
    for (int k = 0; k < RESTS; k++) {
        kinds += on->rows[k] > 0;
        if (on->rows[k] > 0 && __builtin_add_overflow(all, on->rows[k], &all))
            all = LLONG_MAX;
    }
    const char *between = "";
    for (int k = RESTS - 1; k >= 0; k--) {
        if (on->rows[k] <= 0)
            continue;
        fprintf(to, "%s%s", between, names[k]);
        if (kinds > 1 && !*between)
            fprintf(to, " (%lld of %lld rows)", on->rows[k], all);
        else if (kinds > 1)
            fprintf(to, " (%lld)", on->rows[k]);
        between = ", ";
    }
}
