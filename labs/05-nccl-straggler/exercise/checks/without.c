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

/* What can be wrong comes one after the other. */
static const struct stage {
    const char *words;
    uint32_t least, most; /* it is late in one step of so many; 0: in none */
} stages[] = {{"in every step", 1, 1}, {"in some steps", 2, 10}, {"in no step", 0, 0}};

static double mean_as_is(const struct task *t) {
    double sum = 0;
    for (uint32_t s = 0; s < t->steps; s++)
        sum += t->compute[s * t->ranks] + t->comm[s * t->ranks];
    return sum / t->steps;
}

static int check(struct exercise *e) {
    static struct task t;
    struct result yours = {0};
    for (int turn = 0; turn < 300; turn++) {
        const struct stage *stage = &stages[turn / 100];
        uint32_t one_of = stage->least + random_below(e, stage->most - stage->least + 1);
        double right = 0;
        t.ranks = 2 + random_below(e, RANKS - 1);
        t.steps = 1 + random_below(e, STEPS);
        t.late = random_below(e, t.ranks);
        for (uint32_t s = 0; s < t.steps; s++)
            right += draw_step(e, &t, s, one_of && random_below(e, one_of) == 0) / t.steps;
        if (ask(e, &t, sizeof t, &yours, sizeof yours) != 0)
            return 1;
        if (!(fabs(yours.mean - right) <= 1e-6 * right))
            return not_yet(e,
                           "%u ranks, %u step%s, rank %u late %s: as it is a step takes %.6g us in "
                           "the mean, and without that %.9g us; you say %.9g us.",
                           t.ranks, t.steps, t.steps == 1 ? "" : "s", t.late, stage->words,
                           mean_as_is(&t), right, yours.mean);
    }
    return 0;
}

#endif
