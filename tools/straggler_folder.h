/*
 * straggler_folder.h: the logs that our own labs have recorded in a result folder. Folders come
 * from strangers: each is checked as a whole before anything of it is judged, and a case whose log
 * does not fit together is refused. Part of straggler.c.
 *
 * A log is a case with the parameters "log ranks", "log bytes", "log overlapped" and, where they
 * are there, "log floor" and "log floor mean" (us: floor_us and floor_mean_us of straggler.h) and
 * "log round" (steps in a row; then something else ran), "steps left out" (of a score, since the
 * machine itself made a rank late); and the series "compute", "start", "end"
 * and, where the truth is known, "stall", in us, a step's ranks together.
 */
#ifndef NANOLAB_TOOLS_STRAGGLER_FOLDER_H
#define NANOLAB_TOOLS_STRAGGLER_FOLDER_H

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/lab/lab.h"
#include "harness/store/checked.h"
#include "harness/store/record.h"
#include "tools/straggler_found.h"

struct recorded {
    char name[RECORD_ID_MAX + 40];
    struct straggler_log log;
    double *made_us; /* NULL: the truth is not known */
    const char *caveat;
    char note[120];
};

static void recorded_close(struct recorded *r) {
    straggler_log_close(&r->log);
    free(r->made_us);
}

/* --- one case ----------------------------------------------------------------------------------
 */

static const json_t *recorded_param(const json_t *record, const char *name) {
    return json_object_get(json_object_get(record, "params"), name);
}

static int recorded_refuse(const json_t *record, const char *why) {
    return error_set("case \"%.*s\": no log can be made of it: %s; take an intact copy, or run the "
                     "lab again",
                     80, json_string_value(json_object_get(record, "id")), why);
}

/* A series of `cells` numbers; NULL, after an error unless it may be missing. */
static const json_t *recorded_series(const json_t *record, const char *name, size_t cells,
                                     bool may_be_missing, int *status) {
    const json_t *series = case_series(record, name);
    char why[120];
    if (*status != 0 || (series ? case_series_length(series) == cells : may_be_missing))
        return series;
    snprintf(why, sizeof why, "its series \"%s\" has not a value for each rank and step", name);
    *status = recorded_refuse(record, why);
    return NULL;
}

/* Ranks and steps. 0, or -1 after an error. */
static int recorded_size(const json_t *record, unsigned *ranks, size_t *steps) {
    const json_t *n = recorded_param(record, "log ranks");
    json_int_t value = json_is_integer(n) ? json_integer_value(n) : 0;
    size_t cells = case_series_length(case_series(record, "end"));
    if (value < 1 || value > STRAGGLER_RANKS_MOST)
        return recorded_refuse(record, "\"log ranks\" is no number of ranks");
    if (cells == 0 || cells > STRAGGLER_CELLS_MOST || cells % (size_t)value != 0)
        return recorded_refuse(record, "its series \"end\" has not a value for each rank and step");
    *ranks = (unsigned)value;
    *steps = cells / (size_t)value;
    return 0;
}

static double recorded_number(const json_t *record, const char *name) {
    const json_t *value = recorded_param(record, name);
    double us = json_is_number(value) ? json_number_value(value) : 0;
    return us > 0 && isfinite(us) ? us : 0;
}

static void recorded_steps(const json_t *record, struct straggler_log *log) {
    double round = recorded_number(record, "log round");
    size_t each = round >= 1 && round < (double)log->steps ? (size_t)round : log->steps;
    const json_t *bytes = recorded_param(record, "log bytes");
    json_int_t n = json_is_integer(bytes) ? json_integer_value(bytes) : 0;
    for (size_t k = 0; k < log->steps; k++)
        log->step[k] = (struct straggler_step){.collective = STRAGGLER_ALL_REDUCE,
                                               .bytes = n > 0 ? (uint64_t)n : 0,
                                               .sequence = k + k / each};
    const char *engine = json_string_value(recorded_param(record, "engine"));
    log->overlapped = json_is_true(recorded_param(record, "log overlapped"));
    log->common_clock = engine && strcmp(engine, "smpi") == 0; /* simulated time */
    log->floor_us = recorded_number(record, "log floor");
    log->floor_mean_us = recorded_number(record, "log floor mean");
}

