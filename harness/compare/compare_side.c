/*
 * compare_side.c: one side of a comparison: its sessions, read and checked one after another, and
 * what each case's sessions say together (compare.h).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare.h"
#include "harness/error.h"
#include "harness/lab/lab.h"
#include "harness/measure/stats.h"
#include "harness/store/checked.h"
#include "harness/store/folder.h"
#include "harness/store/reader.h"
#include "harness/store/record.h"
#include "harness/text.h"

static int short_of_memory(void) {
    return error_set("out of memory; close other programs");
}

/* --- what a record says ------------------------------------------------------------------------
 */

/* FNV-1a. */
static void add_text(uint64_t *hash, const char *text) {
    for (; *text; text++)
        *hash = (*hash ^ (unsigned char)*text) * 0x100000001b3u;
    *hash = (*hash ^ 0xff) * 0x100000001b3u;
}

/* Cells that are bit patterns: texts under names whose unit is bits. */
static void add_cells(const json_t *units, const json_t *cells, uint64_t *hash, bool *any) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)cells, name, value) {
        const char *unit = json_string_value(json_object_get(json_object_get(units, name), "unit"));
        if (!json_is_string(value) || !unit || strcmp(unit, "bits") != 0)
            continue;
        add_text(hash, name);
        add_text(hash, json_string_value(value));
        *any = true;
    }
}

static void add_series(const json_t *series, uint64_t *hash, bool *any) {
    const char *kind = json_string_value(json_object_get(series, "kind"));
    const char *name = json_string_value(json_object_get(series, "name"));
    const char *file = json_string_value(json_object_get(series, "sha256"));
    json_t *value;
    size_t k;
    if (!kind || !name || (strcmp(kind, "bits") != 0 && strcmp(kind, "tree") != 0))
        return;
    add_text(hash, name);
    *any = true;
    /* The same bits may lie in the line here and in a file there: only the number decides. */
    if (file)
        add_text(hash, file);
    json_array_foreach(json_object_get(series, "values"), k, value) {
        if (json_is_string(value))
            add_text(hash, json_string_value(value));
    }
}

static bool bits_of(const json_t *units, const json_t *record, uint64_t *hash) {
    bool any = false;
    json_t *one;
    size_t k;
    *hash = 0xcbf29ce484222325u;
    add_cells(units, json_object_get(record, "params"), hash, &any);
    json_array_foreach(json_object_get(record, "rows"), k, one) {
        add_cells(units, one, hash, &any);
    }
    json_array_foreach(json_object_get(record, "series"), k, one) {
        add_series(one, hash, &any);
    }
    return any;
}

/* Seconds a call, NaN: not timed. */
static double median_of(const json_t *record) {
    const json_t *median = json_object_get(json_object_get(record, "bench"), "median");
    double value = json_is_number(median) ? json_number_value(median) : NAN;
    return value > 0 && isfinite(value) ? value : NAN;
}

static double number_of(const json_t *counter) {
    if (json_is_object(counter))
        counter = json_object_get(counter, "value");
    return json_is_number(counter) ? json_number_value(counter) : NAN;
}

/* What NVML says of a GPU's clocks, but "idle" and what a user has set. */
static bool is_throttled(const json_t *record) {
    static const char *const when[] = {"before", "after"};
    json_t *reason;
    size_t k;
    for (size_t w = 0; w < 2; w++) {
        json_t *state = json_object_get(json_object_get(record, "state"), when[w]);
        json_array_foreach(json_object_get(state, "throttle"), k, reason) {
            const char *word = json_string_value(reason);
            if (word && strcmp(word, "idle") != 0 && strcmp(word, "applications_clocks") != 0)
                return true;
        }
    }
    return false;
}

/* --- cases -------------------------------------------------------------------------------------
 */

struct reading {
    struct compare_side *side;
    const char *lab;
    const json_t *units;
    json_t *places; /* "device id" -> index */
};

