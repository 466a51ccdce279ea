/*
 * exercise.h: what the exercise of lab 08 is to provide.
 */
#ifndef NANOLAB_LABS_08_EXERCISE_H
#define NANOLAB_LABS_08_EXERCISE_H

#include <stddef.h>

/* --- bound.c -----------------------------------------------------------------------------------
 */

enum fate {
    SAFE,  /* no change of at most `most` in each logit can make another token the largest */
    LUCKY, /* one could, and this one does not */
    FLIPS  /* the token changes */
};
/* a: the n logits of one step under the plan in use. b: the same under another plan. `most`: no
 * logit of any plan is further than that from a's. A token is the largest logit; of equal ones the
 * first. n >= 2, all finite; `most` >= every |b[i] - a[i]|. */
enum fate bound(const float *a, const float *b, size_t n, float most);

#endif
