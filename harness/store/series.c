/*
 * series.c: see series.h.
 */
#include "harness/store/series.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/store/record.h"

static bool is_kind(const json_t *series, const char *kind) {
    const char *its = json_string_value(json_object_get(series, "kind"));
    return its && strcmp(its, kind) == 0;
}

static const char *tree_of(const json_t *series) {
    return json_string_value(json_array_get(json_object_get(series, "values"), 0));
}

bool series_is_long(const json_t *series) {
    if (!json_object_get(series, "values"))
        return true;
    const char *tree = is_kind(series, "tree") ? tree_of(series) : NULL;
    return tree ? strlen(tree) > SERIES_TREE_BYTES
                : json_integer_value(json_object_get(series, "n")) > SERIES_VALUES;
}

/* Little-endian, in as many bytes as a value of that width takes in a side file. */
static int bits_digest(const json_t *series, char out[SHA_TEXT]) {
    const json_t *values = json_object_get(series, "values");
    json_int_t width = json_integer_value(json_object_get(series, "width"));
    size_t n = json_array_size(values), bytes = width <= 8    ? 1
                                                : width <= 16 ? 2
                                                : width <= 32 ? 4
                                                              : 8;
    unsigned char *data = malloc(n * bytes + 1);
    if (!data)
        return -1;
    for (size_t k = 0; k < n; k++) {
        const char *digits = json_string_value(json_array_get(values, k));
        uint64_t value = digits ? strtoull(digits, NULL, 16) : 0;
        for (size_t b = 0; b < bytes; b++)
            data[k * bytes + b] = (unsigned char)(value >> 8 * b);
    }
    int status = sha_bytes(data, n * bytes, out);
    free(data);
    return status;
}

int series_digest(const json_t *series, char out[SHA_TEXT]) {
    const char *stated = json_string_value(json_object_get(series, "sha256"));
    if (!json_object_get(series, "values")) {
        if (!stated || !sha_is_digest(stated))
            return -1;
        memcpy(out, stated, SHA_TEXT);
        return 0;
    }
    if (is_kind(series, "bits"))
        return bits_digest(series, out);
    const char *tree = is_kind(series, "tree") ? tree_of(series) : NULL;
    return tree ? sha_bytes(tree, strlen(tree), out) : -1;
}
