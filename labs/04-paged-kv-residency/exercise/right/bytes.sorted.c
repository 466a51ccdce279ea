/* The same by sorting all slots that are read. */
#include <stdlib.h>

#include "exercise.h"

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int bytes(const struct model *model, const struct table *table, uint64_t *loaded,
          uint64_t *distinct) {
    size_t all = 0, unique = 0;
    for (unsigned s = 0; s < table->sequences; s++)
        all += (size_t)table->tokens[s];
    uint64_t *slots = malloc((all + 1) * sizeof *slots);
    if (!slots)
        return -1;
    size_t n = 0;
    for (unsigned s = 0; s < table->sequences; s++)
        for (unsigned t = 0; t < (unsigned)table->tokens[s]; t++)
            slots[n++] = (uint64_t)table->ids[s * table->row_blocks + t / table->block_tokens] *
                             table->block_tokens +
                         t % table->block_tokens;
    qsort(slots, n, sizeof *slots, ascending);
    for (size_t k = 0; k < n; k++)
        unique += k == 0 || slots[k] != slots[k - 1];
    free(slots);
    uint64_t token = 2ull * model->kv_heads * model->head * model->element;
    *loaded = all * token;
    *distinct = unique * token;
    return 0;
}
