/*
 * compare_side.c: one side of a comparison: its sessions, each read and checked in one pass, and
 * what each case's sessions say together (compare.h).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare.h"
#include "harness/compare/compare_claims.h"
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
    const char *file = json_string_value(json_object_get(series, "sha256"));
    json_t *value;
    size_t k;
    if (!kind || !name || (strcmp(kind, "bits") != 0 && strcmp(kind, "tree") != 0))
        return;
    compare_hash_text(hash, name);
    *any = true;
    /* The same bits may lie in the line here and in a file there: only the number decides. */
    if (file)
        compare_hash_text(hash, file);
    json_array_foreach(json_object_get(series, "values"), k, value) {
        if (json_is_string(value))
            compare_hash_text(hash, json_string_value(value));
    }
}

static bool bits_of(const json_t *units, const json_t *record, uint64_t *hash) {
    bool any = false;
    json_t *one;
    size_t k;
    *hash = COMPARE_HASH;
    add_cells(units, json_object_get(record, "params"), hash, &any);
    json_array_foreach(json_object_get(record, "rows"), k, one) {
        add_cells(units, one, hash, &any);
    }
    json_array_foreach(json_object_get(record, "series"), k, one) {
        add_series(one, hash, &any);
    }
    return any;
}

static bool has_tree(const json_t *record) {
    json_t *one;
    size_t k;
    json_array_foreach(json_object_get(record, "series"), k, one) {
        const char *kind = json_string_value(json_object_get(one, "kind"));
        if (kind && strcmp(kind, "tree") == 0)
            return true;
    }
    return false;
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

/* --- one session -------------------------------------------------------------------------------
 */

struct session {
    struct compare_side *side;
    const struct reader *reader; /* of the lab now read … */
    const char *lab;             /* … its name, the side's own … */
    const json_t *units;
    size_t before; /* … and the cases of the labs before it */
    struct compare_case *cases;
    size_t count, room;
};

static void free_case(struct compare_case *c) {
    free(c->id);
    free(c->medians);
    free(c->settings);
}

/* What a contest cut short at the journal's end has added is no case. */
static void end_lab(struct session *s) {
    while (s->reader && s->count > s->before + s->reader->case_count)
        free_case(&s->cases[--s->count]);
    s->before = s->count;
    s->reader = NULL;
}

/* A name that lives as long as the side, with which its executable's hash is kept. */
static const char *lab_name(struct compare_side *side, const json_t *start) {
    const char *name = json_string_value(json_object_get(start, "lab"));
    json_t *hash = json_object_get(json_object_get(start, "fingerprint"), "kernel_binary");
    if (!json_object_get(side->code, name) &&
        json_object_set(side->code, name, hash ? hash : json_null()) != 0)
        return NULL;
    return json_object_iter_key(json_object_iter_at(side->code, name));
}

static int begin_lab(void *context, const struct reader *reader) {
    struct session *s = context;
    end_lab(s);
    json_t *models = json_object_get(json_object_get(reader->start, "fingerprint"), "devices");
    s->reader = reader;
    s->lab = lab_name(s->side, reader->start);
    s->units = json_object_get(reader->start, "quantities");
    /* A folder without them has none. */
    bool failed = models && json_object_update_missing(s->side->models, models) != 0;
    return s->lab && !failed ? 0 : short_of_memory();
}

static struct compare_case *new_case(struct session *s) {
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

static int add_medians(struct compare_case *c, const double *medians, size_t count) {
    if (count > c->room - c->timed) {
        size_t room = 2 * c->timed + count;
        double *more = realloc(c->medians, room * sizeof *more);
        if (!more)
            return -1;
        c->medians = more;
        c->room = room;
    }
    for (size_t k = 0; k < count; k++)
        c->medians[c->timed++] = medians[k];
    return 0;
}

static int see_case(void *context, const struct reader *reader, const json_t *record) {
    struct session *s = context;
    const struct reader_case *read = &reader->cases[reader->case_count - 1];
    struct compare_case *c = new_case(s);
    if (!c)
        return short_of_memory();
    c->id = strdup(read->id);
    snprintf(c->device, sizeof c->device, "%s", read->device);
    c->settings = compare_settings_of(&s->side->shapes, record);
    c->has_bits = bits_of(s->units, record, &c->bits);
    c->has_tree = has_tree(record);
    c->throttled = is_throttled(record);
    double roof = number_of(json_object_get(json_object_get(record, "counters"), "roof fraction"));
    if (isfinite(roof) && roof > 0) {
        c->roof = roof;
        c->roofs = 1;
    }
    double median = median_of(record);
    if (!c->id || !c->settings || (!isnan(median) && add_medians(c, &median, 1) != 0))
        return short_of_memory();
    return 0;
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
    if (more->has_bits && !c->has_bits) {
        c->bits = more->bits;
        c->has_bits = true;
    }
    if (more->roofs > 0) {
        c->roof =
            c->roofs == 0 ? more->roof : c->roof + (more->roof - c->roof) / (double)(c->roofs + 1);
        c->roofs++;
    }
    c->throttled |= more->throttled;
    return add_medians(c, more->medians, more->timed);
}

/* Merges a session's cases, which it takes over, with those of the sessions before. */
static int add_cases(struct compare_side *side, struct session *s) {
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

static int add_session(struct compare_side *side, const char *dir) {
    struct session s = {.side = side};
    const struct reader_watch watch = {begin_lab, see_case, &s};
    struct checked *checked;
    int status = checked_open_watched(&checked, dir, &watch);
    if (status == 0) {
        end_lab(&s);
        if (!side->run)
            side->run = json_incref(checked->run);
        for (size_t k = 0; status == 0 && k < checked->lab_count; k++)
            if (compare_claims_add(side->claims, checked->labs[k].name, checked->labs[k].claims) !=
                0)
                status = short_of_memory();
        checked_close(checked);
    }
    if (status == 0)
        status = add_cases(side, &s);
    while (s.count > 0)
        free_case(&s.cases[--s.count]);
    free(s.cases);
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
static int add_sessions(struct compare_side *side, const char *path) {
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
            status = add_session(side, dir);
        free(list[k]);
    }
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

int compare_side_open(struct compare_side *side, const char *path) {
    struct folder folder;
    *side = (struct compare_side){
        .claims = json_array(), .code = json_object(), .models = json_object()};
    name_side(side, path);
    int status = side->claims && side->code && side->models ? 0 : short_of_memory();
    if (status == 0)
        status = folder_open(&folder, path);
    if (status == 0) {
        bool is_result = folder_has(&folder, "run.json");
        folder_close(&folder);
        status = is_result ? add_session(side, path) : add_sessions(side, path);
    }
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
    json_decref(side->code);
    json_decref(side->models);
    *side = (struct compare_side){0};
}

/* --- several sides -----------------------------------------------------------------------------
 */

#define THREADS_MOST 4 /* each holds the keys of a folder's cases while it reads */

struct opening {
    struct compare_side *sides;
    const char *const *paths;
    char **errors; /* [count] of each side that failed */
    size_t count;
    atomic_size_t next;
    atomic_bool failed;
};

static void *open_some(void *context) {
    struct opening *o = context;
    size_t k;
    while (!o->failed && (k = o->next++) < o->count)
        if (compare_side_open(&o->sides[k], o->paths[k]) != 0) {
            o->errors[k] = strdup(error_text());
            o->failed = true;
        }
    return NULL;
}

static size_t threads_for(size_t count) {
    cpu_set_t set;
    size_t most = sched_getaffinity(0, sizeof set, &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
    most = most < THREADS_MOST ? most : THREADS_MOST;
    return count < most ? count : most;
}

int compare_sides_open(struct compare_side *sides, const char *const *paths, size_t count) {
    struct opening o = {.sides = sides, .paths = paths, .count = count};
    pthread_t threads[THREADS_MOST];
    size_t started = 0, wanted = threads_for(count);
    memset(sides, 0, count * sizeof *sides);
    o.errors = calloc(count + 1, sizeof *o.errors);
    if (!o.errors)
        return short_of_memory();
    folder_prepare_json();
    while (started + 1 < wanted && pthread_create(&threads[started], NULL, open_some, &o) == 0)
        started++;
    open_some(&o); /* this thread too: all is read where no other could be started */
    for (size_t k = 0; k < started; k++)
        pthread_join(threads[k], NULL);
    int status = o.failed ? -1 : 0;
    const char *error = NULL;
    for (size_t k = 0; k < count && !error; k++)
        error = o.errors[k];
    if (status != 0)
        error_set("%s", error ? error : "out of memory; close other programs");
    for (size_t k = 0; k < count; k++)
        free(o.errors[k]);
    free(o.errors);
    return status;
}
