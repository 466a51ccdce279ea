/*
 * case_read.c: reading recorded cases back (the second half of lab.h's cases).
 *
 * Records may come from a stranger's folder, so nothing here trusts a type or a length.
 */
#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/lab/lab.h"
#include "harness/lab/run.h"
#include "harness/store/reader.h"
#include "harness/store/record.h"
#include "harness/store/result.h"

int lab_cases(struct lab_run *run, const char *prefix, const char *device_id,
              int (*visit)(void *context, const json_t *record), void *context) {
    int status = reader_cases(result_reader(run->result), prefix, device_id, visit, context);
    /* A visitor that gives up says why itself; what else ends a visit is a journal or side file
     * that cannot be read. */
    if (status == -1 && !run->error[0])
        snprintf(run->error, sizeof run->error, "%s", error_text());
    return status;
}

const json_t *case_series(const json_t *record, const char *name) {
    const json_t *list = json_object_get(record, "series");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *series = json_array_get(list, i);
        const char *its_name = json_string_value(json_object_get(series, "name"));
        if (its_name && strcmp(its_name, name) == 0)
            return series;
    }
    return NULL;
}

/* The list inside a series: its values, or a histogram's bins. */
static const json_t *list_of(const json_t *series) {
    const json_t *values = json_object_get(series, "values");
    return values ? values : json_object_get(series, "bins");
}

size_t case_series_length(const json_t *series) {
    const json_t *list = list_of(series);
    if (list)
        return json_array_size(list);
    json_int_t n = json_integer_value(json_object_get(series, "n"));
    return json_object_get(series, "file") && n > 0 ? (size_t)n : 0;
}

/* The raw value k of a side file; false when there is none. */
static bool side_at(const json_t *series, size_t k, uint64_t *raw, bool *real) {
    size_t size = 0;
    const char *name = json_string_value(json_object_get(series, "file"));
    size_t width = name ? record_side_width(name) : 0;
    const unsigned char *data = width ? reader_side_values(series, &size) : NULL;
    if (!data || k >= size / width)
        return false;
    *raw = 0;
    for (size_t i = width; i-- > 0;)
        *raw = *raw << 8 | data[k * width + i];
    *real = strcmp(name + 32, ".f64") == 0;
    return true;
}

uint64_t case_series_bits_at(const json_t *series, size_t k) {
    uint64_t raw;
    bool real;
    const json_t *list = list_of(series);
    if (!list)
        return side_at(series, k, &raw, &real) ? raw : 0;
    const json_t *value = json_array_get(list, k);
    if (json_is_string(value))
        return strtoull(json_string_value(value), NULL, 16);
    return json_is_integer(value) ? (uint64_t)json_integer_value(value) : 0;
}

double case_series_real_at(const json_t *series, size_t k) {
    uint64_t raw;
    bool real;
    const json_t *list = list_of(series);
    if (list) {
        const json_t *value = json_array_get(list, k);
        return json_is_number(value) ? json_number_value(value) : NAN;
    }
    if (!side_at(series, k, &raw, &real))
        return NAN;
    double value;
    memcpy(&value, &raw, sizeof value);
    return real ? value : (double)raw;
}
