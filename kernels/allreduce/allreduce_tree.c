/*
 * allreduce_tree.c: the model. From a plan and a message's size, the order in which an element is
 * added up; from these and the data, the bits. Written from the text of allreduce.h, not from the
 * kernels: the tests compare the two.
 */
#include "kernels/tree/tree.h"

#include <stdio.h>
#include <string.h>

#include "kernels/allreduce/allreduce.h"
#include "kernels/element/element.h"

/* --- places ------------------------------------------------------------------------------------
 */

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t divided(size_t n, size_t by) {
    return n / by + (n % by != 0);
}

static size_t shares_of(const struct allreduce_plan *plan) {
    bool shared = plan->algorithm == ALLREDUCE_RING || plan->algorithm == ALLREDUCE_TWOSHOT;
    return shared ? (size_t)plan->ranks : 1;
}

struct allreduce_place allreduce_place(const struct allreduce_plan *plan, size_t n, size_t i) {
    size_t shares = shares_of(plan), channels = (size_t)plan->channels;
    size_t chunk = (size_t)plan->chunk, whole = chunk ? channels * shares * chunk : n;
    size_t loop = i / whole, begin = loop * whole;
    if (plan->tail == ALLREDUCE_SPREAD && n - begin <= whole)
        chunk = divided(n - begin, channels * shares);
    size_t e = i - begin;
    struct allreduce_place place = {.channel = (int)(e / (shares * chunk)),
                                    .chunk = (int)(e / chunk % shares),
                                    .first = begin + e / chunk * chunk};
    place.count = smaller(chunk, n - place.first);
    if (plan->algorithm == ALLREDUCE_ARRIVAL) {
        size_t length = (size_t)plan->segment, segment = (i - place.first) / length;
        size_t segments = divided(n > whole ? (size_t)plan->chunk : chunk, length);
        place.unit = (loop * channels + (size_t)place.channel) * segments + segment;
        place.first += segment * length;
        place.count = smaller(length, place.count - segment * length);
    }
    return place;
}

/* --- orders ------------------------------------------------------------------------------------
 */

/* a + b, kept as f32. */
static int added(struct allreduce_order *order, int a, int b) {
    order->add[order->adds] = (struct allreduce_add){.a = (uint8_t)a, .b = (uint8_t)b};
    return order->parts + order->adds++;
}

/* The value as the type holds it. */
static int stored(struct allreduce_order *order, int value) {
    if (value >= order->parts)
        order->add[value - order->parts].stored = true;
    return value;
}

/* What a rank has at once: overwrites `value`. */
static int added_up(struct allreduce_order *order, int merge, int *value, int count) {
    if (merge == ALLREDUCE_SERIAL)
        for (int k = 1; k < count; k++)
            value[0] = added(order, value[0], value[k]);
    else
        for (int apart = 1; apart < count; apart *= 2)
            for (int k = 0; k + apart < count; k += 2 * apart)
                value[k] = added(order, value[k], value[k + apart]);
    return value[0];
}

/* Of ranks in a row, each adding its own to what the one before has stored. */
static int passed_on(struct allreduce_order *order, const int *value, const uint8_t *ranks, int n) {
    int sum = value[ranks[0]];
    for (int k = 1; k < n; k++)
        sum = stored(order, added(order, sum, value[ranks[k]]));
    return sum;
}

static int of_ring(struct allreduce_order *order, const int *value, int n, int chunk, bool odd) {
    uint8_t ranks[ALLREDUCE_RANKS_MOST];
    for (int k = 0; k < n; k++) {
        int place = (chunk + 1 + k) % n;
        ranks[k] = (uint8_t)(odd ? n - 1 - place : place);
    }
    return passed_on(order, value, ranks, n);
}

static int of_tree(struct allreduce_order *order, const int *value, int n, int place, bool odd) {
    int sum = value[odd ? n - 1 - place : place];
    for (int child = 2 * place + 1; child <= 2 * place + 2 && child < n; child++) {
        int below = of_tree(order, value, n, child, odd);
        sum = added(order, sum, below);
    }
    return stored(order, sum);
}

