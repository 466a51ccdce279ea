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
#include "harness/store/sha.h"

struct check {
    char *why;
    size_t size;
};

static int bad(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int bad(struct check *check, const char *format, ...) {
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
           strspn(device, "abcdefghijklmnopqrstuvwxyz0123456789:.-") == size;
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

static const char *text_of(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

/* A member that must be a text without control characters. */
static int need_text(struct check *check, const json_t *object, const char *name, bool null_ok) {
    const json_t *value = json_object_get(object, name);
    if (null_ok && (!value || json_is_null(value)))
        return 0;
    if (!json_is_string(value) || !no_control(json_string_value(value)))
        return bad(check, "\"%s\" must be a text without control characters", name);
    return 0;
}

static int need_count(struct check *check, const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return bad(check, "\"%s\" must be a count", name);
    return 0;
}

/* {value, low, high} */
static bool is_ratio(const json_t *value) {
    static const char *const names[] = {"value", "low", "high"};
    for (size_t k = 0; k < 3; k++) {
        const json_t *one = json_object_get(value, names[k]);
        if (!json_is_number(one) && !json_is_null(one))
            return false;
    }
    return json_object_size(value) == 3;
}

/* A group of plain values: numbers, nulls and, where `any` is set, texts and truth values;
 * otherwise numbers with their intervals. */
static int check_group(struct check *check, const json_t *record, const char *group, bool any) {
    const json_t *object = json_object_get(record, group);
    if (!json_is_object(object))
        return bad(check, "\"%s\" must be an object", group);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        if (json_is_number(value) || json_is_null(value))
            continue;
        if (any ? json_is_boolean(value) || json_is_string(value) : is_ratio(value))
            continue;
        return bad(check, "\"%s\" in \"%s\" must be a %s", name, group,
                   any ? "plain value" : "number, null, or {value, low, high}");
    }
    return 0;
}

/* Rows: a list of objects of plain values. */
static int check_rows(struct check *check, const json_t *record) {
    const json_t *rows = json_object_get(record, "rows");
    if (!rows)
        return 0;
    if (!json_is_array(rows) || json_array_size(rows) > RECORD_ROWS_MAX)
        return bad(check, "\"rows\" must be a list of at most %d", RECORD_ROWS_MAX);
    for (size_t k = 0; k < json_array_size(rows); k++) {
        const char *name;
        json_t *value, *row = json_array_get(rows, k);
        if (!json_is_object(row))
            return bad(check, "row %zu must be an object", k);
        json_object_foreach(row, name, value) {
            if (!json_is_number(value) && !json_is_null(value) && !json_is_string(value))
                return bad(check, "\"%s\" of row %zu must be a number, text or null", name, k);
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
        return bad(check, "\"group\" must be {id, entrant, of} with entrant below of");
    return 0;
}

static int optional_object(struct check *check, const json_t *record, const char *name) {
    const json_t *value = json_object_get(record, name);
    if (value && !json_is_object(value) && !json_is_null(value))
        return bad(check, "\"%s\" must be an object or null", name);
    return 0;
}

static bool is_seed(const char *text) {
    size_t size = text ? strlen(text) : 0;
    return size > 0 && size <= 20 && strspn(text, "0123456789") == size;
}

static int check_mode_and_seed(struct check *check, const json_t *object) {
    const char *mode = text_of(object, "mode");
    if (!mode || (strcmp(mode, "quick") && strcmp(mode, "default") && strcmp(mode, "full")))
        return bad(check, "\"mode\" must be quick, default or full");
    if (!is_seed(text_of(object, "seed")))
        return bad(check, "\"seed\" must be a text of decimal digits");
    return 0;
}

static int check_devices(struct check *check, const json_t *record, const char *name) {
    const json_t *list = json_object_get(record, name);
    if (!json_is_array(list) || json_array_size(list) > 16)
        return bad(check, "\"%s\" must be a list of at most 16 devices", name);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *device = json_string_value(json_array_get(list, i));
        if (!device || !record_device_is_good(device))
            return bad(check, "\"%s\" holds something that is no device", name);
    }
    return 0;
}

static int check_format(struct check *check, const json_t *object) {
    const json_t *format = json_object_get(object, "format");
    if (!json_is_integer(format) || json_integer_value(format) < 1)
        return bad(check, "\"format\" must be a number from 1");
    if (json_integer_value(format) > RECORD_FORMAT)
        return bad(check, "format %lld is newer than this program's %d; use a newer nanolab",
                   (long long)json_integer_value(format), RECORD_FORMAT);
    if (json_integer_value(format) < RECORD_FORMAT)
        return bad(check,
                   "format %lld is of a nanolab before 0.2; measure again, or read it with "
                   "that one",
                   (long long)json_integer_value(format));
    return 0;
}

static int check_start(struct check *check, const json_t *record) {
    const char *lab = text_of(record, "lab");
    if (check_format(check, record) != 0)
        return -1;
    if (!lab || !record_lab_is_good(lab))
        return bad(check, "\"lab\" must be a lab's name");
    if (check_mode_and_seed(check, record) != 0 || check_devices(check, record, "bits") != 0 ||
        check_devices(check, record, "time") != 0)
        return -1;
    if (!json_is_object(json_object_get(record, "fingerprint")))
        return bad(check, "\"fingerprint\" must be an object");
    return optional_object(check, record, "devices") ||
                   optional_object(check, record, "software") ||
                   optional_object(check, record, "quantities")
               ? -1
               : need_text(check, record, "started", false);
}

static int check_bits(struct check *check, const json_t *series, const json_t *values) {
    const json_t *width = json_object_get(series, "width");
    json_int_t bits = json_is_integer(width) ? json_integer_value(width) : 0;
    if (bits < 8 || bits > 64)
        return bad(check, "a bits series needs a \"width\" of 8 to 64");
    size_t digits = (size_t)(bits + 3) / 4;
    for (size_t i = 0; values && i < json_array_size(values); i++) {
        const char *text = json_string_value(json_array_get(values, i));
        if (!text || strlen(text) != digits || strspn(text, "0123456789abcdef") != digits ||
            (bits < 64 && strtoull(text, NULL, 16) >> bits))
            return bad(check,
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
            return bad(check, "value %zu of a %s series must be a number or null", i, what);
    }
    return 0;
}

static int check_histogram(struct check *check, const json_t *series, json_int_t n) {
    const json_t *edges = json_object_get(series, "edges"), *bins = json_object_get(series, "bins");
    if (!json_is_array(bins) || (json_int_t)json_array_size(bins) != n)
        return bad(check, "a histogram needs \"bins\" of length n");
    if (!json_is_array(edges) || (json_int_t)json_array_size(edges) != n + 1)
        return bad(check, "a histogram needs \"edges\" of length n + 1");
    for (size_t i = 0; i < json_array_size(bins); i++)
        if (!json_is_integer(json_array_get(bins, i)) ||
            json_integer_value(json_array_get(bins, i)) < 0)
            return bad(check, "bin %zu of a histogram must be a count", i);
    return check_numbers(check, edges, "histogram's edges");
}

static int check_side(struct check *check, const json_t *series, const char *kind) {
    const char *file = text_of(series, "file"), *sha = text_of(series, "sha256");
    if (!file || !record_side_is_good(file))
        return bad(check, "\"file\" must be the plain name of a side file");
    if (!sha || !sha_is_digest(sha))
        return bad(check, "a side file needs its \"sha256\"");
    const char *extension = strchr(file, '.') + 1;
    bool fits = strcmp(kind, "tree") == 0 ? strcmp(extension, "txt") == 0
                : strcmp(kind, "time") == 0 || strcmp(kind, "real") == 0
                    ? strcmp(extension, "f64") == 0
                : strcmp(kind, "bits") == 0 ? extension[0] == 'u'
                                            : extension[0] == 'u' || extension[0] == 'f';
    return fits ? 0 : bad(check, "a %s series does not go into a .%s file", kind, extension);
}

static int check_series(struct check *check, const json_t *series) {
    if (!json_is_object(series))
        return bad(check, "a series must be an object");
    if (need_text(check, series, "name", false) != 0 ||
        need_text(check, series, "unit", false) != 0 || need_count(check, series, "n") != 0)
        return -1;
    const char *kind = text_of(series, "kind");
    json_int_t n = json_integer_value(json_object_get(series, "n"));
    if (!kind || (strcmp(kind, "time") && strcmp(kind, "real") && strcmp(kind, "bits") &&
                  strcmp(kind, "count") && strcmp(kind, "histogram") && strcmp(kind, "tree")))
        return bad(check, "a series' \"kind\" must be time, real, bits, count, histogram or tree");
    if (strcmp(kind, "histogram") == 0)
        return check_histogram(check, series, n);
    const json_t *values = json_object_get(series, "values");
    if (!values == !json_object_get(series, "file"))
        return bad(check, "a series needs either \"values\" or a \"file\"");
    if (values && (!json_is_array(values) || (json_int_t)json_array_size(values) != n))
        return bad(check, "a series' \"values\" must be a list of length n");
    if (!values && check_side(check, series, kind) != 0)
        return -1;
    if (strcmp(kind, "bits") == 0)
        return check_bits(check, series, values);
    if (strcmp(kind, "tree") == 0) {
        if (values && (n != 1 || !json_is_string(json_array_get(values, 0))))
            return bad(check, "a tree series holds one text");
        return 0;
    }
    return values ? check_numbers(check, values, kind) : 0;
}

static int check_case(struct check *check, const json_t *record) {
    const char *id = text_of(record, "id"), *device = text_of(record, "device");
    if (!id || !record_id_is_good(id))
        return bad(check, "\"id\" must be a text of 1 to %d bytes", RECORD_ID_MAX);
    if (!device || !record_device_is_good(device))
        return bad(check, "\"device\" must be a device's name");
    if (check_group(check, record, "params", true) != 0 ||
        check_group(check, record, "counters", false) != 0 ||
        optional_object(check, record, "plan") != 0 || optional_object(check, record, "state") != 0)
        return -1;
    if (json_object_get(record, "bench") && check_group(check, record, "bench", true) != 0)
        return -1;
    if (check_rows(check, record) != 0 || check_together(check, record) != 0)
        return -1;
    const json_t *list = json_object_get(record, "series");
    if (!json_is_array(list))
        return bad(check, "\"series\" must be a list");
    if (json_array_size(list) > RECORD_SERIES_MAX)
        return bad(check, "\"series\" holds more than %d", RECORD_SERIES_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *series = json_array_get(list, i);
        if (check_series(check, series) != 0)
            return -1;
        for (size_t k = 0; k < i; k++)
            if (strcmp(text_of(series, "name"), text_of(json_array_get(list, k), "name")) == 0)
                return bad(check, "two series have the name \"%.60s\"", text_of(series, "name"));
    }
    return 0;
}

static int check_end(struct check *check, const json_t *record) {
    const char *previous = text_of(record, "previous");
    if (!previous || !sha_is_digest(previous))
        return bad(check, "\"previous\" must be a hash");
    const json_t *files = json_object_get(record, "files");
    if (!json_is_object(files))
        return bad(check, "\"files\" must be an object");
    const char *name;
    json_t *value;
    if (json_object_size(files) > LIMIT_SEALED_FILES)
        return bad(check, "\"files\" holds more than %zu (LIMIT_SEALED_FILES)", LIMIT_SEALED_FILES);
    json_object_foreach((json_t *)files, name, value) {
        if (strchr(name, '/') || name[0] == '.' || !name[0] || strlen(name) > 200)
            return bad(check, "\"files\" holds a name that is no plain file name");
        if (!json_is_string(value) || !sha_is_digest(json_string_value(value)))
            return bad(check, "\"files\" must hold SHA-256 digests");
    }
    return need_count(check, record, "cases");
}

int record_check(const json_t *record, char *why, size_t why_size) {
    struct check check = {why, why_size};
    if (!json_is_object(record))
        return bad(&check, "a record must be an object");
    switch (record_kind(record)) {
    case RECORD_START:
        return check_start(&check, record);
    case RECORD_RESUME:
        return need_text(&check, record, "started", false);
    case RECORD_NOTE:
        return need_text(&check, record, "text", false);
    case RECORD_CASE:
        return check_case(&check, record);
    case RECORD_END:
        return check_end(&check, record);
    case RECORD_BAD:
        break;
    }
    return bad(&check, "\"record\" must be start, resume, note, case or end");
}

int record_check_run(const json_t *run, char *why, size_t why_size) {
    struct check check = {why, why_size};
    if (!json_is_object(run) || check_format(&check, run) != 0)
        return json_is_object(run) ? -1 : bad(&check, "it must be an object");
    if (!json_is_object(json_object_get(run, "software")) ||
        !json_is_object(json_object_get(run, "machine")))
        return bad(&check, "\"software\" and \"machine\" must be objects");
    const json_t *asked = json_object_get(run, "run");
    if (!json_is_object(asked))
        return bad(&check, "\"run\" must be an object");
    if (check_mode_and_seed(&check, asked) != 0 ||
        need_text(&check, asked, "device_list", true) != 0 ||
        need_text(&check, asked, "label", true) != 0 ||
        need_text(&check, asked, "start", false) != 0 || need_text(&check, asked, "end", true) != 0)
        return -1;
    const json_t *labs = json_object_get(asked, "labs");
    if (!json_is_array(labs) || json_array_size(labs) > 32)
        return bad(&check, "\"labs\" must be a list of at most 32");
    for (size_t i = 0; i < json_array_size(labs); i++) {
        const char *name = json_string_value(json_array_get(labs, i));
        if (!name || !record_lab_is_good(name))
            return bad(&check, "\"labs\" holds something that is no lab's name");
    }
    const json_t *arguments = json_object_get(asked, "arguments");
    for (size_t i = 0; i < json_array_size(arguments); i++)
        if (!json_is_string(json_array_get(arguments, i)))
            return bad(&check, "\"arguments\" must hold texts");
    if (!json_is_array(arguments) || !json_is_boolean(json_object_get(asked, "complete")))
        return bad(&check, "\"arguments\" must be a list and \"complete\" true or false");
    return 0;
}

/* The rows under a statement. */
static int check_numbers_of(struct check *check, const json_t *claim) {
    const json_t *numbers = json_object_get(claim, "numbers");
    if (numbers && (!json_is_array(numbers) || json_array_size(numbers) > 64))
        return bad(check, "\"numbers\" must be a list of at most 64");
    for (size_t k = 0; k < json_array_size(numbers); k++) {
        json_t *one = json_array_get(numbers, k), *plain = json_copy(one);
        if (!plain)
            return bad(check, "out of memory");
        json_object_del(plain, "what");
        json_object_del(plain, "unit");
        bool good = need_text(check, one, "what", false) == 0 &&
                    need_text(check, one, "unit", false) == 0 && is_ratio(plain);
        json_decref(plain);
        if (!good)
            return bad(check, "number %zu must be {what, unit, value, low, high}", k);
    }
    return 0;
}

static int check_claim(struct check *check, const json_t *claim) {
    const char *verdict = text_of(claim, "verdict"), *device = text_of(claim, "device");
    if (!json_is_object(claim) || need_text(check, claim, "id", false) != 0)
        return bad(check, "a claim needs an \"id\"");
    if (!verdict || (strcmp(verdict, "confirmed") && strcmp(verdict, "refuted") &&
                     strcmp(verdict, "bounded") && strcmp(verdict, "not-testable-here")))
        return bad(check, "\"verdict\" must be confirmed, refuted, bounded or not-testable-here");
    if (!device || !record_device_is_good(device))
        return bad(check, "\"device\" must be a device's name");
    static const char *const counts[] = {"held", "against", "open"};
    if (need_count(check, claim, "checked") != 0)
        return -1;
    json_int_t left = json_integer_value(json_object_get(claim, "checked"));
    if (left > LIMIT_COUNT)
        return bad(check, "\"checked\" is more than %lld (LIMIT_COUNT)", (long long)LIMIT_COUNT);
    for (size_t k = 0; k < 3; k++) {
        if (need_count(check, claim, counts[k]) != 0)
            return -1;
        json_int_t one = json_integer_value(json_object_get(claim, counts[k]));
        if (one > left)
            return bad(check, "\"held\", \"against\" and \"open\" exceed \"checked\"");
        left -= one;
    }
    if (left != 0)
        return bad(check, "\"held\", \"against\" and \"open\" do not add up to \"checked\"");
    if (need_text(check, claim, "control", true) != 0 || check_numbers_of(check, claim) != 0 ||
        need_text(check, claim, "claim", true) != 0 ||
        need_text(check, claim, "statement", true) != 0 ||
        need_text(check, claim, "range", true) != 0 || need_text(check, claim, "reason", true) != 0)
        return -1;
    const json_t *broken = json_object_get(claim, "broken");
    if (broken && !json_is_boolean(broken))
        return bad(check, "\"broken\" must be true or false");
    const json_t *evidence = json_object_get(claim, "evidence");
    if (!json_is_array(evidence) || json_array_size(evidence) > 32)
        return bad(check, "\"evidence\" must be a list of at most 32 case ids");
    for (size_t i = 0; i < json_array_size(evidence); i++) {
        const char *id = json_string_value(json_array_get(evidence, i));
        if (!id || !record_id_is_good(id))
            return bad(check, "\"evidence\" holds something that is no case id");
    }
    return 0;
}

int record_check_claims(const json_t *document, const char *lab, char *why, size_t why_size) {
    struct check check = {why, why_size};
    const json_t *claims = json_object_get(document, "claims");
    const char *named = text_of(document, "lab");
    if (check_format(&check, document) != 0)
        return -1;
    if (!named || strcmp(named, lab) != 0)
        return bad(&check, "\"lab\" is not \"%s\": these are another lab's claims", lab);
    if (json_array_size(claims) > LIMIT_CLAIMS)
        return bad(&check, "\"claims\" holds more than %zu (LIMIT_CLAIMS)", LIMIT_CLAIMS);
    if (!json_is_array(claims))
        return bad(&check, "\"claims\" must be a list");
    for (size_t i = 0; i < json_array_size(claims); i++) {
        char inner[160];
        struct check one = {inner, sizeof inner};
        if (check_claim(&one, json_array_get(claims, i)) != 0)
            return bad(&check, "claim %zu: %s", i + 1, inner);
    }
    return 0;
}
