/*
 * atomics_order.c: an Euler path through the updates of one address, and the check of a logged run.
 *
 * The path is made in the way of Hierholzer, without recursion: walk along unused edges until there
 * are none, and put each edge down, last first, when the walk backs out of it. A value is a node;
 * nodes are numbered by an open hash table. An edge's end is not looked up but computed from what
 * the update found and added, so a wrong log or a wrong addition breaks the path.
 */
#include "kernels/atomics/atomics_order.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/rng/philox.h"

const char *atomics_order_text(enum atomics_order_result result) {
    switch (result) {
    case ATOMICS_ORDER_FOUND:
        return "found";
    case ATOMICS_ORDER_NO_MEMORY:
        return "out of memory";
    case ATOMICS_ORDER_NO_START:
        return "no update found the first value";
    case ATOMICS_ORDER_UNEVEN:
        return "a value was left and found an unequal number of times";
    case ATOMICS_ORDER_APART:
        return "the updates are not all on one path";
    default:
        return "the path ends at another value than the address holds";
    }
}

#define NONE UINT32_MAX

/* The values met: at most two per edge, and the two ends. */
struct nodes {
    uint64_t *key;  /* by number */
    uint32_t *slot; /* hash table of numbers */
    size_t mask;
    uint32_t count;
};

struct graph {
    struct nodes nodes;
    uint32_t *from, *to; /* nodes of each edge */
    uint32_t *head;      /* first unused edge of each node */
    uint32_t *next;      /* next edge of the same node */
    int32_t *balance;    /* edges out minus edges in */
    uint32_t *walk;      /* edges walked and not yet backed out of */
};

static uint32_t node_of(struct nodes *nodes, uint64_t key) {
    uint64_t h = key * 0x9e3779b97f4a7c15u;
    h ^= h >> 29;
    for (size_t k = (size_t)h & nodes->mask;; k = (k + 1) & nodes->mask) {
        if (nodes->slot[k] == NONE) {
            nodes->key[nodes->count] = key;
            nodes->slot[k] = nodes->count;
            return nodes->count++;
        }
        if (nodes->key[nodes->slot[k]] == key)
            return nodes->slot[k];
    }
}

static void graph_free(struct graph *g) {
    free(g->nodes.key);
    free(g->nodes.slot);
    free(g->from);
    free(g->to);
    free(g->head);
    free(g->next);
    free(g->balance);
    free(g->walk);
}

static int graph_make(struct graph *g, size_t n) {
    size_t room = 2 * n + 2, slots = 16;
    while (slots < 2 * room)
        slots *= 2;
    g->nodes.mask = slots - 1;
    g->nodes.key = malloc(room * sizeof *g->nodes.key);
    g->nodes.slot = malloc(slots * sizeof *g->nodes.slot);
    g->from = malloc((n + 1) * sizeof *g->from);
    g->to = malloc((n + 1) * sizeof *g->to);
    g->head = malloc(room * sizeof *g->head);
    g->next = malloc((n + 1) * sizeof *g->next);
    g->balance = calloc(room, sizeof *g->balance);
    g->walk = malloc((n + 1) * sizeof *g->walk);
    if (!g->nodes.key || !g->nodes.slot || !g->from || !g->to || !g->head || !g->next ||
        !g->balance || !g->walk)
        return -1;
    memset(g->nodes.slot, 0xff, slots * sizeof *g->nodes.slot);
    memset(g->head, 0xff, room * sizeof *g->head);
    return 0;
}

/* A path from start to end needs every node balanced but these two. */
static enum atomics_order_result judge(const struct graph *g, uint32_t start, uint32_t end) {
    if (g->head[start] == NONE)
        return ATOMICS_ORDER_NO_START;
    bool elsewhere = false, end_uneven = false;
    for (uint32_t v = 0; v < g->nodes.count; v++) {
        int32_t expected = (v == start) - (v == end);
        if (g->balance[v] == expected)
            continue;
        if (v == end || v == start)
            end_uneven = true;
        else
            elsewhere = true;
    }
    /* Uneven at the end value and at one other place alone: the path ends there instead. */
    if (!end_uneven && !elsewhere)
        return ATOMICS_ORDER_FOUND;
    unsigned ends = 0, others = 0;
    for (uint32_t v = 0; v < g->nodes.count; v++) {
        int32_t left = g->balance[v] - (v == start);
        ends += left == -1;
        others += left != 0 && left != -1;
    }
    return ends == 1 && !others ? ATOMICS_ORDER_WRONG_END : ATOMICS_ORDER_UNEVEN;
}

