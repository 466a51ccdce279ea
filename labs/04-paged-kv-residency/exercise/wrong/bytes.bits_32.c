/* rejected: which is */
/* Wrong: counts in 32 bits: large caches have more bytes. */
#include <stdlib.h>

#include "exercise.h"

int bytes(const struct model *model, const struct table *table, uint64_t *loaded,
          uint64_t *distinct) {
    uint32_t token = 2 * model->kv_heads * model->head * model->element;
    unsigned *read = calloc(table->pool_blocks, sizeof *read);
    if (!read)
        return -1;
    *loaded = *distinct = 0;
    for (unsigned s = 0; s < table->sequences; s++) {
        unsigned left = (unsigned)table->tokens[s];
        *loaded = (uint32_t)(*loaded + left * token);
        for (const int32_t *id = table->ids + (size_t)s * table->row_blocks; left; id++) {
            unsigned slots = left < table->block_tokens ? left : table->block_tokens;
            if (slots > read[*id]) {
                *distinct = (uint32_t)(*distinct + (slots - read[*id]) * token);
                read[*id] = slots;
            }
            left -= slots;
        }
    }
    free(read);
    return 0;
}
