/* rejected: Scores in the hundreds */
/* Wrong: walks the tokens, but exponentials of large scores overflow. */
#include <math.h>

#include "exercise.h"

void attend(const struct table *table, unsigned D, const float *q, const float *k, const float *v,
            float *out) {
    for (unsigned s = 0; s < table->sequences; s++) {
        const int32_t *row = table->ids + (size_t)s * table->row_blocks;
        float sum = 0, *o = out + (size_t)s * D;
        for (unsigned d = 0; d < D; d++)
            o[d] = 0;
        for (unsigned t = 0; t < (unsigned)table->tokens[s]; t++) {
            size_t slot = ((size_t)row[t / table->block_tokens] * table->block_tokens +
                           t % table->block_tokens) *
                          D;
            float score = 0;
            for (unsigned d = 0; d < D; d++)
                score += q[(size_t)s * D + d] * k[slot + d];
            score /= sqrtf((float)D);
            float weight = expf(score);
            sum += weight;
            for (unsigned d = 0; d < D; d++)
                o[d] += weight * v[slot + d];
        }
        for (unsigned d = 0; d < D && sum > 0; d++)
            o[d] /= sum;
    }
}
