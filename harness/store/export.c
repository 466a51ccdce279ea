/*
 * export.c: samples for others' tools (export.h).
 */
#define _GNU_SOURCE
#include "harness/store/export.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/lab/lab.h"
#include "harness/store/checked.h"
#include "harness/store/folder.h"
#include "harness/store/record.h"

#define FORMAT_NAME(value, word) word,
static const char *const format_names[] = {EXPORT_FORMATS(FORMAT_NAME)};

const char *export_format_name(enum export_format format) {
    return format_names[format];
}

struct export {
    FILE *to;
    const char *path; /* for messages, and of the side files; NULL: standard output */
    const char *lab;
    size_t samples;
    /* nvbench */
    json_t *devices, *benchmarks, *states, *axis;
    size_t sides;
};

static int short_of_memory(void) {
    return error_set("out of memory; close other programs");
}

static int cannot_write(const struct export *e) {
    return error_set("%s: cannot be written: %s", e->path ? e->path : "standard output",
                     folder_advice(errno));
}

/* --- one series --------------------------------------------------------------------------------
 */

/* A series of time of a record. */
struct samples {
    const json_t *record, *series;
    const char *id, *device, *name;
    size_t count;
    uint64_t calls;
};

static double sample_at(const struct samples *s, size_t k) {
    return case_series_real_at(s->series, k);
}

/* Without what separates words in the format: blanks and controls become '_'. */
static void put_word(FILE *to, const char *text) {
    for (; *text; text++)
        fputc(isgraph((unsigned char)*text) ? *text : '_', to);
}

/* "BenchmarkID/device=cpu  7  1234.5 ns/op". Go's names begin with a capital letter. */
static int put_gobench(struct export *e, const struct samples *s) {
    for (size_t k = 0; k < s->count; k++) {
        if (!isfinite(sample_at(s, k)))
            continue;
        fputs("Benchmark_", e->to);
        put_word(e->to, s->id);
        fputs("/device=", e->to);
        put_word(e->to, s->device);
        if (strcmp(s->name, "time") != 0) {
            fputs("/series=", e->to);
            put_word(e->to, s->name);
        }
        fprintf(e->to, " %llu %.9g ns/op\n", (unsigned long long)s->calls, 1e9 * sample_at(s, k));
        e->samples++;
    }
    return 0;
}

/* No tab and no line break in any cell. */
static int put_tsv(struct export *e, const struct samples *s) {
    const json_t *rounds = case_series(s->record, "round");
    for (size_t k = 0; k < s->count; k++) {
        const char *cells[] = {e->lab, s->id, s->device, s->name};
        for (size_t c = 0; c < 4; c++) {
            for (const char *at = cells[c]; *at; at++)
                fputc(iscntrl((unsigned char)*at) ? '_' : *at, e->to);
            fputc('\t', e->to);
        }
        fprintf(e->to, "%zu\t", k);
        if (k < case_series_length(rounds))
            fprintf(e->to, "%.0f", case_series_real_at(rounds, k));
        if (isfinite(sample_at(s, k)))
            fprintf(e->to, "\t%.17g\n", sample_at(s, k));
        else
            fputs("\t\n", e->to);
        e->samples++;
    }
    return 0;
}

/* --- nvbench -----------------------------------------------------------------------------------
 */

/* The number of a device, which is added when it is new; -1: no memory. */
static json_int_t device_number(struct export *e, const char *name) {
    json_t *device;
    size_t k;
    json_array_foreach(e->devices, k, device) {
        if (strcmp(json_string_value(json_object_get(device, "name")), name) == 0)
            return (json_int_t)k;
    }
    device = json_pack("{s:I, s:s}", "id", (json_int_t)k, "name", name);
    return json_array_append_new(e->devices, device) == 0 ? (json_int_t)k : -1;
}

