/* Better: scores and sums in double, and what each addition to the output loses is added at the
 * end; the largest score is found first. */
#include <math.h>

#include "exercise.h"

/* sum += x, and what that loses goes to lost. */
static void add(double *sum, double *lost, double x) {
    double now = *sum + x, part = now - *sum;
    *lost += (*sum - (now - part)) + (x - part);
    *sum = now;
}

static size_t slot_of(const struct table *table, unsigned s, unsigned t) {
    const unsigned n = table->block_tokens;
    return (size_t)table->ids[(size_t)s * table->row_blocks + t / n] * n + t % n;
}

static double score_of(const float *q, const float *k, unsigned D) {
    double score = 0;
    for (unsigned d = 0; d < D; d++)
        score += (double)q[d] * (double)k[d];
    return score / sqrt(D);
}

void attend(const struct table *table, unsigned D, const float *q, const float *k, const float *v,
            float *out) {
    for (unsigned s = 0; s < table->sequences; s++) {
        const unsigned tokens = (unsigned)table->tokens[s];
        const float *query = q + (size_t)s * D;
        double most = -INFINITY, weights = 0, weights_lost = 0, sum[64] = {0}, lost[64] = {0};
        for (unsigned t = 0; t < tokens; t++)
            most = fmax(most, score_of(query, k + slot_of(table, s, t) * D, D));
        for (unsigned t = 0; t < tokens; t++) {
            size_t at = slot_of(table, s, t) * D;
            double weight = exp(score_of(query, k + at, D) - most);
            add(&weights, &weights_lost, weight);
            for (unsigned d = 0; d < D; d++)
                add(&sum[d], &lost[d], weight * (double)v[at + d]);
        }
        for (unsigned d = 0; d < D; d++)
            out[(size_t)s * D + d] =
                tokens ? (float)((sum[d] + lost[d]) / (weights + weights_lost)) : 0;
    }
}
