/*
 * benchmark_json.c: derives benchmark.json from a journal (benchmark_json.h).
 */
#include "harness/store/benchmark_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/error.h"
#include "harness/lab/lab.h"
#include "harness/store/result.h"

static json_t *cache_entry(const json_t *cpu, const char *name, const char *type, int level) {
    const json_t *cache = json_object_get(cpu, name);
    json_int_t count = json_integer_value(json_object_get(cache, "count"));
    json_int_t threads = json_integer_value(json_object_get(cpu, "threads"));
    if (!json_is_object(cache) || count < 1)
        return NULL;
    return json_pack("{s:s, s:i, s:I, s:I}", "type", type, "level", level, "size",
                     json_integer_value(json_object_get(cache, "bytes")), "num_sharing",
                     threads / count);
}

static json_t *context_of(const json_t *start) {
    const json_t *machine = json_object_get(start, "machine");
    const json_t *cpu = json_object_get(machine, "cpu");
    const char *governor = json_string_value(json_object_get(cpu, "governor"));
    const char *started = json_string_value(json_object_get(start, "started"));
    const char *lab = json_string_value(json_object_get(start, "lab"));
    json_t *caches = json_array(), *one;
    if ((one = cache_entry(cpu, "l1d", "Data", 1)))
        json_array_append_new(caches, one);
    if ((one = cache_entry(cpu, "l2", "Unified", 2)))
        json_array_append_new(caches, one);
    if ((one = cache_entry(cpu, "l3", "Unified", 3)))
        json_array_append_new(caches, one);
#ifdef __OPTIMIZE__
    const char *build = "release";
#else
    const char *build = "debug";
#endif
    return json_pack("{s:s, s:s, s:I, s:b, s:o, s:[], s:s, s:i}", "date", started, "executable",
                     lab, "num_cpus", json_integer_value(json_object_get(cpu, "threads")),
                     "cpu_scaling_enabled", governor && strcmp(governor, "performance") != 0,
                     "caches", caches, "load_avg", "library_build_type", build,
                     "json_schema_version", 1);
}

struct gather {
    json_t *benchmarks;
    json_int_t families;
};

static int add_series(struct gather *gather, const json_t *record, const json_t *series) {
    char name[640];
    const char *series_name = json_string_value(json_object_get(series, "name"));
    json_int_t calls =
        json_integer_value(json_object_get(json_object_get(record, "bench"), "calls"));
    size_t samples = case_series_length(series);
    bool plain = strcmp(series_name, "time") == 0;
    snprintf(name, sizeof name, "%s/%s%s%.100s", json_string_value(json_object_get(record, "id")),
             json_string_value(json_object_get(record, "device")), plain ? "" : "/",
             plain ? "" : series_name);
    json_t *title = json_string(name);
    for (size_t i = 0; i < samples; i++) {
        double seconds = case_series_real_at(series, i);
        if (!isfinite(seconds))
            continue;
        json_t *one = json_pack(
            "{s:O, s:I, s:i, s:O, s:s, s:I, s:I, s:i, s:I, s:f, s:f, s:s}", "name", title,
            "family_index", gather->families, "per_family_instance_index", 0, "run_name", title,
            "run_type", "iteration", "repetitions", (json_int_t)samples, "repetition_index",
            (json_int_t)i, "threads", 1, "iterations", calls >= 1 ? calls : 1, "real_time",
            seconds * 1e9, "cpu_time", seconds * 1e9, "time_unit", "ns");
        if (json_array_append_new(gather->benchmarks, one) != 0) {
            json_decref(title);
            return error_set("out of memory while deriving benchmark.json");
        }
    }
    json_decref(title);
    gather->families++;
    return 0;
}

static int add_case(void *context, const json_t *record) {
    const json_t *list = json_object_get(record, "series");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *series = json_array_get(list, i);
        const char *kind = json_string_value(json_object_get(series, "kind"));
        const char *unit = json_string_value(json_object_get(series, "unit"));
        if (kind && unit && strcmp(kind, "time") == 0 && strcmp(unit, "s") == 0 &&
            add_series(context, record, series) != 0)
            return -1;
    }
    return 0;
}

json_t *benchmark_json(const struct reader *reader) {
    struct gather gather = {.benchmarks = json_array()};
    if (reader_cases(reader, "", NULL, add_case, &gather) != 0) {
        json_decref(gather.benchmarks);
        return NULL;
    }
    json_t *document = json_pack("{s:o, s:o}", "context", context_of(reader->start), "benchmarks",
                                 gather.benchmarks);
    if (!document)
        error_set("out of memory while deriving benchmark.json");
    return document;
}
