/* Another way: one bit for each slot of the pool. */
#include <stdlib.h>

#include "exercise.h"

int bytes(const struct model *model, const struct table *table, uint64_t *loaded,
          uint64_t *distinct) {
    const size_t slots = (size_t)table->pool_blocks * table->block_tokens;
    uint64_t *bits = calloc(slots / 64 + 1, sizeof *bits), all = 0, unique = 0;
    if (!bits)
        return -1;
    for (size_t s = 0; s < table->sequences; s++)
        for (size_t t = 0; t < (size_t)table->tokens[s]; t++) {
            size_t block = (size_t)table->ids[s * table->row_blocks + t / table->block_tokens];
            size_t slot = block * table->block_tokens + t % table->block_tokens;
            all++;
            bits[slot / 64] |= (uint64_t)1 << slot % 64;
        }
    for (size_t k = 0; k <= slots / 64; k++)
        unique += (unsigned)__builtin_popcountll(bits[k]);
    free(bits);
    *loaded = all * model->element * model->head * model->kv_heads * 2;
    *distinct = unique * model->element * model->head * model->kv_heads * 2;
    return 0;
}
