/* rejected: crashed before it answered (Segmentation fault */
/* Wrong: sorts the table that it was given to read. */
#define bytes asked
#include "../solution/bytes.c"
#undef bytes

static int ascending(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

int bytes(const struct model *model, const struct table *table, uint64_t *loaded,
          uint64_t *distinct) {
    for (unsigned s = 0; s < table->sequences; s++)
        qsort((int32_t *)table->ids + s * table->row_blocks, table->row_blocks, sizeof *table->ids,
              ascending);
    return asked(model, table, loaded, distinct);
}
