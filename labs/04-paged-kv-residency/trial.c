/*
 * trial.c: one attention step with all its data in host memory, run on a device and compared to
 * the bit.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/threads/threads.h"
#include "labs/04-paged-kv-residency/map_side.h"

#define LINE 64

static void *line_alloc(size_t bytes) {
    return aligned_alloc(LINE, (bytes + LINE) / LINE * LINE);
}

static size_t element_bytes(const struct paged_plan *plan) {
    return plan->element == PAGED_F32 ? 4 : 2;
}

uint64_t hash_floats(const float *x, size_t n) {
    const unsigned char *at = (const unsigned char *)x;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t k = 0; k < n * sizeof *x; k++)
        hash = (hash ^ at[k]) * 0x100000001b3u;
    return hash;
}

int small_table(struct kv_table *table, unsigned sequences, const int32_t *tokens,
                unsigned block_tokens, enum kv_map map, uint64_t seed) {
    enum { PAGE_BLOCKS = 4 };
    char why[KV_WHY];
    unsigned blocks = 0;
    for (unsigned s = 0; s < sequences; s++)
        blocks += ((unsigned)tokens[s] + block_tokens - 1) / block_tokens;
    unsigned pool = 3 * (blocks + PAGE_BLOCKS) / PAGE_BLOCKS * PAGE_BLOCKS;
    if (kv_table_open(table, sequences, tokens, block_tokens, pool) != 0)
        return device_fail("out of memory for a table of %u blocks", blocks);
    if (kv_table_map(table, map, PAGE_BLOCKS, seed, why) != 0) {
        kv_table_close(table);
        return device_fail("map %s: %s", kv_map_name(map), why);
    }
    return 0;
}

int trial_open(struct trial *trial, struct device *device, const struct paged_plan *plan,
               const struct paged_shape *shape, uint64_t seed) {
    char why[PLAN_WHY], text[PLAN_TEXT];
    *trial = (struct trial){.device = device, .plan = *plan, .shape = *shape};
    if (paged_check(plan, shape, true, why) != 0)
        return device_fail("plan %s: %s", paged_plan_text(plan, text), why);
    trial->cache_bytes = paged_cache_bytes(plan, shape);
    trial->outputs = paged_query_elements(plan, shape);
    trial->query_bytes = trial->outputs * element_bytes(plan);
    trial->k = line_alloc(trial->cache_bytes);
    trial->v = line_alloc(trial->cache_bytes);
    trial->q = line_alloc(trial->query_bytes);
    trial->out = line_alloc(trial->outputs * sizeof *trial->out);
    trial->expected = line_alloc(trial->outputs * sizeof *trial->expected);
    if (!trial->k || !trial->v || !trial->q || !trial->out || !trial->expected ||
        paged_fill_cache(plan, shape, seed, 1, trial->k, trial->v) != 0 ||
        paged_fill_queries(plan, shape, seed, trial->q) != 0)
        return device_fail("out of memory for a cache of %zu bytes", trial->cache_bytes);
    return 0;
}

void trial_close(struct trial *trial) {
    free(trial->k);
    free(trial->v);
    free(trial->q);
    free(trial->out);
    free(trial->expected);
    *trial = (struct trial){0};
}

int trial_end(struct lab_run *run, struct device *device, struct lab_case *c, struct trial *trial,
              struct kv_table *table, const char *plan, int status) {
    trial_close(trial);
    kv_table_close(table);
    if (status != 0) {
        lab_case_drop(c);
        return lab_error(run, "%s on %s: %s", plan, device_id(device), device_error());
    }
    return lab_case_end(c);
}

/* --- running -----------------------------------------------------------------------------------
 */

static int run_native(struct trial *trial) {
    unsigned threads = pool_cpus();
    void *workspace = line_alloc(paged_cpu_workspace_bytes(&trial->plan, &trial->shape, threads));
    struct paged_cpu_call call = {.plan = trial->plan,
                                  .shape = trial->shape,
                                  .isa = paged_isa_best(),
                                  .prefetch = PAGED_PREFETCH_NEXT,
                                  .threads = threads,
                                  .k = trial->k,
                                  .v = trial->v,
                                  .q = trial->q,
                                  .out = trial->out,
                                  .workspace = workspace};
    int status = workspace ? paged_cpu_run(&call) : device_fail("out of memory for a step");
    free(workspace);
    return status;
}

/* Device memory that starts out as a copy of `from`, or poisoned. */
static int to_device(struct device *device, void **out, const void *from, size_t bytes) {
    if (device_alloc(device, out, bytes ? bytes : 1) != 0)
        return -1;
    return from && bytes ? device_write(device, *out, from, bytes) : 0;
}

