/*
 * paged_cpu_test.c: the native decode step has the same bits on every instruction set, thread
 * count, prefetch, layout, block size and map, lies within the bound about the float64 reference,
 * and reads what its sequences name and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/paged_attention/paged_cpu.h"

enum { SEED = 7 };

/* Caches of exactly their size, so that a sanitiser sees a load beyond them; blocks that nobody
 * names, and slots after a sequence's end, hold NaN. */
struct step {
    struct paged_plan plan;
    struct paged_shape shape;
    struct kv_table table;
    void *k, *v, *q;
    float *model, *out;
    uint64_t *sums, *found;
    size_t out_bytes, sum_bytes;
};

static void *memory_of(size_t bytes) {
    void *memory = NULL;
    assert_int_equal(posix_memalign(&memory, 64, bytes ? bytes : 1), 0);
    return memory;
}

static void open_step(struct step *step, const struct paged_plan *plan, unsigned kv_heads,
                      unsigned sequences, const int32_t *tokens, enum kv_map map) {
    char why[PLAN_WHY];
    unsigned block = (unsigned)plan->block, blocks = 1;
    *step = (struct step){.plan = *plan};
    for (unsigned s = 0; s < sequences; s++)
        blocks += ((unsigned)tokens[s] + block - 1) / block;
    if (kv_table_open(&step->table, sequences, tokens, block, blocks + blocks / 2 + 1) ||
        kv_table_map(&step->table, map, 4, SEED, why))
        fail_msg("no table: %s", why);
    step->shape = (struct paged_shape){.kv_heads = kv_heads, .table = &step->table};
    if (paged_check(plan, &step->shape, false, why))
        fail_msg("%s", why);
    size_t bytes = paged_cache_bytes(plan, &step->shape);
    size_t elements = paged_query_elements(plan, &step->shape);
    step->k = memory_of(bytes);
    step->v = memory_of(bytes);
    step->q = memory_of(elements * element_bytes((enum element)plan->element));
    step->out_bytes = elements * sizeof(float);
    step->sum_bytes = sequences * sizeof(uint64_t);
    step->model = memory_of(step->out_bytes);
    step->out = memory_of(step->out_bytes);
    step->sums = memory_of(step->sum_bytes);
    step->found = memory_of(step->sum_bytes);
    assert_int_equal(paged_fill_cache(plan, &step->shape, SEED, 1, step->k, step->v), 0);
    assert_int_equal(paged_fill_queries(plan, &step->shape, SEED, step->q), 0);
}

static void close_step(struct step *step) {
    kv_table_close(&step->table);
    free(step->k);
    free(step->v);
    free(step->q);
    free(step->model);
    free(step->out);
    free(step->sums);
    free(step->found);
}

/* One run into poisoned memory. */
static void run_step(struct step *step, enum paged_isa isa, unsigned threads,
                     enum paged_prefetch prefetch) {
    struct paged_cpu_call call = {
        .plan = step->plan,
        .shape = step->shape,
        .isa = isa,
        .prefetch = prefetch,
        .threads = threads,
        .k = step->k,
        .v = step->v,
        .q = step->q,
        .out = step->out,
        .sums = step->found,
        .workspace = memory_of(paged_cpu_workspace_bytes(&step->plan, &step->shape, threads))};
    memset(step->out, 0xff, step->out_bytes);
    memset(step->found, 0xff, step->sum_bytes);
    assert_int_equal(paged_cpu_run(&call), 0);
    free(call.workspace);
}

static void model_of(struct step *step) {
    memset(step->model, 0xff, step->out_bytes);
    assert_int_equal(
        paged_cpu_model(&step->plan, &step->shape, step->k, step->v, step->q, step->model), 0);
}

static const int32_t ragged[] = {65, 0, 1, 200, 63, 64};
#define RAGGED (sizeof ragged / sizeof *ragged)

static const enum kv_map maps[] = {KV_MAP_PERMUTED, KV_MAP_REVERSED, KV_MAP_IDENTITY};

/* --- bits --------------------------------------------------------------------------------------
 */

