/* The lowest free block, found through a tree of bits: a set bit in a word of level l says that
 * some block is free below it. 64 children each, so four levels hold 16 million blocks. */
#include <stdlib.h>

#include "exercise.h"

#define LEVELS 4

struct blocks {
    unsigned count;
    unsigned *holders;
    uint64_t *level[LEVELS];
};

static void set_free(struct blocks *blocks, unsigned id) {
    for (int l = 0; l < LEVELS; l++, id /= 64)
        blocks->level[l][id / 64] |= 1ull << id % 64;
}

static void set_taken(struct blocks *blocks, unsigned id) {
    for (int l = 0; l < LEVELS; l++, id /= 64)
        if (blocks->level[l][id / 64] &= ~(1ull << id % 64))
            return;
}

struct blocks *blocks_new(unsigned count) {
    struct blocks *blocks = calloc(1, sizeof *blocks);
    if (!blocks)
        return NULL;
    blocks->count = count;
    blocks->holders = calloc(count, sizeof *blocks->holders);
    int failed = !blocks->holders;
    for (unsigned l = 0, n = count; l < LEVELS; l++) {
        n = n / 64 + 1;
        blocks->level[l] = calloc(n, sizeof **blocks->level);
        failed |= !blocks->level[l];
    }
    if (failed) {
        blocks_delete(blocks);
        return NULL;
    }
    for (unsigned id = 0; id < count; id++)
        set_free(blocks, id);
    return blocks;
}

void blocks_delete(struct blocks *blocks) {
    for (int l = 0; l < LEVELS; l++)
        free(blocks->level[l]);
    free(blocks->holders);
    free(blocks);
}

int blocks_take(struct blocks *blocks) {
    unsigned at = 0;
    for (int l = LEVELS - 1; l >= 0; l--) {
        uint64_t word = blocks->level[l][at];
        if (!word)
            return -1;
        at = at * 64 + (unsigned)__builtin_ctzll(word);
    }
    set_taken(blocks, at);
    blocks->holders[at] = 1;
    return (int)at;
}

static int held(const struct blocks *blocks, int id) {
    return id >= 0 && (unsigned)id < blocks->count && blocks->holders[id] > 0;
}

int blocks_hold(struct blocks *blocks, int id) {
    if (!held(blocks, id))
        return -1;
    blocks->holders[id]++;
    return 0;
}

int blocks_release(struct blocks *blocks, int id) {
    if (!held(blocks, id))
        return -1;
    if (--blocks->holders[id] == 0)
        set_free(blocks, (unsigned)id);
    return 0;
}
