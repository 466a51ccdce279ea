/*
 * without.c: logs of steps whose ranks are drawn, one of them late in some; the answer is known
 * from the draws.
 */
#include "exercise.h"
#include "harness/lab/exercise.h"

enum { RANKS = 16, STEPS = 40 };

struct task {
    uint32_t steps, ranks, late;
    double compute[STEPS * RANKS], comm[STEPS * RANKS];
};
struct result {
    double mean;
};

#ifdef EXERCISE_ANSWERS

static void answer(const void *in, void *out) {
    const struct task *t = in;
    ((struct result *)out)->mean = without(t->compute, t->comm, t->steps, t->ranks, t->late);
}

#else

/* A step, and how long it would be without the late rank's excess. */
static double draw_step(struct exercise *e, struct task *t, uint32_t step, bool is_late) {
    double others = 0, last, sum = 5 + 30 * random_unit(e);
    double *compute = t->compute + step * t->ranks;
    for (uint32_t r = 0; r < t->ranks; r++) {
        compute[r] = 500 + 200 * random_unit(e);
        if (r != t->late)
            others = fmax(others, compute[r]);
    }
    if (is_late)
        compute[t->late] += 1200;
    last = fmax(others, compute[t->late]);
    for (uint32_t r = 0; r < t->ranks; r++)
        t->comm[step * t->ranks + r] = last + sum - compute[r];
    return others + sum;
}

static int check(struct exercise *e) {
    static struct task t;
    struct result yours;
    for (int turn = 0; turn < 300; turn++) {
        uint32_t one_of = turn % 3 == 0 ? 1 : 1 + random_below(e, 10);
        double right = 0;
        t.ranks = 2 + random_below(e, RANKS - 1);
        t.steps = 1 + random_below(e, STEPS);
        t.late = random_below(e, t.ranks);
        for (uint32_t s = 0; s < t.steps; s++)
            right += draw_step(e, &t, s, random_below(e, one_of) == 0) / t.steps;
        if (ask(e, &t, sizeof t, &yours, sizeof yours) != 0)
            return 1;
        if (!(fabs(yours.mean - right) <= 1e-6 * right))
            return not_yet(e,
                           "%u ranks, %u steps, rank %u late in one of %u: the mean step without "
                           "it is %.3f us, not %.3f",
                           t.ranks, t.steps, t.late, one_of, right, yours.mean);
    }
    return 0;
}

#endif
