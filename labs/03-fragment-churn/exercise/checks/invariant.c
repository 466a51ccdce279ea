/*
 * invariant.c: rows in batches of many sizes, and in many places of these: the same bits each time,
 * and near the exact sums.
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

static const char *shape(const struct task *t, char text[80]) {
    snprintf(text, 80, "%u row%s, %u column%s, k = %u", t->m, t->m == 1 ? "" : "s", t->n,
             t->n == 1 ? "" : "s", t->k);
    return text;
}

/* As near as a plain float sum is in any order; and a number. */
static int near(struct exercise *e, const struct task *t, const struct result *yours) {
    char text[80];
    for (uint32_t i = 0; i < t->m; i++)
        for (uint32_t j = 0; j < t->n; j++) {
            double sum = 0, size = 0, got = (double)yours->c[i * t->n + j];
            for (uint32_t l = 0; l < t->k; l++) {
                double p = (double)t->a[i * t->k + l] * (double)t->b[j * t->k + l];
                sum += p;
                size += fabs(p);
            }
            if (!(fabs(got - sum) <= size * (t->k + 4) * 0x1p-23))
                return not_yet(e,
                               "%s: c[%u][%u] is %.9g, which is too far from the sum, %.9g, for "
                               "any order of additions.",
                               shape(t, text), i, j, got, sum);
        }
    return 0;
}

/* The pool of rows that batches are made of, and the bits that each has in the batch of all. */
struct pool {
    float row[ROWS][DEPTH], c[ROWS][WIDTH];
};

/*
 * Random numbers; and a column of ones, with rows whose sum lies between two floats, 1 + 2^-24 and
 * a little: a sum that keeps more bits than a float, but not all, has the little or not by its
 * order.
 */
static void draw(struct exercise *e, struct task *t, struct pool *pool) {
    for (uint32_t l = 0; l < t->n * t->k; l++)
        t->b[l] = l < t->k ? 1 : (float)random_normal(e);
    for (uint32_t r = 0; r < ROWS; r++) {
        double little = ldexp(1.5, r % 8 == 1 ? -54 : -26 - (int)random_below(e, 30));
        bool between = r % 4 == 1 && t->k > 2;
        for (uint32_t l = 0; l < t->k; l++)
            pool->row[r][l] = (float)(between ? little : random_normal(e));
        if (between) {
            pool->row[r][0] = 1;
            pool->row[r][1] = 0x1p-24f;
        }
    }
}

static int ask_batch(struct exercise *e, struct task *t, const struct pool *pool,
                     const uint32_t *rows, uint32_t m, struct result *yours) {
    t->m = m;
    for (uint32_t i = 0; i < m; i++)
        memcpy(t->a + (size_t)i * t->k, pool->row[rows[i]], t->k * sizeof *t->a);
    return ask(e, t, sizeof *t, yours, sizeof *yours) != 0 || near(e, t, yours) != 0;
}

static int check_shape(struct exercise *e, uint32_t n, uint32_t k) {
    static struct task t;
    static struct pool pool;
    static struct result yours;
    uint32_t rows[ROWS];
    char text[80];
    t.n = n;
    t.k = k;
    draw(e, &t, &pool);
    for (uint32_t i = 0; i < ROWS; i++)
        rows[i] = i;
    if (ask_batch(e, &t, &pool, rows, ROWS, &yours) != 0)
        return 1;
    for (uint32_t i = 0; i < ROWS; i++)
        memcpy(pool.c[i], yours.c + (size_t)i * n, n * sizeof *yours.c);
    for (uint32_t turn = 0; turn < ROWS + 20; turn++) {
        uint32_t m = turn < 24 ? 1 + turn % 4 : turn - 19; /* small ones again and again */
        random_order(e, rows, ROWS);
        if (turn == 0)
            rows[0] = 1;
        if (ask_batch(e, &t, &pool, rows, m, &yours) != 0)
            return 1;
        for (uint32_t i = 0; i < m; i++)
            for (uint32_t j = 0; j < n; j++)
                if (memcmp(&pool.c[rows[i]][j], &yours.c[i * n + j], sizeof(float)) != 0)
                    return not_yet(e,
                                   "%s: as row %u of these, c[%u][%u] is %a; as row %u of %u the "
                                   "same row gave %a.",
                                   shape(&t, text), i, i, j, (double)yours.c[i * n + j], rows[i],
                                   ROWS, (double)pool.c[rows[i]][j]);
    }
    return 0;
}

static int check(struct exercise *e) {
    static const uint32_t depths[] = {1, 2, 3, 4, 7, 33, 64, 127, DEPTH};
    for (size_t s = 0; s < sizeof depths / sizeof *depths; s++)
        if (check_shape(e, 1 + (uint32_t)s % WIDTH, depths[s]) != 0)
            return 1;
    for (int turn = 0; turn < 3; turn++)
        if (check_shape(e, 1 + random_below(e, WIDTH), 1 + random_below(e, DEPTH)) != 0)
            return 1;
    return 0;
}

#endif
