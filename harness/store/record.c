/*
 * record.c: checks the shape of records (record.h).
 */
#include "harness/store/record.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/store/limits.h"
#include "harness/store/others.h"
#include "harness/store/record_check.h"
#include "harness/store/sha.h"

int check_refuse(struct check *check, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(check->why, check->size, format, args);
    va_end(args);
    return -1;
}

enum record_kind record_kind(const json_t *record) {
    static const char *const names[] = {"start", "resume", "note", "case", "end"};
    const char *kind = json_string_value(json_object_get(record, "record"));
    for (size_t i = 0; kind && i < sizeof names / sizeof *names; i++)
        if (strcmp(kind, names[i]) == 0)
            return (enum record_kind)i;
    return RECORD_BAD;
}

/* C1 controls too: U+0080 to U+009F, of which some begin escape sequences. */
static bool no_control(const char *text) {
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at < ' ' || *at == 127 || (*at == 0xc2 && at[1] < 0xa0))
            return false;
    return true;
}

bool record_id_is_good(const char *id) {
    size_t size = strlen(id);
    return size > 0 && size <= RECORD_ID_MAX && no_control(id);
}

bool record_device_is_good(const char *device) {
    size_t size = strlen(device);
    return size > 0 && size < 24 &&
           strspn(device, "abcdefghijklmnopqrstuvwxyz0123456789:._-") == size;
}

bool record_lab_is_good(const char *name) {
    size_t size = strlen(name);
    return size > 3 && size < 64 && isdigit((unsigned char)name[0]) &&
           isdigit((unsigned char)name[1]) && name[2] == '-' &&
           strspn(name + 3, "abcdefghijklmnopqrstuvwxyz0123456789-") == size - 3;
}

size_t record_side_width(const char *name) {
    static const struct {
        const char *extension;
        size_t width;
    } kinds[] = {{".f64", 8}, {".u64", 8}, {".u32", 4}, {".u16", 2}, {".u8", 1}, {".txt", 1}};
    if (strspn(name, "0123456789abcdef") != 32)
        return 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(name + 32, kinds[i].extension) == 0)
            return kinds[i].width;
    return 0;
}

bool record_side_is_good(const char *name) {
    return record_side_width(name) > 0;
}

const char *check_text_of(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

/* A member that must be a text without control characters. */
int check_text(struct check *check, const json_t *object, const char *name, bool null_ok) {
    const json_t *value = json_object_get(object, name);
    if (null_ok && (!value || json_is_null(value)))
        return 0;
    if (!json_is_string(value) || !no_control(json_string_value(value)))
        return check_refuse(check, "\"%s\" must be a text without control characters", name);
    return 0;
}

int check_count(struct check *check, const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return check_refuse(check, "\"%s\" must be a count", name);
    return 0;
}

/* {value, low, high} */
bool check_is_ratio(const json_t *value) {
    static const char *const names[] = {"value", "low", "high"};
    for (size_t k = 0; k < 3; k++) {
        const json_t *one = json_object_get(value, names[k]);
        if (!json_is_number(one) && !json_is_null(one))
            return false;
    }
    return json_object_size(value) == 3;
}

static bool is_plain_text(const json_t *value) {
    return json_is_string(value) && no_control(json_string_value(value));
}

/* A group of plain values: numbers, nulls and, where `any` is set, texts and truth values;
 * otherwise numbers with their intervals. */
static int check_group(struct check *check, const json_t *record, const char *group, bool any) {
    const json_t *object = json_object_get(record, group);
    if (!json_is_object(object))
        return check_refuse(check, "\"%s\" must be an object", group);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        if (json_is_number(value) || json_is_null(value))
            continue;
        if (any ? json_is_boolean(value) || is_plain_text(value) : check_is_ratio(value))
            continue;
        return check_refuse(check, "\"%s\" in \"%s\" must be a %s", name, group,
                            any ? "plain value without control characters"
                                : "number, null, or {value, low, high}");
    }
    return 0;
}