static struct compare_case *place_of(struct reading *r, const char *id, const char *device) {
    struct compare_side *side = r->side;
    char key[RECORD_ID_MAX + 32];
    snprintf(key, sizeof key, "%.23s %.*s", device, RECORD_ID_MAX, id);
    const json_t *place = json_object_get(r->places, key);
    if (place)
        return side->cases + json_integer_value(place);
    if (side->count == side->room) {
        size_t room = side->room ? 2 * side->room : 256;
        struct compare_case *more = realloc(side->cases, room * sizeof *more);
        if (!more)
            return NULL;
        side->cases = more;
        side->room = room;
    }
    struct compare_case *c = side->cases + side->count;
    *c = (struct compare_case){.id = strdup(id), .lab = r->lab, .roof = NAN};
    snprintf(c->device, sizeof c->device, "%s", device);
    if (!c->id || json_object_set_new(r->places, key, json_integer((json_int_t)side->count)) != 0) {
        free(c->id);
        return NULL;
    }
    side->count++;
    return c;
}

static int add_median(struct compare_case *c, double median) {
    if (c->timed == c->room) {
        size_t room = c->room ? 2 * c->room : 1;
        double *more = realloc(c->medians, room * sizeof *more);
        if (!more)
            return -1;
        c->medians = more;
        c->room = room;
    }
    c->medians[c->timed++] = median;
    return 0;
}

static void add_roof(struct compare_case *c, const json_t *record) {
    double roof = number_of(json_object_get(json_object_get(record, "counters"), "roof fraction"));
    if (!isfinite(roof) || roof <= 0)
        return;
    c->roof = c->roofs == 0 ? roof : c->roof + (roof - c->roof) / (double)(c->roofs + 1);
    c->roofs++;
}

static int add_record(void *context, const json_t *record) {
    struct reading *r = context;
    const char *id = json_string_value(json_object_get(record, "id"));
    const char *device = json_string_value(json_object_get(record, "device"));
    struct compare_case *c = id && device ? place_of(r, id, device) : NULL;
    if (!c)
        return short_of_memory();
    uint64_t bits;
    bool has = bits_of(r->units, record, &bits);
    if (c->has_bits && (!has || bits != c->bits))
        c->bits_vary = true;
    if (has && !c->has_bits) {
        c->bits = bits;
        c->has_bits = true;
    }
    add_roof(c, record);
    c->throttled |= is_throttled(record);
    if (!c->settings) {
        json_t *params = json_object_get(record, "params"), *plan = json_object_get(record, "plan");
        c->settings = json_pack("{s:O*, s:O*}", "params", params, "plan", plan);
        if (!c->settings)
            return short_of_memory();
    }
    double median = median_of(record);
    return isnan(median) || add_median(c, median) == 0 ? 0 : short_of_memory();
}

/* --- claims ------------------------------------------------------------------------------------
 */

static json_t *claim_like(const json_t *claims, const char *lab, const json_t *claim) {
    json_t *own;
    size_t k;
    json_array_foreach(claims, k, own) {
        if (strcmp(json_string_value(json_object_get(own, "lab")), lab) == 0 &&
            json_equal(json_object_get(own, "id"), json_object_get(claim, "id")) &&
            json_equal(json_object_get(own, "device"), json_object_get(claim, "device")))
            return own;
    }
    return NULL;
}

static int add_claims(struct compare_side *side, const struct checked_lab *lab) {
    json_t *claim;
    size_t k;
    json_array_foreach(lab->claims, k, claim) {
        json_t *own = claim_like(side->claims, lab->name, claim);
        int status = 0;
        if (!own)
            status = json_array_append_new(
                side->claims,
                json_pack("{s:s, s:O, s:O*, s:O, s:O, s:O*, s:b}", "lab", lab->name, "id",
                          json_object_get(claim, "id"), "claim", json_object_get(claim, "claim"),
                          "device", json_object_get(claim, "device"), "verdict",
                          json_object_get(claim, "verdict"), "statement",
                          json_object_get(claim, "statement"), "varies", 0));
        else if (!json_equal(json_object_get(own, "verdict"), json_object_get(claim, "verdict")))
            status = json_object_set_new(own, "varies", json_true());
        if (status != 0)
            return short_of_memory();
    }
    return 0;
}

/* --- sessions ----------------------------------------------------------------------------------
 */

