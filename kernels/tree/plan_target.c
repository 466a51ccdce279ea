/*
 * plan_target.c: see plan_target.h.
 */
#include "kernels/tree/plan_target.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/tree/tree.h"

struct runner {
    struct plan_target plan;
    struct device *device;
    const struct sum_ops *ops;
    void *x, *y, *result, *workspace; /* on the device */
    size_t input_bytes, workspace_bytes;
    bool wide; /* the result is a double */
};

int plan_target_parse(const char *text, enum device_kind kind, struct plan_target *plan,
                      char *why) {
    memset(plan, 0, sizeof *plan);
    plan->native = kind == DEVICE_CPU;
    text = text[0] ? text : "f32"; /* no words at all: the default plan */
    if (plan->native)
        return sum_cpu_plan_parse(text, &plan->cpu, why);
    return sum_plan_parse(text, &plan->plan, why);
}

char *plan_target_text(const struct plan_target *plan, char *out) {
    return plan->native ? sum_cpu_plan_text(&plan->cpu, out) : sum_plan_text(&plan->plan, out);
}

struct tree *plan_target_tree(const struct plan_target *plan, size_t n) {
    return plan->native ? sum_cpu_tree(&plan->cpu, n) : sum_tree(&plan->plan, n);
}

static double value_of(bool wide, uint64_t bits) {
    double d;
    float f;
    uint32_t low = (uint32_t)bits;
    memcpy(&d, &bits, sizeof d);
    memcpy(&f, &low, sizeof f);
    return wide ? d : (double)f;
}

static int run_native(void *context, const void *x, size_t n, double *result) {
    struct runner *r = context;
    uint64_t bits = 0;
    if (sum_cpu_run(&r->plan.cpu, x, n, &bits))
        return -1;
    *result = value_of(r->wide, bits);
    return 0;
}

static int run_products(void *context, const void *x, const void *y, size_t n, double *result) {
    struct runner *r = context;
    uint64_t bits = 0;
    if (device_write(r->device, r->x, x, r->input_bytes) ||
        (y && device_write(r->device, r->y, y, r->input_bytes)) ||
        r->ops->launch(&r->plan.plan, r->x, y ? r->y : NULL, n, r->result, r->workspace,
                       r->workspace_bytes, device_stream(r->device)) ||
        device_sync(r->device) || device_read(r->device, &bits, r->result, r->wide ? 8 : 4))
        return -1;
    *result = value_of(r->wide, bits);
    return 0;
}

static int run_sum(void *context, const void *x, size_t n, double *result) {
    return run_products(context, x, NULL, n, result);
}

static enum recover_type input_type(int type) {
    return type == SUM_F64    ? RECOVER_F64
           : type == SUM_F16  ? RECOVER_F16
           : type == SUM_BF16 ? RECOVER_BF16
                              : RECOVER_F32;
}

static int open_kernels(struct runner *r, size_t n) {
    char why[SUM_WHY];
    const struct sum_plan *plan = &r->plan.plan;
    if (sum_plan_check(plan, n, why))
        return device_fail("%s", why);
    r->ops = sum_ops_for(device_kind(r->device), false);
    if (!r->ops)
        return -1;
    r->input_bytes = n * sum_type_bytes((enum sum_type)plan->type);
    r->workspace_bytes = sum_workspace_bytes(plan, n);
    if (device_alloc(r->device, &r->x, r->input_bytes) ||
        device_alloc(r->device, &r->y, r->input_bytes) || device_alloc(r->device, &r->result, 8) ||
        device_alloc(r->device, &r->workspace, r->workspace_bytes))
        return -1;
    return r->ops->prepare(r->workspace, r->workspace_bytes, device_stream(r->device));
}

int plan_target_open(struct recover_target *target, const struct plan_target *plan, size_t n,
                     struct device *device) {
    memset(target, 0, sizeof *target);
    struct runner *r = calloc(1, sizeof *r);
    if (!r)
        return device_fail("not enough memory");
    target->context = r;
    r->plan = *plan;
    r->device = device;
    int type = plan->native ? plan->cpu.type : plan->plan.type;
    r->wide = (plan->native ? plan->cpu.acc : plan->plan.acc) == SUM_ACC64;
    target->type = input_type(type);
    target->result = r->wide ? RECOVER_F64 : RECOVER_F32;
    if (plan->native) {
        char why[SUM_WHY];
        target->sum = run_native;
        return sum_cpu_plan_check(&plan->cpu, why) ? device_fail("%s", why) : 0;
    }
    if (plan->plan.input == SUM_OF_PRODUCTS)
        target->dot = run_products;
    else
        target->sum = run_sum;
    return open_kernels(r, n);
}

void plan_target_close(struct recover_target *target) {
    struct runner *r = target->context;
    target->context = NULL;
    if (!r)
        return;
    if (!r->plan.native) {
        void *all[] = {r->x, r->y, r->result, r->workspace};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++)
            if (all[k])
                device_free(r->device, all[k]);
    }
    free(r);
}
