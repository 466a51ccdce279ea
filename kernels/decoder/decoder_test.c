/*
 * decoder_test.c: native kernels give the model's bits, for every plan; a fixed plan's bits do not
 * depend on who shares a step, and a heuristic one's do.
 */
#include <math.h>

#include "kernels/decoder/decoder_fixture.h"
#include "kernels/decoder/decoder_inside.h"

enum { TOKENS = 130 }; /* three tiles of attention */

static struct fixture small;

static int open_small(void **state) {
    (void)state;
    fixture_open(&small, small_file());
    return 0;
}
static int close_small(void **state) {
    (void)state;
    fixture_close(&small);
    return 0;
}

static float *run(const struct decoder_plan *plan, enum decoder_engine engine, unsigned threads,
                  unsigned sequences, unsigned tokens, unsigned chunk, unsigned wanted) {
    const struct decoder_step like = {
        .decoder = small.decoder, .plan = *plan, .engine = engine, .threads = threads};
    return fixture_steps(&like, sequences, tokens, chunk, wanted);
}

static void kernels_give_the_models_bits(void **state) {
    (void)state;
    struct plan_list list;
    size_t checked = 0;
    assert_int_equal(plan_pairs(&decoder_family, 0, &(struct decoder_plan){0}, &list), 0);
    const size_t n = (size_t)2 * small.decoder->vocabulary;
    for (size_t i = 0; i < list.count; i++) {
        const struct decoder_plan *plan = (const struct decoder_plan *)list.plans + i;
        char text[PLAN_TEXT];
        float *model = run(plan, DECODER_MODEL, 1, 2, TOKENS, 26, 1);
        for (int e = DECODER_PORTABLE; e < DECODER_ENGINE_COUNT; e++) {
            /* Calls of fmaf are slow. */
            if (!decoder_engine_works((enum decoder_engine)e) || (e == DECODER_PORTABLE && i % 4))
                continue;
            float *native = run(plan, (enum decoder_engine)e, 1 + e % 3, 2, TOKENS, 26, 1);
            if (unequal(model, native, n) != 0)
                fail_msg("%s, %s: %zu of %zu logits have other bits than the model",
                         decoder_plan_text(plan, text), decoder_engine_name((enum decoder_engine)e),
                         unequal(model, native, n), n);
            checked += n;
            free(native);
        }
        free(model);
    }
    printf("%zu plans, %zu logits as predicted\n", list.count, checked);
    assert_true(list.count >= 16);
    free(list.plans);
}

/* Each field changes some bit, or it would be no decision. */
static void every_field_decides(void **state) {
    (void)state;
    static const char *const other[] = {"f32", "blocks", "rounded", "k2", "l32", "n2", "s2"};
    struct decoder_plan plan = decoder_plan_default(), changed;
    const enum decoder_engine best = decoder_engine_best();
    const size_t n = small.decoder->vocabulary;
    char why[PLAN_WHY];
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        plan.rounding = i < 3 ? DECODER_BF16 : DECODER_F32;
        assert_int_equal(decoder_plan_parse(other[i], &changed, why), 0);
        if (i >= 3)
            changed.rounding = DECODER_F32;
        float *a = run(&plan, best, 2, 1, TOKENS, TOKENS, 1),
              *b = run(&changed, best, 2, 1, TOKENS, TOKENS, 1);
        if (unequal(a, b, n) == 0)
            fail_msg("%s changes no bit", other[i]);
        free(a);
        free(b);
    }
}

/* So many rows that each thread has its own. */
static void many_rows_give_the_models_bits(void **state) {
    (void)state;
    const size_t n = (size_t)2 * small.decoder->vocabulary;
    for (int terms = DECODER_WHOLE; terms <= DECODER_ROUNDED; terms++)
        for (unsigned threads = 1; threads <= 3; threads++) {
            struct decoder_plan plan = decoder_plan_default();
            plan.terms = terms;
            float *model = run(&plan, DECODER_MODEL, 1, 2, TOKENS, 60, 1),
                  *native = run(&plan, decoder_engine_best(), threads, 2, TOKENS, 60, 1);
            if (unequal(model, native, n) != 0)
                fail_msg("terms %d, %u threads: %zu of %zu logits have other bits than the model",
                         terms, threads, unequal(model, native, n), n);
            free(model);
            free(native);
        }
}