/* FILE-bin/K.bin, and its name beside FILE into `name`. */
static int write_side(struct export *e, const struct samples *s, char *name, size_t size) {
    const char *slash = strrchr(e->path, '/'), *base = slash ? slash + 1 : e->path;
    char path[2 * FOLDER_PATH];
    snprintf(name, size, "%.200s-bin/%zu.bin", base, e->sides++);
    snprintf(path, sizeof path, "%.*s%.300s", (int)(base - e->path), e->path, name);
    FILE *to = fopen(path, "wbx");
    if (!to)
        return cannot_write(e);
    for (size_t k = 0; k < s->count; k++) {
        union {
            float number;
            uint32_t bits;
        } value = {.number = (float)sample_at(s, k)};
        if (!isfinite(value.number))
            continue;
        value.bits = htole32(value.bits);
        fwrite(&value.bits, sizeof value.bits, 1, to);
    }
    bool bad = ferror(to) != 0;
    bad = fclose(to) != 0 || bad;
    return bad ? cannot_write(e) : 0;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static json_t *summary_of(const char *tag, const char *hint, double value) {
    return json_pack("{s:s, s:s, s:[{s:s, s:s, s:f}]}", "tag", tag, "hint", hint, "data", "name",
                     "value", "type", "float64", "value", value);
}

/* A GPU's clock as nvbench tells it, in Hz; of what was read, the median. */
static void add_clock(json_t *list, const json_t *record) {
    const json_t *clock = json_object_get(record, "clock");
    const char *by = json_string_value(json_object_get(clock, "by"));
    double median = json_number_value(json_object_get(clock, "median"));
    if (by && strcmp(by, "nvml") == 0 && median > 0)
        json_array_append_new(list, summary_of("nv/cold/sm_clock_rate/mean", "frequency", median));
}

/* What the tool reads of a state, by the tags of nvbench's cold measurement. */
static json_t *summaries_of(const struct samples *s, const char *side) {
    double *x = malloc((s->count + 1) * sizeof *x), mean = 0, squares = 0;
    size_t n = 0;
    if (!x)
        return NULL;
    for (size_t k = 0; k < s->count; k++)
        if (isfinite(sample_at(s, k)))
            x[n++] = sample_at(s, k);
    qsort(x, n, sizeof *x, by_size);
    for (size_t k = 0; k < n; k++)
        mean += x[k] / (double)n;
    for (size_t k = 0; k < n; k++)
        squares += (x[k] - mean) * (x[k] - mean);
    double deviation = n > 1 ? sqrt(squares / ((double)n - 1)) : 0;
    const struct {
        const char *tag;
        double value;
    } values[] = {{"nv/cold/time/gpu/min", n ? x[0] : NAN},
                  {"nv/cold/time/gpu/max", n ? x[n - 1] : NAN},
                  {"nv/cold/time/gpu/mean", mean},
                  {"nv/cold/time/gpu/stdev/absolute", deviation},
                  {"nv/cold/time/gpu/stdev/relative", deviation / mean},
                  {"nv/cold/time/gpu/q1", n ? x[n / 4] : NAN},
                  {"nv/cold/time/gpu/median", n ? (x[n / 2] + x[(n - 1) / 2]) / 2 : NAN},
                  {"nv/cold/time/gpu/q3", n ? x[(3 * n) / 4] : NAN}};
    json_t *list = json_array();
    json_array_append_new(list,
                          json_pack("{s:s, s:s, s:[{s:s, s:s, s:I}]}", "tag", "nv/cold/sample_size",
                                    "hint", "sample_size", "data", "name", "value", "type", "int64",
                                    "value", (json_int_t)n));
    for (size_t k = 0; k < sizeof values / sizeof *values; k++)
        if (isfinite(values[k].value))
            json_array_append_new(list, summary_of(values[k].tag, "duration", values[k].value));
    add_clock(list, s->record);
    json_array_append_new(list,
                          json_pack("{s:s, s:s, s:[{s:s, s:s, s:s}, {s:s, s:s, s:I}]}", "tag",
                                    "nv/json/bin:nv/cold/sample_times", "hint", "file/sample_times",
                                    "data", "name", "filename", "type", "string", "value", side,
                                    "name", "size", "type", "int64", "value", (json_int_t)n));
    free(x);
    return list;
}

static int put_nvbench(struct export *e, const struct samples *s) {
    char side[300], name[RECORD_ID_MAX + 64];
    json_int_t device = device_number(e, s->device);
    bool main_series = strcmp(s->name, "time") == 0;
    snprintf(name, sizeof name, "%.400s%s%.40s", s->id, main_series ? "" : "/",
             main_series ? "" : s->name);
    if (device < 0)
        return short_of_memory();
    if (write_side(e, s, side, sizeof side) != 0)
        return -1;
    json_t *state =
        json_pack("{s:s, s:I, s:i, s:[{s:s, s:s, s:s}], s:o, s:b}", "name", name, "device", device,
                  "type_config_index", 0, "axis_values", "name", "case", "type", "string", "value",
                  name, "summaries", summaries_of(s, side), "is_skipped", 0);
    json_t *value =
        json_pack("{s:s, s:s, s:s}", "input_string", name, "description", "", "value", name);
    if (!state || json_array_append_new(e->states, state) != 0 ||
        json_array_append_new(e->axis, value) != 0)
        return short_of_memory();
    e->samples += s->count;
    return 0;
}

/* --- a folder ----------------------------------------------------------------------------------
 */

struct visit {
    struct export *e;
    int (*put)(struct export *e, const struct samples *s);
};

static int visit_record(void *context, const json_t *record) {
    const struct visit *v = context;
    json_t *series;
    size_t k;
    json_int_t calls =
        json_integer_value(json_object_get(json_object_get(record, "bench"), "calls"));
    json_array_foreach(json_object_get(record, "series"), k, series) {
        const char *kind = json_string_value(json_object_get(series, "kind"));
        const char *unit = json_string_value(json_object_get(series, "unit"));
        if (!kind || !unit || strcmp(kind, "time") != 0 || strcmp(unit, "s") != 0)
            continue;
        const struct samples s = {
            .record = record,
            .series = series,
            .id = json_string_value(json_object_get(record, "id")),
            .device = json_string_value(json_object_get(record, "device")),
            .name = json_string_value(json_object_get(series, "name")),
            .count = case_series_length(series),
            .calls = calls > 0 ? (uint64_t)calls : 1,
        };
        if (s.count > 0 && v->put(v->e, &s) != 0)
            return -2; /* not -1, which reader_cases says by itself */
    }
    return 0;
}

static int visit_labs(struct export *e, const struct checked *checked,
                      int (*put)(struct export *e, const struct samples *s),
                      int (*before)(struct export *e), int (*after)(struct export *e)) {
    const struct visit v = {e, put};
    int status = 0;
    for (size_t k = 0; status == 0 && k < checked->lab_count; k++) {
        e->lab = checked->labs[k].name;
        if (before)
            status = before(e);
        if (status == 0)
            status = reader_cases(checked->labs[k].reader, "", NULL, visit_record, (void *)&v);
        if (status == 0 && after)
            status = after(e);
    }
    return status == 0 ? 0 : -1;
}

static int begin_gobench(struct export *e) {
    fprintf(e->to, "pkg: nanolab/%s\n", e->lab);
    return 0;
}

static int begin_nvbench(struct export *e) {
    e->states = json_array();
    e->axis = json_array();
    return e->states && e->axis ? 0 : short_of_memory();
}

static int end_nvbench(struct export *e) {
    json_t *benchmark =
        json_pack("{s:s, s:I, s:[], s:[{s:s, s:s, s:s, s:o}], s:o}", "name", e->lab, "index",
                  (json_int_t)json_array_size(e->benchmarks), "devices", "axes", "name", "case",
                  "type", "string", "flags", "", "values", e->axis, "states", e->states);
    json_t *devices = json_object_get(benchmark, "devices");
    for (size_t k = 0; k < json_array_size(e->devices); k++)
        json_array_append_new(devices, json_integer((json_int_t)k));
    e->axis = e->states = NULL;
    return json_array_append_new(e->benchmarks, benchmark) == 0 ? 0 : short_of_memory();
}

/* --- whole documents ---------------------------------------------------------------------------
 */

static int put_document(struct export *e, json_t *document) {
    int status = document ? 0 : short_of_memory();
    if (status == 0 && json_dumpf(document, e->to, JSON_INDENT(1)) != 0)
        status = cannot_write(e);
    fputc('\n', e->to);
    json_decref(document);
    return status;
}

static int export_nvbench(struct export *e, const struct checked *checked) {
    char side[FOLDER_PATH];
    snprintf(side, sizeof side, "%s-bin", e->path);
    if (mkdir(side, 0777) != 0)
        return error_set("%s: %s", side,
                         errno == EEXIST ? "is there already; name another file with --out"
                                         : folder_advice(errno));
    e->devices = json_array();
    e->benchmarks = json_array();
    int status = e->devices && e->benchmarks ? 0 : short_of_memory();
    if (status == 0)
        status = visit_labs(e, checked, put_nvbench, begin_nvbench, end_nvbench);
    if (status == 0)
        status = put_document(e, json_pack("{s:{s:[], s:{s:{s:i, s:i, s:i, s:s}}}, s:O, s:O}",
                                           "meta", "argv", "version", "json", "major", 1, "minor",
                                           0, "patch", 0, "string", "1.0.0", "devices", e->devices,
                                           "benchmarks", e->benchmarks));
    json_decref(e->devices);
    json_decref(e->benchmarks);
    json_decref(e->states);
    json_decref(e->axis);
    if (status != 0) {
        struct folder parent;
        const char *slash = strrchr(side, '/');
        char above[FOLDER_PATH];
        snprintf(above, sizeof above, "%.*s", slash ? (int)(slash - side) + 1 : 0, side);
        if (folder_open(&parent, *above ? above : ".") == 0) {
            folder_remove_tree(parent.fd, slash ? slash + 1 : side);
            folder_close(&parent);
        }
    }
    return status;
}

/* The benchmark.json of each lab that was finished, under the first one's context. */
static int export_googlebenchmark(struct export *e, const struct checked *checked) {
    json_t *all = NULL;
    int status = 0;
    for (size_t k = 0; status == 0 && k < checked->lab_count; k++) {
        const struct reader *reader = checked->labs[k].reader;
        char *text, why[200];
        size_t size;
        if (!reader_seals(reader, "benchmark.json"))
            continue;
        if (folder_read(&reader->folder, "benchmark.json", LIMIT_SEALED_BYTES, &text, &size) != 0)
            return -1;
        json_t *one = folder_parse_json(text, size, why, sizeof why);
        free(text);
        if (!one)
            status = folder_refuse(reader->folder.path, 0, why);
        json_t *runs = json_object_get(one, "benchmarks");
        e->samples += json_array_size(runs);
        if (!all)
            all = json_incref(one);
        else if (one && json_array_extend(json_object_get(all, "benchmarks"), runs) != 0)
            status = short_of_memory();
        json_decref(one);
    }
    if (!all && status == 0 && json_object_get(checked->run, "trimmed"))
        return error_set("it is trimmed, which leaves benchmark.json out; take another format, or "
                         "the folder that it was made of");
    if (!all && status == 0)
        return error_set("no lab of it was finished, so there is no benchmark.json; take another "
                         "format, or go on with nanolab run --resume");
    if (status != 0) {
        json_decref(all);
        return -1;
    }
    return put_document(e, all);
}

static int export_to(struct export *e, const struct checked *checked, enum export_format format) {
    int status;
    if (format == EXPORT_GOOGLEBENCHMARK) {
        status = export_googlebenchmark(e, checked);
    } else if (format == EXPORT_NVBENCH) {
        status = export_nvbench(e, checked);
    } else if (format == EXPORT_GOBENCH) {
        status = visit_labs(e, checked, put_gobench, begin_gobench, NULL);
    } else {
        fputs("lab\tid\tdevice\tseries\tsample\tround\tseconds\n", e->to);
        status = visit_labs(e, checked, put_tsv, NULL, NULL);
    }
    if (status == 0 && (fflush(e->to) != 0 || ferror(e->to)))
        status = cannot_write(e);
    return status;
}

int export_folder(const char *dir, enum export_format format, const char *file, size_t *samples) {
    struct checked *checked;
    struct export e = {.to = stdout, .path = file};
    if (format == EXPORT_NVBENCH && !file)
        return error_set("nvbench's samples lie in files beside the JSON; name it with --out");
    if (file && strlen(file) > FOLDER_PATH - 64)
        return error_set("--out is longer than %d bytes; use a shorter name", FOLDER_PATH - 64);
    if (checked_open(&checked, dir) != 0)
        return -1;
    if (file && !(e.to = fopen(file, "wx"))) {
        checked_close(checked);
        return error_set("%s: cannot be written: %s", file,
                         errno == EEXIST ? "it is there already; name another with --out"
                                         : folder_advice(errno));
    }
    int status = export_to(&e, checked, format);
    checked_close(checked);
    if (file && fclose(e.to) != 0 && status == 0)
        status = cannot_write(&e);
    if (file && status != 0)
        unlink(file);
    *samples = e.samples;
    return status;
}
