/*
 * compare_arrival.c: see compare_arrival.h.
 */
#include "harness/compare/compare_arrival.h"

#include <string.h>

#include "harness/compare/compare_record.h"

static const char runs[] = "measured", orders[] = "order";

static bool is_named(const json_t *series, const char *name) {
    const char *is = json_string_value(json_object_get(series, "name"));
    return is && strcmp(is, name) == 0;
}

static bool has_series(const json_t *record, const char *name) {
    json_t *one;
    size_t k;
    json_array_foreach(json_object_get(record, "series"), k, one) {
        if (is_named(one, name))
            return true;
    }
    return false;
}

/* Of a counter, which is a number or has an interval; 0: it is not there. */
static double counter(const json_t *record, const char *name) {
    const json_t *it = json_object_get(json_object_get(record, "counters"), name);
    return json_number_value(json_is_object(it) ? json_object_get(it, "value") : it);
}

/* A number, or 1 where there is none. */
static double one_of(const json_t *record, const char *group, const char *name) {
    const json_t *it = json_object_get(json_object_get(record, group), name);
    return json_is_number(it) ? json_number_value(it) : 1;
}

/* One update, or one thread that makes them all: a worker is a thread of a CPU, or a block. */
static bool has_one_order(const json_t *record) {
    const json_t *params = json_object_get(record, "params");
    return (json_object_get(params, "updates") && one_of(record, "params", "updates") < 2) ||
           (json_object_get(params, "workers") &&
            one_of(record, "params", "workers") * one_of(record, "plan", "block") < 2);
}

static bool decides(const json_t *record) {
    if (counter(record, "reachable") > 1 || counter(record, "chains changed by a shuffle") > 0)
        return true;
    return counter(record, "distinct") > 1 && !has_one_order(record);
}

static bool is_fixed(const json_t *series) {
    return !is_named(series, runs) && !is_named(series, orders);
}

static bool is_order(const json_t *series) {
    return is_named(series, orders);
}

struct compare_arrival compare_arrival_of(const json_t *units, const json_t *record) {
    struct compare_arrival a = {.decides = false};
    if (!has_series(record, runs) || has_series(record, "predicted"))
        return a;
    a.decides = decides(record);
    compare_record_bits_of(units, record, is_fixed, &a.fixed);
    a.has_order = compare_record_bits_of(NULL, record, is_order, &a.order);
    return a;
}

void compare_arrival_add(struct compare_arrival *a, const struct compare_arrival *more) {
    a->decides |= more->decides;
    a->order_varies |= a->has_order != more->has_order || a->order != more->order;
    a->fixed_varies |= a->fixed != more->fixed;
}

bool compare_arrival_decides(const struct compare_arrival *a, const struct compare_arrival *b,
                             bool *same_rest) {
    if (!a->decides && !b->decides)
        return false;
    if (a->has_order && b->has_order && !a->order_varies && !b->order_varies &&
        a->order == b->order)
        return false;
    *same_rest = !a->fixed_varies && !b->fixed_varies && a->fixed == b->fixed;
    return true;
}