/* Rows: a list of objects of plain values. */
static int check_rows(struct check *check, const json_t *record) {
    const json_t *rows = json_object_get(record, "rows");
    if (!rows)
        return 0;
    if (!json_is_array(rows) || json_array_size(rows) > RECORD_ROWS_MAX)
        return check_refuse(check, "\"rows\" must be a list of at most %d", RECORD_ROWS_MAX);
    for (size_t k = 0; k < json_array_size(rows); k++) {
        const char *name;
        json_t *value, *row = json_array_get(rows, k);
        if (!json_is_object(row))
            return check_refuse(check, "row %zu must be an object", k);
        json_object_foreach(row, name, value) {
            if (!json_is_number(value) && !json_is_null(value) && !is_plain_text(value))
                return check_refuse(check,
                                    "\"%s\" of row %zu must be a number, null, or a text without "
                                    "control characters",
                                    name, k);
        }
    }
    return 0;
}

/* {id, entrant, of}: which cases were measured together. */
static int check_together(struct check *check, const json_t *record) {
    const json_t *group = json_object_get(record, "group");
    if (!group)
        return 0;
    const char *id = json_string_value(json_object_get(group, "id"));
    const json_t *entrant = json_object_get(group, "entrant"), *of = json_object_get(group, "of");
    if (!id || !record_id_is_good(id) || !json_is_integer(entrant) || !json_is_integer(of) ||
        json_integer_value(entrant) < 0 || json_integer_value(entrant) >= json_integer_value(of))
        return check_refuse(check, "\"group\" must be {id, entrant, of} with entrant below of");
    return 0;
}

static int optional_object(struct check *check, const json_t *record, const char *name) {
    const json_t *value = json_object_get(record, name);
    if (value && !json_is_object(value) && !json_is_null(value))
        return check_refuse(check, "\"%s\" must be an object or null", name);
    return 0;
}

static bool is_seed(const char *text) {
    size_t size = text ? strlen(text) : 0;
    return size > 0 && size <= 20 && strspn(text, "0123456789") == size;
}

static int check_mode_and_seed(struct check *check, const json_t *object) {
    const char *mode = check_text_of(object, "mode");
    if (!mode || (strcmp(mode, "quick") && strcmp(mode, "default") && strcmp(mode, "full")))
        return check_refuse(check, "\"mode\" must be quick, default or full");
    if (!is_seed(check_text_of(object, "seed")))
        return check_refuse(check, "\"seed\" must be a text of decimal digits");
    return 0;
}

static int check_devices(struct check *check, const json_t *record, const char *name) {
    const json_t *list = json_object_get(record, name);
    if (!json_is_array(list) || json_array_size(list) > 16)
        return check_refuse(check, "\"%s\" must be a list of at most 16 devices", name);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *device = json_string_value(json_array_get(list, i));
        if (!device || !record_device_is_good(device))
            return check_refuse(check, "\"%s\" holds something that is no device", name);
    }
    return 0;
}

int check_format(struct check *check, const json_t *object) {
    const json_t *format = json_object_get(object, "format");
    if (!json_is_integer(format) || json_integer_value(format) < 1)
        return check_refuse(check, "\"format\" must be a number from 1");
    if (json_integer_value(format) > RECORD_FORMAT)
        return check_refuse(check,
                            "format %lld is newer than this program's %d; use a newer nanolab",
                            (long long)json_integer_value(format), RECORD_FORMAT);
    if (json_integer_value(format) < RECORD_FORMAT)
        return check_refuse(
            check,
            "format %lld is of a nanolab before 0.2; measure again, or read it with "
            "that one",
            (long long)json_integer_value(format));
    return 0;
}

