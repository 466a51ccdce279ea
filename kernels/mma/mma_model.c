/*
 * mma_model.c: what a kernel of mma.h must leave in C, from its plan and the card's rule.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/mma/mma.h"
#include "kernels/mma/mma_rule.h"

const struct mma_rule *mma_plan_rule(const struct mma_plan *plan, int capability) {
    char arch[16];
    snprintf(arch, sizeof arch, "sm_%d", capability);
    if (plan->kernel == MMA_SCALAR)
        /* All formats are floats to it. */
        return mma_rule_find("fma", MMA_CPU, ELEMENT_F32, ELEMENT_F32);
    return mma_rule_find(arch, plan->kernel == MMA_WARPGROUP ? MMA_WGMMA : MMA_SYNC,
                         (enum element)plan->in,
                         plan->acc == MMA_ACC16 ? ELEMENT_F16 : ELEMENT_F32);
}

/* The rule of the plan's own instruction: a shorter one has fewer products. */
static struct mma_rule rule_of(const struct mma_plan *plan, const struct mma_rule *rule) {
    struct mma_rule own = *rule;
    int k = (int)mma_plan_instruction(plan).k;
    if (plan->kernel == MMA_SCALAR || own.sum == MMA_TWO_STEPS)
        return own;
    own.k = own.k < k ? own.k : k;
    own.block = own.block < own.k ? own.block : own.k;
    return own;
}

static float rounded(int element, float value) {
    unsigned char raw[sizeof(double)];
    element_set((enum element)element, raw, 0, (double)value);
    return (float)element_get((enum element)element, raw, 0);
}

/* A slice's chain: a and b have room for it and for what fills its last stage up. */
static float slice_sum(const struct mma_rule *rule, const struct mma_operands *o, size_t m,
                       size_t n, size_t begin, size_t end, size_t padded, float *a, float *b) {
    for (size_t k = 0; k < padded; k++) {
        bool there = begin + k < end;
        a[k] = there ? mma_a(o, m, begin + k) : 0;
        b[k] = there ? mma_b(o, n, begin + k) : 0;
    }
    return mma_dot(rule, a, b, padded, 0);
}

int mma_model_element(const struct mma_plan *plan, int capability,
                      const struct mma_operands *operands, size_t m, size_t n, float *value) {
    const struct mma_rule *known = mma_plan_rule(plan, capability);
    char text[MMA_TEXT];
    if (!known)
        return device_fail("%s: no rule is known for it on compute capability %d.%d",
                           mma_plan_text(plan, text), capability / 10, capability % 10);
    struct mma_rule rule = rule_of(plan, known);
    size_t k = operands->problem.shape.k, depth = mma_plan_depth(plan);
    size_t slice = mma_plan_slice(plan, k), slices = mma_plan_slices(plan, k);
    float *a = malloc(2 * (slice + depth) * sizeof *a), *b = a + slice + depth;
    if (!a)
        return device_fail("out of memory for two rows of %zu numbers", slice);
    float sum = 0;
    for (size_t s = 0; s < slices; s++) {
        size_t begin = s * slice, end = begin + slice < k ? begin + slice : k;
        size_t padded = (end - begin + depth - 1) / depth * depth;
        float own = slice_sum(&rule, operands, m, n, begin, end, padded, a, b);
        sum = s ? sum + own : own;
        if (plan->merge == MMA_IN_PLACE)
            sum = rounded(plan->out, sum);
    }
    free(a);
    *value = rounded(plan->out, sum);
    return 0;
}
