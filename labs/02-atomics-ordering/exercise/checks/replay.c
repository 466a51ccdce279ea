/*
 * replay.c: an order is right if each update found what the one before it left.
 */
#include "exercise.h"
#include "harness/lab/exercise.h"

enum { MOST = 1000 };

struct task {
    uint32_t n;
    float x[MOST], old[MOST];
};
struct found {
    int64_t status;
    uint64_t order[MOST];
};

#ifdef EXERCISE_ANSWERS

static void answer(const void *in, void *out) {
    const struct task *t = in;
    struct found *found = out;
    static size_t order[MOST];
    memset(order, 0xff, sizeof order);
    found->status = replay(t->x, t->old, t->n, order);
    for (uint32_t k = 0; k < t->n; k++)
        found->order[k] = order[k];
}

#else

/* Positive numbers; mixed ones; few different ones, so that values come back again and again. */
static void make(struct exercise *e, struct task *t, uint32_t n, int kind) {
    static uint32_t order[MOST];
    float value = 0;
    t->n = n;
    for (uint32_t i = 0; i < n; i++) {
        double sign = random_bits(e) & 1 ? -1 : 1;
        t->x[i] = kind == 0   ? (float)random_unit(e)
                  : kind == 1 ? (float)(sign * random_unit(e))
                              : (float)(sign * (double)random_below(e, 3));
    }
    random_order(e, order, n);
    for (uint32_t k = 0; k < n; k++) {
        t->old[order[k]] = value;
        value += t->x[order[k]];
    }
}

/* What makes a log impossible: an update found what none left; or two follow each other in a ring
 * to which nothing leads. */
static void spoil(struct exercise *e, struct task *t, bool ring) {
    uint32_t u = random_below(e, t->n);
    if (!ring) {
        t->old[u] = 1e6f;
        t->x[u] = 1;
        return;
    }
    uint32_t at = t->n;
    t->n += 2;
    t->x[at] = 1;
    t->x[at + 1] = -1;
    t->old[at] = 1e6f;
    t->old[at + 1] = 1e6f + 1;
}

static const char *plural(uint32_t n) {
    return n == 1 ? "" : "s";
}

static int follow(struct exercise *e, const struct task *t, const struct found *yours) {
    bool seen[MOST] = {false};
    float now = 0;
    for (uint32_t k = 0; k < t->n; k++) {
        uint64_t u = yours->order[k];
        if (u >= t->n)
            return not_yet(e, "%u update%s: place %u of your order names none of them.", t->n,
                           plural(t->n), k);
        if (seen[u])
            return not_yet(e,
                           "%u update%s: place %u of your order has update %u, which came before.",
                           t->n, plural(t->n), k, (unsigned)u);
        if (t->old[u] != now)
            return not_yet(
                e,
                "%u update%s: place %u of your order has update %u, which found %.9g; at "
                "that moment the sum is %.9g.",
                t->n, plural(t->n), k, (unsigned)u, (double)t->old[u], (double)now);
        seen[u] = true;
        now += t->x[u];
    }
    return 0;
}

static int check_order(struct exercise *e, uint32_t n, int kind) {
    static struct task t;
    static struct found yours;
    make(e, &t, n, kind);
    if (ask(e, &t, sizeof t, &yours, sizeof yours) != 0)
        return 1;
    if (yours.status != 0)
        return not_yet(e, "%u update%s: there is an order, and you say %d.", n, plural(n),
                       (int)yours.status);
    return follow(e, &t, &yours);
}

static int check_none(struct exercise *e, uint32_t n, bool ring) {
    static struct task t;
    static struct found yours;
    make(e, &t, n, 2);
    spoil(e, &t, ring);
    if (ask(e, &t, sizeof t, &yours, sizeof yours) != 0)
        return 1;
    if (yours.status != -1)
        return not_yet(e, "%u updates, %s: there is no order, and you say %d.", t.n,
                       ring ? "two of which found what only the other one left"
                            : "one of which found what none has left",
                       (int)yours.status);
    return 0;
}

static int check(struct exercise *e) {
    static const uint32_t sizes[] = {1, 2, 3, 7, 30, 200, MOST - 2};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    for (int s = 0; s < SIZES; s++)
        for (int turn = 0; turn < 30; turn++)
            if (check_order(e, sizes[s], turn % 3) != 0)
                return 1;
    for (int s = 1; s < SIZES; s++)
        for (int turn = 0; turn < 6; turn++)
            if (check_none(e, sizes[s], turn % 2) != 0)
                return 1;
    return 0;
}

#endif
