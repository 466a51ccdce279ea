/*
 * decoder_device_test.c: the kernels of decoder.cu give the model's bits: each product by itself,
 * and whole steps of the small model, by every pair of plan fields, on the machines that run CUDA
 * sources without a GPU, and on one where it is.
 */
#include "kernels/decoder/decoder_fixture.h"
#include "kernels/decoder/decoder_inside.h"
#include "kernels/decoder/decoder_kernels.h"
#include "kernels/device/device_fixture.h"
#include "kernels/rng/philox.h"
#include "kernels/simt/simt.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#ifdef __SANITIZE_ADDRESS__
enum { EACH_PLAN = 4 }; /* three times as slow */
#else
enum { EACH_PLAN = 1 };
#endif
enum { TOKENS = 66 }; /* two tiles of attention; the last token is a step of its own */

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

/* --- products ------------------------------------------------------------------------------------
 */

enum { INPUTS_MOST = 416, OUTPUTS_MOST = 84, ROWS_MOST = 9 };

static void *there(struct device *device, const void *from, size_t bytes) {
    void *to;
    if (device_alloc(device, &to, bytes) != 0 ||
        (from && device_write(device, to, from, bytes) != 0))
        fail_msg("%s", device_error());
    return to;
}

/* Of random bits: scales and offsets whose exponents are those of 1/8…4. */
static void fill_weights(struct decoder_weight *w, unsigned char *data, uint64_t seed) {
    const size_t blocks = (size_t)w->rows * w->columns / GGUF_BLOCK,
                 each = gguf_type_bytes(w->type, GGUF_BLOCK);
    for (size_t i = 0; i < blocks * each; i++)
        data[i] = (unsigned char)philox_u64(seed, 1, i);
    for (size_t b = 0; b < blocks && w->type != GGUF_F32; b++) {
        data[b * each + 1] = (unsigned char)((data[b * each + 1] & 0x87) | 0x30);
        if (w->type == GGUF_Q4_1)
            data[b * each + 3] = (unsigned char)((data[b * each + 3] & 0x87) | 0x30);
    }
    for (size_t i = 0; i < blocks * GGUF_BLOCK && w->type == GGUF_F32; i++)
        ((float *)data)[i] = (float)philox_unit(philox_u64(seed, 2, i)) - 0.5f;
    w->data = data;
}

static void one_product(struct device *device, bool checked, struct decoder_weight w, unsigned rows,
                        struct decoder_staging staging, uint64_t seed) {
    static _Alignas(64) unsigned char data[OUTPUTS_MOST * INPUTS_MOST * sizeof(float)];
    static float x[ROWS_MOST * INPUTS_MOST], said[ROWS_MOST * OUTPUTS_MOST],
        got[ROWS_MOST * OUTPUTS_MOST], weights[DECODER_TILE * INPUTS_MOST];
    const size_t n = (size_t)rows * w.rows;
    fill_weights(&w, data, seed);
    for (size_t i = 0; i < (size_t)rows * w.columns; i++)
        x[i] = (float)philox_unit(philox_u64(seed, 3, i)) - 0.5f;
    const struct decoder_inputs in = {.x = x, .stride = w.columns};
    for (unsigned first = 0; first < w.rows; first += DECODER_TILE)
        decoder_model.product(&w, first,
                              w.rows - first < DECODER_TILE ? w.rows - first : DECODER_TILE, &in,
                              rows, staging, said, w.rows, weights);
    const struct decoder_multiply m = {
        .w = {w.type, w.rows, w.columns, there(device, data, w.row_bytes * w.rows)},
        .staging = staging,
        .rows = rows,
        .x = there(device, x, (size_t)rows * w.columns * sizeof *x),
        .out = there(device, NULL, n * sizeof *got)};
    if (decoder_ops_for(device_kind(device), checked)->multiply(&m, device_stream(device)) != 0 ||
        device_sync(device) != 0 || device_read(device, got, m.out, n * sizeof *got) != 0)
        fail_msg("%s", device_error());
    if (unequal(said, got, n) != 0)
        fail_msg("%s, %u rows, %u outputs, %u inputs, %u slices of %u lanes: %zu of %zu sums have "
                 "other bits than the model",
                 gguf_type_name(w.type), rows, w.rows, w.columns, staging.slices, staging.lanes,
                 unequal(said, got, n), n);
    device_free(device, (void *)m.w.data);
    device_free(device, (void *)m.x);
    device_free(device, m.out);
}

/* Every type, every number of slices that a rule may choose, both numbers of lanes, one row and
 * more, and sizes at which slices are left over; of these each `step`-th. */
