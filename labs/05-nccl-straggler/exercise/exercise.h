/*
 * exercise.h: what the two exercises of lab 05 are to provide. Each file provides its own part.
 *
 * In both, ranks compute and then sum, step after step. compute[step * ranks + rank] and
 * comm[step * ranks + rank] are the microseconds that a rank computed in a step, and then was in
 * the sum, by its own clock; clocks cannot be compared. Nobody leaves a sum before all have entered
 * it.
 */
#ifndef NANOLAB_LABS_05_EXERCISE_H
#define NANOLAB_LABS_05_EXERCISE_H

#include <stddef.h>

/* --- culprit.c ---------------------------------------------------------------------------------
 */

/*
 * Which rank is late; -1: none. Ranks come to a sum, and leave it, within `floor_us` of each other,
 * and some may be later than others within that in every step. Only in some steps, or in all, one
 * rank is late: by at least 4 floor_us, and it is always the same. A sum may take longer in some
 * steps, for all alike. At least 2 ranks and 1 step.
 */
int culprit(const double *comm, size_t steps, size_t ranks, double floor_us);

/* --- without.c ---------------------------------------------------------------------------------
 */

/*
 * The mean step, had rank `late` never computed longer than the slowest other rank in the same
 * step. All begin a step together, and it ends for all together; what a sum takes once all are
 * there does not depend on who came last. At least 2 ranks and 1 step.
 */
double without(const double *compute, const double *comm, size_t steps, size_t ranks, size_t late);

#endif
