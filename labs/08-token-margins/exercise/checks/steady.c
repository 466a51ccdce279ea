/*
 * steady.c: sums of numbers and of the same backwards must have the same bits, and be right.
 */
#include "harness/lab/exercise.h"

enum { N = 1000 };

struct task {
    uint32_t n;
    float x[N], back[N];
};
struct sums {
    float one, other;
};

#ifdef EXERCISE_ANSWERS

float steady_sum(const float *x, size_t n);

static void answer(const void *in, void *out) {
    const struct task *t = in;
    struct sums *sums = out;
    sums->one = steady_sum(t->x, t->n);
    sums->other = steady_sum(t->back, t->n);
}

#else

static int check(struct exercise *e) {
    static struct task t;
    for (uint32_t n = t.n = 1; n <= N; n = t.n += 37) {
        struct sums got;
        long long exact = 0; /* in units of 2^-24 */
        for (uint32_t i = 0; i < n; i++) {
            long k = (long)random_below(e, 1u << 25) - (1L << 24);
            exact += k;
            t.x[i] = t.back[n - 1 - i] = (float)k * 0x1p-24f;
        }
        float right = (float)((double)exact * 0x1p-24);
        if (ask(e, &t, sizeof t, &got, sizeof got) != 0)
            return 1;
        if (memcmp(&got.one, &got.other, sizeof got.one) != 0)
            return not_yet(e, "Of %u numbers you get %a, and backwards %a.", n, (double)got.one,
                           (double)got.other);
        if (!(got.one == right))
            return not_yet(e,
                           "Of %u numbers you get %a both ways; the nearest float to their sum is "
                           "%a.",
                           n, (double)got.one, (double)right);
    }
    return 0;
}

#endif
