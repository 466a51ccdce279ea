/*
 * inputs.c: which variants a device is asked for, and the data sets that they sum.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/rng/data.h"
#include "labs/01-float-staging/staging.h"

/* --- variants ----------------------------------------------------------------------------------
 */

struct list {
    struct sum_variant *items;
    size_t count, capacity;
    bool failed;
};

static void list_add(struct list *list, const struct sum_variant *v) {
    for (size_t k = 0; k < list->count; k++)
        if (sum_variant_equal(&list->items[k], v))
            return;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        struct sum_variant *items = realloc(list->items, capacity * sizeof *items);
        list->failed = list->failed || !items;
        if (!items)
            return;
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = *v;
}

static void add_like(struct list *list, const struct sum_variant *fixed, unsigned mask, bool all) {
    struct sum_variant *found = NULL;
    size_t count = 0;
    list->failed = list->failed || sum_variants_like(fixed, mask, all, &found, &count) != 0;
    for (size_t k = 0; found && k < count; k++)
        list_add(list, &found[k]);
    free(found);
}

/* The base plans have something for every field to decide: several items per thread, several
 * warps per block, several blocks at a few thousand elements. */
static const char *const bases[] = {
    [false] = "f32.plain.sum.strided.v1.i4.b128.tiles.shfl-down.warp.block",
    [true] = "f32.acc32.plain.l8.u2.s2.e512.pf0.t2.accs-serial.lanes-halves.join-serial"};

int variants_for(enum device_kind kind, enum lab_mode mode, struct sum_variant **out,
                 size_t *count) {
    struct list list = {0};
    struct sum_variant base;
    size_t field_count;
    char why[SUM_WHY];
    if (sum_variant_parse(bases[kind == DEVICE_CPU], kind, &base, why) != 0)
        return -1;
    const struct sum_field *fields = sum_variant_fields(&base, &field_count);
    list_add(&list, &base);
    for (size_t f = 0; f < field_count; f++)
        for (size_t k = 0; k < fields[f].count; k++) {
            struct sum_variant v = base;
            sum_variant_set(&v, f, fields[f].values[k].value);
            if (sum_variant_check(&v, 0, NULL) == 0)
                list_add(&list, &v);
        }
    unsigned floats =
        base.native ? SUM_CPU_FIELD_BIT(type) | SUM_CPU_FIELD_BIT(acc) | SUM_CPU_FIELD_BIT(method)
                    : SUM_FIELD_BIT(type) | SUM_FIELD_BIT(acc) | SUM_FIELD_BIT(method) |
                          SUM_FIELD_BIT(input);
    add_like(&list, &base, floats, mode == LAB_FULL);
    /* The same in FP64, for what a wider accumulator does to the spread. */
    struct sum_variant wide = base;
    sum_variant_set(&wide, base.native ? (size_t)SUM_CPU_FIELD_acc : (size_t)SUM_FIELD_acc,
                    SUM_ACC64);
    add_like(&list, &wide, floats, false);
    add_like(&list, &base, 0, false);
    if (list.failed) {
        free(list.items);
        return -1;
    }
    *out = list.items;
    *count = list.count;
    return 0;
}

void case_variant(struct lab_case *c, const struct sum_variant *v) {
    struct sum_class class = sum_variant_class(v);
    char plan[SUM_TEXT];
    case_param_text(c, "plan", sum_variant_text(v, plan));
    case_param_text(c, "type", sum_word(SUM_FIELD_type, class.type));
    case_param_text(c, "acc", sum_word(SUM_FIELD_acc, class.acc));
    case_param_text(c, "method", sum_word(SUM_FIELD_method, class.method));
    case_param_text(c, "terms", class.products ? "products" : "elements");
    case_plan(c, sum_variant_json(v));
}

/* --- data sets ---------------------------------------------------------------------------------
 */

#define CONDITION 1e6
#define STREAM_STEP 0x9e3779b97f4a7c15u /* keeps the sets of one run apart */

const char *input_name(enum input_kind kind) {
    static const char *const names[INPUT_KINDS] = {"uniform", "normal", "log-uniform", "cancelling",
                                                   "scores"};
    return kind < INPUT_KINDS ? names[kind] : "?";
}

static int fill(struct input *in, enum input_kind kind, enum element type, uint64_t seed) {
    static const enum data_kind kinds[INPUT_KINDS] = {DATA_UNIFORM, DATA_NORMAL, DATA_LOG_UNIFORM,
                                                      DATA_CANCELLING, DATA_ATTENTION};
    struct data_options options = {.seed = seed + STREAM_STEP * (unsigned)kind,
                                   .condition = CONDITION};
    size_t n = in->facts.n;
    return in->y ? data_attention(type, &options, in->x, in->y, n)
                 : data_fill(kinds[kind], type, &options, in->x, n);
}

int input_open(struct input *in, struct device *device, enum input_kind kind, enum element type,
               size_t n, uint64_t seed) {
    size_t bytes = n * element_bytes(type);
    bool products = kind == INPUT_SCORES;
    *in = (struct input){.x = malloc(bytes), .y = products ? malloc(bytes) : NULL, .facts.n = n};
    int status = in->x && (in->y || !products) && fill(in, kind, type, seed) == 0 &&
                         sum_facts_of(type, in->x, in->y, n, &in->facts) == 0
                     ? 0
                     : device_fail("out of memory for %zu numbers; use --quick", n);
    if (status == 0 && device)
        status = sum_memory_open(&in->memory, device, type, products, n);
    if (status == 0 && device)
        status = sum_memory_write(in->memory, in->x, in->y);
    if (status != 0)
        input_close(in);
    return status;
}

void input_close(struct input *in) {
    sum_memory_close(in->memory);
    free(in->x);
    free(in->y);
    *in = (struct input){0};
}

int sum_once(struct sum_memory *memory, const struct sum_variant *v, struct job_bits *out) {
    struct job job;
    int status = sum_job_open(&job, memory, v);
    if (status == 0)
        status = job_call(&job);
    if (status == 0)
        status = job_bits(&job, out);
    job_close(&job);
    return status;
}
