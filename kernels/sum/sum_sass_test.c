/*
 * sum_sass_test.c: the machine code of sums, run on the CPU: every kernel that there is gives the
 * predicted bits, under any schedule, whatever MUFU guesses; and what must be noticed is: kernels
 * that nvcc was left to fuse, and code with one instruction changed: a rounding, the distance of a
 * shuffle, a barrier left out.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernels/rng/data.h"
#include "kernels/sass/sass_control_fixture.h"
#include "kernels/sum/sum_job.h"

#define N 3000
#define COUNT(a) (sizeof(a) / sizeof *(a))
#define DOT "f32.plain.dot.strided.v1.i1.b128.g8.shfl-down.warp.last"
#define PLAIN "f32.plain.strided.v1.i1.b128.g8.shfl-down.warp.last"
#define SHARED "f32.plain.strided.v1.i1.b128.g8.shfl-down.tree.last"

static const char *const machines[] = {"sass:sm_80", "sass:sm_90"};

/* --- one sum -------------------------------------------------------------------------------------
 */

enum outcome { PREDICTED, OTHER_BITS, AN_ERROR };

static sass_changer *only_the_sum; /* changes its kernels, and not the one that prepares for it */

static enum outcome sum_of(struct device *device, const char *text, const struct sum_ops *ops) {
    static double x[N], y[N]; /* of any type */
    const struct data_options options = {.seed = 11, .condition = 1e4};
    struct sum_memory *memory;
    struct sum_variant v;
    struct job job;
    struct job_bits got, expected;
    char why[SUM_WHY];
    if (sum_variant_parse(text, device_kind(device), &v, why) != 0)
        fail_msg("%s: %s", text, why);
    struct sum_class class = sum_variant_class(&v);
    if (data_fill(DATA_CANCELLING, class.type, &options, x, N) != 0 ||
        data_fill(DATA_NORMAL, class.type, &options, y, N) != 0 ||
        sum_memory_open(&memory, device, class.type, true, N) != 0 ||
        sum_memory_write(memory, x, class.products ? y : NULL) != 0 ||
        sum_job_open(&job, memory, &v) != 0 || job_predict(&job, &expected) != 0)
        fail_msg("%s: %s", text, device_error());
    if (ops)
        sum_job_use(&job, ops);
    enum outcome outcome = AN_ERROR;
    if (only_the_sum)
        sass_change(only_the_sum);
    if (job_call(&job) == 0 && job_bits(&job, &got) == 0)
        outcome = got.bits == expected.bits ? PREDICTED : OTHER_BITS;
    if (only_the_sum)
        sass_change(NULL);
    job_close(&job);
    sum_memory_close(memory);
    return outcome;
}

static void expect_predicted(struct device *device, const char *text, const char *when) {
    enum outcome outcome = sum_of(device, text, NULL);
    if (outcome != PREDICTED)
        fail_msg("%s, %s, %s: %s", device_id(device), text, when,
                 outcome == OTHER_BITS ? "other bits" : device_error());
}

/* --- every kernel --------------------------------------------------------------------------------
 */

static char seen[1024][256];
static size_t seen_count, launches;

/* Changes nothing, and notes which kernels run. */
static void note(const struct sass_program *program, struct sass_instruction *code) {
    (void)code;
    size_t k = 0;
    launches++;
    while (k < seen_count && strncmp(seen[k], program->name, sizeof *seen - 1) != 0)
        k++;
    if (k == seen_count && k < COUNT(seen)) {
        snprintf(seen[k], sizeof seen[k], "%s", program->name);
        seen_count++;
    }
}

/* A kernel is compiled for each type, accumulator, method, input and number of items; the rest of a
 * plan are its arguments, of which one after another is taken. */