enum atomics_order_result atomics_order(enum atomics_add add, uint64_t first, uint64_t last,
                                        const uint64_t *value, const uint64_t *old, size_t n,
                                        uint32_t *order) {
    first = atomics_canonical(add, first);
    last = atomics_canonical(add, last);
    if (n == 0)
        return first == last ? ATOMICS_ORDER_FOUND : ATOMICS_ORDER_WRONG_END;
    struct graph g = {0};
    enum atomics_order_result result = ATOMICS_ORDER_NO_MEMORY;
    if (graph_make(&g, n))
        goto out;
    uint32_t start = node_of(&g.nodes, first), end = node_of(&g.nodes, last);
    for (size_t u = 0; u < n; u++) {
        uint64_t found = atomics_canonical(add, old[u]);
        g.from[u] = node_of(&g.nodes, found);
        g.to[u] = node_of(&g.nodes, atomics_add_bits(add, found, value[u]));
        g.balance[g.from[u]]++;
        g.balance[g.to[u]]--;
    }
    for (size_t u = n; u-- > 0;) { /* so that a node's edges are used in ascending order */
        g.next[u] = g.head[g.from[u]];
        g.head[g.from[u]] = (uint32_t)u;
    }
    result = judge(&g, start, end);
    if (result != ATOMICS_ORDER_FOUND)
        goto out;
    size_t walked = 0, placed = n;
    uint32_t at = start;
    for (;;) {
        uint32_t edge = g.head[at];
        if (edge != NONE) {
            g.head[at] = g.next[edge];
            g.walk[walked++] = edge;
            at = g.to[edge];
            continue;
        }
        if (walked == 0)
            break;
        edge = g.walk[--walked];
        order[--placed] = edge;
        at = g.from[edge];
    }
    if (placed)
        result = ATOMICS_ORDER_APART;
out:
    graph_free(&g);
    return result;
}

uint64_t atomics_replay(enum atomics_add add, uint64_t first, const uint64_t *value,
                        const uint32_t *order, size_t n) {
    uint64_t sum = first;
    for (size_t k = 0; k < n; k++)
        sum = atomics_add_bits(add, sum, value[order[k]]);
    return sum;
}

/* --- a whole run -------------------------------------------------------------------------------
 */

static void shuffle(uint32_t *order, size_t n, uint64_t seed) {
    for (size_t k = n; k > 1; k--) {
        size_t j = (size_t)(philox_u64(seed, 0, k) % k);
        uint32_t t = order[k - 1];
        order[k - 1] = order[j];
        order[j] = t;
    }
}

int atomics_log_check(const struct atomics_log *log, uint64_t seed, uint32_t *order,
                      struct atomics_log_check *check) {
    size_t most = (log->updates + log->addresses - 1) / log->addresses + 1;
    uint64_t *value = malloc(most * sizeof *value), *old = malloc(most * sizeof *old);
    uint32_t *found = malloc(most * sizeof *found);
    unsigned lanes = atomics_type_lanes(log->type);
    int failed = value && old && found ? 0 : -1;
    *check = (struct atomics_log_check){.chains = log->addresses * lanes};
    for (size_t a = 0; a < log->addresses && !failed; a++)
        for (unsigned lane = 0; lane < lanes && !failed; lane++) {
            size_t n = 0;
            for (size_t u = a; u < log->updates; u += log->addresses, n++) {
                value[n] = atomics_get(log->type, log->values, u, lane);
                old[n] = atomics_get(log->type, log->olds, u, lane);
            }
            uint64_t last = atomics_get(log->type, log->results, a, lane);
            enum atomics_order_result r = atomics_order(log->add, 0, last, value, old, n, found);
            if (r == ATOMICS_ORDER_NO_MEMORY)
                failed = -1;
            bool holds =
                r == ATOMICS_ORDER_FOUND &&
                atomics_same_bits(log->add, last, atomics_replay(log->add, 0, value, found, n));
            check->held += holds;
            if (!holds && check->failure == ATOMICS_ORDER_FOUND) {
                check->failure = r;
                check->failed_address = a;
            }
            if (!holds)
                continue;
            if (order && lanes == 1) {
                for (size_t k = 0; k < n; k++)
                    *order++ = (uint32_t)(a + found[k] * log->addresses);
            }
            shuffle(found, n, seed + a);
            check->shuffled_differ +=
                !atomics_same_bits(log->add, last, atomics_replay(log->add, 0, value, found, n));
        }
    free(value);
    free(old);
    free(found);
    return failed;
}