static size_t products(struct device *device, bool checked, size_t step) {
    static const enum gguf_type types[] = {GGUF_Q4_1, GGUF_Q8_0, GGUF_F32};
    static const unsigned blocks[] = {1, 6, 13}, outputs[] = {4, 20, 84}, rows[] = {1, 3, 9};
    size_t sums = 0, k = 0;
    for (size_t t = 0; t < COUNT(types); t++)
        for (unsigned slices = 1; slices <= 8; slices++)
            for (unsigned lanes = 16; lanes <= 32; lanes *= 2)
                for (size_t b = 0; b < COUNT(blocks); b++, k++) {
                    if (k % step)
                        continue;
                    struct decoder_weight w = {.type = types[t],
                                               .rows = outputs[k % COUNT(outputs)],
                                               .columns = blocks[b] * GGUF_BLOCK};
                    const unsigned r = rows[(k / 3 + b) % COUNT(rows)];
                    w.row_bytes = gguf_type_bytes(w.type, w.columns);
                    one_product(device, checked, w, r,
                                (struct decoder_staging){slices, lanes, false}, k);
                    sums += (size_t)r * w.rows;
                }
    return sums;
}

/* --- steps ---------------------------------------------------------------------------------------
 */

/* Logits of the last token, on a device or by the model of its kernels. */
static float *run(struct decoder_device *on, const struct decoder_plan *plan,
                  enum decoder_engine engine) {
    const struct decoder_step like = {
        .decoder = small.decoder, .plan = *plan, .engine = engine, .device = on, .threads = 1};
    return fixture_steps(&like, 1, TOKENS, TOKENS - 1, 1);
}

static struct decoder_device *open_on(struct device *device, bool checked) {
    struct decoder_device *on;
    char why[GGUF_WHY] = "";
    if (decoder_device_open(&on, device, small.decoder, checked, why) != 0)
        fail_msg("%s", why);
    return on;
}

/* Of all plans each `step`-th: how many logits. */
static size_t steps(struct device *device, bool checked, size_t step, size_t *plans) {
    struct decoder_device *on = open_on(device, checked);
    const size_t n = small.decoder->vocabulary;
    struct plan_list list;
    size_t logits = 0;
    /* Sums of blocks are the processor's kernels'. */
    assert_int_equal(plan_pairs(&decoder_family, 1u << DECODER_FIELD_terms,
                                &(struct decoder_plan){.terms = DECODER_WHOLE}, &list),
                     0);
    assert_true(list.count >= 16);
    for (size_t i = 0; i < list.count; i += step) {
        const struct decoder_plan *plan = (const struct decoder_plan *)list.plans + i;
        char text[PLAN_TEXT];
        float *said = run(on, plan, DECODER_MODEL), *got = run(on, plan, DECODER_PORTABLE);
        if (unequal(said, got, n) != 0)
            fail_msg("%s on %s: %zu of %zu logits have other bits than the model",
                     decoder_plan_text(plan, text), device_id(device), unequal(said, got, n), n);
        free(said);
        free(got);
        logits += n;
        ++*plans;
    }
    free(list.plans);
    decoder_device_close(on);
    return logits;
}

static void all_on(const char *name, bool checked, size_t step) {
    struct device *device = device_or_skip(name);
    size_t plans = 0;
    const size_t sums = products(device, checked, checked ? 5 : 1),
                 logits = steps(device, checked, step, &plans);
    print_message("%s%s: %zu sums of products; %zu plans, %zu logits predicted, 0 mismatches\n",
                  name, checked ? ", checked" : "", sums, plans, logits);
    assert_int_equal(simt_reports(), 0);
    device_close(device);
}

static void simt_gives_the_models_bits(void **state) {
    (void)state;
    all_on("simt", false, EACH_PLAN);
}
static void checked_simt_gives_the_models_bits(void **state) {
    (void)state;
    all_on("simt", true, 10);
}
static void ptx_gives_the_models_bits(void **state) {
    (void)state;
    all_on("ptx", false, 4);
}
static void sass_80_gives_the_models_bits(void **state) {
    (void)state;
    all_on("sass:sm_80", false, 8);
}
static void sass_90_gives_the_models_bits(void **state) {
    (void)state;
    all_on("sass:sm_90", false, 8);
}
static void a_gpu_gives_the_models_bits(void **state) {
    (void)state;
    all_on("cuda:0", false, 1);
}

/* --- caches --------------------------------------------------------------------------------------
 */

/* Rows of one sequence from `from` on; the last one's logits. */
static void go_on(const struct decoder_step *like, struct decoder_cache *cache, unsigned sequence,
                  unsigned from, unsigned to, float *logits) {
    struct decoder_row row[TOKENS];
    struct decoder_step step = *like;
    char why[GGUF_WHY] = "";
    for (unsigned i = from; i < to; i++)
        row[step.rows++] = (struct decoder_row){token_at(0, i), sequence, i, i + 1 == to};
    step.cache = cache;
    step.row = row;
    if (decoder_run(&step, logits, why) != 0)
        fail_msg("%s", why);
}

