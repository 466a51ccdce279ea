/*
 * fraction.c: samples of a machine that slows down and recovers, with gaps, beside the median of
 * paired ratios.
 */
#include "exercise.h"
#include "harness/lab/exercise.h"

enum { ROUNDS = 1000 };

struct task {
    uint32_t rounds;
    double my_bytes, reader_bytes;
    double mine[ROUNDS], reader[ROUNDS];
};

#ifdef EXERCISE_ANSWERS

static void answer(const void *in, void *out) {
    const struct task *t = in;
    *(double *)out = fraction(t->mine, t->reader, t->rounds, t->my_bytes, t->reader_bytes);
}

#else

/* One thing more that can go wrong at a time, so that what is said names it. */
enum kind { STEADY, GAPS, SLOW, BOTH, NONE };

static const struct stage {
    const char *words;
    enum kind kind;
    uint32_t rounds;
} stages[] = {
    {"With a single round", STEADY, 1},
    {"On a steady machine", STEADY, 3},
    {"On a steady machine", STEADY, 31},
    {"On a steady machine", STEADY, 999},
    {"On a machine that is slow in some rounds", SLOW, 31},
    {"On a machine that is slow in some rounds", SLOW, 101},
    {"With an even number of rounds", STEADY, 2},
    {"With an even number of rounds", STEADY, 100},
    {"With samples missing", GAPS, 10},
    {"With samples missing", GAPS, 31},
    {"On a machine that is slow in some rounds, with samples missing", BOTH, ROUNDS},
    {"With samples missing", NONE, 1},
    {"With samples missing", NONE, 20},
};

/* A steady reader takes the same time in every round. A slow round is up to four times slower, for
 * both. A fifth of the samples is missing; of NONE, all that the other has. */
static void make(struct exercise *e, struct task *t, const struct stage *stage) {
    enum kind kind = stage->kind;
    double slow = 1;
    t->rounds = stage->rounds;
    t->my_bytes = 1e3 + random_below(e, 1000000);
    t->reader_bytes = 1e3 + random_below(e, 1000000);
    for (uint32_t r = 0; r < t->rounds; r++) {
        bool unsteady = kind == SLOW || kind == BOTH, missing = random_bits(e) & 1;
        if (unsteady && random_below(e, 4) == 0)
            slow = 1 + 3 * random_unit(e);
        t->mine[r] = slow * t->my_bytes * 1e-11 * (1.5 + random_unit(e));
        t->reader[r] = slow * t->reader_bytes * 1e-11 * (1 + (unsteady ? random_unit(e) : 0.5));
        if (kind == NONE)
            *(missing ? &t->mine[r] : &t->reader[r]) = NAN;
        else if (kind != STEADY && kind != SLOW && random_below(e, 5) == 0)
            *(missing ? &t->mine[r] : &t->reader[r]) = NAN;
    }
    if (kind == GAPS) { /* one of each at least, and one of both */
        t->reader[1] = t->mine[2] = t->mine[4] = t->reader[4] = NAN;
    }
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of the rounds with both samples, ascending. */
static uint32_t ratios_of(const struct task *t, double *ratio) {
    uint32_t n = 0;
    for (uint32_t r = 0; r < t->rounds; r++)
        if (!isnan(t->mine[r]) && !isnan(t->reader[r]))
            ratio[n++] = t->my_bytes / t->mine[r] / (t->reader_bytes / t->reader[r]);
    qsort(ratio, n, sizeof *ratio, ascending);
    return n;
}

static bool same(double a, double b) {
    return fabs(a - b) <= 1e-9 * fabs(b);
}

/* What can be seen of it without looking at how it came about. */
static const char *remark(double yours, double right, const double *ratio, uint32_t n) {
    if (isnan(yours))
        return ", which is no number";
    if (fabs(yours - right) <= 1e-5 * right)
        return ", which agrees with it in the first digits only";
    if (same(yours * right, 1))
        return ", which is one over it";
    if (n % 2 == 0 && (same(yours, ratio[n / 2]) || same(yours, ratio[n / 2 - 1])))
        return ", which is one of the two in the middle";
    if (yours < ratio[0] * (1 - 1e-9) || yours > ratio[n - 1] * (1 + 1e-9))
        return ", which is less than all of them or more than all of them";
    return "";
}

static int judge_one(struct exercise *e, const struct task *t, const struct stage *stage,
                     double yours) {
    static double ratio[ROUNDS];
    uint32_t n = ratios_of(t, ratio);
    if (n == 0 && yours != -1)
        return not_yet(e,
                       "%s: %u round%s, and none has both samples. Then -1 is asked for, and yours "
                       "is %.10g.",
                       stage->words, t->rounds, t->rounds == 1 ? "" : "s", yours);
    if (n == 0)
        return 0;
    double right = (ratio[(n - 1) / 2] + ratio[n / 2]) / 2;
    if (same(yours, right))
        return 0;
    return not_yet(e,
                   "%s (%u round%s, %u with both samples) the median of the ratios is %.10g; yours "
                   "is %.10g%s.",
                   stage->words, t->rounds, t->rounds == 1 ? "" : "s", n, right, yours,
                   remark(yours, right, ratio, n));
}

static int check(struct exercise *e) {
    static struct task t;
    for (size_t s = 0; s < sizeof stages / sizeof *stages; s++)
        for (int turn = 0; turn < 20; turn++) {
            double yours;
            make(e, &t, &stages[s]);
            if (ask(e, &t, sizeof t, &yours, sizeof yours) != 0 ||
                judge_one(e, &t, &stages[s], yours) != 0)
                return 1;
        }
    return 0;
}

#endif
