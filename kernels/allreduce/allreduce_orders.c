/*
 * allreduce_orders.c: orders of a whole message: their sums, whether two agree, and how they are
 * found from the sums of probes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/allreduce/allreduce_mpi.h"

void allreduce_orders_close(struct allreduce_orders *orders) {
    free(orders->range);
    *orders = (struct allreduce_orders){0};
}

const struct allreduce_order *allreduce_orders_at(const struct allreduce_orders *orders, size_t i) {
    size_t k = 0;
    while (orders->range[k].until <= i)
        k++;
    return &orders->range[k].order;
}

bool allreduce_orders_agree(const struct allreduce_orders *a, const struct allreduce_orders *b,
                            size_t n) {
    if (n > a->n || n > b->n)
        return false;
    for (size_t i = 0, j = 0, from = 0; from < n;) {
        if (!allreduce_order_equal(&a->range[i].order, &b->range[j].order))
            return false;
        size_t until_a = a->range[i].until, until_b = b->range[j].until;
        from = until_a < until_b ? until_a : until_b;
        i += until_a == from;
        j += until_b == from;
    }
    return true;
}

static float sum_of(const struct allreduce_order *order, const float *x, size_t apart) {
    float value[2 * ALLREDUCE_PARTS_MOST];
    for (int l = 0; l < order->parts; l++)
        value[l] = x[(size_t)l * apart];
    for (int k = 0; k < order->adds; k++)
        value[order->parts + k] = value[order->add[k].a] + value[order->add[k].b];
    return value[order->adds ? order->parts + order->adds - 1 : 0];
}

void allreduce_orders_sum(const struct allreduce_orders *orders, const float *x, size_t apart,
                          float *y) {
    for (size_t k = 0, i = 0; k < orders->count; k++)
        for (; i < orders->range[k].until; i++)
            y[i] = sum_of(&orders->range[k].order, x + i, apart);
}

/* --- parts -------------------------------------------------------------------------------------
 */

static struct allreduce_order split(const struct allreduce_order *ranks, unsigned parts) {
    struct allreduce_order out = {.parts = (int)parts};
    int each = (int)parts / ranks->parts, value[2 * ALLREDUCE_PARTS_MOST];
    for (int r = 0; r < ranks->parts; r++) {
        int part[ALLREDUCE_PARTS_MOST] = {0};
        for (int k = 0; k < each; k++)
            part[k] = r * each + k;
        for (int apart = 1; apart < each; apart *= 2)
            for (int k = 0; k < each; k += 2 * apart) {
                out.add[out.adds] = (struct allreduce_add){
                    .a = (uint8_t)part[k], .b = (uint8_t)part[k + apart], .stored = true};
                part[k] = out.parts + out.adds++;
            }
        value[r] = part[0];
    }
    for (int k = 0; k < ranks->adds; k++) {
        out.add[out.adds] = (struct allreduce_add){.a = (uint8_t)value[ranks->add[k].a],
                                                   .b = (uint8_t)value[ranks->add[k].b],
                                                   .stored = true};
        value[ranks->parts + k] = out.parts + out.adds++;
    }
    return out;
}

void allreduce_orders_split(struct allreduce_orders *orders, unsigned parts) {
    for (size_t k = 0; k < orders->count; k++)
        orders->range[k].order = split(&orders->range[k].order, parts);
}

/* --- from the sums of probes -------------------------------------------------------------------
 */

struct probes {
    unsigned ranks;
    uint8_t met[ALLREDUCE_RANKS_MOST][ALLREDUCE_RANKS_MOST]; /* leaves below where a and b meet */
};

/* Adds up the ranks of a set: those nearer to its lowest than the set is wide are one side, the
 * others the other, and all that are on different sides meet here. -1: they do not. */
