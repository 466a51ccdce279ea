/* rejected: bytes are loaded, and you say */
/* Wrong: the last token of each sequence is the one being written, and is not counted. */
#include <stdlib.h>

#include "exercise.h"

int bytes(const struct model *model, const struct table *table, uint64_t *loaded,
          uint64_t *distinct) {
    uint64_t token = 2ull * model->kv_heads * model->head * model->element;
    unsigned *read = calloc(table->pool_blocks, sizeof *read);
    if (!read)
        return -1;
    *loaded = *distinct = 0;
    for (unsigned s = 0; s < table->sequences; s++) {
        unsigned left = (unsigned)table->tokens[s] ? (unsigned)table->tokens[s] - 1 : 0;
        *loaded += left * token;
        for (const int32_t *id = table->ids + (size_t)s * table->row_blocks; left; id++) {
            unsigned slots = left < table->block_tokens ? left : table->block_tokens;
            if (slots > read[*id]) {
                *distinct += (slots - read[*id]) * token;
                read[*id] = slots;
            }
            left -= slots;
        }
    }
    free(read);
    return 0;
}
