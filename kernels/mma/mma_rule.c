/*
 * mma_rule.c: the table of mma_rule.h.
 */
#include "kernels/mma/mma_rule.h"

#include <string.h>

#define ROW(CARD, ARCH, FORM, IN, AS, OUT, EVIDENCE, ...)                                          \
    {                                                                                              \
        .card = CARD, .arch = ARCH, .form = FORM, .in = ELEMENT_##IN, .out = ELEMENT_##OUT,        \
        .evidence = MMA_##EVIDENCE, .as = ELEMENT_##AS, __VA_ARGS__                                \
    }
/* Results: FP32 cut off, to 23 fraction bits or (8-bit inputs, native) to 13; FP16 to nearest. */
#define TO_F32 .rounding = MMA_TOWARD_ZERO, .out_fraction = 23
#define TO_F32_SHORT .rounding = MMA_TOWARD_ZERO, .out_fraction = 13
#define TO_F16 .rounding = MMA_NEAREST_EVEN, .out_fraction = 10

/* Aligned sums of one generation. */
#define F16_OF(CARD, ARCH, FORM, EVIDENCE, K, BLOCK, F, FLOOR32, FLOOR16)                          \
    ROW(CARD, ARCH, FORM, F16, F16, F32, EVIDENCE, .k = K, .block = BLOCK, .fraction = F,          \
        .floor = FLOOR32, TO_F32),                                                                 \
        ROW(CARD, ARCH, FORM, F16, F16, F16, EVIDENCE, .k = K, .block = BLOCK, .fraction = F,      \
            .floor = FLOOR16, TO_F16)
#define BF16_TF32_OF(CARD, ARCH, FORM, EVIDENCE, TF32_EVIDENCE, BLOCK, F, FLOOR32)                 \
    ROW(CARD, ARCH, FORM, BF16, BF16, F32, EVIDENCE, .k = 16, .block = BLOCK, .fraction = F,       \
        .floor = FLOOR32, TO_F32),                                                                 \
        ROW(CARD, ARCH, FORM, TF32, TF32, F32, TF32_EVIDENCE, .k = 8, .block = (BLOCK) / 2,        \
            .fraction = F, .floor = FLOOR32, TO_F32)
/* 8-bit inputs in one instruction, … */
#define FP8_OF(CARD, ARCH, FORM, IN, EVIDENCE, EVIDENCE16, BLOCK, F, FLOOR32, FLOOR16, ...)        \
    ROW(CARD, ARCH, FORM, IN, IN, F32, EVIDENCE, .k = 32, .block = BLOCK, .fraction = F,           \
        .floor = FLOOR32, __VA_ARGS__),                                                            \
        ROW(CARD, ARCH, FORM, IN, IN, F16, EVIDENCE16, .k = 32, .block = BLOCK, .fraction = F,     \
            .floor = FLOOR16, TO_F16)
/* … and in two 16-bit ones and an add. */
#define FP8_STEPS_OF(CARD, ARCH, IN, EVIDENCE)                                                     \
    ROW(CARD, ARCH, MMA_SYNC, IN, F16, F32, EVIDENCE, .sum = MMA_TWO_STEPS, .k = 32, .block = 16,  \
        .fraction = 25, .floor = -133, TO_F32),                                                    \
        ROW(CARD, ARCH, MMA_SYNC, IN, F16, F16, MEASURED, .sum = MMA_TWO_STEPS, .k = 32,           \
            .block = 16, .fraction = 25, .floor = -21, TO_F16)

#define AMPERE(CARD, ARCH)                                                                         \
    F16_OF(CARD, ARCH, MMA_SYNC, MEASURED, 16, 8, 24, -132, -20),                                  \
        BF16_TF32_OF(CARD, ARCH, MMA_SYNC, MEASURED, MEASURED, 8, 24, -132)
/* The L40S was not measured with FP8 to FP16; another card of its generation was. */
#define ADA(CARD, F16_EVIDENCE)                                                                    \
    AMPERE(CARD, "sm_89"),                                                                         \
        FP8_OF(CARD, "sm_89", MMA_SYNC, E4M3, MEASURED, F16_EVIDENCE, 16, 13, -132, -20,           \
               TO_F32_SHORT),                                                                      \
        FP8_OF(CARD, "sm_89", MMA_SYNC, E5M2, MEASURED, F16_EVIDENCE, 16, 13, -132, -20,           \
               TO_F32_SHORT)
/* TF32 was measured with four products: a block of eight is published only. */
#define SIXTEEN(CARD, ARCH, FORM, EVIDENCE)                                                        \
    F16_OF(CARD, ARCH, FORM, EVIDENCE, 16, 16, 25, -133, -21),                                     \
        BF16_TF32_OF(CARD, ARCH, FORM, EVIDENCE, PUBLISHED, 16, 25, -133)
