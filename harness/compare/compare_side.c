/*
 * compare_side.c: one side of a comparison: its sessions, each read and checked in one pass, and
 * what each case's sessions say together (compare.h).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/compare/compare_claims.h"
#include "harness/compare/compare_foreign.h"
#include "harness/compare/compare_record.h"
#include "harness/compare/compare_session.h"
#include "harness/error.h"
#include "harness/lab/lab.h"
#include "harness/measure/stats.h"
#include "harness/store/checked.h"
#include "harness/store/folder.h"
#include "harness/store/pack.h"
#include "harness/store/reader.h"
#include "harness/store/record.h"
#include "harness/store/series.h"
#include "harness/text.h"

static int short_of_memory(void) {
    return error_set("out of memory; close other programs");
}

/* --- one session -------------------------------------------------------------------------------
 */

static void free_case(struct compare_case *c) {
    free(c->id);
    free(c->times);
    free(c->settings);
}

/* What a contest cut short at the journal's end has added is no case. */
static void end_lab(struct compare_session *s) {
    while (s->reader && s->count > s->before + s->reader->case_count)
        compare_session_drop(s);
    s->before = s->count;
    s->reader = NULL;
}

const char *compare_session_lab(struct compare_session *s, const char *name, json_t *code) {
    json_t *list = s->side->code;
    if (json_object_get(list, name))
        json_decref(code);
    else if (json_object_set_new(list, name, code ? code : json_null()) != 0)
        return NULL;
    return json_object_iter_key(json_object_iter_at(list, name));
}

#define MODELS_MOST 256 /* no machine has more devices */

/* Nothing is kept of a stranger's start record but short texts. */
static int add_models(json_t *list, json_t *models) {
    const char *device;
    json_t *model;
    json_object_foreach(models, device, model) {
        if (json_object_size(list) < MODELS_MOST && json_is_string(model) &&
            json_string_length(model) < 256 && record_device_is_good(device) &&
            !json_object_get(list, device) && json_object_set(list, device, model) != 0)
            return -1;
    }
    return 0;
}

static int begin_lab(void *context, const struct reader *reader) {
    struct compare_session *s = context;
    end_lab(s);
    const json_t *fingerprint = json_object_get(reader->start, "fingerprint");
    json_t *models = json_object_get(fingerprint, "devices");
    json_t *binary = json_object_get(fingerprint, "kernel_binary");
    const char *digest = json_string_value(binary);
    s->reader = reader;
    s->lab = compare_session_lab(s, json_string_value(json_object_get(reader->start, "lab")),
                                 digest && sha_is_digest(digest) ? json_incref(binary) : NULL);
    s->units = json_object_get(reader->start, "quantities");
    /* A folder without them has none. */
    if (!s->lab || add_models(s->side->models, models) != 0 ||
        compare_code_start(s->side, s->lab, reader->start) != 0)
        return short_of_memory();
    return 0;
}

struct compare_case *compare_session_case(struct compare_session *s) {
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 256;
        struct compare_case *more = realloc(s->cases, room * sizeof *more);
        if (!more)
            return NULL;
        s->cases = more;
        s->room = room;
    }
    struct compare_case *c = &s->cases[s->count++];
    *c = (struct compare_case){.lab = s->lab, .roof = NAN};
    return c;
}

int compare_case_add(struct compare_case *c, const struct compare_time *times, size_t count) {
    if (count > c->room - c->timed) {
        size_t room = 2 * c->timed + count;
        struct compare_time *more = realloc(c->times, room * sizeof *more);
        if (!more)
            return -1;
        c->times = more;
        c->room = room;
    }
    for (size_t k = 0; k < count; k++)
        c->times[c->timed++] = times[k];
    return 0;
}

/* With what malloc() adds to each. */
static size_t bytes_of(const struct compare_case *c) {
    return sizeof *c + 48 + strlen(c->id) + c->room * sizeof *c->times +
           (c->settings ? compare_settings_bytes(c->settings) : 0);
}

int compare_session_count(struct compare_session *s, const char *path) {
    s->bytes += bytes_of(&s->cases[s->count - 1]);
    if (s->side->bytes + s->bytes <= LIMIT_COMPARE_BYTES)
        return 0;
    return error_set("%s: with it, the names, parameters and plans of the side's cases take more "
                     "than %zu MiB (LIMIT_COMPARE_BYTES); compare a part of it",
                     path, LIMIT_COMPARE_BYTES >> 20);
}

