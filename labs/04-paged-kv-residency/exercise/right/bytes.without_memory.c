/* Better: needs no memory, so there is always an answer. What a token's slot adds is asked of all
 * tokens before it, and only of those in the same place of a block. */
#include "exercise.h"

int bytes(const struct model *model, const struct table *table, uint64_t *loaded,
          uint64_t *distinct) {
    const uint64_t token = 2ull * model->kv_heads * model->head * model->element;
    const unsigned n = table->block_tokens;
    *loaded = *distinct = 0;
    for (unsigned s = 0; s < table->sequences; s++)
        for (unsigned b = 0; b * n < (unsigned)table->tokens[s]; b++) {
            const int32_t id = table->ids[(size_t)s * table->row_blocks + b];
            unsigned left = (unsigned)table->tokens[s] - b * n, slots = left < n ? left : n;
            unsigned most = 0; /* slots of this block that were read before */
            for (unsigned other = 0; other <= s; other++)
                for (unsigned k = 0; k * n < (unsigned)table->tokens[other]; k++) {
                    if (other == s && k >= b)
                        break;
                    unsigned its = (unsigned)table->tokens[other] - k * n;
                    its = its < n ? its : n;
                    if (table->ids[(size_t)other * table->row_blocks + k] == id && its > most)
                        most = its;
                }
            *loaded += slots * token;
            *distinct += slots > most ? (slots - most) * token : 0;
        }
    return 0;
}