/* A cache that was changed here between two steps there, by a copy and by native kernels, is the
 * one that the next step reads; and another cache of the same size is not taken for it. */
static void what_changed_here_is_read_there(void **state) {
    (void)state;
    enum { BEFORE = 20, ALL = 26 };
    struct device *device = device_or_skip("simt");
    struct decoder_device *on = open_on(device, false);
    const size_t n = small.decoder->vocabulary;
    float *said = malloc(n * sizeof *said), *got = malloc(n * sizeof *got);
    char why[GGUF_WHY] = "";
    assert_true(said && got);
    for (int native = 0; native < 2; native++) {
        const struct decoder_step like = {.decoder = small.decoder,
                                          .plan = decoder_plan_default(),
                                          .engine = DECODER_PORTABLE,
                                          .device = on,
                                          .threads = 1};
        struct decoder_step model = like, first = like;
        struct decoder_cache cache[2], other;
        model.engine = DECODER_MODEL;
        first.device = native ? NULL : on;
        assert_int_equal(decoder_cache_open(&other, small.decoder, DECODER_BF16, 2, ALL, why), 0);
        for (int c = 0; c < 2; c++) {
            const struct decoder_step *step = c ? &like : &model;
            assert_int_equal(
                decoder_cache_open(&cache[c], small.decoder, DECODER_BF16, 2, ALL, why), 0);
            go_on(&first, &cache[c], 0, 0, BEFORE, got);
            go_on(step, &cache[c], 0, BEFORE, BEFORE + 2, got);
            decoder_cache_copy(&cache[c], 1, 0, BEFORE + 2);
            go_on(&like, &other, 1, 0, 1, got);
            go_on(step, &cache[c], 1, BEFORE + 2, ALL, c ? got : said);
        }
        assert_int_equal(unequal(said, got, n), 0);
        assert_memory_equal(cache[0].keys, cache[1].keys,
                            2 * small.decoder->layers * cache[0].layer_bytes);
        for (int c = 0; c < 2; c++)
            decoder_cache_close(&cache[c]);
        decoder_cache_close(&other);
    }
    decoder_device_close(on);
    device_close(device);
    free(said);
    free(got);
}

/* The trees of attention differ, so a model that took the native one would be noticed. */
static void attention_has_a_tree_of_its_own(void **state) {
    (void)state;
    struct device *device = device_or_skip("simt");
    struct decoder_device *on = open_on(device, false);
    struct decoder_plan plan = decoder_plan_default();
    plan.rounding = DECODER_F32;
    float *there = run(on, &plan, DECODER_MODEL), *here = run(NULL, &plan, DECODER_MODEL);
    assert_int_not_equal(unequal(there, here, small.decoder->vocabulary), 0);
    free(there);
    free(here);
    decoder_device_close(on);
    device_close(device);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    struct device *device = device_or_skip("simt"), *cpu = device_or_skip("cpu");
    struct decoder_device *on;
    struct fixture other;
    char why[GGUF_WHY] = "";
    assert_int_equal(decoder_device_open(&on, cpu, small.decoder, false, why), -1);
    assert_null(on);
    assert_non_null(strstr(why, "no form for the device 'cpu'"));
    fixture_open(&other, small_file());
    on = open_on(device, false);
    struct decoder_cache cache;
    struct decoder_row row = {1, 0, 0, false};
    assert_int_equal(decoder_cache_open(&cache, other.decoder, DECODER_BF16, 1, 1, why), 0);
    const struct decoder_step step = {.decoder = other.decoder,
                                      .cache = &cache,
                                      .plan = decoder_plan_default(),
                                      .engine = DECODER_PORTABLE,
                                      .device = on,
                                      .threads = 1,
                                      .row = &row,
                                      .rows = 1};
    assert_int_equal(decoder_run(&step, NULL, why), -1);
    assert_non_null(strstr(why, "weights of another model"));
    const struct decoder_multiply m = {.staging = {9, 16}};
    assert_int_equal(decoder_ops_for(DEVICE_SIMT, false)->multiply(&m, NULL), -1);
    assert_non_null(strstr(device_error(), "9 slices"));
    decoder_cache_close(&cache);
    decoder_device_close(on);
    fixture_close(&other);
    device_close(device);
    device_close(cpu);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_changed_here_is_read_there),
        cmocka_unit_test(attention_has_a_tree_of_its_own),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(simt_gives_the_models_bits),
        cmocka_unit_test(checked_simt_gives_the_models_bits),
        cmocka_unit_test(ptx_gives_the_models_bits),
        cmocka_unit_test(sass_80_gives_the_models_bits),
        cmocka_unit_test(sass_90_gives_the_models_bits),
        cmocka_unit_test(a_gpu_gives_the_models_bits),
    };
    return cmocka_run_group_tests_name("decoder_device", tests, open_small, close_small);
}
