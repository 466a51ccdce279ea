/*
 * lines.c: how many lines a walk touches, counted.
 */
#include "harness/lab/exercise.h"

enum { WALKS = 4000 };

struct task {
    struct {
        uint32_t n, stride;
    } walk[WALKS];
};
struct touched {
    uint64_t lines[WALKS];
};

#ifdef EXERCISE_ANSWERS

size_t lines_touched(size_t n, size_t stride);

static void answer(const void *in, void *out) {
    const struct task *t = in;
    struct touched *touched = out;
    for (int k = 0; k < WALKS; k++)
        touched->lines[k] = lines_touched(t->walk[k].n, t->walk[k].stride);
}

#else

static int check(struct exercise *e) {
    static struct task t;
    static struct touched yours;
    for (int k = 0; k < WALKS; k++) {
        t.walk[k].n = 1 + random_below(e, 100);
        t.walk[k].stride = 4 * (1 + random_below(e, 50));
    }
    if (ask(e, &t, sizeof t, &yours, sizeof yours) != 0)
        return 1;
    for (int k = 0; k < WALKS; k++) {
        uint64_t n = t.walk[k].n, stride = t.walk[k].stride, right = 1;
        for (uint64_t i = 1; i < n; i++)
            right += i * stride / 64 != (i - 1) * stride / 64;
        if (yours.lines[k] != right)
            return not_yet(e, "%d numbers, %d bytes apart: you say %llu lines, and it is %llu.",
                           (int)n, (int)stride, (unsigned long long)yours.lines[k],
                           (unsigned long long)right);
    }
    return 0;
}

#endif
