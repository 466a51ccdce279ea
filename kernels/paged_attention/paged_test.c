/*
 * paged_test.c: the kernels on the SIMT machine against the model: the same bits for every pair of
 * plan fields, lengths around the tile's, several heads and maps, plain and checked; the same bits
 * again under every map, layout and block size; and a model that misreads a field is noticed.
 */
#include "kernels/paged_attention/paged_fixture.h"

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

static void pairs_give_the_models_bits(bool checked) {
    const struct paged_ops *ops = paged_ops_for(DEVICE_SIMT, checked);
    struct plan_list list;
    struct paged_plan any = paged_plan_default();
    assert_int_equal(plan_pairs(&paged_family, 0, &any, &list), 0);
    const struct paged_plan *plans = list.plans;
    assert_true(list.count >= 9 * 6);
    for (size_t p = 0; p < list.count; p++) {
        const struct lengths *l = &ragged[p % COUNT(ragged)];
        struct fixture f;
        fixture_open(&f, device, &plans[p], 1 + p / 2 % 3, l->count, l->tokens,
                     maps[p / 3 % COUNT(maps)]);
        fixture_run(&f, ops);
        expect_model(&f, checked ? "checked" : "plain");
        fixture_close(&f);
    }
    free(list.plans);
    assert_int_equal(simt_reports(), 0);
}

static void plain_kernels_give_the_models_bits(void **state) {
    (void)state;
    pairs_give_the_models_bits(false);
}

static void checked_kernels_give_the_models_bits(void **state) {
    (void)state;
    pairs_give_the_models_bits(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_kernels_give_the_models_bits),
        cmocka_unit_test(checked_kernels_give_the_models_bits),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
