/*
 * invariant.c: one row in batches of many sizes and in many places: the same bits, and near the
 * exact sum; so are the others.
 */
#include "exercise.h"
#include "harness/lab/exercise.h"

enum { ROWS = 40, WIDTH = 6, DEPTH = 300 };

struct task {
    uint32_t m, n, k;
    float a[ROWS * DEPTH], b[WIDTH * DEPTH];
};
struct result {
    float c[ROWS * WIDTH];
};

#ifdef EXERCISE_ANSWERS

static void answer(const void *in, void *out) {
    const struct task *t = in;
    product(t->a, t->b, ((struct result *)out)->c, t->m, t->n, t->k);
}

#else

/* Of a plain float sum in any order; and never NaN. */
static int near(struct exercise *e, const struct task *t, const struct result *yours) {
    for (uint32_t i = 0; i < t->m; i++)
        for (uint32_t j = 0; j < t->n; j++) {
            double sum = 0, size = 0, got = (double)yours->c[i * t->n + j];
            for (uint32_t l = 0; l < t->k; l++) {
                double p = (double)t->a[i * t->k + l] * (double)t->b[j * t->k + l];
                sum += p;
                size += fabs(p);
            }
            if (!(fabs(got - sum) <= size * t->k * 0x1p-23))
                return not_yet(e, "row %u of %u, column %u: %g is too far from %g", i, t->m, j, got,
                               sum);
        }
    return 0;
}

static int check(struct exercise *e) {
    static struct task t;
    static struct result yours;
    static float row[DEPTH], first[WIDTH];
    t.n = WIDTH;
    t.k = DEPTH;
    for (int l = 0; l < DEPTH; l++)
        row[l] = (float)random_normal(e);
    for (int l = 0; l < WIDTH * DEPTH; l++)
        t.b[l] = (float)random_normal(e);
    for (uint32_t m = 1; m <= ROWS; m++)
        for (int turn = 0; turn < 4; turn++) {
            uint32_t at = turn == 0 ? 0 : turn == 1 ? m - 1 : random_below(e, m);
            t.m = m;
            for (uint32_t l = 0; l < m * DEPTH; l++)
                t.a[l] = (float)random_normal(e);
            memcpy(t.a + (size_t)at * DEPTH, row, sizeof row);
            if (ask(e, &t, sizeof t, &yours, sizeof yours) != 0 || near(e, &t, &yours) != 0)
                return 1;
            if (m == 1 && turn == 0)
                memcpy(first, yours.c, sizeof first);
            if (memcmp(first, yours.c + (size_t)at * WIDTH, sizeof first) != 0)
                return not_yet(e, "the row has other bits as row %u of %u than alone", at, m);
        }
    return 0;
}

#endif
