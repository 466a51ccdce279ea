/*
 * variants.c: one face for the two kinds of plan, so that the sweep need not know whether a sum
 * runs in the CUDA kernels (on a GPU or on the SIMT machine) or in native CPU code.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs/01-float-staging/staging.h"

struct variant_class variant_class(const struct variant *v) {
    struct variant_class c;
    if (v->native) {
        c.type = (enum sum_type)v->cpu.type;
        c.acc = (enum sum_acc)v->cpu.acc;
        c.method = (enum sum_method)v->cpu.method;
        c.dot = false;
    } else {
        c.type = (enum sum_type)v->plan.type;
        c.acc = (enum sum_acc)v->plan.acc;
        c.method = (enum sum_method)v->plan.method;
        c.dot = v->plan.input == SUM_OF_PRODUCTS;
    }
    return c;
}

const char *variant_class_text(struct variant_class c, char out[64]) {
    static const struct sum_value types[] = {
#define WORD(value, word) {value, word},
        SUM_TYPES(WORD)};
    static const struct sum_value accs[] = {SUM_ACCS(WORD)};
    static const struct sum_value methods[] = {SUM_METHODS(WORD)};
#undef WORD
    snprintf(out, 64, "%s.%s.%s.%s", types[c.type].word, accs[c.acc].word, methods[c.method].word,
             c.dot ? "dot" : "sum");
    return out;
}

void variant_text(const struct variant *v, char out[VARIANT_TEXT]) {
    char plan[SUM_TEXT];
    snprintf(out, VARIANT_TEXT, "%s",
             v->native ? sum_cpu_plan_text(&v->cpu, plan) : sum_plan_text(&v->plan, plan));
}

json_t *variant_json(const struct variant *v) {
    return v->native ? sum_cpu_plan_json(&v->cpu) : sum_plan_json(&v->plan);
}

double variant_value(enum sum_acc acc, uint64_t bits) {
    if (acc == SUM_ACC64) {
        double d;
        memcpy(&d, &bits, sizeof d);
        return d;
    }
    uint32_t low = (uint32_t)bits;
    float f;
    memcpy(&f, &low, sizeof f);
    return f;
}

/* --- which ones --------------------------------------------------------------------------------
 */

struct list {
    struct variant *items;
    size_t count, room;
    bool failed;
};

static bool same(const struct variant *a, const struct variant *b) {
    return a->native ? sum_cpu_plan_equal(&a->cpu, &b->cpu) : sum_plan_equal(&a->plan, &b->plan);
}

static void list_add(struct list *list, const struct variant *v) {
    if (list->failed)
        return;
    for (size_t k = 0; k < list->count; k++)
        if (same(&list->items[k], v))
            return;
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        struct variant *items = realloc(list->items, room * sizeof *items);
        if (!items) {
            list->failed = true;
            return;
        }
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = *v;
}

/* `status` is that of the call that listed the plans. */
static void add_kernel_plans(struct list *list, int status, struct sum_plan *plans, size_t count) {
    if (status != 0) {
        list->failed = true;
        return;
    }
    for (size_t k = 0; k < count; k++)
        list_add(list, &(struct variant){.plan = plans[k]});
    free(plans);
}

static void add_native_plans(struct list *list, int status, struct sum_cpu_plan *plans,
                             size_t count) {
    if (status != 0) {
        list->failed = true;
        return;
    }
    for (size_t k = 0; k < count; k++)
        list_add(list, &(struct variant){.native = true, .cpu = plans[k]});
    free(plans);
}

/* The base plans have something for every field to decide: several items per thread, several
 * warps per block, several blocks at a few thousand elements. */
static const char *const kernel_base =
    "f32.plain.sum.strided.v1.i4.b128.tiles.shfl-down.warp.block";
static const char *const native_base =
    "f32.acc32.plain.l8.u2.s2.e512.pf0.t2.accs-serial.lanes-halves.join-serial";

static void kernel_variants(struct list *list, bool full) {
    struct sum_choice floats = {
        .mask =
            SUM_FIELD_BIT(type) | SUM_FIELD_BIT(acc) | SUM_FIELD_BIT(method) | SUM_FIELD_BIT(input),
        .fixed = {.type = SUM_F32, .acc = SUM_ACC32, .method = SUM_PLAIN, .input = SUM_OF_X}};
    struct sum_choice any = {.mask = 0};
    struct sum_plan base, *plans = NULL;
    size_t count = 0;
    int status;
    char why[SUM_WHY];
    if (sum_plan_parse(kernel_base, &base, why) != 0) {
        list->failed = true;
        return;
    }
    list_add(list, &(struct variant){.plan = base});
    for (int f = 0; f < SUM_FIELDS; f++) {
        for (size_t k = 0; k < sum_fields[f].count; k++) {
            struct variant v = {.plan = base};
            sum_plan_set(&v.plan, (enum sum_field_id)f, sum_fields[f].values[k].value);
            if (sum_plan_check(&v.plan, 0, NULL) == 0)
                list_add(list, &v);
        }
    }
    status = (full ? sum_plans_all : sum_plans_pairs)(&floats, &plans, &count);
    add_kernel_plans(list, status, plans, count);
    /* The same in FP64, for what a wider accumulator does to the spread. */
    floats.fixed.acc = SUM_ACC64;
    status = sum_plans_pairs(&floats, &plans, &count);
    add_kernel_plans(list, status, plans, count);
    status = sum_plans_pairs(&any, &plans, &count);
    add_kernel_plans(list, status, plans, count);
}

