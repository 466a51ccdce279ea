/*
 * allreduce_mpi.h: in which order MPI libraries add up the ranks' values, element by element, when
 * floats are summed over all ranks: a function of algorithm, ranks and the message's size, so that
 * a sum's bits are known before it runs. And the other way: the order found from outputs alone, and
 * whose it is.
 *
 *     struct allreduce_mpi sum = {RANKS_OPENMPI, RANKS_DEFAULT, .ranks = 3, .n = 1024};
 *     struct allreduce_orders orders;
 *     if (allreduce_mpi_orders(&sum, &orders, why) == 0)
 *         allreduce_orders_sum(&orders, x, sum.n, y), allreduce_orders_close(&orders);
 *
 * What is known here was read in the public sources of Open MPI 4.1.4 (coll/base and coll/tuned,
 * whose tables are the same from 4.1.0 to 5.0) and of SimGrid 3.32 (src/smpi/colls), and is checked
 * against both by probes. N ranks, n elements, + rounded to f32; a b c is (a + b) + c:
 *
 *     linear           the last rank begins: N-1, N-2, …, 0, one after another
 *     reduce-bcast     as its library's reduce to rank 0. SMPI's is 0, 1, …, N-1 one after another;
 *                      Open MPI's one of five trees, by ranks and bytes
 *     doubling         recursive doubling. With N = 2^k + m the first 2m ranks make m pairs, which
 *                      then are one each; neighbours add, then neighbouring pairs, …
 *     ring             a block for each rank, and another order in each. Open MPI: blocks of n / N,
 *                      the first n mod N of one more; b begins, then b + 1, …, b - 1. SMPI: blocks
 *                      of n / N; b + 1 begins, then b + 2, …, b; and what is left over by
 *                      reduce-bcast. Fewer elements than ranks: doubling; SMPI: reduce-bcast
 *     segmented-ring   Open MPI: as the ring. SMPI: as its ring, but for messages of N MiB or more
 *                      as Open MPI's
 *     rabenseifner     reduce-scatter by halving: each element by doubling's tree. Open MPI, fewer
 *                      elements than the largest power of two in N: linear
 *     default          one of the above: SMPI reduce-bcast, always; Open MPI by ranks and bytes
 *
 * So Open MPI's default depends on the message's size for three ranks alone, of 2 … 16: elsewhere
 * it changes between algorithms that have one tree.
 */
#ifndef NANOLAB_KERNELS_ALLREDUCE_MPI_H
#define NANOLAB_KERNELS_ALLREDUCE_MPI_H

#include "kernels/allreduce/allreduce.h"
#include "kernels/ranks/ranks.h"

#ifdef __cplusplus
extern "C" {
#endif

struct allreduce_mpi {
    enum ranks_engine engine; /* Open MPI or SMPI */
    enum ranks_algorithm algorithm;
    unsigned ranks; /* 1 … ALLREDUCE_RANKS_MOST */
    size_t n;
};

/* In which order each element of a message is added up. Ranges of elements share one, and follow
 * each other from 0 to n. */
struct allreduce_orders {
    size_t n, count;
    struct allreduce_range {
        size_t until;
        struct allreduce_order order; /* its parts are the ranks */
    } * range;
};
void allreduce_orders_close(struct allreduce_orders *orders);
/* Of element i < n. */
const struct allreduce_order *allreduce_orders_at(const struct allreduce_orders *orders, size_t i);
/* Whether the first n elements of both have the same trees. */
bool allreduce_orders_agree(const struct allreduce_orders *a, const struct allreduce_orders *b,
                            size_t n);
/* The sums, y[n]. Element i of what rank r hands in is x[r × apart + i]. */
void allreduce_orders_sum(const struct allreduce_orders *orders, const float *x, size_t apart,
                          float *y);
/* The orders over `parts` parts, of which each rank has as many neighbouring ones, a power of two,
 * that it first adds up pairwise: in place. */
void allreduce_orders_split(struct allreduce_orders *orders, unsigned parts);

/* Whether it is of an installed engine that all this is known: by its version. Algorithms that
 * have a name in the literature are the same elsewhere; what a default or a reduce takes is not. */
bool allreduce_mpi_knows(enum ranks_engine engine);
/* The algorithm that a sum runs by: of `default`, the one that it chooses. */
enum ranks_algorithm allreduce_mpi_chosen(const struct allreduce_mpi *sum);
/* 0, or -1 with the reason in `why` (PLAN_WHY bytes, or NULL). */
int allreduce_mpi_orders(const struct allreduce_mpi *sum, struct allreduce_orders *out, char *why);

/* --- from outputs alone ------------------------------------------------------------------------
 *
 * A probe hands in 1 from each rank, but a huge number from a and its negative from b. What is
 * added to one of them is lost until they meet, so the sum counts the ranks that are not below the
 * node where a and b meet. All pairs together are the tree (P. Xie's FPRev, whose choice of pairs
 * one by one saves nothing where all of them are asked at once, for all elements).
 */

/* sums[k][n]: of pair k: (0, 1), (0, 2), … (1, 2), … 0, or -1 with `why`: no memory, or no tree of
 * additions of two gives such sums. */
int allreduce_orders_found(unsigned ranks, size_t n, float *const *sums,
                           struct allreduce_orders *out, char *why);
/* Asks an engine, by probes of all pairs: the orders of messages of n[0 … sizes - 1] elements, in
 * as few runs as hold them. Engine, ranks, algorithm, seed and cluster are those of `plan`; its
 * arms are not used. 0, or -1 with `why` (RANKS_WHY bytes) and, unless NULL, `failure`; then
 * nothing is to be closed. */
int allreduce_orders_probe(const struct ranks_plan *plan, const struct ranks_control *control,
                           const size_t *n, size_t sizes, struct allreduce_orders *out,
                           struct ranks_failure *failure, char *why);
/* The algorithms of an engine that have these orders, 1 << algorithm each: often several, whose
 * trees are one. RANKS_DEFAULT is never among them; 0: none is known to. */
unsigned allreduce_orders_named(const struct allreduce_orders *orders, enum ranks_engine engine,
                                unsigned ranks);

#ifdef __cplusplus
}
#endif
#endif
