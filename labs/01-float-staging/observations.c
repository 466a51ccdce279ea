/*
 * observations.c: the recorded results, read back from the journal as sorted rows.
 *
 * Checks judge what was recorded, not what is in memory, so that a resumed run is judged on all of
 * its cases.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "labs/01-float-staging/staging.h"

struct reading {
    struct observations *out;
    size_t room;
};

static int read_record(void *context, const json_t *record) {
    struct reading *r = context;
    const json_t *measured = case_series(record, "measured");
    const json_t *predicted = case_series(record, "predicted");
    const json_t *exact = case_series(record, "exact");
    const json_t *inputs = case_series(record, "input");
    const json_t *error = case_series(record, "error");
    const json_t *bound = case_series(record, "bound");
    const json_t *reference = case_series(record, "reference");
    size_t count = case_series_length(measured);
    json_array_append(r->out->records, (json_t *)record);
    for (size_t k = 0; k < count; k++) {
        if (r->out->count == r->room) {
            size_t room = r->room ? 2 * r->room : 1024;
            struct observation *list = realloc(r->out->list, room * sizeof *list);
            if (!list)
                return -1;
            r->out->list = list;
            r->room = room;
        }
        struct observation o = {0};
        o.case_id = json_string_value(json_object_get(record, "id"));
        o.plan = case_text(record, "params", "plan");
        if (!o.plan)
            o.plan = "";
        o.class.type = (enum sum_type)case_number(record, "params", "type");
        o.class.acc = (enum sum_acc)case_number(record, "params", "acc");
        o.class.method = (enum sum_method)case_number(record, "params", "method");
        o.class.dot = case_number(record, "params", "dot") != 0;
        o.n = (size_t)case_number(record, "params", "n");
        o.input = (enum input_kind)case_series_real_at(inputs, k);
        o.measured = case_series_bits_at(measured, k);
        o.predicted = case_series_bits_at(predicted, k);
        o.exact = case_series_bits_at(exact, k);
        o.error = case_series_real_at(error, k);
        o.bound = case_series_real_at(bound, k);
        o.reference = case_series_real_at(reference, k);
        o.value = variant_value(o.class.acc, o.measured);
        r->out->list[r->out->count++] = o;
    }
    return 0;
}

static int compare_group(const struct observation *a, const struct observation *b) {
#define BY(field)                                                                                  \
    if (a->field != b->field)                                                                      \
    return a->field < b->field ? -1 : 1
    BY(class.method);
    BY(class.type);
    BY(class.acc);
    BY(class.dot);
    BY(input);
    BY(n);
#undef BY
    return 0;
}

static int compare_row(const void *a, const void *b) {
    const struct observation *x = a, *y = b;
    int c = compare_group(x, y);
    return c ? c : strcmp(x->plan, y->plan);
}

int observations_load(struct lab_run *run, const char *device_id, struct observations *out) {
    *out = (struct observations){.records = json_array()};
    struct reading reading = {.out = out};
    if (!out->records || lab_cases(run, "01/sum/", device_id, read_record, &reading) != 0) {
        observations_free(out);
        return lab_error(run, "out of memory while reading the recorded results back");
    }
    if (out->count)
        qsort(out->list, out->count, sizeof *out->list, compare_row);
    return 0;
}

void observations_free(struct observations *o) {
    free(o->list);
    json_decref(o->records);
    *o = (struct observations){0};
}

static int compare_bits(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

bool group_next(const struct observations *o, size_t *position, struct group *group) {
    if (*position >= o->count)
        return false;
    const struct observation *first = &o->list[*position];
    size_t end = *position;
    while (end < o->count && compare_group(first, &o->list[end]) == 0)
        end++;
    *group = (struct group){.first = first, .count = end - *position};
    double low = first->value, high = first->value;
    uint64_t *bits = malloc(group->count * sizeof *bits);
    for (size_t k = 0; k < group->count; k++) {
        low = fmin(low, first[k].value);
        high = fmax(high, first[k].value);
        if (bits)
            bits[k] = first[k].measured;
    }
    if (bits) {
        qsort(bits, group->count, sizeof *bits, compare_bits);
        group->distinct = 1;
        for (size_t k = 1; k < group->count; k++)
            group->distinct += bits[k] != bits[k - 1];
    }
    free(bits);
    group->spread = high > low && first->reference != 0 ? (high - low) / fabs(first->reference) : 0;
    *position = end;
    return true;
}