/* FP8 to FP32 was measured through wgmma, with c = 0, and not through mma.sync; that is the same
 * sequence of instructions as on the B200, where it was. */
#define HOPPER(CARD)                                                                               \
    SIXTEEN(CARD, "sm_90", MMA_SYNC, MEASURED), FP8_STEPS_OF(CARD, "sm_90", E4M3, PUBLISHED),      \
        FP8_STEPS_OF(CARD, "sm_90", E5M2, PUBLISHED),                                              \
        SIXTEEN(CARD, "sm_90", MMA_WGMMA, PUBLISHED),                                              \
        FP8_OF(CARD, "sm_90", MMA_WGMMA, E4M3, MEASURED, PUBLISHED, 32, 13, -133, -21,             \
               TO_F32_SHORT),                                                                      \
        FP8_OF(CARD, "sm_90", MMA_WGMMA, E5M2, MEASURED, PUBLISHED, 32, 13, -133, -21,             \
               TO_F32_SHORT)

static const struct mma_rule rules[] = {
    F16_OF("V100", "sm_70", MMA_SYNC, MEASURED, 4, 4, 23, -131, -19),
    F16_OF("T4", "sm_75", MMA_SYNC, PUBLISHED, 8, 8, 24, -132, -20),
    AMPERE("A100", "sm_80"),
    AMPERE("A2", "sm_86"),
    ADA("Ada", MEASURED), /* RTX 1000 */
    ADA("L40S", PUBLISHED),
    HOPPER("H100"),
    HOPPER("H200"),
    SIXTEEN("B200", "sm_100", MMA_SYNC, MEASURED),
    FP8_STEPS_OF("B200", "sm_100", E4M3, MEASURED),
    FP8_STEPS_OF("B200", "sm_100", E5M2, MEASURED),
    SIXTEEN("RTX-Blackwell", "sm_120", MMA_SYNC, PUBLISHED),
    FP8_OF("RTX-Blackwell", "sm_120", MMA_SYNC, E4M3, PUBLISHED, PUBLISHED, 32, 25, -133, -21,
           TO_F32),
    FP8_OF("RTX-Blackwell", "sm_120", MMA_SYNC, E5M2, PUBLISHED, PUBLISHED, 32, 25, -133, -21,
           TO_F32),
    ROW("AMX", "cpu", MMA_CPU, BF16, BF16, F32, MANUAL, .sum = MMA_CHAIN, .k = 32, .chains = 2,
        .flush = true),
    ROW("AVX512-BF16", "cpu", MMA_CPU, BF16, BF16, F32, MANUAL, .sum = MMA_CHAIN, .k = 2,
        .chains = 1, .swap = true, .flush = true),
    ROW("fma", "any", MMA_CPU, F32, F32, F32, MANUAL, .sum = MMA_CHAIN, .k = 1, .chains = 1),
    ROW("fma", "any", MMA_CPU, F16, F16, F32, MANUAL, .sum = MMA_CHAIN, .k = 1, .chains = 1),
    ROW("fma", "any", MMA_CPU, BF16, BF16, F32, MANUAL, .sum = MMA_CHAIN, .k = 1, .chains = 1),
};
#define RULES (sizeof rules / sizeof *rules)

const struct mma_rule *mma_rule_at(size_t i) {
    return i < RULES ? &rules[i] : NULL;
}

static bool is_named(const struct mma_rule *rule, const char *name) {
    return strcmp(rule->card, name) == 0 || strcmp(rule->arch, name) == 0;
}

const struct mma_rule *mma_rule_find(const char *card_or_arch, enum mma_form form, enum element in,
                                     enum element out) {
    for (size_t i = 0; i < RULES; i++)
        if (rules[i].in == in && rules[i].out == out && rules[i].form == form &&
            is_named(&rules[i], card_or_arch))
            return &rules[i];
    return NULL;
}

const char *mma_rule_card(const char *card_or_arch) {
    for (size_t i = 0; i < RULES; i++)
        if (is_named(&rules[i], card_or_arch))
            return rules[i].card;
    return NULL;
}
const char *mma_rule_arch(const char *card_or_arch) {
    for (size_t i = 0; i < RULES; i++)
        if (is_named(&rules[i], card_or_arch))
            return rules[i].arch;
    return NULL;
}

const char *mma_form_name(enum mma_form form) {
    static const char *const names[MMA_FORMS] = {"mma.sync", "wgmma", "cpu"};
    return (unsigned)form < MMA_FORMS ? names[form] : "?";
}
