/*
 * allreduce_mpi.c: who adds what to what in Open MPI's and SMPI's all-reduce.
 *
 * A tree is built as the algorithm would build it, of values: number r < N is what rank r hands in,
 * number N + k the result of addition k.
 */
#include "kernels/allreduce/allreduce_mpi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* a + b */
static int added(struct allreduce_order *order, int a, int b) {
    order->add[order->adds] =
        (struct allreduce_add){.a = (uint8_t)a, .b = (uint8_t)b, .stored = true};
    return order->parts + order->adds++;
}

/* `count` ranks from `first` on, round the ring, one after another in steps of 1 or -1. */
static void in_a_row(struct allreduce_order *order, int first, int step) {
    int n = order->parts, sum = first;
    for (int k = 1; k < n; k++)
        sum = added(order, sum, (first + k * (n + step)) % n);
}

static void doubling(struct allreduce_order *order) {
    int n = order->parts, power = 1, value[ALLREDUCE_RANKS_MOST];
    while (2 * power <= n)
        power *= 2;
    int pairs = n - power;
    for (int k = 0; k < power; k++)
        value[k] = k < pairs ? added(order, 2 * k, 2 * k + 1) : k + pairs;
    for (int apart = 1; apart < power; apart *= 2)
        for (int k = 0; k < power; k += 2 * apart)
            value[k] = added(order, value[k], value[k + apart]);
}

/* A node of Open MPI's binary tree, whose levels are 0; 1, 2; 3 … 6; …: a node of the level that
 * has w nodes has the children w and 2 w further on. */
static int binary(struct allreduce_order *order, int node) {
    int sum = node, wide = 1;
    while (node >= 2 * wide - 1)
        wide *= 2;
    for (int child = node + wide; child <= node + 2 * wide && child < order->parts; child += wide)
        sum = added(order, sum, binary(order, child));
    return sum;
}

/* A node of its binomial tree: the children are nearest first, and in the order of ranks. */
static int binomial(struct allreduce_order *order, int node) {
    int sum = node;
    for (int bit = 1; bit < order->parts && !(node & bit); bit *= 2)
        if (node + bit < order->parts)
            sum = added(order, sum, binomial(order, node + bit));
    return sum;
}

/* --- what is taken when ------------------------------------------------------------------------
 */

/* The first whose ranks and bytes are both below these, 0 being no bound: of Open MPI 4.1's tables,
 * for sums that commute. What differs in no tree is one. */
struct taken {
    unsigned ranks;
    size_t bytes;
    int what;
};

static int look_up(const struct taken *table, unsigned ranks, size_t bytes) {
    while ((table->ranks && ranks >= table->ranks) || (table->bytes && bytes >= table->bytes))
        table++;
    return table->what;
}

/* coll_tuned_decision_fixed.c, all-reduce. */
static const struct taken default_of[] = {
    {4, 8, RANKS_RING},          {4, 4096, RANKS_DOUBLING},     {4, 8192, RANKS_RING},
    {4, 16384, RANKS_DOUBLING},  {4, 65536, RANKS_RING},        {4, 262144, RANKS_SEGMENTED_RING},
    {4, 0, RANKS_RABENSEIFNER},  {8, 16, RANKS_RING},           {16, 8192, RANKS_DOUBLING},
    {16, 0, RANKS_RABENSEIFNER}, {0, 64, RANKS_SEGMENTED_RING}, /* to 31 ranks */
    {0, 4096, RANKS_DOUBLING},   {0, 0, RANKS_RABENSEIFNER},
};

/* The same file, reduce; chain and pipeline are, unsegmented and from rank 0, in linear's order. */
enum { LINEAR, BINARY, BINOMIAL };
static const struct taken reduce_of[] = {
    {4, 8, LINEAR}, /* Rabenseifner's, which leaves one element to linear */
    {4, 16, BINARY},       {4, 0, LINEAR},      {8, 4096, BINARY},      {8, 65536, LINEAR},
    {8, 262144, BINOMIAL}, {8, 524288, LINEAR}, {8, 1 << 20, BINOMIAL}, {8, 0, LINEAR},
    {16, 8192, BINARY},    {16, 0, BINOMIAL},   {0, 4096, BINARY},      {0, 0, BINOMIAL},
};

bool allreduce_mpi_knows(enum ranks_engine engine) {
    static const char *const known[] = {"Open MPI 4.1.", "Open MPI 5.0.", "SimGrid 3.32"};
    char version[64];
    ranks_engine_version(engine, version);
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (strncmp(version, known[k], strlen(known[k])) == 0)
            return true;
    return false;
}

