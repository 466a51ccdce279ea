/*
 * mma_cpu_test.c: native products give the bits that their rules predict, on every instruction set
 * that is here, for any shape, stride and offset; what cannot change a bit does not; a model that
 * misreads a field of a plan is caught.
 */
#include "kernels/mma/mma_cpu.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct device *cpu;

static int open_device(void **state) {
    (void)state;
    return device_open(&cpu, DEVICE_CPU, 0);
}
static int close_device(void **state) {
    (void)state;
    device_close(cpu);
    return 0;
}

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1du;
}

/* Goes through what this CPU has; names what it has not, once. */
static bool usable(enum mma_cpu_isa isa) {
    static bool told[MMA_CPU_ISAS];
    if (mma_cpu_isa_usable(isa))
        return true;
    if (!told[isa])
        print_message("not on this processor: %s\n", mma_cpu_isa_name(isa));
    told[isa] = true;
    return false;
}

static bool same(float a, float b) {
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

/* Calls, and compares every output with what is predicted. Returns the hash of the outputs. */
static uint64_t check_job(struct job *job, const char *what) {
    const struct mma_problem *p = &((struct mma_job *)job->context)->operands->problem;
    float *c = calloc(p->shape.m * p->shape.n + 1, sizeof *c);
    assert_non_null(c);
    if (mma_job_poison(job) != 0 || job_call(job) != 0 || mma_job_output(job, c) != 0)
        fail_msg("%s: %s", what, device_error());
    for (size_t m = 0; m < p->shape.m; m++)
        for (size_t n = 0; n < p->shape.n; n++) {
            float expected;
            assert_int_equal(mma_job_element(job, m, n, &expected), 0);
            if (!same(c[m * p->shape.n + n], expected))
                fail_msg("%s, %zu × %zu × %zu %s: C[%zu][%zu] is %a, not %a", what, p->shape.m,
                         p->shape.n, p->shape.k, element_word(p->in), m, n,
                         (double)c[m * p->shape.n + n], (double)expected);
        }
    uint64_t hash = mma_hash(c, p->shape.m * p->shape.n);
    free(c);
    return hash;
}

static uint64_t check_plan(const struct mma_operands *operands, const struct mma_cpu_plan *plan) {
    char text[PLAN_TEXT];
    struct job job;
    mma_cpu_plan_text(plan, text);
    if (mma_cpu_job_open(&job, cpu, operands, plan) != 0)
        fail_msg("%s: %s", text, device_error());
    uint64_t hash = check_job(&job, text);
    job_close(&job);
    return hash;
}

/* --- shapes ----------------------------------------------------------------------------------- */

/* Gaps and offsets that are no multiple of anything. */
static struct mma_problem problem_of(size_t m, size_t n, size_t k, enum element in, unsigned odd) {
    size_t size = element_bytes(in);
    return (struct mma_problem){.shape = {m, n, k},
                                .in = in,
                                .out = ELEMENT_F32,
                                .lda = k + odd % 4,
                                .ldb = k + odd / 4 % 4 * 3,
                                .ldc = n + odd / 16 % 3,
                                .a_offset = odd % 3 * size,
                                .b_offset = odd % 5 * size,
                                .c_offset = odd % 7 * sizeof(float)};
}

static size_t odd_size(void) {
    static const size_t sizes[] = {1, 2, 3, 7, 13, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 70};
    return sizes[next() % (sizeof sizes / sizeof *sizes)];
}

/* Plans that hold all pairs of values, each on a few shapes. */
static void test_predicted(void **unused) {
    (void)unused;
    struct plan_list list;
    struct mma_cpu_plan any = mma_cpu_plan_default(MMA_CPU_SCALAR, 1);
    assert_int_equal(plan_pairs(&mma_cpu_plans, 0, &any, &list), 0);
    assert_true(list.count > 30);
    for (size_t k = 0; k < list.count; k++) {
        const struct mma_cpu_plan *plan = (const struct mma_cpu_plan *)list.plans + k;
        bool slow = plan->isa == MMA_CPU_AMX_MODEL;
        for (int shape = 0; shape < (slow ? 2 : 6) && usable((enum mma_cpu_isa)plan->isa);
             shape++) {
            static const enum element elements[] = {ELEMENT_BF16, ELEMENT_F32, ELEMENT_F16};
            enum element in = elements[plan->isa == MMA_CPU_SCALAR ? (size_t)shape % 3 : 0];
            size_t along = shape % 2 ? odd_size() : next() % (slow ? 150 : 600);
            struct mma_problem p =
                problem_of(odd_size(), odd_size(), along, in, (unsigned)(next() % 840));
            struct mma_operands operands;
            assert_int_equal(
                mma_operands_open(&operands, &p, (enum mma_fill)(next() % MMA_FILLS), next()), 0);
            check_plan(&operands, plan);
            mma_operands_close(&operands);
        }
    }
    free(list.plans);
}

/* Several chunks and panels, so that C holds sums in between; a few rows and columns of them. */
static void test_many_chunks(void **unused) {
    (void)unused;
    struct mma_problem p = problem_of(19, 133, 2371, ELEMENT_BF16, 29);
    struct mma_operands operands;
    assert_int_equal(mma_operands_open(&operands, &p, MMA_FILL_NORMAL, 5), 0);
    for (int isa = 0; isa < MMA_CPU_ISAS; isa++) {
        struct plan_list list;
        struct mma_cpu_plan plan = mma_cpu_plan_default((enum mma_cpu_isa)isa, 1);
        uint64_t first = 0;
        if (!usable((enum mma_cpu_isa)isa) || isa == MMA_CPU_AMX_MODEL)
            continue;
        assert_int_equal(
            plan_pairs(&mma_cpu_plans,
                       MMA_CPU_FIELD_BIT(isa) | MMA_CPU_FIELD_BIT(split) | MMA_CPU_FIELD_BIT(merge),
                       &plan, &list),
            0);
        assert_true(list.count >= 10);
        for (size_t k = 0; k < list.count; k++) {
            char text[PLAN_TEXT];
            struct job job;
            struct job_bits bits;
            plan = ((struct mma_cpu_plan *)list.plans)[k];
            mma_cpu_plan_text(&plan, text);
            if (mma_cpu_job_open(&job, cpu, &operands, &plan) != 0 || job_prove(&job) != 0 ||
                job_bits(&job, &bits) != 0)
                fail_msg("%s: %s", text, device_error());
            if (k == 0)
                first = check_job(&job, text);
            else if (bits.bits != first)
                fail_msg("%s: other bits than the first plan's", text);
            job_close(&job);
        }
        free(list.plans);
    }
    mma_operands_close(&operands);
}

static void test_no_size_is_too_small(void **unused) {
    (void)unused;
    static const struct mma_shape shapes[] = {{0, 0, 0}, {0, 5, 5},  {5, 0, 5}, {5, 7, 0},
                                              {1, 1, 1}, {1, 70, 1}, {70, 1, 2}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int isa = 0; isa < MMA_CPU_ISAS; isa++)
            for (int way = 0; way < 4 && usable((enum mma_cpu_isa)isa); way++) {
                struct mma_problem p = problem_of(shapes[s].m, shapes[s].n, shapes[s].k,
                                                  ELEMENT_BF16, (unsigned)(17 + s));
                struct mma_cpu_plan plan = mma_cpu_plan_default((enum mma_cpu_isa)isa, 1 + way % 2);
                struct mma_operands operands;
                struct job job;
                plan.split = way / 2 ? 4 : 1;
                plan.pack = way / 2 ? MMA_CPU_PACK_INSIDE : MMA_CPU_PACK_BEFORE;
                assert_int_equal(mma_operands_open(&operands, &p, MMA_FILL_NORMAL, s), 0);
                check_plan(&operands, &plan);
                assert_int_equal(mma_cpu_job_open(&job, cpu, &operands, &plan), 0);
                if (job_prove(&job) != 0)
                    fail_msg("%zu × %zu × %zu, %s: %s", p.shape.m, p.shape.n, p.shape.k,
                             mma_cpu_isa_name((enum mma_cpu_isa)isa), device_error());
                job_close(&job);
                mma_operands_close(&operands);
            }
}

/* --- numbers ---------------------------------------------------------------------------------- */

enum kind { USUAL, TINY, HUGE_ONES, SPECIAL, ANY, KINDS };

static uint16_t any_bf16(enum kind kind) {
    uint16_t random = (uint16_t)next(), sign_and_fraction = random & 0x807f;
    unsigned exponent = (unsigned)(next() >> 20);
    switch (kind) {
    case USUAL:
        return (uint16_t)(sign_and_fraction | (117 + exponent % 20) << 7);
    case TINY: /* products about the least number, and subnormal ones */
        return (uint16_t)(sign_and_fraction | (exponent % 8 ? 52 + exponent % 20 : 0) << 7);
    case HUGE_ONES: /* products about the largest */
        return (uint16_t)(sign_and_fraction | (180 + exponent % 14) << 7);
    case SPECIAL:
        return exponent % 60 ? (uint16_t)(sign_and_fraction | 127 << 7)
               : random % 3  ? (uint16_t)(0x7f80 | (random & 0x8000))
                             : (random % 2 ? 0x7fc1 : 0);
    default:
        return random;
    }
}

static void randomise(void *array, size_t bytes, enum kind kind) {
    uint16_t *x = array;
    for (size_t i = 0; i < bytes / sizeof *x; i++)
        x[i] = any_bf16(kind);
}

/* 100,000 sums and more for each instruction set. */
static void test_random_sums(void **unused) {
    (void)unused;
    for (int isa = 0; isa < MMA_CPU_ISAS; isa++) {
        size_t sums = 0;
        for (int round = 0; round < 4 * KINDS && usable((enum mma_cpu_isa)isa); round++) {
            bool slow = isa == MMA_CPU_AMX_MODEL;
            size_t m = slow ? 16 : 64, n = slow ? 32 : 81, k = 1 + next() % 66;
            struct mma_problem p = problem_of(m, n, k, ELEMENT_BF16, (unsigned)next() % 840);
            struct mma_cpu_plan plan = mma_cpu_plan_default((enum mma_cpu_isa)isa, 1);
            struct mma_operands operands;
            assert_int_equal(mma_operands_open(&operands, &p, MMA_FILL_ONES, 0), 0);
            randomise(operands.a, mma_a_bytes(&p), (enum kind)(round % KINDS));
            randomise(operands.b, mma_b_bytes(&p), (enum kind)(round % KINDS));
            check_plan(&operands, &plan);
            mma_operands_close(&operands);
            sums += m * n;
        }
        if (sums)
            print_message("%s: %zu random sums as predicted\n",
                          mma_cpu_isa_name((enum mma_cpu_isa)isa), sums);
    }
}

/* What lies next to an infinity is not touched by it: filled-up rows and columns are not C's. */
static void test_special_stays_in_its_row(void **unused) {
    (void)unused;
    for (int isa = 0; isa < MMA_CPU_ISAS; isa++) {
        if (!usable((enum mma_cpu_isa)isa))
            continue;
        struct mma_problem p = problem_of(5, 37, 45, ELEMENT_BF16, 23);
        struct mma_cpu_plan plan = mma_cpu_plan_default((enum mma_cpu_isa)isa, 2);
        struct mma_operands operands;
        struct job job;
        float c[5 * 37];
        assert_int_equal(mma_operands_open(&operands, &p, MMA_FILL_ONES, 0), 0);
        element_set(ELEMENT_BF16, operands.a, 2 * mma_lda(&p) + 44, (double)INFINITY);
        element_set(ELEMENT_BF16, operands.b, 9 * mma_ldb(&p) + 3, (double)NAN);
        element_set(ELEMENT_BF16, operands.b, 11 * mma_ldb(&p) + 44, 0);
        check_plan(&operands, &plan);
        assert_int_equal(mma_cpu_job_open(&job, cpu, &operands, &plan), 0);
        assert_int_equal(job_call(&job), 0);
        assert_int_equal(mma_job_output(&job, c), 0);
        for (int m = 0; m < 5; m++)
            for (int n = 0; n < 37; n++) {
                float got = c[m * 37 + n];
                if (n == 9 || (m == 2 && n == 11))
                    assert_true(isnan(got));
                else
                    assert_true(got == (m == 2 ? INFINITY : n == 11 ? 44 : 45));
            }
        job_close(&job);
        mma_operands_close(&operands);
    }
}

/* --- fields ----------------------------------------------------------------------------------- */

/* Each field moved to another value: a neutral one changes nothing; of another one the prediction
 * differs, and so a model that takes one for the other is caught. */
static void test_mutants(void **unused) {
    (void)unused;
    unsigned caught = 0, kept = 0;
    struct mma_problem p = problem_of(9, 40, 700, ELEMENT_BF16, 13);
    struct mma_operands operands;
    assert_int_equal(mma_operands_open(&operands, &p, MMA_FILL_NORMAL, 3), 0);
    for (int isa = 0; isa < MMA_CPU_ISAS; isa++)
        for (int split = 1; split <= 4 && usable((enum mma_cpu_isa)isa); split *= 2) {
            struct mma_cpu_plan plan = mma_cpu_plan_default((enum mma_cpu_isa)isa, 1), mutant;
            plan.split = split;
            uint64_t bits = check_plan(&operands, &plan);
            for (size_t field = 0; field < MMA_CPU_FIELDS; field++) {
                bool neutral = MMA_CPU_NEUTRAL >> field & 1;
                if (!plan_mutant(&mma_cpu_plans, &plan, field, &mutant) ||
                    !usable((enum mma_cpu_isa)mutant.isa))
                    continue;
                bool same_rule = mma_cpu_rule((enum mma_cpu_isa)mutant.isa, p.in) ==
                                     mma_cpu_rule((enum mma_cpu_isa)isa, p.in) &&
                                 mutant.split == plan.split && mutant.merge == plan.merge;
                if (neutral)
                    assert_true(same_rule);
                if ((check_plan(&operands, &mutant) == bits) != same_rule)
                    fail_msg("%s, %s to %s: the bits %s", mma_cpu_isa_name((enum mma_cpu_isa)isa),
                             mma_cpu_plans.fields[field].name,
                             plan_word(&mma_cpu_plans, &mutant, field),
                             same_rule ? "differ" : "are the same");
                kept |= same_rule ? 1u << field : 0;
                caught |= same_rule ? 0 : 1u << field;
            }
        }
    mma_operands_close(&operands);
    assert_int_equal(kept & MMA_CPU_NEUTRAL, MMA_CPU_NEUTRAL);
    assert_true(caught & MMA_CPU_FIELD_BIT(split));
    assert_true(caught & MMA_CPU_FIELD_BIT(merge));
}

/* The instruction sets' sums differ, but for scalar and avx2, which do the same. */
static void test_instruction_sets(void **unused) {
    (void)unused;
    uint64_t bits[MMA_CPU_ISAS] = {0};
    struct mma_problem p = problem_of(6, 35, 901, ELEMENT_BF16, 7);
    struct mma_operands operands;
    assert_int_equal(mma_operands_open(&operands, &p, MMA_FILL_NORMAL, 3), 0);
    for (int isa = 0; isa < MMA_CPU_ISAS; isa++)
        if (usable((enum mma_cpu_isa)isa)) {
            struct mma_cpu_plan plan = mma_cpu_plan_default((enum mma_cpu_isa)isa, 2);
            bits[isa] = check_plan(&operands, &plan);
        }
    for (int a = 0; a < MMA_CPU_ISAS; a++)
        for (int b = 0; b < a; b++)
            if (bits[a] && bits[b])
                assert_true((bits[a] == bits[b]) ==
                            (mma_cpu_rule((enum mma_cpu_isa)a, ELEMENT_BF16) ==
                             mma_cpu_rule((enum mma_cpu_isa)b, ELEMENT_BF16)));
    mma_operands_close(&operands);
}

/* The slices as the header tells them, and as mma_gemm() takes them. */
static void test_slices(void **unused) {
    (void)unused;
    struct mma_cpu_plan plan = mma_cpu_plan_default(MMA_CPU_SCALAR, 1);
    struct mma_slice s[MMA_CPU_SLICES_MOST];
    struct mma_problem p = problem_of(3, 4, 300, ELEMENT_BF16, 0);
    struct mma_operands operands;
    struct job job;
    float c[12], whole[12];
    plan.split = 4;
    assert_int_equal(mma_cpu_slices(&plan, 300, s), 4);
    assert_true(s[0].end == 128 && s[1].end == 256 && s[2].begin == 256 && s[2].end == 300);
    assert_true(s[3].begin == 300 && s[3].end == 300 && s[3].fresh);
    assert_int_equal(mma_operands_open(&operands, &p, MMA_FILL_NORMAL, 3), 0);
    assert_int_equal(mma_cpu_job_open(&job, cpu, &operands, &plan), 0);
    assert_int_equal(job_call(&job), 0);
    assert_int_equal(mma_job_output(&job, c), 0);
    assert_int_equal(mma_gemm(mma_cpu_rule(MMA_CPU_SCALAR, p.in), &operands, s, 4, 0, 3, whole), 0);
    assert_memory_equal(c, whole, sizeof c);
    job_close(&job);
    mma_operands_close(&operands);
}

/* --- the rest --------------------------------------------------------------------------------- */

static void test_other_operands(void **unused) {
    (void)unused;
    struct mma_problem p = problem_of(6, 35, 90, ELEMENT_BF16, 7);
    struct mma_operands first, second;
    assert_int_equal(mma_operands_open(&first, &p, MMA_FILL_NORMAL, 3), 0);
    assert_int_equal(mma_operands_open(&second, &p, MMA_FILL_NORMAL, 4), 0);
    for (int when = MMA_CPU_PACK_BEFORE; when <= MMA_CPU_PACK_INSIDE; when++) {
        struct mma_cpu_plan plan = mma_cpu_plan_default(MMA_CPU_SCALAR, 1);
        struct job job;
        struct job_bits got, expected;
        plan.pack = when;
        uint64_t bits = check_plan(&second, &plan);
        assert_int_equal(mma_cpu_job_open(&job, cpu, &first, &plan), 0);
        assert_int_equal(mma_job_write(&job, second.a, second.b), 0);
        assert_int_equal(job_call(&job), 0);
        assert_int_equal(job_bits(&job, &got), 0);
        assert_true(got.bits == bits);
        assert_int_equal(mma_job_restore(&job), 0);
        assert_int_equal(job_call(&job), 0);
        assert_int_equal(job_bits(&job, &got), 0);
        assert_int_equal(job_predict(&job, &expected), 0);
        assert_true(got.bits == expected.bits && got.bits != bits);
        job_close(&job);
    }
    mma_operands_close(&first);
    mma_operands_close(&second);
}

static void refused(enum element in, enum element out, const char *text, const char *because) {
    struct mma_problem p = {.shape = {3, 3, 3}, .in = in, .out = out};
    struct mma_operands operands;
    struct mma_cpu_plan plan;
    struct job job;
    char why[PLAN_WHY];
    if (mma_cpu_plan_parse(text, &plan, why) != 0) {
        assert_non_null(strstr(why, because));
        return;
    }
    assert_int_equal(mma_operands_open(&operands, &p, MMA_FILL_ONES, 0), 0);
    assert_int_not_equal(mma_cpu_job_open(&job, cpu, &operands, &plan), 0);
    if (!strstr(device_error(), because))
        fail_msg("%s: %s", text, device_error());
    mma_operands_close(&operands);
}

static void test_refused(void **unused) {
    (void)unused;
    refused(ELEMENT_F16, ELEMENT_F32, "avx2", "avx2 has no product of f16");
    refused(ELEMENT_F32, ELEMENT_F32, "amx-model", "no product of f32");
    refused(ELEMENT_BF16, ELEMENT_BF16, "scalar", "result of bf16");
    refused(ELEMENT_BF16, ELEMENT_F32, "scalar.14x32", "no kernel of 14 rows");
    refused(ELEMENT_BF16, ELEMENT_F32, "split2.merge-pairs", "split4 only");
    refused(ELEMENT_BF16, ELEMENT_F32, "scalar.ahead1", "no panel ahead");
    refused(ELEMENT_BF16, ELEMENT_F32, "abacus", "abacus");
    for (int isa = 0; isa < MMA_CPU_ISAS; isa++)
        if (!mma_cpu_isa_usable((enum mma_cpu_isa)isa))
            refused(ELEMENT_BF16, ELEMENT_F32, mma_cpu_isa_name((enum mma_cpu_isa)isa),
                    "this processor has no");
}

static void test_text(void **unused) {
    (void)unused;
    struct plan_list list;
    struct mma_cpu_plan any = mma_cpu_plan_default(MMA_CPU_SCALAR, 1);
    assert_int_equal(plan_pairs(&mma_cpu_plans, 0, &any, &list), 0);
    for (size_t k = 0; k < list.count; k++) {
        const struct mma_cpu_plan *plan = (const struct mma_cpu_plan *)list.plans + k;
        struct mma_cpu_plan parsed;
        char text[PLAN_TEXT], why[PLAN_WHY];
        if (mma_cpu_plan_parse(mma_cpu_plan_text(plan, text), &parsed, why) != 0)
            fail_msg("%s: %s", text, why);
        assert_true(plan_equal(&mma_cpu_plans, plan, &parsed));
    }
    free(list.plans);
    struct mma_cpu_plan plan = mma_cpu_plan_default(MMA_CPU_AMX, 2);
    struct json_t *json = plan_json(&mma_cpu_plans, &plan);
    assert_string_equal(json_string_value(json_object_get(json, "isa")), "amx");
    assert_int_equal(json_integer_value(json_object_get(json, "threads")), 2);
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_predicted),
        cmocka_unit_test(test_many_chunks),
        cmocka_unit_test(test_no_size_is_too_small),
        cmocka_unit_test(test_random_sums),
        cmocka_unit_test(test_special_stays_in_its_row),
        cmocka_unit_test(test_mutants),
        cmocka_unit_test(test_instruction_sets),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_other_operands),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
