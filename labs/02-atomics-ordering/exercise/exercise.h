/*
 * exercise.h: what the three exercises of lab 02 are to provide. Each file provides its own part.
 */
#ifndef NANOLAB_LABS_02_EXERCISE_H
#define NANOLAB_LABS_02_EXERCISE_H

#include <stddef.h>

/* --- order_free.c ------------------------------------------------------------------------------
 */

/* A sum in progress; every file says for itself what is in it. */
struct total;
size_t total_size(void);
/* Memory of that size, all bytes zero, is the empty sum. */
void total_add(struct total *total, float x);
void total_merge(struct total *into, const struct total *from);
/* 0 and the sum; or -1 if a number that is not finite, or beyond 1 in magnitude, was added. */
int total_value(const struct total *total, float *sum);

/* --- reach.c -----------------------------------------------------------------------------------
 */

/* Every value that 0 + x[a] + x[b] + … can have, over all orders; each once, ascending. Returns how
 * many there are. 1 <= n <= 7; `results` has room for 5,040. */
size_t reach(const float *x, size_t n, float *results);

/* --- replay.c ----------------------------------------------------------------------------------
 */

/* order[0 … n-1] becomes an order in which the updates can have come: the first found 0, and each
 * found what the one before it left (old + x). Returns 0, or -1 if there is none. n <= 1,000. */
int replay(const float *x, const float *old, size_t n, size_t *order);

#endif
