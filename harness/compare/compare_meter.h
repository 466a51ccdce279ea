/*
 * compare_meter.h: times in cycles of each side's own clock, and what a call draws, where runs have
 * measured that. Included by compare.h.
 */
#ifndef NANOLAB_HARNESS_COMPARE_METER_H
#define NANOLAB_HARNESS_COMPARE_METER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Of one case of a side: geometric means over the sessions that have it. */
struct compare_meter {
    float clock;               /* Hz, of sessions' medians */
    float joules, watts;       /* a call, and while it was called */
    uint16_t clocks, energies; /* sessions with them */
};

void compare_meter_read(struct compare_meter *m, const json_t *record);
/* A clock in Hz alone; what no clock can have is none. */
void compare_meter_clock(struct compare_meter *m, double hertz);
/* Adds what other sessions say. */
void compare_meter_add(struct compare_meter *m, const struct compare_meter *more);

struct compare;
struct compare_case;
struct compare_pair;
struct compare_rule;

/* NaN: unknown. A side has cycles only if each of its sessions with a time has a clock too. */
double compare_cycles(const struct compare_case *c); /* a call */
double compare_joules(const struct compare_case *c); /* a call */
double compare_watts(const struct compare_case *c);
/* Of the second side over the first. */
double compare_cycles_ratio(const struct compare_pair *p);
double compare_joules_ratio(const struct compare_pair *p);

/* Called faster or slower, and not so in cycles: what differs is the clock. */
bool compare_by_clock(const struct compare_pair *p, const struct compare_rule *rule);

/* Of one of the two kinds. */
struct compare_metered {
    bool first, second; /* whether that side has any */
    size_t cases;       /* of which both have it, and which are comparable */
    double mean;        /* compare_mean() of their ratios; NaN without any */
};
struct compare_meters {
    struct compare_metered cycles, energy;
    size_t by_clock;
};
/* 0, or -1: no memory. */
int compare_meters(const struct compare *c, struct compare_meters *out);

/* For a person at a terminal; nothing where neither side has any. 0, or -1: no memory. */
int compare_meter_print(const struct compare *c, FILE *to);
/* Adds the members "cycles" and "energy" to a pair's object, where a side has them … */
void compare_meter_json(const struct compare_pair *p, json_t *pair);
/* … and those of all pairs to that of the whole; 0 or -1: no memory. */
int compare_meters_json(const struct compare *c, json_t *head);

#endif
