/*
 * impossible.c: timings that are fine, and those that the clock, skipped work or the roof refute.
 */
#include "exercise.h"
#include "harness/lab/exercise.h"

enum { ROOFS = 8, TIMINGS = 2000 };

struct task {
    double clock_step;
    uint64_t count;
    struct roof roofs[ROOFS];
    struct timing timing[TIMINGS];
};
struct verdicts {
    uint32_t of[TIMINGS];
};

#ifdef EXERCISE_ANSWERS

static void answer(const void *in, void *out) {
    const struct task *t = in;
    struct verdicts *verdicts = out;
    for (int k = 0; k < TIMINGS; k++)
        verdicts->of[k] = (uint32_t)judge(&t->timing[k], t->roofs, t->count, t->clock_step);
}

#else

static double roof_at(const struct task *t, double footprint) {
    double most = 0;
    for (uint64_t k = 0; k < t->count; k++) {
        bool smaller = k + 1 < t->count && t->roofs[k + 1].footprint <= footprint;
        bool larger = k > 0 && t->roofs[k - 1].footprint >= footprint;
        if (!smaller && !larger)
            most = fmax(most, t->roofs[k].gigabytes_per_second);
    }
    return 1e9 * most;
}

/* Of the given kind, and just so; what is no time may have skipped work as well, and what skipped
 * work may be too fast as well. */
static struct timing make(struct exercise *e, const struct task *t, enum verdict kind) {
    static const double nothing[] = {0, -1e-3, NAN, INFINITY, -INFINITY};
    bool both = random_bits(e) & 1;
    struct timing made;
    /* Between the roofs, at one of them, below the first and beyond the last. */
    double at = t->roofs[random_below(e, (unsigned)t->count)].footprint;
    at *= random_below(e, 3) ? exp2(3 * random_unit(e) - 1.5) : 1;
    made.footprint = ((uint64_t)at + 8) / 8 * 8;
    if (random_below(e, 3) == 0)
        made.footprint = (uint64_t)t->roofs[random_below(e, (unsigned)t->count)].footprint;
    made.passes = 1 + random_below(e, 1000);
    double roof = roof_at(t, (double)made.footprint);
    double bytes = (double)made.footprint * (double)made.passes;
    uint64_t words = made.footprint / 8;
    made.sum = words * (words - 1) / 2 * made.passes;
    double fast = kind == IMPOSSIBLE || (kind == SKIPPED && both)
                      ? random_below(e, 2) ? 1.06 : 1.06 + random_unit(e)
                      : 1.04 - random_unit(e) * random_below(e, 2);
    made.seconds = bytes / (roof * fast);
    if (made.seconds < 10 * t->clock_step * 1.01 && kind != NO_TIME) { /* too little to be seen */
        made.passes = 1000;
        made.sum = words * (words - 1) / 2 * made.passes;
        made.seconds = (double)made.footprint * 1000 / (roof * fast);
    }
    if (kind == SKIPPED || (kind == NO_TIME && both))
        made.sum -=
            random_below(e, 2) ? words - 1 : words * (words - 1) / 2 * (made.passes > 1) + 1;
    if (kind == NO_TIME)
        made.seconds =
            random_below(e, 2) ? nothing[random_below(e, 5)] : t->clock_step * 9.9 * random_unit(e);
    return made;
}

static const char *name(uint32_t verdict) {
    static const char *const names[] = {"FINE", "NO_TIME", "SKIPPED", "IMPOSSIBLE"};
    return verdict < 4 ? names[verdict] : "no verdict";
}

static const char *where(const struct task *t, double footprint) {
    for (uint64_t k = 0; k < t->count; k++)
        if (t->roofs[k].footprint == footprint)
            return "at one of the roofs";
    return footprint < t->roofs[0].footprint              ? "below the first roof"
           : footprint > t->roofs[t->count - 1].footprint ? "beyond the last roof"
                                                          : "between two roofs";
}

static int say(struct exercise *e, const struct task *t, const struct timing *x, enum verdict right,
               uint32_t yours) {
    uint64_t words = x->footprint / 8, sum = words * (words - 1) / 2 * x->passes;
    return not_yet(e,
                   "%llu bytes, %llu passes, %.6g s: %.4g GB/s. Its footprint lies %s, where %.4g "
                   "GB/s are possible; the clock steps by %.2g s; the sum is %s. That is %s; you "
                   "say %s.",
                   (unsigned long long)x->footprint, (unsigned long long)x->passes, x->seconds,
                   1e-9 * (double)x->footprint * (double)x->passes / x->seconds,
                   where(t, (double)x->footprint), 1e-9 * roof_at(t, (double)x->footprint),
                   t->clock_step, x->sum == sum ? "right" : "wrong", name(right), name(yours));
}

static int check(struct exercise *e) {
    static struct task t;
    static enum verdict right[TIMINGS];
    static struct verdicts yours;
    for (int turn = 0; turn < 8; turn++) {
        t.count = 1 + (unsigned)turn;
        t.clock_step = turn % 2 ? 1e-9 : 4e-8;
        for (uint64_t k = 0; k < t.count; k++) /* mostly falling, and not always */
            t.roofs[k] = (struct roof){0x1p15 * (double)(1ull << 2 * k),
                                       400 / (double)(k + 1) * (0.4 + random_unit(e))};
        for (int k = 0; k < TIMINGS; k++) {
            right[k] = (enum verdict)random_below(e, 4);
            t.timing[k] = make(e, &t, right[k]);
        }
        if (ask(e, &t, sizeof t, &yours, sizeof yours) != 0)
            return 1;
        for (int k = 0; k < TIMINGS; k++)
            if (yours.of[k] != right[k])
                return say(e, &t, &t.timing[k], right[k], yours.of[k]);
    }
    return 0;
}

#endif
