/*
 * paged_test.c: the kernels on the SIMT machine against the model: the same bits for every pair of
 * plan fields, lengths around the tile's, several heads and maps, plain and checked; the same bits
 * again under every map, layout and block size; and a model that misreads a field is noticed.
 */
#include "kernels/device/device_fixture.h"
#include "kernels/paged_attention/paged_fixture.h"

#include <stdio.h>

#include "kernels/simt/simt.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct device *device;

static int open_device(void **state) {
    (void)state;
    return device_open(&device, DEVICE_SIMT, 0);
}

static int close_device(void **state) {
    (void)state;
    device_close(device);
    return 0;
}

struct lengths {
    unsigned count;
    int32_t tokens[4];
};
static const struct lengths ragged[] = {
    {3, {0, 1, 65}}, {2, {63, 64}}, {1, {129}}, {3, {2, 17, 40}}, {1, {321}},
};
static const enum kv_map maps[] = {KV_MAP_IDENTITY, KV_MAP_PERMUTED, KV_MAP_ALIASED};

static void expect_model(const struct fixture *f, const char *what) {
    char text[PLAN_TEXT];
    size_t n = paged_query_elements(&f->plan, &f->shape);
    if (f->plan.op == PAGED_ATTENTION) {
        float *want = malloc(n * sizeof *want);
        assert_int_equal(paged_model(&f->plan, &f->shape, f->k, f->v, f->q, want), 0);
        for (size_t i = 0; i < n; i++)
            if (memcmp(&want[i], &f->out[i], sizeof *want) || want[i] != want[i])
                fail_msg("%s, %s: output %zu is %a, the model's %a",
                         paged_plan_text(&f->plan, text), what, i, (double)f->out[i],
                         (double)want[i]);
        free(want);
        return;
    }
    uint64_t want[4];
    assert_int_equal(paged_sums(&f->plan, &f->shape, f->k, f->v, want), 0);
    for (unsigned s = 0; s < f->table.sequences; s++)
        if (want[s] != f->sums[s])
            fail_msg("%s, %s: sum %u is %lx, not %lx", paged_plan_text(&f->plan, text), what, s,
                     f->sums[s], want[s]);
}

/* Of the plans every `step`-th; how many. */
static size_t plans_give_the_models_bits(struct device *on, bool checked, size_t step) {
    const struct paged_ops *ops = paged_ops_for(device_kind(on), checked);
    struct plan_list list;
    size_t count = 0;
    struct paged_plan any = paged_plan_default();
    assert_int_equal(plan_pairs(&paged_family, 0, &any, &list), 0);
    const struct paged_plan *plans = list.plans;
    assert_true(list.count >= 9 * 6);
    for (size_t p = 0; p < list.count; p += step) {
        const struct lengths *l = &ragged[p % COUNT(ragged)];
        struct fixture f;
        fixture_open(&f, on, &plans[p], 1 + p / 2 % 3, l->count, l->tokens,
                     maps[p / 3 % COUNT(maps)]);
        fixture_run(&f, ops);
        expect_model(&f, checked ? "checked" : "plain");
        fixture_close(&f);
        count++;
    }
    free(list.plans);
    assert_int_equal(simt_reports(), 0);
    return count;
}

static void plain_kernels_give_the_models_bits(void **state) {
    (void)state;
    plans_give_the_models_bits(device, false, 1);
}

static void checked_kernels_give_the_models_bits(void **state) {
    (void)state;
    plans_give_the_models_bits(device, true, 1);
}

static void named_gives_the_models_bits(const char *name) {
    struct device *other = device_or_skip(name);
    size_t all = plans_give_the_models_bits(other, false, 1), again = 0;
    for (unsigned k = 0; device_compiled(device_kind(other)) && k < 10; k++) {
        device_schedule(k);
        again += plans_give_the_models_bits(other, false, 7);
    }
    ptx_configure(NULL);
    print_message("%s: %zu plans, and %zu under ten schedules: all of them the model's bits\n",
                  name, all, again);
    device_close(other);
}