enum { ON_K, ON_V, ON_Q, ON_IDS, ON_TOKENS, ON_OUT, ON_WORKSPACE, ON_ALL };

static int launch(struct trial *t, const struct paged_ops *ops, void *on[ON_ALL]) {
    const struct kv_table *table = t->shape.table;
    size_t ids = (size_t)table->sequences * table->row_blocks * sizeof *table->ids;
    size_t out = t->outputs * sizeof *t->out;
    if (to_device(t->device, &on[ON_K], t->k, t->cache_bytes) != 0 ||
        to_device(t->device, &on[ON_V], t->v, t->cache_bytes) != 0 ||
        to_device(t->device, &on[ON_Q], t->q, t->query_bytes) != 0 ||
        to_device(t->device, &on[ON_IDS], table->ids, ids) != 0 ||
        to_device(t->device, &on[ON_TOKENS], table->tokens,
                  table->sequences * sizeof *table->tokens) != 0 ||
        to_device(t->device, &on[ON_OUT], NULL, out) != 0 ||
        to_device(t->device, &on[ON_WORKSPACE], NULL, paged_workspace_bytes(&t->plan, &t->shape)) !=
            0)
        return -1;
    struct paged_call call = {.plan = t->plan,
                              .shape = t->shape,
                              .k = on[ON_K],
                              .v = on[ON_V],
                              .q = on[ON_Q],
                              .ids = on[ON_IDS],
                              .tokens = on[ON_TOKENS],
                              .out = on[ON_OUT],
                              .workspace = on[ON_WORKSPACE],
                              .stream = device_stream(t->device)};
    if (ops->launch(&call) != 0 || device_sync(t->device) != 0)
        return -1;
    return device_read(t->device, t->out, on[ON_OUT], out);
}

int trial_run(struct trial *trial, bool checked) {
    memset(trial->out, 0xff, trial->outputs * sizeof *trial->out);
    if (device_kind(trial->device) == DEVICE_CPU)
        return run_native(trial);
    const struct paged_ops *ops = paged_ops_for(device_kind(trial->device), checked);
    void *on[ON_ALL] = {NULL};
    int status = ops ? launch(trial, ops, on) : -1;
    for (size_t k = 0; k < ON_ALL; k++)
        device_free(trial->device, on[k]);
    return status;
}

/* --- what must come out ------------------------------------------------------------------------
 */

int trial_predict(struct trial *t) {
    int status = device_kind(t->device) == DEVICE_CPU
                     ? paged_cpu_model(&t->plan, &t->shape, t->k, t->v, t->q, t->expected)
                     : paged_model(&t->plan, &t->shape, t->k, t->v, t->q, t->expected);
    return status ? device_fail("out of memory for the model of a step") : 0;
}

int trial_inside(const struct trial *t, size_t *inside) {
    enum { ROW_MOST = 8 * 128 }; /* query heads of a KV head × channels */
    double reference[ROW_MOST], bound[ROW_MOST];
    size_t row = (size_t)t->plan.group * (size_t)t->plan.head;
    *inside = 0;
    for (unsigned s = 0; s < t->shape.table->sequences; s++)
        for (unsigned h = 0; h < t->shape.kv_heads; h++) {
            const float *out = t->out + ((size_t)s * t->shape.kv_heads + h) * row;
            if (paged_reference(&t->plan, &t->shape, s, h, t->k, t->v, t->q, reference, bound) != 0)
                return device_fail("out of memory for the reference of a step");
            for (size_t k = 0; k < row; k++)
                *inside += fabs((double)out[k] - reference[k]) <= bound[k];
        }
    return 0;
}

/* A NaN of paged_fill_cache is all ones; nothing else in a cache is. */
size_t trial_other_poison(struct trial *t) {
    size_t count = 0, elements = t->cache_bytes / element_bytes(&t->plan);
    void *const both[] = {t->k, t->v};
    for (size_t b = 0; b < 2; b++)
        for (size_t k = 0; k < elements; k++) {
            if (t->plan.element == PAGED_F32 && ((uint32_t *)both[b])[k] == UINT32_MAX) {
                ((uint32_t *)both[b])[k] = 0x7f7fffff;
                count++;
            } else if (t->plan.element != PAGED_F32 && ((uint16_t *)both[b])[k] == UINT16_MAX) {
                ((uint16_t *)both[b])[k] = t->plan.element == PAGED_BF16 ? 0x7f7f : 0x7bff;
                count++;
            }
        }
    return count;
}