/* Compares on every instruction set, thread count and prefetch; counts what it compared. */
static void compare_all(struct step *step, size_t *compared) {
    bool sums = step->plan.op != PAGED_ATTENTION;
    char text[PLAN_TEXT];
    for (enum paged_isa isa = 0; isa < PAGED_ISAS; isa++) {
        if (!paged_isa_works(isa))
            continue;
        for (unsigned i = 0; i < 3; i++) {
            /* The portable code takes long, and has no prefetch of its own. */
            if (isa == PAGED_PORTABLE && i != 2)
                continue;
            static const unsigned threads[] = {1, 2, 5};
            run_step(step, isa, threads[i], (enum paged_prefetch)((i + isa) % 3));
            if (sums ? memcmp(step->found, step->sums, step->sum_bytes)
                     : memcmp(step->out, step->model, step->out_bytes))
                fail_msg("%s, %u heads, %s, %u threads: other bits than the model",
                         paged_plan_text(&step->plan, text), step->shape.kv_heads,
                         paged_isa_name(isa), threads[i]);
            ++*compared;
        }
    }
}

static void test_pairs_have_the_models_bits(void **unused) {
    (void)unused;
    struct paged_plan any = paged_plan_default();
    struct plan_list list;
    size_t compared = 0;
    assert_int_equal(plan_pairs(&paged_family, 0, &any, &list), 0);
    for (size_t i = 0; i < list.count; i++) {
        const struct paged_plan *plan = (const struct paged_plan *)list.plans + i;
        struct step step;
        open_step(&step, plan, 1 + (unsigned)i % 5, RAGGED, ragged, maps[i % 3]);
        if (plan->op == PAGED_ATTENTION)
            model_of(&step);
        else
            assert_int_equal(paged_sums(plan, &step.shape, step.k, step.v, step.sums), 0);
        compare_all(&step, &compared);
        close_step(&step);
    }
    print_message("%zu plans, %zu results compared\n", list.count, compared);
    assert_true(list.count > 50);
    free(list.plans);
}

/* Where tokens lie does not reach the bits: everything but element, head, group and splits is
 * changed, and the output is one. */
static void test_place_does_not_matter(void **unused) {
    (void)unused;
    static const int blocks[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};
    static const enum element elements[] = {ELEMENT_F32, ELEMENT_BF16, ELEMENT_F16};
    for (unsigned i = 0; i < 6; i++) {
        struct paged_plan plan = paged_plan_default();
        plan.element = elements[i % 3];
        plan.head = i % 2 ? 64 : 128;
        plan.group = 1 << i % 4;
        plan.splits = i % 3 ? 2 : 1;
        float *first = NULL;
        for (enum paged_layout layout = PAGED_NHD; layout <= PAGED_VLLM; layout++)
            for (unsigned b = 0; b <= sizeof blocks / sizeof *blocks; b++) {
                bool slab = b == sizeof blocks / sizeof *blocks;
                if (slab && layout == PAGED_VLLM)
                    continue;
                plan.layout = (int)layout;
                plan.mapping = slab ? PAGED_SLAB : PAGED_TABLE;
                plan.block = slab ? 1 : blocks[b];
                struct step step;
                open_step(&step, &plan, 3, RAGGED, ragged, maps[b % 3]);
                run_step(&step, paged_isa_best(), 1 + b % 2, PAGED_PREFETCH_ROBIN);
                if (!first) {
                    first = memory_of(step.out_bytes);
                    memcpy(first, step.out, step.out_bytes);
                }
                char text[PLAN_TEXT];
                if (memcmp(first, step.out, step.out_bytes))
                    fail_msg("%s: other bits than with blocks of 1 token",
                             paged_plan_text(&plan, text));
                close_step(&step);
            }
        free(first);
    }
}

/* What may decide the bits does: so the comparisons above would see a difference. */
static void test_splits_change_bits(void **unused) {
    (void)unused;
    static const int32_t tokens[] = {1000, 500};
    struct paged_plan plan = paged_plan_default();
    struct step one, two;
    open_step(&one, &plan, 2, 2, tokens, KV_MAP_PERMUTED);
    run_step(&one, paged_isa_best(), 1, PAGED_PREFETCH_NONE);
    plan.splits = 4;
    open_step(&two, &plan, 2, 2, tokens, KV_MAP_PERMUTED);
    run_step(&two, paged_isa_best(), 1, PAGED_PREFETCH_NONE);
    assert_memory_not_equal(one.out, two.out, one.out_bytes);
    close_step(&one);
    close_step(&two);
}