static void their_ptx_gives_the_models_bits(void **state) {
    (void)state;
    named_gives_the_models_bits("ptx");
}

static void their_sass_80_gives_the_models_bits(void **state) {
    (void)state;
    named_gives_the_models_bits("sass:sm_80");
}

static void their_sass_90_gives_the_models_bits(void **state) {
    (void)state;
    named_gives_the_models_bits("sass:sm_90");
}

/* --- residency does not show in the bits -------------------------------------------------------
 */

static const int32_t some_tokens[] = {70, 0, 139};

/* The output of a step; malloc'ed. */
static float *bits_of(const char *text, enum kv_map map, size_t *bytes) {
    struct paged_plan plan = fixture_plan(text);
    struct fixture f;
    fixture_open(&f, device, &plan, 2, 3, some_tokens, map);
    fixture_run(&f, paged_ops_for(DEVICE_SIMT, false));
    float *out = f.out;
    *bytes = fixture_out_bytes(&f);
    f.out = NULL;
    fixture_close(&f);
    return out;
}

static void maps_layouts_and_blocks_give_the_same_bits(void **state) {
    (void)state;
    static const char *const elements[] = {"f32", "bf16", "f16"};
    static const char *const heads[] = {"d64", "d128"};
    static const char *const homes[] = {
        "slab.nhd.b1",   "slab.hnd.b1",    "table.nhd.b1",   "table.nhd.b16", "table.nhd.b64",
        "table.hnd.b4",  "table.hnd.b32",  "table.hnd.b256", "table.vllm.b1", "table.vllm.b2",
        "table.vllm.b8", "table.vllm.b16", "table.vllm.b128"};
    for (size_t e = 0; e < COUNT(elements); e++)
        for (size_t h = 0; h < COUNT(heads); h++) {
            char text[PLAN_TEXT];
            size_t bytes, again;
            float *first = NULL;
            for (size_t k = 0; k < COUNT(homes); k++) {
                snprintf(text, sizeof text, "%s.%s.%s.g2.s2", homes[k], elements[e], heads[h]);
                float *out = bits_of(text, k % 2 ? KV_MAP_PERMUTED : KV_MAP_REVERSED, &again);
                if (!first) {
                    first = out;
                    bytes = again;
                    continue;
                }
                assert_int_equal(bytes, again);
                if (memcmp(first, out, bytes))
                    fail_msg("%s has other bits than %s", text, homes[0]);
                free(out);
            }
            free(first);
        }
}

/* A query's bits do not depend on the others of its group, nor a sequence's on its batch. */
static void neighbours_do_not_show_in_the_bits(void **state) {
    (void)state;
    const struct paged_ops *ops = paged_ops_for(DEVICE_SIMT, false);
    struct paged_plan plan = fixture_plan("table.nhd.bf16.d64.g8.s4");
    struct fixture many, one;
    fixture_open(&many, device, &plan, 1, 3, some_tokens, KV_MAP_PERMUTED);
    fixture_run(&many, ops);
    plan.group = 1;
    fixture_open(&one, device, &plan, 1, 1, some_tokens, KV_MAP_IDENTITY);
    fixture_run(&one, ops);
    /* The first sequence's first query is the same in both. */
    assert_memory_equal(many.out, one.out, fixture_out_bytes(&one));
    fixture_close(&many);
    fixture_close(&one);
}

/* --- a wrong model is noticed ------------------------------------------------------------------
 */

