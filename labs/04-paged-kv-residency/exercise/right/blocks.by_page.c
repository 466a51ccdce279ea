/* Better: stays on one page of 64 blocks while it has a free one, and then goes to the page with
 * the most free blocks: what is taken together lies in as few pages as there can be. */
#include <stdlib.h>

#include "exercise.h"

enum { PAGE = 64 };

/* Pages with the same number of free blocks are a ring, whose head is heads[that number]. */
struct ring {
    unsigned next, before;
};
struct blocks {
    unsigned count, pages, current;
    unsigned *holders;
    uint64_t *free; /* of each page, a bit for each of its blocks */
    struct ring *ring;
    unsigned heads[PAGE + 1];
};

static unsigned free_of(const struct blocks *blocks, unsigned page) {
    return (unsigned)__builtin_popcountll(blocks->free[page]);
}

static void enter(struct blocks *blocks, unsigned page) {
    struct ring *ring = blocks->ring;
    unsigned head = blocks->heads[free_of(blocks, page)];
    ring[page] = (struct ring){ring[head].next, head};
    ring[ring[head].next].before = page;
    ring[head].next = page;
}

static void leave(struct blocks *blocks, unsigned page) {
    struct ring *ring = blocks->ring;
    ring[ring[page].next].before = ring[page].before;
    ring[ring[page].before].next = ring[page].next;
}

struct blocks *blocks_new(unsigned count) {
    struct blocks *blocks = calloc(1, sizeof *blocks);
    if (!blocks)
        return NULL;
    blocks->count = count;
    blocks->pages = count / PAGE + 1;
    blocks->holders = calloc(count + 1, sizeof *blocks->holders);
    blocks->free = calloc(blocks->pages, sizeof *blocks->free);
    blocks->ring = malloc((blocks->pages + PAGE + 1) * sizeof *blocks->ring);
    if (!blocks->holders || !blocks->free || !blocks->ring) {
        blocks_delete(blocks);
        return NULL;
    }
    for (unsigned k = 0; k <= PAGE; k++) {
        unsigned head = blocks->heads[k] = blocks->pages + k;
        blocks->ring[head] = (struct ring){head, head};
    }
    for (unsigned id = 0; id < count; id++)
        blocks->free[id / PAGE] |= 1ull << id % PAGE;
    for (unsigned page = blocks->pages; page > 0; page--)
        enter(blocks, page - 1);
    return blocks;
}

void blocks_delete(struct blocks *blocks) {
    free(blocks->holders);
    free(blocks->free);
    free(blocks->ring);
    free(blocks);
}

int blocks_take(struct blocks *blocks) {
    unsigned page = blocks->current, most = PAGE;
    if (!blocks->free[page]) {
        while (most > 0 && blocks->ring[blocks->heads[most]].next == blocks->heads[most])
            most--;
        if (most == 0)
            return -1;
        page = blocks->current = blocks->ring[blocks->heads[most]].next;
    }
    unsigned id = page * PAGE + (unsigned)__builtin_ctzll(blocks->free[page]);
    leave(blocks, page);
    blocks->free[page] &= blocks->free[page] - 1;
    enter(blocks, page);
    blocks->holders[id] = 1;
    return (int)id;
}

int blocks_hold(struct blocks *blocks, int id) {
    if (id < 0 || (unsigned)id >= blocks->count || !blocks->holders[id])
        return -1;
    blocks->holders[id]++;
    return 0;
}

int blocks_release(struct blocks *blocks, int id) {
    if (id < 0 || (unsigned)id >= blocks->count || !blocks->holders[id])
        return -1;
    if (--blocks->holders[id] == 0) {
        unsigned page = (unsigned)id / PAGE;
        leave(blocks, page);
        blocks->free[page] |= 1ull << (unsigned)id % PAGE;
        enter(blocks, page);
    }
    return 0;
}
