/*
 * paged_job_test.c: a job's bits are those predicted, whatever the poison, the way its memory was
 * filled and the op; and what is wrong does not pass its proof.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/paged_attention/paged_job.h"

static const enum device_kind kinds[] = {DEVICE_SIMT, DEVICE_CPU};
static const int32_t ragged[] = {70, 0, 33};

struct fixture {
    struct device *device;
    struct paged_plan plan;
    struct kv_table table;
    struct paged_step step;
    struct paged_memory memory;
    struct job job;
};

static void open_table(struct fixture *f, enum device_kind kind, const char *text,
                       const int32_t tokens[3]) {
    char why[PLAN_WHY];
    *f = (struct fixture){.plan = paged_plan_default()};
    assert_int_equal(device_open(&f->device, kind, 0), 0);
    assert_int_equal(paged_plan_parse(text, &f->plan, why), 0);
    assert_int_equal(kv_table_open(&f->table, 3, tokens, (unsigned)f->plan.block, 240), 0);
    assert_int_equal(kv_table_map(&f->table, KV_MAP_PERMUTED, 4, 7, NULL), 0);
    f->step = paged_step_of(&f->plan, 2, &f->table);
    f->step.seed = 5;
}

static void close_all(struct fixture *f) {
    job_close(&f->job);
    paged_memory_close(&f->memory);
    kv_table_close(&f->table);
    device_close(f->device);
}

/* --- bits --------------------------------------------------------------------------------------
 */

static void a_step_meets_its_prediction(enum device_kind kind, const char *text) {
    struct fixture f;
    struct job_bits predicted, measured;
    size_t inside, poisoned;
    open_table(&f, kind, text, ragged);
    assert_int_equal(paged_memory_of_step(&f.memory, f.device, &f.step, PAGES_ANY, 5), 0);
    assert_int_equal(paged_job_open(&f.job, &f.memory, &f.step), 0);
    assert_int_equal(job_predict(&f.job, &predicted), 0);
    size_t n = paged_job_outputs(&f.job);
    float *out = malloc(n * sizeof *out), *expected = malloc(n * sizeof *expected);
    assert_int_equal(paged_job_run(&f.job, out), 0);
    assert_int_equal(paged_job_model(&f.job, expected), 0);
    assert_memory_equal(out, expected, n * sizeof *out);
    assert_true(paged_hash(out, n * sizeof *out) == predicted.bits);
    assert_int_equal(job_bits(&f.job, &measured), 0);
    assert_true(measured.bits == predicted.bits && measured.width == predicted.width);
    assert_int_equal(job_prove(&f.job), 0);
    assert_int_equal(paged_job_inside(&f.job, out, &inside), 0);
    assert_int_equal(inside, n);
    out[5] += 0.01f; /* the bound is no formality … */
    out[6] = NAN;    /* … and NaN is never inside it */
    assert_int_equal(paged_job_inside(&f.job, out, &inside), 0);
    assert_int_equal(inside, n - 2);
    assert_int_equal(paged_memory_repoison(&f.memory, &poisoned), 0);
    assert_true(poisoned > 0);
    assert_int_equal(paged_memory_repoison(&f.memory, &poisoned), 0);
    assert_int_equal(poisoned, 0);
    assert_int_equal(paged_job_run(&f.job, out), 0);
    assert_memory_equal(out, expected, n * sizeof *out);
    free(out);
    free(expected);
    close_all(&f);
}

static void steps_meet_their_prediction(void **state) {
    (void)state;
    static const char *const plans[] = {"f32.b16.d64.g1.s1", "hnd.bf16.b4.d128.g2.s4",
                                        "vllm.f16.b64.d64.g4.s2"};
    for (size_t k = 0; k < sizeof plans / sizeof *plans; k++)
        for (size_t d = 0; d < sizeof kinds / sizeof *kinds; d++)
            a_step_meets_its_prediction(kinds[d], plans[k]);
}

/* --- jobs over a memory filled throughout ------------------------------------------------------
 */

