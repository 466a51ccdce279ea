/* rejected: are distinct; you say */
/* Wrong: keeps from one table to the next which blocks were read. */
#include "exercise.h"

int bytes(const struct model *model, const struct table *table, uint64_t *loaded,
          uint64_t *distinct) {
    uint64_t token = 2ull * model->kv_heads * model->head * model->element;
    static unsigned read[1 << 16];
    *loaded = *distinct = 0;
    for (unsigned s = 0; s < table->sequences; s++) {
        unsigned left = (unsigned)table->tokens[s];
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
    return 0;
}
