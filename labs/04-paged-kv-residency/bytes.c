/*
 * bytes.c, K1: the bytes that a decode step loads, counted.
 *
 * The checked SIMT machine sees every load of the kernels' own source. What is left when queries,
 * table, lengths and output are taken away must be 2·B·L·H·D·s; with a prefix that sequences share,
 * the loads still add up to that, while the distinct bytes are fewer.
 */
#include "kernels/simt/simt.h"
#include "labs/04-paged-kv-residency/residency.h"

#define BATCH_MOST 4

/* Each line changes one thing of the first one. */
static const struct bytes_shape {
    const char *plan;
    unsigned batch, tokens, heads;
    unsigned shared_blocks; /* that all sequences have in common */
} shapes[] = {
    {"table.nhd.f32.b16.d64.g1", 2, 96, 2, 0},  {"table.nhd.f32.b16.d64.g1", 4, 96, 2, 0},
    {"table.nhd.f32.b16.d64.g1", 2, 192, 2, 0}, {"table.nhd.f32.b16.d64.g1", 2, 97, 2, 0},
    {"table.nhd.f32.b16.d64.g1", 2, 96, 4, 0},  {"table.nhd.f32.b16.d128.g1", 2, 96, 2, 0},
    {"table.nhd.bf16.b16.d64.g1", 2, 96, 2, 0}, {"table.nhd.f16.b16.d64.g1", 2, 96, 2, 0},
    {"table.nhd.f32.b16.d64.g4", 2, 96, 2, 0},  {"table.nhd.f32.b16.d64.g8", 2, 96, 2, 0},
    {"table.hnd.f32.b16.d64.g1", 2, 96, 2, 0},  {"table.vllm.f32.b16.d64.g1", 2, 96, 2, 0},
    {"table.nhd.f32.b64.d64.g1", 2, 96, 2, 0},  {"slab.nhd.f32.b1.d64.g1", 2, 96, 2, 0},
    {"table.nhd.f32.b16.d64.g1", 2, 96, 2, 3},  {"table.nhd.bf16.b16.d64.g4", 4, 96, 2, 5},
};

/* --- sweep -------------------------------------------------------------------------------------
 */

static int open_table(struct kv_table *table, const struct bytes_shape *shape,
                      unsigned block_tokens, uint64_t seed) {
    int32_t tokens[BATCH_MOST];
    for (unsigned s = 0; s < shape->batch; s++)
        tokens[s] = (int32_t)shape->tokens;
    if (map_small(table, shape->batch, tokens, block_tokens, KV_MAP_PERMUTED, seed) != 0)
        return -1;
    for (unsigned s = 1; s < shape->batch; s++)
        for (unsigned b = 0; b < shape->shared_blocks; b++)
            table->ids[(size_t)s * table->row_blocks + b] = table->ids[b];
    return 0;
}

static int count(struct lab_case *c, struct device *device, const struct paged_step *step,
                 uint64_t seed) {
    struct simt_counts counts = {0};
    struct paged_shape shape = paged_step_shape(step);
    struct paged_memory memory;
    struct job job = {0};
    if (paged_memory_of_step(&memory, device, step, PAGES_ANY, seed) != 0)
        return -1;
    int status = paged_job_open(&job, &memory, step);
    if (status == 0)
        status = job_call(&job);
    if (status == 0)
        status = device_sync(device);
    job_close(&job);
    paged_memory_close(&memory);
    if (status != 0)
        return -1;
    simt_last_counts(&counts);
    if (!counts.checked)
        return device_fail("the last launch was not one of the checked build; no loads counted");
    /* paged_other_bytes is loads and stores; all that a step stores is among them. */
    double other = paged_other_bytes(&step->plan, &shape) - (double)counts.stored;
    case_counter(c, "loaded", (double)counts.loaded);
    case_counter(c, "loaded distinct", (double)counts.loaded_unique);
    case_counter(c, "stored", (double)counts.stored);
    case_counter(c, "loaded of other things", other);
    case_counter(c, "kv loaded", (double)counts.loaded - other);
    case_counter(c, "kv formula", paged_kv_bytes(&step->plan, &shape));
    case_counter(c, "kv distinct", paged_unique_bytes(&step->plan, &shape));
    return 0;
}

