/*
 * compare_cells.c: see compare_cells.h.
 */
#include "harness/compare/compare_cells.h"

#include <stdio.h>
#include <string.h>

#include "harness/text.h"

static int add(json_t *cells, const char *place, json_t *value) {
    if (json_object_size(cells) >= COMPARE_CELLS_KEPT || json_object_get(cells, place))
        return 0;
    return json_object_set(cells, place, value);
}

/* Names come from strangers, and a place is shown. */
static int add_named(json_t *cells, const char *before, const char *name, const char *after,
                     json_t *value) {
    char place[COMPARE_CELL_BYTES], plain[COMPARE_CELL_BYTES];
    snprintf(place, sizeof place, "%s%.40s%s", before, text_plain(plain, sizeof plain, name),
             after);
    text_flatten(place); /* what was cut inside a character */
    return add(cells, place, value);
}

static int add_group(json_t *cells, const json_t *units, const json_t *group, const char *before) {
    const char *name;
    json_t *value;
    int status = 0;
    json_object_foreach((json_t *)group, name, value) {
        const char *unit = json_string_value(json_object_get(json_object_get(units, name), "unit"));
        if (json_is_string(value) && unit && strcmp(unit, "bits") == 0)
            status |= add_named(cells, before, name, "", value);
    }
    return status;
}

static int add_series(json_t *cells, const json_t *series) {
    const char *kind = json_string_value(json_object_get(series, "kind"));
    const char *name = json_string_value(json_object_get(series, "name"));
    const json_t *values = json_object_get(series, "values");
    json_t *value;
    size_t k;
    int status = 0;
    if (!kind || !name || strcmp(kind, "bits") != 0)
        return 0;
    json_array_foreach(values, k, value) {
        char after[48];
        snprintf(after, sizeof after, ", %zu of %zu", k + 1, json_array_size(values));
        if (k >= COMPARE_CELLS_KEPT)
            break;
        if (json_is_string(value))
            status |= add_named(cells, "", name, after, value);
    }
    return status;
}

json_t *compare_cells_of(const json_t *units, const json_t *record) {
    json_t *cells = json_object(), *one;
    size_t k;
    int status = cells ? add_group(cells, units, json_object_get(record, "params"), "") : -1;
    json_array_foreach(json_object_get(record, "rows"), k, one) {
        char before[32];
        snprintf(before, sizeof before, "row %zu, ", k + 1);
        status |= add_group(cells, units, one, before);
    }
    json_array_foreach(json_object_get(record, "series"), k, one) {
        status |= add_series(cells, one);
    }
    if (status != 0) {
        json_decref(cells);
        return NULL;
    }
    return cells;
}

static void put(char out[COMPARE_CELL_VALUE], const json_t *value) {
    text_plain(out, COMPARE_CELL_VALUE, json_is_string(value) ? json_string_value(value) : "-");
}

static void see(struct compare_cells *c, const char *place, const json_t *a, const json_t *b) {
    c->all++;
    if (a && b && json_equal(a, b))
        return;
    if (c->differ < COMPARE_CELLS) {
        struct compare_cell *cell = &c->list[c->differ];
        snprintf(cell->place, sizeof cell->place, "%s", place);
        put(cell->values[0], a);
        put(cell->values[1], b);
    }
    c->differ++;
}

struct compare_cells compare_cells(const json_t *first, const json_t *second) {
    struct compare_cells c = {.differ = 0};
    const char *place;
    json_t *value;
    json_object_foreach((json_t *)first, place, value) {
        see(&c, place, value, json_object_get(second, place));
    }
    json_object_foreach((json_t *)second, place, value) {
        if (!json_object_get(first, place))
            see(&c, place, NULL, value);
    }
    return c;
}

json_t *compare_cells_json(const struct compare_cells *c) {
    json_t *list = json_array();
    for (size_t k = 0; k < c->differ && k < COMPARE_CELLS; k++)
        json_array_append_new(list,
                              json_pack("{s:s, s:[s, s]}", "place", c->list[k].place, "values",
                                        c->list[k].values[0], c->list[k].values[1]));
    return json_pack("{s:I, s:I, s:o}", "differ", (json_int_t)c->differ, "of", (json_int_t)c->all,
                     "first", list);
}