static int of_doubling(struct allreduce_order *order, int *value, int n) {
    int power = 1;
    while (2 * power <= n)
        power *= 2;
    int extra = n - power;
    for (int k = 0; k < power; k++)
        value[k] = k < extra ? stored(order, added(order, value[2 * k], value[2 * k + 1]))
                             : value[k + extra];
    for (int apart = 1; apart < power; apart *= 2)
        for (int k = 0; k < power; k += 2 * apart)
            value[k] = stored(order, added(order, value[k], value[k + apart]));
    return value[0];
}

/* Of all elements in one channel and chunk. `ranks`: of `arrival`, as they came. */
static void order_at(const struct allreduce_plan *plan, int channel, int chunk,
                     const uint8_t *ranks, struct allreduce_order *order) {
    int n = plan->ranks, each = allreduce_parts_each(plan), value[ALLREDUCE_RANKS_MOST];
    bool odd = channel % 2;
    *order = (struct allreduce_order){.parts = allreduce_parts(plan)};
    for (int r = 0; r < n; r++) {
        int parts[ALLREDUCE_PARTS_MOST];
        for (int k = 0; k < each; k++)
            parts[k] = r * each + k;
        value[r] = stored(order, added_up(order, plan->merge, parts, each));
    }
    switch (plan->algorithm) {
    case ALLREDUCE_RING:
        of_ring(order, value, n, chunk, odd);
        break;
    case ALLREDUCE_TREE:
        of_tree(order, value, n, 0, odd);
        break;
    case ALLREDUCE_DOUBLING:
        of_doubling(order, value, n);
        break;
    case ALLREDUCE_ARRIVAL:
        passed_on(order, value, ranks, n);
        break;
    default:
        stored(order, added_up(order, plan->merge, value, n));
    }
    /* An f32 is stored as it was added. */
    for (int k = 0; k < order->adds && plan->type == ALLREDUCE_F32; k++)
        order->add[k].stored = true;
}

/* Whether the N ranks are all there. */
static bool is_permutation(const uint8_t *ranks, int n) {
    unsigned seen = 0;
    for (int k = 0; k < n; k++)
        seen |= ranks[k] < n ? 1u << ranks[k] : 0;
    return seen == (1u << n) - 1;
}

int allreduce_order(const struct allreduce_plan *plan, size_t n, size_t i, const uint8_t *arrivals,
                    struct allreduce_order *order, char *why) {
    if (allreduce_plan_check(plan, n, why))
        return -1;
    if (i >= n)
        PLAN_REFUSE("a message of %zu elements has no element %zu", n, i);
    struct allreduce_place place = allreduce_place(plan, n, i);
    static const uint8_t any[] = {0, 1};
    const uint8_t *ranks = any;
    if (plan->algorithm == ALLREDUCE_ARRIVAL && arrivals) {
        ranks = arrivals + place.unit * (size_t)plan->ranks;
        if (!is_permutation(ranks, plan->ranks))
            PLAN_REFUSE("the arrivals of unit %zu are not those of %d ranks", place.unit,
                        plan->ranks);
    } else if (!allreduce_run_to_run(plan)) {
        PLAN_REFUSE("in which order the ranks arrive, no plan knows: give the recorded arrivals");
    }
    order_at(plan, place.channel, place.chunk, ranks, order);
    return 0;
}

/*
 * A node of a binary tree is known by the leaves under it, and the tree by its nodes, whichever
 * child comes first. So orders are equal that have equal sets of nodes.
 */
static int nodes_of(const struct allreduce_order *order, uint32_t *node) {
    uint32_t below[2 * ALLREDUCE_PARTS_MOST];
    for (int l = 0; l < order->parts; l++)
        below[l] = 1u << l;
    for (int k = 0; k < order->adds; k++) {
        const struct allreduce_add *add = &order->add[k];
        uint32_t leaves = below[order->parts + k] = below[add->a] | below[add->b];
        leaves |= add->stored ? 1u << 31 : 0;
        int at = k;
        for (; at > 0 && node[at - 1] > leaves; at--)
            node[at] = node[at - 1];
        node[at] = leaves;
    }
    return order->adds;
}

bool allreduce_order_equal(const struct allreduce_order *a, const struct allreduce_order *b) {
    uint32_t nodes_a[ALLREDUCE_PARTS_MOST], nodes_b[ALLREDUCE_PARTS_MOST];
    int count = nodes_of(a, nodes_a);
    return a->parts == b->parts && nodes_of(b, nodes_b) == count &&
           memcmp(nodes_a, nodes_b, (size_t)count * sizeof *nodes_a) == 0;
}

