/* rejected: are distinct; you say */
/* Wrong: looks for a shared block in the same place of the rows only. */
#include "exercise.h"

int bytes(const struct model *model, const struct table *table, uint64_t *loaded,
          uint64_t *distinct) {
    uint64_t token = 2ull * model->kv_heads * model->head * model->element;
    *loaded = *distinct = 0;
    for (unsigned s = 0; s < table->sequences; s++)
        for (unsigned t = 0; t < (unsigned)table->tokens[s]; t++) {
            unsigned b = t / table->block_tokens, before = 0;
            for (unsigned other = 0; other < s; other++)
                before |= t < (unsigned)table->tokens[other] &&
                          table->ids[other * table->row_blocks + b] ==
                              table->ids[s * table->row_blocks + b];
            *loaded += token;
            *distinct += before ? 0 : token;
        }
    return 0;
}