enum ranks_algorithm allreduce_mpi_chosen(const struct allreduce_mpi *sum) {
    if (sum->algorithm != RANKS_DEFAULT)
        return sum->algorithm;
    if (sum->engine == RANKS_SMPI)
        return RANKS_NONOVERLAPPING;
    return (enum ranks_algorithm)look_up(default_of, sum->ranks, 4 * sum->n);
}

/* What a reduce to rank 0 does. */
static void reduce(const struct allreduce_mpi *sum, struct allreduce_order *order) {
    if (sum->engine == RANKS_SMPI) {
        in_a_row(order, 0, 1);
        return;
    }
    switch (look_up(reduce_of, sum->ranks, 4 * sum->n)) {
    case LINEAR:
        in_a_row(order, order->parts - 1, -1);
        break;
    case BINARY:
        binary(order, 0);
        break;
    default:
        binomial(order, 0);
    }
}

/* --- the orders of a message -------------------------------------------------------------------
 */

#define SMPI_SEGMENT ((size_t)1 << 20)

/* The next elements, in an order that is still to be written: parts and nothing else. */
static struct allreduce_order *next(struct allreduce_orders *out, unsigned ranks, size_t count) {
    size_t from = out->count ? out->range[out->count - 1].until : 0;
    struct allreduce_range *range = &out->range[out->count++];
    *range = (struct allreduce_range){.until = from + count, .order.parts = (int)ranks};
    return &range->order;
}

static void ring(const struct allreduce_mpi *sum, struct allreduce_orders *out) {
    size_t n = sum->n, ranks = sum->ranks;
    bool smpi = sum->engine == RANKS_SMPI &&
                (sum->algorithm == RANKS_RING || n < ranks * (SMPI_SEGMENT / sizeof(float)));
    for (size_t block = 0; block < ranks && n >= ranks; block++) {
        size_t count = n / ranks + (!smpi && block < n % ranks);
        in_a_row(next(out, sum->ranks, count), (int)(smpi ? (block + 1) % ranks : block), 1);
    }
    if (smpi && n % ranks != 0)
        reduce(sum, next(out, sum->ranks, n % ranks));
    else if (n < ranks)
        doubling(next(out, sum->ranks, n));
}

static void orders_of(const struct allreduce_mpi *sum, struct allreduce_orders *out) {
    unsigned power = 1;
    while (2 * power <= sum->ranks)
        power *= 2;
    switch (sum->algorithm) {
    case RANKS_LINEAR:
        in_a_row(next(out, sum->ranks, sum->n), (int)sum->ranks - 1, -1);
        break;
    case RANKS_NONOVERLAPPING:
        reduce(sum, next(out, sum->ranks, sum->n));
        break;
    case RANKS_RING:
    case RANKS_SEGMENTED_RING:
        ring(sum, out);
        break;
    case RANKS_RABENSEIFNER:
        if (sum->engine == RANKS_OPENMPI && sum->n < power)
            in_a_row(next(out, sum->ranks, sum->n), (int)sum->ranks - 1, -1);
        else
            doubling(next(out, sum->ranks, sum->n));
        break;
    default:
        doubling(next(out, sum->ranks, sum->n));
    }
}

int allreduce_mpi_orders(const struct allreduce_mpi *sum, struct allreduce_orders *out, char *why) {
    struct allreduce_mpi chosen = *sum;
    *out = (struct allreduce_orders){.n = sum->n};
    if (sum->ranks == 0 || sum->ranks > ALLREDUCE_RANKS_MOST)
        PLAN_REFUSE("orders are known for 1 to %d ranks, not for %u", ALLREDUCE_RANKS_MOST,
                    sum->ranks);
    if (sum->engine != RANKS_OPENMPI && sum->engine != RANKS_SMPI)
        PLAN_REFUSE("in which order %s adds is not known here", ranks_engine_name(sum->engine));
    if (!ranks_algorithm_has(sum->engine, sum->algorithm))
        PLAN_REFUSE("%s has no algorithm %s", ranks_engine_name(sum->engine),
                    ranks_algorithm_name(sum->algorithm));
    out->range = calloc(sum->ranks + 1, sizeof *out->range);
    if (!out->range)
        PLAN_REFUSE("no memory");
    chosen.algorithm = allreduce_mpi_chosen(sum);
    if (sum->n != 0)
        orders_of(&chosen, out);
    return 0;
}