static void native_variants(struct list *list, bool full) {
    struct sum_cpu_choice floats = {
        .mask = SUM_CPU_FIELD_BIT(type) | SUM_CPU_FIELD_BIT(acc) | SUM_CPU_FIELD_BIT(method),
        .fixed = {.type = SUM_F32, .acc = SUM_ACC32, .method = SUM_PLAIN}};
    struct sum_cpu_choice any = {.mask = 0};
    struct sum_cpu_plan base, *plans = NULL;
    size_t count = 0;
    int status;
    char why[SUM_WHY];
    if (sum_cpu_plan_parse(native_base, &base, why) != 0) {
        list->failed = true;
        return;
    }
    list_add(list, &(struct variant){.native = true, .cpu = base});
    for (int f = 0; f < SUM_CPU_FIELDS; f++) {
        for (size_t k = 0; k < sum_cpu_fields[f].count; k++) {
            struct variant v = {.native = true, .cpu = base};
            sum_cpu_plan_set(&v.cpu, (enum sum_cpu_field_id)f, sum_cpu_fields[f].values[k].value);
            if (sum_cpu_plan_check(&v.cpu, NULL) == 0)
                list_add(list, &v);
        }
    }
    status = (full ? sum_cpu_plans_all : sum_cpu_plans_pairs)(&floats, &plans, &count);
    add_native_plans(list, status, plans, count);
    floats.fixed.acc = SUM_ACC64;
    status = sum_cpu_plans_pairs(&floats, &plans, &count);
    add_native_plans(list, status, plans, count);
    status = sum_cpu_plans_pairs(&any, &plans, &count);
    add_native_plans(list, status, plans, count);
}

int variants_for(enum device_kind kind, enum lab_mode mode, struct variant **out, size_t *count) {
    struct list list = {0};
    if (kind == DEVICE_CPU)
        native_variants(&list, mode == LAB_FULL);
    else
        kernel_variants(&list, mode == LAB_FULL);
    if (list.failed) {
        free(list.items);
        return -1;
    }
    *out = list.items;
    *count = list.count;
    return 0;
}

/* --- running -----------------------------------------------------------------------------------
 */

struct room {
    struct device *device;
    size_t n;
    void *x, *y, *result, *workspace;
    size_t workspace_bytes;
    const struct sum_ops *ops; /* NULL on cpu */
};

/* The widest element, so that one room serves every type. */
#define ELEMENT_BYTES sizeof(double)
#define RESULT_BYTES 8

void room_close(struct room *room) {
    if (!room)
        return;
    device_free(room->device, room->x);
    device_free(room->device, room->y);
    device_free(room->device, room->result);
    device_free(room->device, room->workspace);
    free(room);
}

int room_open(struct room **out, struct device *device, size_t n) {
    struct room *room = calloc(1, sizeof *room);
    *out = NULL;
    if (!room)
        return device_fail("out of memory");
    room->device = device;
    room->n = n;
    if (device_kind(device) != DEVICE_CPU) {
        room->ops = sum_ops_for(device_kind(device), false);
        if (!room->ops || device_alloc(device, &room->x, n * ELEMENT_BYTES) != 0 ||
            device_alloc(device, &room->y, n * ELEMENT_BYTES) != 0 ||
            device_alloc(device, &room->result, RESULT_BYTES) != 0) {
            room_close(room);
            return -1;
        }
    }
    *out = room;
    return 0;
}

static int workspace_for(struct room *room, const struct sum_plan *plan, size_t n) {
    size_t need = sum_workspace_bytes(plan, n);
    if (need <= room->workspace_bytes && room->workspace)
        return 0;
    device_free(room->device, room->workspace);
    room->workspace = NULL;
    if (device_alloc(room->device, &room->workspace, need) != 0)
        return -1;
    room->workspace_bytes = need;
    return room->ops->prepare(room->workspace, need, device_stream(room->device));
}

int variant_run(struct room *room, const struct variant *v, const void *x, const void *y, size_t n,
                uint64_t *bits) {
    if (n > room->n)
        return device_fail("%zu elements do not fit into a room for %zu", n, room->n);
    if (v->native)
        return sum_cpu_run(&v->cpu, x, n, bits);
    size_t bytes = n * sum_type_bytes((enum sum_type)v->plan.type);
    if (workspace_for(room, &v->plan, n) != 0 ||
        device_write(room->device, room->x, x, bytes) != 0 ||
        (y && device_write(room->device, room->y, y, bytes) != 0) ||
        device_fill(room->device, room->result, 0xff, RESULT_BYTES) != 0)
        return -1;
    if (room->ops->launch(&v->plan, room->x, y ? room->y : NULL, n, room->result, room->workspace,
                          room->workspace_bytes, device_stream(room->device)) != 0 ||
        device_sync(room->device) != 0)
        return -1;
    *bits = 0;
    return device_read(room->device, bits, room->result, sum_result_bytes(&v->plan));
}

int variant_model(const struct variant *v, const void *x, const void *y, size_t n, uint64_t *bits) {
    return v->native ? sum_cpu_model(&v->cpu, x, n, bits) : sum_model(&v->plan, x, y, n, bits);
}

struct tree *variant_tree(const struct variant *v, size_t n) {
    return v->native ? sum_cpu_tree(&v->cpu, n) : sum_tree(&v->plan, n);
}

size_t variant_depth(const struct variant *v, size_t n) {
    return v->native ? sum_cpu_depth(&v->cpu, n) : sum_depth(&v->plan, n);
}
