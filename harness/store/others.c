/*
 * others.c: see others.h.
 */
#define _GNU_SOURCE
#include "harness/store/others.h"

#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double seconds_of(const struct rusage *r) {
    return (double)(r->ru_utime.tv_sec + r->ru_stime.tv_sec) +
           1e-6 * (double)(r->ru_utime.tv_usec + r->ru_stime.tv_usec);
}

/* "cpu3 user nice system idle iowait irq softirq steal …"; guests' time is in user. */
void others_read(FILE *stat, const cpu_set_t *mask, struct others_mark *mark) {
    double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
    char *line = NULL;
    size_t room = 0;
    mark->taken = mark->stolen = 0;
    mark->cpus = 0;
    while (getline(&line, &room, stat) > 0) {
        unsigned long long t[8];
        int cpu;
        if (sscanf(line, "cpu%d %llu %llu %llu %llu %llu %llu %llu %llu", &cpu, &t[0], &t[1], &t[2],
                   &t[3], &t[4], &t[5], &t[6], &t[7]) != 9 ||
            cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, mask))
            continue;
        mark->taken += tick * (double)(t[0] + t[1] + t[2] + t[5] + t[6] + t[7]);
        mark->stolen += tick * (double)t[7];
        mark->cpus++;
    }
    free(line);
}

void others_now(struct others_mark *mark) {
    cpu_set_t mask;
    struct timespec at;
    struct rusage own, children;
    *mark = (struct others_mark){0};
    if (sched_getaffinity(0, sizeof mask, &mask) != 0 || clock_gettime(CLOCK_MONOTONIC, &at) != 0 ||
        getrusage(RUSAGE_SELF, &own) != 0 || getrusage(RUSAGE_CHILDREN, &children) != 0)
        return;
    FILE *stat = fopen("/proc/stat", "re");
    if (!stat)
        return;
    others_read(stat, &mask, mark);
    fclose(stat);
    mark->own = seconds_of(&own) + seconds_of(&children);
    mark->at = (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

bool others_between(const struct others_mark *from, const struct others_mark *to,
                    struct others *out) {
    double seconds = to->at - from->at;
    /* A processor that came or went brings all of its time along. */
    if (from->cpus == 0 || from->cpus != to->cpus || !(seconds >= OTHERS_SECONDS))
        return false;
    double cpus = (to->taken - from->taken - (to->own - from->own)) / seconds;
    double stolen = (to->stolen - from->stolen) / seconds;
    *out = (struct others){.cpus = fmin(fmax(cpus, 0), to->cpus),
                           .stolen = fmin(fmax(stolen, 0), to->cpus),
                           .of = to->cpus,
                           .seconds = seconds};
    return true;
}

json_t *others_json(const struct others *o) {
    return json_pack("{s:f, s:f, s:f, s:f}", "cpus", o->cpus, "stolen", o->stolen, "of", o->of,
                     "seconds", o->seconds);
}

static double number_of(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

bool others_of(const json_t *run, struct others *out) {
    const json_t *o = json_object_get(run, "others");
    *out = (struct others){number_of(o, "cpus"), number_of(o, "stolen"), number_of(o, "of"),
                           number_of(o, "seconds")};
    return out->cpus >= 0 && out->cpus <= out->of && out->stolen >= 0 && out->stolen <= out->of &&
           out->of > 0 && out->of <= 1e6 && out->seconds > 0;
}

struct others others_both(const struct others *a, const struct others *b) {
    double whole = a->seconds + b->seconds;
    return (struct others){(a->cpus * a->seconds + b->cpus * b->seconds) / whole,
                           (a->stolen * a->seconds + b->stolen * b->seconds) / whole,
                           fmax(a->of, b->of), whole};
}

bool others_are_many(const struct others *o, char *text, size_t size) {
    if (!(o->cpus > OTHERS_PART * o->of))
        return false;
    int n = snprintf(text, size, "other programs kept %.1f of %.0f processors busy meanwhile",
                     o->cpus, o->of);
    if (o->stolen > 0.05 * o->of && n > 0 && (size_t)n < size)
        snprintf(text + n, size - (size_t)n, " (%.1f of them other guests of this host)",
                 o->stolen);
    return true;
}
