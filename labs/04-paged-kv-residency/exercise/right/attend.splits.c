/* Another way: each row in two halves that know nothing of each other, as if two multiprocessors
 * had them, merged by their largest scores. */
#include <math.h>

#include "exercise.h"

struct part {
    float most, weights, sum[64];
};

static struct part part_of(const struct table *table, unsigned s, unsigned from, unsigned to,
                           unsigned D, const float *q, const float *k, const float *v) {
    struct part part = {.most = -INFINITY};
    for (int pass = 0; pass < 2; pass++)
        for (unsigned t = from; t < to; t++) {
            const unsigned n = table->block_tokens;
            size_t at = (size_t)table->ids[(size_t)s * table->row_blocks + t / n];
            float score = 0;
            at = (at * n + t % n) * D;
            for (unsigned d = 0; d < D; d++)
                score += q[d] / sqrtf((float)D) * k[at + d];
            if (pass == 0) {
                part.most = fmaxf(part.most, score);
                continue;
            }
            part.weights += expf(score - part.most);
            for (unsigned d = 0; d < D; d++)
                part.sum[d] += expf(score - part.most) * v[at + d];
        }
    return part;
}

void attend(const struct table *table, unsigned D, const float *q, const float *k, const float *v,
            float *out) {
    for (unsigned s = 0; s < table->sequences; s++) {
        const unsigned tokens = (unsigned)table->tokens[s], half = tokens / 2;
        const float *query = q + (size_t)s * D;
        struct part a = part_of(table, s, 0, half, D, query, k, v);
        struct part b = part_of(table, s, half, tokens, D, query, k, v);
        float most = fmaxf(a.most, b.most);
        float of_a = half ? expf(a.most - most) : 0, of_b = tokens ? expf(b.most - most) : 0;
        float weights = of_a * a.weights + of_b * b.weights;
        for (unsigned d = 0; d < D; d++)
            out[(size_t)s * D + d] = tokens ? (of_a * a.sum[d] + of_b * b.sum[d]) / weights : 0.0f;
    }
}