static int see_case(void *context, const struct reader *reader, const json_t *record) {
    struct compare_session *s = context;
    const struct reader_case *read = &reader->cases[reader->case_count - 1];
    struct compare_case *c = compare_session_case(s);
    if (!c)
        return short_of_memory();
    c->id = strdup(read->id);
    snprintf(c->device, sizeof c->device, "%s", read->device);
    c->settings = compare_settings_of(&s->side->shapes, record, &s->side->bytes);
    c->has_bits = compare_record_bits(s->units, record, &c->bits);
    c->arrival = compare_arrival_of(s->units, record);
    c->rows = compare_record_rows(s->units, record);
    c->has_tree = compare_record_has_tree(record);
    c->throttled = compare_record_throttled(record);
    c->pages = (unsigned char)compare_record_pages(record);
    compare_meter_read(&c->meter, record);
    int use = compare_code_use(s->side, s->lab, read->id, read->device);
    if (use < 0)
        return short_of_memory();
    c->use = (uint16_t)use;
    c->roof = compare_record_roof(record);
    c->roofs = !isnan(c->roof);
    struct compare_time time = compare_record_time(record);
    if (!c->id || !c->settings || (!isnan(time.median) && compare_case_add(c, &time, 1) != 0))
        return short_of_memory();
    return compare_session_count(s, reader->path);
}

/* --- sessions together -------------------------------------------------------------------------
 */

static int by_id(const void *a, const void *b) {
    const struct compare_case *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order ? order : strcmp(x->device, y->device);
}

/* Two labs of a stranger's folder may have the same case. */
static int by_id_and_lab(const void *a, const void *b) {
    int order = by_id(a, b);
    return order ? order
                 : strcmp(((const struct compare_case *)a)->lab,
                          ((const struct compare_case *)b)->lab);
}

/* Adds to a case what a later session says of it. */
static int add_case(struct compare_case *c, const struct compare_case *more) {
    if (c->has_bits && (!more->has_bits || more->bits != c->bits))
        c->bits_vary = true;
    if (c->has_bits)
        compare_arrival_add(&c->arrival, &more->arrival);
    if (more->has_bits && !c->has_bits) {
        c->bits = more->bits;
        c->arrival = more->arrival;
        c->has_bits = true;
    }
    if (more->roofs > 0) {
        c->roof =
            c->roofs == 0 ? more->roof : c->roof + (more->roof - c->roof) / (double)(c->roofs + 1);
        c->roofs++;
    }
    c->throttled |= more->throttled;
    compare_meter_add(&c->meter, &more->meter);
    return compare_case_add(c, more->times, more->timed);
}

/* Merges a session's cases, which it takes over, with those of the sessions before. */
static int add_cases(struct compare_side *side, struct compare_session *s) {
    struct compare_case *all = malloc((side->count + s->count + 1) * sizeof *all);
    size_t i = 0, j = 0, count = 0;
    int status = 0;
    if (!all)
        return short_of_memory();
    if (s->count > 0)
        qsort(s->cases, s->count, sizeof *s->cases, by_id_and_lab);
    while (i < side->count || j < s->count) {
        bool old = j == s->count || (i < side->count && by_id(&side->cases[i], &s->cases[j]) <= 0);
        struct compare_case *next = old ? &side->cases[i++] : &s->cases[j++];
        if (count > 0 && by_id(&all[count - 1], next) == 0) {
            status |= add_case(&all[count - 1], next);
            free_case(next);
        } else {
            side->bytes += old ? 0 : bytes_of(next);
            all[count++] = *next;
        }
    }
    free(side->cases);
    side->cases = all;
    side->count = count;
    s->count = 0;
    return status == 0 ? 0 : short_of_memory();
}

/* --- a side ------------------------------------------------------------------------------------
 */

int compare_session_read(void *session, const char *dir) {
    struct compare_session *s = session;
    struct compare_side *side = s->side;
    const struct reader_watch watch = {begin_lab, see_case, s};
    struct checked *checked;
    int status = checked_open_watched(&checked, dir, &watch);
    if (status != 0)
        return -1;
    end_lab(s);
    if (!side->run)
        side->run = json_incref(checked->run);
    if (side->load_count < COMPARE_SESSIONS_MOST)
        side->loads[side->load_count++] = compare_load_of(checked->run);
    for (size_t k = 0; status == 0 && k < checked->lab_count; k++)
        if (compare_claims_add(side->claims, checked->labs[k].name, checked->labs[k].claims) != 0)
            status = short_of_memory();
        else if (json_array_size(side->claims) > LIMIT_COMPARE_CLAIMS)
            status = error_set("%s: with it, a side has more than %zu claims "
                               "(LIMIT_COMPARE_CLAIMS); compare a part of it",
                               dir, LIMIT_COMPARE_CLAIMS);
    checked_close(checked);
    return status;
}

void compare_session_drop(struct compare_session *s) {
    free_case(&s->cases[--s->count]);
}

