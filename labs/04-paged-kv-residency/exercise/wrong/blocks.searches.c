/* rejected: took more than 2 seconds */
/* Wrong: looks through all blocks from the first on, at every take. */
#include <stdlib.h>

#include "exercise.h"

struct blocks {
    unsigned count;
    unsigned holders[];
};

struct blocks *blocks_new(unsigned count) {
    struct blocks *blocks = calloc(1, sizeof *blocks + count * sizeof *blocks->holders);
    if (blocks)
        blocks->count = count;
    return blocks;
}

void blocks_delete(struct blocks *blocks) {
    free(blocks);
}

int blocks_take(struct blocks *blocks) {
    unsigned id = 0;
    while (id < blocks->count && blocks->holders[id])
        id++;
    if (id == blocks->count)
        return -1;
    blocks->holders[id] = 1;
    return (int)id;
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
    blocks->holders[id]--;
    return 0;
}