static int found(const struct probes *p, unsigned set, struct allreduce_order *order) {
    unsigned lowest = (unsigned)__builtin_ctz(set), size = (unsigned)__builtin_popcount(set);
    unsigned side = 1u << lowest;
    if (size == 1)
        return (int)lowest;
    for (unsigned r = 0; r < p->ranks; r++)
        side |= set >> r & 1 && r != lowest && p->met[lowest][r] < size ? 1u << r : 0;
    for (unsigned a = 0; a < p->ranks; a++)
        for (unsigned b = 0; b < p->ranks; b++)
            if (side >> a & 1 && (set & ~side) >> b & 1 && p->met[a][b] != size)
                return -1;
    if (side == set)
        return -1;
    int one = found(p, side, order), other = found(p, set & ~side, order);
    if (one < 0 || other < 0)
        return -1;
    order->add[order->adds] =
        (struct allreduce_add){.a = (uint8_t)one, .b = (uint8_t)other, .stored = true};
    return order->parts + order->adds++;
}

/* Of element i. False: what a probe left is no count of ranks. */
static bool read_probes(float *const *sums, unsigned ranks, size_t i, struct probes *p) {
    *p = (struct probes){.ranks = ranks};
    size_t k = 0;
    for (unsigned a = 0; a < ranks; a++)
        for (unsigned b = a + 1; b < ranks; b++) {
            float left = sums[k++][i];
            if (!(left >= 0 && left <= (float)(ranks - 2)) || left != (float)(unsigned)left)
                return false;
            p->met[a][b] = p->met[b][a] = (uint8_t)(ranks - (unsigned)left);
        }
    return true;
}

/* Makes room for one more. */
static int grow(struct allreduce_orders *out) {
    if (out->count & (out->count - 1)) /* not yet a power of two: there is room */
        return 0;
    void *more = realloc(out->range, (out->count ? 2 * out->count : 1) * sizeof *out->range);
    if (!more)
        return -1;
    out->range = more;
    return 0;
}

static int found_all(unsigned ranks, float *const *sums, struct allreduce_orders *out, char *why) {
    struct probes last = {0}, p;
    for (size_t i = 0; i < out->n; i++) {
        if (!read_probes(sums, ranks, i, &p))
            PLAN_REFUSE("element %zu of a probe is no count of ranks", i);
        if (i == 0 || memcmp(&p, &last, sizeof p) != 0) {
            struct allreduce_range range = {.order.parts = (int)ranks};
            if (found(&p, (1u << ranks) - 1, &range.order) < 0)
                PLAN_REFUSE("the probes of element %zu fit no tree of additions of two", i);
            if (grow(out) != 0)
                PLAN_REFUSE("no memory");
            out->range[out->count++] = range;
            last = p;
        }
        out->range[out->count - 1].until = i + 1;
    }
    return 0;
}

int allreduce_orders_found(unsigned ranks, size_t n, float *const *sums,
                           struct allreduce_orders *out, char *why) {
    *out = (struct allreduce_orders){.n = n};
    if (ranks == 0 || ranks > ALLREDUCE_RANKS_MOST)
        PLAN_REFUSE("orders are found for 1 to %d ranks, not for %u", ALLREDUCE_RANKS_MOST, ranks);
    if (found_all(ranks, sums, out, why) == 0)
        return 0;
    allreduce_orders_close(out);
    return -1;
}

unsigned allreduce_orders_named(const struct allreduce_orders *orders, enum ranks_engine engine,
                                unsigned ranks) {
    unsigned named = 0;
    for (int k = RANKS_DEFAULT + 1; k < RANKS_ALGORITHM_COUNT; k++) {
        struct allreduce_mpi known = {engine, (enum ranks_algorithm)k, ranks, orders->n};
        struct allreduce_orders its;
        if (allreduce_mpi_orders(&known, &its, NULL) != 0)
            continue;
        if (allreduce_orders_agree(orders, &its, orders->n))
            named |= 1u << k;
        allreduce_orders_close(&its);
    }
    return named;
}
