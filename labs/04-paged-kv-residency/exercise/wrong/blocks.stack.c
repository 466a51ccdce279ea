/* rejected: After a long life */
/* Wrong: takes the block that was freed last: whatever was freed in disorder is taken in disorder.
 * */
#include <stdlib.h>

#include "exercise.h"

struct blocks {
    unsigned count, free;
    unsigned *holders;
    int *heap;
};

struct blocks *blocks_new(unsigned count) {
    struct blocks *blocks = malloc(sizeof *blocks);
    if (!blocks)
        return NULL;
    *blocks = (struct blocks){count, count, calloc(count, sizeof *blocks->holders),
                              malloc(count * sizeof *blocks->heap)};
    if (!blocks->holders || !blocks->heap) {
        blocks_delete(blocks);
        return NULL;
    }
    for (unsigned k = 0; k < count; k++)
        blocks->heap[k] = (int)k;
    return blocks;
}

void blocks_delete(struct blocks *blocks) {
    free(blocks->holders);
    free(blocks->heap);
    free(blocks);
}

int blocks_take(struct blocks *blocks) {
    if (blocks->free == 0)
        return -1;
    int first = blocks->heap[--blocks->free];
    blocks->holders[first] = 1;
    return first;
}

int blocks_hold(struct blocks *blocks, int id) {
    if (id < 0 || id >= (int)blocks->count || !blocks->holders[id])
        return -1;
    blocks->holders[id]++;
    return 0;
}

int blocks_release(struct blocks *blocks, int id) {
    if (id < 0 || id >= (int)blocks->count || !blocks->holders[id])
        return -1;
    if (--blocks->holders[id] > 0)
        return 0;
    blocks->heap[blocks->free++] = id;
    return 0;
}
