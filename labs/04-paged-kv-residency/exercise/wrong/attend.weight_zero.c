/* rejected: Scores of a few; slots that no sequence uses hold NaN */
/* Wrong: slots behind the last token get no weight, and zero times NaN is NaN. */
#include <math.h>

#include "exercise.h"

void attend(const struct table *table, unsigned D, const float *q, const float *k, const float *v,
            float *out) {
    for (unsigned s = 0; s < table->sequences; s++) {
        const int32_t *row = table->ids + (size_t)s * table->row_blocks;
        unsigned tokens = (unsigned)table->tokens[s];
        float sum = 0, *o = out + (size_t)s * D;
        for (unsigned d = 0; d < D; d++)
            o[d] = 0;
        for (unsigned b = 0; b * table->block_tokens < tokens; b++)
            for (unsigned n = 0; n < table->block_tokens; n++) {
                size_t slot = ((size_t)row[b] * table->block_tokens + n) * D;
                float mask = b * table->block_tokens + n < tokens ? 1 : 0, score = 0;
                for (unsigned d = 0; d < D; d++)
                    score += q[(size_t)s * D + d] * k[slot + d];
                float weight = mask * expf(score / sqrtf((float)D));
                sum += weight;
                for (unsigned d = 0; d < D; d++)
                    o[d] += weight * v[slot + d];
            }
        for (unsigned d = 0; d < D; d++)
            o[d] = sum > 0 ? o[d] / sum : 0;
    }
}
