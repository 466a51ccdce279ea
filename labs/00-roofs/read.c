/*
 * read.c: what was recorded, as the checks and tables want it: the best kernel of an op at a
 * footprint with a number of threads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs/00-roofs/roofs_lab.h"

struct query {
    const char *part; /* of the kernel's text; NULL: any */
    unsigned threads;
    size_t bytes;
    size_t found;
    struct measured *out;
};

static void take(const json_t *record, struct measured *out) {
    const char *id = json_string_value(json_object_get(record, "id"));
    const char *kernel = case_text(record, "params", "kernel");
    *out = (struct measured){.per_second = case_number(record, "counters", "per_second"),
                             .low = case_number(record, "counters", "per_second_low"),
                             .high = case_number(record, "counters", "per_second_high"),
                             .seconds = case_number(record, "bench", "median"),
                             .seconds_low = case_number(record, "bench", "low"),
                             .seconds_high = case_number(record, "bench", "high"),
                             .threads = (unsigned)case_number(record, "params", "threads"),
                             .bytes = (size_t)case_number(record, "params", "bytes")};
    snprintf(out->id, sizeof out->id, "%s", id ? id : "");
    snprintf(out->kernel, sizeof out->kernel, "%s", kernel ? kernel : "");
}

static int better(void *context, const json_t *record) {
    struct query *q = context;
    struct measured m;
    take(record, &m);
    if (m.threads != q->threads || m.bytes != q->bytes || !(m.per_second > 0))
        return 0;
    if (q->part && !strstr(m.kernel, q->part))
        return 0;
    if (q->found++ == 0 || m.per_second > q->out->per_second)
        *q->out = m;
    return 0;
}

size_t measured_best_of(struct lab_run *run, const char *device_id, enum roofs_op op,
                        unsigned threads, size_t bytes, const char *part, struct measured *out) {
    char prefix[32];
    snprintf(prefix, sizeof prefix, "00/%s/", roofs_op_name(op));
    struct query query = {.part = part, .threads = threads, .bytes = bytes, .out = out};
    lab_cases(run, prefix, device_id, better, &query);
    return query.found;
}

size_t measured_best(struct lab_run *run, const char *device_id, enum roofs_op op, unsigned threads,
                     size_t bytes, struct measured *out) {
    return measured_best_of(run, device_id, op, threads, bytes, NULL, out);
}

/* --- lists -------------------------------------------------------------------------------------
 */

struct values {
    const char *name;
    size_t *values, count, most;
};

static int collect(void *context, const json_t *record) {
    struct values *v = context;
    size_t value = (size_t)case_number(record, "params", v->name), k = 0;
    while (k < v->count && v->values[k] < value)
        ++k;
    if ((k < v->count && v->values[k] == value) || v->count == v->most)
        return 0;
    memmove(v->values + k + 1, v->values + k, (v->count - k) * sizeof *v->values);
    v->values[k] = value;
    ++v->count;
    return 0;
}

size_t measured_sizes(struct lab_run *run, const char *device_id, enum roofs_op op, size_t *sizes,
                      size_t most) {
    char prefix[32];
    snprintf(prefix, sizeof prefix, "00/%s/", roofs_op_name(op));
    struct values v = {"bytes", sizes, 0, most};
    lab_cases(run, prefix, device_id, collect, &v);
    return v.count;
}

size_t measured_threads(struct lab_run *run, const char *device_id, unsigned *threads,
                        size_t most) {
    size_t values[16];
    struct values v = {"threads", values, 0, most < 16 ? most : 16};
    lab_cases(run, "00/empty/", device_id, collect, &v);
    for (size_t k = 0; k < v.count; ++k)
        threads[k] = (unsigned)values[k];
    return v.count;
}

struct one {
    const char *id;
    struct measured *out;
    size_t found;
};

static int exact(void *context, const json_t *record) {
    struct one *one = context;
    const char *id = json_string_value(json_object_get(record, "id"));
    if (id && strcmp(id, one->id) == 0) {
        take(record, one->out);
        one->found = 1;
    }
    return 0;
}

size_t measured_case(struct lab_run *run, const char *device_id, const char *id,
                     struct measured *out) {
    struct one one = {id, out, 0};
    lab_cases(run, id, device_id, exact, &one);
    return one.found;
}