static const struct {
    const char *name;
    const struct decoder_kernels *kernels;
} native_kernels[] = {{"portable", &decoder_cpu_portable},
#ifdef __x86_64__
                      {"avx2", &decoder_cpu_avx2},
                      {"avx512", &decoder_cpu_avx512},
                      {"avx512 bf16", &decoder_cpu_avx512_bf16}
#endif
};
static bool native_kernels_work(size_t i) {
#ifdef __x86_64__
    if (i == 3 && !__builtin_cpu_supports("avx512bf16"))
        return false;
#endif
    return decoder_engine_works((enum decoder_engine)(DECODER_PORTABLE + (i < 3 ? i : 2)));
}

/* Weights of a few times 2^-24 of either sign, and inputs about the least that are not taken for 0:
 * what bfloat16 instructions would make of subnormal sums is another thing than what others do. */
static void tiny_numbers(void **state) {
    (void)state;
    enum { OUTPUTS = 16, INPUTS = 64, ROWS = 7, BLOCKS = INPUTS / GGUF_BLOCK };
    static const enum gguf_type types[] = {GGUF_Q4_1, GGUF_Q8_0};
    uint32_t random = 1;
    size_t checked = 0, least = 0;
    for (int try = 0; try < 200; try++) {
        const enum gguf_type type = types[try % 2];
        const size_t bytes = type == GGUF_Q4_1 ? GGUF_Q4_1_BYTES : GGUF_Q8_0_BYTES;
        unsigned char data[OUTPUTS * BLOCKS * GGUF_Q8_0_BYTES];
        float x[ROWS * INPUTS], sums[ROWS * BLOCKS];
        _Alignas(64) float memory[(DECODER_TILE + 1) * INPUTS];
        uint16_t pairs[ROWS * INPUTS];
        for (size_t i = 0; i < OUTPUTS * BLOCKS * bytes; i++) {
            const size_t at = i % bytes;
            random = random * 1664525u + 1013904223u;
            data[i] = (unsigned char)(random >> 24);
            if (at < 2) /* d: 1 to 4 times 2^-24 */
                data[i] = at == 0 ? 1 + data[i] % 4 : 0;
            else if (type == GGUF_Q4_1 && at < 4) /* m: -7 to 0 of these */
                data[i] = at == 2 ? data[i] % 8 : 0x80;
        }
        for (size_t i = 0; i < ROWS * INPUTS; i++) {
            random = random * 1664525u + 1013904223u;
            const uint32_t exponent = 127 - 99 + (random >> 8) % 8,
                           bits = (random & 0x80000000) | exponent << 23 | (random & 0x7f0000);
            memcpy(&x[i], &bits, sizeof bits);
        }
        struct decoder one = {
            .embedding = {type, OUTPUTS, INPUTS, BLOCKS * bytes, data, NULL, NULL}};
        assert_int_equal(decoder_pack(&one), 0);
        for (int terms = DECODER_BLOCKS; terms <= DECODER_ROUNDED; terms++) {
            const struct decoder_staging staging = {1, try % 4 < 2 ? 16 : 32,
                                                    (enum decoder_terms)terms};
            const struct decoder_inputs in = {x, pairs, sums, INPUTS};
            float model[ROWS * OUTPUTS], native[ROWS * OUTPUTS];
            for (int r = 0; r < ROWS; r++)
                decoder_model.prepare(x + r * INPUTS, INPUTS, NULL, sums + r * BLOCKS);
            decoder_model.product(&one.embedding, 0, OUTPUTS, &in, ROWS, staging, model, OUTPUTS,
                                  memory);
            for (size_t e = 0; e < sizeof native_kernels / sizeof *native_kernels; e++) {
                const struct decoder_kernels *kernels = native_kernels[e].kernels;
                if (!native_kernels_work(e))
                    continue;
                for (int r = 0; r < ROWS; r++)
                    kernels->prepare(x + r * INPUTS, INPUTS, pairs + r * INPUTS, sums + r * BLOCKS);
                kernels->product(&one.embedding, 0, OUTPUTS, &in, ROWS, staging, native, OUTPUTS,
                                 memory);
                if (unequal(model, native, ROWS * OUTPUTS) != 0)
                    fail_msg("try %d, terms %d, %s: %zu sums have other bits", try, terms,
                             native_kernels[e].name, unequal(model, native, ROWS * OUTPUTS));
                checked += ROWS * OUTPUTS;
            }
            for (int i = 0; i < ROWS * OUTPUTS; i++)
                least += model[i] != 0 && fabsf(model[i]) < 0x1p-115f;
        }
        decoder_unpack(&one);
    }
    printf("%zu sums as predicted, %zu of them below 2^-115\n", checked, least);
    assert_true(least > 100);
}