struct tree *allreduce_order_tree(const struct allreduce_order *order) {
    struct tree *tree = tree_new((size_t)order->parts);
    tree_ref value[2 * ALLREDUCE_PARTS_MOST];
    if (!tree)
        return NULL;
    for (int l = 0; l < order->parts; l++)
        value[l] = (tree_ref)l;
    for (int k = 0; k < order->adds; k++) {
        value[order->parts + k] = tree_add(tree, value[order->add[k].a], value[order->add[k].b]);
        if (value[order->parts + k] == TREE_NONE) {
            tree_free(tree);
            return NULL;
        }
    }
    tree_set_root(tree, value[order->parts + order->adds - (order->adds != 0)]);
    if (!order->adds)
        tree_set_root(tree, 0);
    return tree;
}

/* --- properties --------------------------------------------------------------------------------
 */

bool allreduce_run_to_run(const struct allreduce_plan *plan) {
    return plan->algorithm != ALLREDUCE_ARRIVAL || plan->ranks <= 2; /* a + b is b + a */
}

/* Whether all elements, wherever they are, are added up in this order. */
static bool everywhere(const struct allreduce_plan *plan, const struct allreduce_order *order) {
    static const uint8_t any[] = {0, 1};
    struct allreduce_order other;
    for (int channel = 0; channel < plan->channels; channel++)
        for (int chunk = 0; chunk < (int)shares_of(plan); chunk++) {
            order_at(plan, channel, chunk, any, &other);
            if (!allreduce_order_equal(order, &other))
                return false;
        }
    return true;
}

bool allreduce_size_invariant(const struct allreduce_plan *plan) {
    static const uint8_t any[] = {0, 1};
    struct allreduce_order first;
    if (!allreduce_run_to_run(plan))
        return false;
    if (plan->chunk != ALLREDUCE_WHOLE && plan->tail == ALLREDUCE_CUT)
        return true;
    order_at(plan, 0, 0, any, &first);
    return everywhere(plan, &first);
}

bool allreduce_rank_invariant(const struct allreduce_plan *plan) {
    struct allreduce_plan alone = *plan;
    struct allreduce_order order;
    if (plan->split == ALLREDUCE_SPLIT_RANKS || !allreduce_run_to_run(plan))
        return false;
    alone.ranks = 1;
    alone.algorithm = ALLREDUCE_ONESHOT;
    order_at(&alone, 0, 0, NULL, &order);
    return everywhere(plan, &order);
}

/* --- bits --------------------------------------------------------------------------------------
 */

static float get(const struct allreduce_plan *plan, const void *x, size_t i) {
    return plan->type == ALLREDUCE_BF16 ? element_from_bf16(((const uint16_t *)x)[i])
                                        : ((const float *)x)[i];
}

static void set(const struct allreduce_plan *plan, void *y, size_t i, float value) {
    if (plan->type == ALLREDUCE_BF16)
        ((uint16_t *)y)[i] = element_to_bf16(value);
    else
        ((float *)y)[i] = value;
}

static float sum_of(const struct allreduce_plan *plan, const struct allreduce_order *order,
                    const void *x, size_t n, size_t i) {
    float value[2 * ALLREDUCE_PARTS_MOST];
    for (int l = 0; l < order->parts; l++)
        value[l] = get(plan, x, (size_t)l * n + i);
    for (int k = 0; k < order->adds; k++) {
        const struct allreduce_add *add = &order->add[k];
        float sum = value[add->a] + value[add->b];
        if (add->stored && plan->type == ALLREDUCE_BF16)
            sum = element_from_bf16(element_to_bf16(sum));
        value[order->parts + k] = sum;
    }
    return value[order->adds ? order->parts + order->adds - 1 : 0];
}

int allreduce_model(const struct allreduce_plan *plan, const void *x, size_t n,
                    const uint8_t *arrivals, void *y, char *why) {
    struct allreduce_order order;
    if (allreduce_plan_check(plan, n, why))
        return -1;
    for (size_t i = 0; i < n;) {
        struct allreduce_place place = allreduce_place(plan, n, i);
        if (allreduce_order(plan, n, i, arrivals, &order, why))
            return -1;
        for (; i < place.first + place.count; i++)
            set(plan, y, i, sum_of(plan, &order, x, n, i));
    }
    return 0;
}
