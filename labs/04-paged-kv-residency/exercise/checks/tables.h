/*
 * tables.h: what the checks of bytes.c and attend.c share: random block tables.
 */
#ifndef NANOLAB_LABS_04_EXERCISE_TABLES_H
#define NANOLAB_LABS_04_EXERCISE_TABLES_H

#include "exercise.h"
#include "harness/lab/exercise.h"

enum { SEQUENCES = 6, ROW = 16, POOL = 112 };

struct rows {
    uint32_t sequences, block_tokens;
    int32_t ids[SEQUENCES * ROW], tokens[SEQUENCES];
};

static inline struct table table_of(const struct rows *r) {
    return (struct table){r->sequences, r->block_tokens, ROW, POOL, r->ids, r->tokens};
}

#ifndef EXERCISE_ANSWERS

/* Ragged rows of shuffled blocks; of every second table, all rows share some first blocks, and of
 * every third, a block may come again anywhere. What follows a row's end is a block that somebody
 * else has. */
static void make_rows(struct exercise *e, struct rows *r, unsigned turn) {
    static const uint32_t sizes[] = {1, 2, 16, 5};
    uint32_t order[POOL], shared = turn % 2 ? 1 + random_below(e, 8) : 0, next = shared;
    r->sequences = 1 + random_below(e, SEQUENCES);
    r->block_tokens = sizes[turn % 4];
    random_order(e, order, POOL);
    for (uint32_t s = 0; s < r->sequences; s++) {
        r->tokens[s] = (int32_t)random_below(e, ROW * r->block_tokens + 1);
        if (turn % 5 == 0 && s == 0)
            r->tokens[s] = 0;
        for (uint32_t b = 0; b < ROW; b++)
            r->ids[s * ROW + b] = (int32_t)(b < shared ? order[b] : order[next++]);
        for (uint32_t b = 0; b < ROW && turn % 3 == 2; b++)
            if (random_below(e, 4) == 0)
                r->ids[s * ROW + b] = r->ids[random_below(e, s * ROW + b + 1)];
    }
}

/* The slot of token t of sequence s, in the pool. */
static size_t slot_of(const struct rows *r, uint32_t s, int32_t t) {
    uint32_t n = r->block_tokens;
    return (size_t)r->ids[s * ROW + (uint32_t)t / n] * n + (uint32_t)t % n;
}

#endif
#endif