/* Whoever has no start did not enter, and whoever has no end did not leave. */
static int recorded_cells(const json_t *record, struct recorded *r) {
    struct straggler_log *log = &r->log;
    size_t cells = log->steps * log->ranks;
    int status = 0;
    const json_t *compute = recorded_series(record, "compute", cells, true, &status);
    const json_t *start = recorded_series(record, "start", cells, false, &status);
    const json_t *end = recorded_series(record, "end", cells, false, &status);
    const json_t *made = recorded_series(record, "stall", cells, true, &status);
    if (status != 0)
        return -1;
    log->has_compute = compute != NULL;
    memset(log->launched, 0, log->ranks * sizeof *log->launched);
    for (size_t k = 0; k < cells; k++) {
        struct straggler_cell *c = log->cell + k;
        c->compute_us = compute ? case_series_real_at(compute, k) : NAN;
        c->start_us = case_series_real_at(start, k);
        c->end_us = case_series_real_at(end, k);
        c->joined = isfinite(c->start_us);
        log->present[k % log->ranks] |= c->joined;
        log->launched[k % log->ranks] += c->joined;
        log->has_pending |= !c->joined || isnan(c->end_us);
        log->has_compute &= isfinite(c->compute_us) || !c->joined;
        if (c->joined && (c->end_us < c->start_us || isinf(c->end_us) || c->compute_us < 0))
            return recorded_refuse(record, "a time of it runs backwards");
        if (made && !(case_series_real_at(made, k) >= 0))
            return recorded_refuse(record, "its series \"stall\" has a value that is no time");
    }
    if (made && !(r->made_us = malloc(cells * sizeof *r->made_us)))
        return error_set("not enough memory for %zu steps", log->steps);
    for (size_t k = 0; made && k < cells; k++)
        r->made_us[k] = case_series_real_at(made, k);
    return 0;
}

/* 0, 1: the case has no log, or -1 after an error; close it after 0 only. */
static int recorded_read(const json_t *record, struct recorded *r) {
    unsigned ranks = 0;
    size_t steps = 0;
    *r = (struct recorded){.caveat = ""};
    if (!recorded_param(record, "log ranks"))
        return 1;
    if (recorded_size(record, &ranks, &steps) != 0)
        return -1;
    if (straggler_log_open(&r->log, ranks, steps) != 0)
        return error_set("not enough memory for %zu steps of %u ranks", steps, ranks);
    recorded_steps(record, &r->log);
    snprintf(r->name, sizeof r->name, "%s on %s", json_string_value(json_object_get(record, "id")),
             json_string_value(json_object_get(record, "device")));
    if (json_is_true(recorded_param(record, "oversubscribed")))
        r->caveat = "more ranks than cores computed at once: a rank that waits for a core is late";
    double disturbed = recorded_number(record, "steps left out");
    if (disturbed > 0)
        snprintf(r->note, sizeof r->note,
                 "in %.0f of its steps the machine itself made a rank late: not scored by the lab",
                 disturbed);
    int status = recorded_cells(record, r);
    if (status != 0)
        recorded_close(r);
    return status;
}

/* --- the folder --------------------------------------------------------------------------------
 */

/* A lab's folder inside a result folder is that folder's, of which it names one lab. */
static int recorded_open(const char *dir, struct checked **out, char lab[64]) {
    char whole[PATH_MAX];
    struct folder folder;
    lab[0] = '\0';
    if (folder_open(&folder, dir) != 0)
        return -1;
    bool inner = !folder_has(&folder, "run.json") && folder_has(&folder, "cases.jsonl");
    folder_close(&folder);
    char *name = inner && realpath(dir, whole) ? strrchr(whole, '/') : NULL;
    if (!name || !record_lab_is_good(name + 1))
        return checked_open(out, dir);
    snprintf(lab, 64, "%s", name + 1);
    *name = '\0';
    return checked_open(out, whole[0] ? whole : "/");
}

/* Calls `visit` with each case of the folder, or of one lab of it. */
static int recorded_visit(const struct checked *folder, const char *lab,
                          int (*visit)(void *context, const json_t *record), void *context) {
    int status = 0;
    for (size_t k = 0; status == 0 && k < folder->lab_count; k++)
        if (!*lab || strcmp(folder->labs[k].name, lab) == 0)
            status = reader_cases(folder->labs[k].reader, "", NULL, visit, context);
    return status;
}

/* For a first visit, before anything is said: counts the logs, and refuses bad ones. */
static int recorded_count(void *count, const json_t *record) {
    struct recorded r;
    int status = recorded_read(record, &r);
    if (status == 0) {
        recorded_close(&r);
        ++*(size_t *)count;
    }
    return status < 0 ? -1 : 0;
}

#endif
