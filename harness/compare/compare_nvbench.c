/*
 * compare_nvbench.c: NVIDIA nvbench's JSON as a session (compare_foreign.h). Its schema, version
 * 1.0.0, is what nvbench's json_printer writes: numbers of summaries and axes as texts, and null
 * for an empty list.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare_foreign_inside.h"
#include "harness/error.h"
#include "harness/store/folder.h"

#define DEVICES_MOST 256

struct nvbench {
    struct foreign *f;
    const json_t *devices;
    struct folder beside;    /* the folder that the file lies in */
    char name[FOREIGN_NAME]; /* of the benchmark now read; "": not known yet */
    struct foreign_found medians, means, hot;
};

static int short_of_memory(const struct nvbench *n) {
    return error_set("%s: out of memory; close other programs", n->f->path);
}

/* --- a state's case ----------------------------------------------------------------------------
 */

/* "NVIDIA H100 80GB HBM3" as "cuda:H100 80GB HBM3": as much of it as a device's name holds, in
 * letters that mean nothing anywhere. What was a device of ours keeps its name. */
static void name_device(const char *name, json_int_t twin, char device[24]) {
    static const char *const makers[] = {"NVIDIA ", "GeForce "};
    bool ours = foreign_is_our_device(name, strlen(name));
    char number[8] = "";
    for (size_t k = 0; k < 2; k++)
        if (strncmp(name, makers[k], strlen(makers[k])) == 0)
            name += strlen(makers[k]);
    if (twin > 0)
        snprintf(number, sizeof number, "#%lld", (long long)(twin < 9999 ? twin : 9999));
    snprintf(device, 24, "%s%.*s%s", ours ? "" : "cuda:", (int)(18 - strlen(number)), name, number);
    for (char *at = device; *at; at++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .:#-", *at))
            *at = '_';
}

/* The state's device by its number; the second of a name is its twin. */
static int device_of(const struct nvbench *n, const json_t *state, char device[24]) {
    const json_t *number = json_object_get(state, "device");
    json_t *one;
    size_t k;
    json_int_t twins = 0;
    if (json_array_size(n->devices) > DEVICES_MOST)
        return foreign_refuse(n->f, "it has more than %d devices; compare a part of it",
                              DEVICES_MOST);
    if (!number || json_is_null(number)) {
        strcpy(device, "cpu");
        return 0;
    }
    if (!json_is_integer(number))
        return foreign_refuse(n->f, "a state's device is no number; take an intact copy");
    const char *name = NULL;
    json_array_foreach(n->devices, k, one) {
        if (json_equal(json_object_get(one, "id"), number))
            name = json_string_value(json_object_get(one, "name"));
    }
    if (!name)
        return foreign_refuse(n->f,
                              "device %lld has no name in its list of devices; take an "
                              "intact copy",
                              (long long)json_integer_value(number));
    json_array_foreach(n->devices, k, one) {
        if (json_equal(json_object_get(one, "id"), number))
            break;
        const char *other = json_string_value(json_object_get(one, "name"));
        twins += other && strcmp(other, name) == 0;
    }
    name_device(name, twins, device);
    return 0;
}

/* Numbers stand as texts, or as numbers. */
static int put_value(const json_t *value, FILE *to) {
    if (json_is_string(value))
        return fputs(json_string_value(value), to);
    if (json_is_integer(value))
        return fprintf(to, "%lld", (long long)json_integer_value(value));
    return json_is_real(value) ? fprintf(to, "%.17g", json_real_value(value)) : -1;
}

/* "NAME/AXIS=VALUE/…". Our export's one axis is the case's id, and the name its lab's. */
static int id_of(const struct nvbench *n, const json_t *state, const char *device, char **id) {
    const json_t *axes = json_object_get(state, "axis_values");
    json_t *axis;
    size_t k, size;
    FILE *to = open_memstream(id, &size);
    int status = to ? 0 : short_of_memory(n);
    if (!to)
        return -1;
    const char *only = json_string_value(json_object_get(json_array_get(axes, 0), "name"));
    bool ours = json_array_size(axes) == 1 && only && strcmp(only, "case") == 0 &&
                foreign_is_our_device(device, strlen(device));
    if (!ours)
        fputs(n->name, to);
    json_array_foreach(axes, k, axis) {
        const char *name = json_string_value(json_object_get(axis, "name"));
        if (status == 0 && !name)
            status = foreign_refuse(n->f, "an axis has no name; take an intact copy");
        if (status == 0 && !ours)
            fprintf(to, "/%s=", name);
        if (status == 0 && put_value(json_object_get(axis, "value"), to) < 0)
            status = foreign_refuse(n->f, "an axis has no value; take an intact copy");
    }
    if (fclose(to) != 0 && status == 0)
        status = short_of_memory(n);
    return status;
}

/* --- summaries ---------------------------------------------------------------------------------
 */

static const json_t *summary_of(const json_t *state, const char *tag) {
    json_t *one;
    size_t k;
    json_array_foreach(json_object_get(state, "summaries"), k, one) {
        const char *own = json_string_value(json_object_get(one, "tag"));
        if (own && strcmp(own, tag) == 0)
            return one;
    }
    return NULL;
}

static const json_t *value_of(const json_t *summary, const char *name) {
    json_t *one;
    size_t k;
    json_array_foreach(json_object_get(summary, "data"), k, one) {
        const char *own = json_string_value(json_object_get(one, "name"));
        if (own && strcmp(own, name) == 0)
            return json_object_get(one, "value");
    }
    return NULL;
}

/* NaN where it is no number. */
static double number_of(const json_t *value) {
    const char *text = json_string_value(value);
    char *end;
    if (!text)
        return json_is_number(value) ? json_number_value(value) : NAN;
    double number = strtod(text, &end);
    return *text && !*end ? number : NAN;
}

/* --- times -------------------------------------------------------------------------------------
 */

/* Of the summaries of one kind of measurement, whose tags begin alike; NaN: it was not made. */
static int time_of(struct nvbench *n, const json_t *state, const char *kind, const char *clock,
                   const char *id, struct compare_time *time) {
    char tag[80];
    const char *file;
    *time = (struct compare_time){NAN, NAN};
    snprintf(tag, sizeof tag, "nv/json/bin:nv/%s/sample_times", kind);
    const json_t *samples = summary_of(state, tag), *name = value_of(samples, "filename");
    if (name && !(file = json_string_value(name)))
        return foreign_refuse(n->f, "a name of a file is no text; take an intact copy");
    if (name && foreign_nvbench_samples(n->f, &n->beside, file,
                                        number_of(value_of(samples, "size")), time) != 0)
        return -1;
    if (!isnan(time->median))
        return 0;
    static const char *const what[] = {"median", "mean"};
    for (size_t k = 0; k < 2; k++) {
        snprintf(tag, sizeof tag, "nv/%s/time/%s/%s", kind, clock, what[k]);
        const json_t *summary = summary_of(state, tag);
        if (!summary)
            continue;
        time->low = time->median = number_of(value_of(summary, "value"));
        if (isnan(time->median))
            return foreign_refuse(n->f, "\"%s\" is no number; take an intact copy", tag);
        foreign_find(k == 0 ? &n->medians : &n->means, id);
        return 0;
    }
    return 0;
}

/* --- states ------------------------------------------------------------------------------------
 */

static int add_time(struct nvbench *n, const json_t *state, char *device, const char *id) {
    struct compare_time time;
    double hertz = NAN;
    bool is_new;
    if (json_is_true(json_object_get(state, "is_skipped"))) {
        foreign_find(&n->f->failed, id);
        return 0;
    }
    if (time_of(n, state, "cold", "gpu", id, &time) != 0)
        return -1;
    if (!isnan(time.median))
        hertz = number_of(value_of(summary_of(state, "nv/cold/sm_clock_rate/mean"), "value"));
    if (isnan(time.median)) {
        if (time_of(n, state, "cpu_only", "cpu", id, &time) != 0)
            return -1;
        if (isnan(time.median)) {
            foreign_find(&n->hot, id);
            return 0;
        }
        strcpy(device, "cpu");
    }
    struct compare_case *c = foreign_case(n->f, n->name, id, device, &is_new);
    if (!c)
        return -1;
    if (!is_new)
        return foreign_refuse(n->f, "the state \"%.200s\" on %s is there twice; take one out", id,
                              device);
    compare_meter_clock(&c->meter, hertz);
    if (n->f->seen_count > 0 && foreign_see(n->f, c, n->f->seen, n->f->seen_count) != 0)
        return -1;
    return foreign_time(n->f, c, time);
}

static int add_state(struct nvbench *n, const json_t *state) {
    char device[24], *id = NULL;
    if (!json_is_object(state))
        return foreign_refuse(n->f, "a state is no object; take an intact copy");
    if (!*n->name)
        return foreign_refuse(n->f, "a benchmark's states stand before its name; take the file as "
                                    "nvbench wrote it");
    int status = device_of(n, state, device);
    if (status == 0)
        status = id_of(n, state, device, &id);
    n->f->seen_count = 0;
    if (status == 0)
        status = add_time(n, state, device, id);
    free(id);
    return status;
}

static int state_element(void *context, struct pull_json *json) {
    json_t *state = pull_json_value(json);
    int status = state ? add_state(context, state) : -1;
    json_decref(state);
    return status;
}

static int take_name(struct nvbench *n, struct pull_json *json) {
    json_t *value = pull_json_value(json);
    const char *name = json_string_value(value);
    int status = value ? 0 : -1;
    if (value && (!name || !*name || strlen(name) >= sizeof n->name || *n->name))
        status = foreign_refuse(n->f, "a benchmark's name is no text, too long, or there twice; "
                                      "take an intact copy");
    if (status == 0)
        strcpy(n->name, name);
    json_decref(value);
    return status;
}

/* Axes may be long, and each state has its own values of them. */
static int benchmark_member(void *context, struct pull_json *json, const char *name) {
    if (strcmp(name, "name") == 0)
        return take_name(context, json);
    return strcmp(name, "states") == 0 ? pull_json_list(json, state_element, context)
                                       : pull_json_skip(json);
}

static int benchmark_element(void *context, struct pull_json *json) {
    struct nvbench *n = context;
    n->name[0] = '\0';
    return pull_json_object(json, benchmark_member, n);
}

static int member(void *context, struct pull_json *json, const char *name) {
    return strcmp(name, "benchmarks") == 0 ? pull_json_list(json, benchmark_element, context)
                                           : pull_json_skip(json);
}

static int check_version(const struct foreign *f) {
    const json_t *version =
        json_object_get(json_object_get(json_object_get(f->head, "meta"), "version"), "json");
    json_int_t major = json_integer_value(json_object_get(version, "major"));
    return major == 1 ? 0
                      : error_set("%s: version %lld of nvbench's JSON, of which 1 is known; take "
                                  "a nanolab that knows it",
                                  f->path, (long long)major);
}

int foreign_nvbench(struct foreign *f) {
    char above[FOLDER_PATH];
    const char *slash = strrchr(f->path, '/');
    struct nvbench n = {.f = f, .devices = json_object_get(f->head, "devices")};
    if (check_version(f) != 0 || foreign_run(f, NULL, NULL) != 0)
        return -1;
    snprintf(above, sizeof above, "%.*s", slash ? (int)(slash - f->path) + 1 : 0, f->path);
    if (folder_open(&n.beside, *above ? above : ".") != 0)
        return -1;
    int status = pull_json_object(&f->json, member, &n);
    folder_close(&n.beside);
    if (status == 0)
        status =
            foreign_note(f, &n.medians, "cases have no file of samples but their median alone");
    if (status == 0)
        status = foreign_note(f, &n.means, "cases have no file of samples but their mean alone");
    if (status == 0)
        status = foreign_note(f, &n.hot, "cases were not measured cold, and are left out");
    return status;
}
