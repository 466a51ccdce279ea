/*
 * compare_google.c: Google Benchmark's JSON as a session (compare_foreign.h). Its schema is what
 * the library's JSONReporter writes; files of before 2019 have no "run_type" and no "run_name".
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare_foreign_inside.h"
#include "harness/error.h"

/* Of a name's repetitions, seconds; NaN: not there. */
struct aggregates {
    double median, mean;
};

struct google {
    struct foreign *f;
    const char *executable;
    bool ours;               /* nanolab export made it */
    struct aggregates *list; /* [room] of the session's cases */
    size_t room;
};

/* What an entry says. */
struct entry {
    const char *name, *run_name, *type, *aggregate, *unit, *aggregate_unit;
    double seconds; /* NaN: it has no time */
    bool failed;
};

static int short_of_memory(const struct google *g) {
    return error_set("%s: out of memory; close other programs", g->f->path);
}

/* --- an entry ----------------------------------------------------------------------------------
 */

static int scale_of(const struct google *g, const char *unit, double *scale) {
    static const struct {
        const char *name;
        double scale;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}};
    for (size_t k = 0; k < sizeof units / sizeof *units; k++)
        if (strcmp(unit, units[k].name) == 0) {
            *scale = units[k].scale;
            return 0;
        }
    return foreign_refuse(g->f, "time_unit \"%.40s\" is not known; ns, us, ms and s are", unit);
}

static int read_time(const struct google *g, const json_t *object, struct entry *e) {
    const json_t *time = json_object_get(object, "real_time");
    double scale = 1;
    e->seconds = NAN;
    if (!time) /* as of an aggregate that is no time */
        return 0;
    if (!json_is_number(time))
        return foreign_refuse(g->f, "\"real_time\" is no number; take an intact copy");
    if (scale_of(g, e->unit ? e->unit : "ns", &scale) != 0)
        return -1;
    e->seconds = json_number_value(time) * scale;
    return 0;
}

/* "BM_x_median" of an old file. */
static void split_old_name(struct entry *e, char base[FOREIGN_NAME]) {
    static const char *const ends[] = {"mean", "median", "stddev", "cv", "BigO", "RMS"};
    const char *end = strrchr(e->name, '_');
    for (size_t k = 0; end && k < sizeof ends / sizeof *ends; k++)
        if (strcmp(end + 1, ends[k]) == 0 && end - e->name < FOREIGN_NAME) {
            memcpy(base, e->name, (size_t)(end - e->name));
            base[end - e->name] = '\0';
            e->type = "aggregate";
            e->aggregate = ends[k];
            e->run_name = base;
        }
}

static int read_entry(const struct google *g, const json_t *object, struct entry *e,
                      char base[FOREIGN_NAME]) {
    const struct foreign *f = g->f;
    if (!json_is_object(object))
        return foreign_refuse(f, "an entry is no object; take an intact copy");
    if (foreign_text(f, object, "name", &e->name) != 0 ||
        foreign_text(f, object, "run_name", &e->run_name) != 0 ||
        foreign_text(f, object, "run_type", &e->type) != 0 ||
        foreign_text(f, object, "aggregate_name", &e->aggregate) != 0 ||
        foreign_text(f, object, "aggregate_unit", &e->aggregate_unit) != 0 ||
        foreign_text(f, object, "time_unit", &e->unit) != 0 || read_time(g, object, e) != 0)
        return -1;
    if (!e->name || !*e->name)
        return foreign_refuse(f, "an entry has no name; take an intact copy");
    e->failed = json_is_true(json_object_get(object, "error_occurred")) ||
                json_is_true(json_object_get(object, "skipped"));
    if (!e->type) {
        e->type = "iteration";
        split_old_name(e, base);
    }
    if (strcmp(e->type, "iteration") != 0 && strcmp(e->type, "aggregate") != 0)
        return foreign_refuse(f, "run_type \"%.40s\" is not known; iteration and aggregate are",
                              e->type);
    return 0;
}

/* --- whose case it is --------------------------------------------------------------------------
 */

/* "ID/DEVICE", or "ID/DEVICE/SERIES", which is not the case's time: *other. */
static bool split_ours(const char *name, char id[FOREIGN_NAME], char device[24], bool *other) {
    const char *end = name + strlen(name);
    for (int part = 0; part < 2; part++) {
        const char *slash = memrchr(name, '/', (size_t)(end - name));
        if (!slash || slash - name >= FOREIGN_NAME)
            return false;
        size_t size = (size_t)(end - slash - 1);
        if (foreign_is_our_device(slash + 1, size)) {
            memcpy(id, name, (size_t)(slash - name));
            id[slash - name] = '\0';
            memcpy(device, slash + 1, size);
            device[size] = '\0';
            *other = part > 0;
            return true;
        }
        end = slash;
    }
    return false;
}

