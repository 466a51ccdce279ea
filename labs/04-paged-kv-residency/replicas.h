/*
 * replicas.h: what K5's check makes of the times of several maps; for its test.
 */
#ifndef NANOLAB_LABS_04_REPLICAS_H
#define NANOLAB_LABS_04_REPLICAS_H

#include "labs/04-paged-kv-residency/residency.h"

struct replica_finding {
    double apart;           /* slowest map over the fastest, by their medians … */
    double apart_by_chance; /* … and what noise alone makes of it (95 % quantile) */
    double p;               /* chance of such a variance between maps, by permutation */
    struct ratio r2;        /* of log time on the logs of pages and runs; 95 % by resampling */
};
/* Rows that were measured together, one per map, with as many samples each. 0, or -1: they were
 * not, or there are fewer than three maps or two rounds. */
int replica_compare(const struct rows *rows, struct replica_finding *out);

#endif