static int check_start(struct check *check, const json_t *record) {
    const char *lab = check_text_of(record, "lab");
    if (check_format(check, record) != 0)
        return -1;
    if (!lab || !record_lab_is_good(lab))
        return check_refuse(check, "\"lab\" must be a lab's name");
    if (check_mode_and_seed(check, record) != 0 || check_devices(check, record, "bits") != 0 ||
        check_devices(check, record, "time") != 0)
        return -1;
    if (!json_is_object(json_object_get(record, "fingerprint")))
        return check_refuse(check, "\"fingerprint\" must be an object");
    return optional_object(check, record, "devices") ||
                   optional_object(check, record, "software") ||
                   optional_object(check, record, "quantities")
               ? -1
               : check_text(check, record, "started", false);
}

static int check_bits(struct check *check, const json_t *series, const json_t *values) {
    const json_t *width = json_object_get(series, "width");
    json_int_t bits = json_is_integer(width) ? json_integer_value(width) : 0;
    if (bits < 8 || bits > 64)
        return check_refuse(check, "a bits series needs a \"width\" of 8 to 64");
    size_t digits = (size_t)(bits + 3) / 4;
    for (size_t i = 0; values && i < json_array_size(values); i++) {
        const char *text = json_string_value(json_array_get(values, i));
        if (!text || strlen(text) != digits || strspn(text, "0123456789abcdef") != digits ||
            (bits < 64 && strtoull(text, NULL, 16) >> bits))
            return check_refuse(check,
                                "value %zu of a bits series does not have %d bits in lower-case "
                                "hexadecimal digits",
                                i, (int)bits);
    }
    return 0;
}

static int check_numbers(struct check *check, const json_t *values, const char *what) {
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *value = json_array_get(values, i);
        if (!json_is_number(value) && !json_is_null(value))
            return check_refuse(check, "value %zu of a %s series must be a number or null", i,
                                what);
    }
    return 0;
}

static int check_histogram(struct check *check, const json_t *series, json_int_t n) {
    const json_t *edges = json_object_get(series, "edges"), *bins = json_object_get(series, "bins");
    if (!json_is_array(bins) || (json_int_t)json_array_size(bins) != n)
        return check_refuse(check, "a histogram needs \"bins\" of length n");
    if (!json_is_array(edges) || (json_int_t)json_array_size(edges) != n + 1)
        return check_refuse(check, "a histogram needs \"edges\" of length n + 1");
    for (size_t i = 0; i < json_array_size(bins); i++)
        if (!json_is_integer(json_array_get(bins, i)) ||
            json_integer_value(json_array_get(bins, i)) < 0)
            return check_refuse(check, "bin %zu of a histogram must be a count", i);
    return check_numbers(check, edges, "histogram's edges");
}

static int check_side(struct check *check, const json_t *series, const char *kind) {
    const char *file = check_text_of(series, "file"), *sha = check_text_of(series, "sha256");
    if (!file || !record_side_is_good(file))
        return check_refuse(check, "\"file\" must be the plain name of a side file");
    if (!sha || !sha_is_digest(sha))
        return check_refuse(check, "a side file needs its \"sha256\"");
    const char *extension = strchr(file, '.') + 1;
    bool fits = strcmp(kind, "tree") == 0 ? strcmp(extension, "txt") == 0
                : strcmp(kind, "time") == 0 || strcmp(kind, "real") == 0
                    ? strcmp(extension, "f64") == 0
                : strcmp(kind, "bits") == 0 ? extension[0] == 'u'
                                            : extension[0] == 'u' || extension[0] == 'f';
    return fits ? 0
                : check_refuse(check, "a %s series does not go into a .%s file", kind, extension);
}

/* Of a trimmed folder: no values, and of bits and trees the digest that they had. */
static int check_left_out(struct check *check, const json_t *series, const char *kind) {
    const char *sha = check_text_of(series, "sha256");
    bool needed = strcmp(kind, "bits") == 0 || strcmp(kind, "tree") == 0;
    if (json_object_get(series, "values") || json_object_get(series, "file") ||
        json_object_get(series, "bins"))
        return check_refuse(check, "a series that is \"left_out\" has no values");
    if (sha ? !sha_is_digest(sha) : needed)
        return check_refuse(check, "a series of bits that is \"left_out\" needs its \"sha256\"");
    return 0;
}

