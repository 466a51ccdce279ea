/*
 * others.h: how much of the processors other programs took while this one worked.
 *
 * From /proc/stat: the time that the processors this process may use were not idle, less the time
 * of this process and of its children that it has waited for (getrusage), over the time that went
 * by. What a hypervisor gave to other guests ("steal") is others' time too. The kernel counts in
 * ticks of 10 ms, so that a short stretch tells little.
 *
 * A load average would tell less: it holds this run's own threads, and what was before.
 */
#ifndef NANOLAB_HARNESS_OTHERS_H
#define NANOLAB_HARNESS_OTHERS_H

#include <jansson.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>

/* Seconds of processors, as they stood at some time. */
struct others_mark {
    double taken;  /* by anybody, other guests too, since the machine began */
    double stolen; /* of it, by other guests */
    double own;    /* by this process and its children */
    double at;     /* on a clock that is not set */
    int cpus;      /* that it may use; 0: nothing is known */
};

struct others {
    double cpus;   /* processors that others kept busy on the mean: 0 ... of */
    double stolen; /* of it, other guests */
    double of;     /* processors that this process may use */
    double seconds;
};
/* Shorter ones are not taken. */
#define OTHERS_SECONDS 0.5
/* Where others took more than this part of the processors, times are suspect. What wants all of
 * them then takes 1.25 times as long. */
#define OTHERS_PART 0.2

/* Now. Where the kernel does not tell, `cpus` is 0. */
void others_now(struct others_mark *mark);
/* Between the two; false: not known. */
bool others_between(const struct others_mark *from, const struct others_mark *to,
                    struct others *out);

/* {"cpus", "stolen", "of", "seconds"}; a new reference, NULL: no memory. */
json_t *others_json(const struct others *o);
/* Of a run.json's "run"; false: it has none, or none that can be. */
bool others_of(const json_t *run, struct others *out);
/* Two stretches of one run, as one. */
struct others others_both(const struct others *a, const struct others *b);
/* Whether they took so much that times are suspect; then `text`, a clause without a dot, says it.
 */
bool others_are_many(const struct others *o, char *text, size_t size);

/* From a text like /proc/stat, of the processors in `mask`: taken, stolen, cpus. */
void others_read(FILE *stat, const cpu_set_t *mask, struct others_mark *mark);

#endif
