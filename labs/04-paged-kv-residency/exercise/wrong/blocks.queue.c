/* rejected: After a long life */
/* Wrong: holders are counted; the order is still a queue's, and the map goes to pieces. */
#include <stdlib.h>

#include "exercise.h"

struct blocks {
    unsigned count, first, free;
    unsigned *holders;
    int queue[];
};

struct blocks *blocks_new(unsigned count) {
    struct blocks *blocks = malloc(sizeof *blocks + count * sizeof *blocks->queue);
    if (!blocks)
        return NULL;
    *blocks = (struct blocks){count, 0, count, calloc(count, sizeof(unsigned))};
    for (unsigned k = 0; k < count; k++)
        blocks->queue[k] = (int)k;
    return blocks;
}

void blocks_delete(struct blocks *blocks) {
    free(blocks->holders);
    free(blocks);
}

int blocks_take(struct blocks *blocks) {
    if (blocks->free == 0)
        return -1;
    int id = blocks->queue[blocks->first];
    blocks->first = (blocks->first + 1) % blocks->count;
    blocks->free--;
    blocks->holders[id] = 1;
    return id;
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
    blocks->queue[(blocks->first + blocks->free) % blocks->count] = id;
    blocks->free++;
    return 0;
}
