/*
 * sum_tree.c: the model. From a plan alone, the tree of its additions; from a plan and the data,
 * the bits of its result. Written from the text of sum.h, not from the kernels: the tests compare
 * the two.
 *
 * The compensated sum. A value is a pair (s, c) that stands for s + c; an element x is (x, +0). One
 * addition, the same at every node of the tree:
 *
 *     s = s1 + s2,  e = the rounding error of that addition (TwoSum: Knuth, TAOCP 2, 4.2.2)
 *     c = (c1 + c2) + e
 *
 * and the result is s + c at the end, or s itself if c is zero or not finite (an infinity or NaN in
 * s makes e a NaN that means nothing). c starts at +0 and so is never -0: adding the pair (-0, +0)
 * changes nothing, and absent elements are absent here too.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/element/element.h"
#include "kernels/sum/binned.h"
#include "kernels/sum/exact.h"
#include "kernels/sum/sum.h"
#include "kernels/tree/tree.h"

#define SUM_MODEL_THREADS 1024 /* the largest block */

/* --- inputs ------------------------------------------------------------------------------------
 */

struct model_data {
    const struct sum_plan *plan;
    const void *x, *y;
};

#define READ_LEAVES(A, from, first, n, out)                                                        \
    do {                                                                                           \
        switch (plan->type) {                                                                      \
        case ELEMENT_F32:                                                                          \
            for (size_t k = 0; k < (n); k++)                                                       \
                (out)[k] = (A)((const float *)(from))[(first) + k];                                \
            break;                                                                                 \
        case ELEMENT_F64:                                                                          \
            for (size_t k = 0; k < (n); k++)                                                       \
                (out)[k] = (A)((const double *)(from))[(first) + k];                               \
            break;                                                                                 \
        case ELEMENT_BF16:                                                                         \
            for (size_t k = 0; k < (n); k++)                                                       \
                (out)[k] = (A)element_from_bf16(((const uint16_t *)(from))[(first) + k]);          \
            break;                                                                                 \
        default:                                                                                   \
            for (size_t k = 0; k < (n); k++)                                                       \
                (out)[k] = (A)element_from_f16(((const uint16_t *)(from))[(first) + k]);           \
        }                                                                                          \
    } while (0)

/* Products are taken in pieces through a small buffer. */
enum { PIECE = 256 };

#define DEFINE_LEAVES(name, A)                                                                     \
    static void name(const struct model_data *data, size_t first, size_t n, A *out) {              \
        const struct sum_plan *plan = data->plan;                                                  \
        READ_LEAVES(A, data->x, first, n, out);                                                    \
        for (size_t at = 0; plan->input == SUM_OF_PRODUCTS && at < n; at += PIECE) {               \
            A other[PIECE];                                                                        \
            size_t count = n - at < PIECE ? n - at : PIECE;                                        \
            READ_LEAVES(A, data->y, first + at, count, other);                                     \
            for (size_t k = 0; k < count; k++)                                                     \
                out[at + k] = out[at + k] * other[k];                                              \
        }                                                                                          \
    }

DEFINE_LEAVES(leaves_f32, float)
DEFINE_LEAVES(leaves_f64, double)

/* --- numbers -----------------------------------------------------------------------------------
 */

#define ORDER(name) f32_##name
#define VALUE float
#define CONTEXT const struct model_data *
#define NONE (-0.0f)
#define ADD(context, a, b) ((a) + (b))
#define LEAVES(context, first, n, out) leaves_f32(context, first, n, out)
#include "kernels/sum/sum_order.inc"

#define ORDER(name) f64_##name
#define VALUE double
#define CONTEXT const struct model_data *
#define NONE (-0.0)
#define ADD(context, a, b) ((a) + (b))
#define LEAVES(context, first, n, out) leaves_f64(context, first, n, out)
#include "kernels/sum/sum_order.inc"

/* --- pairs -------------------------------------------------------------------------------------
 */

#define DEFINE_PAIR(pair, A, leaves)                                                               \
    struct pair {                                                                                  \
        A s, c;                                                                                    \
    };                                                                                             \
    static inline struct pair pair##_add(struct pair a, struct pair b) {                           \
        A s = a.s + b.s;                                                                           \
        A b_seen = s - a.s, a_seen = s - b_seen;                                                   \
        A error = (a.s - a_seen) + (b.s - b_seen);                                                 \
        struct pair sum = {s, (a.c + b.c) + error};                                                \
        return sum;                                                                                \
    }                                                                                              \
    static void pair##_leaves(const struct model_data *data, size_t first, size_t n,               \
                              struct pair *out) {                                                  \
        A number[PIECE];                                                                           \
        for (size_t at = 0; at < n; at += PIECE) {                                                 \
            size_t count = n - at < PIECE ? n - at : PIECE;                                        \
            leaves(data, first + at, count, number);                                               \
            for (size_t k = 0; k < count; k++)                                                     \
                out[at + k] = (struct pair){number[k], 0};                                         \
        }                                                                                          \
    }                                                                                              \
    static A pair##_result(struct pair sum) {                                                      \
        return sum.c == 0 || !isfinite(sum.c) ? sum.s : sum.s + sum.c;                             \
    }

DEFINE_PAIR(pair32, float, leaves_f32)
DEFINE_PAIR(pair64, double, leaves_f64)

