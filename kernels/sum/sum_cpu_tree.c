/*
 * sum_cpu_tree.c: the model of the native sum: from a plan, its tree; from a plan and the data, the
 * bits. Written from the text of sum_cpu.h and, but for element.h, independent of the code that
 * runs plans: the tests compare the two. What a compensated addition is stands in sum_tree.c.
 */
#include <math.h>
#include <stdlib.h>

#include "kernels/element/element.h"
#include "kernels/sum/binned.h"
#include "kernels/sum/sum_cpu.h"
#include "kernels/tree/tree.h"

#define SUM_CPU_MODEL_VALUES 256 /* 16 accumulators of 16 lanes */
#define SUM_CPU_MODEL_THREADS 4

struct model_input {
    int type;
    const void *x;
};

static double model_input_at(const struct model_input *input, size_t i) {
    switch (input->type) {
    case ELEMENT_F32:
        return ((const float *)input->x)[i];
    case ELEMENT_F64:
        return ((const double *)input->x)[i];
    case ELEMENT_BF16:
        return element_from_bf16(((const uint16_t *)input->x)[i]);
    default:
        return element_from_f16(((const uint16_t *)input->x)[i]);
    }
}

/* --- numbers ---------------------------------------------------------------------------------- */

#define ORDER(name) f32_##name
#define VALUE float
#define NONE (-0.0f)
#define CONTEXT const struct model_input *
#define ADD(context, a, b) ((a) + (b))
#define LEAF(context, i) ((float)model_input_at(context, i))
#include "kernels/sum/sum_cpu_order.inc"

#define ORDER(name) f64_##name
#define VALUE double
#define NONE (-0.0)
#define CONTEXT const struct model_input *
#define ADD(context, a, b) ((a) + (b))
#define LEAF(context, i) model_input_at(context, i)
#include "kernels/sum/sum_cpu_order.inc"

/* --- pairs ------------------------------------------------------------------------------------ */

#define DEFINE_PAIR(name, A)                                                                       \
    struct name##_pair {                                                                           \
        A s, c;                                                                                    \
    };                                                                                             \
    static struct name##_pair name##_pair_add(struct name##_pair a, struct name##_pair b) {        \
        struct name##_pair sum;                                                                    \
        sum.s = a.s + b.s;                                                                         \
        A b_part = sum.s - a.s, a_part = sum.s - b_part;                                           \
        A error = (a.s - a_part) + (b.s - b_part);                                                 \
        sum.c = (a.c + b.c) + error;                                                               \
        return sum;                                                                                \
    }                                                                                              \
    static A name##_pair_value(struct name##_pair a) {                                             \
        return a.c == 0 || !isfinite(a.c) ? a.s : a.s + a.c;                                       \
    }
DEFINE_PAIR(f32, float)
DEFINE_PAIR(f64, double)

#define ORDER(name) f32_pairs_##name
#define VALUE struct f32_pair
#define NONE ((struct f32_pair){-0.0f, 0.0f})
#define CONTEXT const struct model_input *
#define ADD(context, a, b) f32_pair_add(a, b)
#define LEAF(context, i) ((struct f32_pair){(float)model_input_at(context, i), 0.0f})
#include "kernels/sum/sum_cpu_order.inc"

#define ORDER(name) f64_pairs_##name
#define VALUE struct f64_pair
#define NONE ((struct f64_pair){-0.0, 0.0})
#define CONTEXT const struct model_input *
#define ADD(context, a, b) f64_pair_add(a, b)
#define LEAF(context, i) ((struct f64_pair){model_input_at(context, i), 0.0})
#include "kernels/sum/sum_cpu_order.inc"

/* --- nodes ------------------------------------------------------------------------------------ */

#define ORDER(name) node_##name
#define VALUE tree_ref
#define NONE TREE_NONE
#define CONTEXT struct tree *
#define ADD(context, a, b) tree_add(context, a, b)
#define LEAF(context, i) ((tree_ref)(i))
#include "kernels/sum/sum_cpu_order.inc"

struct tree *sum_cpu_tree(const struct sum_cpu_plan *plan, size_t n) {
    if (plan->method == SUM_BINNED || n == 0 || n >= (size_t)1 << 31)
        return NULL;
    struct tree *tree = tree_new(n);
    if (tree)
        tree_set_root(tree, node_sum(tree, plan, n));
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

#define ORDER(name) height_##name
#define VALUE int32_t
#define NONE (-1)
#define CONTEXT const struct sum_cpu_plan *
#define ADD(context, a, b) higher(a, b)
#define LEAF(context, i) ((void)(i), (int32_t)0)
#include "kernels/sum/sum_cpu_order.inc"

size_t sum_cpu_depth(const struct sum_cpu_plan *plan, size_t n) {
    if (plan->method == SUM_BINNED || n == 0)
        return 0;
    return (size_t)height_sum(plan, plan, n);
}

/* --- bits ------------------------------------------------------------------------------------- */

/* The reproducible sum by its definition: one element after another. */
static uint64_t binned_bits(const struct sum_cpu_plan *plan, const struct model_input *input,
                            size_t n) {
    struct binned_f32 narrow = binned_f32_zero();
    struct binned_f64 wide = binned_f64_zero();
    for (size_t i = 0; i < n; i++) {
        double x = model_input_at(input, i);
        if (plan->acc == SUM_ACC32)
            binned_f32_deposit(&narrow, (float)x);
        else
            binned_f64_deposit(&wide, x);
    }
    return plan->acc == SUM_ACC32 ? round_f32_bits(binned_f32_value(&narrow))
                                  : round_f64_bits(binned_f64_value(&wide));
}

int sum_cpu_model(const struct sum_cpu_plan *plan, const void *x, size_t n, uint64_t *bits) {
    const struct model_input input = {plan->type, x};
    if (plan->method == SUM_BINNED)
        *bits = binned_bits(plan, &input, n);
    else if (plan->method == SUM_COMPENSATED)
        *bits = plan->acc == SUM_ACC32
                    ? round_f32_bits(f32_pair_value(f32_pairs_sum(&input, plan, n)))
                    : round_f64_bits(f64_pair_value(f64_pairs_sum(&input, plan, n)));
    else
        *bits = plan->acc == SUM_ACC32 ? round_f32_bits(f32_sum(&input, plan, n))
                                       : round_f64_bits(f64_sum(&input, plan, n));
    return 0;
}
