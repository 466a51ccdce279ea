/*
 * sum_fast.c: sums of whole numbers, to the bit: at every small n; and of 32 MB that are new in
 * every call, by the clock.
 */
#include "exercise.h"

#define EXERCISE_ALONE
#include "harness/lab/exercise_timed.h"

enum {
    N_SMALL = 300,
    AT = 4096,  /* bytes: where x begins */
    BEYOND = 32 /* numbers after the last, which are not to be read: NaN */
};

struct task {
    uint64_t n;
    char unused[AT - sizeof(uint64_t)];
    float x[];
};
#define N_MOST ((EXERCISE_BYTES - AT) / sizeof(float) - BEYOND)

#ifdef EXERCISE_ANSWERS

static void answer(const void *in, void *out) {
    const struct task *t = in;
    sum_fast(t->x, t->n, out);
}

#else

static double expected, before;

/* -2 … 2, of which no 2^23 can add up to 2^24; the first and last numbers are 1 or 2, so that none
 * of them can be left out unnoticed. */
static void fill(struct exercise *e, struct task *t, uint64_t n) {
    static const float values[16] = {-2, -1, 0, 1, 2, 1, -1, 2, -2, 1, 2, 2, -1, 1, 0, 1};
    uint64_t bits = 0;
    before = expected;
    expected = 0;
    t->n = n;
    for (uint64_t i = 0; i < n; i++) {
        bits = i % 16 ? bits >> 4 : random_bits(e);
        t->x[i] = i < 64 || n - i <= 64 ? (float)(1 + (bits & 1)) : values[bits & 15];
        expected += t->x[i];
    }
    for (uint64_t i = n; i < n + BEYOND; i++)
        t->x[i] = NAN;
}

static size_t make(struct exercise *e, void *in, size_t *data, size_t *bytes) {
    struct task *t = in;
    fill(e, t, N_MOST - random_below(e, 100000));
    *data = AT;
    *bytes = t->n * sizeof(float);
    return AT + *bytes;
}

static int compare(struct exercise *e, const char *when, uint64_t n, const float *sum) {
    if (unwritten(e, sum, 0, sizeof *sum))
        return not_yet(e, "%s, n = %llu: nothing was written to *sum", when, (unsigned long long)n);
    if (*sum == expected)
        return 0;
    return not_yet(e, "%s, n = %llu: the sum is %.9g, not %.9g%s", when, (unsigned long long)n,
                   *sum, expected, *sum == before ? "; that was the sum of the call before" : "");
}

static int check(struct exercise *e) {
    static _Alignas(64) char small[AT + (N_SMALL + BEYOND) * sizeof(float)];
    static struct timed t;
    float sum;
    for (uint64_t n = 0; n <= N_SMALL; n += n < 70 ? 1 : 1 + random_below(e, 40)) {
        fill(e, (struct task *)small, n);
        if (ask(e, small, AT + (n + BEYOND) * sizeof(float), &sum, sizeof sum) != 0 ||
            compare(e, "Before the clock runs", n, &sum) != 0)
            return 1;
    }
    struct task *task = (struct task *)e->memory;
    while (t.calls < TIMED_CALLS) {
        char when[40];
        snprintf(when, sizeof when, "In timed call %u of %d", t.calls + 1, TIMED_CALLS);
        if (timed_ask(e, &t, make, &sum, sizeof sum) != 0 || compare(e, when, task->n, &sum) != 0)
            return 1;
    }
    timed_doubt(e, &t, AT, task->n * sizeof(float));
    timed_end(e);
    return timed_verdict(e, &t);
}

#endif
