/*
 * culprit.c: logs whose late rank is known: late always, or in a few steps; with ranks that are
 * always a little later, with sums that take longer for all, and with nobody late.
 */
#include "exercise.h"
#include "harness/lab/exercise.h"

enum { RANKS = 16, STEPS = 60 };

struct task {
    uint32_t steps, ranks;
    double floor_us;
    double comm[STEPS * RANKS];
};
struct result {
    int32_t culprit;
};

#ifdef EXERCISE_ANSWERS

static void answer(const void *in, void *out) {
    const struct task *t = in;
    ((struct result *)out)->culprit = culprit(t->comm, t->steps, t->ranks, t->floor_us);
}

#else

/* One step: who arrives when, and what each then spends in the sum. */
static void draw_step(struct exercise *e, struct task *t, uint32_t step, const double *habit,
                      int late, double stall) {
    double arrival[RANKS], last = 0, sum = (5 + 40 * random_unit(e)) * t->floor_us;
    if (random_below(e, 4) == 0)
        sum *= 10; /* something else on the wires */
    for (uint32_t r = 0; r < t->ranks; r++) {
        arrival[r] = (habit[r] + 0.2 * random_unit(e)) * t->floor_us;
        if ((int)r == late)
            arrival[r] += stall;
        last = fmax(last, arrival[r]);
    }
    for (uint32_t r = 0; r < t->ranks; r++)
        t->comm[step * t->ranks + r] = last + sum - arrival[r] + 0.1 * random_unit(e) * t->floor_us;
}

static void draw(struct exercise *e, struct task *t, int late, uint32_t one_of) {
    double habit[RANKS], stall;
    uint32_t at_least = random_below(e, t->steps);
    for (uint32_t r = 0; r < t->ranks; r++)
        habit[r] = 0.3 * random_unit(e);
    habit[random_below(e, t->ranks)] = 0.6; /* always the last, and never late */
    for (uint32_t s = 0; s < t->steps; s++) {
        stall = (5 + 30 * random_unit(e)) * t->floor_us;
        bool is_late = late >= 0 && (s == at_least || random_below(e, one_of) == 0);
        draw_step(e, t, s, habit, is_late ? late : -1, stall);
    }
}

static int check(struct exercise *e) {
    static struct task t;
    static const char *const how[] = {"in every step", "in one step of twenty", "in one of sixty"};
    static const uint32_t one_of[] = {1, 20, 1000};
    struct result yours;
    for (int turn = 0; turn < 300; turn++) {
        int late = -1, kind = turn % 4;
        t.ranks = 2 + random_below(e, RANKS - 1);
        t.steps = 1 + random_below(e, STEPS);
        t.floor_us = 1 + 50 * random_unit(e);
        if (kind < 3)
            late = (int)random_below(e, t.ranks);
        draw(e, &t, late, one_of[kind < 3 ? kind : 0]);
        if (ask(e, &t, sizeof t, &yours, sizeof yours) != 0)
            return 1;
        if (yours.culprit == late)
            continue;
        if (kind == 3)
            return not_yet(e, "%u ranks, %u steps, nobody is late: you name rank %d", t.ranks,
                           t.steps, yours.culprit);
        return not_yet(e, "%u ranks, %u steps: rank %d is late %s, you name %d", t.ranks, t.steps,
                       late, how[kind], yours.culprit);
    }
    return 0;
}

#endif