/* Request 0 alone and with others, token by token and in chunks. */
static void a_fixed_plan_has_no_company(void **state) {
    (void)state;
    const size_t n = small.decoder->vocabulary;
    for (int rounding = DECODER_F32; rounding <= DECODER_BF16; rounding++) {
        struct decoder_plan plan = decoder_plan_default();
        plan.rounding = rounding;
        plan.slices = 4;
        float *alone = run(&plan, decoder_engine_best(), 2, 1, 70, 1, 1);
        for (unsigned others = 1; others < 20; others += 6)
            for (unsigned chunk = 1; chunk < 13; chunk += 5) {
                float *with = run(&plan, decoder_engine_best(), 2, 1 + others, 70, chunk, 1);
                assert_int_equal(unequal(alone, with, n), 0);
                free(with);
            }
        free(alone);
    }
}

static void a_heuristic_plan_has(void **state) {
    (void)state;
    const size_t n = small.decoder->vocabulary;
    struct decoder_plan plan = decoder_plan_default();
    plan.rule = DECODER_HEURISTIC;
    plan.slices = 8;
    plan.rounding = DECODER_F32;
    float *alone = run(&plan, decoder_engine_best(), 2, 1, 70, 1, 1),
          *again = run(&plan, decoder_engine_best(), 1, 1, 70, 1, 1),
          *with = run(&plan, decoder_engine_best(), 2, 2, 70, 1, 1);
    assert_int_equal(unequal(alone, again, n), 0);
    assert_int_not_equal(unequal(alone, with, n), 0);
    free(alone);
    free(again);
    free(with);
}

static void stagings(void **state) {
    (void)state;
    struct decoder_plan plan = decoder_plan_default();
    plan.slices = 8;
    struct decoder_staging fixed = decoder_staging(&plan, 1, 576, 576, 0);
    assert_true(fixed.slices == 8 && fixed.lanes == 16);
    plan.rule = DECODER_HEURISTIC;
    struct decoder_staging one = decoder_staging(&plan, 1, 576, 576, 0),
                           two = decoder_staging(&plan, 2, 576, 576, 0),
                           many = decoder_staging(&plan, 512, 576, 576, 0);
    assert_true(one.lanes == 32 && two.lanes == 16 && one.slices == two.slices);
    assert_true(one.slices > 1 && many.slices == 1);
}

/* What others do to a row, they do by their number alone: counted, alone, it has the same bits. */
static void the_number_of_rows_explains_it(void **state) {
    (void)state;
    const struct decoder *d = small.decoder;
    struct decoder_plan plan = decoder_plan_default();
    char why[GGUF_WHY] = "";
    plan.rule = DECODER_HEURISTIC;
    plan.slices = 8;
    for (unsigned others = 1; others < 40; others += 19) {
        float *with = malloc((1 + others) * d->vocabulary * sizeof(float)),
              *alone = malloc(d->vocabulary * sizeof(float));
        struct decoder_row row[40];
        struct decoder_cache cache;
        assert_int_equal(decoder_cache_open(&cache, d, DECODER_BF16, 1 + others, 1, why), 0);
        for (unsigned s = 0; s <= others; s++)
            row[s] = (struct decoder_row){token_at(s, 0), s, 0, true};
        struct decoder_step step = {.decoder = d,
                                    .cache = &cache,
                                    .plan = plan,
                                    .engine = decoder_engine_best(),
                                    .threads = 1,
                                    .row = row,
                                    .rows = 1 + others};
        assert_int_equal(decoder_run(&step, with, why), 0);
        step.rows = 1;
        assert_int_equal(decoder_run(&step, alone, why), 0);
        assert_int_not_equal(unequal(with, alone, d->vocabulary), 0);
        step.counted = 1 + others;
        assert_int_equal(decoder_run(&step, alone, why), 0);
        assert_int_equal(unequal(with, alone, d->vocabulary), 0);
        decoder_cache_close(&cache);
        free(with);
        free(alone);
    }
}