static int check_series(struct check *check, const json_t *series) {
    if (!json_is_object(series))
        return check_refuse(check, "a series must be an object");
    if (check_text(check, series, "name", false) != 0 ||
        check_text(check, series, "unit", false) != 0 || check_count(check, series, "n") != 0)
        return -1;
    if (json_object_get(series, "of") && check_count(check, series, "of") != 0)
        return -1;
    const char *kind = check_text_of(series, "kind");
    json_int_t n = json_integer_value(json_object_get(series, "n"));
    if (!kind || (strcmp(kind, "time") && strcmp(kind, "real") && strcmp(kind, "bits") &&
                  strcmp(kind, "count") && strcmp(kind, "histogram") && strcmp(kind, "tree")))
        return check_refuse(
            check, "a series' \"kind\" must be time, real, bits, count, histogram or tree");
    if (strcmp(kind, "histogram") == 0 && !json_is_true(json_object_get(series, "left_out")))
        return check_histogram(check, series, n);
    const json_t *values = json_object_get(series, "values"),
                 *file = json_object_get(series, "file");
    if (json_is_true(json_object_get(series, "left_out")))
        return check_left_out(check, series, kind);
    if (!values == !file)
        return check_refuse(check, "a series needs either \"values\" or a \"file\"");
    if (values && (!json_is_array(values) || (json_int_t)json_array_size(values) != n))
        return check_refuse(check, "a series' \"values\" must be a list of length n");
    if (!values && check_side(check, series, kind) != 0)
        return -1;
    if (strcmp(kind, "bits") == 0)
        return check_bits(check, series, values);
    if (strcmp(kind, "tree") == 0) {
        if (values && (n != 1 || !json_is_string(json_array_get(values, 0))))
            return check_refuse(check, "a tree series holds one text");
        return 0;
    }
    return values ? check_numbers(check, values, kind) : 0;
}

static int check_case(struct check *check, const json_t *record) {
    const char *id = check_text_of(record, "id"), *device = check_text_of(record, "device");
    if (!id || !record_id_is_good(id))
        return check_refuse(check, "\"id\" must be a text of 1 to %d bytes", RECORD_ID_MAX);
    if (!device || !record_device_is_good(device))
        return check_refuse(check, "\"device\" must be a device's name");
    if (check_group(check, record, "params", true) != 0 ||
        check_group(check, record, "counters", false) != 0 ||
        optional_object(check, record, "plan") != 0 || optional_object(check, record, "state") != 0)
        return -1;
    static const char *const measured[] = {"bench", "clock", "energy"};
    for (size_t k = 0; k < sizeof measured / sizeof *measured; k++)
        if (json_object_get(record, measured[k]) &&
            check_group(check, record, measured[k], true) != 0)
            return -1;
    if (check_rows(check, record) != 0 || check_together(check, record) != 0)
        return -1;
    const json_t *list = json_object_get(record, "series");
    if (!json_is_array(list))
        return check_refuse(check, "\"series\" must be a list");
    if (json_array_size(list) > RECORD_SERIES_MAX)
        return check_refuse(check, "\"series\" holds more than %d", RECORD_SERIES_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *series = json_array_get(list, i);
        if (check_series(check, series) != 0)
            return -1;
        for (size_t k = 0; k < i; k++)
            if (strcmp(check_text_of(series, "name"),
                       check_text_of(json_array_get(list, k), "name")) == 0)
                return check_refuse(check, "two series have the name \"%.60s\"",
                                    check_text_of(series, "name"));
    }
    return 0;
}

