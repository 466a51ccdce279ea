/*
 * compare_meter.c: see compare_meter.h.
 */
#include "harness/compare/compare_meter.h"

#include <math.h>
#include <stdlib.h>

#include "harness/compare/compare.h"
#include "harness/compare/compare_pick.h"
#include "harness/text.h"

#define LISTED 20

/* --- one side ----------------------------------------------------------------------------------
 */

/* As a float: seven digits are more than a clock or a counter has. NaN: none. */
static float number_of(double x) {
    return x > 1e-30 && x < 1e30 ? (float)x : NAN;
}

static float number_in(const json_t *group, const char *name) {
    return number_of(json_number_value(json_object_get(group, name)));
}

void compare_meter_clock(struct compare_meter *m, double hertz) {
    float clock = number_of(hertz);
    *m = (struct compare_meter){0};
    if (!isnan(clock)) {
        m->clock = clock;
        m->clocks = 1;
    }
}

void compare_meter_read(struct compare_meter *m, const json_t *record) {
    const json_t *energy = json_object_get(record, "energy");
    const json_t *clock = json_object_get(json_object_get(record, "clock"), "median");
    float joules = number_in(energy, "joules"), watts = number_in(energy, "watts");
    compare_meter_clock(m, json_number_value(clock));
    if (!isnan(joules) && !isnan(watts)) {
        m->joules = joules;
        m->watts = watts;
        m->energies = 1;
    }
}

static float mean_of(float a, unsigned n, float b, unsigned m) {
    if (n == 0 || m == 0)
        return n == 0 ? b : a;
    return (float)exp((n * log((double)a) + m * log((double)b)) / (n + m));
}

void compare_meter_add(struct compare_meter *m, const struct compare_meter *more) {
    m->clock = mean_of(m->clock, m->clocks, more->clock, more->clocks);
    m->joules = mean_of(m->joules, m->energies, more->joules, more->energies);
    m->watts = mean_of(m->watts, m->energies, more->watts, more->energies);
    m->clocks = (uint16_t)(m->clocks + more->clocks);
    m->energies = (uint16_t)(m->energies + more->energies);
}

double compare_cycles(const struct compare_case *c) {
    return c->meter.clocks > 0 && c->meter.clocks == c->timed ? compare_time(c) * c->meter.clock
                                                              : NAN;
}

double compare_joules(const struct compare_case *c) {
    return c->meter.energies > 0 ? c->meter.joules : NAN;
}

double compare_watts(const struct compare_case *c) {
    return c->meter.energies > 0 ? c->meter.watts : NAN;
}

/* --- two sides ---------------------------------------------------------------------------------
 */

double compare_cycles_ratio(const struct compare_pair *p) {
    return compare_cycles(p->second) / compare_cycles(p->first);
}

double compare_joules_ratio(const struct compare_pair *p) {
    return compare_joules(p->second) / compare_joules(p->first);
}

bool compare_by_clock(const struct compare_pair *p, const struct compare_rule *rule) {
    double change = log(compare_cycles_ratio(p)), least = log1p(rule->least);
    return (p->times.verdict == COMPARE_FASTER && change > -least) ||
           (p->times.verdict == COMPARE_SLOWER && change < least);
}

static void add(struct compare_metered *m, double first, double second, bool comparable,
                double *ratios) {
    m->first |= isfinite(first);
    m->second |= isfinite(second);
    if (comparable && isfinite(second / first))
        ratios[m->cases++] = second / first;
}

int compare_meters(const struct compare *c, struct compare_meters *out) {
    double *cycles = malloc((2 * c->count + 1) * sizeof *cycles), *joules = cycles + c->count;
    *out = (struct compare_meters){0};
    if (!cycles)
        return -1;
    for (size_t k = 0; k < c->count; k++) {
        const struct compare_pair *p = &c->pairs[k];
        bool comparable = p->times.verdict != COMPARE_NOT_COMPARABLE;
        add(&out->cycles, compare_cycles(p->first), compare_cycles(p->second), comparable, cycles);
        add(&out->energy, compare_joules(p->first), compare_joules(p->second), comparable, joules);
        out->by_clock += compare_by_clock(p, &c->rule);
    }
    out->cycles.mean = compare_mean(cycles, out->cycles.cases);
    out->energy.mean = compare_mean(joules, out->energy.cases);
    free(cycles);
    return 0;
}