static void a_job_is_proved(enum device_kind kind, const char *text, bool equal) {
    static const int32_t same[] = {70, 70, 70};
    struct fixture f;
    struct job_bits predicted, measured;
    open_table(&f, kind, text, equal ? same : ragged);
    struct paged_shape shape = paged_step_shape(&f.step);
    assert_int_equal(paged_memory_open(&f.memory, f.device, (enum element)f.plan.element,
                                       paged_cache_bytes(&f.plan, &shape), PAGES_ANY, 1),
                     0);
    assert_int_equal(paged_job_open(&f.job, &f.memory, &f.step), 0);
    assert_true(f.job.bytes > 0);
    assert_int_equal(job_call(&f.job), 0);
    assert_int_equal(job_prove(&f.job), 0);
    assert_int_equal(job_predict(&f.job, &predicted), 0);
    assert_int_equal(job_bits(&f.job, &measured), 0);
    assert_true(predicted.bits == measured.bits);
    close_all(&f);
}

static void jobs_are_proved(void **state) {
    (void)state;
    static const char *const plans[] = {"attention.f32.b16.d64", "gather.bf16.b16.d128",
                                        "gather.slab.b1.f16.d64", "walk.b4.bf16.d64"};
    for (size_t k = 0; k < sizeof plans / sizeof *plans; k++)
        for (size_t d = 0; d < sizeof kinds / sizeof *kinds; d++) {
            a_job_is_proved(kinds[d], plans[k], false);
            a_job_is_proved(kinds[d], plans[k], true);
        }
}

/* What is wrong in the memory that the device reads, and not in what it is compared with, as on a
 * device with a memory of its own, where the two can differ. */
static void wrong_keys_do_not_pass(void **state) {
    (void)state;
    static const char *const plans[] = {"attention.f32.b16.d64.g1.s1", "gather.f32.b16.d64"};
    for (size_t k = 0; k < sizeof plans / sizeof *plans; k++) {
        struct fixture f;
        open_table(&f, DEVICE_SIMT, plans[k], ragged);
        assert_int_equal(paged_memory_of_step(&f.memory, f.device, &f.step, PAGES_ANY, 5), 0);
        assert_int_equal(paged_job_open(&f.job, &f.memory, &f.step), 0);
        assert_int_equal(job_prove(&f.job), 0);
        size_t at = (size_t)f.table.ids[0] * 16 * 2 * 64 * sizeof(float);
        float other = 40;
        assert_int_equal(device_write(f.device, (char *)f.memory.k + at, &other, sizeof other), 0);
        assert_int_equal(job_prove(&f.job), -1);
        assert_non_null(strstr(device_error(), "sequence 0"));
        close_all(&f);
    }
}

static void misfits_are_refused(void **state) {
    (void)state;
    struct fixture f;
    open_table(&f, DEVICE_CPU, "f32.b16.d64", ragged);
    assert_int_equal(paged_memory_open(&f.memory, f.device, ELEMENT_E4M3, 4096, PAGES_ANY, 1), -1);
    assert_non_null(strstr(device_error(), "e4m3"));
    assert_int_equal(paged_memory_open(&f.memory, f.device, ELEMENT_F32, 4096, PAGES_ANY, 1), 0);
    assert_int_equal(paged_job_open(&f.job, &f.memory, &f.step), -1);
    assert_non_null(strstr(device_error(), "the memory holds 4096"));
    f.step.plan.element = ELEMENT_BF16;
    assert_int_equal(paged_job_open(&f.job, &f.memory, &f.step), -1);
    assert_non_null(strstr(device_error(), "another type"));
    f.step.plan.block = 32; /* not the table's */
    assert_int_equal(paged_job_open(&f.job, &f.memory, &f.step), -1);
    close_all(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_meet_their_prediction),
        cmocka_unit_test(jobs_are_proved),
        cmocka_unit_test(wrong_keys_do_not_pass),
        cmocka_unit_test(misfits_are_refused),
    };
    return cmocka_run_group_tests_name("paged jobs", tests, NULL, NULL);
}