static void a_misread_field_changes_the_models_bits(void **state) {
    (void)state;
    /* Plans whose mutant reads no more memory than they do. */
    static const struct {
        const char *text;
        enum paged_field_id field;
    } cases[] = {
        {"nhd.f32.d128.g2.s1", PAGED_FIELD_layout},   {"nhd.f32.d128.g2.s1", PAGED_FIELD_element},
        {"nhd.f32.d128.g2.s1", PAGED_FIELD_splits},   {"nhd.bf16.d128.g1.s4", PAGED_FIELD_splits},
        {"nhd.bf16.d128.g1.s4", PAGED_FIELD_head},    {"nhd.bf16.d128.g8.s4", PAGED_FIELD_group},
        {"hnd.bf16.d128.g1.s4", PAGED_FIELD_element}, {"nhd.f16.d64.g1.s8", PAGED_FIELD_rule},
    };
    static const int32_t tokens[] = {300, 77};
    for (size_t c = 0; c < COUNT(cases); c++) {
        struct paged_plan plan = fixture_plan(cases[c].text), mutant;
        assert_true(plan_mutant(&paged_family, &plan, cases[c].field, &mutant));
        struct fixture f;
        fixture_open(&f, device, &plan, 2, 2, tokens, KV_MAP_PERMUTED);
        fixture_run(&f, paged_ops_for(DEVICE_SIMT, false));
        expect_model(&f, "unchanged");
        size_t room = fixture_out_bytes(&f), n = paged_query_elements(&mutant, &f.shape) * 4;
        float *other = malloc(room > n ? room : n);
        f.shape.processors = 8; /* so that the heuristic takes two splits, and not one */
        assert_int_equal(paged_model(&mutant, &f.shape, f.k, f.v, f.q, other), 0);
        if (memcmp(other, f.out, room < n ? room : n) == 0)
            fail_msg("%s: nobody notices the field '%s'", cases[c].text,
                     paged_family.fields[cases[c].field].name);
        free(other);
        fixture_close(&f);
    }
}

/* --- poison ------------------------------------------------------------------------------------
 */

/* All that the table does not name is NaN already; it may as well be anything else. */
static void what_the_table_does_not_name_has_no_influence(void **state) {
    (void)state;
    static const char *const plans[] = {
        "nhd.bf16.b16.d128.g1.s2",  "hnd.f32.b32.d64.g2.s1",   "vllm.bf16.b16.d64.g1.s1",
        "vllm.f16.b128.d128.g4.s2", "vllm.f32.b2.d128.g1.s1",  "slab.nhd.f16.d64.g1.s4",
        "gather.nhd.bf16.b16.d128", "gather.vllm.f16.b16.d64", "gather.vllm.bf16.b4.d128"};
    for (size_t p = 0; p < COUNT(plans); p++) {
        struct paged_plan plan = fixture_plan(plans[p]);
        struct fixture f, zero;
        fixture_open(&f, device, &plan, 2, 3, some_tokens, KV_MAP_PERMUTED);
        fixture_run(&f, paged_ops_for(DEVICE_SIMT, true));
        expect_model(&f, "poisoned with NaN");
        fixture_open(&zero, device, &plan, 2, 3, some_tokens, KV_MAP_PERMUTED);
        size_t changed = 0;
        for (size_t i = 0; i < zero.bytes / 2; i++)
            for (int v = 0; v < 2; v++) {
                uint16_t *half = (uint16_t *)(v ? zero.v : zero.k) + i;
                if (*half == 0xffff) {
                    *half = 0x7c00; /* infinity, or a large number */
                    changed++;
                }
            }
        assert_true(changed > 0);
        fixture_refresh(&zero);
        fixture_run(&zero, paged_ops_for(DEVICE_SIMT, false));
        if (plan.op == PAGED_ATTENTION)
            assert_memory_equal(f.out, zero.out, fixture_out_bytes(&f));
        else
            assert_memory_equal(f.sums, zero.sums, 3 * sizeof *f.sums);
        fixture_close(&f);
        fixture_close(&zero);
    }
}

/* --- bytes -------------------------------------------------------------------------------------
 */