static int count_shape(struct lab_run *run, struct device *device,
                       const struct bytes_shape *shape) {
    char why[PLAN_WHY], text[PLAN_TEXT];
    struct paged_plan plan = paged_plan_default();
    struct kv_table table = {0};
    if (paged_plan_parse(shape->plan, &plan, why) != 0)
        return lab_error(run, "plan %s: %s", shape->plan, why);
    struct lab_case *c = lab_case_begin(run, device_id(device),
                                        "04/bytes/plan=%s/batch=%u/tokens=%u/heads=%u/shared=%u",
                                        paged_plan_text(&plan, text), shape->batch, shape->tokens,
                                        shape->heads, shape->shared_blocks);
    if (!c)
        return 0;
    case_plan(c, paged_plan_json(&plan));
    case_param_text(c, "plan", text);
    case_param_int(c, "batch", shape->batch);
    case_param_int(c, "tokens", shape->tokens);
    case_param_int(c, "heads", shape->heads);
    case_param_int(c, "channels", plan.head);
    case_param_int(c, "element bytes", (int64_t)element_bytes((enum element)plan.element));
    case_param_int(c, "group", plan.group);
    case_param_int(c, "shared blocks", shape->shared_blocks);
    int status = open_table(&table, shape, (unsigned)plan.block, lab_seed(run));
    struct paged_step step = paged_step_of(&plan, shape->heads, &table);
    step.checked = true;
    step.seed = lab_seed(run);
    if (status == 0)
        status = count(c, device, &step, lab_seed(run));
    kv_table_close(&table);
    if (status == 0)
        return lab_case_end(c);
    lab_case_drop(c);
    return lab_error(run, "%s on %s: %s", text, device_id(device), device_error());
}

int sweep_bytes(struct lab_run *run, struct device *device) {
    const size_t all = sizeof shapes / sizeof *shapes;
    lab_expect(run, all);
    for (size_t k = 0; k < all && !lab_stopping(run); k++)
        if (count_shape(run, device, &shapes[k]) != 0)
            return -1;
    return 0;
}

/* --- check -------------------------------------------------------------------------------------
 *
 * A shape goes against the claim where its loads of keys and values are not 2·B·L·H·D·s: a kernel
 * that loads a group's keys once per query head, say, or whole blocks where a sequence ends inside
 * one. The control is the counting: a shared prefix must show as fewer distinct bytes.
 */

void check_bytes(const struct rows *rows, struct finding *f) {
    double loaded = 0, asked = 0;
    for (size_t k = 0; k < rows->count; k++) {
        double formula = 2 * row_number(rows, k, "batch") * row_number(rows, k, "tokens") *
                         row_number(rows, k, "heads") * row_number(rows, k, "channels") *
                         row_number(rows, k, "element bytes");
        finding_count(f, answer_if(row_number(rows, k, "kv loaded") == formula), rows, k);
        loaded += row_number(rows, k, "kv loaded");
        asked += formula;
        if (row_number(rows, k, "shared blocks") > 0) {
            finding_control(f, answer_if(row_number(rows, k, "loaded distinct") < formula),
                            "a prefix that sequences share is loaded from fewer distinct bytes");
            finding_number(f, "bytes", number(row_number(rows, k, "loaded distinct")),
                           "distinct ones, where %.0f bytes of keys and values are asked for",
                           formula);
        }
    }
    finding_number(f, "bytes", number(loaded), "keys and values loaded, all shapes together");
    finding_number(f, "bytes", number(asked), "2·B·L·H·D·s, all shapes together");
    finding_say(f,
                "%llu of %zu shapes load 2·B·L·H·D·s bytes of keys and values, counted one by one",
                (unsigned long long)f->held, rows->count);
    finding_settle(f, SETTLE_ALL, "for some of the shapes");
}