static int check_end(struct check *check, const json_t *record) {
    const char *previous = check_text_of(record, "previous");
    if (!previous || !sha_is_digest(previous))
        return check_refuse(check, "\"previous\" must be a hash");
    const json_t *files = json_object_get(record, "files");
    if (!json_is_object(files))
        return check_refuse(check, "\"files\" must be an object");
    const char *name;
    json_t *value;
    if (json_object_size(files) > LIMIT_SEALED_FILES)
        return check_refuse(check, "\"files\" holds more than %zu (LIMIT_SEALED_FILES)",
                            LIMIT_SEALED_FILES);
    json_object_foreach((json_t *)files, name, value) {
        if (strchr(name, '/') || name[0] == '.' || !name[0] || strlen(name) > 200)
            return check_refuse(check, "\"files\" holds a name that is no plain file name");
        if (!json_is_string(value) || !sha_is_digest(json_string_value(value)))
            return check_refuse(check, "\"files\" must hold SHA-256 digests");
    }
    return check_count(check, record, "cases");
}

int record_check(const json_t *record, char *why, size_t why_size) {
    struct check check = {why, why_size};
    if (!json_is_object(record))
        return check_refuse(&check, "a record must be an object");
    switch (record_kind(record)) {
    case RECORD_START:
        return check_start(&check, record);
    case RECORD_RESUME:
        return check_text(&check, record, "started", false);
    case RECORD_NOTE:
        return check_text(&check, record, "text", false);
    case RECORD_CASE:
        return check_case(&check, record);
    case RECORD_END:
        return check_end(&check, record);
    case RECORD_BAD:
        break;
    }
    return check_refuse(&check, "\"record\" must be start, resume, note, case or end");
}

int record_check_run(const json_t *run, char *why, size_t why_size) {
    struct check check = {why, why_size};
    if (!json_is_object(run) || check_format(&check, run) != 0)
        return json_is_object(run) ? -1 : check_refuse(&check, "it must be an object");
    if (!json_is_object(json_object_get(run, "software")) ||
        !json_is_object(json_object_get(run, "machine")))
        return check_refuse(&check, "\"software\" and \"machine\" must be objects");
    const json_t *asked = json_object_get(run, "run");
    if (!json_is_object(asked))
        return check_refuse(&check, "\"run\" must be an object");
    if (check_mode_and_seed(&check, asked) != 0 ||
        check_text(&check, asked, "device_list", true) != 0 ||
        check_text(&check, asked, "label", true) != 0 ||
        check_text(&check, asked, "simt_card", true) != 0 ||
        check_text(&check, asked, "start", false) != 0 ||
        check_text(&check, asked, "end", true) != 0)
        return -1;
    struct others others;
    if (json_object_get(asked, "others") && !others_of(asked, &others))
        return check_refuse(&check, "\"others\" must be {cpus, stolen, of, seconds}, with cpus and "
                                    "stolen from 0 to of");
    const json_t *trimmed = json_object_get(run, "trimmed");
    const char *content = check_text_of(trimmed, "content");
    if (trimmed &&
        (check_count(&check, trimmed, "rule") != 0 || !content || !sha_is_digest(content)))
        return check_refuse(&check, "\"trimmed\" must be {rule, content}");
    const json_t *labs = json_object_get(asked, "labs");
    if (!json_is_array(labs) || json_array_size(labs) > 32)
        return check_refuse(&check, "\"labs\" must be a list of at most 32");
    for (size_t i = 0; i < json_array_size(labs); i++) {
        const char *name = json_string_value(json_array_get(labs, i));
        if (!name || !record_lab_is_good(name))
            return check_refuse(&check, "\"labs\" holds something that is no lab's name");
    }
    const json_t *arguments = json_object_get(asked, "arguments");
    for (size_t i = 0; i < json_array_size(arguments); i++)
        if (!json_is_string(json_array_get(arguments, i)))
            return check_refuse(&check, "\"arguments\" must hold texts");
    if (!json_is_array(arguments) || !json_is_boolean(json_object_get(asked, "complete")))
        return check_refuse(&check, "\"arguments\" must be a list and \"complete\" true or false");
    return 0;
}
