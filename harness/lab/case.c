/*
 * case.c: recording cases (lab.h). A case is gathered in memory; its long series go to side files
 * at once, and lab_case_end appends the record that names them.
 */
#include <endian.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/lab/lab.h"
#include "harness/lab/progress.h"
#include "harness/lab/run.h"
#include "harness/store/limits.h"
#include "harness/store/provenance.h"
#include "harness/store/reader.h"
#include "harness/store/record.h"
#include "harness/store/result.h"
#include "harness/store/sha.h"

struct lab_case {
    struct lab_run *run;
    struct device *device; /* NULL if the case names none of the run's */
    char id[RECORD_ID_MAX + 1];
    char device_id[24];
    json_t *params, *counters, *rows, *plan, *before, *series;
    json_t *measured; /* groups beside those: bench, clock, energy */
    json_t *row;      /* the last of rows, borrowed */
    bool failed;      /* an error was recorded; the case must not be */
};

int run_error(struct lab_run *run, const char *text) {
    if (!run->error[0])
        snprintf(run->error, sizeof run->error, "%s", text);
    return -1;
}

static void fail(struct lab_case *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fail(struct lab_case *c, const char *format, ...) {
    char text[384], line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(line, sizeof line, "case %.80s on %s: %s", c->id, c->device_id, text);
    c->failed = true;
    run_error(c->run, line);
}

static struct device *find_device(const struct lab_run *run, const char *id) {
    for (size_t i = 0; i < run->bits_count; i++)
        if (strcmp(device_id(run->bits[i]), id) == 0)
            return run->bits[i];
    for (size_t i = 0; i < run->time_count; i++)
        if (strcmp(device_id(run->time[i]), id) == 0)
            return run->time[i];
    return NULL;
}

struct lab_case *lab_case_begin(struct lab_run *run, const char *device_id, const char *id_format,
                                ...) {
    char text[512], id[RECORD_ID_MAX + 2];
    va_list args;
    va_start(args, id_format);
    int size = vsnprintf(id, sizeof id, id_format, args);
    va_end(args);
    json_t *utf8 = size > 0 ? json_string(id) : NULL;
    bool good = utf8 && size <= RECORD_ID_MAX && record_id_is_good(id);
    json_decref(utf8);
    if (run->error[0] || result_failed(run->result))
        return NULL;
    if (!good || !record_device_is_good(device_id)) {
        snprintf(text, sizeof text,
                 "case \"%.200s\" on \"%.30s\": an id has 1 to %d bytes of UTF-8 without control "
                 "characters, and its device a name like cuda:0; correct the lab",
                 id, device_id, RECORD_ID_MAX);
        run_error(run, text);
        return NULL;
    }
    long index = reader_find(result_reader(run->result), device_id, id);
    if (index >= 0 && (size_t)index < result_resumed_count(run->result)) {
        progress_skipped(run->progress);
        return NULL;
    }
    if (index >= 0) {
        snprintf(text, sizeof text,
                 "case %.300s on %s was recorded twice in one run; give each case its own id", id,
                 device_id);
        run_error(run, text);
        return NULL;
    }
    struct lab_case *c = calloc(1, sizeof *c);
    if (!c) {
        run_error(run, "out of memory at the start of a case");
        return NULL;
    }
    c->run = run;
    c->device = find_device(run, device_id);
    snprintf(c->id, sizeof c->id, "%.*s", RECORD_ID_MAX, id);
    snprintf(c->device_id, sizeof c->device_id, "%.23s", device_id);
    c->params = json_object();
    c->counters = json_object();
    c->series = json_array();
    c->measured = json_object();
    c->before = c->device ? provenance_state(c->device) : json_null();
    progress_case(run->progress, c->id);
    return c;
}

void lab_case_drop(struct lab_case *c) {
    if (!c)
        return;
    json_decref(c->params);
    json_decref(c->counters);
    json_decref(c->rows);
    json_decref(c->plan);
    json_decref(c->measured);
    json_decref(c->before);
    json_decref(c->series);
    free(c);
}

/* Clocks and throttling before and after; null where nothing is known. */
static json_t *state_of(struct lab_case *c) {
    json_t *after = c->device ? provenance_state(c->device) : json_null();
    if (!json_is_null(after) || !json_is_null(c->before))
        return json_pack("{s:O, s:o}", "before", c->before, "after", after);
    json_decref(after);
    return json_null();
}

/* The record of a case; NULL after fail(). */
static json_t *record_of(struct lab_case *c) {
    char why[256];
    if (c->failed)
        return NULL;
    json_t *record = json_pack("{s:s, s:s, s:s, s:o, s:O, s:O}", "record", "case", "id", c->id,
                               "device", c->device_id, "ended", provenance_now(), "params",
                               c->params, "counters", c->counters);
    if (c->rows)
        json_object_set(record, "rows", c->rows);
    json_object_set(record, "plan", c->plan ? c->plan : json_null());
    json_object_update(record, c->measured);
    json_object_set_new(record, "state", state_of(c));
    json_object_set(record, "series", c->series);
    if (!record)
        fail(c, "out of memory");
    else if (record_check(record, why, sizeof why) != 0)
        fail(c, "%s; correct the lab", why);
    if (!c->failed)
        return record;
    json_decref(record);
    return NULL;
}

int lab_case_end(struct lab_case *c) {
    struct lab_run *run = c->run;
    json_t *record = record_of(c);
    int status = record ? result_append(run->result, c->device_id, c->id, record) : -1;
    if (record && status != 0)
        run_error(run, error_text());
    else if (record)
        progress_done(run->progress);
    json_decref(record);
    lab_case_drop(c);
    return status;
}

int run_end_group(struct lab_run *run, const char *device, const char *group,
                  struct lab_case **cases, size_t count) {
    json_t **records = calloc(count + 1, sizeof *records);
    int status = records ? 0 : run_error(run, "out of memory");
    for (size_t k = 0; k < count && status == 0; k++) {
        records[k] = record_of(cases[k]);
        status = records[k]
                     ? json_object_set_new(records[k], "group",
                                           json_pack("{s:s, s:I, s:I}", "id", group, "entrant",
                                                     (json_int_t)k, "of", (json_int_t)count))
                     : -1;
    }
    if (status == 0 && result_append_group(run->result, device, group, records, count) != 0)
        status = run_error(run, error_text());
    for (size_t k = 0; records && k < count; k++) {
        if (status == 0)
            progress_done(run->progress);
        json_decref(records[k]);
    }
    free(records);
    return status;
}

/* --- plain values --- */

static json_t *real(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

/* Whether the lab says what a name stands for. */
static bool is_among(const struct quantity *quantities, size_t count, const char *name) {
    size_t k = 0;
    while (k < count && strcmp(quantities[k].name, name) != 0)
        k++;
    return k < count;
}

static bool is_quantity(const struct lab *lab, const char *name) {
    return is_among(lab->quantities, lab->quantity_count, name) ||
           is_among(run_quantities, run_quantity_count, name);
}

static void put(struct lab_case *c, json_t *group, const char *name, json_t *value) {
    if (json_object_get(group, name)) {
        json_decref(value);
        fail(c, "\"%s\" was given twice; correct the lab", name);
    } else if (!is_quantity(c->run->lab, name)) {
        json_decref(value);
        fail(c, "\"%s\" is not among the lab's quantities; list it with its unit", name);
    } else if (!value || json_object_set_new(group, name, value) != 0) {
        fail(c, "\"%s\" is not UTF-8 or memory is short", name);
    }
}

/* A contest's entrant that could not begin its case has none: its error is recorded already. */
static void put_in_case(struct lab_case *c, bool counter, const char *name, json_t *value) {
    if (c)
        put(c, counter ? c->counters : c->params, name, value);
    else
        json_decref(value);
}

void case_param_int(struct lab_case *c, const char *name, int64_t value) {
    put_in_case(c, false, name, json_integer(value));
}

void case_param_real(struct lab_case *c, const char *name, double value) {
    put_in_case(c, false, name, real(value));
}

void case_param_text(struct lab_case *c, const char *name, const char *value) {
    put_in_case(c, false, name, json_string(value));
}

void case_param_flag(struct lab_case *c, const char *name, bool value) {
    put_in_case(c, false, name, json_boolean(value));
}

void case_counter(struct lab_case *c, const char *name, double value) {
    put_in_case(c, true, name, real(value));
}

void case_counter_ratio(struct lab_case *c, const char *name, struct ratio value) {
    put_in_case(c, true, name,
                json_pack("{s:o, s:o, s:o}", "value", real(value.value), "low", real(value.low),
                          "high", real(value.high)));
}

void case_row(struct lab_case *c) {
    if (!c)
        return;
    if (!c->rows)
        c->rows = json_array();
    c->row = json_object();
    if (json_array_append_new(c->rows, c->row) != 0)
        fail(c, "out of memory for a row");
}

static void put_cell(struct lab_case *c, const char *name, json_t *value) {
    if (c && c->row)
        put(c, c->row, name, value);
    else
        json_decref(value);
    if (c && !c->row)
        fail(c, "a cell \"%s\" before case_row(); correct the lab", name);
}

void case_cell_int(struct lab_case *c, const char *name, int64_t value) {
    put_cell(c, name, json_integer(value));
}

void case_cell_real(struct lab_case *c, const char *name, double value) {
    put_cell(c, name, real(value));
}

void case_cell_text(struct lab_case *c, const char *name, const char *value) {
    put_cell(c, name, json_string(value));
}

void case_cell_bits(struct lab_case *c, const char *name, int width, uint64_t bits) {
    char text[20];
    snprintf(text, sizeof text, "%0*llx", (width + 3) / 4, (unsigned long long)bits);
    put_cell(c, name, json_string(text));
}

void case_measured(struct lab_case *c, const char *name, json_t *value) {
    if (json_object_get(c->measured, name)) {
        json_decref(value);
        fail(c, "two measurements in one case; make them two cases");
    } else if (json_object_set_new(c->measured, name, value) != 0) {
        fail(c, "out of memory");
    }
}

void case_plan(struct lab_case *c, json_t *plan) {
    if (!c) {
        json_decref(plan);
        return;
    }
    if (!json_is_object(plan))
        fail(c, "the plan record must be a JSON object");
    json_decref(c->plan);
    c->plan = plan;
}

/* --- series --- */

static json_t *series_new(struct lab_case *c, const char *name, const char *unit, const char *kind,
                          size_t n) {
    if (!c)
        return NULL;
    json_t *series = json_pack("{s:s, s:s, s:s, s:I}", "name", name, "unit", unit, "kind", kind,
                               "n", (json_int_t)n);
    if (!series) {
        fail(c, "series \"%s\": name or unit is not UTF-8, or memory is short", name);
        return NULL;
    }
    json_array_append_new(c->series, series); /* the list owns it; the caller gets a loan */
    return series;
}

static void values_new(struct lab_case *c, json_t *series, json_t *values) {
    if (json_object_set_new(series, "values", values) != 0)
        fail(c, "out of memory");
}

/* Puts a series' bytes, already little-endian, into its side file. */
static void side_new(struct lab_case *c, json_t *series, const char *extension, const void *data,
                     size_t size) {
    char key[RECORD_ID_MAX + 256], digest[SHA_TEXT], file[64];
    const char *name = json_string_value(json_object_get(series, "name"));
    /* The same case gives the same name, so that a resumed run replaces what a crash left. */
    int length = snprintf(key, sizeof key, "%s\n%s\n%.200s", c->device_id, c->id, name);
    if (sha_bytes(key, (size_t)length, digest) != 0) {
        fail(c, "libcrypto cannot compute SHA-256");
        return;
    }
    snprintf(file, sizeof file, "%.32s.%s", digest, extension);
    if (sha_bytes(data, size, digest) != 0)
        fail(c, "libcrypto cannot compute SHA-256");
    else if (result_side(c->run->result, file, data, size) != 0) {
        c->failed = true;
        run_error(c->run, error_text());
    } else {
        json_object_set_new(series, "file", json_string(file));
        json_object_set_new(series, "sha256", json_string(digest));
    }
}

/* `n` raw values of `width` bytes each to a side file. */
static void side_raw(struct lab_case *c, json_t *series, const char *extension, const uint64_t *raw,
                     size_t n, size_t width) {
    unsigned char *bytes = malloc(n * width);
    if (!bytes) {
        fail(c, "out of memory for %zu values", n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < width; k++)
            bytes[i * width + k] = (unsigned char)(raw[i] >> 8 * k);
    side_new(c, series, extension, bytes, n * width);
    free(bytes);
}

static void series_real(struct lab_case *c, const char *name, const char *unit, const char *kind,
                        const double *values, size_t n) {
    json_t *series = series_new(c, name, unit, kind, n);
    if (!series)
        return;
    if (n > RECORD_VALUES_MAX) {
        uint64_t *raw = malloc(n * sizeof *raw);
        if (!raw) {
            fail(c, "out of memory for %zu values", n);
            return;
        }
        memcpy(raw, values, n * sizeof *raw);
        side_raw(c, series, "f64", raw, n, 8);
        free(raw);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, real(values[i]));
    values_new(c, series, list);
}

void case_series_time(struct lab_case *c, const char *name, const double *seconds, size_t n) {
    series_real(c, name, "s", "time", seconds, n);
}

void case_series_real(struct lab_case *c, const char *name, const char *unit, const double *values,
                      size_t n) {
    series_real(c, name, unit, "real", values, n);
}

void case_series_bits(struct lab_case *c, const char *name, int width, const uint64_t *bits,
                      size_t n) {
    json_t *series = series_new(c, name, "bits", "bits", n);
    if (!series)
        return;
    json_object_set_new(series, "width", json_integer(width));
    for (size_t i = 0; i < n && width < 64; i++)
        if (bits[i] >> width) {
            fail(c, "series \"%s\": value %zu has more than %d bits", name, i, width);
            return;
        }
    if (n > RECORD_VALUES_MAX) {
        size_t bytes = width <= 8 ? 1 : width <= 16 ? 2 : width <= 32 ? 4 : 8;
        const char *extension = bytes == 1 ? "u8" : bytes == 2 ? "u16" : bytes == 4 ? "u32" : "u64";
        side_raw(c, series, extension, bits, n, bytes);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        char text[20];
        snprintf(text, sizeof text, "%0*llx", (width + 3) / 4, (unsigned long long)bits[i]);
        json_array_append_new(list, json_string(text));
    }
    values_new(c, series, list);
}

void case_series_count(struct lab_case *c, const char *name, const char *unit,
                       const uint64_t *values, size_t n) {
    json_t *series = series_new(c, name, unit, "count", n);
    if (!series)
        return;
    for (size_t i = 0; i < n; i++)
        if (values[i] > INT64_MAX) {
            fail(c, "series \"%s\": count %zu is above 2^63 - 1; record it as bits", name, i);
            return;
        }
    if (n > RECORD_VALUES_MAX) {
        side_raw(c, series, "u64", values, n, 8);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_integer((json_int_t)values[i]));
    values_new(c, series, list);
}

void case_series_histogram(struct lab_case *c, const char *name, const char *unit,
                           const double *edges, const uint64_t *counts, size_t bins) {
    json_t *series = series_new(c, name, unit, "histogram", bins);
    if (!series)
        return;
    json_t *edge_list = json_array(), *bin_list = json_array();
    for (size_t i = 0; i <= bins; i++)
        json_array_append_new(edge_list, real(edges[i]));
    for (size_t i = 0; i < bins; i++)
        json_array_append_new(bin_list, json_integer((json_int_t)counts[i]));
    json_object_set_new(series, "edges", edge_list);
    json_object_set_new(series, "bins", bin_list);
}

void case_series_tree(struct lab_case *c, const char *name, const char *tree_text) {
    size_t size = strlen(tree_text);
    json_t *series = series_new(c, name, "tree", "tree", 1);
    if (!series)
        return;
    if (size > RECORD_TEXT_MAX)
        side_new(c, series, "txt", tree_text, size);
    else
        values_new(c, series, json_pack("[s]", tree_text));
}
