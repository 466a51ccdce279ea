/*
 * compare_load.c: see compare_load.h.
 */
#include "harness/compare/compare_load.h"

#include <math.h>
#include <stdio.h>

#include "harness/compare/compare.h"
#include "harness/measure/stats.h"
#include "harness/store/others.h"

static double positive(const json_t *value) {
    double x = json_is_number(value) ? json_number_value(value) : NAN;
    return x >= 0 && x <= 1e6 ? x : NAN;
}

struct compare_load compare_load_of(const json_t *run) {
    const json_t *machine = json_object_get(run, "machine");
    struct compare_load l = {NAN, NAN, positive(json_object_get(machine, "load_1min")),
                             positive(json_object_get(json_object_get(machine, "cpu"), "threads"))};
    struct others o;
    if (others_of(json_object_get(run, "run"), &o)) {
        l.others = o.cpus;
        l.of = o.of;
    }
    return l;
}

enum { OTHERS, AVERAGE, KINDS };

/* What one session says by one kind: its value, and of how many processors. */
static double value_of(const struct compare_load *l, int kind, double *cpus) {
    *cpus = kind == OTHERS ? l->of : l->threads;
    return kind == OTHERS ? l->others : l->load;
}

/* Others may seem to have taken all: ticks are coarse. */
static double part_left(double value, double cpus, int kind) {
    return kind == OTHERS ? fmax(1 - value / cpus, 0.01) : fmin(1, cpus / value);
}

struct middle {
    double value, part, cpus;
};

/* Medians over the sessions that have it, which must be most. */
static bool middle_of(const struct compare_load *list, size_t count, int kind, struct middle *m) {
    double values[COMPARE_SESSIONS_MOST], parts[COMPARE_SESSIONS_MOST], cpus = 0;
    size_t n = 0;
    count = count < COMPARE_SESSIONS_MOST ? count : COMPARE_SESSIONS_MOST;
    for (size_t k = 0; k < count; k++) {
        double of, value = value_of(&list[k], kind, &of);
        if (!isfinite(value) || !(of > 0))
            continue;
        values[n] = value;
        parts[n++] = part_left(value, of, kind);
        cpus = of;
    }
    if (n == 0 || 2 * n <= count)
        return false;
    *m = (struct middle){stats_median(values, n), stats_median(parts, n), cpus};
    return true;
}

struct compare_loads compare_loads(const struct compare_load *first, size_t first_count,
                                   const struct compare_load *second, size_t second_count) {
    static const char *const fields[KINDS] = {"run.others.cpus", "machine.load_1min"};
    static const double most[KINDS] = {LOAD_OTHERS, LOAD_AVERAGE};
    struct middle a, b;
    for (int kind = 0; kind < KINDS; kind++) {
        if (!middle_of(first, first_count, kind, &a) || !middle_of(second, second_count, kind, &b))
            continue;
        double times = fmax(a.part, b.part) / fmin(a.part, b.part);
        return (struct compare_loads){.field = fields[kind],
                                      .value = {a.value, b.value},
                                      .cpus = {a.cpus, b.cpus},
                                      .times = times,
                                      .unlike = times > most[kind]};
    }
    return (struct compare_loads){.field = NULL, .times = NAN};
}

const char compare_loads_advice[] =
    "measure both while the machine does nothing else, or let the sides take turns, session by "
    "session";

const char *compare_loads_say(const struct compare_loads *l, const char *second,
                              char out[COMPARE_LOADS_BYTES]) {
    if (!l->field)
        snprintf(out, COMPARE_LOADS_BYTES, "nothing is known of other programs");
    else if (l->field[0] == 'r')
        snprintf(out, COMPARE_LOADS_BYTES,
                 "other programs kept %.1f of %.0f processors busy beside A, %.1f of %.0f beside "
                 "%s",
                 l->value[0], l->cpus[0], l->value[1], l->cpus[1], second);
    else
        snprintf(out, COMPARE_LOADS_BYTES,
                 "the load when sessions began was %.1f on %.0f processors beside A, %.1f on %.0f "
                 "beside %s",
                 l->value[0], l->cpus[0], l->value[1], l->cpus[1], second);
    return out;
}

json_t *compare_loads_json(const struct compare *c) {
    const struct compare_loads *l = &c->loads;
    if (!l->field)
        return json_null();
    return json_pack("{s:s, s:[f, f], s:[f, f], s:f, s:b, s:I}", "field", l->field, "values",
                     l->value[0], l->value[1], "processors", l->cpus[0], l->cpus[1], "times",
                     l->times, "unlike", l->unlike, "cases", (json_int_t)c->busy);
}