static int add_session(struct compare_side *side, const char *path) {
    struct compare_session s = {.side = side};
    const char *before = side->foreign;
    side->foreign = NULL;
    int status = compare_foreign_is_file(path) ? compare_foreign_read(&s, path)
                                               : compare_session_read(&s, path);
    if (status == 0 && side->sessions > 0 && side->foreign != before)
        status = error_set("%s: of another kind than the sessions before it (ours, or another "
                           "tool's); make a side of each kind",
                           path);
    if (status == 0)
        status = add_cases(side, &s);
    if (status == 0 && json_array_append_new(side->folders, json_string_nocheck(path)) != 0)
        status = short_of_memory();
    while (s.count > 0)
        compare_session_drop(&s);
    free(s.cases);
    side->sessions++;
    return status;
}

/* "session-3", "session-3.zip" or "session-3.json". */
static int is_session(const struct dirent *entry) {
    static const char head[] = "session-";
    const char *digits = entry->d_name + sizeof head - 1;
    if (strncmp(entry->d_name, head, sizeof head - 1) != 0)
        return false;
    size_t count = strspn(digits, "0123456789");
    const char *rest = digits + count;
    return count > 0 && (!*rest || strcmp(rest, PACK_SUFFIX) == 0 || strcmp(rest, ".json") == 0);
}

/* A session may lie there as a folder and as its archive. */
static int check_session(const char *path, const char *dir, const char *name, const char *before) {
    size_t n = strcspn(name, ".");
    struct stat status;
    if (before && n == strcspn(before, ".") && strncmp(name, before, n) == 0)
        return error_set("%s: %s and %s are one session; leave one of them there", path, before,
                         name);
    if (name[n] && lstat(dir, &status) == 0 && !S_ISREG(status.st_mode))
        return error_set("%s: not a plain file (links are not followed); copy the file itself",
                         dir);
    return 0;
}

/* The sessions in a folder that is no result folder itself. */
static int add_sessions(struct compare_side *side, const char *path) {
    struct dirent **list;
    int count = scandir(path, &list, is_session, versionsort), status = 0;
    if (count <= 0)
        return error_set("%s: neither a result folder (no run.json) nor a folder of sessions "
                         "(session-1, session-1.zip, session-1.json, …); check the name",
                         path);
    if (count > COMPARE_SESSIONS_MOST)
        status = error_set("%s: %d sessions are more than %d; name a folder of fewer", path, count,
                           COMPARE_SESSIONS_MOST);
    for (int k = 0; status == 0 && k < count; k++) {
        char dir[FOLDER_PATH];
        if (snprintf(dir, sizeof dir, "%s/%s", path, list[k]->d_name) >= (int)sizeof dir)
            status = error_set("%s: its name is too long; use a shorter one", path);
        if (status == 0)
            status = check_session(path, dir, list[k]->d_name, k ? list[k - 1]->d_name : NULL);
        if (status == 0)
            status = add_session(side, dir);
    }
    for (int k = 0; k < count; k++)
        free(list[k]);
    free(list);
    return status;
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

static int open_sessions(struct compare_side *side, const char *path) {
    struct folder folder;
    if (compare_foreign_is_file(path))
        return add_session(side, path);
    if (folder_open(&folder, path) != 0)
        return -1;
    bool is_result = folder_has(&folder, "run.json");
    folder_close(&folder);
    return is_result ? add_session(side, path) : add_sessions(side, path);
}

int compare_side_begin(struct compare_side *side, const char *path) {
    *side = (struct compare_side){.folders = json_array(),
                                  .claims = json_array(),
                                  .code = json_object(),
                                  .models = json_object(),
                                  .kernels = json_object(),
                                  .notes = json_array()};
    name_side(side, path);
    if (!side->folders || !side->claims || !side->code || !side->models || !side->kernels ||
        !side->notes)
        return short_of_memory();
    return 0;
}

int compare_side_open(struct compare_side *side, const char *path) {
    int status = compare_side_begin(side, path);
    if (status == 0)
        status = open_sessions(side, path);
    if (status == 0 && compare_claims_settle(side->claims) != 0)
        status = short_of_memory();
    return status;
}

int compare_side_open_list(struct compare_side *side, const char *name, const char *const *paths,
                           size_t count) {
    int status = compare_side_begin(side, name);
    if (status == 0 && count > COMPARE_SESSIONS_MOST)
        status = error_set("%s: %zu sessions are more than %d", name, count, COMPARE_SESSIONS_MOST);
    for (size_t k = 0; status == 0 && k < count; k++)
        status = add_session(side, paths[k]);
    if (status == 0 && compare_claims_settle(side->claims) != 0)
        status = short_of_memory();
    return status;
}

void compare_side_close(struct compare_side *side) {
    for (size_t k = 0; k < side->count; k++)
        free_case(&side->cases[k]);
    free(side->cases);
    compare_shapes_free(side->shapes);
    json_decref(side->run);
    json_decref(side->claims);
    json_decref(side->folders);
    json_decref(side->code);
    json_decref(side->models);
    json_decref(side->notes);
    compare_code_close(side);
    *side = (struct compare_side){0};
}
