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

static int follow(struct exercise *e, const struct task *t, const struct found *yours) {
    bool seen[MOST] = {false};
    float now = 0;
    for (uint32_t k = 0; k < t->n; k++) {
        uint64_t u = yours->order[k];
        if (u >= t->n || seen[u])
            return not_yet(e, "%u updates: place %u of the order is no update, or one again", t->n,
                           k);
        if (t->old[u] != now)
            return not_yet(e, "%u updates: update %u found %.9g, but at its turn there is %.9g",
                           t->n, (unsigned)u, t->old[u], now);
        seen[u] = true;
        now += t->x[u];
    }
    return 0;
}

static int check(struct exercise *e) {
    static const uint32_t sizes[] = {1, 2, 3, 7, 30, 200, MOST};
    static struct task t;
    static struct found yours;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int turn = 0; turn < 30; turn++) {
            make(e, &t, sizes[s], turn % 3);
            if (ask(e, &t, sizeof t, &yours, sizeof yours) != 0)
                return 1;
            if (yours.status != 0)
                return not_yet(e, "%u updates: no order was found, and there is one", t.n);
            if (follow(e, &t, &yours) != 0)
                return 1;
        }
    return 0;
}

#endif
