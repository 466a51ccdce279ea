/* rejected: Scores of a few */
/* Wrong: leaves out slots that look as if nobody had filled them. */
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
                float score = 0;
                if (!(fabsf(k[slot]) < 1e30f) || !(fabsf(v[slot]) < 1e30f) || k[slot] == 0)
                    continue;
                for (unsigned d = 0; d < D; d++)
                    score += q[(size_t)s * D + d] * k[slot + d];
                float weight = expf(score / sqrtf((float)D));
                sum += weight;
                for (unsigned d = 0; d < D; d++)
                    o[d] += weight * v[slot + d];
            }
        for (unsigned d = 0; d < D; d++)
            o[d] = sum > 0 ? o[d] / sum : 0;
    }
}
