/*
 * trees.c: trees found from outputs alone. For our own plans the answer is known, and must come
 * out; a cure must be turned down by name; a library's sum gives a tree that passes every check,
 * or the reason why it has none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/tree/recover.h"
#include "labs/01-float-staging/libraries.h"
#include "labs/01-float-staging/staging.h"

struct probe {
    struct room *room;
    const struct variant *variant;
};

static int probe_dot(void *context, const void *x, const void *y, size_t n, double *result)
{
    struct probe *p = context;
    uint64_t bits;
    if (variant_run(p->room, p->variant, x, y, n, &bits) != 0)
        return -1;
    *result = variant_value(variant_class(p->variant).acc, bits);
    return 0;
}

static int probe_sum(void *context, const void *x, size_t n, double *result)
{
    return probe_dot(context, x, NULL, n, result);
}

static enum recover_type recover_type_of(enum sum_type type)
{
    switch (type) {
    case SUM_F64:
        return RECOVER_F64;
    case SUM_BF16:
        return RECOVER_BF16;
    case SUM_F16:
        return RECOVER_F16;
    case SUM_F32:
        break;
    }
    return RECOVER_F32;
}

/* What a recovery found out, into its case. */
static void record_recovery(struct lab_case *c, const struct recovery *r)
{
    case_param_text(c, "outcome",
                    r->status == RECOVER_FOUND ? "recovered" : recover_status_name(r->status));
    case_counter(c, "probes", (double)r->probes);
    case_counter(c, "calls", (double)r->calls);
    case_counter(c, "rechecked", (double)r->rechecked);
    case_counter(c, "fresh", (double)r->fresh);
    case_counter(c, "data_sets", (double)r->data_sets);
    if (r->status != RECOVER_FOUND) {
        case_param_text(c, "why", r->why);
        return;
    }
    case_param_text(c, "rule", r->rule);
    case_counter(c, "depth", (double)tree_depth(r->tree));
    char *text = tree_text(r->tree);
    if (text)
        case_series_tree(c, "tree", text);
    free(text);
}

static int recover_plan(struct lab_run *run, struct room *room, struct device *device,
                        const struct variant *v, size_t n)
{
    char plan[VARIANT_TEXT];
    variant_text(v, plan);
    struct lab_case *c = lab_case_begin(run, device_id(device), "01/tree/n=%zu/plan=%s", n, plan);
    if (!c)
        return 0;
    struct variant_class class = variant_class(v);
    struct probe probe = {room, v};
    struct recover_target target = {
        .type = recover_type_of(class.type),
        .result = class.acc == SUM_ACC64 ? RECOVER_F64 : RECOVER_F32,
        .context = &probe,
    };
    if (class.dot)
        target.dot = probe_dot;
    else
        target.sum = probe_sum;
    struct recovery r;
    if (recover(&target, n, NULL, &r) != 0) {
        lab_case_drop(c);
        lab_error(run, "plan %s, n = %zu: %s", plan, n, r.why);
        recovery_free(&r);
        return -1;
    }
    struct tree *own = variant_tree(v, n);
    bool equal = r.status == RECOVER_FOUND && own && tree_equal(own, r.tree);
    tree_free(own);
    case_param_int(c, "n", (int64_t)n);
    case_param_text(c, "plan", plan);
    case_param_int(c, "method", class.method);
    case_param_int(c, "equal", equal);
    case_plan(c, variant_json(v));
    record_recovery(c, &r);
    recovery_free(&r);
    return lab_case_end(c);
}

static int recover_library(struct lab_run *run, struct device *device,
                           const struct library_sum *library, size_t n)
{
    struct lab_case *c =
        lab_case_begin(run, device_id(device), "01/tree/n=%zu/library=%s", n, library->name);
    if (!c)
        return 0;
    struct recovery r;
    struct recover_target target = {.type = RECOVER_F32, .result = RECOVER_F32};
    if (library_target(library, &target) != 0 || recover(&target, n, NULL, &r) != 0) {
        lab_case_drop(c);
        return lab_error(run, "%s, n = %zu: the library's call failed", library->name, n);
    }
    case_param_int(c, "n", (int64_t)n);
    case_param_text(c, "library", library->name);
    case_param_text(c, "version", library_version(library));
    record_recovery(c, &r);
    recovery_free(&r);
    return lab_case_end(c);
}

/* Recovery takes thousands of sums per plan; the interpreter gets small n, real hardware more. */
static size_t sizes_for(enum device_kind kind, enum lab_mode mode, size_t sizes[8])
{
    static const size_t all[] = {64, 100, 333, 1000, 1024};
    size_t count = mode == LAB_FULL                            ? 5
                   : mode == LAB_QUICK && kind == DEVICE_SIMT ? 1
                                                              : 3;
    memcpy(sizes, all, count * sizeof *all);
    return count;
}

/* Which plans: quick asks the ones that differ from the base plan in one field. */
static bool wanted(const struct variant *v, enum device_kind kind, enum lab_mode mode, size_t index)
{
    struct variant_class class = variant_class(v);
    if (mode == LAB_FULL || kind != DEVICE_SIMT)
        return class.method == SUM_PLAIN || index % 8 == 0;
    size_t stride = mode == LAB_QUICK ? 3 : 1;
    return index % stride == 0 && (class.method == SUM_PLAIN || index % 8 == 0) &&
           (mode != LAB_QUICK || v->plan.block <= 256);
}

int sweep_trees(struct lab_run *run, struct device *device)
{
    struct variant *variants;
    size_t variant_count, sizes[8];
    enum device_kind kind = device_kind(device);
    size_t size_count = sizes_for(kind, lab_mode(run), sizes);
    if (variants_for(kind, lab_mode(run), &variants, &variant_count) != 0)
        return lab_error(run, "out of memory while listing the plans");
    size_t plans = 0, library_count;
    const struct library_sum *libraries = library_sums(kind, &library_count);
    for (size_t k = 0; k < variant_count; k++)
        plans += wanted(&variants[k], kind, lab_mode(run), k);
    lab_expect(run, size_count * (plans + library_count));

    struct room *room;
    int status = room_open(&room, device, sizes[size_count - 1]);
    if (status != 0)
        lab_error(run, "%s", device_error());
    for (size_t s = 0; s < size_count && status == 0; s++) {
        for (size_t k = 0; k < library_count && status == 0 && !lab_stopping(run); k++)
            status = recover_library(run, device, &libraries[k], sizes[s]);
        for (size_t k = 0; k < variant_count && status == 0 && !lab_stopping(run); k++)
            if (wanted(&variants[k], kind, lab_mode(run), k))
                status = recover_plan(run, room, device, &variants[k], sizes[s]);
    }
    room_close(room);
    free(variants);
    return status;
}
