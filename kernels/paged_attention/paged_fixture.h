/*
 * paged_fixture.h: a small step in host and device memory, for this family's tests.
 */
#ifndef NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_FIXTURE_H
#define NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/paged_attention/paged.h"

struct fixture {
    struct device *device;
    struct paged_plan plan;
    struct paged_shape shape;
    struct kv_table table;
    size_t bytes; /* of keys, and of values */
    void *k, *v, *q;
    float *out;     /* from the device */
    uint64_t *sums; /* from the device */
    struct paged_call call;
};

static inline struct paged_plan fixture_plan(const char *text) {
    struct paged_plan plan;
    char why[PLAN_WHY];
    if (paged_plan_parse(text, &plan, why))
        fail_msg("%s: %s", text, why);
    return plan;
}

static inline void *fixture_upload(struct device *device, const void *host, size_t bytes) {
    void *memory;
    if (device_alloc(device, &memory, bytes ? bytes : 16) ||
        (host && bytes && device_write(device, memory, host, bytes)))
        fail_msg("%s", device_error());
    return memory;
}

static inline size_t fixture_out_bytes(const struct fixture *f) {
    return paged_query_elements(&f->plan, &f->shape) * sizeof(float);
}

/* Puts host copies of keys and values on the device again, after a test has changed them. */
static inline void fixture_refresh(struct fixture *f) {
    if (device_write(f->device, (void *)f->call.k, f->k, f->bytes) ||
        device_write(f->device, (void *)f->call.v, f->v, f->bytes))
        fail_msg("%s", device_error());
}

/* A step of `sequences` lengths over a pool of twice the blocks needed, filled by seed 7. */
static inline void fixture_open(struct fixture *f, struct device *device,
                                const struct paged_plan *plan, unsigned kv_heads,
                                unsigned sequences, const int32_t *tokens, enum kv_map map) {
    char why[PLAN_WHY > KV_WHY ? PLAN_WHY : KV_WHY];
    *f = (struct fixture){.device = device, .plan = *plan};
    unsigned block = (unsigned)plan->block, blocks = 1;
    for (unsigned s = 0; s < sequences; s++)
        blocks += ((unsigned)tokens[s] + block - 1) / block;
    if (kv_table_open(&f->table, sequences, tokens, block, 2 * blocks) ||
        kv_table_map(&f->table, map, 4, 7, why))
        fail_msg("no table: %s", why);
    f->shape = (struct paged_shape){.kv_heads = kv_heads, .table = &f->table};
    if (paged_check(plan, &f->shape, map == KV_MAP_ALIASED, why))
        fail_msg("%s", why);
    f->bytes = paged_cache_bytes(plan, &f->shape);
    size_t q_bytes =
        paged_query_elements(plan, &f->shape) * element_bytes((enum element)plan->element);
    f->k = malloc(f->bytes + 1);
    f->v = malloc(f->bytes + 1);
    f->q = malloc(q_bytes);
    f->out = malloc(fixture_out_bytes(f));
    f->sums = malloc(sequences * sizeof *f->sums);
    assert_true(f->k && f->v && f->q && f->out && f->sums);
    assert_int_equal(paged_fill_cache(plan, &f->shape, 7, 1, f->k, f->v), 0);
    assert_int_equal(paged_fill_queries(plan, &f->shape, 7, f->q), 0);
    size_t ids = (size_t)sequences * f->table.row_blocks * sizeof(int32_t);
    f->call = (struct paged_call){
        .plan = *plan,
        .shape = f->shape,
        .k = fixture_upload(device, f->k, f->bytes),
        .v = fixture_upload(device, f->v, f->bytes),
        .q = fixture_upload(device, f->q, q_bytes),
        .ids = fixture_upload(device, f->table.ids, ids),
        .tokens = fixture_upload(device, tokens, sequences * sizeof(int32_t)),
        .out = fixture_upload(device, NULL, fixture_out_bytes(f)),
        .sums = fixture_upload(device, NULL, sequences * sizeof(uint64_t)),
        .workspace = fixture_upload(device, NULL, paged_workspace_bytes(plan, &f->shape)),
        .stream = device_stream(device)};
}

static inline void fixture_close(struct fixture *f) {
    const void *memory[] = {f->call.k,      f->call.v,   f->call.q,    f->call.ids,
                            f->call.tokens, f->call.out, f->call.sums, f->call.workspace};
    for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++)
        device_free(f->device, (void *)memory[i]);
    kv_table_close(&f->table);
    free(f->k);
    free(f->v);
    free(f->q);
    free(f->out);
    free(f->sums);
}

/* Runs the step into poisoned memory and reads the result. */
static inline void fixture_run(struct fixture *f, const struct paged_ops *ops) {
    char text[PLAN_TEXT];
    size_t sums = f->table.sequences * sizeof(uint64_t);
    if (device_fill(f->device, f->call.out, 0xff, fixture_out_bytes(f)) ||
        device_fill(f->device, f->call.sums, 0xff, sums) || ops->launch(&f->call) ||
        device_sync(f->device) ||
        device_read(f->device, f->out, f->call.out, fixture_out_bytes(f)) ||
        device_read(f->device, f->sums, f->call.sums, sums))
        fail_msg("%s: %s", paged_plan_text(&f->plan, text), device_error());
}

#endif