/* Every byte of the keys and values once, for all queries of a group together. */
static void kernels_load_the_bytes_of_the_formula(void **state) {
    (void)state;
    static const char *const plans[] = {"nhd.bf16.b16.d128.g1",
                                        "nhd.bf16.b16.d128.g8",
                                        "hnd.f32.b64.d64.g1",
                                        "hnd.f32.b256.d128.g8",
                                        "vllm.bf16.b16.d128.g1",
                                        "vllm.f16.b2.d64.g8",
                                        "vllm.f32.b16.d128.g2",
                                        "vllm.bf16.b1.d64.g4",
                                        "slab.nhd.bf16.d128.g8",
                                        "slab.hnd.f16.d64.g1",
                                        "nhd.f16.b1.d128.g1",
                                        "gather.nhd.bf16.b16.d128.g1",
                                        "gather.vllm.bf16.b16.d128.g1",
                                        "gather.slab.hnd.f32.d64",
                                        "gather.nhd.f32.b128.d64.s4",
                                        "walk.b1.s2",
                                        "walk.b16",
                                        "walk.b128"};
    for (size_t p = 0; p < COUNT(plans); p++) {
        struct paged_plan plan = fixture_plan(plans[p]);
        struct fixture f;
        fixture_open(&f, device, &plan, 2, 3, some_tokens, KV_MAP_PERMUTED);
        fixture_run(&f, paged_ops_for(DEVICE_SIMT, true));
        expect_model(&f, "checked");
        struct simt_counts counts;
        simt_last_counts(&counts);
        assert_true(counts.checked);
        double kv = paged_kv_bytes(&plan, &f.shape), other = paged_other_bytes(&plan, &f.shape);
        double formula =
            2.0 * (70 + 0 + 139) * 2 * plan.head * element_bytes((enum element)plan.element);
        assert_true(kv == (plan.op == PAGED_WALK ? 0 : formula));
        assert_true(kv == paged_unique_bytes(&plan, &f.shape));
        if (plan.op == PAGED_ATTENTION) {
            if ((double)counts.loaded + (double)counts.stored != kv + other)
                fail_msg("%s loads %lu and stores %lu bytes, not %.0f and %.0f", plans[p],
                         counts.loaded, counts.stored, kv, other);
        } else {
            /* Each warp adds its sum by an atomic, a load and a store of 8 bytes: the machine's
             * business, not the formula's, which counts one word per sequence. */
            double adds = 8.0 * 3 * 2 * plan.splits * 4;
            if ((double)counts.loaded != kv + other - 8 * 3 + adds)
                fail_msg("%s loads %lu bytes, not %.0f and %.0f", plans[p], counts.loaded, kv,
                         other);
        }
        /* Keys, values and queries are loaded once: what is loaded again are a sequence's length,
         * and ids, by the other heads and in a long block's other tiles. */
        double ids = 0, again = 4 * 3 * (2.0 * plan.splits - 1);
        int span = plan.block < PAGED_TILE ? plan.block : PAGED_TILE;
        if (plan.mapping == PAGED_TABLE) {
            for (int s = 0; s < 3; s++)
                ids += (some_tokens[s] + span - 1) / span;
            again += 4 * (2 * ids - (double)kv_table_blocks(&f.table));
        }
        if (plan.op == PAGED_ATTENTION)
            assert_true((double)(counts.loaded - counts.loaded_unique) == again);
        fixture_close(&f);
    }
    assert_int_equal(simt_reports(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_kernels_give_the_models_bits),
        cmocka_unit_test(checked_kernels_give_the_models_bits),
        cmocka_unit_test(their_ptx_gives_the_models_bits),
        cmocka_unit_test(their_sass_80_gives_the_models_bits),
        cmocka_unit_test(their_sass_90_gives_the_models_bits),
        cmocka_unit_test(maps_layouts_and_blocks_give_the_same_bits),
        cmocka_unit_test(neighbours_do_not_show_in_the_bits),
        cmocka_unit_test(a_misread_field_changes_the_models_bits),
        cmocka_unit_test(what_the_table_does_not_name_has_no_influence),
        cmocka_unit_test(kernels_load_the_bytes_of_the_formula),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
