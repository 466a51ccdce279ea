/*
 * rules_probe_test.c: the SIMT machine follows its table of rules, and so do a GPU, the PTX and
 * the SASS machine where there is one; a rule without a question, or a wrong answer, is noticed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/device/device_fixture.h"
#include "kernels/simt/rules_probe.h"

/* On a device that it closes. */
static void ask_all(struct device *device, bool checked) {
    size_t count, confirmed = 0;
    const struct rules_question *q = rules_questions(&count);
    for (size_t k = 0; k < count; k++) {
        struct rules_answer answer;
        if (rules_ask(device, checked, &q[k], &answer) != 0)
            fail_msg("%s, %s: %s", simt_rules[q[k].rule].name, q[k].text, device_error());
        if (answer.outcome == RULES_CONTRADICTED)
            fail_msg("%s, %s: %#llx and not %#llx", simt_rules[q[k].rule].name, q[k].text,
                     (unsigned long long)answer.bits, (unsigned long long)q[k].expected);
        confirmed += answer.outcome == RULES_CONFIRMED;
    }
    if (device_kind(device) == DEVICE_SIMT)
        assert_int_equal(confirmed, count); /* what may happen does, in the order it is asked in */
    device_close(device);
}

static void the_machine_follows_its_table(void **state) {
    (void)state;
    ask_all(device_or_skip("simt"), false);
    ask_all(device_or_skip("simt"), true);
}

static void a_gpu_follows_the_table(void **state) {
    (void)state;
    ask_all(device_or_skip("cuda"), false);
}

static void ptx_follows_the_table(void **state) {
    (void)state;
    ask_all(device_or_skip("ptx"), false);
}

static void sass_80_follows_the_table(void **state) {
    (void)state;
    ask_all(device_or_skip("sass:sm_80"), false);
}

static void sass_90_follows_the_table(void **state) {
    (void)state;
    ask_all(device_or_skip("sass:sm_90"), false);
}

static void every_rule_is_asked_about(void **state) {
    (void)state;
    size_t count;
    const struct rules_question *q = rules_questions(&count);
    for (int rule = 0; rule < SIMT_RULES; rule++) {
        size_t asked = 0, as_said = 0;
        for (size_t k = 0; k < count; k++) {
            asked += (int)q[k].rule == rule;
            as_said += (int)q[k].rule == rule && q[k].expected == simt_rules[rule].device;
        }
        assert_true(asked > 0);
        /* The rule's own value is among the answers; of the flushing it is yes or no. */
        if (rule != SIMT_RULE_ATOMIC_F32_GLOBAL_FTZ && rule != SIMT_RULE_ATOMIC_F32_SHARED_FTZ)
            assert_true(as_said > 0);
    }
}

static void a_wrong_expectation_is_contradicted(void **state) {
    (void)state;
    struct device *device;
    size_t count, asked = 0;
    const struct rules_question *q = rules_questions(&count);
    assert_int_equal(device_open(&device, DEVICE_SIMT, 0), 0);
    for (size_t k = 0; k < count; k++) {
        struct rules_question wrong = q[k];
        struct rules_answer answer;
        if (wrong.nan_by_class || wrong.rule == SIMT_RULE_ATOMIC_PAIR)
            continue;
        wrong.expected ^= 1;
        assert_int_equal(rules_ask(device, false, &wrong, &answer), 0);
        assert_int_equal(answer.outcome, RULES_CONTRADICTED);
        asked++;
    }
    assert_true(asked > 30);
    device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_machine_follows_its_table),
        cmocka_unit_test(a_gpu_follows_the_table),
        cmocka_unit_test(ptx_follows_the_table),
        cmocka_unit_test(sass_80_follows_the_table),
        cmocka_unit_test(sass_90_follows_the_table),
        cmocka_unit_test(every_rule_is_asked_about),
        cmocka_unit_test(a_wrong_expectation_is_contradicted),
    };
    return cmocka_run_group_tests_name("rules_probe", tests, NULL, NULL);
}
