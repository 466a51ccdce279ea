/*
 * Exercise 1: what does a decode step read?
 *
 * Below is the formula as one finds it on a blackboard: 2 · B · L · H · D · s, for B sequences
 * that are all as long as a row of the table. Make it count what is loaded in truth, sequence by
 * sequence, and how much of that is distinct. exercise.h says what the table holds.
 *
 *     labs/04-paged-kv-residency/exercise/check bytes
 *
 * checks it in a few seconds; `make exercise-04` checks all of this lab.
 * `make hint-04 EX=bytes` gives a hint, and with LEVEL=2 or LEVEL=3 more.
 */
#include "exercise.h"

int bytes(const struct model *model, const struct table *table, uint64_t *loaded,
          uint64_t *distinct) {
    uint64_t longest = (uint64_t)table->row_blocks * table->block_tokens;
    *loaded = 2 * table->sequences * longest * model->query_heads * model->head * model->element;
    *distinct = *loaded;
    return 0;
}