static void all_kernels(const char *machine) {
    struct device *device = device_or_skip(machine);
    static const enum sum_field_id turning[] = {SUM_FIELD_final, SUM_FIELD_warp, SUM_FIELD_merge,
                                                SUM_FIELD_vector, SUM_FIELD_access};
    struct sum_choice choice = {.fixed = sum_plan_default()};
    struct sum_plan *plans;
    size_t count, sums = 0;
    choice.fixed.block = 64;
    choice.fixed.grid = 8;
    choice.fixed.vector = 1;
    for (unsigned f = 0; f < SUM_FIELDS; f++)
        if (f != SUM_FIELD_type && f != SUM_FIELD_acc && f != SUM_FIELD_method &&
            f != SUM_FIELD_input && f != SUM_FIELD_items)
            choice.mask |= 1u << f;
    assert_int_equal(sum_plans_all(&choice, &plans, &count), 0);
    seen_count = launches = 0;
    sass_change(note);
    for (size_t k = 0; k < count; k++) {
        struct sum_plan plan = plans[k];
        for (size_t f = 0; f < COUNT(turning); f++) {
            const struct sum_field *field = &sum_fields[turning[f]];
            struct sum_plan other = plan;
            sum_plan_set(&other, turning[f], field->values[(k + k / 5 * f) % field->count].value);
            if (sum_plan_check(&other, 0, NULL) == 0)
                plan = other;
        }
        char text[SUM_TEXT];
        expect_predicted(device, sum_plan_text(&plan, text), "as it is");
        sums++;
    }
    sass_change(NULL);
    free(plans);
    print_message("%s: %zu kernels, %zu launches, %zu sums: all of them the predicted bits\n",
                  machine, seen_count, launches, sums);
    assert_true(seen_count > 200);
    device_close(device);
}

static void all_kernels_of_sm_80(void **state) {
    (void)state;
    all_kernels("sass:sm_80");
}

static void all_kernels_of_sm_90(void **state) {
    (void)state;
    all_kernels("sass:sm_90");
}

/* --- what must change nothing --------------------------------------------------------------------
 */

static const char *const some[] = {
    PLAIN,
    SHARED,
    DOT,
    "f32.binned.g8.last",
    "f64.acc64.compensated.i4.b64.tiles.shfl-xor.warp.kernel",
    "bf16.exact.strided.v1.i1.b64.g8.last",
};

/* Ten schedules, and blocks that live at once in other numbers. */
static void schedules_change_nothing(void **state) {
    (void)state;
    size_t count = 0;
    for (size_t m = 0; m < COUNT(machines); m++) {
        struct device *device = device_or_skip(machines[m]);
        for (size_t p = 0; p < COUNT(some); p++)
            for (unsigned k = 0; k < 10; k++) {
                char when[40];
                snprintf(when, sizeof when, "schedule %u", k);
                ptx_configure(&(struct ptx_config){
                    .resident = 1 + k, .order = k < 3 ? (enum ptx_order)k : PTX_RANDOM, .seed = k});
                expect_predicted(device, some[p], when);
                count++;
            }
        ptx_configure(NULL);
        device_close(device);
    }
    print_message("%zu sums\n", count);
}

/* The bits of MUFU are not known; divisions and the like must not depend on its last places. */
static void guesses_change_nothing(void **state) {
    (void)state;
    for (size_t m = 0; m < COUNT(machines); m++) {
        struct device *device = device_or_skip(machines[m]);
        for (int off = -1; off <= 1; off++) {
            sass_guess(off);
            for (size_t p = 0; p < COUNT(some); p++)
                expect_predicted(device, some[p], "with another guess");
        }
        /* They are asked for, all the same: one that is far off is noticed. */
        unsigned noticed = 0;
        sass_guess(1 << 20);
        for (size_t p = 0; p < COUNT(some); p++)
            noticed += sum_of(device, some[p], NULL) != PREDICTED;
        sass_guess(0);
        assert_true(noticed > 0);
        device_close(device);
    }
}

/* --- what must be noticed ------------------------------------------------------------------------
 */

static bool is_add(const struct sass_instruction *i) {
    return i->op == SASS_OP_FADD && i->modifier_count == 0;
}
static void change_rounding(struct sass_instruction *i) {
    i->modifiers[i->modifier_count++] = SASS_MOD_RZ;
}
static bool is_shuffle(const struct sass_instruction *i) {
    return i->op == SASS_OP_SHFL && sass_has(i, SASS_MOD_DOWN);
}
static void change_distance(struct sass_instruction *i) {
    i->operands[3] = (struct sass_operand){.kind = SASS_IMMEDIATE, .bits = 3};
}

static bool other_sum(struct device *device, const void *text) {
    return sum_of(device, text, NULL) != PREDICTED;
}

/* Of the places in a kernel some are on ways that this sum does not take. Of three barriers one is
 * not missed under any schedule: that between the rounds of a tree of warps' sums. All who add
 * there are lanes of the first warp, which the code joins again behind each round (BSYNC); the sum
 * that others read behind the last one is not used. */
