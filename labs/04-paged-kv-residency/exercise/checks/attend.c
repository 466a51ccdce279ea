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

/* What lies in slots that no sequence uses. */
enum left { ZEROS, NUMBERS, NANS, INFINITE, LARGE, ANYTHING, LEFT };
static const char *const left_words[] = {
    "zeros", "numbers like any others", "NaN", "infinity", "3e38 each", "anything"};
enum scores { FEW, HUNDREDS, NEGATIVE, SCORES };
static const char *const score_words[] = {"of a few", "in the hundreds",
                                          "in the hundreds, all negative"};

static float left_over(struct exercise *e, enum left left) {
    if (left == ANYTHING)
        left = (enum left)random_below(e, ANYTHING);
    float sign = random_bits(e) & 1 ? -1 : 1;
    return left == ZEROS     ? 0
           : left == NUMBERS ? (float)random_normal(e)
           : left == NANS    ? NAN
                             : sign * (left == INFINITE ? INFINITY : 3e38f);
}

static void make(struct exercise *e, struct task *t, unsigned turn, enum left left,
                 enum scores scores) {
    make_rows(e, &t->rows, turn);
    const uint32_t D = t->D = 1 + random_below(e, D_MOST);
    const double size = scores == FEW ? 1 : scores == HUNDREDS ? 30 : -200 / sqrt(D);
    float lies[997]; /* in the slots, again and again */
    for (size_t i = 0; i < 997; i++)
        lies[i] = left_over(e, left);
    for (size_t i = 0; i < (size_t)POOL * t->rows.block_tokens * D; i++) {
        t->k[i] = lies[i % 997];
        t->v[i] = lies[(i + 1) % 997];
    }
    for (uint32_t i = 0; i < t->rows.sequences * D; i++)
        t->q[i] =
            (float)(size * (scores == NEGATIVE ? 1 + 0.1 * random_normal(e) : random_normal(e)));
    for (uint32_t s = 0; s < t->rows.sequences; s++)
        for (int32_t k = 0; k < t->rows.tokens[s]; k++)
            for (uint32_t d = 0; d < D; d++) {
                size_t at = slot_of(&t->rows, s, k) * D + d;
                t->k[at] =
                    (float)(scores == NEGATIVE ? 1 + 0.1 * random_normal(e) : random_normal(e));
                t->v[at] = (float)random_normal(e);
            }
}

/* Small scores over a clean cache first, so that what is said names what came new. */
static int check(struct exercise *e) {
    static struct task t;
    for (unsigned turn = 0; turn < 8 * LEFT * SCORES; turn++) {
        float out[SEQUENCES * D_MOST];
        double expected[D_MOST];
        enum left left = (enum left)(turn / 8 % LEFT);
        enum scores scores = (enum scores)(turn / 8 / LEFT);
        make(e, &t, turn, left, scores);
        if (ask(e, &t, sizeof t, out, sizeof out) != 0)
            return 1;
        for (uint32_t s = 0; s < t.rows.sequences; s++) {
            reference(&t, s, expected);
            for (uint32_t d = 0; d < t.D; d++)
                if (!(fabs((double)out[s * t.D + d] - expected[d]) <= 1e-3))
                    return not_yet(
                        e,
                        "Scores %s; slots that no sequence uses hold %s. Sequence %u of %u "
                        "has %d tokens in blocks of %u; with D = %u, channel %u is "
                        "%.6g, and yours is %.6g.",
                        score_words[scores], left_words[left], s, t.rows.sequences,
                        (int)t.rows.tokens[s], t.rows.block_tokens, t.D, d, expected[d],
                        (double)out[s * t.D + d]);
        }
    }
    return 0;
}

#endif
