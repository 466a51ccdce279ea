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

/* Rounds slow down by up to four times, both things together; a tenth of the samples is missing,
 * or all of one. */
static void make(struct exercise *e, struct task *t, uint32_t rounds, int gaps) {
    double slow = 1;
    t->rounds = rounds;
    t->my_bytes = 1e3 + random_below(e, 1000000);
    t->reader_bytes = 1e3 + random_below(e, 1000000);
    for (uint32_t r = 0; r < rounds; r++) {
        if (random_below(e, 8) == 0)
            slow = 1 + 3 * random_unit(e);
        t->mine[r] = slow * t->my_bytes * 1e-11 * (1.5 + random_unit(e));
        t->reader[r] = slow * t->reader_bytes * 1e-11 * (1 + random_unit(e));
        if (gaps && random_below(e, 10) == 0)
            t->mine[r] = NAN;
        if (gaps == 2 || (gaps && random_below(e, 10) == 0))
            t->reader[r] = NAN;
    }
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_ratio(const struct task *t, uint32_t *paired) {
    double ratio[ROUNDS];
    uint32_t n = 0;
    for (uint32_t r = 0; r < t->rounds; r++)
        if (!isnan(t->mine[r]) && !isnan(t->reader[r]))
            ratio[n++] = t->my_bytes / t->mine[r] / (t->reader_bytes / t->reader[r]);
    qsort(ratio, n, sizeof *ratio, ascending);
    *paired = n;
    return n ? (ratio[(n - 1) / 2] + ratio[n / 2]) / 2 : -1;
}

static int check(struct exercise *e) {
    static const uint32_t sizes[] = {1, 2, 3, 10, 31, 100, ROUNDS};
    static struct task t;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int turn = 0; turn < 40; turn++) {
            double yours;
            uint32_t paired;
            make(e, &t, sizes[s], turn % 20 == 19 ? 2 : turn % 2);
            double right = median_ratio(&t, &paired);
            if (ask(e, &t, sizeof t, &yours, sizeof yours) != 0)
                return 1;
            if (!(fabs(yours - right) <= 1e-9 * fabs(right)))
                return not_yet(e,
                               "%u rounds, %u of them with both samples: the fraction is %.6g, not "
                               "%.6g",
                               t.rounds, paired, right, yours);
        }
    return 0;
}

#endif
