/* rejected: A hold of a block with 0 holders gives 0 */
/* Wrong: a free block can be held. */
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
    int first = blocks->heap[0], moved = blocks->heap[--blocks->free];
    unsigned at = 0;
    for (;;) {
        unsigned child = 2 * at + 1;
        if (child + 1 < blocks->free && blocks->heap[child + 1] < blocks->heap[child])
            child++;
        if (child >= blocks->free || blocks->heap[child] >= moved)
            break;
        blocks->heap[at] = blocks->heap[child];
        at = child;
    }
    blocks->heap[at] = moved;
    blocks->holders[first] = 1;
    return first;
}

int blocks_hold(struct blocks *blocks, int id) {
    if (id < 0 || id >= (int)blocks->count)
        return -1;
    if (blocks->holders[id] == 0)
        return 0;
    blocks->holders[id]++;
    return 0;
}

int blocks_release(struct blocks *blocks, int id) {
    if (id < 0 || id >= (int)blocks->count || !blocks->holders[id])
        return -1;
    if (--blocks->holders[id] > 0)
        return 0;
    unsigned at = blocks->free++;
    for (; at && blocks->heap[(at - 1) / 2] > id; at = (at - 1) / 2)
        blocks->heap[at] = blocks->heap[(at - 1) / 2];
    blocks->heap[at] = id;
    return 0;
}