static void changed_code_is_noticed(void **state) {
    (void)state;
    static const struct sass_control rounding = {"a rounding", is_add, change_rounding, 0, NULL},
                                     distance = {"a shuffle's distance", is_shuffle,
                                                 change_distance, 0, NULL},
                                     barrier = {"a barrier left out", sass_control_barrier,
                                                sass_control_leave_out, 10, NULL};
    for (size_t m = 0; m < COUNT(machines); m++) {
        struct device *device = device_or_skip(machines[m]);
        bool missed[SASS_PLACES];
        sass_control(device, &rounding, other_sum, PLAIN, missed);
        sass_control(device, &distance, other_sum, PLAIN, missed);
        assert_in_range(sass_control(device, &barrier, other_sum, SHARED, missed), 0, 1);
        expect_predicted(device, PLAIN, "unchanged");
        expect_predicted(device, SHARED, "unchanged");
        device_close(device);
    }
}

static uint64_t chance;

static uint64_t one_of(uint64_t count) {
    return ptx_random(&chance) % count;
}

/* Another opcode, modifier or operand, another instruction, another guard. */
static void change_anything(const struct sass_program *program, struct sass_instruction *code) {
    for (uint64_t times = 1 + one_of(3); times > 0; times--) {
        struct sass_instruction *i = &code[one_of(program->count)];
        struct sass_operand *o = &i->operands[one_of(SASS_OPERANDS)];
        switch (one_of(6)) {
        case 0:
            i->op = (uint16_t)one_of(SASS_OP_COUNT);
            break;
        case 1:
            if (i->modifier_count)
                i->modifiers[one_of(i->modifier_count)] = (uint16_t)one_of(SASS_MOD_COUNT);
            break;
        case 2:
            if (o->kind == SASS_REGISTER)
                o->number = (uint8_t)one_of(256);
            else if (o->kind == SASS_LABEL)
                o->bits = (int64_t)one_of(program->count);
            else
                o->bits ^= (int64_t)1 << one_of(40);
            break;
        case 3:
            *o = code[one_of(program->count)].operands[one_of(3)];
            break;
        case 4:
            *i = code[one_of(program->count)];
            break;
        default:
            i->guard = (uint8_t)one_of(8);
            i->guard_inverted = one_of(2);
        }
    }
}

/* Code that makes no sense ends all the same: in an error that says what and where, or in bits. */
static void code_changed_at_random_does_no_harm(void **state) {
    (void)state;
    for (size_t m = 0; m < COUNT(machines); m++) {
        struct device *device = device_or_skip(machines[m]);
        size_t found[3] = {0};
        for (unsigned k = 0; k < 300; k++) {
            chance = k;
            ptx_configure(&(struct ptx_config){.poll_limit = 10000, .step_limit = 3000000});
            only_the_sum = change_anything;
            enum outcome outcome = sum_of(device, some[k % COUNT(some)], NULL);
            only_the_sum = NULL;
            found[outcome]++;
            if (outcome == AN_ERROR &&
                (!strstr(device_error(), ", at 0x") || !strstr(device_error(), "block (")))
                fail_msg("%s", device_error());
        }
        ptx_configure(NULL);
        print_message("%s, changed at random: %zu errors, %zu other bits, %zu as predicted\n",
                      machines[m], found[AN_ERROR], found[OTHER_BITS], found[PREDICTED]);
        assert_true(found[AN_ERROR] > 0 && found[OTHER_BITS] > 0);
        device_close(device);
    }
}

static void fused_code_is_noticed(void **state) {
    (void)state;
    device_close(device_or_skip(machines[0]));
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 64);
    path[length > 0 ? length : 0] = '\0';
    char *tests = strstr(path, "/tests/kernels/");
    assert_non_null(tests);
    strcpy(tests, "/obj/kernels/sum/fused.so");
    void *loaded = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct sum_ops *ops = loaded ? dlsym(loaded, "sum_ops_ptx") : NULL;
    if (!ops)
        fail_msg("%s", dlerror());
    for (size_t m = 0; m < COUNT(machines); m++) {
        struct device *device = device_or_skip(machines[m]);
        assert_int_equal(sum_of(device, DOT, ops), OTHER_BITS);
        /* Where nothing is multiplied there is nothing to fuse. */
        assert_int_equal(sum_of(device, PLAIN, ops), PREDICTED);
        device_close(device);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kernels_of_sm_80),
        cmocka_unit_test(all_kernels_of_sm_90),
        cmocka_unit_test(schedules_change_nothing),
        cmocka_unit_test(guesses_change_nothing),
        cmocka_unit_test(changed_code_is_noticed),
        cmocka_unit_test(code_changed_at_random_does_no_harm),
        cmocka_unit_test(fused_code_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
