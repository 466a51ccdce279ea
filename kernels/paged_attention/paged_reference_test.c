/*
 * paged_reference_test.c: the float64 reference and its bound: by hand where that can be done; all
 * kernels of cuda and simt, and the native ones' portable code, lie inside; a result that left out
 * a token or scaled its scores wrongly by 1 % lies outside.
 */
#include "kernels/paged_attention/paged_fixture.h"

#include <math.h>

#include "kernels/paged_attention/paged_cpu.h"
#include "kernels/rng/data.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define MOST (8 * 128)

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

/* The largest |out - reference| / bound of a step's `out`. */
static double worst_of(const struct fixture *f, const float *out) {
    double want[MOST], bound[MOST], worst = 0;
    size_t n = (size_t)f->plan.group * (size_t)f->plan.head, at = 0;
    for (unsigned s = 0; s < f->table.sequences; s++)
        for (unsigned h = 0; h < f->shape.kv_heads; h++, at += n) {
            assert_int_equal(
                paged_reference(&f->plan, &f->shape, s, h, f->k, f->v, f->q, want, bound), 0);
            for (size_t i = 0; i < n; i++)
                if (f->table.tokens[s]) {
                    assert_true(bound[i] > 0 && bound[i] < 1e-4);
                    worst = fmax(worst, fabs(out[at + i] - want[i]) / bound[i]);
                } else {
                    assert_true(out[at + i] == 0 && want[i] == 0 && bound[i] == 0);
                }
        }
    return worst;
}

static void one_token_is_its_own_answer(void **state) {
    (void)state;
    static const int32_t tokens[] = {1};
    struct paged_plan plan = fixture_plan("nhd.f32.b16.d64");
    struct fixture f;
    fixture_open(&f, device, &plan, 1, 1, tokens, KV_MAP_IDENTITY);
    double out[64], bound[64];
    assert_int_equal(paged_reference(&plan, &f.shape, 0, 0, f.k, f.v, f.q, out, bound), 0);
    for (int d = 0; d < 64; d++)
        assert_true(out[d] == (double)((const float *)f.v)[d]);
    fixture_close(&f);
}

/* Two tokens whose scores differ by ln 3 weigh 1/4 and 3/4. */
static void two_tokens_by_hand(void **state) {
    (void)state;
    static const int32_t tokens[] = {2};
    struct paged_plan plan = fixture_plan("nhd.f32.b16.d64");
    struct fixture f;
    fixture_open(&f, device, &plan, 1, 1, tokens, KV_MAP_IDENTITY);
    float *k = f.k, *v = f.v, *q = f.q;
    memset(q, 0, 64 * sizeof *q);
    memset(k, 0, 128 * sizeof *k);
    q[5] = 8; /* the square root of 64 */
    k[64 + 5] = 1.0986122886681098f;
    for (int d = 0; d < 64; d++) {
        v[d] = 4;
        v[64 + d] = 8;
    }
    double out[64], bound[64];
    assert_int_equal(paged_reference(&plan, &f.shape, 0, 0, k, v, q, out, bound), 0);
    for (int d = 0; d < 64; d++)
        assert_true(fabs(out[d] - 7) < 1e-7);
    fixture_close(&f);
}

static void all_kernels_lie_inside(void **state) {
    (void)state;
    static const int32_t tokens[] = {1, 0, 64, 333};
    struct plan_list list;
    struct paged_plan any = paged_plan_default();
    assert_int_equal(
        plan_pairs(&paged_family, PAGED_FIELD_BIT(op) | PAGED_FIELD_BIT(mapping), &any, &list), 0);
    const struct paged_plan *plans = list.plans;
    double worst[2] = {0};
    for (size_t p = 0; p < list.count; p++) {
        char text[PLAN_TEXT];
        struct fixture f;
        fixture_open(&f, device, &plans[p], 1, COUNT(tokens), tokens, KV_MAP_PERMUTED);
        /* paged_test.c shows that these are the kernels' bits. */
        assert_int_equal(paged_model(&plans[p], &f.shape, f.k, f.v, f.q, f.out), 0);
        double gpu = worst_of(&f, f.out);
        assert_int_equal(paged_cpu_model(&plans[p], &f.shape, f.k, f.v, f.q, f.out), 0);
        double cpu = worst_of(&f, f.out);
        if (!(gpu <= 1 && cpu <= 1))
            fail_msg("%s: %g and %g of the bound", paged_plan_text(&plans[p], text), gpu, cpu);
        worst[0] = fmax(worst[0], gpu);
        worst[1] = fmax(worst[1], cpu);
        fixture_close(&f);
    }
    free(list.plans);
    assert_true(worst[0] > 0.01 && worst[1] > 0.01);
}

/* How far outside the reference of a slightly different step the kernels' results lie. */
static void small_mistakes_lie_outside(void **state) {
    (void)state;
    static const int32_t tokens[] = {333, 2000};
    static const char *const plans[] = {"nhd.bf16.b16.d128.g2.s4", "hnd.f32.b64.d64.g1.s1"};
    for (size_t p = 0; p < COUNT(plans); p++) {
        struct paged_plan plan = fixture_plan(plans[p]);
        struct fixture f;
        fixture_open(&f, device, &plan, 1, 2, tokens, KV_MAP_PERMUTED);
        assert_int_equal(paged_model(&plan, &f.shape, f.k, f.v, f.q, f.out), 0);
        assert_true(worst_of(&f, f.out) <= 1);
        for (unsigned s = 0; s < 2; s++)
            f.table.tokens[s]--;
        assert_true(worst_of(&f, f.out) > 10);
        for (unsigned s = 0; s < 2; s++)
            f.table.tokens[s]++;
        enum element type = (enum element)plan.element;
        for (size_t i = 0; i < paged_query_elements(&plan, &f.shape); i++)
            element_set(type, f.q, i, 1.01 * element_get(type, f.q, i));
        assert_true(worst_of(&f, f.out) > 10);
        fixture_close(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_token_is_its_own_answer),
        cmocka_unit_test(two_tokens_by_hand),
        cmocka_unit_test(all_kernels_lie_inside),
        cmocka_unit_test(small_mistakes_lie_outside),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
