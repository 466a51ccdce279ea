/*
 * bound.c: steps whose fate is known, since they are made for it: margins far below twice the
 * bound, between once and twice, and above; the winner anywhere, equal logits, both signs. All
 * numbers are multiples of 1/64, so that sums of them are exact.
 */
#include "exercise.h"
#include "harness/lab/exercise.h"

enum { N = 300, TURNS = 600 };

struct task {
    uint32_t n;
    float most, a[N], b[N];
};

#ifdef EXERCISE_ANSWERS

static void answer(const void *in, void *out) {
    const struct task *t = in;
    *(int32_t *)out = (int32_t)bound(t->a, t->b, t->n, t->most);
}

#else

static const char *const names[] = {"SAFE", "LUCKY", "FLIPS"};

static float step_of(struct exercise *e, unsigned n) {
    return (float)random_below(e, n) / 64;
}

static size_t largest(const float *x, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

/* An index that nobody can know, at either end often enough. */
static size_t place(struct exercise *e, size_t n) {
    const unsigned kind = random_below(e, 8);
    return kind == 0 ? 0 : kind == 1 ? n - 1 : random_below(e, (unsigned)n);
}

/* Winner and runner-up lie `margin` apart, in an order and at places that nobody can know. */
static void make(struct exercise *e, struct task *t, float margin, float most) {
    t->n = 2 + random_below(e, N - 1);
    t->most = most;
    const float top = step_of(e, 4096) - 48;
    const size_t next = place(e, t->n), other = place(e, t->n - 1u),
                 winner = other < next ? other : other + 1;
    for (size_t i = 0; i < t->n; i++)
        t->a[i] = top - margin - 1 - step_of(e, 512);
    t->a[winner] = top;
    t->a[next] = top - margin;
    for (size_t i = 0; i < t->n; i++)
        t->b[i] = t->a[i] + (step_of(e, (unsigned)(128 * most) + 1) - most);
}

/* The first of equal logits wins: what comes before the winner needs only to reach it. */
static enum fate fate_of(const struct task *t) {
    const size_t winner = largest(t->a, t->n);
    if (largest(t->b, t->n) != winner)
        return FLIPS;
    for (size_t i = 0; i < t->n; i++) {
        const float high = t->a[i] + t->most, low = t->a[winner] - t->most;
        if (i != winner && (i < winner ? high >= low : high > low))
            return LUCKY;
    }
    return SAFE;
}

static int check(struct exercise *e) {
    unsigned seen[3] = {0};
    for (int turn = 0; turn < TURNS; turn++) {
        struct task t;
        int32_t yours = -1;
        /* Margins of 0, up to once, once to twice, exactly twice, and above. */
        const float most = (1 + (float)random_below(e, 32)) / 64;
        const int kind = turn % 5;
        const float margin = kind == 0   ? 0
                             : kind == 1 ? most * 0.5f
                             : kind == 2 ? most * 1.5f
                             : kind == 3 ? 2 * most
                                         : 2 * most + (1 + (float)random_below(e, 64)) / 64;
        make(e, &t, margin, most);
        const enum fate fate = fate_of(&t);
        seen[fate]++;
        if (ask(e, &t, sizeof t, &yours, sizeof yours) != 0)
            return 1;
        if (yours < 0 || yours > 2)
            return not_yet(e, "%d is no fate: it is SAFE, LUCKY or FLIPS", yours);
        if (yours != (int32_t)fate)
            return not_yet(e,
                           "margin %.4f, logits move by up to %.4f, the token %s under b: %s, and "
                           "not %s",
                           margin, most, fate == FLIPS ? "changes" : "stays", names[fate],
                           names[yours]);
    }
    return seen[SAFE] && seen[LUCKY] && seen[FLIPS] ? 0 : not_yet(e, "not all fates were drawn");
}

#endif
