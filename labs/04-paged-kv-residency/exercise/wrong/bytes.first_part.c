/* rejected: are distinct; you say */
/* Wrong: right in what is loaded; of a shared block, takes the first reader's part for the whole.
 */
#include <stdlib.h>

#include "exercise.h"

int bytes(const struct model *model, const struct table *table, uint64_t *loaded,
          uint64_t *distinct) {
    uint64_t token = 2ull * model->kv_heads * model->head * model->element;
    unsigned char *seen = calloc(table->pool_blocks, 1);
    if (!seen)
        return -1;
    *loaded = *distinct = 0;
    for (unsigned s = 0; s < table->sequences; s++) {
        unsigned left = (unsigned)table->tokens[s];
        *loaded += left * token;
        for (const int32_t *id = table->ids + (size_t)s * table->row_blocks; left; id++) {
            unsigned slots = left < table->block_tokens ? left : table->block_tokens;
            if (!seen[*id]) {
                *distinct += slots * token;
                seen[*id] = 1;
            }
            left -= slots;
        }
    }
    free(seen);
    return 0;
}
