/*
 * compare_record.c: see compare_record.h.
 */
#include "harness/compare/compare_record.h"

#include <math.h>
#include <string.h>

#include "harness/measure/stats.h"
#include "harness/store/record.h"
#include "harness/store/series.h"

/* Cells that are bit patterns: texts under names whose unit is bits. */
static void add_cells(const json_t *units, const json_t *cells, uint64_t *hash, bool *any) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)cells, name, value) {
        const char *unit = json_string_value(json_object_get(json_object_get(units, name), "unit"));
        if (!json_is_string(value) || !unit || strcmp(unit, "bits") != 0)
            continue;
        compare_hash_text(hash, name);
        compare_hash_text(hash, json_string_value(value));
        *any = true;
    }
}

static void add_series(const json_t *series, uint64_t *hash, bool *any) {
    const char *kind = json_string_value(json_object_get(series, "kind"));
    const char *name = json_string_value(json_object_get(series, "name"));
    char digest[SHA_TEXT];
    json_t *value;
    size_t k;
    if (!kind || !name || (strcmp(kind, "bits") != 0 && strcmp(kind, "tree") != 0))
        return;
    compare_hash_text(hash, name);
    *any = true;
    /* The same bits may lie in the line here, in a file there, and be left out elsewhere. */
    if (series_is_long(series) && series_digest(series, digest) == 0) {
        compare_hash_text(hash, digest);
        return;
    }
    json_array_foreach(json_object_get(series, "values"), k, value) {
        if (json_is_string(value))
            compare_hash_text(hash, json_string_value(value));
    }
}

bool compare_record_bits_of(const json_t *units, const json_t *record,
                            bool (*takes)(const json_t *series), uint64_t *hash) {
    bool any = false;
    json_t *one;
    size_t k;
    *hash = COMPARE_HASH;
    add_cells(units, json_object_get(record, "params"), hash, &any);
    json_array_foreach(json_object_get(record, "rows"), k, one) {
        add_cells(units, one, hash, &any);
    }
    json_array_foreach(json_object_get(record, "series"), k, one) {
        if (!takes || takes(one))
            add_series(one, hash, &any);
    }
    return any;
}

bool compare_record_bits(const json_t *units, const json_t *record, uint64_t *hash) {
    return compare_record_bits_of(units, record, NULL, hash);
}

uint64_t compare_record_rows(const json_t *units, const json_t *record) {
    uint64_t hash = COMPARE_HASH;
    const char *name;
    json_t *row, *value;
    size_t k;
    json_array_foreach(json_object_get(record, "rows"), k, row) {
        compare_hash_text(&hash, "row");
        json_object_foreach(row, name, value) {
            const char *unit =
                json_string_value(json_object_get(json_object_get(units, name), "unit"));
            if (json_is_string(value) && !(unit && strcmp(unit, "bits") == 0))
                compare_hash_text(&hash, json_string_value(value));
        }
    }
    return hash;
}

bool compare_record_has_tree(const json_t *record) {
    json_t *one;
    size_t k;
    json_array_foreach(json_object_get(record, "series"), k, one) {
        const char *kind = json_string_value(json_object_get(one, "kind"));
        if (kind && strcmp(kind, "tree") == 0)
            return true;
    }
    return false;
}

static double seconds_of(const json_t *bench, const char *name) {
    const json_t *number = json_object_get(bench, name);
    double value = json_is_number(number) ? json_number_value(number) : NAN;
    return value > 0 && isfinite(value) ? value : NAN;
}

/* From the samples in seconds, where they stand in the line: a series of another kind or unit may
 * have the same name. */
static bool is_time(const json_t *series) {
    const char *name = json_string_value(json_object_get(series, "name"));
    const char *kind = json_string_value(json_object_get(series, "kind"));
    const char *unit = json_string_value(json_object_get(series, "unit"));
    return name && kind && unit && strcmp(name, "time") == 0 && strcmp(kind, "time") == 0 &&
           strcmp(unit, "s") == 0;
}

static double low_of(const json_t *record) {
    double samples[RECORD_VALUES_MAX];
    json_t *series, *value;
    size_t k, v, n = 0;
    json_array_foreach(json_object_get(record, "series"), k, series) {
        if (!is_time(series))
            continue;
        json_array_foreach(json_object_get(series, "values"), v, value) {
            if (json_is_number(value) && n < RECORD_VALUES_MAX)
                samples[n++] = json_number_value(value);
        }
    }
    double low = stats_quantile(samples, n, COMPARE_LOW);
    return low > 0 ? low : NAN;
}

/* Older runs did not record the low quantile. */
struct compare_time compare_record_time(const json_t *record) {
    const json_t *bench = json_object_get(record, "bench");
    struct compare_time t = {seconds_of(bench, "p05"), seconds_of(bench, "median")};
    if (isnan(t.low) && !isnan(t.median))
        t.low = low_of(record);
    if (isnan(t.low))
        t.low = t.median;
    return t;
}

double compare_record_roof(const json_t *record) {
    const json_t *counter = json_object_get(json_object_get(record, "counters"), "roof fraction");
    if (json_is_object(counter))
        counter = json_object_get(counter, "value");
    double roof = json_is_number(counter) ? json_number_value(counter) : NAN;
    return isfinite(roof) && roof > 0 ? roof : NAN;
}

bool compare_record_throttled(const json_t *record) {
    const json_t *state = json_object_get(record, "state");
    const json_t *when[2] = {json_object_get(state, "before"), json_object_get(state, "after")};
    json_t *reason;
    size_t k;
    for (size_t w = 0; w < 2; w++)
        json_array_foreach(json_object_get(when[w], "throttle"), k, reason) {
            const char *word = json_string_value(reason);
            if (word && strcmp(word, "idle") != 0 && strcmp(word, "applications_clocks") != 0)
                return true;
        }
    return json_integer_value(json_object_get(when[1], "throttle_count")) >
           json_integer_value(json_object_get(when[0], "throttle_count"));
}

enum compare_pages compare_record_pages(const json_t *record) {
    const char *pages =
        json_string_value(json_object_get(json_object_get(record, "params"), "pages"));
    if (!pages)
        return COMPARE_PAGES_ASKED;
    return strcmp(pages, "any") == 0 ? COMPARE_PAGES_ANY : COMPARE_PAGES_OWN;
}
