/*
 * attend.c: attention beside a reference in doubles, over a cache whose free slots hold what
 * somebody left there.
 */
#include "tables.h"

enum { D_MOST = 64, SLOTS = POOL * 16 };

struct task {
    uint32_t D;
    struct rows rows;
    float q[SEQUENCES * D_MOST], k[SLOTS * D_MOST], v[SLOTS * D_MOST];
};

#ifdef EXERCISE_ANSWERS

static void answer(const void *in, void *out) {
    const struct task *t = in;
    struct table table = table_of(&t->rows);
    attend(&table, t->D, t->q, t->k, t->v, out);
}

#else

static void reference(const struct task *t, uint32_t s, double *out) {
    static double score[ROW * 16];
    const uint32_t D = t->D;
    double most = -INFINITY, sum = 0;
    memset(out, 0, D * sizeof *out);
    for (int32_t k = 0; k < t->rows.tokens[s]; k++) {
        score[k] = 0;
        for (uint32_t d = 0; d < D; d++)
            score[k] += (double)t->q[s * D + d] * t->k[slot_of(&t->rows, s, k) * D + d];
        score[k] /= sqrt(D);
        most = fmax(most, score[k]);
    }
    for (int32_t k = 0; k < t->rows.tokens[s]; k++) {
        double w = exp(score[k] - most);
        sum += w;
        for (uint32_t d = 0; d < D; d++)
            out[d] += w * t->v[slot_of(&t->rows, s, k) * D + d];
    }
    for (uint32_t d = 0; d < D; d++)
        out[d] = sum > 0 ? out[d] / sum : 0;
}

/* `size`: of the queries; 30 makes scores in the hundreds. */
static void make(struct exercise *e, struct task *t, unsigned turn, double size) {
    static const float left[] = {NAN, INFINITY, -INFINITY, 3e38f};
    make_rows(e, &t->rows, turn);
    const uint32_t D = t->D = 1 + random_below(e, D_MOST);
    for (size_t i = 0; i < (size_t)POOL * t->rows.block_tokens * D; i++)
        t->k[i] = t->v[i] = left[turn / 4 % 4];
    for (uint32_t i = 0; i < t->rows.sequences * D; i++)
        t->q[i] = (float)(size * random_normal(e));
    for (uint32_t s = 0; s < t->rows.sequences; s++)
        for (int32_t k = 0; k < t->rows.tokens[s]; k++)
            for (uint32_t d = 0; d < D; d++) {
                size_t at = slot_of(&t->rows, s, k) * D + d;
                t->k[at] = (float)random_normal(e);
                t->v[at] = (float)random_normal(e);
            }
}

static int check(struct exercise *e) {
    static struct task t;
    for (unsigned turn = 0; turn < 60; turn++) {
        float out[SEQUENCES * D_MOST];
        double expected[D_MOST], size = turn % 3 == 2 ? 30 : 1;
        make(e, &t, turn, size);
        if (ask(e, &t, sizeof t, out, sizeof out) != 0)
            return 1;
        for (uint32_t s = 0; s < t.rows.sequences; s++) {
            reference(&t, s, expected);
            for (uint32_t d = 0; d < t.D; d++)
                if (!(fabs(out[s * t.D + d] - expected[d]) <= 1e-3))
                    return not_yet(e,
                                   "sequence %u of %d tokens in blocks of %u, channel %u: %.6g, "
                                   "not %.6g; scores reach %s",
                                   s, (int)t.rows.tokens[s], t.rows.block_tokens, d,
                                   out[s * t.D + d], expected[d], size > 1 ? "hundreds" : "a few");
        }
    }
    return 0;
}

#endif