/* Of ids "00/…": the executable's name where it is that lab's, else "00". */
static const char *lab_of(const struct google *g, const char *id, char lab[64]) {
    size_t n = strcspn(id, "/");
    if (n >= 64 || (g->executable && strncmp(id, g->executable, n) == 0))
        return g->executable;
    memcpy(lab, id, n);
    lab[n] = '\0';
    return lab;
}

static struct compare_case *case_of(struct google *g, const char *name, bool *other) {
    char id[FOREIGN_NAME], device[24], lab[64];
    bool is_new;
    *other = false;
    struct compare_case *c;
    if (g->ours && split_ours(name, id, device, other))
        c = *other ? NULL : foreign_case(g->f, lab_of(g, id, lab), id, device, &is_new);
    else
        c = foreign_case(g->f, g->executable ? g->executable : "benchmarks", name, "cpu", &is_new);
    if (*other)
        foreign_find(&g->f->other, name);
    return c;
}

/* --- samples -----------------------------------------------------------------------------------
 */

static int add_aggregate(struct google *g, const struct entry *e) {
    bool median = e->aggregate && strcmp(e->aggregate, "median") == 0, other;
    if (!e->run_name || isnan(e->seconds) || !e->aggregate ||
        (!median && strcmp(e->aggregate, "mean") != 0) ||
        (e->aggregate_unit && strcmp(e->aggregate_unit, "time") != 0))
        return 0;
    struct compare_case *c = case_of(g, e->run_name, &other);
    if (!c)
        return other ? 0 : -1;
    size_t number = (size_t)(c - g->f->session->cases);
    if (number >= g->room) {
        size_t room = 2 * number + 64;
        struct aggregates *more = realloc(g->list, room * sizeof *more);
        if (!more)
            return short_of_memory(g);
        while (g->room < room)
            more[g->room++] = (struct aggregates){NAN, NAN};
        g->list = more;
    }
    *(median ? &g->list[number].median : &g->list[number].mean) = e->seconds;
    return 0;
}

static int add_entry(struct google *g, const json_t *object) {
    char base[FOREIGN_NAME];
    struct entry e;
    bool other;
    if (read_entry(g, object, &e, base) != 0)
        return -1;
    if (e.failed) {
        foreign_find(&g->f->failed, e.name);
        return 0;
    }
    if (strcmp(e.type, "aggregate") == 0)
        return add_aggregate(g, &e);
    if (isnan(e.seconds))
        return foreign_refuse(g->f, "an entry has no \"real_time\"; take an intact copy");
    struct compare_case *c = case_of(g, e.name, &other);
    return c ? foreign_sample(g->f, c, e.seconds) : other ? 0 : -1;
}

static int element(void *context, struct pull_json *json) {
    json_t *object = pull_json_value(json);
    int status = object ? add_entry(context, object) : -1;
    json_decref(object);
    return status;
}

/* Where a name has no repetitions. */
static int settle(struct google *g) {
    struct compare_session *s = g->f->session;
    struct foreign_found medians = {0}, means = {0};
    int status = 0;
    for (size_t k = 0; status == 0 && k < g->room && k < s->count; k++) {
        const struct aggregates *a = &g->list[k];
        bool median = !isnan(a->median);
        if (s->cases[k].timed > 0 || (!median && isnan(a->mean)))
            continue;
        foreign_find(median ? &medians : &means, s->cases[k].id);
        status = foreign_sample(g->f, &s->cases[k], median ? a->median : a->mean);
    }
    if (status == 0)
        status = foreign_note(g->f, &medians, "cases have no repetitions but their median alone");
    if (status == 0)
        status = foreign_note(g->f, &means, "cases have no repetitions but their mean alone");
    return status;
}

static int member(void *context, struct pull_json *json, const char *name) {
    return strcmp(name, "benchmarks") == 0 ? pull_json_list(json, element, context)
                                           : pull_json_skip(json);
}

/* The library's own context names the host and its version, ours neither. */
static bool is_ours(const json_t *context, const char *executable) {
    return executable && isdigit((unsigned char)executable[0]) &&
           isdigit((unsigned char)executable[1]) && executable[2] == '-' &&
           !json_object_get(context, "host_name") && !json_object_get(context, "library_version");
}

int foreign_google_benchmark(struct foreign *f) {
    const json_t *context = json_object_get(f->head, "context");
    struct google g = {.f = f};
    const char *date;
    if (foreign_text(f, context, "executable", &g.executable) != 0 ||
        foreign_text(f, context, "date", &date) != 0)
        return -1;
    g.ours = is_ours(context, g.executable);
    if (g.executable && !*g.executable)
        g.executable = NULL;
    if (g.executable && strrchr(g.executable, '/'))
        g.executable = strrchr(g.executable, '/') + 1;
    int status = foreign_run(f, g.executable, date);
    if (status == 0)
        status = pull_json_object(&f->json, member, &g);
    if (status == 0)
        status = settle(&g);
    free(g.list);
    return status;
}
