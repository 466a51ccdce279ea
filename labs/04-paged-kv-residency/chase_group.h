/*
 * chase_group.h: pointer chases that are measured together, in rounds, and recorded.
 */
#ifndef NANOLAB_LABS_04_CHASE_GROUP_H
#define NANOLAB_LABS_04_CHASE_GROUP_H

#include "labs/04-paged-kv-residency/residency.h"

#define CHASE_GROUP_MOST 24

struct chase_entry {
    char id[120];
    struct chase_plan plan;
    char curve[40]; /* the name under which points are drawn together */
    unsigned cold;  /* lanes that chase through the footprint; the others are hot */
};
struct chase_group {
    struct lab_run *run;
    struct device *device;
    size_t count;
    struct chase_entry entry[CHASE_GROUP_MOST];
};
/* Measures and records those not recorded yet, then empties the group. Entries whose page size the
 * machine does not give are left out with a note. 0, or -1 after lab_error(). */
int chase_group_measure(struct chase_group *group);

#endif
