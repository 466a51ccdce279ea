/* rejected: bytes are loaded, and you say */
/* Wrong: counts whole blocks: the last one of a sequence is read only as far as it is filled. */
#include <stdlib.h>

#include "exercise.h"

int bytes(const struct model *model, const struct table *table, uint64_t *loaded,
          uint64_t *distinct) {
    uint64_t block = 2ull * model->kv_heads * model->head * model->element * table->block_tokens;
    unsigned char *seen = calloc(table->pool_blocks, 1);
    if (!seen)
        return -1;
    *loaded = *distinct = 0;
    for (unsigned s = 0; s < table->sequences; s++)
        for (unsigned b = 0; b * table->block_tokens < (unsigned)table->tokens[s]; b++) {
            int32_t id = table->ids[s * table->row_blocks + b];
            *loaded += block;
            *distinct += seen[id]++ ? 0 : block;
        }
    free(seen);
    return 0;
}
