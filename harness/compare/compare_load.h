/*
 * compare_load.h: were two sides measured beside like load? What other programs take from a run
 * makes its times longer in a way that no number of sessions averages out, so that times of a CPU
 * measured beside a busy machine's other programs say nothing against those of an idle one.
 *
 * A session says what part of its processors' time others left to it:
 *  - 1 - others/of, of what was measured from its beginning to its end (store/others.h). What wants
 *    all processors takes as many times as long as the parts differ by. LOAD_OTHERS: 1.25, a fifth
 *    of the processors taken on one side and nothing on the other.
 *  - Older results have the load average of the minute before the session alone: threads that ran
 *    or waited, this run's own among them, if another session came before. Of n processors and a
 *    load of l > n each gets n/l; own threads, of which there are n at most, make that no less than
 *    1 by themselves. LOAD_AVERAGE: 2, at which a program of somebody else's waited for every
 *    processor, and more than what that average says by chance.
 * A side's is the median of its sessions'. Where sides took turns, theirs are alike.
 */
#ifndef NANOLAB_HARNESS_COMPARE_LOAD_H
#define NANOLAB_HARNESS_COMPARE_LOAD_H

#include <jansson.h>
#include <stdbool.h>

#define LOAD_OTHERS 1.25
#define LOAD_AVERAGE 2.0

/* Of one session; NaN: not known. */
struct compare_load {
    double others, of;    /* processors kept busy by others, of those it may use */
    double load, threads; /* load average at its start, processors of the machine */
};
struct compare_load compare_load_of(const json_t *run); /* a run.json; NULL: nothing is known */

/* Of two sides. */
struct compare_loads {
    const char *field; /* by which it is known, of run.json; NULL: it is not */
    double value[2];   /* medians of it */
    double cpus[2];    /* processors */
    double times;      /* the larger part left over the smaller one */
    bool unlike;
};
struct compare_loads compare_loads(const struct compare_load *first, size_t first_count,
                                   const struct compare_load *second, size_t second_count);

/* "other programs kept 0.1 of 2 processors busy beside A, 1.7 of 2 beside B" */
#define COMPARE_LOADS_BYTES 200
const char *compare_loads_say(const struct compare_loads *l, const char *second,
                              char out[COMPARE_LOADS_BYTES]);
/* What to do where they are unlike. */
extern const char compare_loads_advice[];

struct compare;
json_t *compare_loads_json(const struct compare *c);

#endif
