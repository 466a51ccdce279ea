/*
 * mma_probe_test.c: the SIMT machine follows its rules in every answer, and each field of a rule is
 * asked about: a wrong value contradicts some answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/mma/mma_probe.h"
#include "kernels/simt/simt.h"

static struct device *device;

static int set_up(void **state) {
    (void)state;
    return device_open(&device, DEVICE_SIMT, 0);
}
static int tear_down(void **state) {
    (void)state;
    device_close(device);
    return simt_set_arch(NULL);
}

static struct mma_probe_answer ask(const struct mma_probe_instruction *q, enum mma_probe_data data,
                                   const struct mma_rule *rule) {
    struct mma_probe_answer answer;
    if (mma_probe_ask(device, false, q, data, 6, 3, rule, &answer) != 0)
        fail_msg("%s: %s", q->name, device_error());
    return answer;
}

static void every_answer_is_the_rules(void **state) {
    (void)state;
    static const char *const cards[] = {"V100", "T4", "A100", "L40S", "H100", "B200", "sm_120"};
    size_t count, finite = 0;
    const struct mma_probe_instruction *all = mma_probe_instructions(&count);
    for (size_t card = 0; card < sizeof cards / sizeof *cards; card++) {
        assert_int_equal(simt_set_arch(cards[card]), 0);
        assert_int_equal(mma_probe_arch(device), simt_arch_number());
        for (size_t i = 0; i < count; i++)
            for (int data = 0; data < MMA_PROBE_DATA; data++) {
                struct mma_probe_answer answer = ask(&all[i], (enum mma_probe_data)data, NULL);
                if (answer.differ)
                    fail_msg("%s, %s, %s: %a, expected %a", cards[card], all[i].name,
                             mma_probe_data_name((enum mma_probe_data)data), (double)answer.got,
                             (double)answer.expected);
                assert_true((answer.rule != NULL) == (simt_arch_number() >= all[i].least));
                assert_int_equal(answer.last, answer.last_expected);
                finite += answer.sums;
            }
    }
    assert_true(finite > 100000);
}

static void fraction(struct mma_rule *r) {
    r->fraction++;
}
static void floor_up(struct mma_rule *r) {
    r->floor++;
}
static void floor_down(struct mma_rule *r) {
    r->floor--;
}
static void block(struct mma_rule *r) {
    r->block /= 2;
}
static void rounding(struct mma_rule *r) {
    r->rounding = r->rounding == MMA_NEAREST_EVEN ? MMA_TOWARD_ZERO : MMA_NEAREST_EVEN;
}
static void out_fraction(struct mma_rule *r) {
    r->out_fraction--;
}
static void as(struct mma_rule *r) {
    r->as = r->as == ELEMENT_F16 ? ELEMENT_BF16 : ELEMENT_F16;
}
static void sum(struct mma_rule *r) {
    r->sum = MMA_CHAIN;
    r->chains = 1;
}

/* On the card and instruction where a field can be seen. */
static void wrong_fields_are_contradicted(void **state) {
    (void)state;
    static const struct {
        const char *card, *instruction;
        void (*change)(struct mma_rule *);
        const char *what;
    } wrong[] = {
        {"H100", "mma.sync m16n8k16 f16 to f32", fraction, "fraction"},
        {"H100", "mma.sync m16n8k16 f16 to f16", floor_up, "floor + 1"},
        {"H100", "mma.sync m16n8k16 f16 to f16", floor_down, "floor - 1"},
        {"A100", "wmma m16n16k16 f16 to f16", floor_down, "floor - 1"},
        {"H100", "mma.sync m16n8k16 bf16 to f32", floor_up, "floor + 1"},
        {"A100", "mma.sync m16n8k8 bf16 to f32", floor_down, "floor - 1"},
        {"H100", "mma.sync m16n8k8 tf32 to f32", block, "block"},
        {"A100", "mma.sync m16n8k8 tf32 to f32", rounding, "rounding"},
        {"A100", "wmma m16n16k16 f16 to f16", rounding, "rounding"},
        {"L40S", "mma.sync m16n8k32 e4m3 to f32", out_fraction, "fraction bits of the result"},
        {"L40S", "mma.sync m16n8k32 e4m3 to f32", as, "least exponent"},
        {"H100", "mma.sync m16n8k16 f16 to f32", as, "least exponent"},
        {"H100", "mma.sync m16n8k32 e5m2 to f32", sum, "kind of sum"},
    };
    size_t count;
    const struct mma_probe_instruction *all = mma_probe_instructions(&count);
    for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
        const struct mma_probe_instruction *q = NULL;
        for (size_t i = 0; i < count; i++)
            q = strcmp(all[i].name, wrong[w].instruction) == 0 ? &all[i] : q;
        assert_non_null(q);
        assert_int_equal(simt_set_arch(wrong[w].card), 0);
        struct mma_rule rule = *mma_rule_find(wrong[w].card, MMA_SYNC, q->in, q->out);
        wrong[w].change(&rule);
        size_t differ = 0, sums = 0;
        for (int data = 0; data < MMA_PROBE_DATA; data++) {
            struct mma_probe_answer answer = ask(q, (enum mma_probe_data)data, &rule);
            differ += answer.differ;
            sums += answer.sums;
        }
        print_message("%s, %s, wrong %s: %zu of %zu answers differ\n", wrong[w].card, q->name,
                      wrong[w].what, differ, sums);
        assert_true(differ > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_is_the_rules),
        cmocka_unit_test(wrong_fields_are_contradicted),
    };
    return cmocka_run_group_tests_name("mma_probe", tests, set_up, tear_down);
}