/* A prefix of whole blocks that another sequence wrote gives the same bits as one's own. */
static void a_shared_prefix(void **state) {
    (void)state;
    enum { PREFIX = 40, ALL = 60 };
    const struct decoder *d = small.decoder;
    const struct decoder_plan plan = decoder_plan_default();
    char why[GGUF_WHY] = "";
    struct decoder_cache cache;
    struct decoder_row row[ALL];
    float *own = run(&plan, decoder_engine_best(), 1, 1, ALL, ALL, 1),
          *shared = malloc(d->vocabulary * sizeof(float));
    assert_int_equal(decoder_cache_open(&cache, d, DECODER_BF16, 2, ALL, why), 0);
    struct decoder_step step = {.decoder = d,
                                .cache = &cache,
                                .plan = plan,
                                .engine = decoder_engine_best(),
                                .threads = 1,
                                .row = row,
                                .rows = PREFIX};
    for (unsigned i = 0; i < PREFIX; i++)
        row[i] = (struct decoder_row){token_at(0, i), 1, i, false};
    assert_int_equal(decoder_run(&step, shared, why), 0);
    unsigned from = decoder_cache_share(&cache, 0, 1, PREFIX);
    assert_int_equal(from, 32);
    step.rows = ALL - from;
    for (unsigned i = from; i < ALL; i++)
        row[i - from] = (struct decoder_row){token_at(0, i), 0, i, i == ALL - 1};
    assert_int_equal(decoder_run(&step, shared, why), 0);
    assert_int_equal(unequal(own, shared, d->vocabulary), 0);
    /* All 40 tokens, copied. */
    decoder_cache_own(&cache, 0);
    decoder_cache_copy(&cache, 0, 1, PREFIX);
    step.rows = ALL - PREFIX;
    for (unsigned i = PREFIX; i < ALL; i++)
        row[i - PREFIX] = (struct decoder_row){token_at(0, i), 0, i, i == ALL - 1};
    memset(shared, 0, d->vocabulary * sizeof(float));
    assert_int_equal(decoder_run(&step, shared, why), 0);
    assert_int_equal(unequal(own, shared, d->vocabulary), 0);
    decoder_cache_close(&cache);
    free(own);
    free(shared);
}

static void steps_that_cannot_be(void **state) {
    (void)state;
    const struct decoder *d = small.decoder;
    char why[GGUF_WHY] = "";
    struct decoder_cache cache;
    float logits[1024];
    assert_int_equal(decoder_cache_open(&cache, d, DECODER_BF16, 1, 100000, why), -1);
    assert_non_null(strstr(why, "the model takes up to 512"));
    assert_int_equal(decoder_cache_open(&cache, d, DECODER_BF16, 1, 20, why), 0);
    struct decoder_row row = {512, 0, 0, true};
    struct decoder_step step = {.decoder = d,
                                .cache = &cache,
                                .plan = decoder_plan_default(),
                                .engine = DECODER_MODEL,
                                .threads = 1,
                                .row = &row,
                                .rows = 1};
    assert_int_equal(decoder_run(&step, logits, why), -1);
    row = (struct decoder_row){1, 1, 0, true};
    assert_int_equal(decoder_run(&step, logits, why), -1);
    row = (struct decoder_row){1, 0, 32, true};
    assert_int_equal(decoder_run(&step, logits, why), -1);
    row = (struct decoder_row){1, 0, 0, true};
    assert_int_equal(decoder_run(&step, logits, why), 0);
    step.plan.rounding = DECODER_F32;
    assert_int_equal(decoder_run(&step, logits, why), -1);
    assert_non_null(strstr(why, "of another rounding"));
    decoder_cache_close(&cache);
}

static void greedy_takes_the_first_of_equals(void **state) {
    (void)state;
    const float logits[] = {__builtin_nanf(""), 1, 3, 3, -2};
    assert_int_equal(decoder_greedy(logits, 5), 2);
    assert_int_equal(decoder_greedy(logits, 2), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stagings),
        cmocka_unit_test(kernels_give_the_models_bits),
        cmocka_unit_test(every_field_decides),
        cmocka_unit_test(many_rows_give_the_models_bits),
        cmocka_unit_test(tiny_numbers),
        cmocka_unit_test(a_fixed_plan_has_no_company),
        cmocka_unit_test(a_heuristic_plan_has),
        cmocka_unit_test(the_number_of_rows_explains_it),
        cmocka_unit_test(a_shared_prefix),
        cmocka_unit_test(steps_that_cannot_be),
        cmocka_unit_test(greedy_takes_the_first_of_equals),
    };
    return cmocka_run_group_tests(tests, open_small, close_small);
}
