/* rejected: there was no memory */
/* Wrong: says that there is no memory, and so nothing false. */
#include "exercise.h"

int bytes(const struct model *model, const struct table *table, uint64_t *loaded,
          uint64_t *distinct) {
    (void)model, (void)table;
    *loaded = *distinct = 0;
    return -1;
}
