/*
 * plan_target.c: see plan_target.h.
 */
#include "kernels/tree/plan_target.h"

#include <stdlib.h>

struct runner {
    struct sum_memory *memory;
    struct job job;
    enum sum_acc acc;
};

static int run_products(void *context, const void *x, const void *y, size_t n, double *result) {
    struct runner *r = context;
    struct job_bits got;
    (void)n; /* the memory's */
    if (sum_memory_write(r->memory, x, y) || job_call(&r->job) || job_bits(&r->job, &got))
        return -1;
    *result = sum_value(r->acc, got.bits);
    return 0;
}

static int run_sum(void *context, const void *x, size_t n, double *result) {
    return run_products(context, x, NULL, n, result);
}

int plan_target_open(struct recover_target *target, const struct sum_variant *variant, size_t n,
                     struct device *device) {
    struct sum_class class = sum_variant_class(variant);
    struct runner *r = calloc(1, sizeof *r);
    char why[SUM_WHY];
    *target = (struct recover_target){.type = class.type,
                                      .result = class.acc == SUM_ACC64 ? ELEMENT_F64 : ELEMENT_F32,
                                      .sum = class.products ? NULL : run_sum,
                                      .dot = class.products ? run_products : NULL,
                                      .context = r};
    if (!r)
        return device_fail("not enough memory");
    if (sum_variant_check(variant, n, why)) /* before memory is asked for as much as this */
        return device_fail("%s", why);
    r->acc = class.acc;
    return sum_memory_open(&r->memory, device, class.type, class.products, n) ||
                   sum_job_open(&r->job, r->memory, variant)
               ? -1
               : 0;
}

void plan_target_close(struct recover_target *target) {
    struct runner *r = target->context;
    target->context = NULL;
    if (!r)
        return;
    job_close(&r->job);
    sum_memory_close(r->memory);
    free(r);
}