/* --- values ------------------------------------------------------------------------------------
 */

static void test_within_the_bound(void **unused) {
    (void)unused;
    static const int32_t tokens[] = {1, 77, 700, 0};
    struct paged_plan any = paged_plan_default();
    struct plan_list list;
    size_t compared = 0;
    assert_int_equal(plan_pairs(&paged_family, PAGED_FIELD_BIT(op), &any, &list), 0);
    for (size_t i = 0; i < list.count; i++) {
        struct paged_plan *plan = (struct paged_plan *)list.plans + i;
        struct step step;
        double value[8 * 128], bound[8 * 128];
        open_step(&step, plan, 2, 4, tokens, KV_MAP_PERMUTED);
        run_step(&step, paged_isa_best(), 2, PAGED_PREFETCH_ROBIN);
        for (unsigned s = 0; s < 4; s++)
            for (unsigned h = 0; h < 2; h++) {
                assert_int_equal(
                    paged_reference(plan, &step.shape, s, h, step.k, step.v, step.q, value, bound),
                    0);
                size_t count = (size_t)plan->group * (size_t)plan->head;
                const float *out = step.out + (s * 2 + h) * count;
                for (size_t c = 0; c < count; c++, compared++) {
                    double off = out[c] > value[c] ? out[c] - value[c] : value[c] - out[c];
                    char text[PLAN_TEXT];
                    if (!(off <= bound[c]))
                        fail_msg("%s, sequence %u: %g, reference %g, bound %g",
                                 paged_plan_text(plan, text), s, (double)out[c], value[c],
                                 bound[c]);
                }
            }
        close_step(&step);
    }
    print_message("%zu numbers within their bounds\n", compared);
    free(list.plans);
}

/* More threads than sequences, or than heads: some have nothing to do, or parts of the heads. */
static void test_few_sequences_many_threads(void **unused) {
    (void)unused;
    static const int32_t tokens[] = {300, 20};
    for (unsigned heads = 1; heads <= 9; heads += 4)
        for (enum paged_layout layout = PAGED_NHD; layout <= PAGED_VLLM; layout++)
            for (enum paged_op op = PAGED_ATTENTION; op <= PAGED_WALK; op++) {
                struct paged_plan plan = paged_plan_default();
                struct step step;
                plan.layout = (int)layout;
                plan.op = (int)op;
                open_step(&step, &plan, heads, 2, tokens, KV_MAP_PERMUTED);
                if (op == PAGED_ATTENTION)
                    model_of(&step);
                else
                    assert_int_equal(paged_sums(&plan, &step.shape, step.k, step.v, step.sums), 0);
                for (unsigned threads = 1; threads <= 11; threads += 2) {
                    run_step(&step, paged_isa_best(), threads, PAGED_PREFETCH_ROBIN);
                    if (op == PAGED_ATTENTION)
                        assert_memory_equal(step.out, step.model, step.out_bytes);
                    else
                        assert_memory_equal(step.found, step.sums, step.sum_bytes);
                }
                close_step(&step);
            }
}

static void test_refusals(void **unused) {
    (void)unused;
    static const int32_t tokens[] = {3};
    struct paged_plan plan = paged_plan_default();
    struct step step;
    open_step(&step, &plan, 1, 1, tokens, KV_MAP_IDENTITY);
    struct paged_cpu_call call = {.plan = plan, .shape = step.shape};
    assert_int_equal(paged_cpu_run(&call), -1);
    assert_non_null(strstr(device_error(), "threads"));
    close_step(&step);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_have_the_models_bits),
        cmocka_unit_test(test_place_does_not_matter),
        cmocka_unit_test(test_splits_change_bits),
        cmocka_unit_test(test_within_the_bound),
        cmocka_unit_test(test_few_sequences_many_threads),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
