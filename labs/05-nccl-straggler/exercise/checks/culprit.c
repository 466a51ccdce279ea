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

/* Who comes last in every step, and is never late. */
static uint32_t draw(struct exercise *e, struct task *t, int late, uint32_t one_of) {
    double habit[RANKS], stall;
    uint32_t at_least = random_below(e, t->steps), last = random_below(e, t->ranks);
    for (uint32_t r = 0; r < t->ranks; r++)
        habit[r] = 0.3 * random_unit(e);
    habit[last] = 0.6;
    for (uint32_t s = 0; s < t->steps; s++) {
        stall = (5 + 30 * random_unit(e)) * t->floor_us;
        bool is_late = late >= 0 && (s == at_least || random_below(e, one_of) == 0);
        draw_step(e, t, s, habit, is_late ? late : -1, stall);
    }
    return last;
}

/* The rank that was longest in a sum, by all that it was in one. */
static uint32_t longest(const struct task *t) {
    double most = 0;
    uint32_t rank = 0;
    for (uint32_t r = 0; r < t->ranks; r++) {
        double all = 0;
        for (uint32_t s = 0; s < t->steps; s++)
            all += t->comm[s * t->ranks + r];
        if (all > most) {
            most = all;
            rank = r;
        }
    }
    return rank;
}

static const char *remark(const struct task *t, int32_t yours, uint32_t last) {
    if (yours < -1 || yours >= (int32_t)t->ranks)
        return ", which is no rank";
    if (yours >= 0 && (uint32_t)yours == last)
        return ", which comes last by less than the floor in every step";
    if (yours >= 0 && (uint32_t)yours == longest(t))
        return ", which was in the sums for the longest time";
    return "";
}

/* What can be wrong comes one after the other. */
static const struct stage {
    const char *words;
    bool late;
    uint32_t one_of; /* steps in which it is late; at least one in all */
} stages[] = {
    {"is late in every step", true, 1},
    {"nobody", false, 1},
    {"is late in some steps", true, 4},
    {"is late in one step or a few", true, 1000},
};

static int check(struct exercise *e) {
    static struct task t;
    struct result yours = {0};
    for (int turn = 0; turn < 300; turn++) {
        const struct stage *stage = &stages[turn / 75];
        t.ranks = 2 + random_below(e, RANKS - 1);
        t.steps = stage->one_of == 1 ? 1 + random_below(e, STEPS) : 4 + random_below(e, STEPS - 3);
        t.floor_us = 1 + 50 * random_unit(e);
        int late = stage->late ? (int)random_below(e, t.ranks) : -1;
        uint32_t last = draw(e, &t, late, stage->one_of);
        if (ask(e, &t, sizeof t, &yours, sizeof yours) != 0)
            return 1;
        if (yours.culprit == late)
            continue;
        if (late < 0)
            return not_yet(e, "%u ranks, %u steps, and nobody is late: you name rank %d%s.",
                           t.ranks, t.steps, (int)yours.culprit, remark(&t, yours.culprit, last));
        if (yours.culprit == -1)
            return not_yet(e, "%u ranks, %u steps, and rank %d %s: you name nobody.", t.ranks,
                           t.steps, late, stage->words);
        return not_yet(e, "%u ranks, %u steps, and rank %d %s: you name rank %d%s.", t.ranks,
                       t.steps, late, stage->words, (int)yours.culprit,
                       remark(&t, yours.culprit, last));
    }
    return 0;
}

#endif