#define ORDER(name) pair32_order_##name
#define VALUE struct pair32
#define CONTEXT const struct model_data *
#define NONE ((struct pair32){-0.0f, 0.0f})
#define ADD(context, a, b) pair32_add(a, b)
#define LEAVES(context, first, n, out) pair32_leaves(context, first, n, out)
#include "kernels/sum/sum_order.inc"

#define ORDER(name) pair64_order_##name
#define VALUE struct pair64
#define CONTEXT const struct model_data *
#define NONE ((struct pair64){-0.0, 0.0})
#define ADD(context, a, b) pair64_add(a, b)
#define LEAVES(context, first, n, out) pair64_leaves(context, first, n, out)
#include "kernels/sum/sum_order.inc"

/* --- nodes -------------------------------------------------------------------------------------
 */

static void leaf_refs(size_t first, size_t n, tree_ref *out) {
    for (size_t k = 0; k < n; k++)
        out[k] = (tree_ref)(first + k);
}

#define ORDER(name) node_##name
#define VALUE tree_ref
#define CONTEXT struct tree *
#define NONE TREE_NONE
#define ADD(context, a, b) tree_add(context, a, b)
#define LEAVES(context, first, n, out) leaf_refs(first, n, out)
#include "kernels/sum/sum_order.inc"

struct tree *sum_tree(const struct sum_plan *plan, size_t n) {
    if (sum_plan_check(plan, n, NULL) || n == 0 || n > INT32_MAX)
        return NULL;
    if (plan->method != SUM_PLAIN && plan->method != SUM_COMPENSATED)
        return NULL;
    struct tree *tree = tree_new(n);
    tree_ref root;
    if (!tree)
        return NULL;
    if (node_sum(tree, plan, n, &root)) {
        tree_free(tree);
        return NULL;
    }
    tree_set_root(tree, root);
    return tree;
}

/* --- depths ------------------------------------------------------------------------------------
 */

/* The height of a partial sum; -1 for an element that is not there. */
static inline int32_t higher(int32_t a, int32_t b) {
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return 1 + (a > b ? a : b);
}

static void leaf_heights(size_t n, int32_t *out) {
    for (size_t k = 0; k < n; k++)
        out[k] = 0;
}

#define ORDER(name) height_##name
#define VALUE int32_t
#define CONTEXT const struct sum_plan *
#define NONE (-1)
#define ADD(context, a, b) higher(a, b)
#define LEAVES(context, first, n, out) leaf_heights(n, out)
#include "kernels/sum/sum_order.inc"

size_t sum_depth(const struct sum_plan *plan, size_t n) {
    int32_t height;
    if (n == 0 || sum_plan_check(plan, n, NULL) ||
        (plan->method != SUM_PLAIN && plan->method != SUM_COMPENSATED) ||
        height_sum(plan, plan, n, &height))
        return 0;
    return (size_t)height;
}

/* --- sums without an order ---------------------------------------------------------------------
 */

#define DEFINE_ORDER_FREE(name, A, leaves, binned, exact)                                          \
    static A name(const struct model_data *data, size_t n) {                                       \
        struct binned bins = binned##_zero();                                                      \
        struct exact limbs = {0};                                                                  \
        A number[PIECE];                                                                           \
        for (size_t at = 0; at < n; at += PIECE) {                                                 \
            size_t count = n - at < PIECE ? n - at : PIECE;                                        \
            leaves(data, at, count, number);                                                       \
            if (data->plan->method == SUM_EXACT)                                                   \
                exact##_add(&limbs, number, count);                                                \
            else                                                                                   \
                for (size_t k = 0; k < count; k++)                                                 \
                    binned##_deposit(&bins, number[k]);                                            \
        }                                                                                          \
        return data->plan->method == SUM_EXACT ? exact##_value(&limbs) : binned##_value(&bins);    \
    }

DEFINE_ORDER_FREE(order_free_f32, float, leaves_f32, binned_f32, exact_f32)
DEFINE_ORDER_FREE(order_free_f64, double, leaves_f64, binned_f64, exact_f64)

/* --- the model ---------------------------------------------------------------------------------
 */

static int model_f32(const struct model_data *data, size_t n, float *result) {
    if (data->plan->method == SUM_PLAIN)
        return f32_sum(data, data->plan, n, result);
    if (data->plan->method == SUM_COMPENSATED) {
        struct pair32 sum;
        if (pair32_order_sum(data, data->plan, n, &sum))
            return -1;
        *result = pair32_result(sum);
        return 0;
    }
    *result = order_free_f32(data, n);
    return 0;
}

static int model_f64(const struct model_data *data, size_t n, double *result) {
    if (data->plan->method == SUM_PLAIN)
        return f64_sum(data, data->plan, n, result);
    if (data->plan->method == SUM_COMPENSATED) {
        struct pair64 sum;
        if (pair64_order_sum(data, data->plan, n, &sum))
            return -1;
        *result = pair64_result(sum);
        return 0;
    }
    *result = order_free_f64(data, n);
    return 0;
}

int sum_model(const struct sum_plan *plan, const void *x, const void *y, size_t n, uint64_t *bits) {
    struct model_data data = {plan, x, y};
    if (n == 0 || sum_plan_check(plan, n, NULL))
        return -1;
    if (plan->acc == SUM_ACC64) {
        double result;
        if (model_f64(&data, n, &result))
            return -1;
        memcpy(bits, &result, sizeof result);
        return 0;
    }
    float result;
    uint32_t low;
    if (model_f32(&data, n, &result))
        return -1;
    memcpy(&low, &result, sizeof low);
    *bits = low;
    return 0;
}
