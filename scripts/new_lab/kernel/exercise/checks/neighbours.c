/*
 * neighbours.c: the bits of a shuffle by 1, 2, 4, 8 and 16.
 */
#include "harness/lab/exercise.h"

struct task {
    float x[32];
};

#ifdef EXERCISE_ANSWERS

float by_neighbours(const float x[32]);

static void answer(const void *in, void *out) {
    *(float *)out = by_neighbours(((const struct task *)in)->x);
}

#else

static int check(struct exercise *e) {
    for (int trial = 0; trial < 100; trial++) {
        struct task t;
        float got;
        for (int i = 0; i < 32; i++)
            t.x[i] = (float)random_unit(e);
        if (ask(e, &t, sizeof t, &got, sizeof got) != 0)
            return 1;
        for (int n = 32; n > 1; n /= 2)
            for (int i = 0; i < n / 2; i++)
                t.x[i] = t.x[2 * i] + t.x[2 * i + 1];
        if (memcmp(&got, &t.x[0], sizeof got) != 0)
            return not_yet(e, "Trial %d: you get %a, and the warp %a.", trial, (double)got,
                           (double)t.x[0]);
    }
    return 0;
}

#endif