/* A name that lives as long as the side, with which its executable's hash is kept. */
static const char *lab_name(struct compare_side *side, const struct checked_lab *lab) {
    const json_t *fingerprint = json_object_get(lab->reader->start, "fingerprint");
    json_t *hash = json_object_get(fingerprint, "kernel_binary");
    if (!json_object_get(side->code, lab->name) &&
        json_object_set(side->code, lab->name, hash ? hash : json_null()) != 0)
        return NULL;
    return json_object_iter_key(json_object_iter_at(side->code, lab->name));
}

static int add_session(struct compare_side *side, json_t *places, const char *dir) {
    struct checked *checked;
    if (checked_open(&checked, dir) != 0)
        return -1;
    int status = 0;
    if (!side->run)
        side->run = json_incref(checked->run);
    for (size_t k = 0; status == 0 && k < checked->lab_count; k++) {
        const struct checked_lab *lab = &checked->labs[k];
        struct reading r = {.side = side,
                            .lab = lab_name(side, lab),
                            .units = json_object_get(lab->reader->start, "quantities"),
                            .places = places};
        status = r.lab ? reader_cases(lab->reader, "", NULL, add_record, &r) : short_of_memory();
        if (status == 0)
            status = add_claims(side, lab);
    }
    checked_close(checked);
    side->sessions++;
    return status;
}

static int is_session(const struct dirent *entry) {
    static const char head[] = "session-";
    const char *digits = entry->d_name + sizeof head - 1;
    return strncmp(entry->d_name, head, sizeof head - 1) == 0 && *digits &&
           strspn(digits, "0123456789") == strlen(digits);
}

/* The sessions in a folder that is no result folder itself. */
static int add_sessions(struct compare_side *side, json_t *places, const char *path) {
    struct dirent **list;
    int count = scandir(path, &list, is_session, versionsort), status = 0;
    if (count <= 0)
        return error_set("%s: neither a result folder (no run.json) nor a folder of sessions "
                         "(session-1, …); check the name",
                         path);
    if (count > COMPARE_SESSIONS_MOST)
        status = error_set("%s: %d sessions are more than %d; name a folder of fewer", path, count,
                           COMPARE_SESSIONS_MOST);
    for (int k = 0; k < count; k++) {
        char dir[FOLDER_PATH];
        if (snprintf(dir, sizeof dir, "%s/%s", path, list[k]->d_name) >= (int)sizeof dir)
            status = error_set("%s: its name is too long; use a shorter one", path);
        if (status == 0)
            status = add_session(side, places, dir);
        free(list[k]);
    }
    free(list);
    return status;
}

static int by_id(const void *a, const void *b) {
    const struct compare_case *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order ? order : strcmp(x->device, y->device);
}

static void name_side(struct compare_side *side, const char *path) {
    char name[FOLDER_PATH];
    size_t end = strlen(path), begin;
    while (end > 1 && path[end - 1] == '/')
        end--;
    for (begin = end; begin > 0 && path[begin - 1] != '/';)
        begin--;
    snprintf(name, sizeof name, "%.*s", (int)(end - begin), path + begin);
    text_plain(side->name, sizeof side->name, *name ? name : path);
}

int compare_side_open(struct compare_side *side, const char *path) {
    struct folder folder;
    *side = (struct compare_side){.claims = json_array(), .code = json_object()};
    json_t *places = json_object();
    name_side(side, path);
    int status = side->claims && side->code && places ? 0 : short_of_memory();
    if (status == 0)
        status = folder_open(&folder, path);
    if (status == 0) {
        bool is_result = folder_has(&folder, "run.json");
        folder_close(&folder);
        status = is_result ? add_session(side, places, path) : add_sessions(side, places, path);
    }
    json_decref(places);
    if (status == 0 && side->count > 0)
        qsort(side->cases, side->count, sizeof *side->cases, by_id);
    return status;
}

void compare_side_close(struct compare_side *side) {
    for (size_t k = 0; k < side->count; k++) {
        free(side->cases[k].id);
        free(side->cases[k].medians);
        json_decref(side->cases[k].settings);
    }
    free(side->cases);
    json_decref(side->run);
    json_decref(side->claims);
    json_decref(side->code);
    *side = (struct compare_side){0};
}