/* --- for a terminal ----------------------------------------------------------------------------
 */

/* "Cycles: A alone has them.", or what both say. */
static void print_metered(const struct compare_metered *m, const char *what, const char *says,
                          FILE *to) {
    if (m->first && m->second && m->cases > 0)
        fprintf(to, "\n%s, %zu cases: on average B %s %.3f times as many as A.\n", what, m->cases,
                says, m->mean);
    else if (m->first && m->second)
        fprintf(to, "\n%s: no case that can be compared has them on both.\n", what);
    else if (m->first || m->second)
        fprintf(to, "\n%s: %c alone has them.\n", what, m->first ? 'A' : 'B');
}

static void print_by_clock(const struct compare *c, enum compare_verdict verdict, FILE *to) {
    size_t n = 0;
    for (size_t k = 0; k < c->count; k++) {
        const struct compare_pair *p = &c->pairs[k];
        if (p->times.verdict != verdict || !compare_by_clock(p, &c->rule))
            continue;
        if (n++ == 0)
            fprintf(to, "  %s in seconds only since B's clock was %s:\n",
                    compare_verdict_name(verdict), verdict == COMPARE_FASTER ? "higher" : "lower");
        if (n > LISTED)
            continue;
        fprintf(to, "    %.3f in seconds, %.3f in cycles  ", p->times.ratio.value,
                compare_cycles_ratio(p));
        text_print(to, p->first->id);
        fprintf(to, " (%s)\n", p->first->device);
    }
    if (n > LISTED)
        fprintf(to, "    and %zu more; --json has them\n", n - LISTED);
}

int compare_meter_print(const struct compare *c, FILE *to) {
    struct compare_meters m;
    if (compare_meters(c, &m) != 0)
        return -1;
    print_metered(&m.cycles, "Cycles", "takes", to);
    print_by_clock(c, COMPARE_FASTER, to);
    print_by_clock(c, COMPARE_SLOWER, to);
    print_metered(&m.energy, "Joules", "draws", to);
    return 0;
}

/* --- for programs ------------------------------------------------------------------------------
 */

static json_t *number_json(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *both_json(double first, double second) {
    return json_pack("{s:[o, o], s:o}", "values", number_json(first), number_json(second), "ratio",
                     number_json(second / first));
}

void compare_meter_json(const struct compare_pair *p, json_t *pair) {
    const struct compare_case *a = p->first, *b = p->second;
    if (isfinite(compare_cycles(a)) || isfinite(compare_cycles(b)))
        json_object_set_new(pair, "cycles", both_json(compare_cycles(a), compare_cycles(b)));
    if (isfinite(compare_joules(a)) || isfinite(compare_joules(b))) {
        json_object_set_new(pair, "joules", both_json(compare_joules(a), compare_joules(b)));
        json_object_set_new(pair, "watts", both_json(compare_watts(a), compare_watts(b)));
    }
}

int compare_meters_json(const struct compare *c, json_t *head) {
    struct compare_meters m;
    if (compare_meters(c, &m) != 0)
        return -1;
    return json_object_set_new(head, "cycles",
                               json_pack("{s:I, s:o, s:I}", "cases", (json_int_t)m.cycles.cases,
                                         "mean", number_json(m.cycles.mean), "by_clock",
                                         (json_int_t)m.by_clock)) ||
                   json_object_set_new(head, "joules",
                                       json_pack("{s:I, s:o}", "cases", (json_int_t)m.energy.cases,
                                                 "mean", number_json(m.energy.mean)))
               ? -1
               : 0;
}
