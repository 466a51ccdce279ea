/*
 * Exercise 1: what does a decode step read?
 *
 * Below is the formula as one finds it on a blackboard: 2 · B · L · H · D · s. Make it count what
 * is loaded in truth, sequence by sequence, and what of it is distinct. Then `make exercise-04`.
 */
#include "exercise.h"

int bytes(const struct model *model, const struct table *table, uint64_t *loaded,
          uint64_t *distinct) {
    uint64_t longest = (uint64_t)table->row_blocks * table->block_tokens;
    *loaded = 2 * table->sequences * longest * model->query_heads * model->head * model->element;
    *distinct = *loaded;
    return 0;
}
