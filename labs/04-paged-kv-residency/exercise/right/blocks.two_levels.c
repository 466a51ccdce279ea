/* Another way: words of 64 blocks, and above them the lowest word that can have a free one, found
 * by its root: the pool is cut into about as many parts as each part has words. */
#include <stdlib.h>

#include "exercise.h"

/* One bit for each block, set where it is free; and for each part how many are. */
struct blocks {
    unsigned count, words, part; /* words in a part */
    unsigned *holders, *free;
    uint64_t *bits;
};

struct blocks *blocks_new(unsigned count) {
    struct blocks *blocks = calloc(1, sizeof *blocks);
    if (!blocks)
        return NULL;
    blocks->count = count;
    blocks->words = count / 64 + 1;
    for (blocks->part = 1; blocks->part * blocks->part < blocks->words; blocks->part++)
        ;
    blocks->holders = calloc(count + 1, sizeof *blocks->holders);
    blocks->free = calloc(blocks->words / blocks->part + 1, sizeof *blocks->free);
    blocks->bits = calloc(blocks->words, sizeof *blocks->bits);
    if (!blocks->holders || !blocks->free || !blocks->bits) {
        blocks_delete(blocks);
        return NULL;
    }
    for (unsigned id = 0; id < count; id++) {
        blocks->bits[id / 64] |= 1ull << id % 64;
        blocks->free[id / 64 / blocks->part]++;
    }
    return blocks;
}

void blocks_delete(struct blocks *blocks) {
    free(blocks->holders);
    free(blocks->free);
    free(blocks->bits);
    free(blocks);
}

int blocks_take(struct blocks *blocks) {
    unsigned part = 0, parts = (blocks->words - 1) / blocks->part + 1;
    while (part < parts && blocks->free[part] == 0)
        part++;
    if (part == parts)
        return -1;
    unsigned word = part * blocks->part;
    while (blocks->bits[word] == 0)
        word++;
    unsigned id = word * 64 + (unsigned)__builtin_ctzll(blocks->bits[word]);
    blocks->bits[word] &= blocks->bits[word] - 1;
    blocks->free[part]--;
    blocks->holders[id] = 1;
    return (int)id;
}

static int is_held(const struct blocks *blocks, int id) {
    return id >= 0 && (unsigned)id < blocks->count && blocks->holders[id] != 0;
}

int blocks_hold(struct blocks *blocks, int id) {
    if (!is_held(blocks, id))
        return -1;
    blocks->holders[id] += 1;
    return 0;
}

int blocks_release(struct blocks *blocks, int id) {
    if (!is_held(blocks, id))
        return -1;
    blocks->holders[id] -= 1;
    if (blocks->holders[id] == 0) {
        unsigned word = (unsigned)id / 64;
        blocks->bits[word] |= 1ull << (unsigned)id % 64;
        blocks->free[word / blocks->part]++;
    }
    return 0;
}
